//! Everything the mock remembers, what is kept of it over a restart, and what the merchant has to be told.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::Inner;
use super::bill::Tickets;
use super::holds::{self, Hold, Holds};
use super::keys::Stages;
use super::notify;
use super::trades::{Order, SavedTrades, Told, Trades};
use super::v3::Nonces;
use super::wallet::Codes;
use crate::magic::On;

/// The mock's memory.
#[derive(Debug)]
pub(super) struct State {
    pub(super) trades: Trades,
    pub(super) holds: Holds,
    pub(super) codes: Codes,
    pub(super) tickets: Tickets,
    pub(super) nonces: Nonces,
    /// When the merchant's account was opened: there are no bills of the days before.
    pub(super) opened: Timestamp,
}

/// Something the merchant is to be told of, with the order as it was then.
#[derive(Clone, Debug)]
pub(super) enum News {
    Trade(Box<Order>, notify::Event),
    Hold(Box<Hold>, holds::Event),
}

impl News {
    /// The framework's word for what caused it.
    pub(super) fn operation(&self) -> &'static str {
        match self {
            Self::Trade(order, event) => event.operation(order),
            Self::Hold(_, event) => event.operation(),
        }
    }

    /// The amount that magic is looked for in, in fen.
    pub(super) fn amount(&self) -> (On, i64) {
        match self {
            Self::Trade(order, notify::Event::Paid | notify::Event::PaidAgain(_)) => {
                (On::Payment, order.total_fen)
            }
            Self::Trade(order, notify::Event::Refunded { out_biz_no, .. }) => {
                let refunds = order.trade.iter().flat_map(|trade| &trade.refunds);
                let found = refunds.into_iter().find(|refund| refund.out_request_no == *out_biz_no);
                (On::Refund, found.map_or(0, |refund| refund.fen))
            }
            Self::Hold(hold, holds::Event::Frozen) => (On::Payment, hold.fen),
            Self::Hold(hold, holds::Event::Unfrozen { operation_id }) => {
                let found = hold.operations.iter().find(|operation| operation.operation_id == *operation_id);
                (On::Refund, found.map_or(0, |operation| operation.fen))
            }
        }
    }

    fn key(&self) -> String {
        match self {
            Self::Trade(order, event) => event.key(order),
            Self::Hold(hold, event) => event.key(hold),
        }
    }
}

/// What an API call came to.
pub(super) struct Done {
    pub(super) inner: Inner,
    pub(super) news: Vec<News>,
}

impl Done {
    pub(super) fn only(inner: Inner) -> Self {
        Self { inner, news: Vec::new() }
    }
}

/// What is kept.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    trades: SavedTrades,
    holds: Vec<Hold>,
    opened: Timestamp,
    stages: Stages,
    undelivered: Vec<String>,
}

/// What was read back: the memory, the rotations, and the notices that are still to be delivered.
pub(super) struct Loaded {
    pub(super) state: State,
    pub(super) stages: Stages,
    pub(super) undelivered: Vec<(News, String)>,
}

impl State {
    pub(super) fn new(opened: Timestamp) -> Self {
        Self {
            trades: Trades::default(),
            holds: Holds::default(),
            codes: Codes::default(),
            tickets: Tickets::default(),
            nonces: Nonces::default(),
            opened,
        }
    }

    /// Gives a notice its number and writes it down.
    pub(super) fn told(&mut self, news: &News, now: Timestamp) -> String {
        let notify_id = self.trades.numbers.notify_id(now);
        match news {
            News::Trade(order, event) => {
                let told = Told { event: event.clone(), notify_id: notify_id.clone() };
                self.trades.remember_told(&order.out_trade_no, told);
            }
            News::Hold(hold, event) => {
                if let Some(hold) = self.holds.by_order(&hold.out_order_no, now) {
                    hold.told.push(holds::Told { event: event.clone(), notify_id: notify_id.clone() });
                }
            }
        }
        notify_id
    }

    /// The book, with the keys of the notices that no merchant has acknowledged yet.
    pub(super) fn save(&self, stages: Stages, undelivered: &[String]) -> serde_json::Result<Value> {
        Ok(json!({
            "trades": self.trades.save()?,
            "holds": serde_json::to_value(self.holds.all())?,
            "opened": self.opened,
            "stages": stages,
            "undelivered": undelivered,
        }))
    }

    pub(super) fn load(saved: Value) -> Result<Loaded, String> {
        let Saved { trades, holds, opened, stages, undelivered } =
            serde_json::from_value(saved).map_err(|error| format!("the saved Alipay book: {error}"))?;
        let (trades, holds) = (Trades::load(trades), Holds::load(holds));
        let state = Self { trades, holds, ..Self::new(opened) };
        let all = state.all_told();
        let undelivered = all.into_iter().filter(|(news, _)| undelivered.contains(&news.key())).collect();
        Ok(Loaded { state, stages, undelivered })
    }

    fn all_told(&self) -> Vec<(News, String)> {
        let trade = |order: &Order| {
            let one = |told: &Told| {
                (News::Trade(Box::new(order.clone()), told.event.clone()), told.notify_id.clone())
            };
            order.told.iter().map(one).collect::<Vec<_>>()
        };
        let hold = |hold: &Hold| {
            let one = |told: &holds::Told| {
                (News::Hold(Box::new(hold.clone()), told.event.clone()), told.notify_id.clone())
            };
            hold.told.iter().map(one).collect::<Vec<_>>()
        };
        self.trades.orders().iter().flat_map(trade).chain(self.holds.all().iter().flat_map(hold)).collect()
    }
}
