//! The port that every store implements.

use std::collections::BTreeMap;
use std::future::Future;

use jiff::{SignedDuration, Timestamp};
use paifang_ledger::{Account, Transfer};
use paifang_money::Currency;
use paifang_payment::intent;
use paifang_payment::refund::{self, Refund};
use paifang_payment::{
    AccountId, AttemptId, Digest, FundsId, IntentId, OrderNo, RefundId, RequestId, TenantId,
};
use paifang_policy::guard::Tally;

use crate::accounts;
use crate::{
    AccountBalance, AttemptRef, Batch, BookedFrom, BulkStore, Committed, GuardedBook, InboxRow, IntentFilter,
    IntentRow, Leased, Operation, Page, RefundRef, RequestRow, RulesEntry, Sample, Stats, StoreError,
    StoredDecided, StoredEvent, StoredRules, StoredTransfer, Submission, Tenant, WorkKey, WorkRow,
};

/// Rows per read at most.
pub const PAGE_MAX: usize = 200;

/// Transfers or events of one intent per read at most: 500 refunds and what belongs to them fit.
pub const HISTORY_MAX: usize = 2_000;

type Answer<T> = Result<T, StoreError>;

/// Durable memory. Reads see everything that was committed before they began.
pub trait Store: BulkStore + Send + Sync + 'static {
    /// Commits a batch, whole or not at all. Checked in this order: request id, inbox key, fence, rules, versions, guards.
    fn commit(&self, batch: Batch) -> impl Future<Output = Answer<Committed>> + Send;

    /// Claims due work of a lane (`None`: expiries), oldest first, on the store's own clock. Raises `tries` and the
    /// epoch in the claim itself, so that a crash counts.
    fn lease_due(
        &self,
        lane: Option<&AccountId>,
        max: usize,
        owner: &str,
        lease: SignedDuration,
    ) -> impl Future<Output = Answer<Vec<Leased>>> + Send;

    /// Makes a piece of work due now, if it is there, unclaimed and not quarantined: somebody expects news.
    fn hasten(&self, key: &WorkKey) -> impl Future<Output = Answer<()>> + Send;

    /// An intent of this tenant.
    fn intent(
        &self,
        tenant: TenantId,
        id: IntentId,
    ) -> impl Future<Output = Answer<Option<IntentRow>>> + Send;

    /// What a request id stands for.
    fn request(
        &self,
        tenant: TenantId,
        operation: Operation,
        request_id: &RequestId,
    ) -> impl Future<Output = Answer<Option<RequestRow>>> + Send;

    /// A refund of this tenant.
    fn refund(&self, tenant: TenantId, id: RefundId) -> impl Future<Output = Answer<Option<Refund>>> + Send;

    /// Where an order number of a rail account leads, or the number of a capture or release of a hold.
    fn attempt_by_order(
        &self,
        account: &AccountId,
        order_no: &OrderNo,
    ) -> impl Future<Output = Answer<Option<AttemptRef>>> + Send;

    /// Whose refund this is: for operators, who see every tenant's.
    fn refund_tenant(&self, id: RefundId) -> impl Future<Output = Answer<Option<TenantId>>> + Send;

    /// Where a refund number of a rail account leads.
    fn refund_by_number(
        &self,
        account: &AccountId,
        refund_no: &OrderNo,
    ) -> impl Future<Output = Answer<Option<RefundRef>>> + Send;

    /// The payer data of an attempt that has not ended.
    fn submission(&self, attempt: AttemptId) -> impl Future<Output = Answer<Option<Submission>>> + Send;

    /// Intents of a tenant, newest first; at most `max` up to [`PAGE_MAX`].
    fn intents(
        &self,
        tenant: TenantId,
        filter: &IntentFilter,
        max: usize,
    ) -> impl Future<Output = Answer<Page<IntentRow>>> + Send;

    /// Refunds of a tenant, newest first, of one intent or of all, older than `before`.
    fn refunds(
        &self,
        tenant: TenantId,
        intent: Option<IntentId>,
        before: Option<RefundId>,
        max: usize,
    ) -> impl Future<Output = Answer<Page<Refund>>> + Send;

    /// The whole journal of an intent, oldest first; empty for an unknown one.
    fn intent_journal(
        &self,
        tenant: TenantId,
        id: IntentId,
    ) -> impl Future<Output = Answer<Vec<intent::Entry>>> + Send;

    /// The whole journal of a refund, oldest first; empty for an unknown one.
    fn refund_journal(
        &self,
        tenant: TenantId,
        id: RefundId,
    ) -> impl Future<Output = Answer<Vec<refund::Entry>>> + Send;

    /// Events after a cursor in the order of commits, of one tenant or of all. Never passes an event that is not yet
    /// committed (F33).
    fn events_after(
        &self,
        tenant: Option<TenantId>,
        cursor: u64,
        max: usize,
    ) -> impl Future<Output = Answer<Vec<StoredEvent>>> + Send;

    /// Transfers after a position, oldest first, of one tenant or of all.
    fn transfers_after(
        &self,
        tenant: Option<TenantId>,
        position: u64,
        max: usize,
    ) -> impl Future<Output = Answer<Vec<StoredTransfer>>> + Send;

    /// Transfers whose subject is this intent (those of its refunds included), oldest first, at most [`HISTORY_MAX`].
    ///
    /// By default it reads the tenant's whole book; a store with an index answers from that.
    fn intent_transfers(
        &self,
        tenant: TenantId,
        id: IntentId,
    ) -> impl Future<Output = Answer<Vec<StoredTransfer>>> + Send {
        async move {
            let (mut found, mut position, subject) = (Vec::new(), 0, id.to_string());
            loop {
                let rows = self.transfers_after(Some(tenant), position, PAGE_MAX).await?;
                let Some(last) = rows.last() else { break };
                position = last.position;
                found.extend(rows.into_iter().filter(|row| row.transfer.subject == subject));
            }
            found.truncate(HISTORY_MAX);
            Ok(found)
        }
    }

    /// Events of this intent and of its refunds, oldest first, at most [`HISTORY_MAX`].
    ///
    /// By default it reads all of the tenant's events; a store with an index answers from that.
    fn intent_events(
        &self,
        tenant: TenantId,
        id: IntentId,
    ) -> impl Future<Output = Answer<Vec<StoredEvent>>> + Send {
        async move {
            let (mut found, mut cursor) = (Vec::new(), 0);
            loop {
                let rows = self.events_after(Some(tenant), cursor, PAGE_MAX).await?;
                let Some(last) = rows.last() else { break };
                cursor = last.cursor;
                found.extend(rows.into_iter().filter(|row| row.intent == Some(id)));
            }
            found.truncate(HISTORY_MAX);
            Ok(found)
        }
    }

    /// Transfers that count (posted, or posting a pending one), debit or credit this account and were decided in the period, by
    /// time and then by key.
    ///
    /// By default it reads the tenant's whole book; a store with an index costs what is answered, and not what else is booked.
    fn account_transfers(
        &self,
        tenant: TenantId,
        account: &Account,
        from: &BookedFrom,
        until: Timestamp,
        max: usize,
    ) -> impl Future<Output = Answer<Vec<Transfer>>> + Send {
        async move {
            let rows = accounts::counting(self, tenant, account).await?;
            Ok(accounts::page(rows, from, until, max))
        }
    }

    /// What such transfers came to before a time, by currency: credits less debits, in minor units. A currency
    /// without any may be missing.
    ///
    /// By default it reads the tenant's whole book; a store with an index costs what is summed.
    fn account_before(
        &self,
        tenant: TenantId,
        account: &Account,
        before: Timestamp,
    ) -> impl Future<Output = Answer<BTreeMap<Currency, i128>>> + Send {
        async move {
            let rows = accounts::counting(self, tenant, account).await?;
            Ok(accounts::sums(&rows, account, before))
        }
    }

    /// Transfers of funds that calls asked for, by the ids of the calls, after `after`; for checks.
    fn funds_asked(
        &self,
        tenant: TenantId,
        after: Option<&RequestId>,
        max: usize,
    ) -> impl Future<Output = Answer<Vec<(RequestId, FundsId)>>> + Send;

    /// Adds an entry behind the `expected` last one of a tenant's book of rules; `false` when the book has moved on, or has
    /// an entry of this request id.
    fn add_rules(
        &self,
        tenant: TenantId,
        expected: u64,
        entry: &RulesEntry,
    ) -> impl Future<Output = Answer<bool>> + Send;

    /// Entries of a tenant's book of rules after a position, oldest first.
    fn rules_after(
        &self,
        tenant: TenantId,
        position: u64,
        max: usize,
    ) -> impl Future<Output = Answer<Vec<StoredRules>>> + Send;

    /// The entry that a call added to a tenant's book of rules.
    fn rules_by_request(
        &self,
        tenant: TenantId,
        request: &RequestId,
    ) -> impl Future<Output = Answer<Option<StoredRules>>> + Send;

    /// A tenant's decisions by the id of their attempt, after `after`; ids follow the time. What is being committed meanwhile
    /// may be passed.
    fn decisions(
        &self,
        tenant: TenantId,
        after: Option<AttemptId>,
        max: usize,
    ) -> impl Future<Output = Answer<Vec<StoredDecided>>> + Send;

    /// What was decided about an attempt of this tenant; nothing where no rules decided.
    fn decision(
        &self,
        tenant: TenantId,
        attempt: AttemptId,
    ) -> impl Future<Output = Answer<Option<StoredDecided>>> + Send;

    /// What became of the attempts of a sample; costs what is looked at, and not what else is kept.
    fn tally(&self, sample: &Sample) -> impl Future<Output = Answer<Tally>> + Send;

    /// The tenants whose book of rules has, or may have, a version with guard rails, by id, after `after`; costs what is
    /// answered, and not what other tenants or entries there are.
    fn guarded_books(
        &self,
        after: Option<TenantId>,
        max: usize,
    ) -> impl Future<Output = Answer<Vec<GuardedBook>>> + Send;

    /// Every balance of a tenant's book, ordered by account and currency.
    fn balances(&self, tenant: TenantId) -> impl Future<Output = Answer<Vec<AccountBalance>>> + Send;

    /// What is available of an account that has a bound, in minor units: one row, not a sum. 0 for one that was never posted
    /// to.
    fn available(
        &self,
        tenant: TenantId,
        account: &Account,
        currency: Currency,
    ) -> impl Future<Output = Answer<i64>> + Send;

    /// Keeps a new tenant; `false` when the id or the key hash is there already.
    fn add_tenant(&self, tenant: &Tenant) -> impl Future<Output = Answer<bool>> + Send;

    /// The tenant with this API key hash.
    fn tenant_by_key(&self, key_hash: Digest) -> impl Future<Output = Answer<Option<Tenant>>> + Send;

    /// All tenants, oldest first.
    fn tenants(&self) -> impl Future<Output = Answer<Vec<Tenant>>> + Send;

    /// The key that order numbers are derived with: `fresh` at the first call ever, the same one for ever after.
    fn deployment_key(&self, fresh: [u8; 32]) -> impl Future<Output = Answer<[u8; 32]>> + Send;

    /// What an operator looks at first.
    fn stats(&self) -> impl Future<Output = Answer<Stats>> + Send;

    /// All intents of all tenants by id, after `after`; for checks.
    fn scan_intents(
        &self,
        after: Option<IntentId>,
        max: usize,
    ) -> impl Future<Output = Answer<Vec<IntentRow>>> + Send;

    /// All refunds of all tenants by id, after `after`; for checks.
    fn scan_refunds(
        &self,
        after: Option<RefundId>,
        max: usize,
    ) -> impl Future<Output = Answer<Vec<Refund>>> + Send;

    /// All work, for checks; at most `max` rows after the key text `after`.
    fn scan_work(&self, after: Option<&str>, max: usize)
    -> impl Future<Output = Answer<Vec<WorkRow>>> + Send;

    /// The work in quarantine, as [`Store::scan_work`] lists it; costs what is there, and not what other work there is.
    fn scan_quarantine(
        &self,
        after: Option<&str>,
        max: usize,
    ) -> impl Future<Output = Answer<Vec<WorkRow>>> + Send;

    /// Whether a notification with this key was kept.
    fn is_kept(&self, account: &AccountId, key: &str) -> impl Future<Output = Answer<bool>> + Send;

    /// What was kept of genuine notifications of a rail account, oldest first; for checks and operators.
    fn inbox(&self, account: &AccountId, max: usize) -> impl Future<Output = Answer<Vec<InboxRow>>> + Send;

    /// What is damaged below the rows, where the store has a medium that can tell: one line each, empty when nothing is
    /// (F21): SQLite reads all pages and indexes, PostgreSQL tells what its server has counted. For checks.
    fn damage(&self) -> impl Future<Output = Answer<Vec<String>>> + Send;
}
