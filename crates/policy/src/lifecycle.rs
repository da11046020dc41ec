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
//!   that was announced before the roll-back must not undo it by its date.

mod book;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use paifang_payment::Remark;
use serde::{Deserialize, Serialize};

use crate::bundle::{Bound, Bundle, BundleRef};
use crate::{BundleName, Ppm, RuleId};

pub use book::Book;

/// Versions of a book at most.
pub const VERSIONS_MAX: usize = 10_000;
/// How often a version is announced at most, recalls between.
pub const ANNOUNCEMENTS_MAX: usize = 100;
/// Roll-backs of a book at most, over all its time.
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
    },
    /// A draft is to decide from a time on.
    Announced {
        /// When it was announced.
        at: Timestamp,
        /// The version.
        version: u32,
        /// From when it decides.
        effective_at: Timestamp,
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
    /// An opening was closed.
    RolledBack {
        /// When.
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
        /// What was measured.
        measured: Ppm,
        /// Its bound.
        bound: Bound,
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
    /// From when.
    pub at: Timestamp,
    /// By whom and why.
    pub why: Why,
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
    /// The opening is rolled back already.
    #[error("the opening {0} is rolled back already")]
    RolledBackAlready(RuleId),
    /// The opening is not rolled back.
    #[error("the opening {0} is not rolled back")]
    NotRolledBack(RuleId),
    /// The book is full.
    #[error(
        "a book holds at most {VERSIONS_MAX} versions and {ROLL_BACKS_MAX} roll-backs; begin another bundle name"
    )]
    Full,
}

impl Fact {
    /// The fact that a bundle was written.
    pub fn drafted(at: Timestamp, bundle: &Bundle) -> Self {
        Self::Drafted { at, bundle: bundle.reference(), effective_at: bundle.header().effective_at }
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
