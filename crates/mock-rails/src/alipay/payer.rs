//! The payer: acts from outside, the cashier in a browser, and what the merchant is told of it.

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::app::{self, Opened};
use super::holds::{Event as HoldEvent, Hold};
use super::notify::{self, Event, Falsified};
use super::page;
use super::trades::{NotNow, Order, Product, Status, Trades};
use super::{AlipayMock, News, State};
use crate::faults::Fault;
use crate::magic::{Mood, On};
use crate::notifier::Notice;
use crate::{CodeOutcome, PayerAct, PayerError, PayerTarget, RailReply, RailRequest, locked};

/// How the address of a cashier page goes on after the host; its token follows.
const CASHIER: &str = "/cashier?";

/// What a payer's act is about.
type Target = Opened;

fn not_now(NotNow(state): NotNow) -> PayerError {
    PayerError::NotPayable { state: state.to_owned() }
}

impl AlipayMock {
    /// See [`crate::RailMock::payer`].
    pub(super) fn act(&self, act: PayerAct) -> Result<Value, PayerError> {
        self.settle();
        let now = self.bench.clock.now();
        let (answer, news) = {
            let state = &mut *locked(&self.state);
            match act {
                PayerAct::Scan(target) => (self.look(state, &target, now)?, None),
                PayerAct::Decline(target) => (self.decline(state, &target, now)?, None),
                PayerAct::Pay { target, force } => self.agree(state, &target, force, now)?,
                PayerAct::IssueCode(outcome) => (issue(state, outcome, now), None),
            }
        };
        if let Some(news) = news {
            // There is no answer that the notice could come before, so it is only posted.
            self.notices(&news).0.into_iter().for_each(|notice| self.bench.notifier.post(notice));
        }
        Ok(answer)
    }

    /// See [`crate::RailMock::charge_again`].
    pub(super) fn take_again(&self, out_trade_no: &str) -> Result<String, PayerError> {
        self.settle();
        let now = self.bench.clock.now();
        let (order, again) = {
            let trades = &mut locked(&self.state).trades;
            let (order, again) = trades.pay_again(out_trade_no, now).map_err(not_now)?;
            (order.clone(), again)
        };
        let news = News::Trade(Box::new(order), Event::PaidAgain(again.clone()));
        self.notices(&news).0.into_iter().for_each(|notice| self.bench.notifier.post(notice));
        Ok(again.trade_no)
    }

    fn look(&self, state: &mut State, target: &PayerTarget, now: Timestamp) -> Result<Value, PayerError> {
        match self.target(state, target)? {
            Target::Trade(no) => {
                state.trades.open(&no, now).map(|order| self.seen(order, now)).map_err(not_now)
            }
            Target::Hold(no) => state.holds.open(&no, now).map(seen_hold).map_err(not_now),
        }
    }

    /// Turning away leaves the trade waiting, as in the wallet; but a payer who was asked for the password and refuses
    /// ends what the merchant charged.
    fn decline(&self, state: &mut State, target: &PayerTarget, now: Timestamp) -> Result<Value, PayerError> {
        let seen = self.look(state, target, now)?;
        match self.target(state, target)? {
            Target::Trade(no) => {
                let asked = state.trades.by_number(&no, now).filter(|order| order.pending.is_some());
                let Some(order) = asked else { return Ok(seen) };
                order.pending = None;
                let waits = order.trade.as_mut().filter(|trade| trade.status == Status::WaitBuyerPay);
                if let Some(trade) = waits {
                    trade.close(now);
                }
                Ok(self.seen(order, now))
            }
            Target::Hold(no) => {
                let asked = state.holds.by_order(&no, now).filter(|hold| hold.pending.is_some());
                let Some(hold) = asked else { return Ok(seen) };
                hold.refuse();
                Ok(seen_hold(hold))
            }
        }
    }

    fn agree(
        &self,
        state: &mut State,
        target: &PayerTarget,
        force: bool,
        now: Timestamp,
    ) -> Result<(Value, Option<News>), PayerError> {
        let target = self.target(state, target)?;
        let fen = match &target {
            Target::Trade(no) => state.trades.by_number(no, now).map(|order| order.total_fen),
            Target::Hold(no) => state.holds.by_order(no, now).map(|hold| hold.fen),
        };
        if let Some(refused) = fen.and_then(|fen| self.moody(fen)).filter(|_| !force) {
            return Err(PayerError::NotPayable { state: refused.to_owned() });
        }
        match target {
            Target::Trade(no) => {
                let order = state.trades.pay(&no, force, now).map_err(not_now)?;
                let news = News::Trade(Box::new(order.clone()), Event::Paid);
                Ok((self.seen(order, now), Some(news)))
            }
            Target::Hold(no) => {
                let hold = state.holds.freeze(&no, force, now).map_err(not_now)?;
                let mut seen = seen_hold(hold);
                if let Some(result) = app::frozen(hold, &self.material.account, &self.material.keys) {
                    seen["result"] = result.into();
                }
                Ok((seen, Some(News::Hold(Box::new(hold.clone()), HoldEvent::Frozen))))
            }
        }
    }

    /// What the wallet says instead of paying, when the amount asks for that.
    fn moody(&self, fen: i64) -> Option<&'static str> {
        match self.bench.magic.mood(On::Payment, fen)? {
            Mood::Declined => Some("ACQ.BUYER_BALANCE_NOT_ENOUGH"),
            Mood::Risk => Some("ACQ.PAYMENT_REQUEST_HAS_RISK"),
            Mood::PendingThenPaid
            | Mood::PendingThenDeclined
            | Mood::Unsure
            | Mood::RateLimited
            | Mood::RefundNotEnough
            | Mood::RefundSlow
            | Mood::RefundFails => None,
        }
    }

    /// What the payer sees; an app gets its signed result once the payment is done.
    fn seen(&self, order: &Order, now: Timestamp) -> Value {
        let mut seen = json!({
            "order_no": order.out_trade_no,
            "trade_no": order.trade.as_ref().map(|trade| trade.trade_no.as_str()),
            "state": order.word(now),
            "subject": order.subject,
            "total_fen": order.total_fen,
        });
        let paid = order.trade.as_ref().filter(|trade| trade.paid.is_some() && order.product == Product::App);
        if let Some(trade) = paid {
            let (account, keys) = (&self.material.account, &self.material.keys);
            seen["resultStatus"] = "9000".into();
            seen["result"] = app::paid(order, trade, account, keys, now).into();
        }
        seen
    }

    /// Opens the trade behind a cashier's address and shows it.
    pub(super) fn cashier(&self, request: &RailRequest) -> RailReply {
        let now = self.bench.clock.now();
        let trades = &mut locked(&self.state).trades;
        let Some(no) = self.entered(trades, request) else {
            return RailReply::new(StatusCode::NOT_FOUND, "text/plain", "");
        };
        match trades.open(&no, now) {
            Ok(order) => page::cashier(order, now),
            Err(NotNow(state)) => page::page(&format!("<h1>{state}</h1>")),
        }
    }

    pub(super) async fn cashier_pay(&self, request: &RailRequest) -> RailReply {
        let now = self.bench.clock.now();
        let paid = {
            let trades = &mut locked(&self.state).trades;
            let Some(no) = self.entered(trades, request) else {
                return RailReply::new(StatusCode::NOT_FOUND, "text/plain", "");
            };
            trades.pay(&no, false, now).cloned()
        };
        match paid {
            Ok(order) => {
                self.announce(&News::Trade(Box::new(order.clone()), Event::Paid)).await;
                page::paid(&order, &self.material.account, &self.material.keys, now)
            }
            Err(NotNow(state)) => page::page(&format!("<h1>{state}</h1>")),
        }
    }

    fn entered(&self, trades: &mut Trades, request: &RailRequest) -> Option<String> {
        let entrance = format!("{CASHIER}{}", request.query());
        trades
            .by_entrance(&self.entrance(&entrance), self.bench.clock.now())
            .map(|order| order.out_trade_no.clone())
    }

    /// An entrance as the book has it: a cashier page is the same one by whatever host and scheme it is reached.
    fn entrance(&self, address: &str) -> String {
        match address.split_once(CASHIER) {
            Some((_, token)) => format!("{}{CASHIER}{token}", self.bench.origin),
            None => address.to_owned(),
        }
    }

    /// Tells the merchant, as the armed notification fault wants it.
    pub(super) async fn announce(&self, news: &News) {
        let (notices, first) = self.notices(news);
        for notice in notices {
            if first {
                self.bench.notifier.post_and_wait(notice).await;
            } else {
                self.bench.notifier.post(notice);
            }
        }
    }

    /// The notices of an event, and whether they come before the answer.
    pub(super) fn notices(&self, news: &News) -> (Vec<Notice>, bool) {
        let notify_id = locked(&self.state).told(news, self.bench.clock.now());
        let make = |falsified| self.notice(news, notify_id.clone(), falsified);
        let plain = Falsified::default();
        let one = |falsified| make(falsified).into_iter().collect();
        let (on, fen) = news.amount();
        match self.bench.notification_fault(news.operation(), on, fen) {
            Some(Fault::NoNotification) => (Vec::new(), false),
            Some(Fault::TwinNotifications) => {
                ([make(plain), make(plain)].into_iter().flatten().collect(), false)
            }
            Some(Fault::NotificationFirst) => (one(plain), true),
            Some(Fault::NotificationAmount(fen)) => {
                (one(Falsified { amount_fen: Some(fen), ..plain }), false)
            }
            Some(Fault::NotificationWrongSignature) => (one(Falsified { signature: true, ..plain }), false),
            Some(
                Fault::AnswerLost
                | Fault::RequestLost
                | Fault::Late { .. }
                | Fault::Status(_)
                | Fault::StatusAfter(_)
                | Fault::WrongSignature
                | Fault::Unsigned
                | Fault::GarbageBody
                | Fault::BusinessCode(_),
            )
            | None => (one(plain), false),
        }
    }

    pub(super) fn notice(&self, news: &News, notify_id: String, falsified: Falsified) -> Option<Notice> {
        match news {
            News::Trade(order, event) => notify::notice(order, event, notify_id, &self.material, falsified),
            News::Hold(hold, event) => notify::hold_notice(hold, event, notify_id, &self.material, falsified),
        }
    }

    /// A `prepay_id` is the trade number that a front end hands to the wallet; a `qr` may also be an order string.
    fn target(&self, state: &mut State, target: &PayerTarget) -> Result<Target, PayerError> {
        let now = self.bench.clock.now();
        let State { trades, holds, .. } = state;
        let (order, hold) = match target {
            PayerTarget::Qr(text) if app::is_order_string(text) => {
                return app::open(state, text, &self.material, now)
                    .map_err(|state| PayerError::NotPayable { state });
            }
            PayerTarget::OrderNo(no) => (trades.by_number(no, now), holds.by_order(no, now)),
            PayerTarget::Qr(qr) => (trades.by_entrance(&self.entrance(qr), now), holds.by_entrance(qr, now)),
            PayerTarget::PrepayId(trade_no) => {
                (trades.by_trade_no(trade_no, now), holds.by_auth(trade_no, now))
            }
        };
        let trade = order.map(|order| Target::Trade(order.out_trade_no.clone()));
        trade
            .or_else(|| hold.map(|hold| Target::Hold(hold.out_order_no.clone())))
            .ok_or(PayerError::NoSuchOrder)
    }
}

fn seen_hold(hold: &Hold) -> Value {
    json!({
        "order_no": hold.out_order_no,
        "auth_no": hold.auth_no,
        "state": hold.word(),
        "subject": hold.title,
        "total_fen": hold.fen,
    })
}

fn issue(state: &mut State, outcome: CodeOutcome, now: Timestamp) -> Value {
    let shown = state.codes.issue(&mut state.trades.numbers, outcome, now);
    json!({ "code": shown.bar_code, "face_token": shown.face_token })
}
