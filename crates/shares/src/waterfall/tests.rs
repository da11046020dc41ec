//! Funding as tables, and its laws for any bearers, facts, shortages and sequence of reversals.

use proptest::prelude::*;

use super::*;
use crate::testing::{amount, cny, cuts, jpy, paid, payment, refunds_of};

const RULES: &str = r#"
    currency = "CNY"
    bearers = [
        { bearer = "merchant_balance" },
        { bearer = "unsettled_funds", cap_ppm = 500_000 },
        { bearer = "platform", cap_ppm = 300_000, cap_minor = 200 },
    ]
"#;

fn rules() -> Waterfall {
    toml::from_str(RULES).unwrap()
}

fn available(amounts: [i64; 3]) -> Available {
    Bearer::ALL.into_iter().zip(amounts.map(cny)).collect()
}

fn minors(allocation: &Allocation) -> Vec<i64> {
    let borne = allocation.borne().iter().map(|borne| borne.amount.minor_units());
    borne.chain([allocation.short().minor_units()]).collect()
}

#[test]
fn bearers_stand_in_for_each_other_within_their_caps() {
    let table = [
        (1_000, [2_000, 0, 0], [1_000, 0, 0, 0], Funding::Full),
        (1_000, [300, 2_000, 2_000], [300, 500, 200, 0], Funding::Full),
        (1_000, [0, 2_000, 2_000], [0, 500, 200, 300], Funding::Short(paid(300))),
        (101, [0, 2_000, 2_000], [0, 50, 30, 21], Funding::Short(paid(21))),
        (1, [0, 1, 1], [0, 0, 0, 1], Funding::Short(paid(1))),
    ];
    for (refund, has, wanted, funding) in table {
        let allocation = rules().fund(paid(refund), &available(has)).unwrap();
        assert_eq!(minors(&allocation), wanted, "{refund} of {has:?}");
        assert_eq!(allocation.funding(), funding, "{refund} of {has:?}");
    }
}

#[test]
fn a_shortage_is_filled_later_in_the_same_order_and_under_the_same_limits() {
    let short = rules().fund(paid(1_000), &available([0, 100, 0])).unwrap();
    assert_eq!((minors(&short), short.funding()), (vec![0, 100, 0, 900], Funding::Short(paid(900))));
    let more = short.top_up(&available([50, 1_000, 1_000])).unwrap();
    assert_eq!(minors(&more), [50, 500, 200, 250]);
    let full = more.top_up(&available([250, 0, 0])).unwrap();
    assert_eq!((minors(&full), full.funding()), (vec![300, 500, 200, 0], Funding::Full));
    assert_eq!(full.top_up(&available([9, 9, 9])), Ok(full.clone()), "nothing is short any more");
}

#[test]
fn a_reversal_pays_the_last_bearer_first() {
    let allocation = rules().fund(paid(1_000), &available([300, 2_000, 2_000])).unwrap();
    let reversal = allocation.reverse(paid(250)).unwrap();
    assert_eq!(reversal.back, [(Bearer::Platform, paid(200)), (Bearer::UnsettledFunds, paid(50))]);
    assert_eq!((minors(&reversal.left), reversal.left.reversed()), (vec![300, 450, 0, 0], cny(250)));
    let said = reversal.left.reverse(paid(751)).map_err(|wrong| wrong.to_string());
    assert_eq!(said, Err("the reversed amount must be at most 7.50 CNY, is 7.51 CNY".to_owned()));
    assert!(allocation.reverse(PositiveMoney::try_from(jpy(1)).unwrap()).is_err());
}

/// What was paid back has no bearer: such a refund is neither full nor filled up again.
#[test]
fn a_reversed_refund_is_not_funded_and_cannot_be_topped_up() {
    let full = rules().fund(paid(1_000), &available([300, 2_000, 2_000])).unwrap();
    let short = rules().fund(paid(1_000), &available([0, 2_000, 0])).unwrap();
    for (allocation, amount, borne) in [
        (&full, 1_000, vec![0, 0, 0, 0]),
        (&full, 1, vec![300, 500, 199, 0]),
        (&short, 500, vec![0, 0, 0, 500]),
    ] {
        let left = allocation.reverse(paid(amount)).unwrap().left;
        assert_eq!(minors(&left), borne);
        assert_eq!(left.funding(), Funding::Reversed(paid(amount)));
        let said = left.top_up(&available([9_000; 3])).map_err(|wrong| wrong.to_string());
        let wanted = format!("{} of the refund was reversed; fund it anew", cny(amount));
        assert_eq!(said, Err(wanted));
        let text = serde_json::to_string(&left).unwrap();
        assert_eq!(serde_json::from_str::<Allocation>(&text).unwrap().funding(), left.funding());
    }
}

#[test]
fn what_a_bearer_has_is_never_guessed() {
    let mut facts = available([1_000, 0, 0]);
    facts.remove(&Bearer::Platform);
    let said = rules().fund(paid(1), &facts).map_err(|wrong| wrong.to_string()).map(|_| ());
    let wanted = "available.platform is missing; what a bearer has is never guessed";
    assert_eq!(said, Err(wanted.to_owned()));
    facts.insert(Bearer::Platform, jpy(1));
    assert!(rules().fund(paid(1), &facts).is_err());
    assert!(rules().fund(PositiveMoney::try_from(jpy(1)).unwrap(), &available([0; 3])).is_err());
}

#[test]
fn wrong_rules_are_named_and_right_ones_survive_their_stored_form() {
    let twice = RULES.replace("unsettled_funds", "merchant_balance");
    let said = toml::from_str::<Waterfall>(&twice).unwrap_err().to_string();
    assert!(said.contains("bearers[1].bearer: must differ"), "{said}");
    assert!(toml::from_str::<Waterfall>("currency = \"CNY\"\nbearers = []").is_err());
    assert_eq!(toml::from_str::<Waterfall>(&toml::to_string(&rules()).unwrap()).unwrap(), rules());
    for bearer in Bearer::ALL {
        assert_eq!(serde_json::to_string(&bearer).unwrap(), format!("\"{bearer}\""));
    }
    let allocation = rules().fund(paid(100), &available([9, 9, 9])).unwrap();
    let text = serde_json::to_string(&allocation).unwrap();
    assert_eq!(serde_json::from_str::<Allocation>(&text).unwrap(), allocation);
    let above_its_limit = (r#""limit":{"minor":30"#, r#""limit":{"minor":8"#);
    let short = (r#""short":{"minor":73"#, r#""short":{"minor":72"#);
    for (from, to) in [above_its_limit, short, ("platform", "merchant_balance")] {
        let wrong = text.replacen(from, to, 1);
        assert!(wrong != text && serde_json::from_str::<Allocation>(&wrong).is_err(), "{to}");
    }
}

fn any_waterfall() -> impl Strategy<Value = Waterfall> {
    let cap = (prop::option::of(amount()), prop::option::of(0..=1_000_000u32));
    let order = Just(Bearer::ALL.to_vec()).prop_shuffle();
    (order, prop::collection::vec(cap, 1..=5)).prop_map(|(order, caps)| {
        let bearers = order.into_iter().zip(caps).map(|(bearer, (minor, ppm))| BearerRule {
            bearer,
            cap_minor: minor.and_then(|cap| Minor::new(cap.minor_units()).ok()),
            cap_ppm: ppm.and_then(|ppm| Ppm::new(ppm).ok()),
        });
        Waterfall::new(Currency::CNY, bearers.collect()).unwrap()
    })
}

fn any_available() -> impl Strategy<Value = Available> {
    prop::collection::vec(amount(), 5).prop_map(|amounts| Bearer::ALL.into_iter().zip(amounts).collect())
}

fn total(allocation: &Allocation) -> i64 {
    let borne: i64 = allocation.borne().iter().map(|borne| borne.amount.minor_units()).sum();
    borne + allocation.short().minor_units() + allocation.reversed().minor_units()
}

proptest! {
    #[test]
    fn every_fen_has_a_bearer_or_is_short(
        waterfall in any_waterfall(),
        refund in payment(),
        facts in prop::collection::vec(any_available(), 1..4),
    ) {
        let mut allocation = waterfall.fund(refund, &facts[0]).unwrap();
        for (at, has) in facts.iter().enumerate() {
            let before = allocation.clone();
            if at > 0 {
                allocation = before.top_up(has).unwrap();
            }
            prop_assert_eq!(total(&allocation), refund.minor_units());
            let mut earlier_could_bear_more = false;
            for (at_bearer, (rule, borne)) in waterfall.bearers().iter().zip(allocation.borne()).enumerate() {
                let old = if at > 0 { before.borne()[at_bearer].amount.minor_units() } else { 0 };
                let more = borne.amount.minor_units() - old;
                let has = has[&borne.bearer].minor_units();
                prop_assert!((0..=has).contains(&more));
                prop_assert!(borne.amount.minor_units() <= rule.limit(refund).minor_units());
                prop_assert!(!(more > 0 && earlier_could_bear_more), "the order was not kept");
                earlier_could_bear_more |=
                    more < has && borne.amount.minor_units() < borne.limit.minor_units();
            }
            prop_assert!(allocation.short().minor_units() == 0 || !earlier_could_bear_more);
        }
    }

    /// Any cutting of a reversal into steps pays each bearer the same, and all of it pays all of them back.
    #[test]
    fn reversals_are_exact_and_only_their_total_counts(
        waterfall in any_waterfall(),
        refund in payment(),
        has in any_available(),
        cuts in cuts(),
    ) {
        let allocation = waterfall.fund(refund, &has).unwrap();
        let borne = refund.minor_units() - allocation.short().minor_units();
        let Ok(borne) = PositiveMoney::new(borne, Currency::CNY) else { return Ok(()) };
        let mut left = allocation.clone();
        let mut back: Available = BTreeMap::new();
        for (before, amount) in refunds_of(borne, &cuts) {
            let at_once = PositiveMoney::new(before.minor_units() + amount.minor_units(), Currency::CNY);
            let reversal = left.reverse(amount).unwrap();
            prop_assert_eq!(reversal.back.iter().map(|(_, one)| one.minor_units()).sum::<i64>(), amount.minor_units());
            for (bearer, one) in &reversal.back {
                let sum = back.entry(*bearer).or_insert(cny(0));
                *sum = sum.checked_add(one.money()).unwrap();
            }
            left = reversal.left;
            prop_assert_eq!(&left, &allocation.reverse(at_once.unwrap()).unwrap().left);
            prop_assert_eq!(total(&left), refund.minor_units());
        }
        for borne in allocation.borne() {
            prop_assert_eq!(back.get(&borne.bearer).copied().unwrap_or(cny(0)), borne.amount);
        }
        prop_assert!(left.reverse(paid(1)).is_err());
    }

    #[test]
    fn only_facts_about_its_own_bearers_count(
        waterfall in any_waterfall(),
        refund in payment(),
        has in any_available(),
        other in amount(),
    ) {
        let allocation = waterfall.fund(refund, &has);
        let mut changed = has;
        for bearer in Bearer::ALL {
            if waterfall.bearers().iter().all(|rule| rule.bearer != bearer) {
                changed.insert(bearer, other);
            }
        }
        prop_assert_eq!(waterfall.fund(refund, &changed), allocation);
    }
}
