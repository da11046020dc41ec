//! A tenant's book of rules, and the decisions by it.

use deadpool_postgres::Pool;
use paifang_payment::{AttemptId, RequestId, TenantId};
use paifang_store::{RulesEntry, RulesRequest, StoreError, StoredDecided, StoredRules};
use tokio_postgres::Row;

use super::{Answer, all, maybe, scan_limit};
use crate::value::{body, count, digest, get, moment, named};

pub(crate) async fn after(
    pool: &Pool,
    tenant: TenantId,
    position: u64,
    max: usize,
) -> Answer<Vec<StoredRules>> {
    let text = "SELECT position, request_id, fingerprint, form, body, text
                  FROM rules WHERE tenant = $1 AND position > $2 ORDER BY position LIMIT $3";
    all(pool, text, &[tenant.to_string().into(), position.into(), scan_limit(max).into()], entry).await
}

pub(crate) async fn by_request(
    pool: &Pool,
    tenant: TenantId,
    request: &RequestId,
) -> Answer<Option<StoredRules>> {
    let text = "SELECT position, request_id, fingerprint, form, body, text
                  FROM rules WHERE tenant = $1 AND request_id = $2";
    maybe(pool, text, &[tenant.to_string().into(), request.as_str().into()], entry).await
}

pub(crate) async fn decisions(
    pool: &Pool,
    tenant: TenantId,
    after: Option<AttemptId>,
    max: usize,
) -> Answer<Vec<StoredDecided>> {
    let text = "SELECT tenant, intent, attempt, at, form, body
                  FROM decision WHERE tenant = $1 AND attempt > $2 ORDER BY attempt LIMIT $3";
    let after = after.map(|after| after.to_string()).unwrap_or_default();
    all(pool, text, &[tenant.to_string().into(), after.into(), scan_limit(max).into()], decided).await
}

pub(crate) async fn decision(
    pool: &Pool,
    tenant: TenantId,
    attempt: AttemptId,
) -> Answer<Option<StoredDecided>> {
    let text = "SELECT tenant, intent, attempt, at, form, body
                  FROM decision WHERE tenant = $1 AND attempt = $2";
    maybe(pool, text, &[tenant.to_string().into(), attempt.to_string().into()], decided).await
}

fn entry(row: &Row) -> Result<StoredRules, StoreError> {
    let request = match get::<Option<String>>(row, "request_id")? {
        Some(_) => {
            Some(RulesRequest { id: named(row, "request_id")?, fingerprint: digest(row, "fingerprint")? })
        }
        None => None,
    };
    let entry = RulesEntry { request, fact: body(row)?, text: get(row, "text")? };
    Ok(StoredRules { position: count(row, "position")?, entry })
}

fn decided(row: &Row) -> Result<StoredDecided, StoreError> {
    Ok(StoredDecided {
        tenant: named(row, "tenant")?,
        intent: named(row, "intent")?,
        attempt: named(row, "attempt")?,
        at: moment(row, "at")?,
        decided: body(row)?,
    })
}
