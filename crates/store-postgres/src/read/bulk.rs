//! Bulk refunds and their entries.

use deadpool_postgres::Pool;
use paifang_money::{Currency, PositiveMoney};
use paifang_payment::{BulkId, TenantId};
use paifang_store::{BulkEntry, BulkRow, BulkState, BulkTotal, EntryStage, Page, Refused, StoreError};
use tokio_postgres::Row;

use super::{Answer, BEYOND_ALL, all, maybe, page, page_limit, scan_limit};
use crate::value::{body, count, damaged, get, moment, named, time};

/// Sums in two parts: many amounts may be more than 64 bits hold.
const PART: i128 = 1_000_000;

const TOTALS: &str = "
    SELECT stage, reason, currency, count(*) AS n, coalesce(sum(amount / 1000000), 0)::bigint AS high,
           coalesce(sum(amount % 1000000), 0)::bigint AS low
      FROM bulk_entry_seen WHERE bulk = (SELECT id FROM bulk WHERE id = $1 AND tenant = $2)
     GROUP BY stage, reason, currency";

pub(crate) async fn one(pool: &Pool, tenant: TenantId, id: BulkId) -> Answer<Option<BulkRow>> {
    let text = "SELECT * FROM bulk WHERE id = $1 AND tenant = $2";
    maybe(pool, text, &[id.to_string().into(), tenant.to_string().into()], row).await
}

pub(crate) async fn list(
    pool: &Pool,
    tenant: TenantId,
    before: Option<BulkId>,
    max: usize,
) -> Answer<Page<BulkRow>> {
    let (max, ask) = page_limit(max);
    let before = before.map_or(BEYOND_ALL.to_owned(), |id| id.to_string());
    let text = "SELECT * FROM bulk WHERE tenant = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
    let rows = all(pool, text, &[tenant.to_string().into(), before.into(), ask.into()], row).await?;
    Ok(page(rows, max))
}

pub(crate) async fn scan(pool: &Pool, after: Option<BulkId>, max: usize) -> Answer<Vec<BulkRow>> {
    let after = after.map(|after| after.to_string()).unwrap_or_default();
    let text = "SELECT * FROM bulk WHERE id > $1 ORDER BY id LIMIT $2";
    all(pool, text, &[after.into(), scan_limit(max).into()], row).await
}

pub(crate) async fn scan_open(pool: &Pool, after: Option<BulkId>, max: usize) -> Answer<Vec<BulkRow>> {
    let after = after.map(|after| after.to_string()).unwrap_or_default();
    let text = "SELECT * FROM bulk WHERE due_at IS NOT NULL AND id > $1 ORDER BY id LIMIT $2";
    all(pool, text, &[after.into(), scan_limit(max).into()], row).await
}

pub(crate) async fn entries(
    pool: &Pool,
    (tenant, id): (TenantId, BulkId),
    stage: Option<EntryStage>,
    after: u64,
    max: usize,
) -> Answer<Vec<BulkEntry>> {
    let text = "SELECT * FROM bulk_entry_seen
                 WHERE bulk = (SELECT id FROM bulk WHERE id = $1 AND tenant = $2) AND position > $3
                   AND ($4::text IS NULL OR stage = $4) ORDER BY position LIMIT $5";
    let values = [
        id.to_string().into(),
        tenant.to_string().into(),
        after.into(),
        stage.map(EntryStage::as_str).into(),
        scan_limit(max).into(),
    ];
    all(pool, text, &values, entry).await
}

pub(crate) async fn totals(pool: &Pool, tenant: TenantId, id: BulkId) -> Answer<Vec<BulkTotal>> {
    let values = [id.to_string().into(), tenant.to_string().into()];
    let mut totals = all(pool, TOTALS, &values, total).await?;
    totals.sort_by_key(BulkTotal::place);
    Ok(totals)
}

pub(crate) async fn open(pool: &Pool) -> Answer<u64> {
    let text = "SELECT count(*) AS n FROM bulk WHERE due_at IS NOT NULL";
    maybe(pool, text, &[], |row| count(row, "n")).await.map(Option::unwrap_or_default)
}

/// The column `state` of a bulk.
pub(crate) fn state(row: &Row) -> Result<BulkState, StoreError> {
    BulkState::parse(&get::<String>(row, "state")?).ok_or_else(|| damaged("state"))
}

pub(crate) fn entry(row: &Row) -> Result<BulkEntry, StoreError> {
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

fn total(row: &Row) -> Result<BulkTotal, StoreError> {
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

fn stage(row: &Row) -> Result<EntryStage, StoreError> {
    EntryStage::parse(&get::<String>(row, "stage")?).ok_or_else(|| damaged("stage"))
}

fn row(row: &Row) -> Result<BulkRow, StoreError> {
    Ok(BulkRow {
        tenant: named(row, "tenant")?,
        id: named(row, "id")?,
        terms: body(row)?,
        state: state(row)?,
        entries: count(row, "entries")?,
        created_at: moment(row, "created_at")?,
        started_at: get::<Option<i64>>(row, "started_at")?.map(time),
        ended_at: get::<Option<i64>>(row, "ended_at")?.map(time),
    })
}
