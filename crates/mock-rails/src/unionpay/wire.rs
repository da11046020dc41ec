//! Messages as bytes: forms in, bare `k=v&k=v` text out, and the charset that both are written in.
//!
//! Synchronous answers are not percent-encoded at all; requests and notifications are ordinary forms. The first two
//! parse with the algorithm of the official SDK for bare text, where an `&` behind an opening `{` or `[` belongs to
//! the value.

use std::collections::BTreeMap;
use std::fmt;

use encoding_rs::{Encoding, GB18030, GBK, UTF_8};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::gbk;

/// The charset that a message names in its `encoding` field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Charset(&'static Encoding);

impl Charset {
    pub(super) const UTF_8: Self = Self(UTF_8);

    /// Knows the names of the sheet in either letter case.
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "UTF-8" => Some(Self(UTF_8)),
            "GBK" | "GB2312" => Some(Self(GBK)),
            "GB18030" => Some(Self(GB18030)),
            _ => None,
        }
    }

    pub(super) fn encode(self, text: &str) -> Vec<u8> {
        if self.0 == GBK { gbk::encode(text) } else { self.0.encode(text).0.into_owned() }
    }

    /// `None` when the bytes are no text of this charset.
    pub(super) fn decode(self, bytes: &[u8]) -> Option<String> {
        let text = self.0.decode_without_bom_handling_and_without_replacement(bytes)?;
        Some(text.into_owned())
    }

    /// Of a synchronous answer. The real value is unconfirmed; it must not be the form type, which some clients
    /// would decode and so turn each `+` into a space, nor `text/plain`, of which a Node client (node-unionpay-sdk) reads
    /// JSON only.
    pub(super) fn answer_type(self) -> &'static str {
        if self.0 == UTF_8 {
            "text/html;charset=UTF-8"
        } else if self.0 == GBK {
            "text/html;charset=GBK"
        } else {
            "text/html;charset=GB18030"
        }
    }

    pub(super) fn form_type(self) -> String {
        format!("application/x-www-form-urlencoded;charset={}", self.0.name())
    }
}

/// By its name.
impl Serialize for Charset {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl<'de> Deserialize<'de> for Charset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::parse(&name).ok_or_else(|| de::Error::custom("no charset of ACP"))
    }
}

/// The fields of one message, in the byte order of their names, which is the order in which they are signed.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Fields(BTreeMap<String, String>);

/// Names only: values may say who the payer is.
impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Malformed {
    /// No `encoding` field.
    NoEncoding,
    /// A charset that is unknown, or that the bytes are not in.
    Encoding,
    /// A name that is empty or there twice.
    Name,
}

impl Fields {
    /// A blank value counts as no value (`blank` tells them apart).
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.trim().is_empty())
    }

    /// The names of fields that are there without a value.
    pub(super) fn blank(&self) -> Option<&str> {
        self.0.iter().find(|(_, value)| value.trim().is_empty()).map(|(name, _)| name.as_str())
    }

    /// An empty value is left out: verifiers differ in what they hash for one.
    pub(super) fn put(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        if !value.is_empty() {
            self.0.insert(name.to_owned(), value);
        }
    }

    pub(super) fn with<const N: usize>(mut self, more: [(&str, String); N]) -> Self {
        for (name, value) in more {
            self.put(name, value);
        }
        self
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// What is hashed: all fields but `signature`, raw, by name.
    pub(super) fn sign_text(&self) -> String {
        let lines: Vec<String> = self
            .iter()
            .filter(|(name, _)| *name != "signature")
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        lines.join("&")
    }

    /// A synchronous answer: by name, then the certificate, then the signature, as genuine captures have it.
    pub(super) fn to_bare(&self) -> String {
        const LAST: [&str; 2] = ["signPubKeyCert", "signature"];
        let first = self.iter().filter(|(name, _)| !LAST.contains(name));
        let last = LAST.iter().filter_map(|name| self.value(name).map(|value| (*name, value)));
        let lines: Vec<String> = first.chain(last).map(|(name, value)| format!("{name}={value}")).collect();
        lines.join("&")
    }

    /// Reads bare text by the rules of the official SDK (module doc).
    pub(super) fn parse_bare(text: &str) -> Result<Self, Malformed> {
        let text = match text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(inside) => inside,
            None => text,
        };
        let mut fields = Self::default();
        let mut rest = text;
        while !rest.is_empty() {
            let end = end_of_piece(rest);
            let (piece, more) = rest.split_at(end);
            rest = more.strip_prefix('&').unwrap_or(more);
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            fields.add(name.to_owned(), value.to_owned())?;
        }
        Ok(fields)
    }

    /// Reads a form that is percent-encoded in the charset which its own `encoding` field names.
    pub(super) fn parse_form(body: &[u8]) -> Result<(Self, Charset), Malformed> {
        let pairs: Vec<(Vec<u8>, Vec<u8>)> =
            body.split(|b| *b == b'&').filter(|piece| !piece.is_empty()).map(decoded_pair).collect();
        let named = pairs.iter().find(|(name, _)| name == b"encoding").ok_or(Malformed::NoEncoding)?;
        let charset =
            std::str::from_utf8(&named.1).ok().and_then(Charset::parse).ok_or(Malformed::Encoding)?;
        let mut fields = Self::default();
        for (name, value) in pairs {
            let name = String::from_utf8(name).map_err(|_| Malformed::Name)?;
            fields.add(name, charset.decode(&value).ok_or(Malformed::Encoding)?)?;
        }
        Ok((fields, charset))
    }

    /// The form of a notification.
    pub(super) fn to_form(&self, charset: Charset) -> String {
        let escaped =
            |text: &str| percent_encode(&charset.encode(text), FORM).to_string().replace("%20", "+");
        let lines: Vec<String> =
            self.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect();
        lines.join("&")
    }

    fn add(&mut self, name: String, value: String) -> Result<(), Malformed> {
        if name.is_empty() || self.0.insert(name, value).is_some() { Err(Malformed::Name) } else { Ok(()) }
    }
}

/// What a form escapes: the set of the vectors, a space apart.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Where the first `k=v` of bare text ends. There is no nesting: the first closing character closes.
fn end_of_piece(text: &str) -> usize {
    let (mut in_value, mut closer) = (false, None);
    for (at, c) in text.char_indices() {
        match (closer, c) {
            (Some(wanted), c) if c == wanted => closer = None,
            (Some(_), _) => {}
            (None, '=') => in_value = true,
            (None, '{') if in_value => closer = Some('}'),
            (None, '[') if in_value => closer = Some(']'),
            (None, '&') => return at,
            (None, _) => {}
        }
    }
    text.len()
}

fn decoded_pair(piece: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let split = piece.iter().position(|b| *b == b'=');
    let (name, value) = match split {
        Some(at) => (piece.get(..at).unwrap_or(piece), piece.get(at + 1..).unwrap_or(&[])),
        None => (piece, [].as_slice()),
    };
    let decoded = |bytes: &[u8]| {
        let spaced: Vec<u8> = bytes.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
        percent_decode(&spaced).collect()
    };
    (decoded(name), decoded(value))
}
