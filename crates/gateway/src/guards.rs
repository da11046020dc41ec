//! Looks at the guard rails of storefronts' rules, again and again: [`Engine::watch_guard_rails`].

use std::sync::Arc;
use std::time::Duration;

use paifang_engine::Engine;
use paifang_engine::ports::{Environment, Rails, Transport};
use paifang_store::Store;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

/// Looks until `stop`, with this pause between the end of one look and the begin of the next. Every replica does: what two of
/// them see is rolled back once.
pub(crate) async fn watch<S: Store, R: Rails, T: Transport, E: Environment>(
    engine: Engine<S, R, T, E>,
    metrics: Arc<Metrics>,
    every: Duration,
    stop: CancellationToken,
) {
    let looks = async {
        loop {
            let started = Instant::now();
            let round = engine.watch_guard_rails().await;
            if let Err(error) = &round {
                tracing::error!(%error, "guard rails cannot be looked at; nothing rolls back by itself meanwhile");
            }
            metrics.guards_looked_at(round.as_ref().ok(), started.elapsed());
            tokio::time::sleep(every).await;
        }
    };
    // What a look has handed to the store is carried out there, also when nobody waits for it any more.
    let _: Option<std::convert::Infallible> = stop.run_until_cancelled(looks).await;
}
