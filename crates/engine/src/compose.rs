//! From a step of the machines to a batch: what is written, scheduled and told, all in one commit. What is booked is in
//! `books`.

use jiff::{SignedDuration, Timestamp};
use paifang_ledger::{Account as LedgerAccount, Kind, PostingKey, Transfer};
use paifang_payment::attempt::{Attempt, Phase, State};
use paifang_payment::intent::{Intent, Step, Wish};
use paifang_payment::planted::{self, Defect};
use paifang_payment::refund::{self, Purpose, Refund};
use paifang_payment::{AccountId, AttemptId, Evidence, IntentId, Source};
use paifang_rail::Descriptor;
use paifang_shares::waterfall::{Bearer, Reversal};
use paifang_store::{
    Amounts, Batch, Guard, IntentRow, IntentWrite, Mark, Marked, NewEvent, Quarantine, RefundWrite, Reversed,
    Snapshot, Store, SubmissionChange, WorkChange, WorkKey, funds,
};

use crate::carry::operation_of;
use crate::ports::{Environment, Rails, Transport};
use crate::quarantine::{LATE_MONEY_STAYS, NO_FINAL_WORD};
use crate::schedule;
use crate::{Engine, Error};

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// The batch of an intent's step. `before` is what the step started from; `None` for a creation.
    pub(crate) fn compose(
        &self,
        before: Option<&IntentRow>,
        step: &Step,
        at: Timestamp,
    ) -> Result<Batch, Error> {
        let intent = &step.intent;
        let mut batch = Batch::new(intent.terms.tenant, at);
        let expected = before.map_or(0, |row| row.intent.version);
        batch.intent = Some(IntentWrite { expected, row: intent.clone(), entries: step.entries.clone() });
        let mut amounts =
            before.map_or_else(|| Amounts::none(intent.terms.amount.currency()), |row| row.amounts);
        let known = before.map(|row| &row.intent);
        // What ended frees its budgets before they are used, or set aside anew for its repeat.
        batch.transfers.extend(funds::freed(known, intent, at));
        for posting in &step.postings {
            self.post(&mut batch, intent, posting, &mut amounts, at)?;
        }
        batch.transfers.extend(funds::reserved(known, intent, at));
        if let Some(row) = before {
            let mark =
                |(attempt, ending)| Mark { attempt, intent: intent.terms.id, what: Marked::Ended(ending) };
            batch.marks = step.endings(&row.intent).into_iter().map(mark).collect();
        }
        self.schedule_intent(&mut batch, known, step, at);
        self.tell_intent(&mut batch, known, intent, amounts);
        Ok(batch)
    }

    /// Late money goes back by itself: a refund of its own, under a number derived from the order's.
    pub(crate) fn late_refund(
        &self,
        intent: &Intent,
        attempt: &Attempt,
        at: Timestamp,
    ) -> Result<refund::Step, Error> {
        let account = self.account(&attempt.terms.account)?;
        let refund_no = self.inner.names.late_refund(&attempt.terms.order_no);
        let opened_at = whole_second(at);
        let terms = refund::Terms {
            id: self.new_refund_id(),
            tenant: intent.terms.tenant,
            intent: intent.terms.id,
            attempt: attempt.terms.id,
            request_id: attempt.terms.request_id.clone(),
            purpose: Purpose::LateMoney,
            rail: attempt.terms.rail.clone(),
            account: attempt.terms.account.clone(),
            nonce: self.inner.names.nonce(&refund_no),
            refund_no,
            amount: attempt.collected().unwrap_or(attempt.terms.amount),
            reason: None,
            opened_at,
            resend_until: resend_until(account.descriptor, opened_at),
            // The only refund of its order.
            paced: false,
            bearing: None,
            granted_by: None,
            case: None,
        };
        Ok(Refund::open(terms, Evidence::plain(Source::Rule, "refund.late_money")))
    }

    /// Adds a refund's step to a batch.
    pub(crate) fn compose_refund(
        &self,
        batch: &mut Batch,
        expected: u64,
        step: &refund::Step,
        at: Timestamp,
    ) {
        let refund = &step.refund;
        let terms = &refund.terms;
        batch.refunds.push(RefundWrite { expected, row: refund.clone(), entries: step.entries.clone() });
        if let Some(posting) = step.posting {
            post_refund(batch, step, posting, at);
        }
        if step.posting == Some(refund::Posting::Reversed) {
            // It has ended: nothing is to be done about it.
            let snapshot =
                Snapshot::Refund { refund: Box::new(refund.clone()), reversal: told_reversal(step) };
            return self.tell_of(batch, Some(terms.intent), "refund.reversed", snapshot);
        }
        if terms.paced && matches!(&refund.state, refund::State::Sending(sending) if !sending.unsent) {
            let interval_s = self.refund_interval_s(refund);
            batch.guards.push(Guard::Pace { intent: terms.intent, at, interval_s });
        }
        let is_ready = expected == 0 || step.posting == Some(refund::Posting::Funded);
        if terms.paced && is_ready && refund.short().is_none() {
            batch.work.push(self.turn_of(refund, at));
        } else {
            self.schedule_refund(batch, refund, step.entries.first().map(|entry| &entry.evidence), at);
        }
        let kind = match (&refund.state, expected) {
            (_, 0) => "refund.created",
            _ if step.posting == Some(refund::Posting::Funded) => "refund.funded",
            (refund::State::Processing { attention: Some(_) }, _) => "refund.attention",
            (refund::State::Processing { attention: None }, _) => "refund.processing",
            (refund::State::Succeeded { .. }, _) => "refund.succeeded",
            (refund::State::Failed { .. }, _) => "refund.failed",
            (refund::State::Sending(_) | refund::State::InDoubt(_), _) => return,
        };
        self.tell_refund(batch, refund, kind);
    }

    fn tell_refund(&self, batch: &mut Batch, refund: &Refund, kind: &str) {
        self.tell_of(batch, Some(refund.terms.intent), kind, Snapshot::of_refund(refund));
    }

    /// Adds an event.
    pub(crate) fn tell_of(
        &self,
        batch: &mut Batch,
        intent: Option<IntentId>,
        kind: &str,
        snapshot: Snapshot,
    ) {
        batch.events.push(NewEvent { id: self.new_event_id(), intent, kind: kind.to_owned(), snapshot });
    }

    /// A refund on a rail that wants time between two of one order waits for its turn.
    pub(crate) fn turn_of(&self, refund: &Refund, not_before: Timestamp) -> WorkChange {
        let terms = &refund.terms;
        let key = WorkKey::Refund { tenant: terms.tenant, refund: terms.id };
        let (lane, intent) = (terms.account.clone(), terms.intent);
        WorkChange::Turn { key, lane, intent, not_before, interval_s: self.refund_interval_s(refund) }
    }

    /// When the rail of this account wants to be asked about an open outcome.
    pub(crate) fn asks(&self, account: &AccountId) -> &'static [u32] {
        self.inner.accounts.get(account).map_or(&[], |account| account.descriptor.asks_after_s)
    }

    fn refund_interval_s(&self, refund: &Refund) -> u32 {
        let account = self.inner.accounts.get(&refund.terms.account);
        account.map_or(0, |account| account.descriptor.refunding.interval_s)
    }

    fn schedule_refund(&self, batch: &mut Batch, refund: &Refund, last: Option<&Evidence>, at: Timestamp) {
        let key = WorkKey::Refund { tenant: refund.terms.tenant, refund: refund.terms.id };
        let written_ahead = matches!(&refund.state, refund::State::Sending(sending) if !sending.unsent);
        let lease = written_ahead.then(|| self.own_lease());
        let failed = matches!(refund.state, refund::State::Failed { .. });
        if failed && refund.terms.purpose == Purpose::LateMoney {
            tracing::error!(refund = %refund.terms.id, "late money could not be returned: a person has to see to it");
            let kept = Quarantine::new(LATE_MONEY_STAYS, at).after(last);
            return batch.work.push(WorkChange::Quarantine { key, reason: kept.text() });
        }
        batch.work.push(match schedule::refund_due(refund, self.asks(&refund.terms.account), 0, at) {
            Some(due_at) => WorkChange::Put { key, lane: Some(refund.terms.account.clone()), due_at, lease },
            None if refund.is_final() => WorkChange::Remove { key },
            None => {
                let kept = Quarantine::new(NO_FINAL_WORD, at).after(last);
                WorkChange::Quarantine { key, reason: kept.text() }
            }
        });
    }

    fn schedule_intent(&self, batch: &mut Batch, before: Option<&Intent>, step: &Step, at: Timestamp) {
        let intent = &step.intent;
        let tenant = intent.terms.tenant;
        let last = step.entries.first().map(|entry| &entry.evidence);
        for attempt in &intent.attempts {
            let was =
                before.and_then(|old| old.attempt(attempt.terms.id).map(|known| (known, old.wants(known))));
            let wanted = intent.wants(attempt);
            if was.is_some_and(|(known, wanted_before)| known == attempt && wanted_before == wanted) {
                continue;
            }
            let key = WorkKey::Attempt { tenant, intent: intent.terms.id, attempt: attempt.terms.id };
            let due = schedule::attempt_due(attempt, wanted, self.asks(&attempt.terms.account), 0, at);
            let sending = is_written_ahead(attempt);
            let moved = was.is_none_or(|(known, _)| known.state != attempt.state);
            if sending && !moved {
                continue;
            }
            let lease = sending.then(|| self.own_lease());
            batch.work.push(match due {
                Some(due_at) => {
                    WorkChange::Put { key, lane: Some(attempt.terms.account.clone()), due_at, lease }
                }
                None if attempt.is_live() => {
                    let kept = Quarantine::new(NO_FINAL_WORD, at).after(last);
                    WorkChange::Quarantine { key, reason: kept.text() }
                }
                None => WorkChange::Remove { key },
            });
            if !attempt.is_live() {
                batch.submissions.push(SubmissionChange::Clear(attempt.terms.id));
            }
        }
        if let Some(forgotten) = before.and_then(|old| dropped_choice(old, intent)) {
            batch.submissions.push(SubmissionChange::Clear(forgotten));
        }
        let key = WorkKey::Expiry { tenant, intent: intent.terms.id };
        match before {
            None if planted::is(Defect::ExpiryForgotten) => {}
            None => {
                let due_at = intent.ends_at();
                batch.work.push(WorkChange::Put { key, lane: None, due_at, lease: None });
            }
            Some(old) if !old.is_final() && intent.is_final() => batch.work.push(WorkChange::Remove { key }),
            // A hold that comes or goes moves the intent's end.
            Some(old) if !intent.is_final() && old.ends_at() != intent.ends_at() => {
                let due_at = intent.ends_at();
                batch.work.push(WorkChange::Put { key, lane: None, due_at, lease: None });
            }
            Some(_) => {}
        }
    }

    fn tell_intent(&self, batch: &mut Batch, before: Option<&Intent>, intent: &Intent, amounts: Amounts) {
        match before {
            None => self.event(batch, intent, "payment_intent.created", amounts),
            Some(old) if old.state != intent.state => {
                let kind = format!("payment_intent.{}", intent.state.name());
                let told = if planted::is(Defect::EventStale) { old } else { intent };
                self.event(batch, told, &kind, amounts);
            }
            Some(_) => {}
        }
    }

    pub(crate) fn event(&self, batch: &mut Batch, intent: &Intent, kind: &str, amounts: Amounts) {
        let snapshot = Snapshot::Intent { intent: Box::new(intent.clone()), amounts };
        self.tell_of(batch, Some(intent.terms.id), kind, snapshot);
    }
}

/// Whether a message about it is about to be sent by whoever commits this.
fn is_written_ahead(attempt: &Attempt) -> bool {
    let operation = operation_of(attempt);
    operation.is_some_and(|operation| matches!(operation.phase, Phase::Sending { .. }))
        || matches!(&attempt.state, State::Sending(sending) if !sending.unsent)
}

/// The attempt that waited for its turn and will never be opened: the payer's data beside it is forgotten.
fn dropped_choice(before: &Intent, after: &Intent) -> Option<AttemptId> {
    let Wish::Switch { next } = &before.wish else { return None };
    let waits = matches!(&after.wish, Wish::Switch { next: still } if still.id == next.id);
    (!waits && after.attempt(next.id).is_none()).then_some(next.id)
}

/// Until when a refund may be sent again under its number.
pub(crate) fn resend_until(descriptor: &Descriptor, opened_at: Timestamp) -> Timestamp {
    let time = SignedDuration::from_secs(descriptor.refunding.resend_s.into());
    opened_at.saturating_add(time).unwrap_or(opened_at)
}

pub(crate) fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// Books what a step does to a refund's money: the reserve and its end, and what its bearers bring or get back.
fn post_refund(batch: &mut Batch, step: &refund::Step, posting: refund::Posting, at: Timestamp) {
    let refund = &step.refund;
    let (intent, amount) = (refund.terms.intent, refund.terms.amount);
    let (guard, moves) = match posting {
        refund::Posting::Reserved if refund.is_borne() => {
            (Some(Guard::Reserve(intent, amount)), funds::of_bearing(refund, at))
        }
        refund::Posting::Reserved => (Some(Guard::Reserve(intent, amount)), Vec::new()),
        refund::Posting::Returned => (Some(Guard::Settle(intent, amount)), funds::of_success(refund, at)),
        refund::Posting::Released if refund.is_borne() && !planted::is(Defect::BorneKept) => {
            (Some(Guard::Release(intent, amount)), funds::of_return(refund, at))
        }
        refund::Posting::Released => (Some(Guard::Release(intent, amount)), Vec::new()),
        refund::Posting::Funded => (None, funds::of_bearing(refund, at)),
        refund::Posting::Reversed => (None, reversed(step, at)),
    };
    batch.transfers.extend(refund_transfer(refund, posting, at));
    let lost = usize::from(posting == refund::Posting::Funded && planted::is(Defect::BearerPartLost));
    let kept = moves.len().saturating_sub(lost);
    batch.transfers.extend(moves.into_iter().take(kept));
    if refund.terms.purpose == Purpose::Requested {
        batch.guards.extend(guard);
    }
}

fn reversed(step: &refund::Step, at: Timestamp) -> Vec<Transfer> {
    let version = step.refund.version;
    let booked = |(reversal, from): (_, _)| funds::of_reversal(&step.refund, version, reversal, from, at);
    reversals(step).flat_map(booked).collect()
}

/// What an event says of it: the row alone does not say what was given back by this step.
fn told_reversal(step: &refund::Step) -> Option<Box<Reversed>> {
    let (reversal, from) = reversals(step).next()?;
    let (version, back) = (step.refund.version, reversal.back.clone());
    Some(Box::new(Reversed { version, back, from }))
}

fn reversals(step: &refund::Step) -> impl Iterator<Item = (&Reversal, Option<Bearer>)> {
    step.entries.iter().filter_map(|entry| match &entry.fact {
        refund::Fact::Reversed { reversal, from, .. } => Some((reversal, *from)),
        refund::Fact::Opened { .. }
        | refund::Fact::Moved { .. }
        | refund::Fact::Redriven { .. }
        | refund::Fact::Funded { .. } => None,
    })
}

/// A reserve is a pending transfer; the end of the refund posts or voids it.
fn refund_transfer(refund: &Refund, posting: refund::Posting, at: Timestamp) -> Option<Transfer> {
    let terms = &refund.terms;
    let from = match terms.purpose {
        Purpose::Requested => LedgerAccount::merchant(&terms.tenant.to_string()),
        Purpose::LateMoney => LedgerAccount::suspense_late(terms.account.as_str()),
    };
    let id = terms.id.to_string();
    let reserve = PostingKey::of(&["refund", &id]);
    let (key, kind) = match posting {
        refund::Posting::Reserved => (reserve, Kind::Pending),
        refund::Posting::Returned => (PostingKey::of(&["refund", &id, "returned"]), Kind::Posts(reserve)),
        refund::Posting::Released => (PostingKey::of(&["refund", &id, "released"]), Kind::Voids(reserve)),
        refund::Posting::Funded | refund::Posting::Reversed => return None,
    };
    Some(Transfer {
        key,
        debit: from,
        credit: LedgerAccount::rail(terms.account.as_str()),
        amount: terms.amount,
        kind,
        subject: terms.intent.to_string(),
        at,
    })
}
