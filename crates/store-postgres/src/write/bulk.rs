//! Bulk refunds: made, filled, steered, claimed and driven. Each is a transaction that looks before it writes; the row of the
//! bulk is locked first, so that everything about one bulk is written by one of them at a time.

mod drive;

use std::time::Duration;

use deadpool_postgres::{Pool, Transaction};
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::SignedDuration;
use paifang_payment::{BulkId, TenantId};
use paifang_store::form::{self, Stored};
use paifang_store::{
    BULK_ENTRIES_MAX, BulkCall, BulkCalled, BulkClaim, BulkState, BulkStep, BulkTerms, BulkThen, Driven,
    EntriesAdded, EntryOutcome, NewBulk, NewBulkEntry, PAGE_MAX, StoreError,
};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use crate::clock::Clock;
use crate::fault::{self, Reach, reach};
use crate::read::bulk as read;
use crate::step::Value;
use crate::value::{bytes, count, get, limit, named, nanos, span};

/// A transaction is tried so often.
const TRIES: u32 = 6;
/// The pause before the second try; each further one waits longer by as much.
const PAUSE: Duration = Duration::from_millis(4);

/// Why a transaction goes no further.
pub(crate) enum Stop {
    Error(Error),
    Store(StoreError),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// An answer, and whether what was written for it is kept.
pub(crate) enum Made<T> {
    Keep(T),
    Undo(T),
}

/// What is done in a transaction; perhaps more than once, since it may have to be tried again.
pub(crate) trait Work: Sync {
    /// What it answers.
    type Answer: Send;

    /// Does it.
    fn run<'a>(&'a self, tx: &'a Transaction<'_>) -> BoxFuture<'a, Result<Made<Self::Answer>, Stop>>;
}

/// See [`paifang_store::BulkStore::add_bulk`].
pub(crate) struct Add(pub NewBulk);

/// See [`paifang_store::BulkStore::add_bulk_entries`].
pub(crate) struct AddEntries(pub TenantId, pub BulkId, pub Vec<NewBulkEntry>);

/// See [`paifang_store::BulkStore::steer_bulk`].
pub(crate) struct Steer<'c>(pub TenantId, pub BulkId, pub BulkCall, pub &'c Clock);

/// See [`paifang_store::BulkStore::claim_bulks`].
pub(crate) struct Claim<'c>(pub usize, pub String, pub SignedDuration, pub &'c Clock);

/// See [`paifang_store::BulkStore::drive_bulk`].
pub(crate) struct Drive<'c>(pub BulkClaim, pub Vec<(u64, EntryOutcome)>, pub BulkThen, pub &'c Clock);

impl Work for Add {
    type Answer = BulkCalled;

    fn run<'a>(&'a self, tx: &'a Transaction<'_>) -> BoxFuture<'a, Result<Made<BulkCalled>, Stop>> {
        add(tx, &self.0).boxed()
    }
}

impl Work for AddEntries {
    type Answer = EntriesAdded;

    fn run<'a>(&'a self, tx: &'a Transaction<'_>) -> BoxFuture<'a, Result<Made<EntriesAdded>, Stop>> {
        add_entries(tx, self.0, self.1, &self.2).boxed()
    }
}

impl Work for Steer<'_> {
    type Answer = BulkCalled;

    fn run<'a>(&'a self, tx: &'a Transaction<'_>) -> BoxFuture<'a, Result<Made<BulkCalled>, Stop>> {
        steer(tx, self.0, self.1, &self.2, self.3).boxed()
    }
}

impl Work for Claim<'_> {
    type Answer = Vec<BulkClaim>;

    fn run<'a>(&'a self, tx: &'a Transaction<'_>) -> BoxFuture<'a, Result<Made<Vec<BulkClaim>>, Stop>> {
        claim(tx, self.0, &self.1, self.2, self.3).boxed()
    }
}

impl Work for Drive<'_> {
    type Answer = Option<Driven>;

    fn run<'a>(&'a self, tx: &'a Transaction<'_>) -> BoxFuture<'a, Result<Made<Option<Driven>>, Stop>> {
        drive::drive(tx, &self.0, &self.1, self.2, self.3).boxed()
    }
}

/// Runs a transaction, again where somebody was in the way.
pub(crate) async fn transact<W: Work>(pool: &Pool, work: W) -> Result<W::Answer, StoreError> {
    let (mut tries, mut pause) = (1, Duration::ZERO);
    loop {
        let error = match try_once(pool, &work).await {
            Ok(made) => return Ok(made),
            Err(Stop::Store(error)) => return Err(error),
            Err(Stop::Error(error)) => error,
        };
        match reach(&error) {
            Reach::Again | Reach::Connection if tries < TRIES => tries += 1,
            Reach::Rule => return Err(fault::broken(&error)),
            Reach::Damage => return Err(fault::of_read(error)),
            Reach::Again | Reach::Connection | Reach::Server => return Err(fault::unavailable(error)),
        }
        pause += PAUSE;
        tokio::time::sleep(pause).await;
    }
}

async fn try_once<W: Work>(pool: &Pool, work: &W) -> Result<W::Answer, Stop> {
    let mut client = pool.get().await.map_err(fault::unavailable)?;
    let transaction = client.transaction().await?;
    let made = work.run(&transaction).await?;
    match made {
        Made::Undo(made) => {
            transaction.rollback().await?;
            Ok(made)
        }
        Made::Keep(made) => match transaction.commit().await {
            Ok(()) => Ok(made),
            // Only this says that nothing was committed (F24).
            Err(error) if error.code().is_some() && reach(&error) == Reach::Again => Err(error.into()),
            Err(error) => Err(fault::unknown(error).into()),
        },
    }
}

async fn rows(tx: &Transaction<'_>, text: &str, values: &[Value]) -> Result<Vec<Row>, Stop> {
    let statement = tx.prepare_cached(text).await?;
    let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
    Ok(tx.query(&statement, &values).await?)
}

async fn execute(tx: &Transaction<'_>, text: &str, values: &[Value]) -> Result<u64, Stop> {
    let statement = tx.prepare_cached(text).await?;
    let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
    Ok(tx.execute(&statement, &values).await?)
}

/// Keeps a call, or answers what one with its id did before.
async fn take_call(
    tx: &Transaction<'_>,
    tenant: TenantId,
    call: &BulkCall,
    id: BulkId,
) -> Result<Option<BulkCalled>, Stop> {
    let values: [Value; 5] = [
        tenant.to_string().into(),
        call.step.as_str().into(),
        call.request_id.as_str().into(),
        call.fingerprint.0.into(),
        id.to_string().into(),
    ];
    let text =
        "INSERT INTO bulk_call (tenant, step, request_id, fingerprint, bulk) VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT (tenant, step, request_id) DO NOTHING";
    if execute(tx, text, &values).await? == 1 {
        return Ok(None);
    }
    called(tx, tenant, call).await
}

async fn called(tx: &Transaction<'_>, tenant: TenantId, call: &BulkCall) -> Result<Option<BulkCalled>, Stop> {
    let text = "SELECT fingerprint, bulk FROM bulk_call WHERE tenant = $1 AND step = $2 AND request_id = $3";
    let values = [tenant.to_string().into(), call.step.as_str().into(), call.request_id.as_str().into()];
    let known = rows(tx, text, &values).await?;
    let Some(row) = known.first() else { return Ok(None) };
    if bytes(row, "fingerprint")? != call.fingerprint.0 {
        return Ok(Some(BulkCalled::Reused));
    }
    Ok(Some(BulkCalled::Replayed(named(row, "bulk")?)))
}

async fn add(tx: &Transaction<'_>, bulk: &NewBulk) -> Result<Made<BulkCalled>, Stop> {
    let text =
        "INSERT INTO bulk (id, tenant, state, created_at, form, body) VALUES ($1, $2, 'draft', $3, $4, $5)";
    let values = [
        bulk.id.to_string().into(),
        bulk.tenant.to_string().into(),
        bulk.at.into(),
        BulkTerms::FORM.into(),
        form::write(&bulk.terms)?.into(),
    ];
    execute(tx, text, &values).await?;
    Ok(match take_call(tx, bulk.tenant, &bulk.call, bulk.id).await? {
        Some(known) => Made::Undo(known),
        None => Made::Keep(BulkCalled::Done),
    })
}

/// The row of a tenant's bulk, locked.
async fn lock(tx: &Transaction<'_>, tenant: TenantId, id: BulkId) -> Result<Option<Row>, Stop> {
    let text = "SELECT * FROM bulk WHERE id = $1 AND tenant = $2 FOR NO KEY UPDATE";
    Ok(rows(tx, text, &[id.to_string().into(), tenant.to_string().into()]).await?.pop())
}

async fn add_entries(
    tx: &Transaction<'_>,
    tenant: TenantId,
    id: BulkId,
    entries: &[NewBulkEntry],
) -> Result<Made<EntriesAdded>, Stop> {
    let Some(row) = lock(tx, tenant, id).await? else { return Ok(Made::Undo(EntriesAdded::Unknown)) };
    let (state, before) = (read::state(&row)?, count(&row, "entries")?);
    let mut last = before;
    for entry in entries {
        match known(tx, id, entry).await? {
            Some(true) => {}
            Some(false) => return Ok(Made::Undo(EntriesAdded::Differs(entry.name.clone()))),
            None => {
                last += 1;
                insert(tx, id, last, entry).await?;
            }
        }
    }
    if last > before && state != BulkState::Draft {
        return Ok(Made::Undo(EntriesAdded::Refused(state)));
    }
    if last > BULK_ENTRIES_MAX {
        return Ok(Made::Undo(EntriesAdded::Full));
    }
    execute(tx, "UPDATE bulk SET entries = $1 WHERE id = $2", &[last.into(), id.to_string().into()]).await?;
    Ok(Made::Keep(EntriesAdded::Done(last - before)))
}

/// Whether an entry of this name is there with this content, or with another.
async fn known(tx: &Transaction<'_>, id: BulkId, entry: &NewBulkEntry) -> Result<Option<bool>, Stop> {
    let text = "SELECT intent, wanted_currency, wanted FROM bulk_entry WHERE bulk = $1 AND name = $2";
    let known = rows(tx, text, &[id.to_string().into(), entry.name.as_str().into()]).await?;
    let Some(row) = known.first() else { return Ok(None) };
    let currency = entry.amount.map(|amount| amount.currency().code().to_owned());
    let wanted = (entry.intent.to_string(), currency, entry.amount.map(|amount| amount.minor_units()));
    Ok(Some((get(row, "intent")?, get(row, "wanted_currency")?, get(row, "wanted")?) == wanted))
}

async fn insert(tx: &Transaction<'_>, id: BulkId, position: u64, entry: &NewBulkEntry) -> Result<(), Stop> {
    let text = "INSERT INTO bulk_entry (bulk, position, name, intent, wanted_currency, wanted)
                VALUES ($1, $2, $3, $4, $5, $6)";
    let values = [
        id.to_string().into(),
        position.into(),
        entry.name.as_str().into(),
        entry.intent.to_string().into(),
        entry.amount.map(|amount| amount.currency().code()).into(),
        entry.amount.map(|amount| amount.minor_units()).into(),
    ];
    execute(tx, text, &values).await?;
    Ok(())
}

async fn steer(
    tx: &Transaction<'_>,
    tenant: TenantId,
    id: BulkId,
    call: &BulkCall,
    clock: &Clock,
) -> Result<Made<BulkCalled>, Stop> {
    let row = lock(tx, tenant, id).await?;
    if let Some(known) = called(tx, tenant, call).await? {
        return Ok(Made::Undo(known));
    }
    let Some(row) = row else { return Ok(Made::Undo(BulkCalled::Unknown)) };
    let state = read::state(&row)?;
    let Some(next) = state.after(call.step) else { return Ok(Made::Undo(BulkCalled::Refused(state))) };
    if let Some(known) = take_call(tx, tenant, call, id).await? {
        return Ok(Made::Undo(known));
    }
    let [hand, ahead] = clock.arguments();
    let started_at = (call.step == BulkStep::Start).then(|| nanos(call.at));
    let text = "UPDATE bulk SET state = $1, due_at = store_now($2, $3), started_at = coalesce($4, started_at)
                 WHERE id = $5";
    let values = [next.as_str().into(), hand, ahead, started_at.into(), id.to_string().into()];
    execute(tx, text, &values).await?;
    Ok(Made::Keep(BulkCalled::Done))
}

async fn claim(
    tx: &Transaction<'_>,
    max: usize,
    owner: &str,
    lease: SignedDuration,
    clock: &Clock,
) -> Result<Made<Vec<BulkClaim>>, Stop> {
    let text = "WITH clock AS MATERIALIZED (SELECT store_now($1, $2) AS now),
                     due AS MATERIALIZED (
                         SELECT id FROM bulk, clock
                          WHERE due_at <= clock.now AND (leased_until IS NULL OR leased_until <= clock.now)
                          ORDER BY due_at, id LIMIT $3 FOR NO KEY UPDATE OF bulk SKIP LOCKED)
                UPDATE bulk SET epoch = bulk.epoch + 1, owner = $4, leased_until = clock.now + $5
                  FROM due, clock WHERE bulk.id = due.id
                RETURNING bulk.id, bulk.tenant, bulk.epoch, bulk.due_at";
    let [hand, ahead] = clock.arguments();
    let values = [hand, ahead, limit(max.min(PAGE_MAX)).into(), owner.into(), span(lease).into()];
    let mut claimed = Vec::new();
    for row in &rows(tx, text, &values).await? {
        let claim =
            BulkClaim { tenant: named(row, "tenant")?, id: named(row, "id")?, epoch: count(row, "epoch")? };
        claimed.push((get::<i64>(row, "due_at")?, claim));
    }
    claimed.sort_by_key(|(due_at, claim)| (*due_at, claim.id));
    Ok(Made::Keep(claimed.into_iter().map(|(_, claim)| claim).collect()))
}
