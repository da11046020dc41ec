//! Signatures of ACP, both ways, in the four forms that a message can name.
//!
//! | form | `version` | `signMethod` | what is signed |
//! |---|---|---|---|
//! | [`Dialect::Rsa`] | 5.1.0 | 01 | `SHA256withRSA` over the lowercase hex of SHA-256: it is applied twice |
//! | [`Dialect::Sha256Key`] | 5.1.0 | 11 | SHA-256 of the text, `&` and the hex of the hashed key |
//! | [`Dialect::Sm3Key`] | 5.1.0 | 12 | the same with SM3 |
//! | [`Dialect::LegacyRsa`] | 5.0.0 | 01 | `SHA1withRSA` over the lowercase hex of SHA-1; only where it is switched on |

use std::sync::Arc;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sm3::{Digest as _, Sm3};

use super::certificate::Certificate;
use super::legacy::LegacyKey;
use super::wire::{Charset, Fields};
use crate::parsed::parsed;
use crate::{rsa, vectors};

/// The form of a message: its version and how it is signed. An answer takes that of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Dialect {
    Rsa,
    Sha256Key,
    Sm3Key,
    LegacyRsa,
}

impl Dialect {
    /// `None` when ACP (or this mock) has no such pair.
    pub(super) fn of(version: &str, sign_method: &str) -> Option<Self> {
        match (version, sign_method) {
            ("5.1.0", "01") => Some(Self::Rsa),
            ("5.1.0", "11") => Some(Self::Sha256Key),
            ("5.1.0", "12") => Some(Self::Sm3Key),
            ("5.0.0", "01") => Some(Self::LegacyRsa),
            _ => None,
        }
    }

    pub(super) fn version(self) -> &'static str {
        match self {
            Self::Rsa | Self::Sha256Key | Self::Sm3Key => "5.1.0",
            Self::LegacyRsa => "5.0.0",
        }
    }

    pub(super) fn sign_method(self) -> &'static str {
        match self {
            Self::Rsa | Self::LegacyRsa => "01",
            Self::Sha256Key => "11",
            Self::Sm3Key => "12",
        }
    }
}

/// How a message is sealed; all but the first only on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seal {
    Good,
    /// Signed over other bytes.
    Wrong,
    /// Without `signature`.
    Missing,
}

/// A signing key of the gateway with its certificate.
pub(super) struct Signer {
    key: Arc<KeyPair>,
    legacy: LegacyKey,
    cert_id: String,
    /// PEM with CRLF between lines and none at the end: hashed exactly so.
    certificate: String,
}

impl Signer {
    /// From PKCS#8 PEM and certificate PEM; `None` when one of them cannot be used.
    pub(super) fn new(private_key_pem: &str, certificate_pem: &str) -> Option<Self> {
        let der = vectors::der_of_pem(private_key_pem)?;
        Some(Self {
            key: parsed(&der, |der| KeyPair::from_pkcs8(der).ok())?,
            legacy: LegacyKey::from_pkcs8(&der)?,
            cert_id: Certificate::parse(certificate_pem)?.serial().to_owned(),
            certificate: crlf_pem(certificate_pem),
        })
    }

    /// Serial number in decimal.
    pub(super) fn cert_id(&self) -> &str {
        &self.cert_id
    }

    /// Adds `signPubKeyCert` (5.1.0) or `certId` (5.0.0), and `signature`.
    pub(super) fn seal(&self, mut fields: Fields, legacy: bool, charset: Charset, seal: Seal) -> Fields {
        if legacy {
            fields.put("certId", self.cert_id.clone());
        } else {
            fields.put("signPubKeyCert", self.certificate.clone());
        }
        let mut hashed = if legacy { sha1_hex(&fields, charset) } else { digest_hex(&fields, charset) };
        match seal {
            Seal::Good => {}
            Seal::Wrong => hashed.push('!'),
            Seal::Missing => return fields,
        }
        let message = hashed.as_bytes();
        let signature = if legacy { self.legacy.sign(message) } else { rsa::sign(&self.key, message) };
        fields.put("signature", STANDARD.encode(signature));
        fields
    }

    /// The signature over a digest's hex, base64.
    #[cfg(test)]
    pub(super) fn sign_text(&self, hashed: &str) -> String {
        STANDARD.encode(rsa::sign(&self.key, hashed.as_bytes()))
    }

    /// What the payer's phone hands to the merchant's app: a hint that is signed with SHA-1 to this day.
    pub(super) fn phone_result(&self, tn: &str) -> String {
        let data = format!("pay_result=success&tn={tn}&cert_id={}", self.cert_id);
        let hashed = hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, data.as_bytes()));
        let sign = STANDARD.encode(self.legacy.sign(hashed.as_bytes()));
        serde_json::json!({ "sign": sign, "data": data }).to_string()
    }
}

/// The PEM text of a certificate as messages carry it: CRLF between lines and none at the end.
pub(super) fn crlf_pem(pem: &str) -> String {
    let lines: Vec<&str> = pem.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join("\r\n")
}

/// The hash that [`Dialect::Rsa`] signs.
pub(super) fn digest_hex(fields: &Fields, charset: Charset) -> String {
    hex::encode(digest(&SHA256, &charset.encode(&fields.sign_text())))
}

/// The hash that [`Dialect::LegacyRsa`] signs.
pub(super) fn sha1_hex(fields: &Fields, charset: Charset) -> String {
    hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &charset.encode(&fields.sign_text())))
}

/// The signature of [`Dialect::Sha256Key`] and [`Dialect::Sm3Key`]: a hash over the text and the hashed key.
pub(super) fn keyed_hex(fields: &Fields, charset: Charset, key: &str, sm3: bool) -> String {
    let hash = |bytes: &[u8]| {
        if sm3 { hex::encode(Sm3::digest(bytes)) } else { hex::encode(digest(&SHA256, bytes)) }
    };
    let mut text = charset.encode(&fields.sign_text());
    text.push(b'&');
    text.extend_from_slice(hash(key.as_bytes()).as_bytes());
    hash(&text)
}

/// Whether the owner of `certificate` signed `fields` by [`Dialect::Rsa`].
pub(super) fn signed_by(certificate: &Certificate, fields: &Fields, charset: Charset) -> bool {
    let hashed = digest_hex(fields, charset);
    signature_of(fields)
        .is_some_and(|sign| rsa::is_signed(certificate.public_key(), hashed.as_bytes(), &sign))
}

/// Whether the owner of `certificate` signed `fields` by [`Dialect::LegacyRsa`].
pub(super) fn signed_by_legacy(certificate: &Certificate, fields: &Fields, charset: Charset) -> bool {
    let hashed = sha1_hex(fields, charset);
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, certificate.public_key());
    signature_of(fields).is_some_and(|sign| key.verify(hashed.as_bytes(), &sign).is_ok())
}

fn signature_of(fields: &Fields) -> Option<Vec<u8>> {
    STANDARD.decode(fields.value("signature")?).ok()
}
