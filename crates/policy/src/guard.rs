//! Guard rails: what was counted over a window, held against a bound. Integers only. Who counts is the store.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Ppm;
use crate::bundle::{Bound, GuardRail, Measure};

/// How often something happened, of how often it could have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// How often it happened: successes, refunds, complaints.
    pub hits: u64,
    /// How often it could have. Never less than `hits` where the counting is right.
    pub samples: u64,
}

/// What became of the attempts that an opening let in, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// The attempts that ended by the rail's or the payer's word.
    pub ended: u64,
    /// Those of them that were paid.
    pub paid: u64,
    /// Those of the paid ones of which a refund was asked for.
    pub refunded: u64,
    /// Those of the paid ones that were complained about.
    pub complained: u64,
    /// When the first of them ended; absent where there are none.
    pub oldest: Option<Timestamp>,
}

impl Tally {
    /// From when on they were counted, where there were as many as `max` in the window: of more the last ones are counted.
    pub fn cut(self, max: u32) -> Option<Timestamp> {
        self.oldest.filter(|_| self.ended >= u64::from(max))
    }

    /// What this measure counts of them.
    pub fn counts(self, measure: Measure) -> Counts {
        let Self { ended, paid, refunded, complained, oldest: _ } = self;
        match measure {
            Measure::SuccessRate => Counts { hits: paid, samples: ended },
            Measure::RefundRate => Counts { hits: refunded, samples: paid },
            Measure::ComplaintRate => Counts { hits: complained, samples: paid },
        }
    }
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

const MILLION: u128 = 1_000_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::RuleId;
    use crate::bundle::{Action, Measure};

    fn rail(bound: Bound, at_least: u32) -> GuardRail {
        let id = |text| RuleId::parse(text).unwrap();
        GuardRail {
            id: id("g"),
            opening: id("o"),
            measure: Measure::SuccessRate,
            window_s: 60,
            at_least,
            bound,
            action: Action::RollBack,
        }
    }

    fn ppm(parts: u32) -> Ppm {
        Ppm::new(parts).unwrap()
    }

    #[test]
    fn refunds_and_complaints_are_counted_of_what_was_paid() {
        let tally =
            Tally { ended: 10, paid: 8, refunded: 3, complained: 1, oldest: Some(Timestamp::UNIX_EPOCH) };
        assert_eq!((tally.cut(10), tally.cut(11)), (Some(Timestamp::UNIX_EPOCH), None));
        for (measure, hits, samples) in
            [(Measure::SuccessRate, 8, 10), (Measure::RefundRate, 3, 8), (Measure::ComplaintRate, 1, 8)]
        {
            assert_eq!(tally.counts(measure), Counts { hits, samples }, "{measure:?}");
        }
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
                judge(&rail(bound, 100), Counts { hits, samples }),
                wanted,
                "{bound:?} {hits}/{samples}"
            );
        }
    }

    proptest! {
        /// The verdict is that of the exact rate, and what is reported lies beyond the bound.
        #[test]
        fn the_exact_rate_decides(samples in 1..10_000_u64, part in 0..=10_000_u64, bound in 0..=1_000_000_u32, is_min: bool) {
            let hits = samples * part / 10_000;
            let bound = ppm(bound);
            let rail = rail(if is_min { Bound::Min(bound) } else { Bound::Max(bound) }, 1);
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
    }
}
