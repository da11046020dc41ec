//! The book survives a restart, and does not take what is no book.

use serde_json::json;

use super::*;
use crate::testing::{Shop, within};
use crate::{KeyStep, Step};

#[tokio::test]
async fn a_saved_book_goes_on_where_it_stopped() {
    let first = World::open();
    first.paid("T00000001", 1_000).await;
    first.refund("T00000001", "R1", 300, 1_000).await;
    let qr = text(&first.native("T00000002", 100).await.json(), "code_url").to_owned();
    let waiting = first.code(CodeOutcome::PendingThenPays);
    first.charge("T00000003", 200, &waiting).await;
    first.charge("T00000004", 200, &first.code(CodeOutcome::Pays)).await;
    first.reverse("T00000004").await;
    first.close("T00000005").await;
    let kept = first.code(CodeOutcome::Pays);
    first.rail.keys(KeyStep::Rail(Step::Announce)).unwrap();
    let saved = first.rail.save();
    assert_eq!(saved, first.rail.save(), "nothing changed, nothing changes");

    let second = World::open();
    second.rail.load(saved).unwrap();
    assert_eq!(second.rail.book(), first.rail.book());
    assert_eq!(second.get("/v3/certificates").await.json()["data"].as_array().unwrap().len(), 2);
    second.step(10);
    assert_eq!(second.query_refund("R1").await.json()["status"], "SUCCESS", "what was running ends");
    assert_eq!(second.state("T00000003").await, "SUCCESS");
    assert_eq!(second.native("T00000005", 1).await.verdict(), "400 INVALID_REQUEST", "still used up");
    second.rail.payer(PayerAct::Pay { target: PayerTarget::Qr(qr), force: false }).unwrap();
    assert_eq!(second.charge("T00000006", 100, &kept).await.status, 200, "codes are kept");
    assert_eq!(second.refund("T00000001", "R1", 300, 1_000).await.status, 200, "a repeat is known");
    assert_eq!(second.refund("T00000001", "R2", 300, 1_000).await.status, 200);
    let mut numbers: Vec<_> = second.rail.book().into_iter().filter_map(|entry| entry.rail_ref).collect();
    let count = numbers.len();
    numbers.sort();
    numbers.dedup();
    assert_eq!((numbers.len(), count), (5, 5), "numbers go on without repeats");
    let refunds = ["R1", "R2"].map(|no| second.query_refund(no));
    let [one, two] = refunds;
    assert_ne!(one.await.json()["refund_id"], two.await.json()["refund_id"]);
}

#[tokio::test]
async fn what_was_not_told_is_told_after_the_restart() {
    let closed = Shop::open(&[(500, "")]).await;
    let first = World::open();
    let mut body = order("T00000001", 100);
    body["notify_url"] = json!(closed.url);
    first.post(NATIVE, &body).await;
    first.pay("T00000001").unwrap();
    let mut body = refund("T00000001", "R1", 30, 100);
    body["notify_url"] = json!(closed.url);
    first.post(REFUNDS, &body).await;
    first.step(3);
    first.rail.expire_due();
    within(first.bench.notifier.until(|all| all.len() == 2 && all.iter().all(|d| !d.tries.is_empty()))).await;
    let saved = first.rail.save().to_string();
    let shop = Shop::open(&[(200, "")]).await;
    let second = World::open();
    second.rail.load(serde_json::from_str(&saved.replace(&closed.url, &shop.url)).unwrap()).unwrap();
    within(second.bench.notifier.until(|all| all.len() == 2 && all.iter().all(|d| d.next_try_at.is_none())))
        .await;
    let mut events: Vec<String> = shop.seen().iter().map(|it| opened(&it.body).0).collect();
    events.sort();
    assert_eq!(events, ["REFUND.SUCCESS", "TRANSACTION.SUCCESS"]);
    let saved = second.rail.save();
    assert_eq!((&saved["untold_orders"], &saved["untold_refunds"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn what_is_no_book_changes_nothing() {
    let world = World::open();
    world.paid("T00000001", 100).await;
    world.refund("T00000001", "R1", 30, 100).await;
    let (book, good) = (world.rail.book(), world.rail.save());
    let changed = |pointer: &str, value: Value| {
        let mut saved = good.clone();
        *saved.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
        saved
    };
    let order = good["trades"]["orders"][0].clone();
    for (what, saved) in [
        ("no object", json!([])),
        ("another format", changed("/format", json!(2))),
        ("an order twice", changed("/trades/orders", json!([order, order]))),
        ("a refund without its order", changed("/trades/orders", json!([]))),
        ("an order without its refund", changed("/trades/refunds", json!([]))),
        ("an unknown field", changed("/trades/short", json!({"R": 1}))),
        ("keys that are not here", changed("/keys/merchant", json!("switched"))),
    ] {
        assert!(world.rail.load(saved).is_err(), "{what}");
        assert_eq!(world.rail.book(), book, "{what}");
    }
    world.rail.load(Value::Null).unwrap();
    assert_eq!(world.rail.book(), book);
    world.rail.load(good).unwrap();
    assert_eq!(world.rail.book(), book);
}

#[tokio::test]
async fn the_payers_phone_shows_the_newest_first() {
    let world = World::open();
    let url = text(&world.native("T00000001", 100).await.json(), "code_url").to_owned();
    world.step(60);
    world.paid("T00000002", 200).await;
    let shown: Vec<_> = world
        .rail
        .orders()
        .into_iter()
        .map(|it| (it.order_no, it.fen, it.state, it.payable, it.handle.is_some()))
        .collect();
    assert_eq!(
        shown,
        [
            ("T00000002".into(), 200, "SUCCESS".into(), false, true),
            ("T00000001".into(), 100, "NOTPAY".into(), true, true),
        ]
    );
    assert_eq!(world.rail.orders()[1].handle.as_deref(), Some(url.as_str()));
}
