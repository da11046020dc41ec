//! Files of a world of its own.

use super::*;
use crate::forge::Forge;
use crate::wechatpay::certificate::Certificate;
use crate::wechatpay::{forge, start_with};

#[tokio::test]
async fn a_made_world_works_and_its_ids_look_real() {
    let files = forge(&Forge::at(base())).unwrap();
    let about: Value = serde_json::from_str(&files["merchant.json"]).unwrap();
    let id = |name: &str| text(&about, name).to_owned();
    assert!(id("mchid").len() == 10 && id("appid").len() == 18 && id("public_key_id").len() == 45);
    assert_eq!(files["apiv3_key.txt"].len(), 32);
    for name in ["merchant_serial", "merchant_serial_next", "platform_serial", "platform_serial_next"] {
        let serial = id(name);
        assert!(serial.len() == 40 && !serial.starts_with('0'), "{name} {serial}");
        assert_eq!(serial, serial.to_uppercase());
    }
    let certificate = Certificate::parse(&files["platform_certificate.pem"]).unwrap();
    assert_eq!(certificate.serial, id("platform_serial"));
    assert!(certificate.from < base() && certificate.until > base() + SignedDuration::from_hours(365 * 24));

    let world = World::of(files.clone());
    let merchant = Signer::parse(&id("merchant_serial"), &files["merchant_private_key.pem"]).unwrap();
    let mchid = id("mchid");
    let got = world.send(world.request_of(&mchid, &merchant, Method::GET, "/v3/certificates", "")).await;
    assert_eq!(got.header("Wechatpay-Serial"), id("platform_serial"));
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, certificate.public_key);
    let head = format!("{}\n{}\n", got.header("Wechatpay-Timestamp"), got.header("Wechatpay-Nonce"));
    let message = [head.as_bytes(), &got.body, b"\n"].concat();
    let signature = BASE64.decode(got.header("Wechatpay-Signature")).unwrap();
    public.verify(&message, &signature).unwrap();
    assert_ne!(forge(&Forge::at(base())).unwrap()["merchant.json"], files["merchant.json"]);
}

#[test]
fn a_missing_or_broken_file_is_named() {
    for (file, text) in [
        ("merchant.json", "{}"),
        ("apiv3_key.txt", "short"),
        ("platform_certificate.pem", "x"),
        ("platform_next_private_key.pem", "x"),
        ("merchant_certificate.pem", "x"),
        ("wechatpay_private_key.pem", "x"),
    ] {
        let mut files = of_vectors();
        files.insert(file.to_owned(), text.to_owned());
        let error = Keys::parse(&files).err().unwrap().to_string();
        assert!(error.starts_with(file), "{error}");
        files.remove(file);
        assert!(Keys::parse(&files).is_err(), "{file}");
    }
}

#[tokio::test]
async fn the_vector_files_are_the_default() {
    let (bench, _worker) = Bench::new(Clock::standing_at(base()), "http://127.0.0.1:1");
    let rail = start_with(bench, Settings::default());
    let request = World::open().request(Method::GET, "/v3/certificates", "");
    assert_eq!(Got::of(rail.handle(request).await).status, 200);
}
