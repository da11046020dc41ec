//! A tenant's book of rules, and the decisions by it.

use deadpool_postgres::Pool;
use paifang_payment::intent::Ending;
use paifang_payment::{AttemptId, RequestId, TenantId};
use paifang_policy::guard::Tally;
use paifang_store::{
    GuardedBook, Marks, RulesEntry, RulesRequest, Sample, StoreError, StoredDecided, StoredRules,
};
use tokio_postgres::Row;

use super::{Answer, all, maybe, scan_limit};
use crate::value::{body, count, damaged, digest, get, moment, named, time};

pub(crate) async fn after(
    pool: &Pool,
    tenant: TenantId,
    position: u64,
    max: usize,
) -> Answer<Vec<StoredRules>> {
    let text = "SELECT position, request_id, fingerprint, form, body, text, guarded
                  FROM rules WHERE tenant = $1 AND position > $2 ORDER BY position LIMIT $3";
    all(pool, text, &[tenant.to_string().into(), position.into(), scan_limit(max).into()], entry).await
}

pub(crate) async fn by_request(
    pool: &Pool,
    tenant: TenantId,
    request: &RequestId,
) -> Answer<Option<StoredRules>> {
    let text = "SELECT position, request_id, fingerprint, form, body, text, guarded
                  FROM rules WHERE tenant = $1 AND request_id = $2";
    maybe(pool, text, &[tenant.to_string().into(), request.as_str().into()], entry).await
}

pub(crate) async fn decisions(
    pool: &Pool,
    tenant: TenantId,
    after: Option<AttemptId>,
    max: usize,
) -> Answer<Vec<StoredDecided>> {
    let text =
        "SELECT tenant, intent, attempt, at, form, body, entries, outcome, outcome_at, refunded_at, complained_at
                  FROM decision WHERE tenant = $1 AND attempt > $2 ORDER BY attempt LIMIT $3";
    let after = after.map(|after| after.to_string()).unwrap_or_default();
    all(pool, text, &[tenant.to_string().into(), after.into(), scan_limit(max).into()], decided).await
}

pub(crate) async fn decision(
    pool: &Pool,
    tenant: TenantId,
    attempt: AttemptId,
) -> Answer<Option<StoredDecided>> {
    let text =
        "SELECT tenant, intent, attempt, at, form, body, entries, outcome, outcome_at, refunded_at, complained_at
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
    let guarded = get::<Option<bool>>(row, "guarded")?.unwrap_or(true);
    let entry = RulesEntry { request, fact: body(row)?, text: get(row, "text")?, guarded };
    Ok(StoredRules { position: count(row, "position")?, entry })
}

fn decided(row: &Row) -> Result<StoredDecided, StoreError> {
    Ok(StoredDecided {
        tenant: named(row, "tenant")?,
        intent: named(row, "intent")?,
        attempt: named(row, "attempt")?,
        at: moment(row, "at")?,
        decided: body(row)?,
        entries: entries(row)?,
        marks: marks(row)?,
    })
}

fn entries(row: &Row) -> Result<Option<u64>, StoreError> {
    let entries = get::<Option<i64>>(row, "entries")?;
    entries.map(|entries| u64::try_from(entries).map_err(|_| damaged("entries"))).transpose()
}

fn marks(row: &Row) -> Result<Marks, StoreError> {
    let at = |column| Ok::<_, StoreError>(get::<Option<i64>>(row, column)?.map(time));
    let outcome = get::<Option<String>>(row, "outcome")?;
    let ending = match outcome.as_deref() {
        None => None,
        Some("failed") => Some(Ending::Failed),
        Some("paid") => Some(Ending::Paid),
        Some(_) => return Err(damaged("outcome")),
    };
    let ended = ending.zip(at("outcome_at")?);
    Ok(Marks { ended, refunded_at: at("refunded_at")?, complained_at: at("complained_at")? })
}

pub(crate) async fn tally(pool: &Pool, sample: &Sample) -> Answer<Tally> {
    // The inner query reads a window of the index, and ends with so many rows that are counted.
    let text = "SELECT count(*) AS ended,
                       count(*) FILTER (WHERE outcome = 'paid') AS paid,
                       count(*) FILTER (WHERE outcome = 'paid' AND refunded_at IS NOT NULL) AS refunded,
                       count(*) FILTER (WHERE outcome = 'paid' AND complained_at IS NOT NULL) AS complained,
                       min(outcome_at) AS oldest
                  FROM (SELECT outcome, outcome_at, refunded_at, complained_at FROM decision
                         WHERE tenant = $1 AND opening = $2 AND version = $3 AND outcome_at >= $4
                           AND entries >= $6 AND ($7::bigint = 0 OR outcome = 'paid')
                         ORDER BY outcome_at DESC LIMIT $5) AS newest";
    let Sample { tenant, opening, version, entries, since, paid_only, max } = sample;
    let values = [
        tenant.to_string().into(),
        opening.as_str().into(),
        (*version).into(),
        (*since).into(),
        (*max).into(),
        (*entries).into(),
        u32::from(*paid_only).into(),
    ];
    let counted = maybe(pool, text, &values, |row| {
        Ok(Tally {
            ended: count(row, "ended")?,
            paid: count(row, "paid")?,
            refunded: count(row, "refunded")?,
            complained: count(row, "complained")?,
            oldest: get::<Option<i64>>(row, "oldest")?.map(time),
        })
    });
    Ok(counted.await?.unwrap_or_default())
}

pub(crate) async fn guarded_books(
    pool: &Pool,
    after: Option<TenantId>,
    max: usize,
) -> Answer<Vec<GuardedBook>> {
    // From tenant to tenant by the index, however many entries each has.
    let text = "WITH RECURSIVE guarded (tenant) AS (
                    SELECT (SELECT min(tenant) FROM rules WHERE guarded IS NOT FALSE AND tenant > $1)
                    UNION ALL
                    SELECT (SELECT min(tenant) FROM rules WHERE guarded IS NOT FALSE AND tenant > before.tenant)
                      FROM guarded AS before WHERE before.tenant IS NOT NULL)
                SELECT tenant, (SELECT max(position) FROM rules WHERE rules.tenant = guarded.tenant) AS entries
                  FROM guarded WHERE tenant IS NOT NULL LIMIT $2";
    let after = after.map(|after| after.to_string()).unwrap_or_default();
    all(pool, text, &[after.into(), scan_limit(max).into()], |row| {
        Ok(GuardedBook { tenant: named(row, "tenant")?, entries: count(row, "entries")? })
    })
    .await
}
