//! Pre-authorisations: freezing, taking, letting go, and each way back.

use super::{APP, BACK, Conduct, Desk, FRONT, Shop, notified, signed, status};
use crate::testing::within;
use crate::unionpay::wire::Charset;
use crate::unionpay::{EndedHold, LateMoney};
use crate::{CodeOutcome, PayerAct, RailMock};

/// Held, captured, released.
fn money(desk: &Desk, order_id: &str) -> (i64, i64, i64) {
    let book = desk.mock.book();
    let entry = book.iter().find(|entry| entry.order_no == order_id).unwrap();
    (entry.held_fen, entry.captured_fen, entry.released_fen)
}

#[tokio::test]
async fn freezing_takes_nothing_by_each_way() {
    let desk = Desk::silent();
    let front = desk.order(("02", "01"), "P0000001", 5000, [("frontUrl", "http://shop.test/back")]);
    assert_eq!(status(&desk.post(FRONT, signed(front.clone()).to_form(Charset::UTF_8)).await), 302);
    desk.pay("P0000001", false).unwrap();
    desk.held("P0000002", 5000).await;
    let scanned = desk.order(("02", "05"), "P0000003", 5000, []);
    assert!(desk.call(BACK, &scanned).await.value("qrCode").is_some());
    desk.pay("P0000003", false).unwrap();
    let code = desk.mock.payer(PayerAct::IssueCode(CodeOutcome::Pays)).unwrap();
    let more = [("qrNo", code["code"].as_str().unwrap()), ("termId", "49000002")];
    let till = desk.order(("02", "04"), "P0000004", 5000, more);
    assert_eq!(desk.code(&till).await, "00");
    desk.step(1);
    for order_id in ["P0000001", "P0000002", "P0000003", "P0000004"] {
        assert_eq!(desk.book(order_id), ("00".to_owned(), 0, 0), "{order_id}");
        assert_eq!(money(&desk, order_id), (5000, 0, 0), "{order_id}");
    }
    let answer = desk.query(&front).await;
    let part = |name| answer.value(name).unwrap_or("-").to_owned();
    assert_eq!(
        (part("txnType"), part("txnSubType"), part("origRespCode")),
        ("02".into(), "01".into(), "00".into())
    );
}

#[tokio::test]
async fn i1_a_completion_takes_its_amount_once_and_lets_the_rest_go() {
    // (amount, code, captured, released)
    for (fen, code, captured, released) in
        [(3000, "00", 3000, 2000), (5000, "00", 5000, 0), (5750, "00", 5750, 0), (5751, "36", 0, 0)]
    {
        let desk = Desk::silent();
        let hold = desk.held("P0000001", 5000).await;
        let complete = desk.follow("03", "C0000001", fen, &hold);
        assert_eq!(desk.code(&complete).await, code, "{fen}");
        desk.step(1);
        assert_eq!(money(&desk, "P0000001"), (5000, captured, released), "{fen}");
        let charges = u32::from(code == "00");
        assert_eq!(desk.book("P0000001").1, charges);
        if code == "00" {
            assert_eq!(desk.code(&complete).await, "12");
            assert_eq!(desk.code(&desk.follow("03", "C0000002", 1, &hold)).await, "35", "once");
            assert_eq!(
                desk.code(&desk.follow("32", "V0000001", 5000, &hold)).await,
                "35",
                "too late to void"
            );
        }
    }
}

#[tokio::test]
async fn a_completion_is_reserved_while_it_runs_and_may_fail() {
    let desk = Desk::silent();
    let hold = desk.held("P0000001", 5000).await;
    assert_eq!(desk.code(&desk.follow("03", "C0000001", 3000, &hold)).await, "00");
    assert_eq!(desk.code(&desk.follow("03", "C0000002", 1000, &hold)).await, "35", "one is running");
    assert_eq!(desk.code(&desk.follow("32", "V0000001", 5000, &hold)).await, "35");
    desk.decline("C0000001").unwrap();
    assert_eq!(money(&desk, "P0000001"), (5000, 0, 0), "still frozen");
    desk.followed("03", "C0000003", 2000, &hold).await;
    assert_eq!(money(&desk, "P0000001"), (5000, 2000, 3000));
}

#[tokio::test]
async fn a_void_lets_everything_go() {
    let desk = Desk::silent();
    let hold = desk.held("P0000001", 5000).await;
    assert_eq!(desk.code(&desk.follow("32", "V0000001", 4999, &hold)).await, "36", "all or nothing");
    desk.followed("32", "V0000002", 5000, &hold).await;
    assert_eq!(money(&desk, "P0000001"), (5000, 0, 5000));
    assert_eq!(desk.book("P0000001"), ("45".to_owned(), 0, 0));
    for (txn_type, order_id, code) in
        [("32", "V0000003", "45"), ("03", "C0000001", "45"), ("04", "R0000001", "35")]
    {
        assert_eq!(desk.code(&desk.follow(txn_type, order_id, 5000, &hold)).await, code, "{txn_type}");
    }
}

#[tokio::test]
async fn the_pay_timeout_of_an_agreed_hold_passes_without_effect() {
    let desk = Desk::silent();
    let order = desk.order(("02", "01"), "P0000001", 5000, [("payTimeout", "20261121101630")]);
    assert_eq!(desk.call(APP, &order).await.value("respCode"), Some("00"));
    desk.pay("P0000001", false).unwrap();
    desk.step(61);
    assert_eq!(money(&desk, "P0000001"), (5000, 0, 0));
    let hold = desk.query(&order).await.value("queryId").unwrap().to_owned();
    desk.followed("03", "C0000001", 3000, &hold).await;
    assert_eq!(money(&desk, "P0000001"), (5000, 3000, 2000));
}

#[tokio::test]
async fn late_money_of_a_hold_is_frozen_or_goes_back_and_is_never_a_charge() {
    for (late_money, held, code) in [(LateMoney::Kept, 5000, "00"), (LateMoney::GivenBack, 0, "42")] {
        let desk = Desk::silent_with(Conduct { late_money, ..Conduct::default() });
        let order = desk.order(("02", "01"), "P0000001", 5000, [("payTimeout", "20261121101630")]);
        assert_eq!(desk.call(APP, &order).await.value("respCode"), Some("00"));
        desk.step(61);
        desk.pay("P0000001", true).unwrap();
        assert!(desk.pay("P0000001", true).is_err(), "once");
        assert_eq!(money(&desk, "P0000001"), (held, 0, 0));
        assert_eq!(desk.book("P0000001"), (code.to_owned(), 0, 0));
    }
}

#[tokio::test]
async fn what_a_query_says_of_an_ended_hold_can_be_set() {
    for (ended_hold, code, query_id) in
        [(EndedHold::AlreadyBack, "45", false), (EndedHold::Success, "00", true)]
    {
        let desk = Desk::silent_with(Conduct { ended_hold, ..Conduct::default() });
        let order = desk.order(("02", "01"), "P0000001", 5000, []);
        assert_eq!(desk.call(APP, &order).await.value("respCode"), Some("00"));
        desk.pay("P0000001", false).unwrap();
        let hold = desk.query(&order).await.value("queryId").unwrap().to_owned();
        desk.followed("32", "V0000001", 5000, &hold).await;
        let answer = desk.query(&order).await;
        assert_eq!(answer.value("origRespCode"), Some(code));
        assert_eq!(answer.value("queryId").is_some(), query_id);
    }
}

#[tokio::test]
async fn a_hold_lapses_after_thirty_days_without_a_word() {
    let desk = Desk::silent();
    let hold = desk.held("P0000001", 5000).await;
    let told = desk.bench.notifier.deliveries().len();
    desk.step(30 * 86_400);
    let taken = desk.held("P0000002", 700).await;
    desk.followed("03", "C0000002", 700, &taken).await;
    assert_eq!(money(&desk, "P0000001"), (5000, 0, 5000), "a second after the last");
    assert_eq!(desk.code(&desk.follow("03", "C0000001", 5000, &hold)).await, "35");
    assert_eq!(desk.code(&desk.follow("32", "V0000001", 5000, &hold)).await, "35");
    desk.step(31 * 86_400);
    assert_eq!(money(&desk, "P0000002"), (700, 700, 0), "what was taken does not lapse");
    assert_eq!(desk.bench.notifier.deliveries().len(), told + 2);
    let last = Desk::silent();
    let hold = last.held("P0000001", 5000).await;
    last.step(30 * 86_400);
    last.followed("03", "C0000001", 5000, &hold).await;
    assert_eq!(money(&last, "P0000001"), (5000, 5000, 0), "the last second counts");
}

#[tokio::test]
async fn a_completion_can_be_undone_by_33_on_its_day_and_the_amount_is_frozen_again() {
    for (freezes, after, again) in [(true, (5000, 3000, 0), "00"), (false, (5000, 3000, 2000), "35")] {
        let desk = Desk::silent_with(Conduct { undone_capture_freezes: freezes, ..Conduct::default() });
        let hold = desk.held("P0000001", 5000).await;
        let capture = desk.followed("03", "C0000001", 3000, &hold).await;
        assert_eq!(desk.code(&desk.follow("33", "U0000001", 2999, &capture)).await, "36");
        assert_eq!(
            desk.code(&desk.follow("33", "U0000002", 5000, &hold)).await,
            "35",
            "of the completion only"
        );
        desk.followed("33", "U0000003", 3000, &capture).await;
        assert_eq!(money(&desk, "P0000001"), after);
        assert_eq!(desk.book("P0000001"), ("00".to_owned(), 0, 3000));
        assert_eq!(desk.code(&desk.follow("33", "U0000004", 3000, &capture)).await, "45");
        assert_eq!(desk.code(&desk.follow("04", "R0000001", 1, &capture)).await, "45");
        assert_eq!(desk.code(&desk.follow("03", "C0000002", 4000, &hold)).await, again);
        if freezes {
            desk.step(1);
            assert_eq!(money(&desk, "P0000001"), (5000, 7000, 1000));
            assert_eq!(desk.book("P0000001").1, 1, "one charge stands");
        }
    }
    let desk = Desk::silent();
    let hold = desk.held("P0000001", 5000).await;
    let capture = desk.followed("03", "C0000001", 3000, &hold).await;
    desk.set("20261121230000");
    assert_eq!(
        desk.code(&desk.follow("33", "U0000001", 3000, &capture)).await,
        "35",
        "the next clearing day"
    );
}

#[tokio::test]
async fn i6_what_was_completed_can_be_refunded_or_undone_like_a_payment() {
    let desk = Desk::silent();
    let hold = desk.held("P0000001", 5000).await;
    let capture = desk.followed("03", "C0000001", 3000, &hold).await;
    desk.followed("04", "R0000001", 1000, &capture).await;
    assert_eq!(desk.code(&desk.follow("04", "R0000002", 2001, &capture)).await, "36");
    assert_eq!(desk.code(&desk.follow("33", "U0000001", 3000, &capture)).await, "45", "after a refund");
    assert_eq!(desk.code(&desk.follow("31", "U0000002", 3000, &capture)).await, "45");
    desk.followed("04", "R0000003", 2000, &capture).await;
    assert_eq!(desk.book("P0000001"), ("00".to_owned(), 1, 3000));
    let refunds = desk.mock.book().remove(0).refunds;
    assert_eq!(refunds.iter().filter(|refund| refund.state == "00").count(), 2);
    let other = desk.held("P0000002", 5000).await;
    let capture = desk.followed("03", "C0000002", 5000, &other).await;
    desk.followed("31", "U0000003", 5000, &capture).await;
    assert_eq!(desk.book("P0000002"), ("00".to_owned(), 1, 5000));
}

#[tokio::test]
async fn each_step_is_told_at_its_own_address_and_can_be_asked_for() {
    let shop = Shop::open(&[(200, "ok")]).await;
    let desk = Desk::with(&shop, Conduct::default());
    let hold = desk.held("P0000001", 5000).await;
    let capture = desk.followed("03", "C0000001", 3000, &hold).await;
    desk.followed("33", "U0000001", 3000, &capture).await;
    desk.followed("32", "V0000001", 5000, &hold).await;
    let keys: Vec<String> = desk.bench.notifier.deliveries().into_iter().map(|d| d.key).collect();
    assert_eq!(
        keys,
        ["hold P0000001 00", "capture C0000001 00", "capture_undo U0000001 00", "release V0000001 00"]
    );
    within(desk.bench.notifier.until(|all| all.iter().all(|d| !d.tries.is_empty()))).await;
    let mut told: Vec<(String, String, String)> = Vec::new();
    for request in shop.seen() {
        let (fields, code, amount) = notified(&request);
        assert_eq!(code, "00");
        let part = |name: &str| fields.value(name).unwrap_or("-").to_owned();
        told.push((part("txnType"), amount, part("origQryId")));
    }
    told.sort_unstable();
    let wanted =
        [("02", "5000", "-"), ("03", "3000", &hold), ("32", "5000", &hold), ("33", "3000", &capture)];
    let wanted = wanted.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
    assert_eq!(told, wanted);
}

#[tokio::test]
async fn a_failed_step_is_told_too() {
    let desk = Desk::silent();
    let hold = desk.held("P0000001", 5000).await;
    let complete = desk.follow("03", "C0000001", 3000, &hold);
    assert_eq!(desk.code(&complete).await, "00");
    desk.decline("C0000001").unwrap();
    assert_eq!(desk.ask(&complete).await, ("00".to_owned(), "01".to_owned()));
    let last = desk.bench.notifier.deliveries().pop().unwrap();
    assert_eq!(last.key, "capture C0000001 01");
}
