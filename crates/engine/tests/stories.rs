//! Whole lives of payments, over a rail with faults. Each story ends with the same question: do our books equal the
//! rail's to the fen, and was nobody charged twice?
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test that cannot go on stops here"
)]

mod world;

use jiff::SignedDuration;
use paifang_engine::Error;
use paifang_payment::{attempt, intent};
use paifang_store::{IntentRow, Store};
use world::{Fault, Stage, code, qr, wanted};

fn order_no(row: &IntentRow, index: usize) -> String {
    row.intent.attempts[index].terms.order_no.to_string()
}

fn states(row: &IntentRow) -> Vec<&'static str> {
    row.intent.attempts.iter().map(|attempt| attempt.state.name()).collect()
}

#[tokio::test(start_paused = true)]
async fn paid_by_qr_without_any_notification() {
    let stage = Stage::open().await;
    let row = stage.create("c1", Some(qr("sturdy"))).await;
    assert_eq!(row.intent.state, intent::State::AwaitingPayer);
    stage.truth.lock().unwrap().pay(&order_no(&row, 0));
    stage.state_within(row.intent.terms.id, "succeeded", SignedDuration::from_secs(15)).await;
    stage.check().await;
}

/// F02: the answer to a creation is lost; the same bytes are sent again and there is one order.
#[tokio::test(start_paused = true)]
async fn a_lost_creation_is_repeated_where_the_rail_takes_repeats() {
    let stage = Stage::open().await;
    stage.fault("charge", Fault::AnswerLost);
    let row = stage.create("c1", Some(qr("sturdy"))).await;
    assert_eq!(states(&row), ["AwaitingPayer"]);
    let truth = stage.check().await;
    assert_eq!(truth.lock().unwrap().orders.len(), 1);
}

/// F02 on a rail that takes no repeats: a new order opens, the lost one was never shown and ends by itself.
#[tokio::test(start_paused = true)]
async fn a_lost_creation_opens_a_new_order_elsewhere() {
    let stage = Stage::open().await;
    stage.fault("charge", Fault::AnswerLost);
    let row = stage.create("c1", Some(qr("plain"))).await;
    assert_eq!(states(&row), ["InDoubt", "AwaitingPayer"]);
    stage.truth.lock().unwrap().pay(&order_no(&row, 1));
    stage.state_within(row.intent.terms.id, "succeeded", SignedDuration::from_secs(20)).await;
    stage.check().await;
}

/// F01, F04: a delayed request creates an order that nobody was ever shown.
#[tokio::test(start_paused = true)]
async fn a_delayed_creation_does_no_harm() {
    for wallet in ["sturdy", "plain"] {
        let stage = Stage::open().await;
        stage.fault("charge", Fault::Delayed);
        let row = stage.create("c1", Some(qr(wallet))).await;
        assert_eq!(row.intent.state, intent::State::AwaitingPayer, "{wallet}");
        stage.check().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_did_not_leave_us_is_sent_again_without_asking() {
    let stage = Stage::open().await;
    stage.fault("charge", Fault::NotConnected);
    stage.fault("charge", Fault::NotConnected);
    let row = stage.create("c1", Some(code())).await;
    assert_eq!(row.intent.state.name(), "succeeded");
    let truth = stage.check().await;
    assert_eq!(truth.lock().unwrap().calls.iter().filter(|call| call.starts_with("query")).count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_rail_that_cannot_be_reached_refuses_in_the_end() {
    let stage = Stage::open().await;
    (0..4).for_each(|_| stage.fault("charge", Fault::NotConnected));
    let row = stage.create("c1", Some(code())).await;
    let attempt::State::Refused(refused) = &row.intent.attempts[0].state else { panic!("{row:?}") };
    assert_eq!(refused.refusal.reason.as_str(), "rail_unreachable");
    assert_eq!(row.intent.state, intent::State::RequiresWallet);
    stage.check().await;
}

/// F02 for a payer's code: asked for, never sent again, charged once.
#[tokio::test(start_paused = true)]
async fn a_payers_code_whose_answer_is_lost_is_resolved_by_query() {
    let stage = Stage::open().await;
    stage.fault("charge", Fault::AnswerLost);
    let row = stage.create("c1", Some(code())).await;
    assert_eq!(row.intent.state.name(), "succeeded");
    let truth = stage.check().await;
    let charges = truth.lock().unwrap().calls.iter().filter(|call| call.starts_with("charge")).count();
    assert_eq!(charges, 1);
}

/// Flow B: undecided for a minute, then reversed; a payment that shows up under the reverse goes back with it.
#[tokio::test(start_paused = true)]
async fn a_payers_code_that_stays_undecided_is_reversed() {
    let stage = Stage::open().await;
    stage.truth.lock().unwrap().code_stays_pending = true;
    let row = stage.create("c1", Some(code())).await;
    assert_eq!((row.intent.state.name(), states(&row)), ("requires_wallet", vec!["Closed"]));
    stage.check().await;
}

#[tokio::test(start_paused = true)]
async fn cancel_of_a_code_that_was_paid_returns_the_money() {
    let stage = Stage::open().await;
    stage.truth.lock().unwrap().code_stays_pending = true;
    let made = stage.engine.create_intent(stage.tenant, wanted("c1", Some(code()))).await.unwrap();
    let id = made.resource.intent.terms.id;
    let waiting = |row: &IntentRow| states(row) == ["AwaitingPayer"];
    let row =
        stage.engine.await_change(stage.tenant, id, SignedDuration::from_secs(5), waiting).await.unwrap();
    stage.truth.lock().unwrap().pay(&order_no(&row, 0));
    let row = stage.cancel("x1", id).await;
    assert_eq!(row.intent.state.name(), "canceled");
    assert_eq!(row.amounts.captured.minor_units(), 0);
    stage.check().await;
}

/// I1, F35: a hundred equal calls at once make one intent and one order.
#[tokio::test(start_paused = true)]
async fn a_hundred_equal_creates_make_one() {
    let stage = Stage::open().await;
    let calls =
        (0..100).map(|_| stage.engine.create_intent(stage.tenant, wanted("same", Some(qr("sturdy")))));
    let made: Vec<_> = futures::future::join_all(calls).await.into_iter().map(Result::unwrap).collect();
    let ids: std::collections::BTreeSet<_> = made.iter().map(|made| made.resource.intent.terms.id).collect();
    assert_eq!((ids.len(), made.iter().filter(|made| !made.replayed).count()), (1, 1));
    stage.settled(*ids.first().unwrap()).await;
    let truth = stage.check().await;
    assert_eq!(truth.lock().unwrap().orders.len(), 1);
}

/// F36: the same request id with another content changes nothing.
#[tokio::test(start_paused = true)]
async fn a_request_id_is_never_used_for_two_things() {
    let stage = Stage::open().await;
    stage.create("c1", None).await;
    let other = paifang_engine::CreateIntent { description: "coffee".into(), ..wanted("c1", None) };
    let refused = stage.engine.create_intent(stage.tenant, other).await;
    assert!(matches!(refused, Err(Error::RequestReused)));
    stage.check().await;
}

/// I6, F32: two hundred refunds at once return what was captured and not one fen more.
#[tokio::test(start_paused = true)]
async fn two_hundred_refunds_at_once_never_exceed_the_capture() {
    let stage = Stage::open().await;
    let row = stage.create("c1", Some(code())).await;
    let id = row.intent.terms.id;
    let requests: Vec<String> = (0..200).map(|n| format!("r{n}")).collect();
    let refunds =
        futures::future::join_all(requests.iter().map(|request| stage.refund(request, id, 77))).await;
    let done = refunds.iter().filter(|refund| refund.as_deref() == Ok("succeeded")).count();
    assert_eq!(done, 10_000 / 77);
    let row = stage.settled(id).await;
    assert_eq!(row.amounts.refunded.minor_units(), 77 * (10_000 / 77));
    stage.check().await;
}

/// F17: a lost refund is sent again under the same number only.
#[tokio::test(start_paused = true)]
async fn refunds_survive_lost_requests_and_lost_answers() {
    let stage = Stage::open().await;
    let id = stage.create("c1", Some(code())).await.intent.terms.id;
    stage.fault("refund", Fault::AnswerLost);
    assert_eq!(stage.refund("r1", id, 3_000).await.as_deref(), Ok("succeeded"));
    stage.fault("refund", Fault::RequestLost);
    assert_eq!(stage.refund("r2", id, 3_000).await.as_deref(), Ok("succeeded"));
    stage.fault("refund", Fault::NotConnected);
    assert_eq!(stage.refund("r3", id, 4_000).await.as_deref(), Ok("succeeded"));
    assert!(stage.refund("r4", id, 1).await.unwrap_err().contains("more than is left"));
    let truth = stage.check().await;
    assert_eq!(truth.lock().unwrap().orders.values().map(|order| order.refunds.len()).sum::<usize>(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_switch_closes_the_earlier_order_first() {
    let stage = Stage::open().await;
    let row = stage.create("c1", Some(qr("sturdy"))).await;
    let row = stage.confirm("c2", row.intent.terms.id, qr("plain")).await;
    assert_eq!((row.intent.state.name(), states(&row)), ("awaiting_payer", vec!["Closed", "AwaitingPayer"]));
    stage.check().await;
}

/// F11: the payer pays while the close is on its way: the payment stays, the switch is dropped.
#[tokio::test(start_paused = true)]
async fn a_payment_during_the_switch_wins() {
    let stage = Stage::open().await;
    let row = stage.create("c1", Some(qr("sturdy"))).await;
    stage.truth.lock().unwrap().pay(&order_no(&row, 0));
    let row = stage.confirm("c2", row.intent.terms.id, qr("plain")).await;
    assert_eq!((row.intent.state.name(), states(&row)), ("succeeded", vec!["Paid"]));
    stage.check().await;
}

/// F12, I17: an order that cannot be closed is left and watched; its late money goes back by itself.
#[tokio::test(start_paused = true)]
async fn late_money_goes_back() {
    let stage = Stage::open().await;
    let row = stage.create("c1", Some(qr("plain"))).await;
    let id = row.intent.terms.id;
    let row = stage.confirm("c2", id, qr("sturdy")).await;
    assert!(row.intent.attempts[0].left);
    stage.truth.lock().unwrap().pay(&order_no(&row, 1));
    stage.state_within(id, "succeeded", SignedDuration::from_secs(20)).await;
    stage.truth.lock().unwrap().pay(&order_no(&row, 0));
    let late = |row: &IntentRow| states(row) == ["Late", "Paid"];
    let row = stage.engine.await_change(stage.tenant, id, SignedDuration::from_hours(1), late).await.unwrap();
    assert_eq!(states(&row), ["Late", "Paid"]);
    let tenant = stage.tenant;
    let store = stage.engine.store().clone();
    let truth = stage.check().await;
    assert_eq!(truth.lock().unwrap().orders[&order_no(&row, 0)].refunded, 10_000);
    let events = store.events_after(Some(tenant), 0, 200).await.unwrap();
    assert!(events.iter().any(|event| event.kind == "payment_intent.late_payment"));
}

#[tokio::test(start_paused = true)]
async fn expiry_ends_orders_on_rails_with_and_without_a_close() {
    for wallet in ["sturdy", "plain"] {
        let stage = Stage::open().await;
        let id = stage.create("c1", Some(qr(wallet))).await.intent.terms.id;
        stage.state_within(id, "expired", SignedDuration::from_mins(20)).await;
        stage.check().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_intent_without_any_attempt_expires_and_cancels() {
    let stage = Stage::open().await;
    let id = stage.create("c1", None).await.intent.terms.id;
    stage.state_within(id, "expired", SignedDuration::from_mins(16)).await;
    let id = stage.create("c2", None).await.intent.terms.id;
    assert_eq!(stage.cancel("x2", id).await.intent.state.name(), "canceled");
    stage.check().await;
}

/// At a till: a QR code was shown, then the payer's code is scanned. The code waits, in memory, for the close.
#[tokio::test(start_paused = true)]
async fn a_switch_to_a_payers_code_keeps_the_code() {
    let stage = Stage::open().await;
    let row = stage.create("c1", Some(qr("sturdy"))).await;
    let row = stage.confirm("c2", row.intent.terms.id, code()).await;
    assert_eq!((row.intent.state.name(), states(&row)), ("succeeded", vec!["Closed", "Paid"]));
    stage.check().await;
}

/// What has provably not left us is not sent after the storefront has canceled.
#[tokio::test(start_paused = true)]
async fn nothing_is_created_after_a_cancel() {
    let stage = Stage::open().await;
    stage.fault("charge", Fault::NotConnected);
    let made = stage.engine.create_intent(stage.tenant, wanted("c1", Some(qr("plain")))).await.unwrap();
    let id = made.resource.intent.terms.id;
    let unsent = |row: &IntentRow| matches!(&row.intent.attempts[0].state, attempt::State::Sending(sending) if sending.unsent);
    stage.engine.await_change(stage.tenant, id, SignedDuration::from_millis(500), unsent).await.unwrap();
    let row = stage.cancel("x1", id).await;
    assert_eq!((row.intent.state.name(), states(&row)), ("canceled", vec!["Refused"]));
    let truth = stage.check().await;
    assert!(truth.lock().unwrap().orders.is_empty());
}

/// A rail that cannot be reached while we ask about a send of unknown fate is asked at a growing distance.
#[tokio::test(start_paused = true)]
async fn an_unreachable_rail_is_not_hammered() {
    let stage = Stage::open().await;
    stage.fault("charge", Fault::RequestLost);
    (0..10_000).for_each(|_| stage.fault("query", Fault::NotConnected));
    let made = stage.engine.create_intent(stage.tenant, wanted("c1", Some(code()))).await.unwrap();
    let id = made.resource.intent.terms.id;
    let never = |_: &IntentRow| false;
    stage.engine.await_change(stage.tenant, id, SignedDuration::from_mins(10), never).await.unwrap();
    let left = stage.truth.lock().unwrap().faults.len();
    assert!(10_000 - left < 60, "{} queries in ten minutes", 10_000 - left);
    stage.truth.lock().unwrap().faults.clear();
    stage.check().await;
}

/// A close that the rail answers with "unsure" for a while is repeated at a growing distance.
#[tokio::test(start_paused = true)]
async fn an_unsure_close_is_not_hammered() {
    let stage = Stage::open().await;
    let row = stage.create("c1", Some(qr("sturdy"))).await;
    (0..10_000).for_each(|_| stage.fault("close", Fault::RequestLost));
    let request_id = paifang_payment::RequestId::parse("x1").unwrap();
    let intent = row.intent.terms.id;
    let wanted = paifang_engine::CancelIntent { request_id, intent, etag: None };
    stage.engine.cancel_intent(stage.tenant, wanted).await.unwrap();
    let never = |_: &IntentRow| false;
    stage.engine.await_change(stage.tenant, intent, SignedDuration::from_mins(10), never).await.unwrap();
    let left = stage.truth.lock().unwrap().faults.len();
    assert!(10_000 - left < 20, "{} closes in ten minutes", 10_000 - left);
    stage.truth.lock().unwrap().faults.clear();
    stage.state_within(intent, "canceled", SignedDuration::from_hours(1)).await;
    stage.check().await;
}

/// Late money that the rail does not give back stays in suspense, in sight of a person.
#[tokio::test(start_paused = true)]
async fn late_money_that_cannot_go_back_is_given_to_a_person() {
    let stage = Stage::open().await;
    stage.truth.lock().unwrap().refuses_refunds = true;
    let row = stage.create("c1", Some(qr("sturdy"))).await;
    let id = row.intent.terms.id;
    stage.cancel("x1", id).await;
    stage.truth.lock().unwrap().pay_although_closed(&order_no(&row, 0));
    let late = |row: &IntentRow| states(row) == ["Late"];
    stage.engine.await_change(stage.tenant, id, SignedDuration::from_hours(3), late).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    assert_eq!(stage.engine.store().stats().await.unwrap().quarantined, 1);
    stage.check().await;
}

/// I17, F12: money that comes after the end is found and goes back, although no notification comes and looks are lost.
#[tokio::test(start_paused = true)]
async fn late_money_is_found_although_looks_after_the_end_are_lost() {
    let stage = Stage::open_looking_every(SignedDuration::from_secs(60)).await;
    let id = stage.create("c1", Some(qr("sturdy"))).await.intent.terms.id;
    let row = stage.cancel("x1", id).await;
    assert_eq!(row.intent.state.name(), "canceled");
    let order = order_no(&row, 0);
    stage.truth.lock().unwrap().pay_although_closed(&order);
    for fault in [Fault::RequestLost, Fault::NotConnected, Fault::AnswerLost] {
        stage.fault("query", fault);
    }
    tokio::time::sleep(std::time::Duration::from_secs(30 * 3_600)).await;
    let truth = stage.check().await;
    let truth = truth.lock().unwrap();
    assert!(truth.faults.is_empty(), "every look was lost but the last");
    assert_eq!((truth.orders[&order].paid, truth.orders[&order].refunded), (10_000, 10_000));
}

/// I17: a look that is repeated takes no other one away: what comes after it is found a day after the end.
#[tokio::test(start_paused = true)]
async fn a_repeated_look_after_the_end_leaves_the_next_days_look() {
    let stage = Stage::open_looking_every(SignedDuration::from_secs(60)).await;
    let id = stage.create("c1", Some(qr("sturdy"))).await.intent.terms.id;
    let order = order_no(&stage.cancel("x1", id).await, 0);
    stage.fault("query", Fault::RequestLost);
    tokio::time::sleep(std::time::Duration::from_secs(4 * 3_600)).await;
    assert!(stage.truth.lock().unwrap().faults.is_empty(), "the first look was lost, and repeated");
    stage.truth.lock().unwrap().pay_although_closed(&order);
    tokio::time::sleep(std::time::Duration::from_secs(30 * 3_600)).await;
    let truth = stage.check().await;
    assert_eq!(truth.lock().unwrap().orders[&order].refunded, 10_000);
}
