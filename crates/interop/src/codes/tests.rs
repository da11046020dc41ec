//! Every row at its edges, and tables that cannot be.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

fn told(code: &str) -> String {
    published().identify(code).map_or_else(|| "nobody's".to_owned(), |row| row.wallet.to_string())
}

fn code(prefix: &str, digits: usize) -> String {
    format!("{prefix:0<digits$}")
}

/// The facts once more, written by hand: each row's first and last code, and those beside it.
#[test]
fn each_row_ends_where_it_was_published_to_end() {
    for (prefix, digits, wallet) in [
        ("09", 18, "nobody's"),
        ("10", 18, "wechatpay"),
        ("15", 18, "wechatpay"),
        ("16", 18, "nobody's"),
        ("10", 17, "nobody's"),
        ("15", 19, "nobody's"),
        ("24", 16, "nobody's"),
        ("25", 16, "alipay"),
        ("30", 16, "alipay"),
        ("31", 16, "nobody's"),
        ("25", 24, "alipay"),
        ("30", 24, "alipay"),
        ("25", 15, "nobody's"),
        ("30", 25, "nobody's"),
        ("61", 19, "nobody's"),
        ("62", 19, "quickpass"),
        ("63", 19, "nobody's"),
        ("62", 18, "nobody's"),
        ("62", 20, "nobody's"),
        ("50", 18, "nobody's"),
        ("51", 18, "bestpay"),
        ("52", 18, "nobody's"),
        ("51", 17, "nobody's"),
        ("51", 19, "nobody's"),
        ("00", 19, "nobody's"),
        ("01", 19, "ecny"),
        ("02", 19, "nobody's"),
        ("01", 18, "nobody's"),
        ("01", 20, "nobody's"),
        ("90", 18, "nobody's"),
        ("91", 18, "qqwallet"),
        ("92", 18, "nobody's"),
        ("91", 17, "nobody's"),
        ("91", 19, "nobody's"),
    ] {
        assert_eq!(told(&code(prefix, digits)), wallet, "{digits} digits from {prefix}");
    }
    for last in ["15", "30", "62", "51", "01"] {
        let digits = if ["62", "01"].contains(&last) { 19 } else { 18 };
        assert_ne!(told(&format!("{last:9<digits$}")), "nobody's", "all nines after {last}");
    }
}

#[test]
fn what_is_not_all_digits_is_nobodys() {
    for text in [
        "",
        "1",
        "13000000000000000a",
        " 13000000000000000",
        "１３００００００００００００００００",
        "13\u{0660}000000000000000",
    ] {
        assert_eq!(published().identify(text), None, "{text:?}");
    }
}

/// The code is compared and kept nowhere: nothing that a row prints has it.
#[test]
fn a_row_prints_nothing_of_a_code() {
    let code = "284455667788990011";
    let row = published().identify(code).unwrap();
    assert!(!format!("{row:?}").contains("4455667788990011"));
}

proptest! {
    /// Every code of a row is that row's, whatever stands behind its first digits.
    #[test]
    fn every_code_of_a_row_is_identified_as_its_wallets(
        at in any::<prop::sample::Index>(),
        pick in any::<prop::sample::Index>(),
        length in any::<prop::sample::Index>(),
        tail in "[0-9]{24}",
    ) {
        let row = at.get(published().rows());
        let width = row.prefix.0.len();
        let (first, last): (usize, usize) = (row.prefix.0.parse().unwrap(), row.prefix.1.parse().unwrap());
        let digits = row.digits.0 + length.index(row.digits.1 - row.digits.0 + 1);
        let begins = format!("{:0width$}", first + pick.index(last - first + 1));
        let code: String = format!("{begins}{tail}").chars().take(digits).collect();
        prop_assert_eq!(published().identify(&code), Some(row));
    }

    /// Whatever digits come, at most one row fits them.
    #[test]
    fn no_code_fits_two_rows(code in "[0-9]{1,30}") {
        prop_assert!(published().rows().iter().filter(|row| row.holds(&code)).count() <= 1);
    }
}

fn row(id: &str, digits: [usize; 2], prefix: [&str; 2]) -> String {
    format!(
        "[[row]]\nid = \"{id}\"\nwallet = \"w\"\ndigits = {digits:?}\nprefix = {prefix:?}\n\
         confidence = \"reported\"\nsource = \"a test\"\n"
    )
}

fn check(text: &str, says: Expect) {
    let read = Codes::read(text).map(|codes| codes.rows().len());
    says.assert_eq(&match read {
        Ok(rows) => format!("{rows} rows"),
        Err(error) => error.to_string(),
    });
}

#[test]
fn rows_that_overlap_are_refused() {
    let one = row("one", [16, 18], ["10", "15"]);
    check(
        &(one.clone() + &row("two", [18, 20], ["15", "16"])),
        expect!["two: prefix must be apart from the codes of one"],
    );
    check(
        &(one.clone() + &row("two", [18, 18], ["155", "159"])),
        expect!["two: prefix must be apart from the codes of one"],
    );
    check(
        &(one.clone() + &row("two", [18, 18], ["1", "1"])),
        expect!["two: prefix must be apart from the codes of one"],
    );
    check(&(one.clone() + &row("two", [18, 18], ["160", "169"])), expect!["2 rows"]);
    check(&(one + &row("two", [19, 20], ["10", "15"])), expect!["2 rows"]);
}

#[test]
fn rows_that_cannot_be_are_refused() {
    check(
        &row("a", [18, 18], ["15", "10"]),
        expect!["a: prefix must be two numbers of one width of 1 to 6 digits, the lower one first"],
    );
    check(
        &row("a", [18, 18], ["1", "15"]),
        expect!["a: prefix must be two numbers of one width of 1 to 6 digits, the lower one first"],
    );
    check(
        &row("a", [18, 18], ["1x", "15"]),
        expect!["a: prefix must be two numbers of one width of 1 to 6 digits, the lower one first"],
    );
    check(
        &row("a", [18, 17], ["10", "15"]),
        expect!["a: digits must be two lengths above the prefix's and up to 24, the lower one first"],
    );
    check(
        &row("a", [2, 18], ["10", "15"]),
        expect!["a: digits must be two lengths above the prefix's and up to 24, the lower one first"],
    );
    check(
        &row("a", [18, 25], ["10", "15"]),
        expect!["a: digits must be two lengths above the prefix's and up to 24, the lower one first"],
    );
    let same = row("a", [18, 18], ["10", "15"]) + &row("a", [18, 18], ["20", "25"]);
    check(&same, expect!["a: id must be another one in each row"]);
    let unsourced = row("a", [18, 18], ["10", "15"]).replace("a test", "");
    check(&unsourced, expect!["a: source must be 1 to 500 characters"]);
    let odd = row("a", [18, 18], ["10", "15"]) + "colour = 1\n";
    assert!(Codes::read(&odd).unwrap_err().to_string().contains("unknown field `colour`"));
}
