//! What a batch does to the content. Works on a copy that is dropped when anything is refused.

use jiff::{SignedDuration, Timestamp};
use paifang_ledger::PostError;
use paifang_money::Money;
use paifang_payment::planted::{self, Defect};
use paifang_payment::refund::{Purpose, Refund};
use paifang_payment::{AccountId, IntentId, TenantId};

use super::{Content, Pace, Work};
use crate::{
    Amounts, AttemptRef, Batch, Committed, DecidedWrite, Guard, InboxRow, IntentRow, IntentWrite, Leased,
    Mark, Marks, NewEvent, PAGE_MAX, RefundRef, RefundWrite, RequestKey, RequestRow, RulesEntry, RulesSeen,
    StoreError, StoredDecided, StoredEvent, StoredRules, StoredTransfer, SubmissionChange, Tenant,
    WorkChange, WorkKey, WorkRow,
};

/// `Err(Ok(..))`: refused; `Err(Err(..))`: the batch breaks a rule that its maker should have kept.
type Step = Result<(), Result<Committed, StoreError>>;

impl Content {
    pub(super) fn commit(&mut self, batch: Batch, now: Timestamp) -> Result<Committed, StoreError> {
        match self.apply(batch, now) {
            Ok(()) => Ok(Committed::Done),
            Err(refused) => refused,
        }
    }

    fn apply(&mut self, mut batch: Batch, now: Timestamp) -> Step {
        if planted::is(Defect::TransferLost) {
            batch.transfers.pop();
        }
        self.take_request(&batch)?;
        self.take_inbox(&batch)?;
        if let Some(fence) = batch.fence.as_ref().filter(|_| !planted::is(Defect::FenceIgnored)) {
            let held = self.work.get(&fence.key.text());
            let holds =
                held.is_some_and(|work| work.row.epoch == fence.epoch && work.row.quarantined.is_none());
            if !holds {
                return Err(Ok(Committed::Fenced));
            }
        }
        if let Some(rules) = &batch.rules {
            self.take_rules(rules, batch.tenant, batch.at)?;
        }
        if let Some(write) = &batch.intent {
            self.write_intent(write)?;
        }
        for write in &batch.refunds {
            self.write_refund(write)?;
        }
        for guard in &batch.guards {
            self.guard(guard, batch.tenant)?;
        }
        self.post(&batch)?;
        for change in batch.work {
            self.change_work(change, batch.tenant, now)?;
        }
        for change in batch.submissions {
            match change {
                SubmissionChange::Put(attempt, submission) => {
                    drop(self.submissions.insert(attempt, submission))
                }
                SubmissionChange::Clear(attempt) => drop(self.submissions.remove(&attempt)),
            }
        }
        for event in batch.events {
            self.append_event(event, batch.tenant, batch.at)?;
        }
        for mark in batch.marks {
            self.mark(mark, batch.tenant, batch.at);
        }
        Ok(())
    }

    fn take_request(&mut self, batch: &Batch) -> Step {
        let Some(RequestKey { operation, request_id, fingerprint, resource }) = &batch.request else {
            return Ok(());
        };
        let key = (batch.tenant, *operation, request_id.clone());
        if planted::is(Defect::RequestIdForgotten) {
            return Ok(());
        }
        match self.requests.get(&key).filter(|_| !planted::is(Defect::RequestIdUnguarded)) {
            Some(row) if row.fingerprint == *fingerprint => Err(Ok(Committed::Replayed(row.resource))),
            Some(_) => Err(Ok(Committed::RequestReused)),
            None => {
                self.requests.insert(key, RequestRow { fingerprint: *fingerprint, resource: *resource });
                Ok(())
            }
        }
    }

    fn take_inbox(&mut self, batch: &Batch) -> Step {
        let Some(entry) = &batch.inbox else { return Ok(()) };
        if self.inbox.iter().any(|row| row.account == entry.account && row.key == entry.key) {
            return Err(Ok(Committed::SeenBefore));
        }
        let (account, key) = (entry.account.clone(), entry.key.clone());
        let (verdict, digest) = (entry.verdict.clone(), entry.digest);
        self.inbox.push(InboxRow { account, key, verdict, at: batch.at, digest });
        Ok(())
    }

    fn take_rules(&mut self, rules: &RulesSeen, tenant: TenantId, at: Timestamp) -> Step {
        let unread = planted::is(Defect::RulesUnread);
        if self.book_of_rules(tenant).count() as u64 != rules.entries && !unread {
            return Err(Ok(Committed::Conflict));
        }
        let Some(DecidedWrite { attempt, intent, decided }) = rules.decided.clone() else { return Ok(()) };
        let entries = Some(rules.entries);
        let row = StoredDecided { tenant, intent, attempt, at, decided, marks: Marks::default(), entries };
        self.seen.insert(attempt, rules.entries);
        match self.decided.insert(attempt, row) {
            None => Ok(()),
            Some(_) => Err(Err(StoreError::Broken(format!("{attempt} was decided before")))),
        }
    }

    fn mark(&mut self, mark: Mark, tenant: TenantId, at: Timestamp) {
        let decided = self.decided.get_mut(&mark.attempt).filter(|_| !planted::is(Defect::MarkLost));
        if let Some(row) = decided.filter(|row| (row.tenant, row.intent) == (tenant, mark.intent)) {
            row.marks = row.marks.with(mark.what, at);
        }
    }

    /// A tenant's book of rules, oldest first.
    pub(super) fn book_of_rules(&self, tenant: TenantId) -> impl Iterator<Item = StoredRules> {
        let entries = self.rules.get(&tenant).into_iter().flatten().cloned();
        (1..).zip(entries).map(|(position, entry)| StoredRules { position, entry })
    }

    pub(super) fn add_rules(&mut self, tenant: TenantId, expected: u64, entry: &RulesEntry) -> bool {
        let of = |entry: &RulesEntry| entry.request.as_ref().map(|request| request.id.clone());
        let taken = self.book_of_rules(tenant).any(|row| of(entry).is_some() && of(&row.entry) == of(entry));
        let fits = !taken && self.book_of_rules(tenant).count() as u64 == expected;
        if fits {
            self.rules.entry(tenant).or_default().push(entry.clone());
        }
        fits
    }

    fn write_intent(&mut self, write: &IntentWrite) -> Step {
        let terms = &write.row.terms;
        let known = self.intents.get(&terms.id);
        let foreign = known.is_some_and(|row| row.intent.terms.tenant != terms.tenant);
        let stale = known.map_or(0, |row| row.intent.version) != write.expected;
        if foreign || stale && !planted::is(Defect::VersionIgnored) {
            return Err(Ok(Committed::Conflict));
        }
        let state = known.filter(|row| row.intent.is_final()).map(|row| row.intent.state.name());
        if state.is_some_and(|state| state != write.row.state.name()) {
            return Err(Err(StoreError::Broken("an intent leaves a final state".into())));
        }
        let amounts = known.map_or_else(|| Amounts::none(terms.amount.currency()), |row| row.amounts);
        for attempt in &write.row.attempts {
            let target = AttemptRef { tenant: terms.tenant, intent: terms.id, attempt: attempt.terms.id };
            for number in attempt.numbers() {
                let place = (attempt.terms.account.clone(), number.clone());
                if self.orders.entry(place).or_insert_with(|| target.clone()) != &target {
                    return Err(Err(StoreError::Broken(format!("number {number} is taken"))));
                }
            }
        }
        self.intent_journal.entry(terms.id).or_default().extend(write.entries.iter().cloned());
        self.intents.insert(terms.id, IntentRow { intent: write.row.clone(), amounts });
        Ok(())
    }

    fn write_refund(&mut self, write: &RefundWrite) -> Step {
        let terms = &write.row.terms;
        let known = self.refunds.get(&terms.id);
        let foreign = known.is_some_and(|row| row.terms.tenant != terms.tenant);
        if foreign || known.map_or(0, |row| row.version) != write.expected {
            return Err(Ok(Committed::Conflict));
        }
        let state = known.filter(|row| row.is_final()).map(|row| row.state.name());
        if state.is_some_and(|state| state != write.row.state.name()) {
            return Err(Err(StoreError::Broken("a refund leaves a final state".into())));
        }
        self.own(terms.intent, terms.tenant)?;
        if write.expected == 0 {
            self.take_refund_number(&write.row)?;
        }
        self.refund_journal.entry(terms.id).or_default().extend(write.entries.iter().cloned());
        self.refunds.insert(terms.id, write.row.clone());
        Ok(())
    }

    fn take_refund_number(&mut self, refund: &Refund) -> Step {
        let terms = &refund.terms;
        let place = (terms.account.clone(), terms.refund_no.clone());
        let target = RefundRef { tenant: terms.tenant, intent: terms.intent, refund: terms.id };
        let late_twice = terms.purpose == Purpose::LateMoney && !self.late_refunds.insert(terms.attempt);
        if late_twice || self.refund_numbers.insert(place, target).is_some() {
            return Err(Err(StoreError::Broken(format!("refund number {} is taken", terms.refund_no))));
        }
        Ok(())
    }

    /// What a refund or an event belongs to is there, and the tenant's own.
    fn own(&self, intent: IntentId, tenant: TenantId) -> Step {
        match self.intents.get(&intent) {
            Some(row) if row.intent.terms.tenant == tenant => Ok(()),
            Some(_) | None => Err(Err(StoreError::Broken(format!("{intent} is not there")))),
        }
    }

    fn guard(&mut self, guard: &Guard, tenant: TenantId) -> Step {
        let (id, amount) = match guard {
            Guard::Pace { intent, at, interval_s } => {
                return self.pace(*intent, tenant, *at, *interval_s);
            }
            Guard::Refunds { intent, count } => {
                let of = |row: &&Refund| row.terms.intent == *intent && row.terms.tenant == tenant;
                let found = self.refunds.values().filter(of).count() as u64;
                let uncounted = planted::is(Defect::RefundsUncounted);
                return if found == *count || uncounted { Ok(()) } else { Err(Ok(Committed::Conflict)) };
            }
            Guard::Authorize(id, amount)
            | Guard::Void(id, amount)
            | Guard::Capture(id, amount)
            | Guard::Reserve(id, amount)
            | Guard::Settle(id, amount)
            | Guard::Release(id, amount) => (id, amount.money()),
        };
        let next = self.guarded(*id, tenant, guard, amount).ok_or(Ok(Committed::GuardFailed))?;
        if let Some(row) = self.intents.get_mut(id) {
            row.amounts = next;
        }
        Ok(())
    }

    fn guarded(&self, id: IntentId, tenant: TenantId, guard: &Guard, amount: Money) -> Option<Amounts> {
        let row = self.intents.get(&id).filter(|row| row.intent.terms.tenant == tenant)?;
        let was = row.amounts;
        let next = match guard {
            Guard::Authorize(..) => Amounts { authorized: was.authorized.checked_add(amount)?, ..was },
            Guard::Void(..) => Amounts { authorized: was.authorized.checked_sub(amount)?, ..was },
            Guard::Capture(..) => Amounts { captured: was.captured.checked_add(amount)?, ..was },
            Guard::Reserve(..) => Amounts { reserved: was.reserved.checked_add(amount)?, ..was },
            Guard::Settle(..) if planted::is(Defect::SettleForgotten) => was,
            Guard::Settle(..) => Amounts {
                reserved: was.reserved.checked_sub(amount)?,
                refunded: was.refunded.checked_add(amount)?,
                ..was
            },
            Guard::Release(..) => Amounts { reserved: was.reserved.checked_sub(amount)?, ..was },
            Guard::Pace { .. } | Guard::Refunds { .. } => was,
        };
        let out = next.reserved.checked_add(next.refunded)?;
        let covers = |more: Money, less: Money| more.checked_sub(less).is_some();
        let within = covers(row.intent.terms.amount.money(), next.authorized)
            && covers(next.authorized, next.captured)
            && covers(next.captured, out);
        let unchecked = planted::is(Defect::ReserveUnchecked) || planted::is(Defect::RefundReadFirst);
        (within || unchecked).then_some(next)
    }

    fn pace(&mut self, id: IntentId, tenant: TenantId, at: Timestamp, interval_s: u32) -> Step {
        let own = self.intents.get(&id).is_some_and(|row| row.intent.terms.tenant == tenant);
        let pace = self.paces.entry(id).or_default();
        if !own || pace.sent.is_some_and(|sent| seconds_after(sent, interval_s) > at) {
            return Err(Ok(Committed::GuardFailed));
        }
        pace.sent = Some(at);
        Ok(())
    }

    /// The next turn of this intent's refunds.
    fn next_turn(&mut self, id: IntentId, not_before: Timestamp, interval_s: u32) -> Timestamp {
        let pace = self.paces.entry(id).or_default();
        let Pace { turn, sent } = *pace;
        let free = [turn, sent].into_iter().flatten().map(|last| seconds_after(last, interval_s));
        let next = free.fold(not_before, Timestamp::max);
        pace.turn = Some(next);
        next
    }

    fn post(&mut self, batch: &Batch) -> Step {
        let book = self.books.entry(batch.tenant).or_default();
        match book.append(&batch.transfers) {
            Ok(()) => {}
            Err(PostError::Overdrawn(_, _)) if planted::is(Defect::OverdraftAllowed) => {}
            Err(PostError::Overdrawn(_, _)) => return Err(Ok(Committed::GuardFailed)),
            Err(error @ (PostError::Twice(_) | PostError::SameAccount(_) | PostError::NothingPending(_))) => {
                return Err(Err(StoreError::Broken(error.to_string())));
            }
        }
        for transfer in &batch.transfers {
            let position = self.transfers.len() as u64 + 1;
            self.transfers.push(StoredTransfer {
                position,
                tenant: batch.tenant,
                transfer: transfer.clone(),
            });
        }
        Ok(())
    }

    fn change_work(&mut self, change: WorkChange, tenant: TenantId, now: Timestamp) -> Step {
        match change {
            WorkChange::Turn { key, lane, intent, not_before, interval_s } => {
                self.own(intent, tenant)?;
                let due_at = self.next_turn(intent, not_before, interval_s);
                let put = WorkChange::Put { key, lane: Some(lane), due_at, lease: None };
                self.change_work(put, tenant, now)?;
            }
            WorkChange::Put { key, lane, due_at, lease } => {
                let text = key.text();
                let before = self.work.get(&text).map(|work| work.row.epoch).or(self.ended.remove(&text));
                let epoch = before.unwrap_or(0) + 1;
                let leased_until =
                    lease.map(|lease| plus(now, SignedDuration::from_millis(lease.millis.into())));
                let row = WorkRow { key, lane, due_at, tries: 0, epoch, leased_until, quarantined: None };
                self.work.insert(row.key.text(), Work { row });
            }
            WorkChange::Delay { key, due_at } => {
                let gone = || Err(StoreError::Broken("delays work that is not there".into()));
                let work = self.work.get_mut(&key.text()).ok_or_else(gone)?;
                (work.row.due_at, work.row.leased_until) = (due_at, None);
            }
            WorkChange::Remove { key } => {
                if let Some(work) = self.work.remove(&key.text()) {
                    self.ended.insert(key.text(), work.row.epoch);
                }
            }
            WorkChange::Quarantine { key, reason } => {
                if let Some(work) = self.work.get_mut(&key.text()) {
                    (work.row.quarantined, work.row.leased_until) = (Some(reason), None);
                }
            }
            WorkChange::Redrive { key, epoch, due_at } => {
                let work = self.work.get_mut(&key.text());
                let still = work.filter(|work| work.row.epoch == epoch && work.row.quarantined.is_some());
                let row = &mut still.ok_or(Ok(Committed::Fenced))?.row;
                (row.due_at, row.tries, row.epoch) = (due_at, 0, epoch + 1);
                row.quarantined = None;
            }
        }
        Ok(())
    }

    fn append_event(&mut self, event: NewEvent, tenant: TenantId, at: Timestamp) -> Step {
        if let Some(intent) = event.intent {
            self.own(intent, tenant)?;
        }
        if planted::is(Defect::EventLost) || planted::is(Defect::EventOnce) && self.has_event(&event) {
            return Ok(());
        }
        if !self.event_ids.insert(event.id) {
            return Err(Err(StoreError::Broken(format!("event {} is there already", event.id))));
        }
        let sequence = match event.intent {
            Some(intent) => {
                let sequence = self.sequences.entry(intent).or_insert(0);
                *sequence += 1;
                *sequence
            }
            None => 1,
        };
        self.events.push(StoredEvent {
            cursor: self.events.len() as u64 + 1,
            id: event.id,
            tenant,
            intent: event.intent,
            sequence,
            kind: event.kind,
            at,
            snapshot: event.snapshot,
        });
        Ok(())
    }

    /// Whether the intent has an event of this kind.
    fn has_event(&self, event: &NewEvent) -> bool {
        self.events.iter().any(|known| known.intent == event.intent && known.kind == event.kind)
    }

    pub(super) fn lease_due(
        &mut self,
        lane: Option<&AccountId>,
        max: usize,
        now: Timestamp,
        lease: SignedDuration,
    ) -> Vec<Leased> {
        let mut due: Vec<&mut WorkRow> = self.work.values_mut().map(|work| &mut work.row).collect();
        due.retain(|row| {
            let over = |until| until <= now && !planted::is(Defect::LeaseForEver);
            let free = row.leased_until.is_none_or(over) || planted::is(Defect::LeaseIgnored);
            row.lane.as_ref() == lane && row.due_at <= now && free && row.quarantined.is_none()
        });
        due.sort_by_key(|row| (row.due_at, row.key.text()));
        let skipped = usize::from(planted::is(Defect::WorkSkipped) && due.len() > 1);
        due.into_iter()
            .skip(skipped)
            .take(max.min(PAGE_MAX))
            .map(|row| {
                row.tries += 1;
                row.epoch += 1;
                row.leased_until = Some(plus(now, lease));
                Leased { key: row.key.clone(), tries: row.tries, epoch: row.epoch }
            })
            .collect()
    }

    pub(super) fn hasten(&mut self, key: &WorkKey, now: Timestamp) {
        if let Some(work) = self.work.get_mut(&key.text()) {
            let free = work.row.leased_until.is_none_or(|until| until <= now);
            if free && work.row.quarantined.is_none() && work.row.due_at > now {
                work.row.due_at = now;
            }
        }
    }

    pub(super) fn add_tenant(&mut self, tenant: &Tenant) -> bool {
        let taken =
            self.tenants.iter().any(|known| known.id == tenant.id || known.key_hash == tenant.key_hash);
        if !taken {
            self.tenants.push(tenant.clone());
        }
        !taken
    }
}

fn seconds_after(time: Timestamp, seconds: u32) -> Timestamp {
    plus(time, SignedDuration::from_secs(seconds.into()))
}

fn plus(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.saturating_add(by).unwrap_or(Timestamp::MAX)
}
