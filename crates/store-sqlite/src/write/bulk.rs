//! Bulk refunds: made, filled, steered, claimed and driven. Nobody else writes meanwhile.

use jiff::{SignedDuration, Timestamp};
use paifang_payment::{BulkId, TenantId};
use paifang_store::form::{self, Stored};
use paifang_store::{
    BULK_ASKING_MAX, BULK_CANCELED_AT_ONCE, BULK_ENTRIES_MAX, BulkCall, BulkCalled, BulkClaim, BulkState,
    BulkStep, BulkTerms, BulkThen, Driven, EntriesAdded, EntryOutcome, NewBulk, NewBulkEntry, PAGE_MAX,
    RequestKey, pause_after,
};
use rusqlite::{Connection, OptionalExtension, params};

use crate::fault::Fault;
use crate::read;
use crate::value::{body, capped, count, damaged, get, limit, named, nanos, time};
use crate::writer::Made;

/// What a call with this id did before.
fn called(connection: &Connection, tenant: &str, call: &BulkCall) -> Result<Option<BulkCalled>, Fault> {
    let known: Option<([u8; 32], String)> = connection
        .prepare_cached(
            "SELECT fingerprint, bulk FROM bulk_call WHERE tenant = ?1 AND step = ?2 AND request_id = ?3",
        )?
        .query_row(params![tenant, call.step.as_str(), call.request_id.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    known
        .map(|(first, bulk)| {
            if first != call.fingerprint.0 {
                return Ok(BulkCalled::Reused);
            }
            BulkId::parse(&bulk).map(BulkCalled::Replayed).map_err(|_| damaged("bulk"))
        })
        .transpose()
}

fn keep_call(connection: &Connection, tenant: &str, call: &BulkCall, id: &str) -> Result<(), Fault> {
    connection.prepare_cached("INSERT INTO bulk_call VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(params![
        tenant,
        call.step.as_str(),
        call.request_id.as_str(),
        call.fingerprint.0,
        id
    ])?;
    Ok(())
}

pub(crate) fn add(connection: &Connection, bulk: &NewBulk) -> Result<BulkCalled, Fault> {
    let (tenant, id) = (bulk.tenant.to_string(), bulk.id.to_string());
    if let Some(known) = called(connection, &tenant, &bulk.call)? {
        return Ok(known);
    }
    connection
        .prepare_cached(
            "INSERT INTO bulk (id, tenant, state, created_at, form, body) VALUES (?1, ?2, 'draft', ?3, ?4, ?5)",
        )?
        .execute(params![id, tenant, nanos(bulk.at), BulkTerms::FORM, form::write(&bulk.terms)?])?;
    keep_call(connection, &tenant, &bulk.call, &id)?;
    Ok(BulkCalled::Done)
}

/// The state of a tenant's bulk, and how many entries it has.
fn state(connection: &Connection, tenant: TenantId, id: &str) -> Result<Option<(BulkState, u64)>, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT state, entries FROM bulk WHERE id = ?1 AND tenant = ?2")?;
    let mut rows = statement.query(params![id, tenant.to_string()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let state = BulkState::parse(&get::<String>(row, "state")?).ok_or_else(|| damaged("state"))?;
    Ok(Some((state, count(row, "entries")?)))
}

/// All of them or none: what was written is undone with a refusal.
pub(crate) fn add_entries(
    connection: &Connection,
    tenant: TenantId,
    id: BulkId,
    entries: &[NewBulkEntry],
) -> Result<Made<EntriesAdded>, Fault> {
    let id = id.to_string();
    let Some((state, before)) = state(connection, tenant, &id)? else {
        return Ok(Made::Undo(EntriesAdded::Unknown));
    };
    let mut last = before;
    for entry in entries {
        match known(connection, &id, entry)? {
            Some(true) => {}
            Some(false) => return Ok(Made::Undo(EntriesAdded::Differs(entry.name.clone()))),
            None => {
                last += 1;
                insert(connection, &id, last, entry)?;
            }
        }
    }
    if last > before && state != BulkState::Draft {
        return Ok(Made::Undo(EntriesAdded::Refused(state)));
    }
    if last > BULK_ENTRIES_MAX {
        return Ok(Made::Undo(EntriesAdded::Full));
    }
    connection
        .prepare_cached("UPDATE bulk SET entries = ?1 WHERE id = ?2")?
        .execute(params![capped(last), id])?;
    Ok(Made::Keep(EntriesAdded::Done(last - before)))
}

/// Whether an entry of this name is there with this content, or with another.
fn known(connection: &Connection, id: &str, entry: &NewBulkEntry) -> Result<Option<bool>, Fault> {
    let known: Option<(String, Option<String>, Option<i64>)> = connection
        .prepare_cached(
            "SELECT intent, wanted_currency, wanted FROM bulk_entry WHERE bulk = ?1 AND name = ?2",
        )?
        .query_row(params![id, entry.name.as_str()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let currency = entry.amount.map(|amount| amount.currency().code().to_owned());
    let wanted = (entry.intent.to_string(), currency, entry.amount.map(|amount| amount.minor_units()));
    Ok(known.map(|known| known == wanted))
}

fn insert(connection: &Connection, id: &str, position: u64, entry: &NewBulkEntry) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "INSERT INTO bulk_entry (bulk, position, name, intent, wanted_currency, wanted)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            id,
            capped(position),
            entry.name.as_str(),
            entry.intent.to_string(),
            entry.amount.map(|amount| amount.currency().code()),
            entry.amount.map(|amount| amount.minor_units())
        ])?;
    Ok(())
}

pub(crate) fn steer(
    connection: &Connection,
    tenant: TenantId,
    id: BulkId,
    call: &BulkCall,
    now: Timestamp,
) -> Result<BulkCalled, Fault> {
    let (owner, id) = (tenant.to_string(), id.to_string());
    if let Some(known) = called(connection, &owner, call)? {
        return Ok(known);
    }
    let Some((state, _)) = state(connection, tenant, &id)? else { return Ok(BulkCalled::Unknown) };
    let Some(next) = state.after(call.step) else { return Ok(BulkCalled::Refused(state)) };
    let started_at = (call.step == BulkStep::Start).then(|| nanos(call.at));
    connection
        .prepare_cached(
            "UPDATE bulk SET state = ?1, due_at = ?2, started_at = coalesce(?3, started_at) WHERE id = ?4",
        )?
        .execute(params![next.as_str(), nanos(now), started_at, id])?;
    keep_call(connection, &owner, call, &id)?;
    Ok(BulkCalled::Done)
}

pub(crate) fn claim(
    connection: &Connection,
    max: usize,
    owner: &str,
    lease: SignedDuration,
    now: Timestamp,
) -> Result<Vec<BulkClaim>, Fault> {
    let until = now.checked_add(lease).unwrap_or(Timestamp::MAX);
    let mut statement = connection.prepare_cached(
        "UPDATE bulk SET epoch = epoch + 1, owner = ?3, leased_until = ?4
          WHERE id IN (SELECT id FROM bulk WHERE due_at <= ?1 AND (leased_until IS NULL OR leased_until <= ?1)
                        ORDER BY due_at, id LIMIT ?2)
         RETURNING id, tenant, epoch, due_at",
    )?;
    let mut rows = statement.query(params![nanos(now), limit(max.min(PAGE_MAX)), owner, nanos(until)])?;
    let mut claimed = Vec::new();
    while let Some(row) = rows.next()? {
        let claim =
            BulkClaim { tenant: named(row, "tenant")?, id: named(row, "id")?, epoch: count(row, "epoch")? };
        claimed.push((get::<i64>(row, "due_at")?, claim));
    }
    claimed.sort_by_key(|(due_at, claim)| (*due_at, claim.id));
    Ok(claimed.into_iter().map(|(_, claim)| claim).collect())
}

/// A bulk as its driver finds it.
struct Held {
    state: BulkState,
    terms: BulkTerms,
    next_at: Timestamp,
}

fn held(connection: &Connection, claim: &BulkClaim) -> Result<Option<Held>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT state, next_at, form, body FROM bulk WHERE id = ?1 AND tenant = ?2 AND epoch = ?3",
    )?;
    let mut rows =
        statement.query(params![claim.id.to_string(), claim.tenant.to_string(), capped(claim.epoch)])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let state = BulkState::parse(&get::<String>(row, "state")?).ok_or_else(|| damaged("state"))?;
    Ok(Some(Held { state, terms: body(row)?, next_at: time(get(row, "next_at")?) }))
}

pub(crate) fn drive(
    connection: &Connection,
    claim: &BulkClaim,
    outcomes: &[(u64, EntryOutcome)],
    then: BulkThen,
    now: Timestamp,
) -> Result<Option<Driven>, Fault> {
    let Some(mut held) = held(connection, claim)? else { return Ok(None) };
    let id = claim.id.to_string();
    for (position, outcome) in outcomes {
        write(connection, claim, *position, outcome)?;
    }
    let mut in_flight = None;
    match then {
        BulkThen::Rest { after, seen } => {
            let is_as_seen = seen.is_none_or(|seen| held.state == seen);
            let after = if is_as_seen { after } else { SignedDuration::ZERO };
            let due_at = now.checked_add(after).unwrap_or(Timestamp::MAX);
            connection
                .prepare_cached(
                    "UPDATE bulk SET epoch = epoch + 1, due_at = ?1, leased_until = NULL, owner = NULL
                      WHERE id = ?2 AND due_at IS NOT NULL",
                )?
                .execute(params![nanos(due_at), id])?;
        }
        BulkThen::Go { begin: most, look: wanted, lease } => {
            let until = now.checked_add(lease).unwrap_or(Timestamp::MAX);
            connection
                .prepare_cached("UPDATE bulk SET leased_until = ?1 WHERE id = ?2")?
                .execute(params![nanos(until), id])?;
            give_up(connection, &id, held.state)?;
            begin(connection, &id, most, &mut held, now)?;
            if wanted {
                in_flight = Some(look(connection, &id, &mut held, now)?);
            }
        }
    }
    let waiting = is_any(connection, &id, "waiting")?;
    let asking = read::bulk::asking(connection, &id)?;
    let slot = held.next_at.duration_since(now);
    Ok(Some(Driven { state: held.state, terms: held.terms, asking, waiting, in_flight, slot }))
}

fn write(
    connection: &Connection,
    claim: &BulkClaim,
    position: u64,
    outcome: &EntryOutcome,
) -> Result<(), Fault> {
    let id = claim.id.to_string();
    match outcome {
        EntryOutcome::Asked(refund, amount) => connection
            .prepare_cached(
                "UPDATE bulk_entry SET state = 'asked', refund = ?3, currency = ?4, amount = ?5
                  WHERE bulk = ?1 AND position = ?2 AND state = 'asking'",
            )?
            .execute(params![
                id,
                capped(position),
                refund.to_string(),
                amount.currency().code(),
                amount.minor_units()
            ])?,
        EntryOutcome::Refused(refused, request) => {
            if !use_up(connection, &claim.tenant.to_string(), request)? {
                return Ok(());
            }
            connection
                .prepare_cached(
                    "UPDATE bulk_entry SET state = 'refused', reason = ?3, message = ?4
                      WHERE bulk = ?1 AND position = ?2 AND state = 'asking'",
                )?
                .execute(params![id, capped(position), refused.reason, refused.message])?
        }
    };
    Ok(())
}

/// Whether the request stood for nothing; now it is used up.
fn use_up(connection: &Connection, tenant: &str, request: &RequestKey) -> Result<bool, Fault> {
    let RequestKey { operation, request_id, fingerprint, resource } = request;
    let kept = connection
        .prepare_cached(
            "INSERT INTO request VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (tenant, operation, request_id) DO NOTHING",
        )?
        .execute(params![
            tenant,
            operation.as_str(),
            request_id.as_str(),
            fingerprint.0,
            resource.to_string()
        ])?;
    Ok(kept == 1)
}

fn give_up(connection: &Connection, id: &str, state: BulkState) -> Result<(), Fault> {
    if state == BulkState::Canceling {
        connection
            .prepare_cached(
                "UPDATE bulk_entry SET state = 'canceled' WHERE bulk = ?1 AND position IN (
                     SELECT position FROM bulk_entry WHERE bulk = ?1 AND state = 'waiting'
                      ORDER BY position LIMIT ?2)",
            )?
            .execute(params![id, BULK_CANCELED_AT_ONCE])?;
    }
    Ok(())
}

fn begin(connection: &Connection, id: &str, most: u32, held: &mut Held, now: Timestamp) -> Result<(), Fault> {
    if held.state != BulkState::Running || most == 0 || held.next_at > now {
        return Ok(());
    }
    let begun = connection
        .prepare_cached(
            "UPDATE bulk_entry SET state = 'asking' WHERE bulk = ?1 AND position IN (
                 SELECT position FROM bulk_entry WHERE bulk = ?1 AND state = 'waiting'
                  ORDER BY position
                  LIMIT max(0, min(?2, ?3 - (SELECT count(*) FROM bulk_entry
                                              WHERE bulk = ?1 AND state = 'asking'))))",
        )?
        .execute(params![id, most, BULK_ASKING_MAX])?;
    if begun > 0 {
        let pause = pause_after(begun as u64, held.terms.pace);
        held.next_at = now.checked_add(pause).unwrap_or(Timestamp::MAX);
        connection
            .prepare_cached("UPDATE bulk SET next_at = ?1 WHERE id = ?2")?
            .execute(params![nanos(held.next_at), id])?;
    }
    Ok(())
}

/// Ends a bulk in which nothing is open; answers how many refunds are in flight, those aside that a person has.
fn look(connection: &Connection, id: &str, held: &mut Held, now: Timestamp) -> Result<u64, Fault> {
    connection
        .prepare_cached(
            "UPDATE bulk_entry SET state = refund.state FROM refund
              WHERE bulk_entry.bulk = ?1 AND bulk_entry.state = 'asked' AND refund.id = bulk_entry.refund
                AND refund.state IN ('succeeded', 'failed')",
        )?
        .execute([id])?;
    let in_flight: i64 = connection
        .prepare_cached(
            "SELECT count(*) FROM bulk_entry_seen AS seen WHERE bulk = ?1 AND state = 'asked' AND flies
                AND NOT EXISTS (SELECT 1 FROM work WHERE work.key = seen.refund AND work.quarantined IS NOT NULL)",
        )?
        .query_row([id], |row| row.get(0))?;
    let runs = matches!(held.state, BulkState::Running | BulkState::Canceling);
    let mut open = false;
    for state in ["waiting", "asking", "asked"] {
        open = open || is_any(connection, id, state)?;
    }
    if runs && !open {
        connection
            .prepare_cached(
                "UPDATE bulk SET state = 'ended', ended_at = ?1, due_at = NULL, leased_until = NULL, owner = NULL,
                                 epoch = epoch + 1 WHERE id = ?2",
            )?
            .execute(params![nanos(now), id])?;
        held.state = BulkState::Ended;
    }
    u64::try_from(in_flight).map_err(|_| damaged("count"))
}

/// Whether an entry is in this state.
fn is_any(connection: &Connection, id: &str, state: &str) -> Result<bool, Fault> {
    let found = connection
        .prepare_cached("SELECT 1 FROM bulk_entry WHERE bulk = ?1 AND state = ?2 LIMIT 1")?
        .query_row(params![id, state], |_| Ok(()))
        .optional()?;
    Ok(found.is_some())
}
