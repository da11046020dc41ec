//! The declared inputs of a decision: a closed table in one place.
//!
//! A condition can name nothing else, and what was handed in is recorded with the decision, so a decision can be made
//! again from its record. Each value is optional: who does not know it leaves it out, and the decision says so. A
//! payer's id is not among them; shares of payers go by a pseudonym ([`crate::cohort`]).

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use jiff::Timestamp;
use paifang_money::{Currency, MINOR_UNITS_MAX};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What kind of value an input holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A word of ours: 1 to 64 of a-z, 0-9, _ and -.
    Word,
    /// Somebody's id: 1 to 64 visible ASCII characters without blanks.
    Id,
    /// An administrative code of GB/T 2260: 2, 4, 6, 9 or 12 digits.
    Region,
    /// An ISO 4217 code.
    Currency,
    /// Minor units (fen for CNY), from 0 to [`MINOR_UNITS_MAX`].
    Amount,
    /// Whole days, from 0 to 36,500.
    Days,
    /// Yes or no.
    Flag,
    /// A point in time, RFC 3339 in text.
    Time,
}

/// The value of an input. It may be about a payer, so `Debug` tells what sort it is and not what it holds.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// Yes or no.
    Flag(bool),
    /// An amount or a count.
    Number(i64),
    /// A point in time; RFC 3339 text in a record.
    Time(Timestamp),
    /// A word, an id, a code.
    Text(String),
}

/// A value as a record holds it; the input's kind tells a time from a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Recorded {
    Flag(bool),
    Number(i64),
    Text(String),
}

/// The value does not suit the input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{input} must be {}", .input.kind().rule())]
pub struct FactError {
    /// The input.
    pub input: Input,
}

macro_rules! inputs {
    ($($name:ident = $text:literal, $kind:ident, $meaning:literal;)*) => {
        /// An input that a decision may look at.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Input {
            $(#[doc = concat!("`", $text, "`: ", $meaning, ".")] $name,)*
        }

        impl Input {
            /// All of them, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name that conditions and records use.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What kind of value it holds.
            pub fn kind(self) -> Kind {
                match self { $(Self::$name => Kind::$kind,)* }
            }

            /// What it means, in a few words.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }
        }
    };
}

inputs! {
    PayerRegion = "payer.region", Region, "administrative code of where the payer lives";
    PayerAgeBand = "payer.age_band", Word, "the payer's age band, such as 18-24";
    PayerTier = "payer.tier", Word, "the tier the storefront gives the payer";
    MerchantId = "merchant.id", Id, "the merchant as the storefront numbers them";
    MerchantCategory = "merchant.category", Word, "the merchant's category";
    ProductCategory = "product.category", Word, "the product's category";
    ProductLiveRoom = "product.live_room", Flag, "whether the product is sold in a live room";
    OrderAmount = "order.amount_fen", Amount, "the order's amount in minor units";
    OrderCurrency = "order.currency", Currency, "the order's currency";
    OrderAt = "order.at", Time, "when the payer chooses how to pay";
    ClientKind = "client.kind", Word, "what the payer uses: app, mini_program, in_wallet, mobile_web, desktop_web, pos";
    ClientInsideWallet = "client.inside_wallet", Flag, "whether the client runs inside a wallet";
    RefundReason = "refund.reason", Word, "why a refund is asked for";
    RefundAmount = "refund.amount_fen", Amount, "the refund's amount in minor units";
    RefundDays = "refund.days_since_payment", Days, "whole days since the payment";
    RefundConsented = "refund.consented", Flag, "whether the merchant consented to the refund";
}

/// What is known when something is decided. At most one value per input, each of its kind. `Debug` tells the names of
/// what is known and no values: a payer's region, tier and age band are not for logs. Records hold them by serde.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Facts(BTreeMap<Input, Value>);

impl Kind {
    /// What a value of this kind looks like.
    pub fn rule(self) -> &'static str {
        match self {
            Self::Word => "1 to 64 of a-z, 0-9, _ and -",
            Self::Id => "1 to 64 visible ASCII characters without blanks",
            Self::Region => "an administrative code of 2, 4, 6, 9 or 12 digits",
            Self::Currency => "an ISO 4217 code such as CNY",
            Self::Amount => "a whole number of minor units, 0 to 1,000,000,000,000,000",
            Self::Days => "a whole number of days, 0 to 36,500",
            Self::Flag => "true or false",
            Self::Time => "a time such as 2024-09-26T00:00:00+08:00",
        }
    }

    /// The numbers that it holds; `None` where it holds none.
    pub(crate) fn numbers(self) -> Option<RangeInclusive<i64>> {
        match self {
            Self::Amount => Some(0..=MINOR_UNITS_MAX),
            Self::Days => Some(0..=DAYS_MAX),
            Self::Word | Self::Id | Self::Region | Self::Currency | Self::Flag | Self::Time => None,
        }
    }

    /// Whether the value is of this kind.
    pub fn admits(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Flag, Value::Flag(_)) | (Self::Time, Value::Time(_)) => true,
            (kind, Value::Number(number)) => kind.numbers().is_some_and(|numbers| numbers.contains(number)),
            (kind, Value::Text(text)) => kind.admits_text(text),
            (_, Value::Flag(_) | Value::Time(_)) => false,
        }
    }

    fn admits_text(self, text: &str) -> bool {
        match self {
            Self::Word => crate::Code::parse(text).is_ok(),
            Self::Id => crate::MerchantId::parse(text).is_ok(),
            Self::Region => {
                matches!(text.len(), 2 | 4 | 6 | 9 | 12) && text.bytes().all(|b| b.is_ascii_digit())
            }
            Self::Currency => Currency::parse(text).is_ok(),
            Self::Amount | Self::Days | Self::Flag | Self::Time => false,
        }
    }
}

impl Input {
    /// The input of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|input| input.name() == name)
    }

    /// Whether it is known at a refund only, and so never when a payment is decided.
    pub fn is_of_refunds(self) -> bool {
        match self {
            Self::RefundReason | Self::RefundAmount | Self::RefundDays | Self::RefundConsented => true,
            Self::PayerRegion
            | Self::PayerAgeBand
            | Self::PayerTier
            | Self::MerchantId
            | Self::MerchantCategory
            | Self::ProductCategory
            | Self::ProductLiveRoom
            | Self::OrderAmount
            | Self::OrderCurrency
            | Self::OrderAt
            | Self::ClientKind
            | Self::ClientInsideWallet => false,
        }
    }
}

impl Facts {
    /// Nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with this value known, in place of an earlier one.
    pub fn with(mut self, input: Input, value: impl Into<Value>) -> Result<Self, FactError> {
        let value = value.into();
        if !input.kind().admits(&value) {
            return Err(FactError { input });
        }
        self.0.insert(input, value);
        Ok(self)
    }

    /// The same without this value.
    pub fn without(mut self, input: Input) -> Self {
        self.0.remove(&input);
        self
    }

    /// The value, where it is known.
    pub fn value(&self, input: Input) -> Option<&Value> {
        self.0.get(&input)
    }

    /// The text of an input that holds one, where it is known.
    pub fn text(&self, input: Input) -> Option<&str> {
        match self.0.get(&input)? {
            Value::Text(text) => Some(text),
            Value::Flag(_) | Value::Number(_) | Value::Time(_) => None,
        }
    }

    /// The number of an input that holds one, where it is known.
    pub fn number(&self, input: Input) -> Option<i64> {
        match self.0.get(&input)? {
            Value::Number(number) => Some(*number),
            Value::Flag(_) | Value::Text(_) | Value::Time(_) => None,
        }
    }

    /// When the order was placed, where it is known.
    pub fn order_at(&self) -> Option<Timestamp> {
        match self.0.get(&Input::OrderAt)? {
            Value::Time(at) => Some(*at),
            Value::Flag(_) | Value::Text(_) | Value::Number(_) => None,
        }
    }

    /// What is known, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = (Input, &Value)> {
        self.0.iter().map(|(input, value)| (*input, value))
    }
}

const DAYS_MAX: i64 = 36_500;

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<Timestamp> for Value {
    fn from(at: Timestamp) -> Self {
        Self::Time(at)
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag(_) => "Flag(***)",
            Self::Number(_) => "Number(***)",
            Self::Time(_) => "Time(***)",
            Self::Text(_) => "Text(***)",
        })
    }
}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Serialize for Input {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Input {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        Self::by_name(&name).ok_or_else(|| serde::de::Error::custom("not the name of a declared input"))
    }
}

impl Serialize for Facts {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(&self.0)
    }
}

/// Reads a record: a name that is not declared, or a value of another kind, is refused.
impl<'de> Deserialize<'de> for Facts {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let read = BTreeMap::<Input, Recorded>::deserialize(from)?;
        read.into_iter().try_fold(Self::new(), |facts, (input, value)| {
            let value = value.of_kind(input.kind()).ok_or(FactError { input });
            value.and_then(|value| facts.with(input, value)).map_err(serde::de::Error::custom)
        })
    }
}

impl Recorded {
    /// The value, or `None` where a time cannot be read.
    fn of_kind(self, kind: Kind) -> Option<Value> {
        match (self, kind) {
            (Self::Text(text), Kind::Time) => text.parse().ok().map(Value::Time),
            (Self::Text(text), _) => Some(Value::Text(text)),
            (Self::Flag(flag), _) => Some(Value::Flag(flag)),
            (Self::Number(number), _) => Some(Value::Number(number)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found_again() {
        for input in Input::ALL {
            assert_eq!(Input::by_name(input.name()), Some(*input));
        }
        assert_eq!(Input::by_name("payer.id"), None, "a payer's id is no input");
    }

    #[test]
    fn a_value_of_another_kind_is_refused() {
        let refused: [(Input, Value); 11] = [
            (Input::PayerRegion, "33010".into()),
            (Input::PayerTier, "Gold".into()),
            (Input::PayerTier, 1.into()),
            (Input::MerchantId, "a b".into()),
            (Input::OrderAmount, (-1).into()),
            (Input::OrderAmount, "100".into()),
            (Input::OrderCurrency, "cny".into()),
            (Input::OrderAt, "2024-09-26T00:00:00Z".into()),
            (Input::RefundDays, 36_501.into()),
            (Input::RefundConsented, "true".into()),
            (Input::ProductCategory, "x".repeat(65).into()),
        ];
        for (input, value) in refused {
            let error = Facts::new().with(input, value.clone()).expect_err(input.name());
            assert!(error.to_string().starts_with(input.name()), "{error}");
        }
    }

    #[test]
    fn debug_tells_names_and_no_values() {
        let facts = Facts::new()
            .with(Input::PayerRegion, "330100")
            .and_then(|facts| facts.with(Input::PayerAgeBand, "18-24"))
            .and_then(|facts| facts.with(Input::OrderAmount, 8_800))
            .unwrap();
        assert_eq!(format!("{facts:?}"), "{payer.region, payer.age_band, order.amount_fen}");
        let at: Timestamp = "2024-09-26T00:00:00Z".parse().unwrap();
        let values: [Value; 4] = ["gold".into(), 8_800.into(), true.into(), at.into()];
        assert_eq!(format!("{values:?}"), "[Text(***), Number(***), Flag(***), Time(***)]");
    }

    #[test]
    fn a_record_is_read_back_and_odd_records_are_refused() {
        let at: Timestamp = "2024-09-26T00:00:00+08:00".parse().unwrap();
        let facts = Facts::new()
            .with(Input::PayerRegion, "330100")
            .and_then(|facts| facts.with(Input::OrderAmount, 8_800))
            .and_then(|facts| facts.with(Input::OrderAt, at))
            .and_then(|facts| facts.with(Input::MerchantId, "2024-09-26T00:00:00Z"))
            .and_then(|facts| facts.with(Input::ProductLiveRoom, true))
            .unwrap();
        let text = serde_json::to_string(&facts).unwrap();
        expect_test::expect![[r#"{"payer.region":"330100","merchant.id":"2024-09-26T00:00:00Z","product.live_room":true,"order.amount_fen":8800,"order.at":"2024-09-25T16:00:00Z"}"#]].assert_eq(&text);
        assert_eq!(serde_json::from_str::<Facts>(&text).unwrap(), facts);
        for odd in [
            r#"{"payer.id":"x"}"#,
            r#"{"order.amount_fen":1.5}"#,
            r#"{"order.at":"yesterday"}"#,
            r#"{"order.at":5}"#,
            r#"{"payer.tier":true}"#,
        ] {
            assert!(serde_json::from_str::<Facts>(odd).is_err(), "{odd}");
        }
    }
}
