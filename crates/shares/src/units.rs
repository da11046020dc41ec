//! Numbers that rules are made of: minor units, and what a refund does to an earlier deduction.

use std::fmt;

use paifang_money::{AmountError, Currency, Money};
use serde::{Deserialize, Serialize};

/// An amount in a rule, in minor units of the rules' currency: 0 to [`paifang_money::MINOR_UNITS_MAX`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Minor(i64);

/// What a refund does to a deduction made at the payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnRefund {
    /// It comes back in proportion to the refunded total; all of it once everything is refunded.
    Proportional,
    /// It stays where it went.
    Keep,
}

impl OnRefund {
    /// Its word in rules.
    pub fn word(self) -> &'static str {
        match self {
            Self::Proportional => "proportional",
            Self::Keep => "keep",
        }
    }
}

impl Minor {
    /// An amount of `minor` minor units.
    pub fn new(minor: i64) -> Result<Self, AmountError> {
        Money::new(minor, Currency::CNY).map(|checked| Self(checked.minor_units()))
    }

    /// Minor units.
    pub fn get(self) -> i64 {
        self.0
    }

    /// The amount in the rules' currency.
    pub fn of(self, currency: Currency) -> Money {
        part(i128::from(self.0), currency)
    }
}

/// An amount that is known to lie between zero and an amount that exists. The callers hold the proof: each of them
/// computes a part of a whole, and the whole is within the limits of [`Money`].
pub(crate) fn part(minor: i128, currency: Currency) -> Money {
    let minor = i64::try_from(minor).expect("a part is at most its whole, which is an i64");
    Money::new(minor, currency).expect("a part lies between zero and its whole, which is an amount")
}

impl TryFrom<i64> for Minor {
    type Error = AmountError;

    fn try_from(minor: i64) -> Result<Self, AmountError> {
        Self::new(minor)
    }
}

impl From<Minor> for i64 {
    fn from(minor: Minor) -> Self {
        minor.0
    }
}

impl fmt::Debug for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} minor", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_than_nothing_is_refused() {
        assert!(Minor::new(-1).is_err() && serde_json::from_str::<Minor>("-1").is_err());
        assert_eq!(serde_json::from_str::<Minor>("1").ok(), Minor::new(1).ok());
    }
}
