//! Shares of an amount in parts per million, exact or with a rounding that is named.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Currency, Money};

/// Parts per million of something: 0 to 1,000,000. Two percent is 20,000.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Ppm(u32);

/// More than the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a share in ppm must be 0 to 1000000, got {0}")]
pub struct PpmError(u32);

impl Ppm {
    /// The whole.
    pub const WHOLE: Self = Self(1_000_000);
    /// Nothing.
    pub const NONE: Self = Self(0);

    /// A share of `ppm` parts per million.
    pub fn new(ppm: u32) -> Result<Self, PpmError> {
        if ppm <= Self::WHOLE.0 { Ok(Self(ppm)) } else { Err(PpmError(ppm)) }
    }

    /// Parts per million.
    pub fn get(self) -> u32 {
        self.0
    }

    /// This share of an amount, rounded half up to the minor unit; at most the amount.
    pub fn of_half_up(self, amount: Money) -> Money {
        self.of(amount, i128::from(Self::WHOLE.0) / 2)
    }

    /// This share of an amount, rounded down to the minor unit.
    pub fn of_floor(self, amount: Money) -> Money {
        self.of(amount, 0)
    }

    fn of(self, amount: Money, add: i128) -> Money {
        let product = i128::from(amount.minor_units()) * i128::from(self.0) + add;
        let currency: Currency = amount.currency();
        let minor = i64::try_from(product / i128::from(Self::WHOLE.0)).expect("a part is at most its whole");
        Money::new(minor, currency).expect("a part lies between zero and its whole, which is an amount")
    }
}

impl TryFrom<u32> for Ppm {
    type Error = PpmError;

    fn try_from(ppm: u32) -> Result<Self, PpmError> {
        Self::new(ppm)
    }
}

impl From<Ppm> for u32 {
    fn from(ppm: Ppm) -> Self {
        ppm.0
    }
}

impl fmt::Display for Ppm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ppm", self.0)
    }
}

impl fmt::Debug for Ppm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ppm", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::MINOR_UNITS_MAX;

    fn cny(fen: i64) -> Money {
        Money::new(fen, Currency::CNY).unwrap()
    }

    #[test]
    fn a_half_fen_goes_up_and_a_part_of_a_fen_goes_down_where_that_is_the_rule() {
        let five_per_mille = Ppm::new(5_000).unwrap();
        let table = [(99, 0, 0), (100, 1, 0), (199, 1, 0), (200, 1, 1), (299, 1, 1), (300, 2, 1)];
        for (fen, half_up, floor) in table {
            assert_eq!(five_per_mille.of_half_up(cny(fen)), cny(half_up), "{fen}");
            assert_eq!(five_per_mille.of_floor(cny(fen)), cny(floor), "{fen}");
        }
    }

    #[test]
    fn more_than_the_whole_and_floats_are_refused() {
        assert!(Ppm::new(1_000_000).is_ok() && Ppm::new(1_000_001).is_err());
        assert!(serde_json::from_str::<Ppm>("1000001").is_err());
        assert!(serde_json::from_str::<Ppm>("0.05").is_err(), "a rate is never a float");
        assert_eq!(serde_json::from_str::<Ppm>("20000").ok(), Ppm::new(20_000).ok());
    }

    proptest! {
        #[test]
        fn a_share_is_within_half_a_fen_or_one_fen_and_never_more_than_the_whole(
            fen in prop_oneof![0..=10_000i64, 0..=MINOR_UNITS_MAX],
            ppm in 0..=1_000_000u32,
        ) {
            let (amount, ppm) = (cny(fen), Ppm::new(ppm).unwrap());
            let exact = i128::from(fen) * i128::from(ppm.get());
            let [up, down] = [ppm.of_half_up(amount), ppm.of_floor(amount)]
                .map(|share| i128::from(share.minor_units()) * 1_000_000);
            prop_assert!(up - exact <= 500_000 && exact - up < 500_000);
            prop_assert!(down <= exact && exact - down < 1_000_000);
            prop_assert!(ppm.of_half_up(amount).minor_units() <= fen);
        }
    }
}
