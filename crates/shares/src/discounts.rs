//! Discounts and who funds them.
//!
//! Discounts apply in their order, each to the price that the ones before it left. A rate is rounded down, so nobody
//! funds more than was promised. Each discount is bounded by its cap per order, by what is left of its budget (a
//! fact that the caller hands in and gets back as the new rest), and by the price: the payer always pays at least 1 minor
//! unit. A budget that does not suffice gives what it has; the answer says so.
//!
//! A discount is given only where it fits: by wallet, category, time and condition, each of which may be left out. Where it
//! cannot be told because an input is not known, there is no answer: neither the payer nor a funder is to be surprised.
//!
//! What the merchant funds without a budget it merely does not get ([`Given::is_own`]); everything else is paid in, by the
//! budget or by its funder.
//!
//! A refund gives back to the funders in proportion to what of the paid amount was refunded: their total by rounding
//! half up, divided among them by the cumulative rule of [`crate::Parts`]. All refunds together give back every discount whole.
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
//! wallet = "alipay"
//! category = "apparel"
//! from = "2026-11-01T00:00:00+08:00"
//! until = "2026-11-12T00:00:00+08:00"
//! when = 'payer.tier == "gold"'
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

use jiff::Timestamp;
use paifang_money::{Currency, Money, PositiveMoney};
use serde::{Deserialize, Serialize};

use crate::fault::{Check, Faults};
use crate::parts::{Misfit, RECEIVERS_MAX, same_currency};
use crate::refund_terms::{Applies, WHEN_CHARS_MAX};
use crate::units::part;
use crate::{Category, DiscountId, Minor, Ppm, Wallet};

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
    /// Only for payments with this wallet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wallet: Option<Wallet>,
    /// Only for payments of this category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// Only for payments at or after this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Only for payments before this time; after `from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Only where this condition holds, of at most [`WHEN_CHARS_MAX`] characters; the caller reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
}

/// The declared inputs of discounts besides the price. What is not known is left out; a rule that asks for it is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscountInputs {
    /// What is sold.
    pub category: Option<Category>,
    /// What is to be paid with.
    pub wallet: Option<Wallet>,
    /// When the way to pay is chosen.
    pub at: Timestamp,
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
    /// Whether a discount fits cannot be told.
    #[error("discount {id} cannot be told without {}", inputs.join(", "))]
    InputMissing {
        /// The discount.
        id: DiscountId,
        /// What it lacks.
        inputs: Vec<String>,
    },
    /// Its condition could not be evaluated.
    #[error("the condition of discount {id} fails: {text}")]
    ConditionFailed {
        /// The discount.
        id: DiscountId,
        /// Why.
        text: String,
    },
    /// An amount does not fit.
    #[error(transparent)]
    Misfit(#[from] Misfit),
}

impl Funder {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Rail, Self::PlatformA, Self::PlatformB, Self::Merchant, Self::Creator];

    /// Its word in rules and account names.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rail => "rail",
            Self::PlatformA => "platform_a",
            Self::PlatformB => "platform_b",
            Self::Merchant => "merchant",
            Self::Creator => "creator",
        }
    }
}

impl DiscountRules {
    /// Checks the rules: at most [`RECEIVERS_MAX`] discounts, unique ids, each with exactly one of a rate and an amount, and
    /// `from` before `until`.
    pub fn new(currency: Currency, rules: Vec<DiscountRule>) -> Result<Self, Faults> {
        let mut check = Check::default();
        if !check.length(rules.len(), 0, RECEIVERS_MAX, "rules") {
            return Err(check.faults());
        }
        check.unique(rules.iter().map(|rule| &rule.id), "rules", "id");
        for (at, rule) in rules.iter().enumerate() {
            let one = rule.rate_ppm.is_some() != rule.amount_minor.is_some();
            check.require(one, format_args!("rules[{at}]"), "must have either rate_ppm or amount_minor");
            let times = rule.from.zip(rule.until).is_none_or(|(from, until)| from < until);
            check.require(times, format_args!("rules[{at}].until"), "must be after from");
            let fits = |text: &str| !text.trim().is_empty() && text.chars().count() <= WHEN_CHARS_MAX;
            let length = format_args!("must have 1 to {WHEN_CHARS_MAX} characters").to_string();
            check.require(rule.when.as_deref().is_none_or(fits), format_args!("rules[{at}].when"), length);
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

    /// The budgets whose rests have to be handed in.
    pub fn budgets(&self) -> impl Iterator<Item = &DiscountId> {
        self.rules.iter().filter(|rule| rule.budgeted).map(|rule| &rule.id)
    }

    /// Applies every discount that fits to the price of one order. `budgets` has the rest of each budget before this order;
    /// `applies` answers whether a condition holds.
    ///
    /// Errors: another currency; a budget that was not handed in; a discount of which it cannot be told whether it fits.
    pub fn apply(
        &self,
        price: PositiveMoney,
        inputs: &DiscountInputs,
        budgets: &BTreeMap<DiscountId, Money>,
        applies: impl Fn(&str) -> Applies,
    ) -> Result<Discounted, DiscountError> {
        same_currency("price", price.money(), self.currency)?;
        let mut payable = price;
        let mut given = Vec::with_capacity(self.rules.len());
        for rule in &self.rules {
            if !rule.fits(inputs, &applies)? {
                continue;
            }
            let one = rule.give(payable, rule.budget(self.currency, budgets)?);
            payable = less(payable, one.amount);
            given.push(one);
        }
        Ok(Discounted::of(payable, given))
    }
}

impl DiscountRule {
    /// What is known to keep it from fitting does so, whatever else is not known.
    fn fits(
        &self,
        inputs: &DiscountInputs,
        applies: &impl Fn(&str) -> Applies,
    ) -> Result<bool, DiscountError> {
        let in_time =
            self.from.is_none_or(|from| from <= inputs.at) && self.until.is_none_or(|end| inputs.at < end);
        if !in_time || differs(&self.wallet, &inputs.wallet) || differs(&self.category, &inputs.category) {
            return Ok(false);
        }
        let holds = self.when.as_deref().map_or(Applies::Yes, applies);
        let lacks = |what: &str, wanted: bool, known: bool| (wanted && !known).then(|| what.to_owned());
        let lacking = [
            lacks("wallet", self.wallet.is_some(), inputs.wallet.is_some()),
            lacks("category", self.category.is_some(), inputs.category.is_some()),
        ];
        let mut missing: Vec<String> = lacking.into_iter().flatten().collect();
        match holds {
            Applies::No => return Ok(false),
            Applies::Failed(text) => {
                return Err(DiscountError::ConditionFailed { id: self.id.clone(), text });
            }
            Applies::Missing(inputs) => missing.extend(inputs),
            Applies::Yes => {}
        }
        if missing.is_empty() {
            Ok(true)
        } else {
            Err(DiscountError::InputMissing { id: self.id.clone(), inputs: missing })
        }
    }

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

/// Whether what is known is not what is asked for.
fn differs<T: PartialEq>(wanted: &Option<T>, known: &Option<T>) -> bool {
    wanted.as_ref().zip(known.as_ref()).is_some_and(|(wanted, known)| wanted != known)
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
