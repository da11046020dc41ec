//! Each fault, and the notification schedule.

use super::{BACK, Conduct, Desk, QUERY, Shop, body, is_genuine, notified, query_of, read, signed, status};
use crate::faults::Fault;
use crate::notifier::DeliveryState;
use crate::testing::within;
use crate::unionpay::wire::{Charset, Fields};
use crate::{CodeOutcome, RailMock, RailReply};

async fn shop_and_desk(script: &[(u16, &'static str)]) -> (Shop, Desk) {
    let shop = Shop::open(script).await;
    let desk = Desk::with(&shop, Conduct::default());
    (shop, desk)
}

async fn send(desk: &Desk, order: &Fields) -> RailReply {
    desk.post(BACK, signed(order.clone()).to_form(Charset::UTF_8)).await
}

#[tokio::test]
async fn f02_a_charge_whose_answer_is_lost_is_made_once_and_the_query_tells() {
    let (_shop, desk) = shop_and_desk(&[(200, "ok")]).await;
    let order = desk.payer_code("B0000001", 100, CodeOutcome::Pays);
    desk.bench.faults.arm(Some("charge"), Fault::AnswerLost, 1);
    assert!(matches!(send(&desk, &order).await, RailReply::Dropped));
    assert_eq!(desk.ask(&order).await, ("00".to_owned(), "05".to_owned()));
    assert_eq!(desk.code(&order).await, "12", "a resend is a duplicate");
    desk.step(1);
    assert_eq!(desk.ask(&order).await, ("00".to_owned(), "00".to_owned()));
    assert_eq!(desk.code(&order).await, "12");
    assert_eq!(desk.book("B0000001"), ("00".to_owned(), 1, 0));
}

#[tokio::test]
async fn f01_a_lost_request_leaves_nothing_and_may_be_sent_again() {
    let (_shop, desk) = shop_and_desk(&[(200, "ok")]).await;
    let order = desk.payer_code("B0000001", 100, CodeOutcome::Pays);
    for fault in [Fault::RequestLost, Fault::Status(502), Fault::BusinessCode("06".to_owned())] {
        desk.bench.faults.arm(Some("charge"), fault.clone(), 1);
        let reply = send(&desk, &order).await;
        match fault {
            Fault::RequestLost => assert_eq!(status(&reply), 0),
            Fault::Status(code) => assert_eq!(status(&reply), code),
            _ => assert_eq!(read(&reply, Charset::UTF_8).unwrap().value("respCode"), Some("06")),
        }
        assert_eq!(desk.ask(&order).await.0, "34", "{fault:?}");
    }
    assert_eq!(desk.code(&order).await, "00");
    desk.step(1);
    assert_eq!(desk.book("B0000001").1, 1);
}

#[tokio::test]
async fn f07_f08_answers_that_say_nothing_though_the_work_is_done() {
    for fault in [
        Fault::StatusAfter(500),
        Fault::WrongSignature,
        Fault::Unsigned,
        Fault::GarbageBody,
        Fault::Late { by_ms: 1 },
    ] {
        let (_shop, desk) = shop_and_desk(&[(200, "ok")]).await;
        let order = desk.payer_code("B0000001", 100, CodeOutcome::Pays);
        desk.bench.faults.arm(None, fault.clone(), 1);
        let reply = send(&desk, &order).await;
        let text = body(&reply);
        match fault {
            Fault::StatusAfter(code) => assert_eq!(status(&reply), code),
            Fault::GarbageBody => assert!(std::str::from_utf8(&text).is_err()),
            Fault::Late { .. } => assert!(read(&reply, Charset::UTF_8).is_some()),
            _ => {
                let fields = Fields::parse_bare(std::str::from_utf8(&text).unwrap()).unwrap();
                assert!(!is_genuine(&fields, Charset::UTF_8));
                assert_eq!(fields.value("signature").is_some(), fault == Fault::WrongSignature);
            }
        }
        assert_eq!(desk.ask(&order).await, ("00".to_owned(), "05".to_owned()), "{fault:?}");
    }
}

#[tokio::test]
async fn faults_go_by_operation() {
    let desk = Desk::silent();
    let query_id = desk.paid("T0000001", 1000).await;
    let refund = desk.order(("04", "00"), "R0000001", 1, [("origQryId", &query_id)]);
    let undo = desk.order(("31", "00"), "U0000001", 1000, [("origQryId", &query_id)]);
    for operation in ["refund", "reverse", "refund_query", "query"] {
        desk.bench.faults.arm(Some(operation), Fault::BusinessCode(operation.to_owned()), 1);
    }
    assert_eq!(desk.code(&refund).await, "refund");
    assert_eq!(desk.ask(&refund).await.0, "query", "nothing is known of it yet");
    assert_eq!(desk.code(&refund).await, "00");
    assert_eq!(desk.ask(&refund).await.0, "refund_query");
    assert_eq!(desk.code(&undo).await, "reverse");
    assert_eq!(desk.bench.faults.armed(), []);
}

#[tokio::test]
async fn a_notification_can_come_before_the_answer() {
    for operation in ["charge", "refund"] {
        let (shop, desk) = shop_and_desk(&[(200, "ok")]).await;
        let order = match operation {
            "charge" => desk.payer_code("B0000001", 100, CodeOutcome::Pays),
            _ => {
                let query_id = desk.paid("T0000001", 100).await;
                within(desk.bench.notifier.until(|all| all.iter().all(|d| !d.tries.is_empty()))).await;
                desk.order(("04", "00"), "R0000001", 100, [("origQryId", &query_id)])
            }
        };
        desk.bench.faults.arm(Some(operation), Fault::NotificationFirst, 1);
        let before = shop.seen().len();
        let answer = within(desk.call(BACK, &order)).await;
        assert_eq!(answer.value("respCode"), Some("00"));
        let (fields, code, _) = notified(&shop.seen()[before]);
        assert_eq!((code.as_str(), fields.value("orderId")), ("00", order.value("orderId")));
        desk.step(5);
        assert_eq!(desk.bench.notifier.deliveries().len(), before + 1, "told once");
    }
}

#[tokio::test]
async fn notification_faults_strike_the_notification_only() {
    // (fault, how many arrive, is it genuine, the amount it names)
    for (fault, arrive, genuine, amount) in [
        (Fault::NoNotification, 0, true, ""),
        (Fault::TwinNotifications, 2, true, "100"),
        (Fault::NotificationAmount(7), 1, true, "7"),
        (Fault::NotificationWrongSignature, 1, false, "100"),
    ] {
        let (shop, desk) = shop_and_desk(&[(200, "ok")]).await;
        desk.bench.faults.arm(Some("charge"), fault.clone(), 1);
        let order = desk.payer_code("B0000001", 100, CodeOutcome::Pays);
        assert_eq!(desk.code(&order).await, "00");
        desk.step(1);
        assert_eq!(desk.bench.notifier.deliveries().len(), arrive, "{fault:?}");
        within(desk.bench.notifier.until(|all| all.iter().all(|d| !d.tries.is_empty()))).await;
        for request in shop.seen() {
            let (fields, charset) = Fields::parse_form(&request.body).unwrap();
            assert_eq!(is_genuine(&fields, charset), genuine);
            assert_eq!((fields.value("txnAmt"), fields.value("settleAmt")), (Some(amount), Some(amount)));
        }
        let answer = desk.query(&order).await;
        assert_eq!((answer.value("txnAmt"), answer.value("origRespCode")), (Some("100"), Some("00")));
    }
}

#[tokio::test]
async fn notifications_are_sent_five_times_on_the_schedule() {
    let (shop, desk) = shop_and_desk(&[(500, "no")]).await;
    assert_eq!(desk.code(&desk.payer_code("B0000001", 100, CodeOutcome::Pays)).await, "00");
    desk.step(1);
    for (sent, gap) in [(1, 60), (2, 120), (3, 240), (4, 300), (5, 0)] {
        let all = within(desk.bench.notifier.until(|all| all[0].tries.len() == sent)).await;
        let next = all[0].next_try_at.map_or(0, |at| at.duration_since(desk.now()).as_secs());
        assert_eq!(next, gap, "after send {sent}");
        desk.step(gap);
    }
    let all = desk.bench.notifier.deliveries();
    assert_eq!(all[0].state, DeliveryState::GivenUp);
    assert_eq!(shop.seen().len(), 5);
    let bodies: Vec<_> = shop.seen().into_iter().map(|request| request.body).collect();
    assert!(bodies.iter().all(|body| *body == bodies[0]), "the same to the byte");
    assert_eq!(
        shop.seen()[0].header("content-type"),
        Some("application/x-www-form-urlencoded;charset=UTF-8")
    );
}

#[tokio::test]
async fn status_200_and_302_acknowledge_whatever_the_body() {
    for (status, acknowledged) in [(200, true), (302, true), (204, false), (404, false)] {
        let (_shop, desk) = shop_and_desk(&[(status, "fail")]).await;
        assert_eq!(desk.code(&desk.payer_code("B0000001", 100, CodeOutcome::Pays)).await, "00");
        desk.step(1);
        let all = within(desk.bench.notifier.until(|all| !all[0].tries.is_empty())).await;
        assert_eq!(all[0].state == DeliveryState::Acknowledged, acknowledged, "{status}");
    }
}

#[tokio::test]
async fn refunds_and_undos_are_told_at_their_own_address() {
    let (shop, desk) = shop_and_desk(&[(200, "ok")]).await;
    let query_id = desk.paid("T0000001", 1000).await;
    let url = format!("{}/undo?tenant=1", shop.url);
    let undo = desk.order(
        ("31", "00"),
        "U0000001",
        1000,
        [("origQryId", &query_id), ("backUrl", &format!("ZX|{url}"))],
    );
    assert_eq!(desk.code(&undo).await, "00");
    desk.step(1);
    within(desk.bench.notifier.until(|all| all.iter().all(|d| !d.tries.is_empty()))).await;
    let seen = shop.seen();
    let told = seen.iter().find(|request| request.path() == "/notify/undo").expect("at its own address");
    assert_eq!(told.query(), "tenant=1");
    let (fields, code, _) = notified(told);
    let part = |name| fields.value(name).unwrap_or("-").to_owned();
    assert_eq!((code.as_str(), part("txnType"), part("origQryId")), ("00", "31".to_owned(), query_id));
    assert_eq!(part("tenant"), "-", "the query string is not part of the signed form");
}

#[tokio::test]
async fn a_fault_on_a_query_changes_nothing() {
    let desk = Desk::silent();
    let order = desk.order(("01", "07"), "Q0000001", 100, []);
    assert_eq!(desk.code(&order).await, "00");
    desk.bench.faults.arm(Some("query"), Fault::WrongSignature, 1);
    let reply = desk.post(QUERY, signed(query_of(&order)).to_form(Charset::UTF_8)).await;
    assert!(read(&reply, Charset::UTF_8).is_none());
    assert_eq!(desk.ask(&order).await, ("00".to_owned(), "05".to_owned()));
    assert_eq!(desk.mock.book().len(), 1);
}

#[tokio::test]
async fn f05_a_rail_that_forgets_takes_the_money_once_more_and_tells_of_it() {
    let (shop, desk) = shop_and_desk(&[(200, "ok")]).await;
    let order = desk.payer_code("B0000001", 100, CodeOutcome::Pays);
    assert_eq!(desk.code(&order).await, "00");
    assert!(desk.mock.charge_again("B0000001").is_err(), "nothing is decided yet");
    desk.step(1);
    let second = desk.mock.charge_again("B0000001").unwrap();
    assert!(desk.mock.charge_again("B0000001").is_err(), "once");
    let done = |d: &crate::notifier::Delivery| d.state != DeliveryState::Pending;
    within(desk.bench.notifier.until(|all| all.len() == 2 && all.iter().all(done))).await;
    let entry = desk.mock.book().remove(0);
    let told = shop.seen().into_iter().map(|seen| notified(&seen).0.value("queryId").unwrap().to_owned());
    let mut told: Vec<String> = told.collect();
    told.sort_unstable();
    assert_eq!((told, entry.charges), (vec![entry.rail_ref.unwrap(), second.clone()], 1));
    assert_eq!(entry.again.map(|again| (again.rail_ref, again.fen)), Some((second, 100)));
}
