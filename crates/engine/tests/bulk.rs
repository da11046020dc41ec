//! A bulk refund under rules: what they refuse stops nothing else, and what waits for its bearers ends when they can.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

mod world;

use paifang_engine::{CreateBulk, Fund, SteerBulk};
use paifang_payment::{BulkEntryId, BulkId, IntentId, RequestId};
use paifang_policy::facts::Input;
use paifang_shares::refund_terms::RefundReason;
use paifang_shares::waterfall::Bearer;
use paifang_store::{BulkCase, BulkState, BulkStep, BulkStore, BulkTerms, NewBulkEntry, fsck};
use world::Stage;
use world::rules::bundle;

/// Refunds of what gold payers bought, out of what the platform has set aside.
const GOLD_ONLY: &str = r#"
[refunds]
currency = "CNY"
[refunds.waterfalls]
platform = [{ bearer = "platform" }]
[[refunds.rules]]
id = "gold"
mode = "refund_without_return"
reasons = ["damaged"]
total_max_ppm = 1_000_000
days_max = 7
when = "payer.tier == 'gold'"
waterfall = "platform"
decide_within_s = 0
appeal_within_s = 0
"#;

fn request(text: &str) -> RequestId {
    RequestId::parse(text).unwrap()
}

/// A bulk refund of all that these were paid, begun, and somebody who drives it.
async fn begun(stage: &Stage, intents: &[IntentId]) -> BulkId {
    let case = BulkCase { reason: RefundReason::Damaged, mode: None, consented: None };
    let terms =
        BulkTerms { name: "room 7".into(), reason: None, case: Some(case), pace: 100, in_flight_max: 10 };
    let wanted = CreateBulk { request_id: request("b1"), terms };
    let id = stage.engine.create_bulk(stage.tenant, wanted).await.unwrap().resource.row.id;
    let entry = |(at, intent): (usize, &IntentId)| NewBulkEntry {
        name: BulkEntryId::parse(&format!("e{at}")).unwrap(),
        intent: *intent,
        amount: None,
    };
    let entries = intents.iter().enumerate().map(entry).collect();
    stage.engine.add_bulk_entries(stage.tenant, id, entries).await.unwrap();
    let start = SteerBulk { request_id: request("s1"), bulk: id, step: BulkStep::Start };
    stage.engine.steer_bulk(stage.tenant, start).await.unwrap();
    let driver = stage.engine.clone();
    tokio::spawn(async move { driver.drive_bulks(std::future::pending()).await });
    id
}

/// Its state, then how many entries are where and how much that is.
async fn told(stage: &Stage, id: BulkId) -> String {
    let seen = stage.engine.bulk(stage.tenant, id).await.unwrap();
    let total = |total: &paifang_store::BulkTotal| {
        let reason = total.reason.as_deref().unwrap_or("-");
        format!("{:?} {reason} {} {}", total.stage, total.count, total.minor)
    };
    let totals: Vec<String> = seen.totals.iter().map(total).collect();
    format!("{}: {}", seen.row.state.as_str(), totals.join(", "))
}

#[tokio::test(start_paused = true)]
async fn what_rules_refuse_stops_nothing_and_what_lacks_funds_ends_with_them() {
    let stage = Stage::open().await;
    stage.announce(1, bundle(1, &[GOLD_ONLY])).await;
    let mut intents = Vec::new();
    for (name, tier) in [("c1", "gold"), ("c2", "plain"), ("c3", "gold")] {
        intents.push(stage.paid(name, &[(Input::PayerTier, tier)]).await);
    }
    let platform = || Fund::Bearer(Bearer::Platform, None);
    stage.move_funds("f1", Fund::Outside, platform(), 10_000).await.unwrap();

    let id = begun(&stage, &intents).await;
    let waits = "running: AwaitingFunds - 1 10000, Succeeded - 1 10000, Refused REFUND_CLOSED_BY_POLICY 1 0";
    stage.until(waits, async || told(&stage, id).await == waits).await;
    let entries = stage.engine.store().bulk_entries(stage.tenant, id, None, 0, 10).await.unwrap();
    let refused = entries.iter().find(|entry| entry.intent == intents[1]).unwrap();
    let why = &refused.refused.as_ref().unwrap().message;
    assert!(refused.refund.is_none() && why.contains("gold"), "{why}");

    stage.move_funds("f2", Fund::Outside, platform(), 10_000).await.unwrap();
    let ends = "ended: Succeeded - 2 20000, Refused REFUND_CLOSED_BY_POLICY 1 0";
    stage.until(ends, async || told(&stage, id).await == ends).await;
    let row = stage.engine.store().bulk(stage.tenant, id).await.unwrap().unwrap();
    assert!(row.state == BulkState::Ended && row.ended_at.is_some(), "{row:?}");
    assert!(fsck::run(stage.engine.store()).await.unwrap().is_clean());
}
