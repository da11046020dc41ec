//! Guard rails: what the openings of the version that decides let in is measured now and then, and an opening whose guard rail is crossed is
//! rolled back, by an entry in the tenant's book like any other.
//!
//! Every replica measures. Two that see the same add one entry: it goes behind the entries that were seen or nowhere, and a
//! replica that finds more of them looks again. What is measured lies in the store, so it is the same for all of them, but for
//! the begin of the window, which is by each one's own clock.
//!
//! An attempt counts for the opening that let it in, from version to version as long as the opening says the same
//! ([`Book::unchanged_since`]). So a version in which it says something else begins with nothing, and what was let in before an
//! opening was opened again (by the entries that its decision rests on, not by a clock) counts no more.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use paifang_payment::TenantId;
use paifang_payment::attempt::ABSENCE_MARGIN;
use paifang_policy::bundle::{AT_LEAST_MAX, GuardRail, Measure};
use paifang_policy::guard::{Counts, Verdict, judge};
use paifang_policy::lifecycle::{Book, Fact, Why};
use paifang_policy::{Ppm, RuleId};
use paifang_store::{GuardedBook, PAGE_MAX, RulesEntry, Sample, Store};

use crate::engine::CONFLICTS_MAX;
use crate::ports::{Environment, Rails, Transport};
use crate::rules::{Rules, Ruling};
use crate::{Engine, Error};

/// What one round over all tenants came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GuardRound {
    /// How often a guard rail was measured.
    pub measured: u64,
    /// Openings that this replica rolled back.
    pub rolled_back: Vec<Crossed>,
    /// Tenants of whose guard rails one or more could not be measured; the log says which and why.
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

/// What a look at one guard rail came to.
enum Look {
    /// It was measured, and its opening closed where it is crossed.
    Done { closed: bool },
    /// It is crossed, and the book has moved on meanwhile: look again.
    Moved,
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
                match self.watch_tenant(tenant, entries, &mut round).await {
                    Ok(true) => {}
                    Ok(false) => round.failed += 1,
                    Err(error) => {
                        round.failed += 1;
                        tracing::error!(%tenant, %error, "guard rails cannot be measured");
                    }
                }
            }
        }
    }

    /// Whether all of a tenant's guard rails could be measured. One that cannot be hides none of the others.
    async fn watch_tenant(
        &self,
        tenant: TenantId,
        entries: u64,
        round: &mut GuardRound,
    ) -> Result<bool, Error> {
        let mut fresh = self.inner.rulebooks.entries(tenant) < entries;
        let (mut done, mut all_measured) = (BTreeSet::new(), true);
        let mut conflicts = 0;
        while conflicts < CONFLICTS_MAX {
            let ruling = self.ruling(tenant, self.now(), fresh).await?;
            let Some((bundle, rolled_back)) = ruling.bundle() else { return Ok(all_measured) };
            let is_left = |rail: &&GuardRail| !rolled_back.holds(&rail.opening) && !done.contains(&rail.id);
            let Some(rail) = bundle.guard_rails().iter().find(is_left) else { return Ok(all_measured) };
            fresh = false;
            match self.look(tenant, &ruling, rail, bundle.header().version, round).await {
                Ok(Look::Moved) => (fresh, conflicts) = (true, conflicts + 1),
                Ok(Look::Done { closed }) => {
                    fresh = closed;
                    done.insert(rail.id.clone());
                }
                Err(error) => {
                    let guard_rail = &rail.id;
                    tracing::error!(%tenant, %guard_rail, %error, "a guard rail cannot be measured");
                    all_measured = false;
                    done.insert(rail.id.clone());
                }
            }
        }
        Err(Error::Busy)
    }

    /// Measures one guard rail, and rolls its opening back where it is crossed.
    async fn look(
        &self,
        tenant: TenantId,
        ruling: &Ruling,
        rail: &GuardRail,
        version: u32,
        round: &mut GuardRound,
    ) -> Result<Look, Error> {
        let window = SignedDuration::from_secs(rail.window_s);
        let since = ruling.rules().book().map(|book| book.unchanged_since(version, &rail.opening));
        let sample = Sample {
            tenant,
            opening: rail.opening.clone(),
            version: since.unwrap_or(version),
            entries: ruling.rules().reopened(&rail.opening),
            since: self.now().saturating_sub(window).unwrap_or(Timestamp::MIN),
            paid_only: rail.measure.is_of_paid(),
            max: AT_LEAST_MAX,
        };
        let tally = self.inner.store.tally(&sample).await?;
        round.measured += 1;
        let (counts, cut) = (tally.counts(rail.measure), tally.cut(sample.max));
        let measured = match judge(rail, counts) {
            Verdict::Keep | Verdict::TooFew { .. } => return Ok(Look::Done { closed: false }),
            Verdict::RollBack { measured_ppm, .. } => measured_ppm,
        };
        if !self.roll_back(tenant, ruling.rules(), &Reading { rail, counts, measured, cut }).await? {
            return Ok(Look::Moved);
        }
        let (guard_rail, opening, measure) = (rail.id.clone(), rail.opening.clone(), rail.measure);
        round.rolled_back.push(Crossed { tenant, guard_rail, opening, measure, counts });
        Ok(Look::Done { closed: true })
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
        self.inner.world.reached("guards.rolled_back");
        let (guard_rail, opening, measure) = (&rail.id, &rail.opening, rail.measure.as_str());
        let (entry, window_s, Counts { hits, samples }) = (rules.entries() + 1, rail.window_s, counts);
        let (measured_ppm, bound) = (measured.get(), rail.bound);
        tracing::warn!(%tenant, %guard_rail, %opening, measure, hits, samples, measured_ppm, ?bound, window_s, ?cut, entry, ?recalled, "an opening was rolled back by its guard rail");
        Ok(true)
    }
}
