//! The lines of a reconciliation file: `INN<YYMMDD>88ZM_<merId>`, one line of fixed columns per successful transaction.
//!
//! Columns are counted in bytes of GBK. Those that are read are plain ASCII; texts in the others (a sub-merchant's name, the
//! merchant's reserved words) are stepped over as bytes, so a name that was cut in the middle of a character harms nothing.
//!
//! Beside it lie `..ZME_` (exceptions and adjustments, of which the columns' meaning is not published) and `RD2010..`
//! (totals for people, of which the form is not published). Both have to be of this merchant and day and are not read
//! further; so the only totals are those of the lines.

use std::io::{BufRead, Read};

use jiff::civil::Date;
use paifang_money::{Currency, PositiveMoney};
use paifang_rail::{LineStanding, StatementError, StatementKind, StatementLine, StatementTotals};

use crate::charge::{HOLD, PURCHASE};
use crate::hold::{CAPTURE, RELEASE};
use crate::refund::REFUND;
use crate::reverse::{UNDO, UNDO_CAPTURE};
use crate::{Settings, beijing, unzip};

/// Bytes of each column; one blank between any two.
const WIDTHS: [usize; 42] = [
    3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21, 15, 1, 15,
    32, 13, 13, 8, 32, 13, 13, 12, 2, 1, 32, 98,
];

/// Bytes of a line without its end.
const LINE_BYTES: usize = 607;

/// With its end, and enough to see that it is too long.
const LINE_READ_MAX: u64 = 1024;

/// Numbers of the columns that are read, as the documents count them (from 1).
mod column {
    pub(super) const TRACE_TIME: usize = 5;
    pub(super) const AMOUNT: usize = 7;
    pub(super) const QUERY_ID: usize = 10;
    pub(super) const ORDER_NO: usize = 12;
    pub(super) const FEE: usize = 16;
    pub(super) const SETTLED: usize = 17;
    pub(super) const TXN_TYPE: usize = 20;
    pub(super) const MERCHANT: usize = 28;
    pub(super) const DISCOUNT: usize = 36;
    pub(super) const INSTALMENT_FEE: usize = 38;
    pub(super) const ORIGINAL_ORDER_NO: usize = 41;
}

/// A bill of one merchant and day while it is read.
pub(crate) struct Bill<'a> {
    merchant: &'a str,
    day: Date,
    line: &'a mut dyn FnMut(StatementLine),
    totals: Option<StatementTotals>,
}

/// The file as a whole is not as it should be.
pub(crate) fn malformed(rule: &'static str) -> StatementError {
    StatementError::Malformed { line: 0, rule }
}

impl<'a> Bill<'a> {
    pub(crate) fn of(settings: &'a Settings, day: Date, line: &'a mut dyn FnMut(StatementLine)) -> Self {
        Self { merchant: &settings.merchant_id, day, line, totals: None }
    }

    /// One file of the zip.
    pub(crate) fn read_entry(&mut self, name: &[u8], entry: &mut dyn BufRead) -> Result<(), StatementError> {
        let name = std::str::from_utf8(name).map_err(|_| malformed("names in ASCII in the zip"))?;
        let short_day = self.day.strftime("%y%m%d").to_string();
        let is_lines = if let Some(rest) = name.strip_prefix("INN") {
            let (day, rest) = rest.split_at_checked(6).ok_or(malformed(NAMES))?;
            let rest = rest.split_at_checked(2).map(|(_, rest)| rest).ok_or(malformed(NAMES))?;
            let (kind, merchant) = rest.split_once('_').ok_or(malformed(NAMES))?;
            self.own(day == short_day, merchant)?;
            kind == "ZM"
        } else if let Some(rest) = name.strip_prefix("RD2010") {
            let (day, rest) = rest.split_at_checked(6).ok_or(malformed(NAMES))?;
            let (_, merchant) = rest.split_once('_').ok_or(malformed(NAMES))?;
            self.own(day == short_day, merchant)?;
            false
        } else {
            // Other files may come with it one day; they are none of ours.
            false
        };
        match (is_lines, &self.totals) {
            (false, _) => Ok(()),
            (true, None) => {
                self.totals = Some(self.read_lines(entry)?);
                Ok(())
            }
            (true, Some(_)) => Err(malformed("one file of successful transactions")),
        }
    }

    /// What was read.
    pub(crate) fn totals(&self) -> Result<StatementTotals, StatementError> {
        self.totals.clone().ok_or(malformed("a file of successful transactions (ZM)"))
    }

    fn own(&self, is_of_day: bool, merchant: &str) -> Result<(), StatementError> {
        match (is_of_day, merchant == self.merchant) {
            (true, true) => Ok(()),
            (_, false) => Err(StatementError::Mismatch("merchant")),
            (false, true) => Err(StatementError::Mismatch("day")),
        }
    }

    fn read_lines(&mut self, entry: &mut dyn BufRead) -> Result<StatementTotals, StatementError> {
        let (mut totals, mut number) = (StatementTotals::default(), 0);
        let mut text = Vec::with_capacity(LINE_BYTES + 2);
        loop {
            text.clear();
            number += 1;
            let read = (&mut *entry).take(LINE_READ_MAX).read_until(b'\n', &mut text);
            if read.map_err(|error| unzip::unpacking(&error))? == 0 {
                return Ok(totals);
            }
            let bare = text.strip_suffix(b"\n").unwrap_or(&text);
            let bare = bare.strip_suffix(b"\r").unwrap_or(bare);
            let wrong = |rule| StatementError::Malformed { line: number, rule };
            let row = Row::of(bare).map_err(wrong)?;
            if row.text(column::MERCHANT).map_err(wrong)? != self.merchant {
                return Err(StatementError::Mismatch("merchant"));
            }
            let Some(line) = row.line(self.day).map_err(wrong)? else { continue };
            let minor = i128::from(line.amount.minor_units());
            match line.kind {
                StatementKind::Payment => totals.paid_minor += minor,
                StatementKind::Refund | StatementKind::Reversal => totals.returned_minor += minor,
            }
            totals.lines += 1;
            (self.line)(line);
        }
    }
}

const NAMES: &str = "files named by day and merchant";

/// The columns of a line.
struct Row<'a>([&'a [u8]; 42]);

impl<'a> Row<'a> {
    fn of(line: &'a [u8]) -> Result<Self, &'static str> {
        if line.len() != LINE_BYTES {
            return Err("607 bytes");
        }
        let mut cells = [&line[..0]; 42];
        let mut rest = line;
        for (place, (cell, width)) in cells.iter_mut().zip(WIDTHS).enumerate() {
            if place > 0 {
                rest = rest.strip_prefix(b" ").ok_or("one blank between two columns")?;
            }
            (*cell, rest) = rest.split_at_checked(width).ok_or("42 columns")?;
        }
        if rest.is_empty() { Ok(Self(cells)) } else { Err("42 columns") }
    }

    /// What the line says of money. `None` where none moved: of holds and their releases.
    fn line(&self, day: Date) -> Result<Option<StatementLine>, &'static str> {
        let kind = match self.text(column::TXN_TYPE)? {
            PURCHASE | CAPTURE => Some(StatementKind::Payment),
            REFUND => Some(StatementKind::Refund),
            UNDO | UNDO_CAPTURE => Some(StatementKind::Reversal),
            HOLD | RELEASE => None,
            _ => return Err("a transaction that this gateway makes"),
        };
        let amount = digits(self.cell(column::AMOUNT))?;
        // `D`: the merchant pays; `C`: the merchant receives.
        let (fee, settled) = (self.signed(column::FEE)?, -self.signed(column::SETTLED)?);
        let Some(kind) = kind else {
            return if (fee, settled) == (0, 0) { Ok(None) } else { Err("no money moved by a hold") };
        };
        let gross = if kind == StatementKind::Payment { amount } else { -amount };
        let plain = self.signed(column::DISCOUNT)? == 0 && self.signed(column::INSTALMENT_FEE)? == 0;
        if plain && settled != gross - fee {
            return Err("a settlement of the amount without the fee");
        }
        let amount = PositiveMoney::new(amount, Currency::CNY).map_err(|_| "an amount above zero")?;
        let own = self.required(column::ORDER_NO)?.to_owned();
        let original = self.text(column::ORIGINAL_ORDER_NO)?.to_owned();
        let (order_no, refund_no) = match kind {
            StatementKind::Payment => (own, None),
            // The refund's own number is enough to find it; whether the other is always there is not confirmed.
            StatementKind::Refund => (original, Some(own)),
            StatementKind::Reversal if original.is_empty() => return Err("the order that was undone"),
            StatementKind::Reversal => (original, Some(own)),
        };
        let rail_ref = self.required(column::QUERY_ID)?.to_owned();
        let at = beijing::traced_by(self.text(column::TRACE_TIME)?, day).ok_or("the time of the trace")?;
        Ok(Some(StatementLine {
            kind,
            order_no,
            refund_no,
            rail_ref,
            amount,
            fee_minor: Some(fee),
            at: Some(at),
            standing: LineStanding::Done,
        }))
    }

    /// By its number in the documents.
    fn cell(&self, column: usize) -> &'a [u8] {
        self.0.get(column - 1).copied().unwrap_or_default()
    }

    /// Letters and digits, left-aligned, filled with blanks.
    fn text(&self, column: usize) -> Result<&'a str, &'static str> {
        let text =
            std::str::from_utf8(self.cell(column)).map_err(|_| "numbers in ASCII")?.trim_end_matches(' ');
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if plain { Ok(text) } else { Err("numbers of letters and digits, left-aligned") }
    }

    fn required(&self, column: usize) -> Result<&'a str, &'static str> {
        let text = self.text(column)?;
        if text.is_empty() { Err("the numbers of the transaction") } else { Ok(text) }
    }

    /// A sign and digits of fen: what the merchant pays is positive.
    fn signed(&self, column: usize) -> Result<i64, &'static str> {
        let rule = "D or C and digits, or a blank and zeros";
        let (sign, rest) = self.cell(column).split_first().ok_or(rule)?;
        match (sign, digits(rest)?) {
            (b'D', fen) => Ok(fen),
            (b'C', fen) => Ok(-fen),
            (b' ', 0) => Ok(0),
            _ => Err(rule),
        }
    }
}

/// Nothing but digits, filled with zeros.
fn digits(cell: &[u8]) -> Result<i64, &'static str> {
    let rule = "amounts of digits, filled with zeros";
    let plain = cell.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(cell).map_err(|_| rule)?;
    if plain { text.parse().map_err(|_| rule) } else { Err(rule) }
}
