//! Writes, inside the writer's transaction. A condition is part of the statement that changes the row; what cannot be
//! said that way is looked up first, which is safe because nobody else writes.

pub(crate) mod bulk;
mod encode;
mod intent;
mod ledger;
mod refund;
pub(crate) mod rules;
pub(crate) mod work;

use jiff::Timestamp;
use paifang_payment::Digest;
use paifang_store::{Committed, InboxVerdict, RequestKey, Resource, StoreError, Tenant};
use rusqlite::{Connection, OptionalExtension, params};

use crate::fault::Fault;
use crate::value::{damaged, nanos};
use crate::writer::Made;

pub(crate) use encode::Encoded;

/// Why a batch goes no further.
enum Refusal {
    /// The protocol has a word for it.
    Answer(Committed),
    /// Something is wrong.
    Fault(Fault),
}

type Step = Result<(), Refusal>;

impl<F: Into<Fault>> From<F> for Refusal {
    fn from(fault: F) -> Self {
        Self::Fault(fault.into())
    }
}

/// A rule that the batch's maker should have kept.
fn broken(what: impl Into<String>) -> Refusal {
    Refusal::Fault(Fault::Store(StoreError::Broken(what.into())))
}

/// Commits a batch: [`paifang_store::Store::commit`], in its order of checks.
pub(crate) fn commit(
    connection: &Connection,
    batch: &Encoded,
    now: Timestamp,
) -> Result<Made<Committed>, Fault> {
    match apply(connection, batch, now) {
        Ok(()) => Ok(Made::Keep(Committed::Done)),
        Err(Refusal::Answer(answer)) => Ok(Made::Undo(answer)),
        Err(Refusal::Fault(fault)) => Err(fault),
    }
}

fn apply(connection: &Connection, encoded: &Encoded, now: Timestamp) -> Step {
    let batch = &encoded.batch;
    take_request(connection, encoded)?;
    take_inbox(connection, encoded)?;
    if let Some(fence) = &batch.fence {
        work::check_fence(connection, fence)?;
    }
    if let Some(seen) = &batch.rules {
        rules::take(connection, encoded, seen)?;
    }
    if let Some((write, bodies)) = batch.intent.as_ref().zip(encoded.intent.as_ref()) {
        intent::write(connection, write, bodies)?;
    }
    for (write, bodies) in batch.refunds.iter().zip(&encoded.refunds) {
        refund::write(connection, write, bodies)?;
    }
    for guard in &batch.guards {
        intent::guard(connection, batch.tenant, guard)?;
    }
    for transfer in &batch.transfers {
        ledger::post(connection, batch.tenant, transfer)?;
    }
    for (change, body) in batch.work.iter().zip(&encoded.work) {
        work::change(connection, batch.tenant, change, body, now)?;
    }
    for (change, body) in batch.submissions.iter().zip(&encoded.submissions) {
        work::keep_submission(connection, change, body)?;
    }
    for (event, body) in batch.events.iter().zip(&encoded.events) {
        intent::append_event(connection, batch, event, body)?;
    }
    for mark in &batch.marks {
        rules::mark(connection, batch, mark)?;
    }
    Ok(())
}

fn take_request(connection: &Connection, encoded: &Encoded) -> Step {
    let Some(RequestKey { operation, request_id, fingerprint, resource }) = &encoded.batch.request else {
        return Ok(());
    };
    let tenant = encoded.batch.tenant.to_string();
    let known: Option<([u8; 32], String)> = connection
        .prepare_cached(
            "SELECT fingerprint, resource FROM request WHERE tenant = ?1 AND operation = ?2 AND request_id = ?3",
        )?
        .query_row(params![tenant, operation.as_str(), request_id.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    match known {
        Some((first, resource)) if first == fingerprint.0 => {
            Err(Refusal::Answer(Committed::Replayed(parse_resource(&resource)?)))
        }
        Some(_) => Err(Refusal::Answer(Committed::RequestReused)),
        None => {
            let resource = resource.to_string();
            connection
                .prepare_cached("INSERT INTO request VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute(params![tenant, operation.as_str(), request_id.as_str(), fingerprint.0, resource])?;
            Ok(())
        }
    }
}

/// What a request stands for.
pub(crate) fn parse_resource(text: &str) -> Result<Resource, Fault> {
    Resource::parse(text).ok_or_else(|| damaged("resource"))
}

fn take_inbox(connection: &Connection, encoded: &Encoded) -> Step {
    let Some(entry) = &encoded.batch.inbox else { return Ok(()) };
    let (verdict, why) = match &entry.verdict {
        InboxVerdict::Applied => ("applied", None),
        InboxVerdict::Suspicious { why } => ("suspicious", Some(why)),
    };
    let kept = connection
        .prepare_cached(
            "INSERT INTO inbox (rail_account, key, verdict, why, digest, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (rail_account, key) DO NOTHING",
        )?
        .execute(params![
            entry.account.as_str(),
            entry.key,
            verdict,
            why,
            entry.digest.0,
            nanos(encoded.batch.at)
        ])?;
    if kept == 0 { Err(Refusal::Answer(Committed::SeenBefore)) } else { Ok(()) }
}

/// `false` when its id or key hash is there already.
pub(crate) fn add_tenant(connection: &Connection, tenant: &Tenant) -> Result<bool, Fault> {
    let Digest(key_hash) = tenant.key_hash;
    let added = connection
        .prepare_cached(
            "INSERT INTO tenant (id, name, key_hash, created_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        )?
        .execute(params![tenant.id.to_string(), tenant.name, key_hash, nanos(tenant.created_at)])?;
    Ok(added == 1)
}

/// The first key ever stays.
pub(crate) fn deployment_key(connection: &Connection, fresh: [u8; 32]) -> Result<[u8; 32], Fault> {
    connection
        .prepare_cached(
            "INSERT INTO setting (name, value) VALUES ('deployment_key', ?1) ON CONFLICT DO NOTHING",
        )?
        .execute([fresh])?;
    let kept = "SELECT value FROM setting WHERE name = 'deployment_key'";
    Ok(connection.prepare_cached(kept)?.query_row([], |row| row.get(0))?)
}
