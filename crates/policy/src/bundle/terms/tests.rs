//! Tables about money: what is read, and where a mistake is told.

use paifang_shares::refund_terms::Applies;

use crate::bundle::Bundle;
use crate::bundle::tests::FULL;
use crate::facts::{Facts, Input};

const MONEY: &str = r#"
[fees]
currency = "CNY"

[[fees.rules]]
id = "ecny"
wallet = "ecny"
rate_ppm = 0
on_refund = "keep"

[[fees.rules]]
id = "standard"
from = 2024-01-01T00:00:00+08:00
rate_ppm = 20_000
on_refund = "proportional"

[splits]
currency = "CNY"
receivers = [{ receiver = "streamer", share_ppm = 200_000, on_refund = "proportional" }]

[refunds]
currency = "CNY"

[refunds.waterfalls]
merchant-first = [{ bearer = "unsettled_funds" }, { bearer = "platform" }]

[[refunds.rules]]
id = "gold"
mode = "refund_without_return"
reasons = ["damaged"]
total_max_ppm = 300_000
days_max = 7
when = "payer.tier == 'gold' && refund.days_since_payment < 3"
waterfall = "merchant-first"
decide_within_s = 86_400
appeal_within_s = 604_800
"#;

fn with(money: &str) -> String {
    format!("{FULL}{money}")
}

fn faults(money: &str) -> String {
    Bundle::read(&with(money)).map_or_else(|faults| faults.to_string(), |_| "none".to_owned())
}

#[test]
fn tables_about_money_are_read_and_part_of_the_digest() {
    let bundle = Bundle::read(&with(MONEY)).unwrap_or_else(|faults| panic!("{faults}"));
    assert!(bundle.divides());
    assert_eq!(bundle.fees().map(|fees| fees.rules().len()), Some(2));
    assert_eq!(bundle.splits().map(|splits| splits.rules().receivers().len()), Some(1));
    let refunds = bundle.refunds().unwrap();
    let when = refunds.terms().rules()[0].when.clone().unwrap();
    let gold = Facts::new().with(Input::PayerTier, "gold").unwrap();
    let days = |days: i64| gold.clone().with(Input::RefundDays, days).unwrap();
    assert_eq!(refunds.applies(&when, &days(2)), Applies::Yes);
    assert_eq!(refunds.applies(&when, &days(3)), Applies::No);
    assert_eq!(refunds.applies(&when, &gold), Applies::Missing(vec!["refund.days_since_payment".into()]));
    assert!(matches!(refunds.applies("true", &gold), Applies::Failed(_)), "it is not of these terms");

    let plain = Bundle::read(FULL).unwrap();
    assert!(!plain.divides());
    for (from, to) in [
        ("rate_ppm = 20_000", "rate_ppm = 20_001"),
        ("share_ppm = 200_000", "share_ppm = 200_001"),
        ("days_max = 7", "days_max = 8"),
        ("< 3", "< 4"),
    ] {
        let other = Bundle::read(&with(&MONEY.replacen(from, to, 1))).unwrap();
        assert_ne!(other.digest(), bundle.digest(), "{to}");
    }
    assert_ne!(plain.digest(), bundle.digest());
}

/// A receiver's condition decides, so the digest has it; what is known at a refund only could never be told of a payment.
#[test]
fn receivers_are_read_with_their_conditions() {
    let live = MONEY.replacen(
        "receiver = \"streamer\",",
        "receiver = \"streamer\", when = \"product.live_room\",",
        1,
    );
    let bundle = Bundle::read(&with(&live)).unwrap_or_else(|faults| panic!("{faults}"));
    assert_ne!(bundle.digest(), Bundle::read(&with(MONEY)).unwrap().digest());
    let splits = bundle.splits().unwrap();
    let live_room = |is: bool| Facts::new().with(Input::ProductLiveRoom, is).unwrap();
    assert_eq!(splits.applies("product.live_room", &live_room(true)), Applies::Yes);
    assert_eq!(splits.applies("product.live_room", &live_room(false)), Applies::No);
    let lacks = Applies::Missing(vec!["product.live_room".into()]);
    assert_eq!(splits.applies("product.live_room", &Facts::new()), lacks);
    let line = FULL.lines().count() + 19;
    for (when, said) in [
        ("refund.consented", "refund.consented is known at a refund only"),
        ("product.live", "product.live is no declared input"),
        ("", "must have 1 to 1000 characters"),
    ] {
        let told = faults(&live.replacen("product.live_room", when, 1));
        let is_there = |told: &str| {
            told.starts_with(&format!("{line}:"))
                && told.contains("splits.receivers[0].when")
                && told.contains(said)
        };
        assert!(told.lines().any(is_there), "{when}: {told}");
    }
}

/// What was written before receivers had conditions is read as it was, and has the digest that it had.
#[test]
fn bundles_of_before_conditions_of_receivers_keep_their_digest() {
    let digest = String::from(Bundle::read_stored(&with(MONEY)).unwrap().digest());
    expect_test::expect!["b040c25a28f2c4aa80a1ba7939f7edd47651589bd897a538358e08135af721b3"]
        .assert_eq(&digest);
}

#[test]
fn a_mistake_about_money_is_told_at_its_place() {
    let line = FULL.lines().count();
    for (from, to, wanted) in [
        ("rate_ppm = 0", "rate_ppm = 0\ncap = 1", (9, 1, "fees.rules[0].cap: unknown field `cap`")),
        ("rate_ppm = 0", "rate_ppm = 1_000_001", (8, 12, "fees.rules[0].rate_ppm: ")),
        (
            "id = \"standard\"",
            "id = \"ecny\"",
            (12, 6, "fees.rules[1].id: it is wrong; must differ from every entry before it"),
        ),
        (
            "receiver = \"streamer\"",
            "receiver = \"fee\"",
            (19, 27, "splits.receivers[0].receiver: it is wrong; must not be fee"),
        ),
        (
            "waterfall = \"merchant-first\"",
            "waterfall = \"other\"",
            (34, 13, "refunds.rules[0].waterfall: it is wrong; must be one of"),
        ),
        ("payer.tier ==", "payer.rank ==", (33, 9, "refunds.rules[0].when: payer.rank is no declared input")),
        (
            "mode = \"refund_without_return\"\nreasons = [\"damaged\"]\ntotal_max_ppm = 300_000",
            "mode = \"automatic_compensation\"\nreasons = [\"damaged\"]\ntotal_max_ppm = 1_000_001",
            (31, 17, "refunds.rules[0].total_max_ppm: it is more than all; it must be at most 1000000"),
        ),
        ("days_max = 7", "days_max = 7.5", (32, 12, "refunds.rules[0].days_max: ")),
    ] {
        let (down, column, said) = wanted;
        let told = faults(&MONEY.replacen(from, to, 1));
        let wanted = format!("{}:{column}: {said}", line + down);
        assert!(told.lines().any(|told| told.starts_with(&wanted)), "{wanted} is not in {told}");
    }
    let mixed = faults(&MONEY.replacen("[refunds]\ncurrency = \"CNY\"", "[refunds]\ncurrency = \"USD\"", 1));
    assert_eq!(mixed, "1:1: refunds.currency: it is USD; it must be CNY, as fees.currency is");
    assert!(faults("\nfees = 1").contains("fees"), "no table at all");
}

#[test]
fn discounts_are_read_with_their_conditions() {
    let money = "
[discounts]
currency = \"CNY\"
[[discounts.rules]]
id = \"gold\"
funder = \"platform_a\"
rate_ppm = 50_000
budgeted = true
until = 2026-12-12T00:00:00+08:00
when = \"payer.tier == 'gold'\"
";
    let bundle = Bundle::read(&with(money)).unwrap_or_else(|faults| panic!("{faults}"));
    assert!(bundle.divides());
    let discounts = bundle.discounts().unwrap();
    let gold = Facts::new().with(Input::PayerTier, "gold").unwrap();
    assert_eq!(discounts.applies("payer.tier == 'gold'", &gold), Applies::Yes);
    assert_eq!(discounts.rules().budgets().count(), 1);
    let other = Bundle::read(&with(&money.replace("50_000", "50_001"))).unwrap();
    assert_ne!(other.digest(), bundle.digest());
    let line = FULL.lines().count();
    for (from, to, down, field) in [
        ("'gold'\"", "\"", 10, "discounts.rules[0].when: "),
        ("platform_a", "us", 6, "discounts.rules[0].funder: "),
        ("2026-12-12", "2025-02-30", 9, ""),
        ("rate_ppm = 50_000", "rate_ppm = 1\namount_minor = 1", 4, "discounts.rules[0]: "),
    ] {
        let told = faults(&money.replacen(from, to, 1));
        let place = format!("{}:", line + down);
        let is_there = told.lines().any(|told| told.starts_with(&place) && told.contains(field));
        assert!(is_there, "{place} {field} is not in {told}");
    }
    let mixed = faults(&format!("{MONEY}{}", money.replacen("CNY", "USD", 1)));
    assert_eq!(mixed, "1:1: discounts.currency: it is USD; it must be CNY, as fees.currency is");
}
