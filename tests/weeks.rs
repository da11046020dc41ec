//! Three virtual weeks of mixed trade on all rails, in well under a minute of the wall's: each day some payments stay, some go
//! back in part or in full, some are canceled, some change the wallet, some come by payer's code. Every next day each rail's
//! own bill of the day before equals what the ledger booked that day, to the fen.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops here")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Date;
use paifang_gateway::demo::ledger_totals;
use paifang_mock_rails::{BillKind, BillLine};
use paifang_proto::v1;
use support::{ALIPAY, HOLDS, RAILS, SOON, UNIONPAY, UNIONPAY_CODE, WECHAT, WECHAT_JSAPI, Way, World};

const DAYS: u32 = 21;
const QRS: [Way; 3] = [ALIPAY, WECHAT, UNIONPAY];

/// What each rail account holds by the ledger.
async fn held(world: &mut World) -> BTreeMap<&'static str, i64> {
    let ledger = ledger_totals(&mut world.shop).await.unwrap();
    let of = |rail: &str| ledger.get(&format!("rail:{rail}-main")).map_or(0, |(posted, _)| *posted);
    RAILS.into_iter().map(|rail| (rail, of(rail))).collect()
}

/// A day's trade.
async fn trade(world: &mut World, n: u32) {
    let qr = QRS[usize::try_from(n).unwrap() % 3];
    for way in [ALIPAY, WECHAT, UNIONPAY, UNIONPAY_CODE, WECHAT_JSAPI] {
        world.paid(way).await;
    }
    // A part goes back, and the rest of another one on the same day.
    let mut refunds = Vec::new();
    for (way, fen) in [(ALIPAY, 1 + i64::from(n)), (WECHAT, 2_500), (UNIONPAY, 10_000)] {
        let id = world.paid(way).await.payment_intent_id;
        refunds.push(world.refund(&id, fen).await.unwrap().refund_id);
    }
    // Canceled before anybody paid.
    let open = world.shown(qr).await.payment_intent_id;
    world.cancel(&open).await.unwrap();
    // Held money: some of it taken, some of it given back.
    let mut stays = Vec::new();
    for way in HOLDS {
        let id = world.held(way).await;
        world.capture(&id, 4_000 + i64::from(n)).await.unwrap();
        stays.push((id, v1::PaymentIntentState::Succeeded));
    }
    let unused = world.held(HOLDS[usize::try_from(n).unwrap() % 2]).await;
    world.cancel(&unused).await.unwrap();
    stays.push((unused, v1::PaymentIntentState::Canceled));
    // One wallet is shown, another one is used.
    let other = QRS[usize::try_from(n + 1).unwrap() % 3];
    let shown = world.shown(qr).await;
    world.confirm(&shown.payment_intent_id, other).await.unwrap();
    let changed = world
        .shop
        .intent_becomes(&shown.payment_intent_id, v1::PaymentIntentState::AwaitingPayer, SOON)
        .await
        .unwrap();
    world.look(other, &changed).await;
    world.pay(other, &changed);
    world.becomes(&shown.payment_intent_id, v1::PaymentIntentState::Succeeded).await;
    // Refunds, captures and releases take a while at some rails.
    world.step(Duration::from_secs(90));
    for (id, state) in stays {
        world.becomes(&id, state).await;
    }
    for refund in refunds {
        let done = world.shop.refund_becomes(&refund, v1::RefundState::Succeeded, SOON).await;
        done.unwrap_or_else(|error| panic!("{error:#}\n{}", world.stage.log()));
    }
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
        trade(&mut world, n).await;
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
