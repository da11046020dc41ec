//! What a rail's word means. Plain data: the proof that a rail really said it is checked in the `rail` crate, which is
//! the only maker of observations from outside.

use paifang_money::PositiveMoney;
use serde::{Deserialize, Serialize};

use crate::{Attention, Evidence, NextAction, RailRef, Reason};

/// What an exchange with a rail, or a message from it, means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The payer was charged.
    Paid(Settled),
    /// The payer's money is held: nothing moved yet, and it is taken or given back later.
    Held(Settled),
    /// The refund was carried out.
    Refunded(Settled),
    /// The order can no longer be paid, or what was paid went back.
    Closed(CloseProof),
    /// The rail has it; the final word comes later.
    Pending(Pending),
    /// Final no; nothing moved.
    Refused(Refusal),
    /// Proven that no byte left us. Only the transport may say so.
    NotSent(NotSent),
    /// Everything else.
    Unknown(Doubt),
}

/// Money moved, by the rail's signed word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// How much the rail says it was, in full (coupons included).
    pub amount: PositiveMoney,
    /// The rail's number of the transaction.
    pub rail_ref: Option<RailRef>,
    /// When the rail says it happened.
    pub settled_at: Option<jiff::Timestamp>,
}

/// The rail's signed word that an order ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseProof {
    /// What had been paid and went back, where this was a reverse of a paid order.
    pub returned: Option<PositiveMoney>,
    /// The rail's number of the transaction, if it has one.
    pub rail_ref: Option<RailRef>,
}

/// The rail has the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// What the storefront does next; absent in answers to queries.
    pub next_action: Option<NextAction>,
    /// The rail's number, if it gave one already.
    pub rail_ref: Option<RailRef>,
}

/// A final no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Why, in our words.
    pub reason: Reason,
    /// The rail's code, verbatim.
    pub rail_code: String,
    /// The rail's text, verbatim; at most 512 characters are kept.
    pub rail_message: String,
    /// What the refusal rests on.
    pub basis: Basis,
}

/// What a refusal rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The rail signed it.
    Signed,
    /// Only the TLS channel vouches for it (WeChat Pay 4xx, Alipay before it knows the app).
    Channel,
    /// Our own proof that nothing was sent.
    NotSent,
}

/// Why no byte left us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotSent {
    /// The connection or its TLS handshake failed.
    NotConnected,
    /// Our own limits held the call back.
    HeldBack,
    /// The adapter could not make the message (a missing key, a value the rail's alphabet lacks).
    NotPlanned(String),
}

/// Why an outcome is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// No answer within the deadline.
    TimedOut,
    /// The connection ended after bytes had left.
    ConnectionLost,
    /// An HTTP status that says nothing about the effect.
    HttpStatus(u16),
    /// The answer's signature is missing or wrong.
    BadSignature,
    /// The answer cannot be read.
    Unreadable,
    /// A code that the adapter's table does not list, verbatim.
    UnlistedCode(String),
    /// A listed code by which the rail itself says that it does not know yet, verbatim.
    RailUnsure(String),
    /// The answer speaks of another order, merchant or app than the call; names the field.
    Mismatch(String),
    /// Another amount or currency than the order's.
    AmountMismatch,
    /// The rail refused over the TLS channel only; final together with a query that finds nothing.
    Unconfirmed(Refusal),
    /// The process ended between sending and hearing.
    Crashed,
    /// The rail refuses to close because the order may be paid.
    MaybePaid(String),
}

/// What we asked when the news came; a message the rail sent by itself counts as [`Verb::Query`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Collect the money, or create the order for it.
    Charge,
    /// Ask about the order.
    Query,
    /// End an unpaid order.
    Close,
    /// End an order of a payer's code, returning what was paid.
    Reverse,
    /// Ask about a reverse.
    QueryReverse,
    /// Give money back.
    Refund,
    /// Ask about a refund.
    QueryRefund,
    /// Take held money, all of it or a part.
    Capture,
    /// Ask about a capture.
    QueryCapture,
    /// Give held money back.
    Release,
    /// Ask about a release.
    QueryRelease,
}

/// News of an order or refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// What it means.
    Outcome(Outcome),
    /// A query found no such order. Not an outcome: the request may still be under way.
    Absent,
}

/// One piece of news about an attempt or a refund, in any order, any number of times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// What it answers.
    pub verb: Verb,
    /// What it says.
    pub news: News,
    /// The rail's word where what is pending does not go on by itself: somebody has to decide something first.
    pub attention: Option<Attention>,
    /// Why it is believed.
    pub evidence: Evidence,
}

impl Observation {
    /// Whether it is written although the claim under which it was asked for is lost (I16). Two kinds are, since dropping
    /// them could lose something that asking again does not bring back soon enough, or at all:
    ///
    /// - the rail's proven word that money moved (paid, held, refunded, returned by a reverse). It stays true whoever hears
    ///   it, the machine takes it in any order, and the commit is conditional on the row's version; work that went into
    ///   quarantine meanwhile would never ask again (I17);
    /// - the answer to a creation that brings what the payer is shown: no query repeats it.
    pub fn outlives_its_claim(&self) -> bool {
        match &self.news {
            News::Absent => false,
            News::Outcome(outcome) => match outcome {
                Outcome::Paid(_) | Outcome::Held(_) | Outcome::Refunded(_) => true,
                Outcome::Closed(proof) => proof.returned.is_some(),
                Outcome::Pending(pending) => self.verb == Verb::Charge && pending.next_action.is_some(),
                Outcome::Refused(_) | Outcome::NotSent(_) | Outcome::Unknown(_) => false,
            },
        }
    }
}

impl Outcome {
    /// One word for logs and metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Paid(_) => "paid",
            Self::Held(_) => "held",
            Self::Refunded(_) => "refunded",
            Self::Closed(_) => "closed",
            Self::Pending(_) => "pending",
            Self::Refused(_) => "refused",
            Self::NotSent(_) => "not_sent",
            Self::Unknown(_) => "unknown",
        }
    }
}

impl News {
    /// One word for logs and metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Outcome(outcome) => outcome.word(),
            Self::Absent => "absent",
        }
    }

    /// Whether the rail said anything; silence, doubt and what never left us are no answers.
    pub fn is_answer(&self) -> bool {
        match self {
            Self::Outcome(Outcome::Unknown(_) | Outcome::NotSent(_)) => false,
            Self::Absent
            | Self::Outcome(
                Outcome::Paid(_)
                | Outcome::Held(_)
                | Outcome::Refunded(_)
                | Outcome::Closed(_)
                | Outcome::Pending(_)
                | Outcome::Refused(_),
            ) => true,
        }
    }
}

impl Verb {
    /// The name for logs, metrics and rules.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Query => "query",
            Self::Close => "close",
            Self::Reverse => "reverse",
            Self::QueryReverse => "query_reverse",
            Self::Refund => "refund",
            Self::QueryRefund => "query_refund",
            Self::Capture => "capture",
            Self::QueryCapture => "query_capture",
            Self::Release => "release",
            Self::QueryRelease => "query_release",
        }
    }
}
