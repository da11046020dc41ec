//! The two signed messages of API v3: what a merchant signs in a request, and what the rail signs in an answer or a
//! notification.

use jiff::Timestamp;

use super::keyring::Keyring;
use super::keys::Signer;

/// The only scheme of this mock; the national-crypto variant is out of scope.
pub(crate) const SCHEME: &str = "WECHATPAY2-SHA256-RSA2048";

/// How far a request's timestamp may be from the rail's clock, both directions, the limit itself included.
pub(crate) const CLOCK_SKEW_SECONDS_MAX: i64 = 300;

/// What the rail's signature probes start with, in place of the true first characters.
pub(crate) const PROBE_PREFIX: &str = "WECHATPAY/SIGNTEST/";

/// Why a request is not the merchant's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AuthFault {
    /// No `Authorization`, another scheme, or not the five pairs.
    Malformed,
    /// Signed too long ago, or in the future.
    Timestamp,
    /// No merchant has an API certificate of this serial number.
    Serial,
    /// The signature is not over this message by that key.
    Signature,
}

/// The pairs of an `Authorization` header, by name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Authorization<'a> {
    pub(crate) mchid: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) timestamp: &'a str,
    pub(crate) serial: &'a str,
    pub(crate) signature: &'a str,
}

/// A request as far as its signature goes.
pub(crate) struct Signed<'a> {
    pub(crate) method: &'a str,
    /// Path and query exactly as they came on the wire.
    pub(crate) target: &'a str,
    pub(crate) body: &'a [u8],
}

impl<'a> Authorization<'a> {
    /// Reads the header. The pairs come in any order (each SDK has its own), each once.
    pub(crate) fn parse(header: &'a str) -> Option<Self> {
        let pairs = header.strip_prefix(SCHEME)?.strip_prefix(' ')?;
        let (mut mchid, mut nonce, mut timestamp, mut serial, mut signature) = (None, None, None, None, None);
        for pair in pairs.split(',') {
            let (name, quoted) = pair.split_once('=')?;
            let value = quoted.strip_prefix('"')?.strip_suffix('"')?;
            let slot = match name {
                "mchid" => &mut mchid,
                "nonce_str" => &mut nonce,
                "timestamp" => &mut timestamp,
                "serial_no" => &mut serial,
                "signature" => &mut signature,
                _ => return None,
            };
            if value.is_empty() || value.contains('"') || slot.replace(value).is_some() {
                return None;
            }
        }
        Some(Self {
            mchid: mchid?,
            nonce: nonce?,
            timestamp: timestamp?,
            serial: serial?,
            signature: signature?,
        })
    }

    /// Unix seconds, plain digits.
    fn seconds(&self) -> Option<i64> {
        let digits = self.timestamp.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| self.timestamp.parse().ok()).flatten()
    }
}

/// Checks a request in the rail's own order: form, clock, serial, signature.
pub(crate) fn check<'h>(
    keyring: &Keyring,
    header: Option<&'h str>,
    request: &Signed<'_>,
    now: Timestamp,
) -> Result<Authorization<'h>, AuthFault> {
    let authorization = header.and_then(Authorization::parse).ok_or(AuthFault::Malformed)?;
    let signed_at = authorization.seconds().ok_or(AuthFault::Malformed)?;
    if signed_at.abs_diff(now.as_second()) > CLOCK_SKEW_SECONDS_MAX.unsigned_abs() {
        return Err(AuthFault::Timestamp);
    }
    let ours = authorization.mchid == keyring.keys.account.mchid;
    let certificate = keyring.merchant_certificate(authorization.serial).filter(|_| ours);
    let certificate = certificate.ok_or(AuthFault::Serial)?;
    let message = request_message(request, authorization.timestamp, authorization.nonce);
    if !keyring.keys.merchant_signed(certificate, &message, authorization.signature) {
        return Err(AuthFault::Signature);
    }
    Ok(authorization)
}

/// Five parts, each ended by a line feed, also the last.
pub(crate) fn request_message(request: &Signed<'_>, timestamp: &str, nonce: &str) -> Vec<u8> {
    let head = format!("{}\n{}\n{timestamp}\n{nonce}\n", request.method, request.target);
    [head.as_bytes(), request.body, b"\n"].concat()
}

/// Timestamp, nonce and raw body, each ended by a line feed: for answers and notifications alike.
pub(crate) fn rail_message(timestamp: i64, nonce: &str, body: &[u8]) -> Vec<u8> {
    [format!("{timestamp}\n{nonce}\n").as_bytes(), body, b"\n"].concat()
}

/// Whether the rail signs truly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Honesty {
    /// A good signature.
    True,
    /// A signature probe: must be refused like any wrong signature.
    Probe,
    /// One that no decoder of Base64 takes.
    BrokenProbe,
}

/// The five `Wechatpay-*` headers over `body`.
pub(crate) fn rail_headers(
    signer: &Signer,
    now: Timestamp,
    nonce: &str,
    body: &[u8],
    honesty: Honesty,
) -> Vec<(&'static str, String)> {
    let seconds = now.as_second();
    let signature = signer.sign(&rail_message(seconds, nonce, body));
    let signature = match honesty {
        Honesty::True => signature,
        Honesty::Probe => probe(&signature),
        Honesty::BrokenProbe => broken_probe(&signature),
    };
    vec![
        ("Wechatpay-Nonce", nonce.to_owned()),
        ("Wechatpay-Signature", signature),
        ("Wechatpay-Timestamp", seconds.to_string()),
        ("Wechatpay-Serial", signer.serial.clone()),
        ("Wechatpay-Signature-Type", SCHEME.to_owned()),
    ]
}

/// The probe keeps the length and stays decodable Base64.
fn probe(signature: &str) -> String {
    let kept = signature.get(PROBE_PREFIX.len()..).unwrap_or_default();
    format!("{PROBE_PREFIX}{kept}")
}

/// One character more than whole groups of four: the form that makes decoders throw.
fn broken_probe(signature: &str) -> String {
    let kept = signature.trim_end_matches('=').get(PROBE_PREFIX.len()..).unwrap_or_default();
    let whole = PROBE_PREFIX.len() + kept.len();
    let surplus = (whole + 3) % 4;
    format!("{PROBE_PREFIX}{}", kept.get(..kept.len().saturating_sub(surplus)).unwrap_or_default())
}
