//! What a storefront, or the clock, asks of an intent.

use jiff::Timestamp;

use super::settle::Draft;
use super::{ATTEMPTS_MAX, Fact, Intent, Namer, State, Step, Terms, Wish};
use crate::attempt;
use crate::{Evidence, Source};

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
}

/// Why an intent cannot be canceled. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CancelError {
    /// It is paid: use a refund.
    #[error("the intent has succeeded; a refund returns the money")]
    Succeeded,
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
            State::RequiresWallet | State::AwaitingPayer | State::Processing => {}
        }
        if self.wish == Wish::Cancel {
            return Ok(None);
        }
        let evidence = Evidence::plain(Source::Storefront, "intent.cancel");
        Ok(Some(self.end(Wish::Cancel, evidence, now, namer)))
    }

    /// Ends the intent because its time is over. `None` when there is nothing to do.
    pub fn expire(self, now: Timestamp, namer: &dyn Namer) -> Option<Step> {
        let ending = matches!(self.wish, Wish::Cancel | Wish::Expire);
        if self.is_final() || ending || now < self.terms.expires_at {
            return None;
        }
        let evidence = Evidence::plain(Source::Clock, "intent.expire");
        Some(self.end(Wish::Expire, evidence, now, namer))
    }

    fn end(self, wish: Wish, evidence: Evidence, now: Timestamp, namer: &dyn Namer) -> Step {
        let mut draft = Draft::new(self, now, evidence, namer);
        draft.record(Fact::Wished { wish });
        draft.settle()
    }
}
