//! Splits as tables, and their laws for any rules, payment and sequence of refunds.

use proptest::prelude::*;

use super::*;
use crate::testing::{cny, cuts, jpy, paid, payment, refunds_of};

const RULES: &str = r#"
    currency = "CNY"
    receivers = [
        { receiver = "commission", share_ppm = 50_000, on_refund = "proportional" },
        { receiver = "delivery", amount_minor = 500, on_refund = "keep" },
        { receiver = "streamer", share_ppm = 200_000, on_refund = "proportional" },
    ]
"#;

fn rules() -> SplitRules {
    toml::from_str(RULES).unwrap()
}

fn minors(amounts: &SplitAmounts) -> Vec<i64> {
    let receivers = amounts.receivers.iter().map(|(_, amount)| amount.minor_units());
    receivers.chain([amounts.merchant.minor_units()]).collect()
}

#[test]
fn shares_are_of_the_whole_and_the_rest_is_the_merchants() {
    for (fen, wanted) in [
        (10_000, [500, 500, 2_000, 7_000]),
        (10_001, [500, 500, 2_000, 7_001]),
        (10_010, [501, 500, 2_002, 7_007]),
        (667, [33, 500, 134, 0]),
    ] {
        assert_eq!(minors(&rules().divide(paid(fen)).unwrap().amounts()), wanted, "{fen}");
    }
}

#[test]
fn over_allocation_names_the_receiver_at_which_it_broke() {
    let said = rules().divide(paid(100)).map_err(|wrong| wrong.to_string());
    let wanted =
        "receivers[1].amount_minor: delivery gets 5.00 CNY, but only 0.75 CNY of 1.00 CNY is left for it";
    assert_eq!(said.map(|_| ()), Err(wanted.to_owned()));
    assert!(rules().divide(PositiveMoney::try_from(jpy(1_000)).unwrap()).is_err());
}

#[test]
fn what_a_receiver_keeps_the_merchant_gives_back() {
    let split = rules().divide(paid(10_000)).unwrap();
    assert_eq!(minors(&split.give_back(cny(0), paid(10_000)).unwrap()), [500, 0, 2_000, 7_500]);
    assert_eq!(minors(&split.give_back(cny(0), paid(5_000)).unwrap()), [250, 0, 1_000, 3_750]);
    assert!(split.give_back(cny(1), paid(10_000)).is_err() && split.give_back(jpy(0), paid(1)).is_err());
}

#[test]
fn every_wrong_field_is_named_at_once() {
    let wrong = r#"
        currency = "CNY"
        receivers = [
            { receiver = "a", share_ppm = 700_000, on_refund = "keep" },
            { receiver = "a", share_ppm = 300_001, on_refund = "keep" },
            { receiver = "b", share_ppm = 1, amount_minor = 1, on_refund = "keep" },
            { receiver = "c", on_refund = "keep" },
            { receiver = "fee", amount_minor = 1, on_refund = "keep" },
        ]
    "#;
    let said = toml::from_str::<SplitRules>(wrong).unwrap_err().to_string();
    for part in [
        "receivers[1].receiver: must differ",
        "receivers[1].share_ppm: must be at most 300000,",
        "receivers[2]: must have either amount_minor or share_ppm",
        "receivers[3]: must have either amount_minor or share_ppm",
        "receivers[4].receiver: must not be fee",
    ] {
        assert!(said.contains(part), "{said}");
    }
    let many = SplitRules::new(Currency::CNY, (0..99).map(|at| fixed(at, 0)).collect());
    assert!(many.unwrap_err().to_string().contains("receivers: must have 0 to 98 entries"));
}

#[test]
fn rules_and_splits_survive_their_stored_form() {
    let text = toml::to_string(&rules()).unwrap();
    assert_eq!(toml::from_str::<SplitRules>(&text).unwrap(), rules());
    let split = rules().divide(paid(999)).unwrap();
    let text = serde_json::to_string(&split).unwrap();
    assert_eq!(serde_json::from_str::<Split>(&text).unwrap(), split);
    let short = text.replacen(r#"["commission","proportional"],"#, "", 1);
    assert!(short != text && serde_json::from_str::<Split>(&short).is_err());
}

fn fixed(at: usize, minor: i64) -> ReceiverRule {
    ReceiverRule {
        receiver: Receiver::parse(&format!("receiver-{at}")).unwrap(),
        amount_minor: Some(Minor::new(minor).unwrap()),
        share_ppm: None,
        on_refund: OnRefund::Keep,
    }
}

/// Any receivers; fixed amounts are small, so that most payments suffice.
fn any_rules() -> impl Strategy<Value = SplitRules> {
    let one = (prop::option::of(0..30_000u32), 0..300i64, any::<bool>());
    prop::collection::vec(one, 0..33).prop_map(|receivers| {
        let receivers = receivers.into_iter().enumerate().map(|(at, (share, minor, keep))| ReceiverRule {
            amount_minor: if share.is_some() { None } else { Minor::new(minor).ok() },
            share_ppm: share.and_then(|ppm| Ppm::new(ppm).ok()),
            on_refund: if keep { OnRefund::Keep } else { OnRefund::Proportional },
            ..fixed(at, 0)
        });
        SplitRules::new(Currency::CNY, receivers.collect()).unwrap()
    })
}

proptest! {
    #[test]
    fn a_split_is_exact_and_any_refunds_give_it_back_exactly(
        rules in any_rules(),
        payment in payment(),
        cuts in cuts(),
    ) {
        let split = match rules.divide(payment) {
            Ok(split) => split,
            Err(SplitError::OverAllocated { wanted, left, .. }) => {
                prop_assert!(wanted.minor_units() > left.minor_units());
                return Ok(());
            }
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        };
        let given = minors(&split.amounts());
        prop_assert_eq!(given.iter().sum::<i64>(), payment.minor_units());
        prop_assert!(given.iter().all(|minor| *minor >= 0));
        for (rule, minor) in rules.receivers().iter().zip(&given) {
            let exact = i128::from(payment.minor_units()) * i128::from(rule.share());
            let near = (i128::from(*minor) * 1_000_000 - exact).abs() < 1_000_000;
            prop_assert!(rule.amount_minor.map_or(near, |fixed| fixed.get() == *minor));
        }
        let mut back = vec![0; given.len()];
        for (before, refund) in refunds_of(payment, &cuts) {
            let step = minors(&split.give_back(before, refund).unwrap());
            prop_assert_eq!(step.iter().sum::<i64>(), refund.minor_units());
            prop_assert!(step.iter().all(|minor| *minor >= 0));
            back.iter_mut().zip(&step).for_each(|(back, minor)| *back += minor);
        }
        let mut kept = 0;
        for ((rule, given), back) in rules.receivers().iter().zip(&given).zip(&back) {
            let keeps = rule.on_refund == OnRefund::Keep;
            prop_assert_eq!(*back, if keeps { 0 } else { *given });
            kept += if keeps { *given } else { 0 };
        }
        prop_assert_eq!(back.last().copied(), given.last().map(|merchant| merchant + kept));
    }
}
