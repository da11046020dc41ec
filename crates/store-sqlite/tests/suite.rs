//! The store passes the suite of the port.

use std::sync::atomic::{AtomicU32, Ordering};

use paifang_conformance::clock::HandClock;
use paifang_conformance::suite::store::Bench;
use paifang_store_sqlite::SqliteStore;
use tempfile::TempDir;

struct InFiles {
    directory: TempDir,
    count: AtomicU32,
}

impl InFiles {
    fn new() -> Self {
        Self { directory: TempDir::new().expect("a temporary directory"), count: AtomicU32::new(0) }
    }
}

impl Bench for InFiles {
    type Store = SqliteStore;

    async fn open(&self, clock: &HandClock) -> SqliteStore {
        let n = self.count.fetch_add(1, Ordering::Relaxed);
        SqliteStore::open(self.directory.path().join(format!("{n}.db")), clock.reader()).expect("it opens")
    }
}

paifang_conformance::store_suite!(InFiles::new());
