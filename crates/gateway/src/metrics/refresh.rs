//! What only the store knows, asked now and then, so that a scrape costs the store nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use metrics::Label;
use paifang_engine::Engine;
use paifang_engine::ports::{Environment, Rails, Transport};
use paifang_store::{Stats, Store};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    DOUBT_AGE, DOUBTS, EVENTS, INTENTS, LEASE_LEFT, Metrics, QUARANTINED, STORE_SECONDS, STORE_UP,
    SUSPICIOUS, WORK_DUE, WORK_DUE_AGE, WORK_LEASED,
};

/// Pause between two looks.
const EVERY: Duration = Duration::from_secs(5);
/// A store that takes longer counts as one that does not answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether the store answered when it was asked last. True at first: the gateway does not start without a store.
#[derive(Debug, Clone)]
pub struct Freshness(Arc<AtomicBool>);

impl Freshness {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    /// Whether it did.
    pub fn store_answers(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Asks the store until `stop`.
pub(crate) async fn refresh<S: Store, R: Rails, T: Transport, E: Environment>(
    engine: Engine<S, R, T, E>,
    metrics: Arc<Metrics>,
    freshness: Freshness,
    stop: CancellationToken,
) {
    loop {
        let started = Instant::now();
        let stats = timeout(PATIENCE, engine.store().stats()).await;
        let up = match stats {
            Ok(Ok(stats)) => {
                metrics.sample(STORE_SECONDS, Vec::new(), started.elapsed());
                metrics.show(&stats, engine.now());
                true
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "the store does not tell its figures");
                false
            }
            Err(_) => {
                tracing::error!("the store does not answer");
                false
            }
        };
        let open = timeout(PATIENCE, engine.store().open_bulks()).await;
        metrics.bulks(engine.bulk_counts(), open.ok().and_then(Result::ok));
        metrics.gauge(STORE_UP, Vec::new(), if up { 1.0 } else { 0.0 });
        metrics.tidy();
        freshness.0.store(up, Ordering::Relaxed);
        if stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
            return;
        }
    }
}

impl Metrics {
    pub(super) fn show(&self, stats: &Stats, now: Timestamp) {
        for (state, count) in &stats.intents {
            self.gauge(INTENTS, vec![Label::new("state", state.clone())], number(*count));
        }
        let age = |since: Option<Timestamp>| since.map_or(0.0, |since| seconds(since, now));
        let figures = [
            (DOUBTS, number(stats.doubts)),
            (DOUBT_AGE, age(stats.oldest_doubt)),
            (WORK_DUE, number(stats.due)),
            (WORK_DUE_AGE, age(stats.oldest_due)),
            (WORK_LEASED, number(stats.leased)),
            (LEASE_LEFT, stats.oldest_lease_until.map_or(0.0, |until| seconds(now, until))),
            (QUARANTINED, number(stats.quarantined)),
            (SUSPICIOUS, number(stats.suspicious)),
        ];
        for (name, value) in figures {
            self.gauge(name, Vec::new(), value);
        }
        self.reach(EVENTS, stats.last_event);
    }
}

/// Figures are read by people: beyond four billion they stand still.
pub(super) fn number(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Whole seconds; times that do not fit are cut to the largest.
fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    let span = to.as_second().saturating_sub(from.as_second());
    f64::from(i32::try_from(span).unwrap_or(if span < 0 { i32::MIN } else { i32::MAX }))
}
