//! The reference store: everything in memory, every rule in plain code. It is what the other stores are compared with,
//! and what the simulator runs on. Its clock is handed in.

mod bulk;
mod commit;
mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, Ready, ready};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use paifang_ledger::{Account, Books};
use paifang_money::Currency;
use paifang_payment::intent;
use paifang_payment::refund::{self, Refund};
use paifang_payment::{
    AccountId, AttemptId, BulkId, Digest, EventId, FundsId, IntentId, OrderNo, RefundId, RequestId, TenantId,
};
use paifang_policy::guard::Tally;

use crate::{
    AccountBalance, AttemptRef, Batch, BulkStep, Committed, GuardedBook, InboxRow, IntentFilter, IntentRow,
    Leased, Operation, PAGE_MAX, Page, RefundRef, RequestRow, RulesEntry, Sample, Stats, Store, StoreError,
    StoredDecided, StoredEvent, StoredRules, StoredTransfer, Submission, Tenant, WorkKey, WorkRow,
};

/// A store without a disk. Clones share their content.
#[derive(Clone)]
pub struct ModelStore {
    inner: Arc<Mutex<Content>>,
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

#[derive(Clone, Default)]
struct Content {
    intents: BTreeMap<IntentId, IntentRow>,
    refunds: BTreeMap<RefundId, Refund>,
    intent_journal: BTreeMap<IntentId, Vec<intent::Entry>>,
    refund_journal: BTreeMap<RefundId, Vec<refund::Entry>>,
    requests: BTreeMap<(TenantId, Operation, RequestId), RequestRow>,
    orders: BTreeMap<(AccountId, OrderNo), AttemptRef>,
    refund_numbers: BTreeMap<(AccountId, OrderNo), RefundRef>,
    late_refunds: BTreeSet<AttemptId>,
    submissions: BTreeMap<AttemptId, Submission>,
    books: BTreeMap<TenantId, Books>,
    transfers: Vec<StoredTransfer>,
    events: Vec<StoredEvent>,
    event_ids: BTreeSet<EventId>,
    sequences: BTreeMap<IntentId, u64>,
    work: BTreeMap<String, Work>,
    paces: BTreeMap<IntentId, Pace>,
    /// The last epoch of work that was removed: a key that comes back goes on from there, so no old claim fits it.
    ended: BTreeMap<String, u64>,
    inbox: Vec<InboxRow>,
    tenants: Vec<Tenant>,
    rules: BTreeMap<TenantId, Vec<RulesEntry>>,
    decided: BTreeMap<AttemptId, StoredDecided>,
    /// How many entries of the book each decision rests on.
    seen: BTreeMap<AttemptId, u64>,
    deployment_key: Option<[u8; 32]>,
    bulks: BTreeMap<BulkId, bulk::Bulk>,
    bulk_calls: BTreeMap<(TenantId, BulkStep, RequestId), (Digest, BulkId)>,
}

/// When an intent's refunds take turns.
#[derive(Clone, Copy, Default)]
struct Pace {
    /// The last turn that was handed out.
    turn: Option<Timestamp>,
    /// When the last one was sent.
    sent: Option<Timestamp>,
}

#[derive(Clone)]
struct Work {
    row: WorkRow,
}

type Answer<T> = Result<T, StoreError>;

impl ModelStore {
    /// An empty store on this clock.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { inner: Arc::default(), now: Arc::new(now) }
    }

    /// No code of ours panics while it holds the lock; should it, the content of the last whole batch is still right,
    /// because a batch is applied to a copy.
    fn content(&self) -> MutexGuard<'_, Content> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T: Send>(&self, read: impl FnOnce(&Content) -> T) -> Ready<Answer<T>> {
        ready(Ok(read(&self.content())))
    }
}

impl Store for ModelStore {
    fn commit(&self, batch: Batch) -> impl Future<Output = Answer<Committed>> + Send {
        if let Err(broken) = batch.check() {
            return ready(Err(broken));
        }
        let now = (self.now)();
        let mut content = self.content();
        let mut next = content.clone();
        let committed = next.commit(batch, now);
        if matches!(committed, Ok(Committed::Done)) {
            *content = next;
        }
        ready(committed)
    }

    fn lease_due(
        &self,
        lane: Option<&AccountId>,
        max: usize,
        owner: &str,
        lease: SignedDuration,
    ) -> impl Future<Output = Answer<Vec<Leased>>> + Send {
        let _ = owner;
        let now = (self.now)();
        ready(Ok(self.content().lease_due(lane, max, now, lease)))
    }

    fn hasten(&self, key: &WorkKey) -> impl Future<Output = Answer<()>> + Send {
        let now = (self.now)();
        self.content().hasten(key, now);
        ready(Ok(()))
    }

    fn intent(
        &self,
        tenant: TenantId,
        id: IntentId,
    ) -> impl Future<Output = Answer<Option<IntentRow>>> + Send {
        self.read(|all| all.intents.get(&id).filter(|row| row.intent.terms.tenant == tenant).cloned())
    }

    fn request(
        &self,
        tenant: TenantId,
        operation: Operation,
        request_id: &RequestId,
    ) -> impl Future<Output = Answer<Option<RequestRow>>> + Send {
        self.read(|all| all.requests.get(&(tenant, operation, request_id.clone())).cloned())
    }

    fn refund(&self, tenant: TenantId, id: RefundId) -> impl Future<Output = Answer<Option<Refund>>> + Send {
        self.read(|all| all.refunds.get(&id).filter(|row| row.terms.tenant == tenant).cloned())
    }

    fn attempt_by_order(
        &self,
        account: &AccountId,
        order_no: &OrderNo,
    ) -> impl Future<Output = Answer<Option<AttemptRef>>> + Send {
        self.read(|all| all.orders.get(&(account.clone(), order_no.clone())).cloned())
    }

    fn refund_tenant(&self, id: RefundId) -> impl Future<Output = Answer<Option<TenantId>>> + Send {
        self.read(|all| all.refunds.get(&id).map(|refund| refund.terms.tenant))
    }

    fn refund_by_number(
        &self,
        account: &AccountId,
        refund_no: &OrderNo,
    ) -> impl Future<Output = Answer<Option<RefundRef>>> + Send {
        self.read(|all| all.refund_numbers.get(&(account.clone(), refund_no.clone())).cloned())
    }

    fn submission(&self, attempt: AttemptId) -> impl Future<Output = Answer<Option<Submission>>> + Send {
        self.read(|all| all.submissions.get(&attempt).cloned())
    }

    fn intents(
        &self,
        tenant: TenantId,
        filter: &IntentFilter,
        max: usize,
    ) -> impl Future<Output = Answer<Page<IntentRow>>> + Send {
        self.read(|all| all.list_intents(tenant, filter, max))
    }

    fn refunds(
        &self,
        tenant: TenantId,
        intent: Option<IntentId>,
        before: Option<RefundId>,
        max: usize,
    ) -> impl Future<Output = Answer<Page<Refund>>> + Send {
        self.read(|all| all.list_refunds(tenant, intent, before, max))
    }

    fn intent_journal(
        &self,
        tenant: TenantId,
        id: IntentId,
    ) -> impl Future<Output = Answer<Vec<intent::Entry>>> + Send {
        self.read(|all| {
            let own = all.intents.get(&id).is_some_and(|row| row.intent.terms.tenant == tenant);
            all.intent_journal.get(&id).filter(|_| own).cloned().unwrap_or_default()
        })
    }

    fn refund_journal(
        &self,
        tenant: TenantId,
        id: RefundId,
    ) -> impl Future<Output = Answer<Vec<refund::Entry>>> + Send {
        self.read(|all| {
            let own = all.refunds.get(&id).is_some_and(|row| row.terms.tenant == tenant);
            all.refund_journal.get(&id).filter(|_| own).cloned().unwrap_or_default()
        })
    }

    fn events_after(
        &self,
        tenant: Option<TenantId>,
        cursor: u64,
        max: usize,
    ) -> impl Future<Output = Answer<Vec<StoredEvent>>> + Send {
        self.read(|all| all.events_after(tenant, cursor, max))
    }

    fn transfers_after(
        &self,
        tenant: Option<TenantId>,
        position: u64,
        max: usize,
    ) -> impl Future<Output = Answer<Vec<StoredTransfer>>> + Send {
        self.read(|all| all.transfers_after(tenant, position, max))
    }

    fn balances(&self, tenant: TenantId) -> impl Future<Output = Answer<Vec<AccountBalance>>> + Send {
        self.read(|all| all.list_balances(tenant))
    }

    fn available(
        &self,
        tenant: TenantId,
        account: &Account,
        currency: Currency,
    ) -> impl Future<Output = Answer<i64>> + Send {
        self.read(|all| {
            let books = all.books.get(&tenant);
            let available = books.map_or(0, |books| books.balance(account, currency).available(account));
            i64::try_from(available).unwrap_or(i64::MAX)
        })
    }

    fn add_tenant(&self, tenant: &Tenant) -> impl Future<Output = Answer<bool>> + Send {
        ready(Ok(self.content().add_tenant(tenant)))
    }

    fn tenant_by_key(&self, key_hash: Digest) -> impl Future<Output = Answer<Option<Tenant>>> + Send {
        self.read(|all| all.tenants.iter().find(|tenant| tenant.key_hash == key_hash).cloned())
    }

    fn tenants(&self) -> impl Future<Output = Answer<Vec<Tenant>>> + Send {
        self.read(|all| all.tenants.clone())
    }

    fn deployment_key(&self, fresh: [u8; 32]) -> impl Future<Output = Answer<[u8; 32]>> + Send {
        ready(Ok(*self.content().deployment_key.get_or_insert(fresh)))
    }

    fn stats(&self) -> impl Future<Output = Answer<Stats>> + Send {
        let now = (self.now)();
        self.read(|all| all.stats(now))
    }

    fn scan_intents(
        &self,
        after: Option<IntentId>,
        max: usize,
    ) -> impl Future<Output = Answer<Vec<IntentRow>>> + Send {
        self.read(|all| all.scan_intents(after, max))
    }

    fn scan_refunds(
        &self,
        after: Option<RefundId>,
        max: usize,
    ) -> impl Future<Output = Answer<Vec<Refund>>> + Send {
        self.read(|all| all.scan_refunds(after, max))
    }

    fn scan_work(
        &self,
        after: Option<&str>,
        max: usize,
    ) -> impl Future<Output = Answer<Vec<WorkRow>>> + Send {
        self.read(|all| all.scan_work(after, max))
    }

    fn scan_quarantine(
        &self,
        after: Option<&str>,
        max: usize,
    ) -> impl Future<Output = Answer<Vec<WorkRow>>> + Send {
        self.read(|all| all.scan_quarantine(after, max))
    }

    fn funds_asked(
        &self,
        tenant: TenantId,
        after: Option<&RequestId>,
        max: usize,
    ) -> impl Future<Output = Answer<Vec<(RequestId, FundsId)>>> + Send {
        self.read(|all| all.funds_asked(tenant, after, max))
    }

    fn add_rules(
        &self,
        tenant: TenantId,
        expected: u64,
        entry: &RulesEntry,
    ) -> impl Future<Output = Answer<bool>> + Send {
        ready(Ok(self.content().add_rules(tenant, expected, entry)))
    }

    fn rules_after(
        &self,
        tenant: TenantId,
        position: u64,
        max: usize,
    ) -> impl Future<Output = Answer<Vec<StoredRules>>> + Send {
        self.read(|all| {
            all.book_of_rules(tenant).filter(|row| row.position > position).take(max.min(PAGE_MAX)).collect()
        })
    }

    fn rules_by_request(
        &self,
        tenant: TenantId,
        request: &RequestId,
    ) -> impl Future<Output = Answer<Option<StoredRules>>> + Send {
        let is_it = |row: &StoredRules| row.entry.request.as_ref().is_some_and(|by| by.id == *request);
        self.read(|all| all.book_of_rules(tenant).find(is_it))
    }

    fn decisions(
        &self,
        tenant: TenantId,
        after: Option<AttemptId>,
        max: usize,
    ) -> impl Future<Output = Answer<Vec<StoredDecided>>> + Send {
        self.read(|all| {
            let own = all.decided.values().filter(|row| row.tenant == tenant);
            let later = own.filter(|row| after.is_none_or(|after| row.attempt > after));
            later.take(max.min(PAGE_MAX)).cloned().collect()
        })
    }

    fn decision(
        &self,
        tenant: TenantId,
        attempt: AttemptId,
    ) -> impl Future<Output = Answer<Option<StoredDecided>>> + Send {
        self.read(|all| all.decided.get(&attempt).filter(|row| row.tenant == tenant).cloned())
    }

    fn tally(&self, sample: &Sample) -> impl Future<Output = Answer<Tally>> + Send {
        self.read(|all| all.tally(sample))
    }

    fn guarded_books(
        &self,
        after: Option<TenantId>,
        max: usize,
    ) -> impl Future<Output = Answer<Vec<GuardedBook>>> + Send {
        self.read(|all| all.guarded_books(after, max))
    }

    fn is_kept(&self, account: &AccountId, key: &str) -> impl Future<Output = Answer<bool>> + Send {
        self.read(|all| all.inbox.iter().any(|row| row.account == *account && row.key == key))
    }

    fn inbox(&self, account: &AccountId, max: usize) -> impl Future<Output = Answer<Vec<InboxRow>>> + Send {
        self.read(|all| {
            all.inbox.iter().filter(|row| row.account == *account).take(max.min(PAGE_MAX)).cloned().collect()
        })
    }

    /// Memory has no pages.
    fn damage(&self) -> impl Future<Output = Answer<Vec<String>>> + Send {
        std::future::ready(Ok(Vec::new()))
    }
}
