//! Bulk refunds whose driver has a fault of its own, or is stopped in the middle: no entry is refused for that, and none is refused that
//! has a refund after all.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

mod world;

use jiff::SignedDuration;
use paifang_engine::{CreateBulk, CreateRefund, Error, SteerBulk};
use paifang_payment::{BulkEntryId, BulkId, IntentId, RequestId};
use paifang_store::{
    BulkState, BulkStep, BulkStore, BulkTerms, BulkThen, EntryStage, NewBulkEntry, Operation, Resource, Store,
};
use world::{Core, Fault, Stage, code, qr, yuan};

/// An intent that was paid with sturdy.
async fn paid(stage: &Stage, request: &str) -> IntentId {
    let row = stage.create(request, Some(qr("sturdy"))).await;
    stage.truth.lock().unwrap().pay(row.intent.attempts[0].terms.order_no.as_str());
    stage.state_within(row.intent.terms.id, "succeeded", SignedDuration::from_hours(1)).await;
    row.intent.terms.id
}

/// A started bulk over all of these intents.
async fn started(stage: &Stage, intents: &[IntentId]) -> BulkId {
    started_at(stage, intents, 100).await
}

/// The same, with as many refunds per second.
async fn started_at(stage: &Stage, intents: &[IntentId], pace: u32) -> BulkId {
    let request_id = |text: &str| RequestId::parse(text).unwrap();
    let terms =
        BulkTerms { name: "live room 7".to_owned(), reason: None, case: None, pace, in_flight_max: 100 };
    let wanted = CreateBulk { request_id: request_id("bulk"), terms };
    let bulk = stage.engine.create_bulk(stage.tenant, wanted).await.unwrap().resource.row.id;
    let names = (1..).map(|n| BulkEntryId::parse(&format!("e{n}")).unwrap());
    let entries =
        names.zip(intents).map(|(name, intent)| NewBulkEntry { name, intent: *intent, amount: None });
    stage.engine.add_bulk_entries(stage.tenant, bulk, entries.collect()).await.unwrap();
    let wanted = SteerBulk { request_id: request_id("start"), bulk, step: BulkStep::Start };
    stage.engine.steer_bulk(stage.tenant, wanted).await.unwrap();
    bulk
}

async fn stages(stage: &Stage, bulk: BulkId) -> Vec<EntryStage> {
    let entries = stage.engine.store().bulk_entries(stage.tenant, bulk, None, 0, 100).await.unwrap();
    entries.into_iter().map(|entry| entry.stage).collect()
}

/// Drives the bulk with this engine until it has ended.
async fn ended(stage: &Stage, engine: &Core, bulk: BulkId) {
    stage
        .until("the bulk ends", async || {
            engine.drive_bulks_once().await.unwrap();
            let row = engine.store().bulk(stage.tenant, bulk).await.unwrap().unwrap();
            row.state == BulkState::Ended
        })
        .await;
}

/// A replica whose config lacks an account, as while it is rolled out, refuses nothing for that and goes on with the others.
#[tokio::test(start_paused = true)]
async fn a_fault_of_one_replica_refuses_nothing() {
    let stage = Stage::open().await;
    let mut intents = Vec::new();
    for n in 0..3 {
        intents.push(paid(&stage, &format!("s{n}")).await);
        intents.push(stage.create(&format!("p{n}"), Some(code())).await.intent.terms.id);
    }
    let bulk = started(&stage, &intents).await;
    let lacking = stage.replica_without("sturdy").await;
    let (asked, done) = (EntryStage::Asked, EntryStage::Succeeded);
    stage
        .until("what it can do is done", async || {
            lacking.drive_bulks_once().await.unwrap();
            stages(&stage, bulk).await == [asked, done, asked, done, asked, done]
        })
        .await;
    ended(&stage, &stage.engine, bulk).await;
    assert_eq!(stages(&stage, bulk).await, [done; 6]);
    stage.check().await;
}

/// At the slowest pace and with the shortest lease too: those that cannot be asked for neither keep others from their turn nor cost
/// the claim under which it is written down what became of them.
#[tokio::test(start_paused = true)]
async fn entries_that_cannot_be_asked_for_are_in_nobodys_way() {
    let stage = Stage::open().await;
    let mut intents = Vec::new();
    for n in 0..25 {
        intents.push(paid(&stage, &format!("s{n}")).await);
    }
    for n in 0..5 {
        intents.push(stage.create(&format!("p{n}"), Some(code())).await.intent.terms.id);
    }
    let bulk = started_at(&stage, &intents, 1).await;
    let lacking = stage.replica_without("sturdy").await;
    let done = |stages: &[EntryStage]| stages.iter().all(|stage| *stage == EntryStage::Succeeded);
    stage
        .until("the others have their turn", async || {
            lacking.drive_bulks_once().await.unwrap();
            done(&stages(&stage, bulk).await[25..])
        })
        .await;
    assert!(!done(&stages(&stage, bulk).await[..25]));
    ended(&stage, &stage.replica().await, bulk).await;
    assert!(done(&stages(&stage, bulk).await));
    stage.check().await;
}

/// The first driver stands still before its refund is written, while another one finds that nothing is left and refuses the
/// entry; what had reserved the rest fails, and all is left again. Then the first one goes on: it makes no refund.
#[tokio::test(start_paused = true)]
async fn a_refused_entry_has_no_refund_after_all() {
    let stage = Stage::open().await;
    let intent = stage.create("c1", Some(code())).await.intent.terms.id;
    let bulk = started(&stage, &[intent]).await;
    let (store, lease) = (stage.engine.store(), SignedDuration::from_secs(1));
    let [claim] = store.claim_bulks(1, "first", lease).await.unwrap()[..] else { panic!("one bulk is due") };
    let go = BulkThen::Go { begin: 1, look: true, lease };
    let driven = store.drive_bulk(&claim, &[], go).await.unwrap().unwrap();
    assert_eq!(driven.asking.len(), 1);
    // It stands still, and another refund of all is under way.
    stage.truth.lock().unwrap().refuses_refunds = true;
    stage.fault("refund", Fault::RequestLost);
    let of = |request_id, amount| CreateRefund { request_id, intent, amount, reason: None, case: None };
    let all = of(RequestId::parse("r1").unwrap(), Some(yuan(10_000)));
    let under_way = stage.engine.create_refund(stage.tenant, all).await.unwrap().resource;
    ended(&stage, &stage.replica().await, bulk).await;
    assert_eq!(stages(&stage, bulk).await, [EntryStage::Refused]);
    let failed = stage.engine.await_refund(under_way, SignedDuration::from_hours(2)).await.unwrap();
    assert_eq!(failed.state.name(), "failed");
    // What the first one asks for then comes under a request id that is used up.
    let request_id = stage.engine.names().bulk_request(bulk, &BulkEntryId::parse("e1").unwrap());
    let known = store.request(stage.tenant, Operation::CreateRefund, &request_id).await.unwrap();
    assert_eq!(known.map(|known| known.resource), Some(Resource::Intent(intent)));
    stage.truth.lock().unwrap().refuses_refunds = false;
    let late = stage.engine.create_refund(stage.tenant, of(request_id, None)).await;
    assert!(matches!(late, Err(Error::Broken(_))), "{late:?}");
    let refunds = store.refunds(stage.tenant, Some(intent), None, 10).await.unwrap();
    assert_eq!(refunds.rows.len(), 1);
    stage.check().await;
}
