//! Bulk refunds: filled once, driven by one at a time at their pace, and told exactly.

use jiff::SignedDuration;
use paifang_money::PositiveMoney;
use paifang_payment::{BulkEntryId, BulkId, Digest, IntentId, RefundId, RequestId};
use paifang_store::{
    BULK_ASKING_MAX, BulkCall, BulkCalled, BulkClaim, BulkState, BulkStep, BulkStore, BulkTerms, BulkThen,
    Committed, Driven, EntriesAdded, EntryOutcome, EntryStage, NewBulk, NewBulkEntry, Operation, Refused,
    RequestKey, Resource, Store,
};

use super::desk::{attempt, refund_of, returned};
use super::{Bench, Desk};
use crate::hand::{Hand, fen};

const LEASE: SignedDuration = SignedDuration::from_secs(30);

fn call(hand: &Hand, step: BulkStep, id: &str) -> BulkCall {
    let request_id = RequestId::parse(id).expect("letters and digits");
    BulkCall { step, request_id, fingerprint: Digest([1; 32]), at: hand.now() }
}

/// A bulk of ten refunds per second.
fn bulk(hand: &Hand, request: &str) -> NewBulk {
    let terms =
        BulkTerms { name: "live room 7".to_owned(), reason: None, case: None, pace: 10, in_flight_max: 4 };
    let (id, call) = (BulkId::from_parts(hand.now(), hand.entropy()), call(hand, BulkStep::Create, request));
    NewBulk { tenant: hand.tenant(), id, at: hand.now(), terms, call }
}

fn entry(name: &str, intent: IntentId, amount: Option<PositiveMoney>) -> NewBulkEntry {
    NewBulkEntry { name: BulkEntryId::parse(name).expect("letters and digits"), intent, amount }
}

fn some_intent(hand: &Hand) -> IntentId {
    IntentId::from_parts(hand.now(), hand.entropy())
}

const GO: BulkThen = BulkThen::Go { begin: 0, look: true, lease: LEASE };

fn begin(most: u32) -> BulkThen {
    BulkThen::Go { begin: most, look: false, lease: LEASE }
}

async fn drive<S: Store>(
    desk: &Desk<S>,
    claim: &BulkClaim,
    outcomes: &[(u64, EntryOutcome)],
    then: BulkThen,
) -> Option<Driven> {
    desk.store.drive_bulk(claim, outcomes, then).await.expect("the store works")
}

async fn claim<S: Store>(desk: &Desk<S>) -> Vec<BulkClaim> {
    desk.store.claim_bulks(10, "one", LEASE).await.expect("the store works")
}

/// The request under which the refund of an entry of this intent is made.
fn request(position: u64, intent: IntentId) -> RequestKey {
    RequestKey {
        operation: Operation::CreateRefund,
        request_id: RequestId::parse(&format!("entry-{position}")).expect("letters and digits"),
        fingerprint: Digest([7; 32]),
        resource: Resource::Intent(intent),
    }
}

fn refused(position: u64, intent: IntentId) -> (u64, EntryOutcome) {
    let refused = Refused::new("RESOURCE_NOT_FOUND", "none");
    (position, EntryOutcome::Refused(refused, request(position, intent)))
}

fn positions(driven: &Driven) -> Vec<u64> {
    driven.asking.iter().map(|entry| entry.position).collect()
}

/// The totals in short: stage, reason, count, minor units.
async fn totals<S: Store>(desk: &Desk<S>, id: BulkId) -> Vec<(&'static str, Option<String>, u64, i128)> {
    let totals = desk.store.bulk_totals(desk.hand.tenant(), id).await.expect("the store works");
    totals.into_iter().map(|total| (total.stage.as_str(), total.reason, total.count, total.minor)).collect()
}

/// A started bulk with these entries.
async fn started<S: Store>(desk: &Desk<S>, entries: &[NewBulkEntry]) -> BulkId {
    let made = bulk(&desk.hand, &format!("bulk-{}", desk.hand.request_id()));
    let store = &desk.store;
    assert_eq!(store.add_bulk(&made).await.expect("the store works"), BulkCalled::Done);
    let added = store.add_bulk_entries(made.tenant, made.id, entries).await.expect("the store works");
    assert_eq!(added, EntriesAdded::Done(entries.len() as u64));
    let start = call(&desk.hand, BulkStep::Start, &format!("start-{}", desk.hand.request_id()));
    assert_eq!(store.steer_bulk(made.tenant, made.id, &start).await.expect("it works"), BulkCalled::Done);
    made.id
}

/// Those that were started and have not ended, in pages of one.
async fn open<S: Store>(desk: &Desk<S>) -> Vec<BulkId> {
    let (mut found, mut after) = (Vec::new(), None);
    while let [bulk] = &desk.store.scan_open_bulks(after, 1).await.expect("the store works")[..] {
        after = Some(bulk.id);
        found.push(bulk.id);
    }
    assert_eq!(desk.store.open_bulks().await.expect("the store works"), found.len() as u64);
    found
}

/// Each call is taken once, entries are there once, all of a page or none, and only their tenant sees them (I1, I10).
pub async fn bulks_are_filled_once(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let (store, own, stranger) = (&desk.store, desk.hand.tenant(), Hand::new(2, &desk.clock));
    let first = bulk(&desk.hand, "b1");
    let add = async |bulk: &NewBulk| store.add_bulk(bulk).await.expect("the store works");
    assert_eq!(add(&first).await, BulkCalled::Done);
    let again = bulk(&desk.hand, "b1");
    assert_eq!(add(&again).await, BulkCalled::Replayed(first.id));
    let mut other = again.clone();
    other.call.fingerprint = Digest([2; 32]);
    assert_eq!(add(&other).await, BulkCalled::Reused);
    assert_eq!(add(&bulk(&stranger, "b1")).await, BulkCalled::Done, "another tenant has calls of its own");
    assert_eq!(store.bulk(own, again.id).await.expect("it works"), None, "a replay made nothing");

    let intent = some_intent(&desk.hand);
    let page = [entry("e1", intent, Some(fen(100))), entry("e2", intent, None)];
    let fill = async |tenant, page: &[NewBulkEntry]| {
        store.add_bulk_entries(tenant, first.id, page).await.expect("the store works")
    };
    assert_eq!(fill(own, &page).await, EntriesAdded::Done(2));
    assert_eq!(fill(own, &page).await, EntriesAdded::Done(0));
    let mixed = [entry("e3", intent, None), entry("e1", intent, Some(fen(101)))];
    assert_eq!(fill(own, &mixed).await, EntriesAdded::Differs(mixed[1].name.clone()));
    assert_eq!(fill(own, &[entry("e2", some_intent(&desk.hand), None)]).await, {
        EntriesAdded::Differs(page[1].name.clone())
    });
    assert_eq!(fill(stranger.tenant(), &page).await, EntriesAdded::Unknown);
    assert_eq!(totals(&desk, first.id).await, [("waiting", None, 1, 0), ("waiting", None, 1, 100)]);

    let steer = async |tenant, call: &BulkCall| store.steer_bulk(tenant, first.id, call).await.expect("ok");
    let start = call(&desk.hand, BulkStep::Start, "s1");
    assert_eq!(steer(stranger.tenant(), &start).await, BulkCalled::Unknown);
    assert_eq!(steer(own, &start).await, BulkCalled::Done);
    assert_eq!(steer(own, &start).await, BulkCalled::Replayed(first.id));
    assert_eq!(steer(own, &call(&desk.hand, BulkStep::Start, "s2")).await, {
        BulkCalled::Refused(BulkState::Running)
    });
    assert_eq!(fill(own, &page).await, EntriesAdded::Done(0), "what is there may be sent again");
    assert_eq!(fill(own, &[entry("e3", intent, None)]).await, EntriesAdded::Refused(BulkState::Running));
    let listed = store.bulk_entries(own, first.id, None, 0, 200).await.expect("the store works");
    let names: Vec<&str> = listed.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["e1", "e2"]);
    assert!(store.bulk_entries(stranger.tenant(), first.id, None, 0, 200).await.expect("ok").is_empty());
    assert!(store.bulk_totals(stranger.tenant(), first.id).await.expect("ok").is_empty());
    assert_eq!(store.bulk(stranger.tenant(), first.id).await.expect("ok"), None);
    let bulks = store.bulks(own, None, 10).await.expect("the store works");
    assert_eq!(bulks.rows.iter().map(|row| (row.id, row.entries)).collect::<Vec<_>>(), [(first.id, 2)]);
    desk.clean().await;
}

/// One claim at a time, and the pace holds for whoever comes next; what a dead driver had begun is asked for again.
pub async fn bulks_are_driven_by_one_at_their_pace(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let intent = some_intent(&desk.hand);
    let entries: Vec<NewBulkEntry> = (1..=5).map(|n| entry(&format!("e{n}"), intent, None)).collect();
    let draft = bulk(&desk.hand, "draft");
    desk.store.add_bulk(&draft).await.expect("the store works");
    let id = started(&desk, &entries).await;
    assert_eq!(open(&desk).await, [id]);
    let [dead] = claim(&desk).await[..] else { panic!("one bulk is due") };
    assert!(claim(&desk).await.is_empty(), "it is claimed");
    let driven = drive(&desk, &dead, &[], begin(2)).await.expect("the claim holds");
    assert_eq!((positions(&driven), driven.waiting), (vec![1, 2], true));
    assert_eq!(driven.slot, SignedDuration::from_millis(200));
    let driven = drive(&desk, &dead, &[], begin(2)).await.expect("the claim holds");
    assert_eq!(positions(&driven), [1, 2], "at their pace");

    desk.clock.advance(LEASE);
    let [live] = claim(&desk).await[..] else { panic!("its lease is over") };
    let refused = |position| refused(position, intent);
    let lost = [refused(1)];
    assert_eq!(drive(&desk, &dead, &lost, begin(2)).await, None, "the claim was lost");
    let driven = drive(&desk, &live, &[], begin(0)).await.expect("the claim holds");
    assert_eq!(positions(&driven), [1, 2], "what was begun is not lost");
    let driven = drive(&desk, &live, &[refused(1), refused(2)], begin(2)).await.expect("the claim holds");
    assert_eq!(positions(&driven), [3, 4]);
    let [three, four] = [refused(3), refused(4)];
    let driven = drive(&desk, &live, &[three, four], begin(2)).await.expect("the claim holds");
    assert_eq!((positions(&driven), driven.waiting), (vec![], true), "the pace does not allow it yet");

    let rest = BulkThen::Rest { after: SignedDuration::ZERO, seen: Some(BulkState::Running) };
    drive(&desk, &live, &[], rest).await.expect("the claim holds");
    assert_eq!(drive(&desk, &live, &[], begin(1)).await, None, "who rests has no claim");
    let [next] = claim(&desk).await[..] else { panic!("it is due") };
    let driven = drive(&desk, &next, &[], begin(2)).await.expect("the claim holds");
    assert_eq!(positions(&driven), [0_u64; 0], "the pace holds for the next driver");
    desk.clock.advance(SignedDuration::from_millis(200));
    let driven = drive(&desk, &next, &[], begin(2)).await.expect("the claim holds");
    assert_eq!((positions(&driven), driven.waiting), (vec![5], false));
    assert_eq!(
        totals(&desk, id).await,
        [("asked", None, 1, 0), ("refused", Some("RESOURCE_NOT_FOUND".to_owned()), 4, 0)]
    );
    let driven = drive(&desk, &next, &[refused(5)], GO).await.expect("the claim holds");
    assert_eq!(driven.state, BulkState::Ended);
    assert_eq!(drive(&desk, &next, &[], GO).await, None, "it has ended");
    assert!(claim(&desk).await.is_empty());
    assert_eq!(open(&desk).await, []);
    desk.clean().await;
}

/// An entry is as far as its refund, and the bulk ends with the last of them.
pub async fn bulks_follow_their_refunds(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let row = desk.paid(fen(1_000)).await;
    let intent = row.intent.terms.id;
    let entries = [entry("e1", intent, Some(fen(300))), entry("e2", intent, None)];
    let id = started(&desk, &entries).await;
    let [held] = claim(&desk).await[..] else { panic!("one bulk is due") };
    drive(&desk, &held, &[], begin(2)).await.expect("the claim holds");
    let mut refunds: Vec<RefundId> = Vec::new();
    for amount in [300, 700] {
        let batch = desk.hand.open_refund(&row.intent, attempt(&row), fen(amount));
        refunds.push(refund_of(&batch));
        desk.done(batch).await;
    }
    let [first, second] = refunds[..] else { panic!("two refunds") };
    let outcomes = [(1, EntryOutcome::Asked(first, fen(300))), (2, EntryOutcome::Asked(second, fen(700)))];
    let driven = drive(&desk, &held, &outcomes, GO).await.expect("the claim holds");
    assert_eq!((driven.state, driven.in_flight), (BulkState::Running, Some(2)));
    assert_eq!(totals(&desk, id).await, [("asked", None, 2, 1_000)]);
    desk.clean().await;

    desk.done(desk.refund_news(&desk.refund(first).await, &returned(fen(300)))).await;
    assert_eq!(totals(&desk, id).await, [("asked", None, 1, 700), ("succeeded", None, 1, 300)]);
    let driven = drive(&desk, &held, &[], GO).await.expect("the claim holds");
    assert_eq!((driven.state, driven.in_flight), (BulkState::Running, Some(1)));
    desk.done(desk.refund_news(&desk.refund(second).await, &returned(fen(700)))).await;
    let driven = drive(&desk, &held, &[], GO).await.expect("the claim holds");
    assert_eq!((driven.state, driven.in_flight), (BulkState::Ended, Some(0)));
    assert_eq!(totals(&desk, id).await, [("succeeded", None, 2, 1_000)]);
    let own = desk.hand.tenant();
    let done = desk.store.bulk_entries(own, id, Some(EntryStage::Succeeded), 1, 10).await.expect("ok");
    assert_eq!(
        done.iter().map(|entry| (entry.position, entry.refund)).collect::<Vec<_>>(),
        [(2, Some(second))]
    );
    assert!(desk.store.bulk(own, id).await.expect("ok").expect("it is there").ended_at.is_some());
    desk.clean().await;
}

/// A refused entry never has a refund, and one that has is never refused, whoever of two drivers comes first; and entries that
/// cannot be asked for stop no other while they are few.
pub async fn a_refused_entry_never_has_a_refund(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let row = desk.paid(fen(1_000)).await;
    let intent = row.intent.terms.id;
    let count = u64::from(BULK_ASKING_MAX) + 3;
    let entries: Vec<NewBulkEntry> = (1..=count).map(|n| entry(&format!("e{n}"), intent, None)).collect();
    started(&desk, &entries).await;
    let [held] = claim(&desk).await[..] else { panic!("one bulk is due") };
    drive(&desk, &held, &[], begin(2)).await.expect("the claim holds");

    let open = || desk.hand.open_refund(&row.intent, attempt(&row), fen(300));
    let mut made = open();
    let refund = refund_of(&made);
    made.request = Some(RequestKey { resource: Resource::Refund(refund), ..request(1, intent) });
    desk.done(made).await;
    let both = [refused(1, intent), refused(2, intent)];
    let driven = drive(&desk, &held, &both, GO).await.expect("the claim holds");
    assert_eq!(positions(&driven), [1], "it has a refund, and is asked for again");
    let mut late = open();
    let lost = refund_of(&late);
    late.request = Some(RequestKey { resource: Resource::Refund(lost), ..request(2, intent) });
    let answer = desk.store.commit(late).await.expect("the store works");
    assert_eq!(answer, Committed::Replayed(Resource::Intent(intent)));
    assert!(desk.store.refund(desk.hand.tenant(), lost).await.expect("the store works").is_none());

    for _ in 0..2 {
        desk.clock.advance(SignedDuration::from_secs(10));
        drive(&desk, &held, &[], begin(BULK_ASKING_MAX)).await.expect("the claim holds");
    }
    let driven = drive(&desk, &held, &[], GO).await.expect("the claim holds");
    assert_eq!(driven.asking.len(), BULK_ASKING_MAX as usize);
    assert!(driven.waiting);
    let asked = [(1, EntryOutcome::Asked(refund, fen(300)))];
    let driven = drive(&desk, &held, &asked, begin(5)).await.expect("the claim holds");
    assert_eq!(driven.asking.len(), BULK_ASKING_MAX as usize, "one more has begun");
    desk.clean().await;
}

/// A paused bulk begins nothing; a canceled one gives up what waits and ends with what had begun.
pub async fn bulks_pause_and_are_canceled(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let intent = some_intent(&desk.hand);
    let entries: Vec<NewBulkEntry> = (1..=3).map(|n| entry(&format!("e{n}"), intent, None)).collect();
    let id = started(&desk, &entries).await;
    let own = desk.hand.tenant();
    let steer = async |step, request: &str| {
        desk.store.steer_bulk(own, id, &call(&desk.hand, step, request)).await.expect("the store works")
    };
    assert_eq!(steer(BulkStep::Pause, "p1").await, BulkCalled::Done);
    let [held] = claim(&desk).await[..] else { panic!("it is looked at") };
    let driven = drive(&desk, &held, &[], begin(3)).await.expect("the claim holds");
    assert_eq!((driven.state, positions(&driven)), (BulkState::Paused, vec![]));
    assert_eq!(steer(BulkStep::Resume, "r1").await, BulkCalled::Done);
    let rest = BulkThen::Rest { after: SignedDuration::from_hours(1), seen: Some(BulkState::Paused) };
    drive(&desk, &held, &[], rest).await.expect("the claim holds");
    let [held] = claim(&desk).await[..] else { panic!("it was resumed meanwhile, so it is due") };
    let driven = drive(&desk, &held, &[], begin(1)).await.expect("the claim holds");
    assert_eq!(positions(&driven), [1]);
    assert_eq!(steer(BulkStep::Pause, "p1").await, BulkCalled::Replayed(id), "a late repeat pauses nothing");
    assert_eq!(steer(BulkStep::Cancel, "c1").await, BulkCalled::Done);
    assert_eq!(steer(BulkStep::Resume, "r2").await, BulkCalled::Refused(BulkState::Canceling));
    let driven = drive(&desk, &held, &[], GO).await.expect("the claim holds");
    assert_eq!((driven.state, positions(&driven), driven.waiting), (BulkState::Canceling, vec![1], false));
    assert_eq!(totals(&desk, id).await, [("asked", None, 1, 0), ("canceled", None, 2, 0)]);
    let driven = drive(&desk, &held, &[refused(1, intent)], GO).await.expect("the claim holds");
    assert_eq!(driven.state, BulkState::Ended);
    assert_eq!(steer(BulkStep::Cancel, "c2").await, BulkCalled::Refused(BulkState::Ended));
    desk.clean().await;
}
