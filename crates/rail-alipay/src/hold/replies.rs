//! What the answers about holds mean.

use paifang_payment::{CloseProof, Doubt, NextAction, Pending, RailRef, Settled, Verb};
use paifang_rail::{Answer, Genuine, Order, Outcome, ReleaseOrder};

use super::{FREEZE, UNFREEZE};
use crate::answer::{doubt, rule};
use crate::body::{Body, is_zero, time, yuan};
use crate::charge::shown;
use crate::codes;

/// A code for the payer to scan. There is no hold until somebody does.
pub(crate) fn voucher(order: &Order, body: Body, proof: Genuine) -> Answer {
    let Some(content) = body.code_value else {
        return doubt(Verb::Charge, Doubt::Unreadable, "no_code_value");
    };
    shown(order, content, proof, "code_value")
}

/// A hold by a scanned code.
pub(crate) fn frozen(body: &Body, proof: Genuine) -> Answer {
    match body.status.as_deref() {
        Some("SUCCESS") => held(Verb::Charge, body.amount.as_deref(), body, proof, "success"),
        Some("INIT") => {
            let pending = Pending { next_action: Some(NextAction::WaitForPayer), rail_ref: body.auth_ref() };
            Answer::is(Outcome::pending(proof, pending), rule(Verb::Charge, "init"))
        }
        // A query tells whether it ended for good.
        Some("CLOSED") => doubt(Verb::Charge, Doubt::RailUnsure("CLOSED".to_owned()), "closed"),
        other => unlisted(Verb::Charge, other),
    }
}

/// The state of a hold.
pub(crate) fn query(body: &Body, proof: Genuine) -> Answer {
    let verb = Verb::Query;
    if is_of_another(body, FREEZE) {
        return of_another(verb);
    }
    match body.order_status.as_deref() {
        Some("INIT") => {
            let pending = Pending { next_action: None, rail_ref: body.auth_ref() };
            Answer::is(Outcome::pending(proof, pending), rule(verb, "init"))
        }
        Some("AUTHORIZED") => {
            let amount = body.total_freeze_amount.as_deref().or(body.amount.as_deref());
            held(verb, amount, body, proof, "authorized")
        }
        Some("CLOSED") => closed(verb, body.auth_ref(), proof, "closed"),
        // Finished by its release, or by a capture, which has a query of its own.
        Some("FINISH") if is_zero(body.total_pay_amount.as_deref()) => {
            closed(verb, body.auth_ref(), proof, "finished")
        }
        Some("FINISH") => doubt(verb, Doubt::MaybePaid("FINISH".to_owned()), "captured"),
        other => unlisted(verb, other),
    }
}

/// The state of a hold, read as what became of its reverse. While the hold stands it was not reversed.
pub(crate) fn query_reverse(body: &Body, proof: Genuine) -> Answer {
    let verb = Verb::QueryReverse;
    if is_of_another(body, FREEZE) {
        return of_another(verb);
    }
    match body.order_status.as_deref() {
        Some("INIT" | "AUTHORIZED") => Answer::absent(Some(proof), rule(verb, "not_reversed")),
        Some("CLOSED") => closed(verb, body.auth_ref(), proof, "closed"),
        Some("FINISH") if is_zero(body.total_pay_amount.as_deref()) => {
            closed(verb, body.auth_ref(), proof, "finished")
        }
        Some("FINISH") => doubt(verb, Doubt::MaybePaid("FINISH".to_owned()), "captured"),
        other => unlisted(verb, other),
    }
}

/// A cancel that was answered: the hold was unpaid (`close`), or what it held went back (`unfreeze`).
pub(crate) fn cancelled(verb: Verb, body: &Body, proof: Genuine) -> Answer {
    match body.action.as_deref() {
        Some("close") => closed(verb, body.auth_ref(), proof, "cancelled"),
        Some("unfreeze") => closed(verb, body.auth_ref(), proof, "unfrozen"),
        Some(other) => doubt(verb, Doubt::UnlistedCode(codes::shortened(other)), "unlisted_action"),
        None => doubt(verb, Doubt::RailUnsure("action".to_owned()), "no_action"),
    }
}

/// A release that was answered.
pub(crate) fn unfrozen(release: &ReleaseOrder, body: &Body, proof: Genuine) -> Answer {
    let verb = Verb::Release;
    if body.auth_no.as_deref() != release.hold.rail_ref.as_ref().map(RailRef::as_str) {
        return doubt(verb, Doubt::Mismatch("auth_no".to_owned()), "mismatch");
    }
    released(verb, release, body, proof)
}

/// The state of a release.
pub(crate) fn query_release(release: &ReleaseOrder, body: &Body, proof: Genuine) -> Answer {
    let verb = Verb::QueryRelease;
    if is_of_another(body, UNFREEZE) {
        return of_another(verb);
    }
    released(verb, release, body, proof)
}

fn released(verb: Verb, release: &ReleaseOrder, body: &Body, proof: Genuine) -> Answer {
    // The hold has other operations, and only its number says which one is meant.
    if body.out_request_no.as_deref() != Some(release.release_no.as_str()) {
        return doubt(verb, Doubt::Mismatch("out_request_no".to_owned()), "mismatch");
    }
    match body.status.as_deref() {
        Some("SUCCESS") if yuan(body.amount.as_deref()) == Some(release.hold.amount) => {
            let reference = body.operation_id.as_deref().and_then(|id| RailRef::parse(id).ok());
            closed(verb, reference, proof, "success")
        }
        Some("SUCCESS") => doubt(verb, Doubt::AmountMismatch, "other_amount"),
        Some("INIT") => {
            let pending = Pending { next_action: None, rail_ref: None };
            Answer::is(Outcome::pending(proof, pending), rule(verb, "init"))
        }
        Some("CLOSED") => doubt(verb, Doubt::RailUnsure("CLOSED".to_owned()), "closed"),
        other => unlisted(verb, other),
    }
}

/// Later calls need the number of the hold, so one without it is not taken as held.
fn held(verb: Verb, amount: Option<&str>, body: &Body, proof: Genuine, case: &str) -> Answer {
    let (Some(amount), Some(reference)) = (yuan(amount), body.auth_ref()) else {
        return doubt(verb, Doubt::Unreadable, "no_amount_or_number");
    };
    if body.trans_currency.as_deref().is_some_and(|code| code != amount.currency().code()) {
        return doubt(verb, Doubt::AmountMismatch, "other_currency");
    }
    let settled_at = time(body.gmt_trans.as_deref());
    let settled = Settled { amount, rail_ref: Some(reference), settled_at };
    Answer::is(Outcome::held(proof, settled), rule(verb, case))
}

fn closed(verb: Verb, rail_ref: Option<RailRef>, proof: Genuine, case: &str) -> Answer {
    let close = CloseProof { returned: None, rail_ref };
    Answer::is(Outcome::closed(proof, close), rule(verb, case))
}

/// The answer tells of another kind of operation.
fn is_of_another(body: &Body, wanted: &str) -> bool {
    body.operation_type.as_deref().is_some_and(|other| other != wanted)
}

fn of_another(verb: Verb) -> Answer {
    doubt(verb, Doubt::Mismatch("operation_type".to_owned()), "mismatch")
}

fn unlisted(verb: Verb, status: Option<&str>) -> Answer {
    match status {
        Some(other) => doubt(verb, Doubt::UnlistedCode(codes::shortened(other)), "unlisted_status"),
        None => doubt(verb, Doubt::Unreadable, "no_status"),
    }
}
