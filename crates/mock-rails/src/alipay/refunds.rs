//! Refunds: a ledger per trade, keyed by `out_request_no`.
//!
//! Most move the money at once. One that takes time, or comes to nothing in the end, answers `fund_change` N, and the
//! refund query has no `refund_status` for it.

use jiff::{SignedDuration, Timestamp};

use super::answer::{Inner, Sub, acq};
use super::biz::{Biz, yuan};
use super::material::Account;
use super::notify::Event;
use super::orders::find;
use super::time;
use super::trades::{Order, Refund, RefundState, Status, Trade, Trades};
use super::{Done, News};
use crate::magic::{Mood, THINKING_S};

/// What comes of a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// The merchant's account has not enough.
    NotEnough,
    /// The money moves after this time.
    Later(SignedDuration),
    /// It is taken on, and fails after this time.
    Fails(SignedDuration),
}

impl Wish {
    pub(super) fn of_mood(mood: Mood) -> Option<Self> {
        match mood {
            Mood::RefundNotEnough => Some(Self::NotEnough),
            Mood::RefundSlow => Some(Self::Later(SignedDuration::from_hours(1))),
            Mood::RefundFails => Some(Self::Fails(SignedDuration::from_secs(THINKING_S))),
            Mood::Declined
            | Mood::Risk
            | Mood::PendingThenPaid
            | Mood::PendingThenDeclined
            | Mood::Unsure
            | Mood::RateLimited => None,
        }
    }
}

/// `alipay.trade.refund`; `magic` is what the amount alone asks for.
///
/// `fund_change` is `Y` when this call moved the money and `N` on a repeat; `refund_fee` is the sum over the trade.
pub(super) fn refund(
    trades: &mut Trades,
    biz: &Biz,
    account: &Account,
    magic: Option<Wish>,
    now: Timestamp,
) -> Done {
    match try_refund(trades, biz, magic, now) {
        Ok((order, refund, moved)) => {
            let inner = refunded(&order, &refund, moved, biz, account);
            let event = moved.then_some(Event::Refunded { out_biz_no: refund.out_request_no, at: refund.at });
            Done { inner, news: event.map(|event| News::Trade(Box::new(order), event)).into_iter().collect() }
        }
        Err(sub) => Done::only(Inner::failed(sub).with("refund_fee", "0.00").with("send_back_fee", "0.00")),
    }
}

/// The order, the refund, and whether this call moved its money.
fn try_refund(
    trades: &mut Trades,
    biz: &Biz,
    magic: Option<Wish>,
    now: Timestamp,
) -> Result<(Order, Refund, bool), Sub> {
    let fen = biz.fen("refund_amount").ok_or(acq::INVALID_PARAMETER)?;
    let named = biz.text("out_request_no");
    let (order, mut trade) = find(trades, biz, now)?;
    // A number is required to give back a part; without one the order's own stands for the whole.
    if (named.is_none() && fen < order.total_fen) || named.as_ref().is_some_and(|no| no.len() > 64) {
        return Err(acq::INVALID_PARAMETER);
    }
    let out_request_no = named.unwrap_or_else(|| order.out_trade_no.clone());
    // The repeat comes before the state: a refund that emptied the trade can still be asked for again. One that failed
    // can be tried again under its number.
    trade
        .refunds
        .retain(|refund| refund.out_request_no != out_request_no || refund.state != RefundState::Failed);
    if let Some(before) = trade.refunds.iter().find(|refund| refund.out_request_no == out_request_no) {
        if before.fen != fen {
            return Err(acq::DISCORDANT_REPEAT);
        }
        return Ok((order.clone(), before.clone(), false));
    }
    match trade.status {
        Status::Success => {}
        Status::WaitBuyerPay => return Err(acq::TRADE_STATUS_ERROR),
        Status::Closed => return Err(acq::TRADE_HAS_CLOSE),
        Status::Finished => return Err(acq::TRADE_HAS_FINISHED),
    }
    if fen > order.total_fen - trade.reserved_fen() {
        return Err(acq::REFUND_TOO_MUCH);
    }
    let (at, state) = match magic {
        Some(Wish::NotEnough) => return Err(acq::SELLER_NOT_ENOUGH),
        Some(Wish::Later(wait)) => (now + wait, RefundState::Processing { fails: false }),
        Some(Wish::Fails(wait)) => (now + wait, RefundState::Processing { fails: true }),
        None => (now, RefundState::Done),
    };
    let refund = Refund { out_request_no, fen, at, state, reason: biz.text("refund_reason") };
    trade.refund(refund.clone(), order.total_fen);
    order.trade = Some(trade);
    let order = order.clone();
    if state != RefundState::Done {
        trades.process(&order.out_trade_no, &refund);
    }
    Ok((order, refund, state == RefundState::Done))
}

fn refunded(order: &Order, refund: &Refund, moved: bool, biz: &Biz, account: &Account) -> Inner {
    let detailed = biz.lists("query_options", "refund_detail_item_list");
    Inner::success()
        .with("buyer_logon_id", account.buyer_logon_id.as_str())
        .with("buyer_user_id", order.buyer_id(account))
        .with("fund_change", if moved { "Y" } else { "N" })
        .with_some("gmt_refund_pay", (refund.state == RefundState::Done).then(|| time::text(refund.at)))
        .with("out_trade_no", order.out_trade_no.as_str())
        .with("refund_fee", yuan(order.trade.as_ref().map_or(0, Trade::refunded_fen)))
        .with("send_back_fee", if moved { yuan(refund.fen) } else { "0.00".to_owned() })
        .with_some("trade_no", order.trade.as_ref().map(|trade| trade.trade_no.as_str()))
        .with_some("refund_detail_item_list", (detailed && moved).then(|| order.funds.bill_list(refund.fen)))
}

/// `alipay.trade.fastpay.refund.query`: an unknown refund is answered 10000 with nothing but code and msg.
pub(super) fn refund_query(trades: &mut Trades, biz: &Biz, now: Timestamp) -> Done {
    let Some(out_request_no) = biz.text("out_request_no") else {
        return Done::only(Inner::failed(acq::INVALID_PARAMETER));
    };
    let (order, trade) = match find(trades, biz, now) {
        Ok(found) => found,
        Err(sub) => return Done::only(Inner::failed(sub)),
    };
    let Some(refund) = trade.refunds.iter().find(|refund| refund.out_request_no == out_request_no) else {
        return Done::only(Inner::success());
    };
    let done = refund.state == RefundState::Done;
    let asked = |option| done && biz.lists("query_options", option);
    let inner = Inner::success()
        .with("out_request_no", out_request_no)
        .with("out_trade_no", order.out_trade_no.as_str())
        .with("refund_amount", yuan(refund.fen))
        .with_some("refund_reason", refund.reason.as_deref())
        .with_some("refund_status", done.then_some("REFUND_SUCCESS"))
        // After a failure; the documented example is of another API.
        .with_some("error_code", (refund.state == RefundState::Failed).then_some("REFUND_FAIL"))
        .with("total_amount", yuan(order.total_fen))
        .with("trade_no", trade.trade_no.as_str())
        .with_some("gmt_refund_pay", asked("gmt_refund_pay").then(|| time::text(refund.at)));
    let details = asked("refund_detail_item_list").then(|| order.funds.bill_list(refund.fen));
    Done::only(inner.with_some("refund_detail_item_list", details))
}
