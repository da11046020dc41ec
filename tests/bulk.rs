//! Bulk refunds over the running binary: killed in the middle and started again, every entry has exactly one refund; one that
//! is refused stops no other; and a bulk refund is paused, resumed and canceled.
//!
//! 1,000 entries; as many as `PAIFANG_BULK_ENTRIES` says.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops here")]
#![allow(clippy::print_stdout, reason = "how long it took is of interest")]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use futures::stream::{self, StreamExt};
use paifang_gateway::demo::Shop;
use paifang_proto::v1;
use support::{ALIPAY, World, choice, money, reason_of};
use tokio::time::{Instant, sleep};
use tonic::{Code, Status};
use v1::BulkRefundEntryState as Stage;
use v1::BulkRefundState as State;

/// How many intents are refunded.
const ENTRIES: &str = "PAIFANG_BULK_ENTRIES";
/// Payers at once.
const PAYERS: usize = 24;
const PATIENCE: Duration = Duration::from_secs(150);
/// Between two looks at a bulk refund: a few of its refunds at the pace of these tests.
const LOOK_EVERY: Duration = Duration::from_millis(40);

/// An intent of ¥100.00 that was paid with Alipay.
async fn paid(world: &World, n: usize) -> String {
    let request = v1::CreatePaymentIntentRequest {
        request_id: format!("pay-{n}"),
        amount: Some(money(10_000)),
        description: "tea".into(),
        choice: Some(choice(ALIPAY, "")),
        ..Default::default()
    };
    let made = world.shop.intents.clone().create_payment_intent(request).await.unwrap().into_inner();
    let intent = made.payment_intent.unwrap();
    world.look(ALIPAY, &intent).await;
    world.pay(ALIPAY, &intent);
    let id = intent.payment_intent_id;
    let done = v1::PaymentIntentState::Succeeded;
    world.shop.clone().intent_becomes(&id, done, PATIENCE).await.unwrap();
    id
}

async fn all_paid(world: &World, count: usize) -> Vec<String> {
    stream::iter(0..count).map(|n| paid(world, n)).buffered(PAYERS).collect().await
}

fn entry(id: String, intent: &str, amount: Option<i64>) -> v1::NewBulkRefundEntry {
    v1::NewBulkRefundEntry { entry_id: id, payment_intent_id: intent.into(), amount: amount.map(money) }
}

async fn create(shop: &Shop, request_id: &str, pace: i32) -> Result<v1::CreateBulkRefundResponse, Status> {
    let request = v1::CreateBulkRefundRequest {
        request_id: request_id.into(),
        name: "live room 7".into(),
        refunds_per_second: pace,
        in_flight_max: 200,
        reason: "the tea was stale".into(),
        refund_case: None,
    };
    shop.bulk_refunds.clone().create_bulk_refund(request).await.map(tonic::Response::into_inner)
}

async fn add(shop: &Shop, bulk: &str, entries: &[v1::NewBulkRefundEntry]) -> Result<i32, Status> {
    let mut added = 0;
    for page in entries.chunks(200) {
        let request = v1::AddBulkRefundEntriesRequest { bulk_refund_id: bulk.into(), entries: page.to_vec() };
        added += shop.bulk_refunds.clone().add_bulk_refund_entries(request).await?.into_inner().added;
    }
    Ok(added)
}

async fn start(shop: &Shop, bulk: &str) -> v1::BulkRefund {
    let request =
        v1::StartBulkRefundRequest { request_id: format!("start-{bulk}"), bulk_refund_id: bulk.into() };
    let started = shop.bulk_refunds.clone().start_bulk_refund(request).await.unwrap().into_inner();
    started.bulk_refund.unwrap()
}

/// A bulk refund of these entries that has begun.
async fn begun(world: &World, request_id: &str, pace: i32, entries: &[v1::NewBulkRefundEntry]) -> String {
    let made = create(&world.shop, request_id, pace).await.unwrap().bulk_refund.unwrap().bulk_refund_id;
    assert_eq!(add(&world.shop, &made, entries).await.unwrap(), i32::try_from(entries.len()).unwrap());
    assert_eq!(start(&world.shop, &made).await.state(), State::Running);
    made
}

async fn read(shop: &Shop, bulk: &str) -> Result<v1::BulkRefund, Status> {
    let request = v1::GetBulkRefundRequest { bulk_refund_id: bulk.into() };
    let answer = shop.bulk_refunds.clone().get_bulk_refund(request).await?;
    Ok(answer.into_inner().bulk_refund.unwrap())
}

/// The bulk refund once this holds of it.
async fn becomes(world: &World, bulk: &str, wanted: impl Fn(&v1::BulkRefund) -> bool) -> v1::BulkRefund {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen = read(&world.shop, bulk).await.unwrap_or_else(|error| panic!("{error:?}"));
        let sum: i32 = seen.totals.iter().map(|total| total.count).sum();
        assert_eq!(sum, seen.entry_count, "every entry counts once: {seen:#?}");
        if wanted(&seen) {
            return seen;
        }
        assert!(Instant::now() < deadline, "{seen:#?}\n{}", world.stage.log());
        sleep(LOOK_EVERY).await;
    }
}

/// How many entries are so far.
fn count(bulk: &v1::BulkRefund, stage: Stage) -> i32 {
    bulk.totals.iter().filter(|total| total.state() == stage).map(|total| total.count).sum()
}

async fn entries(shop: &Shop, bulk: &str, stage: Stage) -> Vec<v1::BulkRefundEntry> {
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListBulkRefundEntriesRequest {
            bulk_refund_id: bulk.into(),
            page_size: 200,
            page_token,
            state: stage.into(),
        };
        let page = shop.bulk_refunds.clone().list_bulk_refund_entries(request).await.unwrap().into_inner();
        all.extend(page.entries);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return all;
        }
    }
}

/// How many refunds the rail knows.
fn at_the_rail(world: &World) -> usize {
    world.stage.mocks.rail("alipay").book().iter().map(|entry| entry.refunds.len()).sum()
}

/// Every entry has one refund of its own, of all that was paid, and the rail has exactly one for each order.
async fn exactly_once(world: &World, bulk: &str, intents: &[String]) {
    let done = entries(&world.shop, bulk, Stage::Succeeded).await;
    let refunds: BTreeSet<&str> = done.iter().map(|entry| entry.refund_id.as_str()).collect();
    let refunded: BTreeSet<&str> = done.iter().map(|entry| entry.payment_intent_id.as_str()).collect();
    let wanted: BTreeSet<&str> = intents.iter().map(String::as_str).collect();
    assert_eq!((refunds.len(), done.len()), (intents.len(), intents.len()));
    assert_eq!(refunded, wanted, "none is missed");
    assert!(done.iter().all(|entry| entry.amount == Some(money(10_000))));
    let (mut ours, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListRefundsRequest { page_size: 200, page_token, ..Default::default() };
        let page = world.shop.refunds.clone().list_refunds(request).await.unwrap().into_inner();
        ours.extend(page.refunds);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(ours.len(), intents.len(), "none twice");
    assert!(ours.iter().all(|refund| refunds.contains(refund.refund_id.as_str())));
    let book = world.stage.mocks.rail("alipay").book();
    assert_eq!(book.len(), intents.len());
    for order in book {
        let fen: Vec<i64> = order.refunds.iter().map(|refund| refund.fen).collect();
        assert_eq!(fen, [10_000], "{order:?}");
    }
}

/// Must show 6: killed twice in the middle, none is missed and none is refunded twice; the two that nothing can be refunded of
/// are told and stop nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_refund_survives_a_kill() {
    let wanted = std::env::var(ENTRIES).map_or(1_000, |text| text.parse::<usize>().unwrap());
    let mut world = World::start().await;
    let clock = Instant::now();
    let intents = all_paid(&world, wanted).await;
    println!("{wanted} intents were paid in {:.1} s", clock.elapsed().as_secs_f64());
    let names = |n: usize| format!("order-{n}");
    let mut wishes: Vec<v1::NewBulkRefundEntry> = intents
        .iter()
        .enumerate()
        .map(|(n, intent)| entry(names(n), intent, (n % 2 == 0).then_some(10_000)))
        .collect();
    wishes.insert(1, entry("of-nobody".into(), "pi_00000000000000000000000000000000", None));
    wishes.insert(wanted / 2, entry("too-much".into(), &intents[0], Some(10_001)));

    let clock = Instant::now();
    let bulk = begun(&world, "bulk", 1_000, &wishes).await;
    let mut at_deaths = Vec::new();
    for part in [4, 2] {
        let seen = becomes(&world, &bulk, |seen| {
            let waiting = usize::try_from(count(seen, Stage::Waiting)).unwrap();
            waiting <= wishes.len() - wishes.len() / part
        });
        let before = seen.await;
        world.stage.kill_gateway().await.unwrap();
        let refunds = at_the_rail(&world);
        assert!(count(&before, Stage::Waiting) > 0 && before.state() == State::Running, "{before:?}");
        assert!(refunds > 0 && refunds < wanted, "killed in the middle: {refunds} of {wanted}");
        at_deaths.push(refunds);
        world.stage.start_gateway().await.unwrap();
    }
    let ended = becomes(&world, &bulk, |seen| seen.state() == State::Ended).await;
    println!(
        "{wanted} refunds in {:.1} s, killed after {at_deaths:?} of them",
        clock.elapsed().as_secs_f64()
    );
    let totals: Vec<_> = ended
        .totals
        .iter()
        .map(|total| (total.state(), total.refused_reason.as_str(), total.count, total.minor_units))
        .collect();
    let count = i32::try_from(wanted).unwrap();
    let refused = |reason, fen| (Stage::Refused, reason, 1, fen);
    assert_eq!(
        totals,
        [
            (Stage::Succeeded, "", count, i64::from(count) * 10_000),
            refused("REFUND_EXCEEDS_CAPTURE", 10_001),
            refused("RESOURCE_NOT_FOUND", 0),
        ]
    );
    assert!(ended.end_time.is_some());
    exactly_once(&world, &bulk, &intents).await;
    world.books_agree().await;
    world.end().await;
}

/// The process ends at each point between two steps that must survive it.
#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_refund_survives_the_end_at_every_point() {
    for point in ["bulk.begun", "refund.deciding:3", "refund.committed:3", "bulk.asked"] {
        let mut stage = World::stage().await;
        let key = stage.new_tenant("test").await.unwrap();
        stage.set_env("PAIFANG_CRASH_AT", Some(point));
        stage.start_gateway().await.unwrap();
        let shop = Shop::connect(stage.grpc, &key).unwrap();
        let mut world = World::of(stage, shop, key);
        let intents = all_paid(&world, 8).await;
        let wishes: Vec<_> = (1..).zip(&intents).map(|(n, id)| entry(format!("e{n}"), id, None)).collect();
        let bulk = begun(&world, "bulk", 50, &wishes).await;
        world.stage.gateway_ended(Duration::from_secs(20)).await.unwrap_or_else(|_| panic!("not at {point}"));
        world.stage.set_env("PAIFANG_CRASH_AT", None);
        world.stage.start_gateway().await.unwrap();
        becomes(&world, &bulk, |seen| seen.state() == State::Ended).await;
        exactly_once(&world, &bulk, &intents).await;
        world.end().await;
    }
}

/// Each call may come twice, wrong ones are told, nobody else sees it, and a canceled bulk refund gives up what waits.
#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_refund_is_steered() {
    let mut stage = World::stage().await;
    let (key, other) = (stage.new_tenant("test").await.unwrap(), stage.new_tenant("other").await.unwrap());
    let tenants = stage.run(&["tenant", "list"]).await.unwrap();
    let tenant = tenants.lines().find(|line| line.ends_with(" test")).and_then(|line| line.split(' ').next());
    let tenant = tenant.unwrap();
    stage.start_gateway().await.unwrap();
    let (shop, stranger) =
        (Shop::connect(stage.grpc, &key).unwrap(), Shop::connect(stage.grpc, &other).unwrap());
    let world = World::of(stage, shop, key);
    let intents = all_paid(&world, 9).await;
    let mut wishes: Vec<_> = (1..).zip(&intents).map(|(n, id)| entry(format!("e{n}"), id, None)).collect();
    let others = wishes.split_off(6);
    let shop = &world.shop;

    let wrong = create(shop, "wrong", 1_001).await.unwrap_err();
    assert_eq!((wrong.code(), reason_of(&wrong).as_str()), (Code::InvalidArgument, "INVALID_REQUEST"));
    let made = create(shop, "b", 1).await.unwrap();
    let bulk = made.bulk_refund.unwrap().bulk_refund_id;
    let again = create(shop, "b", 1).await.unwrap();
    assert_eq!((again.bulk_refund.unwrap().bulk_refund_id, again.replayed), (bulk.clone(), true));
    assert_eq!(reason_of(&create(shop, "b", 2).await.unwrap_err()), "REQUEST_ID_REUSED");
    assert_eq!(add(shop, &bulk, &wishes).await.unwrap(), 6);
    assert_eq!(add(shop, &bulk, &wishes).await.unwrap(), 0);
    let differs = add(shop, &bulk, &[entry("e1".into(), &intents[1], None)]).await.unwrap_err();
    assert_eq!(reason_of(&differs), "BULK_ENTRY_DIFFERS");
    let twice = [wishes[0].clone(), wishes[0].clone()];
    assert_eq!(reason_of(&add(shop, &bulk, &twice).await.unwrap_err()), "INVALID_REQUEST");
    for denied in [read(&stranger, &bulk).await.map(drop), add(&stranger, &bulk, &wishes).await.map(drop)] {
        assert_eq!(reason_of(&denied.unwrap_err()), "RESOURCE_NOT_FOUND");
    }

    start(shop, &bulk).await;
    let late = add(shop, &bulk, &[entry("e7".into(), &intents[0], None)]).await.unwrap_err();
    assert_eq!((late.code(), reason_of(&late).as_str()), (Code::FailedPrecondition, "BULK_STATE"));
    becomes(&world, &bulk, |seen| count(seen, Stage::Succeeded) > 0).await;
    let request = v1::PauseBulkRefundRequest { request_id: "p".into(), bulk_refund_id: bulk.clone() };
    let paused = shop.bulk_refunds.clone().pause_bulk_refund(request).await.unwrap().into_inner();
    assert_eq!(paused.bulk_refund.unwrap().state(), State::Paused);
    let resting = becomes(&world, &bulk, |seen| count(seen, Stage::Asked) == 0).await;
    let still = count(&resting, Stage::Waiting);
    assert!(still >= 2, "at one per second");
    // Another one of the same pace comes to its end: time in which this one would have gone on.
    let other = begun(&world, "other", 1, &others).await;
    becomes(&world, &other, |seen| seen.state() == State::Ended).await;
    assert_eq!(count(&read(shop, &bulk).await.unwrap(), Stage::Waiting), still, "nothing begins");
    let operators = world.stage.run(&["bulk", "list"]).await.unwrap();
    let line = format!("{bulk}  live room 7 of {tenant}: paused, 6 entries, 1 a second");
    assert!(operators.contains(&line) && !operators.contains(&other), "{operators}");
    let request = v1::ResumeBulkRefundRequest { request_id: "r".into(), bulk_refund_id: bulk.clone() };
    shop.bulk_refunds.clone().resume_bulk_refund(request).await.unwrap();
    becomes(&world, &bulk, |seen| count(seen, Stage::Waiting) < still).await;
    let cancel = v1::CancelBulkRefundRequest { request_id: "c".into(), bulk_refund_id: bulk.clone() };
    shop.bulk_refunds.clone().cancel_bulk_refund(cancel.clone()).await.unwrap();
    let ended = becomes(&world, &bulk, |seen| seen.state() == State::Ended).await;
    let (back, kept) = (count(&ended, Stage::Succeeded), count(&ended, Stage::Canceled));
    assert!(kept > 0 && back > 0 && back + kept == 6, "{ended:#?}");
    let show = ["bulk", "show", &bulk, "--tenant"];
    let shown = world.stage.run(&[&show[..], &[tenant]].concat()).await.unwrap();
    assert!(shown.contains(&format!("    canceled: {kept}")) && shown.contains(": ended, "), "{shown}");
    let nobodys = world.stage.run(&[&show[..], &["tn_00000000000000000000000000000000"]].concat()).await;
    assert!(nobodys.unwrap_err().to_string().contains("there is no such bulk refund"));
    let again = shop.bulk_refunds.clone().cancel_bulk_refund(cancel).await.unwrap().into_inner();
    assert!(again.replayed);
    assert_eq!(at_the_rail(&world), usize::try_from(back).unwrap() + others.len());
    let mut calls = shop.bulk_refunds.clone();
    let listed = calls.list_bulk_refunds(v1::ListBulkRefundsRequest::default()).await.unwrap();
    assert_eq!(listed.into_inner().bulk_refunds.len(), 2);
    world.end().await;
}
