//! Names and numbers of rules, each parsed once into a type that says what it may hold.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text or a number is not such a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it must be {rule}")]
pub struct NameError {
    pub(crate) rule: &'static str,
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident, $rule:literal, $max:literal, $allowed:expr;)*) => {$(
        $(#[$doc])*
        #[doc = concat!("\n\nForm: ", $rule, ".")]
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// What a text of this kind looks like.
            pub const RULE: &'static str = $rule;

            /// Reads the text, or says what would be right.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                let allowed: fn(u8) -> bool = $allowed;
                if (1..=$max).contains(&text.len()) && text.bytes().all(allowed) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(NameError { rule: $rule })
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

fn lower_word(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-')
}

names! {
    /// A rule of a bundle. One id names one rule in the whole bundle, and the same rule in its next version.
    RuleId, "1 to 64 of a-z, 0-9, _ and -", 64, lower_word;
    /// A bundle: the name that all its versions share.
    BundleName, "1 to 64 of a-z, 0-9, _ and -", 64, lower_word;
    /// A code in our words, such as the reason of a ranking.
    Code, "1 to 64 of a-z, 0-9, _ and -", 64, lower_word;
    /// A merchant as the storefront numbers them.
    MerchantId, "1 to 64 visible ASCII characters without blanks", 64, |b| matches!(b, 0x21..=0x7e);
}

/// A share in parts per million: 0 to 1,000,000, so 50,000 is 5 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Ppm(u32);

impl Ppm {
    /// All of it.
    pub const ALL: Self = Self(1_000_000);
    /// Nothing of it.
    pub const NONE: Self = Self(0);

    /// A share of `parts` per million; 1,000,000 at most.
    pub fn new(parts: u32) -> Result<Self, NameError> {
        if parts <= Self::ALL.0 {
            Ok(Self(parts))
        } else {
            Err(NameError { rule: "0 to 1,000,000 parts per million" })
        }
    }

    /// Parts per million.
    pub fn parts(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Ppm {
    type Error = NameError;

    fn try_from(parts: u32) -> Result<Self, NameError> {
        Self::new(parts)
    }
}

impl From<Ppm> for u32 {
    fn from(share: Ppm) -> Self {
        share.0
    }
}

impl fmt::Display for Ppm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ppm", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_and_shares_are_refused() {
        for text in ["", "a b", "A", "a.b", "门", &"x".repeat(65)] {
            assert!(RuleId::parse(text).is_err(), "{text:?}");
        }
        assert!(RuleId::parse("ramp-5_percent").is_ok());
        assert!(Ppm::new(1_000_000).is_ok() && Ppm::new(1_000_001).is_err());
        assert!(serde_json::from_str::<Ppm>("1000001").is_err());
    }
}
