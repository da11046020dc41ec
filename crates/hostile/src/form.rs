//! Forms as rails write them, and as attackers do.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

pub(crate) type Fields = Vec<(String, String)>;

/// What browsers and Java leave as it is.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_').remove(b' ');

pub(crate) fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The fields with this one changed, or put behind the others.
pub(crate) fn set(fields: &Fields, name: &str, value: &str) -> Fields {
    let mut changed = fields.clone();
    match changed.iter_mut().find(|(known, _)| known == name) {
        Some((_, old)) => value.clone_into(old),
        None => changed.push((name.to_owned(), value.to_owned())),
    }
    changed
}

pub(crate) fn without(fields: &Fields, name: &str) -> Fields {
    fields.iter().filter(|(known, _)| known != name).cloned().collect()
}

pub(crate) fn get<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

/// `name=value&...`, percent-encoded.
pub(crate) fn encoded(fields: &Fields) -> String {
    let pair = |(name, value): &(String, String)| format!("{}={}", escaped(name), escaped(value));
    fields.iter().map(pair).collect::<Vec<_>>().join("&")
}

pub(crate) fn escaped(text: &str) -> String {
    escaped_bytes(text.as_bytes())
}

pub(crate) fn escaped_bytes(bytes: &[u8]) -> String {
    percent_encode(bytes, KEPT).to_string().replace(' ', "+")
}

/// The names and values in byte order of the names, joined as they are.
pub(crate) fn joined(fields: &Fields) -> String {
    let mut sorted: Vec<&(String, String)> = fields.iter().collect();
    sorted.sort();
    sorted.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}
