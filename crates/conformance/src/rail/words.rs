//! Answers and outcomes in a few words, for tables and for the messages of failed checks.

use paifang_payment::{NextAction, Outcome};
use paifang_rail::Answer;

/// What the storefront is told to do.
pub(super) fn led(answer: &Answer) -> Option<NextAction> {
    match answer.outcome() {
        Some(Outcome::Pending(pending)) => pending.next_action.clone(),
        Some(_) | None => None,
    }
}

/// An answer in a few words: `absent`, `pending`, `paid 10000`, `refunded 300`, `closed`, `refused risk`,
/// `unknown HttpStatus(502)`.
pub(super) fn said(answer: &Answer) -> String {
    match answer.outcome() {
        Some(outcome) => said_of(outcome),
        None => "absent".to_owned(),
    }
}

/// The same of an outcome.
pub(super) fn said_of(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Paid(settled) => format!("paid {}", settled.amount.minor_units()),
        Outcome::Held(settled) => format!("held {}", settled.amount.minor_units()),
        Outcome::Refunded(settled) => format!("refunded {}", settled.amount.minor_units()),
        Outcome::Closed(_) => "closed".to_owned(),
        Outcome::Pending(_) => "pending".to_owned(),
        Outcome::Refused(refusal) => format!("refused {}", refusal.reason),
        Outcome::NotSent(_) => "not sent".to_owned(),
        Outcome::Unknown(doubt) => format!("unknown {doubt:?}"),
    }
}

/// An answer with its rule, for the message of a failed check.
pub(super) fn told(answer: &Answer) -> String {
    format!("{} by {}", said(answer), answer.rule())
}

/// Holds an answer against a word; a word may leave out what stands in brackets or after it.
pub(super) fn assert_said(what: &str, answer: &Answer, wanted: &str) {
    let said = said(answer);
    let rest = said.strip_prefix(wanted);
    let fits = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['(', ' ']));
    assert!(fits, "{what}: wanted {wanted}, got {}", told(answer));
}
