//! Which version of a bundle decides, now and on any past day.
//!
//! A version is a draft, then announced for a time, then active, then retired. [`Book::step`] takes one [`Fact`] at a
//! time, in the order of their times, and refuses what would rewrite the past; a book is the fold of its facts. Laws:
//!
//! - At any time at most one version is active: of the announced ones whose time has come, the one whose time came
//!   last. No two versions become active at the same moment.
//! - A version is announced for now or later, never for a time that has passed, so the answer for a past day stays.
//! - What was superseded does not come back; the same rules under another version may.
//! - An opening that was rolled back stays closed, in later versions too, until a person opens it again: a version
//!   that was announced before the roll-back must not undo it by its date. Nor by another name: a version without the
//!   opening is announced only with a person's word for it ([`Fact::Announced::without`]), and one that was announced
//!   before the roll-back is a draft again.
//! - A kill switch of a version that decides is in every later version, or in its place one that closes as much, or a person
//!   has given up the kill by its id ([`Fact::Announced::without_kills`]). A version that was announced for later, and lacks a
//!   kill that is announced meanwhile, is a draft again ([`Book::kill_recalls`]).
//! - A roll-back is refused only where it could change nothing: neither a full book nor a clock that is behind keeps it
//!   out. It closes from its own time on; that is the one thing a fact may change about times before the last one.

mod book;
mod kill;
mod span;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use paifang_payment::{Digest, Remark};
use serde::{Deserialize, Serialize};

use crate::bundle::{Bound, Bundle, BundleRef, Measure};
use crate::guard::Counts;
use crate::{BundleName, Ppm, RuleId};

pub use book::Book;
pub use kill::{KillRecall, KillScope};
pub use span::{Holds, Span};

/// Versions of a book at most.
pub const VERSIONS_MAX: usize = 10_000;
/// How often a version is announced at most, recalls between.
pub const ANNOUNCEMENTS_MAX: usize = 100;
/// With so many roll-backs over all its time a book opens nothing again. (Roll-backs themselves are never too many: an
/// opening that is closed is not closed once more.)
pub const ROLL_BACKS_MAX: usize = 10_000;

/// Something that happens to a book. Facts are kept for ever; the book is their fold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fact {
    /// A version was written, or a draft of that version was written anew.
    Drafted {
        /// When.
        at: Timestamp,
        /// Which one.
        bundle: BundleRef,
        /// From when the bundle itself is meant to decide.
        effective_at: Timestamp,
        /// The ids of its openings: what a roll-back may name.
        openings: BTreeSet<RuleId>,
        /// What each of them says ([`crate::bundle::Opening::content`]). Absent of what an earlier release wrote.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        contents: BTreeMap<RuleId, Digest>,
        /// Its kill switches, and what each closes. Absent of what an earlier release wrote.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        kills: BTreeMap<RuleId, KillScope>,
    },
    /// A draft is to decide from a time on.
    Announced {
        /// When it was announced.
        at: Timestamp,
        /// The version.
        version: u32,
        /// From when it decides.
        effective_at: Timestamp,
        /// Openings that are rolled back and that this version does not have, each confirmed by a person: what they
        /// opened may be open again under another name.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        without: BTreeSet<RuleId>,
        /// Kill switches that earlier versions have and that this one is to do without, each confirmed by a person. Absent of
        /// what an earlier release announced, which did not ask: its announcement stands as it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        without_kills: Option<BTreeSet<RuleId>>,
    },
    /// An announced version whose time has not come is a draft again.
    Recalled {
        /// When.
        at: Timestamp,
        /// The version.
        version: u32,
    },
    /// The active version decides no longer, and none takes its place before the next announced one.
    Retired {
        /// When.
        at: Timestamp,
        /// The version.
        version: u32,
    },
    /// An opening was closed. Announced versions that do not have it are drafts again ([`RollBack::recalled`]).
    RolledBack {
        /// When; it may lie before the book's last fact, for clocks differ.
        at: Timestamp,
        /// The opening.
        opening: RuleId,
        /// By whom and why.
        why: Why,
    },
    /// A person opened it again.
    Reopened {
        /// When.
        at: Timestamp,
        /// The opening.
        opening: RuleId,
        /// Who, and why.
        by: Remark,
    },
}

/// Why an opening was rolled back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Why {
    /// A guard rail was crossed.
    GuardRail {
        /// The guard rail.
        rule: RuleId,
        /// What it measures.
        measure: Measure,
        /// Over how many seconds.
        window_s: i64,
        /// What was counted in them.
        counts: Counts,
        /// The rate, rounded away from the bound.
        measured: Ppm,
        /// Its bound.
        bound: Bound,
        /// From when on it was counted, where the window had more ends than are counted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cut: Option<Timestamp>,
        /// Versions whose time comes until then stay announced, whatever they lack: they may decide already, by the clock of
        /// another replica. Absent of what was written before there was such a time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        spares_until: Option<Timestamp>,
    },
    /// A person did it.
    Person {
        /// Who, and why.
        remark: Remark,
    },
}

/// An opening that was rolled back, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RollBack {
    /// The opening.
    pub opening: RuleId,
    /// From when: its own time, and not before the opening was last opened again.
    pub at: Timestamp,
    /// By whom and why.
    pub why: Why,
    /// The versions that were announced without the opening: drafts again by it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recalled: Vec<u32>,
    /// From when it is open again, and by whom; absent while it is closed.
    pub reopened: Option<(Timestamp, Remark)>,
}

/// The openings that are rolled back at some time, over whatever the bundle says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overlay(BTreeMap<RuleId, (Timestamp, Why)>);

/// What decides at some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deciding<'a> {
    /// The active version.
    pub bundle: &'a BundleRef,
    /// Since when.
    pub since: Timestamp,
    /// What is rolled back.
    pub rolled_back: Overlay,
}

/// Where a version stands at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is written.
    Draft,
    /// It will decide from this time on.
    Announced(Timestamp),
    /// It decides.
    Active,
    /// It decided; it does not any more and never will.
    Retired,
}

/// Why a fact does not fit a book.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It lies before one that is already in the book.
    #[error("it happened at {at}, before the last fact of the book, at {last}")]
    Backwards {
        /// When it happened.
        at: Timestamp,
        /// The book's last fact.
        last: Timestamp,
    },
    /// It is about another bundle.
    #[error("it is about the bundle {found}, this is the book of {wanted}")]
    OtherBundle {
        /// The bundle it is about.
        found: BundleName,
        /// The bundle of the book.
        wanted: BundleName,
    },
    /// A version is not higher than the ones before.
    #[error(
        "version {version} must be higher than {highest}, the highest so far, or be a draft that is written anew"
    )]
    VersionTaken {
        /// The version.
        version: u32,
        /// The highest version of the book.
        highest: u32,
    },
    /// No such version.
    #[error("version {0} is not in the book")]
    UnknownVersion(u32),
    /// The version is not where it would have to be.
    #[error("version {version} is {state:?}; it must be {wanted}")]
    WrongState {
        /// The version.
        version: u32,
        /// Where it stands.
        state: State,
        /// Where it would have to stand.
        wanted: &'static str,
    },
    /// It would decide from a time that has passed, or earlier than the bundle is meant to.
    #[error("it cannot decide from {effective_at} on; it must be {earliest} or later")]
    TooEarly {
        /// The time asked for.
        effective_at: Timestamp,
        /// The earliest that is possible.
        earliest: Timestamp,
    },
    /// Another version becomes active at the same moment.
    #[error("version {other} becomes active at the same moment; choose another time, or recall it")]
    SameMoment {
        /// The other version.
        other: u32,
    },
    /// No version that decides, or may decide later, has the opening.
    #[error("no version that decides or may decide later has an opening {0}; name one of theirs")]
    UnknownOpening(RuleId),
    /// The version would open what is rolled back, by not naming it.
    #[error(
        "version {version} has no opening {opening}, which is rolled back: open that again first, name it in the version, or confirm `without` it"
    )]
    LacksRolledBack {
        /// The version.
        version: u32,
        /// The first opening that it lacks.
        opening: RuleId,
    },
    /// The version would let in again what a kill switch of an earlier version closes, by not having it.
    #[error(
        "version {version} does without the kill switch {kill} of version {of}, and has none that closes as much: add it to the version, or confirm `without_kills` it"
    )]
    LacksKill {
        /// The version.
        version: u32,
        /// The first kill switch that it lacks.
        kill: RuleId,
        /// A version that has it.
        of: u32,
    },
    /// The opening is rolled back already.
    #[error("the opening {0} is rolled back already")]
    RolledBackAlready(RuleId),
    /// The opening is not rolled back.
    #[error("the opening {0} is not rolled back")]
    NotRolledBack(RuleId),
    /// The book is full.
    #[error(
        "a book holds at most {VERSIONS_MAX} versions, each announced at most {ANNOUNCEMENTS_MAX} times, and opens nothing again after {ROLL_BACKS_MAX} roll-backs; begin another bundle name"
    )]
    Full,
}

impl Fact {
    /// The fact that a bundle was written.
    pub fn drafted(at: Timestamp, bundle: &Bundle) -> Self {
        Self::Drafted {
            at,
            bundle: bundle.reference(),
            effective_at: bundle.header().effective_at,
            openings: bundle.openings().iter().map(|opening| opening.id.clone()).collect(),
            contents: bundle.openings().iter().map(|one| (one.id.clone(), one.content())).collect(),
            kills: bundle.kills().iter().map(|kill| (kill.id.clone(), KillScope::of(kill))).collect(),
        }
    }

    /// Whether it is the fact that this bundle was written, in all that it says: an earlier release wrote neither what openings
    /// say nor kill switches.
    pub fn tells_of(&self, bundle: &Bundle) -> bool {
        let mut whole = Self::drafted(self.at(), bundle);
        if let (Self::Drafted { contents, kills, .. }, Self::Drafted { contents: own, kills: told, .. }) =
            (&mut whole, self)
            && own.is_empty()
            && told.is_empty()
        {
            contents.clear();
            kills.clear();
        }
        whole == *self
    }

    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Drafted { at, .. }
            | Self::Announced { at, .. }
            | Self::Recalled { at, .. }
            | Self::Retired { at, .. }
            | Self::RolledBack { at, .. }
            | Self::Reopened { at, .. } => *at,
        }
    }
}

impl Overlay {
    /// Nothing is rolled back.
    pub fn none() -> Self {
        Self::default()
    }

    /// Whether the opening is rolled back.
    pub fn holds(&self, opening: &RuleId) -> bool {
        self.0.contains_key(opening)
    }

    /// The openings that are rolled back, since when and why.
    pub fn iter(&self) -> impl Iterator<Item = (&RuleId, Timestamp, &Why)> {
        self.0.iter().map(|(opening, (at, why))| (opening, *at, why))
    }
}
