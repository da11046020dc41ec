//! Abnormal refunds: the payer's card or account did not take the money, and somebody has to say where it goes.
//!
//! It is no call of the rails' trait, because it is an operator's decision and needs a bank account that the gateway never
//! keeps. So it stands beside it: seal once, plan as often as needed, read the answer, which is the refund. The gateway
//! comes in by [`Redirects`], which seals and plans in one go.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use paifang_payment::{RailRef, Verb};
use paifang_rail::{
    Answer, Context, Exchange, Keyring, Plan, PlanError, RedirectedRefund, Redirects, RefundDestination,
    RefundOrder, Reply, Secret,
};
use serde::Serialize;

use crate::answer::{Api, Heard, disbelieved, hear};
use crate::request::post_sealed;
use crate::{Settings, WeChatPay, codes, refund};

/// Documented maximum of `bank_type`, bytes.
const BANK_TYPE_BYTES_MAX: usize = 16;

/// Where the money of an abnormal refund goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// To a card of the payer. The bank is one of the rail's 15 names, such as `ICBC_DEBIT`.
    PayerCard {
        /// The bank's name at the rail: capital letters that end in `_DEBIT`, at most 16.
        bank_type: String,
        /// Whose card.
        account: SealedAccount,
    },
    /// To the merchant's own card, out of which the merchant pays the payer.
    MerchantCard,
}

/// A bank account and its owner's name, for the rail's eyes only. Each sealing is another one, so keep it for repeats.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedAccount {
    key_id: String,
    bank_account: String,
    real_name: String,
}

/// One decision about an abnormal refund.
#[derive(Debug, Clone)]
pub struct AbnormalRefund {
    /// The refund.
    pub refund: RefundOrder,
    /// The rail's own number of the refund (`refund_id`), digits.
    pub refund_id: RailRef,
    /// Where the money goes.
    pub to: Destination,
}

#[derive(Serialize)]
struct Application<'a> {
    out_refund_no: &'a str,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bank_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bank_account: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    real_name: Option<&'a str>,
}

impl WeChatPay {
    /// Seals a payer's account (at most 214 bytes each) with the public key where the account has one, else with the newest
    /// platform certificate. Not deterministic; the network is not asked.
    ///
    /// # Errors
    /// When there is no key to seal with, or a value is empty or too long.
    pub fn seal_account(
        &self,
        bank_account: &Secret,
        real_name: &Secret,
        keys: &Keyring,
        now: Timestamp,
    ) -> Result<SealedAccount, PlanError> {
        let key_id = self.0.public_key_id.as_deref().or_else(|| keys.newest_certificate_id(now));
        let key_id = key_id.ok_or(PlanError::MissingKey("platform_certificate"))?;
        let seal = |field, value: &Secret| {
            let rule = "1 to 214 bytes, sealed with a key of the rail";
            let sealed = keys.seal_for(key_id, value.expose()).ok().filter(|_| !value.expose().is_empty());
            sealed.map(|sealed| STANDARD.encode(sealed)).ok_or(PlanError::BadValue { field, rule })
        };
        Ok(SealedAccount {
            key_id: key_id.to_owned(),
            bank_account: seal("bank_account", bank_account)?,
            real_name: seal("real_name", real_name)?,
        })
    }

    /// Turns the decision into bytes; equal ones give equal bytes.
    ///
    /// # Errors
    /// When a value cannot be sent, or a key is missing.
    pub fn plan_abnormal_refund(
        &self,
        application: &AbnormalRefund,
        cx: &Context<'_>,
    ) -> Result<Plan, PlanError> {
        plan(&self.0, application, cx)
    }

    /// What the answer says: the refund as it stands now, as its query would. An error says nothing of the refund.
    pub fn read_abnormal_refund(&self, of: &RefundOrder, reply: &Reply, cx: &Context<'_>) -> Answer {
        let verb = Verb::QueryRefund;
        match hear(Api::AbnormalRefund, reply, cx) {
            Ok(Heard::Success(body, proof)) => refund::read(verb, of, body, proof),
            Ok(Heard::Error(error, proof)) => codes::read(verb, Api::AbnormalRefund, &error, proof),
            Err(why) => disbelieved(verb, reply, why),
        }
    }
}

impl Redirects for WeChatPay {
    fn plan_redirect(&self, decision: &RedirectedRefund, cx: &Context<'_>) -> Result<Exchange, PlanError> {
        let to = match &decision.to {
            RefundDestination::MerchantCard => Destination::MerchantCard,
            RefundDestination::PayerCard(card) => Destination::PayerCard {
                bank_type: card.bank_type.clone(),
                account: self.seal_account(&card.bank_account, &card.real_name, cx.keys, cx.now)?,
            },
        };
        let RedirectedRefund { refund, rail_ref, .. } = decision;
        let application = AbnormalRefund { refund: refund.clone(), refund_id: rail_ref.clone(), to };
        match self.plan_abnormal_refund(&application, cx)? {
            Plan::Send(exchange) => Ok(exchange),
            Plan::HandOff(_) => Err(PlanError::Unsupported("a hand-off of a refund")),
        }
    }

    fn read_redirect(&self, of: &RefundOrder, reply: &Reply, cx: &Context<'_>) -> Answer {
        self.read_abnormal_refund(of, reply, cx)
    }
}

fn plan(settings: &Settings, application: &AbnormalRefund, cx: &Context<'_>) -> Result<Plan, PlanError> {
    let AbnormalRefund { refund, refund_id, to } = application;
    if !refund_id.as_str().bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(PlanError::BadValue {
            field: "refund_id",
            rule: "the rail's number of the refund, digits",
        });
    }
    let out_refund_no = refund.refund_no.as_str();
    let (content, key_id) = match to {
        Destination::MerchantCard => {
            let r#type = "MERCHANT_BANK_CARD";
            let [bank_type, bank_account, real_name] = [None; 3];
            // Nothing is sealed, but the page lists the header for the call as a whole: named, it harms neither way.
            let key_id = cx.keys.newest_certificate_id(cx.now).filter(|_| settings.public_key_id.is_none());
            (Application { out_refund_no, r#type, bank_type, bank_account, real_name }, key_id)
        }
        Destination::PayerCard { bank_type, account } => {
            let name = bank_type.strip_suffix("_DEBIT").unwrap_or_default();
            let plain =
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
            if bank_type.len() > BANK_TYPE_BYTES_MAX || !plain {
                let rule = "the rail's name of a bank, such as ICBC_DEBIT";
                return Err(PlanError::BadValue { field: "bank_type", rule });
            }
            let content = Application {
                out_refund_no,
                r#type: "USER_BANK_CARD",
                bank_type: Some(bank_type),
                bank_account: Some(&account.bank_account),
                real_name: Some(&account.real_name),
            };
            (content, Some(account.key_id.as_str()))
        }
    };
    let target = format!("/v3/refund/domestic/refunds/{refund_id}/apply-abnormal-refund");
    post_sealed(settings, &target, &content, key_id, cx)
}

impl std::fmt::Debug for SealedAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealedAccount(for {})", self.key_id)
    }
}
