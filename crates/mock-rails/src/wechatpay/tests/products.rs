//! Orders for apps and mobile pages, payer's codes and their reverse, abnormal refunds, rotation, books.

use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PublicEncryptingKey};

use super::*;
use crate::wechatpay::{Codepay, forge, of_vectors};
use crate::{CodeOutcome, KeyStep, Step};

const CODEPAY: &str = "/v3/pay/transactions/codepay";

fn codepay(order_no: &str, fen: i64, code: &str) -> Value {
    let mut body = order(order_no, fen);
    body.as_object_mut().unwrap().remove("notify_url");
    body["payer"] = json!({ "auth_code": code });
    body["scene_info"] = json!({ "store_info": { "out_id": "till 1" } });
    body
}

fn code(world: &World, outcome: CodeOutcome) -> String {
    let issued = world.rail.payer(PayerAct::IssueCode(outcome)).unwrap();
    text(&issued, "code").to_owned()
}

#[tokio::test]
async fn apps_and_mobile_pages_order_by_prepay_id() {
    let world = World::open();
    let app = world.post("/v3/pay/transactions/app", &order("APP0001", 100)).await.json();
    assert!(text(&app, "prepay_id").starts_with("wx"));
    let mut body = order("H50001", 100);
    assert_eq!(world.post("/v3/pay/transactions/h5", &body).await.verdict(), "400 PARAM_ERROR");
    body["scene_info"] = json!({ "payer_client_ip": "203.0.113.9", "h5_info": { "type": "Wap" } });
    let h5 = world.post("/v3/pay/transactions/h5", &body).await.json();
    let url = text(&h5, "h5_url").to_owned();
    let id = url.split("prepay_id=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    for (order_no, id, kind) in
        [("APP0001", text(&app, "prepay_id").to_owned(), "APP"), ("H50001", id, "MWEB")]
    {
        world.rail.payer(PayerAct::Pay { target: PayerTarget::PrepayId(id), force: false }).unwrap();
        let seen = world.query(order_no).await.json();
        assert_eq!((text(&seen, "trade_state"), text(&seen, "trade_type")), ("SUCCESS", kind));
    }
}

#[tokio::test]
async fn a_payers_code_is_charged_once_and_taken_back() {
    let world = World::open();
    let auth = code(&world, CodeOutcome::Pays);
    assert_eq!(auth.len(), 18);
    let got = world.post(CODEPAY, &codepay("CODE0001", 250, &auth)).await;
    assert_eq!((got.status, text(&got.json(), "trade_state").to_owned()), (200, "SUCCESS".to_owned()));
    assert_eq!(world.post(CODEPAY, &codepay("CODE0001", 250, &auth)).await.verdict(), "400 ORDER_PAID");
    assert_eq!(
        world.post(CODEPAY, &codepay("CODE0002", 250, &auth)).await.verdict(),
        "400 INVALID_REQUEST",
        "used"
    );
    assert_eq!(
        world.post(CODEPAY, &codepay("CODE0002", 250, "130000000000000000")).await.verdict(),
        "400 INVALID_REQUEST"
    );
    assert_eq!(world.close("CODE0001").await.verdict(), "400 INVALID_REQUEST", "only a reverse");
    assert!(world.bench.notifier.deliveries().is_empty(), "payer's codes are never notified");

    let body = json!({ "appid": order("x", 1)["appid"], "mchid": "1900000109" });
    let reverse = "/v3/pay/transactions/out-trade-no/CODE0001/reverse";
    for _ in 0..2 {
        assert_eq!(world.post(reverse, &body).await.status, 200);
    }
    assert_eq!(text(&world.query("CODE0001").await.json(), "trade_state"), "REVOKED");
    let entry = world.rail.book().remove(0);
    assert_eq!((entry.paid, entry.charges, entry.refunded_fen), (true, 1, 250));
    let unknown = "/v3/pay/transactions/out-trade-no/CODE0009/reverse";
    assert_eq!(world.post(unknown, &body).await.verdict(), "404 ORDER_NOT_EXIST");
}

#[tokio::test]
async fn a_password_takes_a_while_and_is_a_202() {
    let world = World::open();
    for (order_no, outcome, end) in [
        ("PASS0001", CodeOutcome::PendingThenPays, "SUCCESS"),
        ("PASS0002", CodeOutcome::PendingThenDeclines, "PAYERROR"),
    ] {
        let auth = code(&world, outcome);
        let got = world.post(CODEPAY, &codepay(order_no, 250, &auth)).await;
        assert_eq!((got.status, text(&got.json(), "trade_state").to_owned()), (202, "USERPAYING".to_owned()));
        assert_ne!(got.header("Wechatpay-Signature"), "", "a 202 is signed");
        let again = world.post(CODEPAY, &codepay(order_no, 250, &auth)).await;
        assert_eq!(again.status, 202, "the same charge again is the same charge");
        world.step(crate::magic::THINKING_S);
        assert_eq!(text(&world.query(order_no).await.json(), "trade_state"), end);
    }
    let auth = code(&world, CodeOutcome::Declines);
    assert_eq!(world.post(CODEPAY, &codepay("PASS0003", 1, &auth)).await.verdict(), "403 TRADE_ERROR");
    let lacking = World::with(Settings { codepay: Codepay::Missing, ..Settings::default() });
    let auth = code(&lacking, CodeOutcome::Pays);
    assert_eq!(lacking.post(CODEPAY, &codepay("PASS0004", 1, &auth)).await.verdict(), "403 NO_AUTH");
}

fn sealed(plain: &str) -> String {
    let der = der_of_pem(&of_vectors()["wechatpay_public_key.pem"]).unwrap();
    let key = OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(&der).unwrap()).unwrap();
    let mut sealed = vec![0; key.ciphertext_size()];
    let sealed = key.encrypt(&OAEP_SHA1_MGF1SHA1, plain.as_bytes(), &mut sealed, None).unwrap();
    BASE64.encode(sealed)
}

#[tokio::test]
async fn an_abnormal_refund_goes_another_way() {
    let world = World::open();
    world.paid("ABN0001", 500).await;
    world.bench.faults.arm(Some("refund"), crate::faults::Fault::BusinessCode("ABNORMAL".into()), 1);
    let refund = world.post(REFUNDS, &refund("ABN0001", "R1", 200, 500)).await.json();
    world.step(3);
    let target = format!("{REFUNDS}/{}/apply-abnormal-refund", text(&refund, "refund_id"));
    let mut body = json!({ "out_refund_no": "R1", "type": "USER_BANK_CARD", "bank_type": "ICBC_DEBIT",
        "bank_account": sealed("6222020200112233445"), "real_name": sealed("张三") });
    let key_id = of_vectors()["merchant.json"].clone();
    let key_id: Value = serde_json::from_str(&key_id).unwrap();
    let with = |body: &Value, serial: Option<&str>| {
        let mut request = world.request(Method::POST, &target, &body.to_string());
        if let Some(serial) = serial {
            request.headers.insert("wechatpay-serial", HeaderValue::from_str(serial).unwrap());
        }
        let rail = world.rail.clone();
        async move { Got::of(rail.handle(request).await) }
    };
    assert_eq!(with(&body, None).await.verdict(), "400 PARAM_ERROR");
    assert_eq!(with(&body, Some("PUB_KEY_ID_0")).await.verdict(), "400 PARAM_ERROR");
    let key_id = text(&key_id, "public_key_id");
    body["real_name"] = "张三".into();
    assert_eq!(with(&body, Some(key_id)).await.verdict(), "400 PARAM_ERROR", "not sealed");
    body["real_name"] = sealed("张三").into();
    let got = with(&body, Some(key_id)).await;
    assert_eq!(
        (got.status, text(&got.json(), "status").to_owned()),
        (200, "PROCESSING".to_owned()),
        "{}",
        got.json()
    );
    world.step(3);
    let seen = world.get(&format!("{REFUNDS}/R1")).await.json();
    assert_eq!((text(&seen, "status"), text(&seen, "channel")), ("SUCCESS", "OTHER_BANKCARD"));
    assert_eq!(with(&body, Some(key_id)).await.verdict(), "400 INVALID_REQUEST", "no longer abnormal");
}

/// Announced, both are listed; switched, the next one signs; retired, the first is gone.
#[tokio::test]
async fn the_platform_certificate_rotates_in_steps() {
    let world = World::open();
    let listed = |world: &World| {
        let rail = world.rail.clone();
        let request = world.request(Method::GET, "/v3/certificates", "");
        async move { Got::of(rail.handle(request).await) }
    };
    let serials = |got: &Got| -> Vec<String> {
        got.json()["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| text(entry, "serial_no").to_owned())
            .collect()
    };
    let first = serials(&listed(&world).await);
    assert_eq!(first.len(), 1);
    assert!(world.rail.keys(KeyStep::Rail(Step::Switch)).is_err(), "in order");
    world.rail.keys(KeyStep::Rail(Step::Announce)).unwrap();
    let both = listed(&world).await;
    assert_eq!((serials(&both).len(), both.header("Wechatpay-Serial").to_owned()), (2, first[0].clone()));
    world.rail.keys(KeyStep::Rail(Step::Switch)).unwrap();
    let next = listed(&world).await.header("Wechatpay-Serial").to_owned();
    assert_ne!(next, first[0]);
    world.rail.keys(KeyStep::Rail(Step::Retire)).unwrap();
    assert_eq!(serials(&listed(&world).await), [next]);
    assert!(world.rail.keys(KeyStep::Merchant(Step::Announce)).is_err(), "the vectors have no next merchant");
}

/// In a world of its own the merchant changes its certificate too.
#[tokio::test]
async fn the_merchants_certificate_rotates_in_a_world_of_its_own() {
    let files = forge(&crate::forge::Forge::at(base())).unwrap();
    let (mut bench, worker) = Bench::new(Clock::standing_at(base()), "http://127.0.0.1:1");
    bench.files = Arc::new(files.clone());
    let rail = WechatPay::new(bench.clone(), Settings::default()).unwrap();
    let account: Value = serde_json::from_str(&files["merchant.json"]).unwrap();
    let ask = |file: &str, serial: &str| {
        let signer = Signer::parse(text(&account, serial), &files[file]).unwrap();
        let target = format!("/v3/pay/transactions/out-trade-no/NONE01?mchid={}", text(&account, "mchid"));
        let signature = signer.sign(format!("GET\n{target}\n{BASE}\nN\n\n").as_bytes());
        let value = format!(
            "WECHATPAY2-SHA256-RSA2048 mchid=\"{}\",nonce_str=\"N\",signature=\"{signature}\",timestamp=\"{BASE}\",serial_no=\"{}\"",
            text(&account, "mchid"),
            signer.serial
        );
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_str(&value).unwrap());
        let request = RailRequest { method: Method::GET, target, headers, body: Default::default() };
        let rail = rail.clone();
        async move { Got::of(rail.handle(request).await).status }
    };
    let (first, next) = (
        ("merchant_private_key.pem", "merchant_serial"),
        ("merchant_next_private_key.pem", "merchant_serial_next"),
    );
    assert_eq!((ask(first.0, first.1).await, ask(next.0, next.1).await), (404, 401));
    rail.keys(KeyStep::Merchant(Step::Announce)).unwrap();
    assert_eq!((ask(first.0, first.1).await, ask(next.0, next.1).await), (404, 404));
    rail.keys(KeyStep::Merchant(Step::Retire)).unwrap();
    assert_eq!((ask(first.0, first.1).await, ask(next.0, next.1).await), (401, 404));
    drop(worker);
}

/// The book is the same after a restart: orders, refunds under way, codes that wait, notices that nobody took.
#[tokio::test]
async fn the_book_survives_a_restart() {
    let world = World::open();
    world.paid("BOOK0001", 500).await;
    world.post(NATIVE, &order("BOOK0002", 700)).await;
    world.post(REFUNDS, &refund("BOOK0001", "R1", 200, 500)).await;
    let auth = code(&world, CodeOutcome::PendingThenPays);
    world.post(CODEPAY, &codepay("BOOK0003", 250, &auth)).await;
    let saved = world.rail.save();
    let again = World::open();
    again.rail.load(saved.clone()).unwrap();
    assert_eq!(again.rail.book(), world.rail.book());
    assert_eq!(again.rail.orders(), world.rail.orders());
    assert_eq!(again.bench.notifier.deliveries().len(), 1, "the payment was never acknowledged");
    again.step(crate::magic::THINKING_S);
    assert_eq!(text(&again.get(&format!("{REFUNDS}/R1")).await.json(), "status"), "SUCCESS");
    assert_eq!(text(&again.query("BOOK0003").await.json(), "trade_state"), "SUCCESS");
    assert!(again.rail.load(json!({ "trades": 1 })).is_err());
    again.rail.load(Value::Null).unwrap();
}
