//! Whose turn it is in a bulk: how many entries begin, and which of those that are being asked for are asked for next.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use paifang_store::{BULK_ASKING_MAX, BulkEntry, BulkState, BulkTerms, Driven, EntryOutcome};

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

    /// Whether nothing is left but entries that could not be asked for. A bulk that waits for room at its rails is not stuck.
    pub(super) fn is_stuck(&self, driven: &Driven) -> bool {
        let Driven { state, asking, waiting, .. } = driven;
        let is_full = asking.len() >= BULK_ASKING_MAX as usize;
        let may_begin = *state == BulkState::Running && *waiting && !is_full;
        !may_begin && !asking.is_empty() && self.outcomes.is_empty()
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]
mod tests {
    use paifang_money::{Currency, PositiveMoney};
    use paifang_payment::{BulkEntryId, IntentId, RefundId};
    use paifang_store::EntryStage;

    use super::*;

    fn terms() -> BulkTerms {
        BulkTerms { name: "returns".into(), reason: None, case: None, pace: 1, in_flight_max: 100 }
    }

    fn entries(positions: impl Iterator<Item = u64>) -> Vec<BulkEntry> {
        let entry = |position| BulkEntry {
            position,
            name: BulkEntryId::parse(&format!("e{position}")).unwrap(),
            intent: IntentId::from_parts(Timestamp::UNIX_EPOCH, [1; 10]),
            amount: None,
            stage: EntryStage::Asked,
            refund: None,
            refused: None,
        };
        positions.map(entry).collect()
    }

    fn driven(asking: Vec<BulkEntry>, waiting: bool) -> Driven {
        let (terms, slot) = (terms(), SignedDuration::ZERO);
        Driven { state: BulkState::Running, terms, asking, waiting, in_flight: Some(0), slot }
    }

    /// A turn is short however many are left over, it comes to all of them, and what has just begun is in every one.
    #[test]
    fn a_turn_is_short_and_comes_to_everybody() {
        let (terms, left) = (terms(), entries(1..=20));
        let mut course = Course::new();
        course.goes_on = true;
        let mut asked = BTreeSet::new();
        for second in 0..40 {
            let now = Timestamp::from_second(second).unwrap();
            let begun = 100 + u64::try_from(second).unwrap();
            let asking = match second {
                0 => left.clone(),
                _ => [left.clone(), entries(begun..=begun)].concat(),
            };
            let turn = course.turn(&asking, &terms, now);
            assert!(turn.len() <= 2, "{turn:?}");
            assert!(second == 0 || turn[0].position == begun, "{turn:?}");
            asked.extend(turn.iter().map(|entry| entry.position));
            course.asked(&turn, &terms, now);
        }
        assert!((1..=20).all(|position| asked.contains(&position)), "{asked:?}");
    }

    /// Only entries that nobody could be asked for make a bulk rest: not those whose answer is there, and not a want of room.
    #[test]
    fn a_bulk_that_waits_for_room_is_not_stuck() {
        let mut course = Course::new();
        assert!(course.is_stuck(&driven(entries(1..=3), false)));
        assert!(course.is_stuck(&driven(entries(1..=u64::from(BULK_ASKING_MAX)), true)));
        assert!(!course.is_stuck(&driven(entries(1..=3), true)), "others begin when there is room");
        assert!(!course.is_stuck(&driven(Vec::new(), false)));
        let refund = RefundId::from_parts(Timestamp::UNIX_EPOCH, [1; 10]);
        let amount = PositiveMoney::new(1, Currency::CNY).unwrap();
        course.outcomes.push((1, EntryOutcome::Asked(refund, amount)));
        assert!(!course.is_stuck(&driven(entries(1..=3), false)), "it was asked for");
    }
}
