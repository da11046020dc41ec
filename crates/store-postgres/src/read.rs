//! Reads: one statement each, so each sees one moment, and every one runs on an index. What names an order of commits
//! (events, transfers) or counts (the figures) first places what was committed since: see `place` in the schema.

pub(crate) mod accounts;
pub(crate) mod bulk;
pub(crate) mod intent;
pub(crate) mod ledger;
pub(crate) mod refund;
pub(crate) mod rules;
pub(crate) mod stats;

use deadpool_postgres::{Object, Pool};
use paifang_payment::{AccountId, AttemptId, Digest, FundsId, IntentId, RequestId, TenantId};
use paifang_store::{
    HISTORY_MAX, InboxRow, InboxVerdict, Operation, PAGE_MAX, Page, RequestRow, Resource, StoreError,
    StoredEvent, Submission, Tenant, WorkRow,
};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use crate::fault::{self, Reach, reach};
use crate::step::Value;
use crate::value::{body, capped, count, damaged, digest, get, limit, moment, named, resource, time};

type Answer<T> = Result<T, StoreError>;

/// Beyond every id: all of them begin with a lower-case letter.
const BEYOND_ALL: &str = "~";

/// A read is tried so often, each time on another connection: the first ones may be left over from before the server was
/// started anew.
const TRIES: u32 = 3;

/// All rows of a query.
async fn all<T>(
    pool: &Pool,
    text: &str,
    values: &[Value],
    make: impl Fn(&Row) -> Answer<T>,
) -> Answer<Vec<T>> {
    rows(pool, text, values, false).await?.iter().map(make).collect()
}

/// All rows of a query over what has a place in the order of commits.
async fn placed<T>(
    pool: &Pool,
    text: &str,
    values: &[Value],
    make: impl Fn(&Row) -> Answer<T>,
) -> Answer<Vec<T>> {
    rows(pool, text, values, true).await?.iter().map(make).collect()
}

/// The row of a query by a unique key.
async fn maybe<T>(
    pool: &Pool,
    text: &str,
    values: &[Value],
    make: impl Fn(&Row) -> Answer<T>,
) -> Answer<Option<T>> {
    all(pool, text, values, make).await.map(|mut rows| rows.pop())
}

async fn rows(pool: &Pool, text: &str, values: &[Value], place_first: bool) -> Answer<Vec<Row>> {
    let mut tries = 1;
    loop {
        let client = pool.get().await.map_err(fault::unavailable)?;
        match query(&client, text, values, place_first).await {
            Ok(rows) => return Ok(rows),
            Err(error) => match reach(&error) {
                Reach::Connection if tries < TRIES => drop(Object::take(client)),
                Reach::Again if tries < TRIES => {}
                Reach::Connection | Reach::Again | Reach::Rule | Reach::Damage | Reach::Server => {
                    return Err(fault::of_read(error));
                }
            },
        }
        tries += 1;
    }
}

async fn query(client: &Object, text: &str, values: &[Value], place_first: bool) -> Result<Vec<Row>, Error> {
    if place_first {
        let place = client.prepare_cached("SELECT place()").await?;
        client.query(&place, &[]).await?;
    }
    let statement = client.prepare_cached(text).await?;
    let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
    client.query(&statement, &values).await
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

pub(crate) async fn request(
    pool: &Pool,
    tenant: TenantId,
    operation: Operation,
    request_id: &RequestId,
) -> Answer<Option<RequestRow>> {
    let text =
        "SELECT fingerprint, resource FROM request WHERE tenant = $1 AND operation = $2 AND request_id = $3";
    let values = [tenant.to_string().into(), operation.as_str().into(), request_id.as_str().into()];
    maybe(pool, text, &values, |row| {
        Ok(RequestRow { fingerprint: digest(row, "fingerprint")?, resource: resource(row)? })
    })
    .await
}

pub(crate) async fn funds_asked(
    pool: &Pool,
    tenant: TenantId,
    after: Option<RequestId>,
    max: usize,
) -> Answer<Vec<(RequestId, FundsId)>> {
    let text = "SELECT request_id, resource FROM request
                 WHERE tenant = $1 AND operation = $2 AND request_id > $3 ORDER BY request_id LIMIT $4";
    let operation = Operation::TransferFunds.as_str();
    let after = after.as_ref().map_or("", RequestId::as_str).to_owned();
    let values = [tenant.to_string().into(), operation.into(), after.into(), scan_limit(max).into()];
    all(pool, text, &values, |row| match resource(row)? {
        Resource::Funds(id) => Ok((named(row, "request_id")?, id)),
        Resource::Intent(_) | Resource::Refund(_) => Err(damaged("resource")),
    })
    .await
}

pub(crate) async fn submission(pool: &Pool, attempt: AttemptId) -> Answer<Option<Submission>> {
    let text = "SELECT form, body FROM submission WHERE attempt = $1";
    maybe(pool, text, &[attempt.to_string().into()], body).await
}

pub(crate) async fn events_after(
    pool: &Pool,
    tenant: Option<TenantId>,
    cursor: u64,
    max: usize,
) -> Answer<Vec<StoredEvent>> {
    let (cursor, max) = (capped(cursor).into(), scan_limit(max).into());
    match tenant {
        None => {
            let text = "SELECT cursor, id, event.tenant, intent, sequence, kind, at, form, body
                          FROM event_place JOIN event USING (place_id)
                         WHERE cursor > $1 ORDER BY cursor LIMIT $2";
            placed(pool, text, &[cursor, max], event).await
        }
        Some(tenant) => {
            let text = "SELECT cursor, id, event.tenant, intent, sequence, kind, at, form, body
                          FROM event_place JOIN event USING (place_id)
                         WHERE event_place.tenant = $3 AND cursor > $1 ORDER BY cursor LIMIT $2";
            placed(pool, text, &[cursor, max, tenant.to_string().into()], event).await
        }
    }
}

pub(crate) async fn intent_events(pool: &Pool, tenant: TenantId, id: IntentId) -> Answer<Vec<StoredEvent>> {
    let text = "SELECT cursor, id, event.tenant, intent, sequence, kind, at, form, body
                  FROM event JOIN event_place USING (place_id)
                 WHERE intent = $1 AND event.tenant = $2 ORDER BY sequence LIMIT $3";
    let values = [id.to_string().into(), tenant.to_string().into(), limit(HISTORY_MAX).into()];
    placed(pool, text, &values, event).await
}

fn event(row: &Row) -> Answer<StoredEvent> {
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

pub(crate) async fn tenant_by_key(pool: &Pool, key_hash: Digest) -> Answer<Option<Tenant>> {
    let text = "SELECT id, name, key_hash, created_at FROM tenant WHERE key_hash = $1";
    maybe(pool, text, &[key_hash.0.into()], tenant).await
}

pub(crate) async fn tenants(pool: &Pool) -> Answer<Vec<Tenant>> {
    let text = "SELECT id, name, key_hash, created_at FROM tenant ORDER BY position";
    all(pool, text, &[], tenant).await
}

fn tenant(row: &Row) -> Answer<Tenant> {
    Ok(Tenant {
        id: named(row, "id")?,
        name: get(row, "name")?,
        key_hash: digest(row, "key_hash")?,
        created_at: moment(row, "created_at")?,
    })
}

pub(crate) async fn work(pool: &Pool, after: &str, max: usize) -> Answer<Vec<WorkRow>> {
    let text = "SELECT lane, due_at, tries, epoch, leased_until, quarantined, form, body
                  FROM work WHERE NOT ended AND key > $1 ORDER BY key LIMIT $2";
    all(pool, text, &[after.into(), scan_limit(max).into()], work_row).await
}

pub(crate) async fn quarantine(pool: &Pool, after: &str, max: usize) -> Answer<Vec<WorkRow>> {
    let text = "SELECT lane, due_at, tries, epoch, leased_until, quarantined, form, body
                  FROM work WHERE quarantined IS NOT NULL AND NOT ended AND key > $1 ORDER BY key LIMIT $2";
    all(pool, text, &[after.into(), scan_limit(max).into()], work_row).await
}

fn work_row(row: &Row) -> Answer<WorkRow> {
    let lane: String = get(row, "lane")?;
    let lane = if lane.is_empty() { None } else { Some(named(row, "lane")?) };
    Ok(WorkRow {
        key: body(row)?,
        lane,
        due_at: moment(row, "due_at")?,
        tries: u32::try_from(count(row, "tries")?).map_err(|_| damaged("tries"))?,
        epoch: count(row, "epoch")?,
        leased_until: get::<Option<i64>>(row, "leased_until")?.map(time),
        quarantined: get(row, "quarantined")?,
    })
}

pub(crate) async fn is_kept(pool: &Pool, account: &AccountId, key: &str) -> Answer<bool> {
    let text = "SELECT true AS kept FROM inbox WHERE rail_account = $1 AND key = $2";
    let kept =
        all(pool, text, &[account.as_str().into(), key.into()], |row| get::<bool>(row, "kept")).await?;
    Ok(!kept.is_empty())
}

pub(crate) async fn inbox(pool: &Pool, account: &AccountId, max: usize) -> Answer<Vec<InboxRow>> {
    let text = "SELECT rail_account, key, verdict, why, digest, at
                  FROM inbox WHERE rail_account = $1 ORDER BY position LIMIT $2";
    all(pool, text, &[account.as_str().into(), scan_limit(max).into()], |row| {
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
    .await
}

/// What the server has counted so far: it compares the checksum of each page that it reads, where the cluster has them.
pub(crate) async fn damage(pool: &Pool) -> Answer<Vec<String>> {
    let text = "SELECT coalesce(checksum_failures, 0) AS pages, coalesce(checksum_last_failure::text, '') AS last FROM pg_stat_database WHERE datname = current_database()";
    let counted =
        all(pool, text, &[], |row| Ok((get::<i64>(row, "pages")?, get::<String>(row, "last")?))).await?;
    let wrong = counted.into_iter().filter(|(pages, _)| *pages > 0);
    let line = |(pages, last)| {
        format!("the database: {pages} pages with a wrong checksum so far, the last at {last}")
    };
    Ok(wrong.map(line).collect())
}
