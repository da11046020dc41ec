//! The bills: UTF-8 with a byte order mark, comma separated, a backtick before each value of a row, gzip around it.
//!
//! Read line by line. The digest of the signed answer is over the unpacked file, and the totals at its end must be what the
//! rows add up to.

mod flow;
mod lines;
mod trade;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use paifang_rail::StatementError::Malformed;
use paifang_rail::{
    FileDigest, StatementError, StatementFile, StatementLine, StatementProof, StatementTotals, StatementWish,
};

use crate::Settings;
use crate::inquiry::{FUND_FLOW, TRADE};
use lines::Lines;

/// Reads the bill of the wished kind.
pub(crate) fn read(
    settings: &Settings,
    wish: &StatementWish,
    file: &mut dyn StatementFile,
    digest: Option<&FileDigest>,
    line: &mut dyn FnMut(StatementLine),
) -> Result<StatementProof, StatementError> {
    let digest = digest.ok_or(StatementError::NotGenuine("the bill came without a digest"))?;
    match wish.kind {
        TRADE => read_as::<trade::Trade>(settings, wish, file, digest, line),
        FUND_FLOW => read_as::<flow::Flow>(settings, wish, file, digest, line),
        _ => Err(StatementError::Unsupported),
    }
}

/// One kind of bill: its columns, and what has passed of it.
trait Table: Sized {
    /// By the names of its columns.
    fn of(names: &[&str]) -> Option<Self>;

    /// Takes a row with as many values as there are names; `None` where it is of no order.
    fn row(
        &mut self,
        values: &[&str],
        settings: &Settings,
        wish: &StatementWish,
    ) -> Result<Option<StatementLine>, Wrong>;

    /// Holds what has passed against the totals that the bill itself names.
    fn compare(&self, summary: &Summary<'_>) -> Result<(), StatementError>;

    /// What the lines add up to.
    fn totals(self) -> StatementTotals;
}

fn read_as<T: Table>(
    settings: &Settings,
    wish: &StatementWish,
    file: &mut dyn StatementFile,
    digest: &FileDigest,
    line: &mut dyn FnMut(StatementLine),
) -> Result<StatementProof, StatementError> {
    let mut lines = Lines::over(file)?;
    let header = lines.next()?.ok_or(Malformed { line: 1, rule: "a header" })?;
    let columns: Vec<&str> = header.split(',').collect();
    let mut table = T::of(&columns).ok_or(Malformed { line: 1, rule: "the columns of this bill" })?;
    let names = loop {
        let text = lines.next()?.ok_or(Malformed { line: lines.number, rule: "a summary at the end" })?;
        let Some(row) = text.strip_prefix('`') else { break text };
        let values: Vec<&str> = row.split(",`").collect();
        if values.len() != columns.len() {
            let rule = "as many values as the header has names";
            return Err(Malformed { line: lines.number, rule });
        }
        if let Some(read) = table.row(&values, settings, wish).map_err(|wrong| wrong.at(lines.number))? {
            line(read);
        }
    };
    let row = lines.next()?.ok_or(Malformed { line: lines.number, rule: "a row of totals" })?;
    table.compare(&Summary::of(&names, &row, lines.number)?)?;
    if lines.next()?.is_some() {
        return Err(Malformed { line: lines.number, rule: "nothing after the totals" });
    }
    if lines.sha1() != digest.sha1_hex {
        return Err(StatementError::NotGenuine("its digest is another one"));
    }
    Ok(StatementProof { genuine: None, totals: table.totals() })
}

/// Why a row is not taken.
enum Wrong {
    Row(&'static str),
    Merchant,
}

impl Wrong {
    fn at(self, line: u64) -> StatementError {
        match self {
            Self::Row(rule) => Malformed { line, rule },
            Self::Merchant => StatementError::Mismatch("merchant"),
        }
    }
}

/// The totals that the bill itself names. Their form varies (`3`, `45.0`), their value does not.
struct Summary<'a> {
    names: Vec<&'a str>,
    values: Vec<&'a str>,
    line: u64,
}

impl<'a> Summary<'a> {
    fn of(names: &'a str, row: &'a str, line: u64) -> Result<Self, StatementError> {
        let names: Vec<&str> = names.split(',').collect();
        let values: Vec<&str> =
            row.strip_prefix('`').map(|row| row.split(",`").collect()).unwrap_or_default();
        if values.len() != names.len() {
            return Err(Malformed { line, rule: "as many totals as names" });
        }
        Ok(Self { names, values, line })
    }

    fn fen(&self, name: &str) -> Option<i128> {
        let at = self.names.iter().position(|known| *known == name)?;
        yuan(self.values.get(at)?).map(i128::from)
    }

    fn count(&self, name: &str) -> Result<u64, StatementError> {
        // A count of 3 reads as 3 yuan.
        let whole = self.fen(name).filter(|fen| fen % 100 == 0).and_then(|fen| u64::try_from(fen / 100).ok());
        whole.ok_or(Malformed { line: self.line, rule: "numbers of rows" })
    }
}

/// How many rows are of the wished day, and how many of another. Near midnight the rail's clocks may differ, so a row of
/// another day is a row: whether it belongs here is for whoever closes the day. A file that is mostly such rows is of
/// another day.
#[derive(Default)]
struct Days {
    wished: u64,
    other: u64,
}

impl Days {
    /// Reads a row's time.
    fn take(&mut self, text: &str, wish: &StatementWish) -> Result<DateTime, Wrong> {
        let time: DateTime =
            DateTime::strptime("%Y-%m-%d %H:%M:%S", text).map_err(|_| Wrong::Row("a time"))?;
        let count = if time.date() == wish.day { &mut self.wished } else { &mut self.other };
        *count += 1;
        Ok(time)
    }

    fn compare(&self) -> Result<(), StatementError> {
        if self.other > self.wished { Err(StatementError::Mismatch("day")) } else { Ok(()) }
    }
}

fn beijing(time: DateTime) -> Option<Timestamp> {
    Offset::constant(8).to_timestamp(time).ok()
}

/// A number of ours or of the rail: visible ASCII.
fn number(text: &str) -> Result<String, Wrong> {
    let plain = (1..=64).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, 0x21..=0x7e));
    if plain { Ok(text.to_owned()) } else { Err(Wrong::Row("numbers of visible characters")) }
}

/// Yuan with two decimals, or more of which the rest is zero, as fen. Exact, or nothing.
fn yuan(text: &str) -> Option<i64> {
    let (digits, sign) = text.strip_prefix('-').map_or((text, 1), |rest| (rest, -1));
    let (whole, cents) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 12 || !plain(whole) || !plain(cents) {
        return None;
    }
    let (cents, rest) = cents.split_at_checked(2).unwrap_or((cents, ""));
    let padded = format!("{cents:0<2}");
    if rest.bytes().any(|byte| byte != b'0') {
        return None;
    }
    let fen = whole.parse::<i64>().ok()?.checked_mul(100)?.checked_add(padded.parse().ok()?)?;
    fen.checked_mul(sign)
}
