//! The payer: acts from outside, and the cashier page in a browser.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::Core;
use super::cashier;
use super::notify;
use super::sign::Seal;
use super::trade::{State, Trade, TradeId, What};
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
                    (id, trades.pay(id, force, now, &self.conduct).map_err(not_now)?)
                }
                PayerAct::Decline(target) => {
                    let id = find(&trades, &target)?;
                    (id, trades.decline(id, now).map_err(not_now)?)
                }
                PayerAct::IssueCode(outcome) => return Ok(json!({ "code": trades.issue_code(outcome) })),
            };
            (trades.trade(id).clone(), told)
        };
        if told {
            // There is no answer that the notice could come before, so it is only posted.
            self.post(&trade);
        }
        Ok(json!({
            "order_no": trade.order.key.order_id,
            "query_id": trade.query_id(),
            "state": trade.state.code().digits,
            "total_fen": trade.order.fen,
            "cashier": trade.cashier.as_ref().map(|token| format!("{}{}{token}", self.bench.origin, cashier::PATH)),
        }))
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
                (&Method::POST, "pay") => trades.pay(id, false, now, &self.conduct),
                (&Method::POST, "decline") => trades.decline(id, now),
                _ => return RailReply::new(StatusCode::NOT_FOUND, "text/plain", ""),
            };
            told.map(|told| (trades.trade(id).clone(), told))
        };
        match acted {
            Ok((trade, told)) => {
                if told {
                    self.tell(&trade).await;
                }
                self.page(&trade)
            }
            Err(NotNow(code)) => cashier::stopped(&code.text),
        }
    }

    fn page(&self, trade: &Trade) -> RailReply {
        match (&trade.state, &trade.order.what) {
            (State::Open { .. }, _) => cashier::waiting(trade),
            (State::Done { .. }, What::Front { front_url, .. }) => {
                let fields = notify::sealed(trade, &self.signer, trade.order.fen, Seal::Good);
                cashier::returning(front_url, &fields)
            }
            (
                State::Done { .. } | State::Running { .. } | State::Failed { .. } | State::Refused { .. },
                _,
            ) => cashier::stopped(&trade.state.code().text),
        }
    }
}

fn find(trades: &Trades, target: &PayerTarget) -> Result<TradeId, PayerError> {
    match target {
        PayerTarget::OrderNo(order_id) => trades.by_order_id(order_id),
        PayerTarget::Qr(text) => trades.by_qr(text),
        // ACP has no such thing; the last part of a cashier address comes nearest.
        PayerTarget::PrepayId(token) => trades.by_cashier(token),
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
