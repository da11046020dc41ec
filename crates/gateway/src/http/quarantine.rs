//! `GET /quarantine` and `POST /quarantine/{key}/redrive` for operators: work that nobody touches any more, with reason and
//! evidence, and its way back to the workers.

use std::time::Duration;

use axum::Json;
use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use paifang_engine::{Poisoned, RedriveError};
use paifang_payment::Remark;
use paifang_store::{Store, WorkKey};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::core::Over;

/// Pieces of work that are listed at most.
const LISTED_MAX: usize = 1_000;
/// Largest body in bytes: two remarks, however they are escaped.
const BYTES_MAX: usize = 8 * 1024;
/// How long it may take to arrive.
const READ_TIME: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    by: Remark,
    why: Remark,
    #[serde(default)]
    epoch: Option<u64>,
}

/// Lists the quarantine.
pub(crate) async fn list<S: Store>(State(engine): State<Over<S>>) -> Response {
    match engine.quarantined(LISTED_MAX).await {
        Ok((found, more)) => {
            let quarantine: Vec<Value> = found.iter().map(shown).collect();
            Json(json!({ "quarantine": quarantine, "more": more })).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "the quarantine cannot be read");
            refuse(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer")
        }
    }
}

/// Gives one piece back to the workers.
pub(crate) async fn redrive<S: Store>(
    State(engine): State<Over<S>>,
    Path(key): Path<String>,
    request: Request,
) -> Response {
    // A web page that an operator looks at cannot send this type without being asked who it is.
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind.and_then(|kind| kind.split(';').next()).map(str::trim) != Some("application/json") {
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Content-Type: must be application/json");
    }
    let body = match timeout(READ_TIME, to_bytes(request.into_body(), BYTES_MAX)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return refuse(StatusCode::BAD_REQUEST, "the body did not come, or is too large"),
        Err(_) => return refuse(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"),
    };
    let wanted: Wanted = match serde_json::from_slice(&body) {
        Ok(wanted) => wanted,
        Err(_) => {
            let rule = "the body: must be a JSON object of by (who), why (1 to 200 characters each, one line) and, if \
                        wished, epoch (a number of the list)";
            return refuse(StatusCode::BAD_REQUEST, rule);
        }
    };
    match engine.redrive(&key, wanted.epoch, &wanted.by, &wanted.why).await {
        Ok(key) => Json(json!({ "key": key.text(), "redriven": true })).into_response(),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(work = key, %error, cause, by = %wanted.by, "work was not re-driven");
            refuse(status(&error), &told(&error))
        }
    }
}

fn status(error: &RedriveError) -> StatusCode {
    match error {
        RedriveError::NotThere => StatusCode::NOT_FOUND,
        RedriveError::Changed | RedriveError::Ended { .. } => StatusCode::CONFLICT,
        RedriveError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The inside of a failure is for the log.
fn told(error: &RedriveError) -> String {
    match error {
        RedriveError::NotThere | RedriveError::Changed | RedriveError::Ended { .. } => error.to_string(),
        RedriveError::Failed(_) => "it failed; the log says how".to_owned(),
    }
}

fn shown(one: &Poisoned) -> Value {
    let kind = match &one.work.key {
        WorkKey::Attempt { .. } => "attempt",
        WorkKey::Refund { .. } => "refund",
        WorkKey::Expiry { .. } => "expiry",
    };
    json!({
        "key": one.work.key.text(),
        "kind": kind,
        "tenant": one.work.key.tenant().to_string(),
        "payment_intent_id": one.intent.map(|id| id.to_string()),
        "account": one.work.lane.as_ref().map(|lane| lane.as_str()),
        "state": one.state,
        "reason": one.kept.reason,
        "rule": one.kept.rule,
        "message_digest": one.kept.digest.map(String::from),
        "tries": one.kept.tries.unwrap_or(one.work.tries),
        "since": one.kept.since.map(|since| since.to_string()),
        "epoch": one.work.epoch,
    })
}

fn refuse(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}
