use jiff::SignedDuration;
use paifang_payment::{Basis, Evidence, Pending, RailName, Reason, Refusal, Source, Verb};

use super::*;
use crate::Account;

fn account() -> AccountId {
    AccountId::parse("a").unwrap()
}

fn accounts() -> Accounts {
    static NOTHING: paifang_rail::Descriptor = paifang_rail::Descriptor {
        tells: &[],
        rail: "a",
        title: "",
        offers: &[],
        currencies: &[],
        amount_min: 1,
        amount_max: 1,
        closing: paifang_rail::Closing::ByCall,
        reverses: false,
        reverses_unknown: false,
        asks_after_s: &[],
        fails_with: &["20000"],
        refunding: paifang_rail::Refunding {
            partial: false,
            count_max: 0,
            window_days: 0,
            resend_s: 0,
            interval_s: 0,
        },
        statements: &[],
        serves_keys: false,
        keys: &[],
    };
    Accounts::new(vec![Account {
        id: account(),
        rail: RailName::parse("a").unwrap(),
        descriptor: &NOTHING,
        identity: paifang_rail::Identity { merchant: "m".into(), app: None },
        enabled: true,
        shares: crate::Shares::default(),
    }])
}

fn seen(verb: Verb, news: News) -> Observation {
    Observation { verb, news, attention: None, evidence: Evidence::plain(Source::Rule, "test") }
}

fn fails() -> Observation {
    seen(Verb::Query, News::Outcome(Outcome::Unknown(Doubt::TimedOut)))
}

fn answers() -> Observation {
    seen(Verb::Query, News::Absent)
}

fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
}

/// One letter a second: `x` fails, `o` answers, `-` says nothing. Whether it is degraded then.
fn after(calls: &str, now: i64) -> bool {
    let health = Health::of(&accounts());
    for (second, call) in (0..).zip(calls.chars()) {
        match call {
            'x' => health.note(&account(), at(second), &fails()),
            'o' => health.note(&account(), at(second), &answers()),
            _ => {}
        }
    }
    health.is_degraded(&account(), at(now))
}

#[test]
fn half_of_at_least_five_calls_of_the_last_minute() {
    for (calls, now, degraded) in [
        ("", 0, false),
        ("xxxx", 4, false),
        ("xxxxx", 5, true),
        ("xxooo", 5, false),
        ("xxxoo", 5, true),
        ("xxxooo", 6, true),
        ("xxxoooo", 7, false),
        // The first call is forgotten after a minute, and four are too few.
        ("xxxxx", 59, true),
        ("xxxxx", 60, false),
        // Twenty are kept: ten failures behind ten answers, then one answer more.
        ("xxxxxxxxxxxxoooooooooo", 22, true),
        ("xxxxxxxxxxxxooooooooooo", 23, false),
    ] {
        assert_eq!(after(calls, now), degraded, "{calls} at {now}");
    }
}

#[test]
fn what_is_kept_is_bounded_and_only_of_configured_accounts() {
    let health = Health::of(&accounts());
    let stranger = AccountId::parse("b").unwrap();
    for second in 0..1000 {
        health.note(&account(), at(second), &fails());
        health.note(&stranger, at(second), &fails());
    }
    assert_eq!(health.0.len(), 1);
    assert_eq!(health.0[&account()].calls.lock().unwrap().len(), CALLS_KEPT);
    assert!(!health.is_degraded(&stranger, at(1000)));
}

/// A no is an answer. Our own message and our own limits say nothing.
#[test]
fn only_what_any_order_would_have_met_counts() {
    let refusal = Refusal {
        reason: Reason::parse("insufficient_funds").unwrap(),
        rail_code: String::new(),
        rail_message: String::new(),
        basis: Basis::Signed,
    };
    let unsure = |code: &str| Outcome::Unknown(Doubt::RailUnsure(code.into()));
    for (verb, outcome, failed) in [
        (Verb::Charge, Outcome::Pending(Pending { next_action: None, rail_ref: None }), Some(false)),
        (Verb::Charge, Outcome::Refused(refusal.clone()), Some(false)),
        (Verb::Charge, Outcome::Unknown(Doubt::Unconfirmed(refusal)), Some(false)),
        (Verb::Charge, Outcome::Unknown(Doubt::AmountMismatch), Some(false)),
        (Verb::Charge, unsure("20000"), Some(true)),
        (Verb::Query, unsure("20000"), Some(true)),
        (Verb::Charge, unsure("USERPAYING"), Some(false)),
        (Verb::Query, unsure("USERPAYING"), Some(false)),
        (Verb::Query, Outcome::Unknown(Doubt::HttpStatus(503)), Some(true)),
        (Verb::Query, Outcome::Unknown(Doubt::BadSignature), Some(true)),
        (Verb::Query, Outcome::Unknown(Doubt::ConnectionLost), Some(true)),
        (Verb::Query, Outcome::NotSent(NotSent::NotConnected), Some(true)),
        (Verb::Query, Outcome::NotSent(NotSent::HeldBack), None),
        (Verb::Query, Outcome::NotSent(NotSent::NotPlanned("x".into())), None),
        (Verb::Query, Outcome::Unknown(Doubt::Crashed), None),
    ] {
        let told = format!("{verb:?} {outcome:?}");
        assert_eq!(has_failed(&seen(verb, News::Outcome(outcome)), &["20000"]), failed, "{told}");
    }
}

/// Without its key, or with an adapter that fails, no order of the account goes out; a value that one call has is its own.
#[test]
fn what_keeps_every_message_from_being_made_counts() {
    let bad = PlanError::BadValue { field: "description", rule: "at most 127 bytes" };
    for (error, degraded) in [
        (PlanError::MissingKey("merchant_key"), true),
        (PlanError::AdapterFailed, true),
        (bad, false),
        (PlanError::Unsupported("reverse"), false),
    ] {
        let health = Health::of(&accounts());
        (0..5).for_each(|second| health.note_unplanned(&account(), at(second), &error));
        assert_eq!(health.is_degraded(&account(), at(5)), degraded, "{error}");
    }
}
