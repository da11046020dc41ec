//! September 2024 as rules: a wallet announced for a date, tried on 5 % of the payers and two categories, ramped by
//! merchant, rolled back by a guard rail, opened again; and what a draft would have changed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops here")]

use std::collections::BTreeSet;

use jiff::Timestamp;
use paifang_payment::{Presentation, RailName, Remark, WalletName};
use paifang_policy::bundle::Bundle;
use paifang_policy::cohort::Pseudonym;
use paifang_policy::diff::diff;
use paifang_policy::facts::{Facts, Input};
use paifang_policy::guard::{Counts, Verdict, judge};
use paifang_policy::lifecycle::{Book, Fact, Overlay, Why};
use paifang_policy::opening::{Decision, Offer, decide};
use paifang_policy::rank::{Entry, Ranked, rank};
use paifang_policy::simulate::{Record, simulate};
use paifang_policy::{BundleName, RuleId};

const TRIED: &str = r#"
[bundle]
name = "walls"
version = 1
note = "WeChat Pay: 5 % of the payers, two categories"
effective_at = 2024-09-26T00:00:00+08:00
unlisted = "closed"

[[opening]]
id = "alipay"
wallet = "alipay"
show = true
accept = true

[[opening]]
id = "wechat-coming"
wallet = "wechatpay"
until = 2024-09-26T00:00:00+08:00
show = true
accept = false

[[opening]]
id = "wechat-tried"
wallet = "wechatpay"
when = "product.category in ['books', 'toys']"
cohort = { salt = "walls-2024", ppm = 50_000 }
show = true
accept = true

[[ranking]]
id = "home"
wallet = "alipay"
weight = 10
reason = "home_wallet"

[[ranking]]
id = "counties"
when = "payer.region.startsWith('3301')"
wallet = "wechatpay"
weight = 20
reason = "region_preference"

[[guard_rail]]
id = "tried-success"
opening = "wechat-tried"
measure = "success_rate"
window_s = 3600
at_least = 200
min = 900_000
action = "roll_back"
"#;

fn ramped() -> String {
    TRIED
        .replace("version = 1", "version = 2")
        .replace("5 % of the payers, two categories", "two merchants fully, 20 % of the payers beside")
        .replace("2024-09-26T00:00:00+08:00\nunlisted", "2024-10-01T00:00:00+08:00\nunlisted")
        .replace("ppm = 50_000", "ppm = 200_000")
        .replace(
            "[[opening]]\nid = \"wechat-tried\"",
            "[[opening]]\nid = \"wechat-merchants\"\nwallet = \"wechatpay\"\nmerchants = [\"m-1\", \"m-2\"]\nshow = true\naccept = true\n\n[[opening]]\nid = \"wechat-tried\"",
        )
}

fn read(text: &str) -> Bundle {
    Bundle::read(text).unwrap_or_else(|faults| panic!("{faults}"))
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn offer(wallet: &str) -> Offer {
    Offer {
        rail: RailName::parse(wallet).unwrap(),
        wallet: WalletName::parse(wallet).unwrap(),
        presentation: Presentation::QrShown,
    }
}

fn order(when: &str, category: &str, merchant: &str) -> Facts {
    Facts::new()
        .with(Input::OrderAt, at(when))
        .and_then(|facts| facts.with(Input::ProductCategory, category))
        .and_then(|facts| facts.with(Input::MerchantId, merchant))
        .and_then(|facts| facts.with(Input::OrderAmount, 8_800))
        .and_then(|facts| facts.with(Input::OrderCurrency, "CNY"))
        .unwrap()
}

/// Two payers whose buckets are known: one within 5 %, one within neither 5 nor 20 %.
fn payers() -> (Pseudonym, Pseudonym) {
    let all = (0..).map(|number| Pseudonym::parse(&format!("payer-{number}")).unwrap());
    let salt = paifang_policy::cohort::Salt::parse("walls-2024").unwrap();
    let bucket = |payer: &Pseudonym| paifang_policy::cohort::bucket(&salt, payer);
    let inside = all.clone().find(|payer| bucket(payer) < 50_000).unwrap();
    (inside, all.into_iter().find(|payer| bucket(payer) >= 200_000).unwrap())
}

fn told(decision: &Decision) -> String {
    let Decision { shown, accepted, rule, because, missing, decided_by, .. } = decision;
    let rule = rule.as_ref().map_or("-", RuleId::as_str);
    let flags = format!("{}{}", if *shown { "shown " } else { "" }, if *accepted { "accepted " } else { "" });
    format!("v{} {flags}by {rule}, {}, missing {missing:?}", decided_by.version, because.as_str())
}

fn remark(text: &str) -> Remark {
    Remark::parse(text).unwrap()
}

/// The journal of the story; its last day is asked for all of its days.
fn story(first: &Bundle, second: &Bundle) -> Book {
    let rail = &first.guard_rails()[0];
    let counts = Counts { hits: 170, samples: 200 };
    let verdict = judge(rail, counts);
    let Verdict::RollBack { measured_ppm: measured, .. } = verdict else { panic!("{verdict:?}") };
    let (measure, window_s, bound) = (rail.measure, rail.window_s, rail.bound);
    let why = Why::GuardRail {
        rule: rail.id.clone(),
        measure,
        window_s,
        counts,
        measured,
        bound,
        cut: None,
        spares_until: None,
    };
    let tried = RuleId::parse("wechat-tried").unwrap();
    let facts = [
        Fact::drafted(at("2024-09-01T10:00:00+08:00"), first),
        Fact::Announced {
            at: at("2024-09-04T10:00:00+08:00"),
            version: 1,
            effective_at: at("2024-09-26T00:00:00+08:00"),
            without: BTreeSet::new(),
            without_kills: Some(BTreeSet::new()),
        },
        Fact::drafted(at("2024-09-27T10:00:00+08:00"), second),
        Fact::Announced {
            at: at("2024-09-27T11:00:00+08:00"),
            version: 2,
            effective_at: at("2024-10-01T00:00:00+08:00"),
            without: BTreeSet::new(),
            without_kills: Some(BTreeSet::new()),
        },
        Fact::RolledBack { at: at("2024-09-28T12:00:00+08:00"), opening: tried.clone(), why },
        Fact::Reopened {
            at: at("2024-10-02T09:00:00+08:00"),
            opening: tried,
            by: remark("ops: the rail is well again"),
        },
    ];
    let book = Book::new(BundleName::parse("walls").unwrap());
    facts.into_iter().try_fold(book, Book::step).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_walls_open_step_by_step() {
    let (first, second) = (read(TRIED), read(&ramped()));
    let book = story(&first, &second);
    let (inside, outside) = payers();
    let mut lines = Vec::new();
    for (day, category, merchant) in [
        ("2024-09-20", "books", "m-9"),
        ("2024-09-26", "books", "m-9"),
        ("2024-09-26", "food", "m-9"),
        ("2024-09-28", "books", "m-9"),
        ("2024-10-01", "books", "m-9"),
        ("2024-10-01", "food", "m-1"),
        ("2024-10-03", "books", "m-9"),
    ] {
        let when = format!("{day}T20:00:00+08:00");
        let facts = order(&when, category, merchant);
        let Some(deciding) = book.deciding(at(&when)) else {
            lines.push(format!("{day} nothing decides"));
            continue;
        };
        let bundle = if deciding.bundle == &first.reference() { &first } else { &second };
        for (name, payer) in [("inside", Some(&inside)), ("outside", Some(&outside)), ("unknown", None)] {
            let decision = decide(bundle, &deciding.rolled_back, &offer("wechatpay"), &facts, payer);
            lines.push(format!("{day} {category} {merchant} {name}: {}", told(&decision)));
        }
    }
    let earlier = order("2024-09-25T23:59:59+08:00", "books", "m-9");
    lines.push(told(&decide(&first, &Overlay::none(), &offer("wechatpay"), &earlier, None)));
    lines.push(told(&decide(&first, &Overlay::none(), &offer("wechatpay"), &Facts::new(), None)));
    lines.push(told(&decide(&first, &Overlay::none(), &offer("quickpass"), &earlier, None)));
    expect_test::expect_file!["walls.txt"].assert_eq(&format!("{}\n", lines.join("\n")));
}

#[test]
fn an_opening_begins_at_its_from_and_ends_before_its_until() {
    let text = TRIED.replace("until = 2024", "from = 2024-09-10T00:00:00+08:00\nuntil = 2024");
    let bundle = read(&text);
    for (when, fits) in [
        ("2024-09-09T23:59:59.999999999+08:00", false),
        ("2024-09-10T00:00:00+08:00", true),
        ("2024-09-25T23:59:59.999999999+08:00", true),
        ("2024-09-26T00:00:00+08:00", false),
    ] {
        let decision =
            decide(&bundle, &Overlay::none(), &offer("wechatpay"), &order(when, "food", "m-9"), None);
        assert_eq!(decision.shown, fits, "{when}");
    }
}

#[test]
fn what_is_shown_is_ranked_with_reasons() {
    let bundle = read(TRIED);
    let (inside, _) = payers();
    let offers = ["wechatpay", "alipay", "quickpass"].map(offer);
    let ranked = |facts: &Facts| {
        let decided = offers.clone().map(|one| decide(&bundle, &Overlay::none(), &one, facts, Some(&inside)));
        let entries = offers.iter().zip(&decided);
        let entries = entries.map(|(offer, decision)| Entry { offer, decision, terms: None });
        let ranked = rank(&bundle, facts, entries);
        let line = |one: &Ranked| {
            let reasons: Vec<String> = one
                .reasons
                .iter()
                .map(|why| format!("{} {} {:+}", why.rule, why.reason, why.weight))
                .collect();
            let unjudged: Vec<String> =
                one.unjudged.iter().map(|why| format!("{} lacks {:?}", why.rule, why.missing)).collect();
            format!("{} {} {reasons:?} {unjudged:?}", one.offer.wallet, one.weight)
        };
        ranked.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    let order = order("2024-09-27T08:00:00+08:00", "books", "m-9");
    expect_test::expect![[r#"
        alipay 10 ["home home_wallet +10"] []
        wechatpay 0 [] ["counties lacks [payer.region]"]"#]]
    .assert_eq(&ranked(&order));
    let near = order.clone().with(Input::PayerRegion, "330106").unwrap();
    expect_test::expect![[r#"
        wechatpay 20 ["counties region_preference +20"] []
        alipay 10 ["home home_wallet +10"] []"#]]
    .assert_eq(&ranked(&near));
}

#[test]
fn a_difference_is_told_rule_by_rule() {
    let (first, second) = (read(TRIED), read(&ramped()));
    expect_test::expect![[r#"
        bundle.effective_at: "2024-09-25T16:00:00Z" -> "2024-09-30T16:00:00Z"
        bundle.note: "WeChat Pay: 5 % of the payers, two categories" -> "WeChat Pay: two merchants fully, 20 % of the payers beside"
        bundle.version: 1 -> 2
        + opening wechat-merchants, behind wechat-coming
        + opening wechat-merchants.accept: true
        + opening wechat-merchants.merchants: ["m-1","m-2"]
        + opening wechat-merchants.show: true
        + opening wechat-merchants.wallet: "wechatpay"
        ~ opening wechat-tried.cohort: {"ppm":50000,"salt":"walls-2024"} -> {"ppm":200000,"salt":"walls-2024"}
    "#]].assert_eq(&diff(&first, &second).to_string());
    assert!(diff(&first, &read(&format!("# the same\n{TRIED}"))).is_empty());
    // What is gone is told as what is new, to be read without the bundles; kinds without an order have no place.
    let killed = format!("{TRIED}[[kill]]\nid = \"no-app\"\npresentation = \"app\"\nnote = \"it fails\"\n");
    let told = diff(&second, &read(&killed));
    expect_test::expect![[r#"
        bundle.effective_at: "2024-09-30T16:00:00Z" -> "2024-09-25T16:00:00Z"
        bundle.note: "WeChat Pay: two merchants fully, 20 % of the payers beside" -> "WeChat Pay: 5 % of the payers, two categories"
        bundle.version: 2 -> 1
        ~ opening wechat-tried.cohort: {"ppm":200000,"salt":"walls-2024"} -> {"ppm":50000,"salt":"walls-2024"}
        - opening wechat-merchants, behind wechat-coming
        - opening wechat-merchants.accept: true
        - opening wechat-merchants.merchants: ["m-1","m-2"]
        - opening wechat-merchants.show: true
        - opening wechat-merchants.wallet: "wechatpay"
        + kill no-app
        + kill no-app.note: "it fails"
        + kill no-app.presentation: "app"
    "#]].assert_eq(&told.to_string());
    let added = serde_json::to_value(&diff(&first, &second).rules[0].change).unwrap();
    assert_eq!(added["added"]["behind"], "wechat-coming");
    assert_eq!(added["added"]["rule"]["merchants"], serde_json::json!(["m-1", "m-2"]));

    let without = second.reference();
    assert_ne!(without.digest, first.digest());

    // The two about WeChat Pay change places: an order between them may decide otherwise.
    let (head, tail) = TRIED.split_once("[[opening]]\nid = \"wechat-coming\"").unwrap();
    let (coming, tail) = tail.split_once("[[opening]]\nid = \"wechat-tried\"").unwrap();
    let (tried, tail) = tail.split_once("[[ranking]]").unwrap();
    let swapped = format!(
        "{head}[[opening]]\nid = \"wechat-tried\"{tried}[[opening]]\nid = \"wechat-coming\"{coming}[[ranking]]{tail}"
    );
    expect_test::expect![[r#"
        ~ opening wechat-tried: moved
        ~ opening wechat-coming: moved
    "#]]
    .assert_eq(&diff(&first, &read(&swapped)).to_string());
}

fn records(bundle: &Bundle, count: u32) -> impl Iterator<Item = Record> {
    (0..count).map(|number| {
        let wallet = if number % 3 == 0 { "alipay" } else { "wechatpay" };
        let category = ["books", "toys", "food", "garden"][usize::try_from(number % 4).unwrap()];
        let facts = order("2024-09-28T08:00:00+08:00", category, &format!("m-{}", number % 50));
        let payer = (number % 10 != 0).then(|| Pseudonym::parse(&format!("payer-{number}")).unwrap());
        let offer = offer(wallet);
        let decision = decide(bundle, &Overlay::none(), &offer, &facts, payer.as_ref());
        Record { offer, facts, payer, decision, can_exclude_credit: Some(true), payment: None }
    })
}

/// A record in a log or a message tells nothing about its payer.
#[test]
fn a_records_debug_form_tells_nothing_about_the_payer() {
    let bundle = read(&TRIED.replace("product.category in ['books', 'toys']", "1 / order.amount_fen == 1"));
    let attributes =
        [(Input::PayerRegion, "330199"), (Input::PayerTier, "platinum"), (Input::PayerAgeBand, "18-24")];
    let facts = attributes
        .iter()
        .fold(order("2024-09-28T08:00:00+08:00", "books", "m-9"), |facts, (input, value)| {
            facts.with(*input, *value).unwrap()
        });
    let (payer, _) = payers();
    let offer = offer("wechatpay");
    for amount in [0, 8_800] {
        let facts = facts.clone().with(Input::OrderAmount, amount).unwrap();
        let decision = decide(&bundle, &Overlay::none(), &offer, &facts, Some(&payer));
        let record = Record {
            offer: offer.clone(),
            facts,
            payer: Some(payer.clone()),
            decision,
            can_exclude_credit: Some(true),
            payment: None,
        };
        let (plain, pretty) = (format!("{record:?}"), format!("{record:#?}"));
        for secret in ["330199", "platinum", "18-24", "8800", "m-9", payer.as_str()] {
            assert!(!plain.contains(secret) && !pretty.contains(secret), "{secret}: {plain}");
        }
        assert!(plain.contains("payer.region") && plain.contains("Pseudonym(***)"), "{plain}");
    }
}

/// Must show 4, as far as it is decided here: 100,000 records with progress, in far less than a minute.
#[test]
fn a_draft_runs_over_recorded_decisions() {
    let (first, second) = (read(TRIED), read(&ramped()));
    let mut heard = Vec::new();
    let report =
        simulate(&second, &Overlay::none(), records(&first, 100_000), 25_000, |count| heard.push(count));
    assert_eq!(heard, [25_000, 50_000, 75_000, 100_000, 100_000]);
    expect_test::expect_file!["simulated.txt"].assert_eq(&report.to_string());
    assert!(serde_json::to_string(&report).is_ok());

    let same = simulate(&first, &Overlay::none(), records(&first, 1_000), 0, |_| {});
    assert_eq!(same.total.unchanged, 1_000, "a bundle changes nothing of what it decided itself");
    let stored = records(&first, 100).map(|record| {
        let text = serde_json::to_string(&record).unwrap();
        let read: Record = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} {text}"));
        assert_eq!(read, record);
        read
    });
    assert_eq!(simulate(&first, &Overlay::none(), stored, 1_000, |_| {}).total.unchanged, 100);
}

/// Totals add up: what came and what went explain the difference, in each line and over all.
#[test]
fn the_figures_of_a_report_add_up() {
    let (first, second) = (read(TRIED), read(&ramped()));
    let report = simulate(&second, &Overlay::none(), records(&first, 5_000), 10_000, |_| {});
    let balances = |totals: &paifang_policy::simulate::Totals| {
        totals.shown_before + totals.newly_shown == totals.shown_after + totals.no_longer_shown
            && totals.accepted_before + totals.newly_accepted
                == totals.accepted_after + totals.no_longer_accepted
    };
    assert!(balances(&report.total) && report.lines.iter().all(|line| balances(&line.totals)));
    let sum: u64 = report.lines.iter().map(|line| line.totals.records).sum();
    assert_eq!((sum, report.because.values().sum::<u64>()), (5_000, 5_000));
    let amount = report.total.amount_newly_accepted.get("CNY").copied().unwrap_or_default();
    assert_eq!(amount, i128::from(report.total.newly_accepted) * 8_800);
}
