//! Guard rails: what is counted over a window, held against a bound. Integers only.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Ppm;
use crate::bundle::{Bound, GuardRail};

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
        /// The rate in parts per million, rounded away from the bound's side it kept, so it never looks kept.
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
        Bound::Min(bound) => (scaled >= u128::from(bound.parts()) * samples, scaled / samples, bound),
        Bound::Max(bound) => (scaled <= u128::from(bound.parts()) * samples, scaled.div_ceil(samples), bound),
    };
    if is_kept {
        return Verdict::Keep;
    }
    // At most a million, for there are at most as many hits as samples.
    let measured_ppm = u32::try_from(measured).ok().and_then(|parts| Ppm::new(parts).ok()).unwrap_or(Ppm::ALL);
    Verdict::RollBack { measured_ppm, bound_ppm: bound }
}

/// Counts over a window that moves with the time. It keeps at most [`Meter::BUCKETS`] + 1 sums, so a sample leaves the
/// window up to a 60th of its length late, never early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meter {
    window_s: i64,
    bucket_s: i64,
    buckets: BTreeMap<i64, Counts>,
}

impl Meter {
    /// How many sums a window is made of.
    pub const BUCKETS: i64 = 60;

    /// A meter for a guard rail's window.
    pub fn new(rail: &GuardRail) -> Self {
        let window_s = rail.window_s.max(1);
        let bucket_s = (window_s + Self::BUCKETS - 1) / Self::BUCKETS;
        Self { window_s, bucket_s, buckets: BTreeMap::new() }
    }

    /// Counts one sample at a time. The order of samples does not matter; one that is out of the window when it comes
    /// in is dropped with the next [`Self::forget`]. Counting a sample once is up to the caller.
    pub fn count(&mut self, at: Timestamp, is_hit: bool) {
        let counts = self.buckets.entry(at.as_second().div_euclid(self.bucket_s)).or_default();
        counts.samples = counts.samples.saturating_add(1);
        counts.hits = counts.hits.saturating_add(u64::from(is_hit));
    }

    /// What was counted in the window that ends at `now`. Samples after `now` are not in it, but for the rest of its
    /// own sum.
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

    fn span(&self, now: Timestamp) -> (i64, i64) {
        let now = now.as_second();
        ((now.saturating_sub(self.window_s)).div_euclid(self.bucket_s), now.div_euclid(self.bucket_s))
    }
}

const MILLION: u128 = 1_000_000;
