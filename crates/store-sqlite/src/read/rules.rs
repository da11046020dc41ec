//! A tenant's book of rules, and the decisions by it.

use paifang_payment::intent::Ending;
use paifang_payment::{AttemptId, Digest, RequestId, TenantId};
use paifang_policy::guard::Tally;
use paifang_store::{GuardedBook, Marks, RulesEntry, RulesRequest, Sample, StoredDecided, StoredRules};
use rusqlite::{Connection, Row, params};

use super::{all, maybe, scan_limit};
use crate::fault::Fault;
use crate::value::{body, capped, count, damaged, get, moment, named, nanos, time};

/// The inner query reads a window of the index, and ends with so many rows that are counted.
const TALLY: &str = "
    SELECT count(*) AS ended,
           count(*) FILTER (WHERE outcome = 'paid') AS paid,
           count(*) FILTER (WHERE outcome = 'paid' AND refunded_at IS NOT NULL) AS refunded,
           count(*) FILTER (WHERE outcome = 'paid' AND complained_at IS NOT NULL) AS complained,
           min(outcome_at) AS oldest
      FROM (SELECT outcome, outcome_at, refunded_at, complained_at FROM decision
             WHERE tenant = ?1 AND opening = ?2 AND version = ?3 AND outcome_at >= ?4
               AND entries >= ?6 AND (?7 = 0 OR outcome = 'paid')
             ORDER BY outcome_at DESC LIMIT ?5)";

/// From tenant to tenant by the index, however many entries each has.
const GUARDED_BOOKS: &str = "
    WITH RECURSIVE guarded (tenant) AS (
        SELECT (SELECT min(tenant) FROM rules WHERE guarded IS NOT 0 AND tenant > ?1)
        UNION ALL
        SELECT (SELECT min(tenant) FROM rules WHERE guarded IS NOT 0 AND tenant > before.tenant)
          FROM guarded AS before WHERE before.tenant IS NOT NULL
        LIMIT ?2)
    SELECT tenant, (SELECT max(position) FROM rules WHERE rules.tenant = guarded.tenant) AS entries
      FROM guarded WHERE tenant IS NOT NULL";

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
    let guarded = get::<Option<bool>>(row, "guarded")?.unwrap_or(true);
    let entry = RulesEntry { request, fact: body(row)?, text: get(row, "text")?, guarded };
    Ok(StoredRules { position: count(row, "position")?, entry })
}

fn decided(row: &Row<'_>) -> Result<StoredDecided, Fault> {
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

fn entries(row: &Row<'_>) -> Result<Option<u64>, Fault> {
    let entries = get::<Option<i64>>(row, "entries")?;
    entries.map(|entries| u64::try_from(entries).map_err(|_| damaged("entries"))).transpose()
}

fn marks(row: &Row<'_>) -> Result<Marks, Fault> {
    let at = |column| Ok::<_, Fault>(get::<Option<i64>>(row, column)?.map(time));
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

pub(crate) fn tally(connection: &Connection, sample: &Sample) -> Result<Tally, Fault> {
    let Sample { tenant, opening, version, entries, since, paid_only, max } = sample;
    let (tenant, since, entries) = (tenant.to_string(), nanos(*since), capped(*entries));
    let values = params![tenant, opening.as_str(), version, since, max, entries, paid_only];
    let counted = maybe(connection, TALLY, values, |row| {
        Ok(Tally {
            ended: count(row, "ended")?,
            paid: count(row, "paid")?,
            refunded: count(row, "refunded")?,
            complained: count(row, "complained")?,
            oldest: get::<Option<i64>>(row, "oldest")?.map(time),
        })
    })?;
    Ok(counted.unwrap_or_default())
}

pub(crate) fn guarded_books(
    connection: &Connection,
    after: Option<TenantId>,
    max: usize,
) -> Result<Vec<GuardedBook>, Fault> {
    let after = after.map(|after| after.to_string()).unwrap_or_default();
    all(connection, GUARDED_BOOKS, params![after, scan_limit(max)], |row| {
        Ok(GuardedBook { tenant: named(row, "tenant")?, entries: count(row, "entries")? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a look costs does not grow with what is kept: no table is read through, and a count reads the index alone.
    #[test]
    fn counts_and_books_are_found_by_their_indexes() {
        let place = tempfile::tempdir().unwrap();
        let opened = crate::open::open(&place.path().join("paifang.db")).unwrap();
        let plan = |text: &str| {
            let mut statement = opened.writer.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
            let unbound = vec![rusqlite::types::Null; statement.parameter_count()];
            let lines = statement
                .query_map(rusqlite::params_from_iter(unbound), |row| row.get::<_, String>("detail"))
                .unwrap();
            lines.collect::<Result<Vec<_>, _>>().unwrap().join("\n")
        };
        let tally = plan(TALLY);
        assert!(tally.contains("SEARCH decision USING COVERING INDEX decision_sample"), "{tally}");
        assert!(!tally.contains("TEMP B-TREE"), "{tally}");
        let books = plan(GUARDED_BOOKS);
        assert_eq!(books.matches("SEARCH rules USING INDEX rules_guarded").count(), 2, "{books}");
        assert!(!books.contains("SCAN rules"), "{books}");
    }
}
