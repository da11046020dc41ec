//! What a bundle says about the money of one payment and of one refund: functions of what was declared, and of nothing else.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use paifang_money::{Money, PositiveMoney};
use paifang_payment::WalletName;
use paifang_shares::discounts::{DiscountError, DiscountInputs, Discounted};
use paifang_shares::division::Division;
use paifang_shares::fees::{Fee, FeeError, FeeInputs, FeeSchedule};
use paifang_shares::refund_terms::{Applies, RefundCase};
use paifang_shares::splits::SplitError;
use paifang_shares::{Category, DiscountId, Merchant, Wallet};

use crate::bundle::{Bundle, Discounts, RefundRules, Splits};
use crate::facts::{FactError, Facts, Input};

/// Why a payment cannot be divided by a bundle's rules; such a payment is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DivideError {
    /// The terms of refunds are in another currency.
    #[error("refunds: the terms are in {terms}, the payment is in {payment}: it could never be refunded")]
    Refunds {
        /// The terms' currency.
        terms: paifang_money::Currency,
        /// The payment's.
        payment: paifang_money::Currency,
    },
    /// There is no fee for it.
    #[error("fees: {0}")]
    Fees(#[from] FeeError),
    /// It cannot be told what is given, or the merchant gives more than it gets.
    #[error("discounts: {0}")]
    Discounts(DiscountError),
    /// The merchant's own discounts give more than its part.
    #[error("discounts: {0}")]
    OwnDiscounts(SplitError),
    /// There is not enough of it, or it cannot be told who receives a part.
    #[error("splits: {0}")]
    Splits(SplitError),
}

/// Where the discounts of a division come from.
#[derive(Debug, Clone, Copy)]
pub enum Discounting<'a> {
    /// The bundle's own, with what is left of each budget.
    ByRules {
        /// By discount; those without a budget are not asked for.
        budgets: &'a BTreeMap<DiscountId, Money>,
    },
    /// They were given already, whatever the bundle says.
    AsGiven(Option<&'a Discounted>),
}

/// What of the rules a payment does not fit, by names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfitting<'a> {
    /// The fee rule, discount or receiver; absent where it is none of them by itself.
    pub rule: Option<&'a str>,
    /// The inputs that it lacks.
    pub missing: Vec<&'a str>,
    /// Whether it is a condition that could not be evaluated.
    pub has_failed: bool,
}

impl DivideError {
    /// Where it does not fit.
    pub fn misfitting(&self) -> Misfitting<'_> {
        let (rule, mut missing, has_failed) = match self {
            Self::Fees(FeeError::InputMissing { rule, input }) => {
                (Some(rule.as_str()), vec![as_declared(input)], false)
            }
            Self::Discounts(DiscountError::InputMissing { id, inputs }) => {
                (Some(id.as_str()), inputs.iter().map(|input| as_declared(input)).collect(), false)
            }
            Self::Discounts(DiscountError::ConditionFailed { id, .. }) => {
                (Some(id.as_str()), Vec::new(), true)
            }
            Self::Discounts(DiscountError::BudgetMissing { id }) => (Some(id.as_str()), Vec::new(), false),
            Self::Splits(SplitError::InputMissing { receiver, inputs }) => {
                (Some(receiver.as_str()), inputs.iter().map(String::as_str).collect(), false)
            }
            Self::Splits(SplitError::ConditionFailed { receiver, .. }) => {
                (Some(receiver.as_str()), Vec::new(), true)
            }
            Self::Splits(SplitError::OverAllocated { receiver, .. }) => {
                (Some(receiver.as_str()), Vec::new(), false)
            }
            Self::Refunds { .. }
            | Self::Fees(FeeError::NoRule | FeeError::Misfit(_))
            | Self::Discounts(DiscountError::Misfit(_))
            | Self::OwnDiscounts(_)
            | Self::Splits(
                SplitError::OwnDiscounts { .. } | SplitError::Apportion(_) | SplitError::Misfit(_),
            ) => (None, Vec::new(), false),
        };
        missing.sort_unstable();
        missing.dedup();
        Misfitting { rule, missing, has_failed }
    }

    /// The table that it does not fit.
    pub fn table(&self) -> &'static str {
        match self {
            Self::Refunds { .. } => "refunds",
            Self::Fees(_) => "fees",
            Self::Discounts(_) | Self::OwnDiscounts(_) => "discounts",
            Self::Splits(_) => "splits",
        }
    }
}

/// How an order with this price and wallet, chosen at `at`, is divided; `None` where the bundle says nothing about money, and nothing
/// was given already.
pub fn divide(
    bundle: &Bundle,
    wallet: &WalletName,
    facts: &Facts,
    (price, at): (PositiveMoney, Timestamp),
    discounting: Discounting<'_>,
) -> Option<Result<Division, DivideError>> {
    let was_given = matches!(discounting, Discounting::AsGiven(Some(_)));
    (bundle.divides() || was_given).then(|| agree(bundle, wallet, facts, (price, at), discounting))
}

/// What the rules about money look at, in the order of the inputs' table: their conditions, categories and dates. Where one of them is
/// needed and not declared, the payment or the refund is refused. Whose part the merchant's is follows from `merchant.id`, which no
/// rule has to name.
pub fn inputs_of_money(bundle: &Bundle) -> Vec<Input> {
    let fees = bundle.fees().into_iter().flat_map(|fees| fees.rules());
    let fees = fees.map(|rule| (rule.category.is_some(), rule.from.is_some() || rule.until.is_some()));
    let discounts = bundle.discounts().into_iter().flat_map(|discounts| discounts.rules().rules());
    let discounts =
        discounts.map(|rule| (rule.category.is_some(), rule.from.is_some() || rule.until.is_some()));
    let mut found: BTreeSet<Input> = BTreeSet::new();
    for (is_of_category, is_dated) in fees.chain(discounts) {
        found.extend(is_of_category.then_some(Input::ProductCategory));
        found.extend(is_dated.then_some(Input::OrderAt));
    }
    found.extend(bundle.splits().into_iter().flat_map(Splits::names));
    found.extend(bundle.discounts().into_iter().flat_map(Discounts::names));
    found.extend(bundle.refunds().into_iter().flat_map(RefundRules::names));
    found.into_iter().collect()
}

fn agree(
    bundle: &Bundle,
    wallet: &WalletName,
    facts: &Facts,
    (amount, at): (PositiveMoney, Timestamp),
    discounting: Discounting<'_>,
) -> Result<Division, DivideError> {
    let merchant = facts.text(Input::MerchantId).and_then(|id| Merchant::parse(id).ok());
    let terms = bundle.refunds().map(|rules| rules.terms().currency());
    if let Some(terms) = terms.filter(|terms| *terms != amount.currency()) {
        return Err(DivideError::Refunds { terms, payment: amount.currency() });
    }
    let fee = bundle.fees().map(|fees| fee_of(fees, wallet, facts, (amount, at))).transpose()?;
    let discounts = match discounting {
        Discounting::AsGiven(discounts) => discounts.cloned(),
        Discounting::ByRules { budgets } => {
            let given = |rules| discounts_of(rules, wallet, facts, (amount, at), budgets);
            bundle.discounts().map(given).transpose().map_err(DivideError::Discounts)?
        }
    };
    let splits = bundle.splits();
    let applies = |when: &str| {
        let unread = || Applies::Failed("there are no splits".to_owned());
        splits.map_or_else(unread, |splits| splits.applies(when, facts))
    };
    let rules = splits.map(Splits::rules);
    Division::agree(amount, merchant, fee, rules, discounts, applies).map_err(|error| match error {
        SplitError::OwnDiscounts { .. } => DivideError::OwnDiscounts(error),
        SplitError::OverAllocated { .. }
        | SplitError::InputMissing { .. }
        | SplitError::ConditionFailed { .. }
        | SplitError::Apportion(_)
        | SplitError::Misfit(_) => DivideError::Splits(error),
    })
}

fn discounts_of(
    discounts: &Discounts,
    wallet: &WalletName,
    facts: &Facts,
    (price, at): (PositiveMoney, Timestamp),
    budgets: &BTreeMap<DiscountId, Money>,
) -> Result<Discounted, DiscountError> {
    let inputs =
        DiscountInputs { category: category(facts), wallet: Wallet::parse(wallet.as_str()).ok(), at };
    discounts.rules().apply(price, &inputs, budgets, |when| discounts.applies(when, facts))
}

fn category(facts: &Facts) -> Option<Category> {
    facts.text(Input::ProductCategory).and_then(|word| Category::parse(word).ok())
}

/// A criterion by the name of the input that it asks for.
fn as_declared(criterion: &str) -> &str {
    if criterion == "category" { Input::ProductCategory.name() } else { criterion }
}

fn fee_of(
    fees: &FeeSchedule,
    wallet: &WalletName,
    facts: &Facts,
    (amount, at): (PositiveMoney, Timestamp),
) -> Result<Fee, FeeError> {
    let inputs = FeeInputs { category: category(facts), wallet: Wallet::parse(wallet.as_str()).ok(), at };
    fees.charge(amount, &inputs)
}

/// What the rules about refunds may look at: what was declared with the payment, and the refund.
///
/// Errors: an amount or a number of days that no input holds.
pub fn refund_facts(
    known: Facts,
    case: &RefundCase,
    amount: PositiveMoney,
    (paid_at, asked_at): (Timestamp, Timestamp),
) -> Result<Facts, FactError> {
    let days = asked_at.duration_since(paid_at).as_hours().max(0) / 24;
    let facts = known
        .with(Input::RefundReason, case.reason.word())?
        .with(Input::RefundAmount, amount.minor_units())?
        .with(Input::RefundDays, days)?;
    match case.consented {
        Some(consented) => facts.with(Input::RefundConsented, consented),
        None => Ok(facts.without(Input::RefundConsented)),
    }
}

#[cfg(test)]
mod tests;
