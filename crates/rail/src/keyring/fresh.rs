//! Keys that the rail itself hands out, and how they come to be believed: a chain to a configured root, or a seal of the
//! account's own symmetric key.

use jiff::Timestamp;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{Genuine, KeyError, Keyring, NotGenuine, Verifier, parse};
use crate::FreshKey;

/// A certificate that came sealed with the account's symmetric key, so somebody made it who has that key. It may vouch for
/// the very message that brought it, and for nothing else before that.
#[derive(Debug)]
pub struct SealedCertificate {
    key: FreshKey,
}

impl SealedCertificate {
    /// Under which id messages name it.
    pub fn id(&self) -> &str {
        &self.key.id
    }

    /// The key, once the message that brought it is genuine.
    pub fn into_key(self, _witness: &Genuine) -> FreshKey {
        self.key
    }
}

impl Keyring {
    /// A ring with the configured keys and these, and without those that the rail handed out before. Keys outside of their
    /// time are left out; ask again before the next one begins.
    ///
    /// # Errors
    /// When a key cannot be read; this ring stays as it was.
    pub fn with_fresh(&self, fresh: &[FreshKey], now: Timestamp) -> Result<Self, KeyError> {
        let mut verifiers: Vec<Verifier> =
            self.verifiers.iter().filter(|verifier| !verifier.is_fresh).cloned().collect();
        for key in fresh {
            let begun = key.not_before.is_none_or(|from| from <= now);
            let over = key.not_after.is_some_and(|until| until <= now);
            if begun && !over {
                let verifier = parse::verifier(Some(&key.id), &key.pem)?;
                verifiers.push(Verifier { id: key.id.clone(), is_fresh: true, ..verifier });
            }
        }
        Ok(Self {
            signer: self.signer.clone(),
            signer_certificate: self.signer_certificate.clone(),
            verifiers,
            symmetric: self.symmetric.clone(),
            content: self.content.clone(),
            anchors: self.anchors.clone(),
            naming: self.naming,
            random: self.random.clone(),
        })
    }

    /// The ids of all keys that this ring verifies with.
    pub fn verifier_ids(&self) -> impl Iterator<Item = &str> {
        self.verifiers.iter().map(|verifier| verifier.id.as_str())
    }

    /// Our signing certificate, DER; for rails that name it in a way of their own.
    pub fn signer_certificate_der(&self) -> Option<&[u8]> {
        self.signer_certificate.as_ref().map(|own| own.der.as_slice())
    }

    /// The configured roots, DER, in the order of the bundle.
    pub fn root_ders(&self) -> impl Iterator<Item = &[u8]> {
        self.anchors.iter().flat_map(|anchors| anchors.roots())
    }

    /// Believes a certificate that the rail handed out, if it leads up to a configured root. `pem` is the certificate,
    /// perhaps followed by its issuers.
    ///
    /// # Errors
    /// When it is unreadable, not valid at `now`, or leads nowhere; or when it is our own.
    pub fn admit_certificate(&self, pem: &str, now: Timestamp) -> Result<FreshKey, NotGenuine> {
        let untrusted = NotGenuine::UntrustedCertificate;
        let anchors = self.anchors.as_ref().ok_or(NotGenuine::UnknownKey)?;
        let mut bundle = parse::bundle(pem, "certificate").map_err(|_| untrusted("unreadable"))?;
        let leaf = bundle.remove(0);
        if self.signer_certificate_der() == Some(leaf.der.as_slice()) {
            return Err(untrusted("it is our own certificate"));
        }
        let beside: Vec<Vec<u8>> = bundle.into_iter().map(|issuer| issuer.der).collect();
        let (_, parsed) = X509Certificate::from_der(&leaf.der).map_err(|_| untrusted("unreadable"))?;
        anchors.climb(&parsed, &beside, now)?;
        let named = self.naming.and_then(|naming| naming(&leaf.der));
        let id = named.unwrap_or_else(|| leaf.serial.hex.clone());
        Ok(fresh(id, first_block(pem), &parsed))
    }

    /// Opens a certificate that came sealed with the symmetric key.
    ///
    /// # Errors
    /// When it does not open, or is no certificate.
    pub fn unseal_certificate(
        &self,
        nonce: &[u8],
        associated_data: &[u8],
        ciphertext: &[u8],
    ) -> Result<SealedCertificate, KeyError> {
        let plain = self.open(nonce, associated_data, ciphertext)?;
        let pem = String::from_utf8(plain).map_err(|_| KeyError::Undecryptable)?;
        let certificate = parse::certificate(&pem, "certificate")?;
        let unusable = KeyError::Unusable { name: "certificate", rule: "must be an X.509 certificate" };
        let (_, parsed) = X509Certificate::from_der(&certificate.der).map_err(|_| unusable)?;
        Ok(SealedCertificate { key: fresh(certificate.serial.hex, pem.trim().to_owned(), &parsed) })
    }

    /// Verifies the message that brought a sealed certificate with that certificate.
    ///
    /// # Errors
    /// When it is not valid at `now`, or did not sign this.
    pub fn verify_sealed(
        &self,
        by: &SealedCertificate,
        now: Timestamp,
        message: &[u8],
        signature: &[u8],
    ) -> Result<Genuine, NotGenuine> {
        let untrusted = NotGenuine::UntrustedCertificate;
        let FreshKey { id, pem, not_before, not_after } = &by.key;
        if not_before.is_none_or(|from| now < from) || not_after.is_none_or(|until| now >= until) {
            return Err(untrusted("not valid at this time"));
        }
        let verifier = parse::verifier(Some(id), pem).map_err(|_| untrusted("unreadable"))?;
        verifier.check(message, signature)
    }
}

fn fresh(id: String, pem: String, parsed: &X509Certificate<'_>) -> FreshKey {
    let at = |seconds: i64| Timestamp::from_second(seconds).ok();
    let validity = parsed.validity();
    let (not_before, not_after) = (at(validity.not_before.timestamp()), at(validity.not_after.timestamp()));
    FreshKey { id, pem, not_before, not_after }
}

/// The first PEM block of a text.
fn first_block(pem: &str) -> String {
    const END: &str = "-----END CERTIFICATE-----";
    let end = pem.find(END).map_or(pem.len(), |at| at + END.len());
    pem.get(..end).unwrap_or(pem).trim().to_owned()
}
