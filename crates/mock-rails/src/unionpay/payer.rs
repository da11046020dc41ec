//! The payer: acts from outside, and the cashier page in a browser.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::Core;
use super::cashier;
use super::notify;
use super::sign::Seal;
use super::trade::{State, Trade, TradeId, Way};
use super::trades::{NotNow, Trades};
use crate::{PayerAct, PayerError, PayerTarget, RailReply, locked};

impl Core {
    /// See [`crate::RailMock::payer`]. The newest order of a number is meant.
    pub(super) fn act(&self, act: PayerAct) -> Result<Value, PayerError> {
        self.settle_due();
        let now = self.bench.clock.now();
        let (trade, told) = {
            let mut trades = locked(&self.trades);
            let not_now = |NotNow(code)| PayerError::NotPayable { state: code.digits.into_owned() };
            let (id, told) = match act {
                PayerAct::Scan(target) => (scan(&trades, &target)?, false),
                PayerAct::Pay { target, force } => {
                    let id = find(&trades, &target)?;
                    (id, trades.pay(id, force, now).map_err(not_now)?)
                }
                PayerAct::Decline(target) => {
                    let id = find(&trades, &target)?;
                    (id, trades.decline(id, now).map_err(not_now)?)
                }
                PayerAct::IssueCode(outcome) => return Ok(json!({ "code": trades.issue_code(outcome) })),
            };
            (trades.trade(id).clone(), told)
        };
        // A payment may also have begun to run, which the ticker has to know of.
        self.placed.notify_one();
        if told {
            // There is no answer that the notice could come before, so it is only posted.
            self.post(&trade);
        }
        let phone = trade.tn.as_ref().filter(|_| trade.is_done());
        Ok(json!({
            "app_result": phone.map(|tn| self.registry.keys.signer().phone_result(tn)),
            "order_no": trade.order.key.order_id,
            "query_id": trade.query_id(),
            "state": trade.state.code().digits,
            "total_fen": trade.order.fen,
            "cashier": trade.cashier.as_ref().map(|token| format!("{}{}{token}", self.bench.origin, cashier::PATH)),
        }))
    }

    /// See [`crate::RailMock::charge_again`].
    pub(super) fn take_again(&self, order_id: &str) -> Result<String, PayerError> {
        self.settle_due();
        let now = self.bench.clock.now();
        let again = {
            let mut trades = locked(&self.trades);
            let id = trades.by_order_id(order_id).ok_or(PayerError::NoSuchOrder)?;
            let not_now = |NotNow(code)| PayerError::NotPayable { state: code.digits.into_owned() };
            trades.pay_again(id, now).map_err(not_now)?
        };
        self.post(&again);
        Ok(again.query_id())
    }

    /// The cashier page and its two buttons.
    pub(super) async fn cashier(&self, method: &Method, rest: &str) -> RailReply {
        let (token, button) = rest.split_once('/').unwrap_or((rest, ""));
        let now = self.bench.clock.now();
        let acted = {
            let mut trades = locked(&self.trades);
            let Some(id) = trades.by_cashier(token) else {
                return RailReply::new(StatusCode::NOT_FOUND, "text/plain", "");
            };
            let told = match (method, button) {
                (&Method::GET, "") => Ok(false),
                (&Method::POST, "pay") => trades.pay(id, false, now),
                (&Method::POST, "decline") => trades.decline(id, now),
                _ => return RailReply::new(StatusCode::NOT_FOUND, "text/plain", ""),
            };
            let trade = trades.trade(id).clone();
            match told {
                Ok(told) => Ok((trade, told)),
                Err(NotNow(_)) => Err(trade),
            }
        };
        match acted {
            Ok((trade, told)) => {
                self.placed.notify_one();
                if told {
                    self.tell(&trade).await;
                }
                self.page(&trade)
            }
            Err(trade) => cashier::stopped(&trade),
        }
    }

    fn page(&self, trade: &Trade) -> RailReply {
        let way = trade.order.what.payment().map(|payment| &payment.way);
        let front_url = match way {
            Some(Way::Front { front_url, .. }) => Some(front_url),
            Some(Way::PreOrder { front_url }) => front_url.as_ref(),
            Some(Way::App | Way::MerchantCode | Way::PayerCode { .. }) | None => None,
        };
        match (&trade.state, front_url) {
            (State::Open { .. }, _) => cashier::waiting(trade),
            (State::Done { .. }, Some(front_url)) => {
                let (keys, which) = (&self.registry.keys, self.conduct.certificate);
                let fields = notify::sealed(trade, keys, which, trade.order.fen, Seal::Good);
                cashier::returning(front_url, &fields)
            }
            (
                State::Done { .. } | State::Running { .. } | State::Failed { .. } | State::Refused { .. },
                _,
            ) => cashier::stopped(trade),
        }
    }
}

fn find(trades: &Trades, target: &PayerTarget) -> Result<TradeId, PayerError> {
    match target {
        PayerTarget::OrderNo(order_id) => trades.by_order_id(order_id),
        PayerTarget::Qr(text) => trades.by_qr(text),
        // Of an app order its `tn`; of a page the last part of its address.
        PayerTarget::PrepayId(handle) => trades.by_tn(handle).or_else(|| trades.by_cashier(handle)),
    }
    .ok_or(PayerError::NoSuchOrder)
}

/// A scan leaves no trace: the gateway shows nothing of it in a query.
fn scan(trades: &Trades, target: &PayerTarget) -> Result<TradeId, PayerError> {
    let id = find(trades, target)?;
    match &trades.trade(id).state {
        State::Open { .. } | State::Running { .. } => Ok(id),
        state @ (State::Done { .. } | State::Failed { .. } | State::Refused { .. }) => {
            Err(PayerError::NotPayable { state: state.code().digits.into_owned() })
        }
    }
}
