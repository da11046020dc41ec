//! Notifications of rails: the token, then the bytes, then the engine, and only then an answer.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use paifang_engine::ports::{IncomingMessage, Rails};
use paifang_payment::AccountId;
use paifang_rail::{BODY_BYTES_MAX, HttpReply, Verdict};
use paifang_store::Store;
use tokio::time::timeout;

use super::{Desk, nothing};

/// How long a body may take to arrive (F65).
const READ_TIME: Duration = Duration::from_secs(5);
/// How long the rail waits for our word. WeChat Pay gives up after 5 s; what takes longer goes on, and the repeat is
/// told that it is known.
const ANSWER_TIME: Duration = Duration::from_secs(4);

/// `POST /notify/{account}/{token}`. Nothing of the request decides whether the message is verified (F62).
pub(super) async fn notify<S: Store>(
    State(desk): State<Desk<S>>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Response {
    // A path that cannot be read names no account.
    let (account, token) = path.map(|Path(parts)| parts).unwrap_or_default();
    // An account that cannot be read is compared as well, so that it takes the same time.
    let account = AccountId::parse(&account).or_else(|_| AccountId::parse("-"));
    let admitted = account.ok().filter(|account| desk.rails.admits(account, &token));
    let Some(account) = admitted.filter(|_| request.method() == Method::POST) else {
        desk.metrics.strayed();
        return nothing().await;
    };
    let Ok(place) = Arc::clone(&desk.places).try_acquire_owned() else {
        return answer(desk.rails.acknowledge(&account, Verdict::TryLater));
    };
    let (head, body) = request.into_parts();
    let body = match read(body).await {
        Ok(body) => body,
        Err(status) => return status.into_response(),
    };
    let query = head.uri.query().unwrap_or_default().to_owned();
    let message = IncomingMessage { headers: texts(&head.headers), query, body };
    let (rails, told) = (desk.rails.clone(), account.clone());
    // In a task of its own: a rail that hangs up must not stop the commit (F34).
    let judged = desk.tasks.spawn(async move {
        let _place = place;
        let notified = desk.engine.notified(&account, &message).await;
        desk.metrics.notified(&account, &notified);
        notified.verdict()
    });
    let verdict = match timeout(ANSWER_TIME, judged).await {
        Ok(Ok(verdict)) => verdict,
        Ok(Err(_)) | Err(_) => Verdict::TryLater,
    };
    answer(rails.acknowledge(&told, verdict))
}

/// The raw bytes, as the signature covers them (F49).
async fn read(body: Body) -> Result<Vec<u8>, StatusCode> {
    match timeout(READ_TIME, to_bytes(body, BODY_BYTES_MAX)).await {
        Ok(Ok(bytes)) => Ok(bytes.to_vec()),
        Ok(Err(_)) => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

/// A header that is no text becomes one that fits no signature.
fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

fn answer(reply: HttpReply) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static(reply.content_type))], reply.body)
        .into_response()
}
