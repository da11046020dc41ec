//! Names that come from outside, each parsed once into a type that says what it may hold, so that no kind passes for
//! another. [`names!`] makes the types, [`shown!`] lets them be printed: a payer's id, say, is not.
#![forbid(unsafe_code)]

/// Why a text is not such a name. The text itself is not repeated: it may be long or hostile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {rule}")]
pub struct NameError {
    what: &'static str,
    rule: &'static str,
}

impl NameError {
    /// A text that is no `what`, which has to be as `rule` says.
    pub fn new(what: &'static str, rule: &'static str) -> Self {
        Self { what, rule }
    }
}

/// Lower-case letters, digits, `_` and `-`.
pub fn lower_word(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-')
}

/// ASCII that leaves a mark on paper: no blanks, no control characters.
pub fn visible(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e)
}

/// Makes a type per row: its name, what it is called in errors, its form in words, its lengths in bytes, its bytes. The crate
/// that uses it depends on `serde`.
#[macro_export]
macro_rules! names {
    ($($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $range:expr, $allowed:expr;)*) => {$(
        $(#[$doc])*
        #[doc = concat!("\n\nForm: ", $rule, ".")]
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// What a text of this kind looks like.
            pub const RULE: &'static str = $rule;

            /// Reads the text, or says what would be right.
            pub fn parse(text: &str) -> Result<Self, $crate::NameError> {
                let allowed: fn(u8) -> bool = $allowed;
                if ($range).contains(&text.len()) && text.bytes().all(allowed) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err($crate::NameError::new($what, Self::RULE))
                }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::NameError;

            fn try_from(text: String) -> Result<Self, $crate::NameError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    )*};
}

/// Prints these names as they are, for people and in `Debug`.
#[macro_export]
macro_rules! shown {
    ($($name:ident)*) => {$(
        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

#[cfg(test)]
mod tests {
    use super::{lower_word, visible};

    names! {
        /// A word.
        Word, "word", "2 to 4 of a-z, 0-9, _ and -", 2..=4, lower_word;
        /// Anything that can be seen.
        Mark, "mark", "1 to 64 visible ASCII characters without blanks", 1..=64, visible;
    }

    shown! { Word Mark }

    #[test]
    fn odd_characters_and_lengths_are_refused() {
        for text in ["", "a b", "a\0b", "\u{202e}abc", "Ａbc", "类目", &"x".repeat(65)] {
            assert!(Word::parse(text).is_err() && Mark::parse(text).is_err(), "{text:?}");
        }
        assert!(Word::parse("a").is_err() && Word::parse("Up").is_err() && Mark::parse("Up/1|2").is_ok());
        let said = Word::parse("").map_err(|wrong| wrong.to_string());
        assert_eq!(said, Err("word must be 2 to 4 of a-z, 0-9, _ and -".to_owned()));
    }

    #[test]
    fn the_stored_form_is_the_text_and_is_held_to_the_same_rule() {
        let word = Word::parse("a-1_").unwrap();
        let text = serde_json::to_string(&word).unwrap();
        assert_eq!((text.as_str(), serde_json::from_str(&text).ok()), ("\"a-1_\"", Some(word)));
        assert!(serde_json::from_str::<Word>("\"A-1_\"").is_err());
    }
}
