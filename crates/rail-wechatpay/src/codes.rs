//! The one table: what an error code means, by call.
//!
//! - "No" is final and says that nothing moved, so it stands only where that is certain: an order creation that was
//!   turned down has shown nothing to any payer, and a charge of a scanned code is asked for once more before its no
//!   counts. A *refund* that was turned down may have an earlier copy that was carried out, so there a "no" becomes final
//!   together with a query that finds nothing.
//! - What is repaired (a key, a permission, the merchant's balance) or passes (a rate, an overload) is doubt in a
//!   refund, which then goes out again under the same number.
//! - An error of a query, a close or a reverse never says anything of the order, except that there is no such order.
//! - The status goes before the code: 429 and 5xx are doubt whatever their body says (see `answer`).
//! - A code that is not in the table, or not for this call, is [`Doubt::UnlistedCode`].

use paifang_payment::{Doubt, Verb};
use paifang_rail::{Answer, Finding, Genuine, Outcome};

use crate::answer::{Api, Error, doubt, rule};
use crate::wire::{reason, shortened};

mod table;

use table::Meaning::{Absent, No, NotYet, Nothing, Paid, Unsure};
pub(crate) use table::{FAILING, Meaning};

/// What an error means to a call.
pub(crate) fn read(verb: Verb, api: Api, error: &Error, proof: Option<Genuine>) -> Answer {
    let code = shortened(&error.code);
    let case = code.to_ascii_lowercase();
    match find(api, &error.code) {
        None | Some(Nothing | NotYet) => doubt(verb, Doubt::UnlistedCode(code), "unlisted_code"),
        Some(Unsure) => doubt(verb, Doubt::RailUnsure(code), &case),
        Some(Paid) => doubt(verb, Doubt::MaybePaid(code), &case),
        Some(Absent) if error.status == 404 => Answer::absent(proof, rule(verb, &case)),
        Some(Absent) => doubt(verb, Doubt::RailUnsure(code), "absent_without_404"),
        Some(No(word)) => Answer::is(refuse(verb, word, error, proof), rule(verb, &case)),
    }
}

/// What an error means to an inquiry. No money hangs on it, so it makes no difference whether it is signed.
pub(crate) fn finding(api: Api, error: Error) -> Finding {
    let code = shortened(&error.code);
    match find(api, &error.code) {
        // Errors are not signed, as far as is known.
        Some(Nothing) => Finding::NoMovements { signed: false },
        Some(NotYet) => Finding::NotYet(code),
        Some(No(_)) => Finding::Refused { code, message: error.message.unwrap_or_default() },
        Some(Unsure | Paid | Absent) => Finding::Unknown(Doubt::RailUnsure(code)),
        None => Finding::Unknown(Doubt::UnlistedCode(code)),
    }
}

/// The meaning of a code to a call; `None` where it is not listed for it.
pub(crate) fn find(api: Api, code: &str) -> Option<Meaning> {
    let rows = table::of(api).iter().flat_map(|rows| rows.iter());
    rows.filter(|(_, codes)| codes.contains(&code)).map(|(meaning, _)| *meaning).next()
}

/// Errors are not signed, as far as is known, and then rest on the channel, after which the machine of refunds asks once
/// more. A signature must not spare that question: an earlier copy of the refund may have been carried out.
fn refuse(verb: Verb, word: &'static str, error: &Error, proof: Option<Genuine>) -> Outcome {
    let message = error.message.as_deref().unwrap_or_default();
    match proof.filter(|_| verb != Verb::Refund) {
        Some(proof) => Outcome::refused(proof, reason(word), &error.code, message),
        None => Outcome::refused_by_channel(reason(word), &error.code, message),
    }
}

/// Every row of a call, for the tests that walk the table and for the document that is printed from it.
#[cfg(test)]
pub(crate) fn listed(api: Api) -> Vec<(&'static str, Meaning)> {
    let rows = table::of(api).iter().flat_map(|rows| rows.iter());
    rows.flat_map(|(meaning, codes)| codes.iter().map(|code| (*code, *meaning))).collect()
}
