//! Reads, each on a read-only connection of its own. Every query runs on an index.

pub(crate) mod accounts;
pub(crate) mod bulk;
pub(crate) mod intent;
pub(crate) mod ledger;
pub(crate) mod refund;
pub(crate) mod rules;
pub(crate) mod stats;

use paifang_payment::{AccountId, AttemptId, Digest, FundsId, IntentId, RequestId, TenantId};
use paifang_store::{
    HISTORY_MAX, InboxRow, InboxVerdict, Operation, PAGE_MAX, Page, RequestRow, Resource, StoredEvent,
    Submission, Tenant, WorkRow,
};
use rusqlite::{Connection, Params, Row, params};

use crate::fault::Fault;
use crate::value::{body, capped, count, damaged, digest, get, limit, moment, named, time};
use crate::write::parse_resource;

/// Beyond every id: all of them begin with a lower-case letter.
const BEYOND_ALL: &str = "~";

/// All rows of a query.
fn all<T>(
    connection: &Connection,
    text: &str,
    params: impl Params,
    make: impl Fn(&Row<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let mut statement = connection.prepare_cached(text)?;
    let mut rows = statement.query(params)?;
    let mut made = Vec::new();
    while let Some(row) = rows.next()? {
        made.push(make(row)?);
    }
    Ok(made)
}

/// The row of a query by a unique key.
fn maybe<T>(
    connection: &Connection,
    text: &str,
    params: impl Params,
    make: impl Fn(&Row<'_>) -> Result<T, Fault>,
) -> Result<Option<T>, Fault> {
    all(connection, text, params, make).map(|mut rows| rows.pop())
}

/// A page's length, and how many rows to ask for so that it is known whether more follow.
fn page_limit(max: usize) -> (usize, i64) {
    let max = max.clamp(1, PAGE_MAX);
    (max, limit(max + 1))
}

fn page<T>(mut rows: Vec<T>, max: usize) -> Page<T> {
    let more = rows.len() > max;
    rows.truncate(max);
    Page { rows, more }
}

fn scan_limit(max: usize) -> i64 {
    limit(max.min(PAGE_MAX))
}

pub(crate) fn request(
    connection: &Connection,
    tenant: TenantId,
    operation: Operation,
    request_id: &RequestId,
) -> Result<Option<RequestRow>, Fault> {
    let text =
        "SELECT fingerprint, resource FROM request WHERE tenant = ?1 AND operation = ?2 AND request_id = ?3";
    maybe(connection, text, params![tenant.to_string(), operation.as_str(), request_id.as_str()], |row| {
        let resource = parse_resource(&get::<String>(row, "resource")?)?;
        Ok(RequestRow { fingerprint: digest(row, "fingerprint")?, resource })
    })
}

pub(crate) fn funds_asked(
    connection: &Connection,
    tenant: TenantId,
    after: Option<&RequestId>,
    max: usize,
) -> Result<Vec<(RequestId, FundsId)>, Fault> {
    let text = "SELECT request_id, resource FROM request
                 WHERE tenant = ?1 AND operation = ?2 AND request_id > ?3 ORDER BY request_id LIMIT ?4";
    let (operation, after) = (Operation::TransferFunds.as_str(), after.map_or("", RequestId::as_str));
    all(connection, text, params![tenant.to_string(), operation, after, scan_limit(max)], |row| {
        match parse_resource(&get::<String>(row, "resource")?)? {
            Resource::Funds(id) => Ok((named(row, "request_id")?, id)),
            Resource::Intent(_) | Resource::Refund(_) => Err(damaged("resource")),
        }
    })
}

pub(crate) fn submission(connection: &Connection, attempt: AttemptId) -> Result<Option<Submission>, Fault> {
    maybe(connection, "SELECT form, body FROM submission WHERE attempt = ?1", [attempt.to_string()], body)
}

/// One writer hands out cursors inside its transaction, so what a snapshot shows has no gap below it (F33).
pub(crate) fn events_after(
    connection: &Connection,
    tenant: Option<TenantId>,
    cursor: u64,
    max: usize,
) -> Result<Vec<StoredEvent>, Fault> {
    let (cursor, max) = (capped(cursor), scan_limit(max));
    match tenant {
        None => all(
            connection,
            "SELECT * FROM event WHERE cursor > ?1 ORDER BY cursor LIMIT ?2",
            params![cursor, max],
            event,
        ),
        Some(tenant) => all(
            connection,
            "SELECT * FROM event WHERE tenant = ?3 AND cursor > ?1 ORDER BY cursor LIMIT ?2",
            params![cursor, max, tenant.to_string()],
            event,
        ),
    }
}

pub(crate) fn intent_events(
    connection: &Connection,
    tenant: TenantId,
    id: IntentId,
) -> Result<Vec<StoredEvent>, Fault> {
    let text = "SELECT * FROM event WHERE intent = ?1 AND tenant = ?2 ORDER BY sequence LIMIT ?3";
    all(connection, text, params![id.to_string(), tenant.to_string(), limit(HISTORY_MAX)], event)
}

fn event(row: &Row<'_>) -> Result<StoredEvent, Fault> {
    Ok(StoredEvent {
        cursor: count(row, "cursor")?,
        id: named(row, "id")?,
        tenant: named(row, "tenant")?,
        intent: get::<Option<String>>(row, "intent")?
            .map(|id| IntentId::parse(&id).map_err(|_| damaged("intent")))
            .transpose()?,
        sequence: count(row, "sequence")?,
        kind: get(row, "kind")?,
        at: moment(row, "at")?,
        snapshot: body(row)?,
    })
}

pub(crate) fn tenant_by_key(connection: &Connection, key_hash: Digest) -> Result<Option<Tenant>, Fault> {
    maybe(connection, "SELECT * FROM tenant WHERE key_hash = ?1", [key_hash.0], tenant)
}

pub(crate) fn tenants(connection: &Connection) -> Result<Vec<Tenant>, Fault> {
    all(connection, "SELECT * FROM tenant ORDER BY position", [], tenant)
}

fn tenant(row: &Row<'_>) -> Result<Tenant, Fault> {
    Ok(Tenant {
        id: named(row, "id")?,
        name: get(row, "name")?,
        key_hash: digest(row, "key_hash")?,
        created_at: moment(row, "created_at")?,
    })
}

pub(crate) fn work(connection: &Connection, after: &str, max: usize) -> Result<Vec<WorkRow>, Fault> {
    let text = "SELECT * FROM work WHERE key > ?1 ORDER BY key LIMIT ?2";
    all(connection, text, params![after, scan_limit(max)], work_row)
}

pub(crate) fn quarantine(connection: &Connection, after: &str, max: usize) -> Result<Vec<WorkRow>, Fault> {
    let text = "SELECT * FROM work WHERE quarantined IS NOT NULL AND key > ?1 ORDER BY key LIMIT ?2";
    all(connection, text, params![after, scan_limit(max)], work_row)
}

fn work_row(row: &Row<'_>) -> Result<WorkRow, Fault> {
    let lane: String = get(row, "lane")?;
    let lane = if lane.is_empty() { None } else { Some(named(row, "lane")?) };
    Ok(WorkRow {
        key: body(row)?,
        lane,
        due_at: moment(row, "due_at")?,
        tries: get(row, "tries")?,
        epoch: count(row, "epoch")?,
        leased_until: get::<Option<i64>>(row, "leased_until")?.map(time),
        quarantined: get(row, "quarantined")?,
    })
}

pub(crate) fn is_kept(connection: &Connection, account: &AccountId, key: &str) -> Result<bool, Fault> {
    let text = "SELECT 1 AS kept FROM inbox WHERE rail_account = ?1 AND key = ?2";
    let kept = all(connection, text, params![account.as_str(), key], |row| get::<i64>(row, "kept"))?;
    Ok(!kept.is_empty())
}

pub(crate) fn inbox(
    connection: &Connection,
    account: &AccountId,
    max: usize,
) -> Result<Vec<InboxRow>, Fault> {
    let text = "SELECT * FROM inbox WHERE rail_account = ?1 ORDER BY position LIMIT ?2";
    all(connection, text, params![account.as_str(), scan_limit(max)], |row| {
        let verdict = match (get::<String>(row, "verdict")?.as_str(), get::<Option<String>>(row, "why")?) {
            ("applied", None) => InboxVerdict::Applied,
            ("suspicious", Some(why)) => InboxVerdict::Suspicious { why },
            _ => return Err(damaged("verdict")),
        };
        Ok(InboxRow {
            account: named(row, "rail_account")?,
            key: get(row, "key")?,
            verdict,
            at: moment(row, "at")?,
            digest: digest(row, "digest")?,
        })
    })
}

/// Pages, trees and indexes, as SQLite itself reads them from one end to the other. A torn page need not be met by any of
/// our reads, and a torn index would only hide rows from them.
pub(crate) fn damage(connection: &Connection) -> Result<Vec<String>, Fault> {
    let found =
        all(connection, "PRAGMA integrity_check(100)", [], |row| get::<String>(row, "integrity_check"))?;
    Ok(found.into_iter().filter(|line| line != "ok").map(|line| format!("the file: {line}")).collect())
}
