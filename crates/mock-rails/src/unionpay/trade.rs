//! What a transaction is: its identity, what was asked for, and how it stands.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::codes::Code;
use super::sensitive::Card;
use super::sign::Dialect;
use super::time;
use super::wire::Charset;
use crate::CodeOutcome;
use crate::faults::Fault;

/// The identity of a transaction: an order number alone is none, the same one on another `txnTime` is another order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct OrderKey {
    pub(super) mer_id: String,
    pub(super) order_id: String,
    pub(super) txn_time: String,
}

/// A request for a new transaction that passed every check of its form.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) key: OrderKey,
    pub(super) what: What,
    pub(super) fen: i64,
    pub(super) back_url: String,
    pub(super) echo: Echo,
    /// The card that the merchant sent, if it did.
    pub(super) card: Option<Card>,
    /// What the payer's wallet shows.
    pub(super) description: Option<String>,
}

/// What later messages about a transaction repeat from its request.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Echo {
    /// As the merchant wrote it.
    pub(super) encoding: String,
    pub(super) charset: Charset,
    pub(super) dialect: Dialect,
    pub(super) access_type: String,
    pub(super) biz_type: String,
    pub(super) req_reserved: Option<String>,
}

/// What a transaction does.
#[derive(Clone, Serialize, Deserialize)]
pub(super) enum What {
    Payment(Payment),
    Follow { kind: Follow, original: Original },
}

/// A transaction in which a payer takes part.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Payment {
    pub(super) purpose: Purpose,
    pub(super) way: Way,
    pub(super) pay_timeout: Option<Timestamp>,
}

/// Whether the payer's money is taken or only frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Purpose {
    /// 01.
    Purchase,
    /// 02: a pre-authorisation.
    Hold,
}

/// How the payer comes to it.
#[derive(Clone, Serialize, Deserialize)]
pub(super) enum Way {
    /// 01 and 02/01 at `frontTransReq.do`: the browser is sent to the cashier page.
    Front { front_url: String, fail_url: Option<String> },
    /// 01/01 at `order.do`: the answer has the cashier page's address.
    PreOrder { front_url: Option<String> },
    /// 01 and 02/01 at `appTransReq.do`: the phone is given a `tn`.
    App,
    /// 01/07, 02/05: the payer scans the merchant's code.
    MerchantCode,
    /// 01/06, 02/04: the merchant scans the payer's code.
    PayerCode { qr_no: String },
}

/// What can follow a payment or a pre-authorisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Follow {
    /// 04/00, of a purchase or a completion.
    Refund,
    /// 31/00, of a purchase or a completion.
    Undo,
    /// 03/00, of a pre-authorisation.
    Complete,
    /// 32/00, of a pre-authorisation.
    VoidHold,
    /// 33/00, of a completion.
    VoidCompletion,
}

/// How a transaction names the one it follows.
#[derive(Clone, Serialize, Deserialize)]
pub(super) enum Original {
    QueryId(String),
    /// QR products may name the order instead.
    Key(OrderKey),
}

impl Follow {
    pub(super) fn of(txn_type: &str) -> Option<Self> {
        match txn_type {
            "04" => Some(Self::Refund),
            "31" => Some(Self::Undo),
            "03" => Some(Self::Complete),
            "32" => Some(Self::VoidHold),
            "33" => Some(Self::VoidCompletion),
            _ => None,
        }
    }

    fn txn_type(self) -> &'static str {
        match self {
            Self::Refund => "04",
            Self::Undo => "31",
            Self::Complete => "03",
            Self::VoidHold => "32",
            Self::VoidCompletion => "33",
        }
    }

    /// The word of notices and bills.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Refund => "refund",
            Self::Undo => "undo",
            Self::Complete => "capture",
            Self::VoidHold => "release",
            Self::VoidCompletion => "capture_undo",
        }
    }

    /// Whether it gives taken money back.
    pub(super) fn gives_back(self) -> bool {
        match self {
            Self::Refund | Self::Undo | Self::VoidCompletion => true,
            Self::Complete | Self::VoidHold => false,
        }
    }

    /// The framework's word for faults; see [`crate::faults::OPERATIONS`].
    pub(super) fn operation(self) -> &'static str {
        match self {
            Self::Refund => "refund",
            Self::Undo | Self::VoidCompletion => "reverse",
            Self::Complete => "capture",
            Self::VoidHold => "release",
        }
    }
}

impl What {
    /// `txnType` and `txnSubType`.
    pub(super) fn types(&self) -> (&'static str, &'static str) {
        let payment = match self {
            Self::Follow { kind, .. } => return (kind.txn_type(), "00"),
            Self::Payment(payment) => payment,
        };
        match (payment.purpose, &payment.way) {
            (Purpose::Purchase, Way::Front { .. } | Way::PreOrder { .. } | Way::App) => ("01", "01"),
            (Purpose::Purchase, Way::MerchantCode) => ("01", "07"),
            (Purpose::Purchase, Way::PayerCode { .. }) => ("01", "06"),
            (Purpose::Hold, Way::Front { .. } | Way::PreOrder { .. } | Way::App) => ("02", "01"),
            (Purpose::Hold, Way::MerchantCode) => ("02", "05"),
            (Purpose::Hold, Way::PayerCode { .. }) => ("02", "04"),
        }
    }

    /// The framework's word for it; see [`crate::faults::OPERATIONS`].
    pub(super) fn operation(&self) -> &'static str {
        match self {
            Self::Payment(_) => "charge",
            Self::Follow { kind, .. } => kind.operation(),
        }
    }

    /// The word of notices and bills.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Payment(Payment { purpose: Purpose::Purchase, .. }) => "payment",
            Self::Payment(Payment { purpose: Purpose::Hold, .. }) => "hold",
            Self::Follow { kind, .. } => kind.word(),
        }
    }

    pub(super) fn payment(&self) -> Option<&Payment> {
        match self {
            Self::Payment(payment) => Some(payment),
            Self::Follow { .. } => None,
        }
    }

    pub(super) fn follow(&self) -> Option<Follow> {
        match self {
            Self::Payment(_) => None,
            Self::Follow { kind, .. } => Some(*kind),
        }
    }

    pub(super) fn is_hold(&self) -> bool {
        self.payment().is_some_and(|payment| payment.purpose == Purpose::Hold)
    }

    /// Whether it takes the payer's money when it succeeds.
    pub(super) fn takes_money(&self) -> bool {
        match self {
            Self::Payment(payment) => payment.purpose == Purpose::Purchase,
            Self::Follow { kind, .. } => *kind == Follow::Complete,
        }
    }

    pub(super) fn pay_timeout(&self) -> Option<Timestamp> {
        self.payment().and_then(|payment| payment.pay_timeout)
    }

    /// Whether it is decided between servers, after an answer that only says "accepted".
    pub(super) fn is_back_end(&self) -> bool {
        match self {
            Self::Payment(payment) => matches!(payment.way, Way::PayerCode { .. }),
            Self::Follow { .. } => true,
        }
    }

    pub(super) fn original(&self) -> Option<&Original> {
        match self {
            Self::Payment(_) => None,
            Self::Follow { original, .. } => Some(original),
        }
    }
}

/// Number of a transaction in the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct TradeId(pub(super) usize);

/// How a transaction stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum State {
    /// Waits for the payer. One who turned away may come back until the `payTimeout`.
    Open { declined: Option<Code> },
    /// Accepted; decided at that time with that code. Until then a query shows `shown`: 05, or 03 or 04.
    Running { until: Timestamp, verdict: Code, shown: Code },
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
            | Self::Refused { code }
            | Self::Running { shown: code, .. } => code.clone(),
            Self::Open { declined: None } => Code::ACCEPTED,
        }
    }
}

/// One transaction.
#[derive(Clone, Serialize, Deserialize)]
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
    /// The last part of the cashier's address (front, pre-order).
    pub(super) cashier: Option<String>,
    /// What the payer's phone is given (app).
    pub(super) tn: Option<String>,
    /// The transaction that this one follows.
    pub(super) original: Option<TradeId>,
    /// What followed this one.
    pub(super) returns: Vec<TradeId>,
    /// A pre-authorisation whose time ran out before anything became of it.
    pub(super) lapsed: bool,
    /// What the payer's act will come to, when the order was made to come to something else than success.
    pub(super) fate: Option<Code>,
    /// The fault taken for its notification when it was accepted.
    pub(super) fault: Option<Fault>,
    /// The money that was taken once more (F05).
    #[serde(default)]
    pub(super) again: Option<Again>,
}

/// A second transaction of one order: what makes its `queryId`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Again {
    pub(super) at: Timestamp,
    /// Six digits.
    pub(super) trace_no: String,
}

impl Trade {
    /// 21 digits; genuine ones are two digits, the time, the trace number and one digit.
    pub(super) fn query_id(&self) -> String {
        let time = time::text(self.created).split_off("YY".len());
        format!("04{time}{}8", self.trace_no)
    }

    /// The second transaction as if it were the only one; `None` where there is none.
    pub(super) fn paid_again(&self) -> Option<Self> {
        let Again { at, trace_no } = self.again.clone()?;
        let state = State::Done { at, code: Code::SUCCESS };
        Some(Self { state, created: at, trace_no, fault: None, ..self.clone() })
    }

    /// The card it shows: the merchant's, or that of a payer whom nobody asked.
    pub(super) fn card(&self) -> Card {
        self.order.card.clone().unwrap_or_else(Card::of_this_world)
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.state, State::Done { .. })
    }

    /// Whether it counts: done, or still running.
    pub(super) fn is_live(&self) -> bool {
        match self.state {
            State::Running { .. } | State::Done { .. } => true,
            State::Open { .. } | State::Failed { .. } | State::Refused { .. } => false,
        }
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
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct PayerCode {
    pub(super) outcome: CodeOutcome,
    pub(super) used: bool,
}
