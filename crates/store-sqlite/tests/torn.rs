//! F21: what a power loss may leave. A log with a torn, half-written or altered frame gives the store as it was after some
//! commit; a page of the database that is torn is refused, or named by `fsck`. Nothing in between is ever served as whole.
#![allow(clippy::print_stdout)] // the figures are told

mod common;

use std::fs;
use std::path::Path;

use common::{Place, findings, open};
use paifang_conformance::block_on;
use paifang_conformance::clock::HandClock;
use paifang_conformance::hand::{Hand, fen};
use paifang_payment::{IntentId, TenantId};
use paifang_store::{Committed, Store, fsck};
use paifang_store_sqlite::SqliteStore;

const PAGE: usize = 4_096;
/// The log's own head, and that of each frame in it.
const LOG_HEAD: usize = 32;
const FRAME_HEAD: usize = 24;
const FRAME: usize = FRAME_HEAD + PAGE;

/// A database whose log was never taken over, as a power loss leaves it, and what was acknowledged, in its order.
struct Left {
    database: Vec<u8>,
    log: Vec<u8>,
    acknowledged: Vec<IntentId>,
    tenant: TenantId,
    place: Place,
}

impl Left {
    fn new(commits: usize) -> Self {
        let place = Place::new();
        let clock = HandClock::new();
        let store = open(&place.path, &clock);
        let hand = Hand::new(1, &clock);
        let mut acknowledged = Vec::new();
        for _ in 0..commits {
            let batch = hand.create(fen(100), Some(hand.qr(fen(100))));
            acknowledged.push(batch.intent.as_ref().expect("a create has an intent").row.terms.id);
            assert_eq!(block_on(store.commit(batch)).expect("works"), Committed::Done);
        }
        let database = fs::read(&place.path).expect("there is a database");
        let log = fs::read(place.path.with_extension("db-wal")).expect("there is a log");
        drop(store);
        Self { database, log, acknowledged, tenant: hand.tenant(), place }
    }

    /// How many of the acknowledged are there when the log is this; they are the first ones, and the store is whole.
    fn kept_with(&self, what: &str, log: &[u8]) -> usize {
        let target = self.place.directory.path().join("left.db");
        fs::write(&target, &self.database).expect("written");
        fs::write(target.with_extension("db-wal"), log).expect("written");
        let _ = fs::remove_file(target.with_extension("db-shm"));
        let store = open(&target, &HandClock::new());
        let there = |id: &IntentId| block_on(store.intent(self.tenant, *id)).expect("works").is_some();
        let kept = self.acknowledged.iter().take_while(|id| there(id)).count();
        assert!(
            !self.acknowledged[kept..].iter().any(there),
            "{what}: a later commit without an earlier one"
        );
        assert_eq!(findings(&store), Vec::<String>::new(), "{what}");
        kept
    }
}

#[test]
fn a_torn_log_gives_the_store_after_some_commit() {
    let left = Left::new(12);
    let all = left.acknowledged.len();
    assert_eq!(left.kept_with("untouched", &left.log), all);
    let frames = (left.log.len() - LOG_HEAD) / FRAME;
    let mut ends = std::collections::BTreeSet::new();
    for frame in (frames / 2..frames).step_by(8).chain([frames - 1]) {
        let begin = LOG_HEAD + frame * FRAME;
        let altered = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut log = left.log.clone();
            change(&mut log);
            log
        };
        let half = begin + FRAME_HEAD + PAGE / 2;
        for (what, log) in [
            ("the frame is cut off", altered(&|log| log.truncate(begin))),
            ("its head is cut", altered(&|log| log.truncate(begin + FRAME_HEAD / 2))),
            ("half of its page is there", altered(&|log| log.truncate(half))),
            ("half of its page is zeros", altered(&|log| log[half..begin + FRAME].fill(0))),
            (
                "nothing of it was written, and later ones were",
                altered(&|log| log[begin..begin + FRAME].fill(0)),
            ),
            ("a bit of its page is another", altered(&|log| log[half] ^= 1)),
            ("its page's number is another", altered(&|log| log[begin + 3] ^= 1)),
            ("its size after the commit is another", altered(&|log| log[begin + 7] ^= 1)),
            (
                "an earlier frame stands in its place",
                altered(&|log| log.copy_within(begin - FRAME..begin, begin)),
            ),
        ] {
            let kept = left.kept_with(&format!("frame {frame} of {frames}: {what}"), &log);
            assert!(kept < all, "frame {frame}: {what}, and the last commit is there");
            ends.insert(kept);
        }
    }
    println!("{frames} frames, {all} commits; damaged logs gave the store after {ends:?} of them");
    assert!(ends.len() > 3, "{ends:?}");
}

/// What became of a damaged database.
#[derive(Debug, PartialEq, Eq)]
enum Judged {
    /// It was not opened, or said so when it was read.
    Refused,
    /// `fsck` names the damage.
    Named,
    /// The bytes were not in use: everything reads as before.
    Harmless,
    /// It reads otherwise, and nobody noticed.
    Silent,
}

#[test]
fn a_torn_page_of_the_database_is_refused_or_named() {
    let place = Place::new();
    block_on(async {
        let desk = place.desk(1);
        for amount in 1..=12 {
            desk.paid(fen(amount * 10)).await;
        }
    });
    // Opening frees claims; once that is done, it changes nothing any more.
    drop(open(&place.path, &HandClock::new()));
    let database = fs::read(&place.path).expect("there is a database");
    assert_eq!(fs::metadata(place.path.with_extension("db-wal")).map_or(0, |log| log.len()), 0);
    let before = text(&place.path).expect("it can be read");
    let target = place.directory.path().join("torn.db");
    let (pages, mut figures) = (database.len() / PAGE, std::collections::BTreeMap::new());
    for page in 0..pages {
        let (begin, half, end) = (page * PAGE, page * PAGE + PAGE / 2, (page + 1) * PAGE);
        for (what, range) in [
            ("all", begin..end),
            ("the first half", begin..half),
            ("the second half", half..end),
            ("a sector", half..half + 512),
        ] {
            let mut torn = database.clone();
            torn[range].fill(0);
            let judged = judge(&target, &torn, &before);
            assert_ne!(judged, Judged::Silent, "page {} of {pages}: {what} is zeros", page + 1);
            *figures.entry(format!("{judged:?}")).or_insert(0) += 1;
        }
    }
    println!("{pages} pages: {figures:?}");
    assert!(figures.contains_key("Named") && figures.contains_key("Refused"), "{figures:?}");
}

fn judge(target: &Path, torn: &[u8], before: &str) -> Judged {
    let _ = fs::remove_file(target.with_extension("db-wal"));
    let _ = fs::remove_file(target.with_extension("db-shm"));
    fs::write(target, torn).expect("written");
    let Ok(store) = SqliteStore::open(target, HandClock::new().reader()) else { return Judged::Refused };
    let Ok(report) = block_on(fsck::run(&store)) else { return Judged::Refused };
    drop(store);
    if !report.is_clean() {
        return Judged::Named;
    }
    match text(target) {
        Some(after) if after == before => Judged::Harmless,
        _ => Judged::Silent,
    }
}

/// Every row of every table, as text.
fn text(path: &Path) -> Option<String> {
    let connection = rusqlite::Connection::open(path).ok()?;
    let mut all = String::new();
    let mut names =
        connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").ok()?;
    let names: Vec<String> = names.query_map([], |row| row.get(0)).ok()?.collect::<Result<_, _>>().ok()?;
    for name in names {
        let mut rows = connection.prepare(&format!("SELECT * FROM \"{name}\"")).ok()?;
        let columns = rows.column_count();
        let mut rows = rows.query([]).ok()?;
        while let Some(row) = rows.next().ok()? {
            for column in 0..columns {
                all += &format!("{:?}|", row.get_ref(column).ok()?);
            }
            all.push('\n');
        }
    }
    Some(all)
}
