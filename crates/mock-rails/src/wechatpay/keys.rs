//! The rail's keys, read from its files: what the rail signs, seals and verifies with.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::files::Account;
use crate::Files;
use crate::vectors::der_of_pem;

/// A file that the rail needs is missing or no key; the text names it.
#[derive(Debug, thiserror::Error)]
#[error("wechatpay/{0} is missing or cannot be used")]
pub struct UnusableKey(pub(super) String);

/// Which key signs an answer or a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KeyChoice {
    /// The platform certificate in use.
    Certificate,
    /// The platform certificate that follows it.
    NextCertificate,
    /// The key of public-key mode.
    PublicKey,
}

/// How far the merchant's own certificate has been changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) enum MerchantStage {
    /// Only the first is accepted.
    #[default]
    First,
    /// Both are.
    Both,
    /// Only the next is.
    Next,
}

/// A key that signs, and the name it goes by in `Wechatpay-Serial`.
pub(crate) struct Signer {
    pub(crate) serial: String,
    key: RsaKeyPair,
    opener: OaepPrivateDecryptingKey,
}

/// The merchant's certificate, as the rail knows it.
struct MerchantKey {
    serial: String,
    public: UnparsedPublicKey<Vec<u8>>,
}

/// All keys, parsed once at start.
pub(crate) struct Keys {
    pub(crate) account: Account,
    merchant: MerchantKey,
    merchant_next: Option<MerchantKey>,
    certificate: Signer,
    next_certificate: Signer,
    public_key: Signer,
    /// Serial number and PEM of both certificates, the one in use first.
    pub(crate) certificates: [(String, String); 2],
    sealing: LessSafeKey,
}

/// An AES-256-GCM box as the rail writes it: nonce, and Base64 of ciphertext and tag.
pub(crate) struct Sealed {
    pub(crate) nonce: String,
    pub(crate) ciphertext: String,
}

impl Keys {
    /// Reads the files.
    ///
    /// # Errors
    /// Names the file that is missing or wrong.
    pub(crate) fn read(files: &Files) -> Result<Self, UnusableKey> {
        let account = Account::read(files)?;
        let apiv3 = text(files, "apiv3_key.txt")?.trim();
        let sealing = UnboundKey::new(&AES_256_GCM, apiv3.as_bytes());
        let sealing = sealing.map_err(|_| UnusableKey("apiv3_key.txt".to_owned()))?;
        let merchant = |serial: &str, name: &str| -> Result<MerchantKey, UnusableKey> {
            let der = der_of_pem(text(files, name)?).ok_or_else(|| UnusableKey(name.to_owned()))?;
            let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der);
            Ok(MerchantKey { serial: serial.to_owned(), public })
        };
        let next = account.merchant_serial_next.as_deref();
        let signer = |serial: &str, name: &str| Signer::parse(serial, text(files, name)?);
        Ok(Self {
            merchant: merchant(&account.merchant_serial, "merchant_public_key.pem")?,
            merchant_next: next.map(|serial| merchant(serial, "merchant_next_public_key.pem")).transpose()?,
            certificate: signer(&account.platform_serial, "platform_private_key.pem")?,
            next_certificate: signer(&account.platform_serial_next, "platform_next_private_key.pem")?,
            public_key: signer(&account.public_key_id, "wechatpay_private_key.pem")?,
            certificates: [
                (account.platform_serial.clone(), text(files, "platform_certificate.pem")?.to_owned()),
                (
                    account.platform_serial_next.clone(),
                    text(files, "platform_next_certificate.pem")?.to_owned(),
                ),
            ],
            sealing: LessSafeKey::new(sealing),
            account,
        })
    }

    /// Whether there is a merchant certificate to change to.
    pub(crate) fn has_next_merchant(&self) -> bool {
        self.merchant_next.is_some()
    }

    /// The merchant's key of this serial number, if it is accepted at this stage.
    fn merchant_of(&self, serial: &str, stage: MerchantStage) -> Option<&MerchantKey> {
        let (first, next) = (Some(&self.merchant), self.merchant_next.as_ref());
        let accepted = match stage {
            MerchantStage::First => [first, None],
            MerchantStage::Both => [first, next],
            MerchantStage::Next => [next, None],
        };
        accepted.into_iter().flatten().find(|key| key.serial.eq_ignore_ascii_case(serial))
    }

    /// Whether the merchant has a certificate of this serial number at this stage.
    pub(crate) fn knows_merchant(&self, serial: &str, stage: MerchantStage) -> bool {
        self.merchant_of(serial, stage).is_some()
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

    /// Whether `signature` (Base64) is the merchant's over `message`, by the certificate of this serial number.
    pub(crate) fn merchant_signed(
        &self,
        serial: &str,
        stage: MerchantStage,
        message: &[u8],
        signature: &str,
    ) -> bool {
        let Some(key) = self.merchant_of(serial, stage) else { return false };
        BASE64.decode(signature).is_ok_and(|bytes| key.public.verify(message, &bytes).is_ok())
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

fn text<'a>(files: &'a Files, name: &str) -> Result<&'a str, UnusableKey> {
    files.get(name).map(String::as_str).ok_or_else(|| UnusableKey(name.to_owned()))
}

impl Signer {
    pub(crate) fn parse(serial: &str, pem: &str) -> Result<Self, UnusableKey> {
        let unusable = || UnusableKey(format!("the private key of {serial}"));
        let der = der_of_pem(pem).ok_or_else(unusable)?;
        let key = RsaKeyPair::from_pkcs8(&der).map_err(|_| unusable())?;
        let opener = PrivateDecryptingKey::from_pkcs8(&der).map_err(|_| unusable())?;
        let opener = OaepPrivateDecryptingKey::new(opener);
        Ok(Self { serial: serial.to_owned(), key, opener: opener.map_err(|_| unusable())? })
    }

    /// A sensitive field: Base64 of RSAES-OAEP with SHA-1. `None` when it is not for this key.
    pub(crate) fn open(&self, sealed: &str) -> Option<Vec<u8>> {
        let sealed = BASE64.decode(sealed).ok()?;
        let mut plain = vec![0; self.opener.min_output_size()];
        let opened = self.opener.decrypt(&OAEP_SHA1_MGF1SHA1, &sealed, &mut plain, None).ok()?;
        Some(opened.to_vec())
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
