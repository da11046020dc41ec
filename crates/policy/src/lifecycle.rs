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

use std::collections::BTreeMap;

use jiff::Timestamp;
use paifang_payment::Remark;
use serde::{Deserialize, Serialize};

use crate::bundle::{Bound, Bundle, BundleRef};
use crate::{BundleName, Ppm, RuleId};

/// Versions of a book at most.
pub const VERSIONS_MAX: usize = 10_000;
/// Roll-backs of a book at most, over all its time.
pub const ROLL_BACKS_MAX: usize = 10_000;

/// The versions of one bundle name and what happened to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Book {
    name: BundleName,
    last: Option<Timestamp>,
    versions: BTreeMap<u32, Entry>,
    roll_backs: Vec<RollBack>,
}

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
    #[error("version {version} must be higher than {highest}, the highest so far, or be a draft that is written anew")]
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
    #[error("a book holds at most {VERSIONS_MAX} versions and {ROLL_BACKS_MAX} roll-backs; begin another bundle name")]
    Full,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    bundle: BundleRef,
    meant_from: Timestamp,
    drafted_at: Timestamp,
    announced: Option<Announcement>,
    retired_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Announcement {
    at: Timestamp,
    effective_at: Timestamp,
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

impl Book {
    /// An empty book for the versions of a bundle.
    pub fn new(name: BundleName) -> Self {
        Self { name, last: None, versions: BTreeMap::new(), roll_backs: Vec::new() }
    }

    /// The book after a fact, or why the fact cannot be.
    pub fn step(mut self, fact: Fact) -> Result<Self, Error> {
        let at = fact.at();
        if let Some(last) = self.last.filter(|last| at < *last) {
            return Err(Error::Backwards { at, last });
        }
        match fact {
            Fact::Drafted { at, bundle, effective_at } => self.draft(at, bundle, effective_at)?,
            Fact::Announced { at, version, effective_at } => self.announce(at, version, effective_at)?,
            Fact::Recalled { at, version } => self.recall(at, version)?,
            Fact::Retired { at, version } => self.retire(at, version)?,
            Fact::RolledBack { at, opening, why } => self.roll_back(at, opening, why)?,
            Fact::Reopened { at, opening, by } => self.reopen(at, opening, by)?,
        }
        self.last = Some(at);
        Ok(self)
    }

    /// What decides at a time; `None` where nothing does, and then everything is closed. Times after the book's last
    /// fact are answered as if nothing else happens.
    pub fn deciding(&self, at: Timestamp) -> Option<Deciding<'_>> {
        let (_, entry, since) = self.latest(at)?;
        if entry.retired_at.is_some_and(|retired| retired <= at) {
            return None;
        }
        Some(Deciding { bundle: &entry.bundle, since, rolled_back: self.overlay(at) })
    }

    /// Where a version stands at a time, as far as the book tells; `None` before it was written.
    pub fn state(&self, version: u32, at: Timestamp) -> Option<State> {
        let entry = self.versions.get(&version).filter(|entry| entry.drafted_at <= at)?;
        let Some(announced) = entry.announced.filter(|announced| announced.at <= at) else {
            return Some(State::Draft);
        };
        if announced.effective_at > at {
            return Some(State::Announced(announced.effective_at));
        }
        let is_latest = self.latest(at).is_some_and(|(latest, ..)| latest == version);
        let is_retired = entry.retired_at.is_some_and(|retired| retired <= at);
        Some(if is_latest && !is_retired { State::Active } else { State::Retired })
    }

    /// The openings that are rolled back at a time.
    pub fn overlay(&self, at: Timestamp) -> Overlay {
        let closed = self.roll_backs.iter().filter(|one| one.at <= at);
        let closed = closed.filter(|one| one.reopened.as_ref().is_none_or(|(reopened, _)| at < *reopened));
        Overlay(closed.map(|one| (one.opening.clone(), (one.at, one.why.clone()))).collect())
    }

    /// All roll-backs, also those that were opened again, in the order in which they happened.
    pub fn roll_backs(&self) -> &[RollBack] {
        &self.roll_backs
    }

    /// Of the announced versions whose time has come, the one whose time came last.
    fn latest(&self, at: Timestamp) -> Option<(u32, &Entry, Timestamp)> {
        let come = self.versions.iter().filter_map(|(version, entry)| {
            let effective_at = entry.announced?.effective_at;
            (effective_at <= at).then_some((*version, entry, effective_at))
        });
        come.max_by_key(|(_, _, effective_at)| *effective_at)
    }

    fn draft(&mut self, at: Timestamp, bundle: BundleRef, meant_from: Timestamp) -> Result<(), Error> {
        if bundle.name != self.name {
            return Err(Error::OtherBundle { found: bundle.name, wanted: self.name.clone() });
        }
        let version = bundle.version;
        let is_draft = self.state(version, at) == Some(State::Draft);
        if let Some(highest) = self.versions.keys().next_back().copied().filter(|highest| version <= *highest)
            && !is_draft
        {
            return Err(Error::VersionTaken { version, highest });
        }
        if !is_draft && self.versions.len() >= VERSIONS_MAX {
            return Err(Error::Full);
        }
        let drafted_at = self.versions.get(&version).map_or(at, |before| before.drafted_at);
        self.versions
            .insert(version, Entry { bundle, meant_from, drafted_at, announced: None, retired_at: None });
        Ok(())
    }

    fn announce(&mut self, at: Timestamp, version: u32, effective_at: Timestamp) -> Result<(), Error> {
        let entry = self.entry_in(version, at, "a draft", |state| state == State::Draft)?;
        let earliest = at.max(entry.meant_from);
        if effective_at < earliest {
            return Err(Error::TooEarly { effective_at, earliest });
        }
        let is_same = |entry: &Entry| entry.announced.is_some_and(|other| other.effective_at == effective_at);
        if let Some((other, _)) = self.versions.iter().find(|(_, entry)| is_same(entry)) {
            return Err(Error::SameMoment { other: *other });
        }
        if let Some(entry) = self.versions.get_mut(&version) {
            entry.announced = Some(Announcement { at, effective_at });
        }
        Ok(())
    }

    fn recall(&mut self, at: Timestamp, version: u32) -> Result<(), Error> {
        let is_announced = |state| matches!(state, State::Announced(_));
        self.entry_in(version, at, "announced, its time not come", is_announced)?.announced = None;
        Ok(())
    }

    fn retire(&mut self, at: Timestamp, version: u32) -> Result<(), Error> {
        self.entry_in(version, at, "active", |state| state == State::Active)?.retired_at = Some(at);
        Ok(())
    }

    fn roll_back(&mut self, at: Timestamp, opening: RuleId, why: Why) -> Result<(), Error> {
        if self.roll_backs.iter().any(|one| one.opening == opening && one.reopened.is_none()) {
            return Err(Error::RolledBackAlready(opening));
        }
        if self.roll_backs.len() >= ROLL_BACKS_MAX {
            return Err(Error::Full);
        }
        self.roll_backs.push(RollBack { opening, at, why, reopened: None });
        Ok(())
    }

    fn reopen(&mut self, at: Timestamp, opening: RuleId, by: Remark) -> Result<(), Error> {
        let closed = self.roll_backs.iter_mut().find(|one| one.opening == opening && one.reopened.is_none());
        closed.ok_or(Error::NotRolledBack(opening))?.reopened = Some((at, by));
        Ok(())
    }

    fn entry_in(
        &mut self,
        version: u32,
        at: Timestamp,
        wanted: &'static str,
        fits: impl Fn(State) -> bool,
    ) -> Result<&mut Entry, Error> {
        let state = self.state(version, at).ok_or(Error::UnknownVersion(version))?;
        if !fits(state) {
            return Err(Error::WrongState { version, state, wanted });
        }
        self.versions.get_mut(&version).ok_or(Error::UnknownVersion(version))
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
