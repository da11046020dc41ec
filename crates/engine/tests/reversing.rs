//! Reverses at a rail that refuses a message whose time is too old, as UnionPay does.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

mod world;

use jiff::SignedDuration;
use paifang_payment::IntentId;
use paifang_store::IntentRow;
use world::{Fault, Stage, code};

/// UnionPay's tolerance.
const LASTS_S: i64 = 900;

/// A code charge that the payer pays while the storefront cancels it, at a rail that answers its reverse so.
async fn canceled(faults: &[Fault]) -> (Stage, IntentId) {
    let stage = Stage::open().await;
    stage.truth.lock().unwrap().code_stays_pending = true;
    stage.truth.lock().unwrap().reverses_last_s = Some(LASTS_S);
    faults.iter().for_each(|fault| stage.fault("reverse", *fault));
    let made = stage.engine.create_intent(stage.tenant, world::wanted("c1", Some(code()))).await.unwrap();
    let id = made.resource.intent.terms.id;
    let waits = |row: &IntentRow| row.intent.attempts[0].state.name() == "AwaitingPayer";
    let row = stage.engine.await_change(stage.tenant, id, SignedDuration::from_secs(5), waits).await.unwrap();
    stage.truth.lock().unwrap().pay(row.intent.attempts[0].terms.order_no.as_str());
    (stage, id)
}

/// The times that the messages of the reverse told, in seconds after the first.
fn told(stage: &Stage) -> Vec<i64> {
    let truth = stage.truth.lock().unwrap();
    let told: Vec<i64> = truth.messages.iter().filter_map(|message| message["told"].as_i64()).collect();
    told.iter().map(|second| second - told[0]).collect()
}

/// A rail that cannot be reached for half an hour takes the reverse when it is there again: no copy had left us.
#[tokio::test(start_paused = true)]
async fn a_reverse_that_could_not_leave_for_half_an_hour_is_taken() {
    let (stage, id) = canceled(&[Fault::NotConnected; 10]).await;
    let row = stage.cancel("x1", id).await;
    assert_eq!((row.intent.state.name(), row.intent.attempts[0].state.name()), ("canceled", "Closed"));
    let lasted = row.intent.updated_at.duration_since(row.intent.terms.created_at);
    assert!(lasted.as_secs() > LASTS_S, "the story is about lateness: {lasted}");
    assert_eq!(told(&stage), [0]);
    stage.check().await;
}

/// A reverse of which a copy may have arrived keeps its time, so that the rail knows each copy as the same.
#[tokio::test(start_paused = true)]
async fn a_reverse_that_may_have_arrived_keeps_its_time() {
    let (stage, id) = canceled(&[Fault::RequestLost, Fault::NotConnected, Fault::NotConnected]).await;
    let row = stage.cancel("x1", id).await;
    assert_eq!((row.intent.state.name(), row.intent.attempts[0].state.name()), ("canceled", "Closed"));
    let told = told(&stage);
    assert!(told.len() > 1 && told.iter().all(|told| *told == 0), "{told:?}");
    stage.check().await;
}
