//! Lost connections, lost callers, transactions that stand in each other's way, and commits in another order than numbers.

mod common;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::Poll;

use common::proxy::{Cut, Proxy};
use common::{database, desk, findings, hand_clock, open, open_at, runtime, server, until};
use futures::future::join_all;
use jiff::SignedDuration;
use paifang_conformance::block_on;
use paifang_conformance::clock::HandClock;
use paifang_conformance::hand::{Hand, fen};
use paifang_conformance::suite::store::Desk;
use paifang_ledger::{Account, Kind, PostingKey, Transfer};
use paifang_store::{Batch, Committed, Store, StoreError, WorkChange, WorkKey};
use paifang_store_postgres::{Clock, PostgresStore};

/// A desk whose store goes through a proxy.
fn behind_a_proxy() -> (Desk<PostgresStore>, Proxy, String) {
    let database = database();
    let proxy = runtime().block_on(Proxy::start(server().port()));
    let clock = HandClock::new();
    let url = format!("postgres://paifang@127.0.0.1:{}/{database}", proxy.port);
    let store = runtime().block_on(open_at(&url, hand_clock(&clock))).expect("it opens");
    let hand = Hand::new(1, &clock);
    (Desk { store, clock, hand }, proxy, database)
}

/// F24, I1, I3, I8: the connection is lost around the commit. The caller learns that the outcome is open, whichever it was;
/// asked again under the same request id, there is one intent.
#[test]
fn f24_a_commit_whose_answer_is_lost_is_open_and_happens_once() {
    let (desk, proxy, database) = behind_a_proxy();
    for (n, cut) in [Cut::After, Cut::Before, Cut::After, Cut::Before].into_iter().enumerate() {
        let batch = desk.hand.create(fen(100), Some(desk.hand.qr(fen(100))));
        let resource = batch.request.as_ref().expect("a create has a request").resource;
        proxy.arm(cut, b"COMMIT\0");
        let answer = block_on(desk.store.commit(batch.clone()));
        assert!(matches!(answer, Err(StoreError::CommitUnknown(_))), "{cut:?}: {answer:?}");
        let wanted = match cut {
            Cut::After => Committed::Replayed(resource),
            Cut::Before => Committed::Done,
        };
        assert_eq!(block_on(desk.store.commit(batch)).expect("the server is there"), wanted, "{cut:?}");
        assert_eq!(block_on(desk.store.scan_intents(None, 99)).expect("a read").len(), n + 1);
    }
    assert_eq!(proxy.cuts(), 4);
    assert_eq!(findings(&open(&database, &desk.clock)), Vec::<String>::new());
}

/// F24: a connection that is lost before the commit has changed nothing, so the store tries again by itself, and a read
/// does, too.
#[test]
fn f24_a_connection_lost_before_the_commit_is_not_noticed() {
    let (desk, proxy, _) = behind_a_proxy();
    for cut in [Cut::Before, Cut::After] {
        proxy.arm(cut, b"BEGIN");
        block_on(desk.create(fen(100)));
        proxy.arm(cut, b"ROLLBACK");
        let row = block_on(desk.paid(fen(100)));
        let over = desk.hand.open_refund(&row.intent, &row.intent.attempts[0], fen(101));
        assert_eq!(block_on(desk.store.commit(over)).expect("an answer"), Committed::GuardFailed);
    }
    server()
        .say("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'paifang' AND pid <> pg_backend_pid() AND backend_type = 'client backend'")
        .expect("it is said");
    assert_eq!(block_on(desk.store.scan_intents(None, 99)).expect("a read").len(), 4);
    assert_eq!(proxy.cuts(), 4);
    block_on(desk.clean());
}

/// F34: a caller that goes away at any moment leaves a whole commit or none, and no connection in the middle of one.
#[test]
fn f34_a_lost_caller_leaves_nothing_half_done() {
    let database = database();
    let desk = desk(&database, 1);
    for polls in 0..12 {
        let batch = desk.hand.create(fen(100), Some(desk.hand.qr(fen(100))));
        let resource = batch.request.as_ref().expect("a create has a request").resource;
        block_on(async {
            let mut call = pin!(desk.store.commit(batch.clone()));
            let mut left = polls;
            poll_fn(|context| {
                if left == 0 || call.as_mut().poll(context).is_ready() {
                    return Poll::Ready(());
                }
                left -= 1;
                context.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
        });
        let again = block_on(desk.store.commit(batch)).expect("the store works");
        assert!([Committed::Done, Committed::Replayed(resource)].contains(&again), "{polls}: {again:?}");
    }
    assert_eq!(block_on(desk.store.scan_intents(None, 99)).expect("a read").len(), 12);
    block_on(desk.clean());
}

/// F33, I9: of two transactions, the one that drew the lower number commits last. A reader who has seen the other one still
/// gets it, and so does a reader of the ledger.
#[test]
fn f33_what_commits_late_is_not_passed() {
    let database = database();
    let desk = desk(&database, 1);
    let late = block_on(desk.create(fen(1)));
    let seen = block_on(desk.store.events_after(None, 0, 9)).expect("events");
    let (cursor, tenant, intent) = (seen[0].cursor, desk.hand.tenant(), late.intent.terms.id);
    let other = Hand::new(2, &desk.clock);
    // Another gateway, in the middle of a commit: it has written an event and a transfer, and waits for a lock of ours.
    let gate = "SELECT pg_advisory_lock(77)";
    let busy = format!(
        "BEGIN;
         INSERT INTO paifang.event (id, tenant, intent, sequence, kind, at, form, body)
         SELECT 'ev_' || substr(id, 4), tenant, intent, 2, kind, at, form, body FROM paifang.event;
         INSERT INTO paifang.transfer (tenant, posting_key, debit, credit, currency, amount, phase, subject, at)
         VALUES ('{tenant}', 'late', 'rail:a', 'merchant:{tenant}', 'CNY', 1, 'posted', '{intent}', 0);
         SELECT pg_advisory_xact_lock(77);
         COMMIT;"
    );
    let busy = busy.replace("'ev_' || substr(id, 4)", &format!("'{}'", event_id(&desk)));
    let holder = runtime().block_on(session(&database, gate));
    let waiting = std::thread::spawn({
        let database = database.clone();
        move || server().say(&database, &busy)
    });
    let is_waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
    until(|| server().say(&database, is_waiting).expect("a count") == "1");
    block_on(async {
        let quick = other.create(fen(5), Some(other.qr(fen(5))));
        assert_eq!(desk.store.commit(quick).await.expect("it does not wait"), Committed::Done);
    });
    let passed = block_on(desk.store.events_after(None, cursor, 9)).expect("events");
    assert_eq!(passed.len(), 1);
    drop(holder);
    waiting.join().expect("no panic").expect("it commits");
    let rest = block_on(desk.store.events_after(None, passed[0].cursor, 9)).expect("events");
    assert_eq!(
        rest.iter().map(|event| (event.intent, event.sequence)).collect::<Vec<_>>(),
        [(Some(intent), 2)]
    );
    assert_eq!(block_on(desk.store.transfers_after(None, 0, 9)).expect("transfers").len(), 1);
}

/// A fresh id of an event.
fn event_id(desk: &Desk<PostgresStore>) -> String {
    desk.hand.create(fen(1), Some(desk.hand.qr(fen(1)))).events[0].id.to_string()
}

/// A session that has said this, and keeps what it holds until it is dropped.
async fn session(database: &str, statement: &str) -> tokio_postgres::Client {
    let (client, connection) =
        tokio_postgres::connect(&server().url(database), tokio_postgres::NoTls).await.expect("a session");
    tokio::spawn(async move { drop(connection.await) });
    client.batch_execute(statement).await.expect("it is taken");
    client
}

/// F25: a transaction that PostgreSQL ends to resolve a deadlock is tried again, and its caller does not notice.
#[test]
fn f25_a_deadlock_is_tried_again() {
    // Whoever has waited so long looks for a deadlock, once: the store must find it there.
    server()
        .say("postgres", "ALTER SYSTEM SET deadlock_timeout = '4s'; SELECT pg_reload_conf()")
        .expect("a setting");
    let database = database();
    let desk = desk(&database, 1);
    let mut intents: Vec<_> = (0..2).map(|_| block_on(desk.create(fen(1))).intent.terms.id).collect();
    intents.sort_unstable();
    let remove = |intent| WorkChange::Remove { key: WorkKey::Expiry { tenant: desk.hand.tenant(), intent } };
    let work = intents.iter().copied().map(remove).collect();
    let batch = Batch { work, ..Batch::new(desk.hand.tenant(), desk.hand.now()) };
    let touch = |intent| format!("UPDATE paifang.work SET tries = tries WHERE key = '{intent}'");
    // It holds the second row and then wants the first, and leaves it to the other side to notice.
    let first = format!("BEGIN; SET LOCAL deadlock_timeout = '1h'; {}", touch(intents[1]));
    let other = runtime().block_on(session(&database, &first));
    let commit = std::thread::spawn(move || block_on(desk.store.commit(batch)));
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    until(|| server().say(&database, waits).expect("a count") == "1");
    runtime().block_on(other.batch_execute(&format!("{}; COMMIT", touch(intents[0])))).expect("it gets both");
    assert_eq!(commit.join().expect("no panic").expect("it is tried again"), Committed::Done);
    let deadlocks = format!("SELECT deadlocks FROM pg_stat_database WHERE datname = '{database}'");
    until(|| server().say("postgres", &deadlocks).expect("a count") != "0");
}

/// Batches that touch the same rows in opposite orders wait for each other: all of them take rows in one order.
#[test]
fn opposite_orders_do_not_deadlock() {
    let database = database();
    let desk = desk(&database, 1);
    let accounts = ["a", "b", "c", "d"].map(Account::suspense_late);
    let batches = (0..40).map(|n: usize| {
        let transfers = (0..4).map(|place| {
            let place = if n.is_multiple_of(2) { place } else { 3 - place };
            Transfer {
                key: PostingKey::of(&[&format!("{n}-{place}")]),
                debit: Account::rail("x"),
                credit: accounts[place].clone(),
                amount: fen(5),
                kind: Kind::Posted,
                subject: "test".to_owned(),
                at: desk.hand.now(),
            }
        });
        Batch { transfers: transfers.collect(), ..Batch::new(desk.hand.tenant(), desk.hand.now()) }
    });
    let answers = block_on(join_all(batches.map(|batch| desk.store.commit(batch))));
    assert!(answers.iter().all(|answer| matches!(answer, Ok(Committed::Done))), "{answers:?}");
    let balances = block_on(desk.store.balances(desk.hand.tenant())).expect("balances");
    assert!(balances.iter().skip(1).all(|row| row.balance.posted(&row.account) == 200), "{balances:?}");
    let deadlocks = format!("SELECT deadlocks FROM pg_stat_database WHERE datname = '{database}'");
    assert_eq!(server().say("postgres", &deadlocks).expect("a count"), "0");
}

/// F27, F28: two replicas measure claims by the database's clock alone. What one has claimed, the other takes over when the
/// lease is over there, and the first one's write then changes nothing.
#[test]
fn f27_replicas_share_the_clock_of_the_database() {
    let database = database();
    let ahead = Arc::new(AtomicI64::new(0));
    let replica = || {
        let ahead = Arc::clone(&ahead);
        let clock = Clock::Ahead(Arc::new(move || SignedDuration::from_secs(ahead.load(Ordering::SeqCst))));
        runtime().block_on(open_at(&server().url(&database), clock)).expect("it opens")
    };
    let (one, two) = (replica(), replica());
    let clock = HandClock::new();
    let hand = Hand::new(1, &clock);
    let intent = hand.create(fen(1), None).intent.expect("a create writes").row.terms.id;
    let key = WorkKey::Expiry { tenant: hand.tenant(), intent };
    let due_at = jiff::Timestamp::UNIX_EPOCH;
    let put = vec![WorkChange::Put { key: key.clone(), lane: None, due_at, lease: None }];
    let batch = |work: Vec<WorkChange>| Batch { work, ..Batch::new(hand.tenant(), hand.now()) };
    let lease = SignedDuration::from_secs(3_600);
    block_on(async {
        assert_eq!(one.commit(batch(put)).await.expect("it is taken"), Committed::Done);
        let first = one.lease_due(None, 9, "one", lease).await.expect("a claim").remove(0);
        assert_eq!(two.lease_due(None, 9, "two", lease).await.expect("no claim"), []);
        ahead.store(3_599, Ordering::SeqCst);
        assert_eq!(two.lease_due(None, 9, "two", lease).await.expect("no claim"), []);
        ahead.store(3_700, Ordering::SeqCst);
        let second = two.lease_due(None, 9, "two", lease).await.expect("a claim").remove(0);
        assert_eq!((second.tries, second.epoch), (2, first.epoch + 1));
        let fenced = |epoch| {
            let fence = paifang_store::Fence { key: key.clone(), epoch };
            let work = vec![WorkChange::Remove { key: key.clone() }];
            Batch { fence: Some(fence), ..batch(work) }
        };
        assert_eq!(one.commit(fenced(first.epoch)).await.expect("an answer"), Committed::Fenced);
        assert_eq!(two.commit(fenced(second.epoch)).await.expect("an answer"), Committed::Done);
    });
}
