//! The end of an unpaid order.
//!
//! The rail answers 204 also when the order is closed already, and, as reported from the field, for a number that it
//! never saw, which it then refuses for ever. In each case the order can no longer be paid.

use paifang_payment::{CloseProof, Verb};
use paifang_rail::{Answer, Context, Genuine, Order, Outcome, Plan, PlanError};
use serde::Serialize;

use crate::{Settings, answer, request};

#[derive(Serialize)]
struct Close<'a> {
    mchid: &'a str,
}

/// Repeatable.
pub(crate) fn plan(settings: &Settings, order: &Order, cx: &Context<'_>) -> Result<Plan, PlanError> {
    let target = format!("/v3/pay/transactions/out-trade-no/{}/close", order.order_no);
    request::post(settings, &target, &Close { mchid: &settings.mchid }, cx)
}

/// The signed, empty 204. It names no order; it is bound by the channel that it came back on.
pub(crate) fn read(proof: Genuine) -> Answer {
    let outcome = Outcome::closed(proof, CloseProof { returned: None, rail_ref: None });
    Answer::is(outcome, answer::rule(Verb::Close, "closed"))
}
