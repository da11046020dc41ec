//! One server for the tests of this process, and a runtime that outlives them.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod proxy;

use std::sync::{Arc, OnceLock};

use paifang_conformance::clock::HandClock;
use paifang_conformance::hand::Hand;
use paifang_conformance::postgres::Server;
use paifang_conformance::suite::store::Desk;
use paifang_store::{Store, fsck};
use paifang_store_postgres::{Address, Clock, PostgresStore};
use tokio::runtime::Runtime;

/// The server and a database with our schema, to be copied.
struct Shared {
    server: Server,
    template: String,
    runtime: Runtime,
}

static SHARED: OnceLock<Shared> = OnceLock::new();

fn shared() -> &'static Shared {
    SHARED.get_or_init(|| {
        let server = Server::start(&[]).expect("a PostgreSQL server");
        let runtime = Runtime::new().expect("a runtime");
        let template = server.database(None).expect("a database");
        let url = server.url(&template);
        drop(runtime.block_on(open_at(&url, Clock::Server)).expect("the schema"));
        // Nobody may be connected to what is copied; the pool's connections close by themselves.
        let mine = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{template}'");
        until(|| server.say("postgres", &mine).expect("an answer") == "0");
        Shared { server, template, runtime }
    })
}

/// The server of this process.
pub fn server() -> &'static Server {
    &shared().server
}

/// The runtime of this process.
pub fn runtime() -> &'static Runtime {
    &shared().runtime
}

/// A fresh database with our schema; its name.
pub fn database() -> String {
    server().database(Some(&shared().template)).expect("a copy")
}

/// Opens what is at a URL.
pub async fn open_at(url: &str, clock: Clock) -> Result<PostgresStore, paifang_store_postgres::OpenError> {
    PostgresStore::open(&Address::parse(url).expect("a URL"), clock).await
}

/// A test's clock as the store's.
pub fn hand_clock(clock: &HandClock) -> Clock {
    Clock::Hand(Arc::new(clock.reader()))
}

/// Opens a database of this server.
pub fn open(database: &str, clock: &HandClock) -> PostgresStore {
    let url = server().url(database);
    runtime().block_on(open_at(&url, hand_clock(clock))).expect("the store opens")
}

/// A desk over a database, whose hand has this number.
pub fn desk(database: &str, number: u8) -> Desk<PostgresStore> {
    let clock = HandClock::new();
    Desk { store: open(database, &clock), hand: Hand::new(number, &clock), clock }
}

/// What `fsck` finds.
pub fn findings(store: &impl Store) -> Vec<String> {
    paifang_conformance::block_on(fsck::run(store)).expect("the store works").findings
}

/// Waits until something is so, asking the server a bounded number of times.
pub fn until(is_so: impl Fn() -> bool) {
    assert!((0..1_000).any(|_| is_so()), "it does not become so");
}
