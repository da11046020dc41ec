//! Serial numbers of certificates, as certificate mode names them.
//!
//! A serial number ("SN") is the MD5 of the issuer's name and the certificate's number. It is a name and nothing else:
//! whom a certificate belongs to is decided by its chain and its signature, never by an MD5 (S11).

use md5::{Digest, Md5};
use paifang_rail::{Keyring, PlanError};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::X509Name;

use crate::descriptor;

/// Signature algorithms of RSA; roots that are signed otherwise (ECDSA, SM2) do not count.
const RSA_ALGORITHMS: &str = "1.2.840.113549.1.1.";

/// The attributes that have a name of their own in RFC 2253.
const SHORT_NAMES: &[(&str, &str)] = &[
    ("2.5.4.3", "CN"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
];

/// The account's own serial numbers, which go with every request.
pub(crate) struct Own {
    /// `app_cert_sn`.
    pub app: String,
    /// `alipay_root_cert_sn`: those of all roots that count, joined by `_`.
    pub root: String,
}

/// How messages of certificate mode name a certificate (DER): 32 lower-case hex digits. `None` where it is unreadable or its
/// issuer has attributes that no source says how to write.
///
/// The key ring of an account in certificate mode is built with this function as its naming.
pub fn certificate_serial(der: &[u8]) -> Option<String> {
    let (rest, certificate) = X509Certificate::from_der(der).ok()?;
    if !rest.is_empty() {
        return None;
    }
    Some(serial_of(&name(certificate.issuer())?, &certificate.serial.to_string()))
}

/// MD5 of a name and a decimal number, all of its 32 digits.
pub(crate) fn serial_of(issuer: &str, number: &str) -> String {
    let mut hash = Md5::new();
    hash.update(issuer);
    hash.update(number);
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The serial numbers of the configured certificates.
pub(crate) fn own(keys: &Keyring) -> Result<Own, PlanError> {
    let app = keys.signer_certificate_der().and_then(certificate_serial);
    let app = app.ok_or(PlanError::MissingKey(descriptor::APP_CERTIFICATE))?;
    let roots: Vec<String> =
        keys.root_ders().filter(|der| counts(der)).filter_map(certificate_serial).collect();
    if roots.is_empty() {
        return Err(PlanError::MissingKey(descriptor::ROOT_CERTIFICATES));
    }
    Ok(Own { app, root: roots.join("_") })
}

fn counts(der: &[u8]) -> bool {
    X509Certificate::from_der(der)
        .is_ok_and(|(_, root)| root.signature_algorithm.algorithm.to_id_string().starts_with(RSA_ALGORITHMS))
}

/// A name by RFC 2253: its parts from the last to the first, `CN=...,OU=...,O=...,C=...`.
fn name(name: &X509Name<'_>) -> Option<String> {
    let mut parts = Vec::new();
    for part in name.iter_rdn() {
        let mut values = Vec::new();
        for attribute in part.iter() {
            let id = attribute.attr_type().to_id_string();
            let (_, short) = SHORT_NAMES.iter().find(|(known, _)| *known == id)?;
            values.push(format!("{short}={}", escaped(attribute.as_str().ok()?)));
        }
        parts.push(values.join("+"));
    }
    parts.reverse();
    Some(parts.join(","))
}

/// RFC 2253's escapes.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (at, char) in value.chars().enumerate() {
        let edge_blank = char == ' ' && (at == 0 || at == last);
        if ",+\"\\<>;".contains(char) || edge_blank || (char == '#' && at == 0) {
            text.push('\\');
        }
        text.push(char);
    }
    text
}
