//! The rail's keys, read from the public test material of the repository: what the rail signs, seals and verifies
//! with. Every key in there is made for tests and published with the repository.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::Value;

use crate::vectors::{self, der_of_pem};

/// Why the key material cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MaterialError {
    /// The file is not the JSON it should be.
    #[error("the key material is not readable")]
    Json(#[from] serde_json::Error),
    /// A key of the file is not one; the name says which.
    #[error("{0} is not a usable key")]
    Key(&'static str),
}

/// The `keys` part of the test material.
#[derive(Clone, Deserialize)]
pub struct Material {
    /// The APIv3 key: 32 ASCII bytes, used raw as the AES-256 key.
    pub apiv3_key: String,
    /// The merchant.
    pub merchant: MerchantMaterial,
    /// The platform certificate in use.
    pub platform_certificate: CertificateMaterial,
    /// The one that follows it while the rail rotates.
    pub platform_certificate_next: CertificateMaterial,
    /// The key pair of public-key mode.
    pub wechatpay_public_key: PublicKeyMaterial,
}

/// The merchant's side: this is what a client is configured with.
#[derive(Clone, Deserialize)]
pub struct MerchantMaterial {
    /// Merchant number.
    pub mchid: String,
    /// App id bound to the merchant number.
    pub appid: String,
    /// Serial number of the merchant's API certificate, upper-case hex.
    pub serial_no: String,
    /// PKCS#8 PEM of the key that signs requests.
    pub private_key_pem: String,
    /// The public half, as the rail has it from the certificate.
    pub public_key_pem: String,
    /// The API certificate.
    pub certificate_pem: String,
}

/// One platform certificate with its key.
#[derive(Clone, Deserialize)]
pub struct CertificateMaterial {
    /// Serial number, 40 upper-case hex digits.
    pub serial_no: String,
    /// PKCS#8 PEM; only the rail has it.
    pub private_key_pem: String,
    /// The certificate that `GET /v3/certificates` hands out.
    pub certificate_pem: String,
}

/// The key pair of public-key mode.
#[derive(Clone, Deserialize)]
pub struct PublicKeyMaterial {
    /// `PUB_KEY_ID_` and 34 digits.
    pub id: String,
    /// PKCS#8 PEM; only the rail has it.
    pub private_key_pem: String,
    /// What the merchant copies from the merchant platform.
    pub public_key_pem: String,
}

impl Material {
    /// The public test material of the repository.
    ///
    /// # Errors
    /// When the vector file lacks a key; a test of this crate rules that out.
    pub fn of_vectors() -> Result<Self, MaterialError> {
        let keys = vectors::wechatpay().get("keys").cloned().unwrap_or(Value::Null);
        Ok(serde_json::from_value(keys)?)
    }
}

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
    pub(crate) serial: String,
    key: RsaKeyPair,
}

/// All keys, parsed once at start.
pub(crate) struct Keys {
    pub(crate) mchid: String,
    pub(crate) appid: String,
    pub(crate) merchant_serial: String,
    merchant: UnparsedPublicKey<Vec<u8>>,
    certificate: Signer,
    next_certificate: Signer,
    public_key: Signer,
    certificate_pems: [String; 2],
    sealing: LessSafeKey,
}

/// An AES-256-GCM box as the rail writes it: nonce, and Base64 of ciphertext and tag.
pub(crate) struct Sealed {
    pub(crate) nonce: String,
    pub(crate) ciphertext: String,
}

impl Keys {
    pub(crate) fn parse(material: &Material) -> Result<Self, MaterialError> {
        let sealing = UnboundKey::new(&AES_256_GCM, material.apiv3_key.as_bytes())
            .map_err(|_| MaterialError::Key("apiv3_key"))?;
        let merchant = der_of_pem(&material.merchant.public_key_pem).ok_or(MaterialError::Key("merchant"))?;
        let current = &material.platform_certificate;
        let next = &material.platform_certificate_next;
        let public = &material.wechatpay_public_key;
        Ok(Self {
            mchid: material.merchant.mchid.clone(),
            appid: material.merchant.appid.clone(),
            merchant_serial: material.merchant.serial_no.clone(),
            merchant: UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, merchant),
            certificate: Signer::parse("platform_certificate", &current.serial_no, &current.private_key_pem)?,
            next_certificate: Signer::parse(
                "platform_certificate_next",
                &next.serial_no,
                &next.private_key_pem,
            )?,
            public_key: Signer::parse("wechatpay_public_key", &public.id, &public.private_key_pem)?,
            certificate_pems: [current.certificate_pem.clone(), next.certificate_pem.clone()],
            sealing: LessSafeKey::new(sealing),
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
        if serial.eq_ignore_ascii_case(&self.certificate.serial) {
            return Some(KeyChoice::Certificate);
        }
        serial.eq_ignore_ascii_case(&self.next_certificate.serial).then_some(KeyChoice::NextCertificate)
    }

    /// Serial number and PEM of both certificates, the one in use first.
    pub(crate) fn certificates(&self) -> [(&str, &str); 2] {
        let [current, next] = &self.certificate_pems;
        [(&self.certificate.serial, current), (&self.next_certificate.serial, next)]
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
    pub(crate) fn parse(name: &'static str, serial: &str, pem: &str) -> Result<Self, MaterialError> {
        let der = der_of_pem(pem).ok_or(MaterialError::Key(name))?;
        let key = RsaKeyPair::from_pkcs8(&der).map_err(|_| MaterialError::Key(name))?;
        Ok(Self { serial: serial.to_owned(), key })
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
