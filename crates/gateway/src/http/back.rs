//! The payer's browser comes back from a rail. Whatever it claims proves nothing (F55): no parameter and no body is read.
//! It is only a good moment to ask the rail, and the payer goes on to the storefront.

use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use paifang_payment::{AccountId, OrderNo};
use paifang_store::Store;
use tokio::time::timeout;
use url::Url;

use super::{Desk, nothing};

/// How long a payer waits for us to find out where to go.
const PATIENCE: Duration = Duration::from_secs(3);

const PAGE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
    <meta name=\"viewport\" content=\"width=device-width\"><title>Back to the shop</title>\
    <p>You can close this page and go back to the shop.</p>\
    <p lang=\"zh\">您可以关闭此页面并返回商户。</p></html>";

/// `GET` or `POST /return/{account}/{order_no}`.
pub(super) async fn back<S: Store>(
    State(desk): State<Desk<S>>,
    path: Result<Path<(String, String)>, PathRejection>,
    method: Method,
) -> Response {
    let (account, order_no) = path.map(|Path(parts)| parts).unwrap_or_default();
    if method != Method::GET && method != Method::POST {
        return nothing().await;
    }
    let target = match (AccountId::parse(&account), OrderNo::parse(&order_no)) {
        (Ok(account), Ok(order_no)) if desk.rails.knows(&account) => {
            storefront(&desk, &account, &order_no).await
        }
        _ => None,
    };
    let mut response = match target {
        Some(target) => (StatusCode::SEE_OTHER, [(header::LOCATION, target)]).into_response(),
        None => Html(PAGE).into_response(),
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The page may be behind an order's secret number and beside the rail's parameters: nobody keeps or passes it on.
const HEADERS: [(HeaderName, &str); 4] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
];

/// Where the storefront wants its payer, if it said so when it confirmed. Only a web address is followed.
async fn storefront<S: Store>(
    desk: &Desk<S>,
    account: &AccountId,
    order_no: &OrderNo,
) -> Option<HeaderValue> {
    let returned = timeout(PATIENCE, desk.engine.returned(account, order_no)).await;
    let target = match returned {
        Ok(Ok(target)) => target?,
        Ok(Err(error)) => {
            tracing::warn!(%account, %error, "a payer came back and could not be sent on");
            return None;
        }
        Err(_) => return None,
    };
    let url = Url::parse(&target).ok()?;
    matches!(url.scheme(), "https" | "http").then(|| HeaderValue::from_str(url.as_str()).ok()).flatten()
}
