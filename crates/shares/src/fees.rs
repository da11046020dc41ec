//! What a payment costs: a schedule of fees, the rule that decided, and what of the fee comes back at a refund.
//!
//! The first rule whose every given criterion fits decides. A rule that fits but for an input which is not known decides
//! nothing, and neither do those behind it: leaving an input out must not lead to a rule that it would have kept from
//! deciding. The rate is taken of the whole payment (never per line) and rounded half up to the minor unit; then the minimum
//! and the cap bound it; last, a fee is never more than the payment. No rule is no fee of zero but an error: a
//! wallet that costs nothing, such as e-CNY, has a rule that says so.
//!
//! ```toml
//! currency = "CNY"
//!
//! [[rules]]
//! id = "ecny"
//! wallet = "ecny"
//! rate_ppm = 0
//! on_refund = "keep"
//!
//! [[rules]]
//! id = "apparel-2026"
//! category = "apparel"
//! from = "2026-01-01T00:00:00+08:00"
//! rate_ppm = 50_000
//! minimum_minor = 10
//! cap_minor = 500_000
//! on_refund = "proportional"
//!
//! [[rules]]
//! id = "standard"
//! rate_ppm = 20_000
//! on_refund = "proportional"
//! ```

use jiff::Timestamp;
use paifang_money::{Currency, Money, PositiveMoney};
use serde::{Deserialize, Serialize};

use crate::fault::{Check, Faults, RULES_MAX};
use crate::parts::{Misfit, at_most, proportion, same_currency, sum_of};
use crate::{Category, Minor, OnRefund, Ppm, RuleId, Wallet};

/// Checked fee rules of one currency, in the order in which they are tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct FeeSchedule {
    currency: Currency,
    rules: Vec<FeeRule>,
}

/// One rule. A criterion that is left out fits every payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeeRule {
    /// Its name; unique in the schedule.
    pub id: RuleId,
    /// Only payments of this category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// Only payments with this wallet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wallet: Option<Wallet>,
    /// Only payments at or after this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Only payments before this time; after `from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The rate, of the whole payment.
    pub rate_ppm: Ppm,
    /// The least fee, in minor units; a payment below it is taken whole.
    #[serde(default)]
    pub minimum_minor: Minor,
    /// The greatest fee, in minor units; at least `minimum_minor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap_minor: Option<Minor>,
    /// What a refund does to the fee.
    pub on_refund: OnRefund,
}

/// The declared inputs of a fee besides the amount. What is not known is left out; a rule that asks for it is an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeeInputs {
    /// What was sold.
    pub category: Option<Category>,
    /// What was paid with.
    pub wallet: Option<Wallet>,
    /// When the payment was made.
    pub at: Timestamp,
}

/// The fee of one payment. Stored with the payment; a refund's part of it is computed from this, not from the rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "FeeForm", into = "FeeForm")]
pub struct Fee {
    payment: PositiveMoney,
    amount: Money,
    rule: RuleId,
    bound: FeeBound,
    on_refund: OnRefund,
}

/// What made the fee as large as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeeBound {
    /// The rate alone.
    Rate,
    /// The rule's minimum.
    Minimum,
    /// The rule's cap.
    Cap,
    /// The payment itself, which is below the rule's minimum.
    Payment,
}

impl FeeBound {
    /// Its word in records and answers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Minimum => "minimum",
            Self::Cap => "cap",
            Self::Payment => "payment",
        }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeeError {
    /// A rule fits but for an input that is not known. Later rules are not tried.
    #[error("fee rule {rule} fits but for its {input}, which is not known")]
    InputMissing {
        /// The rule.
        rule: RuleId,
        /// The first input that it lacks: `category` or `wallet`.
        input: &'static str,
    },
    /// No rule of the schedule fits.
    #[error(
        "no fee rule fits this payment; a rule without criteria at the end of `rules` would fit every payment"
    )]
    NoRule,
    /// An amount does not fit.
    #[error(transparent)]
    Misfit(#[from] Misfit),
}

impl FeeSchedule {
    /// Checks the rules: 1 to [`RULES_MAX`], unique ids, `from` before `until`, caps not below minimums, and no rule
    /// that can never decide because an earlier one fits wherever it does.
    pub fn new(currency: Currency, rules: Vec<FeeRule>) -> Result<Self, Faults> {
        let mut check = Check::default();
        if !check.length(rules.len(), 1, RULES_MAX, "rules") {
            return Err(check.faults());
        }
        check.unique(rules.iter().map(|rule| &rule.id), "rules", "id");
        for (at, rule) in rules.iter().enumerate() {
            let times = rule.from.zip(rule.until).is_none_or(|(from, until)| from < until);
            check.require(times, format_args!("rules[{at}].until"), "must be after from");
            let bounds = rule.cap_minor.is_none_or(|cap| rule.minimum_minor <= cap);
            check.require(bounds, format_args!("rules[{at}].cap_minor"), "must be at least minimum_minor");
            if let Some(earlier) = rules[..at].iter().position(|earlier| earlier.covers(rule)) {
                let rule =
                    format!("can never decide, since rules[{earlier}] fits wherever it does; put it first");
                check.require(false, format_args!("rules[{at}]"), rule);
            }
        }
        check.done(Self { currency, rules })
    }

    /// The currency of the schedule.
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// The rules in their order.
    pub fn rules(&self) -> &[FeeRule] {
        &self.rules
    }

    /// The fee of a payment.
    ///
    /// Errors: another currency than the schedule's; no rule fits; the first that may fit lacks an input.
    pub fn charge(&self, payment: PositiveMoney, inputs: &FeeInputs) -> Result<Fee, FeeError> {
        same_currency("payment", payment.money(), self.currency)?;
        let rule = self.rules.iter().find(|rule| rule.may_fit(inputs)).ok_or(FeeError::NoRule)?;
        if let Some(input) = rule.missing(inputs) {
            return Err(FeeError::InputMissing { rule: rule.id.clone(), input });
        }
        let (amount, bound) = rule.amount(payment);
        Ok(Fee { payment, amount, rule: rule.id.clone(), bound, on_refund: rule.on_refund })
    }
}

impl FeeRule {
    /// Whether nothing that is known keeps it from fitting.
    fn may_fit(&self, inputs: &FeeInputs) -> bool {
        allows(self.category.as_ref(), inputs.category.as_ref())
            && allows(self.wallet.as_ref(), inputs.wallet.as_ref())
            && self.from.is_none_or(|from| from <= inputs.at)
            && self.until.is_none_or(|until| inputs.at < until)
    }

    /// The first input that it asks for and that is not known.
    fn missing(&self, inputs: &FeeInputs) -> Option<&'static str> {
        if self.category.is_some() && inputs.category.is_none() {
            return Some("category");
        }
        (self.wallet.is_some() && inputs.wallet.is_none()).then_some("wallet")
    }

    /// Whether it fits every payment that the later rule fits.
    fn covers(&self, later: &Self) -> bool {
        let from = |rule: &Self| rule.from.unwrap_or(Timestamp::MIN);
        (self.category.is_none() || self.category == later.category)
            && (self.wallet.is_none() || self.wallet == later.wallet)
            && from(self) <= from(later)
            && self.until.is_none_or(|until| later.until.is_some_and(|later| later <= until))
    }

    fn amount(&self, payment: PositiveMoney) -> (Money, FeeBound) {
        let currency = payment.currency();
        let rated = (self.rate_ppm.of_half_up(payment.money()), FeeBound::Rate);
        let minimum = (self.minimum_minor.of(currency), FeeBound::Minimum);
        let cap = self.cap_minor.map(|cap| (cap.of(currency), FeeBound::Cap));
        let least = if minimum.0.minor_units() > rated.0.minor_units() { minimum } else { rated };
        let bounds = [cap, Some((payment.money(), FeeBound::Payment))];
        bounds
            .into_iter()
            .flatten()
            .fold(least, |fee, bound| if bound.0.minor_units() < fee.0.minor_units() { bound } else { fee })
    }
}

/// Whether a value that may not be known could be the one that is asked for, if one is.
fn allows<T: PartialEq>(wanted: Option<&T>, known: Option<&T>) -> bool {
    wanted.zip(known).is_none_or(|(wanted, known)| wanted == known)
}

impl Fee {
    /// The payment that it is taken of.
    pub fn payment(&self) -> PositiveMoney {
        self.payment
    }

    /// The fee; at most the payment.
    pub fn amount(&self) -> Money {
        self.amount
    }

    /// The rule that decided.
    pub fn rule(&self) -> &RuleId {
        &self.rule
    }

    /// What made it as large as it is.
    pub fn bound(&self) -> FeeBound {
        self.bound
    }

    /// What a refund does to it.
    pub fn on_refund(&self) -> OnRefund {
        self.on_refund
    }

    /// What of the fee comes back with a refund of `refund`, after `before` of the payment was refunded already: the
    /// difference of the proportions of both totals, each rounded half up. Never more than the refund; all refunds of
    /// a payment together return the whole fee, or nothing of it where the rule keeps it. Of a fee that stands alone: among the
    /// other parts of a payment the book gives it back by [`Division::undo`](crate::division::Division::undo).
    ///
    /// Errors: another currency; more than the payment.
    pub fn returned(&self, before: Money, refund: PositiveMoney) -> Result<Money, Misfit> {
        same_currency("the refunded amount", before, self.payment.currency())?;
        let after = sum_of("the refunded total", before, refund.money())?;
        at_most("the refunded total", after, self.payment.money())?;
        match self.on_refund {
            OnRefund::Keep => Ok(Money::zero(self.amount.currency())),
            OnRefund::Proportional => {
                let [low, high] = [before, after].map(|total| proportion(self.amount, total, self.payment));
                Ok(crate::units::part(
                    i128::from(high.minor_units()) - i128::from(low.minor_units()),
                    self.amount.currency(),
                ))
            }
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    currency: Currency,
    rules: Vec<FeeRule>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FeeForm {
    payment: PositiveMoney,
    amount: Money,
    rule: RuleId,
    bound: FeeBound,
    on_refund: OnRefund,
}

impl TryFrom<Form> for FeeSchedule {
    type Error = Faults;

    fn try_from(form: Form) -> Result<Self, Faults> {
        Self::new(form.currency, form.rules)
    }
}

impl From<FeeSchedule> for Form {
    fn from(schedule: FeeSchedule) -> Self {
        Self { currency: schedule.currency, rules: schedule.rules }
    }
}

impl TryFrom<FeeForm> for Fee {
    type Error = Misfit;

    fn try_from(form: FeeForm) -> Result<Self, Misfit> {
        let FeeForm { payment, amount, rule, bound, on_refund } = form;
        same_currency("amount", amount, payment.currency())?;
        at_most("amount", amount, payment.money())?;
        Ok(Self { payment, amount, rule, bound, on_refund })
    }
}

impl From<Fee> for FeeForm {
    fn from(fee: Fee) -> Self {
        let Fee { payment, amount, rule, bound, on_refund } = fee;
        Self { payment, amount, rule, bound, on_refund }
    }
}

#[cfg(test)]
mod tests;
