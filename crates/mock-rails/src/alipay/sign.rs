//! The signed strings of the v2 gateway and of notices; RSA2 (SHA-256 with RSA, PKCS#1 v1.5) under them is in `keys`.

use super::wire::Params;

/// What clients do with parameters that have no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Empties {
    /// Left out of the string: the documented rule (Java, PHP, go-pay).
    Dropped,
    /// Kept as `name=` (npm alipay-sdk, python-alipay-sdk, alipay-sdk-python).
    Kept,
}

/// The string of a request: every parameter but `sign`, sorted by name, values raw and in the request's charset.
pub(super) fn request_string(params: &Params, empties: Empties) -> Vec<u8> {
    let blank = |value: &[u8]| value.iter().all(u8::is_ascii_whitespace);
    let counts =
        |(name, value): &(&[u8], &[u8])| *name != b"sign" && (empties == Empties::Kept || !blank(value));
    joined(params.iter().filter(counts).collect())
}

/// The string of a notice or a return: every field but `sign` and `sign_type`.
pub(super) fn notice_string<'a>(fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Vec<u8> {
    joined(fields.filter(|(name, _)| *name != b"sign" && *name != b"sign_type").collect())
}

fn joined(mut pairs: Vec<(&[u8], &[u8])>) -> Vec<u8> {
    pairs.sort_by_key(|(name, _)| *name);
    let lines: Vec<Vec<u8>> = pairs.into_iter().map(|(name, value)| [name, b"=", value].concat()).collect();
    lines.join(&b'&')
}
