//! What is asked about the account rather than about an order: the rail's own keys, and its daily bills. No money moves.

use std::fmt;
use std::io::{Read, Seek};

use jiff::Timestamp;
use jiff::civil::Date;
use paifang_money::PositiveMoney;
use paifang_payment::{Doubt, OrderNo};

use crate::{Exchange, Genuine};

/// One question about the account.
#[derive(Debug, Clone, Copy)]
pub enum Inquiry<'a> {
    /// The rail's verification keys; `unknown` is the id that a message named and that the key ring does not have.
    Keys {
        /// See there.
        unknown: Option<&'a str>,
    },
    /// A daily bill.
    Statement(&'a StatementWish),
}

/// Which bill is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementWish {
    /// One of the descriptor's [`crate::StatementSpec::kind`]s.
    pub kind: &'static str,
    /// The rail's day (Beijing).
    pub day: Date,
    /// An order number for this inquiry, on rails whose inquiries carry one.
    pub inquiry_no: OrderNo,
}

/// How an inquiry is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetch {
    /// Send these bytes and give the reply to [`crate::Rail::read_inquiry`].
    Ask(Exchange),
    /// The reply's body is the bill: keep it in a file and give it to [`crate::Rail::read_statement`].
    Download(Exchange),
}

/// What the reply to an inquiry means.
#[derive(Debug)]
pub enum Finding {
    /// Ask this next. At most three times in a row.
    Follow(Exchange),
    /// The bill lies there; its body goes to [`crate::Rail::read_statement`].
    Download {
        /// Where it lies. Not signed by the rail: the digest vouches for it where there is one.
        exchange: Exchange,
        /// What the rail's signed answer says about the file.
        digest: Option<FileDigest>,
    },
    /// Verification keys, verified.
    Keys(Vec<FreshKey>),
    /// By the rail's word nothing moved on that day, and there is no file.
    NoMovements {
        /// Whether the rail signed that word. One that it did not sign proves nothing.
        signed: bool,
    },
    /// It is not there yet: ask again later. The rail's code, verbatim.
    NotYet(String),
    /// The rail refuses this inquiry. Its code and text, verbatim.
    Refused {
        /// The code.
        code: String,
        /// The text.
        message: String,
    },
    /// Everything else.
    Unknown(Doubt),
}

/// What a signed answer says about a file that itself is not signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDigest {
    /// SHA-1 of the file's content after unpacking, lower-case hex (WeChat Pay). It guards against accidents, and against
    /// others by coming over a signed answer.
    pub sha1_hex: String,
}

/// A verification key of the rail, verified by whoever made it ([`crate::Keyring`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreshKey {
    /// Under which id messages name it.
    pub id: String,
    /// The certificate or public key, PEM.
    pub pem: String,
    /// From when on it may be used.
    pub not_before: Option<Timestamp>,
    /// Until when.
    pub not_after: Option<Timestamp>,
}

/// A bill, kept in a file.
pub trait StatementFile: Read + Seek {}
impl<T: Read + Seek> StatementFile for T {}

/// One money movement on a bill.
#[derive(Clone, PartialEq, Eq)]
pub struct StatementLine {
    /// What moved.
    pub kind: StatementKind,
    /// The merchant's number of the order that was paid, captured, or refunded.
    pub order_no: String,
    /// The merchant's number of the refund or reverse, where the bill names it.
    pub refund_no: Option<String>,
    /// The rail's number of the movement.
    pub rail_ref: String,
    /// How much moved; the kind says which way.
    pub amount: PositiveMoney,
    /// What the rail keeps, in minor units: positive when charged, negative when given back; `None` where the bill does
    /// not say or is finer than a minor unit.
    pub fee_minor: Option<i64>,
    /// When, as far as the bill says.
    pub at: Option<Timestamp>,
    /// How far it had come when the bill was made.
    pub standing: LineStanding,
}

/// How far the movement of a bill line had come when the bill was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LineStanding {
    /// It moved.
    Done,
    /// The rail took it and was not done with it.
    Underway,
    /// It did not move, and will not.
    Failed,
}

/// What a bill line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatementKind {
    /// A payment, or a capture out of a hold.
    Payment,
    /// A refund that the rail took (or finished) that day.
    Refund,
    /// A payment that was reversed.
    Reversal,
}

/// The totals that the bill itself names, for comparison.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatementTotals {
    /// Number of lines read.
    pub lines: u64,
    /// Payments, minor units.
    pub paid_minor: i128,
    /// Refunds and reversals, minor units.
    pub returned_minor: i128,
}

/// Why a bill cannot be believed. Nothing of it is used then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// This rail has no such bill.
    #[error("this rail has no such bill")]
    Unsupported,
    /// The rail answered with a code instead of a bill: not there (yet), or refused.
    #[error("the rail answered {0} instead of a bill")]
    Code(String),
    /// The signature, chain or digest does not fit.
    #[error("the bill is not genuine: {0}")]
    NotGenuine(&'static str),
    /// It cannot be read strictly.
    #[error("line {line} of the bill cannot be read: {rule}")]
    Malformed {
        /// Which line, from 1; 0 for the file as a whole.
        line: u64,
        /// What would be right.
        rule: &'static str,
    },
    /// Its lines do not add up to its own totals.
    #[error("the bill's lines and its totals differ: {0}")]
    Totals(&'static str),
    /// It is of another merchant or another day.
    #[error("the bill is of another {0}")]
    Mismatch(&'static str),
    /// It unpacks to more than an honest bill can.
    #[error("the bill unpacks to more than {0} bytes")]
    TooLarge(u64),
    /// The file could not be read.
    #[error("the file of the bill could not be read: {0}")]
    Io(String),
}

/// What a read bill rests on.
#[derive(Debug)]
pub struct StatementProof {
    /// The signature, on rails that sign the file itself.
    pub genuine: Option<Genuine>,
    /// What the lines add up to.
    pub totals: StatementTotals,
}

impl fmt::Debug for StatementLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {} {} ({})", self.kind, self.order_no, self.amount, self.rail_ref)
    }
}
