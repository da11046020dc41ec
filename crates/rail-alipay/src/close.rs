//! `alipay.trade.close`: ends a trade that waits for its buyer. A QR code that nobody scanned has no trade to end.

use paifang_payment::{CloseProof, Doubt, Verb};
use paifang_rail::{Answer, Context, Genuine, Order, Outcome, Plan, PlanError};

use crate::answer::{doubt, rule};
use crate::api::Api;
use crate::body::Body;
use crate::query::OrderContent;
use crate::{Settings, request};

pub(crate) fn plan(settings: &Settings, order: &Order, cx: &Context<'_>) -> Result<Plan, PlanError> {
    let content = OrderContent { out_trade_no: order.order_no.as_str() };
    Ok(Plan::Send(request::exchange(settings, Api::Close, &content, cx)?))
}

/// A close that succeeded.
pub(crate) fn read(body: &Body, proof: Genuine) -> Answer {
    // The signature covers the inner object only, not its key: an answer to another call of the same order, replayed
    // under this one's key, would read as "closed". A close answers two numbers and nothing else.
    let of_another_call = body.trade_status.is_some()
        || body.qr_code.is_some()
        || body.total_amount.is_some()
        || body.fund_change.is_some()
        || body.refund_fee.is_some()
        || body.retry_flag.is_some()
        || body.action.is_some()
        || body.gmt_payment.is_some()
        || body.tells_of_a_refund();
    if of_another_call {
        return doubt(Verb::Close, Doubt::Mismatch("method".to_owned()), "mismatch");
    }
    let close = CloseProof { returned: None, rail_ref: body.rail_ref() };
    Answer::is(Outcome::closed(proof, close), rule(Verb::Close, "closed"))
}
