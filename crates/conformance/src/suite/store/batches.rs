//! Versions, unique numbers, and batches that no engine should ever write.

use futures::future::join_all;
use paifang_payment::Verb;
use paifang_payment::intent::State;
use paifang_store::{Batch, Committed, Fence, Guard, NewEvent, Store, WorkChange, WorkKey};

use super::desk::{attempt, intent_in, intent_of, paid, pending, refund_of, returned};
use super::{Bench, Desk};
use crate::hand::{Hand, fen};

/// Who has seen an older version, or none where there is one, decides again.
pub async fn stale_versions_conflict(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let row = desk.create(fen(100)).await;
    let id = attempt(&row).terms.id;
    let (first, second) = (desk.news(&row, id, &pending(Verb::Query)), desk.news(&row, id, &paid(fen(100))));
    desk.done(first).await;
    desk.refused(second, Committed::Conflict).await;

    let mut again = desk.hand.create(fen(100), None);
    again.intent.as_mut().expect("a create writes").row = row.intent.clone();
    again.intent.as_mut().expect("a create writes").row.version = 1;
    again.intent.as_mut().expect("a create writes").entries.truncate(1);
    again.events.clear();
    desk.refused(again, Committed::Conflict).await;

    let row = desk.read(row.intent.terms.id).await;
    desk.done(desk.news(&row, id, &paid(fen(100)))).await;
    let row = desk.read(row.intent.terms.id).await;
    let open = desk.hand.open_refund(&row.intent, attempt(&row), fen(40));
    let refund = refund_of(&open);
    desk.done(open.clone()).await;
    let mut twice = open;
    twice.request = None;
    twice.guards.clear();
    twice.transfers.clear();
    desk.refused(twice, Committed::Conflict).await;
    let seen = desk.refund(refund).await;
    desk.done(desk.refund_news(&seen, &pending(Verb::QueryRefund))).await;
    desk.refused(desk.refund_news(&seen, &returned(fen(40))), Committed::Conflict).await;
    desk.clean().await;
}

/// F32: of many steps that saw the same version, one is taken.
pub async fn one_of_many_steps_wins(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let row = desk.create(fen(100)).await;
    let batches = (0..50).map(|_| desk.news(&row, attempt(&row).terms.id, &paid(fen(100))));
    let answers = join_all(batches.map(|batch| desk.store.commit(batch))).await;
    let count =
        |wanted: Committed| answers.iter().filter(|answer| answer.as_ref().ok() == Some(&wanted)).count();
    assert_eq!((count(Committed::Done), count(Committed::Conflict)), (1, 49));
    assert_eq!(desk.read(row.intent.terms.id).await.amounts.captured, fen(100).money());
    desk.clean().await;
}

/// I7: nothing leaves a final state, whatever a batch says.
pub async fn final_states_stay(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let row = desk.paid(fen(100)).await;
    let other = desk.create(fen(100)).await;
    let news = desk.news(&other, attempt(&other).terms.id, &paid(fen(100)));
    let mut write = news.intent.expect("news writes the intent");
    write.expected = row.intent.version;
    write.row = row.intent.clone();
    write.row.state = State::Canceled;
    write.row.version += 1;
    write.entries.truncate(1);
    write.entries[0].seq = write.row.version;
    let back = Batch { intent: Some(write), ..Batch::new(desk.hand.tenant(), desk.hand.now()) };
    desk.broken(back).await;

    let open = desk.hand.open_refund(&row.intent, attempt(&row), fen(100));
    let refund = refund_of(&open);
    desk.done(open).await;
    let sending = desk.refund(refund).await;
    desk.done(desk.refund_news(&sending, &returned(fen(100)))).await;
    let done = desk.refund(refund).await;
    let mut again = desk.refund_news(&sending, &pending(Verb::QueryRefund));
    let write = again.refunds.first_mut().expect("news writes the refund");
    write.expected = done.version;
    write.row.version = done.version + 1;
    write.entries[0].seq = done.version + 1;
    desk.broken(again).await;
    desk.clean().await;
}

/// What could only be a mistake of the batch's maker is refused before anything is looked at.
pub async fn incoherent_batches_are_refused(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let row = desk.create(fen(100)).await;
    let news = desk.news(&row, attempt(&row).terms.id, &paid(fen(100)));
    let change = |change: &dyn Fn(&mut Batch)| {
        let mut batch = news.clone();
        change(&mut batch);
        batch
    };
    let other = Hand::new(2, &desk.clock);
    let foreign = WorkKey::Expiry { tenant: other.tenant(), intent: row.intent.terms.id };
    let elsewhere = intent_of(&desk.hand.create(fen(1), None));
    let incoherent = [
        change(&|batch| batch.tenant = other.tenant()),
        change(&|batch| batch.intent.as_mut().expect("news writes").entries[0].seq += 1),
        change(&|batch| batch.intent.as_mut().expect("news writes").row.version += 1),
        change(&|batch| drop(batch.intent.as_mut().expect("news writes").entries.pop())),
        change(&|batch| batch.work.push(WorkChange::Remove { key: foreign.clone() })),
        change(&|batch| batch.fence = Some(Fence { key: foreign.clone(), epoch: 1 })),
        change(&|batch| batch.guards.push(Guard::Reserve(elsewhere, fen(1)))),
        change(&|batch| batch.events[0].intent = Some(elsewhere)),
        change(&|batch| {
            let key = desk.hand.attempt_key(intent_in(batch), attempt(&row).terms.id);
            batch.work.push(WorkChange::Delay { key, due_at: desk.hand.now() });
        }),
    ];
    for batch in incoherent {
        desk.broken(batch).await;
    }
    let event = NewEvent { intent: Some(elsewhere), ..news.events[0].clone() };
    let orphan = Batch { events: vec![event], ..Batch::new(desk.hand.tenant(), desk.hand.now()) };
    desk.broken(orphan).await;
    desk.done(news.clone()).await;
    let twice = Batch { events: news.events, ..Batch::new(desk.hand.tenant(), desk.hand.now()) };
    desk.broken(twice).await;
    desk.clean().await;
}

/// An order number leads to one attempt, a refund number to one refund; a second owner is an error, never a surprise.
pub async fn numbers_are_unique(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let row = desk.paid(fen(100)).await;
    let mut terms = desk.hand.qr(fen(100));
    terms.order_no = attempt(&row).terms.order_no.clone();
    desk.broken(desk.hand.create(fen(100), Some(terms.clone()))).await;
    terms.account = crate::hand::account("wechatpay-main");
    desk.done(desk.hand.create(fen(100), Some(terms))).await;

    let number = &attempt(&row).terms.order_no;
    let led =
        desk.store.attempt_by_order(&attempt(&row).terms.account, number).await.expect("the store works");
    assert_eq!(led.map(|led| led.attempt), Some(attempt(&row).terms.id));
    let unknown = desk.hand.order_no();
    let led = desk.store.attempt_by_order(&attempt(&row).terms.account, &unknown).await;
    assert_eq!(led.expect("the store works"), None);

    let first = desk.hand.open_refund(&row.intent, attempt(&row), fen(10));
    let mut second = desk.hand.open_refund(&row.intent, attempt(&row), fen(10));
    let refund = refund_of(&first);
    second.refunds[0].row.terms.refund_no = first.refunds[0].row.terms.refund_no.clone();
    let number = first.refunds[0].row.terms.refund_no.clone();
    desk.done(first).await;
    desk.broken(second).await;
    let led = desk.store.refund_by_number(&attempt(&row).terms.account, &number).await;
    assert_eq!(led.expect("the store works").map(|led| led.refund), Some(refund));
    let whose = desk.store.refund_tenant(refund).await.expect("the store works");
    assert_eq!(whose, Some(row.intent.terms.tenant));
    let nobodys = desk.hand.open_refund(&row.intent, attempt(&row), fen(10));
    let whose = desk.store.refund_tenant(refund_of(&nobodys)).await.expect("the store works");
    assert_eq!(whose, None);
    desk.clean().await;
}
