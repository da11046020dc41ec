//! Bills of random days with seeded differences: each is found, and nothing else is (I19).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::collections::BTreeSet;

use jiff::civil::date;
use paifang_money::Currency;
use proptest::prelude::*;

use super::*;

fn day() -> RailDay {
    RailDay::of(date(2026, 11, 20), 0).unwrap()
}

fn fen(minor: i64) -> PositiveMoney {
    PositiveMoney::new(minor, Currency::CNY).unwrap()
}

fn movement(kind: StatementKind, n: usize, minor: i64, second: i64) -> Movement {
    let at = day().begins + SignedDuration::from_secs(second);
    Movement { kind, number: format!("N{n}"), amount: fen(minor), earliest: at, latest: Some(at) }
}

/// The line that an honest rail writes of a movement.
fn line(of: &Movement) -> StatementLine {
    let refund_no = (of.kind == StatementKind::Refund).then(|| of.number.clone());
    let order_no = if refund_no.is_some() { "its order".to_owned() } else { of.number.clone() };
    StatementLine {
        kind: of.kind,
        order_no,
        refund_no,
        rail_ref: "4200".into(),
        amount: of.amount,
        fee_minor: None,
        at: of.latest,
    }
}

/// What happens to a movement on its way to bill and books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seed {
    Honest,
    NotInBooks,
    NotOnBill,
    Amount,
    Twice,
}

fn kinds() -> impl Strategy<Value = StatementKind> {
    prop_oneof![Just(StatementKind::Payment), Just(StatementKind::Refund), Just(StatementKind::Reversal)]
}

fn seeds() -> impl Strategy<Value = Seed> {
    prop_oneof![
        12 => Just(Seed::Honest),
        1 => Just(Seed::NotInBooks),
        1 => Just(Seed::NotOnBill),
        1 => Just(Seed::Amount),
        1 => Just(Seed::Twice),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn i19_every_seeded_difference_is_found_and_no_other(
        drawn in prop::collection::vec((kinds(), 1i64..1_000_000, 300i64..86_100, seeds()), 0..60),
        turn in any::<prop::sample::Index>(),
    ) {
        let all: Vec<(Movement, Seed)> = drawn
            .iter()
            .enumerate()
            .map(|(n, (kind, minor, second, seed))| (movement(*kind, n, *minor, *second), *seed))
            .collect();
        let booked = all.iter().filter(|(_, seed)| *seed != Seed::NotInBooks).map(|(movement, _)| movement.clone());
        let mut closing = DayClosing::new(day(), booked);
        let mut lines: Vec<StatementLine> = all
            .iter()
            .flat_map(|(movement, seed)| {
                let mut line = line(movement);
                match seed {
                    Seed::Honest | Seed::NotInBooks => vec![line],
                    Seed::NotOnBill => vec![],
                    Seed::Amount => {
                        line.amount = fen(line.amount.minor_units() + 1);
                        vec![line]
                    }
                    Seed::Twice => vec![line.clone(), line],
                }
            })
            .collect();
        if !lines.is_empty() {
            let by = turn.index(lines.len());
            lines.rotate_left(by);
        }
        let listed = lines.iter().fold(Totals::default(), |mut sum, line| {
            sum.add(line.kind, line.amount);
            sum
        });
        lines.into_iter().for_each(|line| closing.line(line));
        let report = closing.finish();

        let expected: BTreeSet<(u8, String)> = all
            .iter()
            .filter_map(|(movement, seed)| {
                let kind = match seed {
                    Seed::Honest => return None,
                    Seed::NotInBooks => 0,
                    Seed::NotOnBill => 1,
                    Seed::Amount => 2,
                    Seed::Twice => 3,
                };
                Some((kind, movement.number.clone()))
            })
            .collect();
        let number = |line: &StatementLine| line.refund_no.clone().unwrap_or_else(|| line.order_no.clone());
        let found: BTreeSet<(u8, String)> = report
            .breaks
            .iter()
            .map(|found| match found {
                Break::NotInBooks(line) => (0, number(line)),
                Break::NotOnBill(movement) => (1, movement.number.clone()),
                Break::AmountDiffers { line, .. } => (2, number(line)),
                Break::Twice(line) => (3, number(line)),
            })
            .collect();
        prop_assert_eq!(&found, &expected);
        prop_assert_eq!(report.break_count, expected.len() as u64);
        prop_assert_eq!(report.bill, listed);
        prop_assert_eq!(report.elsewhere, Totals::default());
        prop_assert_eq!(report.is_equal(), expected.is_empty());
    }
}

/// F70: what moved near midnight may stand on either day's bill, and is compared on the one that has it.
#[test]
fn f70_movements_near_the_end_of_a_day_are_nobodys_break() {
    let late = movement(StatementKind::Payment, 1, 500, 86_400 - 2);
    let early = movement(StatementKind::Payment, 2, 700, 1);
    let report = DayClosing::new(day(), [late.clone(), early]).finish();
    assert_eq!((report.break_count, report.elsewhere.count), (0, 2));
    assert!(report.is_equal());

    let next = RailDay::of(date(2026, 11, 21), 0).unwrap();
    let mut closing = DayClosing::new(next, [late.clone()]);
    closing.line(StatementLine { amount: fen(501), ..line(&late) });
    assert!(matches!(&closing.finish().breaks[..], [Break::AmountDiffers { .. }]));
}

/// A refund that the rail took today and pays out tomorrow may be listed on either day, and must be listed on none.
#[test]
fn f70_a_refund_on_its_way_is_compared_where_it_is_listed() {
    let mut refund = movement(StatementKind::Refund, 1, 500, 40_000);
    refund.latest = None;
    let report = DayClosing::new(day(), [refund.clone()]).finish();
    assert_eq!((report.break_count, report.elsewhere.returned_minor), (0, 500));
    let mut closing = DayClosing::new(day(), [refund.clone()]);
    closing.line(line(&refund));
    let report = closing.finish();
    assert!(report.is_equal() && report.elsewhere.count == 0, "{report:?}");
    assert_eq!(report.books.returned_minor, 500);
}

/// UnionPay's day ends an hour before midnight.
#[test]
fn a_rails_day_ends_where_the_rail_says() {
    let day = RailDay::of(date(2026, 11, 20), 3_600).unwrap();
    assert_eq!(day.begins.to_string(), "2026-11-19T15:00:00Z");
    assert_eq!(day.ends.to_string(), "2026-11-20T15:00:00Z");
    let at = day.ends - SignedDuration::from_mins(30);
    let movement = Movement { earliest: at, latest: Some(at), ..movement(StatementKind::Payment, 1, 1, 0) };
    assert!(day.must_list(&movement));
    let next = RailDay::of(date(2026, 11, 21), 3_600).unwrap();
    assert!(!next.may_list(&movement));
}
