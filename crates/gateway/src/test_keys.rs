//! The keys of the public test vectors, by fingerprint, so that nobody takes them beyond this machine.
//!
//! A fingerprint is the SHA-256 of the RSA public key (PKCS#1 DER) that belongs to a private key, a public key or a
//! certificate, or of a symmetric key's bytes. The list is held to `tests/vectors/*.json` by a test.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use paifang_rail::{KeyKind, Secret};
use ring::digest::{SHA256, digest};
use ring::signature::{KeyPair, RsaKeyPair};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::SubjectPublicKeyInfo;

/// All of them, sorted.
const FINGERPRINTS: &[&str] = &[];

/// Whether a configured key stands in the public test vectors.
pub fn is_public(kind: KeyKind, content: &[u8]) -> bool {
    let fingerprint = match kind {
        KeyKind::SymmetricKey => Some(sha256(content)),
        KeyKind::SigningKey
        | KeyKind::SigningCertificate
        | KeyKind::VerifyKey
        | KeyKind::RootCertificate
        | KeyKind::IntermediateCertificate => std::str::from_utf8(content).ok().and_then(of_rsa),
    };
    fingerprint.is_some_and(|print| FINGERPRINTS.binary_search(&print.as_str()).is_ok())
}

/// The fingerprint of an RSA key or certificate in PEM or bare base64; `None` for anything else.
fn of_rsa(text: &str) -> Option<String> {
    let body = text.lines().filter(|line| !line.starts_with("-----")).flat_map(str::bytes);
    let compact = Secret::new(body.filter(|byte| !byte.is_ascii_whitespace()).collect());
    let der = Secret::new(STANDARD.decode(compact.expose()).ok()?);
    let der = der.expose();
    let private = RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der));
    if let Ok(pair) = private {
        return Some(sha256(pair.public_key().as_ref()));
    }
    if let Ok((_, certificate)) = X509Certificate::from_der(der) {
        return Some(sha256(&certificate.public_key().subject_public_key.data));
    }
    let (_, info) = SubjectPublicKeyInfo::from_der(der).ok()?;
    Some(sha256(&info.subject_public_key.data))
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    const VECTORS: [&str; 3] = [
        include_str!("../../../tests/vectors/alipay-vectors.json"),
        include_str!("../../../tests/vectors/wechatpay-vectors.json"),
        include_str!("../../../tests/vectors/unionpay-vectors.json"),
    ];

    fn texts(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) => found.push(text.clone()),
            Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
            Value::Object(members) => members.values().for_each(|member| texts(member, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    #[test]
    fn the_list_is_that_of_the_vectors() {
        let vectors: Vec<Value> = VECTORS.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        let mut found = Vec::new();
        vectors.iter().for_each(|file| texts(file, &mut found));
        let mut prints = BTreeSet::new();
        for text in &found {
            for block in text.split_inclusive("-----END").filter(|block| block.contains("-----BEGIN")) {
                let begin = block.find("-----BEGIN").unwrap();
                prints.extend(of_rsa(block[begin..].trim_end_matches("-----END")));
            }
        }
        let symmetric = [&vectors[1]["keys"]["apiv3_key"], &vectors[2]["symmetric_key"]["value"]];
        prints.extend(symmetric.map(|key| sha256(key.as_str().unwrap().as_bytes())));
        let listed: Vec<&str> = prints.iter().map(String::as_str).collect();
        assert_eq!(FINGERPRINTS, listed, "the list must be: {listed:#?}");
    }

    #[test]
    fn every_form_of_a_test_key_is_known() {
        let alipay: Value = serde_json::from_str(VECTORS[0]).unwrap();
        for (name, form) in alipay["keys"]["app"].as_object().unwrap() {
            let kind = if name.starts_with("private") { KeyKind::SigningKey } else { KeyKind::VerifyKey };
            assert!(is_public(kind, form.as_str().unwrap().as_bytes()), "{name}");
        }
        assert!(is_public(KeyKind::SymmetricKey, b"TEST-ONLY-apiv3-key-0123456789ab"));
        assert!(!is_public(KeyKind::SymmetricKey, b"an entirely different key of 32b"));
        assert!(!is_public(KeyKind::SigningKey, b"not a key"));
    }
}
