//! Random histories from the real machines, played on the model store and on the store under test side by side: equal
//! answers at every step, equal content at the end, and nothing for `fsck` to find.

mod play;
mod steps;

use std::panic::resume_unwind;
use std::thread;

use futures::executor::block_on;
use paifang_store::ModelStore;
use proptest::collection::vec;
use proptest::prelude::any;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use super::Bench;
use crate::clock::HandClock;
use play::Pair;

/// Histories per run. The seed is fixed, so a run is the same everywhere; a failure prints the shortest history found.
pub const CASES: u32 = 32;

/// Steps in a history at most.
pub const STEPS_MAX: usize = 120;

/// One step, still without a meaning: what it does, to what, and how.
type Dice = (u8, u8, u8, u8);

/// Equal histories have equal ends.
pub async fn histories_end_alike(bench: &impl Bench) {
    let config =
        Config { cases: CASES, failure_persistence: None, max_shrink_iters: 500, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[23; 32]);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let histories = vec(any::<Dice>(), STEPS_MAX / 3..STEPS_MAX);
    // On a thread of its own, since this future is being polled by an executor, and one inside another is refused.
    let result = thread::scope(|scope| {
        scope.spawn(|| runner.run(&histories, |history| block_on(play_one(bench, &history)))).join()
    });
    match result {
        Ok(Ok(())) => {}
        Ok(Err(error)) => panic!("{error}"),
        Err(panic) => resume_unwind(panic),
    }
}

async fn play_one(bench: &impl Bench, history: &[Dice]) -> Result<(), TestCaseError> {
    let clock = HandClock::new();
    let model = ModelStore::new(clock.reader());
    let real = bench.open(&clock).await;
    let mut pair = Pair::new(model, real, clock);
    for (n, dice) in history.iter().enumerate() {
        pair.step(*dice).await?;
        if n % 16 == 15 {
            pair.compare().await?;
        }
    }
    pair.compare().await?;
    pair.fsck().await
}
