//! The other side of a rail: its payer, its misbehaviour, its clock, and what it believes about money.

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

/// The other side of one rail, reached by the adapter over HTTP and by the kit through this.
///
/// A method panics when the other side does not understand it: that is a fault of the kit, not of the adapter.
pub trait Counterpart: Send + Sync {
    /// The time over there; signatures are made and judged by it.
    fn now(&self) -> BoxFuture<'_, Timestamp>;

    /// Lets time pass over there.
    fn advance(&self, by: SignedDuration) -> BoxFuture<'_, ()>;

    /// Something the payer does. The error says why it came to nothing.
    fn payer(&self, act: Act, target: Target) -> BoxFuture<'_, Result<(), String>>;

    /// A code from the payer's phone that does this once it is charged. `None` when this rail has no payer's codes.
    fn issue_code(&self, outcome: CodeOutcome) -> BoxFuture<'_, Option<String>>;

    /// Misbehaves at the next request or notification of this operation: `charge`, `query`, `close`, `reverse`,
    /// `refund`, `refund_query`, `capture` or `release`.
    fn arm(&self, operation: &'static str, fault: Fault) -> BoxFuture<'_, ()>;

    /// What it believes about each order.
    fn book(&self) -> BoxFuture<'_, Vec<BookEntry>>;

    /// What became of each notification, oldest first.
    fn sendings(&self) -> BoxFuture<'_, Vec<Sending>>;
}

/// What a payer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Looks at the order without paying yet.
    Scan,
    /// Pays.
    Pay,
    /// Pays although the order has ended: the payer's bank was slow.
    PayLate,
    /// Turns away.
    Decline,
}

/// How the payer got to the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// By its number: the kit's word for "however".
    OrderNo(String),
    /// By the text of a QR code.
    Qr(String),
    /// By the id in the parameters that the wallet's bridge was handed.
    PrepayId(String),
}

/// What a payer's code does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeOutcome {
    /// Pays at once.
    Pays,
    /// Is refused at once.
    Declines,
    /// Asks for a password, and pays.
    PendingThenPays,
    /// Asks for a password, and is refused.
    PendingThenDeclines,
}

/// One misbehaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The work is done, the answer never comes.
    AnswerLost,
    /// Nothing is done, no answer comes.
    RequestLost,
    /// This HTTP status instead of the work.
    Status(u16),
    /// The work is done, then this HTTP status.
    StatusAfter(u16),
    /// The work is done, the answer's signature belongs to other bytes.
    WrongSignature,
    /// The work is done, the answer is not signed.
    Unsigned,
    /// The work is done, the answer's body is no message of the rail.
    Garbage,
    /// This code of the rail instead of the work, in the rail's own form.
    Code(&'static str),
    /// The notification comes twice.
    TwinNotifications,
    /// The notification names this amount in fen, correctly signed.
    NotificationAmount(i64),
    /// The notification's signature belongs to other bytes.
    NotificationWrongSignature,
}

/// An order as the other side sees it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BookEntry {
    /// Our number.
    pub order_no: String,
    /// The rail's number, once it has one.
    pub rail_ref: Option<String>,
    /// The state in the rail's own word.
    pub state: String,
    /// The amount in fen.
    pub total_fen: i64,
    /// Whether the payer's money came in.
    pub paid: bool,
    /// What went back, in fen.
    pub refunded_fen: i64,
    /// How often the payer was charged.
    pub charges: u32,
    /// What is or was held, in fen.
    #[serde(default)]
    pub held_fen: i64,
    /// What was taken out of the hold, in fen.
    #[serde(default)]
    pub captured_fen: i64,
    /// What of the hold went back, in fen.
    #[serde(default)]
    pub released_fen: i64,
    /// Its refunds and reverses.
    pub refunds: Vec<BookRefund>,
}

/// A refund as the other side sees it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BookRefund {
    /// The refund's own number.
    pub refund_no: String,
    /// The amount in fen.
    pub fen: i64,
    /// The state in the rail's own word.
    pub state: String,
}

/// A notification and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sending {
    /// What it is about, in the other side's words.
    pub about: String,
    /// How often it was sent.
    pub tries: usize,
    /// Whether an answer was taken for an acknowledgement.
    pub acknowledged: bool,
    /// When it comes again, if it does.
    pub next_try_at: Option<Timestamp>,
}
