//! What is committed: plain data, whole or not at all.

use std::fmt;

use jiff::Timestamp;
use paifang_ledger::Transfer;
use paifang_money::PositiveMoney;
use paifang_payment::intent::{self, Intent};
use paifang_payment::refund::{self, Refund};
use paifang_payment::{
    AccountId, AttemptId, Digest, EventId, FundsId, IntentId, RefundId, RequestId, TenantId,
};
use paifang_shares::waterfall::Bearer;
use serde::{Deserialize, Serialize};

use crate::row::{Amounts, Operation, Submission, WorkKey};
use crate::{Mark, RulesSeen};

/// One commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Whose it is; every row in it belongs to this tenant.
    pub tenant: TenantId,
    /// When it was decided.
    pub at: Timestamp,
    /// The storefront's request, where it is one.
    pub request: Option<RequestKey>,
    /// The intent that moves.
    pub intent: Option<IntentWrite>,
    /// The refunds that move.
    pub refunds: Vec<RefundWrite>,
    /// Changes of the intent's amounts, each with its condition.
    pub guards: Vec<Guard>,
    /// Ledger rows.
    pub transfers: Vec<Transfer>,
    /// What is to be done next.
    pub work: Vec<WorkChange>,
    /// Payer data of attempts.
    pub submissions: Vec<SubmissionChange>,
    /// Events for the storefront.
    pub events: Vec<NewEvent>,
    /// The notification that brought the news.
    pub inbox: Option<InboxEntry>,
    /// The claim under which this is written.
    pub fence: Option<Fence>,
    /// The tenant's rules as they were seen, where something was decided by them.
    pub rules: Option<RulesSeen>,
    /// What became of attempts that rules let in.
    pub marks: Vec<Mark>,
}

/// A storefront's request id with what it stands for. Never expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey {
    /// The kind of call.
    pub operation: Operation,
    /// The id.
    pub request_id: RequestId,
    /// Fingerprint of the canonical request.
    pub fingerprint: Digest,
    /// What the call makes or touches.
    pub resource: Resource,
}

/// What a request made or touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "id")]
pub enum Resource {
    /// An intent.
    Intent(IntentId),
    /// A refund.
    Refund(RefundId),
    /// A transfer among a storefront's own funds.
    Funds(FundsId),
}

impl Resource {
    /// Reads the stored text: the prefix of an id says its kind.
    pub fn parse(text: &str) -> Option<Self> {
        let intent = IntentId::parse(text).map(Self::Intent);
        let refund = || RefundId::parse(text).map(Self::Refund);
        intent.or_else(|_| refund()).or_else(|_| FundsId::parse(text).map(Self::Funds)).ok()
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Intent(id) => id.fmt(f),
            Self::Refund(id) => id.fmt(f),
            Self::Funds(id) => id.fmt(f),
        }
    }
}

/// An intent's next row, with the journal entries that lead to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntentWrite {
    /// The version that was seen; 0 for a new intent.
    pub expected: u64,
    /// The row after it.
    pub row: Intent,
    /// The new entries.
    pub entries: Vec<intent::Entry>,
}

/// A refund's next row, with the journal entries that lead to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundWrite {
    /// The version that was seen; 0 for a new refund.
    pub expected: u64,
    /// The row after it.
    pub row: Refund,
    /// The new entries.
    pub entries: Vec<refund::Entry>,
}

/// A change of an intent's amounts. Its condition is checked by the store in the same statement that changes the row,
/// so any number of refunds may run beside each other and never return more than was captured (I6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guard {
    /// `authorized += amount`, at most the intent's amount.
    Authorize(IntentId, PositiveMoney),
    /// `authorized -= amount`, if at least what was captured is left.
    Void(IntentId, PositiveMoney),
    /// `captured += amount`, at most what is authorized.
    Capture(IntentId, PositiveMoney),
    /// `reserved += amount`, if `captured - refunded - reserved >= amount`.
    Reserve(IntentId, PositiveMoney),
    /// `reserved -= amount`, `refunded += amount`.
    Settle(IntentId, PositiveMoney),
    /// `reserved -= amount`.
    Release(IntentId, PositiveMoney),
    /// The intent has exactly so many refunds, those that this batch opens included: whoever decided what the next one gives
    /// back has seen all the others. Where it does not hold, the answer is [`Committed::Conflict`].
    Refunds {
        /// The intent.
        intent: IntentId,
        /// How many.
        count: u64,
    },
    /// A refund of this intent is sent now, if the last one was sent at least so long ago.
    Pace {
        /// The intent.
        intent: IntentId,
        /// When it is sent.
        at: Timestamp,
        /// The least time between two refunds, in seconds.
        interval_s: u32,
    },
}

/// A change of the list of things to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkChange {
    /// Schedules it (anew): a new fence (1 for a key that never was), no tries yet.
    Put {
        /// What it is about.
        key: WorkKey,
        /// The rail account whose lane it runs in; `None` for expiries.
        lane: Option<AccountId>,
        /// When it is due.
        due_at: Timestamp,
        /// Claimed by the writer from the start.
        lease: Option<Lease>,
    },
    /// Schedules a refund that waits for its turn (a new fence, no tries yet). The store hands out one turn after the other:
    /// at `not_before`, and at least `interval_s` after both the last turn that was handed out for this intent and the last
    /// refund of it that was sent ([`Guard::Pace`]).
    Turn {
        /// What it is about.
        key: WorkKey,
        /// The rail account whose lane it runs in.
        lane: AccountId,
        /// The intent whose refunds take turns.
        intent: IntentId,
        /// Not before then.
        not_before: Timestamp,
        /// The least time between two turns, in seconds.
        interval_s: u32,
    },
    /// Not due before then, tries kept. Needs the batch's fence.
    Delay {
        /// What it is about.
        key: WorkKey,
        /// When it is due.
        due_at: Timestamp,
    },
    /// Nothing more to do.
    Remove {
        /// What it was about.
        key: WorkKey,
    },
    /// Nobody touches it any more until a person has looked.
    Quarantine {
        /// What it is about.
        key: WorkKey,
        /// Why: the text form of a [`crate::Quarantine`].
        reason: String,
    },
    /// Gives quarantined work back to the workers: a new fence, no tries. [`Committed::Fenced`] when it is not in quarantine
    /// any more, or its fence is not the one that was read.
    Redrive {
        /// What it is about.
        key: WorkKey,
        /// The fence that was read.
        epoch: u64,
        /// When it is due.
        due_at: Timestamp,
    },
}

/// A claim that begins with the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Who holds it.
    pub owner: String,
    /// For how long, on the store's clock, in milliseconds.
    pub millis: u32,
}

/// A change of an attempt's payer data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubmissionChange {
    /// Keep it.
    Put(AttemptId, Submission),
    /// The attempt has ended: forget it.
    Clear(AttemptId),
}

impl SubmissionChange {
    /// The attempt whose data are forgotten.
    pub fn cleared(&self) -> Option<AttemptId> {
        match self {
            Self::Clear(attempt) => Some(*attempt),
            Self::Put(..) => None,
        }
    }
}

/// An event for the storefront; its body is frozen here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Stable over every delivery.
    pub id: EventId,
    /// What it belongs to; none for what is told of funds.
    pub intent: Option<IntentId>,
    /// Such as `payment_intent.succeeded`.
    pub kind: String,
    /// The resource at that moment.
    pub snapshot: Snapshot,
}

/// A resource as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "resource")]
pub enum Snapshot {
    /// An intent.
    Intent {
        /// The intent.
        intent: Box<Intent>,
        /// Its amounts.
        amounts: Amounts,
    },
    /// A refund.
    Refund {
        /// The refund.
        refund: Box<Refund>,
        /// What the step gave back to its bearers, where it reversed the decision.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reversal: Option<Box<Reversed>>,
    },
    /// A transfer among the storefront's own funds, which belongs to no intent.
    Funds {
        /// The transfer.
        transfer: Box<Transfer>,
    },
}

/// What the reversal of a decision gave back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reversed {
    /// The refund's version after it, which is part of the keys of its transfers.
    pub version: u64,
    /// Who got what back, in the order of paying back.
    pub back: Vec<(Bearer, PositiveMoney)>,
    /// Who bears it in their place; absent: somebody outside of the book.
    pub from: Option<Bearer>,
}

impl Snapshot {
    /// The refund that it shows.
    pub fn of_refund(refund: &Refund) -> Self {
        Self::Refund { refund: Box::new(refund.clone()), reversal: None }
    }
}

/// A genuine notification, kept once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxEntry {
    /// The rail account that it came in for.
    pub account: AccountId,
    /// What deduplicates it within the account; see [`InboxEntry::suspicious`].
    pub key: String,
    /// What became of it.
    pub verdict: InboxVerdict,
    /// Digest of the signed bytes; the payload itself is not kept.
    pub digest: Digest,
}

/// What became of a genuine notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum InboxVerdict {
    /// It was news, or told what was known.
    Applied,
    /// Genuine, but for another merchant, app, amount or currency: kept, raised, without effect.
    Suspicious {
        /// What does not fit.
        why: String,
    },
}

impl InboxEntry {
    /// The same notification as one that does not fit. Its key becomes that of its very bytes: whoever is told something
    /// wrong under the key of a payment must still take up the right news when it comes under that key.
    pub fn suspicious(self, why: String) -> Self {
        let key = format!("suspicious:{:?}:{}", self.digest, self.key);
        Self { key, verdict: InboxVerdict::Suspicious { why }, ..self }
    }
}

/// Writes only if the claim still holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// The claimed piece of work.
    pub key: WorkKey,
    /// The claim's epoch.
    pub epoch: u64,
}

/// What a store answers to a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// It is durable.
    Done,
    /// This request id was there before, with the same fingerprint: what it stands for. Nothing was changed.
    Replayed(Resource),
    /// This request id was there before, with another fingerprint. Nothing was changed.
    RequestReused,
    /// An expected version has moved on. Nothing was changed; load and decide again.
    Conflict,
    /// The claim was lost, or work that was to be re-driven has moved on. Nothing was changed.
    Fenced,
    /// This notification was kept before. Nothing was changed.
    SeenBefore,
    /// An amount's condition did not hold, or an account that has a bound would fall below zero. Nothing was changed.
    GuardFailed,
}

impl Batch {
    /// An empty batch.
    pub fn new(tenant: TenantId, at: Timestamp) -> Self {
        Self {
            tenant,
            at,
            request: None,
            intent: None,
            refunds: Vec::new(),
            guards: Vec::new(),
            transfers: Vec::new(),
            work: Vec::new(),
            submissions: Vec::new(),
            events: Vec::new(),
            inbox: None,
            fence: None,
            rules: None,
            marks: Vec::new(),
        }
    }
}
