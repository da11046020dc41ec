//! An amount of one currency.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Currency;

/// The largest amount in minor units: ten trillion yuan in fen, far above any rail's own limit.
pub const MINOR_UNITS_MAX: i64 = 1_000_000_000_000_000;

/// An amount of zero or more minor units of one currency.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Money {
    minor: i64,
    currency: Currency,
}

/// An amount of at least one minor unit: what can be charged, refunded and transferred.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Money", into = "Money")]
pub struct PositiveMoney(Money);

/// Why a number of minor units is not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Below zero.
    #[error("an amount is never negative, got {0} minor units")]
    Negative(i64),
    /// Zero where money has to move.
    #[error("the amount must be at least 1 minor unit, got 0")]
    Zero,
    /// Above [`MINOR_UNITS_MAX`].
    #[error("the amount must be at most {MINOR_UNITS_MAX} minor units, got {0}")]
    TooLarge(i64),
}

/// Why a text is not an exact decimal amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not digits with at most one point, as in `88.88`.
    #[error("not a plain decimal number such as 88.88")]
    Malformed,
    /// More decimals than the currency has; rounding is never done here.
    #[error("more decimals than the currency has")]
    TooPrecise,
    /// Outside the limits of an amount.
    #[error(transparent)]
    Amount(#[from] AmountError),
}

#[derive(Serialize, Deserialize)]
struct Stored {
    minor: i64,
    currency: Currency,
}

impl Money {
    /// An amount of `minor` minor units.
    pub fn new(minor: i64, currency: Currency) -> Result<Self, AmountError> {
        if minor < 0 {
            return Err(AmountError::Negative(minor));
        }
        if minor > MINOR_UNITS_MAX {
            return Err(AmountError::TooLarge(minor));
        }
        Ok(Self { minor, currency })
    }

    /// Nothing, in this currency.
    pub fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// Minor units: fen for CNY.
    pub fn minor_units(self) -> i64 {
        self.minor
    }

    /// The currency.
    pub fn currency(self) -> Currency {
        self.currency
    }

    /// The sum; `None` for another currency or beyond [`MINOR_UNITS_MAX`].
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let minor = self.minor.checked_add(other.minor)?;
        (self.currency == other.currency).then_some(())?;
        Self::new(minor, self.currency).ok()
    }

    /// The difference; `None` for another currency or below zero.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        let minor = self.minor.checked_sub(other.minor)?;
        (self.currency == other.currency).then_some(())?;
        Self::new(minor, self.currency).ok()
    }

    /// Reads decimal text exactly: `88.88`, `88.8`, `88`, `0.05`. No sign, no exponent, no blanks, no grouping.
    pub fn from_decimal(text: &str, currency: Currency) -> Result<Self, DecimalError> {
        let (whole, fraction) = match text.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return Err(DecimalError::Malformed),
            None => (text, ""),
        };
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 18 || !digits(whole) || !digits(fraction) {
            return Err(DecimalError::Malformed);
        }
        let places = currency.exponent() as usize;
        let (kept, beyond) = fraction.split_at(fraction.len().min(places));
        if beyond.bytes().any(|byte| byte != b'0') {
            return Err(DecimalError::TooPrecise);
        }
        let padded = format!("{whole}{kept:0<places$}");
        let minor = padded.parse().map_err(|_| AmountError::TooLarge(i64::MAX))?;
        Ok(Self::new(minor, currency)?)
    }

    /// Decimal text with exactly the currency's decimals: `88.88` for CNY, `1000` for JPY.
    pub fn to_decimal(self) -> String {
        let places = self.currency.exponent() as usize;
        if places == 0 {
            return self.minor.to_string();
        }
        let digits = format!("{:0>width$}", self.minor, width = places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        format!("{whole}.{fraction}")
    }
}

impl PositiveMoney {
    /// An amount of at least one minor unit.
    pub fn new(minor: i64, currency: Currency) -> Result<Self, AmountError> {
        Money::new(minor, currency)?.try_into()
    }

    /// The amount as plain [`Money`].
    pub fn money(self) -> Money {
        self.0
    }

    /// Minor units, at least 1.
    pub fn minor_units(self) -> i64 {
        self.0.minor
    }

    /// The currency.
    pub fn currency(self) -> Currency {
        self.0.currency
    }

    /// See [`Money::to_decimal`].
    pub fn to_decimal(self) -> String {
        self.0.to_decimal()
    }
}

impl TryFrom<Money> for PositiveMoney {
    type Error = AmountError;

    fn try_from(money: Money) -> Result<Self, AmountError> {
        if money.minor == 0 { Err(AmountError::Zero) } else { Ok(Self(money)) }
    }
}

impl From<PositiveMoney> for Money {
    fn from(positive: PositiveMoney) -> Self {
        positive.0
    }
}

impl TryFrom<Stored> for Money {
    type Error = AmountError;

    fn try_from(stored: Stored) -> Result<Self, AmountError> {
        Self::new(stored.minor, stored.currency)
    }
}

impl From<Money> for Stored {
    fn from(money: Money) -> Self {
        Self { minor: money.minor, currency: money.currency }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.to_decimal(), self.currency)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for PositiveMoney {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for PositiveMoney {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn jpy() -> Currency {
        Currency::parse("JPY").unwrap()
    }

    /// F43: yuan to fen and back is exact for every amount up to ten thousand yuan.
    #[test]
    fn every_fen_survives_the_way_to_yuan_and_back() {
        for fen in 0..=1_000_000 {
            let money = Money::new(fen, Currency::CNY).unwrap();
            assert_eq!(Money::from_decimal(&money.to_decimal(), Currency::CNY), Ok(money));
        }
    }

    #[test]
    fn decimal_text_has_the_decimals_of_the_currency() {
        let text = |minor, code| Money::new(minor, Currency::parse(code).unwrap()).unwrap().to_decimal();
        assert_eq!(text(8888, "CNY"), "88.88");
        assert_eq!(text(5, "CNY"), "0.05");
        assert_eq!(text(0, "CNY"), "0.00");
        assert_eq!(text(1000, "JPY"), "1000");
        assert_eq!(text(1234, "KWD"), "1.234");
    }

    #[test]
    fn short_and_long_fractions_are_read_exactly_or_not_at_all() {
        let read = |text| Money::from_decimal(text, Currency::CNY).map(Money::minor_units);
        assert_eq!(read("88"), Ok(8800));
        assert_eq!(read("88.8"), Ok(8880));
        assert_eq!(read("88.880000"), Ok(8888));
        assert_eq!(read("88.881"), Err(DecimalError::TooPrecise));
        assert_eq!(Money::from_decimal("1.5", jpy()), Err(DecimalError::TooPrecise));
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "+1",
            "1e3",
            " 1",
            "1,000.00",
            "1.2.3",
            "NaN",
            "１",
            "9999999999999999999",
        ] {
            assert_eq!(read(text), Err(DecimalError::Malformed), "{text}");
        }
    }

    #[test]
    fn zero_negative_and_enormous_amounts_are_refused() {
        assert_eq!(PositiveMoney::new(0, Currency::CNY), Err(AmountError::Zero));
        assert_eq!(PositiveMoney::new(-1, Currency::CNY), Err(AmountError::Negative(-1)));
        for minor in [i64::MIN, i64::MAX, MINOR_UNITS_MAX + 1] {
            assert!(Money::new(minor, Currency::CNY).is_err());
        }
        let most = Money::new(MINOR_UNITS_MAX, Currency::CNY).unwrap();
        assert_eq!(most.checked_add(Money::new(1, Currency::CNY).unwrap()), None);
    }

    #[test]
    fn currencies_never_mix() {
        let yuan = Money::new(1, Currency::CNY).unwrap();
        let yen = Money::new(1, jpy()).unwrap();
        assert_eq!(yuan.checked_add(yen), None);
        assert_eq!(yuan.checked_sub(yen), None);
        assert_eq!(yuan.checked_sub(Money::new(2, Currency::CNY).unwrap()), None);
    }

    #[test]
    fn stored_text_is_checked_when_it_is_read() {
        let stored = |text| serde_json::from_str::<PositiveMoney>(text);
        assert!(stored(r#"{"minor":1,"currency":"CNY"}"#).is_ok());
        assert!(stored(r#"{"minor":0,"currency":"CNY"}"#).is_err());
        assert!(stored(r#"{"minor":-5,"currency":"CNY"}"#).is_err());
        assert!(stored(r#"{"minor":1,"currency":"RMB"}"#).is_err());
    }

    proptest! {
        #[test]
        fn any_amount_survives_decimal_text(minor in 0..=MINOR_UNITS_MAX, code in 0..3usize) {
            let currency = Currency::parse(["CNY", "JPY", "KWD"][code]).unwrap();
            let money = Money::new(minor, currency).unwrap();
            prop_assert_eq!(Money::from_decimal(&money.to_decimal(), currency), Ok(money));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,40}") {
            let _ = Money::from_decimal(&text, Currency::CNY);
        }
    }
}
