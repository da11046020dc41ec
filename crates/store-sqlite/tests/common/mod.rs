//! A store in a file of its own, with a hand and a clock.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::path::{Path, PathBuf};

use paifang_conformance::block_on;
use paifang_conformance::clock::HandClock;
use paifang_conformance::hand::Hand;
use paifang_conformance::suite::store::Desk;
use paifang_store::{Store, fsck};
use paifang_store_sqlite::SqliteStore;
use tempfile::TempDir;

/// A directory with one store's file.
pub struct Place {
    pub directory: TempDir,
    pub path: PathBuf,
}

impl Place {
    pub fn new() -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let path = directory.path().join("paifang.db");
        Self { directory, path }
    }

    /// A desk over the file, whose hand has this number.
    pub fn desk(&self, number: u8) -> Desk<SqliteStore> {
        let clock = HandClock::new();
        Desk { store: open(&self.path, &clock), hand: Hand::new(number, &clock), clock }
    }
}

pub fn open(path: &Path, clock: &HandClock) -> SqliteStore {
    SqliteStore::open(path, clock.reader()).expect("the store opens")
}

/// What `fsck` finds.
pub fn findings(store: &impl Store) -> Vec<String> {
    block_on(fsck::run(store)).expect("the store works").findings
}
