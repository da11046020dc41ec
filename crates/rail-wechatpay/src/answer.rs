//! Sorts a reply into success, error and doubt, by status and signature. Never what a success or a code means.

use paifang_payment::{Doubt, Verb};
use paifang_rail::{Answer, Context, Genuine, Outcome, Reply};
use serde::Deserialize;

use crate::signature::{self, Distrust};
use crate::wire;

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

/// `wechatpay.query.success`.
pub(crate) fn rule(verb: Verb, case: &str) -> String {
    format!("wechatpay.{}.{case}", verb.as_str())
}

/// Opens the reply to a call of this verb, or says why it means nothing, and the case of the rule.
pub(crate) fn hear<'a>(
    verb: Verb,
    reply: &'a Reply,
    cx: &Context<'_>,
) -> Result<Heard<'a>, (Doubt, &'static str)> {
    let verify = || {
        signature::verify(&reply.headers, &reply.body, cx.keys, cx.now)
            .map_err(|distrust| (Doubt::BadSignature, distrusted(distrust)))
    };
    let says_nothing = (Doubt::HttpStatus(reply.status), "http_status");
    if succeeded(verb, reply.status) {
        return Ok(Heard::Success(&reply.body, verify()?));
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

/// The statuses that carry a success. 202 is "not finished" and appears in queries of orders that are being paid.
fn succeeded(verb: Verb, status: u16) -> bool {
    match verb {
        Verb::Charge | Verb::Refund | Verb::QueryRefund => status == 200,
        Verb::Query => matches!(status, 200 | 202),
        Verb::Close => status == 204,
        Verb::Reverse
        | Verb::QueryReverse
        | Verb::Capture
        | Verb::QueryCapture
        | Verb::Release
        | Verb::QueryRelease => false,
    }
}

fn distrusted(distrust: Distrust) -> &'static str {
    match distrust {
        Distrust::Unsigned => "unsigned",
        Distrust::Wrong => "bad_signature",
        Distrust::Probe => "signature_probe",
        Distrust::UnknownKey => "unknown_key",
        Distrust::Stale => "stale",
    }
}
