use super::*;
use crate::testing::{Shape, bundle_text, declared, seeded};

const RULES: &str = r#"
[bundle]
name = "mall"
version = 1
note = "a try"
effective_at = 2026-01-01T00:00:00+08:00
unlisted = "open"

[fees]
currency = "CNY"
rules = [
    { id = "books", category = "books", rate_ppm = 10_000, on_refund = "keep" },
    { id = "spring", until = "2026-05-01T00:00:00+08:00", rate_ppm = 10_000, on_refund = "keep" },
    { id = "rest", rate_ppm = 10_000, on_refund = "keep" },
]

[splits]
currency = "CNY"
receivers = [{ receiver = "streamer", share_ppm = 1, on_refund = "keep", when = "product.live_room" }]

[discounts]
currency = "CNY"
rules = [{ id = "gold", funder = "merchant", amount_minor = 1, budgeted = false, when = "payer.tier == 'gold'" }]

[refunds]
currency = "CNY"
waterfalls = { own = [{ bearer = "unsettled_funds" }] }

[[refunds.rules]]
id = "late"
mode = "return_and_refund"
reasons = ["late"]
total_max_ppm = 1_000_000
days_max = 7
when = "refund.amount_fen < 100 || payer.region == '33'"
waterfall = "own"
decide_within_s = 0
appeal_within_s = 0
"#;

#[test]
fn what_rules_about_money_look_at_is_listed() {
    let named = |text: &str| {
        let named = inputs_of_money(&Bundle::read(text).unwrap());
        named.into_iter().map(Input::name).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(
        named(RULES),
        "payer.region, payer.tier, product.category, product.live_room, order.at, refund.amount_fen"
    );
    let (header, _) = RULES.split_once("[fees]").unwrap();
    assert_eq!(named(header), "");
    let of_books = "    { id = \"books\", category = \"books\", rate_ppm = 10_000, on_refund = \"keep\" },\n";
    let discounts =
        RULES.replace(of_books, "").replace("budgeted = false,", "budgeted = false, category = \"tea\",");
    assert_eq!(
        named(&discounts),
        "payer.region, payer.tier, product.category, product.live_room, order.at, refund.amount_fen"
    );
}

/// How a payment is divided follows from what is listed, whose part it is aside.
#[test]
fn only_what_is_listed_divides() {
    let any = Shape { divides_from: None, ..Shape::about_money(&["alipay"]) };
    let (wallet, at) = (WalletName::parse("alipay").unwrap(), Timestamp::UNIX_EPOCH);
    let price = PositiveMoney::new(10_000, paifang_money::Currency::CNY).unwrap();
    let mut refused = 0;
    for seed in 0..400 {
        let mut pick = seeded(seed);
        let bundle = Bundle::read(&bundle_text(&any, 1, &mut pick)).unwrap();
        let facts = declared(&any, &mut pick);
        let budgets = bundle.discounts().into_iter().flat_map(|discounts| discounts.rules().budgets());
        let budgets = budgets.map(|id| (id.clone(), price.money())).collect();
        let divided = |facts: &Facts| {
            let discounting = Discounting::ByRules { budgets: &budgets };
            let divided = divide(&bundle, &wallet, facts, (price, at), discounting).transpose();
            divided.map(|division| division.map(|division| Division { merchant: None, ..division }))
        };
        let listed = inputs_of_money(&bundle);
        let whole = divided(&facts);
        refused += usize::from(whole.is_err());
        let others = Input::ALL.iter().filter(|input| !listed.contains(input));
        let without = others.fold(facts.clone(), |facts, input| facts.without(*input));
        assert_eq!(divided(&without), whole, "{seed}");
    }
    assert!(refused > 20, "{refused}");
}
