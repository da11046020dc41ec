//! Tenants and what is theirs; payer data.

use jiff::SignedDuration;
use paifang_payment::Digest;
use paifang_store::{Committed, IntentFilter, Store, SubmissionChange, Tenant};

use super::desk::{attempt, paid, refund_of};
use super::{Bench, Desk};
use crate::hand::{Hand, fen};

/// I10: a tenant neither reads nor moves what is another's, even where it knows the ids.
pub async fn tenants_never_meet(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let row = desk.paid(fen(100)).await;
    let open = desk.hand.open_refund(&row.intent, attempt(&row), fen(10));
    let refund = refund_of(&open);
    desk.done(open).await;
    let (stranger, id) = (Hand::new(2, &desk.clock), row.intent.terms.id);
    let (store, theirs) = (&desk.store, stranger.tenant());
    assert_eq!(store.intent(theirs, id).await.expect("the store works"), None);
    assert_eq!(store.refund(theirs, refund).await.expect("the store works"), None);
    assert_eq!(store.intent_journal(theirs, id).await.expect("the store works"), []);
    assert_eq!(store.refund_journal(theirs, refund).await.expect("the store works"), []);
    let all = IntentFilter::default();
    assert_eq!(store.intents(theirs, &all, 9).await.expect("the store works").rows, []);
    assert_eq!(store.refunds(theirs, Some(id), None, 9).await.expect("the store works").rows, []);
    assert_eq!(store.events_after(Some(theirs), 0, 9).await.expect("the store works"), []);
    assert_eq!(store.transfers_after(Some(theirs), 0, 9).await.expect("the store works"), []);
    assert_eq!(store.intent_events(theirs, id).await.expect("the store works"), []);
    assert_eq!(store.intent_transfers(theirs, id).await.expect("the store works"), []);
    let own = desk.hand.tenant();
    let events = store.events_after(Some(own), 0, 9).await.expect("the store works");
    assert_eq!(store.intent_events(own, id).await.expect("the store works"), events);
    let mut transfers = store.transfers_after(Some(own), 0, 9).await.expect("the store works");
    transfers.retain(|row| row.transfer.subject == id.to_string());
    assert!(!events.is_empty() && !transfers.is_empty());
    assert_eq!(store.intent_transfers(own, id).await.expect("the store works"), transfers);
    assert_eq!(store.balances(theirs).await.expect("the store works"), []);

    let mut stolen = desk.hand.open_refund(&row.intent, attempt(&row), fen(10));
    stolen.tenant = theirs;
    stolen.refunds[0].row.terms.tenant = theirs;
    stolen.work.clear();
    desk.broken(stolen.clone()).await;
    stolen.refunds.clear();
    desk.refused(stolen, Committed::GuardFailed).await;

    let victim = desk.create(fen(5)).await;
    let mut moved = desk.news(&victim, attempt(&victim).terms.id, &paid(fen(5)));
    moved.tenant = theirs;
    moved.intent.as_mut().expect("news writes the intent").row.terms.tenant = theirs;
    moved.work.clear();
    desk.refused(moved, Committed::Conflict).await;
    desk.clean().await;
}

/// Tenants are found by the hash of their key; neither an id nor a key is given twice. The deployment's key stays.
pub async fn tenants_are_kept(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let tenant = |number: u8, hash: u8| Tenant {
        id: Hand::new(number, &desk.clock).tenant(),
        name: format!("shop {number}"),
        key_hash: Digest([hash; 32]),
        created_at: crate::hand::after(desk.clock.now(), SignedDuration::from_nanos(7)),
    };
    let (one, two) = (tenant(9, 1), tenant(3, 2));
    let add = async |tenant: &Tenant| desk.store.add_tenant(tenant).await.expect("the store works");
    assert!(add(&one).await && add(&two).await);
    assert!(!add(&tenant(9, 5)).await && !add(&tenant(5, 1)).await && !add(&one).await);
    assert_eq!(desk.store.tenants().await.expect("the store works"), [one, two.clone()]);
    let found = desk.store.tenant_by_key(Digest([2; 32])).await.expect("the store works");
    assert_eq!(found, Some(two));
    assert_eq!(desk.store.tenant_by_key(Digest([5; 32])).await.expect("the store works"), None);
    assert_eq!(desk.store.deployment_key([4; 32]).await.expect("the store works"), [4; 32]);
    assert_eq!(desk.store.deployment_key([5; 32]).await.expect("the store works"), [4; 32]);
}

/// Payer data is there while its attempt can still be sent, and gone with its end.
pub async fn payer_data_lives_with_its_attempt(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let batch = desk.hand.create(fen(5), Some(desk.hand.qr(fen(5))));
    let Some(SubmissionChange::Put(id, submission)) = batch.submissions.first().cloned() else {
        panic!("an attempt comes with payer data")
    };
    let intent = super::desk::intent_of(&batch);
    desk.done(batch).await;
    assert_eq!(desk.store.submission(id).await.expect("the store works"), Some(submission));
    let row = desk.read(intent).await;
    desk.done(desk.news(&row, id, &paid(fen(5)))).await;
    assert_eq!(desk.store.submission(id).await.expect("the store works"), None);
}
