//! API keys of storefronts: how they look, how they are made, and what of them is kept.
//!
//! A key is `pf_` and 43 characters of base64url: 32 random bytes. Only its SHA-256 is kept; a hash without salt is enough,
//! because nobody can guess 256 random bits.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use paifang_payment::Digest;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

/// What every key begins with, so that a leaked one is found by its look.
pub const PREFIX: &str = "pf_";

/// Characters of a key in all.
pub const KEY_CHARS: usize = PREFIX.len() + 43;

/// A storefront's key. `Debug` hides it; [`ApiKey::expose`] is the only door.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

/// The text is not an API key. The text itself is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an API key is pf_ and 43 characters of base64url")]
pub struct ApiKeyError;

/// The system has no randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gave no random bytes")]
pub struct NoEntropy;

impl ApiKey {
    /// A new key from the system's randomness.
    pub fn generate() -> Result<Self, NoEntropy> {
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes).map_err(|_| NoEntropy)?;
        Ok(Self::from_entropy(&bytes))
    }

    /// The key of these bytes, which must be unguessable.
    pub fn from_entropy(bytes: &[u8; 32]) -> Self {
        Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Reads a key; strict, so that one key has one text.
    pub fn parse(text: &str) -> Result<Self, ApiKeyError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(ApiKeyError)?;
        match URL_SAFE_NO_PAD.decode(encoded) {
            Ok(bytes) if bytes.len() == 32 => Ok(Self(text.to_owned())),
            Ok(_) | Err(_) => Err(ApiKeyError),
        }
    }

    /// SHA-256 of the whole text: what is kept, and what a caller is looked up by.
    pub fn hash(&self) -> Digest {
        let mut sum = [0; 32];
        sum.copy_from_slice(digest(&SHA256, self.0.as_bytes()).as_ref());
        Digest(sum)
    }

    /// The text, to be shown once to whoever asked for it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_text_and_does_not_print() {
        let key = ApiKey::generate().unwrap();
        assert_eq!(key.expose().len(), KEY_CHARS);
        assert_eq!(ApiKey::parse(key.expose()), Ok(key.clone()));
        assert_eq!(format!("{key:?}"), "ApiKey(***)");
        assert_ne!(key.hash(), ApiKey::generate().unwrap().hash());
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let good = ApiKey::from_entropy(&[7; 32]).expose().to_owned();
        let trailing_bits = format!("{}B", &good[..good.len() - 1]);
        for text in ["", "pf_", &good[3..], &good[..45], &format!("{good}A"), &trailing_bits, "pf_é"] {
            assert_eq!(ApiKey::parse(text), Err(ApiKeyError), "{text}");
        }
    }
}
