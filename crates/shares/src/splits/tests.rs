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

/// Every condition holds.
fn all(_: &str) -> Applies {
    Applies::Yes
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
        assert_eq!(minors(&rules().divide(paid(fen), all).unwrap().amounts()), wanted, "{fen}");
    }
}

#[test]
fn over_allocation_names_the_receiver_at_which_it_broke() {
    let said = rules().divide(paid(100), all).map_err(|wrong| wrong.to_string());
    let wanted =
        "receivers[1].amount_minor: delivery gets 5.00 CNY, but only 0.75 CNY of 1.00 CNY is left for it";
    assert_eq!(said.map(|_| ()), Err(wanted.to_owned()));
    assert!(rules().divide(PositiveMoney::try_from(jpy(1_000)).unwrap(), all).is_err());
}

/// Receivers whose condition does not hold get nothing and are none of the payment's; what cannot be told refuses.
#[test]
fn a_receiver_gets_its_part_where_its_condition_holds() {
    let text = RULES
        .replace("receiver = \"streamer\",", "receiver = \"streamer\", when = \"live\",")
        .replace("receiver = \"delivery\",", "receiver = \"delivery\", when = \"heavy\",");
    let rules: SplitRules = toml::from_str(&text).unwrap();
    let divided = |yes: &[&str]| {
        let applies = |when: &str| if yes.contains(&when) { Applies::Yes } else { Applies::No };
        let split = rules.divide(paid(10_000), applies).unwrap();
        let names = split.amounts().receivers.into_iter().map(|(name, _)| name.to_string());
        (names.collect::<Vec<_>>().join(" "), minors(&split.amounts()), split)
    };
    let (names, amounts, _) = divided(&["live", "heavy"]);
    assert_eq!((names.as_str(), amounts), ("commission delivery streamer", vec![500, 500, 2_000, 7_000]));
    let (names, amounts, split) = divided(&["heavy"]);
    assert_eq!((names.as_str(), amounts), ("commission delivery", vec![500, 500, 9_000]));
    let back = split.next([], paid(10_000)).unwrap();
    assert_eq!(minors(&back), [500, 0, 9_500], "a refund follows what was divided");
    let (names, amounts, _) = divided(&[]);
    assert_eq!((names.as_str(), amounts), ("commission", vec![500, 9_500]));

    let wrong = |answer: Applies| rules.divide(paid(10_000), |_| answer.clone()).unwrap_err().to_string();
    let lacks = vec!["product.live_room".to_owned(), "payer.tier".to_owned()];
    assert_eq!(
        wrong(Applies::Missing(lacks)),
        "receiver delivery cannot be told without product.live_room, payer.tier"
    );
    assert_eq!(wrong(Applies::Failed("no".to_owned())), "the condition of receiver delivery fails: no");
    // The place is that among the rules, also where a receiver before it is none.
    let over = rules.divide(paid(100), |when| if when == "heavy" { Applies::Yes } else { Applies::No });
    assert!(over.unwrap_err().to_string().starts_with("receivers[1].amount_minor: delivery gets 5.00"));
    let blank = toml::from_str::<SplitRules>(&text.replace("\"live\"", "\" \"")).unwrap_err().to_string();
    assert!(blank.contains("receivers[2].when: must have 1 to 1000 characters"), "{blank}");
    let stored = toml::to_string(&rules).unwrap();
    assert_eq!(toml::from_str::<SplitRules>(&stored).unwrap(), rules);
    assert!(
        !toml::to_string(&self::rules()).unwrap().contains("when"),
        "nothing is said where there is none"
    );
}

#[test]
fn what_a_receiver_keeps_the_merchant_gives_back() {
    let split = rules().divide(paid(10_000), all).unwrap();
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
    let split = rules().divide(paid(999), all).unwrap();
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
        when: None,
    }
}

/// Whether the condition of the receiver of that number holds: a bit for each.
fn said(when: &str, holds: u64) -> Applies {
    let at: u32 = when.parse().unwrap();
    if holds & (1 << at) == 0 { Applies::No } else { Applies::Yes }
}

/// Any receivers; fixed amounts are small, so that most payments suffice.
fn any_rules() -> impl Strategy<Value = SplitRules> {
    let one = (prop::option::of(0..30_000u32), 0..300i64, any::<bool>(), any::<bool>());
    prop::collection::vec(one, 0..33).prop_map(|receivers| {
        let receivers =
            receivers.into_iter().enumerate().map(|(at, (share, minor, keep, asks))| ReceiverRule {
                when: asks.then(|| at.to_string()),
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
        holds: u64,
    ) {
        let split = match rules.divide(payment, |when| said(when, holds)) {
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
        let holds = |when: &str| said(when, holds) == Applies::Yes;
        let is_one = |rule: &&ReceiverRule| rule.when.as_deref().is_none_or(holds);
        let receivers: Vec<&ReceiverRule> = rules.receivers().iter().filter(is_one).collect();
        prop_assert_eq!(receivers.len() + 1, given.len());
        for (rule, minor) in receivers.iter().zip(&given) {
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
        for ((rule, given), back) in receivers.iter().zip(&given).zip(&back) {
            let keeps = rule.on_refund == OnRefund::Keep;
            prop_assert_eq!(*back, if keeps { 0 } else { *given });
            kept += if keeps { *given } else { 0 };
        }
        prop_assert_eq!(back.last().copied(), given.last().map(|merchant| merchant + kept));
    }
}
