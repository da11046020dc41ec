//! The table by which a payer's code is told: how many digits it has and how they begin.
//!
//! Rows do not overlap, so a code fits one row or none. None is an answer: the table knows what was published, and wallets
//! may issue codes that it does not know.

use std::sync::LazyLock;

use paifang_payment::WalletName;
use serde::Deserialize;

use crate::table::{self, Confidence, ReadError, RowId, Wrong};

/// The table. Rows do not overlap.
#[derive(Debug)]
pub struct Codes(Vec<Row>);

/// One wallet's codes, or some of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Its name.
    pub id: RowId,
    /// The wallet that issues them.
    pub wallet: WalletName,
    /// Least and largest number of digits.
    pub digits: (usize, usize),
    /// First and last value of the leading digits, both of one width.
    pub prefix: (String, String),
    /// How sure it is.
    pub confidence: Confidence,
    /// Who says so.
    pub source: String,
    /// What else there is to know; may be empty.
    #[serde(default)]
    pub note: String,
}

/// Digits of a code at most, as the contract takes them.
const DIGITS_MAX: usize = 24;
/// Leading digits that a row may look at.
const PREFIX_DIGITS_MAX: usize = 6;

/// The published table of this release.
pub fn published() -> &'static Codes {
    static PUBLISHED: LazyLock<Codes> = LazyLock::new(|| {
        Codes::read(include_str!("codes.toml")).expect("a test reads the table that is built in")
    });
    &PUBLISHED
}

impl Codes {
    /// Reads a table in TOML. Rows that overlap are refused, each with the row it meets.
    pub fn read(text: &str) -> Result<Self, ReadError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            row: Vec<Row>,
        }
        let File { row: rows } = table::parse(text)?;
        let mut wrong = Vec::new();
        table::check(rows.iter().map(|row| (&row.id, row.source.as_str(), row.note.as_str())), &mut wrong);
        for (index, row) in rows.iter().enumerate() {
            row.check(&mut wrong);
            let earlier = rows.iter().take(index);
            wrong.extend(
                earlier.filter(|other| row.meets(other)).map(|other| {
                    Wrong::new(&row.id, "prefix", format!("apart from the codes of {}", other.id))
                }),
            );
        }
        if wrong.is_empty() { Ok(Self(rows)) } else { Err(ReadError::Rows(wrong)) }
    }

    /// The row that a code fits. A text that is not all digits fits none.
    pub fn identify(&self, code: &str) -> Option<&Row> {
        self.0.iter().find(|row| row.holds(code))
    }

    /// Every row, in the order of the file.
    pub fn rows(&self) -> &[Row] {
        &self.0
    }
}

impl Row {
    fn holds(&self, code: &str) -> bool {
        let ((least, most), (first, last)) = (self.digits, &self.prefix);
        let begins = code.get(..first.len());
        (least..=most).contains(&code.len())
            && code.bytes().all(|byte| byte.is_ascii_digit())
            && begins.is_some_and(|begins| first.as_str() <= begins && begins <= last.as_str())
    }

    fn check(&self, wrong: &mut Vec<Wrong>) {
        let ((least, most), (first, last)) = (self.digits, &self.prefix);
        let plain = |text: &str| {
            (1..=PREFIX_DIGITS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !plain(first) || !plain(last) || first.len() != last.len() || first > last {
            let rule =
                format!("two numbers of one width of 1 to {PREFIX_DIGITS_MAX} digits, the lower one first");
            wrong.push(Wrong::new(&self.id, "prefix", rule));
        }
        if least > most || least <= first.len() || most > DIGITS_MAX {
            let rule = format!("two lengths above the prefix's and up to {DIGITS_MAX}, the lower one first");
            wrong.push(Wrong::new(&self.id, "digits", rule));
        }
    }

    /// Whether some code would fit both: a length in common, and a beginning.
    fn meets(&self, other: &Self) -> bool {
        let width = self.prefix.0.len().min(other.prefix.0.len());
        // The row with the shorter numbers holds every code that begins with one of them, so equal beginnings are enough.
        let cut = |number: &str| number.get(..width).map(str::to_owned);
        cut(&self.prefix.0) <= cut(&other.prefix.1)
            && cut(&other.prefix.0) <= cut(&self.prefix.1)
            && self.digits.0 <= other.digits.1
            && other.digits.0 <= self.digits.1
    }
}

#[cfg(test)]
mod tests;
