//! [`SqliteStore`]: the port over the writer and the readers.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

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
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::fault::Fault;
use crate::open::{self, OpenError, Opened};
use crate::readers::{READERS, Read, Reader};
use crate::writer::{Made, QUEUE_MAX, Write, Writer};
use crate::{read, write, writer};

pub(crate) type Answer<T> = Result<T, StoreError>;
type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A store in one SQLite file. Clones share it; when the last one is dropped, what is queued is still written, the
/// threads end and the file is free again (the drop waits for that).
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    writes: Option<mpsc::Sender<Box<dyn Write>>>,
    reads: Option<mpsc::Sender<Read>>,
    /// The writer's last, so that its connection is the last one to close and empties the WAL.
    threads: Vec<JoinHandle<()>>,
    failed: Arc<AtomicBool>,
    clock: Clock,
}

impl SqliteStore {
    /// Opens the file, or makes it, and frees all leases. The clock is the only one that leases are measured by. Blocks
    /// while the file is prepared.
    pub fn open(
        path: impl AsRef<Path>,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Result<Self, OpenError> {
        Self::open_with(path.as_ref(), Arc::new(clock), writer::commit)
    }

    pub(crate) fn open_with(
        path: &Path,
        clock: Clock,
        commit: fn(&Connection) -> rusqlite::Result<()>,
    ) -> Result<Self, OpenError> {
        let Opened { path, lock, writer: connection } = open::open(path)?;
        let lock = Arc::new(lock);
        let failed = Arc::new(AtomicBool::new(false));
        let (writes, queue) = mpsc::channel(QUEUE_MAX);
        let (reads, read_queue) = mpsc::channel(QUEUE_MAX);
        let read_queue = Arc::new(Mutex::new(read_queue));
        let mut inner = Inner {
            writes: Some(writes),
            reads: Some(reads),
            threads: Vec::new(),
            failed: Arc::clone(&failed),
            clock: Arc::clone(&clock),
        };
        for n in 0..READERS {
            let connection = open::open_reader(&path)?;
            let reader = Reader { connection, queue: Arc::clone(&read_queue), lock: Arc::clone(&lock) };
            inner.threads.push(spawn(format!("sqlite-read-{n}"), move || reader.run())?);
        }
        let writer = Writer { connection, queue, clock, failed, commit, lock };
        inner.threads.push(spawn("sqlite-write".to_owned(), move || writer.run())?);
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Whether writes are still taken. `false` after an I/O error, for good: the process should end and start anew,
    /// so that the recovery decides what is on the disk (F22).
    pub fn is_sound(&self) -> bool {
        !self.inner.failed.load(Ordering::Acquire)
    }

    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection, Timestamp) -> Result<Made<T>, Fault> + Send + 'static,
    ) -> Answer<T> {
        let (job, answer) = writer::job(work);
        let gone = || StoreError::Unavailable(None);
        self.inner.writes.as_ref().ok_or_else(gone)?.send(job).await.map_err(|_| gone())?;
        answer.await.unwrap_or_else(|ended| Err(StoreError::CommitUnknown(Box::new(ended))))
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Answer<T> {
        let (to, answer) = oneshot::channel();
        let read: Read = Box::new(move |connection| {
            if !to.is_closed() {
                let _ = to.send(work(connection).map_err(Fault::of_read));
            }
        });
        let gone = || StoreError::Unavailable(None);
        self.inner.reads.as_ref().ok_or_else(gone)?.send(read).await.map_err(|_| gone())?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        drop(self.reads.take());
        let writer = self.threads.pop();
        for reader in self.threads.drain(..) {
            let _ = reader.join();
        }
        drop(self.writes.take());
        let _ = writer.map(JoinHandle::join);
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("is_sound", &self.is_sound()).finish_non_exhaustive()
    }
}

fn spawn(name: String, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    thread::Builder::new().name(name).spawn(run).map_err(OpenError::Thread)
}

impl Store for SqliteStore {
    async fn commit(&self, batch: Batch) -> Answer<Committed> {
        batch.check()?;
        let encoded = write::Encoded::of(batch)?;
        self.write(move |connection, now| write::commit(connection, &encoded, now)).await
    }

    async fn lease_due(
        &self,
        lane: Option<&AccountId>,
        max: usize,
        owner: &str,
        lease: SignedDuration,
    ) -> Answer<Vec<Leased>> {
        let (lane, owner) = (write::work::lane(lane).to_owned(), owner.to_owned());
        self.write(move |connection, now| {
            write::work::lease_due(connection, &lane, max, &owner, lease, now).map(Made::Keep)
        })
        .await
    }

    async fn hasten(&self, key: &WorkKey) -> Answer<()> {
        let key = key.text();
        self.write(move |connection, now| write::work::hasten(connection, &key, now).map(Made::Keep)).await
    }

    async fn intent(&self, tenant: TenantId, id: IntentId) -> Answer<Option<IntentRow>> {
        self.read(move |connection| read::intent::one(connection, tenant, id)).await
    }

    async fn request(
        &self,
        tenant: TenantId,
        operation: Operation,
        request_id: &RequestId,
    ) -> Answer<Option<RequestRow>> {
        let request_id = request_id.clone();
        self.read(move |connection| read::request(connection, tenant, operation, &request_id)).await
    }

    async fn refund(&self, tenant: TenantId, id: RefundId) -> Answer<Option<Refund>> {
        self.read(move |connection| read::refund::one(connection, tenant, id)).await
    }

    async fn attempt_by_order(&self, account: &AccountId, order_no: &OrderNo) -> Answer<Option<AttemptRef>> {
        let (account, order_no) = (account.clone(), order_no.clone());
        self.read(move |connection| read::intent::by_order(connection, &account, &order_no)).await
    }

    async fn refund_tenant(&self, id: RefundId) -> Answer<Option<TenantId>> {
        self.read(move |connection| read::refund::tenant(connection, id)).await
    }

    async fn refund_by_number(&self, account: &AccountId, refund_no: &OrderNo) -> Answer<Option<RefundRef>> {
        let (account, refund_no) = (account.clone(), refund_no.clone());
        self.read(move |connection| read::refund::by_number(connection, &account, &refund_no)).await
    }

    async fn submission(&self, attempt: AttemptId) -> Answer<Option<Submission>> {
        self.read(move |connection| read::submission(connection, attempt)).await
    }

    async fn intents(&self, tenant: TenantId, filter: &IntentFilter, max: usize) -> Answer<Page<IntentRow>> {
        let filter = filter.clone();
        self.read(move |connection| read::intent::list(connection, tenant, &filter, max)).await
    }

    async fn refunds(
        &self,
        tenant: TenantId,
        intent: Option<IntentId>,
        before: Option<RefundId>,
        max: usize,
    ) -> Answer<Page<Refund>> {
        self.read(move |connection| read::refund::list(connection, tenant, intent, before, max)).await
    }

    async fn intent_journal(&self, tenant: TenantId, id: IntentId) -> Answer<Vec<intent::Entry>> {
        self.read(move |connection| read::intent::journal(connection, tenant, id)).await
    }

    async fn refund_journal(&self, tenant: TenantId, id: RefundId) -> Answer<Vec<refund::Entry>> {
        self.read(move |connection| read::refund::journal(connection, tenant, id)).await
    }

    async fn events_after(
        &self,
        tenant: Option<TenantId>,
        cursor: u64,
        max: usize,
    ) -> Answer<Vec<StoredEvent>> {
        self.read(move |connection| read::events_after(connection, tenant, cursor, max)).await
    }

    async fn transfers_after(
        &self,
        tenant: Option<TenantId>,
        position: u64,
        max: usize,
    ) -> Answer<Vec<StoredTransfer>> {
        self.read(move |connection| read::ledger::transfers_after(connection, tenant, position, max)).await
    }

    async fn intent_transfers(&self, tenant: TenantId, id: IntentId) -> Answer<Vec<StoredTransfer>> {
        self.read(move |connection| read::ledger::of_intent(connection, tenant, id)).await
    }

    async fn intent_events(&self, tenant: TenantId, id: IntentId) -> Answer<Vec<StoredEvent>> {
        self.read(move |connection| read::intent_events(connection, tenant, id)).await
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
        self.read(move |connection| {
            read::accounts::transfers(connection, tenant, &account, &from, until, max)
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
        self.read(move |connection| read::accounts::before(connection, tenant, &account, before)).await
    }

    async fn balances(&self, tenant: TenantId) -> Answer<Vec<AccountBalance>> {
        self.read(move |connection| read::ledger::balances(connection, tenant)).await
    }

    async fn available(&self, tenant: TenantId, account: &Account, currency: Currency) -> Answer<i64> {
        let account = account.clone();
        self.read(move |connection| read::ledger::available(connection, tenant, &account, currency)).await
    }

    async fn add_tenant(&self, tenant: &Tenant) -> Answer<bool> {
        let tenant = tenant.clone();
        self.write(move |connection, _| write::add_tenant(connection, &tenant).map(Made::Keep)).await
    }

    async fn tenant_by_key(&self, key_hash: Digest) -> Answer<Option<Tenant>> {
        self.read(move |connection| read::tenant_by_key(connection, key_hash)).await
    }

    async fn tenants(&self) -> Answer<Vec<Tenant>> {
        self.read(read::tenants).await
    }

    async fn deployment_key(&self, fresh: [u8; 32]) -> Answer<[u8; 32]> {
        self.write(move |connection, _| write::deployment_key(connection, fresh).map(Made::Keep)).await
    }

    async fn stats(&self) -> Answer<Stats> {
        let now = (self.inner.clock)();
        self.read(move |connection| read::stats::stats(connection, now)).await
    }

    async fn scan_intents(&self, after: Option<IntentId>, max: usize) -> Answer<Vec<IntentRow>> {
        self.read(move |connection| read::intent::scan(connection, after, max)).await
    }

    async fn scan_refunds(&self, after: Option<RefundId>, max: usize) -> Answer<Vec<Refund>> {
        self.read(move |connection| read::refund::scan(connection, after, max)).await
    }

    async fn scan_work(&self, after: Option<&str>, max: usize) -> Answer<Vec<WorkRow>> {
        let after = after.unwrap_or_default().to_owned();
        self.read(move |connection| read::work(connection, &after, max)).await
    }

    async fn scan_quarantine(&self, after: Option<&str>, max: usize) -> Answer<Vec<WorkRow>> {
        let after = after.unwrap_or_default().to_owned();
        self.read(move |connection| read::quarantine(connection, &after, max)).await
    }

    async fn add_rules(&self, tenant: TenantId, expected: u64, entry: &RulesEntry) -> Answer<bool> {
        let entry = entry.clone();
        self.write(move |connection, _| {
            write::rules::add(connection, tenant, expected, &entry).map(Made::Keep)
        })
        .await
    }

    async fn rules_after(&self, tenant: TenantId, position: u64, max: usize) -> Answer<Vec<StoredRules>> {
        self.read(move |connection| read::rules::after(connection, tenant, position, max)).await
    }

    async fn rules_by_request(&self, tenant: TenantId, request: &RequestId) -> Answer<Option<StoredRules>> {
        let request = request.clone();
        self.read(move |connection| read::rules::by_request(connection, tenant, &request)).await
    }

    async fn decisions(
        &self,
        tenant: TenantId,
        after: Option<AttemptId>,
        max: usize,
    ) -> Answer<Vec<StoredDecided>> {
        self.read(move |connection| read::rules::decisions(connection, tenant, after, max)).await
    }

    async fn decision(&self, tenant: TenantId, attempt: AttemptId) -> Answer<Option<StoredDecided>> {
        self.read(move |connection| read::rules::decision(connection, tenant, attempt)).await
    }

    async fn tally(&self, sample: &Sample) -> Answer<Tally> {
        let sample = sample.clone();
        self.read(move |connection| read::rules::tally(connection, &sample)).await
    }

    async fn funds_asked(
        &self,
        tenant: TenantId,
        after: Option<&RequestId>,
        max: usize,
    ) -> Answer<Vec<(RequestId, FundsId)>> {
        let after = after.cloned();
        self.read(move |connection| read::funds_asked(connection, tenant, after.as_ref(), max)).await
    }

    async fn guarded_books(&self, after: Option<TenantId>, max: usize) -> Answer<Vec<GuardedBook>> {
        self.read(move |connection| read::rules::guarded_books(connection, after, max)).await
    }

    async fn is_kept(&self, account: &AccountId, key: &str) -> Answer<bool> {
        let (account, key) = (account.clone(), key.to_owned());
        self.read(move |connection| read::is_kept(connection, &account, &key)).await
    }

    async fn inbox(&self, account: &AccountId, max: usize) -> Answer<Vec<InboxRow>> {
        let account = account.clone();
        self.read(move |connection| read::inbox(connection, &account, max)).await
    }

    async fn damage(&self) -> Answer<Vec<String>> {
        self.read(read::damage).await
    }
}
