//! Orders from creation to their end, the payer's acts, and the keys that sign.

use serde_json::json;

use super::*;

fn qr(got: &Got) -> PayerTarget {
    PayerTarget::Qr(text(&got.json(), "code_url").to_owned())
}

fn prepay_id(got: &Got) -> PayerTarget {
    PayerTarget::PrepayId(text(&got.json(), "prepay_id").to_owned())
}

fn pay(target: PayerTarget) -> PayerAct {
    PayerAct::Pay { target, force: false }
}

fn not_payable(state: &str) -> PayerError {
    PayerError::NotPayable { state: state.to_owned() }
}

/// State, payments and charges of the only order.
fn only(world: &World) -> (String, bool, u32) {
    let book = world.rail.book();
    assert_eq!(book.len(), 1);
    (book[0].state.clone(), book[0].paid, book[0].charges)
}

#[tokio::test]
async fn a_native_order_is_scanned_paid_and_queried() {
    let world = World::open();
    let placed = world.native("T00000001", 100).await;
    assert!(text(&placed.json(), "code_url").starts_with("weixin://wxpay/bizpayurl?pr="));
    let unpaid = world.query("T00000001").await.json();
    let wanted = json!({
        "amount": {"currency": "CNY", "payer_currency": "CNY", "total": 100},
        "appid": "wxd678efh567hg6787", "attach": "", "mchid": "1900000109", "out_trade_no": "T00000001",
        "promotion_detail": [], "trade_state": "NOTPAY", "trade_state_desc": "订单未支付",
    });
    assert_eq!(unpaid, wanted);
    let seen = world.rail.payer(PayerAct::Scan(qr(&placed))).unwrap();
    assert_eq!((&seen["state"], &seen["total_fen"]), (&json!("NOTPAY"), &json!(100)));
    let paid = world.rail.payer(pay(qr(&placed))).unwrap();
    let transaction_id = text(&paid, "transaction_id");
    let queried = world.query("T00000001").await;
    assert_eq!(queried.json()["transaction_id"], transaction_id);
    let by_id = world.get(&format!("/v3/pay/transactions/id/{transaction_id}?mchid=1900000109")).await;
    assert_eq!(by_id.json(), queried.json());
    assert_eq!(only(&world), ("SUCCESS".into(), true, 1));
}

#[tokio::test]
async fn i1_a_repeat_replaces_the_code_and_never_charges_twice() {
    let world = World::open();
    let (first, second) = (world.native("T00000001", 100).await, world.native("T00000001", 100).await);
    assert_ne!(first.body, second.body, "a fresh code");
    assert_eq!(world.rail.payer(pay(qr(&first))), Err(PayerError::NoSuchOrder), "the earlier one is void");
    world.rail.payer(pay(qr(&second))).unwrap();
    assert_eq!(world.rail.payer(pay(qr(&second))), Err(not_payable("SUCCESS")));
    assert_eq!(world.pay_late("T00000001"), Err(not_payable("SUCCESS")), "not by force either");
    assert_eq!(world.native("T00000001", 100).await.verdict(), "400 ORDER_PAID");
    assert_eq!(only(&world), ("SUCCESS".into(), true, 1));
}

#[tokio::test]
async fn jsapi_prepay_ids_live_beside_each_other_for_two_hours() {
    let world = World::open();
    let first = world.post(JSAPI, &jsapi_order("T00000001", 100)).await;
    world.step(3600);
    let second = world.post(JSAPI, &jsapi_order("T00000001", 100)).await;
    world.step(3600);
    assert_eq!(world.rail.payer(PayerAct::Scan(prepay_id(&first))), Err(PayerError::NoSuchOrder));
    world.rail.payer(pay(prepay_id(&second))).unwrap();
    let queried = world.query("T00000001").await.json();
    assert_eq!(
        (&queried["trade_type"], &queried["payer"]["openid"]),
        (&json!("JSAPI"), &json!("oJsapiPayer"))
    );
}

#[tokio::test]
async fn declining_leaves_the_order_unpaid() {
    let world = World::open();
    let placed = world.native("T00000001", 100).await;
    assert_eq!(world.rail.payer(PayerAct::Decline(qr(&placed))).unwrap()["state"], "NOTPAY");
    assert_eq!(only(&world), ("NOTPAY".into(), false, 0));
    world.rail.payer(pay(qr(&placed))).unwrap();
}

#[tokio::test]
async fn closing_is_repeatable_signed_and_final_for_the_payer() {
    let world = World::open();
    let placed = world.native("T00000001", 100).await;
    for _ in 0..2 {
        let got = world.close("T00000001").await;
        assert_eq!((got.status, got.body.len()), (204, 0));
        assert!(signed_by(&got.headers, b"", "platform_certificate"));
    }
    assert_eq!(world.rail.payer(pay(qr(&placed))), Err(not_payable("CLOSED")));
    assert_eq!(world.native("T00000001", 100).await.verdict(), "400 ORDER_CLOSED");
    assert_eq!(world.state("T00000001").await, "CLOSED");
}

#[tokio::test]
async fn f11_a_paid_order_cannot_be_closed() {
    let world = World::open();
    world.paid("T00000001", 100).await;
    assert_eq!(world.close("T00000001").await.verdict(), "400 ORDER_PAID");
    assert_eq!(world.state("T00000001").await, "SUCCESS");
}

#[tokio::test]
async fn closing_an_unknown_number_uses_it_up() {
    let world = World::open();
    assert_eq!(world.close("T00000001").await.status, 204);
    assert_eq!(world.native("T00000001", 100).await.verdict(), "400 INVALID_REQUEST");
    assert_eq!(world.query("T00000001").await.verdict(), "404 ORDER_NOT_EXIST");
    assert_eq!(world.rail.book(), []);
}

#[tokio::test]
async fn f12_money_that_comes_late_is_taken_once() {
    let world = World::open();
    world.native("T00000001", 100).await;
    world.close("T00000001").await;
    world.pay_late("T00000001").unwrap();
    assert_eq!(world.state("T00000001").await, "SUCCESS");
    assert_eq!(world.pay_late("T00000001"), Err(not_payable("SUCCESS")));
    assert_eq!(only(&world), ("SUCCESS".into(), true, 1));
    assert_eq!(world.pay_late("T00000002"), Err(PayerError::NoSuchOrder));
}

#[tokio::test]
async fn orders_end_at_their_time() {
    // (time_expire, unpaid after so many seconds, closed after so many)
    for (expire, before, after) in [
        (None, 7 * 86_400 - 1, 7 * 86_400),
        (Some("2026-01-01T08:30:00+08:00"), 1799, 1800),
        (Some("2026-01-01T08:00:05+08:00"), 59, 60),
        (Some("2020-01-01T08:00:05+08:00"), 59, 60),
        (Some("2027-01-01T08:00:00+08:00"), 7 * 86_400 - 1, 7 * 86_400),
    ] {
        let world = World::open();
        let mut body = order("T00000001", 100);
        if let Some(expire) = expire {
            body["time_expire"] = json!(expire);
        }
        assert_eq!(world.post(NATIVE, &body).await.status, 200);
        world.step(before);
        assert_eq!(world.state("T00000001").await, "NOTPAY", "{expire:?}");
        world.step(after - before);
        assert_eq!(only(&world).0, "CLOSED", "{expire:?}");
        assert_eq!(world.pay("T00000001"), Err(not_payable("CLOSED")));
    }
}

#[tokio::test]
async fn unknown_orders_are_absent() {
    let world = World::open();
    assert_eq!(world.query("T00000001").await.verdict(), "404 ORDER_NOT_EXIST");
    let by_id = world.get("/v3/pay/transactions/id/4200000000202601010000000001?mchid=1900000109").await;
    assert_eq!(by_id.verdict(), "404 ORDER_NOT_EXIST");
    assert_eq!(world.query("T001").await.verdict(), "400 PARAM_ERROR");
}

#[tokio::test]
async fn what_was_sent_along_comes_back() {
    let world = World::open();
    let mut body = order("T00000001", 100);
    body["attach"] = json!("附加");
    body["scene_info"] = json!({"payer_client_ip": "203.0.113.7", "device_id": "till-1"});
    assert_eq!(world.post(NATIVE, &body).await.status, 200);
    let queried = world.query("T00000001").await.json();
    assert_eq!(
        (&queried["attach"], &queried["scene_info"]),
        (&json!("附加"), &json!({"device_id": "till-1"}))
    );
}

#[tokio::test]
async fn answers_have_the_headers_of_a_real_one() {
    let world = World::open();
    let got = world.native("T00000001", 100).await;
    for (name, value) in [
        ("Server", "nginx"),
        ("Content-Type", "application/json; charset=utf-8"),
        ("Cache-Control", "no-cache, must-revalidate"),
        ("X-Content-Type-Options", "nosniff"),
        ("Content-Language", "zh-CN"),
    ] {
        assert_eq!(got.header(name), value);
    }
    assert_eq!(got.header("Wechatpay-Nonce").len(), 32);
    let other = world.native("T00000001", 100).await;
    assert_ne!(got.header("Wechatpay-Nonce"), other.header("Wechatpay-Nonce"));
    assert_eq!(got.header("Request-ID").len(), 36);
}
