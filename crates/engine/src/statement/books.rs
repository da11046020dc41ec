//! What our books say moved at a rail account: read from the rows that the ledger's postings were committed with, a page at a
//! time. Reads everything once, so the time it takes grows with the store and not with the day.

use paifang_payment::AccountId;
use paifang_payment::attempt::{Attempt, State};
use paifang_payment::intent::Intent;
use paifang_payment::refund::{self, Refund};
use paifang_rail::StatementKind;
use paifang_store::{PAGE_MAX, Store, StoreError};

use super::{DayClosing, Movement, RailDay};
use crate::engine::Engine;
use crate::ports::{Environment, Rails, Transport};

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// Begins to close a day of a rail account: whatever our books have of it waits for the bill's lines. Do it after the
    /// bill was fetched, so that what the bill lists can have reached the books.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn close_day(&self, account: &AccountId, day: RailDay) -> Result<DayClosing, StoreError> {
        let mut closing = DayClosing::new(day, []);
        let store = self.store();
        let mut after = None;
        loop {
            let rows = store.scan_intents(after, PAGE_MAX).await?;
            let Some(last) = rows.last() else { break };
            after = Some(last.intent.terms.id);
            for row in &rows {
                for attempt in row.intent.attempts.iter().filter(|attempt| attempt.terms.account == *account)
                {
                    for movement in self.of_attempt(&row.intent, attempt).await? {
                        closing.book(movement);
                    }
                }
            }
        }
        let mut after = None;
        loop {
            let rows = store.scan_refunds(after, PAGE_MAX).await?;
            let Some(last) = rows.last() else { break };
            after = Some(last.terms.id);
            let ours = rows.iter().filter(|refund| refund.terms.account == *account);
            ours.filter_map(of_refund).for_each(|movement| closing.book(movement));
        }
        Ok(closing)
    }

    async fn of_attempt(&self, intent: &Intent, attempt: &Attempt) -> Result<Vec<Movement>, StoreError> {
        let terms = &attempt.terms;
        let movement = |kind, amount, earliest, latest| Movement {
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
                // The row does not say when; it was between these two.
                let journal = self.store().intent_journal(intent.terms.tenant, intent.terms.id).await?;
                let latest = journal.last().map(|entry| entry.at);
                let both = [StatementKind::Payment, StatementKind::Reversal];
                return Ok(both.map(|kind| movement(kind, returned, terms.opened_at, latest)).into());
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
        let earliest = settled.settled_at.or(taken.map(|taken| taken.opened_at)).unwrap_or(terms.opened_at);
        let paid = movement(StatementKind::Payment, settled.amount, earliest, settled.settled_at);
        Ok(vec![Movement { number, ..paid }])
    }
}

/// Some rails list a refund when they take it, others when the money has gone.
fn of_refund(refund: &Refund) -> Option<Movement> {
    let latest = match &refund.state {
        refund::State::Succeeded { settled } => settled.settled_at,
        refund::State::Sending(_) | refund::State::InDoubt(_) | refund::State::Processing { .. } => None,
        refund::State::Failed { .. } => return None,
    };
    Some(Movement {
        kind: StatementKind::Refund,
        number: refund.terms.refund_no.to_string(),
        amount: refund.terms.amount,
        earliest: refund.terms.opened_at,
        latest,
    })
}
