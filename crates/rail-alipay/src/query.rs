//! `alipay.trade.query`: what became of an order, or of a capture.

use paifang_payment::{CloseProof, Doubt, OrderNo, Pending, Settled, Verb};
use paifang_rail::{Answer, Context, Genuine, Order, Outcome, Plan, PlanError};
use serde::Serialize;

use crate::answer::{doubt, rule};
use crate::api::Api;
use crate::body::{Body, time, yuan};
use crate::{Settings, codes, request};

/// An order by our number alone: where both numbers are sent, the rail's own would win.
#[derive(Serialize)]
pub(crate) struct OrderContent<'a> {
    pub out_trade_no: &'a str,
}

pub(crate) fn plan(settings: &Settings, number: &OrderNo, cx: &Context<'_>) -> Result<Plan, PlanError> {
    let content = OrderContent { out_trade_no: number.as_str() };
    Ok(Plan::Send(request::exchange(settings, Api::Query, &content, cx)?))
}

/// A query that found the trade.
pub(crate) fn read(verb: Verb, order: &Order, body: &Body, proof: Genuine) -> Answer {
    let rail_ref = body.rail_ref();
    match body.trade_status.as_deref() {
        Some("TRADE_SUCCESS") => paid(verb, order, body, proof, "trade_success"),
        Some("TRADE_FINISHED") => paid(verb, order, body, proof, "trade_finished"),
        // "Never paid" and "refunded in full" share this status; only a payment leaves a payment date.
        Some("TRADE_CLOSED") if body.send_pay_date.is_some() => {
            paid(verb, order, body, proof, "trade_closed_after_payment")
        }
        Some("TRADE_CLOSED") => {
            let close = CloseProof { returned: None, rail_ref };
            Answer::is(Outcome::closed(proof, close), rule(verb, "trade_closed"))
        }
        Some("WAIT_BUYER_PAY") => {
            let pending = Pending { next_action: None, rail_ref };
            Answer::is(Outcome::pending(proof, pending), rule(verb, "wait_buyer_pay"))
        }
        Some(other) => doubt(verb, Doubt::UnlistedCode(codes::shortened(other)), "unlisted_status"),
        None => doubt(verb, Doubt::Unreadable, "no_trade_status"),
    }
}

/// `total_amount` is the only amount that every product fills; it includes what coupons paid.
fn paid(verb: Verb, order: &Order, body: &Body, proof: Genuine, case: &str) -> Answer {
    let foreign = body.trans_currency.as_deref().is_some_and(|code| code != order.amount.currency().code());
    if foreign {
        return doubt(verb, Doubt::AmountMismatch, "other_currency");
    }
    let Some(amount) = yuan(body.total_amount.as_deref()) else {
        return doubt(verb, Doubt::Unreadable, "no_amount");
    };
    let settled_at = time(body.send_pay_date.as_deref());
    let settled = Settled { amount, rail_ref: body.rail_ref(), settled_at };
    Answer::is(Outcome::paid(proof, settled), rule(verb, case))
}
