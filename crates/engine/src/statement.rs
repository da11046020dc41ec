//! A day is closed: the rail's bill of that day against our books, line by line, to the minor unit. Nothing is ever edited;
//! whatever differs is a [`Break`] that a person sees.
//!
//! A bill is read as it comes, one line at a time, and only the movements that may belong to that day are kept in memory.
//! The rail decides on which day a movement stands. Near the end of a day, and while money is on its way, that can be this
//! bill or a neighbour's (F70): such a movement is compared when it is there, and counted as [`DayReport::elsewhere`] when it
//! is not.

mod books;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use jiff::civil::Date;
use jiff::tz::{TimeZone, offset};
use jiff::{SignedDuration, Timestamp};
use paifang_money::PositiveMoney;
use paifang_rail::{StatementKind, StatementLine};

/// How far the rail's clock and ours, or a movement and its booking, may be apart at the ends of a day.
pub const EDGE: SignedDuration = SignedDuration::from_mins(5);
/// How many breaks are kept in full; the rest is counted.
pub const BREAKS_MAX: usize = 10_000;

/// A day as a rail counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RailDay {
    /// Its date, in Beijing.
    pub date: Date,
    /// Its first moment.
    pub begins: Timestamp,
    /// The first moment after it.
    pub ends: Timestamp,
}

/// One movement of money by our books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// What moved.
    pub kind: StatementKind,
    /// The order number of a payment or a reversal, the refund number of a refund.
    pub number: String,
    /// How much.
    pub amount: PositiveMoney,
    /// It did not move before this time.
    pub earliest: Timestamp,
    /// It had moved by this time; `None` while it is on its way.
    pub latest: Option<Timestamp>,
}

/// What the bill and the books do not agree about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Break {
    /// The bill has it, the books do not.
    NotInBooks(StatementLine),
    /// The books have it, and it cannot be on another day's bill.
    NotOnBill(Movement),
    /// Both have it with different amounts.
    AmountDiffers {
        /// The bill's line.
        line: StatementLine,
        /// The amount by our books.
        booked: PositiveMoney,
    },
    /// The bill has it a second time.
    Twice(StatementLine),
}

/// A number of movements and their sums, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// How many.
    pub count: u64,
    /// Payments.
    pub paid_minor: i128,
    /// Refunds and reversals.
    pub returned_minor: i128,
}

/// What closing a day found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayReport {
    /// The day.
    pub day: RailDay,
    /// What the bill lists.
    pub bill: Totals,
    /// What the books have of this day: what the bill lists too, and what it must list.
    pub books: Totals,
    /// What may stand on a neighbour's bill and is not on this one.
    pub elsewhere: Totals,
    /// What differs, at most [`BREAKS_MAX`].
    pub breaks: Vec<Break>,
    /// How many breaks there are in all.
    pub break_count: u64,
}

/// Compares a bill with our books while it is read.
#[derive(Debug)]
pub struct DayClosing {
    open: HashMap<(StatementKind, String), Booked>,
    report: DayReport,
}

#[derive(Debug)]
struct Booked {
    movement: Movement,
    listed: bool,
}

impl RailDay {
    /// The day of this date that ends so many seconds before midnight in Beijing. `None` at the ends of the calendar.
    pub fn of(date: Date, cut_before_midnight_s: u32) -> Option<Self> {
        let cut = SignedDuration::from_secs(cut_before_midnight_s.into());
        let begins = date.to_zoned(TimeZone::fixed(offset(8))).ok()?.timestamp().checked_sub(cut).ok()?;
        let ends = date.tomorrow().ok()?.to_zoned(TimeZone::fixed(offset(8))).ok()?.timestamp();
        Some(Self { date, begins, ends: ends.checked_sub(cut).ok()? })
    }

    /// Whether a movement may stand on this day's bill.
    pub fn may_list(&self, movement: &Movement) -> bool {
        let starts_in_time = movement.earliest.duration_until(self.ends) > -EDGE;
        starts_in_time && movement.latest.is_none_or(|latest| self.begins.duration_until(latest) >= -EDGE)
    }

    /// Whether it can stand on no other one.
    pub fn must_list(&self, movement: &Movement) -> bool {
        let begun = self.begins.duration_until(movement.earliest) >= EDGE;
        begun && movement.latest.is_some_and(|latest| latest.duration_until(self.ends) > EDGE)
    }
}

impl DayClosing {
    /// Begins with what the books have. Movements that cannot be on this day's bill are left out.
    pub fn new(day: RailDay, movements: impl IntoIterator<Item = Movement>) -> Self {
        let none = Totals::default();
        let report =
            DayReport { day, bill: none, books: none, elsewhere: none, breaks: Vec::new(), break_count: 0 };
        let mut closing = Self { open: HashMap::new(), report };
        for movement in movements {
            closing.book(movement);
        }
        closing
    }

    /// Adds one more movement of our books.
    pub(crate) fn book(&mut self, movement: Movement) {
        if self.report.day.may_list(&movement) {
            let key = (movement.kind, movement.number.clone());
            self.open.entry(key).or_insert(Booked { movement, listed: false });
        }
    }

    /// Takes the next line of the bill.
    pub fn line(&mut self, line: StatementLine) {
        self.report.bill.add(line.kind, line.amount);
        let number = match (line.kind, &line.refund_no) {
            (StatementKind::Refund, Some(refund_no)) => refund_no.clone(),
            // A reversal ends the order, whatever number the rail gave it.
            (StatementKind::Payment | StatementKind::Refund | StatementKind::Reversal, _) => {
                line.order_no.clone()
            }
        };
        let found = match self.open.entry((line.kind, number)) {
            Entry::Vacant(_) => Break::NotInBooks(line),
            Entry::Occupied(mut entry) => {
                let booked = entry.get_mut();
                if booked.listed {
                    Break::Twice(line)
                } else {
                    booked.listed = true;
                    self.report.books.add(line.kind, booked.movement.amount);
                    if booked.movement.amount == line.amount {
                        return;
                    }
                    Break::AmountDiffers { line, booked: booked.movement.amount }
                }
            }
        };
        self.report.find(found);
    }

    /// The bill has ended.
    pub fn finish(mut self) -> DayReport {
        let mut missing: Vec<Movement> =
            self.open.into_values().filter(|booked| !booked.listed).map(|booked| booked.movement).collect();
        // The same books and the same bill give the same report.
        missing.sort_by(|a, b| (a.earliest, &a.number, a.kind).cmp(&(b.earliest, &b.number, b.kind)));
        for movement in missing {
            if self.report.day.must_list(&movement) {
                self.report.books.add(movement.kind, movement.amount);
                self.report.find(Break::NotOnBill(movement));
            } else {
                self.report.elsewhere.add(movement.kind, movement.amount);
            }
        }
        self.report
    }
}

impl DayReport {
    /// Whether bill and books say the same.
    pub fn is_equal(&self) -> bool {
        self.break_count == 0 && self.bill == self.books
    }

    fn find(&mut self, found: Break) {
        self.break_count += 1;
        if self.breaks.len() < BREAKS_MAX {
            self.breaks.push(found);
        }
    }
}

impl Totals {
    fn add(&mut self, kind: StatementKind, amount: PositiveMoney) {
        let minor = i128::from(amount.minor_units());
        self.count += 1;
        match kind {
            StatementKind::Payment => self.paid_minor += minor,
            StatementKind::Refund | StatementKind::Reversal => self.returned_minor += minor,
        }
    }
}

#[cfg(test)]
mod tests;
