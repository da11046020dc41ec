//! Three virtual weeks of mixed trade on all rails, in well under a minute of the wall's: each day some payments stay, some go
//! back in part or in full, some are canceled, some change the wallet, some come by payer's code. Every next day each rail's
//! own bill of the day before equals what the ledger booked that day, to the fen.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops here")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use jiff::civil::Date;
use paifang_gateway::demo::ledger_totals;
use paifang_mock_rails::{BillKind, BillLine};
use paifang_proto::v1;
use support::{ALIPAY, HOLDS, RAILS, UNIONPAY, UNIONPAY_CODE, WECHAT, WECHAT_JSAPI, Way, World};

const DAYS: u32 = 21;
const QRS: [Way; 3] = [ALIPAY, WECHAT, UNIONPAY];

/// What each rail account holds by the ledger.
async fn held(world: &mut World) -> BTreeMap<&'static str, i64> {
    let ledger = ledger_totals(&mut world.shop).await.unwrap();
    let of = |rail: &str| ledger.get(&format!("rail:{rail}-main")).map_or(0, |(posted, _)| *posted);
    RAILS.into_iter().map(|rail| (rail, of(rail))).collect()
}

/// A day's trade: everything that may happen side by side does, and time passes quicker than the wall's meanwhile, so that
/// nothing waits for the news of something else or for a rail that takes its time.
async fn trade(world: &World, n: u32) {
    let odd = usize::try_from(n).unwrap();
    let (qr, other, hold) = (QRS[odd % 3], QRS[(odd + 1) % 3], HOLDS[odd % 2]);
    let paid = join_all([ALIPAY, WECHAT, UNIONPAY, UNIONPAY_CODE, WECHAT_JSAPI].map(|way| world.paid(way)));
    let refunds = [(ALIPAY, 1 + i64::from(n)), (WECHAT, 2_500), (UNIONPAY, 10_000)];
    let refunded = join_all(refunds.map(|(way, fen)| goes_back(world, way, fen)));
    let captured = join_all(HOLDS.map(|way| is_taken(world, way, 4_000 + i64::from(n))));
    let canceled = async {
        let open = world.shown(qr).await.payment_intent_id;
        world.cancel(&open).await.unwrap();
        let unused = world.held(hold).await;
        world.cancel(&unused).await.unwrap();
        world.becomes(&unused, v1::PaymentIntentState::Canceled).await;
    };
    let all = async {
        futures::join!(paid, refunded, captured, canceled, changes_the_wallet(world, qr, other));
    };
    tokio::select! {
        () = all => {}
        () = time_flies(world) => {}
    }
}

/// Ten minutes in six seconds, then slower, for half an hour at most: nothing that is open then ends at the rails, and a
/// machine that is busy has five minutes of the wall's time.
async fn time_flies(world: &World) {
    for _ in 0..60 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        world.step(Duration::from_secs(10));
    }
    for _ in 0..1_200 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        world.step(Duration::from_secs(1));
    }
    panic!("half an hour was not enough\n{}", world.stage.log());
}

/// A payment of which a part goes back, or all of it.
async fn goes_back(world: &World, way: Way, fen: i64) {
    let id = world.paid(way).await.payment_intent_id;
    world.refund_succeeds(&id, fen).await;
}

/// Held money, some of which is taken; the rest goes back.
async fn is_taken(world: &World, way: Way, fen: i64) {
    let id = world.held(way).await;
    world.capture(&id, fen).await.unwrap();
    world.becomes(&id, v1::PaymentIntentState::Succeeded).await;
}

/// One wallet is shown, another one is used.
async fn changes_the_wallet(world: &World, from: Way, to: Way) {
    let id = world.shown(from).await.payment_intent_id;
    world.confirm(&id, to).await.unwrap();
    let changed = world.becomes(&id, v1::PaymentIntentState::AwaitingPayer).await;
    world.look(to, &changed).await;
    world.pay(to, &changed);
    world.becomes(&id, v1::PaymentIntentState::Succeeded).await;
}

fn sum(lines: &[BillLine]) -> i64 {
    let signed = |line: &BillLine| match line.kind {
        BillKind::Payment => line.fen,
        BillKind::Refund | BillKind::Reversal => -line.fen,
    };
    lines.iter().map(signed).sum()
}

/// The gateway fetches the rail's bill, reads it, and finds it equal to its books.
async fn closed(world: &World, rail: &str, day: Date, bill: &[BillLine]) {
    let url = format!("http://{}/days/{rail}-main/{day}", world.stage.ops);
    let page = support::browser::request("POST", &url, "", &[]).await;
    assert_eq!(page.status, 200, "{rail}, {day}: {}", page.body);
    let report: serde_json::Value = serde_json::from_str(&page.body).unwrap();
    assert_eq!(report["equal"], true, "{rail}, {day}: {report:#}");
    assert_eq!(report["bill"]["count"], bill.len(), "{rail}, {day}: {report:#}");
    // Trade is at noon, so nothing is left to a neighbour's bill.
    assert_eq!(report["complete"], true, "{rail}, {day}: {report:#}");
    assert_eq!(report["may_be_on_a_neighbours_bill"]["count"], 0, "{rail}, {day}: {report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn three_weeks_of_mixed_trade_equal_each_rails_bills() {
    let mut world = World::start().await;
    let mut day = world.stage.to_noon().unwrap();
    let mut before = held(&mut world).await;
    let (mut lines, mut moved) = (0, 0);
    for n in 0..DAYS {
        trade(&world, n).await;
        world.books_agree().await;
        let after = held(&mut world).await;
        let next = world.stage.to_noon().unwrap();
        for rail in RAILS {
            let bill = world.stage.mocks.rail(rail).bill(day).unwrap();
            assert_eq!(sum(&bill), after[rail] - before[rail], "{rail}, {day}: {bill:#?}");
            assert!(bill.iter().any(|line| line.kind == BillKind::Refund), "{rail}, {day}");
            lines += bill.len();
            moved += bill.iter().map(|line| line.fen).sum::<i64>();
            closed(&world, rail, day, &bill).await;
        }
        (before, day) = (after, next);
    }
    // The operator's own way to it.
    let told = world.stage.close_day("wechatpay-main", day.yesterday().unwrap()).await.unwrap();
    assert!(told.ends_with("equal\n"), "{told}");
    let told = world.stage.close_day("wechatpay-main", day).await.unwrap_err().to_string();
    assert!(told.contains("not yet: the rail has no bill of that day before"), "{told}");
    println!("{DAYS} days, {lines} lines on the rails' bills, {moved} fen moved");
    assert!(lines >= 200, "{lines} lines");
    world.end().await;
}
