//! What a transaction is: its identity, what was asked for, and how it stands.

use jiff::Timestamp;

use super::codes::Code;
use super::time;
use super::wire::Charset;
use crate::CodeOutcome;
use crate::faults::Fault;

/// The identity of a transaction: an order number alone is none, the same one on another `txnTime` is another order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct OrderKey {
    pub(super) mer_id: String,
    pub(super) order_id: String,
    pub(super) txn_time: String,
}

/// A request for a new transaction that passed every check of its form.
#[derive(Clone)]
pub(super) struct Order {
    pub(super) key: OrderKey,
    pub(super) what: What,
    pub(super) fen: i64,
    pub(super) back_url: String,
    pub(super) echo: Echo,
}

/// What later messages about a transaction repeat from its request.
#[derive(Clone)]
pub(super) struct Echo {
    /// As the merchant wrote it.
    pub(super) encoding: String,
    pub(super) charset: Charset,
    pub(super) access_type: String,
    pub(super) biz_type: String,
    pub(super) req_reserved: Option<String>,
}

/// The products of this mock.
#[derive(Clone)]
pub(super) enum What {
    /// 01/01: the payer's browser is sent to the cashier page.
    Front { front_url: String, pay_timeout: Option<Timestamp> },
    /// 01/07: the payer scans the merchant's code.
    MerchantCode { pay_timeout: Option<Timestamp> },
    /// 01/06: the merchant scans the payer's code.
    PayerCode { qr_no: String },
    /// 04/00.
    Refund { original: Original },
    /// 31/00.
    Undo { original: Original },
}

/// How a refund or an undo names its payment.
#[derive(Clone)]
pub(super) enum Original {
    QueryId(String),
    /// QR products may name the order instead.
    Key(OrderKey),
}

impl What {
    /// `txnType` and `txnSubType`.
    pub(super) fn types(&self) -> (&'static str, &'static str) {
        match self {
            Self::Front { .. } => ("01", "01"),
            Self::MerchantCode { .. } => ("01", "07"),
            Self::PayerCode { .. } => ("01", "06"),
            Self::Refund { .. } => ("04", "00"),
            Self::Undo { .. } => ("31", "00"),
        }
    }

    /// The framework's word for it; see [`crate::faults::OPERATIONS`].
    pub(super) fn operation(&self) -> &'static str {
        match self {
            Self::Front { .. } | Self::MerchantCode { .. } | Self::PayerCode { .. } => "charge",
            Self::Refund { .. } => "refund",
            Self::Undo { .. } => "reverse",
        }
    }

    pub(super) fn is_payment(&self) -> bool {
        match self {
            Self::Front { .. } | Self::MerchantCode { .. } | Self::PayerCode { .. } => true,
            Self::Refund { .. } | Self::Undo { .. } => false,
        }
    }

    pub(super) fn pay_timeout(&self) -> Option<Timestamp> {
        match self {
            Self::Front { pay_timeout, .. } | Self::MerchantCode { pay_timeout } => *pay_timeout,
            Self::PayerCode { .. } | Self::Refund { .. } | Self::Undo { .. } => None,
        }
    }

    pub(super) fn original(&self) -> Option<&Original> {
        match self {
            Self::Front { .. } | Self::MerchantCode { .. } | Self::PayerCode { .. } => None,
            Self::Refund { original } | Self::Undo { original } => Some(original),
        }
    }
}

/// Number of a transaction in the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct TradeId(pub(super) usize);

/// How a transaction stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Waits for the payer. One who turned away may come back until the `payTimeout`.
    Open { declined: Option<Code> },
    /// Accepted; decided at that time with that code.
    Running { until: Timestamp, verdict: Code },
    /// Money moved, with code 00 or A6.
    Done { at: Timestamp, code: Code },
    /// Ended without money that stays.
    Failed { code: Code },
    /// Turned away at once by a rule of the business, but on record: the same identity again is a duplicate.
    Refused { code: Code },
}

impl State {
    /// What a query reports as `origRespCode`.
    pub(super) fn code(&self) -> Code {
        match self {
            Self::Open { declined: Some(code) }
            | Self::Done { code, .. }
            | Self::Failed { code }
            | Self::Refused { code } => code.clone(),
            Self::Open { declined: None } | Self::Running { .. } => Code::ACCEPTED,
        }
    }
}

/// One transaction.
#[derive(Clone)]
pub(super) struct Trade {
    pub(super) order: Order,
    pub(super) state: State,
    pub(super) created: Timestamp,
    /// Six digits.
    pub(super) trace_no: String,
    /// How often the payer was charged.
    pub(super) charges: u32,
    /// The text of the QR code (01/07).
    pub(super) qr_code: Option<String>,
    /// The last part of the cashier's address (01/01).
    pub(super) cashier: Option<String>,
    /// Refunds and undos of this payment.
    pub(super) returns: Vec<TradeId>,
    /// The fault taken for its notification when it was accepted.
    pub(super) fault: Option<Fault>,
}

impl Trade {
    /// 21 digits; genuine ones are two digits, the time, the trace number and one digit.
    pub(super) fn query_id(&self) -> String {
        let time = time::text(self.created).split_off("YY".len());
        format!("04{time}{}8", self.trace_no)
    }

    /// The `queryId` of the payment, as the merchant gave it.
    pub(super) fn orig_query_id(&self) -> Option<&str> {
        match self.order.what.original()? {
            Original::QueryId(id) => Some(id),
            Original::Key(_) => None,
        }
    }
}

/// What a payer's code does, and whether it was used: it works once.
#[derive(Clone, Copy, Debug)]
pub(super) struct PayerCode {
    pub(super) outcome: CodeOutcome,
    pub(super) used: bool,
}
