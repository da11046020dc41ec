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
    /// Later refunds, which the record leaves out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refunds_left_out: u64,
}

/// By reference, as serde asks.
fn is_zero(count: &u64) -> bool {
    *count == 0
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

impl Payment {
    /// Leaves out all refunds but the first `most`, and counts them.
    pub fn keep_refunds(&mut self, most: usize) {
        let left_out = self.refunds.len().saturating_sub(most);
        self.refunds.truncate(most);
        self.refunds_left_out += left_out as u64;
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refunds_beyond_the_first_ones_are_counted() {
        let one = PositiveMoney::new(1, paifang_money::Currency::CNY).unwrap();
        let refund = |amount| Refund {
            asked_at: Timestamp::UNIX_EPOCH,
            amount,
            case: None,
            answer: Answer::Granted(None),
            failed: false,
            available: Available::new(),
        };
        let most = i64::try_from(REFUNDS_MAX).unwrap();
        let refunds = (1..=most + 3)
            .map(|minor| refund(PositiveMoney::new(minor, paifang_money::Currency::CNY).unwrap()));
        let mut payment = Payment {
            taken: one,
            paid_at: Timestamp::UNIX_EPOCH,
            division: None,
            refunds: refunds.collect(),
            refunds_left_out: 0,
        };
        for _ in 0..2 {
            payment.keep_refunds(REFUNDS_MAX);
            assert_eq!((payment.refunds.len(), payment.refunds_left_out), (REFUNDS_MAX, 3));
            assert_eq!(payment.refunds[0].amount, one);
        }
        payment.keep_refunds(0);
        assert_eq!(payment.refunds_left_out, 3 + REFUNDS_MAX as u64);
    }
}
