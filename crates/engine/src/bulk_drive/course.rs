//! Whose turn it is in a bulk: how many entries begin, and which of those that are being asked for are asked for next.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use paifang_store::{BULK_ASKING_MAX, BulkEntry, BulkTerms, EntryOutcome};

/// Before an entry is asked for again that could not be.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(5);

/// How a bulk is gone on with under one claim.
pub(super) struct Course {
    /// How many more refunds may fly.
    pub room: u32,
    /// Whether it is looked at what became of refunds.
    pub look: bool,
    /// When that is due.
    pub look_at: Timestamp,
    /// How many entries begin.
    pub begin: u32,
    /// Whether others can begin; where none can, each is tried once under a claim, and then all rest.
    pub goes_on: bool,
    /// What became of those that were asked for, not yet written down.
    pub outcomes: Vec<(u64, EntryOutcome)>,
    /// Entries that were begun under an earlier claim, which may have asked for them or not. `None`: not yet read.
    left: Option<BTreeSet<u64>>,
    /// Entries that could not be asked for, and when they may be again.
    again: BTreeMap<u64, Timestamp>,
}

impl Course {
    pub(super) fn new() -> Self {
        let (outcomes, left, again) = (Vec::new(), None, BTreeMap::new());
        let (room, begin, look_at) = (0, 0, Timestamp::MIN);
        Self { room, look: true, look_at, begin, goes_on: false, outcomes, left, again }
    }

    /// Whom to ask for now, at most a [`chunk`] and one more, so that the claim is renewed and others begin meanwhile. First those
    /// that have just begun; an entry that cannot be asked for is in nobody's way.
    pub(super) fn turn<'e>(
        &mut self,
        asking: &'e [BulkEntry],
        terms: &BulkTerms,
        now: Timestamp,
    ) -> Vec<&'e BulkEntry> {
        // The first step of a claim begins none.
        let left = self.left.get_or_insert_with(|| asking.iter().map(|entry| entry.position).collect());
        let (mut chosen, mut others, mut tried) = (Vec::new(), Vec::new(), Vec::new());
        for entry in asking {
            match self.again.get(&entry.position) {
                Some(at) if *at > now || !self.goes_on => {}
                Some(at) => tried.push((*at, entry)),
                None if left.contains(&entry.position) => others.push(entry),
                None => chosen.push(entry),
            }
        }
        // The next claim knows nothing of this one's tries, and is not to begin with the same again.
        let len = i64::try_from(others.len()).unwrap_or(i64::MAX).max(1);
        others.rotate_left(usize::try_from(now.as_second().rem_euclid(len)).unwrap_or(0));
        tried.sort_by_key(|(at, entry)| (*at, entry.position));
        others.extend(tried.into_iter().map(|(_, entry)| entry));
        let room = usize::try_from(chunk(terms)).unwrap_or(usize::MAX).saturating_sub(chosen.len()).max(1);
        chosen.extend(others.into_iter().take(room));
        chosen
    }

    /// These entries were asked for.
    pub(super) fn asked(&mut self, entries: &[&BulkEntry], terms: &BulkTerms, now: Timestamp) {
        let again = now.saturating_add(AGAIN_AFTER).unwrap_or(Timestamp::MAX);
        self.again.extend(entries.iter().map(|entry| (entry.position, again)));
        for (position, _) in &self.outcomes {
            self.again.remove(position);
        }
        self.room = self.room.saturating_sub(u32::try_from(entries.len()).unwrap_or(u32::MAX));
        self.look = now >= self.look_at;
        self.begin = chunk(terms).min(self.room);
    }
}

/// How many entries begin in one commit, and are asked for beside each other: those of a tenth of a second.
pub(super) fn chunk(terms: &BulkTerms) -> u32 {
    (terms.pace / 10).clamp(1, BULK_ASKING_MAX)
}
