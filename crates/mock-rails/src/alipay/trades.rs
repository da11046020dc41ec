//! The rail's own book of orders, found by the merchant's number, the rail's number and the way in; what payers think
//! about and refunds on their way come to an end here.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::numbers::Numbers;

pub(super) use super::trade::{
    Again, CancelAction, NotNow, Order, Pending, Product, Refund, RefundState, Status, Told, Trade,
};

/// How many orders one mock keeps; further ones are answered as if the rail were down.
pub(super) const ORDERS_MAX: usize = 200_000;
/// A code shown by a merchant lives this long at most, whatever the order says.
pub(super) const CODE_LIFE: SignedDuration = SignedDuration::from_hours(2);

/// All orders of the one merchant.
#[derive(Debug, Default)]
pub(super) struct Trades {
    orders: Vec<Order>,
    by_number: HashMap<String, usize>,
    by_entrance: HashMap<String, usize>,
    by_trade_no: HashMap<String, usize>,
    /// Numbers that were cancelled without being known.
    cancelled: HashSet<String>,
    /// Orders whose payer thinks about it, by when that is over.
    thinking: BTreeSet<(Timestamp, String)>,
    /// Refunds on their way, by when they arrive: order and refund number.
    returning: BTreeSet<(Timestamp, String, String)>,
    pub(super) numbers: Numbers,
}

/// What is kept of the orders over a restart.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedTrades {
    orders: Vec<Order>,
    cancelled: HashSet<String>,
    numbers: Numbers,
}

impl Trades {
    pub(super) fn save(&self) -> serde_json::Result<Value> {
        let Self { orders, cancelled, numbers, .. } = self;
        Ok(serde_json::json!({ "orders": orders, "cancelled": cancelled, "numbers": numbers }))
    }

    pub(super) fn load(saved: SavedTrades) -> Self {
        let SavedTrades { orders, cancelled, numbers } = saved;
        let mut trades = Self { cancelled, numbers, ..Self::default() };
        for order in orders {
            let (no, pending) = (order.out_trade_no.clone(), order.pending);
            let trade_nos: Vec<String> = order.trade.iter().flat_map(Trade::numbers).cloned().collect();
            let refunds = order.trade.iter().flat_map(|trade| &trade.refunds);
            let processing = refunds.filter(|refund| matches!(refund.state, RefundState::Processing { .. }));
            let returning = processing.map(|refund| (refund.at, no.clone(), refund.out_request_no.clone()));
            trades.returning.extend(returning);
            trades.put(order);
            if let Some(at) = trades.by_number.get(&no).copied() {
                trades.by_trade_no.extend(trade_nos.into_iter().map(|trade_no| (trade_no, at)));
            }
            if let Some(pending) = pending {
                trades.thinking.insert((pending.due, no));
            }
        }
        trades
    }

    pub(super) fn orders(&self) -> &[Order] {
        &self.orders
    }

    pub(super) fn expire_due(&mut self, now: Timestamp) {
        self.orders.iter_mut().for_each(|order| order.touch(now));
    }

    pub(super) fn is_full(&self) -> bool {
        self.orders.len() >= ORDERS_MAX
    }

    /// Adds an order, or puts it in the place of the one that had its number.
    pub(super) fn put(&mut self, order: Order) {
        let at = match self.by_number.get(&order.out_trade_no) {
            Some(at) => *at,
            None => {
                self.by_number.insert(order.out_trade_no.clone(), self.orders.len());
                self.orders.len()
            }
        };
        let old = self.orders.get(at).and_then(|old| old.entrance.as_ref());
        if let Some(old) = old {
            self.by_entrance.remove(old);
        }
        if let Some(entrance) = &order.entrance {
            self.by_entrance.insert(entrance.clone(), at);
        }
        match self.orders.get_mut(at) {
            Some(slot) => *slot = order,
            None => self.orders.push(order),
        }
    }

    /// Takes an order out again that came to nothing: its charge was refused, and there is no trade.
    pub(super) fn withdraw(&mut self, out_trade_no: &str) {
        let last =
            self.orders.last().filter(|order| order.out_trade_no == out_trade_no && order.trade.is_none());
        if last.is_some() && self.orders.pop().is_some() {
            self.by_number.remove(out_trade_no);
        }
    }

    /// Writes down that a notice was made.
    pub(super) fn remember_told(&mut self, out_trade_no: &str, told: Told) {
        let at = self.by_number.get(out_trade_no).copied();
        if let Some(order) = at.and_then(|at| self.orders.get_mut(at)) {
            order.told.push(told);
        }
    }

    /// The payer of this number thinks about it.
    pub(super) fn think(&mut self, out_trade_no: &str, pending: Pending) {
        let at = self.by_number.get(out_trade_no).copied();
        if let Some(order) = at.and_then(|at| self.orders.get_mut(at)) {
            order.pending = Some(pending);
            self.thinking.insert((pending.due, out_trade_no.to_owned()));
        }
    }

    /// Ends what payers thought about until now, and returns the orders that were paid by it.
    pub(super) fn settle_due(&mut self, now: Timestamp) -> Vec<Order> {
        let mut paid = Vec::new();
        while let Some((due, no)) = self.thinking.first().cloned().filter(|(due, _)| *due <= now) {
            self.thinking.pop_first();
            let Some(order) = self.by_number(&no, due) else { continue };
            let Some(pending) = order.pending.take().filter(|pending| pending.due == due) else { continue };
            let waits = order.trade.as_mut().filter(|trade| trade.status == Status::WaitBuyerPay);
            match waits {
                Some(_) if pending.pays => paid.extend(self.pay(&no, false, due).ok().cloned()),
                Some(trade) => trade.close(due),
                None => {}
            }
        }
        paid
    }

    /// A refund of this number moves its money later.
    pub(super) fn process(&mut self, out_trade_no: &str, refund: &Refund) {
        self.returning.insert((refund.at, out_trade_no.to_owned(), refund.out_request_no.clone()));
    }

    /// Ends the refunds that were on their way until now, and returns those that moved money, each with its order.
    pub(super) fn refunds_due(&mut self, now: Timestamp) -> Vec<(Order, Refund)> {
        let mut moved = Vec::new();
        while let Some((due, no, request)) = self.returning.first().cloned().filter(|(due, _, _)| *due <= now)
        {
            self.returning.pop_first();
            let Some(order) = self.by_number(&no, due) else { continue };
            let total_fen = order.total_fen;
            let Some(trade) = &mut order.trade else { continue };
            let Some(refund) = trade.refunds.iter_mut().find(|refund| refund.out_request_no == request)
            else {
                continue;
            };
            let fails = refund.state == RefundState::Processing { fails: true };
            refund.state = if fails { RefundState::Failed } else { RefundState::Done };
            let refund = refund.clone();
            trade.close_if_empty(total_fen, due);
            if !fails {
                moved.push((order.clone(), refund));
            }
        }
        moved
    }

    /// When the next payer will have thought about it, or the next refund will have moved.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let thinking = self.thinking.first().map(|(due, _)| *due);
        thinking.into_iter().chain(self.returning.first().map(|(due, _, _)| *due)).min()
    }

    pub(super) fn cancel_unknown(&mut self, out_trade_no: &str) {
        if self.cancelled.len() < ORDERS_MAX {
            self.cancelled.insert(out_trade_no.to_owned());
        }
    }

    pub(super) fn was_cancelled_unknown(&self, out_trade_no: &str) -> bool {
        self.cancelled.contains(out_trade_no)
    }

    /// The order of a merchant's number, whether the payer has come or not.
    pub(super) fn by_number(&mut self, out_trade_no: &str, now: Timestamp) -> Option<&mut Order> {
        let at = *self.by_number.get(out_trade_no)?;
        self.touched(at, now)
    }

    /// The order behind a QR code or a cashier's address.
    pub(super) fn by_entrance(&mut self, entrance: &str, now: Timestamp) -> Option<&mut Order> {
        let at = *self.by_entrance.get(entrance)?;
        self.touched(at, now)
    }

    /// The order of the rail's own number.
    pub(super) fn by_trade_no(&mut self, trade_no: &str, now: Timestamp) -> Option<&mut Order> {
        let at = *self.by_trade_no.get(trade_no)?;
        self.touched(at, now)
    }

    fn touched(&mut self, at: usize, now: Timestamp) -> Option<&mut Order> {
        let order = self.orders.get_mut(at)?;
        order.touch(now);
        Some(order)
    }

    /// The payer comes to the order of this number.
    pub(super) fn open(&mut self, out_trade_no: &str, now: Timestamp) -> Result<&Order, NotNow> {
        self.act(out_trade_no, now, |order, number| order.open(number, now))
    }

    /// The payer pays the order of this number; see [`Order::pay`].
    pub(super) fn pay(&mut self, out_trade_no: &str, force: bool, now: Timestamp) -> Result<&Order, NotNow> {
        self.act(out_trade_no, now, |order, number| order.pay(number, force, now))
    }

    /// The rail charges the order of this number once more; see [`Order::pay_again`].
    pub(super) fn pay_again(
        &mut self,
        out_trade_no: &str,
        now: Timestamp,
    ) -> Result<(&Order, Again), NotNow> {
        let at = *self.by_number.get(out_trade_no).ok_or(NotNow("TRADE_NOT_EXIST"))?;
        let numbers = &mut self.numbers;
        let order = self.orders.get_mut(at).ok_or(NotNow("TRADE_NOT_EXIST"))?;
        let again = order.pay_again(|| numbers.trade_no(now), now)?;
        self.by_trade_no.insert(again.trade_no.clone(), at);
        Ok((order, again))
    }

    fn act(
        &mut self,
        out_trade_no: &str,
        now: Timestamp,
        act: impl FnOnce(&mut Order, &mut dyn FnMut() -> String) -> Result<(), NotNow>,
    ) -> Result<&Order, NotNow> {
        let at = *self.by_number.get(out_trade_no).ok_or(NotNow("TRADE_NOT_EXIST"))?;
        let numbers = &mut self.numbers;
        let order = self.orders.get_mut(at).ok_or(NotNow("TRADE_NOT_EXIST"))?;
        act(order, &mut || numbers.trade_no(now))?;
        if let Some(trade) = &order.trade {
            self.by_trade_no.insert(trade.trade_no.clone(), at);
        }
        Ok(order)
    }
}
