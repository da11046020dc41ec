//! Verifies an answer, binds it to its call, and says whether it is a success or a failure. Never what either means.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use paifang_money::{Currency, Money, PositiveMoney};
use paifang_payment::{Doubt, RailRef, Verb};
use paifang_rail::{Answer, Call, Genuine, Keyring, Outcome, Reply};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::{Charset, beijing, envelope};

/// The `code` of every success.
const SUCCESS: &str = "10000";

/// Why nothing can be concluded from an answer, and the last word of the rule that says so.
pub(crate) struct Unclear(pub Doubt, pub &'static str);

const UNREADABLE: Unclear = Unclear(Doubt::Unreadable, "unreadable");
const UNSIGNED: Unclear = Unclear(Doubt::BadSignature, "bad_signature");

/// An answer that names the call's own order.
pub(crate) enum Heard {
    /// Code 10000, signed.
    Success(Body, Genuine),
    /// Any other code; the gateway signs it once it knows the application.
    Failure(Body, Option<Genuine>),
}

/// The members that this adapter reads, over all of its calls. Absent, null and empty are the same.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Body {
    #[serde(deserialize_with = "text")]
    pub code: Option<String>,
    #[serde(deserialize_with = "text")]
    pub msg: Option<String>,
    #[serde(deserialize_with = "text")]
    pub sub_code: Option<String>,
    #[serde(deserialize_with = "text")]
    pub sub_msg: Option<String>,
    #[serde(deserialize_with = "text")]
    pub out_trade_no: Option<String>,
    #[serde(deserialize_with = "text")]
    pub trade_no: Option<String>,
    #[serde(deserialize_with = "text")]
    pub qr_code: Option<String>,
    #[serde(deserialize_with = "text")]
    pub trade_status: Option<String>,
    #[serde(deserialize_with = "decimal")]
    pub total_amount: Option<String>,
    #[serde(deserialize_with = "text")]
    pub trans_currency: Option<String>,
    #[serde(deserialize_with = "text")]
    pub send_pay_date: Option<String>,
    #[serde(deserialize_with = "text")]
    pub fund_change: Option<String>,
    #[serde(deserialize_with = "decimal")]
    pub refund_fee: Option<String>,
    #[serde(deserialize_with = "text")]
    pub out_request_no: Option<String>,
    #[serde(deserialize_with = "text")]
    pub refund_status: Option<String>,
    #[serde(deserialize_with = "decimal")]
    pub refund_amount: Option<String>,
    #[serde(deserialize_with = "text")]
    pub gmt_refund_pay: Option<String>,
}

/// An outcome of doubt, with its rule.
pub(crate) fn doubt(verb: Verb, doubt: Doubt, case: &str) -> Answer {
    Answer::is(Outcome::unknown(doubt), rule(verb, case))
}

/// `alipay.query.trade_success`.
pub(crate) fn rule(verb: Verb, case: &str) -> String {
    format!("alipay.{}.{case}", verb.as_str())
}

/// Opens the reply to `call`.
pub(crate) fn hear(
    call: &Call<'_>,
    method: &str,
    reply: &Reply,
    charset: Charset,
    keys: &Keyring,
) -> Result<Heard, Unclear> {
    // API answers are always 200, whatever they say; everything else comes from something before the gateway.
    if reply.status != 200 {
        return Err(Unclear(Doubt::HttpStatus(reply.status), "http_status"));
    }
    let envelope = envelope::cut(&reply.body, method, charset).ok_or(UNREADABLE)?;
    let proof = match &envelope.sign {
        Some(sign) => Some(verify(keys, envelope.content, sign).ok_or(UNSIGNED)?),
        None => None,
    };
    let text = charset.decode(envelope.content).ok_or(UNREADABLE)?;
    let body: Body = serde_json::from_str(&text).map_err(|_| UNREADABLE)?;
    let heard = match (body.code.as_deref(), proof) {
        (None, _) => return Err(UNREADABLE),
        (Some(SUCCESS), _) if envelope.is_error => return Err(UNREADABLE),
        (Some(SUCCESS), None) => return Err(UNSIGNED),
        (Some(SUCCESS), Some(proof)) => Heard::Success(body, proof),
        (Some(_), proof) => Heard::Failure(body, proof),
    };
    bind(call, heard)
}

fn verify(keys: &Keyring, content: &[u8], sign: &str) -> Option<Genuine> {
    let signature = STANDARD.decode(sign).ok()?;
    keys.verify(content, &signature).ok()
}

/// A reply must speak of the call's own order and refund. A success always names the order, except that of a refund
/// query that found nothing; a failure may leave it out.
fn bind(call: &Call<'_>, heard: Heard) -> Result<Heard, Unclear> {
    let (body, must_name) = match &heard {
        Heard::Success(body, _) => (body, !matches!(call, Call::QueryRefund(_)) || body.tells_of_a_refund()),
        Heard::Failure(body, _) => (body, false),
    };
    let other = |named: &Option<String>, own: &str, required: bool| match named {
        Some(named) => named != own,
        None => required,
    };
    let mismatch = |field: &str| Err(Unclear(Doubt::Mismatch(field.to_owned()), "mismatch"));
    if other(&body.out_trade_no, call.order().order_no.as_str(), must_name) {
        return mismatch("out_trade_no");
    }
    if let Call::Refund(refund) | Call::QueryRefund(refund) = call
        && other(&body.out_request_no, refund.refund_no.as_str(), false)
    {
        return mismatch("out_request_no");
    }
    Ok(heard)
}

impl Body {
    /// The sub-code where there is one, else the code: what names the failure.
    pub fn shown_code(&self) -> &str {
        self.sub_code.as_deref().or(self.code.as_deref()).unwrap_or_default()
    }

    /// The rail's number of the trade. One of odd form is left out: it is a reference, nothing is decided by it.
    pub fn rail_ref(&self) -> Option<RailRef> {
        RailRef::parse(self.trade_no.as_deref()?).ok()
    }

    /// Whether a refund query found something.
    pub fn tells_of_a_refund(&self) -> bool {
        self.refund_status.is_some()
            || self.refund_amount.is_some()
            || self.gmt_refund_pay.is_some()
            || self.out_request_no.is_some()
    }
}

/// An amount in yuan above zero, exact.
pub(crate) fn yuan(text: Option<&str>) -> Option<PositiveMoney> {
    Money::from_decimal(text?, Currency::CNY).ok()?.try_into().ok()
}

/// A time that only informs: of odd form it is left out.
pub(crate) fn time(text: Option<&str>) -> Option<jiff::Timestamp> {
    beijing::read(text?)
}

fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.filter(|text| !text.is_empty()))
}

/// An amount is a string; callers of other gateways have seen numbers, so a number's digits are taken as they stand.
fn decimal<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let raw = Box::<RawValue>::deserialize(from)?;
    let raw = raw.get();
    if raw.starts_with('"') || raw == "null" {
        let text: Option<String> = serde_json::from_str(raw).map_err(serde::de::Error::custom)?;
        return Ok(text.filter(|text| !text.is_empty()));
    }
    let number = raw.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    if number { Ok(Some(raw.to_owned())) } else { Err(serde::de::Error::custom("not an amount")) }
}
