//! A day is closed: the rail's bill of that day against our books, line by line, to the minor unit. Nothing is ever edited;
//! whatever differs is a [`Break`] that a person sees.
//!
//! A bill is read as it comes, one line at a time, and only the movements that may belong to that day are kept in memory.
//! The rail decides on which day a movement stands. Near the end of a day, and while money is on its way, that can be this
//! bill or a neighbour's (F70): such a movement is compared when it is there, and told as [`DayReport::elsewhere`] when it
//! is not. A day is proved only when there is no such movement.

mod books;
mod closing;
mod known;

use jiff::civil::Date;
use jiff::tz::{TimeZone, offset};
use jiff::{SignedDuration, Timestamp};
use paifang_money::PositiveMoney;
use paifang_payment::{AccountId, AttemptId, IntentId, RefundId};
use paifang_rail::{StatementKind, StatementLine};

pub use closing::DayClosing;

/// How far the rail's clock and ours, or a movement and its booking, may be apart at the ends of a day.
pub const EDGE: SignedDuration = SignedDuration::from_mins(5);
/// How many breaks are kept in full; the rest is counted.
pub const BREAKS_MAX: usize = 10_000;
/// How many movements that may stand on a neighbour's bill are kept in full; the rest is counted.
pub const ELSEWHERE_MAX: usize = 10_000;

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

/// A row of our books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The intent.
    pub intent: IntentId,
    /// What of it.
    pub part: Part,
}

/// What of an intent moves money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A payment, or its reversal.
    Attempt(AttemptId),
    /// A refund.
    Refund(RefundId),
}

/// One movement of money by our books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// Whose it is.
    pub row: Row,
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

/// What our books know of a number that is on a bill and waits for no line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Where it leads.
    pub row: Row,
    /// The state of the attempt or refund, by its name.
    pub state: &'static str,
}

/// What the bill and the books do not agree about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Break {
    /// The bill has it, the books do not.
    NotInBooks(StatementLine),
    /// The bill has it as moved; the books know the number and have not settled it.
    KnownNotSettled(StatementLine, Known),
    /// The bill has it; the books settled it at a time that is not of this day.
    OnAnotherDay(StatementLine, Known),
    /// The bill has it as failed; the books have it as moved.
    FailedOnBill(StatementLine, Movement),
    /// The books have it, and it cannot be on another day's bill.
    NotOnBill(Movement),
    /// Both have it with different amounts.
    AmountDiffers(StatementLine, Movement),
    /// The bill has it a second time.
    Twice {
        /// The second line, or one after it.
        line: StatementLine,
        /// The rail's number in the first one.
        first_rail_ref: String,
    },
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
    /// Whose books were compared: all accounts of the bill's merchant.
    pub accounts: Vec<AccountId>,
    /// What the bill lists as moved, or as about to move.
    pub bill: Totals,
    /// What the books have of this day: what the bill lists too, and what it must list.
    pub books: Totals,
    /// What may stand on a neighbour's bill and is not on this one.
    pub elsewhere: Totals,
    /// The movements of it, at most [`ELSEWHERE_MAX`].
    pub neighbours: Vec<Movement>,
    /// What differs, at most [`BREAKS_MAX`].
    pub breaks: Vec<Break>,
    /// How many breaks there are in all.
    pub break_count: u64,
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

impl DayReport {
    /// Whether bill and books say the same of all that this bill had to list.
    pub fn is_equal(&self) -> bool {
        self.break_count == 0 && self.bill == self.books
    }

    /// Whether every movement of the books that may be of this day is on this bill. What is not may stand on a
    /// neighbour's, and is proved by nothing yet.
    pub fn is_complete(&self) -> bool {
        self.elsewhere.count == 0
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
