//! A decision as it was recorded, and what became of the payment that it let in.

use jiff::Timestamp;
use paifang_money::PositiveMoney;
use paifang_shares::bearing::Bearing;
use paifang_shares::division::Division;
use paifang_shares::refund_terms::{RefundCase, Refusal};
use paifang_shares::waterfall::{Allocation, Available};
use serde::{Deserialize, Serialize};

use crate::cohort::Pseudonym;
use crate::facts::Facts;
use crate::opening::{Decision, Offer};

/// Refunds of one payment that a record holds at most.
pub const REFUNDS_MAX: usize = 1_000;

/// A decision as it was recorded. `Debug` tells the names of what was known, and neither values nor the pseudonym.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// What was offered.
    pub offer: Offer,
    /// What was known.
    pub facts: Facts,
    /// The payer's pseudonym, where it was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<Pseudonym>,
    /// What was decided.
    pub decision: Decision,
    /// Whether an order with it could leave credit out; absent where that was not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub can_exclude_credit: Option<bool>,
    /// The payment that was made by this offer; absent where it was not chosen, or not paid, or where that was not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<Box<Payment>>,
}

/// A payment, and what went back of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payment {
    /// What was taken; of a hold it may be less than the order.
    pub taken: PositiveMoney,
    /// When.
    pub paid_at: Timestamp,
    /// How the whole order was agreed to be divided; absent where no rule said anything about money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub division: Option<Division>,
    /// Its refunds, in the order in which they were asked for; at most [`REFUNDS_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refunds: Vec<Refund>,
}

/// A refund that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refund {
    /// When.
    pub asked_at: Timestamp,
    /// How much.
    pub amount: PositiveMoney,
    /// Why; absent where the storefront did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<RefundCase>,
    /// What was decided.
    pub answer: Answer,
    /// It failed after all, or was given up: nobody bore it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
    /// What bearers had then, of those of which it is known.
    #[serde(default, skip_serializing_if = "Available::is_empty")]
    pub available: Available,
}

/// What was decided about a refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It was opened, and borne so; `null` where no rule decided and nothing had been divided: by the storefront.
    Granted(Option<Box<Bearing>>),
    /// The rules did not grant it. A gateway keeps nothing of it; a storefront may have.
    Refused(Refusal),
}

/// What bearers had, as far as an allocation tells: one that bore less than it might have, while something was left for those
/// behind it, had no more.
pub fn exhausted(allocation: &Allocation) -> Available {
    let mut left = i128::from(allocation.refund().minor_units());
    let mut found = Available::new();
    for borne in allocation.borne() {
        left -= i128::from(borne.amount.minor_units());
        if borne.amount != borne.limit && left > 0 {
            found.insert(borne.bearer, borne.amount);
        }
    }
    found
}
