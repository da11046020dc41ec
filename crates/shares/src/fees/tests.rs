//! Fees as tables, and their laws for any rule, payment and sequence of refunds.

use paifang_money::MINOR_UNITS_MAX;
use proptest::prelude::*;

use super::*;
use crate::testing::{amount, at, cny, cuts, jpy, paid, payment, refunds_of};

const SCHEDULE: &str = r#"
    currency = "CNY"
    [[rules]]
    id = "ecny"
    wallet = "ecny"
    rate_ppm = 0
    on_refund = "keep"
    [[rules]]
    id = "apparel-2026"
    category = "apparel"
    from = "2026-01-01T00:00:00+08:00"
    until = "2027-01-01T00:00:00+08:00"
    rate_ppm = 50_000
    minimum_minor = 10
    cap_minor = 5_000
    on_refund = "proportional"
    [[rules]]
    id = "standard"
    rate_ppm = 20_000
    on_refund = "keep"
"#;

fn schedule() -> FeeSchedule {
    toml::from_str(SCHEDULE).unwrap()
}

fn inputs(category: &str, wallet: &str, time: &str) -> FeeInputs {
    let category = Category::parse(category).ok();
    FeeInputs { category, wallet: Wallet::parse(wallet).ok(), at: at(time) }
}

#[test]
fn the_first_rule_that_fits_decides() {
    let (then, later) = ("2026-06-01T00:00:00Z", "2026-12-31T16:00:00Z");
    let table = [
        ("apparel", "ecny", then, 10_000, "0.00 CNY by ecny (Rate)"),
        ("apparel", "balance", then, 10_000, "5.00 CNY by apparel-2026 (Rate)"),
        ("apparel", "balance", then, 100, "0.10 CNY by apparel-2026 (Minimum)"),
        ("apparel", "balance", then, 7, "0.07 CNY by apparel-2026 (Payment)"),
        ("apparel", "balance", then, 100_010, "50.00 CNY by apparel-2026 (Cap)"),
        ("apparel", "balance", then, 100_000, "50.00 CNY by apparel-2026 (Rate)"),
        ("apparel", "balance", later, 10_000, "2.00 CNY by standard (Rate)"),
        // What is not known does not matter where no rule asks for it before one fits.
        ("", "ecny", then, 10_000, "0.00 CNY by ecny (Rate)"),
        ("", "balance", later, 10_000, "2.00 CNY by standard (Rate)"),
        ("food", "balance", then, 24, "0.00 CNY by standard (Rate)"),
        ("food", "balance", then, 25, "0.01 CNY by standard (Rate)"),
        ("food", "balance", then, MINOR_UNITS_MAX, "200000000000.00 CNY by standard (Rate)"),
    ];
    for (category, wallet, time, fen, wanted) in table {
        let fee = schedule().charge(paid(fen), &inputs(category, wallet, time)).unwrap();
        let said = format!("{} by {} ({:?})", fee.amount(), fee.rule(), fee.bound());
        assert_eq!(said, wanted, "{fen} {category} {wallet} {time}");
    }
}

/// Whoever leaves an input out does not get to the next rule.
#[test]
fn an_input_that_a_fitting_rule_lacks_is_an_error() {
    let then = "2026-06-01T00:00:00Z";
    for (category, wallet, rule, input) in [
        ("", "", "ecny", "wallet"),
        ("apparel", "", "ecny", "wallet"),
        ("", "balance", "apparel-2026", "category"),
    ] {
        let said = schedule().charge(paid(100), &inputs(category, wallet, then)).unwrap_err().to_string();
        assert_eq!(said, format!("fee rule {rule} fits but for its {input}, which is not known"));
    }
}

#[test]
fn no_rule_is_an_error_and_not_a_fee_of_zero() {
    let only: FeeSchedule = toml::from_str(
        r#"
        currency = "CNY"
        rules = [{ id = "a", category = "food", rate_ppm = 1, on_refund = "keep" }]
        "#,
    )
    .unwrap();
    let inputs = inputs("apparel", "balance", "2026-06-01T00:00:00Z");
    assert_eq!(only.charge(paid(1), &inputs), Err(FeeError::NoRule));
    let yen = PositiveMoney::try_from(jpy(1)).unwrap();
    let said = schedule().charge(yen, &inputs).map_err(|wrong| wrong.to_string());
    assert_eq!(said, Err("payment must be in CNY, is in JPY".to_owned()));
}

#[test]
fn every_wrong_field_is_named_at_once() {
    let wrong = r#"
        currency = "CNY"
        [[rules]]
        id = "a"
        from = "2026-01-01T00:00:00Z"
        until = "2026-01-01T00:00:00Z"
        rate_ppm = 1
        minimum_minor = 5
        cap_minor = 4
        on_refund = "keep"
        [[rules]]
        id = "b"
        rate_ppm = 1
        on_refund = "keep"
        [[rules]]
        id = "a"
        category = "food"
        rate_ppm = 1
        on_refund = "keep"
    "#;
    let said = toml::from_str::<FeeSchedule>(wrong).unwrap_err().to_string();
    for part in [
        "rules[2].id: must differ",
        "rules[0].until: must be after from",
        "rules[0].cap_minor: must be at least minimum_minor",
        "rules[2]: can never decide, since rules[1] fits wherever it does",
    ] {
        assert!(said.contains(part), "{said}");
    }
    for (from, to) in
        [("rate_ppm = 0", "rate_ppm = 1_000_001"), ("rate_ppm = 0", "rate_ppm = 0.05"), ("rate_ppm", "rate")]
    {
        assert!(toml::from_str::<FeeSchedule>(&SCHEDULE.replacen(from, to, 1)).is_err(), "{to}");
    }
    assert!(toml::from_str::<FeeSchedule>("currency = \"CNY\"\nrules = []").is_err());
}

/// A schedule that is too long is told so and looked at no further.
#[test]
fn a_schedule_that_is_too_long_costs_one_fault() {
    let rule = schedule().rules()[2].clone();
    let faults = FeeSchedule::new(Currency::CNY, vec![rule; RULES_MAX + 1]).unwrap_err();
    assert_eq!(faults.to_string(), "rules: must have 1 to 1000 entries, has 1001");
}

#[test]
fn rules_and_fees_survive_their_stored_form() {
    let text = toml::to_string(&schedule()).unwrap();
    assert_eq!(toml::from_str::<FeeSchedule>(&text).unwrap(), schedule());
    let fee = schedule().charge(paid(999), &inputs("", "ecny", "2026-06-01T00:00:00Z")).unwrap();
    let text = serde_json::to_string(&fee).unwrap();
    assert_eq!(serde_json::from_str::<Fee>(&text).unwrap(), fee);
    let more = text.replacen(r#""amount":{"minor":0"#, r#""amount":{"minor":1000"#, 1);
    assert!(more != text && serde_json::from_str::<Fee>(&more).is_err(), "a fee above its payment");
}

fn any_rule() -> impl Strategy<Value = FeeRule> {
    let bounds = (amount(), prop::option::of(amount()));
    let keep = prop_oneof![Just(OnRefund::Keep), Just(OnRefund::Proportional)];
    (0..=1_000_000u32, bounds, keep).prop_map(|(rate, (minimum, cap), on_refund)| {
        let cap = cap.map(|cap| cap.minor_units().max(minimum.minor_units()));
        FeeRule {
            id: RuleId::parse("any").unwrap(),
            category: None,
            wallet: None,
            from: None,
            until: None,
            rate_ppm: Ppm::new(rate).unwrap(),
            minimum_minor: Minor::new(minimum.minor_units()).unwrap(),
            cap_minor: cap.map(|cap| Minor::new(cap).unwrap()),
            on_refund,
        }
    })
}

proptest! {
    #[test]
    fn a_fee_is_within_its_bounds_and_all_refunds_return_it_whole_or_not_at_all(
        rule in any_rule(),
        payment in payment(),
        cuts in cuts(),
    ) {
        let schedule = FeeSchedule::new(Currency::CNY, vec![rule.clone()]).unwrap();
        let fee = schedule.charge(payment, &inputs("", "", "2026-06-01T00:00:00Z")).unwrap();
        let minor = fee.amount().minor_units();
        prop_assert!(minor <= payment.minor_units());
        prop_assert!(minor >= rule.minimum_minor.get().min(payment.minor_units()));
        prop_assert!(rule.cap_minor.is_none_or(|cap| minor <= cap.get()));
        let mut returned = 0;
        for (before, refund) in refunds_of(payment, &cuts) {
            let back = fee.returned(before, refund).unwrap();
            prop_assert!(back.minor_units() <= refund.minor_units());
            returned += back.minor_units();
        }
        let wanted = match rule.on_refund {
            OnRefund::Keep => 0,
            OnRefund::Proportional => minor,
        };
        prop_assert_eq!(returned, wanted);
        prop_assert!(fee.returned(payment.money(), paid(1)).is_err(), "more than the payment");
        prop_assert!(fee.returned(jpy(0), paid(1)).is_err(), "another currency");
    }

    /// A fee depends on what its rules name; a larger payment never costs less.
    #[test]
    fn a_larger_payment_never_costs_less(rule in any_rule(), a in payment(), b in payment()) {
        let schedule = FeeSchedule::new(Currency::CNY, vec![rule]).unwrap();
        let fee = |payment, category| {
            let inputs = inputs(category, "balance", "2026-06-01T00:00:00Z");
            schedule.charge(payment, &inputs).unwrap().amount().minor_units()
        };
        let (small, large) = if a.minor_units() <= b.minor_units() { (a, b) } else { (b, a) };
        prop_assert!(fee(small, "food") <= fee(large, "food"));
        prop_assert_eq!(fee(a, "food"), fee(a, ""));
        prop_assert_eq!(cny(fee(a, "food")).currency(), Currency::CNY);
    }
}
