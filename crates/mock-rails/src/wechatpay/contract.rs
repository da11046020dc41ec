//! What the mock can do beside answering: its book saved and loaded, keys turned while traffic flows, requests turned
//! away before anybody looks at them, and the payer's phone.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answers::Answer;
use super::keyring::Stages;
use super::refusals::Refusal;
use super::reply::{self, Seal};
use super::sign::Honesty;
use super::trades::{Order, SavedTrades, Trades};
use super::{WechatPay, notify};
use crate::notifier::{DeliveryState, Notice};
use crate::{KeyStep, PayerError, RailReply, RailRequest, WalletView, locked};

/// The form of what is saved; another number is not read.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    format: u32,
    trades: SavedTrades,
    keys: Stages,
    /// Orders and refunds whose merchant was not reached yet: they are told again from the first try on.
    untold_orders: Vec<String>,
    untold_refunds: Vec<String>,
}

impl WechatPay {
    /// What the payer's phone shows, newest first.
    pub(super) fn wallet(&self) -> Vec<WalletView> {
        self.settle(self.bench.clock.now());
        let state = locked(&self.state);
        let view = |order: &&Order| WalletView {
            order_no: order.body.out_trade_no.clone(),
            handle: order.handle().map(str::to_owned),
            merchant: self.keyring.keys.account.name.clone(),
            description: order.body.description.clone(),
            fen: order.body.amount.total,
            state: order.state.word().to_owned(),
            payable: order.is_payable(),
            expires_at: Some(order.expires_at),
        };
        state.trades.orders().iter().rev().map(view).collect()
    }

    /// Turns a key. The answer has the `stage` that this came to, and the `serial` of what is used now.
    pub(super) fn turn(&self, step: KeyStep) -> Result<Value, PayerError> {
        let (stage, serial) = self.keyring.turn(step)?;
        Ok(json!({ "stage": stage.word(), "serial": serial }))
    }

    /// The answer to a request that is turned away unread.
    pub(super) fn turn_away(&self, request: &RailRequest, why: crate::Refusal) -> RailReply {
        let refusal = match why {
            crate::Refusal::RateLimited => Refusal::rate("频率超限，请稍后重试"),
            crate::Refusal::Maintenance => {
                Refusal::new(503, "SERVICE_UNAVAILABLE", "服务不可用，请稍后重试", 0)
            }
        };
        let asked = request.header("Wechatpay-Serial").and_then(|serial| self.keyring.named(serial));
        let seal = Seal {
            keyring: &self.keyring,
            key: self.keyring.signing(asked),
            now: self.bench.clock.signing_now(),
            honesty: Some(Honesty::True),
        };
        // Nobody has looked whose request it is.
        reply::of(Answer::Refused(Refusal { known: false, ..refusal }), seal)
    }

    /// The book, the rotations of keys and what is still to be told.
    pub(super) fn saved(&self) -> Value {
        let pending: HashSet<String> = self
            .bench
            .notifier
            .deliveries()
            .into_iter()
            .filter(|delivery| delivery.state == DeliveryState::Pending)
            .map(|delivery| delivery.key)
            .collect();
        let state = locked(&self.state);
        let orders = state.trades.orders().into_iter().map(|order| order.body.out_trade_no.clone());
        let refunds = state.trades.refunds().into_iter().map(|refund| refund.out_refund_no.clone());
        let saved = Saved {
            format: FORMAT,
            trades: state.trades.save(),
            keys: self.keyring.stages(),
            untold_orders: orders.filter(|no| pending.contains(&notify::name_of_payment(no))).collect(),
            untold_refunds: refunds.filter(|no| pending.contains(&notify::name_of_refund(no))).collect(),
        };
        serde_json::to_value(saved).expect("plain data with text for keys has a form in JSON")
    }

    /// Takes a saved book in place of the present one; `null` is none. Nothing changes when it is not sound.
    pub(super) fn resume(&self, saved: Value) -> Result<(), String> {
        if saved.is_null() {
            return Ok(());
        }
        let saved: Saved = serde_json::from_value(saved).map_err(|error| error.to_string())?;
        if saved.format != FORMAT {
            return Err(format!("a book of format {FORMAT} is wanted, not {}", saved.format));
        }
        let mut trades = Trades::load(saved.trades)?;
        let notices = self.untold(&mut trades, &saved.untold_orders, &saved.untold_refunds);
        if !self.keyring.resume(saved.keys) {
            return Err("the book was saved after a change of keys, and there is no next key here".to_owned());
        }
        {
            let mut state = locked(&self.state);
            state.trades = trades;
            self.watch(&mut state);
        }
        for notice in notices {
            self.bench.notifier.post(notice);
        }
        Ok(())
    }

    fn untold(&self, trades: &mut Trades, orders: &[String], refunds: &[String]) -> Vec<Notice> {
        let now = self.bench.clock.now();
        let mut notices = Vec::new();
        for order_no in orders {
            let order = trades.order(order_no, now);
            if let Some((order, payment)) = order.and_then(|it| it.payment.as_ref().map(|paid| (it, paid))) {
                notices.extend(notify::of_payment(&self.keyring, order, payment, None));
            }
        }
        for refund in refunds.iter().filter_map(|no| trades.refund_of(no)) {
            notices.extend(notify::of_refund(&self.keyring, refund, None));
        }
        notices
    }
}
