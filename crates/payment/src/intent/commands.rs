//! What a storefront, or the clock, asks of an intent.

use jiff::Timestamp;
use paifang_money::PositiveMoney;

use super::settle::Draft;
use super::{ATTEMPTS_MAX, CaptureMode, Entry, Fact, Intent, Namer, State, Step, Terms, Wish};
use crate::attempt::{self, CAPTURES_MAX, Capturing, Held, HoldTerms, Operation};
use crate::planted::{self, Defect};
use crate::{AttemptId, Evidence, Remark, Source};

/// Why a wallet cannot be chosen. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConfirmError {
    /// The intent is final.
    #[error("the intent is final ({0}) and takes no further attempt")]
    Final(&'static str),
    /// Its time is over.
    #[error("the intent has expired")]
    Expired,
    /// A cancel or an expiry is under way.
    #[error("the intent is being ended")]
    Ending,
    /// [`ATTEMPTS_MAX`] is reached.
    #[error("the intent has used up its {ATTEMPTS_MAX} attempts")]
    AttemptsUsedUp,
    /// The payer's money is held already.
    #[error("the payer's money is held: capture it, or cancel the intent to give it back")]
    HoldStands,
    /// The choice charges at once where the intent wants a hold, or the other way round; a fault of the caller's code.
    #[error("the choice does not fit the intent's way of capturing")]
    CaptureMode,
}

/// Why nothing can be captured. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CaptureError {
    /// No hold stands.
    #[error("the intent is {0}; only an authorized one is captured")]
    NotAuthorized(&'static str),
    /// A capture is under way: one at a time.
    #[error("a capture is under way; its outcome comes with the intent")]
    UnderWay,
    /// Another currency than the intent's.
    #[error("amount must be in the currency of the intent")]
    Currency,
    /// More than is held.
    #[error("amount is more than the {0} that are held")]
    ExceedsHold(PositiveMoney),
    /// Less than is held, on a rail that takes all or nothing.
    #[error("amount must be all of the {0} that are held: this rail takes no part of a hold")]
    NotPartial(PositiveMoney),
    /// [`CAPTURES_MAX`] is reached.
    #[error("{CAPTURES_MAX} captures of this hold were refused; cancel the intent to give the money back")]
    UsedUp,
}

/// Why an intent cannot be canceled. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CancelError {
    /// It is paid: use a refund.
    #[error("the intent has succeeded; a refund returns the money")]
    Succeeded,
    /// The money is being taken: wait for the outcome, then refund it or cancel again.
    #[error("a capture is under way; its outcome comes with the intent")]
    Capturing,
    /// It ended otherwise.
    #[error("the intent has already ended as {0}")]
    Ended(&'static str),
}

impl Intent {
    /// A new intent, with its first attempt if the storefront has already chosen.
    pub fn create(terms: Terms, first: Option<attempt::Terms>, namer: &dyn Namer) -> Step {
        let now = terms.created_at;
        let evidence = Evidence::plain(Source::Storefront, "intent.create");
        let mut draft = Draft::new(Self::blank(terms), now, evidence, namer);
        draft.created();
        if let Some(first) = first {
            draft.open(first, "intent.confirm");
        }
        draft.settle()
    }

    /// Chooses a wallet. An earlier attempt is settled first; until then the choice waits.
    pub fn confirm(
        self,
        next: attempt::Terms,
        now: Timestamp,
        namer: &dyn Namer,
    ) -> Result<Step, ConfirmError> {
        if self.is_final() {
            return Err(ConfirmError::Final(self.state.name()));
        }
        if self.holder().is_some() {
            return Err(ConfirmError::HoldStands);
        }
        if (self.terms.capture == CaptureMode::Manual) != next.hold.is_some() {
            return Err(ConfirmError::CaptureMode);
        }
        if now >= self.terms.expires_at {
            return Err(ConfirmError::Expired);
        }
        if matches!(self.wish, Wish::Cancel | Wish::Expire) {
            return Err(ConfirmError::Ending);
        }
        if self.attempts.len() >= ATTEMPTS_MAX {
            return Err(ConfirmError::AttemptsUsedUp);
        }
        let evidence = Evidence::plain(Source::Storefront, "intent.confirm");
        let mut draft = Draft::new(self, now, evidence, namer);
        draft.record(Fact::Wished { wish: Wish::Switch { next: Box::new(next) } });
        Ok(draft.settle())
    }

    /// Ends the intent unpaid: closes or reverses what is under way. `Ok(None)`: it is canceled, or being canceled.
    pub fn cancel(self, now: Timestamp, namer: &dyn Namer) -> Result<Option<Step>, CancelError> {
        match self.state {
            State::Succeeded { .. } => return Err(CancelError::Succeeded),
            State::Canceled => return Ok(None),
            State::Expired | State::Failed => return Err(CancelError::Ended(self.state.name())),
            State::RequiresWallet | State::AwaitingPayer | State::Processing | State::Authorized => {}
        }
        if self.is_capturing() && !planted::is(Defect::CaptureBesideRelease) {
            return Err(CancelError::Capturing);
        }
        if self.wish == Wish::Cancel {
            return Ok(None);
        }
        let evidence = Evidence::plain(Source::Storefront, "intent.cancel");
        Ok(Some(self.end(Wish::Cancel, evidence, now, namer)))
    }

    /// Takes held money: all of it, or a part where the rail's rules say so; what is left goes back with the capture. The
    /// step has written the capture ahead: it is to be sent.
    pub fn capture(
        self,
        amount: Option<PositiveMoney>,
        now: Timestamp,
        namer: &dyn Namer,
    ) -> Result<(Step, AttemptId), CaptureError> {
        if self.is_capturing() {
            return Err(CaptureError::UnderWay);
        }
        let holder = self.holder().and_then(|attempt| {
            let attempt::State::Held(held) = &attempt.state else { return None };
            Some((attempt.terms.clone(), attempt.terms.hold.clone()?, held.clone()))
        });
        let Some((terms, hold, held)) = holder else {
            return Err(CaptureError::NotAuthorized(self.state.name()));
        };
        let amount = amount.unwrap_or(held.settled.amount);
        check_capture(amount, &held, &hold)?;
        let number = match held.captures {
            0 => hold.capture_no,
            refused => namer.capture_again(&terms, refused),
        };
        let unsent = Operation::unsent(number, now);
        let operation = unsent.begin_send(now).unwrap_or(unsent);
        let to = attempt::State::Capturing(Capturing { held, amount, operation });
        let evidence = Evidence::plain(Source::Storefront, "intent.capture");
        let mut draft = Draft::new(self, now, evidence, namer);
        draft.record(Fact::AttemptMoved { attempt: terms.id, to, rail_ref: None });
        Ok((draft.settle(), terms.id))
    }

    /// Whether money is being taken out of a hold.
    pub fn is_capturing(&self) -> bool {
        self.holder().is_some_and(|holder| matches!(holder.state, attempt::State::Capturing(_)))
    }

    /// Ends the intent because its time is over. `None` when there is nothing to do.
    pub fn expire(self, now: Timestamp, namer: &dyn Namer) -> Option<Step> {
        let ending = matches!(self.wish, Wish::Cancel | Wish::Expire);
        if self.is_final() || ending || self.is_capturing() || now < self.ends_at() {
            return None;
        }
        let evidence = Evidence::plain(Source::Clock, "intent.expire");
        Some(self.end(Wish::Expire, evidence, now, namer))
    }

    /// Notes that an operator gave quarantined work back to the workers: that of an attempt, or the intent's expiry. Nothing
    /// else follows from it. `None` for an attempt that is not there.
    pub fn redrive(
        mut self,
        attempt: Option<AttemptId>,
        by: Remark,
        why: Remark,
        now: Timestamp,
    ) -> Option<Step> {
        let evidence = Evidence::plain(Source::Operator, "operator.redrive");
        let fact = Fact::Redriven { attempt, by, why };
        let entry = Entry { seq: self.version + 1, at: now, fact, evidence, seal: None };
        self.apply(&entry).ok()?;
        let (entries, postings, opened) = (vec![entry], Vec::new(), Vec::new());
        Some(Step { intent: self, entries, postings, opened })
    }

    fn end(self, wish: Wish, evidence: Evidence, now: Timestamp, namer: &dyn Namer) -> Step {
        let mut draft = Draft::new(self, now, evidence, namer);
        draft.record(Fact::Wished { wish });
        draft.settle()
    }
}

fn check_capture(amount: PositiveMoney, held: &Held, hold: &HoldTerms) -> Result<(), CaptureError> {
    let whole = held.settled.amount;
    if amount.currency() != whole.currency() {
        return Err(CaptureError::Currency);
    }
    if amount.minor_units() > whole.minor_units() {
        return Err(CaptureError::ExceedsHold(whole));
    }
    if amount != whole && !hold.partial {
        return Err(CaptureError::NotPartial(whole));
    }
    if held.captures >= CAPTURES_MAX {
        return Err(CaptureError::UsedUp);
    }
    Ok(())
}
