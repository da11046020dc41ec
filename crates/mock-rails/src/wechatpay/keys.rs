//! The rail's keys, read from the public test material of the repository: what the rail signs, seals and verifies
//! with. Every key in there is made for tests and published with the repository.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::merchant::{Merchant, key_text};
use crate::vectors::der_of_pem;

/// A key of the test material that is none; the name says which.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not a usable key")]
pub struct UnusableKey(&'static str);

/// Which key signs an answer or a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyChoice {
    /// The platform certificate in use.
    Certificate,
    /// The platform certificate that follows it.
    NextCertificate,
    /// The key of public-key mode.
    PublicKey,
}

/// A key that signs, and the name it goes by in `Wechatpay-Serial`.
pub(crate) struct Signer {
    pub(crate) serial: &'static str,
    key: RsaKeyPair,
}

/// All keys, parsed once at start.
pub(crate) struct Keys {
    pub(crate) mchid: &'static str,
    pub(crate) appid: &'static str,
    pub(crate) merchant_serial: &'static str,
    merchant: UnparsedPublicKey<Vec<u8>>,
    certificate: Signer,
    next_certificate: Signer,
    public_key: Signer,
    /// Serial number and PEM of both certificates, the one in use first.
    pub(crate) certificates: [(&'static str, &'static str); 2],
    sealing: LessSafeKey,
}

/// An AES-256-GCM box as the rail writes it: nonce, and Base64 of ciphertext and tag.
pub(crate) struct Sealed {
    pub(crate) nonce: String,
    pub(crate) ciphertext: String,
}

impl Keys {
    /// The keys of the public test merchant.
    pub(crate) fn of_vectors() -> Result<Self, UnusableKey> {
        let merchant = Merchant::of_vectors();
        let sealing = UnboundKey::new(&AES_256_GCM, merchant.apiv3_key.as_bytes());
        let public = der_of_pem(key_text("/merchant/public_key_pem")).ok_or(UnusableKey("merchant"))?;
        let certificates = [merchant.platform_certificate, merchant.platform_certificate_next];
        let [current, next] = certificates.map(|(serial, _)| serial);
        Ok(Self {
            mchid: merchant.mchid,
            appid: merchant.appid,
            merchant_serial: merchant.serial_no,
            merchant: UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public),
            certificate: Signer::parse(current, key_text("/platform_certificate/private_key_pem"))?,
            next_certificate: Signer::parse(next, key_text("/platform_certificate_next/private_key_pem"))?,
            public_key: Signer::parse(
                merchant.public_key.0,
                key_text("/wechatpay_public_key/private_key_pem"),
            )?,
            certificates,
            sealing: LessSafeKey::new(sealing.map_err(|_| UnusableKey("apiv3_key"))?),
        })
    }

    pub(crate) fn signer(&self, choice: KeyChoice) -> &Signer {
        match choice {
            KeyChoice::Certificate => &self.certificate,
            KeyChoice::NextCertificate => &self.next_certificate,
            KeyChoice::PublicKey => &self.public_key,
        }
    }

    /// The key that a request's `Wechatpay-Serial` names; hex serials without regard to case, key ids exactly.
    pub(crate) fn named(&self, serial: &str) -> Option<KeyChoice> {
        if serial == self.public_key.serial {
            return Some(KeyChoice::PublicKey);
        }
        if serial.eq_ignore_ascii_case(self.certificate.serial) {
            return Some(KeyChoice::Certificate);
        }
        serial.eq_ignore_ascii_case(self.next_certificate.serial).then_some(KeyChoice::NextCertificate)
    }

    /// Whether `signature` (Base64) is the merchant's over `message`.
    pub(crate) fn merchant_signed(&self, message: &[u8], signature: &str) -> bool {
        BASE64.decode(signature).is_ok_and(|bytes| self.merchant.verify(message, &bytes).is_ok())
    }

    /// AES-256-GCM under the APIv3 key. `nonce` must not be used twice; the rail's are 12 characters.
    pub(crate) fn seal(&self, nonce: [u8; NONCE_LEN], associated_data: &str, plaintext: &[u8]) -> Sealed {
        let mut bytes = plaintext.to_vec();
        self.sealing
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(associated_data.as_bytes()),
                &mut bytes,
            )
            .expect("AES-GCM seals anything below 64 GiB, and our texts are bounded");
        Sealed {
            nonce: nonce.iter().map(|byte| char::from(*byte)).collect(),
            ciphertext: BASE64.encode(bytes),
        }
    }
}

impl Signer {
    pub(crate) fn parse(serial: &'static str, pem: &str) -> Result<Self, UnusableKey> {
        let der = der_of_pem(pem).ok_or(UnusableKey(serial))?;
        let key = RsaKeyPair::from_pkcs8(&der).map_err(|_| UnusableKey(serial))?;
        Ok(Self { serial, key })
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256, Base64: the same bytes for the same message, always.
    pub(crate) fn sign(&self, message: &[u8]) -> String {
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .expect("the buffer has the length of the modulus, the only thing that could be wrong");
        BASE64.encode(signature)
    }
}
