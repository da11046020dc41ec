//! The decision on one refund: granted by a rule, or refused with what kept each rule from fitting.

use jiff::{SignedDuration, Timestamp};
use paifang_money::{Money, PositiveMoney};
use serde::{Deserialize, Serialize};

use super::{RefundMode, RefundReason, RefundRule, RefundTerms};
use crate::parts::{Misfit, same_currency, sum_of};
use crate::waterfall::{Allocation, Available, WaterfallError};
use crate::{RuleId, WaterfallName};

/// The declared inputs of a decision, besides those that conditions name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefundInputs {
    /// Only rules of this mode; absent: of any that somebody asks for, hence of no automatic compensation.
    pub mode: Option<RefundMode>,
    /// Why it is asked for.
    pub reason: RefundReason,
    /// The payment.
    pub payment: PositiveMoney,
    /// What of it was refunded or compensated before, by any rule.
    pub refunded_before: Money,
    /// What is asked for.
    pub refund: PositiveMoney,
    /// When it was paid.
    pub paid_at: Timestamp,
    /// When the refund was asked for; not before the payment.
    pub asked_at: Timestamp,
}

/// Whether a rule's condition holds, as its reader says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applies {
    /// It holds.
    Yes,
    /// It does not.
    No,
    /// It cannot be told without these inputs.
    Missing(Vec<String>),
    /// It could not be evaluated.
    Failed(String),
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// A rule fits.
    Granted(Grant),
    /// None does, or it cannot be told.
    Refused(Refusal),
}

/// What was granted. It is to be sent only once it is funded ([`RefundTerms::fund`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The rule that decided.
    pub rule: RuleId,
    /// What happens.
    pub mode: RefundMode,
    /// The waterfall that funds it.
    pub waterfall: WaterfallName,
    /// By when it has to be carried out: the request's time and the rule's `decide_within_s`.
    pub deadline: Timestamp,
    /// Until when it may be appealed: the deadline and the rule's `appeal_within_s`.
    pub appeal_until: Timestamp,
}

/// Why nothing was granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// The reason.
    pub because: RefusedBecause,
    /// The rules that were tried before, in their order, each with the first thing that did not fit.
    pub tried: Vec<Tried>,
}

/// Why a refund is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedBecause {
    /// No rule fits.
    NoRuleFits,
    /// A rule fits but for its condition, which needs inputs that are not known. Later rules are not tried: leaving
    /// an input out must not lead to a rule that it would have kept from deciding.
    InputMissing {
        /// The rule.
        rule: RuleId,
        /// The inputs, as its condition names them.
        inputs: Vec<String>,
    },
    /// A rule fits but for its condition, which could not be evaluated. Later rules are not tried.
    ConditionFailed {
        /// The rule.
        rule: RuleId,
        /// What its reader says.
        text: String,
    },
}

/// A rule that did not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tried {
    /// The rule.
    pub rule: RuleId,
    /// The first thing that did not fit, in the order of [`RuleMisfit`].
    pub misfit: RuleMisfit,
}

/// What did not fit, in the order in which it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleMisfit {
    /// Another mode was asked for, or none, and it is an automatic compensation.
    Mode,
    /// The rule does not name the reason.
    Reason,
    /// The refund is below `amount_min_ppm`.
    AmountTooSmall,
    /// With it all refunds of the payment would be above `total_max_ppm`.
    TotalTooLarge,
    /// More than `days_max` days have passed since the payment.
    TooLate,
    /// The condition says no.
    Condition,
}

/// Why there is no decision: the inputs contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefundError {
    /// A refund is asked for before its payment.
    #[error("asked_at must not be before paid_at {paid_at}, is {asked_at}")]
    BeforePayment {
        /// The payment's time.
        paid_at: Timestamp,
        /// The request's time.
        asked_at: Timestamp,
    },
    /// A deadline would lie beyond the end of time.
    #[error("asked_at {asked_at} is too late for a deadline after it")]
    NoDeadline {
        /// The request's time.
        asked_at: Timestamp,
    },
    /// An amount does not fit.
    #[error(transparent)]
    Misfit(#[from] Misfit),
}

impl RuleMisfit {
    /// Its word in messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Mode => "another mode",
            Self::Reason => "not for this reason",
            Self::AmountTooSmall => "the amount is below its least share",
            Self::TotalTooLarge => "all refunds together would be above its largest share",
            Self::TooLate => "too late",
            Self::Condition => "its condition says no",
        }
    }
}

impl RefundTerms {
    /// Decides on a refund by the first rule that fits. `condition` reads a rule's `when`; it is asked only where
    /// everything else fits, and has to be a function of its text and of declared inputs.
    ///
    /// Errors: amounts of another currency than the terms'; a request before its payment.
    pub fn decide(
        &self,
        inputs: &RefundInputs,
        condition: impl Fn(&str) -> Applies,
    ) -> Result<Decision, RefundError> {
        same_currency("payment", inputs.payment.money(), self.currency)?;
        same_currency("refund", inputs.refund.money(), self.currency)?;
        same_currency("refunded_before", inputs.refunded_before, self.currency)?;
        let RefundInputs { paid_at, asked_at, .. } = *inputs;
        if asked_at < paid_at {
            return Err(RefundError::BeforePayment { paid_at, asked_at });
        }
        let total = sum_of("refunded_before and refund", inputs.refunded_before, inputs.refund.money())?;
        let mut tried = Vec::new();
        let refused = |because, tried| Ok(Decision::Refused(Refusal { because, tried }));
        for rule in &self.rules {
            let applies = match rule.misfit(inputs, total) {
                Some(misfit) => Err(misfit),
                None => Ok(rule.when.as_deref().map_or(Applies::Yes, &condition)),
            };
            let misfit = match applies {
                Ok(Applies::Yes) => return Self::grant(rule, inputs).map(Decision::Granted),
                Ok(Applies::Missing(inputs)) => {
                    return refused(RefusedBecause::InputMissing { rule: rule.id.clone(), inputs }, tried);
                }
                Ok(Applies::Failed(text)) => {
                    return refused(RefusedBecause::ConditionFailed { rule: rule.id.clone(), text }, tried);
                }
                Ok(Applies::No) => RuleMisfit::Condition,
                Err(misfit) => misfit,
            };
            tried.push(Tried { rule: rule.id.clone(), misfit });
        }
        refused(RefusedBecause::NoRuleFits, tried)
    }

    /// Who bears `part` by what was granted: the refund, or what receivers of a split do not give back of it. A shortage is
    /// in the answer. `None` for a grant of other terms.
    ///
    /// Errors: another currency; no fact for one of the bearers.
    pub fn fund(
        &self,
        grant: &Grant,
        part: PositiveMoney,
        available: &Available,
    ) -> Option<Result<Allocation, WaterfallError>> {
        self.waterfalls.get(&grant.waterfall).map(|waterfall| waterfall.fund(part, available))
    }

    fn grant(rule: &RefundRule, inputs: &RefundInputs) -> Result<Grant, RefundError> {
        let asked_at = inputs.asked_at;
        let after = |time: Timestamp, seconds: u32| {
            let later = time.checked_add(SignedDuration::from_secs(i64::from(seconds)));
            later.map_err(|_| RefundError::NoDeadline { asked_at })
        };
        let deadline = after(asked_at, rule.decide_within_s)?;
        let appeal_until = after(deadline, rule.appeal_within_s)?;
        Ok(Grant {
            rule: rule.id.clone(),
            mode: rule.mode,
            waterfall: rule.waterfall.clone(),
            deadline,
            appeal_until,
        })
    }
}

impl RefundRule {
    /// The first thing that does not fit, the condition left aside.
    fn misfit(&self, inputs: &RefundInputs, total: Money) -> Option<RuleMisfit> {
        // amount / payment against ppm / 1,000,000, exactly.
        let ppm_of_payment = |ppm: u32| i128::from(inputs.payment.minor_units()) * i128::from(ppm);
        let scaled = |minor: i64| i128::from(minor) * 1_000_000;
        let passed = inputs.asked_at.duration_since(inputs.paid_at);
        let window = SignedDuration::from_secs(i64::from(self.days_max) * 86_400);
        let looked_at = [
            (!self.mode.is_meant_by(inputs.mode), RuleMisfit::Mode),
            (!self.reasons.contains(&inputs.reason), RuleMisfit::Reason),
            (
                scaled(inputs.refund.minor_units()) < ppm_of_payment(self.amount_min_ppm.get()),
                RuleMisfit::AmountTooSmall,
            ),
            (scaled(total.minor_units()) > ppm_of_payment(self.total_max_ppm), RuleMisfit::TotalTooLarge),
            (passed > window, RuleMisfit::TooLate),
        ];
        looked_at.into_iter().find_map(|(broken, misfit)| broken.then_some(misfit))
    }
}
