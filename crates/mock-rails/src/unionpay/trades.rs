//! The book of transactions: what is placed, decided, paid and given back. Pure: the time is handed in.
//!
//! Money rules kept here and in [`super::followups`]: one identity is one transaction (a repeat is a duplicate), an order
//! is paid at most once, and what is given back or promised back never exceeds what was paid.

use std::collections::{BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};

use super::codes::{Code, Refusal};
use super::conduct::{Conduct, LateMoney};
use super::time;
use super::trade::{Again, Order, OrderKey, PayerCode, State, Trade, TradeId, Way, What};
use crate::CodeOutcome;

/// How many transactions the book takes before it answers "busy".
pub(super) const TRADES_MAX: usize = 1_000_000;

/// The book.
pub(super) struct Trades {
    pub(super) conduct: Conduct,
    all: Vec<Trade>,
    by_key: HashMap<OrderKey, TradeId>,
    /// The newest of an order number, for the payer's acts.
    by_order_id: HashMap<String, TradeId>,
    by_query_id: HashMap<String, TradeId>,
    by_qr: HashMap<String, TradeId>,
    by_cashier: HashMap<String, TradeId>,
    by_tn: HashMap<String, TradeId>,
    pub(super) payer_codes: HashMap<String, PayerCode>,
    /// When something is decided or runs out.
    due: BTreeSet<(Timestamp, TradeId)>,
    /// The last trace number.
    pub(super) trace: u32,
    /// How many `tn` were given out.
    pub(super) tns: u32,
}

/// What will become of a new transaction when it shall not simply succeed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// What its own answer says in place of 00.
    pub(super) answer: Option<Code>,
    /// What a query shows while it runs, in place of 05.
    pub(super) shown: Option<Code>,
    /// What it comes to in the end.
    pub(super) fate: Option<Code>,
    /// How long it runs, when not as long as usual.
    pub(super) wait: Option<SignedDuration>,
    /// Only a payer's code comes to this: on a page the payer decides as usual.
    pub(super) thinks: bool,
}

impl Plan {
    /// The answer is this, and then it succeeds. A code that says that nothing is certain is also what a query shows.
    pub(super) fn unsure(code: Option<Code>) -> Self {
        let shown = code.clone().filter(|code| code.is_pending() && *code != Code::NOT_FOUND);
        Self { answer: code, shown, ..Self::default() }
    }

    /// It comes to this.
    pub(super) fn ends(code: Code) -> Self {
        Self { fate: Some(code), ..Self::default() }
    }
}

/// An act does not fit the state of the transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NotNow(pub(super) Code);

impl Trades {
    pub(super) fn new(conduct: Conduct) -> Self {
        Self {
            conduct,
            all: Vec::new(),
            by_key: HashMap::new(),
            by_order_id: HashMap::new(),
            by_query_id: HashMap::new(),
            by_qr: HashMap::new(),
            by_cashier: HashMap::new(),
            by_tn: HashMap::new(),
            payer_codes: HashMap::new(),
            due: BTreeSet::new(),
            trace: 0,
            tns: 0,
        }
    }

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

    pub(super) fn ids(&self) -> impl Iterator<Item = TradeId> + use<> {
        (0..self.all.len()).map(TradeId)
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

    pub(super) fn by_query_id(&self, query_id: &str) -> Option<TradeId> {
        self.by_query_id.get(query_id).copied()
    }

    pub(super) fn by_tn(&self, tn: &str) -> Option<TradeId> {
        self.by_tn.get(tn).copied()
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
    pub(super) fn place(&mut self, order: Order, now: Timestamp, plan: &Plan) -> Result<TradeId, Refusal> {
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
            What::Payment(payment) => match &payment.way {
                Way::Front { .. } | Way::PreOrder { .. } | Way::App | Way::MerchantCode => {
                    (State::Open { declined: None }, None)
                }
                Way::PayerCode { qr_no } => (self.charge_code(qr_no, now, plan), None),
            },
            What::Follow { kind, original } => {
                let original = self.original(original, &order.key.mer_id);
                let state = match self.allowed(*kind, original, &order, now) {
                    Ok(()) => self.running(now, plan, None),
                    Err(code) => State::Refused { code },
                };
                (state, original)
            }
        };
        Ok(self.enter(order, state, original, now, plan))
    }

    fn enter(
        &mut self,
        order: Order,
        state: State,
        original: Option<TradeId>,
        now: Timestamp,
        plan: &Plan,
    ) -> TradeId {
        let id = TradeId(self.all.len());
        self.trace = if self.trace >= 999_999 { 1 } else { self.trace + 1 };
        let unique = format!("{}{:018}", time::text(now).split_off(2), id.0);
        let (mut qr_code, mut cashier, mut tn) = (None, None, None);
        match order.what.payment().map(|payment| &payment.way) {
            Some(Way::Front { .. } | Way::PreOrder { .. }) => cashier = Some(unique),
            Some(Way::MerchantCode) => qr_code = Some(format!("https://qr.95516.com/00010000/62{unique}")),
            Some(Way::App) => tn = Some(self.next_tn(now)),
            Some(Way::PayerCode { .. }) | None => {}
        }
        let trade = Trade {
            order,
            state,
            created: now,
            trace_no: format!("{:06}", self.trace),
            charges: 0,
            qr_code,
            cashier,
            tn,
            original,
            returns: Vec::new(),
            lapsed: false,
            fate: plan.fate.clone().filter(|_| !plan.thinks).or_else(|| plan.shown.clone()),
            fault: None,
            again: None,
        };
        self.index(id, &trade);
        self.all.push(trade);
        if let Some(payment) = original {
            self.trade_mut(payment).returns.push(id);
        }
        id
    }

    /// A transaction as it was saved; ids must come in order.
    pub(super) fn restore(&mut self, trade: Trade) {
        let id = TradeId(self.all.len());
        self.index(id, &trade);
        self.all.push(trade);
    }

    fn index(&mut self, id: TradeId, trade: &Trade) {
        if let Some(at) = trade.due(self.conduct.hold_for) {
            self.due.insert((at, id));
        }
        self.by_key.insert(trade.order.key.clone(), id);
        self.by_order_id.insert(trade.order.key.order_id.clone(), id);
        self.by_query_id.insert(trade.query_id(), id);
        self.by_query_id.extend(trade.paid_again().map(|again| (again.query_id(), id)));
        self.by_qr.extend(trade.qr_code.iter().map(|text| (text.clone(), id)));
        self.by_cashier.extend(trade.cashier.iter().map(|token| (token.clone(), id)));
        self.by_tn.extend(trade.tn.iter().map(|tn| (tn.clone(), id)));
    }

    /// 21 digits as seen: a six, the time and a count.
    fn next_tn(&mut self, now: Timestamp) -> String {
        self.tns = if self.tns >= 999_999 { 1 } else { self.tns + 1 };
        format!("6{}{:06}", time::text(now), self.tns)
    }

    fn charge_code(&mut self, qr_no: &str, now: Timestamp, plan: &Plan) -> State {
        let Some(code) = self.payer_codes.get_mut(qr_no).filter(|code| !code.used) else {
            return State::Refused { code: Code::CODE_UNUSABLE };
        };
        code.used = true;
        let (wait, verdict) = match code.outcome {
            CodeOutcome::Pays => return self.running(now, plan, None),
            CodeOutcome::Declines => (self.conduct.decide_after, Code::NO_MONEY),
            CodeOutcome::PendingThenPays => (self.conduct.pending_for, self.success()),
            CodeOutcome::PendingThenDeclines => (self.conduct.pending_for, Code::NO_MONEY),
        };
        self.running(now, plan, Some((wait, verdict)))
    }

    /// Accepted: by default decided soon and well, later when something else than 05 is shown until then.
    fn running(&self, now: Timestamp, plan: &Plan, ends: Option<(SignedDuration, Code)>) -> State {
        let wait = if plan.shown.is_some() { self.conduct.pending_for } else { self.conduct.decide_after };
        let (wait, verdict) = ends.unwrap_or_else(|| (plan.wait.unwrap_or(wait), self.success()));
        State::Running {
            until: now.saturating_add(wait).unwrap_or(Timestamp::MAX),
            verdict: plan.fate.clone().unwrap_or(verdict),
            shown: plan.shown.clone().unwrap_or(Code::ACCEPTED),
        }
    }

    fn success(&self) -> Code {
        if self.conduct.defective_success { Code::DEFECTIVE_SUCCESS } else { Code::SUCCESS }
    }

    /// Decides what is due and ends what has run out. Answers the transactions whose merchants are to be told.
    pub(super) fn settle_due(&mut self, now: Timestamp) -> Vec<TradeId> {
        let mut told = Vec::new();
        while let Some((at, id)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, id));
            // It may wait for something else by now: an order that was paid before its time was up, for one.
            if self.trade(id).due(self.conduct.hold_for) != Some(at) {
                continue;
            }
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
                State::Done { .. } => self.lapse(id),
                State::Failed { .. } | State::Refused { .. } => {}
            }
        }
        told
    }

    /// When [`Trades::settle_due`] has something to do next.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Lets a pre-authorised amount go when nothing became of it. Nobody is told.
    fn lapse(&mut self, id: TradeId) {
        if self.is_open_hold(id) {
            self.trade_mut(id).lapsed = true;
        }
    }

    fn decide(&mut self, id: TradeId, verdict: Code, at: Timestamp) {
        let trade = self.trade_mut(id);
        if verdict.is_success() {
            if trade.order.what.takes_money() {
                trade.charges += 1;
            }
            trade.state = State::Done { at, code: verdict };
        } else {
            trade.state = State::Failed { code: verdict };
        }
        // A hold may lapse from now on: its own, or one that is frozen again after a capture came to nothing.
        let mut next = Some(id);
        while let Some(id) = next {
            if let Some(due) = self.trade(id).due(self.conduct.hold_for).filter(|_| self.is_open_hold(id)) {
                self.due.insert((due, id));
            }
            next = self.trade(id).original;
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
    pub(super) fn pay(&mut self, id: TradeId, force: bool, now: Timestamp) -> Result<bool, NotNow> {
        let success = self.success();
        let pending_for = self.conduct.pending_for;
        let late_money = self.conduct.late_money;
        let trade = self.trade_mut(id);
        match &trade.state {
            State::Open { .. } => match trade.fate.clone() {
                None => {
                    self.decide(id, success, now);
                    Ok(true)
                }
                Some(code) if code.is_success() => {
                    self.decide(id, code, now);
                    Ok(true)
                }
                Some(code) if code.is_pending() => {
                    let until = now.saturating_add(pending_for).unwrap_or(Timestamp::MAX);
                    trade.state = State::Running { until, verdict: success, shown: code };
                    self.due.insert((until, id));
                    Ok(false)
                }
                Some(code) => {
                    trade.state = State::Open { declined: Some(code) };
                    Ok(false)
                }
            },
            State::Running { .. } => {
                self.decide(id, success, now);
                Ok(true)
            }
            State::Failed { code }
                if force && trade.order.what.payment().is_some() && *code != Code::TOO_LATE =>
            {
                match late_money {
                    LateMoney::Kept => {
                        self.decide(id, success, now);
                        Ok(true)
                    }
                    LateMoney::GivenBack => {
                        trade.charges += u32::from(trade.order.what.takes_money());
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

    /// Takes the payer's money once more (F05): once, and of a paid purchase only. Answers the second transaction.
    pub(super) fn pay_again(&mut self, id: TradeId, now: Timestamp) -> Result<Trade, NotNow> {
        let trade = self.trade(id);
        let purchase = trade.order.what.payment().is_some() && trade.order.what.takes_money();
        let refused = NotNow(trade.state.code());
        if !purchase || !trade.is_done() || trade.again.is_some() {
            return Err(refused);
        }
        self.trace = if self.trace >= 999_999 { 1 } else { self.trace + 1 };
        let trace_no = format!("{:06}", self.trace);
        let trade = self.trade_mut(id);
        trade.again = Some(Again { at: now, trace_no });
        let again = trade.paid_again().ok_or(refused)?;
        self.by_query_id.insert(again.query_id(), id);
        Ok(again)
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
                let code = if trade.order.what.payment().is_some() { Code::NO_MONEY } else { Code::FAILED };
                self.decide(id, code, now);
                Ok(true)
            }
            State::Done { .. } | State::Failed { .. } | State::Refused { .. } => {
                Err(NotNow(trade.state.code()))
            }
        }
    }
}
