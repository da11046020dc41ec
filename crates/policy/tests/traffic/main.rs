//! Must show 4: a draft about fees, splits and refunds over 100,000 recorded intents, and every number of its report computed
//! once more, naively.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]
#![allow(clippy::disallowed_methods, reason = "the time that it takes is told")]

mod naive;
mod shop;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use paifang_policy::bundle::Bundle;
use paifang_policy::lifecycle::Overlay;
use paifang_policy::simulate::{MoneyReport, Pair, Record, Report, Simulation, Verdict, Who};
use shop::{AFTER, BEFORE, Order, orders, record};

fn read(text: &str) -> Bundle {
    Bundle::read(text).unwrap_or_else(|faults| panic!("{faults}"))
}

fn file_of(orders: impl Iterator<Item = Order>, name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut file = BufWriter::new(File::create(&path).unwrap());
    let bundle = read(BEFORE);
    for order in orders {
        for record in record(&bundle, &order) {
            serde_json::to_writer(&mut file, &record).unwrap();
            file.write_all(b"\n").unwrap();
        }
    }
    file.flush().unwrap();
    path
}

fn run(draft: &str, path: &Path) -> Report {
    let (draft, overlay) = (read(draft), Overlay::none());
    let mut simulation = Simulation::new(&draft, &overlay);
    for line in BufReader::new(File::open(path).unwrap()).lines() {
        let record: Record = serde_json::from_str(&line.unwrap()).unwrap();
        simulation.take(&record);
    }
    simulation.finish()
}

fn add(all: &mut BTreeMap<String, naive::Both>, name: String, pair: &Pair) {
    let sum = all.entry(name).or_default();
    for (of, more) in [(&mut sum.before, pair.before), (&mut sum.after, pair.after)] {
        of.0 += more.count;
        of.1 += more.amount;
    }
}

/// Every number of a report, under a name of its line.
fn flat(money: &MoneyReport) -> BTreeMap<String, naive::Both> {
    let mut all = BTreeMap::new();
    for line in &money.payments {
        add(&mut all, "paid in".to_owned(), &line.paid_in);
    }
    for line in &money.fees {
        add(&mut all, format!("fee {} {}", line.wallet, line.rule), &line.fees);
    }
    for line in &money.parts {
        let who = line.receiver.as_ref().map_or("merchants", |receiver| receiver.as_str());
        add(&mut all, format!("got {who}"), &line.got);
        add(&mut all, format!("back {who}"), &line.gave_back);
    }
    for line in &money.refunds.verdicts {
        let name = match &line.verdict {
            Verdict::Granted { mode, rule } => format!("granted {} {rule}", mode.word()),
            Verdict::Refused { because, .. } => format!("refused {because}"),
            Verdict::WithoutPayment => "without payment".to_owned(),
            other => format!("{other:?}"),
        };
        add(&mut all, name, &line.refunds);
    }
    for line in &money.refunds.bearers {
        add(&mut all, format!("borne {}", line.who.word()), &line.borne);
    }
    for changes in &money.refunds.changes {
        add(&mut all, "out".to_owned(), &changes.out);
        add(&mut all, "short".to_owned(), &changes.short);
    }
    all.retain(|_, both| *both != naive::Both::default());
    all
}

#[test]
fn a_draft_about_money_runs_over_a_hundred_thousand_intents() {
    let path = file_of(orders(100_000), "traffic-100000");
    let started = std::time::Instant::now();
    let report = run(AFTER, &path);
    let bytes = std::fs::metadata(&path).unwrap().len();
    println!("{} records, {bytes} bytes: {:?}", report.total.records, started.elapsed());
    let money = report.money.as_ref().unwrap();
    assert_eq!(flat(money), naive::report(orders(100_000)));
    assert_eq!((money.contradictory, money.beyond_lines), (0, 0));
    expect_test::expect_file!["report.txt"].assert_eq(&report.to_string());
    let json = serde_json::to_string_pretty(&report).unwrap();
    let again: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(again["money"]["refunds"]["changes"][0]["currency"], "CNY");
    std::fs::remove_file(path).unwrap();
}

/// Both sides of each table add up to the same: to the payments, and to the refunds that went out.
#[test]
fn the_figures_about_money_add_up() {
    let path = file_of(orders(5_000), "traffic-5000");
    let report = run(AFTER, &path);
    let money = report.money.unwrap();
    let [payments] = &money.payments[..] else { panic!("{money:?}") };
    let not_taken = payments.closed.amount + payments.misfits.values().map(|of| of.amount).sum::<i128>();
    let sum = |of: fn(&Pair) -> i128| money.parts.iter().map(|line| of(&line.got)).sum::<i128>();
    let Pair { before, after } = payments.paid_in;
    assert!(before.amount > 0 && before == after, "only toys are not taken: {payments:?}");
    assert_eq!(sum(|pair| pair.before.amount), payments.taken.amount + before.amount);
    assert_eq!(sum(|pair| pair.after.amount), payments.taken.amount - not_taken + after.amount);
    let [changes] = &money.refunds.changes[..] else { panic!("{money:?}") };
    let borne =
        |of: fn(&Pair) -> i128| money.refunds.bearers.iter().map(|line| of(&line.borne)).sum::<i128>();
    assert_eq!(borne(|pair| pair.before.amount), changes.out.before.amount);
    assert_eq!(borne(|pair| pair.after.amount), changes.out.after.amount);
    let kinds = [
        changes.still_granted,
        changes.newly_granted,
        changes.no_longer_granted,
        changes.still_refused,
        changes.untold,
        changes.without_payment,
    ];
    let all = kinds.iter().fold((0, 0), |(count, amount), of| (count + of.count, amount + of.amount));
    assert_eq!(all, (changes.asked.count, changes.asked.amount));
    assert!(kinds[..4].iter().all(|of| of.count > 0) && changes.short.after.count > 0, "{changes:?}");
    std::fs::remove_file(path).unwrap();
}

/// A draft that says nothing about money: what was given stays given, and what was paid in is the merchants'.
#[test]
fn without_tables_about_money_what_was_given_stays_given() {
    let path = file_of(orders(2_000), "traffic-plain");
    let (header, _) = AFTER.split_once("[[opening]]").unwrap();
    let money = run(header, &path).money.unwrap();
    let ([payments], [changes]) = (&money.payments[..], &money.refunds.changes[..]) else {
        panic!("{money:?}")
    };
    assert!(payments.paid_in.before.amount > 0, "{payments:?}");
    assert_eq!(payments.paid_in.before, payments.paid_in.after);
    let merchants = money.parts.iter().filter(|line| line.receiver.is_none());
    let got: i128 = merchants.map(|line| line.got.after.amount).sum();
    assert_eq!(got, payments.taken.amount + payments.paid_in.after.amount);
    let borne = money.refunds.bearers.iter().map(|line| line.borne.after.amount).sum::<i128>();
    assert_eq!(borne, changes.out.after.amount);
    let funders = money.refunds.bearers.iter().find(|line| line.who == Who::Funders).unwrap();
    assert!(funders.borne.after.amount < funders.borne.before.amount, "all is granted: {funders:?}");
    std::fs::remove_file(path).unwrap();
}

/// What decided changes nothing of what it decided itself.
#[test]
fn the_same_bundle_changes_nothing() {
    let path = file_of(orders(2_000), "traffic-2000");
    let money = run(BEFORE, &path).money.unwrap();
    for (name, both) in flat(&money) {
        assert_eq!(both.before, both.after, "{name}");
    }
    std::fs::remove_file(path).unwrap();
}
