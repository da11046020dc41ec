//! Intents, their attempts, amounts and events.

use paifang_payment::attempt::{Attempt, State};
use paifang_payment::intent::{Entry, Fact, Intent};
use paifang_payment::{AttemptId, TenantId};
use paifang_store::form::Stored;
use paifang_store::{Batch, Committed, Guard, IntentWrite, NewEvent, Snapshot};
use rusqlite::{Connection, params};

use super::encode::Bodies;
use super::{Refusal, Step, broken};
use crate::value::{capped, nanos};

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
        Fact::AttemptMoved { attempt, .. } => move_attempt(connection, row, *attempt),
        Fact::Created { .. } | Fact::Wished { .. } | Fact::AttemptLeft { .. } | Fact::Moved { .. } => Ok(()),
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
    Ok(())
}

fn move_attempt(connection: &Connection, row: &Intent, id: AttemptId) -> Step {
    let attempt = row.attempt(id).ok_or_else(|| broken("moves an attempt that the row lacks"))?;
    let since = in_doubt_since(attempt);
    connection
        .prepare_cached("UPDATE attempt SET in_doubt_since = ?1 WHERE id = ?2 AND in_doubt_since IS NOT ?1")?
        .execute(params![since, id.to_string()])?;
    Ok(())
}

fn in_doubt_since(attempt: &Attempt) -> Option<i64> {
    matches!(attempt.state, State::InDoubt(_)).then(|| nanos(attempt.terms.opened_at))
}

/// The condition and the change are one statement; the table's checks repeat it.
pub(super) fn guard(connection: &Connection, tenant: TenantId, guard: &Guard) -> Step {
    let (text, amount) = match guard {
        Guard::Capture(_, amount) => (
            "UPDATE intent SET captured = captured + ?1
              WHERE id = ?2 AND tenant = ?3 AND currency = ?4 AND captured + ?1 <= amount",
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

pub(super) fn append_event(connection: &Connection, batch: &Batch, event: &NewEvent, body: &str) -> Step {
    connection
        .prepare_cached(
            "INSERT INTO event (id, tenant, intent, sequence, kind, at, form, body)
             VALUES (?1, ?2, ?3, (SELECT coalesce(max(sequence), 0) + 1 FROM event WHERE intent = ?3), ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            event.id.to_string(),
            batch.tenant.to_string(),
            event.intent.to_string(),
            event.kind,
            nanos(batch.at),
            Snapshot::FORM,
            body
        ])?;
    Ok(())
}
