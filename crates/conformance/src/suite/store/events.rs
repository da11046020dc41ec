//! Events: their order, and what a reader beside the writers sees.

use std::future::poll_fn;
use std::task::Poll;

use futures::future::{join, join_all};
use paifang_payment::{Digest, FundsId, RequestId};
use paifang_shares::waterfall::Bearer;
use paifang_store::funds::{Owner, of_transfer};
use paifang_store::{Batch, NewEvent, Operation, RequestKey, Resource, Snapshot, Store, StoredEvent};

use super::desk::{attempt, paid};
use super::{Bench, Desk};
use crate::hand::{Hand, fen};

/// I9: events stand in the order of commits, and count 1, 2, 3 for each intent.
pub async fn events_keep_the_order_of_commits(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let one = desk.create(fen(1)).await;
    let two = desk.create(fen(2)).await;
    desk.done(desk.news(&two, attempt(&two).terms.id, &paid(fen(2)))).await;
    desk.done(desk.news(&one, attempt(&one).terms.id, &paid(fen(1)))).await;
    let other = Hand::new(2, &desk.clock);
    desk.done(other.create(fen(3), Some(other.qr(fen(3))))).await;

    let all = desk.store.events_after(None, 0, 200).await.expect("the store works");
    let told: Vec<_> = all.iter().map(|event| (event.intent, event.sequence, event.kind.as_str())).collect();
    let (one, two) = (Some(one.intent.terms.id), Some(two.intent.terms.id));
    let (processing, succeeded) = ("payment_intent.processing", "payment_intent.succeeded");
    let own = [(one, 1, processing), (two, 1, processing), (two, 2, succeeded), (one, 2, succeeded)];
    assert_eq!(told[..4], own);
    assert!(all.windows(2).all(|pair| pair[0].cursor < pair[1].cursor));
    let mine = desk.store.events_after(Some(desk.hand.tenant()), 0, 200).await.expect("the store works");
    assert_eq!(mine, all[..4]);
    let rest = desk.store.events_after(None, all[1].cursor, 2).await.expect("the store works");
    assert_eq!(rest, all[2..4]);
    let last = desk.store.stats().await.expect("the store works").last_event;
    assert_eq!(Some(last), all.last().map(|event| event.cursor));
}

/// Funds that are moved are told in the same stream, by an event that belongs to no intent.
pub async fn funds_are_told_beside_intents(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let row = desk.create(fen(1)).await;
    let (tenant, at) = (desk.hand.tenant(), desk.hand.now());
    let owner = Owner { tenant, merchant: None };
    for n in 1..=2 {
        let id = FundsId::from_parts(at, [n; 10]);
        let between = (owner.outside(), owner.account(Bearer::Platform));
        let transfer = of_transfer(id, between, fen(i64::from(n)), at);
        let snapshot = Snapshot::Funds { transfer: Box::new(transfer.clone()) };
        let told = desk.hand.event(row.intent.terms.id, "funds.transferred".to_owned(), snapshot);
        let request = RequestKey {
            operation: Operation::TransferFunds,
            request_id: RequestId::parse(&format!("f-{n}")).expect("a request id"),
            fingerprint: Digest([n; 32]),
            resource: Resource::Funds(id),
        };
        desk.done(Batch {
            request: Some(request),
            transfers: vec![transfer],
            events: vec![NewEvent { intent: None, ..told }],
            ..Batch::new(tenant, at)
        })
        .await;
    }
    desk.done(desk.news(&row, attempt(&row).terms.id, &paid(fen(1)))).await;
    let all = desk.store.events_after(Some(tenant), 0, 200).await.expect("the store works");
    let own = Some(row.intent.terms.id);
    let places: Vec<_> = all.iter().map(|event| (event.intent, event.sequence)).collect();
    assert_eq!(places, [(own, 1), (None, 1), (None, 1), (own, 2)]);
    let told = |event: &StoredEvent| match &event.snapshot {
        Snapshot::Funds { transfer } => Some(transfer.amount),
        Snapshot::Intent { .. } | Snapshot::Refund { .. } => None,
    };
    assert_eq!(all.iter().filter_map(told).collect::<Vec<_>>(), [fen(1), fen(2)]);
    let of_intent = desk.store.intent_events(tenant, row.intent.terms.id).await.expect("the store works");
    assert_eq!(of_intent.len(), 2);
    desk.clean().await;
}

/// F33: a reader that follows the cursor while fifty writers commit misses nothing and sees nothing twice.
pub async fn readers_beside_writers_miss_nothing(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let batches = (0..50).map(|_| desk.hand.create(fen(1), Some(desk.hand.qr(fen(1)))));
    let writers = join_all(batches.map(|batch| desk.store.commit(batch)));
    let reader = async {
        let mut followed: Vec<StoredEvent> = Vec::new();
        for _ in 0..100_000 {
            let cursor = followed.last().map_or(0, |event| event.cursor);
            followed.extend(desk.store.events_after(None, cursor, 7).await.expect("the store works"));
            if followed.len() >= 50 {
                break;
            }
            let_others_run().await;
        }
        followed
    };
    let (answers, followed) = join(writers, reader).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let all = desk.store.events_after(None, 0, 200).await.expect("the store works");
    assert_eq!((followed.len(), followed == all), (50, true));
}

/// Comes back at the next poll.
async fn let_others_run() {
    let mut seen = false;
    poll_fn(|context| {
        if std::mem::replace(&mut seen, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
