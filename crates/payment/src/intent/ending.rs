//! What the attempts of a step came to, for whoever measures how well a way to pay works.
//!
//! An end counts when the rail or the payer brought it about: paid (or held), refused, or not paid in time. It does not
//! count when nobody wanted the attempt any more (the storefront canceled, the payer chose another wallet, another attempt
//! was paid), nor when the message could not be made, the gateway's own limits held it back, or it lost the payer's code.

use super::{Intent, Step};
use crate::attempt::{Attempt, Closing, NOT_SENT, RAIL_UNREACHABLE, State, Why};
use crate::{AttemptId, Basis, Refusal, Source};

/// What an attempt came to. [`Ending::Paid`] holds whatever was said before: a payer may pay what was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// The rail refused it, could not be reached, gave no word in time; or the payer did not pay in time.
    Failed,
    /// The payer paid, or the payer's money is held.
    Paid,
}

impl Ending {
    /// The stored name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Paid => "paid",
        }
    }
}

impl Intent {
    /// The attempt that was chosen, where this one repeats it by itself.
    pub fn chosen(&self, attempt: AttemptId) -> AttemptId {
        let repeats = |id| self.attempt(id).and_then(|attempt| attempt.terms.repeats);
        // Each repeats an earlier one, so the chain is no longer than there are attempts.
        let chain = std::iter::successors(Some(attempt), |id| repeats(*id));
        chain.take(self.attempts.len()).last().unwrap_or(attempt)
    }
}

impl Step {
    /// What attempts came to in this step, each under the one that was chosen ([`Intent::chosen`]); `before` is what the step
    /// started from.
    pub fn endings(&self, before: &Intent) -> Vec<(AttemptId, Ending)> {
        let ended = self.intent.attempts.iter().filter_map(|is| {
            let was = before.attempt(is.terms.id)?;
            Some((self.intent.chosen(is.terms.id), self.ending(before, was, is)?))
        });
        ended.collect()
    }

    fn ending(&self, before: &Intent, was: &Attempt, is: &Attempt) -> Option<Ending> {
        let gave_up = is.left && !was.left && !self.repeats(is.terms.id);
        let failed = match &is.state {
            _ if was.state == is.state => gave_up,
            State::Paid(_) | State::Held(_) => return was.state.hold().is_none().then_some(Ending::Paid),
            State::Refused(refused) => self.is_word(&refused.refusal, was, is),
            State::Closed(closed) => closed.released.is_none(),
            State::Sending(_)
            | State::AwaitingPayer(_)
            | State::InDoubt(_)
            | State::Closing(_)
            | State::Capturing(_)
            | State::Releasing(_)
            | State::Late(_) => gave_up,
        };
        (failed && self.is_wanted(before, was)).then_some(Ending::Failed)
    }

    /// Whether the attempt was wanted until the rail or the payer ended it.
    fn is_wanted(&self, before: &Intent, was: &Attempt) -> bool {
        let by_storefront =
            self.entries.first().is_some_and(|entry| entry.evidence.source == Source::Storefront);
        let beside = [before, &self.intent].into_iter().filter_map(Intent::holder);
        let is_second = beside.into_iter().any(|holder| holder.terms.id != was.terms.id);
        let why = match &was.state {
            State::Closing(Closing { why, .. }) => Some(*why),
            State::Sending(_)
            | State::AwaitingPayer(_)
            | State::InDoubt(_)
            | State::Held(_)
            | State::Capturing(_)
            | State::Releasing(_)
            | State::Paid(_)
            | State::Refused(_)
            | State::Closed(_)
            | State::Late(_) => before.dismissal(),
        };
        let is_unwanted = matches!(why, Some(Why::Switch | Why::Cancel | Why::Superseded));
        !was.left && !by_storefront && !is_second && !is_unwanted
    }

    /// Whether the step opens an attempt that takes the place of this one.
    fn repeats(&self, id: AttemptId) -> bool {
        let opened = self.opened.iter().filter_map(|opened| self.intent.attempt(*opened));
        opened.into_iter().any(|opened| opened.terms.repeats == Some(id))
    }

    /// Whether a refusal is the rail's, or says that the rail could not be reached for as long as it made sense.
    fn is_word(&self, refusal: &Refusal, was: &Attempt, is: &Attempt) -> bool {
        let is_over = self.entries.first().is_some_and(|entry| is.is_expired(entry.at));
        let held_back = matches!(&was.state, State::Sending(sending) if sending.held_back);
        match refusal.reason.as_str() {
            _ if refusal.basis != Basis::NotSent => true,
            RAIL_UNREACHABLE => true,
            NOT_SENT => is_over && !held_back,
            // The message could not be made, our own limits held it back, or the payer's code was lost: nobody was asked.
            _ => false,
        }
    }
}
