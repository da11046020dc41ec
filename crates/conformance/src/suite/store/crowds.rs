//! Crowds at one door, round after round: refunds of one capture, and equal creates.

use futures::future::join_all;
use paifang_money::PositiveMoney;
use paifang_store::{Committed, IntentRow, Resource, Store, StoreError};

use super::desk::{attempt, refund_of, returned};
use super::{Bench, Desk};
use crate::hand::fen;

/// Names the number of rounds, for more than the few of a normal run.
pub const ROUNDS: &str = "PAIFANG_ROUNDS";
/// Rounds of a normal run.
const ROUNDS_FEW: u32 = 3;
/// Refunds at once.
const REFUNDS: usize = 200;
/// Equal creates at once.
const CREATES: usize = 100;
/// What was captured, in fen.
const CAPTURED: i64 = 10_050;

/// F32, F35, I1, I6: two hundred refunds at once never reserve or return more than was captured, also while others of them
/// settle; a hundred equal creates make one intent. As many rounds as [`ROUNDS`] says.
pub async fn crowds_take_no_more_than_there_is(bench: &impl Bench) {
    let rounds =
        std::env::var(ROUNDS).ok().map_or(ROUNDS_FEW, |text| text.parse().expect("a number of rounds"));
    for round in 0..rounds {
        let desk = Desk::new(bench).await;
        refunds(&desk, round).await;
        creates(&desk).await;
        desk.clean().await;
    }
}

async fn refunds<S: Store>(desk: &Desk<S>, round: u32) {
    let row = desk.paid(fen(CAPTURED)).await;
    // From amounts that all fit into the capture to such that a few fill it.
    let amount = 40 + 97 * i64::from(round % 12);
    let places = usize::try_from(CAPTURED / amount).expect("a small number").min(REFUNDS);
    let opened = open(desk, &row, fen(amount), REFUNDS).await;
    assert_eq!(opened.len(), places, "round {round}: {amount} fen each");
    let reserved = amount * i64::try_from(places).expect("a small number");
    assert_eq!(desk.read(row.intent.terms.id).await.amounts.reserved, fen(reserved).money());

    let rest = CAPTURED - reserved;
    let settling = join_all(opened.iter().map(|id| async {
        let refund = desk.refund(*id).await;
        desk.store.commit(desk.refund_news(&refund, &returned(fen(amount)))).await
    }));
    let (settled, late) = futures::future::join(settling, open(desk, &row, fen(rest + 1), 20)).await;
    assert!(settled.iter().all(|answer| matches!(answer, Ok(Committed::Done))), "round {round}: {settled:?}");
    assert_eq!(late, [], "round {round}: more than the rest went through");
    let amounts = desk.read(row.intent.terms.id).await.amounts;
    assert_eq!((amounts.refunded, amounts.reserved.minor_units()), (fen(reserved).money(), 0));
    let exact = if rest > 0 { open(desk, &row, fen(rest), 20).await.len() } else { 1 };
    assert_eq!(exact, 1, "round {round}: the rest goes back once");
}

/// Opens so many refunds at once; answers those that were taken.
async fn open<S: Store>(
    desk: &Desk<S>,
    row: &IntentRow,
    amount: PositiveMoney,
    many: usize,
) -> Vec<paifang_payment::RefundId> {
    let commits = (0..many).map(|_| async {
        let batch = desk.hand.open_refund(&row.intent, attempt(row), amount);
        let id = refund_of(&batch);
        (id, desk.store.commit(batch).await)
    });
    let mut taken = Vec::new();
    for (id, answer) in join_all(commits).await {
        match answer {
            Ok(Committed::Done) => taken.push(id),
            Ok(Committed::GuardFailed) => {}
            other => panic!("neither taken nor refused: {other:?}"),
        }
    }
    taken
}

async fn creates<S: Store>(desk: &Desk<S>) {
    let request_id = desk.hand.request_id();
    let commits = (0..CREATES).map(|_| {
        let mut batch = desk.hand.create(fen(100), Some(desk.hand.qr(fen(100))));
        let request = batch.request.as_mut().expect("a create has a request");
        request.request_id = request_id.clone();
        let own = request.resource;
        async move { (own, desk.store.commit(batch).await) }
    });
    let answers: Vec<(Resource, Result<Committed, StoreError>)> = join_all(commits).await;
    let mut made = answers.iter().filter(|(_, answer)| matches!(answer, Ok(Committed::Done)));
    let (Some((winner, _)), None) = (made.next(), made.next()) else { panic!("not one intent: {answers:?}") };
    for (own, answer) in answers.iter().filter(|(own, _)| own != winner) {
        assert!(matches!(answer, Ok(Committed::Replayed(known)) if known == winner), "{own:?}: {answer:?}");
    }
}
