//! "Not yet, from then on": when a way to pay that the rules do not take now will be taken from this payer for this order, as
//! things stand. Only what is written already is looked at: dates of the version that decides, and the version that is announced
//! next. What is rolled back stays so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use paifang_money::Money;
use paifang_payment::TenantId;
use paifang_policy::bundle::{Bundle, BundleRef};
use paifang_policy::credit::Effect;
use paifang_policy::facts::Input;
use paifang_policy::lifecycle::{Book, Overlay};
use paifang_policy::opening::decide;
use paifang_shares::DiscountId;
use paifang_store::Store;

use crate::divide::divide;
use crate::place::Placed;
use crate::ports::{Environment, Rails, Transport};
use crate::rules::{Case, Ruling};
use crate::{Engine, Error};

/// Dates that are looked at, at most.
const MOMENTS_MAX: usize = 8;

/// From when a way to pay is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opens {
    /// From when.
    pub at: Timestamp,
    /// The version that takes it then.
    pub version: u32,
}

/// Of every tenant the version that is announced next, once it was read.
#[derive(Default)]
pub(crate) struct Upcoming(Mutex<BTreeMap<TenantId, Arc<Bundle>>>);

/// What will hold at a time to come.
struct Moment<'a> {
    at: Timestamp,
    bundle: &'a Bundle,
    /// The order as it is then.
    case: Case,
}

impl Upcoming {
    fn get(&self, tenant: TenantId, wanted: &BundleRef) -> Option<Arc<Bundle>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&tenant).filter(|bundle| bundle.reference() == *wanted).cloned()
    }

    fn keep(&self, tenant: TenantId, bundle: &Arc<Bundle>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(tenant, Arc::clone(bundle));
    }

    fn forget(&self, tenant: TenantId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&tenant);
    }
}

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// Notes with each way to pay that works, and that the rules do not take now, from when they take it.
    pub(crate) async fn foresee(
        &self,
        tenant: TenantId,
        ruling: &Ruling,
        case: &Case,
        now: Timestamp,
        placed: &mut [Placed],
    ) -> Result<(), Error> {
        let Some(book) = ruling.rules().book() else { return Ok(()) };
        let now = book.last().map_or(now, |last| last.max(now));
        let next = self.announced_next(tenant, book, now).await?;
        let current = ruling.bundle().map(|(bundle, _)| bundle);
        let moments = moments(current, next.as_ref().map(|(at, bundle)| (*at, &**bundle)), case, now);
        if moments.is_empty() {
            return Ok(());
        }
        let rolled_back = book.overlay(now);
        let closed =
            |one: &&mut Placed| one.weighed.option.obstacles.is_empty() && !one.weighed.is_accepted();
        for one in placed.iter_mut().filter(closed) {
            let opens = moments.iter().find(|moment| takes(moment, &rolled_back, one));
            let version = |moment: &Moment<'_>| moment.bundle.header().version;
            one.opens = opens.map(|moment| Opens { at: moment.at, version: version(moment) });
        }
        Ok(())
    }

    /// The version that is announced next, and from when it decides.
    async fn announced_next(
        &self,
        tenant: TenantId,
        book: &Book,
        now: Timestamp,
    ) -> Result<Option<(Timestamp, Arc<Bundle>)>, Error> {
        let upcoming = &self.inner.upcoming;
        let Some((wanted, at)) = book.next(now) else {
            upcoming.forget(tenant);
            return Ok(None);
        };
        let bundle = match upcoming.get(tenant, wanted) {
            Some(bundle) => bundle,
            None => match self.bundle(tenant, wanted).await {
                Ok(bundle) => {
                    upcoming.keep(tenant, &bundle);
                    bundle
                }
                // What decides now can be told all the same.
                Err(Error::Broken(why)) => {
                    tracing::error!(%tenant, why, "the version that is announced next cannot be read");
                    return Ok(None);
                }
                Err(error) => return Err(error),
            },
        };
        Ok(Some((at, bundle)))
    }
}

/// The times to come at which something may open, the first one first.
fn moments<'a>(
    current: Option<&'a Bundle>,
    next: Option<(Timestamp, &'a Bundle)>,
    case: &Case,
    now: Timestamp,
) -> Vec<Moment<'a>> {
    let dates = |bundle: &'a Bundle, after: Timestamp, before: Timestamp| {
        let dates = bundle.openings().iter().filter_map(|opening| opening.from);
        dates.filter(move |from| after < *from && *from < before).map(move |from| (from, bundle))
    };
    let change = next.map_or(Timestamp::MAX, |(at, _)| at);
    let own = current.into_iter().flat_map(|bundle| dates(bundle, now, change));
    let later = next
        .into_iter()
        .flat_map(|(at, bundle)| std::iter::once((at, bundle)).chain(dates(bundle, at, Timestamp::MAX)));
    let mut all: Vec<(Timestamp, &Bundle)> = own.chain(later).collect();
    all.sort_by_key(|(at, _)| *at);
    all.dedup_by_key(|(at, _)| *at);
    let moments = all.into_iter().take(MOMENTS_MAX).filter_map(|(at, bundle)| {
        let facts = case.facts.clone().with(Input::OrderAt, at).ok()?;
        Some(Moment { at, bundle, case: Case { at, facts, budgets: budgets(bundle, case), ..case.clone() } })
    });
    moments.collect()
}

/// What is left of the budgets of that version: what is known of those that decide now as well, and of others nothing. An empty
/// budget gives less, and closes nothing.
fn budgets(bundle: &Bundle, case: &Case) -> BTreeMap<DiscountId, Money> {
    let Some(discounts) = bundle.discounts() else { return BTreeMap::new() };
    let rules = discounts.rules();
    let known = |id: &DiscountId| case.budgets.get(id).filter(|left| left.currency() == rules.currency());
    let left = |id: &DiscountId| known(id).copied().unwrap_or(Money::zero(rules.currency()));
    rules.budgets().map(|id| (id.clone(), left(id))).collect()
}

/// Whether it is taken then: an opening takes it, credit can be left out where that is said, and what is said about money fits.
fn takes(moment: &Moment<'_>, rolled_back: &Overlay, one: &Placed) -> bool {
    let Moment { bundle, case, .. } = moment;
    let option = &one.weighed.option;
    let decision = decide(bundle, rolled_back, &option.offer(), &case.facts, case.payer.as_ref());
    let divides = || divide(bundle, &option.wallet, case).is_none_or(|division| division.is_ok());
    Effect::of(&decision, Some(option.credit.can_exclude())).accepted && divides()
}
