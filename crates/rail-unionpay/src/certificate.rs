//! The encryption certificate (95/00), with which card numbers, PINs and the like are sealed for UnionPay.
//!
//! No card data ever enters the gateway, so nothing is sealed and the descriptor does not list it as a service of keys:
//! it verifies no signature, and must not be taken up among the keys that do. It is here so that an operator can see which
//! certificate stands, and that it changed.

use paifang_payment::Doubt;
use paifang_rail::{Context, Exchange, Finding, PlanError, Reply};

use crate::Settings;
use crate::answer::{self, Unclear};
use crate::beijing;
use crate::codes::Meaning;
use crate::fields::Fields;
use crate::request::{Draft, Kind, Product};
use crate::sign;

/// `txnType` of the question.
const CERTIFICATE: &str = "95";
const KIND: Kind = (CERTIFICATE, "00");

/// `certType` of the encryption certificate; no other is documented.
const ENCRYPTION: &str = "01";

/// Asks for it. The question has a name like any transaction, which is drawn for it alone: its nonce, now.
pub(crate) fn plan(settings: &Settings, cx: &Context<'_>) -> Result<Exchange, PlanError> {
    let product = Product::CERTIFICATES;
    Draft::of(settings, KIND, product)
        .put_channel(product)
        .put("certType", ENCRYPTION)
        .put("orderId", cx.nonce)
        .put("txnTime", &beijing::text(cx.now))
        .ask_back(cx.keys)
}

/// What the answer says. It is bound to the merchant and the kind of question only: no money hangs on it, and each
/// asking has another name.
pub(crate) fn read(settings: &Settings, reply: &Reply, cx: &Context<'_>) -> Finding {
    if reply.status != 200 {
        return Finding::Unknown(Doubt::HttpStatus(reply.status));
    }
    let Ok(fields) = Fields::of_answer(&reply.body) else { return Finding::Unknown(Doubt::Unreadable) };
    if sign::verify(&fields, cx).is_err() {
        return Finding::Unknown(Doubt::BadSignature);
    }
    let named = [("merId", settings.merchant_id.as_str()), ("txnType", CERTIFICATE)];
    if let Some((name, _)) = named.iter().find(|(name, value)| fields.get(name) != Some(*value)) {
        return Finding::Unknown(Doubt::Mismatch((*name).to_owned()));
    }
    let Some(code) = fields.get("respCode") else { return Finding::Unknown(Doubt::Unreadable) };
    match answer::listed(code) {
        Ok(Meaning::Done) => certificate(&fields, cx),
        Ok(Meaning::Failed(_) | Meaning::Faulty(_) | Meaning::Absent) => {
            let message = fields.get("respMsg").unwrap_or_default().to_owned();
            Finding::Refused { code: code.to_owned(), message }
        }
        Ok(Meaning::Running | Meaning::Unsure | Meaning::Depends | Meaning::Debited) => {
            Finding::Unknown(Doubt::RailUnsure(code.to_owned()))
        }
        Err(Unclear(doubt, _)) => Finding::Unknown(doubt),
    }
}

/// Its owner's name in production is not published, so the signature of the message that brings it and a chain to the
/// configured root are what it rests on.
fn certificate(fields: &Fields, cx: &Context<'_>) -> Finding {
    let pem = fields.get("encryptPubKeyCert").filter(|_| fields.get("certType") == Some(ENCRYPTION));
    match pem.map(|pem| cx.keys.admit_certificate(pem, cx.now)) {
        Some(Ok(key)) => Finding::Keys(vec![key]),
        Some(Err(_)) => Finding::Unknown(Doubt::BadSignature),
        None => Finding::Unknown(Doubt::Unreadable),
    }
}
