//! Discounts and who funds them.
//!
//! Discounts apply in their order, each to the price that the ones before it left. A rate is rounded down, so nobody
//! funds more than was promised. Each discount is bounded by its cap per order, by what is left of its budget (a
//! fact that the caller hands in and gets back as the new rest), and by the price: the payer always pays at least 1 minor
//! unit. A budget that does not suffice gives what it has; the answer says so.
//!
//! A refund gives back to the funders in proportion to what of the paid amount was refunded: their total by rounding
//! half up, divided among them by the cumulative rule of [`crate::Parts`]. All refunds together give back every discount whole.
//! What was given back may be added to the budgets again; that is the caller's decision.
//!
//! ```toml
//! currency = "CNY"
//!
//! [[rules]]
//! id = "double-eleven"
//! funder = "platform_a"
//! rate_ppm = 100_000
//! cap_minor = 5_000
//! budgeted = true
//!
//! [[rules]]
//! id = "shop-coupon"
//! funder = "merchant"
//! amount_minor = 300
//! budgeted = false
//! ```

mod given;

pub use given::{DiscountBound, Discounted, Given, GivenBack, by_funder};

use std::collections::BTreeMap;

use paifang_money::{Currency, Money, PositiveMoney};
use serde::{Deserialize, Serialize};

use crate::fault::{Check, Faults};
use crate::parts::{Misfit, RECEIVERS_MAX, same_currency};
use crate::units::part;
use crate::{DiscountId, Minor, Ppm};

/// Who funds a discount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Funder {
    /// The rail, or the wallet behind it.
    Rail,
    /// The platform on whose storefront the order was made.
    PlatformA,
    /// The other platform, whose wallet or traffic it is.
    PlatformB,
    /// The merchant.
    Merchant,
    /// The creator or live streamer who sold it.
    Creator,
}

/// Checked discounts of one currency, in the order in which they apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct DiscountRules {
    currency: Currency,
    rules: Vec<DiscountRule>,
}

/// One discount: either a rate or an amount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiscountRule {
    /// Its name; unique in the rules.
    pub id: DiscountId,
    /// Who funds it.
    pub funder: Funder,
    /// A rate, of the price that the discounts before it left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_ppm: Option<Ppm>,
    /// An amount, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_minor: Option<Minor>,
    /// The most it gives per order, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap_minor: Option<Minor>,
    /// Whether it draws on a budget, whose rest has to be handed in.
    pub budgeted: bool,
}

/// Why discounts cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiscountError {
    /// The rest of a budget was not handed in.
    #[error("the rest of the budget of discount {id} is missing")]
    BudgetMissing {
        /// The discount.
        id: DiscountId,
    },
    /// An amount does not fit.
    #[error(transparent)]
    Misfit(#[from] Misfit),
}

impl DiscountRules {
    /// Checks the rules: at most [`RECEIVERS_MAX`] discounts, unique ids, each with exactly one of a rate and an amount.
    pub fn new(currency: Currency, rules: Vec<DiscountRule>) -> Result<Self, Faults> {
        let mut check = Check::default();
        if !check.length(rules.len(), 0, RECEIVERS_MAX, "rules") {
            return Err(check.faults());
        }
        check.unique(rules.iter().map(|rule| &rule.id), "rules", "id");
        for (at, rule) in rules.iter().enumerate() {
            let one = rule.rate_ppm.is_some() != rule.amount_minor.is_some();
            check.require(one, format_args!("rules[{at}]"), "must have either rate_ppm or amount_minor");
        }
        check.done(Self { currency, rules })
    }

    /// The currency of the rules.
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// The discounts in their order.
    pub fn rules(&self) -> &[DiscountRule] {
        &self.rules
    }

    /// Applies every discount to the price of one order. `budgets` has the rest of each budget before this order.
    ///
    /// Errors: another currency; a budget that was not handed in.
    pub fn apply(
        &self,
        price: PositiveMoney,
        budgets: &BTreeMap<DiscountId, Money>,
    ) -> Result<Discounted, DiscountError> {
        same_currency("price", price.money(), self.currency)?;
        let mut payable = price;
        let mut given = Vec::with_capacity(self.rules.len());
        for rule in &self.rules {
            let one = rule.give(payable, rule.budget(self.currency, budgets)?);
            payable = less(payable, one.amount);
            given.push(one);
        }
        Ok(Discounted::of(payable, given))
    }
}

impl DiscountRule {
    fn budget(
        &self,
        currency: Currency,
        budgets: &BTreeMap<DiscountId, Money>,
    ) -> Result<Option<Money>, DiscountError> {
        if !self.budgeted {
            return Ok(None);
        }
        let missing = || DiscountError::BudgetMissing { id: self.id.clone() };
        let left = *budgets.get(&self.id).ok_or_else(missing)?;
        same_currency("budget", left, currency)?;
        Ok(Some(left))
    }

    fn give(&self, price: PositiveMoney, budget: Option<Money>) -> Given {
        let currency = price.currency();
        let fixed = self.amount_minor.unwrap_or_default().of(currency);
        let wanted = self.rate_ppm.map_or(fixed, |rate| rate.of_floor(price.money()));
        let bounds = [
            self.cap_minor.map(|cap| (cap.get(), DiscountBound::Cap)),
            budget.map(|left| (left.minor_units(), DiscountBound::Budget)),
            Some((price.minor_units() - 1, DiscountBound::Price)),
        ];
        let mut amount = wanted.minor_units();
        let mut bound = None;
        for (most, kind) in bounds.into_iter().flatten() {
            if most < amount {
                (amount, bound) = (most, Some(kind));
            }
        }
        let amount = part(i128::from(amount), currency);
        let budget_left = budget
            .map(|left| part(i128::from(left.minor_units()) - i128::from(amount.minor_units()), currency));
        Given { id: self.id.clone(), funder: self.funder, amount, budget_left, bound }
    }
}

/// The price after a discount, which leaves at least 1 minor unit.
fn less(price: PositiveMoney, discount: Money) -> PositiveMoney {
    let left = price.money().checked_sub(discount).and_then(|left| left.try_into().ok());
    left.expect("a discount is bounded by the price less 1")
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    currency: Currency,
    rules: Vec<DiscountRule>,
}

impl TryFrom<Form> for DiscountRules {
    type Error = Faults;

    fn try_from(form: Form) -> Result<Self, Faults> {
        Self::new(form.currency, form.rules)
    }
}

impl From<DiscountRules> for Form {
    fn from(rules: DiscountRules) -> Self {
        Self { currency: rules.currency, rules: rules.rules }
    }
}

#[cfg(test)]
mod tests;
