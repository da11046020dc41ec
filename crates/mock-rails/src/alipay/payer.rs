//! The payer: acts from outside, the cashier in a browser, and what the merchant is told of it.

use http::StatusCode;
use serde_json::{Value, json};

use super::AlipayMock;
use super::notify::{self, Event, Falsified};
use super::page;
use super::trades::{NotNow, Order, Trades};
use crate::faults::Fault;
use crate::notifier::Notice;
use crate::{PayerAct, PayerError, PayerTarget, RailReply, RailRequest, locked};

impl AlipayMock {
    /// See [`crate::RailMock::payer`].
    pub(super) fn act(&self, act: PayerAct) -> Result<Value, PayerError> {
        let now = self.bench.clock.now();
        let not_now = |NotNow(state)| PayerError::NotPayable { state: state.to_owned() };
        let (order, event) = {
            let mut trades = locked(&self.trades);
            match act {
                PayerAct::Scan(target) | PayerAct::Decline(target) => {
                    let no = self.target(&mut trades, &target)?;
                    (trades.open(&no, now).map_err(not_now)?.clone(), None)
                }
                PayerAct::Pay { target, force } => {
                    let no = self.target(&mut trades, &target)?;
                    (trades.pay(&no, force, now).map_err(not_now)?.clone(), Some(Event::Paid))
                }
                PayerAct::IssueCode(_) => return Err(PayerError::Unsupported),
            }
        };
        if let Some(event) = &event {
            // There is no answer that the notice could come before, so it is only posted.
            self.notices(&order, event).0.into_iter().for_each(|notice| self.bench.notifier.post(notice));
        }
        Ok(json!({
            "order_no": order.out_trade_no,
            "trade_no": order.trade.as_ref().map(|trade| trade.trade_no.as_str()),
            "state": order.word(now),
            "subject": order.subject,
            "total_fen": order.total_fen,
        }))
    }

    /// Opens the trade behind a cashier's address and shows it.
    pub(super) fn cashier(&self, request: &RailRequest) -> RailReply {
        let now = self.bench.clock.now();
        let mut trades = locked(&self.trades);
        let Some(no) = self.entered(&mut trades, request) else {
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
            let mut trades = locked(&self.trades);
            let Some(no) = self.entered(&mut trades, request) else {
                return RailReply::new(StatusCode::NOT_FOUND, "text/plain", "");
            };
            trades.pay(&no, false, now).cloned()
        };
        match paid {
            Ok(order) => {
                self.announce(&order, &Event::Paid).await;
                page::paid(&order, &self.merchant, &self.keys, now)
            }
            Err(NotNow(state)) => page::page(&format!("<h1>{state}</h1>")),
        }
    }

    fn entered(&self, trades: &mut Trades, request: &RailRequest) -> Option<String> {
        let entrance = format!("{}/cashier?{}", self.bench.origin, request.query());
        trades.by_entrance(&entrance, self.bench.clock.now()).map(|order| order.out_trade_no.clone())
    }

    /// Tells the merchant, as the armed notification fault wants it.
    pub(super) async fn announce(&self, order: &Order, event: &Event) {
        let (notices, first) = self.notices(order, event);
        for notice in notices {
            if first {
                self.bench.notifier.post_and_wait(notice).await;
            } else {
                self.bench.notifier.post(notice);
            }
        }
    }

    /// The notices of an event, and whether they come before the answer.
    fn notices(&self, order: &Order, event: &Event) -> (Vec<Notice>, bool) {
        let notify_id = locked(&self.trades).notify_id(self.bench.clock.now());
        let make = |falsified| {
            notify::notice(order, event, notify_id.clone(), &self.merchant, &self.keys, falsified)
        };
        let plain = Falsified::default();
        let one = |falsified| make(falsified).into_iter().collect();
        match self.bench.faults.take_notification(event.operation()) {
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

    fn target(&self, trades: &mut Trades, target: &PayerTarget) -> Result<String, PayerError> {
        let now = self.bench.clock.now();
        let order = match target {
            PayerTarget::OrderNo(no) => trades.by_number(no, now),
            PayerTarget::Qr(qr) => trades.by_entrance(qr, now),
            PayerTarget::PrepayId(trade_no) => trades.by_trade_no(trade_no, now),
        };
        order.map(|order| order.out_trade_no.clone()).ok_or(PayerError::NoSuchOrder)
    }
}
