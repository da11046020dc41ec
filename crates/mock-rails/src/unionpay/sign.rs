//! Signatures of ACP 5.1.0 with signMethod 01, both ways.
//!
//! The text of all fields but `signature` is hashed, the hash is written as lowercase hex, and `SHA256withRSA` (PKCS#1
//! v1.5) signs those 64 characters: SHA-256 is applied twice.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::certificate::Certificate;
use super::wire::{Charset, Fields};
use crate::vectors;

/// How a message is sealed; all but the first only on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seal {
    Good,
    /// Signed over other bytes.
    Wrong,
    /// Without `signature`.
    Missing,
}

/// The gateway's signing key with its certificate.
pub(super) struct Signer {
    key: KeyPair,
    /// PEM with CRLF between lines and none at the end: hashed exactly so.
    certificate: String,
}

impl Signer {
    /// From PKCS#8 PEM and certificate PEM; `None` when the key cannot be used.
    pub(super) fn new(private_key_pem: &str, certificate_pem: &str) -> Option<Self> {
        let key = KeyPair::from_pkcs8(&vectors::der_of_pem(private_key_pem)?).ok()?;
        let lines: Vec<&str> =
            certificate_pem.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        Some(Self { key, certificate: lines.join("\r\n") })
    }

    /// Adds `signPubKeyCert` and `signature`.
    pub(super) fn seal(&self, mut fields: Fields, charset: Charset, seal: Seal) -> Fields {
        fields.put("signPubKeyCert", self.certificate.clone());
        let mut hashed = digest_hex(&fields, charset);
        match seal {
            Seal::Good => {}
            Seal::Wrong => hashed.push('!'),
            Seal::Missing => return fields,
        }
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), hashed.as_bytes(), &mut signature)
            .expect("the buffer has the length of the modulus, which is all that can be wrong");
        fields.put("signature", STANDARD.encode(signature));
        fields
    }
}

/// The hash that is signed.
pub(super) fn digest_hex(fields: &Fields, charset: Charset) -> String {
    hex::encode(digest(&SHA256, &charset.encode(&fields.sign_text())))
}

/// Whether the owner of `certificate` signed `fields`.
pub(super) fn signed_by(certificate: &Certificate, fields: &Fields, charset: Charset) -> bool {
    let Some(signature) = fields.value("signature").and_then(|text| STANDARD.decode(text).ok()) else {
        return false;
    };
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, certificate.public_key())
        .verify(digest_hex(fields, charset).as_bytes(), &signature)
        .is_ok()
}
