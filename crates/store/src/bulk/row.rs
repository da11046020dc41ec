//! What is kept of bulk refunds, and what is said about them.

use jiff::{SignedDuration, Timestamp};
use paifang_money::{Currency, PositiveMoney};
use paifang_payment::{BulkEntryId, BulkId, Digest, IntentId, RefundId, RequestId, TenantId};
use paifang_shares::refund_terms::{RefundMode, RefundReason};
use serde::{Deserialize, Serialize};

use crate::RequestKey;

/// What a bulk is, fixed when it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkTerms {
    /// What the storefront calls it.
    pub name: String,
    /// Why, for the payers' eyes: the reason of every refund.
    pub reason: Option<String>,
    /// Why, for the storefront's own rules.
    pub case: Option<BulkCase>,
    /// Refunds per second at most.
    pub pace: u32,
    /// Refunds at most that are sent, or may be, and of which the rail has not said that it took them.
    pub in_flight_max: u32,
}

/// What a storefront says of all refunds of a bulk, for its own rules to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkCase {
    /// Why.
    pub reason: RefundReason,
    /// Only by a rule of this mode; absent: of any that somebody asks for.
    pub mode: Option<RefundMode>,
    /// Whether the merchant consented; absent: not known.
    pub consented: Option<bool>,
}

/// A bulk to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBulk {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its id.
    pub id: BulkId,
    /// When it was made.
    pub at: Timestamp,
    /// What it is.
    pub terms: BulkTerms,
    /// The call that makes it; its step is [`BulkStep::Create`].
    pub call: BulkCall,
}

/// A storefront's call that moves a bulk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkCall {
    /// What it asks for.
    pub step: BulkStep,
    /// Its id, unique per tenant and step. Never expires.
    pub request_id: RequestId,
    /// Fingerprint of the canonical request.
    pub fingerprint: Digest,
    /// When it was taken.
    pub at: Timestamp,
}

/// What a call asks of a bulk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BulkStep {
    /// Make it.
    Create,
    /// Begin.
    Start,
    /// Ask for no further refund.
    Pause,
    /// Go on.
    Resume,
    /// Give up what has not begun.
    Cancel,
}

/// Where a bulk stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkState {
    /// It takes entries.
    Draft,
    /// Its refunds are asked for.
    Running,
    /// No further refund is asked for.
    Paused,
    /// What has not begun is being given up; what has begun comes to its end.
    Canceling,
    /// Every entry has its end. Final.
    Ended,
}

/// A bulk as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkRow {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its id.
    pub id: BulkId,
    /// What it is.
    pub terms: BulkTerms,
    /// Where it stands.
    pub state: BulkState,
    /// How many entries it has.
    pub entries: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// An entry to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBulkEntry {
    /// The storefront's name for it, unique in the bulk.
    pub name: BulkEntryId,
    /// The intent whose money goes back.
    pub intent: IntentId,
    /// How much; absent: all that is left when it is asked for.
    pub amount: Option<PositiveMoney>,
}

/// An entry with what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkEntry {
    /// Its place in the bulk: 1, 2, 3, ... in the order of adding.
    pub position: u64,
    /// The storefront's name for it.
    pub name: BulkEntryId,
    /// The intent whose money goes back.
    pub intent: IntentId,
    /// How much was wanted, or is, since it was asked for; absent while all that is left is wanted and not yet asked for.
    pub amount: Option<PositiveMoney>,
    /// How far it is.
    pub stage: EntryStage,
    /// Its refund, since there is one.
    pub refund: Option<RefundId>,
    /// Why there is none.
    pub refused: Option<Refused>,
}

/// Why an entry has no refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// A reason of the contract, such as `REFUND_CLOSED_BY_POLICY`.
    pub reason: String,
    /// The same for people; at most [`Refused::CHARS_MAX`] characters.
    pub message: String,
}

/// How far an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryStage {
    /// Not begun.
    Waiting,
    /// Its refund is being opened, or is and may have been sent.
    Asked,
    /// Its refund waits for funds of its bearers.
    AwaitingFunds,
    /// The rail took its refund, or may have: the outcome is not known yet.
    Sent,
    /// The money went back.
    Succeeded,
    /// Its refund failed.
    Failed,
    /// It was refused: there is no refund.
    Refused,
    /// It was given up before it began.
    Canceled,
}

/// Entries of one stage (and reason, where they were refused) and one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkTotal {
    /// How far they are.
    pub stage: EntryStage,
    /// Why they were refused.
    pub reason: Option<String>,
    /// In which currency; absent where the amount is not known yet.
    pub currency: Option<Currency>,
    /// How many.
    pub count: u64,
    /// How much, in minor units; 0 without a currency.
    pub minor: i128,
}

/// A claim of a bulk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BulkClaim {
    /// Whose it is.
    pub tenant: TenantId,
    /// Which.
    pub id: BulkId,
    /// The fence of this claim.
    pub epoch: u64,
}

/// What came of asking for an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryOutcome {
    /// It has a refund.
    Asked(RefundId, PositiveMoney),
    /// It has none, and will have none: the request under which it would be made is used up in the same commit, for its
    /// intent. Where that request stands for something by then, nothing is written, and the entry is to be asked for again.
    Refused(Refused, RequestKey),
}

/// What is done with a claimed bulk next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkThen {
    /// Go on: the claim holds for another while.
    Go {
        /// How many entries are begun at most.
        begin: u32,
        /// Whether to look at what became of refunds.
        look: bool,
        /// How long the claim holds.
        lease: SignedDuration,
    },
    /// Give the claim back.
    Rest {
        /// When somebody looks again.
        after: SignedDuration,
        /// The state that was seen: where it is another one by now, somebody looks at once. Absent: nobody does.
        seen: Option<BulkState>,
    },
}

/// Where a bulk stands for whoever drives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Driven {
    /// Its state; [`BulkState::Ended`] ends the claim.
    pub state: BulkState,
    /// What it is.
    pub terms: BulkTerms,
    /// Entries that were begun and have no outcome: they are to be asked for. In the order of their positions.
    pub asking: Vec<BulkEntry>,
    /// Whether entries wait.
    pub waiting: bool,
    /// How many refunds are in flight, those aside that a person has; absent without a look.
    pub in_flight: Option<u64>,
    /// How long until the pace allows to begin another entry; negative when it is long since it did.
    pub slot: SignedDuration,
}

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkCalled {
    /// It was taken.
    Done,
    /// It was taken before, with the same fingerprint, for this bulk. Nothing was changed.
    Replayed(BulkId),
    /// Its request id was used before with another fingerprint. Nothing was changed.
    Reused,
    /// There is no such bulk.
    Unknown,
    /// The bulk is in a state without such a step.
    Refused(BulkState),
}

/// What came of adding entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntriesAdded {
    /// They are there; so many are new.
    Done(u64),
    /// There is no such bulk.
    Unknown,
    /// This one is there with another content.
    Differs(BulkEntryId),
    /// The bulk would have more than [`crate::BULK_ENTRIES_MAX`].
    Full,
    /// The bulk takes no entries any more.
    Refused(BulkState),
}

impl Refused {
    /// Characters of a message at most; longer ones are cut.
    pub const CHARS_MAX: usize = 200;

    /// A refusal.
    pub fn new(reason: &str, message: &str) -> Self {
        let message = message.chars().take(Self::CHARS_MAX).collect();
        Self { reason: reason.to_owned(), message }
    }
}

impl BulkStep {
    /// The stored name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Start => "start",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
        }
    }
}

impl BulkState {
    /// The stored and printed name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Canceling => "canceling",
            Self::Ended => "ended",
        }
    }

    /// Reads the stored name.
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::Draft, Self::Running, Self::Paused, Self::Canceling, Self::Ended];
        all.into_iter().find(|state| state.as_str() == text)
    }

    /// Where a step leads from here; `None` where there is no such step.
    pub fn after(self, step: BulkStep) -> Option<Self> {
        match (step, self) {
            (BulkStep::Start, Self::Draft) | (BulkStep::Resume, Self::Running | Self::Paused) => {
                Some(Self::Running)
            }
            (BulkStep::Pause, Self::Running | Self::Paused) => Some(Self::Paused),
            (BulkStep::Cancel, Self::Draft | Self::Running | Self::Paused | Self::Canceling) => {
                Some(Self::Canceling)
            }
            (BulkStep::Create, _)
            | (BulkStep::Start, Self::Running | Self::Paused | Self::Canceling | Self::Ended)
            | (BulkStep::Pause | BulkStep::Resume, Self::Draft | Self::Canceling | Self::Ended)
            | (BulkStep::Cancel, Self::Ended) => None,
        }
    }
}

impl EntryStage {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Waiting,
        Self::Asked,
        Self::AwaitingFunds,
        Self::Sent,
        Self::Succeeded,
        Self::Failed,
        Self::Refused,
        Self::Canceled,
    ];

    /// The stored and printed name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Asked => "asked",
            Self::AwaitingFunds => "awaiting_funds",
            Self::Sent => "sent",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Canceled => "canceled",
        }
    }

    /// Reads the stored name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == text)
    }

    /// Whether nothing changes any more.
    pub fn is_final(self) -> bool {
        match self {
            Self::Waiting | Self::Asked | Self::AwaitingFunds | Self::Sent => false,
            Self::Succeeded | Self::Failed | Self::Refused | Self::Canceled => true,
        }
    }
}

impl BulkTotal {
    /// In which order totals are told.
    pub fn place(&self) -> (EntryStage, Option<String>, Option<&'static str>) {
        (self.stage, self.reason.clone(), self.currency.map(Currency::code))
    }
}

/// The pace of a bulk: so long after `begun` entries were begun at once, the next may begin.
pub fn pause_after(begun: u64, pace: u32) -> SignedDuration {
    let nanos = i64::try_from(begun.saturating_mul(1_000_000_000) / u64::from(pace.max(1)));
    SignedDuration::from_nanos(nanos.unwrap_or(i64::MAX))
}
