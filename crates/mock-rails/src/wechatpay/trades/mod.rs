//! The rail's own books: orders and refunds, their states, and which repeat is the same request.
//! Nothing here knows HTTP; time is handed in.
//!
//! ```text
//! NOTPAY --pay--> SUCCESS --first refund accepted--> REFUND
//!    \--close, or the order's end of life--> CLOSED --paid all the same (the payer's bank was slow)--> SUCCESS
//! ```

mod codepay;
mod order;
mod refund;
mod saved;

pub(crate) use codepay::Charged;
pub(crate) use order::{NewOrder, Order, OrderState, Payment, Product};
pub(crate) use refund::{REFUND_TAKES, Refund, RefundEnd, RefundRequest, RefundState};

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::codepay::PayerCode;
use self::order::Handle;
use super::ids;
use crate::book::{BookEntry, BookRefund};

/// How many `prepay_id`s of one order are remembered.
const HANDLES_MAX: usize = 8;

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
    /// The merchant cannot pay this refund.
    RefundNotEnough,
    /// This refund is not abnormal.
    RefundNotAbnormal,
    /// The payer's code is unknown, old or used.
    CodeInvalid,
    /// The payer, or the payer's bank, says no.
    ByPayer,
    /// Risk rules say no.
    Risk,
    /// Only a reverse ends an order of a payer's code, and only such an order.
    OnlyReverse,
    NotReversible,
    /// The mock's own limit.
    Full,
}

/// Why the payer cannot do that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PayerRefused {
    #[error("no such order")]
    UnknownOrder,
    #[error("the code is void: replaced by a later one, or older than two hours")]
    VoidCode,
    #[error("the order is closed")]
    Closed,
    #[error("the order is paid already")]
    Paid,
    #[error("another payer has scanned the code first")]
    OtherPayer,
}

/// A number that was closed before anything was ordered with it is used up.
#[derive(Serialize, Deserialize)]
enum Slot {
    Ordered(Box<Order>),
    UsedUp,
}

/// How a changed repeat of an order number is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChangedRepeat {
    /// 400 `INVALID_REQUEST`, as field reports have it.
    #[default]
    AsReported,
    /// 403 `OUT_TRADE_NO_USED`, as documented.
    AsDocumented,
}

/// All orders and refunds of the merchant.
#[derive(Default)]
pub(crate) struct Trades {
    orders: HashMap<String, Slot>,
    by_transaction: HashMap<String, String>,
    by_handle: HashMap<String, String>,
    refunds: HashMap<String, Refund>,
    /// When accepted refunds come to their end.
    due: BTreeMap<(Timestamp, String), ()>,
    codes: HashMap<String, PayerCode>,
}

impl Slot {
    fn order(&self) -> Option<&Order> {
        match self {
            Self::Ordered(order) => Some(order),
            Self::UsedUp => None,
        }
    }
}

impl Trades {
    /// Orders, or orders again: the `code_url` or `prepay_id` to pay with.
    pub(crate) fn place(
        &mut self,
        new: NewOrder,
        changed: ChangedRepeat,
        now: Timestamp,
    ) -> Result<String, Refused> {
        let order_no = new.body.out_trade_no.clone();
        let changed = match changed {
            ChangedRepeat::AsReported => Refused::OrderChanged,
            ChangedRepeat::AsDocumented => Refused::OrderNumberUsed,
        };
        let number = self.orders.len();
        let full = number >= ORDERS_MAX;
        match self.orders.get_mut(&order_no) {
            Some(Slot::UsedUp) => return Err(changed),
            Some(Slot::Ordered(order)) => {
                order.expire(now);
                match order.state {
                    OrderState::Success | OrderState::Refund => return Err(Refused::OrderPaid),
                    OrderState::Closed => return Err(Refused::OrderClosed),
                    // Which fields count is unconfirmed; all of them are compared, as JSON and not as bytes.
                    OrderState::NotPay if order.product != new.product || order.content != new.content => {
                        return Err(changed);
                    }
                    OrderState::NotPay => {}
                    OrderState::UserPaying | OrderState::PayError | OrderState::Revoked => {
                        return Err(changed);
                    }
                }
            }
            None if full => return Err(Refused::Full),
            None => {
                let order = Order::open(new, number, now);
                self.orders.insert(order_no.clone(), Slot::Ordered(Box::new(order)));
            }
        }
        self.hand_out(&order_no, now).ok_or(Refused::OrderUnknown)
    }

    /// A fresh handle. A Native order's new code voids the earlier one; `prepay_id`s live on beside each other.
    fn hand_out(&mut self, order_no: &str, now: Timestamp) -> Option<String> {
        let order = match self.orders.get_mut(order_no)? {
            Slot::Ordered(order) => order,
            Slot::UsedUp => return None,
        };
        let (text, kept) = match order.product {
            Product::Native => (ids::code_url(), 0),
            // A payer's code is charged at once and never handed out.
            Product::Jsapi | Product::App | Product::H5 | Product::Micropay => {
                (ids::prepay_id(now), HANDLES_MAX - 1)
            }
        };
        let void = order.handles.len().saturating_sub(kept);
        for old in order.handles.drain(..void) {
            self.by_handle.remove(&old.text);
        }
        order.handles.push(Handle::new(text.clone(), now));
        self.by_handle.insert(text.clone(), order_no.to_owned());
        Some(text)
    }

    fn order_mut(&mut self, order_no: &str, now: Timestamp) -> Option<&mut Order> {
        match self.orders.get_mut(order_no)? {
            Slot::UsedUp => None,
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

    /// The paid order of this transaction.
    pub(crate) fn order_of_transaction(&mut self, transaction_id: &str, now: Timestamp) -> Option<&Order> {
        let order_no = self.by_transaction.get(transaction_id)?.clone();
        self.order(&order_no, now)
    }

    /// Closes. Closing again is no mistake; closing what was never ordered uses the number up.
    pub(crate) fn close(&mut self, order_no: &str, now: Timestamp) -> Result<(), Refused> {
        if !self.orders.contains_key(order_no) {
            if self.orders.len() >= ORDERS_MAX {
                return Err(Refused::Full);
            }
            self.orders.insert(order_no.to_owned(), Slot::UsedUp);
            return Ok(());
        }
        let Some(order) = self.order_mut(order_no, now) else { return Ok(()) };
        if order.product == Product::Micropay {
            return Err(Refused::OnlyReverse);
        }
        match order.state {
            OrderState::NotPay | OrderState::Closed => {
                order.state = OrderState::Closed;
                Ok(())
            }
            OrderState::Success | OrderState::Refund => Err(Refused::OrderPaid),
            OrderState::UserPaying | OrderState::PayError | OrderState::Revoked => Err(Refused::OnlyReverse),
        }
    }

    /// The number of the order that is paid with this `code_url` or `prepay_id`; `late` also takes one that is older
    /// than two hours.
    pub(crate) fn order_no_of_handle(
        &self,
        handle: &str,
        late: bool,
        now: Timestamp,
    ) -> Result<String, PayerRefused> {
        let order_no = self.by_handle.get(handle).ok_or(PayerRefused::VoidCode)?;
        let order = self.orders.get(order_no).and_then(Slot::order).ok_or(PayerRefused::UnknownOrder)?;
        let valid = order.handles.iter().any(|h| h.text == handle && (late || now < h.until));
        if valid { Ok(order_no.clone()) } else { Err(PayerRefused::VoidCode) }
    }

    /// The payer scans: the code is theirs from now on.
    pub(crate) fn scan(&mut self, order_no: &str, openid: &str, now: Timestamp) -> Result<(), PayerRefused> {
        let order = self.order_mut(order_no, now).ok_or(PayerRefused::UnknownOrder)?;
        if order.scanned_by.as_deref().is_some_and(|first| first != openid) {
            return Err(PayerRefused::OtherPayer);
        }
        match order.state {
            OrderState::NotPay => {
                order.scanned_by = Some(openid.to_owned());
                Ok(())
            }
            OrderState::Success | OrderState::Refund => Err(PayerRefused::Paid),
            OrderState::Closed | OrderState::UserPaying | OrderState::PayError | OrderState::Revoked => {
                Err(PayerRefused::Closed)
            }
        }
    }

    /// The payer pays. `late` takes the money of a closed order too, as a slow bank can do.
    ///
    /// A paid order is never charged again, whichever handle the payer still holds.
    pub(crate) fn pay(
        &mut self,
        order_no: &str,
        openid: &str,
        late: bool,
        now: Timestamp,
    ) -> Result<(), PayerRefused> {
        let number = self.by_transaction.len() + 1;
        let order = self.order_mut(order_no, now).ok_or(PayerRefused::UnknownOrder)?;
        match order.state {
            OrderState::Success | OrderState::Refund => return Err(PayerRefused::Paid),
            OrderState::Closed if !late => return Err(PayerRefused::Closed),
            OrderState::UserPaying | OrderState::PayError | OrderState::Revoked => {
                return Err(PayerRefused::Closed);
            }
            OrderState::Closed | OrderState::NotPay => {}
        }
        if order.scanned_by.as_deref().is_some_and(|first| first != openid) {
            return Err(PayerRefused::OtherPayer);
        }
        let transaction_id = order.charged(openid, number, now);
        self.by_transaction.insert(transaction_id, order_no.to_owned());
        Ok(())
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
    pub(crate) fn all(&self) -> Vec<&Order> {
        let mut orders: Vec<&Order> = self.orders.values().filter_map(Slot::order).collect();
        orders.sort_by_key(|order| order.number);
        orders
    }

    /// What the payer holds in hand for this order: the newest code or prepay id.
    pub(crate) fn handle_of(order: &Order) -> Option<String> {
        order.handles.last().map(|handle| handle.text.clone())
    }

    /// The refunds of an order, in the order in which they were asked for.
    pub(crate) fn refunds_of<'a>(&'a self, order: &'a Order) -> impl Iterator<Item = &'a Refund> {
        order.refund_nos.iter().filter_map(|no| self.refunds.get(no))
    }

    /// What the rail believes, oldest order first.
    pub(crate) fn book(&self) -> Vec<BookEntry> {
        self.all().into_iter().map(|order| self.entry(order)).collect()
    }

    fn entry(&self, order: &Order) -> BookEntry {
        let refunds: Vec<&Refund> = order.refund_nos.iter().filter_map(|no| self.refunds.get(no)).collect();
        let returned = if order.reversed_at.is_some() { order.body.amount.total } else { 0 };
        BookEntry {
            order_no: order.body.out_trade_no.clone(),
            rail_ref: order.payment.as_ref().map(|payment| payment.transaction_id.clone()),
            state: order.state.word().to_owned(),
            total_fen: order.body.amount.total,
            paid: order.payment.is_some(),
            refunded_fen: returned
                + refunds
                    .iter()
                    .filter(|refund| refund.state == RefundState::Success)
                    .map(|refund| refund.fen)
                    .sum::<i64>(),
            charges: order.charges,
            held_fen: 0,
            captured_fen: 0,
            released_fen: 0,
            refunds: refunds
                .iter()
                .map(|refund| BookRefund {
                    refund_no: refund.out_refund_no.clone(),
                    fen: refund.fen,
                    state: refund.state.word().to_owned(),
                })
                .collect(),
        }
    }
}
