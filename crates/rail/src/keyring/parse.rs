//! Key texts, as rails and their consoles hand them out, into keys.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::RsaKeyPair;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::SubjectPublicKeyInfo;
use zeroize::Zeroizing;

use super::{KeyError, Serial, Verifier, strict};
use crate::Secret;

pub(super) struct Certificate {
    pub der: Vec<u8>,
    pub serial: Serial,
    pub public_key: Vec<u8>,
}

/// An RSA private key from PEM, or from the bare base64 that consoles offer for download.
pub(super) fn private_key(text: &Secret) -> Result<RsaKeyPair, KeyError> {
    let rule = "must be an RSA private key of 2048 bits or more: PEM or base64, PKCS#8 or PKCS#1";
    let unusable = KeyError::Unusable { name: "signing key", rule };
    let text = std::str::from_utf8(text.expose()).map_err(|_| unusable.clone())?;
    let der =
        Zeroizing::new(der_of(text, &["PRIVATE KEY", "RSA PRIVATE KEY"]).ok_or_else(|| unusable.clone())?);
    RsaKeyPair::from_pkcs8(&der).or_else(|_| RsaKeyPair::from_der(&der)).map_err(|_| unusable)
}

/// A public key of a rail.
pub(super) fn verifier(id: Option<&str>, text: &str) -> Result<Verifier, KeyError> {
    if text.contains("BEGIN CERTIFICATE") {
        let certificate = certificate(text, "verification certificate")?;
        let verifier = Verifier::new(certificate.serial.hex, certificate.public_key);
        return Ok(Verifier { der: Some(certificate.der), ..verifier });
    }
    let unusable = |rule| KeyError::Unusable { name: "verification key", rule };
    let wrong = unusable("must be an RSA public key (SPKI) or a certificate: PEM or base64");
    let der = der_of(text, &["PUBLIC KEY"]).ok_or_else(|| wrong.clone())?;
    let (rest, info) = SubjectPublicKeyInfo::from_der(&der).map_err(|_| wrong.clone())?;
    if !rest.is_empty() {
        return Err(wrong);
    }
    let id = id.ok_or_else(|| unusable("a plain public key needs an id beside it"))?;
    Ok(Verifier::new(id.to_owned(), info.subject_public_key.data.to_vec()))
}

/// A certificate from PEM.
pub(super) fn certificate(pem: &str, name: &'static str) -> Result<Certificate, KeyError> {
    let unusable = KeyError::Unusable { name, rule: "must be one X.509 certificate, in PEM" };
    let der = der_of(pem, &["CERTIFICATE"]).ok_or_else(|| unusable.clone())?;
    let (rest, parsed) = X509Certificate::from_der(&der).map_err(|_| unusable.clone())?;
    if !(rest.is_empty() && strict::is_der(&der)) {
        return Err(unusable);
    }
    let bytes = parsed.raw_serial();
    let unsigned = bytes.strip_prefix(&[0]).unwrap_or(bytes);
    let serial = Serial { hex: hex::encode_upper(unsigned), decimal: parsed.serial.to_string() };
    let public_key = parsed.public_key().subject_public_key.data.to_vec();
    Ok(Certificate { serial, public_key, der })
}

/// Certificates in a row, from PEM; at least one.
pub(super) fn bundle(pem: &str, name: &'static str) -> Result<Vec<Certificate>, KeyError> {
    const END: &str = "-----END CERTIFICATE-----";
    let blocks = pem.split_inclusive(END).map(str::trim).filter(|block| !block.is_empty());
    let parsed: Result<Vec<_>, _> = blocks.map(|block| certificate(block, name)).collect();
    parsed.and_then(|list| match list.is_empty() {
        true => Err(KeyError::Unusable { name, rule: "must be one X.509 certificate or more, in PEM" }),
        false => Ok(list),
    })
}

/// The DER bytes of a PEM block with one of these labels, or of bare base64 without any label.
pub(super) fn der_of(text: &str, labels: &[&str]) -> Option<Vec<u8>> {
    let text = text.trim();
    let body = if text.starts_with("-----BEGIN ") {
        labels.iter().find_map(|label| {
            let inner = text.strip_prefix(&format!("-----BEGIN {label}-----"))?;
            inner.strip_suffix(&format!("-----END {label}-----"))
        })?
    } else {
        text
    };
    let compact: Zeroizing<String> =
        Zeroizing::new(body.chars().filter(|c| !c.is_ascii_whitespace()).collect());
    STANDARD.decode(compact.as_bytes()).ok().filter(|der| !der.is_empty())
}
