//! Refunds (04/00) and their queries.

use paifang_payment::{Doubt, Verb};
use paifang_rail::{Answer, Context, Outcome, Plan, PlanError, RefundOrder, Reply};

use crate::Settings;
use crate::answer::{self, Asked, Heard, Unclear};
use crate::codes::Meaning;
use crate::query;
use crate::request::{Draft, Kind, Product};

/// `txnType` of a refund.
pub(crate) const REFUND: &str = "04";

const KIND: Kind = (REFUND, "00");

/// Not a no to this refund but to this moment: outside of service hours, or the merchant's balance is too low.
const FOR_NOW: &[&str] = &["39", "64"];

/// The refund, under its own number and opening time.
pub(crate) fn plan(settings: &Settings, refund: &RefundOrder, cx: &Context<'_>) -> Result<Plan, PlanError> {
    let product = Product::of(&refund.order)?;
    Draft::of(settings, KIND, product)
        .put_channel(product)
        .put_name(&refund.refund_no, refund.opened_at)
        .put_amount(refund.amount)?
        .put_back_url(cx)?
        .put_original(&refund.order)?
        .post_back(cx.keys)
}

/// The query of the refund.
pub(crate) fn plan_query(
    settings: &Settings,
    refund: &RefundOrder,
    cx: &Context<'_>,
) -> Result<Plan, PlanError> {
    query::plan_for(settings, &refund.order, &refund.refund_no, refund.opened_at, cx)
}

/// What the reply to a refund means; at best that it was accepted.
pub(crate) fn read(settings: &Settings, refund: &RefundOrder, reply: &Reply, cx: &Context<'_>) -> Answer {
    let asked = asked(refund, Verb::Refund);
    match asked.hear(settings, reply, cx) {
        Ok(heard) => read_heard(asked, heard),
        Err(Unclear(doubt, case)) => answer::doubt(asked.verb, doubt, case),
    }
}

/// A no needs the refund's own query beside it, although it is signed: after a repeat it may be the doing of the first
/// message ("already refunded", "differs from the original") or of the message's age, and a refund that is wrongly
/// called failed is paid twice (F17). So it is told as a no by the channel, which the machine confirms by a query.
fn read_heard(asked: Asked<'_>, heard: Heard) -> Answer {
    match heard.meaning {
        Meaning::Done | Meaning::Running => asked.pending(heard.proof, &heard.fields, "accepted"),
        Meaning::Failed(word) | Meaning::Faulty(word) if !FOR_NOW.contains(&heard.code.as_str()) => {
            let message = heard.fields.get("respMsg").unwrap_or_default();
            asked.is(Outcome::refused_by_channel(answer::reason(word), &heard.code, message), "refused")
        }
        Meaning::Failed(_)
        | Meaning::Faulty(_)
        | Meaning::Unsure
        | Meaning::Depends
        | Meaning::Debited
        | Meaning::Absent => asked.unsure(heard.code),
    }
}

/// What the query of a refund means.
pub(crate) fn read_query(
    settings: &Settings,
    refund: &RefundOrder,
    reply: &Reply,
    cx: &Context<'_>,
) -> Answer {
    let asked = asked(refund, Verb::QueryRefund);
    query::find(asked, settings, reply, cx, |original| match original.meaning {
        Meaning::Done => match answer::settled(&original.fields) {
            Some(settled) => asked.is(Outcome::refunded(original.proof, settled), "refunded"),
            None => answer::doubt(asked.verb, Doubt::Unreadable, "no_amount"),
        },
        Meaning::Running | Meaning::Unsure => asked.pending(original.proof, &original.fields, "running"),
        Meaning::Depends | Meaning::Debited => asked.unsure(original.code),
        Meaning::Failed(word) | Meaning::Faulty(word) => asked.is(original.refused(word), "refused"),
        Meaning::Absent => asked.is(original.refused("order_conflict"), "refused"),
    })
}

fn asked(refund: &RefundOrder, verb: Verb) -> Asked<'_> {
    Asked { verb, order_no: &refund.refund_no, opened_at: refund.opened_at, txn_type: REFUND }
}
