//! The book as JSON, so that it survives a restart of the mock.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Core;
use super::keyring::Stage;
use super::notify;
use super::trade::{PayerCode, Trade, TradeId};
use super::trades::{TRADES_MAX, Trades};
use crate::locked;
use crate::notifier::DeliveryState;

/// The form of what is saved; another number is not read.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    format: u32,
    trades: Vec<Trade>,
    payer_codes: HashMap<String, PayerCode>,
    trace: u32,
    tns: u32,
    rail_key: Stage,
    merchant_key: Stage,
    /// Whose merchants were not reached yet: they are told again from the first send on.
    untold: Vec<TradeId>,
}

impl Core {
    /// The book, the rotations of keys and what is still to be told.
    pub(super) fn save(&self) -> Value {
        let trades = locked(&self.trades);
        let pending: HashSet<(String, String)> = self
            .bench
            .notifier
            .deliveries()
            .into_iter()
            .filter(|delivery| delivery.state == DeliveryState::Pending)
            .map(|delivery| (delivery.key, delivery.url))
            .collect();
        let is_untold = |id: &TradeId| {
            let trade = trades.trade(*id);
            pending.contains(&(notify::name(trade), notify::address(trade).to_owned()))
        };
        let (rail_key, merchant_key) = self.registry.keys.stages();
        let saved = Saved {
            format: FORMAT,
            trades: trades.iter().cloned().collect(),
            payer_codes: trades.payer_codes.clone(),
            trace: trades.trace,
            tns: trades.tns,
            rail_key,
            merchant_key,
            untold: trades.ids().filter(is_untold).collect(),
        };
        serde_json::to_value(saved).expect("plain data with text for keys has a form in JSON")
    }

    /// Takes a saved book in place of the present one; `null` is none. Nothing changes when it is not sound.
    pub(super) fn load(&self, saved: Value) -> Result<(), String> {
        if saved.is_null() {
            return Ok(());
        }
        let saved: Saved = serde_json::from_value(saved).map_err(|error| error.to_string())?;
        if saved.format != FORMAT {
            return Err(format!("a book of format {FORMAT} is wanted, not {}", saved.format));
        }
        check_links(&saved)?;
        let mut book = Trades::new(self.conduct.clone());
        book.payer_codes = saved.payer_codes;
        (book.trace, book.tns) = (saved.trace, saved.tns);
        saved.trades.into_iter().for_each(|trade| book.restore(trade));
        if !self.registry.keys.resume(saved.rail_key, saved.merchant_key) {
            return Err("the book was saved after a change of keys, and there is no next key here".to_owned());
        }
        let untold: Vec<Trade> = saved.untold.into_iter().map(|id| book.trade(id).clone()).collect();
        *locked(&self.trades) = book;
        untold.iter().for_each(|trade| self.post(trade));
        self.placed.notify_one();
        Ok(())
    }
}

/// Each transaction points at existing ones only, and no identity is there twice.
fn check_links(saved: &Saved) -> Result<(), String> {
    let count = saved.trades.len();
    if count > TRADES_MAX {
        return Err(format!("a book has at most {TRADES_MAX} transactions"));
    }
    let mut keys = HashSet::new();
    for (at, trade) in saved.trades.iter().enumerate() {
        let order_id = &trade.order.key.order_id;
        if !keys.insert(&trade.order.key) {
            return Err(format!("transaction {order_id} is there twice"));
        }
        let earlier = trade.original.iter().all(|id| id.0 < at);
        let later = trade.returns.iter().all(|id| id.0 > at && id.0 < count);
        let mutual = trade
            .returns
            .iter()
            .all(|id| saved.trades.get(id.0).is_some_and(|follow| follow.original == Some(TradeId(at))));
        if !(earlier && later && mutual) {
            return Err(format!("transaction {order_id} is linked to one that does not fit"));
        }
    }
    match saved.untold.iter().find(|id| id.0 >= count) {
        Some(id) => Err(format!("there is no transaction {} to tell of", id.0)),
        None => Ok(()),
    }
}
