//! Undos: of a scanned code's charge (31/00), and of a capture (33/00): the whole amount, on the same clearing day, once.
//!
//! The gateway gives captured money back by refunds, which work on any day; the undo of a capture is here for whoever asks
//! for it as a reverse of the capture.

use paifang_payment::{CloseProof, Doubt, Verb};
use paifang_rail::{Answer, Context, Order, OrderKind, Outcome, Plan, PlanError, Reply, Reversal};

use crate::Settings;
use crate::answer::{self, Asked, Heard, Unclear};
use crate::codes::Meaning;
use crate::query::{self, Original};
use crate::request::{Draft, Kind, Product};

/// `txnType` of an undo.
pub(crate) const UNDO: &str = "31";

/// `txnType` of the undo of a capture.
pub(crate) const UNDO_CAPTURE: &str = "33";

/// `txnSubType` of both.
const PLAIN: &str = "00";

/// The same undo may have been sent before. These codes may then be its own doing, or that of its age, or of a key that was
/// changed meanwhile (11), so they prove nothing: its query decides. (12, duplicate, and 34 are open by the table already.)
const OWN_DOING: &[&str] = &["10", "11", "35", "45"];

/// The undo, under its own number and opening time.
pub(crate) fn plan(settings: &Settings, reversal: &Reversal, cx: &Context<'_>) -> Result<Plan, PlanError> {
    let order = &reversal.order;
    let kind: Kind =
        (txn_type(order).ok_or(PlanError::Unsupported("an undo of a hold, which is released"))?, PLAIN);
    let product = Product::of(order)?;
    Draft::of(settings, kind, product)
        .put_channel(product)
        .put_name(&reversal.reversal_no, reversal.opened_at)
        .put_amount(order.amount)?
        .put_back_url(cx)?
        .put_original(order)?
        .post_back(cx.keys)
}

/// The query of the undo.
pub(crate) fn plan_query(
    settings: &Settings,
    reversal: &Reversal,
    cx: &Context<'_>,
) -> Result<Plan, PlanError> {
    query::plan_for(settings, &reversal.order, &reversal.reversal_no, reversal.opened_at, cx)
}

/// What the reply to an undo means; at best that it was accepted.
pub(crate) fn read(settings: &Settings, reversal: &Reversal, reply: &Reply, cx: &Context<'_>) -> Answer {
    let Some(asked) = asked(reversal, Verb::Reverse) else { return no_such_call(Verb::Reverse) };
    match asked.hear(settings, reply, cx) {
        Ok(heard) => read_heard(asked, heard),
        Err(Unclear(doubt, case)) => answer::doubt(asked.verb, doubt, case),
    }
}

fn read_heard(asked: Asked<'_>, heard: Heard) -> Answer {
    match heard.meaning {
        Meaning::Done | Meaning::Running => asked.pending(heard.proof, &heard.fields, "accepted"),
        Meaning::Failed(word) | Meaning::Faulty(word) if !OWN_DOING.contains(&heard.code.as_str()) => {
            let message = heard.fields.get("respMsg").unwrap_or_default();
            asked.is(Outcome::refused(heard.proof, answer::reason(word), &heard.code, message), "refused")
        }
        Meaning::Failed(_)
        | Meaning::Faulty(_)
        | Meaning::Unsure
        | Meaning::Depends
        | Meaning::Debited
        | Meaning::Absent => asked.unsure(heard.code),
    }
}

/// What the query of the undo means.
pub(crate) fn read_query(
    settings: &Settings,
    reversal: &Reversal,
    reply: &Reply,
    cx: &Context<'_>,
) -> Answer {
    let Some(asked) = asked(reversal, Verb::QueryReverse) else { return no_such_call(Verb::QueryReverse) };
    query::find(asked, settings, reply, cx, |original| match original.meaning {
        Meaning::Done => returned(asked, reversal, original),
        Meaning::Running | Meaning::Unsure => asked.pending(original.proof, &original.fields, "running"),
        Meaning::Depends | Meaning::Debited => asked.unsure(original.code),
        // The money went back some other way: to call this a refusal would let the goods go.
        Meaning::Failed(_) if original.code == "45" => asked.unsure(original.code),
        Meaning::Failed(word) | Meaning::Faulty(word) => asked.is(original.refused(word), "refused"),
        Meaning::Absent => asked.is(original.refused("order_conflict"), "refused"),
    })
}

/// An undo returns the whole amount; one of another amount is not ours.
fn returned(asked: Asked<'_>, reversal: &Reversal, original: Original) -> Answer {
    match answer::settled(&original.fields) {
        Some(settled) if settled.amount == reversal.order.amount => {
            let close = CloseProof { returned: Some(settled.amount), rail_ref: settled.rail_ref };
            asked.is(Outcome::closed(original.proof, close), "returned")
        }
        Some(_) => answer::doubt(asked.verb, Doubt::AmountMismatch, "other_amount"),
        None => answer::doubt(asked.verb, Doubt::Unreadable, "no_amount"),
    }
}

fn asked(reversal: &Reversal, verb: Verb) -> Option<Asked<'_>> {
    let txn_type = txn_type(&reversal.order)?;
    Some(Asked { verb, order_no: &reversal.reversal_no, opened_at: reversal.opened_at, txn_type })
}

fn no_such_call(verb: Verb) -> Answer {
    answer::doubt(verb, Doubt::Unreadable, "no_such_call")
}

/// What undoes an order of this kind; a hold is released.
fn txn_type(order: &Order) -> Option<&'static str> {
    match order.kind {
        OrderKind::Payment => Some(UNDO),
        OrderKind::Capture => Some(UNDO_CAPTURE),
        OrderKind::Hold => None,
    }
}
