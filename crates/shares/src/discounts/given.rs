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
    /// It goes back to the discount's budget.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub budgeted: bool,
}

impl Given {
    /// Whether it came out of a budget.
    pub fn is_budgeted(&self) -> bool {
        self.budget_left.is_some()
    }

    /// Whether nobody pays it in: the merchant just gets that much less.
    pub fn is_own(&self) -> bool {
        is_own(self.funder, self.is_budgeted())
    }
}

impl GivenBack {
    /// Whether nobody gets it: the merchant just owes that much less.
    pub fn is_own(&self) -> bool {
        is_own(self.funder, self.budgeted)
    }
}

fn is_own(funder: Funder, budgeted: bool) -> bool {
    funder == Funder::Merchant && !budgeted
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

    /// What the order cost before any of them.
    pub fn price(&self) -> Money {
        let given = i128::from(self.sum_where(|_| true).minor_units());
        part(i128::from(self.payable.minor_units()) + given, self.payable.currency())
    }

    /// What each discount gave, in the order of the rules.
    pub fn given(&self) -> &[Given] {
        &self.given
    }

    /// What the merchant does not get because it funds it itself, without a budget.
    pub fn own(&self) -> Money {
        self.sum_where(Given::is_own)
    }

    /// What budgets and funders pay in, so that it is divided with what the payer pays.
    pub fn paid_in(&self) -> Money {
        self.sum_where(|given| !given.is_own())
    }

    fn sum_where(&self, which: impl Fn(&Given) -> bool) -> Money {
        let minor = self.given.iter().filter(|given| which(given)).map(|given| given.amount.minor_units());
        part(minor.map(i128::from).sum(), self.payable.currency())
    }

    /// The discounts of a smaller payment, such as a capture of less than was held: their total in proportion, rounded half
    /// up, divided among them by the cumulative rule.
    ///
    /// Errors: another currency; more than the payer was to pay.
    pub fn of_less(&self, taken: PositiveMoney) -> Result<Self, Misfit> {
        same_currency("what was taken", taken.money(), self.payable.currency())?;
        at_most("what was taken", taken.money(), self.payable.money())?;
        let parts = self.parts();
        let less = parts.after(proportion(parts.sum(), taken.money(), self.payable))?;
        let given = self.given.iter().zip(less.iter());
        Ok(Self {
            payable: taken,
            given: given.map(|(given, amount)| Given { amount, ..given.clone() }).collect(),
        })
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
        Ok(self.back(&step))
    }

    /// What each discount gets back with one more refund of `refund`, where the refunds that stand have refunded `before` of
    /// the paid amount and given back `given`: in whatever order they came, and whichever were undone. Where nothing was
    /// undone that is [`Self::give_back`]; in any case no discount gets back more than it gave, and the refund of the last
    /// minor unit gives back all that is left.
    ///
    /// Errors: another currency; more than the payer paid; amounts of other discounts.
    pub fn next<'a>(
        &self,
        given: impl IntoIterator<Item = &'a [GivenBack]>,
        before: Money,
        refund: PositiveMoney,
    ) -> Result<Vec<GivenBack>, Misfit> {
        let currency = self.payable.currency();
        same_currency("the refunded amount", before, currency)?;
        let after = sum_of("the refunded total", before, refund.money())?;
        at_most("the refunded total", after, self.payable.money())?;
        let parts = self.parts();
        let mut sums = vec![Money::zero(currency); parts.len()];
        for back in given {
            if back.len() != sums.len() {
                return Err(Misfit::OtherParts { wanted: sums.len(), given: back.len() });
            }
            for (sum, back) in sums.iter_mut().zip(back) {
                *sum = sum_of("what was given back", *sum, back.amount)?;
            }
        }
        let given = Parts::new(currency, sums)?;
        let due = proportion(parts.sum(), after, self.payable).minor_units();
        let amount = (due - given.sum().minor_units()).max(0);
        Ok(self.back(&parts.next(&given, part(i128::from(amount), currency))?))
    }

    fn back(&self, step: &Parts) -> Vec<GivenBack> {
        let back = self.given.iter().zip(step.iter());
        let one = |(given, amount): (&Given, Money)| GivenBack {
            id: given.id.clone(),
            funder: given.funder,
            amount,
            budgeted: given.is_budgeted(),
        };
        back.map(one).collect()
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
