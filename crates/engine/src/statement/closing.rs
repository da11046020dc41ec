//! The comparison itself: what the books have waits for the bill's lines, each of which takes what carries its number.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use paifang_payment::AccountId;
use paifang_rail::{LineStanding, StatementKind, StatementLine};

use super::{Break, DayReport, ELSEWHERE_MAX, Known, Movement, RailDay, Totals};

/// Compares a bill with our books while it is read.
#[derive(Debug)]
pub struct DayClosing {
    open: HashMap<(StatementKind, String), Booked>,
    report: DayReport,
}

#[derive(Debug)]
enum Booked {
    /// It waits for its line.
    Waits(Movement),
    /// Its line has come, with this number of the rail.
    Listed(String),
    /// A refund that failed by our books: no line has to come.
    Failed(Known),
}

impl DayClosing {
    /// Begins with what the books have. Movements that cannot be on this day's bill are left out.
    pub fn new(
        day: RailDay,
        accounts: Vec<AccountId>,
        movements: impl IntoIterator<Item = Movement>,
    ) -> Self {
        let none = Totals::default();
        let report = DayReport {
            day,
            accounts,
            bill: none,
            books: none,
            elsewhere: none,
            neighbours: Vec::new(),
            breaks: Vec::new(),
            break_count: 0,
        };
        let mut closing = Self { open: HashMap::new(), report };
        for movement in movements {
            closing.book(movement);
        }
        closing
    }

    /// Adds one more movement of our books.
    pub(crate) fn book(&mut self, movement: Movement) {
        if !self.report.day.may_list(&movement) {
            return;
        }
        match self.open.entry((movement.kind, movement.number.clone())) {
            Entry::Vacant(free) => {
                free.insert(Booked::Waits(movement));
            }
            // A number is given once. If the books hold it twice, one line cannot be for both.
            Entry::Occupied(_) => {
                self.report.books.add(movement.kind, movement.amount);
                self.report.find(Break::NotOnBill(movement));
            }
        }
    }

    /// Adds a refund that failed by our books. It is given as the movement that it would have been.
    pub(crate) fn book_failed(&mut self, movement: &Movement, state: &'static str) {
        if self.report.day.may_list(movement) {
            let failed = Booked::Failed(Known { row: movement.row, state });
            self.open.entry((movement.kind, movement.number.clone())).or_insert(failed);
        }
    }

    /// Takes the next line of the bill.
    pub fn line(&mut self, line: StatementLine) {
        let moves = line.standing != LineStanding::Failed;
        let (kind, amount, standing) = (line.kind, line.amount, line.standing);
        let found = match self.open.entry((kind, number_of(&line))) {
            // What failed at the rail and is nothing to us needs nobody.
            Entry::Vacant(_) if !moves => return,
            Entry::Vacant(_) => Break::NotInBooks(line),
            Entry::Occupied(mut entry) => match (entry.get_mut(), standing) {
                (Booked::Failed(_), LineStanding::Underway | LineStanding::Failed) => return,
                (Booked::Failed(known), LineStanding::Done) => Break::KnownNotSettled(line, known.clone()),
                (Booked::Listed(_), LineStanding::Failed) => return,
                (Booked::Listed(first), LineStanding::Done | LineStanding::Underway) => {
                    Break::Twice { first_rail_ref: first.clone(), line }
                }
                (Booked::Waits(movement), LineStanding::Failed) => {
                    let movement = movement.clone();
                    entry.insert(Booked::Listed(line.rail_ref.clone()));
                    // Ours is on its way: the query that follows it will be told the same.
                    if movement.latest.is_none() {
                        return;
                    }
                    self.report.books.add(kind, movement.amount);
                    Break::FailedOnBill(line, movement)
                }
                (Booked::Waits(movement), LineStanding::Done | LineStanding::Underway) => {
                    let movement = movement.clone();
                    entry.insert(Booked::Listed(line.rail_ref.clone()));
                    self.report.books.add(kind, movement.amount);
                    if movement.amount == amount {
                        self.report.bill.add(kind, amount);
                        return;
                    }
                    Break::AmountDiffers(line, movement)
                }
            },
        };
        if moves {
            self.report.bill.add(kind, amount);
        }
        self.report.find(found);
    }

    /// The bill has ended.
    pub fn finish(mut self) -> DayReport {
        let waits = |booked| match booked {
            Booked::Waits(movement) => Some(movement),
            Booked::Listed(_) | Booked::Failed(_) => None,
        };
        let mut missing: Vec<Movement> = self.open.into_values().filter_map(waits).collect();
        // The same books and the same bill give the same report.
        missing.sort_by(|a, b| (a.earliest, &a.number, a.kind).cmp(&(b.earliest, &b.number, b.kind)));
        for movement in missing {
            if self.report.day.must_list(&movement) {
                self.report.books.add(movement.kind, movement.amount);
                self.report.find(Break::NotOnBill(movement));
            } else {
                self.report.elsewhere.add(movement.kind, movement.amount);
                if self.report.neighbours.len() < ELSEWHERE_MAX {
                    self.report.neighbours.push(movement);
                }
            }
        }
        self.report
    }
}

/// The number that our books have the line's movement under.
pub(super) fn number_of(line: &StatementLine) -> String {
    match (line.kind, &line.refund_no) {
        (StatementKind::Refund, Some(refund_no)) => refund_no.clone(),
        // A reversal ends the order, whatever number the rail gave it.
        (StatementKind::Payment | StatementKind::Refund | StatementKind::Reversal, _) => {
            line.order_no.clone()
        }
    }
}
