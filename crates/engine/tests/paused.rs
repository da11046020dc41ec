//! F27, I16: two replicas over one store. One is paused past its lease while the rail answers it; the other has taken over.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

mod world;

use std::time::Duration;

use jiff::SignedDuration;
use paifang_payment::AccountId;
use paifang_store::{IntentRow, Store, WorkRow};
use tokio::time::sleep;
use world::{Core, Fault, Stage, qr};

/// Longer than a claim lasts.
const PAUSE_S: u64 = 40;

async fn work(engine: &Core) -> usize {
    engine.work_once(Some(&AccountId::parse("sturdy").unwrap())).await.unwrap()
}

async fn row(stage: &Stage) -> IntentRow {
    stage.engine.store().scan_intents(None, 1).await.unwrap().remove(0)
}

async fn claim(stage: &Stage) -> WorkRow {
    let rows = stage.engine.store().scan_work(None, 200).await.unwrap();
    rows.into_iter().find(|row| row.lane.is_some()).unwrap()
}

/// An order whose creation was answered by silence, and the first replica in the middle of asking about it: the rail has
/// answered "unpaid", and the replica is paused before it reads that.
async fn paused_replica() -> (Stage, tokio::task::JoinHandle<usize>) {
    let stage = Stage::open_idle(SignedDuration::from_secs(1)).await;
    stage.fault("charge", Fault::AnswerLost);
    stage.engine.create_intent(stage.tenant, world::wanted("c1", Some(qr("sturdy")))).await.unwrap();
    sleep(Duration::from_secs(15)).await;
    assert_eq!(row(&stage).await.intent.attempts[0].state.name(), "InDoubt");
    stage.fault("query", Fault::Paused(PAUSE_S));
    let first = stage.engine.clone();
    let paused = tokio::spawn(async move { work(&first).await });
    sleep(Duration::from_secs(1)).await;
    assert!(claim(&stage).await.leased_until.is_some());
    (stage, paused)
}

/// A stale worker's news changes no row: whoever holds the claim asks again.
#[tokio::test(start_paused = true)]
async fn a_paused_worker_affects_no_row() {
    let (mut stage, paused) = paused_replica().await;
    sleep(Duration::from_secs(30)).await;
    let second = stage.replica().await;
    stage.fault("query", Fault::Paused(20));
    let taken_over = tokio::spawn(async move { work(&second).await });
    sleep(Duration::from_secs(1)).await;
    let (before, claimed) = (row(&stage).await, claim(&stage).await);
    assert_eq!(paused.await.unwrap(), 1, "it asked, and was answered");
    assert!(!taken_over.is_finished());
    assert_eq!((row(&stage).await, claim(&stage).await), (before.clone(), claimed), "the stale worker wrote");
    assert_eq!(taken_over.await.unwrap(), 1);
    assert!(row(&stage).await.intent.version > before.intent.version, "the one with the claim did not");
    stage.run();
    stage.settled(before.intent.terms.id).await;
    stage.check().await;
}

/// I17: the rail's proven word that money moved is written whoever hears it, claim or not, and once.
#[tokio::test(start_paused = true)]
async fn money_outlives_the_claim() {
    let stage = Stage::open_idle(SignedDuration::from_secs(1)).await;
    stage.engine.create_intent(stage.tenant, world::wanted("c1", Some(qr("sturdy")))).await.unwrap();
    sleep(Duration::from_secs(10)).await;
    let order_no = row(&stage).await.intent.attempts[0].terms.order_no.to_string();
    stage.truth.lock().unwrap().pay(&order_no);
    stage.fault("query", Fault::Paused(PAUSE_S));
    let first = stage.engine.clone();
    let paused = tokio::spawn(async move { work(&first).await });
    sleep(Duration::from_secs(31)).await;
    let second = stage.replica().await;
    stage.fault("query", Fault::Paused(20));
    let taken_over = tokio::spawn(async move { work(&second).await });
    paused.await.unwrap();
    assert_eq!(row(&stage).await.intent.state.name(), "succeeded");
    let version = row(&stage).await.intent.version;
    taken_over.await.unwrap();
    assert_eq!(row(&stage).await.intent.version, version, "told twice, booked once");
    let mut stage = stage;
    stage.run();
    stage.check().await;
}

/// Whoever opens an attempt and is paused before it reads the answer is fenced, too; but what the payer is to be shown is
/// kept, since no query repeats it.
#[tokio::test(start_paused = true)]
async fn an_opener_is_fenced_but_for_what_the_payer_is_shown() {
    for (fault, version, state) in
        [(Fault::Paused(PAUSE_S), 1, "awaiting_payer"), (Fault::LateSilence(PAUSE_S), 0, "processing")]
    {
        let mut stage = Stage::open_idle(SignedDuration::from_secs(1)).await;
        stage.fault("charge", fault);
        stage.engine.create_intent(stage.tenant, world::wanted("c1", Some(qr("sturdy")))).await.unwrap();
        sleep(Duration::from_secs(31)).await;
        let second = stage.replica().await;
        stage.fault("query", Fault::Paused(20));
        let taken_over = tokio::spawn(async move { work(&second).await });
        sleep(Duration::from_secs(2)).await;
        let before = row(&stage).await.intent.version;
        sleep(Duration::from_secs(10)).await;
        let after = row(&stage).await.intent;
        assert_eq!((after.version > before, after.state.name()), (version > 0, state), "{fault:?}");
        taken_over.await.unwrap();
        stage.run();
        stage.settled(after.terms.id).await;
        stage.check().await;
    }
}
