//! Requests, exact to the byte.

use expect_test::expect;
use paifang_payment::{Presentation, WalletName};
use paifang_rail::{Call, Keyring, Method, PlanError, Rail};

use super::support::*;
use crate::{WeChatPay, request};

/// Each vector's message under its own time and nonce, up to the whole `Authorization`.
#[test]
fn every_vector_is_signed_to_the_byte() {
    let cases = vectors("request_signing");
    assert_eq!(cases.len(), 13);
    for case in cases {
        let field = |name: &str| case[name].as_str().unwrap();
        let method = if field("method") == "GET" { Method::Get } else { Method::Post };
        let cx =
            paifang_rail::Context { nonce: field("nonce_str"), ..cx(field("timestamp").parse().unwrap()) };
        let body = field("body").as_bytes();
        let made = request::authorization(&settings(), method, field("target"), body, &cx).unwrap();
        assert_eq!(made, field("authorization"), "{}", field("name"));
    }
}

/// The usual mistakes give other signatures, which must not be ours.
#[test]
fn no_request_is_signed_by_mistake() {
    let cases = vectors("request_signing_must_fail");
    assert_eq!(cases.len(), 8);
    for case in cases {
        let meant =
            vectors("request_signing").iter().find(|request| request["name"] == case["request"]).unwrap();
        let field = |name: &str| meant[name].as_str().unwrap();
        let method = if field("method") == "GET" { Method::Get } else { Method::Post };
        let cx =
            paifang_rail::Context { nonce: field("nonce_str"), ..cx(field("timestamp").parse().unwrap()) };
        let body = field("body").as_bytes();
        let made = request::authorization(&settings(), method, field("target"), body, &cx).unwrap();
        assert!(!made.contains(case["signature"].as_str().unwrap()), "{}", case["name"]);
    }
}

/// Our own calls of the vectors' content give the vectors' target, body and signature.
#[test]
fn calls_give_the_vectors_own_requests() {
    let order = order(Presentation::QrShown);
    let refund = refund();
    let calls = [
        ("query-by-out-trade-no", Call::Query(&order)),
        ("close-post", Call::Close(&order)),
        ("refund-post", Call::Refund(&refund)),
        ("refund-query", Call::QueryRefund(&refund)),
    ];
    for (name, call) in calls {
        let case = vectors("request_signing").iter().find(|case| case["name"] == name).unwrap();
        let field = |name: &str| case[name].as_str().unwrap();
        let cx = paifang_rail::Context {
            nonce: field("nonce_str"),
            notify_url: "https://merchant.example/notify/refund",
            ..cx(field("timestamp").parse().unwrap())
        };
        let exchange = sent(account().plan(&call, &cx).unwrap());
        assert_eq!(exchange.method.as_str(), field("method"), "{name}");
        assert_eq!(exchange.url, format!("https://api.mch.weixin.qq.com{}", field("target")), "{name}");
        assert_eq!(std::str::from_utf8(&exchange.body), Ok(field("body")), "{name}");
        assert_eq!(exchange.headers[0], ("Authorization", field("authorization").to_owned()), "{name}");
        let names: Vec<_> = exchange.headers.iter().map(|(name, _)| *name).collect();
        let with_body = ["Authorization", "Accept", "User-Agent", "Content-Type"];
        assert_eq!(names, with_body[..if exchange.body.is_empty() { 3 } else { 4 }], "{name}");
    }
}

#[test]
fn a_native_order_holds_no_payer() {
    let exchange = sent(account().plan(&Call::Charge(&charge(Presentation::QrShown)), &cx(CLOCK)).unwrap());
    assert_eq!(exchange.url, "https://api.mch.weixin.qq.com/v3/pay/transactions/native");
    expect![[r#"{"appid":"wxd678efh567hg6787","mchid":"1900000109","description":"测试商品-QQ公仔","out_trade_no":"T20260101000001","time_expire":"2026-01-01T08:30:00+08:00","notify_url":"https://merchant.example/notify/pay","amount":{"total":100,"currency":"CNY"}}"#]]
    .assert_eq(std::str::from_utf8(&exchange.body).unwrap());
}

#[test]
fn a_jsapi_order_names_the_payer() {
    let mut charge = charge(Presentation::Jsapi);
    charge.client_ip = Some("203.0.113.7".parse().unwrap()).into();
    let exchange = sent(account().plan(&Call::Charge(&charge), &cx(CLOCK)).unwrap());
    assert_eq!(exchange.url, "https://api.mch.weixin.qq.com/v3/pay/transactions/jsapi");
    expect![[r#"{"appid":"wxd678efh567hg6787","mchid":"1900000109","description":"测试商品-QQ公仔","out_trade_no":"T20260101000001","time_expire":"2026-01-01T08:30:00+08:00","notify_url":"https://merchant.example/notify/pay","amount":{"total":100,"currency":"CNY"},"payer":{"openid":"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},"scene_info":{"payer_client_ip":"203.0.113.7"}}"#]]
    .assert_eq(std::str::from_utf8(&exchange.body).unwrap());
    charge.payer = Default::default();
    let refused = account().plan(&Call::Charge(&charge), &cx(CLOCK));
    assert!(matches!(refused, Err(PlanError::BadValue { field: "payer", .. })), "{refused:?}");
}

/// A repeat may come later: only the signature's time changes, the order does not.
#[test]
fn a_repeat_is_the_same_order() {
    let charge = charge(Presentation::QrShown);
    let plan = |at| sent(account().plan(&Call::Charge(&charge), &cx(at)).unwrap());
    assert_eq!(plan(CLOCK), plan(CLOCK));
    assert_eq!(plan(CLOCK).body, plan(CLOCK + 90).body);
    assert_ne!(plan(CLOCK).headers, plan(CLOCK + 90).headers);
}

#[test]
fn the_public_key_is_asked_for_and_the_serial_may_be_configured() {
    let mut settings = settings();
    settings.public_key_id = Some(text("/keys/wechatpay_public_key/id").into());
    settings.merchant_serial = Some("00AA".into());
    settings.endpoint = "http://127.0.0.1:8080".into();
    let account = WeChatPay::configure(settings).unwrap();
    let exchange = sent(account.plan(&Call::Query(&order(Presentation::QrShown)), &cx(CLOCK)).unwrap());
    assert!(exchange.url.starts_with("http://127.0.0.1:8080/v3/pay/transactions/out-trade-no/"));
    assert!(exchange.headers[0].1.ends_with(",serial_no=\"00AA\""));
    let serial = ("Wechatpay-Serial", text("/keys/wechatpay_public_key/id").to_owned());
    assert!(exchange.headers.contains(&serial));
}

/// A long Chinese description is cut to whole characters, never refused and never split.
#[test]
fn long_texts_are_cut_to_the_rails_bytes() {
    assert_eq!(request::cut("茶", 2), "");
    assert_eq!(request::cut("茶茶", 5), "茶");
    assert_eq!(request::cut("ab茶", 5), "ab茶");
    let mut long = charge(Presentation::QrShown);
    long.description = "茶".repeat(127).into();
    let Ok(paifang_rail::Plan::Send(exchange)) = account().plan(&Call::Charge(&long), &cx(CLOCK)) else {
        panic!("it is planned")
    };
    let body: serde_json::Value = serde_json::from_slice(&exchange.body).unwrap();
    assert_eq!(body["description"].as_str().unwrap().len(), 126);
}

#[test]
fn what_the_rail_cannot_take_is_never_sent() {
    let account = account();
    let plan = |call: Call<'_>| account.plan(&call, &cx(CLOCK)).map(drop);
    let mut emoji = charge(Presentation::QrShown);
    emoji.description = "coffee ☕ 🎉".into();
    let field = |result: Result<(), PlanError>| match result {
        Err(PlanError::BadValue { field, .. }) => field,
        Err(PlanError::Unsupported(what)) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(field(plan(Call::Charge(&emoji))), "description");
    let mut yen = charge(Presentation::QrShown);
    yen.order.amount =
        paifang_money::PositiveMoney::new(100, paifang_money::Currency::parse("JPY").unwrap()).unwrap();
    assert_eq!(field(plan(Call::Charge(&yen))), "amount");
    let limit = account.descriptor().amount_max;
    let mut most = charge(Presentation::QrShown);
    most.order.amount = yuan(limit);
    assert_eq!(plan(Call::Charge(&most)), Ok(()));
    most.order.amount = yuan(limit + 1);
    assert_eq!(field(plan(Call::Charge(&most))), "amount");
    let mut other = charge(Presentation::QrShown);
    other.wallet = WalletName::parse("alipay").unwrap();
    assert_eq!(field(plan(Call::Charge(&other))), "a charge of another wallet than wechatpay");
    let web = charge(Presentation::DesktopWeb);
    assert_eq!(field(plan(Call::Charge(&web))), "a charge by this presentation");
    let mut hold = charge(Presentation::QrShown);
    hold.order.kind = paifang_rail::OrderKind::Hold;
    assert_eq!(field(plan(Call::Charge(&hold))), "hold");
    let no_store = "a payer's code without a store in the account's settings";
    assert_eq!(field(plan(Call::Charge(&scanned()))), no_store);
    assert_eq!(field(plan(Call::Reverse(&reversal()))), "a reverse without payers' codes");
    assert_eq!(field(plan(Call::QueryReverse(&reversal()))), "a reverse without payers' codes");
    let query_in_url = paifang_rail::Context { notify_url: "https://a.example/n?x=1", ..cx(CLOCK) };
    let result = account.plan(&Call::Charge(&charge(Presentation::QrShown)), &query_in_url).map(drop);
    assert_eq!(field(result), "notify_url");
}

#[test]
fn a_missing_key_is_named() {
    let empty = Keyring::builder().build().unwrap();
    let order = order(Presentation::QrShown);
    let plan = |settings| {
        let cx = paifang_rail::Context { keys: &empty, ..cx(CLOCK) };
        WeChatPay::configure(settings).unwrap().plan(&Call::Query(&order), &cx).map(drop)
    };
    assert_eq!(plan(settings()), Err(PlanError::MissingKey("merchant_certificate")));
    let serial = crate::Settings { merchant_serial: Some("00AA".into()), ..settings() };
    assert_eq!(plan(serial), Err(PlanError::MissingKey("merchant_private_key")));
}
