//! Each fault of the framework on this rail.

use serde_json::json;

use super::*;
use crate::faults::Fault;

/// What a client sees, and whether the order was made.
async fn order_under(fault: Fault) -> (Option<Got>, bool) {
    let world = World::open();
    world.bench.faults.arm(Some("charge"), fault, 1);
    let request = world.request(http::Method::POST, NATIVE, &order("T00000001", 100).to_string());
    let got = match world.rail.handle(request).await {
        RailReply::Dropped => None,
        answer @ RailReply::Answer { .. } => Some(Got::of(answer)),
    };
    (got, !world.rail.book().is_empty())
}

#[tokio::test]
async fn f01_f02_lost_messages() {
    let (got, made) = order_under(Fault::RequestLost).await;
    assert_eq!((got.is_none(), made), (true, false));
    let (got, made) = order_under(Fault::AnswerLost).await;
    assert_eq!((got.is_none(), made), (true, true));
}

#[tokio::test]
async fn f02_the_same_request_after_a_lost_answer_makes_no_second_order() {
    let world = World::open();
    world.bench.faults.arm(Some("charge"), Fault::AnswerLost, 1);
    let body = order("T00000001", 100).to_string();
    let lost = world.rail.handle(world.request(http::Method::POST, NATIVE, &body)).await;
    assert!(matches!(lost, RailReply::Dropped));
    assert_eq!(world.native("T00000001", 100).await.status, 200);
    assert_eq!(world.rail.book().len(), 1);
}

#[tokio::test]
async fn f17_the_same_refund_after_a_lost_answer_moves_no_more_money() {
    let world = World::open();
    world.paid("T00000001", 100).await;
    world.bench.faults.arm(Some("refund"), Fault::AnswerLost, 1);
    let body = refund("T00000001", "R1", 30, 100).to_string();
    let lost = world.rail.handle(world.request(http::Method::POST, REFUNDS, &body)).await;
    assert!(matches!(lost, RailReply::Dropped));
    assert_eq!(world.refund("T00000001", "R1", 30, 100).await.status, 200);
    world.step(3);
    let entry = world.rail.book().remove(0);
    assert_eq!((entry.refunded_fen, entry.refunds.len()), (30, 1));
}

#[tokio::test]
async fn f07_errors_before_and_after_the_effect() {
    for (fault, status, made) in [
        (Fault::Status(500), 500, false),
        (Fault::Status(429), 429, false),
        (Fault::StatusAfter(502), 502, true),
        (Fault::Late { by_ms: 1 }, 200, true),
        (Fault::GarbageBody, 200, true),
    ] {
        let (got, was_made) = order_under(fault.clone()).await;
        let got = got.unwrap();
        assert_eq!((got.status, was_made), (status, made), "{fault:?}");
        let is_json = serde_json::from_slice::<Value>(&got.body).is_ok();
        assert_eq!(is_json, fault == Fault::Late { by_ms: 1 }, "{fault:?}");
    }
}

#[tokio::test]
async fn f08_answers_with_a_probe_or_without_a_signature() {
    let (got, made) = order_under(Fault::WrongSignature).await;
    let got = got.unwrap();
    assert!(made && got.status == 200);
    assert!(got.header("Wechatpay-Signature").starts_with("WECHATPAY/SIGNTEST/"));
    assert!(!signed_by(&got.headers, &got.body, "platform_certificate"));
    let (got, made) = order_under(Fault::Unsigned).await;
    let got = got.unwrap();
    assert!(made && got.status == 200);
    assert!(got.headers.keys().all(|name| !name.as_str().starts_with("wechatpay")));
}

#[tokio::test]
async fn business_codes_come_with_their_status_and_without_effect() {
    for (code, status) in [
        ("SYSTEM_ERROR", 500),
        ("BANK_ERROR", 500),
        ("FREQUENCY_LIMITED", 429),
        ("RATELIMIT_EXCEEDED", 429),
        ("RATELIMIT_EXCEED", 429),
        ("RATE_LIMITED", 429),
        ("FREQUENCY_LIMIT_EXCEED", 429),
        ("NO_AUTH", 403),
        ("RULE_LIMIT", 403),
        ("TRADE_ERROR", 403),
        ("ACCOUNT_ERROR", 403),
        ("OUT_TRADE_NO_USED", 403),
        ("MCH_NOT_EXISTS", 400),
        ("ORDERPAID", 400),
        ("SERVICE_UNAVAILABLE", 503),
    ] {
        let (got, made) = order_under(Fault::BusinessCode(code.into())).await;
        assert_eq!((got.unwrap().verdict(), made), (format!("{status} {code}"), false));
    }
}

#[tokio::test]
async fn merchant_short_of_money_is_a_refusal_that_can_be_repeated() {
    let world = World::open();
    world.paid("T00000001", 100).await;
    world.bench.faults.arm(Some("refund"), Fault::BusinessCode("NOT_ENOUGH".into()), 1);
    assert_eq!(world.refund("T00000001", "R1", 100, 100).await.verdict(), "403 NOT_ENOUGH");
    assert_eq!(world.refund("T00000001", "R1", 100, 100).await.json()["status"], json!("PROCESSING"));
}

#[tokio::test]
async fn a_fault_waits_for_its_own_operation() {
    let world = World::open();
    for operation in ["query", "close", "refund_query"] {
        world.bench.faults.arm(Some(operation), Fault::Status(500), 1);
    }
    world.paid("T00000001", 100).await;
    assert_eq!(world.refund("T00000001", "R1", 1, 100).await.status, 200);
    assert_eq!(world.query("T00000001").await.status, 500);
    assert_eq!(world.close("T00000001").await.status, 500);
    assert_eq!(world.query_refund("R1").await.status, 500);
    assert_eq!(world.query_refund("R1").await.status, 200);
}
