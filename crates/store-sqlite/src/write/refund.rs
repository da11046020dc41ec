//! Refunds and their journals.

use paifang_payment::refund::{Entry, Purpose, Refund, State};
use paifang_store::form::Stored;
use paifang_store::{Committed, RefundWrite};
use rusqlite::{Connection, OptionalExtension, params};

use super::encode::Bodies;
use super::{Refusal, Step};
use crate::value::{capped, nanos};

pub(super) fn write(connection: &Connection, write: &RefundWrite, bodies: &Bodies) -> Step {
    let id = write.row.terms.id.to_string();
    match write.expected {
        0 => insert(connection, &id, &write.row, &bodies.row)?,
        seen => update(connection, &id, &write.row, seen, &bodies.row)?,
    }
    for (entry, body) in write.entries.iter().zip(&bodies.entries) {
        connection.prepare_cached("INSERT INTO refund_journal VALUES (?1, ?2, ?3, ?4)")?.execute(params![
            id,
            capped(entry.seq),
            Entry::FORM,
            body
        ])?;
    }
    Ok(())
}

/// A taken refund number, a second refund of the same late money and a foreign intent break the table's keys.
fn insert(connection: &Connection, id: &str, row: &Refund, body: &str) -> Step {
    let known = connection
        .prepare_cached("SELECT 1 FROM refund WHERE id = ?1")?
        .query_row([id], |_| Ok(()))
        .optional()?;
    if known.is_some() {
        return Err(Refusal::Answer(Committed::Conflict));
    }
    let (terms, amount) = (&row.terms, row.terms.amount);
    let purpose = match terms.purpose {
        Purpose::Requested => "requested",
        Purpose::LateMoney => "late_money",
    };
    connection
        .prepare_cached(
            "INSERT INTO refund VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            id,
            terms.tenant.to_string(),
            terms.intent.to_string(),
            terms.attempt.to_string(),
            terms.account.as_str(),
            terms.refund_no.as_str(),
            purpose,
            row.state.name(),
            capped(row.version),
            amount.currency().code(),
            amount.minor_units(),
            in_doubt_since(row),
            Refund::FORM,
            body
        ])?;
    Ok(())
}

fn update(connection: &Connection, id: &str, row: &Refund, seen: u64, body: &str) -> Step {
    let changed = connection
        .prepare_cached(
            "UPDATE refund SET state = ?1, version = ?2, in_doubt_since = ?3, form = ?4, body = ?5
             WHERE id = ?6 AND tenant = ?7 AND intent = ?8 AND version = ?9",
        )?
        .execute(params![
            row.state.name(),
            capped(row.version),
            in_doubt_since(row),
            Refund::FORM,
            body,
            id,
            row.terms.tenant.to_string(),
            row.terms.intent.to_string(),
            capped(seen)
        ])?;
    if changed == 0 { Err(Refusal::Answer(Committed::Conflict)) } else { Ok(()) }
}

fn in_doubt_since(row: &Refund) -> Option<i64> {
    matches!(row.state, State::InDoubt(_)).then(|| nanos(row.opened_at()))
}
