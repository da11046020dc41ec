//! `GET /policy/{tenant}/{begin}/{end}` for operators: who could pay with what in a time that is past, at most 31 days, as JSON.
//! `-` in place of a tenant is the only one that there is. Of a time that is not over it is said so; one that has not begun is refused.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use paifang_engine::Error;
use paifang_payment::TenantId;
use paifang_policy::audit::Tally;
use paifang_store::{PAGE_MAX, Store, StoreError, StoredRules};
use serde_json::{Value, json};

use crate::core::Over;
use crate::grpc::AUDITED_MAX;

/// Stretches that are told at most: some hundred kilobytes each at the very most.
const SPANS_MAX: usize = 200;
/// Changes of the rules that are told at most.
const CHANGES_MAX: usize = 1_000;
/// Payments between two looks at whether anybody still waits.
const PAYMENTS_PER_LOOK: usize = 10_000;

/// Tells it.
pub(crate) async fn audit<S: Store>(
    State(engine): State<Over<S>>,
    Path((tenant, begin, end)): Path<(String, String, String)>,
) -> Response {
    let (Ok(begins), Ok(ends)) = (begin.parse::<Timestamp>(), end.parse::<Timestamp>()) else {
        let rule = "begin, end: must be points in time such as 2024-09-11T16:00:00Z";
        return refuse(StatusCode::BAD_REQUEST, rule);
    };
    let length = ends.duration_since(begins);
    if length <= SignedDuration::ZERO || length > AUDITED_MAX {
        return refuse(StatusCode::BAD_REQUEST, "end: must be after begin, and at most 31 days after it");
    }
    if begins > engine.now() {
        return refuse(StatusCode::BAD_REQUEST, "begin: is to come; nothing has held then yet");
    }
    let tenant = match find(engine.store(), &tenant).await {
        Ok(Ok(tenant)) => tenant,
        Ok(Err(why)) => return refuse(StatusCode::NOT_FOUND, why),
        Err(error) => return broken(&error.into()),
    };
    match told(&engine, tenant, begins, ends).await {
        Ok(told) => Json(told).into_response(),
        Err(error) => broken(&error),
    }
}

/// The tenant, or why there is none.
async fn find(store: &impl Store, text: &str) -> Result<Result<TenantId, &'static str>, StoreError> {
    let tenants = store.tenants().await?;
    if text == "-" {
        return Ok(match tenants.as_slice() {
            [only] => Ok(only.id),
            [] => Err("there is no storefront"),
            [_, _, ..] => Err("there are several storefronts; name one of them"),
        });
    }
    let named = tenants.iter().find(|tenant| tenant.id.to_string() == text);
    Ok(named.map(|tenant| tenant.id).ok_or("no such storefront"))
}

async fn told<S: Store>(
    engine: &Over<S>,
    tenant: TenantId,
    begins: Timestamp,
    ends: Timestamp,
) -> Result<Value, Error> {
    let asked_at = engine.now();
    let spans = engine.audit(tenant, begins, ends, SPANS_MAX).await?;
    let (changes, more_changes) = changes(engine.store(), tenant, begins, ends).await?;
    let mut tally = Tally::default();
    let mut after = None;
    loop {
        after = engine.tally_decisions(tenant, (begins, ends), after, PAYMENTS_PER_LOOK, &mut tally).await?;
        if after.is_none() {
            break;
        }
    }
    let rules = engine.rules(tenant).await?;
    Ok(json!({
        "tenant": tenant.to_string(),
        "begin_time": begins,
        "end_time": ends,
        "is_over": ends <= asked_at,
        "asked_at": (asked_at < ends).then_some(asked_at),
        "rules": rules.book().map(|book| book.name().to_string()),
        "more_spans": spans.last().is_some_and(|last| last.ends < ends),
        "spans": spans,
        "more_changes": more_changes,
        "changes": changes,
        "payments": tally.payments,
        "beyond_counts": tally.beyond_lines,
        "counts": tally.lines(),
    }))
}

/// What was changed in that time, and whether there was more. The book is read page by page, and none of its texts is kept.
async fn changes(
    store: &impl Store,
    tenant: TenantId,
    begins: Timestamp,
    ends: Timestamp,
) -> Result<(Vec<Value>, bool), StoreError> {
    let (mut told, mut seen) = (Vec::new(), 0);
    loop {
        let page = store.rules_after(tenant, seen, PAGE_MAX).await?;
        let is_last = page.len() < PAGE_MAX;
        for StoredRules { position, entry } in page {
            seen = position;
            let at = entry.fact.at();
            if !(begins <= at && at < ends) {
                continue;
            }
            if told.len() >= CHANGES_MAX {
                return Ok((told, true));
            }
            let request = entry.request.map(|request| request.id.to_string());
            told.push(json!({ "position": position, "request_id": request, "fact": entry.fact }));
        }
        if is_last {
            return Ok((told, false));
        }
    }
}

fn broken(error: &Error) -> Response {
    tracing::error!(%error, "a past day cannot be told of");
    refuse(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer; the log says how")
}

fn refuse(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}
