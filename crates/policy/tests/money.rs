//! A draft about money over recorded payments, and what one such bundle changes against another.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use expect_test::expect;
use paifang_policy::bundle::Bundle;
use paifang_policy::diff::diff;

const BEFORE: &str = r#"
[bundle]
name = "mall"
version = 1
note = "as it stands"
effective_at = 2026-01-01T00:00:00+08:00
unlisted = "open"

[fees]
currency = "CNY"
[[fees.rules]]
id = "books"
category = "books"
rate_ppm = 10_000
on_refund = "proportional"
[[fees.rules]]
id = "standard"
rate_ppm = 20_000
on_refund = "proportional"

[refunds]
currency = "CNY"
[refunds.waterfalls]
first = [{ bearer = "unsettled_funds" }, { bearer = "platform", cap_ppm = 500_000 }]

[[refunds.rules]]
id = "returned"
mode = "return_and_refund"
reasons = ["no_reason", "damaged"]
total_max_ppm = 1_000_000
days_max = 7
waterfall = "first"
decide_within_s = 86_400
appeal_within_s = 604_800
"#;

fn read(text: &str) -> Bundle {
    Bundle::read(text).unwrap_or_else(|faults| panic!("{faults}"))
}

#[test]
fn changes_about_money_are_told_rule_by_rule() {
    let after = BEFORE
        .replace("rate_ppm = 20_000", "rate_ppm = 25_000\nminimum_minor = 10")
        .replace("{ bearer = \"unsettled_funds\" }, ", "")
        .replace("days_max = 7", "days_max = 15")
        .replace(
            "[refunds]\n",
            "[splits]\ncurrency = \"CNY\"\nreceivers = [{ receiver = \"streamer\", share_ppm = 200_000, on_refund = \"keep\" }]\n\n[refunds]\n",
        );
    expect![[r#"
        splits.currency: null -> "CNY"
        ~ fees.rules standard.minimum_minor: 0 -> 10
        ~ fees.rules standard.rate_ppm: 20000 -> 25000
        + splits.receivers streamer
        + splits.receivers streamer.on_refund: "keep"
        + splits.receivers streamer.share_ppm: 200000
        ~ refunds.waterfalls first.bearers: [{"bearer":"unsettled_funds"},{"bearer":"platform","cap_ppm":500000}] -> [{"bearer":"platform","cap_ppm":500000}]
        ~ refunds.rules returned.days_max: 7 -> 15
    "#]]
    .assert_eq(&diff(&read(BEFORE), &read(&after)).to_string());
    let narrowed = BEFORE.replace("id = \"standard\"\n", "id = \"standard\"\nwallet = \"alipay\"\n");
    let (head, tail) = narrowed.split_once("[[fees.rules]]\nid = \"books\"").unwrap();
    let (books, tail) = tail.split_once("[[fees.rules]]").unwrap();
    let (standard, tail) = tail.split_once("\n[refunds]").unwrap();
    let swapped =
        format!("{head}[[fees.rules]]{standard}[[fees.rules]]\nid = \"books\"{books}\n[refunds]{tail}");
    expect![[r#"
        ~ fees.rules standard: moved
        ~ fees.rules books: moved
    "#]]
    .assert_eq(&diff(&read(&narrowed), &read(&swapped)).to_string());
}
