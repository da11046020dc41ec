//! A keyed hash in the place of RSA, for the simulator alone: it signs and verifies a hundred times per payment, and RSA is
//! half of what that costs. Compiled in with the feature `stand-in` only, which no release has: whoever knows the public key
//! can forge, and the gateway does not build with it.

/// Whether this build can do without RSA.
pub const COMPILED: bool = cfg!(feature = "stand-in");

#[cfg(feature = "stand-in")]
thread_local! {
    static USED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// From here on this thread's key rings sign and verify with the keyed hash, or with RSA again. The mock rails have to be
/// told as well.
#[cfg(feature = "stand-in")]
pub fn replace_rsa(used: bool) {
    USED.set(used);
}

#[cfg(feature = "stand-in")]
pub(crate) fn is_used() -> bool {
    USED.get()
}

#[cfg(not(feature = "stand-in"))]
pub(crate) fn is_used() -> bool {
    false
}

/// The hash in the length of an RSA-2048 signature. PKCS#1 and SPKI end with the same bytes: the modulus' last ones and
/// the exponent, which is what it is keyed with.
#[cfg(feature = "stand-in")]
pub(crate) fn signature(public_key_der: &[u8], message: &[u8]) -> Vec<u8> {
    let tail = public_key_der.get(public_key_der.len().saturating_sub(64)..).unwrap_or_default();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, tail);
    ring::hmac::sign(&key, message).as_ref().repeat(8)
}

#[cfg(not(feature = "stand-in"))]
pub(crate) fn signature(_: &[u8], _: &[u8]) -> Vec<u8> {
    unreachable!("nothing stands in for RSA in this build")
}
