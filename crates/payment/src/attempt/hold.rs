//! What is known of an attempt whose money is held first, and taken or given back later.
//!
//! Nothing moves with a hold: the payer's money is set aside at the rail. Taking it ([`Capturing`]) and giving it back
//! ([`Releasing`]) are calls of their own, each written ahead, sent under a number of its own, and repeated only under
//! that number. There is one slot for both, which is the attempt's state: a release never races a capture.

use jiff::{SignedDuration, Timestamp};
use paifang_money::PositiveMoney;
use serde::{Deserialize, Serialize};

use super::{COPIES_LINGER, Duty, Why};
use crate::{Doubt, OrderNo, Refusal, Settled, Verb};

/// How often a hold may be tried to be captured, tries that were sent and refused included.
pub const CAPTURES_MAX: u32 = 20;

/// What was agreed about a hold when its attempt was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldTerms {
    /// Under which number the rail knows the first capture; later ones are derived from it ([`crate::intent::Namer`]).
    pub capture_no: OrderNo,
    /// Under which number the rail knows the release.
    pub release_no: OrderNo,
    /// For how many days the rail keeps the money held.
    pub days: u32,
    /// Less than the held amount may be taken.
    pub partial: bool,
    /// For how many seconds after its opening a capture or release in doubt may be sent again under its number.
    pub resend_s: u32,
}

/// The payer's money is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// What the rail said.
    pub settled: Settled,
    /// Since when, by the earlier of the rail's word and ours.
    pub since: Timestamp,
    /// How many captures have been refused, without those of which nothing left us: their number is used again.
    pub captures: u32,
    /// Why the last of them was refused.
    pub last_failure: Option<Refusal>,
}

/// Held money is being taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capturing {
    /// The hold that it takes from.
    pub held: Held,
    /// How much; what is left of the hold goes back with the capture.
    pub amount: PositiveMoney,
    /// The call.
    pub operation: Operation,
}

/// Held money is being given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Releasing {
    /// The hold.
    pub held: Held,
    /// Why. [`Why::Superseded`]: this hold was never the one that the intent kept.
    pub why: Why,
    /// The call.
    pub operation: Operation,
}

/// A call that takes or gives back held money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Its number at the rail, the same at every repeat.
    pub number: OrderNo,
    /// When it was opened; whole seconds. Part of its identity on some rails.
    pub opened_at: Timestamp,
    /// How often it was written ahead.
    pub sends: u32,
    /// An earlier send than the last may have left us.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub doubted: bool,
    /// When it was written ahead last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// How far it is.
    pub phase: Phase,
}

/// How far a capture or release is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "phase")]
pub enum Phase {
    /// To be sent: nothing is under way that could not be repeated under the same number.
    Unsent {
        /// An earlier send may have arrived, or may yet.
        doubted: bool,
    },
    /// Written ahead: it may have been sent.
    Sending {
        /// An earlier send may have arrived, so "not sent" is not the end of the doubt.
        doubted: bool,
    },
    /// The rail has it; its final word comes later.
    Pending,
    /// Sent, and the outcome is unknown.
    InDoubt {
        /// Why it is unknown.
        doubt: Doubt,
    },
    /// Releases only: the rail refused, so ask whether the hold still stands.
    Refused {
        /// What the rail said.
        refusal: Refusal,
    },
}

/// What was taken out of a hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// The capture's number at the rail.
    pub capture_no: OrderNo,
    /// When the capture was opened; whole seconds.
    pub opened_at: Timestamp,
}

impl HoldTerms {
    /// How long after the payer's consent a hold is given back by ourselves: a day before the rail would, but never
    /// before half of its time.
    pub fn kept_for(&self) -> SignedDuration {
        let hours = 24 * i64::from(self.days);
        SignedDuration::from_hours((hours - 24).max(hours / 2))
    }

    /// Until when an operation of this opening may be sent again.
    pub(super) fn resend_until(&self, opened_at: Timestamp) -> Timestamp {
        let time = SignedDuration::from_secs(self.resend_s.into());
        opened_at.saturating_add(time).unwrap_or(Timestamp::MAX)
    }
}

impl Held {
    /// A hold that the rail has just told of.
    pub(crate) fn new(settled: Settled, now: Timestamp) -> Self {
        let since = settled.settled_at.map_or(now, |told| told.min(now));
        Self { settled, since, captures: 0, last_failure: None }
    }

    /// The same hold after a capture that was refused.
    pub(super) fn after_refusal(&self, refusal: Refusal) -> Self {
        Self { captures: self.captures + 1, last_failure: Some(refusal), ..self.clone() }
    }

    /// The same hold after a capture of which nothing ever left us.
    pub(super) fn after_not_sent(&self, refusal: Refusal) -> Self {
        Self { last_failure: Some(refusal), ..self.clone() }
    }
}

impl Operation {
    /// Not yet sent.
    pub(crate) fn unsent(number: OrderNo, now: Timestamp) -> Self {
        let opened_at = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let phase = Phase::Unsent { doubted: false };
        Self { number, opened_at, sends: 0, doubted: false, sent_at: None, phase }
    }

    /// Written ahead (again), always under its number. `None` when nothing is to be sent.
    pub(crate) fn begin_send(&self, now: Timestamp) -> Option<Self> {
        match self.phase {
            Phase::Unsent { doubted } => {
                let phase = Phase::Sending { doubted };
                let (sends, doubted) = (self.sends + 1, self.doubted || doubted);
                Some(Self { sends, doubted, sent_at: Some(now), phase, ..self.clone() })
            }
            Phase::Sending { .. } | Phase::Pending | Phase::InDoubt { .. } | Phase::Refused { .. } => None,
        }
    }

    /// What a worker does next; `query` asks about this operation.
    pub(super) fn duty(&self, query: Verb) -> Duty {
        match self.phase {
            Phase::Unsent { .. } => Duty::Send,
            Phase::Sending { .. } | Phase::Pending | Phase::InDoubt { .. } => Duty::Call(query),
            Phase::Refused { .. } => Duty::Call(Verb::Query),
        }
    }

    /// Whether an earlier send than the last may still reach the rail, however the last one was answered. Counted from the
    /// last send, which is later than any other.
    pub(super) fn may_yet_arrive(&self, now: Timestamp) -> bool {
        let last = self.sent_at.unwrap_or(self.opened_at);
        self.doubted && now < last.saturating_add(COPIES_LINGER).unwrap_or(Timestamp::MAX)
    }

    /// Whether its outcome is unknown.
    pub fn is_in_doubt(&self) -> bool {
        match self.phase {
            Phase::InDoubt { .. } => true,
            Phase::Unsent { .. } | Phase::Sending { .. } | Phase::Pending | Phase::Refused { .. } => false,
        }
    }

    pub(super) fn turned(&self, phase: Phase) -> Self {
        Self { phase, ..self.clone() }
    }
}
