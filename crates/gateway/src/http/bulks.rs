//! `GET /bulk-refunds` and `GET /bulk-refunds/{tenant}/{id}` for operators: which bulk refunds are under way, and how far one is.
//! Counts and amounts; no entries, and nothing of a payer.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use paifang_engine::{BulkSeen, Error};
use paifang_payment::{BulkId, TenantId};
use paifang_store::{BulkRow, BulkTotal, PAGE_MAX, Store, StoreError};
use serde_json::{Value, json};

use crate::core::Over;

/// Bulk refunds that are listed at most.
const LISTED_MAX: usize = 1_000;

/// Lists those of all storefronts that were started and have not ended, oldest first.
pub(crate) async fn list<S: Store>(State(engine): State<Over<S>>) -> Response {
    match open(engine.store()).await {
        Ok((found, more)) => {
            let found: Vec<Value> = found.iter().map(shown).collect();
            Json(json!({ "bulk_refunds": found, "more": more })).into_response()
        }
        Err(error) => failed(&error),
    }
}

/// Tells how many entries of one are where.
pub(crate) async fn show<S: Store>(
    State(engine): State<Over<S>>,
    Path((tenant, id)): Path<(String, String)>,
) -> Response {
    let (Ok(tenant), Ok(id)) = (TenantId::parse(&tenant), BulkId::parse(&id)) else {
        return refuse(StatusCode::NOT_FOUND, "there is no such bulk refund");
    };
    match engine.bulk(tenant, id).await {
        Ok(BulkSeen { row, totals }) => {
            let mut told = shown(&row);
            told["totals"] = totals.iter().map(total).collect();
            Json(told).into_response()
        }
        Err(Error::NotFound(_)) => refuse(StatusCode::NOT_FOUND, "there is no such bulk refund"),
        Err(error) => failed(&error),
    }
}

async fn open(store: &impl Store) -> Result<(Vec<BulkRow>, bool), StoreError> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.scan_open_bulks(after, PAGE_MAX).await?;
        let Some(last) = page.last() else { return Ok((found, false)) };
        after = Some(last.id);
        found.extend(page);
        if found.len() > LISTED_MAX {
            found.truncate(LISTED_MAX);
            return Ok((found, true));
        }
    }
}

fn shown(row: &BulkRow) -> Value {
    let BulkRow { tenant, id, terms, state, entries, created_at, started_at, ended_at } = row;
    json!({
        "bulk_refund_id": id.to_string(),
        "tenant": tenant.to_string(),
        "name": terms.name,
        "state": state.as_str(),
        "entries": entries,
        "refunds_per_second": terms.pace,
        "created": created_at.to_string(),
        "started": started_at.map(|at| at.to_string()),
        "ended": ended_at.map(|at| at.to_string()),
    })
}

fn total(total: &BulkTotal) -> Value {
    json!({
        "state": total.stage.as_str(),
        "refused_reason": total.reason,
        "currency": total.currency.map(|currency| currency.code()),
        "count": total.count,
        "minor_units": i64::try_from(total.minor).unwrap_or(i64::MAX),
    })
}

/// The inside of a failure is for the log.
fn failed(error: &dyn std::error::Error) -> Response {
    tracing::error!(%error, "bulk refunds cannot be read");
    refuse(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer")
}

fn refuse(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}
