//! A tenant's rules, and what was decided by them.
//!
//! The rules are a book ([`paifang_policy::lifecycle::Book`]) of which the store keeps the facts, one behind the other; nothing
//! of it is ever altered. A decision is kept in the commit that it governs, and that commit says how many entries of the book
//! it has seen: had the book moved on before, it would be a [`crate::Committed::Conflict`].

use jiff::Timestamp;
use paifang_payment::{AttemptId, Digest, IntentId, RequestId, TenantId};
use paifang_policy::cohort::Pseudonym;
use paifang_policy::facts::Facts;
use paifang_policy::lifecycle::Fact;
use paifang_policy::opening::{Decision, Offer};
use paifang_policy::simulate::Record;
use serde::{Deserialize, Serialize};

/// What is added to a tenant's book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesEntry {
    /// The call that added it; absent where a guard rail did.
    pub request: Option<RulesRequest>,
    /// What happened.
    pub fact: Fact,
    /// The bundle that was drafted, as it was handed in.
    pub text: Option<String>,
}

/// The call of an entry. Never expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesRequest {
    /// The caller's id of it.
    pub id: RequestId,
    /// Fingerprint of the canonical request.
    pub fingerprint: Digest,
}

/// An entry in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRules {
    /// From 1, without a gap.
    pub position: u64,
    /// The entry.
    pub entry: RulesEntry,
}

/// The rules that a batch rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesSeen {
    /// How many entries the tenant's book has.
    pub entries: u64,
    /// What was decided by them; absent where nothing decides.
    pub decided: Option<DecidedWrite>,
}

/// What was decided about the opening of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidedWrite {
    /// The attempt.
    pub attempt: AttemptId,
    /// Its intent.
    pub intent: IntentId,
    /// What was decided.
    pub decided: Decided,
}

/// Everything that could have been offered at the moment of a choice, judged by one bundle from the same facts. `Debug` tells
/// neither values of facts nor the pseudonym.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// What was known.
    pub facts: Facts,
    /// The payer's pseudonym, where it was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<Pseudonym>,
    /// What was chosen.
    pub chosen: Judged,
    /// What else there was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<Judged>,
}

/// An offer and what was decided about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// The offer.
    pub offer: Offer,
    /// The decision.
    pub decision: Decision,
}

/// A decision as it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDecided {
    /// Whose it is.
    pub tenant: TenantId,
    /// The intent.
    pub intent: IntentId,
    /// The attempt.
    pub attempt: AttemptId,
    /// When it was decided.
    pub at: Timestamp,
    /// What was decided.
    pub decided: Decided,
}

impl Decided {
    /// One record for each offer, the chosen one first: what a draft is simulated over.
    pub fn records(&self) -> impl Iterator<Item = Record> {
        let all = std::iter::once(&self.chosen).chain(&self.beside);
        all.map(|judged| Record {
            offer: judged.offer.clone(),
            facts: self.facts.clone(),
            payer: self.payer.clone(),
            decision: judged.decision.clone(),
        })
    }
}
