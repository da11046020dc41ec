//! Facts: the only way in which an intent changes, and the fold that rebuilds it from its journal.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Complaint, Intent, State, Stray, Terms, Wish};
use crate::attempt::{self, Attempt};
use crate::{AttemptId, Evidence, RailRef, Remark, Seal};

/// One journal entry of an intent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// 1, 2, 3, ... without gaps.
    pub seq: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// What is new.
    pub fact: Fact,
    /// Why it is believed.
    pub evidence: Evidence,
    /// What chains it to the entry before it; absent until it is committed, and in journals of earlier releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<Seal>,
}

/// What is new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "fact")]
pub enum Fact {
    /// The intent was created.
    Created {
        /// What is wanted.
        terms: Terms,
    },
    /// Something was asked that waits for a rail's word, or no longer waits.
    Wished {
        /// What waits from now on.
        wish: Wish,
    },
    /// An attempt was opened, written ahead of its first byte.
    AttemptOpened {
        /// What it is.
        terms: attempt::Terms,
    },
    /// An attempt moved.
    AttemptMoved {
        /// Which one.
        attempt: AttemptId,
        /// Where to.
        to: attempt::State,
        /// The rail's number, where this news brought it.
        rail_ref: Option<RailRef>,
    },
    /// The intent no longer waits for an attempt although its end is not proved.
    AttemptLeft {
        /// Which one.
        attempt: AttemptId,
    },
    /// The intent moved.
    Moved {
        /// Where to.
        to: State,
    },
    /// The rail proved money that no operation of ours explains; no state changed.
    Strayed {
        /// What moved.
        stray: Stray,
    },
    /// The storefront told that the payer complains; nothing else changed.
    Complained {
        /// About what.
        about: Complaint,
    },
    /// An operator gave quarantined work back to the workers; nothing else changed.
    Redriven {
        /// The attempt that is seen to again; absent: the intent's expiry.
        attempt: Option<AttemptId>,
        /// Who decided it.
        by: Remark,
        /// Why.
        why: Remark,
    },
}

impl Fact {
    /// The money that it notes, where it is about stray money.
    pub fn stray(&self) -> Option<&Stray> {
        match self {
            Self::Strayed { stray } => Some(stray),
            Self::Created { .. }
            | Self::Wished { .. }
            | Self::AttemptOpened { .. }
            | Self::AttemptMoved { .. }
            | Self::AttemptLeft { .. }
            | Self::Moved { .. }
            | Self::Complained { .. }
            | Self::Redriven { .. } => None,
        }
    }
}

/// A journal that does not tell a possible story.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// The journal is empty or does not begin with a creation.
    #[error("the journal does not begin with a creation")]
    NoCreation,
    /// An entry is missing, doubled or out of order.
    #[error("entry {found} stands where {expected} should")]
    Gap {
        /// The number that should stand here.
        expected: u64,
        /// The number that stands here.
        found: u64,
    },
    /// An entry speaks of an attempt that was never opened, or opens one twice.
    #[error("entry {0} speaks of an attempt that it cannot")]
    Attempt(u64),
    /// Something left a final state, or was created twice.
    #[error("entry {0} leaves a final state")]
    Final(u64),
    /// A complaint about what was not paid.
    #[error("entry {0} complains about what was not paid")]
    Unpaid(u64),
}

impl Intent {
    /// Rebuilds an intent from its journal; refuses a journal that skips, doubles or leaves a final state (I7).
    pub fn fold<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Result<Self, FoldError> {
        let mut entries = entries.into_iter();
        let mut intent = match entries.next() {
            Some(Entry { seq: 1, fact: Fact::Created { terms }, seal, .. }) => {
                Self { head: seal.as_ref().map(|seal| seal.digest), ..Self::blank(terms.clone()) }
            }
            _ => return Err(FoldError::NoCreation),
        };
        for entry in entries {
            if entry.seq != intent.version + 1 {
                return Err(FoldError::Gap { expected: intent.version + 1, found: entry.seq });
            }
            intent.apply(entry)?;
        }
        Ok(intent)
    }

    pub(super) fn blank(terms: Terms) -> Self {
        let updated_at = terms.created_at;
        let (state, wish, attempts) = (State::RequiresWallet, Wish::None, Vec::new());
        Self { terms, state, wish, attempts, version: 1, updated_at, head: None }
    }

    /// Applies one entry. The only function that changes an intent.
    pub(super) fn apply(&mut self, entry: &Entry) -> Result<(), FoldError> {
        match &entry.fact {
            Fact::Created { .. } => return Err(FoldError::Final(entry.seq)),
            Fact::Wished { wish } => self.wish = wish.clone(),
            Fact::AttemptOpened { terms } => {
                if self.attempt(terms.id).is_some() || self.is_final() {
                    return Err(FoldError::Attempt(entry.seq));
                }
                self.attempts.push(Attempt::open(terms.clone()));
            }
            Fact::AttemptMoved { attempt, to, rail_ref } => {
                let moved = self.attempts.iter_mut().find(|known| known.terms.id == *attempt);
                let moved = moved.ok_or(FoldError::Attempt(entry.seq))?;
                if !moved.state.may_become(to) {
                    return Err(FoldError::Final(entry.seq));
                }
                moved.state = to.clone();
                moved.rail_ref = rail_ref.clone().or(moved.rail_ref.take());
            }
            Fact::AttemptLeft { attempt } => {
                let left = self.attempts.iter_mut().find(|known| known.terms.id == *attempt);
                left.ok_or(FoldError::Attempt(entry.seq))?.left = true;
            }
            Fact::Moved { to } => {
                if self.is_final() {
                    return Err(FoldError::Final(entry.seq));
                }
                self.state = *to;
            }
            Fact::Strayed { stray } => {
                if self.attempt(stray.attempt).is_none() {
                    return Err(FoldError::Attempt(entry.seq));
                }
            }
            Fact::Complained { .. } => {
                if !matches!(self.state, State::Succeeded { .. }) {
                    return Err(FoldError::Unpaid(entry.seq));
                }
            }
            Fact::Redriven { attempt, .. } => {
                if attempt.is_some_and(|attempt| self.attempt(attempt).is_none()) {
                    return Err(FoldError::Attempt(entry.seq));
                }
            }
        }
        (self.version, self.updated_at) = (entry.seq, entry.at);
        // Until it is committed, the head is that of the row it starts from.
        self.head = entry.seal.as_ref().map(|seal| seal.digest).or(self.head);
        Ok(())
    }
}

impl attempt::State {
    /// The coarse law of the journal: what is final stays, but for money that the rail proves later; a payment that
    /// does not stay becomes late in the very commit that brought it.
    fn may_become(&self, to: &Self) -> bool {
        match self {
            Self::Sending(_) | Self::AwaitingPayer(_) | Self::InDoubt(_) | Self::Closing(_) => true,
            Self::Held(_) | Self::Capturing(_) | Self::Releasing(_) => true,
            Self::Paid(_) => matches!(to, Self::Late(_)),
            // A hold that the rail tells of later goes back at once.
            Self::Refused(_) | Self::Closed(_) => matches!(to, Self::Late(_) | Self::Releasing(_)),
            Self::Late(_) => false,
        }
    }
}
