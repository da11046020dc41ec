//! Bulk refunds and their entries.

use paifang_money::{Currency, PositiveMoney};
use paifang_payment::{BulkId, TenantId};
use paifang_store::{BulkEntry, BulkRow, BulkState, BulkTotal, EntryStage, PAGE_MAX, Page, Refused};
use rusqlite::{Connection, Row, params};

use super::{BEYOND_ALL, all, maybe, page, page_limit, scan_limit};
use crate::fault::Fault;
use crate::value::{body, capped, count, damaged, get, limit, moment, named, time};

/// Sums in two parts: many amounts may be more than 64 bits hold.
const PART: i128 = 1_000_000;

const TOTALS: &str = "
    SELECT stage, reason, currency, count(*) AS n, coalesce(sum(amount / 1000000), 0) AS high,
           coalesce(sum(amount % 1000000), 0) AS low
      FROM bulk_entry_seen WHERE bulk = (SELECT id FROM bulk WHERE id = ?1 AND tenant = ?2)
     GROUP BY stage, reason, currency";

pub(crate) fn one(connection: &Connection, tenant: TenantId, id: BulkId) -> Result<Option<BulkRow>, Fault> {
    let text = "SELECT * FROM bulk WHERE id = ?1 AND tenant = ?2";
    maybe(connection, text, params![id.to_string(), tenant.to_string()], row)
}

pub(crate) fn list(
    connection: &Connection,
    tenant: TenantId,
    before: Option<BulkId>,
    max: usize,
) -> Result<Page<BulkRow>, Fault> {
    let (max, ask) = page_limit(max);
    let before = before.map_or(BEYOND_ALL.to_owned(), |id| id.to_string());
    let text = "SELECT * FROM bulk WHERE tenant = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
    let rows = all(connection, text, params![tenant.to_string(), before, ask], row)?;
    Ok(page(rows, max))
}

pub(crate) fn scan(
    connection: &Connection,
    after: Option<BulkId>,
    max: usize,
) -> Result<Vec<BulkRow>, Fault> {
    let after = after.map(|after| after.to_string()).unwrap_or_default();
    let text = "SELECT * FROM bulk WHERE id > ?1 ORDER BY id LIMIT ?2";
    all(connection, text, params![after, scan_limit(max)], row)
}

/// Over the index of those that are due: all others are many.
pub(crate) fn scan_open(
    connection: &Connection,
    after: Option<BulkId>,
    max: usize,
) -> Result<Vec<BulkRow>, Fault> {
    let after = after.map(|after| after.to_string()).unwrap_or_default();
    let text =
        "SELECT * FROM bulk INDEXED BY bulk_due WHERE due_at IS NOT NULL AND id > ?1 ORDER BY id LIMIT ?2";
    all(connection, text, params![after, scan_limit(max)], row)
}

pub(crate) fn entries(
    connection: &Connection,
    (tenant, id): (TenantId, BulkId),
    stage: Option<EntryStage>,
    after: u64,
    max: usize,
) -> Result<Vec<BulkEntry>, Fault> {
    let text = "SELECT * FROM bulk_entry_seen
                 WHERE bulk = (SELECT id FROM bulk WHERE id = ?1 AND tenant = ?2) AND position > ?3
                   AND (?4 IS NULL OR stage = ?4) ORDER BY position LIMIT ?5";
    let values = params![
        id.to_string(),
        tenant.to_string(),
        capped(after),
        stage.map(EntryStage::as_str),
        scan_limit(max)
    ];
    all(connection, text, values, entry)
}

/// Entries that were begun and have no outcome.
pub(crate) fn asking(connection: &Connection, id: &str) -> Result<Vec<BulkEntry>, Fault> {
    let text =
        "SELECT * FROM bulk_entry_seen WHERE bulk = ?1 AND state = 'asking' ORDER BY position LIMIT ?2";
    all(connection, text, params![id, limit(PAGE_MAX)], entry)
}

pub(crate) fn totals(connection: &Connection, tenant: TenantId, id: BulkId) -> Result<Vec<BulkTotal>, Fault> {
    let mut totals = all(connection, TOTALS, params![id.to_string(), tenant.to_string()], total)?;
    totals.sort_by_key(BulkTotal::place);
    Ok(totals)
}

pub(crate) fn open(connection: &Connection) -> Result<u64, Fault> {
    let text = "SELECT count(*) AS n FROM bulk WHERE due_at IS NOT NULL";
    maybe(connection, text, [], |row| count(row, "n")).map(Option::unwrap_or_default)
}

fn total(row: &Row<'_>) -> Result<BulkTotal, Fault> {
    let currency: Option<String> = get(row, "currency")?;
    let currency =
        currency.map(|code| Currency::parse(&code)).transpose().map_err(|_| damaged("currency"))?;
    let (high, low): (i64, i64) = (get(row, "high")?, get(row, "low")?);
    Ok(BulkTotal {
        stage: stage(row)?,
        reason: get(row, "reason")?,
        currency,
        count: count(row, "n")?,
        minor: i128::from(high) * PART + i128::from(low),
    })
}

fn stage(row: &Row<'_>) -> Result<EntryStage, Fault> {
    EntryStage::parse(&get::<String>(row, "stage")?).ok_or_else(|| damaged("stage"))
}

fn entry(row: &Row<'_>) -> Result<BulkEntry, Fault> {
    let amount: Option<i64> = get(row, "amount")?;
    let currency: Option<String> = get(row, "currency")?;
    let amount = amount.zip(currency).map(|(minor, code)| {
        let currency = Currency::parse(&code).map_err(|_| damaged("currency"))?;
        PositiveMoney::new(minor, currency).map_err(|_| damaged("amount"))
    });
    let refund: Option<String> = get(row, "refund")?;
    let refused = get::<Option<String>>(row, "reason")?.zip(get(row, "message")?);
    Ok(BulkEntry {
        position: count(row, "position")?,
        name: named(row, "name")?,
        intent: named(row, "intent")?,
        amount: amount.transpose()?,
        stage: stage(row)?,
        refund: refund.map(TryInto::try_into).transpose().map_err(|_| damaged("refund"))?,
        refused: refused.map(|(reason, message)| Refused { reason, message }),
    })
}

fn row(row: &Row<'_>) -> Result<BulkRow, Fault> {
    let state = BulkState::parse(&get::<String>(row, "state")?).ok_or_else(|| damaged("state"))?;
    Ok(BulkRow {
        tenant: named(row, "tenant")?,
        id: named(row, "id")?,
        terms: body(row)?,
        state,
        entries: count(row, "entries")?,
        created_at: moment(row, "created_at")?,
        started_at: get::<Option<i64>>(row, "started_at")?.map(time),
        ended_at: get::<Option<i64>>(row, "ended_at")?.map(time),
    })
}
