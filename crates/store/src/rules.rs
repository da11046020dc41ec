//! A tenant's rules, and what was decided by them.
//!
//! The rules are a book ([`paifang_policy::lifecycle::Book`]) of which the store keeps the facts, one behind the other; nothing
//! of it is ever altered. A decision is kept in the commit that it governs, and that commit says how many entries of the book
//! it has seen: had the book moved on before, it would be a [`crate::Committed::Conflict`].
//!
//! What became of the attempt is marked on its decision by the commits that bring it about ([`Mark`]): what guard rails
//! measure is as durable and as exact as the payments themselves, and has no table of its own.

use jiff::Timestamp;
use paifang_payment::intent::Ending;
use paifang_payment::{AttemptId, Digest, IntentId, RequestId, TenantId};
use paifang_policy::RuleId;
use paifang_policy::cohort::Pseudonym;
use paifang_policy::credit::Effect;
use paifang_policy::facts::Facts;
use paifang_policy::lifecycle::{Book, Fact};
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
    /// Whether a bundle was drafted that has guard rails. Entries of releases that did not say so read as if it had.
    pub guarded: bool,
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
    /// The version since which the opening that let it in says what it says ([`Book::unchanged_since`]). Absent where none let it
    /// in, and of what an earlier release decided: its own version then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unchanged_since: Option<u32>,
}

/// An offer and what was decided about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// The offer.
    pub offer: Offer,
    /// The decision.
    pub decision: Decision,
    /// Whether an order with it can leave credit out; absent of what a release decided that did not keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub can_exclude_credit: Option<bool>,
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
    /// How many entries of the book it rests on; absent of what a release decided that did not keep it.
    pub entries: Option<u64>,
    /// What became of the attempt.
    pub marks: Marks,
}

/// What became of an attempt that rules let in, each with the time of the commit that said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// What it came to. A failure may become a payment (a payer may pay what was given up), and then the time is that of the
    /// payment; nothing else changes.
    pub ended: Option<(Ending, Timestamp)>,
    /// When a refund of it was asked for first.
    pub refunded_at: Option<Timestamp>,
    /// When it was complained about first.
    pub complained_at: Option<Timestamp>,
}

/// Marks the decision about an attempt, if there is one; the time is that of the batch. What is marked already stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The attempt that was chosen ([`paifang_payment::intent::Intent::chosen`]).
    pub attempt: AttemptId,
    /// Its intent.
    pub intent: IntentId,
    /// What became of it.
    pub what: Marked,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marked {
    /// It came to an end.
    Ended(Ending),
    /// A refund of it was asked for.
    Refunded,
    /// It was complained about.
    Complained,
}

/// Which attempts are counted: those that one opening let in while it said the same, and that ended in a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Whose they are.
    pub tenant: TenantId,
    /// The opening that let them in.
    pub opening: RuleId,
    /// The version since which the opening says what it says ([`Decided::counted_as`]).
    pub version: u32,
    /// How many entries of the book their decisions rest on at least.
    pub entries: u64,
    /// When they ended at the earliest.
    pub since: Timestamp,
    /// Only those that were paid.
    pub paid_only: bool,
    /// No more than so many of them, those that ended last.
    pub max: u32,
}

/// A tenant whose book has, or may have, a version with guard rails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardedBook {
    /// The tenant.
    pub tenant: TenantId,
    /// How many entries the book has.
    pub entries: u64,
}

impl Marks {
    /// The marks with one more, as every store sets it.
    #[must_use]
    pub fn with(self, what: Marked, at: Timestamp) -> Self {
        match what {
            Marked::Ended(ending) if self.ended.is_none_or(|(known, _)| known < ending) => {
                Self { ended: Some((ending, at)), ..self }
            }
            Marked::Ended(_) => self,
            Marked::Refunded => Self { refunded_at: self.refunded_at.or(Some(at)), ..self },
            Marked::Complained => Self { complained_at: self.complained_at.or(Some(at)), ..self },
        }
    }
}

impl Judged {
    /// What the decision comes to for a payment with this offer.
    pub fn effect(&self) -> Effect {
        Effect::of(&self.decision, self.can_exclude_credit)
    }
}

impl Decided {
    /// The opening that let the payment in; absent where none did, because the bundle leaves such wallets open.
    pub fn opening(&self) -> Option<&RuleId> {
        let decision = &self.chosen.decision;
        decision.rule.as_ref().filter(|_| decision.accepted)
    }

    /// The version that decided.
    pub fn version(&self) -> u32 {
        self.chosen.decision.decided_by.version
    }

    /// The version as which guard rails count it: the first of those in which its opening says the same.
    pub fn counted_as(&self) -> u32 {
        self.unchanged_since.unwrap_or(self.version())
    }

    /// Since when its opening says what it says, by the book that it rests on; `None` where no opening let it in.
    pub fn unchanged_by(&self, book: &Book) -> Option<u32> {
        self.opening().map(|opening| book.unchanged_since(self.version(), opening))
    }

    /// What of the order and its payer is kept with it, by name: the declared inputs, and the payer's pseudonym.
    pub fn fields(&self) -> impl Iterator<Item = &'static str> {
        let inputs = self.facts.iter().map(|(input, _)| input.name());
        inputs.chain(self.payer.as_ref().map(|_| "payer.pseudonym"))
    }

    /// One record for each offer, the chosen one first: what a draft is simulated over.
    pub fn records(&self) -> impl Iterator<Item = Record> {
        let all = std::iter::once(&self.chosen).chain(&self.beside);
        all.map(|judged| Record {
            offer: judged.offer.clone(),
            facts: self.facts.clone(),
            payer: self.payer.clone(),
            decision: judged.decision.clone(),
            can_exclude_credit: judged.can_exclude_credit,
            payment: None,
        })
    }
}
