//! What a storefront wants to be paid: one amount, any number of tries, at most one capture.
//!
//! ```text
//! RequiresWallet ──► AwaitingPayer / Processing ──► (Authorized) ──► Succeeded
//!        │  ▲                 │
//!        │  └─ refused, closed┘
//!        └──────────► Canceled / Expired / Failed
//! ```
//!
//! The intent owns its attempts and decides between them: which payment stays, when an earlier attempt is ended, what
//! is late. It changes only by [`Fact`]s ([`Intent::apply`]), so a row always equals the fold of its journal.

mod commands;
mod complaint;
mod ending;
mod fact;
mod holds;
mod observe;
mod reversing;
mod settle;
mod stray;

use std::collections::BTreeMap;

use jiff::Timestamp;
use paifang_money::PositiveMoney;
use serde::{Deserialize, Serialize};

use crate::attempt::{self, Attempt, Why};
use crate::{AttemptId, Digest, IntentId, OrderNo, RequestId, TenantId};

pub use commands::{CancelError, CaptureError, ConfirmError};
pub use complaint::Complaint;
pub use ending::Ending;
pub use fact::{Entry, Fact, FoldError};
pub use observe::{ObserveError, Seen};
pub use reversing::Opened;
pub use stray::{Stray, Way};

/// Attempts per intent, automatic repeats included.
pub const ATTEMPTS_MAX: usize = 20;

/// An intent: what was wanted, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// What was agreed when it was created.
    pub terms: Terms,
    /// Where it stands.
    pub state: State,
    /// What has been asked of it and waits for a rail's word.
    pub wish: Wish,
    /// Its tries, oldest first.
    pub attempts: Vec<Attempt>,
    /// How many journal entries lead here; the version that a writer must have seen.
    pub version: u64,
    /// When the last of them was decided.
    pub updated_at: Timestamp,
    /// The digest of the last of them ([`crate::Seal`]); absent while none of them is sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Digest>,
}

/// What an intent is, fixed when it is created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Its id.
    pub id: IntentId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The call that created it.
    pub request_id: RequestId,
    /// What is to be paid.
    pub amount: PositiveMoney,
    /// Whether the payer is charged at once, or the money is held until it is captured.
    #[serde(default)]
    pub capture: CaptureMode,
    /// What is bought, for the payer's eyes.
    pub description: String,
    /// The storefront's own notes.
    pub metadata: BTreeMap<String, String>,
    /// When it was created; whole seconds.
    pub created_at: Timestamp,
    /// When it ends by itself; whole seconds.
    pub expires_at: Timestamp,
}

/// When the payer is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaptureMode {
    /// At once.
    #[default]
    Automatic,
    /// The money is held, and taken or given back by a later call.
    Manual,
}

/// Where an intent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum State {
    /// No attempt is under way: choose a wallet.
    RequiresWallet,
    /// The payer has to act.
    AwaitingPayer,
    /// A rail's word is awaited.
    Processing,
    /// The payer's money is held: capture or cancel.
    Authorized,
    /// Paid once, by this attempt. Final.
    Succeeded {
        /// The attempt whose payment stays.
        winner: AttemptId,
    },
    /// Ended by the storefront. Final.
    Canceled,
    /// Its time passed. Final.
    Expired,
    /// Every allowed attempt ended without a payment. Final.
    Failed,
}

/// What waits until the earlier attempt is settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "wish")]
pub enum Wish {
    /// Nothing.
    None,
    /// Open this attempt.
    Switch {
        /// The attempt to open.
        next: Box<attempt::Terms>,
    },
    /// End as canceled.
    Cancel,
    /// End as expired.
    Expire,
}

/// What a step does to the money; the engine turns it into ledger transfers of the same commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Posting {
    /// The intent's one capture; of a hold, which ends with it, all of it or a part.
    Captured(AttemptId),
    /// Money is held at the rail.
    Held {
        /// By which attempt.
        attempt: AttemptId,
        /// It is the hold that the intent keeps; any other one goes back by itself.
        kept: bool,
    },
    /// It is held no longer, and nothing of it was taken.
    Released {
        /// By which attempt it was.
        attempt: AttemptId,
        /// It was the hold that the intent kept.
        kept: bool,
    },
    /// A payment that does not stay: to suspense, and back to the payer by an automatic refund.
    Late(AttemptId),
    /// Paid and returned in full by a reverse: both legs together, or neither (F10).
    Returned(AttemptId),
}

/// The result of a command or of news: the next intent and what has to happen with it, all in one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The intent after it.
    pub intent: Intent,
    /// What is appended to the journal; empty when nothing is new.
    pub entries: Vec<Entry>,
    /// What is booked.
    pub postings: Vec<Posting>,
    /// Attempts that were opened and are to be sent.
    pub opened: Vec<AttemptId>,
}

/// What the core needs to name an automatic repeat of an attempt: everything is derived from the attempt it repeats.
pub trait Namer {
    /// The terms of the repeat, but for its times, which the core sets.
    fn repeat(&self, of: &attempt::Terms, now: Timestamp) -> attempt::Terms;

    /// The number of the capture that follows `n` refused ones of this hold; the first is among its terms.
    fn capture_again(&self, of: &attempt::Terms, n: u32) -> OrderNo;
}

/// A fingerprint of a canonical request, kept with its request id.
pub type Fingerprint = Digest;

impl Intent {
    /// The attempt with this id.
    pub fn attempt(&self, id: AttemptId) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.terms.id == id)
    }

    /// The attempt that the intent waits for, if any.
    pub fn current(&self) -> Option<&Attempt> {
        self.holder().or_else(|| self.attempts.iter().rev().find(|attempt| attempt.is_blocking()))
    }

    /// The attempt whose hold stands or is being captured: at most one.
    pub fn holder(&self) -> Option<&Attempt> {
        let holds =
            |state: &attempt::State| matches!(state, attempt::State::Held(_) | attempt::State::Capturing(_));
        self.attempts.iter().find(|attempt| holds(&attempt.state))
    }

    /// When it ends by itself: by its terms, or, while a hold stands, in time before the rail gives the money back.
    pub fn ends_at(&self) -> Timestamp {
        self.holder().and_then(Attempt::capture_by).unwrap_or(self.terms.expires_at)
    }

    /// Whether the intent itself can still change its state.
    pub fn is_final(&self) -> bool {
        self.state.is_final()
    }

    /// Why attempts are being ended, if they are.
    pub(crate) fn dismissal(&self) -> Option<Why> {
        if self.is_final() {
            return Some(Why::Superseded);
        }
        match self.wish {
            Wish::None => None,
            Wish::Switch { .. } => Some(Why::Switch),
            Wish::Cancel => Some(Why::Cancel),
            Wish::Expire => Some(Why::Expiry),
        }
    }

    /// Whether the intent still wants this attempt to be paid.
    pub fn wants(&self, attempt: &Attempt) -> bool {
        let other = self.holder().is_some_and(|holder| holder.terms.id != attempt.terms.id);
        !attempt.left && !other && self.dismissal().is_none()
    }
}

impl State {
    /// Nothing leaves a final state.
    pub fn is_final(&self) -> bool {
        match self {
            Self::RequiresWallet | Self::AwaitingPayer | Self::Processing | Self::Authorized => false,
            Self::Succeeded { .. } | Self::Canceled | Self::Expired | Self::Failed => true,
        }
    }

    /// The stored, printed and exported name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RequiresWallet => "requires_wallet",
            Self::AwaitingPayer => "awaiting_payer",
            Self::Processing => "processing",
            Self::Authorized => "authorized",
            Self::Succeeded { .. } => "succeeded",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
            Self::Failed => "failed",
        }
    }
}

#[cfg(test)]
mod tests;
