//! Notifications: what they say, how they are sealed and signed, how often they come.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::faults::Fault;
use crate::notifier::{Delivery, DeliveryState};
use crate::testing::{Shop, within};
use crate::wechatpay::notify::{SCHEDULE, acknowledged};

/// A world whose orders are notified to a shop that answers `script`.
async fn with_shop(script: &[(u16, &'static str)]) -> (World, Shop) {
    (World::open(), Shop::open(script).await)
}

async fn pay_for(world: &World, shop: &Shop) {
    let mut body = order("T00000001", 100);
    body["notify_url"] = json!(shop.url);
    body["attach"] = json!("附加");
    assert_eq!(world.post(NATIVE, &body).await.status, 200);
    world.pay("T00000001").unwrap();
}

async fn refund_to(world: &World, shop: &Shop) -> Got {
    let mut body = refund("T00000001", "R1", 30, 100);
    body["notify_url"] = json!(shop.url);
    world.post(REFUNDS, &body).await
}

async fn settled(world: &World, count: usize) -> Vec<Delivery> {
    let all = |all: &[Delivery]| all.len() == count && all.iter().all(|d| d.state != DeliveryState::Pending);
    within(world.bench.notifier.until(all)).await
}

#[tokio::test]
async fn a_payment_is_told_sealed_and_signed() {
    let (world, shop) = with_shop(&[(204, "")]).await;
    pay_for(&world, &shop).await;
    let deliveries = settled(&world, 1).await;
    assert_eq!((deliveries[0].key.as_str(), deliveries[0].tries.len()), ("paid T00000001", 1));
    let seen = shop.seen().remove(0);
    assert!(signed_by(&seen.headers, &seen.body, "platform_certificate"));
    assert_eq!(seen.header("Content-Type"), Some("application/json"));
    let (event_type, plaintext) = opened(&seen.body);
    assert_eq!(event_type, "TRANSACTION.SUCCESS");
    let wanted = json!({
        "mchid": "1900000109", "appid": "wxd678efh567hg6787", "out_trade_no": "T00000001",
        "transaction_id": "4200000000202601010000000001", "trade_type": "NATIVE", "trade_state": "SUCCESS",
        "trade_state_desc": "支付成功", "bank_type": "OTHERS", "attach": "附加",
        "success_time": "2026-01-01T08:00:00+08:00", "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
        "amount": {"total": 100, "payer_total": 100, "currency": "CNY", "payer_currency": "CNY"},
    });
    assert_eq!(plaintext, wanted);
}

#[tokio::test]
async fn a_notification_is_signed_by_the_key_that_the_order_named() {
    let (world, shop) = with_shop(&[(200, "")]).await;
    let mut body = order("T00000001", 100);
    body["notify_url"] = json!(shop.url);
    let mut request = world.request(http::Method::POST, NATIVE, &body.to_string());
    let id = Merchant::of_vectors().public_key.0;
    request.headers.insert("Wechatpay-Serial", id.try_into().unwrap());
    assert_eq!(world.send(request).await.status, 200);
    world.pay("T00000001").unwrap();
    settled(&world, 1).await;
    let seen = shop.seen().remove(0);
    assert!(signed_by(&seen.headers, &seen.body, "wechatpay_public_key"));
}

#[test]
fn the_schedule_is_the_rails_own() {
    assert_eq!(SCHEDULE.len(), 15);
    assert_eq!(SCHEDULE.iter().sum::<Duration>(), Duration::from_secs(24 * 3600 + 4 * 60));
    for (status, wanted) in [(200, true), (204, true), (202, true), (301, false), (400, false), (500, false)]
    {
        assert_eq!(acknowledged(status, b"{\"code\":\"FAIL\"}"), wanted, "{status}");
    }
}

#[tokio::test]
async fn each_retry_is_sealed_and_signed_anew_until_acknowledged() {
    let fail = (500, r#"{"code":"FAIL","message":"busy"}"#);
    let (world, shop) = with_shop(&[fail, fail, fail, (200, "")]).await;
    pay_for(&world, &shop).await;
    for (tries, gap) in [(1, 15), (2, 15), (3, 30)] {
        let reached = |all: &[Delivery]| all.first().is_some_and(|d| d.tries.len() == tries);
        let delivery = within(world.bench.notifier.until(reached)).await.remove(0);
        let due = world.bench.clock.now() + SignedDuration::from_secs(gap);
        assert_eq!(delivery.next_try_at, Some(due));
        world.step(gap);
    }
    let delivery = settled(&world, 1).await.remove(0);
    assert_eq!((delivery.state, delivery.tries.len()), (DeliveryState::Acknowledged, 4));
    let seen = shop.seen();
    let ids: Vec<Value> =
        seen.iter().map(|it| serde_json::from_slice::<Value>(&it.body).unwrap()["id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "the same event");
    for (n, request) in seen.iter().enumerate() {
        assert!(signed_by(&request.headers, &request.body, "platform_certificate"));
        assert_eq!(opened(&request.body).1, opened(&seen[0].body).1);
        for other in &seen[..n] {
            assert_ne!(request.body, other.body, "another seal");
            assert_ne!(request.header("Wechatpay-Nonce"), other.header("Wechatpay-Nonce"));
        }
    }
}

#[tokio::test]
async fn after_sixteen_tries_the_rail_gives_up() {
    let (world, shop) = with_shop(&[(500, "")]).await;
    pay_for(&world, &shop).await;
    for (n, gap) in SCHEDULE.iter().enumerate() {
        let reached = |all: &[Delivery]| all.first().is_some_and(|d| d.tries.len() == n + 1);
        within(world.bench.notifier.until(reached)).await;
        world.step(i64::try_from(gap.as_secs()).unwrap());
    }
    let delivery = settled(&world, 1).await.remove(0);
    assert_eq!((delivery.state, delivery.tries.len()), (DeliveryState::GivenUp, 16));
}

#[tokio::test]
async fn refunds_are_told_at_their_end_by_the_clock_alone() {
    for (end, event_type) in
        [("SUCCESS", "REFUND.SUCCESS"), ("ABNORMAL", "REFUND.ABNORMAL"), ("CLOSED", "REFUND.CLOSED")]
    {
        let (world, shop) = with_shop(&[(200, "")]).await;
        world.paid("T00000001", 100).await;
        if end != "SUCCESS" {
            world.bench.faults.arm(Some("refund"), Fault::BusinessCode(end.into()), 1);
        }
        assert_eq!(refund_to(&world, &shop).await.status, 200);
        world.step(3);
        let told = |all: &[Delivery]| {
            all.iter().any(|d| d.key == "refund R1" && d.state == DeliveryState::Acknowledged)
        };
        within(world.bench.notifier.until(told)).await;
        let (told, plaintext) = opened(&shop.seen()[0].body);
        assert_eq!(told, event_type);
        assert_eq!((text(&plaintext, "refund_status"), &plaintext["amount"]["refund"]), (end, &json!(30)));
        assert_eq!(plaintext.get("success_time").is_some(), end == "SUCCESS");
    }
}

#[tokio::test]
async fn a_second_refund_is_told_after_the_first_has_ended() {
    let (world, shop) = with_shop(&[(200, "")]).await;
    world.paid("T00000001", 100).await;
    for refund_no in ["R1", "R2"] {
        let mut body = refund("T00000001", refund_no, 30, 100);
        body["notify_url"] = json!(shop.url);
        assert_eq!(world.post(REFUNDS, &body).await.status, 200);
        world.step(3);
        let key = format!("refund {refund_no}");
        let told = |all: &[Delivery]| all.iter().any(|d| d.key == key && d.state != DeliveryState::Pending);
        within(world.bench.notifier.until(told)).await;
    }
    assert_eq!(shop.seen().len(), 2);
}

#[tokio::test]
async fn a_refund_without_an_address_is_told_nobody() {
    let (world, shop) = with_shop(&[(200, "")]).await;
    world.paid("T00000001", 100).await;
    world.refund("T00000001", "R1", 30, 100).await;
    world.step(3);
    assert_eq!(world.query_refund("R1").await.json()["status"], "SUCCESS");
    let keys: Vec<String> = world.bench.notifier.deliveries().into_iter().map(|d| d.key).collect();
    assert_eq!(keys, ["paid T00000001"]);
    assert!(shop.seen().is_empty());
}

#[tokio::test]
async fn faults_of_notifications() {
    let (world, shop) = with_shop(&[(200, "")]).await;
    world.bench.faults.arm(Some("charge"), Fault::TwinNotifications, 1);
    pay_for(&world, &shop).await;
    settled(&world, 2).await;
    let seen = shop.seen();
    assert_eq!(opened(&seen[0].body), opened(&seen[1].body));

    let (world, shop) = with_shop(&[(200, "")]).await;
    world.bench.faults.arm(None, Fault::NotificationAmount(1), 1);
    pay_for(&world, &shop).await;
    settled(&world, 1).await;
    let seen = shop.seen().remove(0);
    assert!(signed_by(&seen.headers, &seen.body, "platform_certificate"));
    assert_eq!(opened(&seen.body).1["amount"]["total"], 1);

    let (world, shop) = with_shop(&[(200, "")]).await;
    world.bench.faults.arm(Some("charge"), Fault::NoNotification, 1);
    pay_for(&world, &shop).await;
    assert_eq!(world.bench.notifier.deliveries(), []);
    assert_eq!(world.state("T00000001").await, "SUCCESS");
}

#[tokio::test]
async fn f45_a_probe_comes_first_and_the_retry_is_good() {
    let (world, shop) = with_shop(&[(401, ""), (200, "")]).await;
    world.bench.faults.arm(Some("charge"), Fault::NotificationWrongSignature, 1);
    pay_for(&world, &shop).await;
    within(world.bench.notifier.until(|all| all.first().is_some_and(|d| d.tries.len() == 1))).await;
    world.step(15);
    settled(&world, 1).await;
    let seen = shop.seen();
    let probe = seen[0].header("Wechatpay-Signature").unwrap();
    assert!(probe.starts_with("WECHATPAY/SIGNTEST/") && probe.len() == 344);
    assert!(!signed_by(&seen[0].headers, &seen[0].body, "platform_certificate"));
    assert!(signed_by(&seen[1].headers, &seen[1].body, "platform_certificate"));
}

#[tokio::test]
async fn a_notification_can_overtake_the_reply() {
    let (world, shop) = with_shop(&[(200, "")]).await;
    world.bench.faults.arm(Some("charge"), Fault::NotificationFirst, 1);
    let mut body = order("T00000001", 100);
    body["notify_url"] = json!(shop.url);
    let got = world.post(NATIVE, &body).await;
    assert!(got.json()["code_url"].is_string());
    assert_eq!(shop.seen().len(), 1, "told before the reply");
    assert_eq!(world.state("T00000001").await, "SUCCESS");

    world.bench.faults.arm(Some("refund"), Fault::NotificationFirst, 1);
    assert_eq!(refund_to(&world, &shop).await.json()["status"], "PROCESSING", "the reply is the older news");
    assert_eq!(opened(&shop.seen()[1].body).0, "REFUND.SUCCESS");
    world.step(3);
    assert_eq!(world.query_refund("R1").await.json()["status"], "SUCCESS");
    assert_eq!(world.bench.notifier.deliveries().len(), 2, "ended once, told once");
}

/// F05: the second payment has a number and a notification of its own; each is found by its number.
#[tokio::test]
async fn a_rail_that_forgets_takes_the_money_once_more_and_tells_of_it() {
    let (world, shop) = with_shop(&[(204, "")]).await;
    pay_for(&world, &shop).await;
    let second = world.rail.charge_again("T00000001").unwrap();
    assert!(world.rail.charge_again("T00000001").is_err(), "once");
    settled(&world, 2).await;
    let told = shop.seen().into_iter().map(|seen| text(&opened(&seen.body).1, "transaction_id").to_owned());
    let mut told: Vec<String> = told.collect();
    told.sort_unstable();
    let entry = world.rail.book().remove(0);
    let first = entry.rail_ref.unwrap();
    assert_eq!((told, entry.charges), (vec![first.clone(), second.clone()], 1));
    assert_eq!(entry.again.map(|again| (again.rail_ref, again.fen)), Some((second.clone(), 100)));
    for id in [&first, &second] {
        let found = world.get(&format!("/v3/pay/transactions/id/{id}?mchid=1900000109")).await.json();
        assert_eq!(text(&found, "transaction_id"), id);
    }
    assert_eq!(text(&world.query("T00000001").await.json(), "transaction_id"), first);
}
