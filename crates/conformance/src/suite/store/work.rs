//! Work: who may do what, and until when.

use std::collections::BTreeSet;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use paifang_payment::{AccountId, IntentId};
use paifang_store::{Batch, Committed, Fence, Lease, Leased, Store, WorkChange, WorkKey, WorkRow};

use super::desk::intent_of;
use super::{Bench, Desk};
use crate::hand::{LEASE, account, fen};

const SECOND: SignedDuration = SignedDuration::from_secs(1);

fn batch<S: Store>(desk: &Desk<S>, work: Vec<WorkChange>) -> Batch {
    Batch { work, ..Batch::new(desk.hand.tenant(), desk.hand.now()) }
}

fn key<S: Store>(desk: &Desk<S>) -> WorkKey {
    let intent: IntentId = intent_of(&desk.hand.create(fen(1), None));
    WorkKey::Expiry { tenant: desk.hand.tenant(), intent }
}

fn put(key: &WorkKey, lane: Option<&AccountId>, due_at: Timestamp) -> WorkChange {
    WorkChange::Put { key: key.clone(), lane: lane.cloned(), due_at, lease: None }
}

async fn lease<S: Store>(desk: &Desk<S>, lane: Option<&AccountId>, max: usize) -> Vec<Leased> {
    desk.store.lease_due(lane, max, "worker", LEASE).await.expect("the store works")
}

async fn row<S: Store>(desk: &Desk<S>, key: &WorkKey) -> WorkRow {
    let rows = desk.store.scan_work(None, 200).await.expect("the store works");
    rows.into_iter().find(|row| row.key == *key).expect("the work is there")
}

fn fenced<S: Store>(desk: &Desk<S>, leased: &Leased, work: Vec<WorkChange>) -> Batch {
    let fence = Fence { key: leased.key.clone(), epoch: leased.epoch };
    Batch { fence: Some(fence), ..batch(desk, work) }
}

/// Due work of one lane, oldest first, and nothing else.
pub async fn work_is_claimed_oldest_first(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let (now, lane, other) = (desk.clock.now(), account("alipay-main"), account("wechatpay-main"));
    let at = |seconds| crate::hand::after(now, SignedDuration::from_secs(seconds));
    let keys: Vec<WorkKey> = (0..6).map(|_| key(&desk)).collect();
    let changes = vec![
        put(&keys[0], Some(&lane), at(-1)),
        put(&keys[1], Some(&lane), at(-3)),
        put(&keys[2], Some(&lane), at(-2)),
        put(&keys[3], Some(&lane), at(1)),
        put(&keys[4], Some(&other), at(-9)),
        put(&keys[5], None, at(-9)),
    ];
    desk.done(batch(&desk, changes)).await;
    let claimed = lease(&desk, Some(&lane), 2).await;
    let wanted = |key: &WorkKey| Leased { key: key.clone(), tries: 1, epoch: 2 };
    assert_eq!(claimed, [wanted(&keys[1]), wanted(&keys[2])]);
    assert_eq!(lease(&desk, Some(&lane), 9).await, [wanted(&keys[0])]);
    assert_eq!(lease(&desk, Some(&lane), 9).await, []);
    assert_eq!(lease(&desk, None, 9).await, [wanted(&keys[5])]);
    desk.clock.advance(SECOND);
    assert_eq!(lease(&desk, Some(&lane), 9).await, [wanted(&keys[3])]);
    assert_eq!(lease(&desk, Some(&other), 9).await, [wanted(&keys[4])]);
}

/// F27: a claim ends on the store's clock; whoever claims next raises the epoch and the tries, and the slow one's write
/// affects nothing. A claim that nobody took over still holds.
pub async fn claims_end_on_the_stores_clock(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let key = key(&desk);
    desk.done(batch(&desk, vec![put(&key, None, desk.clock.now())])).await;
    let first = lease(&desk, None, 1).await.remove(0);
    desk.clock.advance(LEASE - SECOND);
    assert_eq!(lease(&desk, None, 1).await, []);
    desk.clock.advance(SECOND);
    let later = desk.hand.now();
    desk.done(fenced(&desk, &first, vec![WorkChange::Delay { key: key.clone(), due_at: later }])).await;
    let second = lease(&desk, None, 1).await.remove(0);
    assert_eq!((second.tries, second.epoch), (first.tries + 1, first.epoch + 1));
    let remove = vec![WorkChange::Remove { key: key.clone() }];
    desk.refused(fenced(&desk, &first, remove.clone()), Committed::Fenced).await;
    desk.done(fenced(&desk, &second, remove.clone())).await;
    desk.refused(fenced(&desk, &second, remove), Committed::Fenced).await;
}

/// F27, I16: of many who claim at once, no two get the same piece of work, and none is left.
pub async fn claims_are_disjoint(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let changes = (0..50).map(|_| put(&key(&desk), None, desk.clock.now())).collect();
    desk.done(batch(&desk, changes)).await;
    let claims = join_all((0..20).map(|_| desk.store.lease_due(None, 4, "worker", LEASE))).await;
    let claims: Vec<Leased> = claims.into_iter().flat_map(|claim| claim.expect("the store works")).collect();
    let keys: BTreeSet<&WorkKey> = claims.iter().map(|claim| &claim.key).collect();
    assert_eq!((claims.len(), keys.len()), (50, 50));
}

/// I16: work that is scheduled anew has a new epoch, even after it was gone; no old claim fits it.
pub async fn old_claims_never_fit(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let key = key(&desk);
    let lease_now = Some(Lease { owner: "writer".to_owned(), millis: 1_000 });
    let begin = WorkChange::Put { key: key.clone(), lane: None, due_at: desk.clock.now(), lease: lease_now };
    desk.done(batch(&desk, vec![begin])).await;
    let own = Leased { key: key.clone(), tries: 0, epoch: 1 };
    assert_eq!(lease(&desk, None, 1).await, [], "it was claimed from the start");
    let later = WorkChange::Delay { key: key.clone(), due_at: desk.clock.now() };
    desk.done(fenced(&desk, &own, vec![later.clone()])).await;
    desk.done(batch(&desk, vec![put(&key, None, desk.clock.now())])).await;
    desk.refused(fenced(&desk, &own, vec![later.clone()]), Committed::Fenced).await;
    for _ in 0..2 {
        desk.done(batch(&desk, vec![WorkChange::Remove { key: key.clone() }])).await;
        desk.done(batch(&desk, vec![WorkChange::Remove { key: key.clone() }])).await;
        desk.refused(fenced(&desk, &own, vec![later.clone()]), Committed::Fenced).await;
        desk.done(batch(&desk, vec![put(&key, None, desk.clock.now())])).await;
        for epoch in 1..row(&desk, &key).await.epoch {
            let old = Leased { epoch, ..own.clone() };
            desk.refused(fenced(&desk, &old, vec![later.clone()]), Committed::Fenced).await;
        }
    }
    assert_eq!(row(&desk, &key).await.epoch, 4);
}

/// A delay keeps the tries, a new schedule forgets them (F30); quarantined work is nobody's until it is scheduled anew.
pub async fn delays_and_quarantine(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let key = key(&desk);
    desk.done(batch(&desk, vec![put(&key, None, desk.clock.now())])).await;
    for tries in 1..=3 {
        let claim = lease(&desk, None, 1).await.remove(0);
        assert_eq!(claim.tries, tries);
        let due_at = crate::hand::after(desk.clock.now(), SECOND);
        desk.done(fenced(&desk, &claim, vec![WorkChange::Delay { key: key.clone(), due_at }])).await;
        assert_eq!(lease(&desk, None, 1).await, []);
        desk.clock.advance(SECOND);
    }
    let claim = lease(&desk, None, 1).await.remove(0);
    let reason = "too many tries".to_owned();
    desk.done(fenced(
        &desk,
        &claim,
        vec![WorkChange::Quarantine { key: key.clone(), reason: reason.clone() }],
    ))
    .await;
    desk.clock.advance(LEASE * 10);
    assert_eq!(lease(&desk, None, 1).await, []);
    desk.store.hasten(&key).await.expect("the store works");
    assert_eq!(lease(&desk, None, 1).await, []);
    desk.refused(fenced(&desk, &claim, vec![]), Committed::Fenced).await;
    let quarantined = row(&desk, &key).await;
    only_quarantined_work_is_listed(&desk, &quarantined).await;
    assert_eq!((quarantined.quarantined, quarantined.leased_until), (Some(reason), None));
    assert_eq!(desk.store.stats().await.expect("the store works").quarantined, 1);
    redriven_once(&desk, &key).await;
    let reason = "again".to_owned();
    desk.done(batch(&desk, vec![WorkChange::Quarantine { key: key.clone(), reason }])).await;
    desk.done(batch(&desk, vec![put(&key, None, desk.clock.now())])).await;
    assert_eq!(lease(&desk, None, 1).await.remove(0).tries, 1);
    let unknown = super::work::key(&desk);
    let gone = WorkChange::Quarantine { key: unknown, reason: "gone".to_owned() };
    desk.done(batch(&desk, vec![gone])).await;
}

async fn only_quarantined_work_is_listed<S: Store>(desk: &Desk<S>, quarantined: &WorkRow) {
    let lane = account("alipay-main");
    desk.done(batch(desk, vec![put(&key(desk), Some(&lane), desk.clock.now())])).await;
    let listed =
        async |after: Option<&str>| desk.store.scan_quarantine(after, 10).await.expect("the store works");
    assert_eq!(listed(None).await, std::slice::from_ref(quarantined));
    assert_eq!(listed(Some(&quarantined.key.text())).await, []);
    quarantine_is_listed_page_by_page(desk, quarantined).await;
}

/// A page ends where it is told to and the next one begins there, also where a row has left the quarantine meanwhile.
async fn quarantine_is_listed_page_by_page<S: Store>(desk: &Desk<S>, first: &WorkRow) {
    let mut added = Vec::new();
    for _ in 0..3 {
        let key = key(desk);
        desk.done(batch(desk, vec![put(&key, None, desk.clock.now())])).await;
        let reason = "a page".to_owned();
        desk.done(batch(desk, vec![WorkChange::Quarantine { key: key.clone(), reason }])).await;
        added.push(key);
    }
    let mut all: Vec<String> = added.iter().map(WorkKey::text).chain([first.key.text()]).collect();
    all.sort();
    let (mut found, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = desk.store.scan_quarantine(after.as_deref(), 1).await.expect("the store works");
        assert!(page.len() <= 1, "more than was asked for");
        let Some(row) = page.first() else { break };
        found.push(row.key.text());
        after = Some(row.key.text());
        // The next page begins behind a row that is no longer there.
        if let Some(gone) = added.iter().find(|key| **key == row.key) {
            desk.done(batch(desk, vec![WorkChange::Remove { key: gone.clone() }])).await;
        }
    }
    assert_eq!(found, all);
    let left = desk.store.scan_quarantine(None, 10).await.expect("the store works");
    assert_eq!(left.len(), 1);
}

/// F72: quarantined work goes back to the workers by the epoch that was read, once, and as if it were new.
async fn redriven_once<S: Store>(desk: &Desk<S>, key: &WorkKey) {
    let epoch = row(desk, key).await.epoch;
    let redrive = |epoch| WorkChange::Redrive { key: key.clone(), epoch, due_at: desk.clock.now() };
    desk.refused(batch(desk, vec![redrive(epoch - 1)]), Committed::Fenced).await;
    desk.refused(batch(desk, vec![redrive(epoch + 1)]), Committed::Fenced).await;
    let two = [
        desk.store.commit(batch(desk, vec![redrive(epoch)])),
        desk.store.commit(batch(desk, vec![redrive(epoch)])),
    ];
    let mut answers: Vec<Committed> =
        join_all(two).await.into_iter().map(|answer| answer.expect("the store works")).collect();
    answers.sort_by_key(|answer| *answer != Committed::Done);
    assert_eq!(answers, [Committed::Done, Committed::Fenced]);
    let given_back = row(desk, key).await;
    assert_eq!((given_back.tries, given_back.epoch, given_back.quarantined), (0, epoch + 1, None));
    assert_eq!(lease(desk, None, 1).await, [Leased { key: key.clone(), tries: 1, epoch: epoch + 2 }]);
}

/// Work about which somebody expects news is due at once, unless it is claimed.
pub async fn hastened_work_is_due(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let (key, far) = (key(&desk), crate::hand::after(desk.clock.now(), SECOND * 1_000));
    desk.store.hasten(&key).await.expect("the store works");
    desk.done(batch(&desk, vec![put(&key, None, far)])).await;
    desk.store.hasten(&key).await.expect("the store works");
    let claim = lease(&desk, None, 1).await.remove(0);
    desk.done(fenced(&desk, &claim, vec![WorkChange::Delay { key: key.clone(), due_at: far }])).await;
    desk.store.hasten(&key).await.expect("the store works");
    assert_eq!(row(&desk, &key).await.due_at, desk.clock.now());
    lease(&desk, None, 1).await.remove(0);
    desk.clock.advance(-SECOND);
    let before = row(&desk, &key).await;
    desk.store.hasten(&key).await.expect("the store works");
    assert_eq!(row(&desk, &key).await, before, "claimed work is left alone");
}
