//! `biz_content`: one JSON object whose values are kept as written, so that an amount is read as exact decimal text
//! whether it came as a string (documented) or as a number (seen in real calls and accepted).

use std::collections::BTreeMap;

use paifang_money::{Currency, Money};
use serde_json::Value;
use serde_json::value::RawValue;

/// The members of a request.
#[derive(Clone, Debug)]
pub(super) struct Biz {
    members: BTreeMap<String, Box<RawValue>>,
    whole: Value,
}

impl Biz {
    /// `None` when the text is not one JSON object.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let members = serde_json::from_str(text).ok()?;
        Some(Self { members, whole: serde_json::from_str(text).ok()? })
    }

    /// A string, or a number as it was written; `None` when it is absent, null, blank or of another type.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let raw = self.members.get(name)?.get();
        match raw.as_bytes().first()? {
            b'"' => serde_json::from_str::<String>(raw).ok().filter(|text| !text.trim().is_empty()),
            b'0'..=b'9' | b'-' => Some(raw.to_owned()),
            _ => None,
        }
    }

    /// Whether the array of strings `name` has `wanted`.
    pub(super) fn lists(&self, name: &str, wanted: &str) -> bool {
        let list = self.whole.get(name).and_then(Value::as_array);
        list.is_some_and(|list| list.iter().any(|item| item == wanted))
    }

    /// The length of the array `name`; 0 when it is none.
    pub(super) fn count(&self, name: &str) -> usize {
        self.whole.get(name).and_then(Value::as_array).map_or(0, Vec::len)
    }

    /// An amount in yuan with at most two decimals, in fen, more than zero.
    pub(super) fn fen(&self, name: &str) -> Option<i64> {
        let text = self.text(name)?;
        Money::from_decimal(&text, Currency::CNY).ok().map(Money::minor_units).filter(|fen| *fen > 0)
    }

    /// All members, to compare a repeated request with the first one.
    pub(super) fn whole(&self) -> &Value {
        &self.whole
    }
}

/// Fen as yuan with two decimals.
pub(super) fn yuan(fen: i64) -> String {
    let sign = if fen < 0 { "-" } else { "" };
    let fen = fen.unsigned_abs();
    format!("{sign}{}.{:02}", fen / 100, fen % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_as_string_and_as_number() {
        let biz =
            Biz::parse(r#"{"a":"88.88","b":0.03,"c":100,"d":"0.001","e":"-1","f":"0.00","g":1e2,"h":null}"#);
        let biz = biz.unwrap();
        let all: Vec<_> = "abcdefghi".chars().map(|name| biz.fen(&name.to_string())).collect();
        assert_eq!(all, [Some(8888), Some(3), Some(10000), None, None, None, None, None, None]);
        assert_eq!((yuan(8888), yuan(5), yuan(-120)), ("88.88".into(), "0.05".into(), "-1.20".into()));
    }

    #[test]
    fn only_an_object_is_biz_content() {
        for bad in ["", "[]", "\"x\"", "{", "{}{}"] {
            assert!(Biz::parse(bad).is_none(), "{bad}");
        }
    }
}
