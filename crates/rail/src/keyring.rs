//! The key ring of one rail account: the only place that signs, verifies and decrypts.
//!
//! Keys are parsed once, at start. The algorithm is fixed by the key, never by a message: RSA PKCS#1 v1.5 with SHA-256
//! (2048 to 8192 bits) for signatures, AES-256-GCM for contents, RSAES-OAEP for contents that only the rail may read.
//! SHA-1 and MD5 authenticate nothing here (S11).

mod certified;
mod content;
mod fresh;
mod oaep;
mod parse;
mod strict;

use std::fmt;
use std::sync::Arc;

use paifang_payment::Digest;
use paifang_payment::planted::{self, Defect};
use ring::aead;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey};

pub use certified::CertificateRule;

use crate::{Genuine, Secret, stand_in};
use certified::Anchors;
use content::ContentKey;
pub use fresh::SealedCertificate;
use parse::Certificate;

/// The keys of one rail account. `Debug` names ids only.
pub struct Keyring {
    signer: Option<Arc<RsaKeyPair>>,
    signer_certificate: Option<Arc<Certificate>>,
    verifiers: Vec<Verifier>,
    symmetric: Option<Arc<aead::LessSafeKey>>,
    content: Option<Arc<ContentKey>>,
    anchors: Option<Arc<Anchors>>,
    naming: Option<Naming>,
    random: SystemRandom,
}

/// How a rail names certificates, from their DER bytes; `None` where it can name none. Without one, a certificate's name is
/// its serial number in upper-case hex.
pub type Naming = fn(&[u8]) -> Option<String>;

/// Collects keys; refuses what it cannot parse, naming the key.
#[derive(Default)]
pub struct KeyringBuilder {
    signer: Option<RsaKeyPair>,
    signer_certificate: Option<Certificate>,
    verifiers: Vec<Verifier>,
    symmetric: Option<aead::LessSafeKey>,
    content: Option<ContentKey>,
    roots: Vec<Vec<u8>>,
    intermediates: Vec<Vec<u8>>,
    rule: Option<CertificateRule>,
    naming: Option<Naming>,
}

#[derive(Clone)]
struct Verifier {
    id: String,
    public_key: UnparsedPublicKey<Vec<u8>>,
    /// The certificate it came in, for rails that name certificates in their own way.
    der: Option<Vec<u8>>,
    /// Handed out by the rail itself; such keys come and go.
    is_fresh: bool,
}

#[derive(Clone)]
struct Serial {
    hex: String,
    decimal: String,
}

/// A configured key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is not what it should be; never repeats the key.
    #[error("{name}: {rule}")]
    Unusable {
        /// Which key.
        name: &'static str,
        /// What would be right.
        rule: &'static str,
    },
    /// The operation needs a key that is not there.
    #[error("{0} is not in the key ring")]
    Missing(&'static str),
    /// The content does not open with this key, nonce and associated data.
    #[error("the content does not decrypt")]
    Undecryptable,
}

/// Why a signature is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotGenuine {
    /// No key of the account has this id.
    #[error("no key of this account has the named id")]
    UnknownKey,
    /// The signature does not fit the message.
    #[error("the signature is wrong")]
    WrongSignature,
    /// The signer's certificate is unreadable, expired, not issued by the configured chain, or somebody else's.
    #[error("the signer's certificate is not trusted: {0}")]
    UntrustedCertificate(&'static str),
}

impl Keyring {
    /// Starts an empty ring.
    pub fn builder() -> KeyringBuilder {
        KeyringBuilder::default()
    }

    /// Signs with RSA PKCS#1 v1.5 and SHA-256. Deterministic: the same message gives the same signature.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let key = self.signer.as_ref().ok_or(KeyError::Missing("the signing key"))?;
        if stand_in::is_used() {
            return Ok(stand_in::signature(key.public().as_ref(), message));
        }
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &self.random, message, &mut signature).map_err(|_| {
            KeyError::Unusable {
                name: "signing key",
                rule: "must be an RSA private key that can sign SHA-256",
            }
        })?;
        Ok(signature)
    }

    /// The serial of our signing certificate: upper-case hex without leading zeros cut, as WeChat Pay prints it.
    pub fn signer_serial_hex(&self) -> Option<&str> {
        self.signer_certificate.as_ref().map(|own| own.serial.hex.as_str())
    }

    /// The serial of our signing certificate in decimal, as UnionPay's `certId` wants it.
    pub fn signer_serial_decimal(&self) -> Option<&str> {
        self.signer_certificate.as_ref().map(|own| own.serial.decimal.as_str())
    }

    /// Verifies with the key of this id (hex serials are compared without case).
    pub fn verify_by(&self, id: &str, message: &[u8], signature: &[u8]) -> Result<Genuine, NotGenuine> {
        let mut named = self.verifiers.iter().filter(|verifier| verifier.id.eq_ignore_ascii_case(id));
        let verifier = named.next().ok_or(NotGenuine::UnknownKey)?;
        verifier.check(message, signature)
    }

    /// Verifies with any key of the account, for rails whose messages name none.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<Genuine, NotGenuine> {
        let attempts = self.verifiers.iter().map(|verifier| verifier.check(message, signature));
        attempts.into_iter().find(Result::is_ok).unwrap_or(Err(match self.verifiers.is_empty() {
            true => NotGenuine::UnknownKey,
            false => NotGenuine::WrongSignature,
        }))
    }

    /// Verifies with a certificate that the message itself carries, after that was checked against the account's chain:
    /// signatures up to the root, validity at `now`, and the name of its owner.
    pub fn verify_certified(
        &self,
        certificate_pem: &str,
        now: jiff::Timestamp,
        message: &[u8],
        signature: &[u8],
    ) -> Result<Genuine, NotGenuine> {
        let anchors = self.anchors.as_ref().ok_or(NotGenuine::UnknownKey)?;
        let signer = anchors.admit(certificate_pem, now)?;
        signer.check(message, signature)
    }

    /// Decrypts AES-256-GCM with the symmetric key; the tag stands at the end of the ciphertext.
    pub fn open(&self, nonce: &[u8], associated_data: &[u8], ciphertext: &[u8]) -> Result<Vec<u8>, KeyError> {
        let key = self.symmetric.as_ref().ok_or(KeyError::Missing("the symmetric key"))?;
        let nonce = aead::Nonce::try_assume_unique_for_key(nonce).map_err(|_| KeyError::Undecryptable)?;
        let mut buffer = ciphertext.to_vec();
        let plain = key
            .open_in_place(nonce, aead::Aad::from(associated_data), &mut buffer)
            .map_err(|_| KeyError::Undecryptable)?
            .len();
        buffer.truncate(plain);
        Ok(buffer)
    }

    /// Whether whole messages are encrypted.
    pub fn has_content_key(&self) -> bool {
        self.content.is_some()
    }

    /// Encrypts a whole message: AES-128-CBC, IV of zeros, PKCS#7. Deterministic, and it authenticates nothing: sign what
    /// comes out.
    pub fn seal_content(&self, plain: &[u8]) -> Result<Vec<u8>, KeyError> {
        Ok(self.content.as_ref().ok_or(KeyError::Missing("the content key"))?.seal(plain))
    }

    /// Decrypts what [`Keyring::seal_content`]'s counterpart at the rail encrypted. Only after its signature was verified.
    pub fn open_content(&self, sealed: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.content.as_ref().ok_or(KeyError::Missing("the content key"))?.open(sealed)
    }
}

impl KeyringBuilder {
    /// Our RSA private key: PEM, or bare base64, of PKCS#8 or PKCS#1.
    pub fn signer(mut self, text: &Secret) -> Result<Self, KeyError> {
        self.signer = Some(parse::private_key(text)?);
        Ok(self)
    }

    /// The certificate of our signing key, PEM.
    pub fn signer_certificate(mut self, pem: &str) -> Result<Self, KeyError> {
        self.signer_certificate = Some(parse::certificate(pem, "signing certificate")?);
        Ok(self)
    }

    /// A public key of the rail: a certificate (its id is its serial), or PEM or bare base64 of SPKI under `id`.
    pub fn verifier(mut self, id: Option<&str>, text: &str) -> Result<Self, KeyError> {
        self.verifiers.push(parse::verifier(id, text)?);
        Ok(self)
    }

    /// The symmetric key, raw; 32 bytes.
    pub fn symmetric(mut self, key: &Secret) -> Result<Self, KeyError> {
        let unusable = KeyError::Unusable { name: "symmetric key", rule: "must be exactly 32 bytes" };
        let key = aead::UnboundKey::new(&aead::AES_256_GCM, key.expose()).map_err(|_| unusable)?;
        self.symmetric = Some(aead::LessSafeKey::new(key));
        Ok(self)
    }

    /// The key for whole messages, base64 of 16 bytes.
    pub fn content(mut self, key: &Secret) -> Result<Self, KeyError> {
        self.content = Some(ContentKey::parse(key)?);
        Ok(self)
    }

    /// The root or roots that the rail's signer certificates chain to: PEM, one certificate or several in a row.
    pub fn root(mut self, pem: &str) -> Result<Self, KeyError> {
        let bundle = parse::bundle(pem, "root certificate")?;
        self.roots.extend(bundle.into_iter().map(|certificate| certificate.der));
        Ok(self)
    }

    /// A certificate between the root and the rail's signer certificates, PEM.
    pub fn intermediate(mut self, pem: &str) -> Result<Self, KeyError> {
        self.intermediates.push(parse::certificate(pem, "intermediate certificate")?.der);
        Ok(self)
    }

    /// Whose certificates are taken from messages.
    pub fn certificate_rule(mut self, rule: CertificateRule) -> Self {
        self.rule = Some(rule);
        self
    }

    /// How this rail names its certificates.
    pub fn naming(mut self, naming: Naming) -> Self {
        self.naming = Some(naming);
        self
    }

    /// The finished ring.
    pub fn build(self) -> Result<Keyring, KeyError> {
        let anchors = match (self.roots.is_empty(), self.rule) {
            (false, Some(rule)) => Some(Anchors::new(self.roots, self.intermediates, Some(rule))),
            (false, None) if self.naming.is_some() => {
                Some(Anchors::new(self.roots, self.intermediates, None))
            }
            (true, None) if self.intermediates.is_empty() => None,
            _ => {
                let rule = "a root certificate and a rule for names come together";
                return Err(KeyError::Unusable { name: "certificate chain", rule });
            }
        };
        let mut verifiers = self.verifiers;
        for verifier in &mut verifiers {
            let named = self.naming.zip(verifier.der.as_deref()).and_then(|(naming, der)| naming(der));
            verifier.id = named.unwrap_or(std::mem::take(&mut verifier.id));
        }
        Ok(Keyring {
            signer: self.signer.map(Arc::new),
            signer_certificate: self.signer_certificate.map(Arc::new),
            verifiers,
            symmetric: self.symmetric.map(Arc::new),
            content: self.content.map(Arc::new),
            anchors: anchors.map(Arc::new),
            naming: self.naming,
            random: SystemRandom::new(),
        })
    }
}

impl Verifier {
    fn check(&self, message: &[u8], signature: &[u8]) -> Result<Genuine, NotGenuine> {
        let is_genuine = match stand_in::is_used() {
            true => stand_in::signature(self.public_key.as_ref(), message) == signature,
            false => self.public_key.verify(message, signature).is_ok(),
        };
        if !is_genuine && !planted::is(Defect::SignatureUnchecked) {
            return Err(NotGenuine::WrongSignature);
        }
        let mut sum = [0; 32];
        sum.copy_from_slice(digest(&SHA256, message).as_ref());
        Ok(Genuine::new(Digest(sum), self.id.clone()))
    }
}

impl Verifier {
    fn new(id: String, pkcs1_der: Vec<u8>) -> Self {
        let public_key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pkcs1_der);
        Self { id, public_key, der: None, is_fresh: false }
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<&str> = self.verifiers.iter().map(|verifier| verifier.id.as_str()).collect();
        write!(f, "Keyring(verifies with {ids:?})")
    }
}

#[cfg(test)]
mod fresh_tests;
#[cfg(test)]
mod oaep_tests;
#[cfg(test)]
mod strict_tests;
#[cfg(test)]
mod tests;
