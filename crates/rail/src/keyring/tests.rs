//! The key ring against the committed vectors: genuine things are believed, everything else is not.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::*;

fn vectors(rail: &str) -> Value {
    let text = match rail {
        "alipay" => include_str!("../../../../tests/vectors/alipay-vectors.json"),
        "unionpay" => include_str!("../../../../tests/vectors/unionpay-vectors.json"),
        _ => include_str!("../../../../tests/vectors/wechatpay-vectors.json"),
    };
    serde_json::from_str(text).unwrap()
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("{path}"))
}

#[test]
fn a_private_key_is_read_in_every_form_that_consoles_offer() {
    let keys = vectors("alipay");
    let mut signatures = Vec::new();
    for form in ["private_pkcs8_pem", "private_pkcs1_pem", "private_pkcs8_base64", "private_pkcs1_base64"] {
        let key = Secret::new(text(&keys, &format!("/keys/app/{form}")).into());
        signatures.push(Keyring::builder().signer(&key).unwrap().build().unwrap().sign(b"hello").unwrap());
    }
    signatures.dedup();
    assert_eq!(signatures.len(), 1);
    assert!(Keyring::builder().signer(&Secret::new(b"rubbish".to_vec())).is_err());
}

#[test]
fn only_the_named_key_verifies_and_only_the_very_message() {
    let keys = vectors("alipay");
    let key = Secret::new(text(&keys, "/keys/alipay/private_pkcs8_pem").into());
    let signature = Keyring::builder().signer(&key).unwrap().build().unwrap().sign(b"hello").unwrap();
    let ring = Keyring::builder()
        .verifier(Some("alipay"), text(&keys, "/keys/alipay/public_spki_base64"))
        .and_then(|ring| ring.verifier(Some("app"), text(&keys, "/keys/app/public_spki_pem")))
        .and_then(KeyringBuilder::build)
        .unwrap();
    assert_eq!(
        ring.verify(b"hello", &signature).map(|proof| proof.key_serial().to_owned()),
        Ok("alipay".into())
    );
    assert_eq!(ring.verify_by("alipay", b"hello", &signature).map(drop), Ok(()));
    assert_eq!(ring.verify_by("app", b"hello", &signature).map(drop), Err(NotGenuine::WrongSignature));
    assert_eq!(ring.verify_by("other", b"hello", &signature).map(drop), Err(NotGenuine::UnknownKey));
    assert_eq!(ring.verify(b"hellp", &signature).map(drop), Err(NotGenuine::WrongSignature));
    assert_eq!(ring.verify(b"hello", &[]).map(drop), Err(NotGenuine::WrongSignature));
}

#[test]
fn a_certificate_in_a_message_needs_chain_name_and_date() {
    let vectors = vectors("unionpay");
    let certificate = |name: &str| text(&vectors, &format!("/certificates/{name}/cert_pem")).to_owned();
    let ring = Keyring::builder()
        .root(&certificate("root"))
        .and_then(|ring| ring.intermediate(&certificate("middle")))
        .map(|ring| {
            ring.certificate_rule(CertificateRule {
                separator: '@',
                part: 2,
                owners: vec!["中国银联股份有限公司".into()],
            })
        })
        .and_then(KeyringBuilder::build)
        .unwrap();
    let now: jiff::Timestamp = "2026-11-21T04:00:00Z".parse().unwrap();
    let check = |name: &str| {
        let key = Secret::new(text(&vectors, &format!("/certificates/{name}/private_key_pem")).into());
        let signature = Keyring::builder().signer(&key).unwrap().build().unwrap().sign(b"hello").unwrap();
        ring.verify_certified(&certificate(name), now, b"hello", &signature).map(drop)
    };
    assert_eq!(check("upsign"), Ok(()));
    for (name, why) in [
        ("upsign_test", "its owner is not the rail"),
        ("wrongcn", "its owner is not the rail"),
        ("expired", "not valid at this time"),
        ("badleaf", "no chain to the configured root"),
        ("merchant", "its owner is not the rail"),
    ] {
        assert_eq!(check(name), Err(NotGenuine::UntrustedCertificate(why)), "{name}");
    }
}

#[test]
fn serials_are_those_that_the_rails_print() {
    let wechat = vectors("wechatpay");
    let ring = Keyring::builder().signer_certificate(text(&wechat, "/keys/merchant/certificate_pem"));
    let ring = ring.and_then(KeyringBuilder::build).unwrap();
    assert_eq!(ring.signer_serial_hex(), Some(text(&wechat, "/keys/merchant/serial_no")));
    let union = vectors("unionpay");
    let ring = Keyring::builder().signer_certificate(text(&union, "/certificates/merchant/cert_pem"));
    let ring = ring.and_then(KeyringBuilder::build).unwrap();
    assert_eq!(ring.signer_serial_decimal(), Some(text(&union, "/certificates/merchant/serial_decimal")));
}

/// F58: a wrong tag, nonce length or associated data never opens.
#[test]
fn contents_open_only_with_tag_nonce_and_associated_data() {
    let wechat = vectors("wechatpay");
    let key = Secret::new(text(&wechat, "/keys/apiv3_key").into());
    let ring = Keyring::builder().symmetric(&key).and_then(KeyringBuilder::build).unwrap();
    let mut seen = (0, 0);
    for case in wechat["aead"].as_array().unwrap() {
        let field = |name: &str| case[name].as_str().unwrap_or_default();
        let ciphertext = STANDARD.decode(field("ciphertext")).unwrap();
        let opened = ring.open(field("nonce").as_bytes(), field("associated_data").as_bytes(), &ciphertext);
        if case["valid"].as_bool().unwrap_or(true) {
            seen.0 += 1;
            assert_eq!(opened.unwrap(), field("plaintext").as_bytes(), "{case}");
            for odd in [11, 13] {
                assert!(ring.open(&vec![b'x'; odd], b"", &ciphertext).is_err());
            }
        } else {
            seen.1 += 1;
            assert_eq!(opened, Err(KeyError::Undecryptable), "{case}");
        }
    }
    assert!(seen.0 > 0 && seen.1 > 0, "{seen:?}");
    assert!(Keyring::builder().symmetric(&Secret::new(vec![1; 31])).is_err());
}
