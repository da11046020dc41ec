//! What a rail itself believes about money: the ledger is compared with this, to the fen.

use serde::Serialize;

/// One order as the rail sees it.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize)]
pub struct BookEntry {
    /// The merchant's order number.
    pub order_no: String,
    /// The rail's own number, once the rail has a transaction.
    pub rail_ref: Option<String>,
    /// The state in the rail's own word.
    pub state: String,
    /// The order's amount in fen.
    pub total_fen: i64,
    /// Whether the payer's money came in (also when it was given back since).
    pub paid: bool,
    /// Given back in all, in fen; only refunds that have happened.
    pub refunded_fen: i64,
    /// How often the payer was really charged: must stay at most 1 (I2).
    pub charges: u32,
    /// What is or was set aside by a hold, in fen; 0 when there is none.
    pub held_fen: i64,
    /// What was taken out of the hold, in fen.
    pub captured_fen: i64,
    /// What of the hold went back, in fen.
    pub released_fen: i64,
    /// Each refund the rail knows.
    pub refunds: Vec<BookRefund>,
    /// What the rail took once more although the merchant asked once (F05). Not among `charges`.
    pub again: Option<BookAgain>,
}

/// A second transaction under one order number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BookAgain {
    /// The rail's number of it.
    pub rail_ref: String,
    /// How much was taken, in fen.
    pub fen: i64,
}

/// One refund as the rail sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BookRefund {
    /// The merchant's refund number.
    pub refund_no: String,
    /// The refund's amount in fen.
    pub fen: i64,
    /// The state in the rail's own word.
    pub state: String,
}
