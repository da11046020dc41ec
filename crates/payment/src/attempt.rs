//! One try to collect an intent on one rail account.
//!
//! ```text
//! Sending ──► AwaitingPayer ──► Paid
//!    │  ▲          │    │
//!    ▼  │          ▼    └─────► Refused
//!  InDoubt ────► Closing ─────► Closed ──► Late
//!
//!  held first:  ──► Held ◄──► Capturing ──► Paid
//!                    └──────► Releasing ──► Closed
//! ```
//!
//! [`State::on`] takes one piece of news and says where it leads; the whole table is printed into
//! `docs/state-machines.md` by a test. An attempt never knows of other attempts: which of two paid ones stays is the
//! intent's decision.

mod hold;
mod on;
mod on_hold;
mod state;
mod undo;

use jiff::{SignedDuration, Timestamp};
use paifang_money::PositiveMoney;
use paifang_shares::division::Division;
use serde::{Deserialize, Serialize};

use crate::planted::{self, Defect};
use crate::{
    AccountId, AttemptId, Credit, OrderNo, Presentation, RailName, RailRef, RequestId, Verb, WalletName,
};

pub use hold::{CAPTURES_MAX, Capturing, Held, HoldTerms, Operation, Phase, Releasing, Taken};
pub use on::HELD_BACK;
pub(crate) use on::never_sent;
pub(crate) use on::{NOT_SENT, RAIL_UNREACHABLE};
pub use on::{PAYER_CODE_LOST, Turn};
pub use state::{
    AwaitingPayer, CloseVerb, Closed, Closing, End, Found, InDoubt, Late, Paid, Refused, Sending, State, Why,
};
pub use undo::{Copies, UNDO_FRESH, Undo};

/// How long after its expiry an order that the rail does not know may still appear: clock skew and a delayed request.
pub const ABSENCE_MARGIN: SignedDuration = SignedDuration::from_secs(120);

/// How long an earlier copy of a capture or refund may still be on its way to the rail when a later one is refused: until
/// then the refusal is not the last word (F04).
pub const COPIES_LINGER: SignedDuration = SignedDuration::from_mins(15);

/// How long a payer's code charge may stay undecided before it is reversed, where the rail can reverse.
pub const PATIENCE: SignedDuration = SignedDuration::from_secs(60);

/// How often one attempt is sent at most, counting the first time.
pub const SENDS_MAX: u32 = 4;

/// An attempt: what never changes about it, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// What was agreed when it was opened.
    pub terms: Terms,
    /// Where it stands.
    pub state: State,
    /// The rail's own number, once known.
    pub rail_ref: Option<RailRef>,
    /// The intent no longer waits for it, although the rail could not prove its end; it stays watched to its expiry.
    pub left: bool,
}

/// What an attempt is, fixed in its first commit. Everything that the rail's message needs is here or in the sealed
/// payer data beside it, so that each re-plan gives the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Its id.
    pub id: AttemptId,
    /// The call of the storefront that opened it.
    pub request_id: RequestId,
    /// 0, or which automatic repeat within that call this is.
    pub n: u32,
    /// The attempt that it repeats, if any.
    pub repeats: Option<AttemptId>,
    /// The rail.
    pub rail: RailName,
    /// The rail account.
    pub account: AccountId,
    /// The wallet.
    pub wallet: WalletName,
    /// How the payer is asked.
    pub presentation: Presentation,
    /// Under which number the rail knows it.
    pub order_no: OrderNo,
    /// Under which number the rail would know its reverse.
    pub reversal_no: OrderNo,
    /// The whole amount.
    pub amount: PositiveMoney,
    /// When it was opened; whole seconds.
    pub opened_at: Timestamp,
    /// The absolute expiry, also sent to the rail; whole seconds.
    pub expires_at: Timestamp,
    /// 32 lower-case hex digits for the rail's message.
    pub nonce: String,
    /// Where the payer's browser goes at the end; absent where the storefront gave none.
    pub return_url: Option<String>,
    /// What the rail can do about it.
    pub rules: Rules,
    /// The money is held first; `None`: it is charged at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<HoldTerms>,
    /// Whether the payer may pay on credit.
    #[serde(default, skip_serializing_if = "Credit::is_allowed")]
    pub credit: Credit,
    /// How the money is divided once it is taken, by the storefront's terms; absent where it had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub division: Option<Box<Division>>,
}

/// What the descriptor said when the attempt was opened; kept, so that old attempts keep their rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// The creation may be sent again byte for byte.
    pub resendable: bool,
    /// The rail has a close call.
    pub closable: bool,
    /// The rail can reverse it.
    pub reversible: bool,
    /// The rail can reverse it by our number, without its own.
    #[serde(default)]
    pub reversible_unknown: bool,
}

impl Rules {
    /// Whether a reverse can be sent now; `numbered` says that the rail's own number is known.
    pub fn can_reverse(&self, numbered: bool) -> bool {
        self.reversible && (numbered || self.reversible_unknown)
    }
}

/// What a worker does next about an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// Send the stored creation, capture or release (again); written ahead by [`crate::intent::Intent::begin_send`].
    Send,
    /// Ask the rail or end the order.
    Call(Verb),
    /// Nothing.
    Rest,
}

impl Attempt {
    /// A new attempt, written ahead of its first byte.
    pub fn open(terms: Terms) -> Self {
        let unsent = planted::is(Defect::NoWriteAhead);
        let state = State::Sending(Sending { unsent, ..Sending::ahead(1, false) });
        Self { terms, state, rail_ref: None, left: false }
    }

    /// Whether more can happen to it by itself.
    pub fn is_live(&self) -> bool {
        self.state.is_live()
    }

    /// Whether the intent has to wait for it before something else is opened or the intent ends.
    pub fn is_blocking(&self) -> bool {
        if self.state.hold().is_some() { self.state.is_kept_hold() } else { self.is_live() && !self.left }
    }

    /// Until when its hold may be captured; then it is given back, before the rail does it.
    pub fn capture_by(&self) -> Option<Timestamp> {
        let (held, terms) = (self.state.hold()?, self.terms.hold.as_ref()?);
        Some(held.since.saturating_add(terms.kept_for()).unwrap_or(Timestamp::MAX))
    }

    /// What was collected by it, a part of its amount where a part of a hold was taken.
    pub fn collected(&self) -> Option<PositiveMoney> {
        self.state.settled().map(|settled| settled.amount)
    }

    /// When its money was taken, by the rail's clock where that said so; of one that was not paid, when it was opened.
    pub fn paid_at(&self) -> Timestamp {
        match &self.state {
            State::Paid(paid) => {
                let opened_at = paid.taken.as_ref().map_or(self.terms.opened_at, |taken| taken.opened_at);
                paid.settled.settled_at.unwrap_or(opened_at)
            }
            _ => self.terms.opened_at,
        }
    }

    /// Under which numbers the rail may speak of it: the order's, and those of its capture and release.
    pub fn numbers(&self) -> Vec<&OrderNo> {
        let hold = self.terms.hold.iter().flat_map(|hold| [&hold.capture_no, &hold.release_no]);
        let mut all: Vec<&OrderNo> = std::iter::once(&self.terms.order_no).chain(hold).collect();
        all.extend(self.state.capture_no().filter(|number| !all.contains(number)));
        all
    }

    /// Whether the charge happens in the call itself.
    pub fn is_synchronous(&self) -> bool {
        self.terms.presentation.is_synchronous()
    }

    /// Whether its own expiry has passed.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.terms.expires_at
    }

    /// Whether "the rail knows no such order" is final by now.
    pub fn absence_is_final(&self, now: Timestamp) -> bool {
        now >= self.terms.expires_at.saturating_add(ABSENCE_MARGIN).unwrap_or(Timestamp::MAX)
    }

    /// Whether a payer's code charge has been undecided for too long.
    pub fn patience_is_over(&self, now: Timestamp) -> bool {
        now >= self.terms.opened_at.saturating_add(PATIENCE).unwrap_or(Timestamp::MAX)
    }

    /// Whether the stored creation is to be sent again: it was never shown to a payer, and the rail takes repeats.
    pub fn wants_resend(&self) -> bool {
        let State::InDoubt(doubt) = &self.state else { return false };
        let looked = doubt.found.is_some();
        looked && !self.is_synchronous() && self.terms.rules.resendable && doubt.sends < SENDS_MAX
    }

    /// What a worker does next.
    pub fn duty(&self, wanted: bool) -> Duty {
        match &self.state {
            State::Sending(sending) if sending.unsent => Duty::Send,
            State::Sending(_) | State::AwaitingPayer(_) | State::Closed(_) => Duty::Call(Verb::Query),
            State::InDoubt(_) if wanted && !self.left && self.wants_resend() => Duty::Send,
            State::InDoubt(_) => Duty::Call(Verb::Query),
            State::Closing(closing) => match (closing.verb, closing.ask) {
                (CloseVerb::Close, false) => Duty::Call(Verb::Close),
                (CloseVerb::Close, true) => Duty::Call(Verb::Query),
                (CloseVerb::Reverse, false) => Duty::Call(Verb::Reverse),
                (CloseVerb::Reverse, true) => Duty::Call(Verb::QueryReverse),
            },
            State::Held(_) => Duty::Call(Verb::Query),
            State::Capturing(capturing) => capturing.operation.duty(Verb::QueryCapture),
            State::Releasing(releasing) => releasing.operation.duty(Verb::QueryRelease),
            State::Paid(_) | State::Refused(_) | State::Late(_) => Duty::Rest,
        }
    }
}

#[cfg(test)]
mod tests;
