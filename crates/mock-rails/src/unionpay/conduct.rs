//! What is unconfirmed about the real gateway, or a matter of taste, and so can be set.

use jiff::SignedDuration;

/// How this gateway behaves where the facts leave room.
#[derive(Clone, Debug)]
pub struct Conduct {
    /// How far the `txnTime` of a new transaction may be from Beijing time, either way. The real figure is unknown.
    pub txn_time_tolerance: SignedDuration,
    /// How long a payer's-code charge, a refund or an undo stays "accepted" before it is decided.
    pub decide_after: SignedDuration,
    /// The same while the payer is asked for a password.
    pub pending_for: SignedDuration,
    /// How long after the payment a refund is taken.
    pub refund_window: SignedDuration,
    /// What a query says of an order that nobody has paid yet.
    pub unpaid: Unpaid,
    /// What becomes of money that comes after `payTimeout`.
    pub late_money: LateMoney,
    /// Whether successes carry code A6 instead of 00; both are success.
    pub defective_success: bool,
}

impl Default for Conduct {
    /// 15 minutes of tolerance, decided after 1 s (10 s with a password), refunds for 330 days, an unpaid order is 05,
    /// late money is kept and notified.
    fn default() -> Self {
        Self {
            txn_time_tolerance: SignedDuration::from_mins(15),
            decide_after: SignedDuration::from_secs(1),
            pending_for: SignedDuration::from_secs(10),
            refund_window: SignedDuration::from_hours(330 * 24),
            unpaid: Unpaid::Accepted,
            late_money: LateMoney::Kept,
            defective_success: false,
        }
    }
}

/// Both were seen for orders without a payer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unpaid {
    /// `respCode` 00 with `origRespCode` 05.
    Accepted,
    /// `respCode` 34, as if there were no such order.
    NotFound,
}

/// The documents say that late money goes back unannounced; gateways have been seen to keep and announce it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LateMoney {
    /// The order becomes paid and is notified: a gateway must be ready for it.
    Kept,
    /// The rail gives it back by itself: code 42, no notification.
    GivenBack,
}
