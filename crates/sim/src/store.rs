//! The store as a replica sees it: the model store, which now and then does not answer, or does not say what it did.

mod words;

use std::sync::Arc;
use std::task::Poll;

use futures::future::{pending, poll_fn};
use jiff::SignedDuration;
use paifang_ledger::Account;
use paifang_money::Currency;
use paifang_payment::attempt::Attempt;
use paifang_payment::refund::{self, Purpose, Refund};
use paifang_payment::{
    AccountId, AttemptId, Digest, FundsId, IntentId, OrderNo, RefundId, RequestId, TenantId, intent,
};
use paifang_policy::guard::Tally;
use paifang_store::{
    AccountBalance, AttemptRef, Batch, Committed, GuardedBook, InboxRow, IntentFilter, IntentRow, Leased,
    Operation, Page, RefundRef, RequestRow, RulesEntry, Sample, Stats, Store, StoreError, StoredDecided,
    StoredEvent, StoredRules, StoredTransfer, Submission, Tenant, WorkChange, WorkKey, WorkRow,
};

use self::words::{family, numbers_of};
use crate::exec::{Process, locked};
use crate::universe::Universe;

/// One replica's connection to the common store.
#[derive(Clone)]
pub struct SimStore {
    /// Where it runs.
    pub universe: Arc<Universe>,
    /// Whose it is.
    pub process: Process,
}

type Answer<T> = Result<T, StoreError>;

impl SimStore {
    /// A pause in which others may run; a dead replica's calls go nowhere.
    pub(crate) async fn reach(&self) {
        let exec = &self.universe.exec;
        let (often, millis) = if self.universe.chaos() { self.universe.swarm.store_slow } else { (30, 40) };
        if exec.happens(often) {
            exec.sleep(exec.millis(1..=millis)).await;
        } else {
            let mut polled = false;
            poll_fn(|cx| {
                if std::mem::replace(&mut polled, true) {
                    return Poll::Ready(());
                }
                cx.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
        }
        if exec.is_dead(self.process) {
            pending::<()>().await;
        }
    }

    pub(crate) async fn read(&self) -> Answer<()> {
        self.reach().await;
        let universe = &self.universe;
        if universe.is_cut_off(self.process) {
            return Err(StoreError::Unavailable(None));
        }
        if universe.chaos() && universe.exec.happens(universe.swarm.read_fails) {
            universe.trace.fault("F23-read-fails", universe.exec.label());
            return Err(StoreError::Unavailable(None));
        }
        Ok(())
    }

    /// What this commit does to each attempt and refund, for the trace and the coverage list.
    fn record(&self, batch: &Batch, before: Option<&IntentRow>, refunds: &[(RefundId, Option<Refund>)]) {
        let universe = &self.universe;
        for (what, from, to, number, account) in named_moves_of(batch, before, refunds) {
            self.moved(what, from, to, number, account);
        }
        if let Some(write) = &batch.intent {
            let from = before.map_or("none", |row| row.intent.state.name());
            if from != write.row.state.name() {
                universe.trace.note(format_args!(
                    "intent {}: {from} -> {}",
                    write.row.terms.id,
                    write.row.state.name()
                ));
                universe.trace.cover(format!("intent {from} -> {}", write.row.state.name()));
            }
        }
        if self.universe.chaos() && batch.intent.is_none() && batch.refunds.is_empty() {
            universe.trace.cover(format!("work {}", universe.exec.label()));
        }
    }

    /// Which ways lead to money, and back: a rail that refuses everything makes no mistake.
    fn cover_ways(&self, batch: &Batch, before: Option<&IntentRow>, refunds: &[(RefundId, Option<Refund>)]) {
        let cover = |row: &str, column: &str| self.universe.trace.cover(format!("{row} x {column}"));
        for attempt in batch.intent.iter().flat_map(|write| &write.row.attempts) {
            let was = before.and_then(|row| row.intent.attempt(attempt.terms.id));
            let has_money =
                |attempt: &Attempt| attempt.state.settled().is_some() || attempt.state.hold().is_some();
            if has_money(attempt) && !was.is_some_and(has_money) {
                let how = if attempt.terms.hold.is_some() { "held" } else { "paid" };
                cover(&format!("{how} {}", attempt.terms.account), attempt.terms.presentation.as_str());
            }
        }
        for write in batch.refunds.iter().filter(|write| write.row.terms.granted_by.is_some()) {
            let is_failure = write.row.is_borne() && write.row.state.name() == "failed";
            if write.entries.iter().any(|entry| matches!(entry.fact, refund::Fact::Funded { .. })) {
                cover("ruled refund", "funded");
            } else if is_failure {
                cover("ruled refund", "failed");
            }
        }
        for write in &batch.refunds {
            let was =
                refunds.iter().find(|(id, _)| *id == write.row.terms.id).and_then(|(_, row)| row.as_ref());
            if write.row.state.name() == "succeeded" && was.is_none_or(|was| was.state.name() != "succeeded")
            {
                let purpose = match write.row.terms.purpose {
                    Purpose::Requested => "requested",
                    Purpose::LateMoney => "late money",
                };
                cover(&format!("refunded {}", write.row.terms.account), purpose);
            }
        }
    }

    /// Whether what was written keeps to the rules.
    async fn watch(&self, batch: &Batch, work: &[WorkRow]) {
        if let Some(fence) = &batch.fence {
            self.universe.watch_fence(work, fence);
        }
        if batch.fence.is_none() && sends_again(batch) {
            self.universe.found(format!("I16: {:?} is sent again without a claim", numbers_of(batch)));
        }
        for change in &batch.work {
            if let WorkChange::Quarantine { key, reason } = change {
                self.universe.watch_surrender(key, reason).await;
            }
        }
        let written = batch.intent.as_ref().map(|write| write.row.terms.id);
        for intent in written.into_iter().chain(batch.guards.iter().map(|guard| guard.intent())) {
            self.universe.watch_amounts(intent).await;
        }
        self.universe.watch_rules(batch).await;
    }

    fn moved(&self, what: &'static str, from: &str, to: &'static str, number: &str, account: &AccountId) {
        let universe = &self.universe;
        universe.came(what, number, to);
        let struck = locked(&universe.struck).insert(number.to_owned(), "none").unwrap_or("none");
        universe.trace.note(format_args!("{what} {number}: {from} -> {to} at {account} (after {struck})"));
        universe.trace.cover(format!("{what} {from} -> {to} x {}", family(struck)));
    }
}

/// Kind, from, to, number and account of each attempt and refund that a commit moves.
fn named_moves_of<'a>(
    batch: &'a Batch,
    before: Option<&IntentRow>,
    refunds: &[(RefundId, Option<Refund>)],
) -> Vec<(&'static str, &'static str, &'static str, &'a str, &'a AccountId)> {
    let mut moves = Vec::new();
    for attempt in batch.intent.iter().flat_map(|write| &write.row.attempts) {
        let was = before.and_then(|row| row.intent.attempt(attempt.terms.id));
        let from = was.map_or("none", |attempt| attempt.state.name());
        let terms = &attempt.terms;
        moves.push(("attempt", from, attempt.state.name(), terms.order_no.as_str(), &terms.account));
    }
    for write in &batch.refunds {
        let was = refunds.iter().find(|(id, _)| *id == write.row.terms.id).and_then(|(_, row)| row.as_ref());
        let from = was.map_or("none", |refund| refund.state.name());
        let terms = &write.row.terms;
        moves.push(("refund", from, write.row.state.name(), terms.refund_no.as_str(), &terms.account));
    }
    moves.retain(|(_, from, to, ..)| from != to);
    moves
}

/// The same without the numbers.
fn moves_of(
    batch: &Batch,
    before: Option<&IntentRow>,
    refunds: &[(RefundId, Option<Refund>)],
) -> Vec<(&'static str, &'static str, &'static str)> {
    let named = named_moves_of(batch, before, refunds);
    named.into_iter().map(|(what, from, to, ..)| (what, from, to)).collect()
}

/// Whether a worker writes ahead that it sends something again.
fn sends_again(batch: &Batch) -> bool {
    let intent = batch.intent.iter().flat_map(|write| &write.entries).map(|entry| &entry.evidence);
    let refunds = batch.refunds.iter().flat_map(|write| &write.entries).map(|entry| &entry.evidence);
    intent.chain(refunds).any(|evidence| evidence.rule.ends_with("send_again"))
}

impl Store for SimStore {
    async fn commit(&self, batch: Batch) -> Answer<Committed> {
        self.reach().await;
        let universe = &self.universe;
        if universe.is_cut_off(self.process) {
            return Err(StoreError::Unavailable(None));
        }
        let (chaos, swarm) = (universe.chaos(), &universe.swarm);
        let label = universe.exec.label();
        let before = match &batch.intent {
            Some(write) => universe.store.intent(batch.tenant, write.row.terms.id).await?,
            None => None,
        };
        let mut refunds = Vec::new();
        for write in &batch.refunds {
            let id = write.row.terms.id;
            refunds.push((id, universe.store.refund(batch.tenant, id).await?));
        }
        let moves = moves_of(&batch, before.as_ref(), &refunds);
        let moved = named_moves_of(&batch, before.as_ref(), &refunds);
        let moved: Vec<String> = moved.into_iter().map(|(.., number, _)| number.to_owned()).collect();
        let numbers = if moved.is_empty() { numbers_of(&batch) } else { moved };
        let struck = |fault: &'static str| {
            universe.trace.fault(fault, label);
            numbers.iter().for_each(|number| universe.strike(number, fault));
        };
        if chaos && (universe.exec.happens(swarm.commit_fails) || universe.spoils_commit("F22", &moves)) {
            struck("F22-commit-fails");
            return Err(StoreError::Unavailable(None));
        }
        let spoilt = universe.spoils_commit("F24", &moves);
        let work = if batch.fence.is_some() { universe.all_work().await } else { Vec::new() };
        if chaos && (universe.exec.happens(swarm.commit_unknown / 2) || spoilt && universe.exec.happens(700))
        {
            struck("F24-commit-unknown-not-done");
            self.reach().await;
            return Err(StoreError::CommitUnknown("the connection ended".into()));
        }
        let committed = universe.store.commit(batch.clone()).await;
        match &committed {
            Ok(Committed::Done) => {
                self.record(&batch, before.as_ref(), &refunds);
                self.cover_ways(&batch, before.as_ref(), &refunds);
                self.watch(&batch, &work).await;
            }
            Ok(refused) => universe.trace.note(format_args!("{} refused: {refused:?}", self.process)),
            Err(error) => universe.trace.note(format_args!("{} broken: {error}", self.process)),
        }
        if chaos && (universe.exec.happens(swarm.commit_unknown) || spoilt) {
            struck("F24-commit-unknown");
            self.reach().await;
            return Err(StoreError::CommitUnknown("the connection ended".into()));
        }
        self.reach().await;
        committed
    }

    async fn lease_due(
        &self,
        lane: Option<&AccountId>,
        max: usize,
        owner: &str,
        lease: SignedDuration,
    ) -> Answer<Vec<Leased>> {
        self.read().await?;
        let work = self.universe.all_work().await;
        let leased = self.universe.store.lease_due(lane, max, owner, lease).await?;
        self.universe.watch_claims(&work, &leased, lane, max);
        for item in &leased {
            let (key, tries) = (item.key.text(), item.tries);
            self.universe.trace.note(format_args!("{} claims {key} ({tries})", self.process));
        }
        Ok(leased)
    }

    async fn hasten(&self, key: &WorkKey) -> Answer<()> {
        self.read().await?;
        self.universe.store.hasten(key).await
    }

    async fn intent(&self, tenant: TenantId, id: IntentId) -> Answer<Option<IntentRow>> {
        self.read().await?;
        self.universe.store.intent(tenant, id).await
    }

    async fn request(
        &self,
        tenant: TenantId,
        operation: Operation,
        request_id: &RequestId,
    ) -> Answer<Option<RequestRow>> {
        self.read().await?;
        self.universe.store.request(tenant, operation, request_id).await
    }

    async fn refund(&self, tenant: TenantId, id: RefundId) -> Answer<Option<Refund>> {
        self.read().await?;
        self.universe.store.refund(tenant, id).await
    }

    async fn attempt_by_order(&self, account: &AccountId, order_no: &OrderNo) -> Answer<Option<AttemptRef>> {
        self.read().await?;
        self.universe.store.attempt_by_order(account, order_no).await
    }

    async fn refund_tenant(&self, id: RefundId) -> Answer<Option<TenantId>> {
        self.read().await?;
        self.universe.store.refund_tenant(id).await
    }

    async fn refund_by_number(&self, account: &AccountId, refund_no: &OrderNo) -> Answer<Option<RefundRef>> {
        self.read().await?;
        self.universe.store.refund_by_number(account, refund_no).await
    }

    async fn submission(&self, attempt: AttemptId) -> Answer<Option<Submission>> {
        self.read().await?;
        self.universe.store.submission(attempt).await
    }

    async fn intents(&self, tenant: TenantId, filter: &IntentFilter, max: usize) -> Answer<Page<IntentRow>> {
        self.read().await?;
        self.universe.store.intents(tenant, filter, max).await
    }

    async fn refunds(
        &self,
        tenant: TenantId,
        intent: Option<IntentId>,
        before: Option<RefundId>,
        max: usize,
    ) -> Answer<Page<Refund>> {
        self.read().await?;
        self.universe.store.refunds(tenant, intent, before, max).await
    }

    async fn intent_journal(&self, tenant: TenantId, id: IntentId) -> Answer<Vec<intent::Entry>> {
        self.read().await?;
        self.universe.store.intent_journal(tenant, id).await
    }

    async fn refund_journal(&self, tenant: TenantId, id: RefundId) -> Answer<Vec<refund::Entry>> {
        self.read().await?;
        self.universe.store.refund_journal(tenant, id).await
    }

    async fn events_after(
        &self,
        tenant: Option<TenantId>,
        cursor: u64,
        max: usize,
    ) -> Answer<Vec<StoredEvent>> {
        self.read().await?;
        self.universe.store.events_after(tenant, cursor, max).await
    }

    async fn transfers_after(
        &self,
        tenant: Option<TenantId>,
        position: u64,
        max: usize,
    ) -> Answer<Vec<StoredTransfer>> {
        self.read().await?;
        self.universe.store.transfers_after(tenant, position, max).await
    }

    async fn balances(&self, tenant: TenantId) -> Answer<Vec<AccountBalance>> {
        self.read().await?;
        self.universe.store.balances(tenant).await
    }

    async fn available(&self, tenant: TenantId, account: &Account, currency: Currency) -> Answer<i64> {
        self.read().await?;
        self.universe.store.available(tenant, account, currency).await
    }

    async fn add_tenant(&self, tenant: &Tenant) -> Answer<bool> {
        self.universe.store.add_tenant(tenant).await
    }

    async fn tenant_by_key(&self, key_hash: Digest) -> Answer<Option<Tenant>> {
        self.universe.store.tenant_by_key(key_hash).await
    }

    async fn tenants(&self) -> Answer<Vec<Tenant>> {
        self.universe.store.tenants().await
    }

    async fn deployment_key(&self, fresh: [u8; 32]) -> Answer<[u8; 32]> {
        self.universe.store.deployment_key(fresh).await
    }

    async fn stats(&self) -> Answer<Stats> {
        self.universe.store.stats().await
    }

    async fn scan_intents(&self, after: Option<IntentId>, max: usize) -> Answer<Vec<IntentRow>> {
        self.universe.store.scan_intents(after, max).await
    }

    async fn scan_refunds(&self, after: Option<RefundId>, max: usize) -> Answer<Vec<Refund>> {
        self.universe.store.scan_refunds(after, max).await
    }

    async fn scan_work(&self, after: Option<&str>, max: usize) -> Answer<Vec<WorkRow>> {
        self.universe.store.scan_work(after, max).await
    }

    async fn scan_quarantine(&self, after: Option<&str>, max: usize) -> Answer<Vec<WorkRow>> {
        self.universe.store.scan_quarantine(after, max).await
    }

    async fn add_rules(&self, tenant: TenantId, expected: u64, entry: &RulesEntry) -> Answer<bool> {
        self.reach().await;
        let universe = &self.universe;
        if universe.is_cut_off(self.process) {
            return Err(StoreError::Unavailable(None));
        }
        let (chaos, swarm, label) = (universe.chaos(), &universe.swarm, universe.exec.label());
        if chaos && universe.exec.happens(swarm.commit_fails) {
            universe.trace.fault("F22-commit-fails", label);
            return Err(StoreError::Unavailable(None));
        }
        let added = universe.store.add_rules(tenant, expected, entry).await;
        universe.trace.note(format_args!("{} adds to the book behind {expected}: {added:?}", self.process));
        if chaos && universe.exec.happens(swarm.commit_unknown) {
            universe.trace.fault("F24-commit-unknown", label);
            self.reach().await;
            return Err(StoreError::CommitUnknown("the connection ended".into()));
        }
        added
    }

    async fn rules_after(&self, tenant: TenantId, position: u64, max: usize) -> Answer<Vec<StoredRules>> {
        self.read().await?;
        self.universe.store.rules_after(tenant, position, max).await
    }

    async fn rules_by_request(&self, tenant: TenantId, request: &RequestId) -> Answer<Option<StoredRules>> {
        self.read().await?;
        self.universe.store.rules_by_request(tenant, request).await
    }

    async fn decisions(
        &self,
        tenant: TenantId,
        after: Option<AttemptId>,
        max: usize,
    ) -> Answer<Vec<StoredDecided>> {
        self.read().await?;
        self.universe.store.decisions(tenant, after, max).await
    }

    async fn decision(&self, tenant: TenantId, attempt: AttemptId) -> Answer<Option<StoredDecided>> {
        self.read().await?;
        self.universe.store.decision(tenant, attempt).await
    }

    async fn tally(&self, sample: &Sample) -> Answer<Tally> {
        self.read().await?;
        self.universe.store.tally(sample).await
    }

    async fn funds_asked(
        &self,
        tenant: TenantId,
        after: Option<&RequestId>,
        max: usize,
    ) -> Answer<Vec<(RequestId, FundsId)>> {
        self.universe.store.funds_asked(tenant, after, max).await
    }

    async fn guarded_books(&self, after: Option<TenantId>, max: usize) -> Answer<Vec<GuardedBook>> {
        self.read().await?;
        self.universe.store.guarded_books(after, max).await
    }

    async fn is_kept(&self, account: &AccountId, key: &str) -> Answer<bool> {
        self.read().await?;
        self.universe.store.is_kept(account, key).await
    }

    async fn inbox(&self, account: &AccountId, max: usize) -> Answer<Vec<InboxRow>> {
        self.universe.store.inbox(account, max).await
    }

    async fn damage(&self) -> Answer<Vec<String>> {
        self.universe.store.damage().await
    }
}
