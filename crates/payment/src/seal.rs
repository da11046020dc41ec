//! What makes a journal a chain: each entry carries the digest of the entry before it and its own, and the last entry of
//! a commit also names what else that commit wrote. Plain data; whoever commits computes it, whoever checks a store
//! computes it again.

use serde::{Deserialize, Serialize};

use crate::{Digest, EventId, RequestId};

/// The seal of one journal entry. Once a journal has a sealed entry, every later one is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// The digest of the entry before it; absent where that one has none: at the journal's begin, or where an earlier
    /// release wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Digest>,
    /// On the last entry of a commit: what else was written with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Commit>,
    /// SHA-256 over the canonical form of whose it is, the entry, and the two fields above.
    pub digest: Digest,
}

/// What a commit wrote besides the row and its entries, and what it came from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The storefront's call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
    /// The key of the rail's notification that brought the news.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification: Option<String>,
    /// Posting keys of the ledger transfers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub booked: Vec<String>,
    /// Events for the storefront.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<EventId>,
}
