//! Names in rules and entries, each parsed once into a type of its own, so that no kind passes for another.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text is not such a name. The text itself is not repeated: it may be long or hostile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {rule}")]
pub struct NameError {
    what: &'static str,
    rule: &'static str,
}

const WORD: &str = "1 to 64 of a-z, 0-9, _ and -";
const VISIBLE: &str = "1 to 64 visible ASCII characters without blanks";

fn word(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-')
}

fn visible(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e)
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident, $what:literal, $rule:expr, $allowed:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Reads the text, or says what would be right.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                let allowed: fn(u8) -> bool = $allowed;
                if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(NameError { what: $what, rule: $rule })
                }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

names! {
    /// A rule within its set, such as `live-commerce-2026`: 1 to 64 of a-z, 0-9, _ and -.
    RuleId, "rule id", WORD, word;
    /// A product or merchant category, such as `apparel`: 1 to 64 of a-z, 0-9, _ and -. An open set.
    Category, "category", WORD, word;
    /// What sort of money a wallet holds, such as `balance`, `credit`, `ecny`: 1 to 64 of a-z, 0-9, _ and -. An open set.
    WalletKind, "wallet kind", WORD, word;
    /// Who receives a part of a payment: 1 to 64 visible ASCII characters without blanks.
    Receiver, "receiver", VISIBLE, visible;
    /// A discount within its set, such as `double-eleven-coupon`: 1 to 64 of a-z, 0-9, _ and -.
    DiscountId, "discount id", WORD, word;
    /// A list of bearers that refund rules refer to: 1 to 64 of a-z, 0-9, _ and -.
    WaterfallName, "waterfall", WORD, word;
    /// One side of a net statement, such as `platform-a`: 1 to 64 of a-z, 0-9, _ and -.
    Party, "party", WORD, word;
    /// An entry of a net statement: the event's own id, 1 to 64 visible ASCII characters without blanks.
    EntryId, "entry id", VISIBLE, visible;
    /// What an entry is for, such as `fee` or `subsidy`: 1 to 64 of a-z, 0-9, _ and -. An open set.
    EntryKind, "entry kind", WORD, word;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_characters_and_lengths_are_refused() {
        for text in ["", "a b", "a\0b", "\u{202e}abc", "Ａbc", "类目", &"x".repeat(65)] {
            assert!(RuleId::parse(text).is_err(), "{text:?}");
            assert!(EntryId::parse(text).is_err(), "{text:?}");
        }
        assert!(RuleId::parse("Upper").is_err() && EntryId::parse("Upper/1|2").is_ok());
        assert!(RuleId::parse(&"x".repeat(64)).is_ok());
        let said = Category::parse("").map_err(|wrong| wrong.to_string());
        assert_eq!(said, Err("category must be 1 to 64 of a-z, 0-9, _ and -".to_owned()));
    }
}
