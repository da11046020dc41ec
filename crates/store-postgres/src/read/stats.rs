//! What an operator looks at first: one statement, so one moment.

use deadpool_postgres::Pool;
use paifang_store::{Stats, StoreError};
use tokio_postgres::Row;

use super::{Answer, placed};
use crate::clock::Clock;
use crate::value::{count, damaged, get, time};

const STATS: &str = "
    WITH clock AS MATERIALIZED (SELECT store_now($1, $2) AS now)
    SELECT
        (SELECT coalesce(array_agg(state ORDER BY state), '{}') FROM intent_count WHERE n > 0) AS states,
        (SELECT coalesce(array_agg(n ORDER BY state), '{}') FROM intent_count WHERE n > 0) AS counts,
        (SELECT count(*) FROM attempt WHERE in_doubt_since IS NOT NULL)
            + (SELECT count(*) FROM refund WHERE in_doubt_since IS NOT NULL) AS doubts,
        least((SELECT min(in_doubt_since) FROM attempt WHERE in_doubt_since IS NOT NULL),
              (SELECT min(in_doubt_since) FROM refund WHERE in_doubt_since IS NOT NULL)) AS oldest_doubt,
        leased.n AS leased, leased.oldest AS oldest_lease_until, due.n AS due, due.oldest AS oldest_due,
        (SELECT count(*) FROM work WHERE quarantined IS NOT NULL) AS quarantined,
        (SELECT count(*) FROM inbox WHERE verdict = 'suspicious') AS suspicious,
        (SELECT coalesce(max(cursor), 0) FROM event_place) AS last_event
    FROM (SELECT count(*) AS n, min(leased_until) AS oldest FROM work, clock WHERE leased_until > clock.now) AS leased,
         (SELECT count(*) AS n, min(due_at) AS oldest FROM work, clock
           WHERE quarantined IS NULL AND NOT ended AND due_at <= clock.now
             AND (leased_until IS NULL OR leased_until <= clock.now)) AS due";

pub(crate) async fn stats(pool: &Pool, clock: &Clock) -> Answer<Stats> {
    let rows = placed(pool, STATS, &clock.arguments(), stats_of).await?;
    rows.into_iter().next().ok_or_else(|| damaged("stats"))
}

fn stats_of(row: &Row) -> Answer<Stats> {
    let (states, counts): (Vec<String>, Vec<i64>) = (get(row, "states")?, get(row, "counts")?);
    let counts = counts.into_iter().map(|n| u64::try_from(n).map_err(|_| damaged("intent_count")));
    let counts = counts.collect::<Result<Vec<u64>, StoreError>>()?;
    let moment = |column| Ok::<_, StoreError>(get::<Option<i64>>(row, column)?.map(time));
    Ok(Stats {
        intents: states.into_iter().zip(counts).collect(),
        doubts: count(row, "doubts")?,
        oldest_doubt: moment("oldest_doubt")?,
        leased: count(row, "leased")?,
        oldest_lease_until: moment("oldest_lease_until")?,
        due: count(row, "due")?,
        oldest_due: moment("oldest_due")?,
        quarantined: count(row, "quarantined")?,
        suspicious: count(row, "suspicious")?,
        last_event: count(row, "last_event")?,
    })
}
