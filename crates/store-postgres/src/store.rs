//! [`PostgresStore`]: the port over the pool.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use jiff::{SignedDuration, Timestamp};
use paifang_ledger::{Account, Transfer};
use paifang_money::Currency;
use paifang_payment::intent;
use paifang_payment::refund::{self, Refund};
use paifang_payment::{
    AccountId, AttemptId, Digest, FundsId, IntentId, OrderNo, RefundId, RequestId, TenantId,
};
use paifang_policy::guard::Tally;
use paifang_store::{
    AccountBalance, AttemptRef, Batch, BookedFrom, Committed, GuardedBook, InboxRow, IntentFilter, IntentRow,
    Leased, Operation, Page, RefundRef, RequestRow, RulesEntry, Sample, Stats, Store, StoreError,
    StoredDecided, StoredEvent, StoredRules, StoredTransfer, Submission, Tenant, WorkKey, WorkRow,
};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::address::Address;
use crate::clock::Clock;
use crate::fault::{self, Reach, TooSlow, reach};
use crate::open::{self, CONNECTIONS, OpenError};
use crate::step::Value;
use crate::value::{body, bytes, count, damaged, get};
use crate::{commit, read, write};

/// Calls at once; further callers wait for their turn.
pub const CALLS_MAX: usize = 1024;

/// How long a call may take, the wait for a connection included.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) type Answer<T> = Result<T, StoreError>;

/// A store in one PostgreSQL database, shared with other replicas. Clones share its connections, which close when the last
/// one is dropped.
#[derive(Clone)]
pub struct PostgresStore {
    inner: Arc<Inner>,
    /// Calls run as tasks of their own, so that none is left half done when its caller goes away, and may be waited for
    /// under any executor.
    runtime: Handle,
}

pub(crate) struct Inner {
    pub(crate) pool: Pool,
    pub(crate) clock: Clock,
    turns: Semaphore,
}

/// Whether a call that did not come back may have changed something.
#[derive(Clone, Copy)]
enum Leaves {
    Nothing,
    Doubt,
}

impl PostgresStore {
    /// Connects, checks that the server keeps what it acknowledges, and brings the schema up to date. Leases stay: other
    /// replicas hold them, and what this one held before a crash is free when they end.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(address: &Address, clock: Clock) -> Result<Self, OpenError> {
        Self::open_with(address, clock, CONNECTIONS).await
    }

    /// The same with at most this many connections.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open_with(address: &Address, clock: Clock, connections: usize) -> Result<Self, OpenError> {
        let runtime = Handle::try_current()?;
        let pool = open::open(address, connections, open::migrations()).await?;
        let inner = Arc::new(Inner { pool, clock, turns: Semaphore::new(CALLS_MAX) });
        Ok(Self { inner, runtime })
    }

    /// Runs a call to its end, whoever still waits for it.
    async fn run<T, F>(
        &self,
        leaves: Leaves,
        work: impl FnOnce(Arc<Inner>) -> F + Send + 'static,
    ) -> Answer<T>
    where
        T: Send + 'static,
        F: Future<Output = Answer<T>> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        let task = self.runtime.spawn(async move {
            let Ok(_turn) = inner.turns.acquire().await else { return Err(StoreError::Unavailable(None)) };
            match tokio::time::timeout(PATIENCE, work(Arc::clone(&inner))).await {
                Ok(answer) => answer,
                Err(_) => Err(leaves.because(TooSlow)),
            }
        });
        task.await.unwrap_or_else(|ended| Err(leaves.because(ended)))
    }

    pub(crate) async fn read<T, F>(&self, work: impl FnOnce(Arc<Inner>) -> F + Send + 'static) -> Answer<T>
    where
        T: Send + 'static,
        F: Future<Output = Answer<T>> + Send + 'static,
    {
        self.run(Leaves::Nothing, work).await
    }

    pub(crate) async fn write<T, F>(&self, work: impl FnOnce(Arc<Inner>) -> F + Send + 'static) -> Answer<T>
    where
        T: Send + 'static,
        F: Future<Output = Answer<T>> + Send + 'static,
    {
        self.run(Leaves::Doubt, work).await
    }
}

impl Leaves {
    fn because(self, error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
        match self {
            Self::Nothing => fault::unavailable(error),
            Self::Doubt => fault::unknown(error),
        }
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("pool", &self.inner.pool.status()).finish_non_exhaustive()
    }
}

/// A statement that is a transaction by itself. One that was cut off may have gone through.
async fn change(pool: &Pool, text: &str, values: &[Value]) -> Answer<Vec<Row>> {
    for _ in 0..5 {
        let client = pool.get().await.map_err(fault::unavailable)?;
        let values: Vec<&(dyn ToSql + Sync)> =
            values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
        let statement = match client.prepare_cached(text).await {
            Ok(statement) => statement,
            Err(error) if reach(&error) == Reach::Connection => {
                drop(Object::take(client));
                continue;
            }
            Err(error) => return Err(fault::unavailable(error)),
        };
        match client.query(&statement, &values).await {
            Ok(rows) => return Ok(rows),
            Err(error) => match reach(&error) {
                Reach::Again => {}
                Reach::Rule => return Err(fault::broken(&error)),
                Reach::Connection => {
                    drop(Object::take(client));
                    return Err(fault::unknown(error));
                }
                Reach::Damage | Reach::Server => return Err(fault::of_read(error)),
            },
        }
    }
    Err(StoreError::Unavailable(None))
}

async fn lease_due(inner: &Inner, values: &[Value]) -> Answer<Vec<Leased>> {
    let rows = change(&inner.pool, write::work::LEASE_DUE, values).await?;
    let mut claimed = Vec::with_capacity(rows.len());
    for row in &rows {
        let place: (i64, String) = (get(row, "due_at")?, get(row, "key")?);
        let epoch = count(row, "epoch")?;
        match body::<WorkKey>(row) {
            Ok(key) => {
                let tries = u32::try_from(count(row, "tries")?).map_err(|_| damaged("tries"))?;
                claimed.push((place, Leased { key, tries, epoch }));
            }
            Err(_) => {
                let values = [place.1.into(), epoch.into()];
                change(&inner.pool, write::work::QUARANTINE, &values).await?;
            }
        }
    }
    claimed.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(claimed.into_iter().map(|(_, leased)| leased).collect())
}

async fn add_tenant(inner: &Inner, tenant: &Tenant) -> Answer<bool> {
    let text = "INSERT INTO tenant (id, name, key_hash, created_at) VALUES ($1, $2, $3, $4)
                ON CONFLICT DO NOTHING RETURNING position";
    let values = [
        tenant.id.to_string().into(),
        tenant.name.as_str().into(),
        tenant.key_hash.0.into(),
        tenant.created_at.into(),
    ];
    change(&inner.pool, text, &values).await.map(|rows| rows.len() == 1)
}

async fn deployment_key(inner: &Inner, fresh: [u8; 32]) -> Answer<[u8; 32]> {
    let insert = "INSERT INTO setting (name, value) VALUES ('deployment_key', $1) ON CONFLICT DO NOTHING";
    change(&inner.pool, insert, &[fresh.into()]).await?;
    let rows = change(&inner.pool, "SELECT value FROM setting WHERE name = 'deployment_key'", &[]).await?;
    rows.first().ok_or_else(|| damaged("setting")).and_then(|row| bytes(row, "value"))
}

impl Store for PostgresStore {
    async fn commit(&self, batch: Batch) -> Answer<Committed> {
        batch.check()?;
        let steps = write::plan(&batch, &self.inner.clock)?;
        self.write(move |inner| async move { commit::commit(&inner.pool, &steps).await }).await
    }

    async fn lease_due(
        &self,
        lane: Option<&AccountId>,
        max: usize,
        owner: &str,
        lease: SignedDuration,
    ) -> Answer<Vec<Leased>> {
        let values = write::work::lease_due(lane, max, owner, lease, &self.inner.clock);
        self.write(move |inner| async move { lease_due(&inner, &values).await }).await
    }

    async fn hasten(&self, key: &WorkKey) -> Answer<()> {
        let [hand, ahead] = self.inner.clock.arguments();
        let values = [hand, ahead, key.text().into()];
        self.write(
            move |inner| async move { change(&inner.pool, write::work::HASTEN, &values).await.map(drop) },
        )
        .await
    }

    async fn intent(&self, tenant: TenantId, id: IntentId) -> Answer<Option<IntentRow>> {
        self.read(move |inner| async move { read::intent::one(&inner.pool, tenant, id).await }).await
    }

    async fn request(
        &self,
        tenant: TenantId,
        operation: Operation,
        request_id: &RequestId,
    ) -> Answer<Option<RequestRow>> {
        let id = request_id.clone();
        self.read(move |inner| async move { read::request(&inner.pool, tenant, operation, &id).await }).await
    }

    async fn refund(&self, tenant: TenantId, id: RefundId) -> Answer<Option<Refund>> {
        self.read(move |inner| async move { read::refund::one(&inner.pool, tenant, id).await }).await
    }

    async fn attempt_by_order(&self, account: &AccountId, order_no: &OrderNo) -> Answer<Option<AttemptRef>> {
        let (account, order_no) = (account.clone(), order_no.clone());
        self.read(move |inner| async move { read::intent::by_order(&inner.pool, &account, &order_no).await })
            .await
    }

    async fn refund_tenant(&self, id: RefundId) -> Answer<Option<TenantId>> {
        self.read(move |inner| async move { read::refund::tenant(&inner.pool, id).await }).await
    }

    async fn refund_by_number(&self, account: &AccountId, refund_no: &OrderNo) -> Answer<Option<RefundRef>> {
        let (account, number) = (account.clone(), refund_no.clone());
        self.read(move |inner| async move { read::refund::by_number(&inner.pool, &account, &number).await })
            .await
    }

    async fn submission(&self, attempt: AttemptId) -> Answer<Option<Submission>> {
        self.read(move |inner| async move { read::submission(&inner.pool, attempt).await }).await
    }

    async fn intents(&self, tenant: TenantId, filter: &IntentFilter, max: usize) -> Answer<Page<IntentRow>> {
        let filter = filter.clone();
        self.read(move |inner| async move { read::intent::list(&inner.pool, tenant, &filter, max).await })
            .await
    }

    async fn refunds(
        &self,
        tenant: TenantId,
        intent: Option<IntentId>,
        before: Option<RefundId>,
        max: usize,
    ) -> Answer<Page<Refund>> {
        self.read(
            move |inner| async move { read::refund::list(&inner.pool, tenant, intent, before, max).await },
        )
        .await
    }

    async fn intent_journal(&self, tenant: TenantId, id: IntentId) -> Answer<Vec<intent::Entry>> {
        self.read(move |inner| async move { read::intent::journal(&inner.pool, tenant, id).await }).await
    }

    async fn refund_journal(&self, tenant: TenantId, id: RefundId) -> Answer<Vec<refund::Entry>> {
        self.read(move |inner| async move { read::refund::journal(&inner.pool, tenant, id).await }).await
    }

    async fn events_after(
        &self,
        tenant: Option<TenantId>,
        cursor: u64,
        max: usize,
    ) -> Answer<Vec<StoredEvent>> {
        self.read(move |inner| async move { read::events_after(&inner.pool, tenant, cursor, max).await })
            .await
    }

    async fn transfers_after(
        &self,
        tenant: Option<TenantId>,
        position: u64,
        max: usize,
    ) -> Answer<Vec<StoredTransfer>> {
        self.read(move |inner| async move {
            read::ledger::transfers_after(&inner.pool, tenant, position, max).await
        })
        .await
    }

    async fn account_transfers(
        &self,
        tenant: TenantId,
        account: &Account,
        from: &BookedFrom,
        until: Timestamp,
        max: usize,
    ) -> Answer<Vec<Transfer>> {
        let (account, from) = (account.clone(), from.clone());
        self.read(move |inner| async move {
            read::accounts::transfers(&inner.pool, tenant, &account, &from, until, max).await
        })
        .await
    }

    async fn account_before(
        &self,
        tenant: TenantId,
        account: &Account,
        before: Timestamp,
    ) -> Answer<BTreeMap<Currency, i128>> {
        let account = account.clone();
        self.read(
            move |inner| async move { read::accounts::before(&inner.pool, tenant, &account, before).await },
        )
        .await
    }

    async fn balances(&self, tenant: TenantId) -> Answer<Vec<AccountBalance>> {
        self.read(move |inner| async move { read::ledger::balances(&inner.pool, tenant).await }).await
    }

    async fn available(&self, tenant: TenantId, account: &Account, currency: Currency) -> Answer<i64> {
        let account = account.clone();
        let read = move |inner: Arc<Inner>| async move {
            read::ledger::available(&inner.pool, tenant, &account, currency).await
        };
        self.read(read).await
    }

    async fn add_tenant(&self, tenant: &Tenant) -> Answer<bool> {
        let tenant = tenant.clone();
        self.write(move |inner| async move { add_tenant(&inner, &tenant).await }).await
    }

    async fn tenant_by_key(&self, key_hash: Digest) -> Answer<Option<Tenant>> {
        self.read(move |inner| async move { read::tenant_by_key(&inner.pool, key_hash).await }).await
    }

    async fn tenants(&self) -> Answer<Vec<Tenant>> {
        self.read(move |inner| async move { read::tenants(&inner.pool).await }).await
    }

    async fn deployment_key(&self, fresh: [u8; 32]) -> Answer<[u8; 32]> {
        self.write(move |inner| async move { deployment_key(&inner, fresh).await }).await
    }

    async fn intent_transfers(&self, tenant: TenantId, id: IntentId) -> Answer<Vec<StoredTransfer>> {
        self.read(move |inner| async move { read::ledger::intent_transfers(&inner.pool, tenant, id).await })
            .await
    }

    async fn intent_events(&self, tenant: TenantId, id: IntentId) -> Answer<Vec<StoredEvent>> {
        self.read(move |inner| async move { read::intent_events(&inner.pool, tenant, id).await }).await
    }

    async fn stats(&self) -> Answer<Stats> {
        self.read(move |inner| async move { read::stats::stats(&inner.pool, &inner.clock).await }).await
    }

    async fn scan_intents(&self, after: Option<IntentId>, max: usize) -> Answer<Vec<IntentRow>> {
        self.read(move |inner| async move { read::intent::scan(&inner.pool, after, max).await }).await
    }

    async fn scan_refunds(&self, after: Option<RefundId>, max: usize) -> Answer<Vec<Refund>> {
        self.read(move |inner| async move { read::refund::scan(&inner.pool, after, max).await }).await
    }

    async fn scan_work(&self, after: Option<&str>, max: usize) -> Answer<Vec<WorkRow>> {
        let after = after.unwrap_or_default().to_owned();
        self.read(move |inner| async move { read::work(&inner.pool, &after, max).await }).await
    }

    async fn scan_quarantine(&self, after: Option<&str>, max: usize) -> Answer<Vec<WorkRow>> {
        let after = after.unwrap_or_default().to_owned();
        self.read(move |inner| async move { read::quarantine(&inner.pool, &after, max).await }).await
    }

    async fn add_rules(&self, tenant: TenantId, expected: u64, entry: &RulesEntry) -> Answer<bool> {
        let entry = entry.clone();
        self.write(move |inner| async move {
            let values = write::rules::add(tenant, expected, &entry)?;
            change(&inner.pool, write::rules::ADD, &values).await.map(|rows| rows.len() == 1)
        })
        .await
    }

    async fn rules_after(&self, tenant: TenantId, position: u64, max: usize) -> Answer<Vec<StoredRules>> {
        self.read(move |inner| async move { read::rules::after(&inner.pool, tenant, position, max).await })
            .await
    }

    async fn rules_by_request(&self, tenant: TenantId, request: &RequestId) -> Answer<Option<StoredRules>> {
        let request = request.clone();
        self.read(move |inner| async move { read::rules::by_request(&inner.pool, tenant, &request).await })
            .await
    }

    async fn decisions(
        &self,
        tenant: TenantId,
        after: Option<AttemptId>,
        max: usize,
    ) -> Answer<Vec<StoredDecided>> {
        self.read(move |inner| async move { read::rules::decisions(&inner.pool, tenant, after, max).await })
            .await
    }

    async fn decision(&self, tenant: TenantId, attempt: AttemptId) -> Answer<Option<StoredDecided>> {
        self.read(move |inner| async move { read::rules::decision(&inner.pool, tenant, attempt).await }).await
    }

    async fn tally(&self, sample: &Sample) -> Answer<Tally> {
        let sample = sample.clone();
        self.read(move |inner| async move { read::rules::tally(&inner.pool, &sample).await }).await
    }

    async fn funds_asked(
        &self,
        tenant: TenantId,
        after: Option<&RequestId>,
        max: usize,
    ) -> Answer<Vec<(RequestId, FundsId)>> {
        let after = after.cloned();
        self.read(move |inner| async move { read::funds_asked(&inner.pool, tenant, after, max).await }).await
    }

    async fn guarded_books(&self, after: Option<TenantId>, max: usize) -> Answer<Vec<GuardedBook>> {
        self.read(move |inner| async move { read::rules::guarded_books(&inner.pool, after, max).await }).await
    }

    async fn is_kept(&self, account: &AccountId, key: &str) -> Answer<bool> {
        let (account, key) = (account.clone(), key.to_owned());
        self.read(move |inner| async move { read::is_kept(&inner.pool, &account, &key).await }).await
    }

    async fn inbox(&self, account: &AccountId, max: usize) -> Answer<Vec<InboxRow>> {
        let account = account.clone();
        self.read(move |inner| async move { read::inbox(&inner.pool, &account, max).await }).await
    }

    async fn damage(&self) -> Answer<Vec<String>> {
        self.read(move |inner| async move { read::damage(&inner.pool).await }).await
    }
}
