//! Decisions as tables, and their laws for any inputs.

use jiff::Timestamp;
use paifang_money::Money;
use proptest::prelude::*;

use super::*;
use crate::testing::{amount, at, cny, cuts, jpy, paid, payment, refunds_of};
use crate::waterfall::{Allocation, Available, Bearer, Funding};

const TERMS: &str = r#"
    currency = "CNY"

    [waterfalls]
    merchant-first = [{ bearer = "merchant_balance" }, { bearer = "platform", cap_ppm = 500_000 }]
    insured = [{ bearer = "insurance", cap_minor = 2_500 }]

    [[rules]]
    id = "small-damage"
    mode = "refund_without_return"
    reasons = ["damaged", "missing_parts"]
    total_max_ppm = 300_000
    days_max = 7
    when = "payer.tier == 'gold'"
    waterfall = "merchant-first"
    decide_within_s = 3_600
    appeal_within_s = 86_400

    [[rules]]
    id = "return"
    mode = "return_and_refund"
    reasons = ["damaged", "no_reason"]
    amount_min_ppm = 10_000
    total_max_ppm = 1_000_000
    days_max = 15
    waterfall = "merchant-first"
    decide_within_s = 86_400
    appeal_within_s = 604_800

    [[rules]]
    id = "freight"
    mode = "return_freight_cover"
    reasons = ["return_freight"]
    total_max_ppm = 10_000_000
    days_max = 30
    waterfall = "insured"
    decide_within_s = 0
    appeal_within_s = 0
"#;

fn terms() -> RefundTerms {
    toml::from_str(TERMS).unwrap()
}

fn inputs(reason: RefundReason, refunded_before: i64, refund: i64, asked_at: &str) -> RefundInputs {
    RefundInputs {
        mode: None,
        reason,
        payment: paid(10_000),
        refunded_before: cny(refunded_before),
        refund: paid(refund),
        paid_at: at("2026-06-01T00:00:00Z"),
        asked_at: at(asked_at),
    }
}

/// Who bears it where each bearer has ten yuan.
fn funded(grant: &Grant, refund: i64) -> Allocation {
    let has: Available = Bearer::ALL.into_iter().map(|bearer| (bearer, cny(1_000))).collect();
    terms().fund(grant, paid(refund), &has).unwrap().unwrap()
}

fn said(decision: &Decision, refund: i64) -> String {
    match decision {
        Decision::Granted(grant) => {
            let allocation = funded(grant, refund);
            let borne = allocation.borne().iter();
            let borne: Vec<String> =
                borne.map(|one| format!("{} {}", one.bearer, one.amount.minor_units())).collect();
            let short = allocation.short().minor_units();
            format!("{}: {}, short {short}", grant.rule, borne.join(", "))
        }
        Decision::Refused(Refusal { because, tried }) => {
            let tried: Vec<String> =
                tried.iter().map(|one| format!("{} {:?}", one.rule, one.misfit)).collect();
            format!("{because:?} after [{}]", tried.join(", "))
        }
    }
}

#[test]
fn the_first_rule_that_fits_decides_and_a_refusal_says_what_did_not_fit() {
    use RefundReason::{Damaged, NoReason, PaidTwice, ReturnFreight};
    let (day_7, later, day_16) =
        ("2026-06-08T00:00:00Z", "2026-06-08T00:00:00.000000001Z", "2026-06-17T00:00:00Z");
    let none = "NoRuleFits after";
    let table = [
        (
            Damaged,
            0,
            3_000,
            day_7,
            "small-damage: merchant_balance 1000, platform 1000, short 1000".to_owned(),
        ),
        (Damaged, 0, 3_001, day_7, "return: merchant_balance 1000, platform 1000, short 1001".to_owned()),
        (Damaged, 2_900, 101, day_7, "return: merchant_balance 101, platform 0, short 0".to_owned()),
        (Damaged, 0, 3_000, later, "return: merchant_balance 1000, platform 1000, short 1000".to_owned()),
        (
            NoReason,
            0,
            99,
            day_7,
            format!("{none} [small-damage Reason, return AmountTooSmall, freight Reason]"),
        ),
        (
            NoReason,
            9_000,
            1_001,
            day_7,
            format!("{none} [small-damage Reason, return TotalTooLarge, freight Reason]"),
        ),
        (NoReason, 0, 100, day_16, format!("{none} [small-damage Reason, return TooLate, freight Reason]")),
        (PaidTwice, 0, 1, day_7, format!("{none} [small-damage Reason, return Reason, freight Reason]")),
        (ReturnFreight, 10_000, 1_200, day_16, "freight: insurance 1000, short 200".to_owned()),
    ];
    for (reason, before, refund, asked_at, wanted) in table {
        let decision = terms().decide(&inputs(reason, before, refund, asked_at), |_| Applies::Yes).unwrap();
        assert_eq!(said(&decision, refund), wanted, "{reason:?} {before} {refund} {asked_at}");
    }
}

/// Whoever leaves an input out does not get to the next, more generous rule.
#[test]
fn a_condition_that_cannot_be_told_refuses() {
    let damaged = inputs(RefundReason::Damaged, 0, 1_000, "2026-06-02T00:00:00Z");
    let decide = |answer: &Applies| said(&terms().decide(&damaged, |_| answer.clone()).unwrap(), 1_000);
    let tier = || vec!["payer.tier".to_owned()];
    assert_eq!(
        decide(&Applies::Missing(tier())),
        r#"InputMissing { rule: small-damage, inputs: ["payer.tier"] } after []"#
    );
    assert_eq!(
        decide(&Applies::Failed("text".to_owned())),
        r#"ConditionFailed { rule: small-damage, text: "text" } after []"#
    );
    assert_eq!(decide(&Applies::No), "return: merchant_balance 1000, platform 0, short 0");
    let freight = inputs(RefundReason::ReturnFreight, 0, 1, "2026-06-02T00:00:00Z");
    let asked = terms().decide(&freight, |text| panic!("asked for {text:?} of a rule that does not fit"));
    assert!(matches!(asked, Ok(Decision::Granted(_))));
}

#[test]
fn a_mode_asked_for_leaves_the_others_out_and_times_count_from_the_request() {
    let mut damaged = inputs(RefundReason::Damaged, 0, 1_000, "2026-06-02T00:00:00Z");
    damaged.mode = Some(RefundMode::ReturnAndRefund);
    let Ok(Decision::Granted(grant)) = terms().decide(&damaged, |_| Applies::Yes) else {
        panic!("not granted")
    };
    assert_eq!((grant.rule.as_str(), grant.mode), ("return", RefundMode::ReturnAndRefund));
    assert_eq!(funded(&grant, 1_000).funding(), Funding::Full);
    assert_eq!(grant.deadline, at("2026-06-03T00:00:00Z"));
    assert_eq!(grant.appeal_until, at("2026-06-10T00:00:00Z"));
    let text = serde_json::to_string(&Decision::Granted(grant.clone())).unwrap();
    assert_eq!(serde_json::from_str::<Decision>(&text).unwrap(), Decision::Granted(grant));
}

/// Nobody asks for an automatic compensation: whoever leaves the mode out does not get one.
#[test]
fn an_automatic_compensation_is_only_granted_where_it_is_meant() {
    let compensating = TERMS.replacen("refund_without_return", "automatic_compensation", 1);
    let terms: RefundTerms = toml::from_str(&compensating).unwrap();
    let mut damaged = inputs(RefundReason::Damaged, 0, 1_000, "2026-06-02T00:00:00Z");
    for (mode, rule) in [
        (None, "return"),
        (Some(RefundMode::ReturnAndRefund), "return"),
        (Some(RefundMode::AutomaticCompensation), "small-damage"),
    ] {
        damaged.mode = mode;
        let Decision::Granted(grant) = terms.decide(&damaged, |_| Applies::Yes).unwrap() else {
            panic!("{mode:?} is not granted")
        };
        assert_eq!(grant.rule.as_str(), rule, "{mode:?}");
    }
    let missing_parts = inputs(RefundReason::MissingParts, 0, 1_000, "2026-06-02T00:00:00Z");
    let refused = said(&terms.decide(&missing_parts, |_| Applies::Yes).unwrap(), 1_000);
    assert_eq!(refused, "NoRuleFits after [small-damage Mode, return Reason, freight Reason]");
}

#[test]
fn inputs_that_contradict_each_other_are_an_error() {
    let right = inputs(RefundReason::Damaged, 0, 1_000, "2026-06-02T00:00:00Z");
    let decide =
        |inputs: &RefundInputs| terms().decide(inputs, |_| Applies::Yes).map_err(|wrong| wrong.to_string());
    let early = RefundInputs { asked_at: at("2026-05-31T00:00:00Z"), ..right.clone() };
    let wanted = "asked_at must not be before paid_at 2026-06-01T00:00:00Z, is 2026-05-31T00:00:00Z";
    assert_eq!(decide(&early), Err(wanted.to_owned()));
    let end = RefundInputs { paid_at: Timestamp::MAX, asked_at: Timestamp::MAX, ..right.clone() };
    assert!(decide(&end).unwrap_err().ends_with("is too late for a deadline after it"));
    let yen = RefundInputs { refunded_before: jpy(1), ..right.clone() };
    assert_eq!(decide(&yen), Err("refunded_before must be in CNY, is in JPY".to_owned()));
    let Ok(Decision::Granted(grant)) = decide(&right) else { panic!("not granted") };
    let fund = |grant: &Grant, has: &Available| {
        terms().fund(grant, right.refund, has).map(|funded| funded.map_err(|wrong| wrong.to_string()))
    };
    let unknown = fund(&grant, &Available::new()).unwrap().unwrap_err();
    assert!(unknown.starts_with("available.merchant_balance is missing"));
    let foreign = Grant { waterfall: WaterfallName::parse("theirs").unwrap(), ..grant };
    assert_eq!(fund(&foreign, &Available::new()), None);
}

#[test]
fn every_wrong_field_is_named_at_once() {
    let wrong = TERMS
        .replacen("\"merchant_balance\" }", "\"platform\" }", 1)
        .replacen("\"missing_parts\"", "\"damaged\"", 1)
        .replacen("300_000", "1_000_001", 1)
        .replacen("days_max = 7", "days_max = 4_000", 1)
        .replacen("payer.tier == 'gold'", " ", 1)
        .replacen("decide_within_s = 3_600", "decide_within_s = 31_622_401", 1)
        .replacen("waterfall = \"insured\"", "waterfall = \"other\"", 1)
        .replacen("total_max_ppm = 10_000_000", "total_max_ppm = 5_000\namount_min_ppm = 5_001", 1)
        .replacen("id = \"return\"", "id = \"small-damage\"", 1);
    let said = toml::from_str::<RefundTerms>(&wrong).unwrap_err().to_string();
    for part in [
        "waterfalls.merchant-first.bearers[1].bearer: must differ",
        "rules[1].id: must differ",
        "rules[0].reasons[1]: must differ",
        "rules[0].total_max_ppm: must be 1 to 1000000 for this mode",
        "rules[0].days_max: must be at most 3660",
        "rules[0].decide_within_s: must be at most 31622400 (366 days)",
        "rules[0].when: must be 1 to 1000 characters",
        "rules[2].amount_min_ppm: must be at most total_max_ppm",
        "rules[2].waterfall: must be one of the waterfalls: insured, merchant-first",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    for (from, to) in [("damaged", "dislike"), ("refund_without_return", "gift"), ("days_max", "days")] {
        assert!(toml::from_str::<RefundTerms>(&TERMS.replacen(from, to, 1)).is_err(), "{to}");
    }
    assert_eq!(toml::from_str::<RefundTerms>(&toml::to_string(&terms()).unwrap()).unwrap(), terms());
}

/// A set beyond its limits is told so and looked at no further; names are told once and not all of them.
#[test]
fn a_set_that_is_too_long_costs_one_fault() {
    let right = terms();
    let name = |at: usize| WaterfallName::parse(&format!("w{at:03}")).unwrap();
    let waterfalls = |count: usize| {
        (0..count).map(|at| (name(at), right.waterfalls().values().next().unwrap().bearers().to_vec()))
    };
    let told = |count: usize, rules: Vec<RefundRule>| {
        let faults = RefundTerms::new(Currency::CNY, waterfalls(count).collect(), rules).unwrap_err();
        faults.all().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let rule = RefundRule { when: Some(" ".to_owned()), ..right.rules()[0].clone() };
    assert_eq!(told(1, vec![rule.clone(); RULES_MAX + 1]), ["rules: must have 1 to 1000 entries, has 1001"]);
    assert_eq!(told(101, vec![rule.clone()]), ["waterfalls: must have 1 to 100 entries, has 101"]);
    assert_eq!(told(0, Vec::new()).len(), 2);

    let listed = "w000, w001, w002, w003, w004, w005, w006, w007, w008, w009 and 90 more";
    let unknown = told(100, vec![right.rules()[0].clone()]);
    assert_eq!(unknown, [format!("rules[0].waterfall: must be one of the waterfalls: {listed}")]);

    let reasons = vec![RefundReason::Late; 15];
    let many = RefundRule { reasons, waterfall: name(0), ..right.rules()[0].clone() };
    assert_eq!(told(1, vec![many]), ["rules[0].reasons: must have 1 to 14 entries, has 15"]);
}

fn any_inputs() -> impl Strategy<Value = RefundInputs> {
    use RefundReason::{Damaged, NoReason, PaidTwice, ReturnFreight};
    let reason = prop::sample::select(vec![Damaged, NoReason, PaidTwice, ReturnFreight]);
    (reason, payment(), 0..=1_000_000u32, 0..40 * 86_400i64).prop_map(|(reason, payment, ppm, after)| {
        let refund = crate::Ppm::new(ppm).unwrap().of_floor(payment.money()).minor_units().max(1);
        let paid_at = at("2026-06-01T00:00:00Z");
        RefundInputs {
            mode: None,
            reason,
            payment,
            refunded_before: cny(0),
            refund: paid(refund),
            paid_at,
            asked_at: paid_at + jiff::SignedDuration::from_secs(after),
        }
    })
}

fn granted(terms: &RefundTerms, inputs: &RefundInputs) -> Option<Grant> {
    match terms.decide(inputs, |_| Applies::Yes).unwrap() {
        Decision::Granted(grant) => Some(grant),
        Decision::Refused(_) => None,
    }
}

proptest! {
    #[test]
    fn a_grant_is_borne_exactly_and_within_its_rule(inputs in any_inputs(), has in prop::collection::vec(amount(), 5)) {
        let terms = terms();
        let Some(grant) = granted(&terms, &inputs) else { return Ok(()) };
        let rule = terms.rules().iter().find(|rule| rule.id == grant.rule).unwrap();
        prop_assert!(rule.reasons.contains(&inputs.reason) && rule.mode == grant.mode);
        let has: Available = Bearer::ALL.into_iter().zip(has).collect();
        let allocation = terms.fund(&grant, inputs.refund, &has).unwrap().unwrap();
        let borne: i64 = allocation.borne().iter().map(|one| one.amount.minor_units()).sum();
        prop_assert_eq!(borne + allocation.short().minor_units(), inputs.refund.minor_units());
        let most = i128::from(inputs.payment.minor_units()) * i128::from(rule.total_max_ppm);
        prop_assert!(i128::from(inputs.refund.minor_units()) * 1_000_000 <= most);
        prop_assert!(inputs.asked_at <= grant.deadline && grant.deadline <= grant.appeal_until);
        prop_assert_eq!(granted(&terms, &inputs), Some(grant), "the same inputs, the same decision");
    }

    /// Many small refunds get no more than one large: the bound is of the total.
    #[test]
    fn any_sequence_of_refunds_stays_within_the_rule(inputs in any_inputs(), cuts in cuts()) {
        let terms = terms();
        let mut without_return: i64 = 0;
        let mut total: i64 = 0;
        // Twice the payment is asked for, piece by piece.
        for (_, refund) in [refunds_of(inputs.payment, &cuts), refunds_of(inputs.payment, &cuts)].concat() {
            let Ok(refunded_before) = Money::new(total, Currency::CNY) else { break };
            let asked = RefundInputs { refund, refunded_before, ..inputs.clone() };
            if asked.refunded_before.checked_add(refund.money()).is_none() {
                break;
            }
            let Some(grant) = granted(&terms, &asked) else { continue };
            total += refund.minor_units();
            without_return += if grant.rule.as_str() == "small-damage" { refund.minor_units() } else { 0 };
        }
        let payment = inputs.payment.money();
        let covers_freight = inputs.reason == RefundReason::ReturnFreight;
        prop_assert!(covers_freight || total <= payment.minor_units());
        prop_assert!(i128::from(without_return) * 10 <= i128::from(payment.minor_units()) * 3);
    }
}
