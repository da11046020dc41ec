//! `alipay.trade.refund` and its query. The refund's own number is the `out_request_no`; repeats under it are idempotent.

use paifang_payment::{Doubt, Pending, Settled, Verb};
use paifang_rail::{Answer, Context, Genuine, Outcome, Plan, PlanError, RefundOrder};
use serde::Serialize;

use crate::answer::{doubt, rule};
use crate::api::Api;
use crate::body::{Body, time, yuan};
use crate::charge::yuan_text;
use crate::descriptor::Tells;
use crate::{Settings, codes, descriptor, request};

/// Which funds the money goes back to: for people who look at the traffic. Nothing is decided by it.
const FUNDS: &str = "refund_detail_item_list";

#[derive(Serialize)]
struct Content<'a> {
    out_trade_no: &'a str,
    refund_amount: String,
    out_request_no: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_reason: Option<&'a str>,
    query_options: [&'static str; 1],
}

#[derive(Serialize)]
struct QueryContent<'a> {
    out_trade_no: &'a str,
    out_request_no: &'a str,
    query_options: [&'static str; 2],
}

pub(crate) fn plan(settings: &Settings, refund: &RefundOrder, cx: &Context<'_>) -> Result<Plan, PlanError> {
    let reason = refund.reason.open(Tells).map(String::as_str).filter(|reason| !reason.is_empty());
    if reason.is_some_and(|reason| settings.charset.encode(reason).is_none()) {
        let rule = "every character must exist in the account's charset";
        return Err(PlanError::BadValue { field: "reason", rule });
    }
    let content = Content {
        out_trade_no: refund.order.order_no.as_str(),
        refund_amount: yuan_text(refund.amount, descriptor::AMOUNT_MAX_FEN)?,
        out_request_no: refund.refund_no.as_str(),
        refund_reason: reason,
        query_options: [FUNDS],
    };
    Ok(Plan::Send(request::exchange(settings, Api::Refund, &content, cx)?))
}

/// Asks for the refund's time too, which is left out by default.
pub(crate) fn plan_query(
    settings: &Settings,
    refund: &RefundOrder,
    cx: &Context<'_>,
) -> Result<Plan, PlanError> {
    let content = QueryContent {
        out_trade_no: refund.order.order_no.as_str(),
        out_request_no: refund.refund_no.as_str(),
        query_options: ["gmt_refund_pay", FUNDS],
    };
    Ok(Plan::Send(request::exchange(settings, Api::RefundQuery, &content, cx)?))
}

/// A refund that was accepted. Code 10000 alone proves nothing: `fund_change` says whether this call moved money, and a
/// repeat of a finished refund answers `N`, so everything but `Y` is asked for by the refund query. It is a doubt, not
/// "under way": nothing says that Alipay will carry it out, so an absent query must be able to send it again.
pub(crate) fn read(refund: &RefundOrder, body: &Body, proof: Genuine) -> Answer {
    if body.fund_change.as_deref() != Some("Y") {
        return doubt(Verb::Refund, Doubt::RailUnsure("fund_change".into()), "accepted");
    }
    // `refund_fee` is the sum over all refunds of the trade: less than this one contradicts the message itself.
    let sum = yuan(body.refund_fee.as_deref());
    if sum.is_some_and(|sum| sum.minor_units() < refund.amount.minor_units()) {
        return doubt(Verb::Refund, Doubt::AmountMismatch, "sum_below_refund");
    }
    let settled = Settled {
        amount: refund.amount,
        // Alipay has no number of its own for a refund.
        rail_ref: None,
        settled_at: time(body.gmt_refund_pay.as_deref()),
    };
    Answer::is(Outcome::refunded(proof, settled), rule(Verb::Refund, "fund_change"))
}

/// An answered refund query. Only REFUND_SUCCESS is done; without it the refund was not received, failed, or is not
/// through yet, and only an answer without any word of it counts as "no such refund".
pub(crate) fn read_query(refund: &RefundOrder, body: &Body, proof: Genuine) -> Answer {
    match body.refund_status.as_deref() {
        Some("REFUND_SUCCESS") => done(refund, body, proof),
        // REFUND_PROCESSING belongs to the asynchronous form of the refund; it is harmless to understand.
        Some("REFUND_PROCESSING") => pending(proof, "refund_processing"),
        Some(other) => {
            doubt(Verb::QueryRefund, Doubt::UnlistedCode(codes::shortened(other)), "unlisted_status")
        }
        None if body.tells_of_a_refund() => pending(proof, "no_refund_status"),
        None => Answer::absent(Some(proof), rule(Verb::QueryRefund, "no_refund")),
    }
}

fn done(refund: &RefundOrder, body: &Body, proof: Genuine) -> Answer {
    // A success must name the refund: the trade may have others.
    if body.out_request_no.as_deref() != Some(refund.refund_no.as_str()) {
        return doubt(Verb::QueryRefund, Doubt::Mismatch("out_request_no".to_owned()), "mismatch");
    }
    let Some(amount) = yuan(body.refund_amount.as_deref()) else {
        return doubt(Verb::QueryRefund, Doubt::Unreadable, "no_amount");
    };
    let settled = Settled { amount, rail_ref: None, settled_at: time(body.gmt_refund_pay.as_deref()) };
    Answer::is(Outcome::refunded(proof, settled), rule(Verb::QueryRefund, "refund_success"))
}

fn pending(proof: Genuine, case: &str) -> Answer {
    let pending = Pending { next_action: None, rail_ref: None };
    Answer::is(Outcome::pending(proof, pending), rule(Verb::QueryRefund, case))
}
