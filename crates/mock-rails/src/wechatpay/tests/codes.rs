//! Payers' codes: charged at once, after a password, or not; and reversed.

use serde_json::json;

use super::*;
use crate::BillKind;

fn only(world: &World) -> (String, bool, u32, i64) {
    let entry = world.rail.book().remove(0);
    (entry.state, entry.paid, entry.charges, entry.refunded_fen)
}

#[tokio::test]
async fn a_code_is_charged_once_and_at_once() {
    let world = World::open();
    let code = world.code(CodeOutcome::Pays);
    assert!(code.len() == 18 && code.starts_with("13"));
    let got = world.charge("T00000001", 100, &code).await;
    assert_eq!(got.status, 200);
    assert!(signed_by(&got.headers, &got.body, "platform_certificate"));
    let body = got.json();
    assert_eq!((text(&body, "trade_state"), text(&body, "trade_type")), ("SUCCESS", "MICROPAY"));
    assert_eq!(body, world.query("T00000001").await.json(), "the same fields as a query");
    assert_eq!(world.charge("T00000001", 100, &code).await.verdict(), "400 ORDER_PAID");
    let used = world.charge("T00000002", 100, &code).await;
    assert_eq!((used.verdict().as_str(), used.message().contains("过期")), ("400 INVALID_REQUEST", true));
    assert_eq!(only(&world), ("SUCCESS".into(), true, 1, 0));
    assert_eq!(world.bench.notifier.deliveries(), [], "nothing is notified");
}

/// The answer to a waiting password is that of the vectors, and signed.
#[tokio::test]
async fn a_password_is_waited_for_and_decided_by_the_clock() {
    for (outcome, end, charges) in
        [(CodeOutcome::PendingThenPays, "SUCCESS", 1), (CodeOutcome::PendingThenDeclines, "PAYERROR", 0)]
    {
        let world = World::open();
        let code = world.code(outcome);
        let got = world.charge("T20260101000003", 100, &code).await;
        assert_eq!(got.status, 202);
        assert!(signed_by(&got.headers, &got.body, "platform_certificate"));
        let vector = vector_list("response_verification")
            .iter()
            .find(|it| it["name"] == "codepay-202-userpaying")
            .unwrap();
        assert_eq!(String::from_utf8(got.body).unwrap(), text(vector, "body"));
        assert_eq!(world.charge("T20260101000003", 100, &code).await.status, 202, "the same again");
        assert_eq!(world.charge("T20260101000003", 101, &code).await.verdict(), "400 INVALID_REQUEST");
        world.step(9);
        assert_eq!(world.state("T20260101000003").await, "USERPAYING");
        world.step(1);
        assert_eq!(world.state("T20260101000003").await, end);
        assert_eq!(only(&world).2, charges);
    }
}

#[tokio::test]
async fn the_payer_may_decide_earlier() {
    let target = || PayerTarget::OrderNo("T00000001".into());
    for (act, end) in [
        (PayerAct::Pay { target: target(), force: false }, "SUCCESS"),
        (PayerAct::Decline(target()), "PAYERROR"),
        (PayerAct::Scan(target()), "USERPAYING"),
    ] {
        let world = World::open();
        let code = world.code(CodeOutcome::PendingThenDeclines);
        assert_eq!(world.charge("T00000001", 100, &code).await.status, 202);
        assert_eq!(world.rail.payer(act).unwrap()["state"], end);
        world.step(10);
        let end = if end == "USERPAYING" { "PAYERROR" } else { end };
        assert_eq!(world.state("T00000001").await, end, "and it stays so");
    }
}

#[tokio::test]
async fn a_code_that_is_declined_unknown_or_old_charges_nobody() {
    let world = World::open();
    let declined = world.charge("T00000001", 100, &world.code(CodeOutcome::Declines)).await;
    assert_eq!(declined.verdict(), "403 TRADE_ERROR");
    assert_eq!(world.state("T00000001").await, "PAYERROR");
    let again = world.charge("T00000001", 100, &world.code(CodeOutcome::Pays)).await;
    assert_eq!(again.verdict(), "403 OUT_TRADE_NO_USED", "a new number is needed");
    let unknown = world.charge("T00000002", 100, "130061098828009406").await;
    assert_eq!(unknown.verdict(), "400 INVALID_REQUEST");
    let old = world.code(CodeOutcome::Pays);
    world.step(60);
    assert_eq!(world.charge("T00000002", 100, &old).await.verdict(), "400 INVALID_REQUEST");
    assert_eq!(world.rail.book().len(), 1);
    assert_eq!(only(&world), ("PAYERROR".into(), false, 0, 0));
}

#[tokio::test]
async fn codes_and_their_orders_are_checked_strictly() {
    let world = World::open();
    let code = world.code(CodeOutcome::Pays);
    for (pointer, value) in [
        ("/payer/auth_code", json!("160061098828009406")),
        ("/payer/auth_code", json!("13006109882800940")),
        ("/payer/auth_code", json!("13006109882800940x")),
        ("/payer/openid", json!("o")),
        ("/notify_url", json!("https://shop.example/n")),
        ("/scene_info", Value::Null),
        ("/scene_info/store_info", Value::Null),
        ("/scene_info/payer_client_ip", json!("1.2.3.4")),
        (
            "/detail",
            json!({"goods_detail": [{"merchant_goods_id": "g", "wechatpay_goods_id": "w", "quantity": 1, "unit_price": 1}]}),
        ),
        ("/time_expire", json!("2026-01-01T09:00:00+08:00")),
    ] {
        let mut body = code_order("T00000001", 100, &code);
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let object = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        if value.is_null() {
            object.remove(name);
        } else {
            object.insert(name.into(), value.clone());
        }
        assert_eq!(world.post(CODEPAY, &body).await.verdict(), "400 PARAM_ERROR", "{pointer} {value}");
    }
    let mut full = code_order("T00000001", 100, &code);
    full["detail"] = json!({"cost_price": 200, "goods_detail": [
        {"merchant_goods_id": "g", "wxpay_goods_id": "1001", "goods_name": "n", "quantity": 1, "unit_price": 100}
    ]});
    full["scene_info"] =
        json!({"device_id": "d", "device_ip": "::1", "store_info": {"id": "1", "out_id": "A"}});
    assert_eq!(world.post(CODEPAY, &full).await.status, 200);
}

#[tokio::test]
async fn f10_a_reversal_gives_back_what_was_paid_and_stops_what_was_not() {
    for (outcome, paid) in
        [(CodeOutcome::Pays, true), (CodeOutcome::PendingThenPays, false), (CodeOutcome::Declines, false)]
    {
        let world = World::open();
        world.charge("T00000001", 100, &world.code(outcome)).await;
        for _ in 0..2 {
            let got = world.reverse("T00000001").await;
            let wanted =
                json!({"appid": "wxd678efh567hg6787", "mchid": "1900000109", "out_trade_no": "T00000001"});
            assert_eq!((got.status, got.json()), (200, wanted));
            assert!(signed_by(&got.headers, &got.body, "platform_certificate"));
        }
        world.step(10);
        assert_eq!(only(&world), ("REVOKED".into(), paid, u32::from(paid), if paid { 100 } else { 0 }));
        let charged_again = world.charge("T00000001", 100, &world.code(CodeOutcome::Pays)).await;
        assert_eq!(charged_again.verdict(), "400 ORDER_CLOSED");
        let day = "2026-01-01".parse().unwrap();
        let kinds: Vec<BillKind> = world.rail.bill(day).unwrap().iter().map(|line| line.kind).collect();
        let wanted = if paid { vec![BillKind::Payment, BillKind::Reversal] } else { Vec::new() };
        assert_eq!(kinds, wanted);
        if paid {
            assert_eq!(world.refund("T00000001", "R1", 1, 100).await.verdict(), "400 INVALID_REQUEST");
            assert!(world.pay_late("T00000001").is_err(), "never charged twice");
        }
    }
}

#[tokio::test]
async fn only_charges_of_codes_are_reversed_and_they_are_not_closed() {
    let world = World::open();
    assert_eq!(world.reverse("T00000009").await.verdict(), "404 ORDER_NOT_EXIST");
    world.native("T00000001", 100).await;
    assert_eq!(world.reverse("T00000001").await.verdict(), "400 INVALID_REQUEST");
    world.charge("T00000002", 100, &world.code(CodeOutcome::Pays)).await;
    let closed = world.close("T00000002").await;
    assert_eq!(closed.verdict(), "400 INVALID_REQUEST");
    assert!(closed.header("Request-ID").ends_with("-268449641"));
    assert_eq!(world.refund("T00000002", "R1", 1, 100).await.status, 200);
    assert_eq!(world.reverse("T00000002").await.verdict(), "400 INVALID_REQUEST", "partly refunded");
}

#[tokio::test]
async fn f12_money_may_come_after_a_reversal_of_what_was_not_paid() {
    let world = World::open();
    world.charge("T00000001", 100, &world.code(CodeOutcome::PendingThenPays)).await;
    world.reverse("T00000001").await;
    assert_eq!(world.pay("T00000001"), Err(PayerError::NotPayable { state: "REVOKED".into() }));
    world.pay_late("T00000001").unwrap();
    assert_eq!(only(&world), ("SUCCESS".into(), true, 1, 0));
}
