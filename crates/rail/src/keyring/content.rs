//! Whole-message encryption by AES-CBC with a zero IV and PKCS#7 padding, as Alipay's "content encryption" prescribes. It
//! hides; it authenticates nothing. What it wraps is believed only after its RSA signature was verified.

use aes::Aes128;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockDecryptMut, BlockEncryptMut, KeyIvInit};
use zeroize::Zeroizing;

use super::KeyError;
use crate::Secret;

/// Key bytes: AES-128, the size that consoles hand out.
const KEY_BYTES: usize = 16;
const IV: [u8; 16] = [0; 16];

pub(super) struct ContentKey(Zeroizing<[u8; KEY_BYTES]>);

impl ContentKey {
    /// Base64 of 16 bytes.
    pub(super) fn parse(text: &Secret) -> Result<Self, KeyError> {
        let unusable = || KeyError::Unusable { name: "content key", rule: "must be base64 of 16 bytes" };
        let text = std::str::from_utf8(text.expose()).map_err(|_| unusable())?;
        let bytes = Zeroizing::new(STANDARD.decode(text.trim()).map_err(|_| unusable())?);
        let key = <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).map_err(|_| unusable())?;
        Ok(Self(Zeroizing::new(key)))
    }

    pub(super) fn seal(&self, plain: &[u8]) -> Vec<u8> {
        let cipher = cbc::Encryptor::<Aes128>::new((&*self.0).into(), &IV.into());
        cipher.encrypt_padded_vec_mut::<Pkcs7>(plain)
    }

    pub(super) fn open(&self, sealed: &[u8]) -> Result<Vec<u8>, KeyError> {
        let cipher = cbc::Decryptor::<Aes128>::new((&*self.0).into(), &IV.into());
        cipher.decrypt_padded_vec_mut::<Pkcs7>(sealed).map_err(|_| KeyError::Undecryptable)
    }
}
