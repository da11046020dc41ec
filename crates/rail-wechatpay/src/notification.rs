//! Notifications: signed envelopes with encrypted content. Nothing of one is used before its signature is verified.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use paifang_payment::{OrderNo, RailRef};
use paifang_rail::{
    Claims, Context, Genuine, HttpReply, NamedPayment, Notification, NotificationError, Outcome,
    RawNotification, Subject, Verdict, Verified,
};
use serde::Deserialize;

use crate::signature::{self, Distrust};
use crate::wire::{self, Refund, Transaction};

/// The one algorithm of contents.
const AES_256_GCM: &str = "AEAD_AES_256_GCM";

/// The outer part of each message. Its `id` is not read: whether a repeat keeps it is not documented.
#[derive(Deserialize)]
struct Envelope {
    resource_type: String,
    event_type: String,
    resource: Resource,
}

#[derive(Deserialize)]
struct Resource {
    original_type: String,
    algorithm: String,
    ciphertext: String,
    /// May be absent, null or empty.
    #[serde(default)]
    associated_data: Option<String>,
    nonce: String,
}

use NotificationError::Malformed;

/// Verifies, decrypts and reads a message.
pub(crate) fn open(
    raw: &RawNotification<'_>,
    cx: &Context<'_>,
) -> Result<Verified<Notification>, NotificationError> {
    if !raw.query.is_empty() {
        return Err(Malformed("a query in the URL"));
    }
    let verify = || signature::verify(raw.headers, raw.body, cx.keys, cx.now).map_err(distrusted);
    let witness = verify()?;
    // One witness goes into the outcome, one stands for the message as a whole.
    let proof = verify()?;
    let envelope: Envelope = wire::parse(raw.body).ok_or(Malformed("the envelope"))?;
    let content = envelope.decrypt(cx)?;
    let event = envelope.event_type.as_str();
    // Both names must agree: the content of one kind is never read as another (F58).
    let notification = match (event, envelope.resource.original_type.as_str()) {
        ("TRANSACTION.SUCCESS", "transaction") => payment(event, &content, proof)?,
        ("REFUND.SUCCESS", "refund") => refund(event, "SUCCESS", &content, proof)?,
        ("REFUND.ABNORMAL", "refund") => refund(event, "ABNORMAL", &content, proof)?,
        ("REFUND.CLOSED", "refund") => refund(event, "CLOSED", &content, proof)?,
        _ => return Err(Malformed("event_type")),
    };
    Ok(Verified::new(&witness, notification))
}

/// The answer. Anything but 2xx makes the rail send again, 15 times over a day.
pub(crate) fn acknowledge(verdict: Verdict) -> HttpReply {
    let (status, body) = match verdict {
        Verdict::Kept => (200, r#"{"code":"SUCCESS","message":"OK"}"#),
        Verdict::Orphan => (404, r#"{"code":"FAIL","message":"unknown order"}"#),
        Verdict::Rejected => (401, r#"{"code":"FAIL","message":"not verified"}"#),
        Verdict::TryLater => (503, r#"{"code":"FAIL","message":"try again later"}"#),
    };
    HttpReply { status, content_type: "application/json", body }
}

impl Envelope {
    fn decrypt(&self, cx: &Context<'_>) -> Result<Vec<u8>, NotificationError> {
        if self.resource_type != "encrypt-resource" {
            return Err(Malformed("resource_type"));
        }
        let resource = &self.resource;
        if resource.algorithm != AES_256_GCM {
            return Err(Malformed("algorithm"));
        }
        let ciphertext = STANDARD.decode(&resource.ciphertext).map_err(|_| Malformed("ciphertext"))?;
        let associated_data = resource.associated_data.as_deref().unwrap_or_default();
        let opened = cx.keys.open(resource.nonce.as_bytes(), associated_data.as_bytes(), &ciphertext);
        opened.map_err(|_| NotificationError::Undecryptable)
    }
}

/// Only payments are told; failures and closes never are.
fn payment(event: &str, content: &[u8], proof: Genuine) -> Result<Notification, NotificationError> {
    let paid: Transaction = wire::parse(content).ok_or(Malformed("the transaction"))?;
    // A late repeat may find the order refunded; it was paid all the same.
    if !matches!(paid.trade_state.as_str(), "SUCCESS" | "REFUND") {
        return Err(Malformed("trade_state"));
    }
    let order = number("out_trade_no", &paid.out_trade_no)?;
    let settled = paid.settled().map_err(Malformed)?;
    let transaction = paid.transaction_id.as_deref().unwrap_or_default();
    Ok(Notification {
        key: key(&order, event, transaction),
        subject: Subject::Charge(order),
        claims: Claims { merchant: Some(paid.mchid), app: Some(paid.appid) },
        refund_of: None,
        outcome: Outcome::paid(proof, settled),
        rule: "wechatpay.notification.transaction_success".to_owned(),
    })
}

/// Names no app; the refund's number leads to the order, and the payment that it names has to be that order's.
fn refund(
    event: &str,
    status: &str,
    content: &[u8],
    proof: Genuine,
) -> Result<Notification, NotificationError> {
    let found: Refund = wire::parse(content).ok_or(Malformed("the refund"))?;
    if found.status != status {
        return Err(Malformed("refund_status"));
    }
    let refund_no = number("out_refund_no", &found.out_refund_no)?;
    let order_no = number("out_trade_no", &found.out_trade_no)?;
    let rail_ref = RailRef::parse(&found.transaction_id).map_err(|_| Malformed("transaction_id"))?;
    let (outcome, case) = found.outcome(proof).map_err(Malformed)?;
    Ok(Notification {
        key: key(&refund_no, event, &found.transaction_id),
        subject: Subject::Refund(refund_no),
        claims: Claims { merchant: found.mchid, app: None },
        refund_of: Some(NamedPayment { order_no, rail_ref }),
        outcome,
        rule: format!("wechatpay.notification.refund_{case}"),
    })
}

/// Equal for every repeat of the same news. Numbers and events hold no colon, so different news never share a key.
fn key(number: &OrderNo, event: &str, transaction: &str) -> String {
    format!("{number}:{event}:{transaction}")
}

fn number(field: &'static str, text: &str) -> Result<OrderNo, NotificationError> {
    OrderNo::parse(text).map_err(|_| Malformed(field))
}

fn distrusted(distrust: Distrust) -> NotificationError {
    match distrust {
        Distrust::Unsigned => NotificationError::Unsigned,
        Distrust::Wrong | Distrust::Probe => NotificationError::WrongSignature,
        Distrust::UnknownKey => NotificationError::UnknownKey,
        Distrust::Stale => NotificationError::Stale,
    }
}
