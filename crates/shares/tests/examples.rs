//! The examples of rules in the documentation are rules: each is read by the type that it shows.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use paifang_shares::discounts::DiscountRules;
use paifang_shares::fees::FeeSchedule;
use paifang_shares::refund_terms::RefundTerms;
use paifang_shares::splits::SplitRules;
use paifang_shares::waterfall::Waterfall;

/// The TOML in the head of a module.
fn example(source: &str) -> String {
    let lines = source.lines().skip_while(|line| *line != "//! ```toml").skip(1);
    let lines: Vec<&str> = lines.take_while(|line| *line != "//! ```").collect();
    assert!(!lines.is_empty(), "the module has an example");
    lines.iter().map(|line| line.trim_start_matches("//!").trim_start()).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_example_is_read() {
    let fees: FeeSchedule = toml::from_str(&example(include_str!("../src/fees.rs"))).unwrap();
    assert_eq!(fees.rules().len(), 3);
    let splits: SplitRules = toml::from_str(&example(include_str!("../src/splits.rs"))).unwrap();
    assert_eq!(splits.receivers().len(), 2);
    let discounts: DiscountRules = toml::from_str(&example(include_str!("../src/discounts.rs"))).unwrap();
    assert_eq!(discounts.rules().len(), 2);
    let waterfall: Waterfall = toml::from_str(&example(include_str!("../src/waterfall.rs"))).unwrap();
    assert_eq!(waterfall.bearers().len(), 3);
    let terms: RefundTerms = toml::from_str(&example(include_str!("../src/refund_terms.rs"))).unwrap();
    assert_eq!((terms.rules().len(), terms.waterfalls().len()), (1, 1));
}

/// A wrong rule is refused with its field, inside a larger file, too.
#[test]
fn a_bundle_names_the_table_and_the_field() {
    type Tables = std::collections::BTreeMap<String, FeeSchedule>;
    let text = "\n[fees]\ncurrency = \"CNY\"\n[[fees.rules]]\nid = \"a\"\nrate_ppm = 1\nminimum_minor = 2\ncap_minor = 1\non_refund = \"keep\"\n";
    let said = toml::from_str::<Tables>(text).unwrap_err().to_string();
    for part in ["line 2", "rules[0].cap_minor: must be at least minimum_minor"] {
        assert!(said.contains(part), "{said}");
    }
}
