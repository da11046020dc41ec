//! What held in a time that is past, and how often each rule decided, as callers see it.

use paifang_engine::{AuditSpan, Held, HeldBack, HeldRules};
use paifang_policy::audit::{CreditSaid, Line, Says, Step, Way};
use paifang_proto::v1;

use super::policy::{Because, because};
use super::{presentation, time};

/// A stretch of time.
pub(crate) fn span(span: &AuditSpan) -> v1::PolicySpan {
    let told = v1::PolicySpan {
        begin_time: Some(time(span.begins)),
        end_time: Some(time(span.ends)),
        unruled: span.held == Held::Unruled,
        ..v1::PolicySpan::default()
    };
    let Held::By(rules) = &span.held else { return told };
    let HeldRules { bundle, since, note, rolled_back, ways } = &**rules;
    v1::PolicySpan {
        version: bundle.version,
        digest: bundle.digest.0.to_vec(),
        note: note.to_string(),
        since_time: Some(time(*since)),
        roll_backs: rolled_back.iter().map(held_back).collect(),
        ways: ways.iter().map(way).collect(),
        ..told
    }
}

/// How often a rule decided.
pub(crate) fn decision_count(line: &Line) -> v1::PolicyDecisionCount {
    let Line { wallet, presentation: how, version, rule, because, counts } = line;
    v1::PolicyDecisionCount {
        wallet: wallet.to_string(),
        presentation: presentation(*how).into(),
        version: *version,
        rule: rule.as_ref().map(ToString::to_string).unwrap_or_default(),
        because: because.as_str().to_owned(),
        shown: count(counts.shown),
        accepted: count(counts.accepted),
        refused: count(counts.refused),
        chosen: count(counts.chosen),
        paid: count(counts.paid),
        failed: count(counts.failed),
    }
}

/// A number of things.
pub(crate) fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn held_back(one: &HeldBack) -> v1::OpeningRollBack {
    let Because { guard_rail, measured_ppm, remark, reading } = because(&one.why);
    v1::OpeningRollBack {
        opening: one.opening.to_string(),
        time: Some(time(one.since)),
        guard_rail,
        measured_ppm,
        remark,
        reading,
        ..v1::OpeningRollBack::default()
    }
}

fn way(way: &Way) -> v1::PolicyWay {
    let Way { wallet, rail, presentations, steps, otherwise, disabled } = way;
    v1::PolicyWay {
        wallet: wallet.to_string(),
        rail: rail.as_ref().map(ToString::to_string).unwrap_or_default(),
        presentations: presentations.iter().map(|one| presentation(*one).into()).collect(),
        steps: steps.iter().map(step).collect(),
        otherwise: otherwise.map_or(v1::PolicyStanding::Unspecified, standing).into(),
        disabled: *disabled,
    }
}

fn step(step: &Step) -> v1::PolicyWayStep {
    let Step { rule, says, whom, note, credit } = step;
    v1::PolicyWayStep {
        rule: rule.to_string(),
        standing: standing(*says).into(),
        cohort_ppm: whom.cohort.as_ref().map(|share| share.ppm),
        cohort_salt: whom.cohort.as_ref().map(|share| share.salt.clone()).unwrap_or_default(),
        merchants: whom.merchants.iter().map(ToString::to_string).collect(),
        when: whom.when.clone().unwrap_or_default(),
        from_time: whom.from.map(time),
        until_time: whom.until.map(time),
        note: note.as_ref().map(ToString::to_string).unwrap_or_default(),
        credit: credit.map_or(v1::PolicyCredit::Unspecified, said).into(),
    }
}

fn said(credit: CreditSaid) -> v1::PolicyCredit {
    match credit {
        CreditSaid::LeftOut => v1::PolicyCredit::LeftOut,
        CreditSaid::NotExcludable => v1::PolicyCredit::NotExcludable,
    }
}

fn standing(says: Says) -> v1::PolicyStanding {
    match says {
        Says::Closed => v1::PolicyStanding::Closed,
        Says::Visible => v1::PolicyStanding::Visible,
        Says::Hidden => v1::PolicyStanding::Hidden,
        Says::Accepted => v1::PolicyStanding::Accepted,
        Says::Killed => v1::PolicyStanding::Killed,
        Says::RolledBack => v1::PolicyStanding::RolledBack,
    }
}
