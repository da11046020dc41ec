//! What an operator looks at first, in one snapshot.

use jiff::Timestamp;
use paifang_store::Stats;
use rusqlite::{Connection, Params};

use super::all;
use crate::fault::Fault;
use crate::value::{count, get, nanos, time};

pub(crate) fn stats(connection: &Connection, now: Timestamp) -> Result<Stats, Fault> {
    let snapshot = connection.unchecked_transaction()?;
    let now = nanos(now);
    let intents = all(&snapshot, "SELECT state, n FROM intent_count WHERE n > 0", [], |row| {
        Ok((get(row, "state")?, count(row, "n")?))
    })?;
    let (attempts, oldest_attempt) = tally(
        &snapshot,
        "SELECT count(*) AS n, min(in_doubt_since) AS oldest FROM attempt WHERE in_doubt_since IS NOT NULL",
        [],
    )?;
    let (refunds, oldest_refund) = tally(
        &snapshot,
        "SELECT count(*) AS n, min(in_doubt_since) AS oldest FROM refund WHERE in_doubt_since IS NOT NULL",
        [],
    )?;
    let (leased, oldest_lease_until) = tally(
        &snapshot,
        "SELECT count(*) AS n, min(leased_until) AS oldest FROM work WHERE leased_until > ?1",
        [now],
    )?;
    let (due, oldest_due) = tally(
        &snapshot,
        "SELECT count(*) AS n, min(due_at) AS oldest FROM work
         WHERE quarantined IS NULL AND due_at <= ?1 AND (leased_until IS NULL OR leased_until <= ?1)",
        [now],
    )?;
    let quarantined = "SELECT count(*) AS n, NULL AS oldest FROM work WHERE quarantined IS NOT NULL";
    let suspicious = "SELECT count(*) AS n, NULL AS oldest FROM inbox WHERE verdict = 'suspicious'";
    let last_event = "SELECT coalesce(max(cursor), 0) AS n, NULL AS oldest FROM event";
    Ok(Stats {
        intents: intents.into_iter().collect(),
        doubts: attempts + refunds,
        oldest_doubt: oldest_attempt.into_iter().chain(oldest_refund).min(),
        leased,
        oldest_lease_until,
        due,
        oldest_due,
        quarantined: tally(&snapshot, quarantined, [])?.0,
        suspicious: tally(&snapshot, suspicious, [])?.0,
        last_event: tally(&snapshot, last_event, [])?.0,
    })
}

/// How many, and since when.
fn tally(
    connection: &Connection,
    text: &str,
    params: impl Params,
) -> Result<(u64, Option<Timestamp>), Fault> {
    let rows = all(connection, text, params, |row| {
        Ok((count(row, "n")?, get::<Option<i64>>(row, "oldest")?.map(time)))
    })?;
    Ok(rows.into_iter().next().unwrap_or_default())
}
