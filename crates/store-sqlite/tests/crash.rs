//! What was acknowledged is there after any end of the process, and what was not is there whole or not at all.

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use common::{Place, findings, open};
use jiff::SignedDuration;
use paifang_conformance::block_on;
use paifang_conformance::clock::HandClock;
use paifang_conformance::hand::{Hand, LEASE, account, fen};
use paifang_payment::IntentId;
use paifang_store::{Batch, Committed, Fence, Store, WorkChange};
use paifang_store_sqlite::{OpenError, SqliteStore};

fn intent_of(batch: &Batch) -> IntentId {
    batch.intent.as_ref().expect("a create writes an intent").row.terms.id
}

fn has(store: &SqliteStore, hand: &Hand, id: IntentId) -> bool {
    block_on(store.intent(hand.tenant(), id)).expect("the store works").is_some()
}

/// I3: everything is there after the store was dropped and opened again.
#[test]
fn a_dropped_store_opens_as_it_was() {
    let place = Place::new();
    let desk = place.desk(1);
    let before = block_on(async {
        desk.paid(fen(100)).await;
        desk.create(fen(50)).await;
        desk.clock.advance(SignedDuration::from_secs(60));
        desk.dump().await
    });
    drop(desk.store);
    let wal = place.path.with_extension("db-wal");
    assert!(!wal.exists(), "the last connection empties the log");
    let again = place.desk(2);
    again.clock.advance(SignedDuration::from_secs(60));
    let after = block_on(again.dump());
    let settled = |lines: Vec<String>| -> Vec<String> {
        lines.into_iter().filter(|line| !line.starts_with("work ") && !line.starts_with("stats ")).collect()
    };
    assert_eq!(settled(after), settled(before));
    assert_eq!(findings(&again.store), Vec::<String>::new());
}

/// Whoever held a claim is gone with the process: work is free at once, and an old claim fits nothing.
#[test]
fn opening_frees_all_claims() {
    let place = Place::new();
    let desk = place.desk(1);
    let lane = account("alipay-main");
    let row = block_on(desk.create(fen(100)));
    let key = desk.hand.attempt_key(&row.intent, row.intent.attempts[0].terms.id);
    assert_eq!(
        block_on(desk.store.lease_due(Some(&lane), 9, "w", LEASE)).expect("works"),
        [],
        "the writer's own"
    );
    let tenant = desk.hand.tenant();
    drop(desk.store);
    let again = place.desk(1);
    let claims = block_on(again.store.lease_due(Some(&lane), 9, "w", LEASE)).expect("works");
    assert_eq!(claims.iter().map(|claim| &claim.key).collect::<Vec<_>>(), [&key]);
    let fence = Some(Fence { key: key.clone(), epoch: 1 });
    let work = vec![WorkChange::Delay { key, due_at: again.clock.now() }];
    let old = Batch { fence, work, ..Batch::new(tenant, again.clock.now()) };
    assert_eq!(block_on(again.store.commit(old)).expect("works"), Committed::Fenced);
}

/// I3, F21: the files, copied in the middle of writing, hold all that was acknowledged before, and nothing half. A log
/// with a torn end gives a store from a little earlier, as whole.
#[test]
fn copied_files_hold_all_that_was_acknowledged() {
    let place = Place::new();
    let (clock, done, room) = (HandClock::new(), AtomicBool::new(false), AtomicUsize::new(0));
    let store = open(&place.path, &clock);
    let acknowledged = Mutex::new(Vec::new());
    let tenants = [1, 2, 3].map(|number| Hand::new(number, &clock).tenant());
    thread::scope(|scope| {
        for number in 1..=3 {
            let (store, clock, done, room, acknowledged) = (&store, &clock, &done, &room, &acknowledged);
            scope.spawn(move || {
                let hand = Hand::new(number, clock);
                while !done.load(Ordering::Relaxed) {
                    // Not as much as the disk takes: every copy is proven whole, entry by entry.
                    if acknowledged.lock().expect("no panic").len() > room.load(Ordering::Relaxed) {
                        thread::yield_now();
                        continue;
                    }
                    let batch = hand.create(fen(100), Some(hand.qr(fen(100))));
                    let id = intent_of(&batch);
                    assert_eq!(block_on(store.commit(batch)).expect("works"), Committed::Done);
                    acknowledged.lock().expect("no panic").push((number, id));
                }
            });
        }
        for copy in 0..5 {
            let wanted = (copy + 1) * 20;
            room.store(wanted + 200, Ordering::Relaxed);
            while acknowledged.lock().expect("no panic").len() < wanted {
                thread::yield_now();
            }
            let known = acknowledged.lock().expect("no panic").clone();
            let target = place.directory.path().join(format!("copy-{copy}.db"));
            copy_files(&place.path, &target, 0);
            let copied = open(&target, &clock);
            for (number, id) in &known {
                let tenant = tenants[usize::from(*number) - 1];
                assert!(block_on(copied.intent(tenant, *id)).expect("works").is_some(), "{id} is lost");
            }
            assert_eq!(findings(&copied), Vec::<String>::new());
        }
        done.store(true, Ordering::Relaxed);
    });
    for cut in [1, 24, 4_000, 4_120, 9_999, 60_000] {
        let target = place.directory.path().join(format!("cut-{cut}.db"));
        copy_files(&place.path, &target, cut);
        let copied = open(&target, &clock);
        let all = block_on(copied.stats()).expect("works").last_event;
        assert!(all > 0, "the cut took everything");
        assert_eq!(findings(&copied), Vec::<String>::new(), "cut by {cut}");
    }
}

/// The database first, then its log without the last bytes: no checkpoint runs in between, the log is too short for one.
fn copy_files(from: &Path, to: &Path, cut: usize) {
    fs::copy(from, to).expect("the database is copied");
    let log = fs::read(from.with_extension("db-wal")).expect("there is a log");
    fs::write(to.with_extension("db-wal"), &log[..log.len() - cut]).expect("the log is copied");
}

const CHILD: &str = "PAIFANG_TEST_CRASH_CHILD";

/// Not a test of its own: what [`killed_processes_lose_nothing`] runs and kills.
#[test]
fn child() {
    let Ok(path) = std::env::var(CHILD) else { return };
    let clock = HandClock::new();
    let store = open(Path::new(&path), &clock);
    let first = block_on(store.stats()).expect("works").last_event;
    let hand = Hand::new(u8::try_from(first % 200).expect("below 200") + 1, &clock);
    loop {
        let batch = hand.create(fen(100), Some(hand.qr(fen(100))));
        let id = intent_of(&batch);
        assert_eq!(block_on(store.commit(batch)).expect("works"), Committed::Done);
        println!("kept {} {id}", hand.tenant());
    }
}

/// I3, F19: kill -9 at any moment, several times over; everything that was acknowledged is there.
#[test]
fn killed_processes_lose_nothing() {
    let place = Place::new();
    let mut kept = Vec::new();
    for round in 1..=4 {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "child", "--nocapture", "--test-threads=1"])
            .env(CHILD, &place.path)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the child starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut here = 0;
        for line in lines {
            let line = line.expect("text");
            // The first line follows the harness' own words without a break.
            let Some((_, told)) = line.split_once("kept ") else { continue };
            let (tenant, id) = told.split_once(' ').expect("two words");
            kept.push((tenant.parse().expect("a tenant"), IntentId::parse(id).expect("an intent")));
            here += 1;
            if here == round * 7 {
                child.kill().expect("the child is ours");
            }
        }
        child.wait().expect("the child has ended");
        assert!(here >= round * 7, "the child ended by itself after {here}");
        let store = open(&place.path, &HandClock::new());
        for (tenant, id) in &kept {
            assert!(block_on(store.intent(*tenant, *id)).expect("works").is_some(), "{id} is lost");
        }
        assert_eq!(findings(&store), Vec::<String>::new());
    }
}

/// One file, one store: a second one is refused, in words, until the first is gone.
#[test]
fn a_second_store_is_refused() {
    let place = Place::new();
    let clock = HandClock::new();
    let first = open(&place.path, &clock);
    let beside = first.clone();
    for path in [place.path.clone(), place.directory.path().join(".").join("paifang.db")] {
        let second = SqliteStore::open(path, clock.reader());
        assert!(matches!(second, Err(OpenError::Taken { .. })), "{second:?}");
    }
    drop(first);
    assert!(SqliteStore::open(&place.path, clock.reader()).is_err(), "a clone is a user, too");
    let hand = Hand::new(1, &clock);
    let batch = hand.create(fen(1), None);
    let id = intent_of(&batch);
    assert_eq!(block_on(beside.commit(batch)).expect("works"), Committed::Done);
    drop(beside);
    assert!(has(&open(&place.path, &clock), &hand, id));
}
