//! Contents for the rail's eyes only: RSAES-OAEP with SHA-1, MGF1-SHA-1 and an empty label (RFC 8017, section 7.1.1), as
//! WeChat Pay has sensitive fields.
//!
//! ring encrypts nothing with RSA, and the library that does is the mock rails' (ADR 0001), so the padding stands here. It
//! is the public operation only: no secret key takes part, and what is raised to the public exponent is masked by fresh
//! random bytes each time, so its duration tells nothing. SHA-1 is OAEP's mixing function here and authenticates nothing.

use num_bigint::BigUint;
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use ring::rand::{SecureRandom, SystemRandom};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::RSAPublicKey;
use zeroize::Zeroizing;

use jiff::Timestamp;

use super::{KeyError, Keyring};

/// Length of a SHA-1 digest, bytes.
const DIGEST: usize = 20;

/// The bounds of a modulus, bytes: those of signatures.
const MODULUS: std::ops::RangeInclusive<usize> = 256..=1024;

const TOO_LONG: KeyError =
    KeyError::Unusable { name: "content", rule: "must be 42 bytes shorter than the key that seals it" };
const BAD_KEY: KeyError =
    KeyError::Unusable { name: "sealing key", rule: "must be an RSA public key of 2048 to 8192 bits" };

impl Keyring {
    /// Encrypts for the holder of the key of this id. Randomised: each call gives other bytes, so what is sent again has to
    /// be kept. At most 214 bytes for a key of 2048 bits.
    ///
    /// # Errors
    /// When there is no such key, the content is too long, or the system has no random bytes.
    pub fn seal_for(&self, id: &str, plain: &[u8]) -> Result<Vec<u8>, KeyError> {
        let mut named = self.verifiers.iter().filter(|verifier| verifier.id.eq_ignore_ascii_case(id));
        let verifier = named.next().ok_or(KeyError::Missing("the rail's key of this id"))?;
        let key = SealingKey::parse(verifier.public_key.as_ref())?;
        key.seal(plain, seed(&self.random)?)
    }

    /// The id of the certificate that seals: of those of the rail that hold at `now`, the one that began last. `None` where
    /// the rail has plain keys only.
    pub fn newest_certificate_id(&self, now: Timestamp) -> Option<&str> {
        let dated = self.verifiers.iter().filter_map(|verifier| {
            let (_, certificate) = X509Certificate::from_der(verifier.der.as_deref()?).ok()?;
            let validity = certificate.validity();
            let (begins, ends) = (validity.not_before.timestamp(), validity.not_after.timestamp());
            (begins <= now.as_second() && now.as_second() < ends).then_some((begins, verifier.id.as_str()))
        });
        dated.max().map(|(_, id)| id)
    }
}

fn seed(random: &SystemRandom) -> Result<[u8; DIGEST], KeyError> {
    let mut seed = [0; DIGEST];
    random.fill(&mut seed).map_err(|_| KeyError::Missing("randomness of the system"))?;
    Ok(seed)
}

pub(super) struct SealingKey {
    modulus: BigUint,
    exponent: BigUint,
    bytes: usize,
}

impl SealingKey {
    /// From PKCS#1.
    pub(super) fn parse(der: &[u8]) -> Result<Self, KeyError> {
        let (rest, key) = RSAPublicKey::from_der(der).map_err(|_| BAD_KEY)?;
        let modulus = BigUint::from_bytes_be(key.modulus);
        let exponent = BigUint::from_bytes_be(key.exponent);
        let bytes = usize::try_from(modulus.bits().div_ceil(8)).map_err(|_| BAD_KEY)?;
        let odd = modulus.bit(0) && exponent.bit(0) && exponent.bits() > 1;
        if rest.is_empty() && odd && MODULUS.contains(&bytes) {
            Ok(Self { modulus, exponent, bytes })
        } else {
            Err(BAD_KEY)
        }
    }

    /// The same content with the same seed gives the same bytes.
    pub(super) fn seal(&self, plain: &[u8], seed: [u8; DIGEST]) -> Result<Vec<u8>, KeyError> {
        let padded = self.pad(plain, seed)?;
        let sealed = BigUint::from_bytes_be(&padded).modpow(&self.exponent, &self.modulus).to_bytes_be();
        // Leading zeros are part of the message.
        let mut out = vec![0; self.bytes.saturating_sub(sealed.len())];
        out.extend_from_slice(&sealed);
        Ok(out)
    }

    /// EME-OAEP: zero, masked seed, masked block.
    fn pad(&self, plain: &[u8], seed: [u8; DIGEST]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let block = self.bytes - 1 - DIGEST;
        let zeros = block.checked_sub(DIGEST + 1 + plain.len()).ok_or(TOO_LONG)?;
        let mut data = Zeroizing::new(Vec::with_capacity(block));
        data.extend_from_slice(&sha1(&[b""]));
        data.extend(std::iter::repeat_n(0, zeros));
        data.push(1);
        data.extend_from_slice(plain);
        mask(&mut data, &seed);
        let mut masked = seed;
        mask(&mut masked, &data);
        let mut padded = Zeroizing::new(Vec::with_capacity(self.bytes));
        padded.push(0);
        padded.extend_from_slice(&masked);
        padded.extend_from_slice(&data);
        Ok(padded)
    }
}

/// MGF1: digests of the seed and a counter, laid over the target.
pub(super) fn mask(target: &mut [u8], seed: &[u8]) {
    for (counter, piece) in (0u32..).zip(target.chunks_mut(DIGEST)) {
        let digest = sha1(&[seed, &counter.to_be_bytes()]);
        piece.iter_mut().zip(digest).for_each(|(byte, over)| *byte ^= over);
    }
}

fn sha1(parts: &[&[u8]]) -> [u8; DIGEST] {
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    parts.iter().for_each(|part| context.update(part));
    let mut digest = [0; DIGEST];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}
