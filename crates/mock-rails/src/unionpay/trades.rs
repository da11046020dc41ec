//! The book of transactions: what is placed, decided, paid and given back. Pure: the time is handed in.
//!
//! Money rules kept here: one identity is one transaction (a repeat is a duplicate), an order is paid at most once, and
//! what is given back or promised back never exceeds what was paid.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use super::codes::{Code, Refusal};
use super::conduct::{Conduct, LateMoney};
use super::time;
use super::trade::{Order, OrderKey, Original, PayerCode, State, Trade, TradeId, What};
use crate::CodeOutcome;

/// How many transactions the book takes before it answers "busy".
const TRADES_MAX: usize = 1_000_000;

/// The book.
#[derive(Default)]
pub(super) struct Trades {
    all: Vec<Trade>,
    by_key: HashMap<OrderKey, TradeId>,
    /// The newest of an order number, for the payer's acts.
    by_order_id: HashMap<String, TradeId>,
    by_query_id: HashMap<String, TradeId>,
    by_qr: HashMap<String, TradeId>,
    by_cashier: HashMap<String, TradeId>,
    payer_codes: HashMap<String, PayerCode>,
    /// When something is decided or runs out.
    due: BTreeSet<(Timestamp, TradeId)>,
    /// The last trace number.
    trace: u32,
}

/// An act does not fit the state of the transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NotNow(pub(super) Code);

impl Trades {
    /// Makes the trace number of the next transaction the one after `last`.
    #[cfg(test)]
    pub(super) fn set_last_trace(&mut self, last: u32) {
        self.trace = last;
    }

    /// Gives a wallet this payment code.
    #[cfg(test)]
    pub(super) fn know_code(&mut self, code: &str, outcome: CodeOutcome) {
        self.payer_codes.insert(code.to_owned(), PayerCode { outcome, used: false });
    }

    pub(super) fn trade(&self, id: TradeId) -> &Trade {
        // Ids are made only by `place`, and nothing is ever removed.
        &self.all[id.0]
    }

    pub(super) fn trade_mut(&mut self, id: TradeId) -> &mut Trade {
        &mut self.all[id.0]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Trade> {
        self.all.iter()
    }

    pub(super) fn by_key(&self, key: &OrderKey) -> Option<TradeId> {
        self.by_key.get(key).copied()
    }

    pub(super) fn by_order_id(&self, order_id: &str) -> Option<TradeId> {
        self.by_order_id.get(order_id).copied()
    }

    pub(super) fn by_qr(&self, text: &str) -> Option<TradeId> {
        self.by_qr.get(text).copied()
    }

    pub(super) fn by_cashier(&self, token: &str) -> Option<TradeId> {
        self.by_cashier.get(token).copied()
    }

    /// Opens a wallet's payment code: `62` and 17 digits.
    pub(super) fn issue_code(&mut self, outcome: CodeOutcome) -> String {
        let code = format!("62{:017}", self.payer_codes.len() + 1);
        self.payer_codes.insert(code.clone(), PayerCode { outcome, used: false });
        code
    }

    /// Takes a new transaction. What the business refuses is on record too; [`State::Refused`] says so.
    pub(super) fn place(
        &mut self,
        order: Order,
        now: Timestamp,
        conduct: &Conduct,
    ) -> Result<TradeId, Refusal> {
        if self.by_key.contains_key(&order.key) {
            return Err(Code::DUPLICATE.into());
        }
        if self.all.len() >= TRADES_MAX {
            return Err(Code::BUSY.into());
        }
        if order.what.pay_timeout().is_some_and(|timeout| timeout <= now) {
            return Err(Refusal::about(Code::FORMAT, "payTimeout"));
        }
        let (state, original) = match &order.what {
            What::Front { .. } | What::MerchantCode { .. } => (State::Open { declined: None }, None),
            What::PayerCode { qr_no } => (self.charge_code(qr_no, now, conduct), None),
            What::Refund { original } | What::Undo { original } => {
                let original = self.original(original, &order.key.mer_id);
                let state = match self.returnable(original, &order, now, conduct) {
                    Ok(()) => running(now, conduct.decide_after, success(conduct)),
                    Err(code) => State::Refused { code },
                };
                (state, original)
            }
        };
        Ok(self.enter(order, state, original, now))
    }

    fn enter(&mut self, order: Order, state: State, original: Option<TradeId>, now: Timestamp) -> TradeId {
        let id = TradeId(self.all.len());
        self.trace = if self.trace >= 999_999 { 1 } else { self.trace + 1 };
        let unique = format!("{}{:018}", time::text(now).split_off(2), id.0);
        let (qr_code, cashier) = match &order.what {
            What::Front { .. } => (None, Some(unique)),
            What::MerchantCode { .. } => (Some(format!("https://qr.95516.com/00010000/62{unique}")), None),
            What::PayerCode { .. } | What::Refund { .. } | What::Undo { .. } => (None, None),
        };
        match &state {
            State::Running { until, .. } => self.due.insert((*until, id)),
            State::Open { .. } => {
                order.what.pay_timeout().is_some_and(|timeout| self.due.insert((timeout, id)))
            }
            State::Done { .. } | State::Failed { .. } | State::Refused { .. } => false,
        };
        self.by_key.insert(order.key.clone(), id);
        self.by_order_id.insert(order.key.order_id.clone(), id);
        self.by_qr.extend(qr_code.iter().map(|text| (text.clone(), id)));
        self.by_cashier.extend(cashier.iter().map(|token| (token.clone(), id)));
        let trade = Trade {
            order,
            state,
            created: now,
            trace_no: format!("{:06}", self.trace),
            charges: 0,
            qr_code,
            cashier,
            returns: Vec::new(),
            fault: None,
        };
        self.by_query_id.insert(trade.query_id(), id);
        self.all.push(trade);
        if let Some(payment) = original {
            self.trade_mut(payment).returns.push(id);
        }
        id
    }

    fn charge_code(&mut self, qr_no: &str, now: Timestamp, conduct: &Conduct) -> State {
        let Some(code) = self.payer_codes.get_mut(qr_no).filter(|code| !code.used) else {
            return State::Refused { code: Code::CODE_UNUSABLE };
        };
        code.used = true;
        let (wait, verdict) = match code.outcome {
            CodeOutcome::Pays => (conduct.decide_after, success(conduct)),
            CodeOutcome::Declines => (conduct.decide_after, Code::NO_MONEY),
            CodeOutcome::PendingThenPays => (conduct.pending_for, success(conduct)),
            CodeOutcome::PendingThenDeclines => (conduct.pending_for, Code::NO_MONEY),
        };
        running(now, wait, verdict)
    }

    fn original(&self, original: &Original, mer_id: &str) -> Option<TradeId> {
        let id = match original {
            Original::QueryId(id) => self.by_query_id.get(id).copied(),
            Original::Key(key) => self.by_key(key),
        }?;
        let payment = &self.trade(id).order;
        (payment.what.is_payment() && payment.key.mer_id == mer_id).then_some(id)
    }

    /// Whether a refund or an undo may be accepted. Returns that still run count like those that are done.
    fn returnable(
        &self,
        original: Option<TradeId>,
        order: &Order,
        now: Timestamp,
        conduct: &Conduct,
    ) -> Result<(), Code> {
        let payment = self.trade(original.ok_or(Code::ORIGINAL)?);
        let State::Done { at: paid_at, .. } = payment.state else { return Err(Code::ORIGINAL) };
        let live: Vec<&Trade> =
            payment.returns.iter().map(|id| self.trade(*id)).filter(|t| is_live(t)).collect();
        // Which of 35 and 45 the gateway says after an undo is unconfirmed.
        if live.iter().any(|trade| matches!(trade.order.what, What::Undo { .. })) {
            return Err(Code::ALREADY_BACK);
        }
        if matches!(order.what, What::Undo { .. }) {
            return if !live.is_empty() {
                Err(Code::ALREADY_BACK)
            } else if order.fen != payment.order.fen {
                Err(Code::DIFFERS)
            } else if time::clearing_day(now) != time::clearing_day(paid_at) {
                Err(Code::ORIGINAL)
            } else {
                Ok(())
            };
        }
        if now.duration_since(paid_at) > conduct.refund_window {
            return Err(Code::ORIGINAL);
        }
        // Amounts have at most 12 digits and there are at most a million of them, so the sum fits.
        let promised: i64 = live.iter().map(|trade| trade.order.fen).sum();
        // The real code for more than what is left is unconfirmed.
        if promised.saturating_add(order.fen) > payment.order.fen { Err(Code::DIFFERS) } else { Ok(()) }
    }

    /// Decides what is due and ends what has run out. Answers the transactions whose merchants are to be told.
    pub(super) fn settle_due(&mut self, now: Timestamp) -> Vec<TradeId> {
        let mut told = Vec::new();
        while let Some((at, id)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, id));
            match self.trade(id).state.clone() {
                State::Running { verdict, .. } => {
                    self.decide(id, verdict, at);
                    told.push(id);
                }
                // Unpaid orders end without a word to the merchant.
                State::Open { declined } => {
                    let code = declined.unwrap_or(Code::PAYER_TOO_SLOW);
                    self.trade_mut(id).state = State::Failed { code };
                }
                State::Done { .. } | State::Failed { .. } | State::Refused { .. } => {}
            }
        }
        told
    }

    /// When [`Trades::settle_due`] has something to do next.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    fn decide(&mut self, id: TradeId, verdict: Code, at: Timestamp) {
        let trade = self.trade_mut(id);
        if verdict.is_success() {
            if trade.order.what.is_payment() {
                trade.charges += 1;
            }
            trade.state = State::Done { at, code: verdict };
        } else {
            trade.state = State::Failed { code: verdict };
        }
    }

    /// Decides a running transaction now instead of later. Answers whether the merchant is to be told.
    pub(super) fn decide_now(&mut self, id: TradeId, now: Timestamp) -> bool {
        let State::Running { verdict, .. } = self.trade(id).state.clone() else { return false };
        self.decide(id, verdict, now);
        true
    }

    /// The payer pays, or a running transaction succeeds. Answers whether the merchant is to be told.
    ///
    /// `force` takes money for a payment that has failed: the payer's bank was slow. Nothing is ever charged twice.
    pub(super) fn pay(
        &mut self,
        id: TradeId,
        force: bool,
        now: Timestamp,
        conduct: &Conduct,
    ) -> Result<bool, NotNow> {
        let trade = self.trade_mut(id);
        match &trade.state {
            State::Open { .. } | State::Running { .. } => {
                self.decide(id, success(conduct), now);
                Ok(true)
            }
            State::Failed { .. } if force && trade.order.what.is_payment() && trade.charges == 0 => {
                match conduct.late_money {
                    LateMoney::Kept => {
                        self.decide(id, success(conduct), now);
                        Ok(true)
                    }
                    LateMoney::GivenBack => {
                        trade.charges += 1;
                        trade.state = State::Failed { code: Code::TOO_LATE };
                        Ok(false)
                    }
                }
            }
            State::Done { .. } | State::Failed { .. } | State::Refused { .. } => {
                Err(NotNow(trade.state.code()))
            }
        }
    }

    /// The payer turns away, or a running transaction fails. Answers whether the merchant is to be told.
    pub(super) fn decline(&mut self, id: TradeId, now: Timestamp) -> Result<bool, NotNow> {
        let trade = self.trade_mut(id);
        match &trade.state {
            State::Open { .. } => {
                trade.state = State::Open { declined: Some(Code::NO_MONEY) };
                Ok(false)
            }
            State::Running { .. } => {
                let code = if trade.order.what.is_payment() { Code::NO_MONEY } else { Code::FAILED };
                self.decide(id, code, now);
                Ok(true)
            }
            State::Done { .. } | State::Failed { .. } | State::Refused { .. } => {
                Err(NotNow(trade.state.code()))
            }
        }
    }
}

fn is_live(trade: &Trade) -> bool {
    match trade.state {
        State::Running { .. } | State::Done { .. } => true,
        State::Open { .. } | State::Failed { .. } | State::Refused { .. } => false,
    }
}

fn running(now: Timestamp, wait: jiff::SignedDuration, verdict: Code) -> State {
    State::Running { until: now.saturating_add(wait).unwrap_or(Timestamp::MAX), verdict }
}

fn success(conduct: &Conduct) -> Code {
    if conduct.defective_success { Code::DEFECTIVE_SUCCESS } else { Code::SUCCESS }
}
