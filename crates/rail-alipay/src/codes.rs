//! The one table: what a failure means, by call and code.
//!
//! A code is compared by its bare name, without the prefixes that the same code comes with on different pages (`ACQ.`,
//! `AQC.`, `isp.`, `isv.`, `aop.`). Rules of the table:
//!
//! - "Refused" is final and says that nothing moved, so it stands only where that is certain. A code by which another
//!   trade under our number may exist (paid, closed, with other members) is doubt: a query tells.
//! - A failed *query* says nothing of what was asked about, whatever its code, except that there is no such trade.
//! - A failed *refund* is refused only by codes that a repeat of a finished refund cannot get. A faulty key or a missing
//!   permission is doubt there: it is repaired, and the refund goes out again under the same number.
//! - What is not in the table is [`Doubt::UnlistedCode`].

use paifang_payment::{Basis, Doubt, Reason, Refusal, Verb};
use paifang_rail::{Answer, Finding, Genuine, Outcome};

use crate::answer::{doubt, rule};
use crate::api::Api;
use crate::body::Body;

mod table;

pub(crate) use table::Meaning;
use table::Meaning::{Absent, MaybePaid, NotYet, Refused, RefusedUnlessDone, Unsure};
use table::{GATEWAY, MESSAGES_OWN_FAULT, Row};

/// A code's text is kept up to this many characters.
const CODE_CHARS_MAX: usize = 64;

/// A refusal's text is kept up to this many characters.
const MESSAGE_CHARS_MAX: usize = 512;

/// What a failed call means. Unsigned, only the gateway's own refusals count, as the channel's word.
pub(crate) fn read(verb: Verb, api: Api, body: &Body, proof: Option<Genuine>) -> Answer {
    let shown = shortened(body.shown_code());
    let Some(meaning) = meaning(verb, api, body) else {
        return doubt(verb, Doubt::UnlistedCode(shown), "unlisted_code");
    };
    let by_gateway = body.code.as_deref() != Some(BUSINESS_FAILED);
    let case = match body.code.as_deref() {
        // Here the sub-code may be any text, and a rule is one of our words.
        Some(code) if UNSURE.contains(&code) => code.to_owned(),
        Some(_) | None => bare(&shown).to_ascii_lowercase(),
    };
    match (meaning, proof) {
        (Unsure | NotYet, _) => doubt(verb, Doubt::RailUnsure(shown), &case),
        (Refused(word), Some(proof)) => {
            let outcome = Outcome::refused(proof, reason(word), &shown, message(body));
            Answer::is(outcome, rule(verb, &case))
        }
        (Refused(word), None) if by_gateway => {
            let outcome = Outcome::refused_by_channel(reason(word), &shown, message(body));
            Answer::is(outcome, rule(verb, &case))
        }
        (RefusedUnlessDone(word), Some(_)) => {
            let rail_message = shortened_to(message(body), MESSAGE_CHARS_MAX);
            let refusal =
                Refusal { reason: reason(word), rail_code: shown, rail_message, basis: Basis::Signed };
            doubt(verb, Doubt::Unconfirmed(refusal), &case)
        }
        (MaybePaid, Some(_)) => doubt(verb, Doubt::MaybePaid(shown), &case),
        (Absent, Some(proof)) => Answer::absent(Some(proof), rule(verb, &case)),
        (Refused(_) | RefusedUnlessDone(_) | MaybePaid | Absent, None) => {
            doubt(verb, Doubt::BadSignature, "bad_signature")
        }
    }
}

/// What a failed inquiry means. No money hangs on it, so it makes no difference whether the failure is signed.
pub(crate) fn finding(api: Api, body: &Body) -> Finding {
    let code = shortened(body.shown_code());
    let name = bare(body.shown_code());
    let found = match body.code.as_deref() {
        Some(code) if UNSURE.contains(&code) => Some(Unsure),
        Some(_) => find(api, name).or_else(|| find_in(GATEWAY, name)),
        None => None,
    };
    match found {
        Some(NotYet) => Finding::NotYet(code),
        Some(Refused(_)) => {
            Finding::Refused { code, message: shortened_to(message(body), MESSAGE_CHARS_MAX) }
        }
        Some(Unsure | RefusedUnlessDone(_) | MaybePaid | Absent) => Finding::Unknown(Doubt::RailUnsure(code)),
        None => Finding::Unknown(Doubt::UnlistedCode(code)),
    }
}

/// 20000: not available; 40005: rate limit; 10003: in process, which only payer's codes know. Whatever the sub-code.
const UNSURE: &[&str] = &["20000", "40005", "10003"];

/// The gateway or the system behind it fails, or turns everybody away for a while; as v2, v3 and the business calls spell it.
/// The others that leave a call in doubt are about its trade, such as `PAYMENT_FAIL`, or about its payer (`10003`).
pub(crate) const FAILING: &[&str] = &[
    "20000",
    "40005",
    "SYSTEM_ERROR",
    "ACQ.SYSTEM_ERROR",
    "aop.ACQ.SYSTEM_ERROR",
    "unknow-error",
    "isp.unknow-error",
    "aop.unknow-error",
    "app-call-limited",
    "isv.app-call-limited",
    "method-call-limited",
    "isv.method-call-limited",
];

/// The code of every business failure.
const BUSINESS_FAILED: &str = "40004";

/// Looks a failure up; `None` where it is not listed.
fn meaning(verb: Verb, api: Api, body: &Body) -> Option<Meaning> {
    let name = bare(body.shown_code());
    match body.code.as_deref()? {
        code if UNSURE.contains(&code) => Some(Unsure),
        BUSINESS_FAILED => find(api, name).map(|found| of_business(verb, found)),
        "20001" | "40001" | "40002" | "40003" | "40006" => {
            find_in(GATEWAY, name).map(|found| of_gateway(verb, name, found))
        }
        _ => None,
    }
}

/// The tables say what a code means to a first request. Captures, releases and reverses are repeated under their numbers,
/// so that an earlier copy may be what led to the refusal: it is final together with a query that finds nothing.
fn of_business(verb: Verb, found: Meaning) -> Meaning {
    match (verb, found) {
        (Verb::Capture | Verb::Release, Refused(word)) => RefusedUnlessDone(word),
        (Verb::Reverse, Refused(_)) => Unsure,
        (_, found) => found,
    }
}

/// A fault of configuration ends a new order, which nobody can have paid. It says nothing of what is asked about, and what
/// is repeated under its number waits for the repair.
fn of_gateway(verb: Verb, name: &str, found: Meaning) -> Meaning {
    match verb {
        Verb::Charge => found,
        Verb::Refund if MESSAGES_OWN_FAULT.contains(&name) => found,
        Verb::Refund
        | Verb::Query
        | Verb::Close
        | Verb::QueryRefund
        | Verb::Reverse
        | Verb::QueryReverse
        | Verb::Capture
        | Verb::QueryCapture
        | Verb::Release
        | Verb::QueryRelease => Unsure,
    }
}

/// The tables of an API's business codes, looked at in this order.
fn tables(api: Api) -> &'static [&'static [Row]] {
    match api {
        Api::Precreate => &[table::CHARGE],
        Api::Create => &[table::CREATE, table::CHARGE],
        Api::Pay => &[table::PAY, table::CHARGE],
        Api::Query => &[table::QUERY],
        Api::Close => &[table::CLOSE],
        Api::Cancel => &[table::CANCEL],
        Api::Refund => &[table::REFUND],
        Api::RefundQuery => &[table::QUERY_REFUND],
        Api::Freeze | Api::Voucher => &[table::FREEZE],
        Api::FreezeQuery => &[table::QUERY_FREEZE],
        Api::FreezeCancel => &[table::CANCEL_FREEZE],
        Api::Unfreeze => &[table::UNFREEZE],
        Api::BillUrl => &[table::BILL],
        Api::Certificate => &[],
    }
}

fn find(api: Api, name: &str) -> Option<Meaning> {
    tables(api).iter().find_map(|table| find_in(table, name))
}

fn find_in(table: &[Row], name: &str) -> Option<Meaning> {
    table.iter().find(|(_, names)| names.contains(&name)).map(|(meaning, _)| *meaning)
}

/// The name of a code without the prefixes that it comes with, several at once (`aop.ACQ.SYSTEM_ERROR`).
fn bare(mut code: &str) -> &str {
    const PREFIXES: &[&str] = &["ACQ.", "AQC.", "isp.", "isv.", "aop."];
    while let Some(rest) = PREFIXES.iter().find_map(|prefix| code.strip_prefix(prefix)) {
        code = rest;
    }
    code
}

fn reason(word: &str) -> Reason {
    Reason::parse(word).expect("a word of the table above, each of which a test parses")
}

/// The rail's text. That of a wrong signature repeats our whole request, so its short form is taken.
fn message(body: &Body) -> &str {
    let long = body.sub_msg.as_deref().filter(|_| bare(body.shown_code()) != "invalid-signature");
    long.or(body.msg.as_deref()).unwrap_or_default()
}

/// A code, bounded: an unsigned one may be anything.
pub(crate) fn shortened(code: &str) -> String {
    shortened_to(code, CODE_CHARS_MAX)
}

fn shortened_to(text: &str, chars_max: usize) -> String {
    text.chars().take(chars_max).collect()
}

#[cfg(test)]
pub(crate) mod listed {
    //! The table for the tests that walk it, and for the document that is printed from it.

    use super::*;

    /// Every row of an API's own tables.
    pub(crate) fn business(api: Api) -> Vec<(&'static str, Meaning)> {
        tables(api).iter().flat_map(|table| flat(table)).collect()
    }

    /// Every row of the gateway's table.
    pub(crate) fn gateway() -> Vec<(&'static str, Meaning)> {
        flat(GATEWAY)
    }

    /// What a listed code comes to for this verb.
    pub(crate) fn to(verb: Verb, meaning: Meaning) -> Meaning {
        of_business(verb, meaning)
    }

    fn flat(table: &'static [Row]) -> Vec<(&'static str, Meaning)> {
        table.iter().flat_map(|(meaning, names)| names.iter().map(|name| (*name, *meaning))).collect()
    }
}
