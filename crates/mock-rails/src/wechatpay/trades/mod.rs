//! The rail's own books: orders and refunds, their states, and which repeat is the same request.
//! Nothing here knows HTTP; time is handed in.
//!
//! ```text
//! NOTPAY --pay--> SUCCESS --first refund accepted--> REFUND
//!    \--close, or the order's end of life--> CLOSED --paid all the same (the payer's bank was slow)--> SUCCESS
//!
//! codes: USERPAYING --> SUCCESS | PAYERROR;  any of them --reverse--> REVOKED (what was paid goes back)
//! ```

mod abnormal;
mod book;
mod due;
mod moves;
mod order;
mod payer;
mod place;
mod refund;
mod saved;

pub(crate) use abnormal::Destination;
pub(crate) use due::Due;
pub(crate) use moves::{Entry, Moved};
pub(crate) use order::{NewOrder, Order, OrderState, Payment, Product};
pub(crate) use payer::PayerRefused;
pub(crate) use place::{Charge, Charged};
pub(crate) use refund::{Refund, RefundEnd, RefundPlan, RefundRequest, RefundState};
pub(crate) use saved::SavedTrades;

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::payer::PayerCode;

/// How many orders the mock takes; then it answers 503 until it is started anew.
const ORDERS_MAX: usize = 1_000_000;

/// A rule of the rail that forbids what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    OrderUnknown,
    OrderPaid,
    OrderClosed,
    /// The number was used with other parameters (the form of field reports).
    OrderChanged,
    /// The same in the documented form.
    OrderNumberUsed,
    /// A charge of a code cannot be closed.
    OnlyReverse,
    /// Only a charge of a code can be reversed.
    OnlyForCodes,
    ReverseRefunded,
    CodeUnknown,
    CodeExpired,
    PayerDeclined,
    PayerShort,
    Risk,
    RefundUnknown,
    /// No such order, or nobody has paid it.
    RefundOrderUnknown,
    RefundChanged,
    RefundedInFull,
    RefundTooLarge,
    RefundTooMany,
    RefundTooLate,
    RefundTooSoon,
    RefundSplitWrong,
    RefundGoodsWrong,
    RefundNotEnough,
    RefundNotAbnormal,
    RefundNumbersDiffer,
    /// The mock's own limit.
    Full,
}

/// A number that was closed before anything was ordered with it is used up.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Slot {
    Ordered(Box<Order>),
    UsedUp(String),
}

/// All orders and refunds of the merchant.
#[derive(Default)]
pub(crate) struct Trades {
    orders: HashMap<String, Slot>,
    by_transaction: HashMap<String, String>,
    by_handle: HashMap<String, String>,
    refunds: HashMap<String, Refund>,
    by_refund_id: HashMap<String, String>,
    codes: HashMap<String, PayerCode>,
    /// What comes to its end by itself, and when.
    due: BTreeSet<(Timestamp, Due)>,
    /// How many of the rail's own numbers were given out.
    transactions: usize,
    returns: usize,
    /// Refunds that were refused because the merchant's balance was short, and since when.
    short: HashMap<String, Timestamp>,
}

impl Slot {
    fn order(&self) -> Option<&Order> {
        match self {
            Self::Ordered(order) => Some(order),
            Self::UsedUp(_) => None,
        }
    }
}

impl Trades {
    fn order_mut(&mut self, order_no: &str, now: Timestamp) -> Option<&mut Order> {
        match self.orders.get_mut(order_no)? {
            Slot::UsedUp(_) => None,
            Slot::Ordered(order) => {
                order.expire(now);
                Some(order)
            }
        }
    }

    /// The order of this number.
    pub(crate) fn order(&mut self, order_no: &str, now: Timestamp) -> Option<&Order> {
        self.order_mut(order_no, now).map(|order| &*order)
    }

    /// The paid order of this transaction, as that transaction paid it.
    pub(crate) fn order_of_transaction(&mut self, transaction_id: &str, now: Timestamp) -> Option<Order> {
        let order_no = self.by_transaction.get(transaction_id)?.clone();
        let order = self.order(&order_no, now)?;
        let again = order.again.as_ref().filter(|again| again.transaction_id == transaction_id);
        again.and_then(|_| order.paid_again()).or_else(|| Some(order.clone()))
    }

    /// Closes every unpaid order whose time is over.
    pub(crate) fn expire_due(&mut self, now: Timestamp) {
        for slot in self.orders.values_mut() {
            if let Slot::Ordered(order) = slot {
                order.expire(now);
            }
        }
    }

    /// All orders, oldest first.
    pub(crate) fn orders(&self) -> Vec<&Order> {
        let mut orders: Vec<&Order> = self.orders.values().filter_map(Slot::order).collect();
        orders.sort_by_key(|order| order.number);
        orders
    }

    /// All refunds, in the order of their acceptance.
    pub(crate) fn refunds(&self) -> Vec<&Refund> {
        let mut refunds: Vec<&Refund> = self.refunds.values().collect();
        refunds.sort_by(|a, b| (a.created_at, &a.refund_id).cmp(&(b.created_at, &b.refund_id)));
        refunds
    }
}

/// `fen * part / whole`, half a fen rounded up; `whole` is positive. For fees: the result is at most `fen` as long as
/// `part` is at most `whole`.
fn share(fen: i64, part: i64, whole: i64) -> i64 {
    let (fen, part, whole) = (i128::from(fen), i128::from(part), i128::from(whole.max(1)));
    i64::try_from((2 * fen * part + whole) / (2 * whole)).unwrap_or(i64::MAX)
}
