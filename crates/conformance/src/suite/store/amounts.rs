//! The amounts of an intent, under any number of hands.

use futures::future::join_all;
use paifang_money::{Currency, PositiveMoney};
use paifang_store::{Batch, Committed, Guard, Store};

use super::desk::attempt;
use super::{Bench, Desk};
use crate::hand::{Hand, fen};

/// F32, I6: two hundred refunds at once of half of what they ask for in all. Half are taken, to the fen.
pub async fn refunds_never_exceed_the_capture(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let row = desk.paid(fen(10_050)).await;
    let batches = (0..200).map(|_| desk.hand.open_refund(&row.intent, attempt(&row), fen(100)));
    let answers = join_all(batches.map(|batch| desk.store.commit(batch))).await;
    let count =
        |wanted: Committed| answers.iter().filter(|answer| answer.as_ref().ok() == Some(&wanted)).count();
    assert_eq!((count(Committed::Done), count(Committed::GuardFailed)), (100, 100));
    let row = desk.read(row.intent.terms.id).await;
    assert_eq!(row.amounts.reserved, fen(10_000).money());
    desk.refused(desk.hand.open_refund(&row.intent, attempt(&row), fen(51)), Committed::GuardFailed).await;
    desk.done(desk.hand.open_refund(&row.intent, attempt(&row), fen(50))).await;
    desk.clean().await;
}

/// I6: each amount has its bound, and a guard on another tenant's intent finds nothing (I10).
pub async fn each_amount_has_its_bound(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let row = desk.paid(fen(100)).await;
    let id = row.intent.terms.id;
    desk.done(desk.hand.open_refund(&row.intent, attempt(&row), fen(60))).await;
    let usd = PositiveMoney::new(1, Currency::parse("USD").expect("a known currency")).expect("one cent");
    let refused = [
        Guard::Authorize(id, fen(1)),
        Guard::Void(id, fen(1)),
        Guard::Capture(id, fen(1)),
        Guard::Reserve(id, fen(41)),
        Guard::Settle(id, fen(61)),
        Guard::Release(id, fen(61)),
        Guard::Reserve(id, usd),
        Guard::Release(id, usd),
    ];
    for guard in refused {
        let batch = Batch { guards: vec![guard], ..Batch::new(desk.hand.tenant(), desk.hand.now()) };
        desk.refused(batch, Committed::GuardFailed).await;
    }
    let both = vec![Guard::Reserve(id, fen(40)), Guard::Reserve(id, fen(1))];
    let batch = Batch { guards: both, ..Batch::new(desk.hand.tenant(), desk.hand.now()) };
    desk.refused(batch, Committed::GuardFailed).await;
    let stranger = Hand::new(2, &desk.clock);
    let guards = vec![Guard::Release(id, fen(60))];
    desk.refused(Batch { guards, ..Batch::new(stranger.tenant(), desk.hand.now()) }, Committed::GuardFailed)
        .await;
    let unknown = super::desk::intent_of(&desk.hand.create(fen(1), None));
    let guards = vec![Guard::Reserve(unknown, fen(1))];
    desk.refused(Batch { guards, ..Batch::new(desk.hand.tenant(), desk.hand.now()) }, Committed::GuardFailed)
        .await;
    desk.clean().await;
}
