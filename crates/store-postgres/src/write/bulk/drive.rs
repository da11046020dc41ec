//! What whoever holds the claim of a bulk does with it.

use deadpool_postgres::Transaction;
use jiff::{SignedDuration, Timestamp};
use paifang_payment::TenantId;
use paifang_store::{
    BULK_ASKING_MAX, BULK_CANCELED_AT_ONCE, BulkClaim, BulkEntry, BulkState, BulkTerms, BulkThen, Driven,
    EntryOutcome, PAGE_MAX, RequestKey, pause_after,
};

use super::{Made, Stop, execute, lock, rows};
use crate::clock::Clock;
use crate::read::bulk as read;
use crate::value::{body, count, damaged, get, limit, time};

/// A bulk as its driver finds it.
struct Held {
    state: BulkState,
    terms: BulkTerms,
    next_at: Timestamp,
    now: Timestamp,
}

async fn held(tx: &Transaction<'_>, claim: &BulkClaim, clock: &Clock) -> Result<Option<Held>, Stop> {
    let Some(row) = lock(tx, claim.tenant, claim.id).await? else { return Ok(None) };
    if count(&row, "epoch")? != claim.epoch {
        return Ok(None);
    }
    let [hand, ahead] = clock.arguments();
    let read_clock = rows(tx, "SELECT store_now($1, $2) AS now", &[hand, ahead]).await?;
    let now = read_clock.first().ok_or_else(|| damaged("clock")).and_then(|row| get(row, "now"))?;
    let (state, next_at) = (read::state(&row)?, time(get(&row, "next_at")?));
    Ok(Some(Held { state, terms: body(&row)?, next_at, now: time(now) }))
}

pub(super) async fn drive(
    tx: &Transaction<'_>,
    claim: &BulkClaim,
    outcomes: &[(u64, EntryOutcome)],
    then: BulkThen,
    clock: &Clock,
) -> Result<Made<Option<Driven>>, Stop> {
    let Some(mut held) = held(tx, claim, clock).await? else { return Ok(Made::Undo(None)) };
    let id = claim.id.to_string();
    for (position, outcome) in outcomes {
        write(tx, claim, *position, outcome).await?;
    }
    let mut in_flight = None;
    match then {
        BulkThen::Rest { after, seen } => {
            let is_as_seen = seen.is_none_or(|seen| held.state == seen);
            let after = if is_as_seen { after } else { SignedDuration::ZERO };
            let due_at = held.now.checked_add(after).unwrap_or(Timestamp::MAX);
            let text = "UPDATE bulk SET epoch = epoch + 1, due_at = $1, leased_until = NULL, owner = NULL
                         WHERE id = $2 AND due_at IS NOT NULL";
            execute(tx, text, &[due_at.into(), id.as_str().into()]).await?;
        }
        BulkThen::Go { begin: most, look: wanted, lease } => {
            let until = held.now.checked_add(lease).unwrap_or(Timestamp::MAX);
            let text = "UPDATE bulk SET leased_until = $1 WHERE id = $2";
            execute(tx, text, &[until.into(), id.as_str().into()]).await?;
            give_up(tx, &id, held.state).await?;
            begin(tx, &id, most, &mut held).await?;
            if wanted {
                in_flight = Some(look(tx, &id, &mut held).await?);
            }
        }
    }
    let waiting = is_any(tx, &id, "waiting").await?;
    let asking = asking(tx, &id).await?;
    let slot = held.next_at.duration_since(held.now);
    Ok(Made::Keep(Some(Driven { state: held.state, terms: held.terms, asking, waiting, in_flight, slot })))
}

async fn asking(tx: &Transaction<'_>, id: &str) -> Result<Vec<BulkEntry>, Stop> {
    let text =
        "SELECT * FROM bulk_entry_seen WHERE bulk = $1 AND state = 'asking' ORDER BY position LIMIT $2";
    let asking = rows(tx, text, &[id.into(), limit(PAGE_MAX).into()]).await?;
    Ok(asking.iter().map(read::entry).collect::<Result<_, _>>()?)
}

async fn write(
    tx: &Transaction<'_>,
    claim: &BulkClaim,
    position: u64,
    outcome: &EntryOutcome,
) -> Result<(), Stop> {
    let id = claim.id.to_string();
    match outcome {
        EntryOutcome::Asked(refund, amount) => {
            let text = "UPDATE bulk_entry SET state = 'asked', refund = $3, currency = $4, amount = $5
                         WHERE bulk = $1 AND position = $2 AND state = 'asking'";
            let (refund, currency) = (refund.to_string(), amount.currency().code());
            let values = [
                id.as_str().into(),
                position.into(),
                refund.into(),
                currency.into(),
                amount.minor_units().into(),
            ];
            execute(tx, text, &values).await?;
        }
        EntryOutcome::Refused(refused, request) => {
            if !use_up(tx, claim.tenant, request).await? {
                return Ok(());
            }
            let text = "UPDATE bulk_entry SET state = 'refused', reason = $3, message = $4
                         WHERE bulk = $1 AND position = $2 AND state = 'asking'";
            let (reason, message) = (refused.reason.as_str(), refused.message.as_str());
            execute(tx, text, &[id.as_str().into(), position.into(), reason.into(), message.into()]).await?;
        }
    }
    Ok(())
}

/// Whether the request stood for nothing; now it is used up. Waits for whoever is about to use it.
async fn use_up(tx: &Transaction<'_>, tenant: TenantId, request: &RequestKey) -> Result<bool, Stop> {
    let RequestKey { operation, request_id, fingerprint, resource } = request;
    let text = "INSERT INTO request (tenant, operation, request_id, fingerprint, resource)
                VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant, operation, request_id) DO NOTHING";
    let values = [
        tenant.to_string().into(),
        operation.as_str().into(),
        request_id.as_str().into(),
        fingerprint.0.into(),
        resource.to_string().into(),
    ];
    Ok(execute(tx, text, &values).await? == 1)
}

async fn give_up(tx: &Transaction<'_>, id: &str, state: BulkState) -> Result<(), Stop> {
    if state == BulkState::Canceling {
        let text = "UPDATE bulk_entry SET state = 'canceled' WHERE bulk = $1 AND position IN (
                        SELECT position FROM bulk_entry WHERE bulk = $1 AND state = 'waiting'
                         ORDER BY position LIMIT $2)";
        execute(tx, text, &[id.into(), BULK_CANCELED_AT_ONCE.into()]).await?;
    }
    Ok(())
}

async fn begin(tx: &Transaction<'_>, id: &str, most: u32, held: &mut Held) -> Result<(), Stop> {
    let may = held.state == BulkState::Running && most > 0 && held.next_at <= held.now;
    if !may {
        return Ok(());
    }
    let text = "UPDATE bulk_entry SET state = 'asking' WHERE bulk = $1 AND position IN (
                    SELECT position FROM bulk_entry WHERE bulk = $1 AND state = 'waiting'
                     ORDER BY position
                     LIMIT greatest(0, least($2, $3 - (SELECT count(*) FROM bulk_entry
                                                        WHERE bulk = $1 AND state = 'asking'))))";
    let begun = execute(tx, text, &[id.into(), most.into(), BULK_ASKING_MAX.into()]).await?;
    if begun > 0 {
        let pause = pause_after(begun, held.terms.pace);
        held.next_at = held.now.checked_add(pause).unwrap_or(Timestamp::MAX);
        let text = "UPDATE bulk SET next_at = $1 WHERE id = $2";
        execute(tx, text, &[held.next_at.into(), id.into()]).await?;
    }
    Ok(())
}

/// Ends a bulk in which nothing is open; answers how many refunds are in flight, those aside that a person has.
async fn look(tx: &Transaction<'_>, id: &str, held: &mut Held) -> Result<u64, Stop> {
    let settle = "UPDATE bulk_entry SET state = refund.state FROM refund
                   WHERE bulk_entry.bulk = $1 AND bulk_entry.state = 'asked' AND refund.id = bulk_entry.refund
                     AND refund.state IN ('succeeded', 'failed')";
    execute(tx, settle, &[id.into()]).await?;
    let flying = "SELECT count(*) AS n FROM bulk_entry_seen AS seen WHERE bulk = $1 AND state = 'asked' AND flies
                     AND NOT EXISTS (SELECT 1 FROM work WHERE work.key = seen.refund AND work.quarantined IS NOT NULL)";
    let flying = rows(tx, flying, &[id.into()]).await?;
    let in_flight = flying.first().ok_or_else(|| damaged("count")).and_then(|row| count(row, "n"))?;
    let runs = matches!(held.state, BulkState::Running | BulkState::Canceling);
    let mut open = false;
    for state in ["waiting", "asking", "asked"] {
        open = open || is_any(tx, id, state).await?;
    }
    if runs && !open {
        let end = "UPDATE bulk SET state = 'ended', ended_at = $1, due_at = NULL, leased_until = NULL, owner = NULL,
                                   epoch = epoch + 1 WHERE id = $2";
        execute(tx, end, &[held.now.into(), id.into()]).await?;
        held.state = BulkState::Ended;
    }
    Ok(in_flight)
}

/// Whether an entry is in this state.
async fn is_any(tx: &Transaction<'_>, id: &str, state: &str) -> Result<bool, Stop> {
    let text = "SELECT 1 FROM bulk_entry WHERE bulk = $1 AND state = $2 LIMIT 1";
    Ok(!rows(tx, text, &[id.into(), state.into()]).await?.is_empty())
}
