//! Refunds: accepted first, finished later, never twice, never too much.

use serde_json::json;

use super::*;
use crate::faults::Fault;
use crate::wechatpay::Settings;

fn refunded(world: &World) -> (i64, Vec<(String, i64, String)>) {
    let entry = world.rail.book().remove(0);
    let refunds = entry.refunds.into_iter().map(|it| (it.refund_no, it.fen, it.state)).collect();
    (entry.refunded_fen, refunds)
}

#[tokio::test]
async fn a_refund_is_processing_first_and_succeeds_a_little_later() {
    let world = World::open();
    world.paid("T00000001", 100).await;
    let got = world.refund("T00000001", "R1", 30, 100).await;
    let body = got.json();
    assert!(signed_by(&got.headers, &got.body, "platform_certificate"));
    assert_eq!((&body["status"], &body["amount"]["refund"]), (&json!("PROCESSING"), &json!(30)));
    assert!(body.get("success_time").is_none());
    assert_eq!(world.state("T00000001").await, "REFUND");
    assert_eq!(refunded(&world), (0, vec![("R1".into(), 30, "PROCESSING".into())]));
    world.step(2);
    assert_eq!(world.query_refund("R1").await.json()["status"], "PROCESSING");
    world.step(1);
    let done = world.query_refund("R1").await.json();
    assert_eq!(done["status"], "SUCCESS");
    assert_eq!(done["success_time"], "2026-01-01T08:00:03+08:00");
    assert_eq!(done["refund_id"], body["refund_id"]);
    assert_eq!(refunded(&world), (30, vec![("R1".into(), 30, "SUCCESS".into())]));
    assert_eq!(world.query_refund("R2").await.verdict(), "404 RESOURCE_NOT_EXISTS");
}

#[tokio::test]
async fn f17_the_same_number_refunds_once_and_a_changed_one_not_at_all() {
    let world = World::open();
    world.paid("T00000001", 100).await;
    world.paid("T00000002", 100).await;
    let first = world.refund("T00000001", "R1", 30, 100).await.json();
    assert_eq!(world.refund("T00000001", "R1", 30, 100).await.json(), first);
    let mut by_id = refund("", "R1", 30, 100);
    by_id.as_object_mut().unwrap().remove("out_trade_no");
    by_id["transaction_id"] = first["transaction_id"].clone();
    assert_eq!(world.post(REFUNDS, &by_id).await.json(), first, "named by the other number");
    for (what, got) in [
        ("amount", world.refund("T00000001", "R1", 31, 100).await),
        ("total", world.refund("T00000001", "R1", 30, 99).await),
        ("order", world.refund("T00000002", "R1", 30, 100).await),
        ("unknown order", world.refund("T00000003", "R1", 30, 100).await),
    ] {
        assert_eq!(got.verdict(), "400 INVALID_REQUEST", "{what}");
        assert_eq!(got.message(), "订单金额或退款金额与之前请求不一致，请核实后再试", "{what}");
    }
    world.step(3);
    assert_eq!(refunded(&world), (30, vec![("R1".into(), 30, "SUCCESS".into())]));
}

#[tokio::test]
async fn i6_refunds_never_exceed_what_was_paid() {
    let world = World::open();
    world.paid("T00000001", 100).await;
    for (refund_no, fen, total, verdict) in [
        ("R1", 101, 100, "400 INVALID_REQUEST"),
        ("R1", i64::MAX, 100, "400 INVALID_REQUEST"),
        ("R1", 50, 101, "400 INVALID_REQUEST"),
        ("R1", 0, 100, "400 PARAM_ERROR"),
        ("R1", 60, 100, "200"),
        ("R2", 41, 100, "400 INVALID_REQUEST"),
        ("R2", 40, 100, "200"),
        ("R3", 1, 100, "400 INVALID_REQUEST"),
    ] {
        let got = world.refund("T00000001", refund_no, fen, total).await;
        assert_eq!(got.verdict(), verdict, "{refund_no} {fen}");
    }
    assert_eq!(world.refund("T00000001", "R3", 1, 100).await.message(), "订单已全额退款");
    world.step(3);
    assert_eq!(refunded(&world).0, 100);
}

#[tokio::test]
async fn only_paid_orders_are_refunded_and_both_numbers_must_agree() {
    let world = World::open();
    world.native("T00000001", 100).await;
    assert_eq!(world.refund("T00000001", "R1", 1, 100).await.verdict(), "404 RESOURCE_NOT_EXISTS");
    assert_eq!(world.refund("T00000002", "R1", 1, 100).await.verdict(), "404 RESOURCE_NOT_EXISTS");
    world.paid("T00000003", 100).await;
    let paid = world.pay("T00000001").unwrap();
    let mut both = refund("T00000003", "R1", 1, 100);
    both["transaction_id"] = paid["transaction_id"].clone();
    assert_eq!(world.post(REFUNDS, &both).await.verdict(), "404 RESOURCE_NOT_EXISTS");
    both["out_trade_no"] = json!("T00000001");
    assert_eq!(world.post(REFUNDS, &both).await.verdict(), "200");
}

#[tokio::test]
async fn refund_bodies_are_checked_strictly() {
    let world = World::open();
    world.paid("T00000001", 100).await;
    for (pointer, value) in [
        ("/sub_mchid", json!("1")),
        ("/mchid", json!("1900000109")),
        ("/out_trade_no", Value::Null),
        ("/out_refund_no", json!("R 1")),
        ("/out_refund_no", json!("R".repeat(65))),
        ("/reason", json!("字".repeat(27))),
        ("/notify_url", json!("shop.example")),
        ("/funds_account", json!("MINE")),
        ("/amount/currency", Value::Null),
        ("/amount/currency", json!("USD")),
        ("/amount/from", json!([{"account": "MINE", "amount": 1}])),
    ] {
        let mut body = refund("T00000001", "R1", 1, 100);
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let object = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        if value.is_null() {
            object.remove(name);
        } else {
            object.insert(name.into(), value.clone());
        }
        assert_eq!(world.post(REFUNDS, &body).await.verdict(), "400 PARAM_ERROR", "{pointer} {value}");
    }
    assert_eq!(refunded(&world), (0, vec![]));
}

#[tokio::test]
async fn split_refunds_need_profit_sharing_and_must_add_up() {
    let world = World::open();
    let mut shared = order("T00000002", 100);
    shared["settle_info"] = json!({"profit_sharing": true});
    assert_eq!(world.post(NATIVE, &shared).await.status, 200);
    world.pay("T00000002").unwrap();
    world.paid("T00000001", 100).await;
    let from = |parts: &[(&str, i64)]| -> Value {
        parts.iter().map(|(account, amount)| json!({"account": account, "amount": amount})).collect()
    };
    let good = from(&[("AVAILABLE", 10), ("UNAVAILABLE", 20)]);
    for (order_no, from, verdict) in [
        ("T00000001", good.clone(), "400 INVALID_REQUEST"),
        ("T00000002", from(&[("AVAILABLE", 10), ("AVAILABLE", 20)]), "400 INVALID_REQUEST"),
        ("T00000002", from(&[("AVAILABLE", 10)]), "400 INVALID_REQUEST"),
        ("T00000002", from(&[("AVAILABLE", i64::MAX), ("UNAVAILABLE", 1)]), "400 INVALID_REQUEST"),
        ("T00000002", good, "200"),
    ] {
        let mut body = refund(order_no, "R1", 30, 100);
        body["amount"]["from"] = from.clone();
        assert_eq!(world.post(REFUNDS, &body).await.verdict(), verdict, "{order_no} {from}");
    }
}

#[tokio::test]
async fn an_order_takes_fifty_refunds_within_a_year() {
    let world = World::open();
    world.paid("T00000001", 100).await;
    for n in 0..50 {
        assert_eq!(world.refund("T00000001", &format!("R{n}"), 1, 100).await.verdict(), "200", "{n}");
    }
    assert_eq!(world.refund("T00000001", "R50", 1, 100).await.verdict(), "400 INVALID_REQUEST");
    assert_eq!(world.refund("T00000001", "R0", 1, 100).await.verdict(), "200", "a repeat is no refund more");
    world.paid("T00000002", 100).await;
    world.step(365 * 86_400 + 1);
    assert_eq!(world.refund("T00000002", "Q0", 1, 100).await.verdict(), "400 INVALID_REQUEST");
}

#[tokio::test]
async fn refunds_are_paced_only_where_that_is_switched_on() {
    for (refunds_paced, verdict) in [(false, "200"), (true, "429 FREQUENCY_LIMITED")] {
        let world = World::with(Settings { refunds_paced, ..Settings::default() });
        world.paid("T00000001", 100).await;
        assert_eq!(world.refund("T00000001", "R1", 1, 100).await.verdict(), "200");
        world.step(59);
        assert_eq!(world.refund("T00000001", "R2", 1, 100).await.verdict(), verdict);
        assert_eq!(world.refund("T00000001", "R1", 1, 100).await.verdict(), "200", "a repeat need not wait");
        world.step(1);
        assert_eq!(world.refund("T00000001", "R2", 1, 100).await.verdict(), "200");
    }
}

#[tokio::test]
async fn f18_an_accepted_refund_can_end_abnormal_or_closed() {
    for (end, again) in [("ABNORMAL", "400 INVALID_REQUEST"), ("CLOSED", "200")] {
        let world = World::open();
        world.paid("T00000001", 100).await;
        world.bench.faults.arm(Some("refund"), Fault::BusinessCode(end.into()), 1);
        assert_eq!(world.refund("T00000001", "R1", 100, 100).await.json()["status"], "PROCESSING");
        world.step(3);
        let ended = world.query_refund("R1").await.json();
        assert_eq!((text(&ended, "status"), ended.get("success_time")), (end, None));
        assert_eq!(world.refund("T00000001", "R1", 100, 100).await.json()["status"], end, "the same number");
        assert_eq!(refunded(&world).0, 0);
        assert_eq!(world.refund("T00000001", "R2", 100, 100).await.verdict(), again, "another number");
    }
}

#[tokio::test]
async fn answers_name_the_accounts_that_paid_and_the_fee_that_came_back() {
    let world = World::open();
    let mut shared = order("T00000001", 10_000);
    shared["settle_info"] = json!({"profit_sharing": true});
    assert_eq!(world.post(NATIVE, &shared).await.status, 200);
    world.pay("T00000001").unwrap();
    let mut body = refund("T00000001", "R1", 5_000, 10_000);
    body["amount"]["from"] = json!([{"account": "AVAILABLE", "amount": 5_000}]);
    let got = world.post(REFUNDS, &body).await.json();
    assert_eq!(got["amount"]["from"], body["amount"]["from"]);
    assert_eq!((&got["amount"]["refund_fee"], text(&got, "funds_account")), (&json!(30), "UNSETTLED"));
    world.paid("T00000002", 100).await;
    let got = world.refund("T00000002", "R2", 1, 100).await.json();
    assert_eq!((text(&got, "funds_account"), &got["amount"]["from"]), ("AVAILABLE", &json!([])));
    let mut body = refund("T00000002", "R3", 1, 100);
    body["funds_account"] = json!("UNSETTLED");
    assert_eq!(world.post(REFUNDS, &body).await.json()["funds_account"], "UNSETTLED");
}

#[tokio::test]
async fn refunded_goods_are_goods_of_the_order() {
    let world = World::open();
    let mut sold = order("T00000001", 100);
    sold["detail"] = json!({"goods_detail": [{"merchant_goods_id": "tea", "quantity": 2, "unit_price": 50}]});
    assert_eq!(world.post(NATIVE, &sold).await.status, 200);
    world.pay("T00000001").unwrap();
    world.paid("T00000002", 100).await;
    let goods = |id: &str, fen: i64, count: i64| json!([{"merchant_goods_id": id, "unit_price": 50, "refund_amount": fen, "refund_quantity": count}]);
    for (order_no, goods, verdict) in [
        ("T00000001", goods("cup", 50, 1), "400 INVALID_REQUEST"),
        ("T00000001", goods("tea", 50, 3), "400 INVALID_REQUEST"),
        ("T00000001", goods("tea", 50, 0), "400 INVALID_REQUEST"),
        ("T00000001", goods("tea", 51, 1), "400 INVALID_REQUEST"),
        ("T00000001", goods("tea", -1, 1), "400 PARAM_ERROR"),
        ("T00000001", json!([{"merchant_goods_id": "tea"}]), "400 PARAM_ERROR"),
        ("T00000001", goods("tea", 50, 1), "200"),
        ("T00000002", goods("cup", 50, 1), "400 INVALID_REQUEST"),
    ] {
        let mut body = refund(order_no, "R1", 50, 100);
        body["goods_detail"] = goods.clone();
        assert_eq!(world.post(REFUNDS, &body).await.verdict(), verdict, "{order_no} {goods}");
    }
    let mut body = refund("T00000002", "R2", 50, 100);
    body["goods_detail"] = goods("cup", 50, 1);
    assert_eq!(world.post(REFUNDS, &body).await.verdict(), "200", "an order without goods is not compared");
}
