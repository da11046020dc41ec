//! The two encodings that the v2 gateway speaks. The account's own counts, never a message's.

use encoding_rs::GBK;
use serde::Deserialize;

/// How texts are encoded on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Charset {
    /// UTF-8.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// GBK; texts outside of it cannot be sent.
    Gbk,
}

impl Charset {
    /// The value of the `charset` parameter.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Gbk => "gbk",
        }
    }

    /// Whether a message that names this charset is in ours. `gb2312` is a subset of GBK, and listed beside it.
    pub(crate) fn is_named(self, name: &str) -> bool {
        match self {
            Self::Utf8 => name.eq_ignore_ascii_case("utf-8"),
            Self::Gbk => name.eq_ignore_ascii_case("gbk") || name.eq_ignore_ascii_case("gb2312"),
        }
    }

    /// The bytes of a text; `None` where the charset lacks a character.
    pub(crate) fn encode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Utf8 => Some(text.as_bytes().to_vec()),
            Self::Gbk => {
                let (bytes, _, unmappable) = GBK.encode(text);
                (!unmappable).then(|| bytes.into_owned())
            }
        }
    }

    /// The text of bytes; `None` where they are not in the charset.
    pub(crate) fn decode(self, bytes: &[u8]) -> Option<String> {
        match self {
            Self::Utf8 => std::str::from_utf8(bytes).ok().map(str::to_owned),
            Self::Gbk => GBK
                .decode_without_bom_handling_and_without_replacement(bytes)
                .map(std::borrow::Cow::into_owned),
        }
    }

    /// Whether a byte swallows the next one. The second byte of a GBK character may look like a backslash or a brace.
    pub(crate) fn leads(self, byte: u8) -> bool {
        match self {
            Self::Utf8 => false,
            Self::Gbk => (0x81..=0xfe).contains(&byte),
        }
    }
}
