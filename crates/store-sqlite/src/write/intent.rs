//! Intents, their attempts, amounts and events.

use jiff::Timestamp;
use paifang_payment::attempt::{Attempt, State};
use paifang_payment::intent::{Entry, Fact, Intent};
use paifang_payment::{AttemptId, IntentId, OrderNo, TenantId};
use paifang_store::form::Stored;
use paifang_store::{Batch, Committed, Guard, IntentWrite, NewEvent, Snapshot};
use rusqlite::{Connection, OptionalExtension, params};

use super::encode::Bodies;
use super::{Refusal, Step, broken};
use crate::value::{capped, nanos, time};

pub(super) fn write(connection: &Connection, write: &IntentWrite, bodies: &Bodies) -> Step {
    let id = write.row.terms.id.to_string();
    let changed = match write.expected {
        0 => insert(connection, &id, &write.row, &bodies.row)?,
        seen => update(connection, &id, &write.row, seen, &bodies.row)?,
    };
    if changed == 0 {
        return Err(Refusal::Answer(Committed::Conflict));
    }
    for (entry, body) in write.entries.iter().zip(&bodies.entries) {
        connection.prepare_cached("INSERT INTO intent_journal VALUES (?1, ?2, ?3, ?4)")?.execute(params![
            id,
            capped(entry.seq),
            Entry::FORM,
            body
        ])?;
        follow(connection, &write.row, &entry.fact)?;
    }
    Ok(())
}

fn insert(connection: &Connection, id: &str, row: &Intent, body: &str) -> rusqlite::Result<usize> {
    let (terms, amount) = (&row.terms, row.terms.amount);
    connection
        .prepare_cached(
            "INSERT INTO intent (id, tenant, state, version, currency, amount, form, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            id,
            terms.tenant.to_string(),
            row.state.name(),
            capped(row.version),
            amount.currency().code(),
            amount.minor_units(),
            Intent::FORM,
            body
        ])
}

fn update(connection: &Connection, id: &str, row: &Intent, seen: u64, body: &str) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "UPDATE intent SET state = ?1, version = ?2, form = ?3, body = ?4
             WHERE id = ?5 AND tenant = ?6 AND version = ?7",
        )?
        .execute(params![
            row.state.name(),
            capped(row.version),
            Intent::FORM,
            body,
            id,
            row.terms.tenant.to_string(),
            capped(seen)
        ])
}

/// What an entry does to the rows of attempts. Only entries change attempts, so nothing else has to be looked at.
fn follow(connection: &Connection, row: &Intent, fact: &Fact) -> Step {
    match fact {
        Fact::AttemptOpened { terms } => open_attempt(connection, row, terms.id),
        Fact::AttemptMoved { attempt, to, .. } => move_attempt(connection, row, *attempt, to),
        Fact::Created { .. }
        | Fact::Wished { .. }
        | Fact::AttemptLeft { .. }
        | Fact::Moved { .. }
        | Fact::Strayed { .. }
        | Fact::Complained { .. }
        | Fact::Redriven { .. } => Ok(()),
    }
}

/// A taken order number breaks the unique key.
fn open_attempt(connection: &Connection, row: &Intent, id: AttemptId) -> Step {
    let attempt = row.attempt(id).ok_or_else(|| broken("opens an attempt that the row lacks"))?;
    connection.prepare_cached("INSERT INTO attempt VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute(params![
        id.to_string(),
        row.terms.tenant.to_string(),
        row.terms.id.to_string(),
        attempt.terms.account.as_str(),
        attempt.terms.order_no.as_str(),
        in_doubt_since(attempt)
    ])?;
    let hold = attempt.terms.hold.iter().flat_map(|hold| [&hold.capture_no, &hold.release_no]);
    hold.into_iter().try_for_each(|number| keep_number(connection, attempt, number))
}

/// Each capture has a number of its own; the first one is known from the start.
fn keep_number(connection: &Connection, attempt: &Attempt, number: &OrderNo) -> Step {
    let (account, id) = (attempt.terms.account.as_str(), attempt.terms.id.to_string());
    let known = connection
        .prepare_cached("SELECT 1 FROM hold_number WHERE rail_account = ?1 AND number = ?2 AND attempt = ?3")?
        .query_row(params![account, number.as_str(), id], |_| Ok(()))
        .optional()?;
    if known.is_none() {
        let mut keep = connection.prepare_cached("INSERT INTO hold_number VALUES (?1, ?2, ?3)")?;
        keep.execute(params![account, number.as_str(), id])?;
    }
    Ok(())
}

fn move_attempt(connection: &Connection, row: &Intent, id: AttemptId, to: &State) -> Step {
    let attempt = row.attempt(id).ok_or_else(|| broken("moves an attempt that the row lacks"))?;
    let since = in_doubt_since(attempt);
    connection
        .prepare_cached("UPDATE attempt SET in_doubt_since = ?1 WHERE id = ?2 AND in_doubt_since IS NOT ?1")?
        .execute(params![since, id.to_string()])?;
    match to {
        State::Capturing(capturing) => keep_number(connection, attempt, &capturing.operation.number),
        State::Sending(_)
        | State::AwaitingPayer(_)
        | State::InDoubt(_)
        | State::Closing(_)
        | State::Held(_)
        | State::Releasing(_)
        | State::Paid(_)
        | State::Refused(_)
        | State::Closed(_)
        | State::Late(_) => Ok(()),
    }
}

fn in_doubt_since(attempt: &Attempt) -> Option<i64> {
    attempt.state.is_in_doubt().then(|| nanos(attempt.terms.opened_at))
}

/// The condition and the change are one statement; the table's checks repeat it.
pub(super) fn guard(connection: &Connection, tenant: TenantId, guard: &Guard) -> Step {
    let (text, amount) = match guard {
        Guard::Pace { intent, at, interval_s } => return pace(connection, tenant, *intent, *at, *interval_s),
        Guard::Refunds { intent, count } => return refunds(connection, tenant, *intent, *count),
        Guard::Authorize(_, amount) => (
            "UPDATE intent SET authorized = authorized + ?1
              WHERE id = ?2 AND tenant = ?3 AND currency = ?4 AND authorized + ?1 <= amount",
            amount,
        ),
        Guard::Void(_, amount) => (
            "UPDATE intent SET authorized = authorized - ?1
              WHERE id = ?2 AND tenant = ?3 AND currency = ?4 AND authorized - ?1 >= captured",
            amount,
        ),
        Guard::Capture(_, amount) => (
            "UPDATE intent SET captured = captured + ?1
              WHERE id = ?2 AND tenant = ?3 AND currency = ?4 AND captured + ?1 <= authorized",
            amount,
        ),
        Guard::Reserve(_, amount) => (
            "UPDATE intent SET reserved = reserved + ?1
              WHERE id = ?2 AND tenant = ?3 AND currency = ?4 AND captured - refunded - reserved >= ?1",
            amount,
        ),
        Guard::Settle(_, amount) => (
            "UPDATE intent SET reserved = reserved - ?1, refunded = refunded + ?1
              WHERE id = ?2 AND tenant = ?3 AND currency = ?4 AND reserved >= ?1",
            amount,
        ),
        Guard::Release(_, amount) => (
            "UPDATE intent SET reserved = reserved - ?1
              WHERE id = ?2 AND tenant = ?3 AND currency = ?4 AND reserved >= ?1",
            amount,
        ),
    };
    let changed = connection.prepare_cached(text)?.execute(params![
        amount.minor_units(),
        guard.intent().to_string(),
        tenant.to_string(),
        amount.currency().code()
    ])?;
    if changed == 0 { Err(Refusal::Answer(Committed::GuardFailed)) } else { Ok(()) }
}

/// The intent has so many refunds and no other.
fn refunds(connection: &Connection, tenant: TenantId, intent: IntentId, count: u64) -> Step {
    let found: i64 = connection
        .prepare_cached("SELECT count(*) FROM refund WHERE tenant = ?1 AND intent = ?2")?
        .query_row(params![tenant.to_string(), intent.to_string()], |row| row.get(0))?;
    if found == capped(count) { Ok(()) } else { Err(Refusal::Answer(Committed::Conflict)) }
}

/// A refund is sent: not too soon after the last one.
fn pace(connection: &Connection, tenant: TenantId, intent: IntentId, at: Timestamp, interval_s: u32) -> Step {
    let changed = connection
        .prepare_cached(
            "UPDATE intent SET refund_sent = ?1
              WHERE id = ?2 AND tenant = ?3 AND (refund_sent IS NULL OR refund_sent + ?4 <= ?1)",
        )?
        .execute(params![nanos(at), intent.to_string(), tenant.to_string(), interval_ns(interval_s)])?;
    if changed == 0 { Err(Refusal::Answer(Committed::GuardFailed)) } else { Ok(()) }
}

/// Hands out the next turn of this intent's refunds: one statement reads and moves it.
pub(super) fn next_turn(
    connection: &Connection,
    tenant: TenantId,
    intent: IntentId,
    not_before: Timestamp,
    interval_s: u32,
) -> Result<Timestamp, Refusal> {
    let turn: Option<i64> = connection
        .prepare_cached(
            "UPDATE intent SET refund_turn = max(?1, coalesce(refund_turn + ?4, ?1), coalesce(refund_sent + ?4, ?1))
              WHERE id = ?2 AND tenant = ?3 RETURNING refund_turn",
        )?
        .query_row(
            params![nanos(not_before), intent.to_string(), tenant.to_string(), interval_ns(interval_s)],
            |row| row.get(0),
        )
        .optional()?;
    turn.map(time).ok_or_else(|| broken("a refund's turn belongs to no intent"))
}

fn interval_ns(interval_s: u32) -> i64 {
    i64::from(interval_s) * 1_000_000_000
}

pub(super) fn append_event(connection: &Connection, batch: &Batch, event: &NewEvent, body: &str) -> Step {
    connection
        .prepare_cached(
            "INSERT INTO event (id, tenant, intent, sequence, kind, at, form, body)
             VALUES (?1, ?2, ?3, (SELECT coalesce(max(sequence), 0) + 1 FROM event WHERE intent = ?3), ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            event.id.to_string(),
            batch.tenant.to_string(),
            event.intent.map(|id| id.to_string()),
            event.kind,
            nanos(batch.at),
            Snapshot::FORM,
            body
        ])?;
    Ok(())
}
