//! Which wallets pay at whose rail: issuer, acceptor, kind of code, direction, since when, and how sure that is.
//!
//! Interoperation changes who pays an order, not whose protocol carries it: the merchant's rail reports, refunds and settles
//! as ever. So a row adds a payer to a rail, and never a rail.

use std::fmt;
use std::sync::LazyLock;

use jiff::civil::Date;
use paifang_payment::{RailName, WalletName};
use serde::{Deserialize, Serialize};

use crate::codes;
use crate::table::{self, Confidence, ReadError, RowId, Wrong};

/// The matrix.
#[derive(Debug)]
pub struct Matrix {
    rows: Vec<Row>,
    closed: Vec<Closed>,
}

/// One wallet pays at one rail.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Its name.
    pub id: RowId,
    /// The wallet that pays.
    pub issuer: WalletName,
    /// The rail that carries the order.
    pub acceptor: RailName,
    /// By which kind of code.
    pub kind: CodeKind,
    /// Over which border.
    pub direction: Direction,
    /// Since when; absent where no date was published, or where it has held from the start.
    #[serde(default)]
    pub since: Option<Since>,
    /// How sure it is.
    pub confidence: Confidence,
    /// Who says so.
    pub source: String,
    /// Where it holds, and what else there is to know; may be empty.
    #[serde(default)]
    pub note: String,
}

/// A rail whose own documents say which codes of a kind it takes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Closed {
    /// Its name.
    pub id: RowId,
    /// The rail.
    pub acceptor: RailName,
    /// The kind of code.
    pub kind: CodeKind,
    /// Who says so.
    pub source: String,
}

/// How a payer and an order come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeKind {
    /// The payer shows a code, the till scans it.
    PayerCode,
    /// The payer scans a code of the order.
    MerchantCode,
    /// The wallet is called from an app, a page or a mini program.
    InApp,
}

/// Over which border a payment goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Wallet and merchant are both in mainland China.
    Domestic,
    /// A wallet from abroad pays here.
    Inbound,
    /// A wallet from here pays abroad.
    Outbound,
}

/// A date as exact as it was published: `2022`, `2021-10` or `2021-09-30`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Since {
    from: Date,
    text: String,
}

/// Not such a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a date is a year, a month or a day, such as 2022, 2021-10 or 2021-09-30")]
pub struct SinceError;

/// What is known of a wallet's codes at a rail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceptance<'m> {
    /// The rail takes them.
    Taken(&'m Row),
    /// It may take them: a row that nobody confirmed says so, or nothing is known. The rail decides.
    Open(Option<&'m Row>),
    /// The rail's own documents leave them out.
    Refused(&'m Closed),
}

/// The matrix of this release.
pub fn published() -> &'static Matrix {
    static PUBLISHED: LazyLock<Matrix> = LazyLock::new(|| {
        Matrix::read(include_str!("matrix.toml")).expect("a test reads the matrix that is built in")
    });
    &PUBLISHED
}

impl Matrix {
    /// Reads a matrix in TOML. A row that says what another one says already is refused.
    pub fn read(text: &str) -> Result<Self, ReadError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            row: Vec<Row>,
            #[serde(default)]
            closed: Vec<Closed>,
        }
        let File { row: rows, closed } = table::parse(text)?;
        let mut wrong = Vec::new();
        table::check(rows.iter().map(|row| (&row.id, row.source.as_str(), row.note.as_str())), &mut wrong);
        table::check(closed.iter().map(|row| (&row.id, row.source.as_str(), "")), &mut wrong);
        for (index, row) in rows.iter().enumerate() {
            let place = |row: &Row| {
                (row.issuer.clone(), row.acceptor.clone(), row.kind, row.direction, row.since.clone())
            };
            let earlier = rows.iter().take(index).filter(|other| place(other) == place(row));
            wrong.extend(earlier.map(|other| {
                Wrong::new(
                    &row.id,
                    "since",
                    format!("another one than in {}, or the row one with it", other.id),
                )
            }));
        }
        for (index, row) in closed.iter().enumerate() {
            let is_same = |other: &&Closed| (&other.acceptor, other.kind) == (&row.acceptor, row.kind);
            wrong.extend(closed.iter().take(index).filter(is_same).map(|other| {
                Wrong::new(&row.id, "acceptor", format!("another rail or kind than in {}", other.id))
            }));
        }
        if wrong.is_empty() { Ok(Self { rows, closed }) } else { Err(ReadError::Rows(wrong)) }
    }

    /// Every row, in the order of the file.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The rails whose documents say which codes they take, in the order of the file.
    pub fn closed(&self) -> &[Closed] {
        &self.closed
    }

    /// What is known on that day of a payer's code at a rail, charged here. `issuer` is the row of the code table that the
    /// code fits. Only a code whose issuer is known for some is ever refused.
    pub fn payer_code(&self, issuer: Option<&codes::Row>, rail: &RailName, on: Date) -> Acceptance<'_> {
        let kind = CodeKind::PayerCode;
        let Some(issuer) = issuer else { return Acceptance::Open(None) };
        let rows = self.rows.iter().filter(|row| {
            row.issuer == issuer.wallet
                && row.acceptor == *rail
                && row.kind == kind
                && row.direction != Direction::Outbound
                && row.holds_on(on)
        });
        // The surest row tells it; of these the newest.
        let best = rows.max_by_key(|row| (row.confidence, row.since.clone()));
        let closed = self.closed.iter().find(|closed| closed.acceptor == *rail && closed.kind == kind);
        match (best, closed) {
            (Some(row), _) if row.confidence > Confidence::Unconfirmed => Acceptance::Taken(row),
            (None, Some(closed)) if issuer.confidence > Confidence::Unconfirmed => {
                Acceptance::Refused(closed)
            }
            (row, _) => Acceptance::Open(row),
        }
    }
}

impl Row {
    /// Whether it holds on that day: from the first day of its date on, or always where it has none.
    pub fn holds_on(&self, day: Date) -> bool {
        self.since.as_ref().is_none_or(|since| since.from <= day)
    }
}

impl CodeKind {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::PayerCode, Self::MerchantCode, Self::InApp];

    /// Its name, as in the matrix.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PayerCode => "payer_code",
            Self::MerchantCode => "merchant_code",
            Self::InApp => "in_app",
        }
    }
}

impl Direction {
    /// Its name, as in the matrix.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Domestic => "domestic",
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }
}

impl Since {
    /// Reads `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Result<Self, SinceError> {
        let whole = match text.len() {
            4 => format!("{text}-01-01"),
            7 => format!("{text}-01"),
            10 => text.to_owned(),
            _ => return Err(SinceError),
        };
        let from: Date = whole.parse().map_err(|_| SinceError)?;
        // The parser of dates takes other spellings too.
        if from.to_string() == whole { Ok(Self { from, text: text.to_owned() }) } else { Err(SinceError) }
    }
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for Since {
    type Error = SinceError;

    fn try_from(text: String) -> Result<Self, SinceError> {
        Self::parse(&text)
    }
}

impl From<Since> for String {
    fn from(since: Since) -> Self {
        since.text
    }
}

#[cfg(test)]
mod tests;
