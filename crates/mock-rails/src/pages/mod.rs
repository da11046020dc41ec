//! Two small pages on the control listener, for people: the payer's wallet, and the journal of requests.
//!
//! | route | what |
//! |---|---|
//! | `GET /`, `/wallet` | leads to the first rail's wallet |
//! | `GET /wallet/{rail}` | the payer's phone: scan a code (as text or as a picture), open orders, a payment code |
//! | `POST /wallet/{rail}/scan` | form data `code` or `picture` (PNG, JPEG): looks at that order |
//! | `POST /wallet/{rail}/pay`, `/decline` | form `order_no` |
//! | `POST /wallet/{rail}/code` | form `outcome`: shows a payment code as text and as a picture |
//! | `GET /journal/{rail}` | requests, newest first; `?refused=1` shows only those that were refused |
//! | `GET /journal/{rail}/{number}` | one request: headers, body, answer, and the exact string that should have been signed |
//!
//! Plain HTML: no script, nothing loaded from elsewhere, and every value is escaped by the template.

mod journal;
mod layout;
mod picture;
mod wallet;

#[cfg(test)]
mod tests;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use crate::control::World;

/// Largest form or picture, in bytes.
const FORM_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Nothing but our own style sheet, our own pictures and our own forms.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
                      frame-ancestors 'none'; base-uri 'none'";

/// The routes of both pages.
pub(crate) fn routes(world: World) -> Router {
    Router::new()
        .route("/", get(|| async { Redirect::to("/wallet") }))
        .route("/style.css", get(style))
        .route("/wallet", get(wallet::first))
        .route("/wallet/{rail}", get(wallet::show))
        .route("/wallet/{rail}/scan", post(wallet::scan))
        .route("/wallet/{rail}/pay", post(wallet::pay))
        .route("/wallet/{rail}/decline", post(wallet::decline))
        .route("/wallet/{rail}/code", post(wallet::code))
        .route("/journal", get(journal::first))
        .route("/journal/{rail}", get(journal::list))
        .route("/journal/{rail}/{number}", get(journal::show))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(middleware::from_fn(guard))
        .with_state(world)
}

/// Refuses forms that another site sends in the reader's name, and says what the browser may load.
async fn guard(request: Request, next: Next) -> Response {
    if request.method() == Method::POST && !is_own(request.headers()) {
        return (StatusCode::FORBIDDEN, "this form was sent by another site").into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// Whether the form came from a page of this very host, or from a program that names no origin. A page that sends no
/// referrer says `null` for its own forms too; where the browser tells, `Sec-Fetch-Site` decides.
fn is_own(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let origin = origin.to_str().ok().and_then(|text| text.split_once("://")).map(|(_, host)| host);
    origin.is_some() && origin == headers.get(HOST).and_then(|host| host.to_str().ok())
}

async fn style() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("style.css"))
}
