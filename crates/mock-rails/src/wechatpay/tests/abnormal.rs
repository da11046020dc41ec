//! Refunds that could not arrive, and the encrypted fields that send them elsewhere.

use http::Method;
use serde_json::json;

use super::*;
use crate::faults::Fault;
use crate::testing::{Shop, within};
use crate::wechatpay::keys::KeyChoice;

fn oaep(name: &str) -> &'static Value {
    vector_list("oaep").iter().find(|it| it["name"] == name).unwrap()
}

/// A world with an abnormal refund `R1` of 30 of 100 fen; its number at the rail.
async fn stuck(notify_url: Option<&str>) -> (World, String) {
    let world = World::open();
    world.paid("T00000001", 100).await;
    world.bench.faults.arm(Some("refund"), Fault::BusinessCode("ABNORMAL".into()), 1);
    let mut body = refund("T00000001", "R1", 30, 100);
    if let Some(url) = notify_url {
        body["notify_url"] = json!(url);
    }
    let refund_id = text(&world.post(REFUNDS, &body).await.json(), "refund_id").to_owned();
    world.step(3);
    assert_eq!(world.query_refund("R1").await.json()["status"], "ABNORMAL");
    (world, refund_id)
}

fn to_users_card() -> Value {
    json!({
        "out_refund_no": "R1", "type": "USER_BANK_CARD", "bank_type": "CMB_DEBIT",
        "bank_account": oaep("bank-account-platform-cert")["ciphertext"],
        "real_name": oaep("name-platform-cert")["ciphertext"],
    })
}

async fn divert(world: &World, refund_id: &str, body: &Value, serial: Option<&str>) -> Got {
    let target = format!("{REFUNDS}/{refund_id}/apply-abnormal-refund");
    let mut request = world.request(Method::POST, &target, &body.to_string());
    if let Some(serial) = serial {
        request.headers.insert("Wechatpay-Serial", serial.try_into().unwrap());
    }
    world.send(request).await
}

#[test]
fn sensitive_fields_of_the_vectors_open() {
    let ring = keyring();
    for vector in vector_list("oaep") {
        let opened = match text(vector, "encrypt_with") {
            "wechatpay_public_key" => ring.keys.open(KeyChoice::PublicKey, text(vector, "ciphertext")),
            "platform_certificate" => ring.keys.open(KeyChoice::Certificate, text(vector, "ciphertext")),
            // For the merchant, who opens it with the same rule.
            "merchant" => {
                let mut files = of_vectors();
                let merchant = files["merchant_private_key.pem"].clone();
                files.insert("wechatpay_private_key.pem".into(), merchant);
                Keys::parse(&files).unwrap().open(KeyChoice::PublicKey, text(vector, "ciphertext"))
            }
            other => panic!("{other}"),
        };
        assert_eq!(opened.as_deref(), vector["plaintext"].as_str(), "{}", vector["name"]);
        let other = ring.keys.open(KeyChoice::NextCertificate, text(vector, "ciphertext"));
        assert_eq!(other, None, "{}", vector["name"]);
    }
}

#[tokio::test]
async fn f18_a_stuck_refund_goes_to_a_card_and_is_told_again() {
    let shop = Shop::open(&[(200, "")]).await;
    let (world, refund_id) = stuck(Some(&shop.url)).await;
    let serial = Merchant::of_vectors().platform_certificate.0;
    for _ in 0..2 {
        let got = divert(&world, &refund_id, &to_users_card(), Some(serial)).await;
        assert!(signed_by(&got.headers, &got.body, "platform_certificate"));
        let body = got.json();
        assert_eq!((text(&body, "status"), text(&body, "channel")), ("PROCESSING", "OTHER_BANKCARD"));
        assert_eq!(text(&body, "user_received_account"), "招商银行借记卡0000");
        assert_eq!(body.get("success_time"), None);
    }
    world.step(3);
    let told = |all: &[crate::notifier::Delivery]| all.len() == 3 && all.iter().all(|d| !d.tries.is_empty());
    within(world.bench.notifier.until(told)).await;
    let events: Vec<String> = shop.seen().iter().map(|it| opened(&it.body).0).collect();
    assert_eq!(events, ["REFUND.ABNORMAL", "REFUND.SUCCESS"]);
    let done = world.query_refund("R1").await.json();
    assert_eq!((text(&done, "status"), text(&done, "refund_id")), ("SUCCESS", refund_id.as_str()));
    assert_eq!(world.rail.book()[0].refunded_fen, 30);
    let repeat = divert(&world, &refund_id, &to_users_card(), Some(serial)).await;
    assert_eq!(repeat.json(), done, "after a lost answer the same request is no mistake");
}

#[tokio::test]
async fn the_key_must_be_named_and_be_the_one_that_was_used() {
    let (world, refund_id) = stuck(None).await;
    let merchant = Merchant::of_vectors();
    let lower = merchant.platform_certificate.0.to_lowercase();
    for (serial, message) in [
        (None, "HTTP header缺少微信支付平台证书序列号(Wechatpay-Serial)"),
        (Some("5F2C"), "平台证书序列号Wechatpay-Serial错误"),
        (Some(merchant.platform_certificate_next.0), "平台证书序列号Wechatpay-Serial错误"),
        (Some(merchant.public_key.0), "输入源“/body/bank_account”映射到值字段“收款银行卡号”敏感信息解密失败"),
    ] {
        let got = divert(&world, &refund_id, &to_users_card(), serial).await;
        assert_eq!((got.verdict().as_str(), got.message().as_str()), ("400 PARAM_ERROR", message));
    }
    let got = divert(&world, &refund_id, &to_users_card(), Some(&lower)).await;
    assert_eq!(got.verdict(), "200", "hex without regard to case");
}

#[tokio::test]
async fn what_sends_a_refund_elsewhere_is_checked() {
    let (world, refund_id) = stuck(None).await;
    let serial = Some(Merchant::of_vectors().platform_certificate.0);
    for (field, value) in [
        ("bank_type", json!("CMB_CREDIT")),
        ("bank_type", Value::Null),
        ("bank_account", Value::Null),
        ("bank_account", json!("6222020000000000000")),
        ("bank_account", oaep("name-platform-cert")["ciphertext"].clone()),
        ("real_name", Value::Null),
        ("real_name", json!("")),
        ("type", json!("CASH")),
        ("mchid", json!("1900000109")),
    ] {
        let mut body = to_users_card();
        body[field] = value.clone();
        if value.is_null() {
            body.as_object_mut().unwrap().remove(field);
        }
        let got = divert(&world, &refund_id, &body, serial).await;
        assert_eq!(got.verdict(), "400 PARAM_ERROR", "{field} {value}");
        assert!(!got.message().contains("6222"), "no account number in a message");
    }
    let other = json!({"out_refund_no": "R2", "type": "MERCHANT_BANK_CARD"});
    assert_eq!(divert(&world, &refund_id, &other, serial).await.verdict(), "400 INVALID_REQUEST");
    assert_eq!(divert(&world, "50", &to_users_card(), serial).await.verdict(), "404 RESOURCE_NOT_EXISTS");
    let ours = json!({"out_refund_no": "R1", "type": "MERCHANT_BANK_CARD"});
    assert_eq!(divert(&world, &refund_id, &ours, serial).await.json()["status"], "PROCESSING");
}

#[tokio::test]
async fn only_stuck_refunds_go_elsewhere() {
    let world = World::open();
    world.paid("T00000001", 100).await;
    let refund_id = text(&world.refund("T00000001", "R1", 30, 100).await.json(), "refund_id").to_owned();
    let serial = Some(Merchant::of_vectors().platform_certificate.0);
    for _ in 0..2 {
        let got = divert(&world, &refund_id, &to_users_card(), serial).await;
        assert_eq!(got.verdict(), "400 INVALID_REQUEST");
        world.step(3);
    }
}
