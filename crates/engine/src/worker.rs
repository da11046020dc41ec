//! The loops that see to what is under way: a lane per rail account, so that a rail that is down holds up no other, and
//! a lane for expiries. A claim is durable before anything is done under it; whoever takes over something that may have
//! been sent asks first.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use futures::future::{join_all, select};
use futures::stream::{FuturesUnordered, StreamExt};
use jiff::{SignedDuration, Timestamp};
use paifang_payment::attempt::{self, Duty};
use paifang_payment::intent::Opened;
use paifang_payment::planted::{self, Defect};
use paifang_payment::refund::Refund;
use paifang_payment::{AccountId, Evidence, IntentId, Observation, TenantId, Verb};
use paifang_store::{
    AttemptRef, Batch, Committed, IntentRow, Leased, PAGE_MAX, Quarantine, Store, StoreError, WorkChange,
    WorkKey,
};

use crate::carry::{attempt_call, operation_of};
use crate::claim::{self, Came};
use crate::engine::CONFLICTS_MAX;
use crate::observe::Sends;
use crate::ports::{Environment, RailCall, Rails, Transport};
use crate::quarantine::NO_FINAL_WORD;
use crate::reversing::reverse_of;
use crate::schedule;
use crate::{Engine, Error};

/// Work that fails for reasons of our own is put off by so much more each time, and so often at most.
const TROUBLE_WAIT_S: i64 = 15;
const TROUBLE_TRIES: u32 = 20;

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// Runs every lane until `stop` resolves; what is under way then is finished first.
    pub async fn work(&self, stop: impl Future<Output = ()> + Send + Clone) {
        let lanes = self.inner.accounts.iter().map(|account| Some(account.id.clone())).chain([None]);
        join_all(lanes.map(|lane| self.run_lane(lane, stop.clone()))).await;
    }

    /// Does everything of one lane that is due now; answers how much that was. For tests and the simulator.
    pub async fn work_once(&self, lane: Option<&AccountId>) -> Result<usize, StoreError> {
        let claimed = self.claim(lane, self.inner.limits.lane_width).await?;
        let count = claimed.len();
        join_all(claimed.into_iter().map(|item| self.see_to(item))).await;
        Ok(count)
    }

    /// Lanes in which something waits although their account is not configured any more: nobody sees to it.
    pub async fn unserved_lanes(&self) -> Result<BTreeSet<AccountId>, StoreError> {
        let mut lanes = BTreeSet::new();
        let mut after: Option<String> = None;
        loop {
            let rows = self.inner.store.scan_work(after.as_deref(), PAGE_MAX).await?;
            let Some(last) = rows.last() else { return Ok(lanes) };
            after = Some(last.key.text());
            let unknown = rows.iter().filter_map(|row| row.lane.as_ref());
            lanes.extend(unknown.filter(|lane| self.inner.accounts.get(lane).is_none()).cloned());
        }
    }

    async fn run_lane(&self, lane: Option<AccountId>, stop: impl Future<Output = ()> + Send + Clone) {
        let mut running = FuturesUnordered::new();
        let mut stopping = stop.boxed().fuse();
        loop {
            let wake = self.inner.signals.anything();
            let free = self.inner.limits.lane_width.saturating_sub(running.len());
            let claimed = match self.claim(lane.as_ref(), free).await {
                Ok(claimed) => claimed,
                Err(error) => {
                    tracing::error!(lane = ?lane, %error, "work cannot be claimed");
                    Vec::new()
                }
            };
            running.extend(claimed.into_iter().map(|item| self.see_to(item)));
            let pause = select(wake, self.inner.world.sleep(self.inner.limits.look_every));
            futures::select_biased! {
                () = stopping => break,
                _ = running.select_next_some() => {}
                _ = pause.fuse() => {}
            }
        }
        while running.next().await.is_some() {}
    }

    async fn claim(&self, lane: Option<&AccountId>, max: usize) -> Result<Vec<Leased>, StoreError> {
        if max == 0 {
            return Ok(Vec::new());
        }
        let limits = &self.inner.limits;
        self.inner.store.lease_due(lane, max, &limits.owner, limits.lease).await
    }

    /// Sees to one piece of work. Neither an error nor a panic of one item ends the lane (F30): it is tried again later,
    /// and given to a person when that has not helped often enough.
    async fn see_to(&self, item: Leased) {
        let (trouble, passes) = match AssertUnwindSafe(self.attend(&item)).catch_unwind().await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => {
                let passes = matches!(error, Error::Busy | Error::Store(_));
                (error.to_string(), passes && !planted::is(Defect::OutageQuarantines))
            }
            Err(_) => ("a panic; the log says where".to_owned(), false),
        };
        let work = item.key.text();
        tracing::error!(work, tries = item.tries, trouble, "work did not finish");
        let tenant = match &item.key {
            WorkKey::Attempt { tenant, .. }
            | WorkKey::Refund { tenant, .. }
            | WorkKey::Expiry { tenant, .. } => *tenant,
        };
        let wait = SignedDuration::from_secs(i64::from(item.tries.min(TROUBLE_TRIES)) * TROUBLE_WAIT_S);
        // A store that does not answer says nothing about the item, however often the item was looked at before.
        let due = self.now().saturating_add(wait).ok().filter(|_| passes || item.tries < TROUBLE_TRIES);
        let reason = || format!("work on it failed {} times, the last time so: {trouble}", item.tries);
        let next = due.map_or_else(|| Next::Person(self.poison(&item, &reason(), None)), Next::At);
        if let Err(error) = self.reschedule(&item, tenant, next).await {
            tracing::error!(work, %error, "and it cannot be put off: its lease will end");
        }
    }

    async fn attend(&self, item: &Leased) -> Result<(), Error> {
        match &item.key {
            WorkKey::Attempt { tenant, intent, attempt } => {
                let at = AttemptRef { tenant: *tenant, intent: *intent, attempt: *attempt };
                self.see_to_attempt(item, at).await
            }
            WorkKey::Refund { tenant, refund } => self.see_to_refund(item, *tenant, *refund).await,
            WorkKey::Expiry { tenant, intent } => self.see_to_expiry(item, *tenant, *intent).await,
        }
    }

    async fn see_to_attempt(&self, item: &Leased, at: AttemptRef) -> Result<(), Error> {
        let row =
            self.inner.store.intent(at.tenant, at.intent).await?.ok_or(Error::NotFound("payment intent"))?;
        let missing = || Error::Broken(format!("{} has work but is not there", at.attempt));
        let attempt = row.intent.attempt(at.attempt).ok_or_else(missing)?;
        match attempt.duty(row.intent.wants(attempt)) {
            Duty::Rest => self.finish(item, at.tenant).await,
            Duty::Send => {
                if self.write_ahead(item, &row, &at).await? {
                    self.send_attempt(at, None, Some(claim::renewed(item))).await;
                    return Ok(());
                }
                self.look_again(item, &at, None).await
            }
            Duty::Call(verb) => {
                let opened = reverse_of(&self.inner.store, &row, attempt).await?;
                let row = match (verb, &opened) {
                    (Verb::Reverse, Some(opened)) => self.write_reverse_ahead(item, row, &at, opened).await?,
                    _ => Some(row),
                };
                let Some(row) = row else { return self.look_again(item, &at, None).await };
                self.call(item, &row, &at, (verb, opened)).await
            }
        }
    }

    /// Asks the rail about an attempt, or ends its order there.
    async fn call(
        &self,
        item: &Leased,
        row: &IntentRow,
        at: &AttemptRef,
        (verb, reverse): (Verb, Option<Opened>),
    ) -> Result<(), Error> {
        let missing = || Error::Broken(format!("{} has work but is not there", at.attempt));
        let attempt = row.intent.attempt(at.attempt).ok_or_else(missing)?;
        let reversed_at = reverse.map_or(attempt.terms.opened_at, |opened| opened.told(attempt));
        let call = attempt_call(&row.intent, attempt, verb, reversed_at);
        let call = call.ok_or_else(|| Error::Broken("a duty that is no call about an order".into()))?;
        let own = matches!(verb, Verb::QueryCapture | Verb::QueryRelease);
        let number = operation_of(attempt).filter(|_| own).map(|operation| &operation.number);
        let nonce = number.map_or(attempt.terms.nonce.clone(), |number| self.inner.names.nonce(number));
        let seen = self.carry((at.tenant, &attempt.terms.account), call, &nonce).await;
        let came = Came { number, ..Came::under(Some(claim::of(item))) };
        self.observe(at, &seen, came).await?;
        // News about this very attempt has scheduled it anew, and then this claim is void.
        self.look_again(item, at, Some(&seen)).await
    }

    /// Commits "it may have been sent (again)" under this claim, before a byte leaves.
    async fn write_ahead(&self, item: &Leased, row: &IntentRow, at: &AttemptRef) -> Result<bool, Error> {
        let now = self.now();
        let Some(step) = row.intent.clone().begin_send(at.attempt, now, &self.inner.names) else {
            return Ok(false);
        };
        let mut batch = self.compose(Some(row), &step, now)?;
        batch.fence = Some(claim::of(item)).filter(|_| !planted::is(Defect::StaleWorkerWrites));
        let committed = self.commit(batch).await?;
        self.inner.world.reached("resend.written_ahead");
        Ok(committed == Committed::Done)
    }

    /// Nothing new: later again, by the schedule, or to a person when the schedule has ended.
    async fn look_again(
        &self,
        item: &Leased,
        at: &AttemptRef,
        last: Option<&Observation>,
    ) -> Result<(), Error> {
        let row =
            self.inner.store.intent(at.tenant, at.intent).await?.ok_or(Error::NotFound("payment intent"))?;
        let Some(attempt) = row.intent.attempt(at.attempt) else { return Ok(()) };
        let (asks, wanted) = (self.asks(&attempt.terms.account), row.intent.wants(attempt));
        if planted::is(Defect::WorkRemovedEarly) {
            return self.finish(item, at.tenant).await;
        }
        let due = match (&attempt.state, last) {
            // The intent changed last when this attempt ended, or later, which only lengthens the watch.
            (attempt::State::Closed(_), Some(seen)) => {
                schedule::ended_due(attempt, row.intent.updated_at, seen.news.is_answer(), self.now())
            }
            _ => schedule::attempt_due(attempt, wanted, asks, item.tries, self.now()),
        };
        let last = last.map(|seen| &seen.evidence);
        self.reschedule(item, at.tenant, self.next(item, due, attempt.is_live(), last)).await
    }

    async fn see_to_refund(
        &self,
        item: &Leased,
        tenant: TenantId,
        id: paifang_payment::RefundId,
    ) -> Result<(), Error> {
        let refund = self.inner.store.refund(tenant, id).await?.ok_or(Error::NotFound("refund"))?;
        if refund.short().is_some() {
            let moved = self.try_fund(item, refund).await?;
            return if moved { Ok(()) } else { self.look_at_refund_again(item, tenant, id, None).await };
        }
        match refund.duty(self.now()) {
            Duty::Rest => self.finish(item, tenant).await,
            Duty::Send => {
                if self.write_refund_ahead(item, refund).await? {
                    self.send_refund(tenant, id, claim::renewed(item)).await;
                    return Ok(());
                }
                self.look_at_refund_again(item, tenant, id, None).await
            }
            Duty::Call(_) => {
                let call = RailCall::QueryRefund(self.refund_order(&refund).await?);
                let seen =
                    self.carry((refund.terms.tenant, &refund.terms.account), call, &refund.terms.nonce).await;
                self.observe_refund(tenant, id, &seen, Came::under(Some(claim::of(item)))).await?;
                self.look_at_refund_again(item, tenant, id, Some(&seen.evidence)).await
            }
        }
    }

    async fn write_refund_ahead(&self, item: &Leased, refund: Refund) -> Result<bool, Error> {
        let (now, expected, tenant) = (self.now(), refund.version, refund.terms.tenant);
        let Some(step) = refund.begin_send(now) else { return Ok(false) };
        let mut batch = Batch::new(tenant, now);
        self.compose_refund(&mut batch, expected, &step, now);
        batch.fence = Some(claim::of(item));
        let committed = self.commit(batch).await?;
        self.inner.world.reached("refund_resend.written_ahead");
        if committed == Committed::GuardFailed {
            self.wait_for_turn(item, tenant).await?;
        }
        Ok(committed == Committed::Done)
    }

    /// Another refund of the same payment was sent too short a time ago: the store hands out the next turn.
    async fn wait_for_turn(&self, item: &Leased, tenant: TenantId) -> Result<(), Error> {
        let WorkKey::Refund { refund, .. } = &item.key else { return Ok(()) };
        let refund = self.inner.store.refund(tenant, *refund).await?.ok_or(Error::NotFound("refund"))?;
        let mut batch = Batch::new(tenant, self.now());
        batch.work = vec![self.turn_of(&refund, self.now())];
        batch.fence = Some(claim::of(item));
        match self.commit(batch).await? {
            Committed::Done | Committed::Fenced => Ok(()),
            refused => Err(Error::Broken(format!("a turn was refused: {refused:?}"))),
        }
    }

    async fn look_at_refund_again(
        &self,
        item: &Leased,
        tenant: TenantId,
        id: paifang_payment::RefundId,
        last: Option<&Evidence>,
    ) -> Result<(), Error> {
        let refund = self.inner.store.refund(tenant, id).await?.ok_or(Error::NotFound("refund"))?;
        let due = schedule::refund_due(&refund, self.asks(&refund.terms.account), item.tries, self.now());
        let live = !refund.is_final();
        self.reschedule(item, tenant, self.next(item, due, live, last)).await
    }

    /// The intent's time is over: ask the rails before anything is closed.
    async fn see_to_expiry(&self, item: &Leased, tenant: TenantId, id: IntentId) -> Result<(), Error> {
        for _ in 0..CONFLICTS_MAX {
            let row = self.inner.store.intent(tenant, id).await?.ok_or(Error::NotFound("payment intent"))?;
            let now = self.now();
            let Some(step) = row.intent.clone().expire(now, &self.inner.names) else {
                let early = !row.intent.is_final() && now < row.intent.ends_at();
                let waiting = !row.intent.is_final();
                let due = if early { row.intent.ends_at() } else { later(now) };
                let next = if waiting { Next::At(due) } else { Next::Nothing };
                return self.reschedule(item, tenant, next).await;
            };
            let mut batch = self.compose(Some(&row), &step, now)?;
            if !step.intent.is_final() {
                let key = item.key.clone();
                batch.work.push(WorkChange::Put { key, lane: None, due_at: later(now), lease: None });
            }
            batch.fence = Some(claim::of(item));
            let sends = Sends::of(&batch, &step);
            match self.commit(batch).await? {
                Committed::Done => {
                    self.inner.world.reached("expire.committed");
                    self.send_all(tenant, sends, None);
                    return Ok(());
                }
                // Somebody else sees to it.
                Committed::Fenced => return Ok(()),
                Committed::Conflict => {}
                refused => return Err(Error::Broken(format!("an expiry was refused: {refused:?}"))),
            }
        }
        Err(Error::Busy)
    }

    async fn finish(&self, item: &Leased, tenant: TenantId) -> Result<(), Error> {
        self.reschedule(item, tenant, Next::Nothing).await
    }

    /// At its time; without one, to a person if it is still live.
    fn next(&self, item: &Leased, due: Option<Timestamp>, live: bool, last: Option<&Evidence>) -> Next {
        match due {
            Some(due_at) => Next::At(due_at),
            None if live => Next::Person(self.poison(item, NO_FINAL_WORD, last)),
            None => Next::Nothing,
        }
    }

    fn poison(&self, item: &Leased, reason: &str, last: Option<&Evidence>) -> Quarantine {
        let kept = Quarantine::new(reason, self.now()).after(last);
        Quarantine { tries: Some(item.tries), ..kept }
    }

    /// Writes under the claim what comes next. A lost claim is no error: somebody else sees to it.
    async fn reschedule(&self, item: &Leased, tenant: TenantId, next: Next) -> Result<(), Error> {
        let key = item.key.clone();
        let change = match next {
            Next::At(due_at) => WorkChange::Delay { key, due_at },
            Next::Person(kept) => {
                let (tries, reason, rule) = (item.tries, &kept.reason, &kept.rule);
                tracing::error!(work = %key.text(), tries, reason, rule, "quarantined: a person has to look at it");
                WorkChange::Quarantine { key, reason: kept.text() }
            }
            Next::Nothing => WorkChange::Remove { key },
        };
        let mut batch = Batch::new(tenant, self.now());
        (batch.fence, batch.work) = (Some(claim::of(item)), vec![change]);
        match self.commit(batch).await? {
            Committed::Done | Committed::Fenced => Ok(()),
            refused => Err(Error::Broken(format!("a delay was refused: {refused:?}"))),
        }
    }
}

/// What becomes of work that brought nothing final.
enum Next {
    /// It is due again then.
    At(Timestamp),
    /// Nothing more is to be done.
    Nothing,
    /// Nobody but a person sees to it.
    Person(Quarantine),
}

/// An expiry that waits for a rail's word is only looked at to be sure that nothing was forgotten.
fn later(now: Timestamp) -> Timestamp {
    now.saturating_add(SignedDuration::from_mins(10)).unwrap_or(Timestamp::MAX)
}
