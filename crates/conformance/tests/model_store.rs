//! The reference passes its own suite.

use paifang_conformance::clock::HandClock;
use paifang_conformance::suite::store::Bench;
use paifang_store::ModelStore;

struct InMemory;

impl Bench for InMemory {
    type Store = ModelStore;

    async fn open(&self, clock: &HandClock) -> ModelStore {
        ModelStore::new(clock.reader())
    }
}

paifang_conformance::store_suite!(InMemory);
