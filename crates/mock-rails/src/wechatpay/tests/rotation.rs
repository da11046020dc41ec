//! Which key signs, through rotations of both sides and in every mode.

use http::Method;

use super::*;
use crate::testing::{Shop, within};
use crate::wechatpay::{GreyRelease, Platform, forge};
use crate::{KeyStep, Step};

const CERTIFICATE: &str = "platform_certificate";
const NEXT: &str = "platform_certificate_next";
const PUBLIC: &str = "wechatpay_public_key";

/// A world whose rail has taken these steps.
fn turned(settings: Settings, steps: &[Step]) -> World {
    let world = World::with(settings);
    for step in steps {
        world.rail.keys(KeyStep::Rail(*step)).unwrap();
    }
    world
}

async fn signed_with(world: &World, serial: Option<&str>, key: &str) -> bool {
    let mut request = world.request(Method::POST, NATIVE, &order("T00000001", 100).to_string());
    if let Some(serial) = serial {
        request.headers.insert("Wechatpay-Serial", serial.try_into().unwrap());
    }
    let got = world.send(request).await;
    assert_eq!(got.header("Wechatpay-Timestamp"), BASE.to_string());
    signed_by(&got.headers, &got.body, key)
}

#[tokio::test]
async fn every_success_is_signed_by_the_key_that_the_request_names() {
    use Platform::{Both, BothPublicKeyFirst, CertificatesOnly, PublicKeyOnly};
    use Step::{Announce, Retire, Switch};
    let merchant = Merchant::of_vectors();
    let (public, current, next) =
        (merchant.public_key.0, merchant.platform_certificate.0, merchant.platform_certificate_next.0);
    let lower = next.to_lowercase();
    for (platform, steps, serial, key) in [
        (Both, &[][..], None, CERTIFICATE),
        (Both, &[], Some(public), PUBLIC),
        (Both, &[], Some(next), CERTIFICATE),
        (Both, &[], Some("PUB_KEY_ID_unknown"), CERTIFICATE),
        (Both, &[Announce], None, CERTIFICATE),
        (Both, &[Announce], Some(lower.as_str()), NEXT),
        (Both, &[Announce, Switch], None, NEXT),
        (Both, &[Announce, Switch], Some(current), CERTIFICATE),
        (Both, &[Announce, Switch, Retire], Some(current), NEXT),
        (BothPublicKeyFirst, &[], None, PUBLIC),
        (BothPublicKeyFirst, &[], Some(current), CERTIFICATE),
        (CertificatesOnly, &[], Some(public), CERTIFICATE),
        (PublicKeyOnly, &[], None, PUBLIC),
        (PublicKeyOnly, &[], Some(current), PUBLIC),
    ] {
        let world = turned(Settings { platform, ..Settings::default() }, steps);
        assert!(signed_with(&world, serial, key).await, "{platform:?} {steps:?} {serial:?}");
    }
}

#[tokio::test]
async fn f15_certificates_are_listed_as_they_rotate_and_open_with_the_api_key() {
    let world = World::open();
    for (step, listed, key) in [
        (None, &[CERTIFICATE][..], CERTIFICATE),
        (Some(Step::Announce), &[CERTIFICATE, NEXT], CERTIFICATE),
        (Some(Step::Switch), &[CERTIFICATE, NEXT], NEXT),
        (Some(Step::Retire), &[NEXT], NEXT),
    ] {
        if let Some(step) = step {
            let told = world.rail.keys(KeyStep::Rail(step)).unwrap();
            assert_eq!(told["serial"], vectors::wechatpay()["keys"][key]["serial_no"]);
        }
        let got = world.get("/v3/certificates").await;
        assert!(signed_by(&got.headers, &got.body, key), "{step:?}");
        let body = got.json();
        let entries = body["data"].as_array().unwrap();
        assert_eq!(entries.len(), listed.len());
        for (entry, name) in entries.iter().zip(listed) {
            let sealed = &entry["encrypt_certificate"];
            let pem =
                unseal(text(sealed, "nonce"), text(sealed, "associated_data"), text(sealed, "ciphertext"));
            let material = &vectors::wechatpay()["keys"][name];
            assert_eq!(pem.unwrap(), text(material, "certificate_pem").as_bytes());
            assert_eq!(entry["serial_no"], material["serial_no"]);
            assert_eq!(entry["expire_time"], "2050-01-01T07:59:59+08:00");
        }
        assert_ne!(got.body, world.get("/v3/certificates").await.body, "sealed anew");
    }
    let over = world.rail.keys(KeyStep::Rail(Step::Announce));
    assert_eq!(over, Err(PayerError::NotPayable { state: "retired".into() }));
}

#[tokio::test]
async fn without_a_certificate_there_is_nothing_to_list() {
    let world = World::with(Settings { platform: Platform::PublicKeyOnly, ..Settings::default() });
    assert_eq!(world.get("/v3/certificates").await.verdict(), "404 RESOURCE_NOT_EXISTS");
    let world = World::open();
    for (query, verdict) in [
        ("algorithm_type=RSA", "200"),
        ("algorithm_type=ALL", "200"),
        ("algorithm_type=SM2", "404 RESOURCE_NOT_EXISTS"),
        ("algorithm_type=DSA", "400 PARAM_ERROR"),
    ] {
        assert_eq!(world.get(&format!("/v3/certificates?{query}")).await.verdict(), verdict, "{query}");
    }
}

/// A key that the order named and that is gone by the time of the notification no longer signs it.
#[tokio::test]
async fn notifications_follow_a_rotation() {
    let shop = Shop::open(&[(500, ""), (200, "")]).await;
    let world = World::open();
    let mut body = order("T00000001", 100);
    body["notify_url"] = json!(shop.url);
    assert_eq!(world.post(NATIVE, &body).await.status, 200);
    world.pay("T00000001").unwrap();
    within(world.bench.notifier.until(|all| all.first().is_some_and(|d| d.tries.len() == 1))).await;
    for step in [Step::Announce, Step::Switch, Step::Retire] {
        world.rail.keys(KeyStep::Rail(step)).unwrap();
    }
    world.step(15);
    within(world.bench.notifier.until(|all| all.first().is_some_and(|d| d.tries.len() == 2))).await;
    let seen = shop.seen();
    assert!(signed_by(&seen[0].headers, &seen[0].body, CERTIFICATE));
    assert!(signed_by(&seen[1].headers, &seen[1].body, NEXT));
}

/// While a merchant is moved to the public key, either key signs, whatever the order named; the seed decides.
#[test]
fn a_grey_release_draws_its_share() {
    let ring = keyring();
    let drawn = |percent| {
        ring.set(Settings { grey_release: Some(GreyRelease { percent, seed: 7 }), ..Settings::default() });
        let public = |n: &u32| ring.signing_notice(None, &format!("paid {n}")) == key("PublicKey");
        (0..1_000_u32).filter(public).collect::<Vec<_>>()
    };
    assert_eq!((drawn(0).len(), drawn(100).len()), (0, 1_000));
    let some = drawn(20);
    assert!((150..250).contains(&some.len()), "{}", some.len());
    assert_eq!(drawn(20), some, "the same seed, the same lot");
    let more = drawn(50);
    assert!(some.iter().all(|n| more.contains(n)), "who was moved stays moved");
    ring.set(Settings {
        platform: Platform::CertificatesOnly,
        grey_release: Some(GreyRelease { percent: 100, seed: 7 }),
        ..Settings::default()
    });
    assert_eq!(ring.signing_notice(None, "paid 1"), key("Certificate"), "no public key, no release");
}

fn key(name: &str) -> crate::wechatpay::keys::KeyChoice {
    use crate::wechatpay::keys::KeyChoice::{Certificate, NextCertificate, PublicKey};
    [Certificate, NextCertificate, PublicKey].into_iter().find(|it| format!("{it:?}") == name).unwrap()
}

/// The merchant's own certificate: announced beside the present one, then alone.
#[tokio::test]
async fn a_merchant_changes_its_certificate_while_traffic_flows() {
    let files = forge(&crate::forge::Forge::at(base())).unwrap();
    let world = World::of(files.clone());
    let about: Value = serde_json::from_str(&files["merchant.json"]).unwrap();
    let signer = |serial: &str, file: &str| Signer::parse(text(&about, serial), &files[file]).unwrap();
    let (present, next) = (
        signer("merchant_serial", "merchant_private_key.pem"),
        signer("merchant_serial_next", "merchant_next_private_key.pem"),
    );
    let mchid = text(&about, "mchid");
    let verdict = async |signer: &Signer| {
        world.send(world.request_of(mchid, signer, Method::GET, "/v3/certificates", "")).await.verdict()
    };
    for (step, by_present, by_next) in [
        (None, "200", "401 SIGN_ERROR"),
        (Some(Step::Announce), "200", "200"),
        (Some(Step::Switch), "200", "200"),
        (Some(Step::Retire), "401 SIGN_ERROR", "200"),
    ] {
        if let Some(step) = step {
            world.rail.keys(KeyStep::Merchant(step)).unwrap();
        }
        assert_eq!(verdict(&present).await, by_present, "{step:?}");
        assert_eq!(verdict(&next).await, by_next, "{step:?}");
    }
    let again = world.rail.keys(KeyStep::Merchant(Step::Retire));
    assert_eq!(again, Err(PayerError::NotPayable { state: "retired".into() }));
    let without = World::open().rail.keys(KeyStep::Merchant(Step::Announce));
    assert_eq!(without, Err(PayerError::Unsupported), "the test merchant has no next certificate");
}
