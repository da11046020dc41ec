//! Money on its way back. A refund is an aggregate of its own, so that many can run beside each other; what they may
//! return in all is guarded by one row of the intent (I6).
//!
//! ```text
//! Sending ──► Processing ──► Succeeded
//!   │  ▲          │
//!   ▼  │          ▼
//! InDoubt ──────► Failed
//! ```
//!
//! A refund is only ever repeated under its own number: a second number would return the money twice (F17).
//!
//! Where the storefront's terms say who bears it, it is not sent before every fen of it has a bearer: until then it stands in
//! `Sending`, unsent, and [`Refund::short`] says what is lacking.

mod step;

use jiff::Timestamp;
use paifang_money::PositiveMoney;
use paifang_shares::bearing::{self, Bearing};
use paifang_shares::refund_terms::RefundCase;
use paifang_shares::waterfall::{Allocation, Bearer, Reversal};
use serde::{Deserialize, Serialize};

use crate::attempt::{Found, Sending};
use crate::{
    AccountId, AttemptId, Attention, Basis, Digest, Doubt, Evidence, IntentId, OrderNo, RailName, RailRef,
    RefundId, Refusal, Remark, RequestId, Seal, Settled, TenantId, Verb,
};

pub use step::{FoldError, Posting, ReverseError, Seen, Step};

/// A refund: what was agreed, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// What was agreed when it was opened.
    pub terms: Terms,
    /// Where it stands.
    pub state: State,
    /// The rail's own number of the refund, once known.
    pub rail_ref: Option<RailRef>,
    /// When it was ready to be sent, where it had to wait for its bearers; whole seconds. Absent: when it was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_at: Option<Timestamp>,
    /// Who funds what of it, as it is now; absent where nothing is to be funded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocation: Option<Allocation>,
    /// How many journal entries lead here.
    pub version: u64,
    /// When the last of them was decided.
    pub updated_at: Timestamp,
    /// The digest of the last of them ([`crate::Seal`]); absent while none of them is sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Digest>,
}

/// What a refund is, fixed in its first commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Its id.
    pub id: RefundId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The intent whose money goes back.
    pub intent: IntentId,
    /// The attempt that collected it.
    pub attempt: AttemptId,
    /// The call that opened it; for late money, the call that had opened the attempt.
    pub request_id: RequestId,
    /// Why it exists.
    pub purpose: Purpose,
    /// The rail.
    pub rail: RailName,
    /// The rail account.
    pub account: AccountId,
    /// Its number at the rail, the same at every repeat.
    pub refund_no: OrderNo,
    /// How much goes back.
    pub amount: PositiveMoney,
    /// The storefront's reason, for the payer's eyes.
    pub reason: Option<String>,
    /// When it was opened; whole seconds.
    pub opened_at: Timestamp,
    /// Until when it may be sent again under its number.
    pub resend_until: Timestamp,
    /// 32 lower-case hex digits for the rail's message.
    pub nonce: String,
    /// The rail wants time between two refunds of one order, so that this one waits for its turn before it is sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paced: bool,
    /// Who bears it; absent where the payment was not divided and no rule decides about refunds: the storefront.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearing: Option<Box<Bearing>>,
    /// The version of the storefront's rules that granted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted_by: Option<RulesVersion>,
    /// What the storefront said of it for its rules: with that a draft of them can be tried on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<RefundCase>,
}

/// A version of a storefront's rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulesVersion {
    /// Its number.
    pub version: u32,
    /// The digest of its content.
    pub digest: Digest,
}

/// Why a refund exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The storefront asked for it.
    Requested,
    /// A payment came too late, or was the second one; it goes back by itself.
    LateMoney,
}

/// Where a refund stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum State {
    /// Written ahead: it may have been sent.
    Sending(Sending),
    /// Sent, and the outcome is unknown.
    InDoubt(InDoubt),
    /// The rail took it; the money is on its way.
    Processing {
        /// The rail's word where it is on no way at all: the payer's account did not take it, and it lies at the rail until
        /// somebody says where it goes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attention: Option<Attention>,
    },
    /// The money went back. Final.
    Succeeded {
        /// What the rail said.
        settled: Settled,
    },
    /// It will not go back by this refund; the reserve is free again. Final.
    Failed {
        /// What the rail said.
        refusal: Refusal,
    },
}

/// See [`State::InDoubt`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InDoubt {
    /// Why it is unknown.
    pub doubt: Doubt,
    /// How often it was sent.
    pub sends: u32,
    /// An earlier send than the last may have left us.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub doubted: bool,
    /// What the last query found.
    pub found: Option<Found>,
}

/// One journal entry of a refund.
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
    /// The refund was opened, written ahead of its first byte.
    Opened {
        /// What it is.
        terms: Terms,
    },
    /// It moved.
    Moved {
        /// Where to.
        to: State,
        /// The rail's number, where this news brought it.
        rail_ref: Option<RailRef>,
    },
    /// An operator gave quarantined work back to the workers; nothing else changed.
    Redriven {
        /// Who decided it.
        by: Remark,
        /// Why.
        why: Remark,
    },
    /// Every fen of it has a bearer now: it may be sent, and counts as opened now.
    Funded {
        /// Who bears what.
        allocation: Allocation,
    },
    /// The storefront has reversed its decision: bearers get back what they bore. The payer keeps the money.
    Reversed {
        /// Who gets what back, and who bears what from now on.
        reversal: Reversal,
        /// Who bears it in their place; absent: somebody outside of the book.
        from: Option<Bearer>,
        /// Why.
        why: Remark,
    },
}

impl Refund {
    /// What a worker does next.
    pub fn duty(&self, now: Timestamp) -> crate::attempt::Duty {
        use crate::attempt::Duty;
        if self.short().is_some() {
            return Duty::Rest;
        }
        match &self.state {
            State::Sending(sending) if sending.unsent => Duty::Send,
            State::InDoubt(doubt) if doubt.found == Some(Found::Nothing) && now < self.resend_until() => {
                Duty::Send
            }
            State::Sending(_) | State::InDoubt(_) | State::Processing { .. } => Duty::Call(Verb::QueryRefund),
            State::Succeeded { .. } | State::Failed { .. } => Duty::Rest,
        }
    }

    /// When it was opened for the rail: the time that its message tells, and from which the rail's own times count.
    pub fn opened_at(&self) -> Timestamp {
        self.ready_at.unwrap_or(self.terms.opened_at)
    }

    /// Until when it may be sent again under its number.
    fn resend_until(&self) -> Timestamp {
        let time = self.terms.resend_until.duration_since(self.terms.opened_at);
        self.opened_at().saturating_add(time).unwrap_or(Timestamp::MAX)
    }

    /// What of it nobody bears yet, while it waits for that.
    pub fn short(&self) -> Option<PositiveMoney> {
        if self.is_final() { None } else { bearing::short(self.allocation.as_ref()) }
    }

    /// Who bears it.
    pub fn bearing(&self) -> Option<&Bearing> {
        self.terms.bearing.as_deref()
    }

    /// Whether every fen of it has, or had before it failed, a bearer: their parts were booked.
    pub fn is_borne(&self) -> bool {
        self.bearing().is_some() && bearing::is_funded(self.allocation.as_ref())
    }

    /// Whether it is certain that it was never sent: it waits to be, or failed before it was.
    pub fn is_unsent(&self) -> bool {
        match &self.state {
            State::Sending(sending) => sending.unsent && sending.sends == 0,
            State::Failed { refusal } => refusal.basis == Basis::NotSent,
            State::InDoubt(_) | State::Processing { .. } | State::Succeeded { .. } => false,
        }
    }

    /// Whether it has ended.
    pub fn is_final(&self) -> bool {
        match self.state {
            State::Sending(_) | State::InDoubt(_) | State::Processing { .. } => false,
            State::Succeeded { .. } | State::Failed { .. } => true,
        }
    }

    /// The rail's word while it waits until somebody decides where the money goes.
    pub fn attention(&self) -> Option<&Attention> {
        match &self.state {
            State::Processing { attention } => attention.as_ref(),
            State::Sending(_) | State::InDoubt(_) | State::Succeeded { .. } | State::Failed { .. } => None,
        }
    }
}

impl State {
    /// The stored, printed and exported name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sending(_) => "sending",
            Self::InDoubt(_) => "in_doubt",
            Self::Processing { .. } => "processing",
            Self::Succeeded { .. } => "succeeded",
            Self::Failed { .. } => "failed",
        }
    }
}

#[cfg(test)]
mod tests;
