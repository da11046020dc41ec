//! One row of the ledger.

use std::fmt;

use jiff::Timestamp;
use paifang_money::PositiveMoney;
use serde::{Deserialize, Serialize};

use crate::Account;

/// What makes a posting unique for ever, such as `capture:pi_...:at_...`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PostingKey(String);

/// Money moves from one account to another. Never altered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Posted exactly once.
    pub key: PostingKey,
    /// The account that is debited.
    pub debit: Account,
    /// The account that is credited.
    pub credit: Account,
    /// How much.
    pub amount: PositiveMoney,
    /// At once, or in two phases.
    pub kind: Kind,
    /// What it belongs to, in the words of whoever posts.
    pub subject: String,
    /// When it was decided.
    pub at: Timestamp,
}

/// The phase of a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "phase", content = "of")]
pub enum Kind {
    /// Counts at once.
    Posted,
    /// Set aside: counts as pending until it is posted or voided.
    Pending,
    /// Posts this pending transfer in full.
    Posts(PostingKey),
    /// Voids this pending transfer in full.
    Voids(PostingKey),
}

impl PostingKey {
    /// A key from its parts, joined by colons.
    pub fn of(parts: &[&str]) -> Self {
        Self(parts.join(":"))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Transfer {
    /// The row that posts or voids this pending one.
    pub fn resolved(&self, kind: Kind, key: PostingKey, at: Timestamp) -> Self {
        Self { key, kind, at, ..self.clone() }
    }
}

impl fmt::Display for PostingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PostingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
