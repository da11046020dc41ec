//! The digest by which two sides see at once whether they have the same statement.
//!
//! SHA-256 over texts, each with its length in bytes before it (8 bytes, big-endian):
//!
//! 1. `paifang net statement 1`; the first party; the second party; start and end of the period;
//! 2. the number of opening balances that are not zero, then for each, by currency: its code and the balance;
//! 3. the number of entries of the period, then for each, by the bytes of its id: id, time, who owes, who is owed,
//!    currency, amount, kind.
//!
//! Times are nanoseconds since 1970-01-01T00:00:00Z; times, numbers and balances are decimal text with `-` before what is
//! negative. Net and closing follow from these, and are not part of it.

use std::fmt;

use jiff::Timestamp;
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::NetStatement;

/// Told apart from whatever else is hashed anywhere.
const CONTEXT: &str = "paifang net statement 1";

/// SHA-256 of a net statement, as the module's head defines it; 64 lower-case hex digits in text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StatementDigest([u8; 32]);

impl StatementDigest {
    /// The bytes.
    pub fn bytes(self) -> [u8; 32] {
        self.0
    }
}

impl NetStatement {
    /// The digest of what counts in this statement.
    pub fn digest(&self) -> StatementDigest {
        let mut context = Context::new(&SHA256);
        let mut put = |text: &str| {
            context.update(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(text.as_bytes());
        };
        for text in [CONTEXT, self.first.as_str(), self.second.as_str()] {
            put(text);
        }
        for time in [self.period.from, self.period.until] {
            put(&nanoseconds(time));
        }
        put(&self.opening.len().to_string());
        for (currency, balance) in &self.opening {
            put(currency.code());
            put(&balance.to_string());
        }
        put(&self.entries().count().to_string());
        for entry in self.entries() {
            put(entry.id.as_str());
            put(&nanoseconds(entry.at));
            put(entry.from.as_str());
            put(entry.to.as_str());
            put(entry.amount.currency().code());
            put(&entry.amount.minor_units().to_string());
            put(entry.kind.as_str());
        }
        let mut bytes = [0; 32];
        bytes.copy_from_slice(context.finish().as_ref()); // SHA-256 has 32 bytes
        StatementDigest(bytes)
    }
}

fn nanoseconds(time: Timestamp) -> String {
    time.as_nanosecond().to_string()
}

impl fmt::Display for StatementDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for StatementDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<StatementDigest> for String {
    fn from(digest: StatementDigest) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for StatementDigest {
    type Error = hex::FromHexError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map(|()| Self(bytes))
    }
}
