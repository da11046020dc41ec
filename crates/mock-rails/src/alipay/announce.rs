//! Announcing orders: precreate, create, page, wap and app pay, and what a number used before leads to.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::Done;
use super::answer::{Inner, Sub, acq};
use super::api::Call;
use super::biz::Biz;
use super::channels::Funds;
use super::material::Account;
use super::time;
use super::trades::{CODE_LIFE, Order, Product, Status, Trades};

/// The largest amount of one order: 100 million yuan.
const TOTAL_FEN_MAX: i64 = 10_000_000_000;
const GOODS_MAX: usize = 150;

/// Announces an order, or finds it when the same request comes again, and says whether it is a new one.
pub(super) fn announce(
    trades: &mut Trades,
    call: &Call,
    product: Product,
    account: &Account,
    origin: &str,
    now: Timestamp,
) -> Result<bool, Sub> {
    let biz = &call.biz;
    let no = number(biz)?;
    checked(biz, product, account)?;
    if known(trades, &no, product, biz, now)? {
        return Ok(false);
    }
    if trades.is_full() {
        return Err(acq::UNKNOWN_ERROR);
    }
    let expires = expiry(biz, product, now)?;
    let (entrance, entrance_until) = match product {
        Product::Precreate => {
            let qr_code = format!("https://qr.alipay.com/{}", trades.numbers.token());
            (Some(qr_code), code_until(biz, expires, now)?)
        }
        Product::Page | Product::Wap => {
            (Some(format!("{origin}/cashier?token={}", trades.numbers.token())), expires)
        }
        Product::Code | Product::Create | Product::App | Product::Hold => (None, expires),
    };
    trades.put(Order {
        announced: now,
        product,
        members: terms(biz),
        subject: biz.text("subject").unwrap_or_default(),
        body: biz.text("body"),
        passback_params: biz.text("passback_params"),
        total_fen: biz.fen("total_amount").ok_or(acq::INVALID_PARAMETER)?,
        notify_url: call.notify_url.clone(),
        return_url: call.return_url.clone(),
        charset: call.charset,
        buyer_id: biz.text("buyer_id"),
        store_id: biz.text("store_id"),
        terminal_id: biz.text("terminal_id"),
        operator_id: biz.text("operator_id"),
        funds: Funds::of(biz)?,
        auth_no: biz.text("auth_no"),
        entrance,
        expires,
        entrance_until,
        cancelled: false,
        pending: None,
        trade: None,
        told: Vec::new(),
        out_trade_no: no,
    });
    Ok(true)
}

/// What must be the same when a request comes again: everything but the payer's code, and the notify_url, which only v3 has
/// among the members.
fn terms(biz: &Biz) -> Value {
    let mut members = biz.whole().clone();
    if let Some(members) = members.as_object_mut() {
        members.remove("auth_code");
        members.remove("scene");
        members.remove("notify_url");
    }
    members
}

/// The checks of the members that all payment calls share.
fn checked(biz: &Biz, product: Product, account: &Account) -> Result<(), Sub> {
    let total_fen = biz.fen("total_amount").ok_or(acq::INVALID_PARAMETER)?;
    biz.text("subject").filter(|s| s.chars().count() <= 256).ok_or(acq::INVALID_PARAMETER)?;
    product_fits(product, biz.text("product_code").as_deref())?;
    if total_fen > TOTAL_FEN_MAX {
        return Err(acq::TOTAL_FEE_EXCEED);
    }
    if biz.count("goods_detail") > GOODS_MAX {
        return Err(acq::TOO_MANY_GOODS);
    }
    if biz.text("seller_id").is_some_and(|seller| seller != account.seller_id) {
        return Err(acq::INVALID_RECEIVE_ACCOUNT);
    }
    if biz.text("buyer_id").is_some_and(|buyer| buyer == account.seller_id) {
        return Err(acq::BUYER_SELLER_EQUAL);
    }
    // Both parts sent must add up to the total.
    if let (Some(discountable), Some(rest)) =
        (biz.fen("discountable_amount"), biz.fen("undiscountable_amount"))
        && discountable + rest != total_fen
    {
        return Err(acq::INVALID_PARAMETER);
    }
    Funds::of(biz).map(|_| ())
}

pub(super) fn number(biz: &Biz) -> Result<String, Sub> {
    let fits = |no: &String| no.len() <= 64 && no.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    biz.text("out_trade_no").filter(fits).ok_or(acq::INVALID_PARAMETER)
}

fn product_fits(product: Product, code: Option<&str>) -> Result<(), Sub> {
    let fits = match product {
        Product::Precreate => matches!(code, None | Some("FACE_TO_FACE_PAYMENT" | "QR_CODE_OFFLINE")),
        Product::Page => code == Some("FAST_INSTANT_TRADE_PAY"),
        Product::Wap => matches!(code, Some("QUICK_WAP_WAY" | "QUICK_WAP_PAY")),
        Product::Code => matches!(code, None | Some("FACE_TO_FACE_PAYMENT" | "OFFLINE_PAYMENT")),
        Product::Create => matches!(code, None | Some("FACE_TO_FACE_PAYMENT" | "JSAPI_PAY")),
        // Old clients leave it out.
        Product::App => matches!(code, None | Some("QUICK_MSECURITY_PAY")),
        Product::Hold => matches!(code, Some("PRE_AUTH" | "PRE_AUTH_ONLINE")),
    };
    if fits { Ok(()) } else { Err(acq::INVALID_PARAMETER) }
}

/// What a number that was used before leads to.
///
/// Unconfirmed: documentation lets the rail refuse a second code for one number; many clients rely on a repeat with
/// equal members succeeding, so it gives the same entrance here, or a new one when the old one has expired unused.
fn known(trades: &mut Trades, no: &str, product: Product, biz: &Biz, now: Timestamp) -> Result<bool, Sub> {
    if trades.was_cancelled_unknown(no) {
        return Err(acq::TRADE_HAS_CLOSE);
    }
    let Some(order) = trades.by_number(no, now) else { return Ok(false) };
    if order.cancelled {
        return Err(acq::TRADE_HAS_CLOSE);
    }
    match order.trade.as_ref().map(|trade| trade.status) {
        Some(Status::Success | Status::Finished) => return Err(acq::TRADE_HAS_SUCCESS),
        Some(Status::Closed) => return Err(acq::TRADE_HAS_CLOSE),
        Some(Status::WaitBuyerPay) | None => {}
    }
    if order.product != product || order.members != terms(biz) {
        return Err(acq::CONTEXT_INCONSISTENT);
    }
    Ok(order.trade.is_some() || now < order.entrance_until)
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
        Product::Precreate | Product::Code | Product::Hold => SignedDuration::from_hours(3),
        Product::Page | Product::Wap | Product::Create | Product::App => SignedDuration::from_hours(15 * 24),
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
    account: &Account,
    origin: &str,
    now: Timestamp,
) -> Done {
    let no = call.biz.text("out_trade_no").unwrap_or_default();
    Done::only(match announce(trades, call, Product::Precreate, account, origin, now) {
        Ok(_) => {
            let qr_code = trades.by_number(&no, now).and_then(|order| order.entrance.clone());
            // Asked for with code_type share_code; its shape was found nowhere.
            let share = call.biz.text("code_type").filter(|kind| kind == "share_code");
            let share =
                share.and(qr_code.as_deref().and_then(|code| code.rsplit('/').next()).map(str::to_owned));
            Inner::success()
                .with("out_trade_no", no)
                .with_some("qr_code", qr_code)
                .with_some("share_code", share)
        }
        Err(sub) => Inner::failed(sub),
    })
}

/// `alipay.trade.create`: the trade waits for its buyer from now on. The buyer must be given.
pub(super) fn create(
    trades: &mut Trades,
    call: &Call,
    account: &Account,
    origin: &str,
    now: Timestamp,
) -> Done {
    let buyer = ["buyer_id", "buyer_open_id", "buyer_logon_id", "op_buyer_open_id"];
    if !buyer.iter().any(|name| call.biz.text(name).is_some()) {
        return Done::only(Inner::failed(acq::INVALID_PARAMETER));
    }
    let no = call.biz.text("out_trade_no").unwrap_or_default();
    let opened = announce(trades, call, Product::Create, account, origin, now)
        .and_then(|_| trades.open(&no, now).map_err(|_| acq::TRADE_STATUS_ERROR));
    Done::only(match opened {
        Ok(order) => Inner::success()
            .with("out_trade_no", order.out_trade_no.as_str())
            .with_some("trade_no", order.trade.as_ref().map(|trade| trade.trade_no.as_str())),
        Err(sub) => Inner::failed(sub),
    })
}
