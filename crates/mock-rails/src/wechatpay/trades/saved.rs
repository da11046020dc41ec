//! The trade book as JSON, so that it survives a restart.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::order::Handle;
use super::payer::PayerCode;
use super::{Due, ORDERS_MAX, Refund, RefundState, Slot, Trades};

/// Everything that cannot be worked out again.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SavedTrades {
    orders: Vec<Slot>,
    refunds: Vec<Refund>,
    codes: HashMap<String, PayerCode>,
    transactions: usize,
    returns: usize,
    short: HashMap<String, Timestamp>,
}

impl Slot {
    fn order_no(&self) -> &str {
        match self {
            Self::Ordered(order) => &order.body.out_trade_no,
            Self::UsedUp(order_no) => order_no,
        }
    }
}

impl Trades {
    /// In a fixed order, so that an unchanged book is saved in the same words.
    pub(crate) fn save(&self) -> SavedTrades {
        let mut orders: Vec<Slot> = self.orders.values().cloned().collect();
        orders.sort_by(|a, b| a.order_no().cmp(b.order_no()));
        SavedTrades {
            orders,
            refunds: self.refunds().into_iter().cloned().collect(),
            codes: self.codes.clone(),
            transactions: self.transactions,
            returns: self.returns,
            short: self.short.clone(),
        }
    }

    /// The book that was saved.
    ///
    /// # Errors
    /// When its parts do not fit together.
    pub(crate) fn load(saved: SavedTrades) -> Result<Self, String> {
        if saved.orders.len() > ORDERS_MAX {
            return Err(format!("a book has at most {ORDERS_MAX} orders"));
        }
        let mut book = Self {
            codes: saved.codes,
            transactions: saved.transactions,
            returns: saved.returns,
            short: saved.short,
            ..Self::default()
        };
        for slot in saved.orders {
            book.take_order(slot)?;
        }
        for refund in saved.refunds {
            book.take_refund(refund)?;
        }
        let known = |order_no: &String| book.refunds.contains_key(order_no);
        match book.orders.values().filter_map(Slot::order).find(|order| !order.refund_nos.iter().all(known)) {
            Some(order) => Err(format!("a refund of order {} is missing", order.body.out_trade_no)),
            None => Ok(book),
        }
    }

    fn take_order(&mut self, slot: Slot) -> Result<(), String> {
        let order_no = slot.order_no().to_owned();
        if let Slot::Ordered(order) = &slot {
            let twice = order.refund_nos.iter().collect::<HashSet<_>>().len() != order.refund_nos.len();
            if twice {
                return Err(format!("order {order_no} has a refund twice"));
            }
            for handle in &order.handles {
                self.by_handle.insert(Handle::key(&handle.text).to_owned(), order_no.clone());
            }
            for payment in order.payment.iter().chain(&order.again) {
                self.by_transaction.insert(payment.transaction_id.clone(), order_no.clone());
            }
            if let Some(thinking) = order.thinking {
                self.due.insert((thinking.until, Due::Password(order_no.clone())));
            }
        }
        match self.orders.insert(order_no.clone(), slot) {
            Some(_) => Err(format!("order {order_no} is there twice")),
            None => Ok(()),
        }
    }

    fn take_refund(&mut self, refund: Refund) -> Result<(), String> {
        let refund_no = refund.out_refund_no.clone();
        let order = self.orders.get(&refund.out_trade_no).and_then(Slot::order);
        if order.is_none_or(|order| order.payment.is_none() || !order.refund_nos.contains(&refund_no)) {
            return Err(format!("refund {refund_no} has no order"));
        }
        if refund.state == RefundState::Processing {
            self.due.insert((refund.due_at, Due::Refund(refund_no.clone())));
        }
        self.by_refund_id.insert(refund.refund_id.clone(), refund_no.clone());
        match self.refunds.insert(refund_no.clone(), refund) {
            Some(_) => Err(format!("refund {refund_no} is there twice")),
            None => Ok(()),
        }
    }
}
