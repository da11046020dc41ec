//! What callers are told when the disk fails.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU32;

use paifang_conformance::block_on;
use paifang_conformance::clock::HandClock;
use paifang_conformance::hand::{Hand, fen};
use paifang_payment::IntentId;
use paifang_store::{Batch, Committed, Store, fsck};
use rusqlite::ffi;
use tempfile::TempDir;

use super::*;
use crate::SqliteStore;

struct Place {
    _directory: TempDir,
    path: PathBuf,
    clock: HandClock,
    hand: Hand,
}

fn place() -> Place {
    let directory = TempDir::new().unwrap();
    let (path, clock) = (directory.path().join("paifang.db"), HandClock::new());
    Place { path, hand: Hand::new(1, &clock), clock, _directory: directory }
}

impl Place {
    fn open(&self, commit: fn(&Connection) -> rusqlite::Result<()>) -> SqliteStore {
        SqliteStore::open_with(&self.path, Arc::new(self.clock.reader()), commit).unwrap()
    }

    fn create(&self) -> (IntentId, Batch) {
        let batch = self.hand.create(fen(100), Some(self.hand.qr(fen(100))));
        (batch.intent.as_ref().unwrap().row.terms.id, batch)
    }

    fn has(&self, store: &SqliteStore, id: IntentId) -> bool {
        block_on(store.intent(self.hand.tenant(), id)).unwrap().is_some()
    }
}

fn failure(code: std::ffi::c_int) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
}

/// F22: after a failed flush the outcome is unknown, nothing more is written, reads go on; opened anew, all is well.
#[test]
fn a_failed_flush_ends_all_writing() {
    static COMMITS: AtomicU32 = AtomicU32::new(0);
    fn second_fails(connection: &Connection) -> rusqlite::Result<()> {
        match COMMITS.fetch_add(1, Ordering::Relaxed) {
            1 => Err(failure(ffi::SQLITE_IOERR_FSYNC)),
            _ => commit(connection),
        }
    }
    let place = place();
    let store = place.open(second_fails);
    let [(one, first), (two, second), (three, third)] = [place.create(), place.create(), place.create()];
    assert_eq!(block_on(store.commit(first)).unwrap(), Committed::Done);
    let answer = block_on(store.commit(second.clone()));
    assert!(matches!(answer, Err(StoreError::CommitUnknown(_))), "{answer:?}");
    let answer = block_on(store.commit(third.clone()));
    assert!(matches!(answer, Err(StoreError::Unavailable(Some(_)))), "{answer:?}");
    assert!(block_on(store.deployment_key([1; 32])).is_err());
    assert!(!store.is_sound());
    assert_eq!(
        (place.has(&store, one), place.has(&store, two), place.has(&store, three)),
        (true, false, false)
    );
    drop(store);
    let store = place.open(commit);
    assert!(store.is_sound());
    assert_eq!(block_on(store.commit(second)).unwrap(), Committed::Done);
    assert_eq!(block_on(store.commit(third)).unwrap(), Committed::Done);
    assert!(block_on(fsck::run(&store)).unwrap().is_clean());
}

/// F24: committed, but the caller hears an error. The same request again tells what became of it.
#[test]
fn an_unknown_commit_is_found_by_its_request() {
    static COMMITS: AtomicU32 = AtomicU32::new(0);
    fn first_is_not_heard(connection: &Connection) -> rusqlite::Result<()> {
        commit(connection)?;
        match COMMITS.fetch_add(1, Ordering::Relaxed) {
            0 => Err(failure(ffi::SQLITE_BUSY)),
            _ => Ok(()),
        }
    }
    let place = place();
    let store = place.open(first_is_not_heard);
    let (_, batch) = place.create();
    let resource = batch.request.as_ref().unwrap().resource;
    let answer = block_on(store.commit(batch.clone()));
    assert!(matches!(answer, Err(StoreError::CommitUnknown(_))), "{answer:?}");
    assert_eq!(block_on(store.commit(batch)).unwrap(), Committed::Replayed(resource));
    assert!(store.is_sound());
}

/// F23: a full disk refuses what does not fit, keeps nothing of it, and takes writes again when there is room.
#[test]
fn a_full_disk_refuses_and_recovers() {
    static COMMITS: AtomicU32 = AtomicU32::new(0);
    fn room(connection: &Connection) -> rusqlite::Result<()> {
        commit(connection)?;
        let pages = match COMMITS.fetch_add(1, Ordering::Relaxed) {
            0 => connection.pragma_query_value(None, "page_count", |row| row.get::<_, i64>(0))?,
            _ => 1_000_000,
        };
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
    }
    let place = place();
    let store = place.open(room);
    let (_, first) = place.create();
    assert_eq!(block_on(store.commit(first)).unwrap(), Committed::Done);
    let (id, mut large) = place.create();
    large.events[0].kind = "x".repeat(100_000);
    let answer = block_on(store.commit(large.clone()));
    assert!(matches!(answer, Err(StoreError::Unavailable(Some(_)))), "{answer:?}");
    assert!(store.is_sound() && !place.has(&store, id));
    assert!(block_on(fsck::run(&store)).unwrap().is_clean());
    block_on(store.deployment_key([1; 32])).unwrap();
    assert_eq!(block_on(store.commit(large)).unwrap(), Committed::Done);
    assert!(block_on(fsck::run(&store)).unwrap().is_clean());
}

/// Who is refused for what stands beside it in the transaction may not hear so when that is never kept.
#[test]
fn a_group_shares_its_fate() {
    let place = place();
    drop(place.open(commit));
    let writer = writer(&place.path, |_| Err(failure(ffi::SQLITE_IOERR_WRITE)));
    let (one, first) = job(|connection, _| {
        connection.execute("INSERT INTO setting VALUES ('one', x'00')", [])?;
        Ok(Made::Keep("kept"))
    });
    let (two, second) = job(|connection, _| {
        let there: bool = connection.query_row("SELECT count(*) FROM setting", [], |row| row.get(0))?;
        Ok(Made::Undo(if there { "seen before" } else { "alone" }))
    });
    let mut group = [one, two];
    let fate = writer.write(&mut group);
    assert!(matches!(fate, Fate::Unknown(_)), "{fate:?}");
    group.into_iter().for_each(|write| write.answer(&fate));
    for answer in [block_on(first).unwrap(), block_on(second).unwrap()] {
        assert!(matches!(answer, Err(StoreError::CommitUnknown(_))), "{answer:?}");
    }
}

/// A write that panics is undone, its caller does not know, and nobody writes any more.
#[test]
fn a_panicking_writer_stops_the_store() {
    let place = place();
    fn panics(_: &Connection) -> rusqlite::Result<()> {
        panic!("planted");
    }
    let store = place.open(panics);
    let (id, batch) = place.create();
    let answer = block_on(store.commit(batch.clone()));
    assert!(matches!(answer, Err(StoreError::CommitUnknown(_))), "{answer:?}");
    let answer = block_on(store.commit(batch.clone()));
    assert!(
        matches!(answer, Err(StoreError::Unavailable(None) | StoreError::CommitUnknown(_))),
        "{answer:?}"
    );
    assert!(!place.has(&store, id));
    drop(store);
    assert_eq!(block_on(place.open(commit).commit(batch)).unwrap(), Committed::Done);
}

/// One refused write in a group is undone, whole; those before and after it stay.
#[test]
fn a_refused_write_is_undone_alone() {
    let place = place();
    drop(place.open(commit));
    let writer = writer(&place.path, commit);
    let insert = |name: &'static str, made: fn() -> Result<Made<u8>, Fault>| {
        job(move |connection: &Connection, _| {
            connection.execute("INSERT INTO setting VALUES (?1, x'00')", [name])?;
            made()
        })
    };
    let broken = || Err(Fault::Store(StoreError::Broken("a rule".into())));
    let jobs = [
        insert("a", || Ok(Made::Keep(1))),
        insert("b", || Ok(Made::Undo(2))),
        insert("c", broken),
        insert("a", || Ok(Made::Keep(4))),
        insert("d", || Ok(Made::Keep(5))),
    ];
    let (mut group, answers): (Vec<_>, Vec<_>) = jobs.into_iter().unzip();
    let fate = writer.write(&mut group);
    assert!(matches!(fate, Fate::Durable), "{fate:?}");
    group.into_iter().for_each(|write| write.answer(&fate));
    let told: Vec<_> = answers.into_iter().map(|answer| block_on(answer).unwrap().ok()).collect();
    assert_eq!(told, [Some(1), Some(2), None, None, Some(5)]);
    let names: String = writer
        .connection
        .query_row("SELECT group_concat(name, '') FROM setting", [], |row| row.get(0))
        .unwrap();
    assert_eq!(names, "ad");
}

fn writer(path: &Path, commit: fn(&Connection) -> rusqlite::Result<()>) -> Writer {
    let opened = crate::open::open(path).unwrap();
    let (_, queue) = mpsc::channel(1);
    Writer {
        connection: opened.writer,
        queue,
        clock: Arc::new(|| Timestamp::UNIX_EPOCH),
        failed: Arc::default(),
        commit,
        lock: Arc::new(opened.lock),
    }
}
