//! The figures of one gateway, in the form that Prometheus reads. Not global: two gateways of one process (a demo, a test)
//! count for themselves.
//!
//! Labels are bounded: accounts come from the config, verbs, outcomes and methods from closed lists. Nothing in a label
//! comes from a message (I14).

mod refresh;
mod rpc;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics::{Key, Label, Level, Metadata, Recorder, Unit};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use paifang_engine::{BulkCounts, Egress, GuardRound, Notified, RefusalCounts};
use paifang_payment::{AccountId, Verb};
use paifang_rail::Answer;

pub use refresh::Freshness;
use refresh::number;
pub(crate) use refresh::refresh;
pub use rpc::CountRpcs;

/// Bounds of the latency histograms, in seconds: from a rail in the same room to the deadline.
const SECONDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Every figure: kind, name, unit, and what it says.
const FIGURES: &[(Kind, &str, Unit, &str)] = &[
    (Kind::Gauge, INTENTS, Unit::Count, "Payment intents by state"),
    (Kind::Gauge, DOUBTS, Unit::Count, "Attempts and refunds whose outcome is unknown"),
    (Kind::Gauge, DOUBT_AGE, Unit::Seconds, "Age of the oldest unknown outcome"),
    (Kind::Gauge, WORK_DUE, Unit::Count, "Pieces of work that are due and not claimed"),
    (Kind::Gauge, WORK_DUE_AGE, Unit::Seconds, "How long the oldest of them is due"),
    (Kind::Gauge, WORK_LEASED, Unit::Count, "Pieces of work that are claimed"),
    (Kind::Gauge, LEASE_LEFT, Unit::Seconds, "Time until the oldest claim ends; negative when it is over"),
    (Kind::Gauge, QUARANTINED, Unit::Count, "Pieces of work that need a person"),
    (Kind::Gauge, SUSPICIOUS, Unit::Count, "Genuine notifications that fit nothing"),
    (Kind::Counter, EVENTS, Unit::Count, "Cursor of the newest event to storefronts"),
    (Kind::Gauge, STORE_UP, Unit::Count, "1 while the store answers, else 0"),
    (Kind::Histogram, STORE_SECONDS, Unit::Seconds, "How long the store takes to answer its statistics"),
    (Kind::Histogram, EXCHANGE_SECONDS, Unit::Seconds, "Exchanges with rails, by account and result"),
    (Kind::Counter, ANSWERS, Unit::Count, "Answers of rails, by account, verb and outcome"),
    (Kind::Counter, NOTIFICATIONS, Unit::Count, "Notifications of rails, by account and verdict"),
    (Kind::Counter, STRAY, Unit::Count, "Requests to no account's notification URL"),
    (Kind::Gauge, GUARD_RAILS, Unit::Count, "Guard rails that were measured in the last look"),
    (Kind::Counter, GUARD_LOOKS, Unit::Count, "Looks at all guard rails, by result"),
    (Kind::Histogram, GUARD_SECONDS, Unit::Seconds, "How long a look at all guard rails takes"),
    (
        Kind::Counter,
        ROLL_BACKS,
        Unit::Count,
        "Openings that this gateway's guard rails rolled back, by measure",
    ),
    (Kind::Gauge, BULKS_OPEN, Unit::Count, "Bulk refunds that were started and have not ended"),
    (
        Kind::Counter,
        BULK_ENTRIES,
        Unit::Count,
        "Entries of bulk refunds that this gateway saw to, by outcome",
    ),
    (
        Kind::Counter,
        REFUSALS,
        Unit::Count,
        "Calls that storefronts' own rules did not take, by reason and why",
    ),
    (Kind::Counter, EGRESS, Unit::Count, "Fields of orders that left, by counterparty and field"),
    (Kind::Counter, RPCS, Unit::Count, "Calls of storefronts that have ended, by method and gRPC code"),
];

const INTENTS: &str = "paifang_intents";
const DOUBTS: &str = "paifang_doubts";
const DOUBT_AGE: &str = "paifang_doubt_oldest_seconds";
const WORK_DUE: &str = "paifang_work_due";
const WORK_DUE_AGE: &str = "paifang_work_due_oldest_seconds";
const WORK_LEASED: &str = "paifang_work_leased";
const LEASE_LEFT: &str = "paifang_work_lease_left_seconds";
const QUARANTINED: &str = "paifang_work_quarantined";
const SUSPICIOUS: &str = "paifang_notifications_suspicious";
const EVENTS: &str = "paifang_events_total";
const STORE_UP: &str = "paifang_store_up";
const STORE_SECONDS: &str = "paifang_store_stats_seconds";
const EXCHANGE_SECONDS: &str = "paifang_rail_exchange_seconds";
const ANSWERS: &str = "paifang_rail_answers_total";
const NOTIFICATIONS: &str = "paifang_notifications_total";
const STRAY: &str = "paifang_notifications_stray_total";
const EGRESS: &str = "paifang_egress_fields_total";
const REFUSALS: &str = "paifang_rules_refusals_total";
const RPCS: &str = "paifang_rpcs_total";
const BULKS_OPEN: &str = "paifang_bulk_refunds_open";
const BULK_ENTRIES: &str = "paifang_bulk_refund_entries_total";
const GUARD_RAILS: &str = "paifang_guard_rails";
const GUARD_LOOKS: &str = "paifang_guard_rail_looks_total";
const GUARD_SECONDS: &str = "paifang_guard_rail_look_seconds";
const ROLL_BACKS: &str = "paifang_guard_rail_roll_backs_total";

#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// The figures of one gateway.
pub struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    egress: OnceLock<Arc<Egress>>,
    refusals: OnceLock<Arc<RefusalCounts>>,
}

impl Metrics {
    /// Starts at nothing.
    ///
    /// # Errors
    /// Never with the bounds above; the builder checks them.
    pub fn new() -> Result<Self, BuildError> {
        let recorder = PrometheusBuilder::new().set_buckets(SECONDS)?.build_recorder();
        for (kind, name, unit, about) in FIGURES {
            let (name, unit, about) = ((*name).into(), Some(*unit), (*about).into());
            match kind {
                Kind::Counter => recorder.describe_counter(name, unit, about),
                Kind::Gauge => recorder.describe_gauge(name, unit, about),
                Kind::Histogram => recorder.describe_histogram(name, unit, about),
            }
        }
        let handle = recorder.handle();
        Ok(Self { recorder, handle, egress: OnceLock::new(), refusals: OnceLock::new() })
    }

    /// The names of all figures, for dashboards' tests.
    pub fn names() -> impl Iterator<Item = &'static str> {
        FIGURES.iter().map(|(_, name, _, _)| *name)
    }

    /// Shows from now on what has crossed to whom. The first one counts.
    pub(crate) fn follow(&self, egress: Arc<Egress>) {
        // A gateway has one engine.
        let _ = self.egress.set(egress);
    }

    /// Shows from now on what the rules did not take. The first one counts.
    pub(crate) fn follow_refusals(&self, refusals: Arc<RefusalCounts>) {
        let _ = self.refusals.set(refusals);
    }

    /// All figures as text.
    pub fn render(&self) -> String {
        for (counterparty, field, count) in self.egress.get().into_iter().flat_map(|egress| egress.crossed())
        {
            let labels =
                vec![Label::new("counterparty", counterparty.name()), Label::new("field", field.name())];
            self.recorder.register_counter(&Key::from_parts(EGRESS, labels), &METADATA).absolute(count);
        }
        for (reason, because, count) in self.refusals.get().into_iter().flat_map(|all| all.counted()) {
            let labels = vec![Label::new("reason", reason), Label::new("because", because)];
            self.recorder.register_counter(&Key::from_parts(REFUSALS, labels), &METADATA).absolute(count);
        }
        self.handle.render()
    }

    /// Moves waiting samples into their histograms; called now and then, so that they do not pile up unread.
    pub(crate) fn tidy(&self) {
        self.handle.run_upkeep();
    }

    /// An exchange with a rail has ended; `result` is one word of a closed list.
    pub(crate) fn exchanged(&self, account: &AccountId, result: &'static str, took: Duration) {
        let labels = vec![Label::new("account", account.to_string()), Label::new("result", result)];
        self.sample(EXCHANGE_SECONDS, labels, took);
    }

    /// A rail's answer was read.
    pub(crate) fn rail_answered(&self, account: &AccountId, verb: Verb, answer: &Answer) {
        let outcome = match answer.attention() {
            Some(_) => "attention",
            None => answer.outcome().map_or("absent", paifang_payment::Outcome::word),
        };
        let account = Label::new("account", account.to_string());
        let labels = vec![account, Label::new("verb", verb.as_str()), Label::new("outcome", outcome)];
        self.count(ANSWERS, labels);
    }

    /// A notification to an account was judged.
    pub(crate) fn notified(&self, account: &AccountId, notified: &Notified) {
        let account = Label::new("account", account.to_string());
        self.count(NOTIFICATIONS, vec![account, Label::new("verdict", notified.word())]);
    }

    /// Somebody posted to no account's URL.
    pub(crate) fn strayed(&self) {
        self.count(STRAY, Vec::new());
    }

    /// A call of a storefront has ended. `method` is `/package.Service/Method` of the contract, or `other`.
    pub(crate) fn rpc(&self, method: &'static str, code: &'static str) {
        self.count(RPCS, vec![Label::new("method", method), Label::new("code", code)]);
    }

    /// All guard rails were looked at, or that failed.
    pub(crate) fn guards_looked_at(&self, round: Option<&GuardRound>, took: Duration) {
        let is_whole = round.is_some_and(|round| round.failed == 0);
        let result = if is_whole { "ok" } else { "failed" };
        self.count(GUARD_LOOKS, vec![Label::new("result", result)]);
        self.sample(GUARD_SECONDS, Vec::new(), took);
        let Some(round) = round else { return };
        self.gauge(GUARD_RAILS, Vec::new(), number(round.measured));
        for crossed in &round.rolled_back {
            self.count(ROLL_BACKS, vec![Label::new("measure", crossed.measure.as_str())]);
        }
    }

    fn count(&self, name: &'static str, labels: Vec<Label>) {
        self.recorder.register_counter(&Key::from_parts(name, labels), &METADATA).increment(1);
    }

    fn sample(&self, name: &'static str, labels: Vec<Label>, took: Duration) {
        let histogram = self.recorder.register_histogram(&Key::from_parts(name, labels), &METADATA);
        histogram.record(took.as_secs_f64());
    }

    fn gauge(&self, name: &'static str, labels: Vec<Label>, value: f64) {
        self.recorder.register_gauge(&Key::from_parts(name, labels), &METADATA).set(value);
    }

    /// What was done for bulk refunds, and how many are open.
    pub(crate) fn bulks(&self, counts: &BulkCounts, open: Option<u64>) {
        for (outcome, count) in [("asked", counts.asked()), ("refused", counts.refused())] {
            let key = Key::from_parts(BULK_ENTRIES, vec![Label::new("outcome", outcome)]);
            self.recorder.register_counter(&key, &METADATA).absolute(count);
        }
        if let Some(open) = open {
            self.gauge(BULKS_OPEN, Vec::new(), number(open));
        }
    }

    fn reach(&self, name: &'static str, value: u64) {
        self.recorder.register_counter(&Key::from_parts(name, Vec::new()), &METADATA).absolute(value);
    }
}

static METADATA: Metadata<'_> = Metadata::new("paifang", Level::INFO, None);

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
