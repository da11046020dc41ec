//! Numbers and random texts that the rail makes up.

use jiff::Timestamp;

use super::answers::china_format;
use crate::chance;

/// Random bytes; the operating system's source does not fail once it has started.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    chance::fill(&mut bytes).expect("the system's random source is up");
    bytes
}

fn of_alphabet<const N: usize>(alphabet: &[u8]) -> [u8; N] {
    random::<N>().map(|byte| alphabet[usize::from(byte) % alphabet.len()])
}

fn text<const N: usize>(alphabet: &[u8]) -> String {
    of_alphabet::<N>(alphabet).iter().map(|byte| char::from(*byte)).collect()
}

const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const HEX_LOWER: &[u8] = b"0123456789abcdef";
const HEX_UPPER: &[u8] = b"0123456789ABCDEF";

/// `Wechatpay-Nonce` of an answer: 32 lower-case hex digits.
pub(crate) fn answer_nonce() -> String {
    text::<32>(HEX_LOWER)
}

/// `Wechatpay-Nonce` of a notification: 32 of base 62.
pub(crate) fn notification_nonce() -> String {
    text::<32>(BASE62)
}

/// Nonce of AES-GCM: 12 printable characters. 62^12 makes a repeat in a test run impossible in practice.
pub(crate) fn seal_nonce() -> [u8; 12] {
    of_alphabet::<12>(BASE62)
}

/// `Request-ID`: `08`, 32 upper-case hex digits, and the internal number (0 for success).
pub(crate) fn request_id(internal: u32) -> String {
    format!("08{}-{internal}", text::<32>(HEX_UPPER))
}

/// `id` of a notification, in the form of a UUID.
pub(crate) fn event_id() -> String {
    let hex = text::<32>(HEX_LOWER);
    format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

/// What a Native order is paid with.
pub(crate) fn code_url() -> String {
    format!("weixin://wxpay/bizpayurl?pr={}", text::<9>(BASE62))
}

/// What a JSAPI order is paid with: 36 characters, the time of day in front.
pub(crate) fn prepay_id(now: Timestamp) -> String {
    format!("wx{}{}0000", china_format(now, "%d%H%M%S"), text::<22>(HEX_LOWER))
}

/// Digits that start with 4200, 28 in all.
pub(crate) fn transaction_id(now: Timestamp, number: usize) -> String {
    format!("4200000000{}{number:010}", china_format(now, "%Y%m%d"))
}

/// Digits that start with 50, 29 in all.
pub(crate) fn refund_id(now: Timestamp, number: usize) -> String {
    format!("50000000000{}{number:010}", china_format(now, "%Y%m%d"))
}

/// What an H5 order is paid with: an address of the rail's, opened in the payer's browser.
pub(crate) fn h5_url(prepay_id: &str) -> String {
    let package = text::<10>(b"0123456789");
    format!("https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id={prepay_id}&package={package}")
}

/// The code that a payer's phone shows: 18 digits, the first two 10 to 15.
pub(crate) fn auth_code() -> String {
    format!("13{}", text::<16>(b"0123456789"))
}

/// What a bill is downloaded with.
pub(crate) fn bill_token() -> String {
    text::<64>(BASE62)
}
