//! What the merchant does with a trade: query, close, cancel.

use jiff::Timestamp;

use super::answer::{Inner, Sub, acq};
use super::biz::{Biz, yuan};
use super::material::Account;
use super::notify::Event;
use super::time;
use super::trades::{CancelAction, Order, Product, Refund, RefundState, Status, Trade, Trades};
use super::{Done, News};

const ZERO: &str = "0.00";

/// Finds the trade a request means: `trade_no` wins over `out_trade_no`. An order that nobody came to has none.
pub(super) fn find<'a>(
    trades: &'a mut Trades,
    biz: &Biz,
    now: Timestamp,
) -> Result<(&'a mut Order, Trade), Sub> {
    let order = match (biz.text("trade_no"), biz.text("out_trade_no")) {
        (Some(trade_no), _) => trades.by_trade_no(&trade_no, now),
        (None, Some(out_trade_no)) => trades.by_number(&out_trade_no, now),
        (None, None) => return Err(acq::INVALID_PARAMETER),
    };
    let order = order.ok_or(acq::TRADE_NOT_EXIST)?;
    let trade = order.trade.clone().ok_or(acq::TRADE_NOT_EXIST)?;
    Ok((order, trade))
}

/// `alipay.trade.query`
pub(super) fn query(trades: &mut Trades, biz: &Biz, account: &Account, now: Timestamp) -> Done {
    let (order, trade) = match find(trades, biz, now) {
        Ok(found) => found,
        Err(sub) => {
            let inner = Inner::failed(sub).with_some("out_trade_no", biz.text("out_trade_no"));
            return Done::only(with_four_amounts(inner, ZERO.to_owned()));
        }
    };
    // In a genuine answer for a web payment the four amounts were all zero; only the total is told for those.
    let web = matches!(order.product, Product::Page | Product::Wap);
    let total = yuan(order.total_fen);
    let told = if trade.paid.is_some() && !web { total.clone() } else { ZERO.to_owned() };
    let asked = |option| trade.paid.is_some() && biz.lists("query_options", option);
    let instalments = trade.paid.and_then(|_| order.funds.instalment_info(order.total_fen, &trade.trade_no));
    let inner = with_four_amounts(Inner::success(), told)
        .with("buyer_logon_id", account.buyer_logon_id.as_str())
        .with("buyer_user_id", order.buyer_id(account))
        .with("buyer_user_type", "PRIVATE")
        .with("out_trade_no", order.out_trade_no.as_str())
        .with_some("passback_params", order.passback_params.as_deref())
        .with_some("send_pay_date", trade.paid.map(time::text))
        .with_some("store_id", order.store_id.as_deref())
        .with_some("terminal_id", order.terminal_id.as_deref())
        .with("total_amount", total)
        .with("trade_no", trade.trade_no.as_str())
        .with("trade_status", trade.status.word())
        .with_some("hb_fq_pay_info", instalments)
        .with_some("fund_bill_list", asked("fund_bill_list").then(|| order.funds.bill_list(order.total_fen)));
    // There are no discounts in this world, and no vouchers.
    let none = |option| asked(option).then_some(ZERO);
    Done::only(
        inner
            .with_some("discount_amount", none("discount_amount"))
            .with_some("mdiscount_amount", none("mdiscount_amount")),
    )
}

pub(super) fn with_four_amounts(inner: Inner, amount: String) -> Inner {
    inner
        .with("buyer_pay_amount", amount.as_str())
        .with("invoice_amount", amount.as_str())
        .with("point_amount", ZERO)
        .with("receipt_amount", amount)
}

/// `alipay.trade.close`: only what waits for its buyer can be closed; a closed trade cannot (unconfirmed, but it
/// follows from the rule).
pub(super) fn close(trades: &mut Trades, biz: &Biz, now: Timestamp) -> Done {
    let failed = |sub| Inner::failed(sub).with_some("out_trade_no", biz.text("out_trade_no"));
    Done::only(match find(trades, biz, now) {
        Err(sub) => failed(sub),
        Ok((order, trade)) if trade.status == Status::WaitBuyerPay => {
            let answer = Inner::success()
                .with("out_trade_no", order.out_trade_no.as_str())
                .with("trade_no", trade.trade_no.as_str());
            let mut trade = trade;
            trade.close(now);
            order.trade = Some(trade);
            answer
        }
        Ok(_) => failed(acq::TRADE_STATUS_ERROR),
    })
}

/// `alipay.trade.cancel`: closes what is unpaid, gives everything back of what is paid, and makes sure that an unknown
/// number is never paid later.
pub(super) fn cancel(trades: &mut Trades, biz: &Biz, now: Timestamp) -> Done {
    let (order, trade) = match find(trades, biz, now) {
        Ok(found) => found,
        Err(sub) if sub == acq::TRADE_NOT_EXIST => return Done::only(cancel_unknown(trades, biz, now)),
        Err(sub) => return Done::only(Inner::failed(sub).with("retry_flag", "N")),
    };
    let (done, trade, event) = match trade.status {
        Status::WaitBuyerPay => {
            let mut closed = Trade { cancel_action: Some(CancelAction::Close), ..trade };
            closed.close(now);
            (Ok(CancelAction::Close), closed, None)
        }
        Status::Success if trade.refunds.is_empty() => {
            let mut trade = Trade { cancel_action: Some(CancelAction::Refund), ..trade };
            let out_request_no = order.out_trade_no.clone();
            let event = Event::Refunded { out_biz_no: out_request_no.clone(), at: now };
            trade.refund(
                Refund {
                    out_request_no,
                    fen: order.total_fen,
                    at: now,
                    state: RefundState::Done,
                    reason: None,
                },
                order.total_fen,
            );
            (Ok(CancelAction::Refund), trade, Some(event))
        }
        // Unconfirmed: what a cancel does to a trade that is partly refunded.
        Status::Success => (Err(acq::REFUND_FEE_ERR), trade, None),
        Status::Finished => (Err(acq::TRADE_HAS_FINISHED), trade, None),
        // A repeated cancel tells the first one's action; on a trade closed otherwise there is nothing left to close.
        Status::Closed => (Ok(trade.cancel_action.unwrap_or(CancelAction::Close)), trade, None),
    };
    let inner = match done {
        Ok(action) => Inner::success().with("action", action.word()),
        Err(sub) => Inner::failed(sub),
    };
    let inner = inner
        .with("out_trade_no", order.out_trade_no.as_str())
        .with("retry_flag", "N")
        .with("trade_no", trade.trade_no.as_str());
    order.trade = Some(trade);
    let news = event.map(|event| News::Trade(Box::new(order.clone()), event)).into_iter().collect();
    Done { inner, news }
}

/// The answer of a rail that could not cancel, or does not know whether it did: the client is to call again (F10).
pub(super) fn cancel_again(out_trade_no: Option<String>) -> Done {
    Done::only(Inner::success().with_some("out_trade_no", out_trade_no).with("retry_flag", "Y"))
}

fn cancel_unknown(trades: &mut Trades, biz: &Biz, now: Timestamp) -> Inner {
    let Some(out_trade_no) = biz.text("out_trade_no") else {
        // The rail's own number cannot be remembered for later: there is no such trade, and there never will be.
        return Inner::success().with("retry_flag", "N");
    };
    match trades.by_number(&out_trade_no, now) {
        Some(order) => order.cancelled = true,
        None => trades.cancel_unknown(&out_trade_no),
    }
    Inner::success().with("out_trade_no", out_trade_no).with("retry_flag", "N")
}
