//! The cashier page that stands for UnionPay's own, and the error page of `frontTransReq.do`.
//!
//! The payer pays or turns away; then the page posts the signed fields from the browser to the merchant's `frontUrl`,
//! as the real one does when the payer presses "return". That return proves nothing by itself.

use std::fmt::Write as _;

use http::StatusCode;

use super::codes::Refusal;
use super::trade::{State, Trade, Way};
use super::wire::Fields;
use crate::RailReply;

/// Where the pages are, before the order's own part.
pub(super) const PATH: &str = "/cashier/";

/// The page of an order that waits for its payer.
pub(super) fn waiting(trade: &Trade) -> RailReply {
    let (yuan, fen) = (trade.order.fen / 100, trade.order.fen % 100);
    let path = format!("{PATH}{}", trade.cashier.as_deref().unwrap_or_default());
    page(&format!(
        "<p>{} {yuan}.{fen:02} CNY</p>\
         <form method=\"post\" action=\"{path}/pay\"><button id=\"pay\">付款</button></form>\
         <form method=\"post\" action=\"{path}/decline\"><button id=\"decline\">取消</button></form>{}",
        escaped(trade.order.description.as_deref().unwrap_or(&trade.order.key.order_id)),
        way_back(trade),
    ))
}

/// The page that carries the signed fields to the merchant by the payer's browser.
pub(super) fn returning(front_url: &str, fields: &Fields) -> RailReply {
    let charset = escaped(fields.value("encoding").unwrap_or("UTF-8"));
    let target = escaped(front_url);
    let mut form =
        format!("<form id=\"return\" method=\"post\" accept-charset=\"{charset}\" action=\"{target}\">");
    for (name, value) in fields.iter() {
        // Line breaks survive a hidden field only as character references.
        let value = escaped(value).replace('\r', "&#13;").replace('\n', "&#10;");
        // Writing to a String cannot fail.
        let _ = write!(form, "<input type=\"hidden\" name=\"{}\" value=\"{value}\">", escaped(name));
    }
    form.push_str(
        "<button>返回商户</button></form><script>document.getElementById(\"return\").submit()</script>",
    );
    page(&form)
}

/// The page of an order that cannot be paid (now).
pub(super) fn stopped(trade: &Trade) -> RailReply {
    page(&format!("<p>{}</p>{}", escaped(&trade.state.code().text), way_back(trade)))
}

/// After a failure the browser may go to `frontFailUrl`, without any data.
fn way_back(trade: &Trade) -> String {
    let failed = match trade.state {
        State::Open { declined: Some(_) } | State::Failed { .. } | State::Refused { .. } => true,
        State::Open { declined: None } | State::Running { .. } | State::Done { .. } => false,
    };
    let way = trade.order.what.payment().map(|payment| &payment.way);
    let url = match way {
        Some(Way::Front { fail_url, .. }) => fail_url.as_deref(),
        Some(Way::PreOrder { .. } | Way::App | Way::MerchantCode | Way::PayerCode { .. }) | None => None,
    };
    match url.filter(|_| failed) {
        Some(url) => format!("<p><a id=\"back\" href=\"{}\">返回商户</a></p>", escaped(url)),
        None => String::new(),
    }
}

/// HTTP 200 with the message where scrapers look for it.
pub(super) fn error(refusal: &Refusal) -> RailReply {
    page(&format!("<p class=\"end_error\">{}</p>", escaped(&refusal.text())))
}

fn page(content: &str) -> RailReply {
    let text = format!(
        "<!DOCTYPE html><html lang=\"zh\"><head><meta charset=\"utf-8\"><title>银联支付</title></head>\
         <body>{content}</body></html>"
    );
    RailReply::new(StatusCode::OK, "text/html;charset=UTF-8", text)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
