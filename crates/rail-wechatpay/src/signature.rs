//! Whether WeChat Pay said it: the signature over timestamp, nonce and body, in replies and notifications alike.
//!
//! The algorithm is the account's (RSA with SHA-256) and never the message's. The key is chosen by the id that the message
//! names, among the keys of the account: platform certificates and public keys stand side by side.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use paifang_rail::{Genuine, Keyring, NotGenuine, SealedCertificate};

use crate::request::SCHEME;

/// A message is believed only while its time is less than this many seconds away from ours. At exactly this distance the
/// vendor's Java and Go libraries refuse, and so do we.
const WINDOW_S: u64 = 300;

/// How the vendor's deliberately wrong signatures begin.
const PROBE: &str = "WECHATPAY/SIGNTEST/";

const TIMESTAMP: &str = "Wechatpay-Timestamp";
const NONCE: &str = "Wechatpay-Nonce";
const SERIAL: &str = "Wechatpay-Serial";
const SIGNATURE: &str = "Wechatpay-Signature";
const TYPE: &str = "Wechatpay-Signature-Type";

/// Why a message is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Distrust {
    /// A header of the signature is missing, doubled or out of form.
    Unsigned,
    /// It does not fit.
    Wrong,
    /// It does not fit, as the vendor intended.
    Probe,
    /// No key of the account has the named id.
    UnknownKey,
    /// It fits, and the message is too old or from the future.
    Stale,
}

/// Whether the message claims to be signed at all.
pub(crate) fn is_signed(headers: &[(String, String)]) -> bool {
    headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(SIGNATURE))
}

/// Verifies the raw body under its headers, with the key of the account that they name.
pub(crate) fn verify(
    headers: &[(String, String)],
    body: &[u8],
    keys: &Keyring,
    now: Timestamp,
) -> Result<Genuine, Distrust> {
    let signed = Signed::read(headers, body)?;
    let proof = keys
        .verify_by(signed.serial, &signed.message, &signed.signature)
        .map_err(|why| signed.distrust(why))?;
    signed.in_time(now, proof)
}

/// Verifies a message with a certificate that it brought itself, sealed with the account's own key: the first download of
/// certificates, of which nothing is known before (the vendor's libraries do the same).
pub(crate) fn verify_by_own(
    headers: &[(String, String)],
    body: &[u8],
    sealed: &[SealedCertificate],
    keys: &Keyring,
    now: Timestamp,
) -> Result<Genuine, Distrust> {
    let signed = Signed::read(headers, body)?;
    let by = sealed.iter().find(|certificate| certificate.id().eq_ignore_ascii_case(signed.serial));
    let by = by.ok_or(Distrust::UnknownKey)?;
    let proof = keys.verify_sealed(by, now, &signed.message, &signed.signature);
    signed.in_time(now, proof.map_err(|why| signed.distrust(why))?)
}

/// The id of the key that a message names.
pub(crate) fn serial(headers: &[(String, String)]) -> Option<&str> {
    wanted(headers, SERIAL).ok()
}

/// The parts of a signed message.
struct Signed<'a> {
    serial: &'a str,
    sent_at: i64,
    message: Vec<u8>,
    signature: Vec<u8>,
    wrong: Distrust,
}

impl<'a> Signed<'a> {
    fn read(headers: &'a [(String, String)], body: &[u8]) -> Result<Self, Distrust> {
        let timestamp = wanted(headers, TIMESTAMP)?;
        let nonce = wanted(headers, NONCE)?;
        let serial = wanted(headers, SERIAL)?;
        let signature = wanted(headers, SIGNATURE)?;
        // Older answers come without the type. Where it stands it must be ours: nothing else is ever verified.
        if one(headers, TYPE)?.is_some_and(|named| named != SCHEME) {
            return Err(Distrust::Wrong);
        }
        let sent_at = seconds(timestamp).ok_or(Distrust::Unsigned)?;
        let wrong = if signature.starts_with(PROBE) { Distrust::Probe } else { Distrust::Wrong };
        let signature = STANDARD.decode(signature).map_err(|_| wrong)?;
        let mut message = format!("{timestamp}\n{nonce}\n").into_bytes();
        message.extend_from_slice(body);
        message.push(b'\n');
        Ok(Self { serial, sent_at, message, signature, wrong })
    }

    fn distrust(&self, why: NotGenuine) -> Distrust {
        match why {
            NotGenuine::UnknownKey => Distrust::UnknownKey,
            NotGenuine::WrongSignature | NotGenuine::UntrustedCertificate(_) => self.wrong,
        }
    }

    fn in_time(&self, now: Timestamp, proof: Genuine) -> Result<Genuine, Distrust> {
        if now.as_second().abs_diff(self.sent_at) >= WINDOW_S { Err(Distrust::Stale) } else { Ok(proof) }
    }
}

/// A header that must be there. Visible ASCII only: a line feed inside would move the border between nonce and body.
fn wanted<'a>(headers: &'a [(String, String)], name: &str) -> Result<&'a str, Distrust> {
    let value = one(headers, name)?.ok_or(Distrust::Unsigned)?;
    let visible = !value.is_empty() && value.bytes().all(|byte| matches!(byte, 0x21..=0x7e));
    if visible { Ok(value) } else { Err(Distrust::Unsigned) }
}

/// A header that may be there, but not twice.
fn one<'a>(headers: &'a [(String, String)], name: &str) -> Result<Option<&'a str>, Distrust> {
    let mut found = headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
    let first = found.next();
    if found.next().is_some() { Err(Distrust::Unsigned) } else { Ok(first.map(|(_, value)| value.as_str())) }
}

fn seconds(text: &str) -> Option<i64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}
