//! What our books say moved at a merchant's rail accounts: read from the rows that the ledger's postings were committed with,
//! a page at a time. Reads everything once, so the time it takes grows with the store and not with the day; the journal is
//! read only of rows that do not say themselves when their money moved.

use std::task::Poll;

use jiff::Timestamp;
use paifang_payment::AccountId;
use paifang_payment::attempt::{Attempt, State};
use paifang_payment::intent::{Fact, Intent};
use paifang_payment::refund::{self, Refund};
use paifang_rail::StatementKind;
use paifang_store::{PAGE_MAX, Store, StoreError};

use super::{DayClosing, EDGE, Movement, Part, RailDay, Row};
use crate::engine::Engine;
use crate::ports::{Environment, Rails, Transport};

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// Begins to close a day of a rail account: whatever our books have of it waits for the bill's lines. A bill is its
    /// merchant's, so the books of all accounts of this merchant at this rail are read. Do it after the bill was fetched,
    /// so that what the bill lists can have reached the books.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn close_day(&self, account: &AccountId, day: RailDay) -> Result<DayClosing, StoreError> {
        let accounts = self.accounts().of_merchant(account);
        let mut closing = DayClosing::new(day, accounts.clone(), []);
        // Nothing moves before it is opened.
        let later = |opened_at: Timestamp| day.ends.duration_until(opened_at) >= EDGE;
        let store = self.store();
        let mut after = None;
        loop {
            let rows = store.scan_intents(after, PAGE_MAX).await?;
            let Some(last) = rows.last() else { break };
            after = Some(last.intent.terms.id);
            for row in &rows {
                let attempts = row.intent.attempts.iter();
                let ours = |attempt: &&Attempt| accounts.contains(&attempt.terms.account);
                for attempt in attempts.filter(ours).filter(|attempt| !later(attempt.terms.opened_at)) {
                    for movement in self.of_attempt(&row.intent, attempt).await? {
                        closing.book(movement);
                    }
                }
            }
            yield_once().await;
        }
        let mut after = None;
        loop {
            let rows = store.scan_refunds(after, PAGE_MAX).await?;
            let Some(last) = rows.last() else { break };
            after = Some(last.terms.id);
            let ours = |refund: &&Refund| accounts.contains(&refund.terms.account);
            for refund in rows.iter().filter(ours).filter(|refund| !later(refund.opened_at())) {
                let movement = self.of_refund(refund).await?;
                match refund.state {
                    refund::State::Failed { .. } => closing.book_failed(&movement, refund.state.name()),
                    refund::State::Sending(_)
                    | refund::State::InDoubt(_)
                    | refund::State::Processing { .. }
                    | refund::State::Succeeded { .. } => closing.book(movement),
                }
            }
            yield_once().await;
        }
        Ok(closing)
    }

    async fn of_attempt(&self, intent: &Intent, attempt: &Attempt) -> Result<Vec<Movement>, StoreError> {
        let terms = &attempt.terms;
        let movement = |kind, amount, earliest, latest| Movement {
            row: Row { intent: intent.terms.id, part: Part::Attempt(terms.id) },
            kind,
            number: terms.order_no.to_string(),
            amount,
            earliest,
            latest,
        };
        let (settled, taken) = match &attempt.state {
            State::Paid(paid) => (&paid.settled, paid.taken.as_ref()),
            State::Late(late) => (&late.settled, None),
            State::Closed(closed) => {
                let Some(returned) = closed.returned else { return Ok(Vec::new()) };
                // The row does not say when.
                let Times { paid, closing, moved } = self.times(intent, attempt).await?;
                let (paid_from, paid_by) = paid.map_or((terms.opened_at, moved), |at| (at, Some(at)));
                return Ok(vec![
                    movement(StatementKind::Payment, returned, paid_from, paid_by),
                    movement(StatementKind::Reversal, returned, closing.unwrap_or(paid_from), moved),
                ]);
            }
            State::Sending(_)
            | State::AwaitingPayer(_)
            | State::InDoubt(_)
            | State::Closing(_)
            | State::Held(_)
            | State::Capturing(_)
            | State::Releasing(_)
            | State::Refused(_) => return Ok(Vec::new()),
        };
        // Held money moves with its capture, under the capture's number.
        let number = taken.map_or(&terms.order_no, |taken| &taken.capture_no).to_string();
        let opened_at = taken.map_or(terms.opened_at, |taken| taken.opened_at);
        let (earliest, latest) = match settled.settled_at {
            Some(at) => (at, Some(at)),
            None => (opened_at, self.times(intent, attempt).await?.moved),
        };
        let paid = movement(StatementKind::Payment, settled.amount, earliest, latest);
        Ok(vec![Movement { number, ..paid }])
    }

    /// When an attempt came to where it is, by its journal.
    async fn times(&self, intent: &Intent, attempt: &Attempt) -> Result<Times, StoreError> {
        let journal = self.store().intent_journal(intent.terms.tenant, intent.terms.id).await?;
        let mut times = Times::default();
        for entry in &journal {
            let Fact::AttemptMoved { attempt: moved, to, .. } = &entry.fact else { continue };
            if *moved != attempt.terms.id {
                continue;
            }
            if let State::Closing(closing) = to {
                times.closing = times.closing.or(Some(entry.at));
                times.paid = times.paid.or(closing.paid.as_ref().and_then(|paid| paid.settled_at));
            }
            // Entries that change nothing of the state follow the one that moved the money.
            if to.name() == attempt.state.name() {
                times.moved = times.moved.or(Some(entry.at));
            } else {
                times.moved = None;
            }
        }
        Ok(times)
    }

    /// Some rails list a refund when they take it, others when the money has gone. Of a failed one: what it would have been.
    async fn of_refund(&self, refund: &Refund) -> Result<Movement, StoreError> {
        let terms = &refund.terms;
        let told = match &refund.state {
            refund::State::Succeeded { settled } => settled.settled_at,
            refund::State::Failed { .. }
            | refund::State::Sending(_)
            | refund::State::InDoubt(_)
            | refund::State::Processing { .. } => None,
        };
        let latest = match told {
            None if refund.is_final() => {
                let journal = self.store().refund_journal(terms.tenant, terms.id).await?;
                let moved = |entry: &&refund::Entry| matches!(&entry.fact, refund::Fact::Moved { to, .. } if to.name() == refund.state.name());
                journal.iter().find(moved).map(|entry| entry.at)
            }
            told => told,
        };
        Ok(Movement {
            row: Row { intent: terms.intent, part: Part::Refund(terms.id) },
            kind: StatementKind::Refund,
            number: terms.refund_no.to_string(),
            amount: terms.amount,
            earliest: refund.opened_at(),
            latest,
        })
    }
}

/// Times of an attempt.
#[derive(Debug, Default)]
struct Times {
    /// When the payer paid what then went back, where the rail said so.
    paid: Option<Timestamp>,
    /// When its end was begun.
    closing: Option<Timestamp>,
    /// When it came to the state that it is in.
    moved: Option<Timestamp>,
}

/// Lets other tasks of this thread run.
async fn yield_once() {
    let mut yielded = false;
    futures::future::poll_fn(|cx| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
