//! The magic amounts of every rail in this rail's codes.

use super::*;
use crate::testing::{Shop, within};

fn world() -> World {
    World::built(Settings::default(), Magic::On)
}

#[tokio::test]
async fn payers_codes_come_to_what_their_amount_says() {
    // (amount, answer, state, after ten seconds, charges)
    for (fen, answer, first, last, charges) in [
        (19_901, "403 NOT_ENOUGH", "PAYERROR", "PAYERROR", 0),
        (19_902, "403 RULE_LIMIT", "-", "-", 0),
        (19_903, "202", "USERPAYING", "SUCCESS", 1),
        (19_904, "202", "USERPAYING", "PAYERROR", 0),
        (19_905, "500 SYSTEM_ERROR", "SUCCESS", "SUCCESS", 1),
        (19_906, "dropped", "SUCCESS", "SUCCESS", 1),
        (19_907, "dropped", "-", "-", 0),
        (19_909, "503", "-", "-", 0),
        (19_910, "502", "SUCCESS", "SUCCESS", 1),
        (19_911, "200", "SUCCESS", "SUCCESS", 1),
        (19_919, "429 FREQUENCY_LIMITED", "-", "-", 0),
        (19_999, "200", "SUCCESS", "SUCCESS", 1),
    ] {
        let world = world();
        let body = code_order("T00000001", fen, &world.code(CodeOutcome::Pays)).to_string();
        let reply = world.rail.handle(world.request(http::Method::POST, CODEPAY, &body)).await;
        let seen = match reply {
            RailReply::Dropped => "dropped".to_owned(),
            answer @ RailReply::Answer { .. } => Got::of(answer).verdict(),
        };
        assert_eq!(seen, answer, "{fen}");
        let state =
            async || world.query("T00000001").await.json()["trade_state"].as_str().unwrap_or("-").to_owned();
        assert_eq!(state().await, first, "{fen}");
        world.step(10);
        assert_eq!(state().await, last, "{fen}");
        assert_eq!(world.rail.book().first().map_or(0, |entry| entry.charges), charges, "{fen}");
    }
}

#[tokio::test]
async fn orders_that_wait_for_a_payer_too() {
    for (fen, answer, paid) in [
        (19_901, "200", "NOTPAY"),
        (19_902, "403 RULE_LIMIT", "-"),
        (19_903, "200", "SUCCESS"),
        (19_905, "500 SYSTEM_ERROR", "SUCCESS"),
        (19_912, "200", "SUCCESS"),
        (19_919, "429 FREQUENCY_LIMITED", "-"),
    ] {
        let world = world();
        assert_eq!(world.native("T00000001", fen).await.verdict(), answer, "{fen}");
        let came = world.pay("T00000001").map_or("-".to_owned(), |told| text(&told, "state").to_owned());
        assert_eq!(came, paid, "{fen}");
    }
}

#[tokio::test]
async fn notifications_come_as_their_amount_says() {
    // (amount, told before the reply, told in all)
    for (fen, first, all) in [(19_914, 0, 2), (19_915, 0, 0), (19_916, 1, 1), (19_917, 0, 1), (19_999, 0, 1)]
    {
        let shop = Shop::open(&[(200, "")]).await;
        let world = world();
        let mut body = order("T00000001", fen);
        body["notify_url"] = json!(shop.url);
        assert_eq!(world.post(NATIVE, &body).await.status, 200);
        assert_eq!(shop.seen().len(), first, "{fen}");
        if first == 0 {
            world.pay("T00000001").unwrap();
        }
        within(world.bench.notifier.until(|told| told.iter().all(|it| it.next_try_at.is_none()))).await;
        assert_eq!(shop.seen().len(), all, "{fen}");
        if fen == 19_917 {
            assert_eq!(opened(&shop.seen()[0].body).1["amount"]["total"], 1);
        }
    }
}

#[tokio::test]
async fn refunds_come_to_what_their_amount_says() {
    for (fen, takes, end) in [(9_922, 3_600, "SUCCESS"), (9_923, 10, "ABNORMAL"), (9_901, 3, "SUCCESS")] {
        let world = world();
        world.paid("T00000001", 1_000_000).await;
        assert_eq!(world.refund("T00000001", "R1", fen, 1_000_000).await.status, 200, "{fen}");
        world.step(takes - 1);
        assert_eq!(world.query_refund("R1").await.json()["status"], "PROCESSING", "{fen}");
        world.step(1);
        assert_eq!(world.query_refund("R1").await.json()["status"], end, "{fen}");
    }
}

/// The same number goes through once the merchant has topped its balance up.
#[tokio::test]
async fn a_short_balance_is_topped_up_within_a_minute() {
    let world = world();
    world.paid("T00000001", 1_000_000).await;
    let refund = async || world.refund("T00000001", "R1", 9_921, 1_000_000).await.verdict();
    assert_eq!(refund().await, "403 NOT_ENOUGH");
    world.step(59);
    assert_eq!(refund().await, "403 NOT_ENOUGH");
    assert_eq!(world.query_refund("R1").await.verdict(), "404 RESOURCE_NOT_EXISTS");
    world.step(1);
    assert_eq!(refund().await, "200");
}
