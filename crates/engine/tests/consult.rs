//! What is offered, and in which order: while a rail fails, and by what a payment costs and saves.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

mod world;

use std::time::Duration;

use jiff::SignedDuration;
use paifang_engine::{Client, Consultation, Declared, Placed};
use paifang_payment::Presentation;
use paifang_payment::intent::CaptureMode;
use paifang_rail::ClientKind;
use world::rules::bundle;
use world::{Fault, Stage, qr, wanted, yuan};

/// The ways to pay that can be shown as QR codes, in order.
async fn consulted(stage: &Stage, fen: i64) -> Vec<Placed> {
    let kind = ClientKind::DesktopBrowser;
    let question = Consultation {
        amount: Some(yuan(fen)),
        capture: CaptureMode::Automatic,
        client: Client { kind, wallet: None, ip: None, payer: None, payer_code: None },
        declared: Declared::default(),
    };
    let mut ways = stage.engine.consult(stage.tenant, &question).await.unwrap().options;
    ways.retain(|one| one.weighed.option.presentation == Presentation::QrShown);
    for one in &ways {
        assert!(one.weighed.is_shown() && one.weighed.option.obstacles.is_empty(), "{one:?}");
    }
    ways
}

/// The same: each wallet with whether its rail fails now, and why it stands there.
async fn offered(stage: &Stage) -> Vec<String> {
    let ways = consulted(stage, 10_000).await;
    let line =
        |one: &Placed| format!("{} {} {}", one.weighed.option.wallet, one.degraded, one.position.code());
    ways.iter().map(line).collect()
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

/// By the storefront's own rules: `plain` costs the merchant less, `sturdy` saves the payer 5.00.
const BY_MONEY: &str = r#"
[fees]
currency = "CNY"
[[fees.rules]]
id = "cheap"
wallet = "plain"
rate_ppm = 2_000
on_refund = "keep"
[[fees.rules]]
id = "standard"
rate_ppm = 6_000
on_refund = "keep"

[discounts]
currency = "CNY"
[[discounts.rules]]
id = "festival"
funder = "rail"
amount_minor = 500
budgeted = false
wallet = "sturdy"
"#;

fn ranking(per: &str, weight: i64) -> String {
    format!("\n[[ranking]]\nid = \"{per}\"\nper = \"{per}\"\nweight = {weight}\nreason = \"by_{per}\"\n")
}

/// What the merchant keeps and what the payer saves move the order as the rules weigh them, and the answer says by how much.
#[tokio::test(start_paused = true)]
async fn fees_and_discounts_move_the_order_as_the_rules_weigh_them() {
    let told = async |rankings: &[String], fen| {
        let stage = Stage::open_idle(SignedDuration::from_secs(1)).await;
        let rankings = rankings.concat();
        stage.announce(1, bundle(1, &[BY_MONEY, &rankings])).await;
        let line = |one: &Placed| {
            let ranked = one.weighed.ranked.as_ref().unwrap();
            let why: Vec<String> =
                ranked.reasons.iter().map(|why| format!("{} {:+}", why.reason, why.weight)).collect();
            format!("{} {} {}", one.weighed.option.wallet, one.position.code(), why.join(" "))
        };
        let ways = consulted(&stage, fen).await;
        ways.iter().map(line).collect::<Vec<_>>()
    };
    let (fee, discount) = (ranking("fee", -10), ranking("discount", 1));
    assert_eq!(told(&[], 10_000).await, ["sturdy first ", "plain configured_order "]);
    assert_eq!(
        told(std::slice::from_ref(&fee), 10_000).await,
        ["plain first by_fee -200", "sturdy less_weight by_fee -600"]
    );
    let both = [fee, discount];
    assert_eq!(
        told(&both, 10_000).await,
        ["sturdy first by_fee -600 by_discount +500", "plain less_weight by_fee -200"]
    );
    // 5.00 is less of a higher price.
    assert_eq!(
        told(&both, 100_000).await,
        ["plain first by_fee -200", "sturdy less_weight by_fee -600 by_discount +50"]
    );
}
