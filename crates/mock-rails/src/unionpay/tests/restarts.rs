//! The book survives a restart, and does not take what is no book.

use serde_json::Value;

use super::{Conduct, Desk, Shop, notified};
use crate::testing::within;
use crate::{CodeOutcome, PayerAct, PayerTarget, RailMock};

#[tokio::test]
async fn a_saved_book_goes_on_where_it_stopped() {
    let first = Desk::silent();
    let paid = first.paid("T0000001", 1000).await;
    let held = first.held("P0000001", 5000).await;
    let open = first.order(("01", "07"), "Q0000001", 100, [("payTimeout", "20261121102530")]);
    let qr = first.call(super::BACK, &open).await.value("qrCode").unwrap().to_owned();
    let running = first.follow("04", "R0000001", 300, &paid);
    assert_eq!(first.code(&running).await, "00");
    let code = first.mock.payer(PayerAct::IssueCode(CodeOutcome::Pays)).unwrap();
    let saved = first.mock.save();

    let second = Desk::silent();
    second.mock.load(saved).unwrap();
    assert_eq!(second.mock.book(), first.mock.book());
    second.step(1);
    assert_eq!(second.ask(&running).await.1, "00", "what was running is decided");
    assert_eq!(second.code(&running).await, "12");
    second.mock.payer(PayerAct::Pay { target: PayerTarget::Qr(qr), force: false }).unwrap();
    assert_eq!(second.ask(&open).await.1, "00");
    second.followed("03", "C0000001", 2000, &held).await;
    let more = [("qrNo", code["code"].as_str().unwrap()), ("termId", "49000002")];
    assert_eq!(second.code(&second.order(("01", "06"), "B0000001", 1, more)).await, "00", "codes are kept");
    let other = second.mock.payer(PayerAct::IssueCode(CodeOutcome::Pays)).unwrap();
    assert_ne!(other["code"], code["code"], "numbers go on without repeats");
}

#[tokio::test]
async fn what_was_not_told_is_told_after_the_restart() {
    let first = Desk::silent();
    first.paid("T0000001", 1000).await;
    let mut saved = first.mock.save();
    let shop = Shop::open(&[(200, "ok")]).await;
    saved["trades"][0]["order"]["back_url"] = Value::from(shop.url.clone());
    let second = Desk::with(&shop, Conduct::default());
    second.mock.load(saved).unwrap();
    within(second.bench.notifier.until(|all| all.iter().any(|d| !d.tries.is_empty()))).await;
    assert_eq!(notified(&shop.seen()[0]).1, "00");
    assert_eq!(second.mock.save()["untold"], Value::Array(Vec::new()), "and then it is told");
}

#[tokio::test]
async fn what_is_no_book_changes_nothing() {
    let desk = Desk::silent();
    let query_id = desk.paid("T0000001", 1000).await;
    desk.followed("04", "R0000001", 300, &query_id).await;
    let (book, good) = (desk.mock.book(), desk.mock.save());
    let changed = |pointer: &str, value: Value| {
        let mut saved = good.clone();
        *saved.pointer_mut(pointer).unwrap() = value;
        saved
    };
    for (saved, why) in [
        (Value::from(1), "invalid type"),
        (changed("/format", 2.into()), "format 1"),
        (changed("/trades/0/returns/0", 7.into()), "linked"),
        (changed("/trades/1/original", 1.into()), "linked"),
        (changed("/trades/1/order/key", good["trades"][0]["order"]["key"].clone()), "twice"),
        (changed("/untold", serde_json::json!([9])), "no transaction 9"),
        (changed("/trades/0/order/echo/charset", "latin1".into()), "charset"),
        (changed("/rail_key", "switched".into()), "next key"),
    ] {
        let error = desk.mock.load(saved).unwrap_err();
        assert!(error.contains(why), "{error}");
        assert_eq!(desk.mock.book(), book);
    }
    desk.mock.load(Value::Null).unwrap();
    assert_eq!(desk.mock.book(), book, "no book is none");
    desk.mock.load(good).unwrap();
}
