//! Orders: precreate and page pay announce one, query, close and cancel look at its trade.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::answer::{Inner, Sub, acq};
use super::biz::{Biz, yuan};
use super::gateway::Call;
use super::notify::Event;
use super::time;
use super::trades::{CODE_LIFE, Order, Product, Refund, Status, Trade, Trades};
use super::{Done, Merchant};

const ZERO: &str = "0.00";
/// The largest amount of one order: 100 million yuan.
const TOTAL_FEN_MAX: i64 = 10_000_000_000;
const GOODS_MAX: usize = 150;

/// Announces an order (or finds it, when the same request comes again) and returns its entrance.
pub(super) fn announce(
    trades: &mut Trades,
    call: &Call,
    product: Product,
    merchant: &Merchant,
    origin: &str,
    now: Timestamp,
) -> Result<String, Sub> {
    let biz = &call.biz;
    let out_trade_no = number(biz)?;
    let total_fen = biz.fen("total_amount").ok_or(acq::INVALID_PARAMETER)?;
    let subject = biz.text("subject").filter(|s| s.chars().count() <= 256).ok_or(acq::INVALID_PARAMETER)?;
    product_fits(product, biz.text("product_code").as_deref())?;
    if total_fen > TOTAL_FEN_MAX {
        return Err(acq::TOTAL_FEE_EXCEED);
    }
    if biz.count("goods_detail") > GOODS_MAX {
        return Err(acq::TOO_MANY_GOODS);
    }
    if biz.text("seller_id").is_some_and(|seller| seller != merchant.seller_id) {
        return Err(acq::INVALID_RECEIVE_ACCOUNT);
    }
    if let Some(entrance) = known(trades, &out_trade_no, product, biz, now)? {
        return Ok(entrance);
    }
    if trades.is_full() {
        return Err(Sub("isp.unknow-error", "系统繁忙"));
    }
    let expires = expiry(biz, product, now)?;
    let token = trades.token();
    let (entrance, entrance_until) = match product {
        Product::Precreate => (format!("https://qr.alipay.com/{token}"), code_until(biz, expires, now)?),
        Product::Page | Product::Wap => (format!("{origin}/cashier?token={token}"), expires),
    };
    trades.put(Order {
        out_trade_no,
        product,
        members: biz.whole().clone(),
        subject,
        body: biz.text("body"),
        passback_params: biz.text("passback_params"),
        total_fen,
        notify_url: call.notify_url.clone(),
        return_url: call.return_url.clone(),
        charset: call.charset,
        entrance: entrance.clone(),
        expires,
        entrance_until,
        cancelled: false,
        trade: None,
    });
    Ok(entrance)
}

fn number(biz: &Biz) -> Result<String, Sub> {
    let fits = |no: &String| no.len() <= 64 && no.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    biz.text("out_trade_no").filter(fits).ok_or(acq::INVALID_PARAMETER)
}

fn product_fits(product: Product, code: Option<&str>) -> Result<(), Sub> {
    let fits = match product {
        Product::Precreate => matches!(code, None | Some("FACE_TO_FACE_PAYMENT" | "QR_CODE_OFFLINE")),
        Product::Page => code == Some("FAST_INSTANT_TRADE_PAY"),
        Product::Wap => matches!(code, Some("QUICK_WAP_WAY" | "QUICK_WAP_PAY")),
    };
    if fits { Ok(()) } else { Err(acq::INVALID_PARAMETER) }
}

/// What a number that was used before leads to.
///
/// Unconfirmed: documentation lets the rail refuse a second code for one number; many clients rely on a repeat with
/// equal members succeeding, so it gives the same entrance here, or a new one when the old one has expired unused.
fn known(
    trades: &mut Trades,
    no: &str,
    product: Product,
    biz: &Biz,
    now: Timestamp,
) -> Result<Option<String>, Sub> {
    if trades.was_cancelled_unknown(no) {
        return Err(acq::TRADE_HAS_CLOSE);
    }
    let Some(order) = trades.by_number(no, now) else { return Ok(None) };
    if order.cancelled {
        return Err(acq::TRADE_HAS_CLOSE);
    }
    match order.trade.as_ref().map(|trade| trade.status) {
        Some(Status::Success | Status::Finished) => return Err(acq::TRADE_HAS_SUCCESS),
        Some(Status::Closed) => return Err(acq::TRADE_HAS_CLOSE),
        Some(Status::WaitBuyerPay) | None => {}
    }
    if order.product != product || order.members != *biz.whole() {
        return Err(acq::CONTEXT_INCONSISTENT);
    }
    let dead = order.trade.is_none() && now >= order.entrance_until;
    Ok((!dead).then(|| order.entrance.clone()))
}

/// When the order ends unpaid: `time_expire` wins over `timeout_express`, both count from now, not from the scan.
fn expiry(biz: &Biz, product: Product, now: Timestamp) -> Result<Timestamp, Sub> {
    let relative = match biz.text("timeout_express") {
        Some(written) => Some(time::timeout(&written, now).ok_or(acq::INVALID_PARAMETER)?),
        None => None,
    };
    if let Some(written) = biz.text("time_expire") {
        let at = time::parse(&written).ok_or(acq::INVALID_PARAMETER)?;
        return if at > now { Ok(at) } else { Err(acq::EXPIRED_ALREADY) };
    }
    let default = match product {
        Product::Precreate => SignedDuration::from_hours(3),
        Product::Page | Product::Wap => SignedDuration::from_hours(15 * 24),
    };
    Ok(relative.unwrap_or(now + default))
}

fn code_until(biz: &Biz, expires: Timestamp, now: Timestamp) -> Result<Timestamp, Sub> {
    let asked = match biz.text("qr_code_timeout_express") {
        Some(written) => time::timeout(&written, now).ok_or(acq::INVALID_PARAMETER)?,
        None => now + CODE_LIFE,
    };
    Ok(asked.min(now + CODE_LIFE).min(expires))
}

/// `alipay.trade.precreate`
pub(super) fn precreate(
    trades: &mut Trades,
    call: &Call,
    merchant: &Merchant,
    origin: &str,
    now: Timestamp,
) -> Done {
    Done::only(match announce(trades, call, Product::Precreate, merchant, origin, now) {
        Ok(qr_code) => {
            Inner::success().with_some("out_trade_no", call.biz.text("out_trade_no")).with("qr_code", qr_code)
        }
        Err(sub) => Inner::failed(sub),
    })
}

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
pub(super) fn query(trades: &mut Trades, biz: &Biz, merchant: &Merchant, now: Timestamp) -> Done {
    let (order, trade) = match find(trades, biz, now) {
        Ok(found) => found,
        Err(sub) => {
            let inner = Inner::failed(sub).with_some("out_trade_no", biz.text("out_trade_no"));
            return Done::only(with_four_amounts(inner, ZERO.to_owned()));
        }
    };
    // In a genuine answer for a web payment the four amounts were all zero; only the total is told for those.
    let told = trade.paid.is_some() && order.product == Product::Precreate;
    let total = yuan(order.total_fen);
    let inner = with_four_amounts(Inner::success(), if told { total.clone() } else { ZERO.to_owned() })
        .with("buyer_logon_id", merchant.buyer_logon_id)
        .with("buyer_user_id", merchant.buyer_id)
        .with("buyer_user_type", "PRIVATE")
        .with("out_trade_no", order.out_trade_no.as_str())
        .with_some("passback_params", order.passback_params.as_deref())
        .with_some("send_pay_date", trade.paid.map(time::text))
        .with("total_amount", total)
        .with("trade_no", trade.trade_no.as_str())
        .with("trade_status", trade.status.word());
    let funds = (trade.paid.is_some() && biz.lists("query_options", "fund_bill_list"))
        .then(|| fund_bill_list(order.total_fen));
    Done::only(inner.with_some("fund_bill_list", funds))
}

fn with_four_amounts(inner: Inner, amount: String) -> Inner {
    inner
        .with("buyer_pay_amount", amount.as_str())
        .with("invoice_amount", amount.as_str())
        .with("point_amount", ZERO)
        .with("receipt_amount", amount)
}

pub(super) fn fund_bill_list(fen: i64) -> Value {
    json!([{ "amount": yuan(fen), "fund_channel": "ALIPAYACCOUNT" }])
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
            order.trade = Some(Trade { status: Status::Closed, closed: Some(now), ..trade });
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
            let closed =
                Trade { status: Status::Closed, closed: Some(now), cancel_action: Some("close"), ..trade };
            (Ok("close"), closed, None)
        }
        Status::Success if trade.refunds.is_empty() => {
            let mut trade = Trade { cancel_action: Some("refund"), ..trade };
            let out_request_no = order.out_trade_no.clone();
            let event = Event::Refunded { out_biz_no: out_request_no.clone(), at: now };
            trade.refund(
                Refund { out_request_no, fen: order.total_fen, at: now, reason: None },
                order.total_fen,
            );
            (Ok("refund"), trade, Some(event))
        }
        // Unconfirmed: what a cancel does to a trade that is partly refunded.
        Status::Success => (Err(acq::REFUND_FEE_ERR), trade, None),
        Status::Finished => (Err(acq::TRADE_HAS_FINISHED), trade, None),
        // A repeated cancel tells the first one's action; on a trade closed otherwise there is nothing left to close.
        Status::Closed => (Ok(trade.cancel_action.unwrap_or("close")), trade, None),
    };
    let inner = match done {
        Ok(action) => Inner::success().with("action", action),
        Err(sub) => Inner::failed(sub),
    };
    let inner = inner
        .with("out_trade_no", order.out_trade_no.as_str())
        .with("retry_flag", "N")
        .with("trade_no", trade.trade_no.as_str());
    order.trade = Some(trade);
    Done { inner, event: event.map(|event| (order.clone(), event)) }
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
