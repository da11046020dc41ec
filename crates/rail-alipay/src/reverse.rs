//! `alipay.trade.cancel`: ends the order of a payer's code, returning what was paid. It has no number of its own and is
//! known by the order's; its query is the order's.

use paifang_payment::{CloseProof, Doubt, Verb};
use paifang_rail::{Answer, Context, Genuine, Outcome, Plan, PlanError, Reversal};

use crate::answer::{doubt, rule};
use crate::api::Api;
use crate::body::{Body, yuan};
use crate::query::OrderContent;
use crate::{Settings, codes, request};

pub(crate) fn plan(settings: &Settings, reversal: &Reversal, cx: &Context<'_>) -> Result<Plan, PlanError> {
    let content = OrderContent { out_trade_no: reversal.order.order_no.as_str() };
    Ok(Plan::Send(request::exchange(settings, Api::Cancel, &content, cx)?))
}

/// A cancel that was answered. `action` says what it did; without one there is no such trade, which is final only after
/// the order's expiry: whether a late copy of the charge is refused after a cancel is not confirmed.
pub(crate) fn read(reversal: &Reversal, body: &Body, proof: Genuine) -> Answer {
    if body.retry_flag.as_deref() == Some("Y") {
        return doubt(Verb::Reverse, Doubt::RailUnsure("retry_flag".to_owned()), "retry_flag");
    }
    let ended = |proof, returned| {
        let close = CloseProof { returned, rail_ref: body.rail_ref() };
        Outcome::closed(proof, close)
    };
    match (body.action.as_deref(), body.retry_flag.as_deref()) {
        (Some("close"), _) => Answer::is(ended(proof, None), rule(Verb::Reverse, "closed")),
        // Always in full: the answer names no amount.
        (Some("refund"), _) => {
            Answer::is(ended(proof, Some(reversal.order.amount)), rule(Verb::Reverse, "refunded"))
        }
        (Some(other), _) => {
            doubt(Verb::Reverse, Doubt::UnlistedCode(codes::shortened(other)), "unlisted_action")
        }
        (None, Some("N")) => Answer::absent(Some(proof), rule(Verb::Reverse, "no_action")),
        (None, _) => doubt(Verb::Reverse, Doubt::Mismatch("method".to_owned()), "mismatch"),
    }
}

/// What the order's state says of its reverse. While the order stands, paid or not, no reverse was carried out.
pub(crate) fn read_query(body: &Body, proof: Genuine) -> Answer {
    let verb = Verb::QueryReverse;
    match body.trade_status.as_deref() {
        Some("TRADE_CLOSED") => {
            let paid = body.send_pay_date.is_some();
            let returned = if paid { yuan(body.total_amount.as_deref()) } else { None };
            if paid && returned.is_none() {
                return doubt(verb, Doubt::Unreadable, "no_amount");
            }
            let close = CloseProof { returned, rail_ref: body.rail_ref() };
            Answer::is(Outcome::closed(proof, close), rule(verb, "trade_closed"))
        }
        Some("TRADE_SUCCESS" | "TRADE_FINISHED" | "WAIT_BUYER_PAY") => {
            Answer::absent(Some(proof), rule(verb, "not_reversed"))
        }
        Some(other) => doubt(verb, Doubt::UnlistedCode(codes::shortened(other)), "unlisted_status"),
        None => doubt(verb, Doubt::Unreadable, "no_trade_status"),
    }
}
