//! Looks up what the bill has and no movement of the day waits for: whether our books know the number at all.

use paifang_payment::attempt::{Closed, State};
use paifang_payment::{AccountId, OrderNo, refund};
use paifang_rail::{StatementKind, StatementLine};
use paifang_store::{Store, StoreError};

use super::closing::number_of;
use super::{Break, DayReport, Known, Part, Row};
use crate::engine::Engine;
use crate::ports::{Environment, Rails, Transport};

/// What a number stands for.
struct Found {
    known: Known,
    /// Whether the books have this movement, on whatever day.
    settled: bool,
}

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// Says of each line that is [`Break::NotInBooks`] what the books know of its number.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn look_up_breaks(&self, report: &mut DayReport) -> Result<(), StoreError> {
        let DayReport { accounts, breaks, .. } = report;
        for found in breaks {
            let Break::NotInBooks(line) = found else { continue };
            let Some(Found { known, settled }) = self.look_up(accounts, line).await? else { continue };
            let line = line.clone();
            *found =
                if settled { Break::OnAnotherDay(line, known) } else { Break::KnownNotSettled(line, known) };
        }
        Ok(())
    }

    async fn look_up(
        &self,
        accounts: &[AccountId],
        line: &StatementLine,
    ) -> Result<Option<Found>, StoreError> {
        // What is no number of ours is not in our books.
        let Ok(number) = OrderNo::parse(&number_of(line)) else { return Ok(None) };
        for account in accounts {
            let found = match line.kind {
                StatementKind::Refund => self.refund_of(account, &number).await?,
                StatementKind::Payment | StatementKind::Reversal => {
                    self.attempt_of(account, &number, line.kind).await?
                }
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    async fn refund_of(&self, account: &AccountId, number: &OrderNo) -> Result<Option<Found>, StoreError> {
        let Some(at) = self.store().refund_by_number(account, number).await? else { return Ok(None) };
        let refund = self.store().refund(at.tenant, at.refund).await?;
        Ok(refund.map(|refund| Found {
            settled: match refund.state {
                refund::State::Succeeded { .. } => true,
                refund::State::Sending(_)
                | refund::State::InDoubt(_)
                | refund::State::Processing { .. }
                | refund::State::Failed { .. } => false,
            },
            known: Known {
                row: Row { intent: at.intent, part: Part::Refund(at.refund) },
                state: refund.state.name(),
            },
        }))
    }

    async fn attempt_of(
        &self,
        account: &AccountId,
        number: &OrderNo,
        kind: StatementKind,
    ) -> Result<Option<Found>, StoreError> {
        let Some(at) = self.store().attempt_by_order(account, number).await? else { return Ok(None) };
        let row = self.store().intent(at.tenant, at.intent).await?;
        let attempt = row.as_ref().and_then(|row| row.intent.attempt(at.attempt));
        Ok(attempt.map(|attempt| {
            let settled = match &attempt.state {
                State::Paid(_) | State::Late(_) => kind == StatementKind::Payment,
                State::Closed(Closed { returned, .. }) => returned.is_some(),
                State::Sending(_)
                | State::AwaitingPayer(_)
                | State::InDoubt(_)
                | State::Closing(_)
                | State::Held(_)
                | State::Capturing(_)
                | State::Releasing(_)
                | State::Refused(_) => false,
            };
            let row = Row { intent: at.intent, part: Part::Attempt(at.attempt) };
            Found { known: Known { row, state: attempt.state.name() }, settled }
        }))
    }
}
