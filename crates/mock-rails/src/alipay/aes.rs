//! Content encryption: AES-128-CBC, PKCS#7 padding, an IV of sixteen zero bytes, everything in base64.

use aws_lc_rs::cipher::{
    AES_128, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey, PaddedBlockEncryptingKey,
    UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A merchant's content key.
#[derive(Clone)]
pub(super) struct AesKey([u8; 16]);

impl AesKey {
    /// Sixteen bytes in base64.
    pub(super) fn parse(base64: &str) -> Option<Self> {
        STANDARD.decode(base64.trim()).ok()?.try_into().ok().map(Self)
    }

    /// `None` only when the library refuses, which nothing but broken memory explains.
    pub(super) fn encrypt(&self, plain: &str) -> Option<String> {
        let key = PaddedBlockEncryptingKey::cbc_pkcs7(UnboundCipherKey::new(&AES_128, &self.0).ok()?).ok()?;
        let mut bytes = plain.as_bytes().to_vec();
        let zero = EncryptionContext::Iv128(FixedLength::from([0; 16]));
        key.less_safe_encrypt(&mut bytes, zero).ok()?;
        Some(STANDARD.encode(bytes))
    }

    /// `None` when the text is no base64, no whole blocks, wrongly padded, or not UTF-8 inside.
    pub(super) fn decrypt(&self, cipher: &str) -> Option<String> {
        let key = PaddedBlockDecryptingKey::cbc_pkcs7(UnboundCipherKey::new(&AES_128, &self.0).ok()?).ok()?;
        let mut bytes = STANDARD.decode(cipher.trim()).ok()?;
        let zero = DecryptionContext::Iv128(FixedLength::from([0; 16]));
        let plain = key.decrypt(&mut bytes, zero).ok()?;
        String::from_utf8(plain.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::{alipay, text};

    #[test]
    fn the_vectors_both_ways_and_nothing_else() {
        let vector = |at: &str| text(alipay(), &format!("/aes/{at}"));
        let key = AesKey::parse(vector("key_base64")).unwrap();
        let (plain, cipher) = (vector("request/plain_biz_content"), vector("request/cipher_biz_content"));
        assert_eq!(key.encrypt(plain).as_deref(), Some(cipher));
        assert_eq!(key.decrypt(cipher).as_deref(), Some(plain));
        let quoted = format!("\"{}\"", key.encrypt(vector("response/plain")).unwrap());
        assert_eq!(quoted, vector("response/signed_content"));
        for bad in ["", "!", "AAAA", &cipher[4..], "AAAAAAAAAAAAAAAAAAAAAA=="] {
            assert_eq!(key.decrypt(bad), None, "{bad}");
        }
        assert!(AesKey::parse("AAAA").is_none());
    }
}
