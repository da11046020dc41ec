//! What a rail tells by itself: only what fits is taken up, and what does not fit stands in nobody's way (F52, F53, I4).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

mod world;

use jiff::SignedDuration;
use paifang_engine::ports::IncomingMessage;
use paifang_engine::{CancelIntent, CreateRefund, Notified};
use paifang_ledger::AccountKind;
use paifang_payment::{AccountId, RequestId};
use paifang_store::{InboxRow, IntentRow, Store, fsck};
use serde_json::{Value, json};
use world::{Fault, Stage, code, qr, wanted, yuan};

async fn told(stage: &Stage, said: &Value) -> Notified {
    told_to(stage, "sturdy", said).await
}

async fn told_to(stage: &Stage, account: &str, said: &Value) -> Notified {
    let body = said.to_string().into_bytes();
    let message = IncomingMessage { headers: Vec::new(), query: String::new(), body };
    stage.engine.notified(&AccountId::parse(account).unwrap(), &message).await
}

fn paid(row: &IntentRow, fen: i64) -> Value {
    let order = row.intent.attempts[0].terms.order_no.to_string();
    json!({ "is": "paid", "order": order, "fen": fen, "payment": format!("T{order}"), "key": "one key" })
}

/// An intent whose order is paid, and told.
async fn sold(stage: &Stage) -> (IntentRow, String) {
    let row = stage.create("c1", Some(qr("sturdy"))).await;
    let order = row.intent.attempts[0].terms.order_no.to_string();
    stage.truth.lock().unwrap().pay(&order);
    assert_eq!(told(stage, &paid(&row, 10_000)).await, Notified::News);
    (row, order)
}

async fn inbox(stage: &Stage) -> Vec<InboxRow> {
    stage.engine.store().inbox(&AccountId::parse("sturdy").unwrap(), 10).await.unwrap()
}

/// Wrong news under the key of the right one: kept once each, and the right one is news all the same, once.
#[tokio::test(start_paused = true)]
async fn the_right_news_is_taken_up_after_wrong_news_with_its_key() {
    let mut stage = Stage::open_idle(SignedDuration::from_secs(1)).await;
    let row = stage.create("c1", Some(qr("sturdy"))).await;
    for fen in [1, 1, 9_999, 1] {
        assert_eq!(told(&stage, &paid(&row, fen)).await, Notified::Suspicious);
    }
    let now = stage.engine.store().intent(stage.tenant, row.intent.terms.id).await.unwrap().unwrap();
    assert_eq!(now, row, "nothing has moved");
    assert_eq!(inbox(&stage).await.len(), 2);

    stage.truth.lock().unwrap().pay(row.intent.attempts[0].terms.order_no.as_str());
    assert_eq!(told(&stage, &paid(&row, 10_000)).await, Notified::News);
    let now = stage.engine.store().intent(stage.tenant, row.intent.terms.id).await.unwrap().unwrap();
    assert_eq!(now.intent.state.name(), "succeeded");
    assert_eq!(told(&stage, &paid(&row, 10_000)).await, Notified::Known);
    assert_eq!(told(&stage, &paid(&row, 1)).await, Notified::Suspicious, "however late");
    let keys: Vec<String> = inbox(&stage).await.into_iter().map(|row| row.key).collect();
    assert_eq!(keys.len(), 3);
    assert_eq!(keys.iter().filter(|key| *key == "one key").count(), 1, "{keys:?}");
    stage.run();
    stage.check().await;
}

/// What the ledger has in suspense, in fen; in is above zero.
async fn stray_fen(stage: &Stage) -> i128 {
    let rows = stage.engine.store().balances(stage.tenant).await.unwrap();
    let stray = rows.iter().filter(|row| row.account.kind() == AccountKind::SuspenseStray);
    stray.map(|row| row.balance.posted(&row.account)).sum()
}

async fn stray_events(stage: &Stage) -> usize {
    let events = stage.engine.store().events_after(Some(stage.tenant), 0, 100).await.unwrap();
    events.iter().filter(|event| event.kind == "money.stray").count()
}

/// F05: a rail that forgets idempotency has charged twice. The second payment is booked to suspense and told, once.
#[tokio::test(start_paused = true)]
async fn a_second_transaction_of_an_order_is_booked_to_suspense() {
    let stage = Stage::open_idle(SignedDuration::from_secs(1)).await;
    let (row, order) = sold(&stage).await;
    for key in ["k2", "k3", "k2"] {
        let second = json!({ "is": "paid", "order": order, "fen": 10_000, "payment": "T2", "key": key });
        assert_eq!(told(&stage, &second).await, Notified::Suspicious);
    }
    assert_eq!((stray_fen(&stage).await, stray_events(&stage).await), (10_000, 1));
    let now = stage.engine.store().intent(stage.tenant, row.intent.terms.id).await.unwrap().unwrap();
    assert_eq!((now.intent.state.name(), now.amounts.captured.minor_units()), ("succeeded", 10_000));
    assert!(fsck::run(stage.engine.store()).await.unwrap().is_clean());
}

/// F05 by an answer: a payer's code was charged twice, the notice tells of the first transaction while the storefront
/// cancels, the charge's late answer of the second. The first one goes back, the second one is stray, once.
#[tokio::test(start_paused = true)]
async fn a_second_transaction_that_an_answer_tells_of_is_booked_and_not_reversed() {
    let mut stage = Stage::open_idle(SignedDuration::from_secs(1)).await;
    stage.fault("charge", Fault::Paused(8));
    let made = stage.engine.create_intent(stage.tenant, wanted("c1", Some(code()))).await.unwrap();
    let (row, id) = (made.resource.clone(), made.resource.intent.terms.id);
    stage.until("the charge has left", async || !stage.truth.lock().unwrap().calls.is_empty()).await;
    let cancel = CancelIntent { request_id: RequestId::parse("x1").unwrap(), intent: id, etag: None };
    stage.engine.cancel_intent(stage.tenant, cancel).await.unwrap();
    let order = row.intent.attempts[0].terms.order_no.to_string();
    let first =
        |key: &str| json!({ "is": "paid", "order": order, "fen": 10_000, "payment": "TA", "key": key });
    assert_eq!(told_to(&stage, "plain", &first("k1")).await, Notified::News);
    let intent = async || stage.engine.store().intent(stage.tenant, id).await.unwrap().unwrap().intent;
    assert_eq!(intent().await.attempts[0].state.name(), "Closing");

    stage.until("the late answer is booked", async || stray_events(&stage).await > 0).await;
    let attempt = intent().await.attempts[0].clone();
    assert_eq!(
        attempt.rail_ref.as_ref().map(|known| known.as_str()),
        Some("TA"),
        "what is reversed is the first one"
    );
    assert_eq!((stray_fen(&stage).await, stray_events(&stage).await), (10_000, 1));

    stage.run();
    let row = stage.settled(id).await;
    assert_eq!((row.intent.state.name(), row.intent.attempts[0].state.name()), ("canceled", "Closed"));
    assert_eq!(told_to(&stage, "plain", &first("k2")).await, Notified::Known, "it is the one that went back");
    let second =
        json!({ "is": "paid", "order": order, "fen": 10_000, "payment": format!("T{order}"), "key": "k3" });
    assert_eq!(told_to(&stage, "plain", &second).await, Notified::Suspicious);
    assert_eq!((stray_fen(&stage).await, stray_events(&stage).await), (10_000, 1));
    assert!(fsck::run(stage.engine.store()).await.unwrap().is_clean());
}

/// F04: a refund was told as failed, and a copy of it that nobody reckoned with was carried out.
#[tokio::test(start_paused = true)]
async fn a_refund_that_comes_after_it_failed_is_booked_to_suspense() {
    let mut stage = Stage::open_idle(SignedDuration::from_secs(1)).await;
    let (row, order) = sold(&stage).await;
    stage.truth.lock().unwrap().refuses_refunds = true;
    stage.run();
    assert_eq!(stage.refund("r1", row.intent.terms.id, 3_000).await.as_deref(), Ok("failed"));
    let page = stage.engine.store().refunds(stage.tenant, None, None, 10).await.unwrap();
    let number = page.rows[0].terms.refund_no.to_string();
    for key in ["k2", "k3", "k2"] {
        let late = json!({
            "is": "refunded", "refund": number, "order": order, "payment": format!("T{order}"), "fen": 3_000, "key": key,
        });
        assert_eq!(told(&stage, &late).await, Notified::Suspicious);
    }
    assert_eq!((stray_fen(&stage).await, stray_events(&stage).await), (-3_000, 1));
    let now = stage.engine.store().intent(stage.tenant, row.intent.terms.id).await.unwrap().unwrap();
    assert_eq!((now.amounts.refunded.minor_units(), now.amounts.reserved.minor_units()), (0, 0));
    assert!(fsck::run(stage.engine.store()).await.unwrap().is_clean());
}

/// F04: a capture was refused for good and its number used up, another one was taken, and then the rail tells of the first.
#[tokio::test(start_paused = true)]
async fn a_capture_that_comes_after_it_was_refused_is_booked_to_suspense() {
    let stage = Stage::open().await;
    let row = stage.hold("c1", qr("sturdy")).await;
    let (id, order) = (row.intent.terms.id, row.intent.attempts[0].terms.order_no.to_string());
    stage.truth.lock().unwrap().pay(&order);
    stage.state_within(id, "authorized", SignedDuration::from_mins(10)).await;
    let first = row.intent.attempts[0].terms.hold.as_ref().unwrap().capture_no.to_string();
    stage.truth.lock().unwrap().refuses_captures = true;
    assert_eq!(stage.capture("t1", id, None).await.unwrap().intent.state.name(), "authorized");
    stage.truth.lock().unwrap().refuses_captures = false;
    assert_eq!(stage.capture("t2", id, Some(7_000)).await.unwrap().intent.state.name(), "succeeded");
    for key in ["k1", "k2", "k1"] {
        let late = json!({ "is": "paid", "order": first, "fen": 10_000, "payment": "T1", "key": key });
        assert_eq!(told(&stage, &late).await, Notified::Suspicious);
    }
    assert_eq!((stray_fen(&stage).await, stray_events(&stage).await), (10_000, 1));
    let now = stage.engine.store().intent(stage.tenant, id).await.unwrap().unwrap();
    assert_eq!((now.intent.state.name(), now.amounts.captured.minor_units()), ("succeeded", 7_000));
    assert!(fsck::run(stage.engine.store()).await.unwrap().is_clean());
}

/// F04: late money could not be returned and was given to a person, and then the rail has returned it all the same. A rail
/// that tells of the refund without saying how it ended is asked, and has to tell again until it has answered that; then the
/// person is told to return nothing.
#[tokio::test(start_paused = true)]
async fn late_money_that_went_back_after_all_is_not_returned_by_a_person_too() {
    let mut stage = Stage::open_idle(SignedDuration::from_secs(1)).await;
    let row = stage.create("c1", Some(qr("sturdy"))).await;
    let order = row.intent.attempts[0].terms.order_no.to_string();
    stage.truth.lock().unwrap().refuses_refunds = true;
    stage.run();
    stage.cancel("x1", row.intent.terms.id).await;
    stage.truth.lock().unwrap().pay_although_closed(&order);
    assert_eq!(told(&stage, &paid(&row, 10_000)).await, Notified::News);
    let reason = async || {
        let listed = stage.engine.store().scan_quarantine(None, 10).await.unwrap();
        listed.first().and_then(|row| row.quarantined.clone()).unwrap_or_default()
    };
    stage.until("a person is to return it", async || reason().await.contains("could not be returned")).await;
    let page = stage.engine.store().refunds(stage.tenant, None, None, 10).await.unwrap();
    let number = page.rows[0].terms.refund_no.to_string();
    let open = json!({
        "is": "refunding", "refund": number, "order": order, "payment": format!("T{order}"), "fen": 10_000, "key": "k9",
    });
    let asks = |call: &&String| call.starts_with("query_refund ");
    let asked = || stage.truth.lock().unwrap().calls.iter().filter(asks).count();
    let before = asked();
    assert_eq!(told(&stage, &open).await, Notified::Unclear, "the rail knows no such refund");
    // The delayed copy of the refund is carried out.
    {
        let mut truth = stage.truth.lock().unwrap();
        let known = truth.orders.get_mut(&order).unwrap();
        (known.refunded, _) = (10_000, known.refunds.insert(number.clone(), 10_000));
    }
    stage.fault("query_refund", Fault::AnswerLost);
    assert_eq!(told(&stage, &open).await, Notified::Unclear, "the rail's answer is lost");
    assert_eq!(stray_events(&stage).await, 0);
    for _ in 0..3 {
        assert_eq!(told(&stage, &open).await, Notified::Known);
    }
    assert_eq!(asked(), before + 3, "once it is known, a message that comes again asks nothing");
    assert_eq!((stray_fen(&stage).await, stray_events(&stage).await), (-10_000, 1));
    assert!(reason().await.contains("return nothing"), "{}", reason().await);
    assert!(fsck::run(stage.engine.store()).await.unwrap().is_clean());
}

/// S12: the refund's own number is right, and the payment that it names is another one.
#[tokio::test(start_paused = true)]
async fn news_of_a_refund_of_another_payment_is_suspicious() {
    let mut stage = Stage::open_idle(SignedDuration::from_secs(1)).await;
    let (row, order) = sold(&stage).await;
    stage.fault("refund", Fault::AnswerLost);
    let wanted = CreateRefund {
        request_id: RequestId::parse("r1").unwrap(),
        intent: row.intent.terms.id,
        amount: Some(yuan(3_000)),
        reason: None,
        case: None,
    };
    let refund = stage.engine.create_refund(stage.tenant, wanted).await.unwrap().resource;
    // The rail has carried it out; its answer is lost.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(stage.truth.lock().unwrap().orders[&order].refunded, 3_000);
    let of = |order: &str, payment: &str| {
        let refund = refund.terms.refund_no.to_string();
        json!({ "is": "refunded", "refund": refund, "order": order, "payment": payment, "fen": 3_000, "key": "k" })
    };
    let (payment, id) = (format!("T{order}"), refund.terms.id);
    let state = async || stage.engine.store().refund(stage.tenant, id).await.unwrap().unwrap().state;
    for wrong in [
        of(&order, "T0"),
        of("OTHER0000000000000001", &payment),
        of(refund.terms.refund_no.as_str(), &payment),
    ] {
        assert_eq!(told(&stage, &wrong).await, Notified::Suspicious, "{wrong}");
        assert_ne!(state().await.name(), "succeeded", "{wrong}");
    }
    assert_eq!(told(&stage, &of(&order, &payment)).await, Notified::News);
    assert_eq!(state().await.name(), "succeeded");
    stage.run();
    stage.check().await;
}
