//! The signed strings of the v2 gateway and of notices, and RSA2 (SHA-256 with RSA, PKCS#1 v1.5) under them.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::wire::Params;

/// The keys on the rail's side of one application.
pub(super) struct Keys {
    /// Verifies the application's requests (SubjectPublicKeyInfo DER).
    app_public: Vec<u8>,
    /// Signs answers, notices and returns.
    alipay: KeyPair,
}

impl Keys {
    /// `None` when the rail's private key (PKCS#8 DER) cannot be used.
    pub(super) fn new(app_public: Vec<u8>, alipay_private: &[u8]) -> Option<Self> {
        Some(Self { app_public, alipay: KeyPair::from_pkcs8(alipay_private).ok()? })
    }

    /// The rail's signature in standard base64 with padding: 344 characters for RSA-2048.
    pub(super) fn sign(&self, string: &[u8]) -> String {
        let mut signature = vec![0; self.alipay.public_modulus_len()];
        self.alipay
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), string, &mut signature)
            .expect("the buffer has the length of the modulus, which is all that can be wrong");
        STANDARD.encode(signature)
    }

    /// Whether the application signed `string`.
    pub(super) fn app_signed(&self, string: &[u8], sign: &str) -> bool {
        verified(&self.app_public, string, sign)
    }

    /// Whether the rail itself signed `string`, as a merchant would check it.
    #[cfg(test)]
    pub(super) fn rail_signed(&self, string: &[u8], sign: &str) -> bool {
        use aws_lc_rs::signature::KeyPair as _;
        verified(self.alipay.public_key().as_ref(), string, sign)
    }
}

fn verified(public: &[u8], string: &[u8], sign: &str) -> bool {
    let Ok(signature) = STANDARD.decode(sign) else { return false };
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public).verify(string, &signature).is_ok()
}

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
