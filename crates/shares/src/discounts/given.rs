//! What was given on one order, by whom, and what of it goes back with a refund.

use std::collections::BTreeMap;

use paifang_money::{Money, PositiveMoney};
use serde::{Deserialize, Serialize};

use super::Funder;
use crate::DiscountId;
use crate::parts::{Misfit, Parts, at_most, proportion, same_currency, sum_of};
use crate::units::part;

/// What was given on one order. Stored with the payment; what goes back at a refund is computed from this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "DiscountedForm", into = "DiscountedForm")]
pub struct Discounted {
    payable: PositiveMoney,
    given: Vec<Given>,
}

/// What one discount gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// The discount.
    pub id: DiscountId,
    /// Who funds it.
    pub funder: Funder,
    /// What it gave; may be zero.
    pub amount: Money,
    /// What is left of its budget after this order; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_left: Option<Money>,
    /// What kept it below its rate or amount; absent where nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<DiscountBound>,
}

/// What kept a discount below its rate or amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiscountBound {
    /// Its cap per order.
    Cap,
    /// What is left of its budget.
    Budget,
    /// The price: the payer pays at least 1 minor unit.
    Price,
}

/// What one discount gets back of a refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenBack {
    /// The discount.
    pub id: DiscountId,
    /// Who gets it.
    pub funder: Funder,
    /// How much; may be zero.
    pub amount: Money,
}

impl Discounted {
    /// Discounts that were taken, one after the other, from a price of which `payable` is left.
    pub(super) fn of(payable: PositiveMoney, given: Vec<Given>) -> Self {
        Self { payable, given }
    }

    /// What the payer pays: at least 1 minor unit.
    pub fn payable(&self) -> PositiveMoney {
        self.payable
    }

    /// What each discount gave, in the order of the rules.
    pub fn given(&self) -> &[Given] {
        &self.given
    }

    /// What each funder gave, over all of its discounts.
    pub fn by_funder(&self) -> BTreeMap<Funder, Money> {
        let totals = total_by_funder(self.given.iter().map(|given| (given.funder, given.amount)));
        totals.expect("of one currency and together below the price, as checked when it was made or read")
    }

    /// What each discount gets back with a refund of `refund` to the payer, after `before` of the paid amount was
    /// refunded already; in the order of the rules.
    ///
    /// Errors: another currency; more than the payer paid.
    pub fn give_back(&self, before: Money, refund: PositiveMoney) -> Result<Vec<GivenBack>, Misfit> {
        same_currency("the refunded amount", before, self.payable.currency())?;
        let after = sum_of("the refunded total", before, refund.money())?;
        at_most("the refunded total", after, self.payable.money())?;
        let parts = self.parts();
        let [low, high] = [before, after].map(|total| proportion(parts.sum(), total, self.payable));
        let amount = part(i128::from(high.minor_units()) - i128::from(low.minor_units()), low.currency());
        let step = parts.step(low, amount)?;
        let back = self.given.iter().zip(step.iter());
        Ok(back
            .map(|(given, amount)| GivenBack { id: given.id.clone(), funder: given.funder, amount })
            .collect())
    }

    fn parts(&self) -> Parts {
        let minor = self.given.iter().map(|given| given.amount.minor_units());
        Parts::of(self.payable.currency(), minor.collect())
    }
}

/// What each funder gets back, over all of its discounts.
///
/// Errors: amounts of more than one currency; a sum that is no amount any more. What [`Discounted::give_back`] answers
/// has neither.
pub fn by_funder(back: &[GivenBack]) -> Result<BTreeMap<Funder, Money>, Misfit> {
    total_by_funder(back.iter().map(|back| (back.funder, back.amount)))
}

fn total_by_funder(
    amounts: impl Iterator<Item = (Funder, Money)>,
) -> Result<BTreeMap<Funder, Money>, Misfit> {
    let what = "amounts by funder";
    let mut totals: BTreeMap<Funder, Money> = BTreeMap::new();
    let mut currency = None;
    for (funder, amount) in amounts {
        same_currency(what, amount, *currency.get_or_insert(amount.currency()))?;
        let total = totals.entry(funder).or_insert(Money::zero(amount.currency()));
        *total = sum_of(what, *total, amount)?;
    }
    Ok(totals)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DiscountedForm {
    payable: PositiveMoney,
    given: Vec<Given>,
}

impl TryFrom<DiscountedForm> for Discounted {
    type Error = Misfit;

    fn try_from(form: DiscountedForm) -> Result<Self, Misfit> {
        let DiscountedForm { payable, given } = form;
        let parts = Parts::new(payable.currency(), given.iter().map(|given| given.amount))?;
        sum_of("the price", parts.sum(), payable.money())?;
        Ok(Self { payable, given })
    }
}

impl From<Discounted> for DiscountedForm {
    fn from(discounted: Discounted) -> Self {
        Self { payable: discounted.payable, given: discounted.given }
    }
}
