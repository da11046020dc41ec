//! What is offered while a rail fails.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

mod world;

use std::time::Duration;

use jiff::SignedDuration;
use paifang_engine::{Client, Consultation, Declared};
use paifang_payment::Presentation;
use paifang_payment::intent::CaptureMode;
use paifang_rail::ClientKind;
use world::{Fault, Stage, qr, wanted, yuan};

/// The wallets that can be shown as QR codes, in order: each with whether its rail fails now, and why it stands there.
async fn offered(stage: &Stage) -> Vec<String> {
    let kind = ClientKind::DesktopBrowser;
    let question = Consultation {
        amount: Some(yuan(10_000)),
        capture: CaptureMode::Automatic,
        client: Client { kind, wallet: None, ip: None, payer: None, payer_code: None },
        declared: Declared::default(),
    };
    let consulted = stage.engine.consult(stage.tenant, &question).await.unwrap();
    let ways =
        consulted.options.iter().filter(|one| one.weighed.option.presentation == Presentation::QrShown);
    ways.map(|one| {
        assert!(one.weighed.is_shown() && one.weighed.option.obstacles.is_empty(), "{one:?}");
        format!("{} {} {}", one.weighed.option.wallet, one.degraded, one.position.code())
    })
    .collect()
}

async fn fails(stage: &Stage, request: &str) {
    stage.fault("charge", Fault::NotConnected);
    stage.engine.create_intent(stage.tenant, wanted(request, Some(qr("sturdy")))).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
}

/// A rail that fails stands behind the others as long as its failures are fresh; it stays shown, and a payer who insists
/// on it is served.
#[tokio::test(start_paused = true)]
async fn a_rail_that_fails_now_stands_behind_the_healthy_ones() {
    let stage = Stage::open_idle(SignedDuration::from_secs(1)).await;
    let healthy = ["sturdy false first", "plain false configured_order"];
    assert_eq!(offered(&stage).await, healthy);
    for request in ["c1", "c2", "c3", "c4"] {
        fails(&stage, request).await;
        assert_eq!(offered(&stage).await, healthy, "{request}: too few to say");
    }
    fails(&stage, "c5").await;
    assert_eq!(offered(&stage).await, ["plain false first", "sturdy true rail_degraded"]);

    let insists = wanted("c6", Some(qr("sturdy")));
    let made = stage.engine.create_intent(stage.tenant, insists).await.unwrap();
    let row = stage.settled(made.resource.intent.terms.id).await;
    assert_eq!(row.intent.state.name(), "awaiting_payer");

    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(offered(&stage).await, healthy, "it gets another chance");
}

/// What one replica has seen is its own.
#[tokio::test(start_paused = true)]
async fn another_replica_judges_by_its_own_calls() {
    let mut stage = Stage::open_idle(SignedDuration::from_secs(1)).await;
    let other = stage.replica().await;
    for request in ["c1", "c2", "c3", "c4", "c5"] {
        fails(&stage, request).await;
    }
    assert_eq!(offered(&stage).await[0], "plain false first");
    stage.engine = other;
    assert_eq!(offered(&stage).await[0], "sturdy false first");
}
