//! Why we believe something: which bytes, which key, which rule.

use std::fmt;

use serde::{Deserialize, Serialize};

/// SHA-256 of the exact bytes that were believed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(pub [u8; 32]);

/// Where a piece of news came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The rail's synchronous answer to a charge, close, reverse or refund.
    Reply,
    /// The rail's answer to a query.
    Query,
    /// A message that the rail sent by itself.
    Notification,
    /// Our own transport: what happened to the bytes.
    Transport,
    /// A time limit that passed.
    Clock,
    /// A call of the storefront.
    Storefront,
    /// The gateway's own rule, from facts that are already in the journal.
    Rule,
    /// A person who operates the gateway.
    Operator,
}

/// The evidence of one state change; kept in the journal for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Where it came from.
    pub source: Source,
    /// Digest of the believed bytes; absent where there were none (a time-out, a clock).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Serial or id of the key that verified them; absent where nothing was signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_serial: Option<String>,
    /// The rule that decided, such as `alipay.query.trade_success`.
    pub rule: String,
}

impl Evidence {
    /// Evidence without bytes: a clock, a storefront's call, a rule.
    pub fn plain(source: Source, rule: impl Into<String>) -> Self {
        Self { source, digest: None, key_serial: None, rule: rule.into() }
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        hex::encode(digest.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = hex::FromHexError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map(|()| Self(bytes))
    }
}
