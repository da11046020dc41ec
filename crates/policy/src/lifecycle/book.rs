//! The book of a bundle's versions: what may happen to it, and what it answers.

mod kills;
mod unchanged;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use paifang_payment::{Digest, Remark};

use super::{
    ANNOUNCEMENTS_MAX, Deciding, Error, Fact, KillRecall, KillScope, Overlay, ROLL_BACKS_MAX, RollBack,
    State, VERSIONS_MAX, Why,
};
use crate::bundle::BundleRef;
use crate::{BundleName, RuleId};

/// The versions of one bundle name and what happened to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Book {
    name: BundleName,
    last: Option<Timestamp>,
    versions: BTreeMap<u32, Entry>,
    roll_backs: Vec<RollBack>,
    kill_recalls: Vec<KillRecall>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    bundle: BundleRef,
    meant_from: Timestamp,
    openings: BTreeSet<RuleId>,
    contents: BTreeMap<RuleId, Digest>,
    kills: BTreeMap<RuleId, KillScope>,
    drafted_at: Timestamp,
    announced: Vec<Announcement>,
    /// The kill switches that the last announcement did without.
    without_kills: BTreeSet<RuleId>,
    retired_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Announcement {
    at: Timestamp,
    effective_at: Timestamp,
    recalled_at: Option<Timestamp>,
    /// It was recalled because it lacked a kill switch that was announced after it.
    is_for_kill: bool,
}

/// What is to decide from a time on.
struct Announced {
    version: u32,
    effective_at: Timestamp,
    without: BTreeSet<RuleId>,
    without_kills: Option<BTreeSet<RuleId>>,
}

impl Book {
    /// An empty book for the versions of a bundle.
    pub fn new(name: BundleName) -> Self {
        Self { name, last: None, versions: BTreeMap::new(), roll_backs: Vec::new(), kill_recalls: Vec::new() }
    }

    /// The book after a fact, or why the fact cannot be.
    pub fn step(mut self, fact: Fact) -> Result<Self, Error> {
        let happened_at = fact.at();
        let at = self.last.map_or(happened_at, |last| last.max(happened_at));
        let in_order =
            if at == happened_at { Ok(()) } else { Err(Error::Backwards { at: happened_at, last: at }) };
        match fact {
            // What closes is taken in whatever the clocks say.
            Fact::RolledBack { at: from, opening, why } => self.roll_back(at, from, opening, why)?,
            Fact::Drafted { at, bundle, effective_at: meant_from, openings, contents, kills } => {
                in_order?;
                self.draft(Entry {
                    bundle,
                    meant_from,
                    openings,
                    contents,
                    kills,
                    drafted_at: at,
                    announced: Vec::new(),
                    without_kills: BTreeSet::new(),
                    retired_at: None,
                })?;
            }
            Fact::Announced { at, version, effective_at, without, without_kills } => {
                in_order?;
                self.announce(at, Announced { version, effective_at, without, without_kills })?;
            }
            Fact::Recalled { at, version } => {
                in_order?;
                self.recall(at, version)?;
            }
            Fact::Retired { at, version } => {
                in_order?;
                self.retire(at, version)?;
            }
            Fact::Reopened { at, opening, by } => {
                in_order?;
                self.reopen(at, opening, by)?;
            }
        }
        self.last = Some(at);
        Ok(self)
    }

    /// The name that its versions share.
    pub fn name(&self) -> &BundleName {
        &self.name
    }

    /// When its last fact happened; absent of an empty book.
    pub fn last(&self) -> Option<Timestamp> {
        self.last
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
        let in_force =
            |one: &&Announcement| one.at <= at && one.recalled_at.is_none_or(|recalled| at < recalled);
        let Some(announced) = entry.announced.iter().rfind(in_force) else {
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

    /// Whether any version decides at a time or did before. Where none did, everything that works is open.
    pub fn has_decided(&self, at: Timestamp) -> bool {
        self.latest(at).is_some()
    }

    /// The announced version whose time comes next, and when.
    pub fn next(&self, at: Timestamp) -> Option<(&BundleRef, Timestamp)> {
        let to_come = self.versions.values().filter_map(|entry| {
            let effective_at = entry.effective_at().filter(|effective_at| *effective_at > at)?;
            Some((&entry.bundle, effective_at))
        });
        to_come.min_by_key(|(_, effective_at)| *effective_at)
    }

    /// When what holds may change: a version begins or is retired, an opening is closed or opened again.
    pub(super) fn moments(&self) -> BTreeSet<Timestamp> {
        let versions = self.versions.values().flat_map(|entry| [entry.effective_at(), entry.retired_at]);
        let openings = self.roll_backs.iter().flat_map(|one| {
            let reopened = one.reopened.as_ref().map(|(reopened, _)| *reopened);
            [Some(one.at), reopened]
        });
        versions.chain(openings).flatten().collect()
    }

    /// Of the announced versions whose time has come, the one whose time came last.
    fn latest(&self, at: Timestamp) -> Option<(u32, &Entry, Timestamp)> {
        let come = self.versions.iter().filter_map(|(version, entry)| {
            let effective_at = entry.effective_at().filter(|effective_at| *effective_at <= at)?;
            Some((*version, entry, effective_at))
        });
        come.max_by_key(|(_, _, effective_at)| *effective_at)
    }

    fn draft(&mut self, fresh: Entry) -> Result<(), Error> {
        if fresh.bundle.name != self.name {
            return Err(Error::OtherBundle { found: fresh.bundle.name, wanted: self.name.clone() });
        }
        let version = fresh.bundle.version;
        let is_draft = self.state(version, fresh.drafted_at) == Some(State::Draft);
        if let Some(highest) = self.versions.keys().next_back().copied().filter(|highest| version <= *highest)
            && !is_draft
        {
            return Err(Error::VersionTaken { version, highest });
        }
        if !is_draft && self.versions.len() >= VERSIONS_MAX {
            return Err(Error::Full);
        }
        let entry = match self.versions.remove(&version) {
            None => fresh,
            Some(mut before) => {
                // Whatever it lacked, it has been written anew since.
                before.announced.iter_mut().for_each(|one| one.is_for_kill = false);
                Entry { drafted_at: before.drafted_at, announced: before.announced, ..fresh }
            }
        };
        self.versions.insert(version, entry);
        Ok(())
    }

    fn announce(&mut self, at: Timestamp, wanted: Announced) -> Result<(), Error> {
        let Announced { version, effective_at, without, without_kills } = wanted;
        let closed = self.closed();
        let entry = self.entry_in(version, at, "a draft", |state| state == State::Draft)?;
        let earliest = at.max(entry.meant_from);
        if effective_at < earliest {
            return Err(Error::TooEarly { effective_at, earliest });
        }
        let lacks = |opening: &&RuleId| !entry.openings.contains(*opening) && !without.contains(*opening);
        if let Some(opening) = closed.iter().find(lacks).cloned() {
            return Err(Error::LacksRolledBack { version, opening });
        }
        let is_same = |entry: &Entry| entry.effective_at() == Some(effective_at);
        if let Some((other, _)) = self.versions.iter().find(|(_, entry)| is_same(entry)) {
            return Err(Error::SameMoment { other: *other });
        }
        if let Some(named) = &without_kills {
            self.refuse_lost_kill(at, version, effective_at, named)?;
            self.recall_without_kill(at, version, effective_at);
        }
        let entry = self.versions.get_mut(&version).ok_or(Error::UnknownVersion(version))?;
        if entry.announced.len() >= ANNOUNCEMENTS_MAX {
            return Err(Error::Full);
        }
        entry.announced.push(Announcement { at, effective_at, recalled_at: None, is_for_kill: false });
        entry.without_kills = without_kills.unwrap_or_default();
        Ok(())
    }

    fn recall(&mut self, at: Timestamp, version: u32) -> Result<(), Error> {
        let is_announced = |state| matches!(state, State::Announced(_));
        let entry = self.entry_in(version, at, "announced, its time not come", is_announced)?;
        if let Some(announced) = entry.announced.last_mut() {
            announced.recalled_at = Some(at);
        }
        Ok(())
    }

    fn retire(&mut self, at: Timestamp, version: u32) -> Result<(), Error> {
        self.entry_in(version, at, "active", |state| state == State::Active)?.retired_at = Some(at);
        Ok(())
    }

    /// Closes an opening `from` its own time on; `at` is when the book takes it in.
    fn roll_back(&mut self, at: Timestamp, from: Timestamp, opening: RuleId, why: Why) -> Result<(), Error> {
        if self.roll_backs.iter().any(|one| one.opening == opening && one.reopened.is_none()) {
            return Err(Error::RolledBackAlready(opening));
        }
        if !self.versions.keys().any(|version| self.may_decide(*version, &opening, at)) {
            return Err(Error::UnknownOpening(opening));
        }
        let spared = match &why {
            Why::GuardRail { spares_until, .. } => spares_until.map_or(at, |until| until.max(at)),
            Why::Person { .. } => at,
        };
        let mut recalled = Vec::new();
        for (version, entry) in &mut self.versions {
            let is_to_come = |one: &&mut Announcement| one.recalled_at.is_none() && one.effective_at > spared;
            let lacks = !entry.openings.contains(&opening);
            if let Some(announced) = entry.announced.last_mut().filter(|one| lacks && is_to_come(one)) {
                announced.recalled_at = Some(at);
                recalled.push(*version);
            }
        }
        let before = self.roll_backs.iter().filter(|one| one.opening == opening);
        let reopened = before.filter_map(|one| one.reopened.as_ref()).map(|(reopened, _)| *reopened).max();
        let from = reopened.map_or(from, |reopened| reopened.max(from));
        self.roll_backs.push(RollBack { opening, at: from, why, recalled, reopened: None });
        Ok(())
    }

    /// Whether a version has the opening and decides, or may do so later.
    fn may_decide(&self, version: u32, opening: &RuleId, at: Timestamp) -> bool {
        let has = self.versions.get(&version).is_some_and(|entry| entry.openings.contains(opening));
        has && match self.state(version, at) {
            Some(State::Draft | State::Announced(_) | State::Active) => true,
            Some(State::Retired) | None => false,
        }
    }

    /// The openings that nobody has opened again.
    fn closed(&self) -> BTreeSet<RuleId> {
        let closed = self.roll_backs.iter().filter(|one| one.reopened.is_none());
        closed.map(|one| one.opening.clone()).collect()
    }

    fn reopen(&mut self, at: Timestamp, opening: RuleId, by: Remark) -> Result<(), Error> {
        let is_full = self.roll_backs.len() >= ROLL_BACKS_MAX;
        let closed = self.roll_backs.iter_mut().find(|one| one.opening == opening && one.reopened.is_none());
        let closed = closed.ok_or(Error::NotRolledBack(opening))?;
        if is_full {
            return Err(Error::Full);
        }
        closed.reopened = Some((at, by));
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

impl Entry {
    /// From when the version decides or decided. What was recalled never did: it is recalled before its time.
    fn effective_at(&self) -> Option<Timestamp> {
        self.announced.iter().rfind(|one| one.recalled_at.is_none()).map(|one| one.effective_at)
    }
}
