//! Rankings by what a payment costs the merchant and saves the payer.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::collections::BTreeMap;

use expect_test::expect;
use jiff::Timestamp;
use paifang_money::{Currency, Money, PositiveMoney};
use paifang_payment::{Presentation, RailName, WalletName};
use paifang_policy::bundle::Bundle;
use paifang_policy::diff::diff;
use paifang_policy::facts::{Facts, Input};
use paifang_policy::lifecycle::Overlay;
use paifang_policy::money::{Discounting, DivideError, divide};
use paifang_policy::opening::{Decision, Offer, decide, inputs_of};
use paifang_policy::rank::{Entry, Ranked, rank};
use paifang_shares::DiscountId;
use paifang_shares::division::Division;
use paifang_shares::fees::FeeError;
use proptest::prelude::*;

/// 0.6 % of the first wallet and 0.38 % of the second; the third costs nothing. A festival of 10 % for the second, which
/// another platform funds, and a coupon of the merchant for the third.
const MALL: &str = r#"
[bundle]
name = "mall"
version = 1
note = "ranked by money"
effective_at = 2026-01-01T00:00:00+08:00
unlisted = "open"

[[ranking]]
id = "keeps"
per = "fee"
weight = -1
reason = "merchant_keeps"

[[ranking]]
id = "saves"
per = "discount"
weight = 1
reason = "payer_saves"

[[ranking]]
id = "funded"
per = "discount"
funders = ["rail", "platform_b"]
weight = 2
reason = "funded_by_others"

[[ranking]]
id = "home"
wallet = "alipay"
weight = 1_500
reason = "home_wallet"

[fees]
currency = "CNY"
[[fees.rules]]
id = "ecny"
wallet = "ecny"
rate_ppm = 0
on_refund = "keep"
[[fees.rules]]
id = "quickpass"
wallet = "quickpass"
rate_ppm = 3_800
on_refund = "keep"
[[fees.rules]]
id = "standard"
rate_ppm = 6_000
on_refund = "keep"

[discounts]
currency = "CNY"
[[discounts.rules]]
id = "festival"
funder = "platform_b"
rate_ppm = 100_000
budgeted = true
wallet = "quickpass"
[[discounts.rules]]
id = "coupon"
funder = "merchant"
amount_minor = 500
budgeted = false
wallet = "ecny"
"#;

const WALLETS: [&str; 3] = ["alipay", "quickpass", "ecny"];

fn read(text: &str) -> Bundle {
    Bundle::read(text).unwrap_or_else(|faults| panic!("{faults}"))
}

fn fen(minor_units: i64) -> Money {
    Money::new(minor_units, Currency::CNY).unwrap()
}

type Terms = Option<Result<Division, DivideError>>;

/// The three wallets, handed in in this order.
fn ranked(bundle: &Bundle, facts: &Facts, terms: &[Terms]) -> Vec<Ranked> {
    let name = |wallet| Offer {
        rail: RailName::parse("mall").unwrap(),
        wallet: WalletName::parse(wallet).unwrap(),
        presentation: Presentation::QrShown,
    };
    let offers = WALLETS.map(name);
    let decided = offers.clone().map(|offer| decide(bundle, &Overlay::none(), &offer, facts, None));
    let entries = offers.iter().zip(&decided).zip(terms);
    rank(bundle, facts, entries.map(|((offer, decision), terms)| entry(offer, decision, terms)))
}

fn entry<'a>(offer: &'a Offer, decision: &'a Decision, terms: &'a Terms) -> Entry<'a> {
    Entry { offer, decision, terms: terms.as_ref().map(Result::as_ref) }
}

/// With this price, and this much left for the festival.
fn of_price(bundle: &Bundle, price: i64, budget: i64) -> Vec<Ranked> {
    let facts = Facts::new().with(Input::OrderAmount, price).unwrap();
    let budgets: BTreeMap<_, _> = [(DiscountId::parse("festival").unwrap(), fen(budget))].into();
    let price = PositiveMoney::new(price, Currency::CNY).unwrap();
    let terms = WALLETS.map(|wallet| {
        let wallet = WalletName::parse(wallet).unwrap();
        let discounting = Discounting::ByRules { budgets: &budgets };
        let division = divide(bundle, &wallet, &facts, (price, Timestamp::UNIX_EPOCH), discounting)?;
        Some(division)
    });
    ranked(bundle, &facts, &terms)
}

fn told(ranked: &[Ranked]) -> String {
    let line = |one: &Ranked| {
        let reasons = one.reasons.iter().map(|why| format!("{} {:+}", why.reason, why.weight));
        let unjudged = one.unjudged.iter().map(|why| {
            let failure = why.failure.as_deref().unwrap_or_default();
            format!("{} lacks {:?}{failure}", why.rule, why.missing)
        });
        let said: Vec<String> = reasons.chain(unjudged).collect();
        format!("{} {} [{}]\n", one.offer.wallet, one.weight, said.join(", "))
    };
    ranked.iter().map(line).collect()
}

#[test]
fn fee_and_discounts_move_the_rank_and_say_so() {
    let bundle = read(MALL);
    // Of 100.00: a fee of 60 or 38 in ten thousand; a tenth saved, or a twentieth.
    expect![[r#"
        quickpass 2962 [merchant_keeps -38, payer_saves +1000, funded_by_others +2000]
        alipay 1440 [merchant_keeps -60, home_wallet +1500]
        ecny 500 [payer_saves +500]
    "#]]
    .assert_eq(&told(&of_price(&bundle, 10_000, 1_000_000)));
    // The budget has 1.00 left.
    expect![[r#"
        alipay 1440 [merchant_keeps -60, home_wallet +1500]
        ecny 500 [payer_saves +500]
        quickpass 262 [merchant_keeps -38, payer_saves +100, funded_by_others +200]
    "#]]
    .assert_eq(&told(&of_price(&bundle, 10_000, 100)));
    // Without weights by money it is as it ever was: what weighs the same stays as it was handed in.
    let (plain, rest) = MALL.split_once("[[ranking]]").unwrap();
    let (_, rest) = rest.split_once("[fees]").unwrap();
    let plain = read(&format!("{plain}[fees]{rest}"));
    expect![[r#"
        alipay 0 []
        quickpass 0 []
        ecny 0 []
    "#]]
    .assert_eq(&told(&of_price(&plain, 10_000, 1_000_000)));
}

/// What is not known, or does not fit, adds nothing and is named.
#[test]
fn without_an_amount_money_weighs_nothing() {
    let bundle = read(MALL);
    let unknown = ranked(&bundle, &Facts::new(), &[None, None, None]);
    expect![[r#"
        alipay 1500 [home_wallet +1500, keeps lacks [order.amount_fen], saves lacks [order.amount_fen], funded lacks [order.amount_fen]]
        quickpass 0 [keeps lacks [order.amount_fen], saves lacks [order.amount_fen], funded lacks [order.amount_fen]]
        ecny 0 [keeps lacks [order.amount_fen], saves lacks [order.amount_fen], funded lacks [order.amount_fen]]
    "#]]
    .assert_eq(&told(&unknown));
    let facts = Facts::new().with(Input::OrderAmount, 100).unwrap();
    let misfit = || Some(Err(DivideError::Fees(FeeError::NoRule)));
    let misfits = ranked(&bundle, &facts, &[misfit(), misfit(), misfit()]);
    assert!(
        told(&misfits)
            .starts_with("alipay 1500 [home_wallet +1500, keeps lacks []fees: no fee rule fits this payment"),
        "{misfits:?}"
    );
    let inputs: Vec<_> = inputs_of(&bundle).into_iter().map(|lack| lack.name()).collect();
    assert_eq!(inputs, ["order.amount_fen"]);
}

#[test]
fn mistakes_of_rankings_by_money_are_told() {
    let told = |from: &str, to: &str| {
        let text = MALL.replacen(from, to, 1);
        assert_ne!(text, MALL, "{from}");
        Bundle::read(&text).unwrap_err().to_string()
    };
    let (head, tail) = MALL.split_once("[fees]").unwrap();
    let (_, discounts) = tail.split_once("[discounts]").unwrap();
    for (wrong, said) in [
        (told("\"fee\"", "\"cost\""), "ranking[0].per: it is \"cost\"; it must be \"fee\" or \"discount\""),
        (
            told("per = \"discount\"\nfunders", "per = \"fee\"\nfunders"),
            "ranking[2].funders: only discounts have funders",
        ),
        (told("\"rail\", ", "\"bank\", "), "ranking[2].funders[0]: it is \"bank\"; it must be one of rail, "),
        (told("\"rail\", ", "\"platform_b\", "), "ranking[2].funders[1]: it is named before"),
        (told("[\"rail\", \"platform_b\"]", "[]"), "ranking[2].funders: it is empty"),
        (told("wallet = \"alipay\"\nweight", "weight"), "ranking[3].wallet: it is missing"),
        (
            Bundle::read(&format!("{head}[discounts]{discounts}")).unwrap_err().to_string(),
            "ranking[0].per: the bundle has no [fees], so it would never add anything",
        ),
    ] {
        assert!(wrong.contains(said), "{wrong}");
    }
}

#[test]
fn a_difference_tells_what_rankings_go_by() {
    let after = MALL.replace("\"rail\", ", "").replace("per = \"fee\"", "per = \"fee\"\nwallet = \"ecny\"");
    expect![[r#"
        ~ ranking keeps.wallet: null -> "ecny"
        ~ ranking funded.funders: ["rail","platform_b"] -> ["platform_b"]
    "#]]
    .assert_eq(&diff(&read(MALL), &read(&after)).to_string());
    assert_ne!(read(MALL).digest(), read(&after).digest());
}

proptest! {
    /// The order is a function of what was declared and agreed: the same twice, heavier first, and what weighs the same stays as
    /// it was handed in. A higher fee never weighs more, and no weight leaves its bounds.
    #[test]
    fn the_order_follows_from_its_inputs(
        price in 1..1_000_000_000_i64,
        budget in 0..2_000_i64,
        weights in (-1_000_000..=1_000_000_i64, -1_000_000..=1_000_000_i64, -1_000_000..=0_i64),
    ) {
        let (saves, funded, keeps) = weights;
        let text = MALL.replace("weight = -1\n", &format!("weight = {keeps}\n"));
        let text = text.replace("weight = 1\n", &format!("weight = {saves}\n"));
        let bundle = read(&text.replace("weight = 2\n", &format!("weight = {funded}\n")));
        let found = of_price(&bundle, price, budget);
        prop_assert_eq!(&found, &of_price(&bundle, price, budget));
        let at = |one: &Ranked| WALLETS.iter().position(|wallet| *wallet == one.offer.wallet.as_str());
        for pair in found.windows(2) {
            let [before, after] = pair else { unreachable!("windows of two") };
            prop_assert!((before.weight, at(after)) >= (after.weight, at(before)), "{:?}", pair);
        }
        for one in &found {
            prop_assert_eq!(one.weight, one.reasons.iter().map(|reason| reason.weight).sum::<i64>());
            prop_assert!(one.reasons.iter().all(|reason| reason.weight.abs() <= 10_000_000_000));
        }
        let fee = |wallet: &str| {
            let one = found.iter().find(|one| one.offer.wallet.as_str() == wallet);
            let reasons = one.into_iter().flat_map(|one| &one.reasons);
            reasons.filter(|reason| reason.rule.as_str() == "keeps").map(|reason| reason.weight).sum::<i64>()
        };
        prop_assert!(fee("alipay") <= fee("quickpass") && fee("quickpass") <= fee("ecny"));
    }
}
