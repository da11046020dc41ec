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
const FINGERPRINTS: &[&str] = &[
    "0bbba76793e55a33118dec9b56e5f8a970544663ce0fc8dcb59a9f83ddb5cbaf",
    "1d127d310b0929054ca0b4a0c0ea0b734248ebe9ec0e8f69d939b63f49ad4f00",
    "2d2e948e3b59110d4fcf6981fd555166efa9ab03d7b8e2dc34ff94bd5e6e23c7",
    "321a3572b381ddf1f290d2c9643f79317d9d0e97433ec92991aa0e2507bb273c",
    "3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9",
    "405dfb9ba7775e3e151e27aecb8770381d860af8ff105d22d3b59888a4d710af",
    "47e33eb03f76a07d0ccd213b216cbe7affe1190caafd89b2b1f553cff36aafb9",
    "60f3f1eb4ff7e645403587cdb6960e690fe962e17e19caf303b03415c8116fae",
    "696c460f5e32ecda082451b74a7c9bbc12479963d90884e1e6d0c9edc4ef0ad1",
    "6ab78551cf606d3cb66d2f509deffdd2f052a9a7fe445ad78328371f90b15aa9",
    "6fcf76eeced0c7e2371559c01d2dc4a57a816d1b79b5beac2a90498b7f8f6878",
    "71ee97550ab53b24aad7c8bbed510d3a8f7df6f8ca6f21d8b2de02f22b02ff54",
    "737cd2634027631afeb138842983cbac6e103b5140fdd98f74c1dee54328fc81",
    "898eb4642cda423b35b3a743273fb0a77e48a74f90bd87959832a989631d8ec4",
    "89f2876421da80d340a92821d5da4fed57012b71e681c2149ce157f943545ee5",
    "9bf03c76263a2dc9a7e836b6abe7c0fcf41dea528b0be82c2fdf44016168e5d2",
    "a1fcc145cac09d9a9b14c0cacdfb7c17912f7bba9ead5169392693e1d00e1d60",
    "c144d520293d33c6ccacca2409f99a522feeeb5bff02f8804a13491dd8014f9f",
    "cd2b7f9aba1be58db2d7393d9ebbc188bbaa543f13f4eeacec182246c36bb708",
    "d533f98e52d86f5d8868cde364f87551f2ecfef24d84799eb76c6e63aad9c968",
    "d9bd8e1dc008b2e50cd6b7f713eddafbd18dd1d1e7abdae31c80db0f26942a2b",
    "e4d08bb4308c0e37cf20ea8793a6ae48f680af2e7a5bc60a7d9d770610c9365b",
];

/// Whether a configured key stands in the public test vectors.
pub fn is_public(kind: KeyKind, content: &[u8]) -> bool {
    let fingerprint = match kind {
        KeyKind::SymmetricKey | KeyKind::ContentKey => Some(sha256(content)),
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
