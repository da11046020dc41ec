//! Page and wap pay: the browser comes with a signed request and is sent on to a small cashier; the cashier opens the
//! trade, takes the payment and sends the browser back to the shop with a signed return.

use http::StatusCode;
use jiff::Timestamp;

use super::biz::yuan;
use super::keys::Keys;
use super::material::Account;
use super::notify::{Fields, sign};
use super::time;
use super::trades::{Order, Product, Trade};
use super::wire::{Charset, html, write_form};
use crate::RailReply;

const HTML: &str = "text/html;charset=utf-8";

/// Sends the browser to the cashier. Whether the real gateway redirects or answers a page is unconfirmed; a client
/// that follows redirects lives with both.
pub(super) fn to_cashier(entrance: &str) -> RailReply {
    RailReply::new(StatusCode::FOUND, HTML, "").with_header(LOCATION, entrance)
}

const LOCATION: &str = "location";

/// The cashier's page for an order.
pub(super) fn cashier(order: &Order, now: Timestamp) -> RailReply {
    let state = order.word(now);
    let token = order.entrance.as_deref().and_then(|address| address.rsplit('=').next()).unwrap_or("");
    let form = |path: &str, label: &str| {
        format!(
            "<form method=\"post\" action=\"/cashier/{path}?token={token}\"><button>{label}</button></form>"
        )
    };
    let acts = if state == "WAIT_BUYER_PAY" {
        form("pay", "确认付款") + &form("decline", "取消")
    } else {
        String::new()
    };
    page(&format!("<h1>{}</h1><p>¥{}</p><p>{state}</p>{acts}", html(&order.subject), yuan(order.total_fen)))
}

/// A page of the cashier.
pub(super) fn page(body: &str) -> RailReply {
    let head = "<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title>支付宝 - 收银台</title></head>";
    RailReply::new(StatusCode::OK, HTML, format!("{head}<body>{body}</body></html>"))
}

/// After the payment: back to the shop, or a page that says so when the shop gave no return_url.
pub(super) fn paid(order: &Order, account: &Account, keys: &Keys, now: Timestamp) -> RailReply {
    match (&order.return_url, &order.trade) {
        (Some(url), Some(trade)) => {
            let target = return_target(url, return_fields(order, trade, account, now), keys, order.charset);
            RailReply::new(StatusCode::SEE_OTHER, HTML, "").with_header(LOCATION, &target)
        }
        (Some(_) | None, _) => page("<h1>付款成功</h1>"),
    }
}

fn return_fields(order: &Order, trade: &Trade, account: &Account, now: Timestamp) -> Fields {
    let method = match order.product {
        Product::Wap => "alipay.trade.wap.pay.return",
        Product::Page
        | Product::Precreate
        | Product::Code
        | Product::Create
        | Product::App
        | Product::Hold => "alipay.trade.page.pay.return",
    };
    vec![
        ("charset", order.charset.name().to_owned()),
        ("out_trade_no", order.out_trade_no.clone()),
        ("method", method.to_owned()),
        ("total_amount", yuan(order.total_fen)),
        ("trade_no", trade.trade_no.clone()),
        ("auth_app_id", account.app_id.clone()),
        ("version", "1.0".to_owned()),
        ("app_id", account.app_id.clone()),
        ("sign_type", "RSA2".to_owned()),
        ("seller_id", account.seller_id.clone()),
        ("timestamp", time::text(now)),
        ("sign", String::new()),
    ]
}

/// The return URL with its signed query; signed like a notice, over the rail's own fields only.
pub(super) fn return_target(url: &str, mut fields: Fields, keys: &Keys, charset: Charset) -> String {
    sign(&mut fields, keys, charset, false);
    let query = write_form(fields.iter().map(|(name, value)| (*name, value.as_str())), charset);
    let (url, fragment) = match url.split_once('#') {
        Some((url, fragment)) => (url, format!("#{fragment}")),
        None => (url, String::new()),
    };
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}{query}{fragment}")
}
