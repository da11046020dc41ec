//! What a rail does in its own way, as data.

use paifang_payment::{PayerId, Presentation};

/// What a rail answers where rails differ, in a few words: `absent`, `pending`, `paid 10000`,
/// `refunded 300`, `closed`, `refused risk`, `unknown MaybePaid`. Each is a fact of the rail's documents.
#[derive(Debug, Clone)]
pub struct Habits {
    /// A query of a new order that no payer came to.
    pub unseen: fn(Presentation) -> &'static str,
    /// A query of an order that a payer came to and has not paid yet.
    pub seen: &'static str,
    /// A query of an order that no payer came to, after its expiry.
    pub unseen_expired: fn(Presentation) -> &'static str,
    /// A query of an order that a payer came to, after its expiry.
    pub seen_expired: &'static str,
    /// A query of a charge by payer's code that was declined.
    pub declined: &'static str,
    /// The answer to a close of an order that no payer came to.
    pub close_unseen: &'static str,
    /// The answer to a close of a closed order.
    pub close_again: &'static str,
    /// The answer to a close of an order that was never made.
    pub close_unknown: &'static str,
    /// Answers that the other side gives on demand, by operation and code, and how each is read.
    pub codes: &'static [(&'static str, &'static str, &'static str)],
    /// Whether the rail tells when the payer paid; else the time it tells lies anywhere in the order's life.
    pub payments_timed: bool,
    /// Whether money that comes after an order's end stays, and is notified.
    pub late_money_stays: bool,
    /// Whether the answer to a refund says how it ended.
    pub refunds_end_at_once: bool,
    /// How a refund is made to fail after it was accepted, on rails where that can be.
    pub refund_failure: Option<RefundFailure>,
    /// Whether a finished refund is notified.
    pub refunds_notified: bool,
    /// A payer as the wallet's login names them.
    pub payer: Option<PayerId>,
}

/// What makes an accepted refund fail over there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundFailure {
    /// This code on demand, which accepts the refund and lets it end badly.
    Code(&'static str),
    /// A "decline" of the refund's own number.
    Decline,
}
