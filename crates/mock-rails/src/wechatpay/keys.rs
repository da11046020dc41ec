//! The rail's keys, read from its files: what it signs, seals, opens and verifies with.

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use aws_lc_rs::signature::RsaKeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::certificate::Certificate;
use super::files::{self, APIV3_KEY, Account, PUBLIC_KEY_PRIVATE};
use crate::Files;
use crate::parsed::parsed;
use crate::rsa;
use crate::vectors::der_of_pem;

/// A file of this rail that is missing or holds no usable key; the text names it.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not usable")]
pub struct UnusableKey(pub(crate) String);

/// Which of the rail's keys is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyChoice {
    /// The first platform certificate.
    Certificate,
    /// The platform certificate that follows it.
    NextCertificate,
    /// The key of public-key mode.
    PublicKey,
}

/// A key that signs, and the name it goes by in `Wechatpay-Serial`.
pub(crate) struct Signer {
    pub(crate) serial: String,
    key: Arc<RsaKeyPair>,
}

/// The private key behind a platform certificate or the public key.
struct PlatformKey {
    signer: Signer,
    opener: OaepPrivateDecryptingKey,
}

/// A listed certificate.
pub(crate) struct Listed {
    pub(crate) serial: String,
    pub(crate) pem: String,
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
}

/// A merchant API certificate, as far as the rail needs it.
struct MerchantKey {
    serial: String,
    /// SubjectPublicKeyInfo, DER.
    public: Vec<u8>,
}

/// Which of the merchant's certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MerchantChoice {
    Present,
    Next,
}

/// All keys, parsed once at start.
pub(crate) struct Keys {
    pub(crate) account: Account,
    merchant: MerchantKey,
    merchant_next: Option<MerchantKey>,
    certificate: PlatformKey,
    next_certificate: PlatformKey,
    public_key: PlatformKey,
    /// Both platform certificates, the first one first.
    pub(crate) certificates: [Listed; 2],
    sealing: LessSafeKey,
}

/// An AES-256-GCM box as the rail writes it: nonce, and Base64 of ciphertext and tag.
pub(crate) struct Sealed {
    pub(crate) nonce: String,
    pub(crate) ciphertext: String,
}

impl Keys {
    /// The keys of these files; see [`files`].
    pub(crate) fn parse(files: &Files) -> Result<Self, UnusableKey> {
        let account = Account::read(files)?;
        let sealing = UnboundKey::new(&AES_256_GCM, file(files, APIV3_KEY)?.trim().as_bytes());
        let (certificate, first) = platform(files, "platform")?;
        let (next_certificate, second) = platform(files, "platform_next")?;
        let public_key = PlatformKey::parse(files, PUBLIC_KEY_PRIVATE, account.public_key_id.clone())?;
        let has_next = files.contains_key(&files::certificate("merchant_next"));
        Ok(Self {
            account,
            merchant: MerchantKey::parse(files, "merchant")?,
            merchant_next: has_next.then(|| MerchantKey::parse(files, "merchant_next")).transpose()?,
            certificate,
            next_certificate,
            public_key,
            certificates: [first, second],
            sealing: LessSafeKey::new(sealing.map_err(|_| UnusableKey(APIV3_KEY.to_owned()))?),
        })
    }

    /// A key that signs.
    pub(crate) fn signer(&self, choice: KeyChoice) -> &Signer {
        &self.platform(choice).signer
    }

    fn platform(&self, choice: KeyChoice) -> &PlatformKey {
        match choice {
            KeyChoice::Certificate => &self.certificate,
            KeyChoice::NextCertificate => &self.next_certificate,
            KeyChoice::PublicKey => &self.public_key,
        }
    }

    /// The key of this name, as it stands in `Wechatpay-Serial`: hex serials without regard to case, key ids exactly.
    pub(crate) fn named(&self, serial: &str) -> Option<KeyChoice> {
        if serial == self.public_key.signer.serial {
            return Some(KeyChoice::PublicKey);
        }
        [KeyChoice::Certificate, KeyChoice::NextCertificate]
            .into_iter()
            .find(|choice| serial.eq_ignore_ascii_case(&self.signer(*choice).serial))
    }

    /// The merchant certificate of this serial number, without regard to case.
    pub(crate) fn merchant_named(&self, serial: &str) -> Option<MerchantChoice> {
        let is = |key: &MerchantKey| key.serial.eq_ignore_ascii_case(serial);
        if is(&self.merchant) {
            return Some(MerchantChoice::Present);
        }
        self.merchant_next.as_ref().filter(|key| is(key)).map(|_| MerchantChoice::Next)
    }

    /// The serial number of a merchant certificate; `None` when there is no such.
    pub(crate) fn merchant_serial(&self, choice: MerchantChoice) -> Option<&str> {
        self.merchant_key(choice).map(|key| key.serial.as_str())
    }

    fn merchant_key(&self, choice: MerchantChoice) -> Option<&MerchantKey> {
        match choice {
            MerchantChoice::Present => Some(&self.merchant),
            MerchantChoice::Next => self.merchant_next.as_ref(),
        }
    }

    /// Whether `signature` (Base64) is the merchant's over `message`, under that certificate.
    pub(crate) fn merchant_signed(&self, by: MerchantChoice, message: &[u8], signature: &str) -> bool {
        let Some(key) = self.merchant_key(by) else { return false };
        BASE64.decode(signature).is_ok_and(|bytes| rsa::is_signed(&key.public, message, &bytes))
    }

    /// A sensitive field in the clear: Base64 of RSAES-OAEP with SHA-1. `None` when it was not encrypted for that key,
    /// or is no text.
    pub(crate) fn open(&self, choice: KeyChoice, ciphertext: &str) -> Option<String> {
        self.platform(choice).open(&BASE64.decode(ciphertext).ok()?)
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

fn file<'a>(files: &'a Files, name: &str) -> Result<&'a str, UnusableKey> {
    files.get(name).map(String::as_str).ok_or_else(|| UnusableKey(name.to_owned()))
}

fn platform(files: &Files, name: &str) -> Result<(PlatformKey, Listed), UnusableKey> {
    let pem_name = files::certificate(name);
    let pem = file(files, &pem_name)?.to_owned();
    let Some(read) = Certificate::parse(&pem) else { return Err(UnusableKey(pem_name)) };
    let key = PlatformKey::parse(files, &files::private_key(name), read.serial.clone())?;
    Ok((key, Listed { serial: read.serial, pem, from: read.from, until: read.until }))
}

impl PlatformKey {
    fn parse(files: &Files, name: &str, serial: String) -> Result<Self, UnusableKey> {
        let pem = file(files, name)?;
        let unusable = || UnusableKey(name.to_owned());
        let signer = Signer::parse(&serial, pem).map_err(|_| unusable())?;
        let opener = der_of_pem(pem)
            .and_then(|der| parsed(&der, |der| PrivateDecryptingKey::from_pkcs8(der).ok()))
            .and_then(|key| OaepPrivateDecryptingKey::new((*key).clone()).ok());
        Ok(Self { signer, opener: opener.ok_or_else(unusable)? })
    }

    fn open(&self, ciphertext: &[u8]) -> Option<String> {
        let mut bytes = vec![0; self.opener.min_output_size()];
        let opened = self.opener.decrypt(&OAEP_SHA1_MGF1SHA1, ciphertext, &mut bytes, None).ok()?;
        String::from_utf8(opened.to_vec()).ok()
    }
}

impl MerchantKey {
    fn parse(files: &Files, name: &str) -> Result<Self, UnusableKey> {
        let name = files::certificate(name);
        let Some(read) = Certificate::parse(file(files, &name)?) else { return Err(UnusableKey(name)) };
        Ok(Self { serial: read.serial, public: read.public_key })
    }
}

impl Signer {
    pub(crate) fn parse(serial: &str, pem: &str) -> Result<Self, UnusableKey> {
        let unusable = || UnusableKey(format!("the private key of {serial}"));
        let der = der_of_pem(pem).ok_or_else(unusable)?;
        let key = parsed(&der, |der| RsaKeyPair::from_pkcs8(der).ok()).ok_or_else(unusable)?;
        Ok(Self { serial: serial.to_owned(), key })
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256, Base64: the same bytes for the same message, always.
    pub(crate) fn sign(&self, message: &[u8]) -> String {
        BASE64.encode(rsa::sign(&self.key, message))
    }
}
