//! A form body, decoded once and strictly, as bytes: the signature covers the decoded bytes in the account's charset.

use paifang_rail::NotificationError;

use crate::Charset;
use crate::request::signed_string;

/// A notice has about thirty fields; this many are read.
const FIELDS_MAX: usize = 128;

/// The fields that the adapter reads. None of them may hide inside of another field's value.
const READ: &[&str] = &[
    "alipay_cert_sn",
    "amount",
    "app_id",
    "auth_no",
    "charset",
    "gmt_payment",
    "gmt_refund",
    "gmt_trans",
    "notify_id",
    "notify_time",
    "notify_type",
    "operation_id",
    "operation_type",
    "out_biz_no",
    "out_order_no",
    "out_request_no",
    "out_trade_no",
    "passback_params",
    "payee_user_id",
    "refund_fee",
    "seller_id",
    "status",
    "total_amount",
    "trade_no",
    "trade_status",
];

/// The fields of a notice, decoded but not verified. Unknown ones are kept: they are signed too.
pub(crate) struct Form {
    fields: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Form {
    /// Reads `name=value` pairs joined by `&`. A name that comes twice is ambiguous and refused.
    pub fn parse(body: &[u8]) -> Result<Self, NotificationError> {
        let malformed = NotificationError::Malformed;
        let mut fields: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for pair in body.split(|byte| *byte == b'&') {
            let equals = pair.iter().position(|byte| *byte == b'=');
            let (name, value) = pair.split_at(equals.ok_or(malformed("a field without ="))?);
            let name = decoded(name).ok_or(malformed("an escape in a field's name"))?;
            let value = decoded(&value[1..]).ok_or(malformed("an escape in a field's value"))?;
            if name.is_empty() || !name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
                return Err(malformed("a field's name"));
            }
            if fields.iter().any(|(known, _)| *known == name) {
                return Err(malformed("a field that comes twice"));
            }
            if fields.len() == FIELDS_MAX {
                return Err(malformed("too many fields"));
            }
            fields.push((name, value));
        }
        if fields.iter().any(|(_, value)| hides_a_field(value)) {
            return Err(malformed("a value that holds another field"));
        }
        Ok(Self { fields })
    }

    /// A field as text; `None` where it is absent or empty, which are the same here, or not in the charset.
    ///
    /// A field that decides anything stands in [`READ`].
    pub fn text(&self, name: &str, charset: Charset) -> Option<String> {
        debug_assert!(name == "sign" || READ.contains(&name), "{name} could hide in another field");
        let (_, value) = self.fields.iter().find(|(known, _)| known == name.as_bytes())?;
        charset.decode(value).filter(|text| !text.is_empty())
    }

    /// What Alipay may have signed: every field but `sign` and `sign_type`, with empty ones, and without them. Both rules
    /// are in use, and differ only where a field is empty; such a field is read as absent, so neither can add meaning.
    /// Whether a notice can name its certificate, and whether that name is signed, is not known: it is tried both ways, and
    /// only says which key verifies.
    pub fn strings_to_verify(&self) -> Vec<Vec<u8>> {
        let pairs = || self.fields.iter().map(|(name, value)| (name.as_slice(), value.as_slice()));
        let is = |one: &'static [u8]| move |(name, _): &(&[u8], &[u8])| *name == one;
        let signed = || pairs().filter(|pair| !is(b"sign")(pair) && !is(b"sign_type")(pair));
        let filled = || signed().filter(|(_, value)| !value.is_empty());
        let mut strings = vec![signed_string(signed())];
        if signed().any(|(_, value)| value.is_empty()) {
            strings.push(signed_string(filled()));
        }
        if signed().any(|pair| is(b"alipay_cert_sn")(&pair)) {
            strings.push(signed_string(filled().filter(|pair| !is(b"alipay_cert_sn")(pair))));
        }
        strings
    }
}

/// The signed string joins values raw, so `subject=x&refund_fee=1` may be one field or two, and the signature fits both.
/// What could be read both ways is not read at all; the order's query tells instead.
fn hides_a_field(value: &[u8]) -> bool {
    let parts = value.split(|byte| *byte == b'&').skip(1);
    parts
        .filter_map(|part| part.split(|byte| *byte == b'=').next().filter(|name| name.len() < part.len()))
        .any(|name| READ.iter().any(|read| read.as_bytes() == name))
}

/// Undoes `+` and `%XX`, once; `None` for a `%` without two hex digits.
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex_digit(*rest.next()?)? << 4 | hex_digit(*rest.next()?)?,
            plain => *plain,
        });
    }
    Some(bytes)
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}
