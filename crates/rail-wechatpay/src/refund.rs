//! Refunds and their query. A refund's number is its idempotency: the same number never pays twice.

use paifang_payment::Verb;
use paifang_rail::{Answer, Context, Genuine, Plan, PlanError, RefundOrder};
use serde::Serialize;

use crate::descriptor::Tells;
use crate::request::{cut, fen, get, notify_url, plain_text, post};
use crate::wire::{self, Refund};
use crate::{FundsAccount, RefundFrom, Settings, answer};

/// `reason`, s80: characters in the pages, bytes in the live check.
const REASON_BYTES_MAX: usize = 80;

#[derive(Serialize)]
struct NewRefund<'a> {
    out_trade_no: &'a str,
    out_refund_no: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    notify_url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    funds_account: Option<FundsAccount>,
    amount: Amount,
}

#[derive(Serialize)]
struct Amount {
    refund: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<[From; 1]>,
    total: i64,
    currency: &'static str,
}

/// An account and what it gives: here always the whole refund.
#[derive(Serialize)]
struct From {
    account: RefundFrom,
    amount: i64,
}

/// The order is named by our own number, which we always have; `transaction_id` would be the other way.
pub(crate) fn plan(settings: &Settings, refund: &RefundOrder, cx: &Context<'_>) -> Result<Plan, PlanError> {
    let reason = refund.reason.open(Tells).map(|reason| plain_text("reason", reason)).transpose()?;
    let reason = reason.map(|reason| cut(reason, REASON_BYTES_MAX));
    let back = fen("amount", refund.amount)?;
    let from = settings.refund_from.map(|account| [From { account, amount: back }]);
    let new = NewRefund {
        out_trade_no: refund.order.order_no.as_str(),
        out_refund_no: refund.refund_no.as_str(),
        reason,
        notify_url: notify_url(cx)?,
        funds_account: settings.refund_funds_account,
        amount: Amount {
            refund: back,
            from,
            total: fen("order.amount", refund.order.amount)?,
            currency: "CNY",
        },
    };
    post(settings, "/v3/refund/domestic/refunds", &new, cx)
}

/// The query; refund numbers are letters and digits, so nothing in the target needs escaping.
pub(crate) fn plan_query(
    settings: &Settings,
    refund: &RefundOrder,
    cx: &Context<'_>,
) -> Result<Plan, PlanError> {
    get(settings, &format!("/v3/refund/domestic/refunds/{}", refund.refund_no), cx)
}

/// Creation and query answer the same object.
pub(crate) fn read(verb: Verb, refund: &RefundOrder, body: &[u8], proof: Genuine) -> Answer {
    let Some(found) = wire::parse::<Refund>(body) else { return answer::unreadable(verb) };
    if found.out_refund_no != refund.refund_no.as_str() {
        return answer::mismatch(verb, "out_refund_no");
    }
    if found.out_trade_no != refund.order.order_no.as_str() {
        return answer::mismatch(verb, "out_trade_no");
    }
    match found.outcome(proof) {
        Ok((outcome, case)) => Answer::is(outcome, answer::rule(verb, case)),
        Err(_) => answer::unreadable(verb),
    }
}
