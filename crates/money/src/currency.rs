//! A currency: a validated ISO 4217 code with its exponent.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An ISO 4217 currency that has minor units (so no metals, no test codes).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

/// The code is not an ISO 4217 currency with an exponent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an ISO 4217 currency code in upper case, such as \"CNY\"")]
pub struct UnknownCurrency(String);

impl Currency {
    /// The renminbi, in which every rail of this repository settles.
    pub const CNY: Self = Self(iso_currency::Currency::CNY);

    /// Reads an upper-case alphabetic code, such as `CNY`.
    pub fn parse(code: &str) -> Result<Self, UnknownCurrency> {
        iso_currency::Currency::from_code(code)
            .filter(|found| found.code() == code && found.exponent().is_some())
            .map(Self)
            .ok_or_else(|| UnknownCurrency(code.chars().take(16).collect()))
    }

    /// Reads an ISO 4217 numeric code, such as `156` for CNY (UnionPay's `currencyCode`).
    pub fn from_numeric(code: u16) -> Option<Self> {
        let found = iso_currency::Currency::from_numeric(code)?;
        found.exponent().is_some().then_some(Self(found))
    }

    /// The alphabetic code, upper case.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// The ISO 4217 numeric code.
    pub fn numeric(self) -> u16 {
        self.0.numeric()
    }

    /// How many decimals the major unit has: 2 for CNY, 0 for JPY, 3 for KWD.
    pub fn exponent(self) -> u32 {
        u32::from(self.0.exponent().unwrap_or(0))
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Currency {
    type Err = UnknownCurrency;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        Self::parse(code)
    }
}

impl PartialOrd for Currency {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Currency {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.code().cmp(other.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let code = String::deserialize(from)?;
        Self::parse(&code).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_are_those_of_iso_4217() {
        let known = [("CNY", 2), ("JPY", 0), ("KWD", 3), ("USD", 2), ("HKD", 2)];
        for (code, exponent) in known {
            assert_eq!(Currency::parse(code).map(Currency::exponent), Ok(exponent), "{code}");
        }
        assert_eq!(Currency::from_numeric(156), Some(Currency::CNY));
        assert_eq!(Currency::CNY.numeric(), 156);
        assert_eq!([0, 959, 999, 1000].map(Currency::from_numeric), [None; 4], "no metals, no test codes");
    }

    #[test]
    fn refuses_what_is_not_a_currency() {
        for code in ["", "cny", "RMB", "XAU", "XXX", "CNY ", "人民币", "CNYCNYCNYCNYCNYCNY"] {
            assert!(Currency::parse(code).is_err(), "{code}");
        }
    }
}
