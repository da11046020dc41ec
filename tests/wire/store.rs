//! The model store with something around each operation: a pause, as a store on a disk or behind a network has, which is a
//! point at which a call can be dropped before the operation took place or after it; or whatever a test needs.

use std::pin::Pin;
use std::task::{Context, Poll};

use jiff::SignedDuration;
use paifang_ledger::Account;
use paifang_money::Currency;
use paifang_payment::refund::{self, Refund};
use paifang_payment::{
    AccountId, AttemptId, BulkId, Digest, FundsId, IntentId, OrderNo, RefundId, RequestId, TenantId, intent,
};
use paifang_policy::guard::Tally;
use paifang_store::{
    AccountBalance, AttemptRef, Batch, BulkCall, BulkCalled, BulkClaim, BulkEntry, BulkRow, BulkStore,
    BulkThen, BulkTotal, Committed, Driven, EntriesAdded, EntryOutcome, EntryStage, GuardedBook, InboxRow,
    IntentFilter, IntentRow, Leased, ModelStore, NewBulk, NewBulkEntry, Operation, Page, RefundRef,
    RequestRow, RulesEntry, Sample, Stats, Store, StoreError, StoredDecided, StoredEvent, StoredRules,
    StoredTransfer, Submission, Tenant, WorkKey, WorkRow,
};

pub type Answer<T> = Result<T, StoreError>;

/// The model store with something around each operation. Clones share their content.
#[derive(Clone)]
pub struct Wrapped<W> {
    /// Without anything around it.
    pub inner: ModelStore,
    around: W,
}

/// What happens around each operation of a store.
pub trait Around: Clone + Send + Sync + 'static {
    /// Before the operation of this name takes place; an error is its answer, and it does not.
    fn before(&self, operation: &'static str) -> impl Future<Output = Answer<()>> + Send;

    /// After it took place.
    fn after(&self) -> impl Future<Output = ()> + Send;
}

/// A pause before and one after.
#[derive(Clone)]
pub struct Pauses;

impl<W> Wrapped<W> {
    pub fn new(inner: ModelStore, around: W) -> Self {
        Self { inner, around }
    }
}

impl Around for Pauses {
    async fn before(&self, _: &'static str) -> Answer<()> {
        Pause(false).await;
        Ok(())
    }

    async fn after(&self) {
        Pause(false).await;
    }
}

/// Pending once.
struct Pause(bool);

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Each row is an operation of the port.
macro_rules! operations {
    ($port:ident: $($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        impl<W: Around> $port for Wrapped<W> {$(
            async fn $name(&self, $($argument: $kind),*) -> Answer<$answer> {
                self.around.before(stringify!($name)).await?;
                let answer = self.inner.$name($($argument),*).await;
                self.around.after().await;
                answer
            }
        )*}
    };
}

operations! {
    BulkStore:
    add_bulk(bulk: &NewBulk) -> BulkCalled;
    add_bulk_entries(tenant: TenantId, id: BulkId, entries: &[NewBulkEntry]) -> EntriesAdded;
    steer_bulk(tenant: TenantId, id: BulkId, call: &BulkCall) -> BulkCalled;
    bulk(tenant: TenantId, id: BulkId) -> Option<BulkRow>;
    bulks(tenant: TenantId, before: Option<BulkId>, max: usize) -> Page<BulkRow>;
    bulk_entries(tenant: TenantId, id: BulkId, stage: Option<EntryStage>, after: u64, max: usize) -> Vec<BulkEntry>;
    bulk_totals(tenant: TenantId, id: BulkId) -> Vec<BulkTotal>;
    claim_bulks(max: usize, owner: &str, lease: SignedDuration) -> Vec<BulkClaim>;
    drive_bulk(claim: &BulkClaim, outcomes: &[(u64, EntryOutcome)], then: BulkThen) -> Option<Driven>;
    scan_bulks(after: Option<BulkId>, max: usize) -> Vec<BulkRow>;
    scan_open_bulks(after: Option<BulkId>, max: usize) -> Vec<BulkRow>;
    open_bulks() -> u64;
}

operations! {
    Store:
    commit(batch: Batch) -> Committed;
    lease_due(lane: Option<&AccountId>, max: usize, owner: &str, lease: SignedDuration) -> Vec<Leased>;
    hasten(key: &WorkKey) -> ();
    intent(tenant: TenantId, id: IntentId) -> Option<IntentRow>;
    request(tenant: TenantId, operation: Operation, request_id: &RequestId) -> Option<RequestRow>;
    refund(tenant: TenantId, id: RefundId) -> Option<Refund>;
    attempt_by_order(account: &AccountId, order_no: &OrderNo) -> Option<AttemptRef>;
    refund_tenant(id: RefundId) -> Option<TenantId>;
    refund_by_number(account: &AccountId, refund_no: &OrderNo) -> Option<RefundRef>;
    submission(attempt: AttemptId) -> Option<Submission>;
    intents(tenant: TenantId, filter: &IntentFilter, max: usize) -> Page<IntentRow>;
    refunds(tenant: TenantId, intent: Option<IntentId>, before: Option<RefundId>, max: usize) -> Page<Refund>;
    intent_journal(tenant: TenantId, id: IntentId) -> Vec<intent::Entry>;
    refund_journal(tenant: TenantId, id: RefundId) -> Vec<refund::Entry>;
    events_after(tenant: Option<TenantId>, cursor: u64, max: usize) -> Vec<StoredEvent>;
    transfers_after(tenant: Option<TenantId>, position: u64, max: usize) -> Vec<StoredTransfer>;
    balances(tenant: TenantId) -> Vec<AccountBalance>;
    available(tenant: TenantId, account: &Account, currency: Currency) -> i64;
    add_tenant(tenant: &Tenant) -> bool;
    tenant_by_key(key_hash: Digest) -> Option<Tenant>;
    tenants() -> Vec<Tenant>;
    deployment_key(fresh: [u8; 32]) -> [u8; 32];
    stats() -> Stats;
    scan_intents(after: Option<IntentId>, max: usize) -> Vec<IntentRow>;
    scan_refunds(after: Option<RefundId>, max: usize) -> Vec<Refund>;
    scan_work(after: Option<&str>, max: usize) -> Vec<WorkRow>;
    scan_quarantine(after: Option<&str>, max: usize) -> Vec<WorkRow>;
    add_rules(tenant: TenantId, expected: u64, entry: &RulesEntry) -> bool;
    rules_after(tenant: TenantId, position: u64, max: usize) -> Vec<StoredRules>;
    rules_by_request(tenant: TenantId, request: &RequestId) -> Option<StoredRules>;
    decisions(tenant: TenantId, after: Option<AttemptId>, max: usize) -> Vec<StoredDecided>;
    decision(tenant: TenantId, attempt: AttemptId) -> Option<StoredDecided>;
    tally(sample: &Sample) -> Tally;
    funds_asked(tenant: TenantId, after: Option<&RequestId>, max: usize) -> Vec<(RequestId, FundsId)>;
    guarded_books(after: Option<TenantId>, max: usize) -> Vec<GuardedBook>;
    is_kept(account: &AccountId, key: &str) -> bool;
    inbox(account: &AccountId, max: usize) -> Vec<InboxRow>;
    damage() -> Vec<String>;
}
