//! Signatures as the rails make them, and as nobody should take them. All of them are deterministic.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaEncoding, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::Digest as _;
use num_bigint::BigUint;
use serde_json::Value;

/// How a message is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// The rails' way.
    Sha256,
    Sha384,
    Sha512,
    /// The way that rails have given up.
    Sha1,
    Md5,
    /// PSS over SHA-256 with an empty salt: the right hash under another padding.
    Pss,
    /// SHA-256 padded without the name of the hash, as old libraries took it.
    Bare,
    /// The digest under the textbook operation, unpadded.
    Textbook,
}

/// A vector file, parsed.
pub(crate) fn vectors(rail: &str) -> Value {
    let text = match rail {
        "alipay" => include_str!("../../../tests/vectors/alipay-vectors.json"),
        "wechatpay" => include_str!("../../../tests/vectors/wechatpay-vectors.json"),
        _ => include_str!("../../../tests/vectors/unionpay-vectors.json"),
    };
    serde_json::from_str(text).expect("a vector file is JSON, which its own test says")
}

/// The text at this place of a vector file.
pub(crate) fn text_at(rail: &str, pointer: &str) -> String {
    let vectors = vectors(rail);
    let found = vectors.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("{rail}-vectors.json has no {pointer}")).to_owned()
}

/// A private key of the vectors.
#[derive(Clone)]
pub(crate) struct Key {
    der: Vec<u8>,
}

impl Key {
    pub(crate) fn at(rail: &str, pointer: &str) -> Self {
        Self { der: der(&text_at(rail, pointer)) }
    }

    /// The signature, in base64.
    pub(crate) fn sign(&self, how: How, message: &[u8]) -> String {
        STANDARD.encode(self.signature(how, message))
    }

    pub(crate) fn signature(&self, how: How, message: &[u8]) -> Vec<u8> {
        match how {
            How::Sha256 => self.padded(&RSA_PKCS1_SHA256, message),
            How::Sha384 => self.padded(&RSA_PKCS1_SHA384, message),
            How::Sha512 => self.padded(&RSA_PKCS1_SHA512, message),
            How::Sha1 => self.raw(&pkcs1(&[SHA1_NAME, &sha1(message)].concat())),
            How::Md5 => self.raw(&pkcs1(&[MD5_NAME, &md5::Md5::digest(message)].concat())),
            How::Pss => self.raw(&pss(&sha256(message))),
            How::Bare => self.raw(&pkcs1(&sha256(message))),
            How::Textbook => self.raw(&sha256(message)),
        }
    }

    fn padded(&self, encoding: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
        let pair = RsaKeyPair::from_pkcs8(&self.der).expect("a key of the vectors");
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(encoding, &SystemRandom::new(), message, &mut signature).expect("a whole key signs");
        signature
    }

    /// The private operation on a padded message, for paddings that the library does not offer any more.
    fn raw(&self, padded: &[u8]) -> Vec<u8> {
        let numbers = numbers(&self.der).expect("PKCS#8 around PKCS#1");
        let (modulus, exponent) = (BigUint::from_bytes_be(&numbers[1]), BigUint::from_bytes_be(&numbers[3]));
        let signature = BigUint::from_bytes_be(padded).modpow(&exponent, &modulus).to_bytes_be();
        [vec![0; MODULUS_BYTES - signature.len()], signature].concat()
    }
}

/// AES-256-GCM, the tag behind the content; a nonce of another length than twelve is sealed under its first twelve bytes.
pub(crate) fn seal(key: &[u8], nonce: &[u8], aad: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut twelve = [0; 12];
    let length = nonce.len().min(12);
    twelve[..length].copy_from_slice(&nonce[..length]);
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("32 bytes"));
    let mut sealed = plain.to_vec();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(twelve), Aad::from(aad), &mut sealed)
        .expect("a short message");
    sealed
}

pub(crate) fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}

pub(crate) fn hmac_sha256(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key);
    aws_lc_rs::hmac::sign(&key, bytes).as_ref().to_vec()
}

pub(crate) fn md5_hex(bytes: &[u8]) -> String {
    hex::encode(md5::Md5::digest(bytes))
}

fn sha1(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref().to_vec()
}

const MODULUS_BYTES: usize = 256;
/// DigestInfo of SHA-1 and MD5, up to the digest (RFC 8017, section 9.2).
const SHA1_NAME: &[u8] = &[48, 33, 48, 9, 6, 5, 43, 14, 3, 2, 26, 5, 0, 4, 20];
const MD5_NAME: &[u8] = &[48, 32, 48, 12, 6, 8, 42, 134, 72, 134, 247, 13, 2, 5, 5, 0, 4, 16];

fn pkcs1(content: &[u8]) -> Vec<u8> {
    [&[0, 1], vec![0xff; MODULUS_BYTES - 3 - content.len()].as_slice(), &[0], content].concat()
}

/// EMSA-PSS with an empty salt (RFC 8017, section 9.1.1), for a modulus of 2048 bits.
fn pss(hash: &[u8]) -> Vec<u8> {
    let sealed = sha256(&[&[0; 8], hash].concat());
    let mut masked = vec![0; MODULUS_BYTES - sealed.len() - 1];
    if let Some(last) = masked.last_mut() {
        *last = 1;
    }
    let mask = (0_u32..).flat_map(|count| sha256(&[sealed.as_slice(), &count.to_be_bytes()].concat()));
    masked.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    masked[0] &= 0x7f;
    [masked, sealed, vec![0xbc]].concat()
}

pub(crate) fn der(pem: &str) -> Vec<u8> {
    let inside: String = pem.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(inside).expect("a PEM of the vectors")
}

/// The integers of the PKCS#1 key inside a PKCS#8 one: version, modulus, public and private exponent, and so on.
fn numbers(pkcs8: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (outer, _) = element(pkcs8)?;
    let (_, rest) = element(outer)?;
    let (_, rest) = element(rest)?;
    let (inner, _) = element(rest)?;
    let (mut left, _) = element(inner)?;
    let mut numbers = Vec::new();
    while !left.is_empty() {
        let (number, rest) = element(left)?;
        numbers.push(number.to_vec());
        left = rest;
    }
    Some(numbers)
}

/// The content of the first DER element, and what comes behind it.
fn element(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let first = usize::from(*der.get(1)?);
    let (length, head) = if first < 0x80 {
        (first, 2)
    } else {
        let count = first & 0x7f;
        let digits = der.get(2..2 + count)?;
        (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), 2 + count)
    };
    Some((der.get(head..head + length)?, der.get(head + length..)?))
}
