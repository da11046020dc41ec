//! Work: schedule, claim, delay, end; and the payer data that lives as long as an attempt is worked on.

use jiff::{SignedDuration, Timestamp};
use paifang_payment::{AccountId, TenantId};
use paifang_store::form::Stored;
use paifang_store::{Committed, Fence, Leased, PAGE_MAX, Submission, SubmissionChange, WorkChange, WorkKey};
use rusqlite::{Connection, OptionalExtension, params};

use super::{Refusal, Step, broken};
use crate::fault::Fault;
use crate::value::{body, capped, count, get, limit, nanos};

/// The stored lane.
pub(crate) fn lane(lane: Option<&AccountId>) -> &str {
    lane.map_or("", AccountId::as_str)
}

/// A claim holds while its epoch is the row's and nobody has taken the work out.
pub(super) fn check_fence(connection: &Connection, fence: &Fence) -> Step {
    let held = connection
        .prepare_cached("SELECT 1 FROM work WHERE key = ?1 AND epoch = ?2 AND quarantined IS NULL")?
        .query_row(params![fence.key.text(), capped(fence.epoch)], |_| Ok(()))
        .optional()?;
    held.ok_or(Refusal::Answer(Committed::Fenced))
}

pub(super) fn change(
    connection: &Connection,
    tenant: TenantId,
    change: &WorkChange,
    body: &str,
    now: Timestamp,
) -> Step {
    match change {
        WorkChange::Put { .. } => put(connection, change, body, now),
        WorkChange::Turn { key, lane, intent, not_before, interval_s } => {
            let due_at = super::intent::next_turn(connection, tenant, *intent, *not_before, *interval_s)?;
            let (key, lane) = (key.clone(), Some(lane.clone()));
            put(connection, &WorkChange::Put { key, lane, due_at, lease: None }, body, now)
        }
        WorkChange::Delay { key, due_at } => {
            let delayed = connection
                .prepare_cached(
                    "UPDATE work SET due_at = ?1, leased_until = NULL, owner = NULL WHERE key = ?2",
                )?
                .execute(params![nanos(*due_at), key.text()])?;
            if delayed == 0 { Err(broken("delays work that is not there")) } else { Ok(()) }
        }
        WorkChange::Remove { key } => remove(connection, &key.text()),
        WorkChange::Quarantine { key, reason } => {
            connection
                .prepare_cached(
                    "UPDATE work SET quarantined = ?1, leased_until = NULL, owner = NULL WHERE key = ?2",
                )?
                .execute(params![reason, key.text()])?;
            Ok(())
        }
        WorkChange::Redrive { key, epoch, due_at } => {
            let redriven = connection
                .prepare_cached(
                    "UPDATE work SET quarantined = NULL, tries = 0, due_at = ?1, epoch = epoch + 1
                      WHERE key = ?2 AND epoch = ?3 AND quarantined IS NOT NULL",
                )?
                .execute(params![nanos(*due_at), key.text(), capped(*epoch)])?;
            if redriven == 0 { Err(Refusal::Answer(Committed::Fenced)) } else { Ok(()) }
        }
    }
}

fn put(connection: &Connection, change: &WorkChange, body: &str, now: Timestamp) -> Step {
    let WorkChange::Put { key, lane: account, due_at, lease } = change else { return Ok(()) };
    let until = lease.as_ref().map(|lease| plus(now, SignedDuration::from_millis(lease.millis.into())));
    let owner = lease.as_ref().map(|lease| lease.owner.as_str());
    connection
        .prepare_cached(
            "INSERT INTO work (key, lane, due_at, tries, epoch, owner, leased_until, form, body)
             VALUES (?1, ?2, ?3, 0, coalesce((SELECT epoch FROM work_ended WHERE key = ?1), 0) + 1, ?4, ?5, ?6, ?7)
             ON CONFLICT (key) DO UPDATE SET
                 lane = excluded.lane, due_at = excluded.due_at, tries = 0, epoch = epoch + 1, owner = excluded.owner,
                 leased_until = excluded.leased_until, quarantined = NULL, form = excluded.form, body = excluded.body",
        )?
        .execute(params![
            key.text(),
            lane(account.as_ref()),
            nanos(*due_at),
            owner,
            until.map(nanos),
            WorkKey::FORM,
            body
        ])?;
    Ok(())
}

/// The epoch stays behind, so that no old claim fits the key should it come back.
fn remove(connection: &Connection, key: &str) -> Step {
    connection
        .prepare_cached(
            "INSERT INTO work_ended (key, epoch) SELECT key, epoch FROM work WHERE key = ?1
             ON CONFLICT (key) DO UPDATE SET epoch = excluded.epoch",
        )?
        .execute([key])?;
    connection.prepare_cached("DELETE FROM work WHERE key = ?1")?.execute([key])?;
    Ok(())
}

/// Claims what is due, oldest first.
pub(crate) fn lease_due(
    connection: &Connection,
    lane: &str,
    max: usize,
    owner: &str,
    lease: SignedDuration,
    now: Timestamp,
) -> Result<Vec<Leased>, Fault> {
    let due = due(connection, lane, max, now)?;
    let mut claim = connection.prepare_cached(
        "UPDATE work SET tries = ?2, epoch = ?3, owner = ?4, leased_until = ?5 WHERE key = ?1",
    )?;
    let until = nanos(plus(now, lease));
    for work in &due {
        claim.execute(params![work.key.text(), work.tries, capped(work.epoch), owner, until])?;
    }
    Ok(due)
}

fn due(connection: &Connection, lane: &str, max: usize, now: Timestamp) -> Result<Vec<Leased>, Fault> {
    let mut due = connection.prepare_cached(
        "SELECT form, body, tries, epoch FROM work
         WHERE quarantined IS NULL AND lane = ?1 AND due_at <= ?2 AND (leased_until IS NULL OR leased_until <= ?2)
         ORDER BY due_at, key LIMIT ?3",
    )?;
    let mut rows = due.query(params![lane, nanos(now), limit(max.min(PAGE_MAX))])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let tries: u32 = get(row, "tries")?;
        found.push(Leased {
            key: body(row)?,
            tries: tries.saturating_add(1),
            epoch: count(row, "epoch")?.saturating_add(1),
        });
    }
    Ok(found)
}

/// Makes it due now, if it is free.
pub(crate) fn hasten(connection: &Connection, key: &str, now: Timestamp) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "UPDATE work SET due_at = ?2 WHERE key = ?1 AND due_at > ?2 AND quarantined IS NULL
             AND (leased_until IS NULL OR leased_until <= ?2)",
        )?
        .execute(params![key, nanos(now)])?;
    Ok(())
}

pub(super) fn keep_submission(connection: &Connection, change: &SubmissionChange, body: &str) -> Step {
    match change {
        SubmissionChange::Put(attempt, _) => connection
            .prepare_cached(
                "INSERT INTO submission (attempt, form, body) VALUES (?1, ?2, ?3)
                 ON CONFLICT (attempt) DO UPDATE SET form = excluded.form, body = excluded.body",
            )?
            .execute(params![attempt.to_string(), Submission::FORM, body])?,
        SubmissionChange::Clear(attempt) => connection
            .prepare_cached("DELETE FROM submission WHERE attempt = ?1")?
            .execute([attempt.to_string()])?,
    };
    Ok(())
}

fn plus(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.saturating_add(by).unwrap_or(Timestamp::MAX)
}
