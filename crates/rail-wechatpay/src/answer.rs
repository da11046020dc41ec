//! Sorts a reply into success, error and doubt, by status and signature. Never what a success or a code means.

use paifang_payment::{Doubt, Presentation, Verb};
use paifang_rail::{Answer, Call, Context, Genuine, Outcome, Reply};
use serde::Deserialize;

use crate::signature::{self, Distrust};
use crate::wire;

/// The case of a reply that names a key which the account does not have.
const UNKNOWN_KEY: &str = "unknown_key";

/// A reply that can be read further.
pub(crate) enum Heard<'a> {
    /// The status that a success of this call has, signed; the body is still to be read.
    Success(&'a [u8], Genuine),
    /// A status that refuses this one call, with a code; signed or not.
    Error(Error, Option<Genuine>),
}

/// The body of an error. Its `detail` repeats what was sent and is not read.
#[derive(Deserialize)]
pub(crate) struct Error {
    /// The HTTP status it came with.
    #[serde(skip)]
    pub status: u16,
    /// What went wrong; branch on this only.
    pub code: String,
    /// For people, in a language that the request chooses.
    #[serde(default)]
    pub message: Option<String>,
}

/// An answer of doubt, with its rule.
pub(crate) fn doubt(verb: Verb, doubt: Doubt, case: &str) -> Answer {
    Answer::is(Outcome::unknown(doubt), rule(verb, case))
}

/// A signed success whose content is not what is documented.
pub(crate) fn unreadable(verb: Verb) -> Answer {
    doubt(verb, Doubt::Unreadable, "unreadable")
}

/// A signed success that speaks of something else than the call.
pub(crate) fn mismatch(verb: Verb, field: &str) -> Answer {
    doubt(verb, Doubt::Mismatch(field.to_owned()), "mismatch")
}

/// A reply to something that is never sent.
pub(crate) fn no_such_call(verb: Verb) -> Answer {
    doubt(verb, Doubt::Unreadable, "no_such_call")
}

/// A reply that means nothing, for this reason; it names the key that the account lacks, if that is why.
pub(crate) fn disbelieved(verb: Verb, reply: &Reply, (why, case): (Doubt, &'static str)) -> Answer {
    let answer = doubt(verb, why, case);
    match signature::serial(&reply.headers).filter(|_| case == UNKNOWN_KEY) {
        Some(id) => answer.with_unknown_key(id),
        None => answer,
    }
}

/// `wechatpay.query.success`.
pub(crate) fn rule(verb: Verb, case: &str) -> String {
    format!("wechatpay.{}.{case}", verb.as_str())
}

/// What replies are sorted by: success has other statuses and a code has other meanings in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Api {
    /// The creation of an order (Native, JSAPI, App, H5).
    Order,
    /// A charge by payer's code.
    Codepay,
    /// The query of an order, and so of a reverse.
    Query,
    /// A close.
    Close,
    /// A reverse.
    Reverse,
    /// A refund.
    Refund,
    /// The query of a refund.
    QueryRefund,
    /// Where an abnormal refund goes.
    AbnormalRefund,
    /// Where a bill lies.
    Bill,
    /// The platform's certificates.
    Certificates,
}

impl Api {
    /// Which one a call goes to; `None` where there is no such call.
    pub fn of(call: &Call<'_>) -> Option<Self> {
        match call {
            Call::Charge(charge) if charge.order.presentation == Presentation::PayerCode => {
                Some(Self::Codepay)
            }
            Call::Charge(_) => Some(Self::Order),
            Call::Query(_) | Call::QueryReverse(_) => Some(Self::Query),
            Call::Close(_) => Some(Self::Close),
            Call::Reverse(_) => Some(Self::Reverse),
            Call::Refund(_) => Some(Self::Refund),
            Call::QueryRefund(_) => Some(Self::QueryRefund),
            Call::Capture(_) | Call::QueryCapture(_) | Call::Release(_) | Call::QueryRelease(_) => None,
        }
    }

    /// The statuses that carry a success. 202 is "not finished" and appears with payers' codes.
    fn succeeded(self, status: u16) -> bool {
        match self {
            Self::Order
            | Self::Reverse
            | Self::Refund
            | Self::QueryRefund
            | Self::AbnormalRefund
            | Self::Bill
            | Self::Certificates => status == 200,
            Self::Codepay | Self::Query => matches!(status, 200 | 202),
            Self::Close => status == 204,
        }
    }
}

/// Opens the reply to a call, or says why it means nothing, and the case of the rule.
pub(crate) fn hear<'a>(
    api: Api,
    reply: &'a Reply,
    cx: &Context<'_>,
) -> Result<Heard<'a>, (Doubt, &'static str)> {
    let verify = || {
        signature::verify(&reply.headers, &reply.body, cx.keys, cx.now)
            .map_err(|distrust| (Doubt::BadSignature, distrusted(distrust)))
    };
    let says_nothing = (Doubt::HttpStatus(reply.status), "http_status");
    if api.succeeded(reply.status) {
        let proof = verify()?;
        // In 2020 "the payer is typing" was a code; today it is a state of the order.
        if let Some(error) = wire::parse::<Error>(&reply.body).filter(|error| error.code == "USERPAYING") {
            return Ok(Heard::Error(Error { status: reply.status, ..error }, Some(proof)));
        }
        return Ok(Heard::Success(&reply.body, proof));
    }
    // Only these say that the call itself was turned down. 429, 5xx and everything else say nothing about the effect, so
    // their codes, which have many spellings, are not even looked at.
    let (400 | 401 | 403 | 404 | 405) = reply.status else {
        return Err(says_nothing);
    };
    let proof = if signature::is_signed(&reply.headers) { Some(verify()?) } else { None };
    if reply.body.is_empty() {
        // An unknown path or a wrong method is answered so.
        return Err(says_nothing);
    }
    let mut error: Error = wire::parse(&reply.body).ok_or((Doubt::Unreadable, "unreadable"))?;
    error.status = reply.status;
    Ok(Heard::Error(error, proof))
}

fn distrusted(distrust: Distrust) -> &'static str {
    match distrust {
        Distrust::Unsigned => "unsigned",
        Distrust::Wrong => "bad_signature",
        Distrust::Probe => "signature_probe",
        Distrust::UnknownKey => UNKNOWN_KEY,
        Distrust::Stale => "stale",
    }
}
