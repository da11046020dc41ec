//! What [`Settings`] switches, and requests that are turned away unread.

use http::Method;
use serde_json::json;

use super::*;
use crate::Refusal;
use crate::testing::{Shop, within};
use crate::wechatpay::{ErrorDetail, RateCode, Spelling};

#[tokio::test]
async fn f14_every_429_has_the_code_that_is_set() {
    for (rate_code, code) in [
        (RateCode::FrequencyLimited, "FREQUENCY_LIMITED"),
        (RateCode::RatelimitExceeded, "RATELIMIT_EXCEEDED"),
        (RateCode::RatelimitExceed, "RATELIMIT_EXCEED"),
        (RateCode::RateLimited, "RATE_LIMITED"),
        (RateCode::FrequencyLimitExceed, "FREQUENCY_LIMIT_EXCEED"),
    ] {
        let world = World::with(Settings { rate_code, refunds_paced: true, ..Settings::default() });
        let request = world.request(Method::GET, "/v3/certificates", "");
        let got = Got::of(world.rail.refuse(&request, Refusal::RateLimited));
        assert_eq!(got.verdict(), format!("429 {code}"));
        assert_eq!(got.header("Content-Type"), "application/json; charset=utf-8");
        world.paid("T00000001", 100).await;
        world.refund("T00000001", "R1", 1, 100).await;
        assert_eq!(world.refund("T00000001", "R2", 1, 100).await.verdict(), format!("429 {code}"));
        assert_eq!(serde_json::to_value(rate_code).unwrap(), code);
    }
    let world = World::open();
    let request = world.request(Method::GET, "/v3/certificates", "");
    let got = Got::of(world.rail.refuse(&request, Refusal::Maintenance));
    assert_eq!(got.verdict(), "503 SERVICE_UNAVAILABLE");
}

#[tokio::test]
async fn codes_have_either_generations_spelling() {
    for (spelling, unknown, paid) in [
        (Spelling::Current, "404 ORDER_NOT_EXIST", "400 ORDER_PAID"),
        (Spelling::Of2020, "404 ORDERNOTEXIST", "400 ORDERPAID"),
    ] {
        let world = World::with(Settings { spelling, ..Settings::default() });
        assert_eq!(world.query("T00000001").await.verdict(), unknown);
        world.paid("T00000001", 100).await;
        assert_eq!(world.native("T00000001", 100).await.verdict(), paid);
    }
}

#[tokio::test]
async fn mistakes_are_told_in_either_shape() {
    let message = "输入源“/body/amount/total”映射到数值字段“总金额”规则校验失败，值低于最小值 1";
    for (error_detail, wanted) in [
        (ErrorDetail::AsSeen, json!({"location": "body", "value": 0})),
        (
            ErrorDetail::AsDocumented,
            json!({"field": "/amount/total", "issue": message, "location": "body", "value": 0}),
        ),
    ] {
        let world = World::with(Settings { error_detail, ..Settings::default() });
        let got = world.native("T00000001", 0).await.json();
        assert_eq!((text(&got, "message"), &got["detail"]), (message, &wanted));
    }
}

#[tokio::test]
async fn refusals_of_the_merchants_requests_are_signed_unless_set_otherwise_and_those_of_strangers_never() {
    let world = World::open();
    let got = world.query("T00000001").await;
    assert_eq!(got.verdict(), "404 ORDER_NOT_EXIST");
    assert!(signed_by(&got.headers, &got.body, "platform_certificate"));
    assert_eq!(got.header("Wechatpay-Signature-Type"), "WECHATPAY2-SHA256-RSA2048");
    let mut stranger = world.request(Method::GET, "/v3/certificates", "");
    stranger.headers.remove("authorization");
    assert_eq!(world.send(stranger).await.header("Wechatpay-Signature"), "");
    let world = World::with(Settings { refusals_unsigned: true, ..Settings::default() });
    assert_eq!(world.query("T00000001").await.header("Wechatpay-Signature"), "");
}

#[tokio::test]
async fn codes_may_wait_with_200_or_not_be_offered_at_all() {
    let world = World::with(Settings { userpaying_as_200: true, ..Settings::default() });
    let code = world.code(CodeOutcome::PendingThenPays);
    let got = world.charge("T00000001", 100, &code).await;
    assert_eq!((got.status, text(&got.json(), "trade_state")), (200, "USERPAYING"));
    let world = World::with(Settings { codepay_missing: true, ..Settings::default() });
    let code = world.code(CodeOutcome::Pays);
    assert_eq!(world.charge("T00000001", 100, &code).await.verdict(), "403 NO_AUTH");
}

#[tokio::test]
async fn notifications_may_have_no_associated_data() {
    let shop = Shop::open(&[(200, "")]).await;
    let world = World::with(Settings { empty_associated_data: true, ..Settings::default() });
    let mut body = order("T00000001", 100);
    body["notify_url"] = json!(shop.url);
    world.post(NATIVE, &body).await;
    world.pay("T00000001").unwrap();
    within(world.bench.notifier.until(|all| all.first().is_some_and(|d| d.tries.len() == 1))).await;
    let seen = shop.seen().remove(0);
    let envelope: Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!(envelope["resource"]["associated_data"], "");
    assert_eq!(envelope["resource"]["original_type"], "transaction");
    assert_eq!(opened(&seen.body).1["trade_state"], "SUCCESS");
}

/// A merchant's own settings go before those that the rail was started with.
#[tokio::test]
async fn settings_may_stand_in_the_merchants_file() {
    let mut files = of_vectors();
    let mut about: Value = serde_json::from_str(&files["merchant.json"]).unwrap();
    about["settings"] = json!({"platform": "public_key_only"});
    files.insert("merchant.json".into(), about.to_string());
    let world = World::of(files.clone());
    let got = world.native("T00000001", 100).await;
    assert!(signed_by(&got.headers, &got.body, "wechatpay_public_key"));
    about["settings"] = json!({"platfrom": "public_key_only"});
    files.insert("merchant.json".into(), about.to_string());
    assert!(Keys::parse(&files).is_err(), "a typing mistake is not passed over");
}

#[test]
fn settings_are_read_from_text_and_unknown_ones_refused() {
    let read = |text: &str| serde_json::from_str::<Settings>(text);
    assert_eq!(read("{}").unwrap(), Settings::default());
    let some = read(r#"{"platform":"public_key_only","refunds_paced":true,"rate_code":"RATE_LIMITED"}"#);
    assert_eq!((some.unwrap().refunds_paced, read(r#"{"fees":1}"#).is_err()), (true, true));
}
