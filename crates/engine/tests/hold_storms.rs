//! Random lives of held money over a rail that loses and delays what it likes: whatever the order, the books equal the
//! rail's to the fen, nothing is taken twice, and nothing stays held (I1, I2, I6, I12).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops here")]

mod world;

use std::time::Duration;

use paifang_payment::{IntentId, RequestId};
use paifang_store::Store;
use proptest::prelude::*;
use world::{Fault, Stage, code, qr, yuan};

/// What the storefront, the payer or the rail does next.
#[derive(Debug, Clone)]
enum Act {
    Confirm(bool),
    Agree(usize),
    End(usize),
    Capture(i64),
    Cancel,
    Refuse(bool),
    Fault(&'static str, Fault),
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let verbs = prop::sample::select(vec![
        "charge",
        "query",
        "close",
        "reverse",
        "query_reverse",
        "capture",
        "query_capture",
        "release",
        "query_release",
    ]);
    let faults = prop::sample::select(vec![
        Fault::AnswerLost,
        Fault::RequestLost,
        Fault::NotConnected,
        Fault::Delayed,
    ]);
    prop_oneof![
        2 => any::<bool>().prop_map(Act::Confirm),
        4 => (0..4usize).prop_map(Act::Agree),
        1 => (0..4usize).prop_map(Act::End),
        3 => prop::sample::select(vec![1, 2_500, 10_000]).prop_map(Act::Capture),
        1 => Just(Act::Cancel),
        1 => any::<bool>().prop_map(Act::Refuse),
        6 => (verbs, faults).prop_map(|(verb, fault)| Act::Fault(verb, fault)),
        6 => prop::sample::select(vec![1_u64, 5, 12, 40, 70, 200, 900]).prop_map(Act::Wait),
    ]
}

async fn play(stage: &Stage, id: IntentId, n: usize, act: &Act) {
    let request_id = RequestId::parse(&format!("r{n}")).unwrap();
    let row = stage.engine.store().intent(stage.tenant, id).await.unwrap().unwrap();
    let number = |at: &usize| row.intent.attempts.get(*at).map(|attempt| attempt.terms.order_no.to_string());
    let order = |at: &usize| {
        let number = number(at)?;
        stage.truth.lock().unwrap().orders.get(&number).cloned().map(|order| (number, order))
    };
    match act {
        Act::Confirm(shown) => {
            let confirmation = if *shown { qr("sturdy") } else { code() };
            let wanted = paifang_engine::ConfirmIntent { request_id, intent: id, etag: None, confirmation };
            drop(stage.engine.confirm_intent(stage.tenant, wanted).await);
        }
        Act::Agree(at) => {
            if let Some((number, _)) =
                order(at).filter(|(_, order)| !order.closed && order.paid + order.held == 0)
            {
                stage.truth.lock().unwrap().pay(&number);
            }
        }
        Act::End(at) => {
            if let Some((number, _)) = order(at).filter(|(_, order)| order.held > 0) {
                stage.truth.lock().unwrap().end_hold(&number);
            }
        }
        Act::Capture(fen) => {
            let wanted = paifang_engine::CaptureIntent {
                request_id,
                intent: id,
                amount: Some(yuan(*fen)),
                etag: None,
            };
            drop(stage.engine.capture_intent(stage.tenant, wanted).await);
        }
        Act::Cancel => {
            let wanted = paifang_engine::CancelIntent { request_id, intent: id, etag: None };
            drop(stage.engine.cancel_intent(stage.tenant, wanted).await);
        }
        Act::Refuse(on) => stage.truth.lock().unwrap().refuses_captures = *on,
        Act::Fault(verb, fault) => stage.fault(verb, *fault),
        Act::Wait(seconds) => tokio::time::sleep(Duration::from_secs(*seconds)).await,
    }
}

async fn storm(acts: &[Act]) {
    let stage = Stage::open_looking_every(jiff::SignedDuration::from_secs(60)).await;
    let wanted = paifang_engine::CreateIntent {
        capture: paifang_payment::intent::CaptureMode::Manual,
        ..world::wanted("c1", Some(qr("sturdy")))
    };
    let made = stage.engine.create_intent(stage.tenant, wanted).await.unwrap();
    let id = made.resource.intent.terms.id;
    for (n, act) in acts.iter().enumerate() {
        play(&stage, id, n, act).await;
    }
    stage.truth.lock().unwrap().faults.clear();
    // What has ended is looked at an hour and a day later: a hold may have come late.
    tokio::time::sleep(Duration::from_secs(40 * 3_600)).await;
    stage.check().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn holds_survive_any_storm(acts in prop::collection::vec(act(), 1..25)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(storm(&acts));
    }
}
