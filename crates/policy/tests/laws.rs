//! The laws of decisions, over random bundles, facts and payers.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops here")]

use std::fmt::Write as _;

use jiff::Timestamp;
use paifang_payment::{Credit, Presentation, RailName, WalletName};
use paifang_policy::bundle::Bundle;
use paifang_policy::cohort::Pseudonym;
use paifang_policy::condition::{Condition, Verdict};
use paifang_policy::facts::{Facts, Input, Value};
use paifang_policy::lifecycle::{Book, Fact, Overlay, Why};
use paifang_policy::money::DivideError;
use paifang_policy::opening::{Because, Decision, Lack, Offer, decide, inputs_of};
use paifang_policy::rank::{Entry, rank};
use paifang_shares::fees::FeeError;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

#[path = "laws/by_money.rs"]
mod by_money;

use by_money::{MONEY, Terms, adds, divided, rankings};

/// Conditions that neither fail nor ask with `has()`.
const TAME: &[&str] = &[
    "payer.tier == 'gold'",
    "payer.tier != 'gold' && order.amount_fen > 1000",
    "product.category in ['books', 'toys'] || client.inside_wallet",
    "!(payer.region.startsWith('33') && product.live_room)",
    "product.live_room ? payer.tier == 'gold' : order.amount_fen < 1000",
];

/// Conditions that fail for some facts.
const FAILING: &[&str] = &[
    "1000 / order.amount_fen > 1",
    "payer.tier == 'gold' || 1000 % order.amount_fen > 1",
    "order.amount_fen * 9223372036854775807 > 1 && product.live_room",
];

/// Conditions that answer to what is not known.
const ASKING: &[&str] = &["!has(payer.tier)", "has(payer.tier) || payer.region == '33'"];

#[derive(Debug, Clone)]
struct Rule {
    wallet: usize,
    presentation: Option<usize>,
    rail: Option<usize>,
    when: Option<String>,
    from: Option<u8>,
    until: Option<u8>,
    cohort: Option<u32>,
    merchants: Vec<usize>,
    show: bool,
    accept: bool,
    credit: bool,
}

const WALLETS: [&str; 3] = ["alipay", "wechatpay", "quickpass"];
const RAILS: [&str; 2] = ["rail-a", "rail-b"];
const PRESENTATIONS: [Presentation; 2] = [Presentation::QrShown, Presentation::App];
const MERCHANTS: [&str; 3] = ["m-0", "m-1", "m-2"];

fn rules(conditions: &'static [&'static str]) -> impl Strategy<Value = Vec<Rule>> {
    let scope = (
        0..2_usize,
        proptest::option::weighted(0.3, 0..2_usize),
        proptest::option::weighted(0.2, 0..2_usize),
    );
    let when = proptest::option::of(select(conditions).prop_map(str::to_owned));
    let dates = (proptest::option::weighted(0.2, 1..4_u8), proptest::option::weighted(0.2, 4..7_u8));
    let cohort = proptest::option::weighted(0.4, select(vec![0, 100_000, 500_000, 900_000, 1_000_000]));
    let merchants = prop_oneof![3 => Just(Vec::new()), 1 => subsequence(vec![0, 1, 2], 1..=2)];
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let rule = (scope, when, dates, cohort, merchants, flags);
    let rule = rule.prop_map(
        |((wallet, presentation, rail), when, (from, until), cohort, merchants, (show, accept, credit))| {
            Rule { wallet, presentation, rail, when, from, until, cohort, merchants, show, accept, credit }
        },
    );
    proptest::collection::vec(rule, 0..5)
}

fn bundle(rules: &[Rule], more: &str) -> Bundle {
    let mut text = String::from(
        "[bundle]\nname = 'b'\nversion = 1\nnote = 'n'\neffective_at = 2024-01-01T00:00:00Z\nunlisted = 'open'\n",
    );
    for (at, rule) in rules.iter().enumerate() {
        let Rule { wallet, show, accept, credit, .. } = rule;
        let _ = write!(
            text,
            "[[opening]]\nid = 'o{at}'\nwallet = '{}'\nshow = {show}\naccept = {accept}\ncredit = {credit}\n",
            WALLETS[*wallet]
        );
        if let Some(presentation) = rule.presentation {
            let _ = writeln!(text, "presentation = '{}'", PRESENTATIONS[presentation].as_str());
        }
        if let Some(rail) = rule.rail {
            let _ = writeln!(text, "rail = '{}'", RAILS[rail]);
        }
        if let Some(when) = &rule.when {
            let _ = writeln!(text, "when = \"{when}\"");
        }
        for (name, day) in [("from", rule.from), ("until", rule.until)] {
            let _ = day.map(|day| writeln!(text, "{name} = 2024-09-0{day}T00:00:00Z"));
        }
        if let Some(ppm) = rule.cohort {
            let _ = writeln!(text, "cohort = {{ salt = 's{at}', ppm = {ppm} }}");
        }
        if !rule.merchants.is_empty() {
            let names: Vec<String> =
                rule.merchants.iter().map(|one| format!("'{}'", MERCHANTS[*one])).collect();
            let _ = writeln!(text, "merchants = [{}]", names.join(", "));
        }
    }
    text.push_str(more);
    Bundle::read(&text).unwrap_or_else(|faults| panic!("{text}\n{faults}"))
}

fn all_facts() -> impl Strategy<Value = Facts> {
    let day = (1..8_u8).prop_map(|day| format!("2024-09-0{day}T00:00:00Z").parse::<Timestamp>().unwrap());
    (
        (select(vec!["33", "3301", "44"]), select(vec!["gold", "plain"]), select(MERCHANTS.to_vec())),
        (select(vec!["books", "toys", "food"]), any::<bool>(), select(vec![0_i64, 500, 1500])),
        (day, any::<bool>(), select(vec!["app", "pos"])),
    )
        .prop_map(|((region, tier, merchant), (category, live, amount), (at, inside, client))| {
            let values: [(Input, Value); 10] = [
                (Input::PayerRegion, region.into()),
                (Input::PayerTier, tier.into()),
                (Input::MerchantId, merchant.into()),
                (Input::ProductCategory, category.into()),
                (Input::ProductLiveRoom, live.into()),
                (Input::OrderAmount, amount.into()),
                (Input::OrderAt, at.into()),
                (Input::ClientInsideWallet, inside.into()),
                (Input::ClientKind, client.into()),
                (Input::PayerAgeBand, "18-24".into()),
            ];
            values.into_iter().fold(Facts::new(), |facts, (input, value)| facts.with(input, value).unwrap())
        })
}

/// All facts, and the same with some of them left out.
fn full_and_partial() -> impl Strategy<Value = (Facts, Facts)> {
    let left_out = proptest::collection::vec(select(Input::ALL.to_vec()), 0..8);
    (all_facts(), left_out).prop_map(|(full, left_out)| {
        let partial = left_out.into_iter().fold(full.clone(), Facts::without);
        (full, partial)
    })
}

fn payers() -> impl Strategy<Value = Option<Pseudonym>> {
    proptest::option::weighted(0.8, "[a-z0-9]{1,8}".prop_map(|text| Pseudonym::parse(&text).unwrap()))
}

fn offers() -> impl Strategy<Value = Offer> {
    (0..3_usize, 0..2_usize, 0..2_usize).prop_map(|(wallet, rail, presentation)| Offer {
        rail: RailName::parse(RAILS[rail]).unwrap(),
        wallet: WalletName::parse(WALLETS[wallet]).unwrap(),
        presentation: PRESENTATIONS[presentation],
    })
}

/// All that do not answer to what is not known.
fn steady() -> &'static [&'static str] {
    [TAME, FAILING].concat().leak()
}

fn every() -> &'static [&'static str] {
    [TAME, FAILING, ASKING].concat().leak()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn rolled_back(opening: &str) -> Overlay {
    let why = Why::Person { remark: "ops: alarms".to_owned().try_into().unwrap() };
    let fact = Fact::RolledBack {
        at: at("2024-09-01T00:00:00Z"),
        opening: opening.to_owned().try_into().unwrap(),
        why,
    };
    let bundle =
        bundle(&[], &format!("[[opening]]\nid = '{opening}'\nwallet = 'w'\nshow = true\naccept = true\n"));
    let drafted = Fact::drafted(at("2024-09-01T00:00:00Z"), &bundle);
    let book = Book::new("b".to_owned().try_into().unwrap());
    let book = [drafted, fact].into_iter().try_fold(book, Book::step).unwrap();
    book.overlay(at("2024-09-02T00:00:00Z"))
}

proptest! {
    /// A decision is a function of its arguments, and of the facts only of those that a rule names.
    #[test]
    fn only_named_inputs_matter(
        rules in rules(every()),
        (full, partial) in full_and_partial(),
        payer in payers(),
        offer in offers(),
    ) {
        let bundle = bundle(&rules, "");
        let named = inputs_of(&bundle);
        let decided = decide(&bundle, &Overlay::none(), &offer, &partial, payer.as_ref());
        prop_assert_eq!(&decided, &decide(&bundle, &Overlay::none(), &offer, &partial, payer.as_ref()));
        for input in Input::ALL.iter().filter(|input| !named.contains(&Lack::Input(**input))) {
            let with = full.value(*input).map_or(partial.clone(), |value| partial.clone().with(*input, value.clone()).unwrap());
            for other in [partial.clone().without(*input), with] {
                prop_assert_eq!(&decided, &decide(&bundle, &Overlay::none(), &offer, &other, payer.as_ref()), "{}", input);
            }
        }
        if !named.contains(&Lack::Pseudonym) {
            prop_assert_eq!(&decided, &decide(&bundle, &Overlay::none(), &offer, &partial, None));
        }
    }

    /// A kill switch comes before everything, and takes nothing but new payments.
    #[test]
    fn a_kill_switch_beats_all(
        rules in rules(every()),
        (_, facts) in full_and_partial(),
        payer in payers(),
        offer in offers(),
        scope in 1..8_u8,
    ) {
        let mut kill = "[[kill]]\nid = 'k'\nnote = 'n'\n".to_owned();
        for (bit, line) in [
            (1, format!("rail = '{}'\n", offer.rail)),
            (2, format!("wallet = '{}'\n", offer.wallet)),
            (4, format!("presentation = '{}'\n", offer.presentation.as_str())),
        ] {
            if scope & bit != 0 {
                kill.push_str(&line);
            }
        }
        let killed = decide(&bundle(&rules, &kill), &Overlay::none(), &offer, &facts, payer.as_ref());
        prop_assert_eq!((killed.shown, killed.accepted, killed.because), (false, false, Because::Killed));
        let record = serde_json::to_value(&killed).unwrap();
        prop_assert_eq!(&record["standing"], &serde_json::json!({"queries": "alive", "refunds": "alive"}));
        prop_assert_eq!(serde_json::from_value::<Decision>(record).unwrap(), killed);

        let other = WalletName::parse("another").unwrap();
        let spared = decide(&bundle(&rules, &kill), &Overlay::none(), &Offer { wallet: other, ..offer }, &facts, None);
        prop_assert_eq!(spared.because == Because::Killed, scope & 2 == 0);
    }

    /// A wider share of an opening that shows and accepts takes nothing from anybody.
    #[test]
    fn widening_never_hides(
        mut rules in rules(TAME),
        (_, facts) in full_and_partial(),
        payer in payers(),
        offer in offers(),
        which in any::<prop::sample::Index>(),
        (a, b) in (0..=1_000_000_u32, 0..=1_000_000_u32),
    ) {
        prop_assume!(!rules.is_empty());
        let which = which.index(rules.len());
        let mut with = |ppm| {
            rules[which] = Rule { cohort: Some(ppm), show: true, accept: true, ..rules[which].clone() };
            decide(&bundle(&rules, ""), &Overlay::none(), &offer, &facts, payer.as_ref())
        };
        let (narrow, wide) = (with(a.min(b)), with(a.max(b)));
        prop_assert!(!narrow.shown || wide.shown, "{:?} {:?}", narrow, wide);
        prop_assert!(!narrow.accepted || wide.accepted, "{:?} {:?}", narrow, wide);
    }

    /// What is shown with an input missing stays shown when it is known: a missing input is never a yes, also where a
    /// rule fails once it is known.
    #[test]
    fn to_know_more_never_takes_away(
        rules in rules(steady()),
        (full, partial) in full_and_partial(),
        payer in payers(),
        offer in offers(),
        overlay in prop_oneof![Just(Overlay::none()), Just(rolled_back("o0"))],
    ) {
        let bundle = bundle(&rules, "");
        let less = decide(&bundle, &overlay, &offer, &partial, None);
        let more = decide(&bundle, &overlay, &offer, &full, payer.as_ref());
        prop_assert!(!less.shown || more.shown, "{:?} {:?}", less, more);
        prop_assert!(!less.accepted || more.accepted, "{:?} {:?}", less, more);
        let on_credit = less.accepted && less.credit == Credit::Allowed;
        prop_assert!(!on_credit || more.credit == Credit::Allowed, "{:?} {:?}", less, more);
        prop_assert_eq!(less.missing.is_empty(), less.because != Because::InputMissing);
        prop_assert!(payer.is_none() || more.missing.is_empty());
    }

    /// A roll-back only closes, and only where its opening would have decided or may have.
    #[test]
    fn a_roll_back_only_closes(rules in rules(TAME), (_, facts) in full_and_partial(), payer in payers(), offer in offers()) {
        let bundle = bundle(&rules, "");
        let before = decide(&bundle, &Overlay::none(), &offer, &facts, payer.as_ref());
        let after = decide(&bundle, &rolled_back("o0"), &offer, &facts, payer.as_ref());
        prop_assert!(before.shown || !after.shown);
        prop_assert!(before.accepted || !after.accepted);
        if before.rule.as_ref().is_some_and(|rule| rule.as_str() == "o0") && before.because == Because::OpeningFits {
            prop_assert_eq!((after.shown, after.accepted, after.because), (false, false, Because::RolledBack));
        }
    }

    /// A condition's answer without some inputs is its answer with them.
    #[test]
    fn an_answer_holds_whatever_is_missing(text in conditions(), (full, partial) in full_and_partial()) {
        let condition = Condition::compile(&text).unwrap_or_else(|faults| panic!("{text}: {faults}"));
        let known = condition.evaluate(&full).unwrap();
        prop_assert!(matches!(known, Verdict::Yes | Verdict::No), "{}", text);
        match condition.evaluate(&partial).unwrap() {
            Verdict::Missing(inputs) => prop_assert!(!inputs.is_empty() && inputs.iter().all(|one| partial.value(*one).is_none())),
            answer => prop_assert_eq!(answer, known, "{}", text),
        }
    }

    /// No text takes the reader of conditions down, and what it accepts is answered.
    #[test]
    fn any_text_is_read_or_refused(words in proptest::collection::vec(select(WORDS), 0..120), (_, facts) in full_and_partial()) {
        if let Ok(condition) = Condition::compile(&words.concat()) {
            let _ = condition.evaluate(&facts);
        }
    }

    /// What is ranked is what is shown, each once, heavier first, and its weight is the sum of its reasons. What goes by money adds
    /// what follows from the terms of each way, and where it cannot be told it is named and adds nothing.
    #[test]
    fn a_ranking_orders_what_is_shown(
        rules in rules(TAME),
        (_, facts) in full_and_partial(),
        weights in proptest::collection::vec(rankings(), 0..6),
        (are_known, fit) in (any::<bool>(), any::<bool>()),
    ) {
        let more: String = weights.iter().enumerate().map(|(at, one)| format!("[[ranking]]\nid = 'r{at}'\n{one}")).collect();
        let bundle = bundle(&rules, &(more + MONEY));
        let offer = |wallet| Offer { rail: RailName::parse(RAILS[0]).unwrap(), wallet: WalletName::parse(wallet).unwrap(), presentation: Presentation::App };
        let offers: Vec<Offer> = WALLETS.into_iter().map(offer).collect();
        let decided: Vec<Decision> = offers.iter().map(|one| decide(&bundle, &Overlay::none(), one, &facts, None)).collect();
        let fitting = |division| if fit { division } else { Err(DivideError::Fees(FeeError::NoRule)) };
        let terms = |one: &Offer| divided(&bundle, one, &facts).filter(|_| are_known).map(fitting);
        let divisions: Vec<Terms> = offers.iter().map(terms).collect();
        let entries = offers.iter().zip(&decided).zip(&divisions).map(|((offer, decision), terms)| {
            Entry { offer, decision, terms: terms.as_ref().map(Result::as_ref) }
        });
        let ranked = rank(&bundle, &facts, entries);
        let mut found: Vec<&Offer> = ranked.iter().map(|one| &one.offer).collect();
        found.sort();
        let mut shown: Vec<&Offer> = offers.iter().zip(&decided).filter(|(_, one)| one.shown).map(|(offer, _)| offer).collect();
        shown.sort();
        prop_assert_eq!(found, shown);
        prop_assert!(ranked.is_sorted_by_key(|one| -one.weight));
        for one in &ranked {
            prop_assert_eq!(one.weight, one.reasons.iter().map(|reason| reason.weight).sum::<i64>());
            let at = offers.iter().position(|offer| *offer == one.offer).unwrap();
            let has_terms = matches!(divisions[at], Some(Ok(_)));
            for ranking in bundle.rankings().iter().filter(|ranking| ranking.wallet.as_ref().is_none_or(|wallet| *wallet == one.offer.wallet)) {
                let weight: Option<i64> = one.reasons.iter().find(|reason| reason.rule == ranking.id).map(|reason| reason.weight);
                let is_named = one.unjudged.iter().any(|unjudged| unjudged.rule == ranking.id);
                prop_assert!(weight.is_none() || !is_named, "{:?}", one);
                let holds = ranking.when.as_ref().is_none_or(|when| when.evaluate(&facts) == Ok(Verdict::Yes));
                match ranking.per {
                    _ if !holds => prop_assert_eq!(weight, None),
                    None => prop_assert_eq!(weight, Some(ranking.weight)),
                    Some(_) if !has_terms => prop_assert!(is_named, "{:?}", one),
                    Some(per) => {
                        let Some(Ok(division)) = &divisions[at] else { unreachable!("looked at above") };
                        prop_assert_eq!(weight.unwrap_or(0), adds(ranking, per, division, &facts));
                        prop_assert!(!is_named);
                    }
                }
            }
        }
    }
}

/// A rule that fails when its input is known does not open a wallet while the input is missing.
#[test]
fn a_missing_input_never_hides_that_a_rule_fails() {
    let rule = |when: &str| Rule {
        wallet: 0,
        presentation: None,
        rail: None,
        when: Some(when.to_owned()),
        from: None,
        until: None,
        cohort: None,
        merchants: Vec::new(),
        show: true,
        accept: true,
        credit: true,
    };
    let offer = Offer {
        rail: RailName::parse(RAILS[0]).unwrap(),
        wallet: WalletName::parse(WALLETS[0]).unwrap(),
        presentation: Presentation::App,
    };
    let told = |when: &str, facts: &Facts| {
        let rules = [rule(when), rule("true")];
        let decided = decide(&bundle(&rules, ""), &Overlay::none(), &offer, facts, None);
        (decided.shown, decided.accepted, decided.because, decided.missing)
    };
    let amount = |fen: i64| Facts::new().with(Input::OrderAmount, fen).unwrap();
    let missing = vec![Lack::Input(Input::OrderAmount)];
    let fails = "1000 / order.amount_fen > 1";
    assert_eq!(told(fails, &amount(0)), (false, false, Because::RuleFailed, Vec::new()));
    assert_eq!(told(fails, &Facts::new()), (false, false, Because::InputMissing, missing));
    assert_eq!(told(fails, &amount(5)), (true, true, Because::OpeningFits, Vec::new()));
    let tame = "order.amount_fen / 1000 > 1";
    assert_eq!(told(tame, &Facts::new()), (true, true, Because::OpeningFits, Vec::new()));
}

/// Conditions made of comparisons that cannot fail.
fn conditions() -> impl Strategy<Value = String> {
    let leaf = select(vec![
        "payer.tier == 'gold'",
        "payer.region.startsWith('33')",
        "order.amount_fen * 2 > 1000",
        "order.amount_fen in [0, 500]",
        "product.live_room",
        "client.inside_wallet",
        "order.at < timestamp('2024-09-04T00:00:00Z')",
        "product.category != 'food'",
        "true",
        "false",
    ]);
    let leaf = leaf.prop_map(|text| format!("({text})"));
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} == {b})")),
            inner.clone().prop_map(|a| format!("(!{a})")),
        ]
    })
}

/// Pieces of which texts are made that look like conditions.
const WORDS: &[&str] = &[
    "payer.tier",
    "order.amount_fen",
    "payer",
    ".",
    "'gold'",
    "\"",
    "'",
    "1",
    "0",
    "-",
    "!",
    "&&",
    "||",
    "==",
    "!=",
    "<",
    ">=",
    "+",
    "*",
    "/",
    "%",
    "?",
    ":",
    "(",
    ")",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    " in ",
    "has(",
    "timestamp(",
    "true",
    "false",
    "null",
    " ",
    "\n",
    "9223372036854775807",
    "1.5",
    "2u",
    "b'x'",
    "r'x'",
    "//",
    "\\",
    "门",
    ".startsWith(",
    ".all(x, ",
    "@",
];
