//! Guard rails: what the version that decides let in is measured now and then, and an opening whose guard rail is crossed is
//! rolled back, by an entry in the tenant's book like any other.
//!
//! Every replica measures. Two that see the same add one entry: it goes behind the entries that were seen or nowhere, and a
//! replica that finds more of them looks again. What is measured lies in the store, so it is the same for all of them, but for
//! the begin of the window, which is by each one's own clock.
//!
//! An attempt counts for the opening and the version that let it in. So a version begins with nothing, and what was let in
//! before an opening was opened again (by the entries that its decision rests on, not by a clock) counts no more.

use jiff::{SignedDuration, Timestamp};
use paifang_payment::TenantId;
use paifang_payment::attempt::ABSENCE_MARGIN;
use paifang_policy::bundle::{AT_LEAST_MAX, Bundle, GuardRail, Measure};
use paifang_policy::guard::{Counts, Verdict, judge};
use paifang_policy::lifecycle::{Book, Fact, Overlay, Why};
use paifang_policy::{Ppm, RuleId};
use paifang_store::{GuardedBook, PAGE_MAX, RulesEntry, Sample, Store};

use crate::engine::CONFLICTS_MAX;
use crate::ports::{Environment, Rails, Transport};
use crate::rules::{Rules, Ruling};
use crate::{Engine, Error};

/// What one round over all tenants came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GuardRound {
    /// Guard rails that were measured.
    pub measured: u64,
    /// Openings that this replica rolled back.
    pub rolled_back: Vec<Crossed>,
    /// Tenants whose guard rails could not be measured; the log says why.
    pub failed: u64,
}

/// What a guard rail measured that is crossed.
#[derive(Clone, Copy)]
struct Reading<'a> {
    rail: &'a GuardRail,
    counts: Counts,
    measured: Ppm,
    /// From when on it was counted, where there was more in the window than is counted.
    cut: Option<Timestamp>,
}

/// A guard rail that was crossed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crossed {
    /// Whose rules.
    pub tenant: TenantId,
    /// The guard rail.
    pub guard_rail: RuleId,
    /// The opening that it watches.
    pub opening: RuleId,
    /// What it measures.
    pub measure: Measure,
    /// What was counted.
    pub counts: Counts,
}

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// Measures the guard rails of every version that decides, once, and rolls back what they say. Tenants whose book has no
    /// version with guard rails cost nothing, and of the others only what was added to their book since is read.
    pub async fn watch_guard_rails(&self) -> Result<GuardRound, Error> {
        let (mut round, mut after) = (GuardRound::default(), None);
        loop {
            let books = self.inner.store.guarded_books(after, PAGE_MAX).await?;
            let Some(last) = books.last() else { return Ok(round) };
            after = Some(last.tenant);
            for GuardedBook { tenant, entries } in books {
                if let Err(error) = self.watch_tenant(tenant, entries, &mut round).await {
                    round.failed += 1;
                    tracing::error!(%tenant, %error, "guard rails cannot be measured");
                }
            }
        }
    }

    async fn watch_tenant(
        &self,
        tenant: TenantId,
        entries: u64,
        round: &mut GuardRound,
    ) -> Result<(), Error> {
        let mut fresh = self.inner.rulebooks.entries(tenant) < entries;
        for _ in 0..CONFLICTS_MAX {
            let ruling = self.ruling(tenant, self.now(), fresh).await?;
            let Some((bundle, rolled_back)) = ruling.bundle() else { return Ok(()) };
            let (measured, crossed) = self.first_crossed(tenant, &ruling, bundle, rolled_back).await?;
            let Some(reading) = crossed else {
                round.measured += measured;
                return Ok(());
            };
            if self.roll_back(tenant, ruling.rules(), &reading).await? {
                let Reading { rail, counts, .. } = reading;
                let (guard_rail, opening, measure) = (rail.id.clone(), rail.opening.clone(), rail.measure);
                round.rolled_back.push(Crossed { tenant, guard_rail, opening, measure, counts });
            }
            fresh = true;
        }
        Err(Error::Busy)
    }

    /// How many guard rails were measured, and the first of them that is crossed.
    async fn first_crossed<'a>(
        &self,
        tenant: TenantId,
        ruling: &Ruling,
        bundle: &'a Bundle,
        rolled_back: &Overlay,
    ) -> Result<(u64, Option<Reading<'a>>), Error> {
        let mut measured = 0;
        for rail in bundle.guard_rails().iter().filter(|rail| !rolled_back.holds(&rail.opening)) {
            let window = SignedDuration::from_secs(rail.window_s);
            let sample = Sample {
                tenant,
                opening: rail.opening.clone(),
                version: bundle.header().version,
                entries: ruling.rules().reopened(&rail.opening),
                since: self.now().saturating_sub(window).unwrap_or(Timestamp::MIN),
                paid_only: rail.measure.is_of_paid(),
                max: AT_LEAST_MAX,
            };
            let tally = self.inner.store.tally(&sample).await?;
            let (counts, cut) = (tally.counts(rail.measure), tally.cut(sample.max));
            measured += 1;
            match judge(rail, counts) {
                Verdict::Keep | Verdict::TooFew { .. } => {}
                Verdict::RollBack { measured_ppm, .. } => {
                    let reading = Reading { rail, counts, measured: measured_ppm, cut };
                    return Ok((measured, Some(reading)));
                }
            }
        }
        Ok((measured, None))
    }

    /// `false` where the book has moved on: another replica may have been faster, or a person opened it again.
    async fn roll_back(&self, tenant: TenantId, rules: &Rules, reading: &Reading<'_>) -> Result<bool, Error> {
        let Reading { rail, counts, measured, cut } = *reading;
        let last = rules.book().and_then(Book::last);
        let at = last.map_or(self.now(), |last| last.max(self.now()));
        let why = Why::GuardRail {
            rule: rail.id.clone(),
            measure: rail.measure,
            window_s: rail.window_s,
            counts,
            measured,
            bound: rail.bound,
            cut,
            spares_until: at.checked_add(ABSENCE_MARGIN).ok(),
        };
        let fact = Fact::RolledBack { at, opening: rail.opening.clone(), why };
        let book =
            rules.book().cloned().ok_or_else(|| Error::Broken("a guard rail without a book".into()))?;
        let book = book.step(fact.clone()).map_err(|error| Error::Broken(format!("a roll-back: {error}")))?;
        let recalled = book.roll_backs().last().map(|last| last.recalled.clone()).unwrap_or_default();
        let entry = RulesEntry { request: None, fact, text: None, guarded: false };
        if !self.inner.store.add_rules(tenant, rules.entries(), &entry).await? {
            return Ok(false);
        }
        let (guard_rail, opening, measure) = (&rail.id, &rail.opening, rail.measure.as_str());
        let (entry, window_s, Counts { hits, samples }) = (rules.entries() + 1, rail.window_s, counts);
        let (measured_ppm, bound) = (measured.get(), rail.bound);
        tracing::warn!(%tenant, %guard_rail, %opening, measure, hits, samples, measured_ppm, ?bound, window_s, ?cut, entry, ?recalled, "an opening was rolled back by its guard rail");
        Ok(true)
    }
}
