//! A kill switch outlives the version that brought it.
//!
//! Of any two versions that are in force, now or later, the later one has what the earlier one kills, or was announced with a
//! word for what it lacks. It is held for all pairs and not for neighbors alone, so that it still holds when one between them is
//! recalled. In force are the version whose time came last, retired or not, and those whose time is to come.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Book, Entry};
use crate::RuleId;
use crate::lifecycle::{Error, KillRecall, KillScope, State};

impl Book {
    /// The announced versions that lacked a kill switch which was announced after them, in the order in which that made them
    /// drafts again.
    pub fn kill_recalls(&self) -> &[KillRecall] {
        &self.kill_recalls
    }

    /// Why a version is a draft again, where a kill switch made it one and nothing has become of it since.
    pub fn recalled_for_kill(&self, version: u32, at: Timestamp) -> Option<&KillRecall> {
        let announced = self.versions.get(&version)?.announced.iter().rfind(|one| one.at <= at)?;
        let is_draft = self.state(version, at) == Some(State::Draft);
        let mut recalls = self.kill_recalls.iter().filter(|one| one.version == version && one.at <= at);
        recalls.next_back().filter(|_| is_draft && announced.is_for_kill)
    }

    /// The kill switches of the versions in force: what a version that is announced last of all has to have, or to name.
    pub fn kills(&self, at: Timestamp) -> BTreeSet<RuleId> {
        let in_force = self.in_force(at, Timestamp::MAX);
        in_force.flat_map(|(_, entry)| entry.kills.keys().cloned()).collect()
    }

    /// Refuses to announce a version that lacks a kill switch of one before it.
    pub(super) fn refuse_lost_kill(
        &self,
        at: Timestamp,
        version: u32,
        effective_at: Timestamp,
        named: &BTreeSet<RuleId>,
    ) -> Result<(), Error> {
        let own = self.versions.get(&version).ok_or(Error::UnknownVersion(version))?;
        for (of, before) in self.in_force(at, effective_at) {
            if let Some((kill, _)) = before.lacked_by(own).find(|(kill, _)| !named.contains(*kill)) {
                return Err(Error::LacksKill { version, kill: kill.clone(), of });
            }
        }
        Ok(())
    }

    /// Makes drafts again of the versions behind this one, a draft that is about to be announced, that lack a kill switch of it. A
    /// word that was given holds for what could be known: for a kill that a version before this one has too.
    pub(super) fn recall_without_kill(&mut self, at: Timestamp, version: u32, effective_at: Timestamp) {
        let Some(own) = self.versions.get(&version) else { return };
        let is_known = |kill: (&RuleId, &KillScope)| {
            self.in_force(at, effective_at).any(|(_, before)| before.kills.get(kill.0) == Some(kill.1))
        };
        let behind = self.versions.iter().filter(|(_, entry)| entry.effective_at() > Some(effective_at));
        let recalls = behind.filter_map(|(behind, entry)| {
            let is_lost = |kill: &(&RuleId, &KillScope)| {
                let is_named = entry.without_kills.contains(kill.0);
                !(is_named && is_known(*kill))
            };
            let (kill, _) = own.lacked_by(entry).find(is_lost)?;
            Some(KillRecall { at, version: *behind, kill: kill.clone(), by: version })
        });
        let recalls: Vec<KillRecall> = recalls.collect();
        for recall in recalls {
            let entry = self.versions.get_mut(&recall.version);
            if let Some(announced) = entry.and_then(|entry| entry.announced.last_mut()) {
                (announced.recalled_at, announced.is_for_kill) = (Some(at), true);
                self.kill_recalls.push(recall);
            }
        }
    }

    /// The version whose time came last, retired or not, and those whose time comes before `until`.
    fn in_force(&self, at: Timestamp, until: Timestamp) -> impl Iterator<Item = (u32, &Entry)> {
        let latest = self.latest(at).map(|(version, ..)| version);
        let all = self.versions.iter().filter(move |(version, entry)| {
            let effective_at = entry.effective_at();
            effective_at.is_some_and(|effective_at| at < effective_at && effective_at < until)
                || Some(**version) == latest
        });
        all.map(|(version, entry)| (*version, entry))
    }
}

impl Entry {
    /// The kill switches of this version that another one has nothing for that closes as much.
    fn lacked_by<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (&'a RuleId, &'a KillScope)> {
        let is_there = |kill: &RuleId, scope: &KillScope| {
            let same = other.kills.get(kill).is_some_and(|own| own.covers(scope));
            same || other.kills.values().any(|own| own.covers(scope))
        };
        self.kills.iter().filter(move |(kill, scope)| !is_there(kill, scope))
    }
}
