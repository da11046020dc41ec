//! RSA PKCS#1 v1.5 with SHA-256, in which all three rails sign, and a keyed hash that can stand in for it.
//!
//! The keyed hash is for the simulator alone, which plays thousands of worlds and would spend half of its time on RSA. It is
//! compiled in with the feature `stand-in`, and used by threads that asked for it.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};

/// The signature: the same bytes for the same message, always.
pub(crate) fn sign(key: &KeyPair, message: &[u8]) -> Vec<u8> {
    if let Some(signature) = stand_in::signature(key.public_key().as_ref(), message) {
        return signature;
    }
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
        .expect("the buffer has the length of the modulus, which is all that can be wrong");
    signature
}

/// Whether the owner of this public key (SubjectPublicKeyInfo or PKCS#1 DER) signed `message`.
pub(crate) fn is_signed(public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    match stand_in::signature(public, message) {
        Some(expected) => expected == signature,
        None => {
            UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public).verify(message, signature).is_ok()
        }
    }
}

#[cfg(feature = "stand-in")]
pub(crate) mod stand_in {
    use std::cell::Cell;

    use aws_lc_rs::hmac;

    thread_local! {
        static USED: Cell<bool> = const { Cell::new(false) };
    }

    /// From here on the mock rails on this thread sign with the keyed hash, or with RSA again.
    pub fn replace_rsa(used: bool) {
        USED.set(used);
    }

    /// In the length of an RSA-2048 signature; keyed with the last bytes of the public key, which are the same in both of
    /// its forms.
    pub(super) fn signature(public: &[u8], message: &[u8]) -> Option<Vec<u8>> {
        let tail = &public[public.len().saturating_sub(64)..];
        let signed = || hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, tail), message);
        USED.get().then(|| signed().as_ref().repeat(8))
    }
}

#[cfg(not(feature = "stand-in"))]
mod stand_in {
    pub(super) fn signature(_: &[u8], _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}
