//! Messages as fields: the bare `k=v&k=v` text of answers, and the percent-encoded form of notifications.
//!
//! The signed text joins names and values without any escape, so two different sets of fields could give the same text.
//! Sets are therefore taken only when their own text reads back as the same set: a value that could be mistaken for
//! further fields makes the message unreadable (F48).

use std::collections::BTreeMap;

use percent_encoding::percent_decode;

/// The fields of one message, by name. They hold a payer's masked card number, so they do not print.
#[derive(PartialEq, Eq)]
pub(crate) struct Fields(BTreeMap<String, String>);

/// Why bytes are not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// Not UTF-8.
    Text,
    /// A value without a name.
    Nameless,
    /// The same name twice.
    Doubled,
    /// A value that could be read as further fields.
    Ambiguous,
}

impl Fields {
    /// Reads a synchronous answer (facts: the official SDK's rules). Nothing in it is percent-encoded.
    pub(crate) fn of_answer(body: &[u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(body).map_err(|_| Malformed::Text)?;
        let inner = text.strip_prefix('{').and_then(|inner| inner.strip_suffix('}'));
        Self(split(inner.unwrap_or(text))?).unambiguous()
    }

    /// Reads a notification: decoded once, empty fields dropped before anything is verified, as the official demo does.
    pub(crate) fn of_form(body: &[u8]) -> Result<Self, Malformed> {
        let mut fields = BTreeMap::new();
        for pair in body.split(|byte| *byte == b'&') {
            let equals = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let (name, value) = pair.split_at(equals);
            let (name, value) = (decoded(name)?, decoded(value.get(1..).unwrap_or_default())?);
            put(&mut fields, name, value)?;
        }
        fields.retain(|_, value| !value.is_empty());
        Self(fields).unambiguous()
    }

    /// A field's value; an empty one counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The text that is signed: all fields but the signature, in byte order of their names.
    pub(crate) fn signed_text(&self) -> String {
        joined(self.signed())
    }

    /// Names and values of that text.
    pub(crate) fn signed(&self) -> impl Iterator<Item = (&str, &str)> {
        let signed = self.0.iter().filter(|(name, _)| *name != "signature");
        signed.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn unambiguous(self) -> Result<Self, Malformed> {
        if split(&joined(&self.0))? == self.0 { Ok(self) } else { Err(Malformed::Ambiguous) }
    }
}

/// Names and values, joined as they are.
pub(crate) fn joined<N: AsRef<str>, V: AsRef<str>>(fields: impl IntoIterator<Item = (N, V)>) -> String {
    let mut text = String::new();
    for (name, value) in fields {
        let separator = if text.is_empty() { "" } else { "&" };
        for part in [separator, name.as_ref(), "=", value.as_ref()] {
            text.push_str(part);
        }
    }
    text
}

/// A value ends at the next `&`; but after `{` or `[` an `&` belongs to the value up to the first `}` or `]`. There is
/// no depth: the first closing character closes.
fn split(text: &str) -> Result<BTreeMap<String, String>, Malformed> {
    let mut fields = BTreeMap::new();
    let mut rest = Some(text);
    while let Some(text) = rest {
        let name_end = text.find(['=', '&']).unwrap_or(text.len());
        let (name, tail) = text.split_at(name_end);
        let (value, after) = match tail.strip_prefix('=') {
            Some(tail) => {
                let (value, after) = tail.split_at(value_end(tail));
                (value, after.strip_prefix('&'))
            }
            None => ("", tail.strip_prefix('&')),
        };
        put(&mut fields, name.to_owned(), value.to_owned())?;
        rest = after;
    }
    Ok(fields)
}

fn value_end(tail: &str) -> usize {
    let mut closing = None;
    for (place, byte) in tail.bytes().enumerate() {
        match (closing, byte) {
            (Some(end), byte) if byte == end => closing = None,
            (Some(_), _) => {}
            (None, b'{') => closing = Some(b'}'),
            (None, b'[') => closing = Some(b']'),
            (None, b'&') => return place,
            (None, _) => {}
        }
    }
    tail.len()
}

fn put(fields: &mut BTreeMap<String, String>, name: String, value: String) -> Result<(), Malformed> {
    if name.is_empty() {
        return Err(Malformed::Nameless);
    }
    match fields.insert(name, value) {
        None => Ok(()),
        Some(_) => Err(Malformed::Doubled),
    }
}

fn decoded(part: &[u8]) -> Result<String, Malformed> {
    let spaced: Vec<u8> = part.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let text = percent_decode(&spaced).decode_utf8().map_err(|_| Malformed::Text)?;
    Ok(text.into_owned())
}
