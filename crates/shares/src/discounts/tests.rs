//! Discounts as tables, and their laws for any rules, price, budgets and sequence of refunds.

use proptest::prelude::*;

use super::*;
use crate::testing::{amount, cny, cuts, jpy, paid, payment, refunds_of};

const RULES: &str = r#"
    currency = "CNY"
    rules = [
        { id = "festival", funder = "platform_a", rate_ppm = 100_000, cap_minor = 5_000, budgeted = true },
        { id = "coupon", funder = "merchant", amount_minor = 300, budgeted = false },
        { id = "wallet", funder = "platform_b", rate_ppm = 50_000, budgeted = false },
    ]
"#;

fn anything() -> DiscountInputs {
    DiscountInputs { category: None, wallet: None, at: Timestamp::UNIX_EPOCH }
}

fn rules() -> DiscountRules {
    toml::from_str(RULES).unwrap()
}

fn budget(fen: i64) -> BTreeMap<DiscountId, Money> {
    [(DiscountId::parse("festival").unwrap(), cny(fen))].into()
}

fn said(discounted: &Discounted) -> String {
    let one = |given: &Given| {
        let bound = given.bound.map_or(String::new(), |bound| format!(" {bound:?}"));
        format!("{}{bound}", given.amount.minor_units())
    };
    let given: Vec<String> = discounted.given().iter().map(one).collect();
    format!("{} | {}", given.join(", "), discounted.payable().minor_units())
}

#[test]
fn discounts_apply_in_order_within_their_bounds() {
    let table = [
        (10_000, 10_000, "1000, 300, 435 | 8265"),
        (100_000, 10_000, "5000 Cap, 300, 4735 | 89965"),
        (100_000, 4_999, "4999 Budget, 300, 4735 | 89966"),
        (10_000, 0, "0 Budget, 300, 485 | 9215"),
        (100, 10_000, "10, 89 Price, 0 | 1"),
        // 1.9 fen is 1: nobody funds more than was promised.
        (19, 10_000, "1, 17 Price, 0 | 1"),
        (1, 10_000, "0, 0 Price, 0 | 1"),
    ];
    for (price, left, wanted) in table {
        let discounted = rules().apply(paid(price), &anything(), &budget(left), |_| Applies::Yes).unwrap();
        assert_eq!(said(&discounted), wanted, "{price} with {left}");
        let rest = discounted.given()[0].budget_left.map(Money::minor_units);
        assert_eq!(rest, Some(left - discounted.given()[0].amount.minor_units()));
    }
}

#[test]
fn a_discount_is_given_only_where_it_is_known_to_fit() {
    let rules: DiscountRules = toml::from_str(
        r#"
        currency = "CNY"
        rules = [{ id = "d", funder = "rail", amount_minor = 1, budgeted = false, wallet = "alipay", category = "books",
            from = "2026-11-01T00:00:00+08:00", until = "2026-11-12T00:00:00+08:00", when = "gold" }]
        "#,
    )
    .unwrap();
    let told = |wallet: Option<&str>, category: Option<&str>, at: &str, gold: Applies| {
        let wallet = wallet.map(|name| Wallet::parse(name).unwrap());
        let category = category.map(|name| Category::parse(name).unwrap());
        let inputs = DiscountInputs { category, wallet, at: at.parse().unwrap() };
        let given = rules.apply(paid(10), &inputs, &BTreeMap::new(), |_| gold.clone());
        given.map(|given| given.given().len()).map_err(|error| error.to_string())
    };
    let (on, books) = ("2026-11-11T00:00:00+08:00", Some("books"));
    let missing = || Applies::Missing(vec!["payer.tier".to_owned()]);
    let table = [
        (told(Some("alipay"), books, on, Applies::Yes), Ok(1)),
        (told(Some("alipay"), books, on, Applies::No), Ok(0)),
        (told(Some("wechatpay"), None, on, missing()), Ok(0)),
        (told(Some("alipay"), Some("toys"), on, missing()), Ok(0)),
        (told(None, None, "2026-11-12T00:00:00+08:00", missing()), Ok(0)),
        (told(None, None, "2026-10-31T23:59:59+08:00", missing()), Ok(0)),
        (
            told(Some("alipay"), None, on, missing()),
            Err("discount d cannot be told without category, payer.tier".to_owned()),
        ),
        (
            told(Some("alipay"), books, on, Applies::Failed("no".into())),
            Err("the condition of discount d fails: no".to_owned()),
        ),
    ];
    for (at, (told, wanted)) in table.into_iter().enumerate() {
        assert_eq!(told, wanted, "row {at}");
    }
}

#[test]
fn a_budget_that_nobody_handed_in_is_an_error() {
    let missing = rules()
        .apply(paid(100), &anything(), &BTreeMap::new(), |_| Applies::Yes)
        .map_err(|wrong| wrong.to_string());
    assert_eq!(missing, Err("the rest of the budget of discount festival is missing".to_owned()));
    let other = BTreeMap::from([(DiscountId::parse("festival").unwrap(), jpy(1))]);
    assert!(rules().apply(paid(100), &anything(), &other, |_| Applies::Yes).is_err());
    assert!(
        rules()
            .apply(PositiveMoney::try_from(jpy(1)).unwrap(), &anything(), &budget(1), |_| Applies::Yes)
            .is_err()
    );
}

#[test]
fn a_refund_gives_back_by_funder() {
    let discounted = rules().apply(paid(10_000), &anything(), &budget(10_000), |_| Applies::Yes).unwrap();
    let half = discounted.give_back(cny(0), paid(4_132)).unwrap();
    let amounts: Vec<i64> = half.iter().map(|back| back.amount.minor_units()).collect();
    assert_eq!(amounts, [500, 150, 217]);
    assert_eq!(by_funder(&half).unwrap()[&Funder::PlatformB], cny(217));
    assert_eq!(discounted.by_funder()[&Funder::PlatformA], cny(1_000));
    assert!(
        discounted.give_back(cny(1), paid(8_265)).is_err() && discounted.give_back(jpy(0), paid(1)).is_err()
    );
}

/// Anybody may make such a list; what cannot be added up is an error.
#[test]
fn amounts_that_cannot_be_added_by_funder_are_an_error() {
    let back =
        |funder, amount| GivenBack { id: DiscountId::parse("d").unwrap(), funder, amount, budgeted: false };
    let most = cny(paifang_money::MINOR_UNITS_MAX);
    let said = |list: &[GivenBack]| by_funder(list).map_err(|wrong| wrong.to_string());
    let mixed = Err("amounts by funder must be in CNY, is in JPY".to_owned());
    assert_eq!(said(&[back(Funder::Rail, cny(1)), back(Funder::Rail, jpy(1))]), mixed);
    assert_eq!(said(&[back(Funder::Rail, cny(1)), back(Funder::Merchant, jpy(0))]), mixed);
    let too_much = said(&[back(Funder::Rail, most), back(Funder::Rail, cny(1))]);
    assert_eq!(
        too_much,
        Err("the sum of amounts by funder must be at most 1000000000000000 minor units".to_owned())
    );
    assert_eq!(said(&[back(Funder::Rail, most), back(Funder::Merchant, most)]).map(|all| all.len()), Ok(2));
    assert_eq!(said(&[]), Ok(BTreeMap::new()));
}

#[test]
fn every_wrong_field_is_named_at_once() {
    let wrong = r#"
        currency = "CNY"
        rules = [
            { id = "a", funder = "rail", rate_ppm = 1, amount_minor = 1, budgeted = false },
            { id = "a", funder = "creator", budgeted = false },
        ]
    "#;
    let said = toml::from_str::<DiscountRules>(wrong).unwrap_err().to_string();
    for part in ["rules[1].id: must differ", "rules[0]: must have either", "rules[1]: must have either"] {
        assert!(said.contains(part), "{said}");
    }
    assert!(toml::from_str::<DiscountRules>(&RULES.replace("platform_a", "somebody")).is_err());
}

#[test]
fn rules_and_answers_survive_their_stored_form() {
    let text = toml::to_string(&rules()).unwrap();
    assert_eq!(toml::from_str::<DiscountRules>(&text).unwrap(), rules());
    let discounted = rules().apply(paid(999), &anything(), &budget(7), |_| Applies::Yes).unwrap();
    let text = serde_json::to_string(&discounted).unwrap();
    assert_eq!(serde_json::from_str::<Discounted>(&text).unwrap(), discounted);
    let mixed = text.replacen("CNY", "JPY", 1);
    assert!(mixed != text && serde_json::from_str::<Discounted>(&mixed).is_err());
}

type Any = (DiscountRules, BTreeMap<DiscountId, Money>);

fn any_rules() -> impl Strategy<Value = Any> {
    let funder = prop::sample::select(vec![
        Funder::Rail,
        Funder::PlatformA,
        Funder::PlatformB,
        Funder::Merchant,
        Funder::Creator,
    ]);
    let rate = prop::option::of(prop_oneof![0..100_000u32, 0..=1_000_000u32]);
    let one = (funder, rate, amount(), prop::option::of(amount()), prop::option::of(amount()));
    prop::collection::vec(one, 0..8).prop_map(|rules| {
        let mut budgets = BTreeMap::new();
        let mut checked = Vec::new();
        for (at, (funder, rate, fixed, cap, budget)) in rules.into_iter().enumerate() {
            let id = DiscountId::parse(&format!("d{at}")).unwrap();
            budget.map(|left| budgets.insert(id.clone(), left));
            checked.push(DiscountRule {
                id,
                funder,
                rate_ppm: rate.and_then(|ppm| Ppm::new(ppm).ok()),
                amount_minor: if rate.is_some() { None } else { Minor::new(fixed.minor_units()).ok() },
                cap_minor: cap.and_then(|cap| Minor::new(cap.minor_units()).ok()),
                budgeted: budget.is_some(),
                wallet: None,
                category: None,
                from: None,
                until: None,
                when: None,
            });
        }
        (DiscountRules::new(Currency::CNY, checked).unwrap(), budgets)
    })
}

proptest! {
    #[test]
    fn a_price_is_paid_exactly_by_payer_and_funders_and_goes_back_exactly(
        (rules, budgets) in any_rules(),
        price in payment(),
        cuts in cuts(),
    ) {
        let discounted = rules.apply(price, &anything(), &budgets, |_| Applies::Yes).unwrap();
        let given: Vec<i64> = discounted.given().iter().map(|given| given.amount.minor_units()).collect();
        prop_assert_eq!(given.iter().sum::<i64>() + discounted.payable().minor_units(), price.minor_units());
        for (rule, given) in rules.rules().iter().zip(discounted.given()) {
            let minor = given.amount.minor_units();
            prop_assert!(minor >= 0 && rule.cap_minor.is_none_or(|cap| minor <= cap.get()));
            let before = budgets.get(&rule.id).map(|left| left.minor_units() - minor);
            prop_assert_eq!(before, given.budget_left.map(Money::minor_units));
        }
        let mut back = vec![0; given.len()];
        for (before, refund) in refunds_of(discounted.payable(), &cuts) {
            let step = discounted.give_back(before, refund).unwrap();
            let sum: i64 = step.iter().map(|back| back.amount.minor_units()).sum();
            let funders: i64 = by_funder(&step).unwrap().values().map(|total| total.minor_units()).sum();
            prop_assert_eq!(sum, funders);
            for (back, step) in back.iter_mut().zip(&step) {
                prop_assert!(step.amount.minor_units() >= 0);
                *back += step.amount.minor_units();
            }
        }
        prop_assert_eq!(back, given);
    }
}
