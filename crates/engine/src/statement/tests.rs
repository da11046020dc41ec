//! Bills of random days with seeded differences: each is found, and nothing else is (I19).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::date;
use paifang_money::Currency;
use paifang_rail::LineStanding;
use proptest::prelude::*;

use super::*;

fn day() -> RailDay {
    RailDay::of(date(2026, 11, 20), 0).unwrap()
}

fn fen(minor: i64) -> PositiveMoney {
    PositiveMoney::new(minor, Currency::CNY).unwrap()
}

fn row() -> Row {
    let at = Timestamp::UNIX_EPOCH;
    let part = Part::Attempt(AttemptId::from_parts(at, [1; 10]));
    Row { intent: IntentId::from_parts(at, [0; 10]), part }
}

fn after_midnight(second: i64) -> Timestamp {
    day().begins + SignedDuration::from_secs(second)
}

fn movement(kind: StatementKind, n: usize, minor: i64, second: i64) -> Movement {
    let at = after_midnight(second);
    let number = format!("N{n}");
    Movement { row: row(), kind, number, amount: fen(minor), earliest: at, latest: Some(at) }
}

fn closing(day: RailDay, movements: impl IntoIterator<Item = Movement>) -> DayClosing {
    DayClosing::new(day, vec![], movements)
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
        standing: LineStanding::Done,
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

/// Neighbours in a list share a number: an order and its reversal do, and nothing forbids it to a refund.
fn nth(n: usize) -> (StatementKind, usize) {
    let kinds = [StatementKind::Payment, StatementKind::Refund, StatementKind::Reversal];
    (kinds[n % 3], n / 3)
}

/// From when to when it may have moved, in seconds of the day: to the very edge at which this day's bill must have it.
fn ranges() -> impl Strategy<Value = (i64, i64)> {
    (300i64..=86_099, 300i64..=86_099).prop_map(|(a, b)| (a.min(b), a.max(b)))
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
        drawn in prop::collection::vec((1i64..1_000_000, ranges(), seeds()), 0..60),
        turn in any::<prop::sample::Index>(),
    ) {
        let all: Vec<(Movement, Seed)> = drawn
            .iter()
            .enumerate()
            .map(|(n, (minor, (from, until), seed))| {
                let (kind, number) = nth(n);
                let exact = movement(kind, number, *minor, *from);
                (Movement { latest: Some(after_midnight(*until)), ..exact }, *seed)
            })
            .collect();
        let booked = all.iter().filter(|(_, seed)| *seed != Seed::NotInBooks).map(|(movement, _)| movement.clone());
        let mut closing = closing(day(), booked);
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

        let expected: BTreeSet<(u8, StatementKind, String)> = all
            .iter()
            .filter_map(|(movement, seed)| {
                let kind = match seed {
                    Seed::Honest => return None,
                    Seed::NotInBooks => 0,
                    Seed::NotOnBill => 1,
                    Seed::Amount => 2,
                    Seed::Twice => 3,
                };
                Some((kind, movement.kind, movement.number.clone()))
            })
            .collect();
        let number = |line: &StatementLine| line.refund_no.clone().unwrap_or_else(|| line.order_no.clone());
        let found: BTreeSet<(u8, StatementKind, String)> = report
            .breaks
            .iter()
            .map(|found| match found {
                Break::NotInBooks(line) => (0, line.kind, number(line)),
                Break::NotOnBill(movement) => (1, movement.kind, movement.number.clone()),
                Break::AmountDiffers(line, _) => (2, line.kind, number(line)),
                Break::Twice { line, .. } => (3, line.kind, number(line)),
                Break::KnownNotSettled(line, _)
                | Break::OnAnotherDay(line, _)
                | Break::FailedOnBill(line, _) => (4, line.kind, number(line)),
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
    let report = closing(day(), [late.clone(), early]).finish();
    assert_eq!((report.break_count, report.elsewhere.count), (0, 2));
    assert!(report.is_equal() && !report.is_complete());
    let told: Vec<&str> = report.neighbours.iter().map(|movement| movement.number.as_str()).collect();
    assert_eq!(told, ["N2", "N1"], "by time");

    let next = RailDay::of(date(2026, 11, 21), 0).unwrap();
    let mut closing = closing(next, [late.clone()]);
    closing.line(StatementLine { amount: fen(501), ..line(&late) });
    assert!(matches!(&closing.finish().breaks[..], [Break::AmountDiffers(..)]));
}

/// A refund that the rail took today and pays out tomorrow may be listed on either day, and must be listed on none.
#[test]
fn f70_a_refund_on_its_way_is_compared_where_it_is_listed() {
    let mut refund = movement(StatementKind::Refund, 1, 500, 40_000);
    refund.latest = None;
    let report = closing(day(), [refund.clone()]).finish();
    assert_eq!((report.break_count, report.elsewhere.returned_minor), (0, 500));
    let mut closing = closing(day(), [refund.clone()]);
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

/// Where the edges of a day are, to the second: when a movement can be on its bill, and when it must.
#[test]
fn f70_the_edges_of_a_day() {
    let edge = EDGE.as_secs();
    let end = 86_400;
    for (from, until, may, must) in [
        (-edge, -edge, true, false),
        (-edge - 1, -edge - 1, false, false),
        (edge - 1, edge - 1, true, false),
        (edge, edge, true, true),
        (edge, end - edge - 1, true, true),
        (edge, end - edge, true, false),
        (end + edge - 1, end + edge - 1, true, false),
        (end + edge, end + edge, false, false),
        (-90_000, 180_000, true, false),
    ] {
        let movement = movement(StatementKind::Refund, 1, 1, from);
        let movement = Movement { latest: Some(after_midnight(until)), ..movement };
        assert_eq!((day().may_list(&movement), day().must_list(&movement)), (may, must), "{from} to {until}");
    }
}

/// What a bill says of a refund: on its way is as good as done, failed is no movement.
#[test]
fn a_refund_is_compared_by_how_far_it_had_come() {
    let booked = movement(StatementKind::Refund, 1, 500, 40_000);
    let on_its_way = Movement { latest: None, ..booked.clone() };
    let told = |movement: Option<&Movement>, failed: bool, standing| {
        let mut closing = closing(day(), movement.filter(|_| !failed).cloned());
        if let Some(movement) = movement.filter(|_| failed) {
            closing.book_failed(movement, "failed");
        }
        closing.line(StatementLine { standing, ..line(&booked) });
        let report = closing.finish();
        assert_eq!(report.is_equal(), report.break_count == 0, "{report:?}");
        assert!(report.is_complete(), "{report:?}");
        report.breaks.into_iter().next()
    };
    let [done, underway, failed] = [LineStanding::Done, LineStanding::Underway, LineStanding::Failed];
    assert_eq!(told(Some(&booked), false, done), None);
    assert_eq!(told(Some(&booked), false, underway), None);
    assert!(matches!(told(Some(&booked), false, failed), Some(Break::FailedOnBill(..))));
    for standing in [done, underway, failed] {
        assert_eq!(told(Some(&on_its_way), false, standing), None);
    }
    assert!(matches!(told(Some(&booked), true, done), Some(Break::KnownNotSettled(..))));
    assert_eq!(told(Some(&booked), true, underway), None);
    assert_eq!(told(Some(&booked), true, failed), None);
    assert!(matches!(told(None, false, done), Some(Break::NotInBooks(..))));
    assert!(matches!(told(None, false, underway), Some(Break::NotInBooks(..))));
    assert_eq!(told(None, false, failed), None);
}

/// A movement that the bill lists twice is told with both numbers of the rail.
#[test]
fn a_second_line_is_told_with_the_first_ones_number() {
    let booked = movement(StatementKind::Payment, 1, 500, 40_000);
    let mut closing = closing(day(), [booked.clone()]);
    closing.line(line(&booked));
    closing.line(StatementLine { rail_ref: "4201".into(), ..line(&booked) });
    let report = closing.finish();
    let [Break::Twice { line, first_rail_ref }] = &report.breaks[..] else { panic!("{report:?}") };
    assert_eq!((first_rail_ref.as_str(), line.rail_ref.as_str()), ("4200", "4201"));
}

/// If books held one number twice, the second is not covered by the first one's line.
#[test]
fn a_number_that_is_booked_twice_is_a_break() {
    let booked = movement(StatementKind::Payment, 1, 500, 40_000);
    let mut closing = closing(day(), [booked.clone(), booked.clone()]);
    closing.line(line(&booked));
    assert!(matches!(&closing.finish().breaks[..], [Break::NotOnBill(_)]));
}
