//! What is read back.

use std::fmt;

use jiff::Timestamp;
use paifang_ledger::{Account, Balance, Transfer};
use paifang_money::{Currency, Money};
use paifang_payment::intent::Intent;
use paifang_payment::{
    AccountId, AttemptId, Digest, EventId, IntentId, PayerAlias, PayerId, RefundId, TenantId,
};
use serde::{Deserialize, Serialize};

use crate::batch::{InboxVerdict, Resource, Snapshot};

/// An intent with the amounts that its refunds share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntentRow {
    /// The intent.
    pub intent: Intent,
    /// What was authorized and captured, and what of it went back.
    pub amounts: Amounts,
}

/// The amounts of one intent, in its currency. `reserved + refunded <= captured <= authorized <= amount` always (I6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredAmounts")]
pub struct Amounts {
    /// What the payer agreed to: what is or was held, or what was charged at once. Falls back to zero when a hold is given
    /// back untouched; stays as it is when a part of a hold is captured.
    pub authorized: Money,
    /// Collected and kept.
    pub captured: Money,
    /// Set aside by refunds that have not ended.
    pub reserved: Money,
    /// Gone back.
    pub refunded: Money,
}

impl Amounts {
    /// Nothing captured yet.
    pub fn none(currency: Currency) -> Self {
        let zero = Money::zero(currency);
        Self { authorized: zero, captured: zero, reserved: zero, refunded: zero }
    }
}

/// Snapshots from before there were holds do not tell what was authorized: it was what was captured.
#[derive(Deserialize)]
struct StoredAmounts {
    authorized: Option<Money>,
    captured: Money,
    reserved: Money,
    refunded: Money,
}

impl From<StoredAmounts> for Amounts {
    fn from(stored: StoredAmounts) -> Self {
        let StoredAmounts { authorized, captured, reserved, refunded } = stored;
        Self { authorized: authorized.unwrap_or(captured), captured, reserved, refunded }
    }
}

/// Which calls of a storefront have request ids of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// `CreatePaymentIntent`
    CreateIntent,
    /// `ConfirmPaymentIntent`
    ConfirmIntent,
    /// `CapturePaymentIntent`
    CaptureIntent,
    /// `CancelPaymentIntent`
    CancelIntent,
    /// `CreateRefund`
    CreateRefund,
    /// `CancelRefund`
    CancelRefund,
    /// `ReverseRefundDecision`
    ReverseRefund,
    /// `TransferFunds`
    TransferFunds,
    /// `ReportComplaint`
    ReportComplaint,
}

impl Operation {
    /// The stored name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreateIntent => "create_intent",
            Self::ConfirmIntent => "confirm_intent",
            Self::CaptureIntent => "capture_intent",
            Self::CancelIntent => "cancel_intent",
            Self::CreateRefund => "create_refund",
            Self::CancelRefund => "cancel_refund",
            Self::ReverseRefund => "reverse_refund",
            Self::TransferFunds => "transfer_funds",
            Self::ReportComplaint => "report_complaint",
        }
    }
}

/// What a request id stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRow {
    /// The fingerprint of the first call.
    pub fingerprint: Digest,
    /// What that call made or touched.
    pub resource: Resource,
}

/// Where an order number, or the number of a capture or release, leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRef {
    /// Whose it is.
    pub tenant: TenantId,
    /// The intent.
    pub intent: IntentId,
    /// The attempt.
    pub attempt: AttemptId,
}

/// Where a refund number leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRef {
    /// Whose it is.
    pub tenant: TenantId,
    /// The intent.
    pub intent: IntentId,
    /// The refund.
    pub refund: RefundId,
}

/// What an attempt's message needs of the payer. Kept apart from the journal and removed when the attempt has ended.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// The payer as the wallet's login names them.
    pub payer: Option<PayerId>,
    /// The payer's address.
    pub client_ip: Option<std::net::IpAddr>,
    /// The payer under the rail account's own name for them, where it is told one. Left out where there is none, so that a
    /// release that does not know it reads the same row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<PayerAlias>,
}

impl BookedFrom {
    /// From the first transfer of this time on.
    pub fn start(at: Timestamp) -> Self {
        Self { at, after: String::new() }
    }

    /// After this transfer.
    pub fn after(last: &Transfer) -> Self {
        Self { at: last.at, after: last.key.as_str().to_owned() }
    }
}

impl fmt::Debug for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Submission(***)")
    }
}

/// An event with its place in the order of commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Grows with each commit; a reader that has seen `n` misses nothing at or below `n`.
    pub cursor: u64,
    /// Stable over every delivery.
    pub id: EventId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What it belongs to; none for what is told of funds.
    pub intent: Option<IntentId>,
    /// 1, 2, 3, ... per intent; 1 where it belongs to none.
    pub sequence: u64,
    /// Such as `payment_intent.succeeded`.
    pub kind: String,
    /// When it was decided.
    pub at: Timestamp,
    /// The resource at that moment.
    pub snapshot: Snapshot,
}

/// A transfer with its place in the book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTransfer {
    /// Grows with each commit.
    pub position: u64,
    /// Whose book it is in.
    pub tenant: TenantId,
    /// The row.
    pub transfer: Transfer,
}

/// Where a page of an account's transfers begins: after the transfer of this key among those of this time, or with the first
/// one of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookedFrom {
    /// The time; earlier ones are not listed.
    pub at: Timestamp,
    /// The key; empty: from the first one.
    pub after: String,
}

/// The balance of one account in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountBalance {
    /// The account.
    pub account: Account,
    /// The currency.
    pub currency: Currency,
    /// Its sums.
    pub balance: Balance,
}

/// What a piece of work is about. There is at most one piece per attempt, refund and intent, so nothing about one of
/// them is ever sent by two workers at once (I16).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum WorkKey {
    /// See to an attempt.
    Attempt {
        /// Whose it is.
        tenant: TenantId,
        /// Its intent.
        intent: IntentId,
        /// Which one.
        attempt: AttemptId,
    },
    /// See to a refund.
    Refund {
        /// Whose it is.
        tenant: TenantId,
        /// Which one.
        refund: RefundId,
    },
    /// See whether an intent's time is over.
    Expiry {
        /// Whose it is.
        tenant: TenantId,
        /// Which one.
        intent: IntentId,
    },
}

impl WorkKey {
    /// The unique text form.
    pub fn text(&self) -> String {
        match self {
            Self::Attempt { attempt, .. } => attempt.to_string(),
            Self::Refund { refund, .. } => refund.to_string(),
            Self::Expiry { intent, .. } => intent.to_string(),
        }
    }
}

/// A piece of work, claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// What it is about.
    pub key: WorkKey,
    /// How often it was claimed since it was last scheduled anew, this time included.
    pub tries: u32,
    /// The fence of this claim.
    pub epoch: u64,
}

/// A piece of work as it lies in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkRow {
    /// What it is about.
    pub key: WorkKey,
    /// The rail account whose lane it runs in; `None` for expiries.
    pub lane: Option<AccountId>,
    /// When it is due.
    pub due_at: Timestamp,
    /// How often it was claimed since it was last scheduled anew.
    pub tries: u32,
    /// The fence of the last claim or schedule.
    pub epoch: u64,
    /// Until when somebody holds it.
    pub leased_until: Option<Timestamp>,
    /// Why nobody works on it any more: the text form of a [`crate::Quarantine`].
    pub quarantined: Option<String>,
}

/// What was kept of a genuine notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxRow {
    /// The rail account.
    pub account: AccountId,
    /// What deduplicates.
    pub key: String,
    /// What became of it.
    pub verdict: InboxVerdict,
    /// When it was kept.
    pub at: Timestamp,
    /// Digest of the signed bytes.
    pub digest: Digest,
}

/// A storefront.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// What people call it.
    pub name: String,
    /// SHA-256 of its API key; the key itself is never kept.
    pub key_hash: Digest,
    /// When it was made.
    pub created_at: Timestamp,
}

/// One page of a list, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Whether more follow.
    pub more: bool,
}

/// Which intents a list wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IntentFilter {
    /// Only in this state ([`paifang_payment::intent::State::name`]).
    pub state: Option<String>,
    /// Only older than this one (the last of the page before).
    pub before: Option<IntentId>,
}

/// What an operator looks at first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Intents by the name of their state.
    pub intents: std::collections::BTreeMap<String, u64>,
    /// Attempts and refunds whose outcome is unknown.
    pub doubts: u64,
    /// Since when the oldest of them is.
    pub oldest_doubt: Option<Timestamp>,
    /// Work that is claimed.
    pub leased: u64,
    /// When the oldest claim ends.
    pub oldest_lease_until: Option<Timestamp>,
    /// Work that is due.
    pub due: u64,
    /// Since when the oldest of it is.
    pub oldest_due: Option<Timestamp>,
    /// Work that nobody touches any more.
    pub quarantined: u64,
    /// Genuine notifications that fit nothing.
    pub suspicious: u64,
    /// The cursor of the newest event.
    pub last_event: u64,
}
