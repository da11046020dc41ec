//! Rules and decisions as callers see them.

use jiff::Timestamp;
use paifang_engine::Rules;
use paifang_policy::lifecycle::{Book, RollBack, State, Why};
use paifang_policy::opening::Decision;
use paifang_proto::v1;
use paifang_store::StoredDecided;

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
pub(crate) fn decided(row: &StoredDecided) -> v1::DecidedPayment {
    let records = row.decided.records();
    v1::DecidedPayment {
        payment_intent_id: row.intent.to_string(),
        attempt_id: row.attempt.to_string(),
        decision_time: Some(time(row.at)),
        // Structs of texts, flags and numbers always have a JSON form.
        records: records.map(|record| serde_json::to_string(&record).unwrap_or_default()).collect(),
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
    Some(v1::PolicyVersion { version, state: state.into(), effective_time })
}

fn roll_back(one: &RollBack, at: Timestamp) -> v1::OpeningRollBack {
    let (guard_rail, measured_ppm, remark) = match &one.why {
        Why::GuardRail { rule, measured, .. } => (rule.to_string(), measured.get(), String::new()),
        Why::Person { remark } => (String::new(), 0, remark.to_string()),
    };
    let reopened = one.reopened.as_ref().filter(|(reopened, _)| *reopened <= at);
    v1::OpeningRollBack {
        opening: one.opening.to_string(),
        time: Some(time(one.at)),
        guard_rail,
        measured_ppm,
        remark,
        reopen_time: reopened.map(|(reopened, _)| time(*reopened)),
        reopen_remark: reopened.map(|(_, remark)| remark.to_string()).unwrap_or_default(),
    }
}
