//! The rail's own book: orders, the trades they become, refunds, and who may be charged when.
//!
//! An order that was only announced (precreate, page pay) has no trade until the payer comes: query and close do not
//! know it. Every way to charge goes through [`Order::pay`], which takes a trade's money at most once.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::channels::Funds;
use super::material::Account;
use super::notify::Event;
use super::numbers::Numbers;
use super::wire::Charset;

/// How many orders one mock keeps; further ones are answered as if the rail were down.
pub(super) const ORDERS_MAX: usize = 200_000;
/// A code shown by a merchant lives this long at most, whatever the order says.
pub(super) const CODE_LIFE: SignedDuration = SignedDuration::from_hours(2);
/// From payment on; afterwards the trade is finished. Twelve months in current documentation.
const REFUND_WINDOW: SignedDuration = SignedDuration::from_hours(365 * 24);

/// The state of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Status {
    WaitBuyerPay,
    Success,
    Closed,
    Finished,
}

impl Status {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::WaitBuyerPay => "WAIT_BUYER_PAY",
            Self::Success => "TRADE_SUCCESS",
            Self::Closed => "TRADE_CLOSED",
            Self::Finished => "TRADE_FINISHED",
        }
    }
}

/// How the payer gets to the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Product {
    /// Scans a code that the merchant shows.
    Precreate,
    /// A browser on a desktop.
    Page,
    /// A browser on a phone.
    Wap,
    /// Shows a code that the merchant scans.
    Code,
    /// A front end inside the wallet, which gets the trade number.
    Create,
    /// The wallet, called by the merchant's app with an order string.
    App,
    /// Nothing: the money was set aside before (pre-authorisation).
    Hold,
}

/// What a cancel did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum CancelAction {
    Close,
    Refund,
}

impl CancelAction {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Close => "close",
            Self::Refund => "refund",
        }
    }
}

/// A payer who thinks about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) due: Timestamp,
    /// What comes of it: paid, or closed.
    pub(super) pays: bool,
}

/// A notice that was made: its number stays the same when it is made again after a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) event: Event,
    pub(super) notify_id: String,
}

/// What the merchant asked for, and the trade once there is one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) out_trade_no: String,
    pub(super) product: Product,
    /// All members of the request that made it.
    pub(super) members: Value,
    pub(super) subject: String,
    pub(super) body: Option<String>,
    pub(super) passback_params: Option<String>,
    pub(super) total_fen: i64,
    pub(super) notify_url: Option<String>,
    pub(super) return_url: Option<String>,
    pub(super) charset: Charset,
    /// Who is to pay, when the merchant said so.
    pub(super) buyer_id: Option<String>,
    pub(super) store_id: Option<String>,
    pub(super) terminal_id: Option<String>,
    pub(super) operator_id: Option<String>,
    pub(super) funds: Funds,
    /// The pre-authorisation it is paid out of.
    pub(super) auth_no: Option<String>,
    /// The text of the QR code, or the address of the cashier.
    pub(super) entrance: Option<String>,
    /// When the order ends unpaid.
    pub(super) expires: Timestamp,
    /// Until when the entrance leads anywhere.
    pub(super) entrance_until: Timestamp,
    /// Cancelled before any trade existed: must never become payable.
    pub(super) cancelled: bool,
    pub(super) pending: Option<Pending>,
    pub(super) trade: Option<Trade>,
    pub(super) told: Vec<Told>,
}

/// A trade.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Trade {
    pub(super) trade_no: String,
    pub(super) status: Status,
    pub(super) created: Timestamp,
    pub(super) paid: Option<Timestamp>,
    pub(super) closed: Option<Timestamp>,
    /// How often money was taken: 0 or 1.
    pub(super) charges: u32,
    pub(super) refunds: Vec<Refund>,
    /// What a cancel did, which a repeated cancel tells again.
    pub(super) cancel_action: Option<CancelAction>,
}

/// A refund that has happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Refund {
    pub(super) out_request_no: String,
    pub(super) fen: i64,
    pub(super) at: Timestamp,
    pub(super) reason: Option<String>,
}

/// The order cannot do this; its state in the rail's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotNow(pub(super) &'static str);

impl Trade {
    /// Ends it unpaid.
    pub(super) fn close(&mut self, at: Timestamp) {
        self.status = Status::Closed;
        self.closed = Some(at);
    }

    pub(super) fn refunded_fen(&self) -> i64 {
        self.refunds.iter().map(|refund| refund.fen).sum()
    }

    /// Gives money back and closes the trade when nothing is left of it. The caller has checked the amount.
    pub(super) fn refund(&mut self, refund: Refund, total_fen: i64) {
        let at = refund.at;
        self.refunds.push(refund);
        if self.refunded_fen() >= total_fen {
            self.status = Status::Closed;
            self.closed = Some(at);
        }
    }
}

impl Order {
    /// Who pays: the one the merchant named, or the payer of this world.
    pub(super) fn buyer_id<'a>(&'a self, account: &'a Account) -> &'a str {
        self.buyer_id.as_deref().unwrap_or(&account.buyer_id)
    }

    /// Lets time do what it does: an unpaid trade ends at the order's expiry, a paid one after the refund window.
    pub(super) fn touch(&mut self, now: Timestamp) {
        let expires = self.expires;
        let Some(trade) = &mut self.trade else { return };
        match (trade.status, trade.paid) {
            (Status::WaitBuyerPay, _) if now >= expires => {
                trade.close(expires);
            }
            (Status::Success, Some(paid)) if now.duration_since(paid) >= REFUND_WINDOW => {
                trade.status = Status::Finished;
            }
            (Status::WaitBuyerPay | Status::Success | Status::Closed | Status::Finished, _) => {}
        }
    }

    /// The rail's word for its state; `NOT_SCANNED`, `CODE_EXPIRED` and `CANCELLED` are the mock's, as no trade exists.
    pub(super) fn word(&self, now: Timestamp) -> &'static str {
        match &self.trade {
            Some(trade) => trade.status.word(),
            None if self.cancelled => "CANCELLED",
            None if now >= self.entrance_until => "CODE_EXPIRED",
            None => "NOT_SCANNED",
        }
    }

    /// The payer comes: the trade exists from now on.
    pub(super) fn open(&mut self, trade_no: impl FnOnce() -> String, now: Timestamp) -> Result<(), NotNow> {
        self.touch(now);
        if self.trade.is_some() {
            return Ok(());
        }
        if self.cancelled || now >= self.entrance_until {
            return Err(NotNow(self.word(now)));
        }
        self.trade = Some(Trade::waiting(trade_no(), now));
        Ok(())
    }

    /// Takes the payer's money. With `force` also from an order that is closed, expired or cancelled (the payer's bank
    /// was slow), but never twice.
    pub(super) fn pay(
        &mut self,
        trade_no: impl FnOnce() -> String,
        force: bool,
        now: Timestamp,
    ) -> Result<(), NotNow> {
        self.touch(now);
        let word = self.word(now);
        let open = now < self.entrance_until && !self.cancelled;
        let trade = match &mut self.trade {
            Some(trade) => trade,
            slot @ None if force || open => slot.insert(Trade::waiting(trade_no(), now)),
            None => return Err(NotNow(word)),
        };
        let payable = trade.status == Status::WaitBuyerPay || (trade.status == Status::Closed && force);
        if !payable || trade.charges > 0 {
            return Err(NotNow(word));
        }
        trade.status = Status::Success;
        trade.charges += 1;
        trade.paid = Some(now);
        trade.closed = None;
        Ok(())
    }
}

impl Trade {
    fn waiting(trade_no: String, now: Timestamp) -> Self {
        Self {
            trade_no,
            status: Status::WaitBuyerPay,
            created: now,
            paid: None,
            closed: None,
            charges: 0,
            refunds: Vec::new(),
            cancel_action: None,
        }
    }
}

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
            let trade_no = order.trade.as_ref().map(|trade| trade.trade_no.clone());
            trades.put(order);
            if let (Some(trade_no), Some(at)) = (trade_no, trades.by_number.get(&no)) {
                trades.by_trade_no.insert(trade_no, *at);
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

    /// When the next payer will have thought about it.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.thinking.first().map(|(due, _)| *due)
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
