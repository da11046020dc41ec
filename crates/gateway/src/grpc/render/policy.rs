//! Rules and decisions as callers see them.

use jiff::Timestamp;
use paifang_engine::Rules;
use paifang_payment::intent::Ending;
use paifang_policy::bundle::{Bound, Measure};
use paifang_policy::lifecycle::{Book, Fact, RollBack, State, Why};
use paifang_policy::opening::Decision;
use paifang_proto::v1;
use paifang_store::{Marks, RulesEntry, StoredDecided, StoredRules};

use super::time;

/// Versions and roll-backs that are told at most.
const LISTED_MAX: usize = 200;

/// The rules as they were, are or will be at that time.
pub(crate) fn policy(rules: &Rules, at: Timestamp) -> v1::Policy {
    let Some(book) = rules.book() else { return v1::Policy::default() };
    let newest = rules.versions().rev().filter_map(|version| stands(book, version, at));
    let versions: Vec<v1::PolicyVersion> = newest.take(LISTED_MAX).collect();
    if versions.is_empty() {
        return v1::Policy::default();
    }
    let happened = book.roll_backs().iter().rev().filter(|one| one.at <= at);
    let deciding = book.deciding(at);
    let active = deciding.as_ref().map(|deciding| deciding.bundle);
    v1::Policy {
        name: book.name().to_string(),
        active_version: active.map_or(0, |bundle| bundle.version),
        active_digest: active.map(|bundle| bundle.digest.0.to_vec()).unwrap_or_default(),
        active_since_time: deciding.as_ref().map(|deciding| time(deciding.since)),
        rolled_back_openings: book.overlay(at).iter().map(|(opening, ..)| opening.to_string()).collect(),
        versions,
        roll_backs: happened.take(LISTED_MAX).map(|one| roll_back(one, at)).collect(),
    }
}

/// What was decided about one way to pay.
pub(crate) fn decision(decision: &Decision) -> v1::PolicyDecision {
    v1::PolicyDecision {
        shown: decision.shown,
        accepted: decision.accepted,
        rule: decision.rule.as_ref().map(ToString::to_string).unwrap_or_default(),
        because: decision.because.as_str().to_owned(),
        missing_inputs: decision.missing.iter().map(|lack| lack.name().to_owned()).collect(),
        failure: decision.failure.clone().unwrap_or_default(),
        version: decision.decided_by.version,
    }
}

/// What was decided when a payer chose a wallet.
pub(crate) fn decided(row: &StoredDecided, terms: Option<v1::AgreedTerms>) -> v1::DecidedPayment {
    let records = row.decided.records();
    let Marks { ended, refunded_at, complained_at } = row.marks;
    v1::DecidedPayment {
        payment_intent_id: row.intent.to_string(),
        attempt_id: row.attempt.to_string(),
        decision_time: Some(time(row.at)),
        // Structs of texts, flags and numbers always have a JSON form.
        records: records.map(|record| serde_json::to_string(&record).unwrap_or_default()).collect(),
        outcome: match ended.map(|(ending, _)| ending) {
            None => v1::AttemptOutcome::Unspecified,
            Some(Ending::Paid) => v1::AttemptOutcome::Paid,
            Some(Ending::Failed) => v1::AttemptOutcome::Failed,
        }
        .into(),
        outcome_time: ended.map(|(_, at)| time(at)),
        refund_time: refunded_at.map(time),
        complaint_time: complained_at.map(time),
        rules_position: row.entries.map_or(0, |entries| i64::try_from(entries).unwrap_or(i64::MAX)),
        terms,
        opening_since_version: row.decided.opening().map_or(0, |_| row.decided.counted_as()),
    }
}

/// A change of the rules, in its place in the book; `recalled` are the versions that it made drafts again, if it is a
/// roll-back or brings a kill switch.
pub(crate) fn change(row: &StoredRules, recalled: &[u32]) -> v1::PolicyChange {
    use v1::PolicyChangeKind as Kind;
    let RulesEntry { request, fact, .. } = &row.entry;
    let told = v1::PolicyChange {
        position: i64::try_from(row.position).unwrap_or(i64::MAX),
        time: Some(time(fact.at())),
        request_id: request.as_ref().map(|request| request.id.to_string()).unwrap_or_default(),
        recalled_versions: recalled.to_vec(),
        ..v1::PolicyChange::default()
    };
    let of_version = |kind: Kind, version| v1::PolicyChange { kind: kind.into(), version, ..told.clone() };
    match fact {
        Fact::Drafted { bundle, .. } => of_version(Kind::Drafted, bundle.version),
        Fact::Announced { version, effective_at, .. } => v1::PolicyChange {
            effective_time: Some(time(*effective_at)),
            ..of_version(Kind::Announced, *version)
        },
        Fact::Recalled { version, .. } => of_version(Kind::Recalled, *version),
        Fact::Retired { version, .. } => of_version(Kind::Retired, *version),
        Fact::RolledBack { opening, why, .. } => {
            let Because { guard_rail, measured_ppm, remark, reading } = because(why);
            let (kind, opening) = (Kind::RolledBack.into(), opening.to_string());
            v1::PolicyChange { kind, opening, guard_rail, measured_ppm, remark, reading, ..told }
        }
        Fact::Reopened { opening, by, .. } => v1::PolicyChange {
            kind: Kind::Reopened.into(),
            opening: opening.to_string(),
            remark: by.to_string(),
            ..told
        },
    }
}

/// Why an opening was rolled back; what does not apply is empty.
pub(super) struct Because {
    pub guard_rail: String,
    pub measured_ppm: u32,
    pub remark: String,
    pub reading: Option<v1::GuardRailReading>,
}

pub(super) fn because(why: &Why) -> Because {
    match why {
        Why::GuardRail { rule, measure, window_s, counts, measured, bound, cut, spares_until: _ } => {
            use v1::guard_rail_reading::Bound as Told;
            let count = |count| i64::try_from(count).unwrap_or(i64::MAX);
            let measure = match measure {
                Measure::SuccessRate => v1::GuardRailMeasure::SuccessRate,
                Measure::RefundRate => v1::GuardRailMeasure::RefundRate,
                Measure::ComplaintRate => v1::GuardRailMeasure::ComplaintRate,
            };
            let reading = v1::GuardRailReading {
                measure: measure.into(),
                window_seconds: *window_s,
                hits: count(counts.hits),
                samples: count(counts.samples),
                bound: Some(match bound {
                    Bound::Min(ppm) => Told::MinPpm(ppm.get()),
                    Bound::Max(ppm) => Told::MaxPpm(ppm.get()),
                }),
                counted_since_time: cut.map(time),
            };
            let (guard_rail, measured_ppm) = (rule.to_string(), measured.get());
            Because { guard_rail, measured_ppm, remark: String::new(), reading: Some(reading) }
        }
        Why::Person { remark } => {
            Because { guard_rail: String::new(), measured_ppm: 0, remark: remark.to_string(), reading: None }
        }
    }
}

fn stands(book: &Book, version: u32, at: Timestamp) -> Option<v1::PolicyVersion> {
    use v1::PolicyVersionState as Told;
    let (state, effective_time) = match book.state(version, at)? {
        State::Draft => (Told::Draft, None),
        State::Announced(from) => (Told::Announced, Some(time(from))),
        State::Active => (Told::Active, None),
        State::Retired => (Told::Retired, None),
    };
    let recall = book.recalled_for_kill(version, at);
    let recalled_for_kill = recall.map(|recall| recall.kill.to_string()).unwrap_or_default();
    let recalled_by_version = recall.map_or(0, |recall| recall.by);
    let state = state.into();
    Some(v1::PolicyVersion { version, state, effective_time, recalled_for_kill, recalled_by_version })
}

fn roll_back(one: &RollBack, at: Timestamp) -> v1::OpeningRollBack {
    let Because { guard_rail, measured_ppm, remark, reading } = because(&one.why);
    let reopened = one.reopened.as_ref().filter(|(reopened, _)| *reopened <= at);
    v1::OpeningRollBack {
        opening: one.opening.to_string(),
        time: Some(time(one.at)),
        guard_rail,
        measured_ppm,
        remark,
        reading,
        recalled_versions: one.recalled.clone(),
        reopen_time: reopened.map(|(reopened, _)| time(*reopened)),
        reopen_remark: reopened.map(|(_, remark)| remark.to_string()).unwrap_or_default(),
    }
}
