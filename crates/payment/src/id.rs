//! Typed ids: a kind prefix and a time-ordered UUID (v7), so that an id of one kind never passes for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form {prefix}_ followed by 32 lower-case hex digits")]
pub struct IdError {
    prefix: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// Makes an id from a time and ten bytes of entropy; both are handed in.
            pub fn from_parts(at: jiff::Timestamp, entropy: [u8; 10]) -> Self {
                let millis = u64::try_from(at.as_millisecond()).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &entropy).into_uuid())
            }

            /// Reads the text form.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let wrong = IdError { prefix: $prefix };
                let hex = text.strip_prefix(concat!($prefix, "_")).ok_or_else(|| wrong.clone())?;
                let plain = hex.len() == 32 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
                let uuid = if plain { Uuid::try_parse(hex).ok() } else { None };
                uuid.map(Self).ok_or(wrong)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    )*};
}

ids! {
    /// A storefront that owns intents, refunds and events.
    TenantId = "tn";
    /// One payment intent.
    IntentId = "pi";
    /// One try of an intent on a rail account.
    AttemptId = "at";
    /// One refund.
    RefundId = "re";
    /// One event to a storefront.
    EventId = "ev";
    /// One transfer among a storefront's own funds.
    FundsId = "fm";
    /// Many refunds that a storefront asked for in one go.
    BulkId = "bk";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text_and_no_other_kind_reads_it() {
        let id = IntentId::from_parts(jiff::Timestamp::UNIX_EPOCH, [7; 10]);
        assert_eq!(IntentId::parse(&id.to_string()), Ok(id));
        assert!(RefundId::parse(&id.to_string()).is_err());
        for text in
            ["", "pi_", "pi_0", "pi_G0000000000000000000000000000000", "PI_00000000000000000000000000000000"]
        {
            assert!(IntentId::parse(text).is_err(), "{text}");
        }
    }
}
