//! Whole lives of held money, and of refunds that take turns, over a rail with faults. Each story ends with the same
//! question: do our books equal the rail's to the fen, was nobody charged twice, and is nothing held any more?
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops here")]

mod world;

use jiff::SignedDuration;
use paifang_engine::Error;
use paifang_store::{IntentRow, Store};
use world::{Fault, Stage, code, code_of, qr};

fn order_no(row: &IntentRow, index: usize) -> String {
    row.intent.attempts[index].terms.order_no.to_string()
}

fn states(row: &IntentRow) -> Vec<&'static str> {
    row.intent.attempts.iter().map(|attempt| attempt.state.name()).collect()
}

fn amounts(row: &IntentRow) -> [i64; 3] {
    [row.amounts.authorized, row.amounts.captured, row.amounts.refunded].map(|money| money.minor_units())
}

fn reason(error: Error) -> &'static str {
    let Error::Precondition { reason, .. } = error else { panic!("{error:?}") };
    reason
}

/// An intent whose 100.00 are held by a QR code that the payer agreed to.
async fn held(stage: &Stage, request: &str) -> IntentRow {
    let row = stage.hold(request, qr("sturdy")).await;
    stage.truth.lock().unwrap().pay(&order_no(&row, 0));
    let row = stage.state_within(row.intent.terms.id, "authorized", SignedDuration::from_mins(1)).await;
    assert_eq!(amounts(&row), [10_000, 0, 0]);
    row
}

async fn kinds(stage: &Stage) -> Vec<String> {
    let events = stage.engine.store().events_after(Some(stage.tenant), 0, 200).await.unwrap();
    events.into_iter().map(|event| event.kind).collect()
}

#[tokio::test(start_paused = true)]
async fn held_money_is_taken_in_full_or_in_part() {
    for (fen, captured) in [(None, 10_000), (Some(2_500), 2_500)] {
        let stage = Stage::open().await;
        let id = held(&stage, "c1").await.intent.terms.id;
        let row = stage.capture("t1", id, fen).await.unwrap();
        assert_eq!((row.intent.state.name(), amounts(&row)), ("succeeded", [10_000, captured, 0]));
        assert!(stage.refund("r1", id, captured + 1).await.unwrap_err().contains("more than is left"));
        assert_eq!(stage.refund("r2", id, captured).await.as_deref(), Ok("succeeded"));
        stage.check().await;
    }
}

/// I2: fifty captures at once take once; the others are told so.
#[tokio::test(start_paused = true)]
async fn fifty_captures_at_once_take_once() {
    let stage = Stage::open().await;
    let id = held(&stage, "c1").await.intent.terms.id;
    let requests: Vec<String> = (0..50).map(|n| format!("t{n}")).collect();
    let calls = requests.iter().map(|request| stage.capture(request, id, Some(5_000)));
    let results = futures::future::join_all(calls).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    for error in results.into_iter().filter_map(Result::err) {
        assert!(["CAPTURE_UNDER_WAY", "INTENT_NOT_AUTHORIZED"].contains(&reason(error)));
    }
    let truth = stage.check().await;
    assert_eq!(truth.lock().unwrap().calls.iter().filter(|call| call.starts_with("capture")).count(), 1);
}

/// F36: the same call twice is one capture; with another amount it is another thing.
#[tokio::test(start_paused = true)]
async fn a_capture_is_repeated_by_its_request_id() {
    let stage = Stage::open().await;
    let id = held(&stage, "c1").await.intent.terms.id;
    let both = tokio::join!(stage.capture("t1", id, Some(5_000)), stage.capture("t1", id, Some(5_000)));
    assert_eq!(
        (amounts(&both.0.unwrap()), amounts(&both.1.unwrap())),
        ([10_000, 5_000, 0], [10_000, 5_000, 0])
    );
    assert!(matches!(stage.capture("t1", id, Some(6_000)).await, Err(Error::RequestReused)));
    stage.check().await;
}

/// F01, F02, F04: what is lost of a capture or a release is asked for, and sent again under its number only.
#[tokio::test(start_paused = true)]
async fn lost_captures_and_releases_are_resolved() {
    for fault in [Fault::AnswerLost, Fault::RequestLost, Fault::NotConnected, Fault::Delayed] {
        let stage = Stage::open().await;
        let id = held(&stage, "c1").await.intent.terms.id;
        stage.fault("capture", fault);
        let row = stage.capture("t1", id, Some(7_000)).await.unwrap();
        assert_eq!((row.intent.state.name(), amounts(&row)), ("succeeded", [10_000, 7_000, 0]), "{fault:?}");
        stage.check().await;

        let stage = Stage::open().await;
        let id = held(&stage, "c1").await.intent.terms.id;
        stage.fault("release", fault);
        let row = stage.cancel("x1", id).await;
        assert_eq!((row.intent.state.name(), amounts(&row)), ("canceled", [0, 0, 0]), "{fault:?}");
        stage.check().await;
    }
}

/// F04: a no to the second copy of a capture says nothing of the first, which may still be on its way.
#[tokio::test(start_paused = true)]
async fn a_refused_copy_does_not_end_a_capture_that_may_yet_arrive() {
    let stage = Stage::open().await;
    let id = held(&stage, "c1").await.intent.terms.id;
    stage.fault("capture", Fault::Delayed);
    stage.truth.lock().unwrap().refuses_captures = true;
    let first_arrives = async {
        tokio::time::sleep(std::time::Duration::from_secs(45)).await;
        stage.truth.lock().unwrap().refuses_captures = false;
    };
    let (row, ()) = tokio::join!(stage.capture("t1", id, Some(7_000)), first_arrives);
    let row = row.unwrap();
    assert_eq!((row.intent.state.name(), amounts(&row)), ("succeeded", [10_000, 7_000, 0]));
    stage.check().await;
}

/// F01, F04: once nothing can arrive any more, the no is final, and the money is held for the next capture.
#[tokio::test(start_paused = true)]
async fn a_refused_copy_of_a_lost_capture_is_final_in_time() {
    let stage = Stage::open().await;
    let id = held(&stage, "c1").await.intent.terms.id;
    stage.fault("capture", Fault::RequestLost);
    stage.truth.lock().unwrap().refuses_captures = true;
    let began = stage.engine.now();
    let row = stage.capture("t1", id, None).await.unwrap();
    assert_eq!((row.intent.state.name(), amounts(&row)), ("authorized", [10_000, 0, 0]));
    assert!(stage.engine.now().duration_since(began) < SignedDuration::from_mins(25));
    stage.cancel("x1", id).await;
    stage.check().await;
}

/// A no to a capture leaves the money held; the next capture has the next number.
#[tokio::test(start_paused = true)]
async fn a_refused_capture_may_be_tried_again() {
    let stage = Stage::open().await;
    let id = held(&stage, "c1").await.intent.terms.id;
    stage.truth.lock().unwrap().refuses_captures = true;
    let row = stage.capture("t1", id, None).await.unwrap();
    assert_eq!((row.intent.state.name(), amounts(&row)), ("authorized", [10_000, 0, 0]));
    stage.truth.lock().unwrap().refuses_captures = false;
    let row = stage.capture("t2", id, None).await.unwrap();
    assert_eq!((row.intent.state.name(), amounts(&row)), ("succeeded", [10_000, 10_000, 0]));
    stage.check().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_captured_changes_nothing() {
    let stage = Stage::open().await;
    let open = stage.create("c0", Some(qr("sturdy"))).await.intent.terms.id;
    assert_eq!(reason(stage.capture("t0", open, None).await.unwrap_err()), "INTENT_NOT_AUTHORIZED");
    let row = held(&stage, "c1").await;
    let id = row.intent.terms.id;
    assert_eq!(reason(stage.capture("t1", id, Some(10_001)).await.unwrap_err()), "CAPTURE_EXCEEDS_HOLD");
    let all_or_nothing = stage.hold("c2", code()).await.intent.terms.id;
    let refused = stage.capture("t2", all_or_nothing, Some(9_999)).await.unwrap_err();
    assert_eq!(reason(refused), "CAPTURE_NOT_SUPPORTED");
    let after = stage.engine.store().intent(stage.tenant, id).await.unwrap().unwrap();
    assert_eq!(after.intent.version, row.intent.version);
    stage.cancel("x1", id).await;
    stage.capture("t3", all_or_nothing, None).await.unwrap();
    stage.check().await;
}

/// A hold that nobody captures goes back a day before the rail would end it, by halves where it is short.
#[tokio::test(start_paused = true)]
async fn a_forgotten_hold_goes_back() {
    for (choice, hours) in [(qr("sturdy"), 48), (code(), 12)] {
        let stage = Stage::open_looking_every(SignedDuration::from_secs(20)).await;
        let row = stage.hold("c1", choice).await;
        if row.intent.state.name() != "authorized" {
            stage.truth.lock().unwrap().pay(&order_no(&row, 0));
        }
        let id = row.intent.terms.id;
        stage.state_within(id, "authorized", SignedDuration::from_mins(2)).await;
        let kept = SignedDuration::from_hours(hours - 1);
        let early = |row: &IntentRow| row.intent.is_final();
        let row = stage.engine.await_change(stage.tenant, id, kept, early).await.unwrap();
        assert_eq!(row.intent.state.name(), "authorized", "{hours}");
        stage.state_within(id, "expired", SignedDuration::from_hours(2)).await;
        stage.check().await;
    }
}

/// The rail ended a standing hold by itself: it is noticed, and the payer may choose again.
#[tokio::test(start_paused = true)]
async fn a_hold_that_the_rail_ends_is_noticed() {
    let stage = Stage::open().await;
    let row = held(&stage, "c1").await;
    stage.truth.lock().unwrap().end_hold(&order_no(&row, 0));
    let gone = |row: &IntentRow| row.intent.state.name() != "authorized";
    let id = row.intent.terms.id;
    let row =
        stage.engine.await_change(stage.tenant, id, SignedDuration::from_hours(30), gone).await.unwrap();
    assert_eq!((states(&row), amounts(&row)), (vec!["Closed"], [0, 0, 0]));
    stage.check().await;
}

/// I12: the rail ended the hold, and nobody had noticed: the release is refused, and the hold itself is asked about.
#[tokio::test(start_paused = true)]
async fn a_release_of_what_the_rail_has_ended_comes_to_an_end() {
    let stage = Stage::open().await;
    let row = held(&stage, "c1").await;
    stage.truth.lock().unwrap().end_hold(&order_no(&row, 0));
    let began = stage.engine.now();
    let row = stage.cancel("x1", row.intent.terms.id).await;
    assert_eq!((row.intent.state.name(), amounts(&row)), ("canceled", [0, 0, 0]));
    assert!(stage.engine.now().duration_since(began) < SignedDuration::from_mins(10));
    stage.check().await;
}

/// F04: a close that everybody had given up ends a hold that the payer agreed to meanwhile. It is not called authorized
/// for long: goods might be shipped for it.
#[tokio::test(start_paused = true)]
async fn a_hold_that_a_delayed_close_ends_is_noticed_soon() {
    let stage = Stage::open().await;
    let row = stage.hold("c1", qr("sturdy")).await;
    let id = row.intent.terms.id;
    stage.fault("close", Fault::Delayed);
    let request_id = paifang_payment::RequestId::parse("c2").unwrap();
    let wanted = paifang_engine::ConfirmIntent { request_id, intent: id, etag: None, confirmation: code() };
    stage.engine.confirm_intent(stage.tenant, wanted).await.unwrap();
    stage.truth.lock().unwrap().pay(&order_no(&row, 0));
    stage.state_within(id, "authorized", SignedDuration::from_mins(1)).await;
    stage.state_within(id, "requires_wallet", SignedDuration::from_mins(3)).await;
    stage.check().await;
}

/// I17: a hold that turns up after the intent ended goes back by itself, with an event; nothing was charged.
#[tokio::test(start_paused = true)]
async fn a_late_hold_goes_back() {
    let stage = Stage::open().await;
    let row = stage.hold("c1", qr("sturdy")).await;
    let id = row.intent.terms.id;
    assert_eq!(stage.cancel("x1", id).await.intent.state.name(), "canceled");
    stage.truth.lock().unwrap().hold_although_closed(&order_no(&row, 0));
    let told = async {
        while !kinds(&stage).await.iter().any(|kind| kind == "payment_intent.late_hold") {
            tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(3 * 86_400), told).await.unwrap();
    stage.check().await;
}

/// A payer who agreed in two wallets: the first hold stays, the other one goes back.
#[tokio::test(start_paused = true)]
async fn a_second_hold_goes_back() {
    let stage = Stage::open().await;
    let row = stage.hold("c1", qr("sturdy")).await;
    let id = row.intent.terms.id;
    (0..3).for_each(|_| stage.fault("close", Fault::RequestLost));
    let request_id = paifang_payment::RequestId::parse("c2").unwrap();
    let wanted = paifang_engine::ConfirmIntent { request_id, intent: id, etag: None, confirmation: code() };
    stage.engine.confirm_intent(stage.tenant, wanted).await.unwrap();
    stage.truth.lock().unwrap().pay(&order_no(&row, 0));
    stage.state_within(id, "authorized", SignedDuration::from_mins(10)).await;
    let row = stage.capture("t1", id, None).await.unwrap();
    assert_eq!((row.intent.state.name(), amounts(&row)), ("succeeded", [10_000, 10_000, 0]));
    stage.check().await;
}

/// Beside a hold no other wallet is chosen, and a cancel never races a capture.
#[tokio::test(start_paused = true)]
async fn a_hold_has_one_slot() {
    let stage = Stage::open().await;
    let id = held(&stage, "c1").await.intent.terms.id;
    let request_id = paifang_payment::RequestId::parse("c2").unwrap();
    let wanted = paifang_engine::ConfirmIntent { request_id, intent: id, etag: None, confirmation: code() };
    let refused = stage.engine.confirm_intent(stage.tenant, wanted).await.unwrap_err();
    assert_eq!(reason(refused), "INTENT_AUTHORIZED");
    let request_id = paifang_payment::RequestId::parse("x1").unwrap();
    let cancel = paifang_engine::CancelIntent { request_id, intent: id, etag: None };
    let (captured, canceled) =
        tokio::join!(stage.capture("t1", id, None), stage.engine.cancel_intent(stage.tenant, cancel));
    let row = stage.settled(id).await;
    match (captured, canceled) {
        (Ok(_), Err(error)) => {
            assert!(["CAPTURE_UNDER_WAY", "INTENT_SUCCEEDED"].contains(&reason(error)));
            assert_eq!(row.intent.state.name(), "succeeded");
        }
        (Err(error), Ok(_)) => {
            assert_eq!((reason(error), row.intent.state.name()), ("INTENT_NOT_AUTHORIZED", "canceled"));
        }
        both => panic!("{both:?}"),
    }
    stage.check().await;
}

/// Refunds of one order are all accepted at once and reach the rail a minute apart, the first at once; those of another
/// order do not wait for them.
#[tokio::test(start_paused = true)]
async fn refunds_take_turns_where_the_rail_wants_time_between_them() {
    let stage = Stage::open().await;
    let id = stage.create("c1", Some(code_of("paced"))).await.intent.terms.id;
    let other = stage.create("c2", Some(code_of("paced"))).await.intent.terms.id;
    let now = || stage.engine.now().as_second();
    let began = now();
    let requests: Vec<String> = (0..5).map(|n| format!("r{n}")).collect();
    let calls = requests.iter().map(|request| stage.refund(request, id, 1_000));
    let (mine, others) = tokio::join!(futures::future::join_all(calls), stage.refund("other", other, 10_000));
    assert!(
        mine.iter().all(|state| state.as_deref() == Ok("succeeded")) && others.is_ok(),
        "{mine:?} {others:?}"
    );
    let mut at = stage.truth.lock().unwrap().refunded_at.clone();
    at.sort_unstable();
    // Two at once, one of each order; then one a minute.
    assert_eq!(at.len(), 6);
    assert!(at[1] - began <= 2, "{at:?} from {began}");
    for pair in at[1..].windows(2) {
        assert!((60..75).contains(&(pair[1] - pair[0])), "{at:?}");
    }
    stage.check().await;
}
