//! Keys that the rail hands out: believed with a chain or a seal, and only for their time.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::*;
use crate::FreshKey;

fn vectors(rail: &str) -> Value {
    let text = match rail {
        "alipay" => include_str!("../../../../tests/vectors/alipay-vectors.json"),
        _ => include_str!("../../../../tests/vectors/wechatpay-vectors.json"),
    };
    serde_json::from_str(text).unwrap()
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("{path}"))
}

fn now() -> Timestamp {
    "2027-01-01T00:00:00Z".parse().unwrap()
}

fn named(der: &[u8]) -> Option<String> {
    Some(format!("sn{}", der.len()))
}

fn alipay(root: &str) -> Keyring {
    let file = vectors("alipay");
    Keyring::builder()
        .signer_certificate(text(&file, "/certificates/app_cert_pem"))
        .and_then(|ring| ring.root(root))
        .and_then(|ring| ring.naming(named).build())
        .unwrap()
}

/// The root bundle holds roots of several kinds; a certificate leads to one of them or is not taken, and neither is our own.
#[test]
fn a_handed_out_certificate_needs_a_chain() {
    let file = vectors("alipay");
    let (bundle, cert) =
        (text(&file, "/certificates/root_bundle_pem"), text(&file, "/certificates/alipay_cert_pem"));
    let ring = alipay(bundle);
    assert_eq!(ring.root_ders().count(), bundle.matches("BEGIN CERTIFICATE").count());
    let key = ring.admit_certificate(cert, now()).unwrap();
    assert!(key.id.starts_with("sn") && key.not_after > Some(now()), "{key:?}");
    let late = key.not_after.unwrap() + SignedDuration::from_secs(1);
    assert!(ring.admit_certificate(cert, late).is_err(), "too late");
    assert!(ring.admit_certificate("rubbish", now()).is_err());
    let own = ring.admit_certificate(text(&file, "/certificates/app_cert_pem"), now());
    assert_eq!(own.unwrap_err(), NotGenuine::UntrustedCertificate("it is our own certificate"));
    // Another root of the same shape did not issue it.
    let wechat = vectors("wechatpay");
    let stranger = alipay(text(&wechat, "/keys/platform_certificate/certificate_pem"));
    assert!(stranger.admit_certificate(cert, now()).is_err());
}

/// WeChat Pay's list of certificates is verified with a certificate inside of it, because only the holder of the APIv3 key
/// can have sealed that.
#[test]
fn a_sealed_certificate_vouches_for_the_message_that_brought_it() {
    let file = vectors("wechatpay");
    let key = Secret::new(text(&file, "/keys/apiv3_key").into());
    let ring = Keyring::builder().symmetric(&key).unwrap().build().unwrap();
    let download = &file["certificates_download"];
    let body = text(download, "/body");
    let list: Value = serde_json::from_str(body).unwrap();
    let header = |name: &str| text(download, &format!("/headers/{name}")).to_owned();
    let message = format!("{}\n{}\n{body}\n", header("Wechatpay-Timestamp"), header("Wechatpay-Nonce"));
    let signature = STANDARD.decode(header("Wechatpay-Signature")).unwrap();
    let sealed = |entry: &Value, aad: &str| {
        let part = |name: &str| text(entry, &format!("/encrypt_certificate/{name}")).to_owned();
        let ciphertext = STANDARD.decode(part("ciphertext")).unwrap();
        ring.unseal_certificate(part("nonce").as_bytes(), aad.as_bytes(), &ciphertext)
    };
    let entries = list["data"].as_array().unwrap();
    let mut fresh = Vec::new();
    for entry in entries {
        let certificate = sealed(entry, "certificate").unwrap();
        assert_eq!(certificate.id(), text(entry, "/serial_no"));
        let genuine = ring.verify_sealed(&certificate, now(), message.as_bytes(), &signature);
        assert_eq!(genuine.is_ok(), certificate.id() == header("Wechatpay-Serial"), "{}", certificate.id());
        assert!(ring.verify_sealed(&certificate, now(), b"another message", &signature).is_err());
        assert!(ring.verify_sealed(&certificate, Timestamp::MIN, message.as_bytes(), &signature).is_err());
        if let Ok(genuine) = genuine {
            fresh.push(certificate.into_key(&genuine));
        }
    }
    assert!(sealed(&entries[0], "other").is_err(), "not sealed for this");

    let with = ring.with_fresh(&fresh, now()).unwrap();
    assert!(with.verify_by(&fresh[0].id, message.as_bytes(), &signature).is_ok());
    assert_eq!(
        ring.verify_by(&fresh[0].id, message.as_bytes(), &signature).map(drop),
        Err(NotGenuine::UnknownKey),
        "the ring before it is as it was"
    );
    let without = with.with_fresh(&[], now()).unwrap();
    assert_eq!(without.verifier_ids().count(), 0, "what the rail no longer lists is gone");
}

#[test]
fn fresh_keys_count_only_in_their_time_and_configured_ones_stay() {
    let file = vectors("alipay");
    let public = text(&file, "/keys/alipay/public_spki_pem");
    let ring = Keyring::builder().verifier(Some("configured"), public).unwrap().build().unwrap();
    let second = SignedDuration::from_secs(1);
    let key = |id: &str, from: Timestamp, until: Timestamp| FreshKey {
        id: id.into(),
        pem: public.into(),
        not_before: Some(from),
        not_after: Some(until),
    };
    let keys = [
        key("early", now() + second, now() + second + second),
        key("good", now(), now() + second),
        key("late", now() - second, now()),
    ];
    let with = ring.with_fresh(&keys, now()).unwrap();
    assert_eq!(with.verifier_ids().collect::<Vec<_>>(), ["configured", "good"]);
    let broken = FreshKey { pem: "rubbish".into(), ..key("broken", now(), now() + second) };
    assert!(with.with_fresh(&[broken], now()).is_err());
}
