//! `SHA1withRSA` signatures, which version 5.0.0 and the phone's result still carry, and which no library makes any more.
//!
//! The padding and the exponentiation are done here, without any protection against timing: the keys of a mock are no
//! secret. Verification of such signatures is the library's.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use num_bigint::BigUint;

use super::certificate::Element;

/// A private key as two numbers.
pub(super) struct LegacyKey {
    modulus: BigUint,
    exponent: BigUint,
    /// Length of the modulus in bytes.
    length: usize,
}

/// The DER in front of a SHA-1 digest (RFC 8017, section 9.2, note 1).
const SHA1_INFO: [u8; 15] =
    [0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2B, 0x0E, 0x03, 0x02, 0x1A, 0x05, 0x00, 0x04, 0x14];

impl LegacyKey {
    /// `None` when the bytes are no PKCS#8 RSA key of at least 1024 bits.
    pub(super) fn from_pkcs8(der: &[u8]) -> Option<Self> {
        let (_, info) = Element::read(der)?;
        let (rest, _version) = Element::read(info.content())?;
        let (rest, _algorithm) = Element::read(rest)?;
        let (_, octets) = Element::read(rest)?;
        let (_, key) = Element::read(octets.content())?;
        let (rest, _version) = Element::read(key.content())?;
        let (rest, modulus) = Element::read(rest)?;
        let (rest, _public) = Element::read(rest)?;
        let (_, private) = Element::read(rest)?;
        let modulus = BigUint::from_bytes_be(modulus.content());
        let length = modulus.to_bytes_be().len();
        (length >= 128).then(|| Self { modulus, exponent: BigUint::from_bytes_be(private.content()), length })
    }

    /// PKCS#1 v1.5 over the SHA-1 of `message`.
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let hashed = digest(&SHA1_FOR_LEGACY_USE_ONLY, message);
        let tail = SHA1_INFO.len() + hashed.as_ref().len();
        let mut block = vec![0x00, 0x01];
        // 128 bytes at least, 35 for the tail: there are always more than the eight bytes of padding that are asked for.
        block.resize(self.length - tail - 1, 0xFF);
        block.push(0x00);
        block.extend_from_slice(&SHA1_INFO);
        block.extend_from_slice(hashed.as_ref());
        let signature = BigUint::from_bytes_be(&block).modpow(&self.exponent, &self.modulus).to_bytes_be();
        let mut out = vec![0; self.length - signature.len()];
        out.extend_from_slice(&signature);
        out
    }
}
