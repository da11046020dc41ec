//! Conditions: what they answer, what they refuse, and that no text takes the process down.

use proptest::prelude::*;

use super::*;

fn facts(record: &str) -> Facts {
    serde_json::from_str(record).unwrap()
}

fn answer(condition: &str, record: &str) -> Result<Verdict, Failure> {
    Condition::compile(condition)
        .unwrap_or_else(|faults| panic!("{condition}: {faults}"))
        .evaluate(&facts(record))
}

#[test]
fn conditions_answer() {
    let record = r#"{"payer.region":"330100","payer.tier":"gold","order.amount_fen":8800,"order.currency":"CNY",
        "order.at":"2024-09-26T08:00:00+08:00","product.live_room":false,"refund.days_since_payment":7}"#;
    for (condition, holds) in [
        ("payer.region.startsWith(\"33\")", true),
        ("payer.region.endsWith('01')", false),
        ("payer.tier.contains('ol')", true),
        ("payer.tier in ['gold', \"black\"] && !product.live_room", true),
        ("order.amount_fen in [1, 8800]", true),
        ("order.amount_fen >= 8800 && order.amount_fen < 8801", true),
        ("order.amount_fen / 100 == 88 && order.amount_fen % 100 == 0", true),
        ("-order.amount_fen + 1 > 0", false),
        ("order.at >= timestamp('2024-09-26T00:00:00Z')", true),
        ("order.at > timestamp('2024-09-26T00:00:00Z')", false),
        ("order.at < timestamp(\"2024-09-26T08:00:00.000001+08:00\")", true),
        ("order.currency != 'CNY'", false),
        ("(product.live_room ? 100 : 10000) > order.amount_fen", true),
        ("has(payer.tier) && !has(payer.age_band)", true),
    ] {
        let wanted = if holds { Verdict::Yes } else { Verdict::No };
        assert_eq!(answer(condition, record), Ok(wanted), "{condition}");
    }
}

/// A missing input is never taken as a yes; a no is given where it holds whatever the input is.
#[test]
fn what_is_missing_is_named() {
    let known = r#"{"order.amount_fen":500}"#;
    let missing = |inputs: &[Input]| Ok(Verdict::Missing(inputs.to_vec()));
    for (condition, wanted) in [
        ("payer.tier == 'gold'", missing(&[Input::PayerTier])),
        ("payer.tier != 'gold'", missing(&[Input::PayerTier])),
        ("!(payer.tier == 'gold')", missing(&[Input::PayerTier])),
        ("payer.tier == 'gold' && order.amount_fen > 1000", Ok(Verdict::No)),
        ("order.amount_fen > 1000 && payer.tier == 'gold'", Ok(Verdict::No)),
        ("order.amount_fen < 1000 && payer.tier == 'gold'", missing(&[Input::PayerTier])),
        ("order.amount_fen < 1000 || payer.tier == 'gold'", missing(&[Input::PayerTier])),
        ("!(order.amount_fen < 1000 || payer.tier == 'gold')", Ok(Verdict::No)),
        ("product.live_room ? true : true", missing(&[Input::ProductLiveRoom])),
        ("payer.region == '33' && payer.tier == 'a'", missing(&[Input::PayerRegion, Input::PayerTier])),
        ("has(payer.tier) && payer.tier == 'gold'", Ok(Verdict::No)),
        ("!has(payer.tier)", Ok(Verdict::Yes)),
        ("has(payer.tier) ? payer.tier == 'gold' : true", missing(&[Input::PayerTier])),
        ("1 / 0 == 1 && payer.tier == 'gold'", missing(&[Input::PayerTier])),
    ] {
        assert_eq!(answer(condition, known), wanted, "{condition}");
    }
}

#[test]
fn what_fails_while_it_runs_is_an_error_with_its_text() {
    let record = r#"{"order.amount_fen":1000000000000000,"refund.days_since_payment":0}"#;
    for (condition, cause) in [
        ("order.amount_fen / refund.days_since_payment > 5", "Division by zero"),
        ("order.amount_fen % refund.days_since_payment > 5", "Remainder by zero"),
        ("order.amount_fen * order.amount_fen > 5", "Overflow"),
    ] {
        let failure = answer(condition, record).expect_err(condition);
        assert!(failure.to_string().contains(condition) && failure.cause.contains(cause), "{failure}");
    }
}

/// What may fail is known before it runs, and what never does is not taken for it.
#[test]
fn whether_a_condition_may_fail_is_known_beforehand() {
    for (condition, may_fail) in [
        ("payer.tier == 'gold'", false),
        ("order.amount_fen / 100 > 5", false),
        ("order.amount_fen % 100 == 0", false),
        ("order.amount_fen * 9000 > 5", false),
        ("-order.amount_fen + refund.days_since_payment - 5 < 0", false),
        ("1000 / (refund.days_since_payment + 1) > 5", false),
        ("(product.live_room ? 100 : order.amount_fen) / (product.live_room ? 2 : 5) > 5", false),
        ("1000 / order.amount_fen > 5", true),
        ("1000 % order.amount_fen > 5", true),
        ("order.amount_fen % (order.amount_fen - 5) > 5", true),
        ("order.amount_fen * order.amount_fen > 5", true),
        ("order.amount_fen * 10000 > 5", true),
        ("order.amount_fen + 9223372036854775807 > 5", true),
        ("order.amount_fen / 0 > 5", true),
        ("payer.tier == 'gold' && !(true ? 1 / order.amount_fen == 1 : false)", true),
        ("(1 / order.amount_fen == 1 ? 1 : 2) + 1 == 2", true),
        ("(order.amount_fen / 0) in [1]", true),
        // Too careful: neither branch is zero, what lies between them is.
        ("order.amount_fen / (product.live_room ? 2 : -2) > 5", true),
    ] {
        let read = Condition::compile(condition).unwrap_or_else(|faults| panic!("{condition}: {faults}"));
        assert_eq!(read.may_fail(), may_fail, "{condition}");
    }
}

#[test]
fn mistakes_are_named_with_their_place() {
    let told = |condition: &str| match Condition::compile(condition) {
        Ok(_) => format!("{condition}\n  accepted\n"),
        Err(faults) => {
            let lines: Vec<String> =
                faults.0.iter().map(|one| format!("  {} {}", one.place, one.wrong)).collect();
            format!("{condition}\n{}\n", lines.join("\n"))
        }
    };
    let all: String = [
        "",
        "payer.tier = 'gold'",
        "payer.tier == 'gold' &&",
        "payer.tier ==\n  'gold' )",
        "payer.tier == 'gold' 'black'",
        "payer.tier == && true",
        "true ? 1",
        "(true] || true",
        "(((((true ? true : true ? true : true)))))",
        "(((((true ? true : true ? true : true ? true : true)))))",
        "payer.id == 'x'",
        "payer == 'x' || tier == 'y'",
        "payer.tier.name == 'x'",
        "payer.tier == 5 && order.amount_fen == 'x'",
        "payer.tier",
        "order.amount_fen + 1",
        "payer.tier < 'gold'",
        "order.at > 5",
        "order.amount_fen > 1.5",
        "order.amount_fen > 5u",
        "order.currency == 'cny'",
        "payer.tier == \"门\"",
        "payer.region in ['33', '3']",
        "payer.tier in ['gold', 5]",
        "payer.tier in []",
        "payer.tier in payer.region",
        "[1, 2].exists(x, x > 1)",
        "payer.tier.matches('a*')",
        "size(payer.tier) > 1",
        "has(5)",
        "has(payer.name)",
        "order.at > timestamp('2024-09-26')",
        "order.at > timestamp(payer.tier)",
        "order.at > timestamp('2024-09-26T00:00:00.0000001Z')",
        "order.at > timestamp('1969-12-31T23:59:59.999999999Z')",
        "order.at > timestamp('2024-09-26T00:00:00.000001000Z')",
        "payer.tier == \"\"\"a\"\"\"",
        "payer.tier == 'a' // why",
        "payer.tier == 'a",
        "{'a': 1}.a == 1",
        "payer.tier == null",
        "门 == 'a'",
        "now() > order.at",
        "9223372036854775808 > order.amount_fen",
    ]
    .map(told)
    .concat();
    expect_test::expect_file!["mistakes.txt"].assert_eq(&all);
}

/// The parser needs far more stack than its text shows; these are the worst texts that the bounds let through, and
/// texts far beyond them. A stack that overflows would end this test's process.
#[test]
fn no_text_takes_the_process_down() {
    let nested =
        |open: &str, close: &str, depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
    let texts = [
        nested("(", ")", NESTING_MAX),
        nested("[", "]", NESTING_MAX),
        nested("!(", ")", NESTING_MAX),
        nested("a.b(1<", ")", NESTING_MAX),
        nested("a[1<", "]", NESTING_MAX),
        nested("a(1?(", "):3)", NESTING_MAX / 2),
        nested("1<(1+2*-a.b(1?2:", "))", NESTING_MAX / 2),
        nested("1 in [1||2&&!-", "]", NESTING_MAX),
        format!("{}{}", "true?1:".repeat(CHOICES_MAX), nested("(", ")", NESTING_MAX)),
        format!("{}true", "1<2&&".repeat(199)),
        format!("{}true", "true||".repeat(166)),
        format!("{}1", "1+".repeat(499)),
        format!("{}1", "1<".repeat(499)),
        format!("{}1", "1-2*".repeat(240)),
        format!("a{}", ".b".repeat(499)),
        format!("a{}", "[0]".repeat(BRACKETS_MAX)),
        format!("a{}", ".b()".repeat(BRACKETS_MAX)),
        format!("{}true", "!".repeat(900)),
        format!("{}1", "-".repeat(900)),
        "!-".repeat(400),
        nested("(", ")", 499),
        "(".repeat(1_000),
        "[".repeat(1_000),
        "?".repeat(1_000),
        "\"".repeat(999),
        ".".repeat(1_000),
        "a ".repeat(500),
        "= ".repeat(500),
        "x".repeat(1_001),
        format!("order.amount_fen in [{}1]", "1,".repeat(480)),
        "()".repeat(BRACKETS_MAX),
        "[]".repeat(BRACKETS_MAX),
        "(]".repeat(BRACKETS_MAX),
        "(1<)".repeat(BRACKETS_MAX),
        "(1,)".repeat(BRACKETS_MAX),
        "(1 in)".repeat(BRACKETS_MAX),
        "(1)".repeat(BRACKETS_MAX),
        "f()".repeat(BRACKETS_MAX),
        "[1,]".repeat(BRACKETS_MAX),
        "a[1]".repeat(BRACKETS_MAX),
        "(-)(!".repeat(BRACKETS_MAX / 2),
        "(a.)".repeat(BRACKETS_MAX),
        format!("{}{}", "true?1:".repeat(CHOICES_MAX), "()".repeat(BRACKETS_MAX)),
        // The scan refuses these; the parser, which goes the deepest with them, bounds itself.
        "f(1<1+1*-".repeat(100),
        "f(1<1+1*a.b[1<1+1*-".repeat(50),
        format!("f(1<1*-{}", "f(1<".repeat(200)),
        format!("{}{}", "f(1<1*-".repeat(3), "()".repeat(400)),
        format!("{}{}", "f(1<".repeat(9), "1+".repeat(470)),
    ];
    for text in texts {
        read_and_evaluate(&text);
    }
}

/// Reads a text as bundles do, and by the parser alone: it is bounded without the scan, but for the length.
fn read_and_evaluate(text: &str) {
    if let Ok(condition) = Condition::compile(text) {
        let _ = condition.evaluate(&Facts::new());
    }
    let _ = parse(&text.chars().take(CHARS_MAX).collect::<String>());
}

/// Pieces of which the parser's recovery from errors could build a nest that the text does not show.
const SOUP: &[&str] = &[
    "(", ")", "[", "]", "()", "[]", "(]", "[)", "(1<)", "f()", "f(", "a.b(", "1", "a", "'a'", " in ", ",",
    "<", "==", "&&", "||", "!", "-", "+", "*", ".", "?", ":", " ",
];

fn arithmetic() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("order.amount_fen".to_owned()),
        Just("refund.days_since_payment".to_owned()),
        (-3..4_i64).prop_map(|number| number.to_string()),
        prop::sample::select(vec![i64::MAX, i64::MIN + 1, 9_000, 10_000])
            .prop_map(|number| number.to_string()),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        let operator = prop::sample::select(vec!["+", "-", "*", "/", "%"]);
        let two = (inner.clone(), operator, inner.clone());
        prop_oneof![
            two.prop_map(|(a, operator, b)| format!("({a} {operator} {b})")),
            inner.clone().prop_map(|a| format!("-({a})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("(product.live_room ? {a} : {b})")),
        ]
    })
}

proptest! {
    /// What is said never to fail never does, for the least and the greatest numbers as for those between.
    #[test]
    fn what_may_not_fail_never_fails(
        text in arithmetic(),
        amount in prop_oneof![Just(0), Just(1), Just(paifang_money::MINOR_UNITS_MAX), 0..=paifang_money::MINOR_UNITS_MAX],
        days in prop_oneof![Just(0), Just(36_500), 0..=36_500_i64],
        live: bool,
    ) {
        let Ok(condition) = Condition::compile(&format!("{text} > 0")) else { return Ok(()) };
        let facts = Facts::new()
            .with(Input::OrderAmount, amount)
            .and_then(|facts| facts.with(Input::RefundDays, days))
            .and_then(|facts| facts.with(Input::ProductLiveRoom, live))
            .unwrap();
        prop_assert!(condition.may_fail() || condition.evaluate(&facts).is_ok(), "{}", text);
    }

    /// Neither does any soup of brackets and operators, a piece of it repeated or not.
    #[test]
    fn no_soup_of_brackets_takes_the_process_down(
        pieces in prop::collection::vec(prop::sample::select(SOUP), 1..8),
        rest in prop::collection::vec(prop::sample::select(SOUP), 0..200),
        times in 1..200_usize,
    ) {
        read_and_evaluate(&pieces.concat().repeat(times));
        read_and_evaluate(&rest.concat());
        read_and_evaluate(&format!("{}{}", pieces.concat().repeat(times), rest.concat()));
    }
}

#[test]
fn brackets_that_cannot_fit_are_refused_before_the_parser() {
    for (text, at, wrong) in [
        ("(true]", 6, "this bracket closes another kind"),
        ("payer.tier in ['a')", 19, "this bracket closes another kind"),
        ("true)", 5, "this bracket closes nothing"),
        ("(true", 1, "this bracket is not closed"),
        ("() || true", 2, "there is nothing within these brackets"),
        ("payer.tier[]", 12, "there is nothing within these brackets"),
        ("(1 <) || true", 5, "a bracket closes where a value is due"),
        ("(payer.) == 'a'", 8, "a bracket closes where a value is due"),
        ("(!) || true", 3, "a bracket closes where a value is due"),
        ("has(payer.tier, )", 17, "a bracket closes where a value is due"),
        ("(1 in )", 7, "a bracket closes where a value is due"),
        ("(true)(true)", 7, "an operator is missing before this bracket"),
        ("'a'('b')", 4, "an operator is missing before this bracket"),
    ] {
        let fault = scan::check(text).expect_err(text);
        assert_eq!((fault.place.column, fault.wrong.as_str()), (at, wrong), "{text}");
    }
    let fits = ["payer.tier in ['a', 'b', ]", "f()", "1 in []", "(payer.tier) == ')'", "(begin) && f(a)[1]"];
    for text in fits {
        assert_eq!(scan::check(text), Ok(()), "{text}");
    }
}

/// The longest rows that are still accepted, so that the limits are known to let them through.
#[test]
fn the_limits_are_reached_and_not_passed() {
    let sum = |terms: usize| format!("{}1 > 0", "1+".repeat(terms));
    let row = |operator: &str| format!("{}true", format!("true{operator}").repeat(165));
    let nested = |depth: usize| format!("{}true{}", "(".repeat(depth), ")".repeat(depth));
    let long = |chars: usize| format!("true{}", " ".repeat(chars - 4));
    for text in [sum(DEPTH_MAX - 1), row("&&"), row("||"), nested(NESTING_MAX), long(CHARS_MAX)] {
        assert_eq!(answer(&text, "{}"), Ok(Verdict::Yes), "{text}");
    }
    for text in [sum(DEPTH_MAX), nested(NESTING_MAX + 1), long(CHARS_MAX + 1)] {
        assert!(Condition::compile(&text).is_err(), "{text}");
    }
}

#[test]
fn a_condition_crosses_threads() {
    fn crosses<T: Send + Sync>() {}
    crosses::<Condition>();
}
