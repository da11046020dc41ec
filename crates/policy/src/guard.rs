//! Guard rails: what is counted over a window, held against a bound. Integers only.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Ppm;
use crate::bundle::{Bound, GuardRail, WINDOW_S};

/// How often something happened, of how often it could have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// How often it happened: successes, refunds, complaints.
    pub hits: u64,
    /// How often it could have. Never less than `hits` where the counting is right.
    pub samples: u64,
}

/// What a guard rail says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// The rate is within the bound.
    Keep,
    /// There are fewer samples than the guard rail asks for.
    TooFew {
        /// The samples there are.
        samples: u64,
    },
    /// The rate is beyond the bound: the opening is to be rolled back.
    RollBack {
        /// The rate in parts per million, rounded away from the bound, so that it never looks kept.
        measured_ppm: Ppm,
        /// The bound.
        bound_ppm: Ppm,
    },
}

/// Holds counts against a guard rail. The rate itself is compared, not its rounded form; at the bound it is kept.
pub fn judge(rail: &GuardRail, counts: Counts) -> Verdict {
    let Counts { hits, samples } = counts;
    if samples < u64::from(rail.at_least) || samples == 0 {
        return Verdict::TooFew { samples };
    }
    let scaled = u128::from(hits.min(samples)) * MILLION;
    let samples = u128::from(samples);
    let (is_kept, measured, bound) = match rail.bound {
        Bound::Min(bound) => (scaled >= u128::from(bound.get()) * samples, scaled / samples, bound),
        Bound::Max(bound) => (scaled <= u128::from(bound.get()) * samples, scaled.div_ceil(samples), bound),
    };
    if is_kept {
        return Verdict::Keep;
    }
    // At most a million, for there are at most as many hits as samples.
    let measured_ppm =
        u32::try_from(measured).ok().and_then(|parts| Ppm::new(parts).ok()).unwrap_or(Ppm::WHOLE);
    Verdict::RollBack { measured_ppm, bound_ppm: bound }
}

/// Counts over a window that moves with the time. It keeps at most [`Meter::SUMS_MAX`] sums, whatever it is told; each is
/// over a 60th of the window, rounded down to whole seconds and at least one. So a sample leaves the window late by less
/// than that, never early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meter {
    window_s: i64,
    bucket_s: i64,
    buckets: BTreeMap<i64, Counts>,
}

impl Meter {
    /// How many sums a window is made of at least, where it is as many seconds long.
    pub const BUCKETS: i64 = 60;
    /// How many sums it keeps at most. A window of 119 seconds, in sums of one, touches 120; the others leave room for
    /// what clocks that jump put elsewhere.
    pub const SUMS_MAX: usize = 240;

    /// A meter for a guard rail's window. Windows are those of [`crate::bundle::WINDOW_S`]; one that was made longer than
    /// a bundle allows counts as the longest, one of less than a second as of one.
    pub fn new(rail: &GuardRail) -> Self {
        let window_s = rail.window_s.clamp(1, *WINDOW_S.end());
        let bucket_s = (window_s / Self::BUCKETS).max(1);
        Self { window_s, bucket_s, buckets: BTreeMap::new() }
    }

    /// Counts one sample that happened `at`, as known at `now`. One from after `now` comes from a clock that runs ahead,
    /// and counts as of now; one that has left the window by now is not counted. The order of samples does not matter;
    /// to count each once is up to the caller.
    pub fn count(&mut self, at: Timestamp, is_hit: bool, now: Timestamp) {
        let (first, last) = self.span(now);
        let bucket = at.as_second().div_euclid(self.bucket_s).min(last);
        if bucket < first {
            return;
        }
        let counts = self.buckets.entry(bucket).or_default();
        counts.samples = counts.samples.saturating_add(1);
        counts.hits = counts.hits.saturating_add(u64::from(is_hit));
        self.make_room(last);
    }

    /// What was counted in the window that ends at `now`. What was counted as of a later time is not in it, but for the
    /// rest of its own sum.
    pub fn counts(&self, now: Timestamp) -> Counts {
        let (first, last) = self.span(now);
        self.buckets.range(first..=last).fold(Counts::default(), |sum, (_, one)| Counts {
            hits: sum.hits.saturating_add(one.hits),
            samples: sum.samples.saturating_add(one.samples),
        })
    }

    /// Drops what has left the window.
    pub fn forget(&mut self, now: Timestamp) {
        let (first, _) = self.span(now);
        self.buckets = self.buckets.split_off(&first);
    }

    /// Drops the sums that are farthest from now: by a clock that jumped they may lie on either side, and neither must
    /// push out what is in the window.
    fn make_room(&mut self, now: i64) {
        while self.buckets.len() > Self::SUMS_MAX {
            let distance = |end: Option<(&i64, &Counts)>| end.map_or(0, |(at, _)| at.abs_diff(now));
            if distance(self.buckets.first_key_value()) >= distance(self.buckets.last_key_value()) {
                self.buckets.pop_first();
            } else {
                self.buckets.pop_last();
            }
        }
    }

    fn span(&self, now: Timestamp) -> (i64, i64) {
        let now = now.as_second();
        ((now.saturating_sub(self.window_s)).div_euclid(self.bucket_s), now.div_euclid(self.bucket_s))
    }
}

const MILLION: u128 = 1_000_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::RuleId;
    use crate::bundle::{Action, Measure};

    fn rail(bound: Bound, at_least: u32, window_s: i64) -> GuardRail {
        let id = |text| RuleId::parse(text).unwrap();
        GuardRail {
            id: id("g"),
            opening: id("o"),
            measure: Measure::SuccessRate,
            window_s,
            at_least,
            bound,
            action: Action::RollBack,
        }
    }

    fn ppm(parts: u32) -> Ppm {
        Ppm::new(parts).unwrap()
    }

    #[test]
    fn a_rate_at_its_bound_is_kept_and_one_beyond_it_is_not() {
        let (min, max) = (Bound::Min(ppm(900_000)), Bound::Max(ppm(20_000)));
        let beyond =
            |measured, bound| Verdict::RollBack { measured_ppm: ppm(measured), bound_ppm: ppm(bound) };
        for (bound, hits, samples, wanted) in [
            (min, 0, 0, Verdict::TooFew { samples: 0 }),
            (min, 0, 99, Verdict::TooFew { samples: 99 }),
            (min, 90, 100, Verdict::Keep),
            (min, 89, 100, beyond(890_000, 900_000)),
            (min, 899_999_999, 1_000_000_000, beyond(899_999, 900_000)),
            (max, 2, 100, Verdict::Keep),
            (max, 3, 100, beyond(30_000, 20_000)),
            (max, 20_000_001, 1_000_000_000, beyond(20_001, 20_000)),
            (max, u64::MAX, u64::MAX, beyond(1_000_000, 20_000)),
            (min, u64::MAX, u64::MAX, Verdict::Keep),
        ] {
            assert_eq!(
                judge(&rail(bound, 100, 60), Counts { hits, samples }),
                wanted,
                "{bound:?} {hits}/{samples}"
            );
        }
    }

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// A clock that jumps keeps its samples apart, and however often it does so the sums stay few.
    #[test]
    fn clocks_that_jump_neither_fill_a_meter_nor_empty_its_window() {
        for window_s in [1, 59, 60, 119, 120, 2_592_000] {
            let mut meter = Meter::new(&rail(Bound::Min(Ppm::NONE), 1, window_s));
            let now = 1_725_000_000;
            let in_window = window_s.min(200);
            for age in 0..in_window {
                meter.count(second(now - age), true, second(now));
            }
            let jump = |meter: &mut Meter, times: i64| {
                let at = second(now + times * 2 * window_s);
                meter.count(at, false, at);
            };
            (1..=60).for_each(|times| jump(&mut meter, times));
            (1..=60).for_each(|times| jump(&mut meter, -times));
            let hits = u64::try_from(in_window).unwrap();
            assert_eq!(meter.counts(second(now)), Counts { hits, samples: hits }, "{window_s}");
            (61..1_000).for_each(|times| jump(&mut meter, times));
            assert!(meter.buckets.len() <= Meter::SUMS_MAX, "{window_s}: {}", meter.buckets.len());
        }
    }

    #[test]
    fn a_sample_from_after_now_counts_as_of_now_and_one_that_left_does_not() {
        let mut meter = Meter::new(&rail(Bound::Min(Ppm::NONE), 1, 60));
        let now = second(1_725_000_000);
        for at in [second(1_725_000_900), Timestamp::MAX, now, second(1_724_999_940)] {
            meter.count(at, true, now);
        }
        meter.count(second(1_724_999_939), true, now);
        assert_eq!(meter.counts(now), Counts { hits: 4, samples: 4 });
        assert_eq!(meter.counts(second(1_725_000_060)), Counts { hits: 3, samples: 3 });
        assert_eq!(meter.counts(second(1_725_000_061)), Counts::default());
    }

    #[test]
    fn a_window_that_no_bundle_holds_is_the_nearest_that_can_be() {
        for (window_s, held) in [(i64::MAX, 2_592_000), (i64::MIN, 1), (0, 1), (59, 59)] {
            let mut meter = Meter::new(&rail(Bound::Min(Ppm::NONE), 1, window_s));
            assert_eq!(meter.window_s, held);
            meter.count(Timestamp::MIN, true, Timestamp::MIN);
            meter.count(Timestamp::MAX, true, Timestamp::MAX);
            assert_eq!(meter.counts(Timestamp::MAX), Counts { hits: 1, samples: 1 });
        }
    }

    proptest! {
        /// The verdict is that of the exact rate, and what is reported lies beyond the bound.
        #[test]
        fn the_exact_rate_decides(samples in 1..10_000_u64, part in 0..=10_000_u64, bound in 0..=1_000_000_u32, is_min: bool) {
            let hits = samples * part / 10_000;
            let bound = ppm(bound);
            let rail = rail(if is_min { Bound::Min(bound) } else { Bound::Max(bound) }, 1, 60);
            let (scaled, limit) = (hits * 1_000_000, u64::from(bound.get()) * samples);
            match judge(&rail, Counts { hits, samples }) {
                Verdict::Keep => prop_assert_eq!((scaled < limit && is_min) || (scaled > limit && !is_min), false),
                Verdict::RollBack { measured_ppm, bound_ppm } => {
                    prop_assert_eq!(bound_ppm, bound);
                    prop_assert_eq!((measured_ppm < bound, scaled < limit), (is_min, is_min));
                    prop_assert_eq!((measured_ppm > bound, scaled > limit), (!is_min, !is_min));
                }
                Verdict::TooFew { .. } => prop_assert!(false, "there is a sample"),
            }
        }

        /// A window counts what is in it whatever the order, and lets go of a sample less than a 60th of its length late.
        #[test]
        fn a_window_counts_what_is_in_it(window_s in 1..10_000_i64, mut ages in proptest::collection::vec((0..20_000_i64, any::<bool>()), 0..60)) {
            let now = Timestamp::from_second(1_725_000_000).unwrap();
            let rail = rail(Bound::Min(Ppm::NONE), 1, window_s);
            let metered = |ages: &[(i64, bool)]| {
                let mut meter = Meter::new(&rail);
                for (age, is_hit) in ages {
                    meter.count(Timestamp::from_second(now.as_second() - age).unwrap(), *is_hit, now);
                }
                meter
            };
            let mut meter = metered(&ages);
            let counts = meter.counts(now);
            let within = |longest: i64| u64::try_from(ages.iter().filter(|(age, _)| *age <= longest).count()).unwrap();
            prop_assert!(counts.samples >= within(window_s) && counts.samples <= within(window_s + (window_s / 60).max(1) - 1));
            prop_assert!(counts.hits <= counts.samples);
            meter.forget(now);
            prop_assert_eq!(meter.counts(now), counts);
            prop_assert!(meter.buckets.len() <= Meter::SUMS_MAX);
            ages.reverse();
            prop_assert_eq!(metered(&ages).counts(now), counts);
        }
    }
}
