//! The store passes the suite of the port.

mod common;

use paifang_conformance::clock::HandClock;
use paifang_conformance::suite::store::Bench;
use paifang_store_postgres::PostgresStore;

struct InDatabases;

impl Bench for InDatabases {
    type Store = PostgresStore;

    async fn open(&self, clock: &HandClock) -> PostgresStore {
        common::open(&common::database(), clock)
    }
}

paifang_conformance::store_suite!(InDatabases);
