//! A tenant's book of rules, and the decisions by it.

use paifang_payment::{AttemptId, Digest, RequestId, TenantId};
use paifang_store::{RulesEntry, RulesRequest, StoredDecided, StoredRules};
use rusqlite::{Connection, Row, params};

use super::{all, maybe, scan_limit};
use crate::fault::Fault;
use crate::value::{body, capped, count, get, moment, named};

pub(crate) fn after(
    connection: &Connection,
    tenant: TenantId,
    position: u64,
    max: usize,
) -> Result<Vec<StoredRules>, Fault> {
    let text = "SELECT * FROM rules WHERE tenant = ?1 AND position > ?2 ORDER BY position LIMIT ?3";
    all(connection, text, params![tenant.to_string(), capped(position), scan_limit(max)], entry)
}

pub(crate) fn by_request(
    connection: &Connection,
    tenant: TenantId,
    request: &RequestId,
) -> Result<Option<StoredRules>, Fault> {
    let text = "SELECT * FROM rules WHERE tenant = ?1 AND request_id = ?2";
    maybe(connection, text, params![tenant.to_string(), request.as_str()], entry)
}

pub(crate) fn decisions(
    connection: &Connection,
    tenant: TenantId,
    after: Option<AttemptId>,
    max: usize,
) -> Result<Vec<StoredDecided>, Fault> {
    let text = "SELECT * FROM decision WHERE tenant = ?1 AND attempt > ?2 ORDER BY attempt LIMIT ?3";
    let after = after.map(|after| after.to_string()).unwrap_or_default();
    all(connection, text, params![tenant.to_string(), after, scan_limit(max)], decided)
}

pub(crate) fn decision(
    connection: &Connection,
    tenant: TenantId,
    attempt: AttemptId,
) -> Result<Option<StoredDecided>, Fault> {
    let text = "SELECT * FROM decision WHERE tenant = ?1 AND attempt = ?2";
    maybe(connection, text, params![tenant.to_string(), attempt.to_string()], decided)
}

fn entry(row: &Row<'_>) -> Result<StoredRules, Fault> {
    let request = match get::<Option<String>>(row, "request_id")? {
        Some(_) => Some(RulesRequest {
            id: named(row, "request_id")?,
            fingerprint: get::<[u8; 32]>(row, "fingerprint").map(Digest)?,
        }),
        None => None,
    };
    let entry = RulesEntry { request, fact: body(row)?, text: get(row, "text")? };
    Ok(StoredRules { position: count(row, "position")?, entry })
}

fn decided(row: &Row<'_>) -> Result<StoredDecided, Fault> {
    Ok(StoredDecided {
        tenant: named(row, "tenant")?,
        intent: named(row, "intent")?,
        attempt: named(row, "attempt")?,
        at: moment(row, "at")?,
        decided: body(row)?,
    })
}
