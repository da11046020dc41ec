//! What the mock can do beside answering: its book saved and loaded, keys turned while traffic flows, requests turned
//! away before anybody looks at them, the payer's phone, and the bill behind the file.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use serde_json::{Value, json};

use super::UnionPayMock;
use super::clearing;
use super::codes::Code;
use super::followups::Held;
use super::keyring::{NotTurned, Stage};
use super::trade::{State, Trade};
use super::trades::Trades;
use crate::{PayerError, RailReply, RailRequest, locked};

/// Whose key is turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStep {
    /// The gateway's signing key.
    Rail(Step),
    /// The merchant's.
    Merchant(Step),
}

/// One step of a rotation; they come in this order, once each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The next key is known beside the present one. Of its own next certificate this gateway publishes nothing.
    Announce,
    /// The next key is used.
    Switch,
    /// The old key is gone: never used again, and no longer accepted.
    Retire,
}

/// Why a request is turned away unread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnedAway {
    /// Too many: 37 for a query, 06 for anything else.
    RateLimited,
    /// Closed for now: 02.
    Maintenance,
}

/// An order as the payer's phone shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WalletView {
    /// The merchant's order number.
    pub order_no: String,
    /// What the phone got: the QR text, the `tn`, or the last part of the cashier page's address. `None` for a payer's
    /// own code.
    pub handle: Option<String>,
    /// The merchant's name.
    pub merchant: String,
    /// What is bought; the order number when the merchant does not say.
    pub description: String,
    /// The amount in fen.
    pub fen: i64,
    /// The state in the gateway's own word: the code that a query would report.
    pub state: String,
    /// Whether it waits for this payer.
    pub payable: bool,
    /// Until when, if it ends.
    pub expires_at: Option<Timestamp>,
}

/// One line behind the file of a clearing day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BillLine {
    /// The order number of the payment or pre-authorisation that it belongs to.
    pub order_no: String,
    /// The order number of the refund or undo, when it is one.
    pub refund_no: Option<String>,
    /// The `queryId` of the movement itself.
    pub rail_ref: String,
    /// `payment`, `capture`, `refund`, `undo` or `capture_undo`.
    pub kind: &'static str,
    /// The amount in fen, never negative: the kind says which way it went.
    pub fen: i64,
    /// The fee in fen: taken with a payment or capture, given back with the others.
    pub fee_fen: i64,
}

impl UnionPayMock {
    /// The book, the rotations of keys and what is still to be told, as JSON. Card numbers are in it masked only.
    pub fn save(&self) -> Value {
        self.core.settle_due();
        self.core.save()
    }

    /// Takes a saved book in place of the present one. What was not acknowledged is told again from its first send on.
    ///
    /// # Errors
    /// When it is no sound book, or was saved after a change of keys that these files do not allow; then nothing changes.
    pub fn load(&self, saved: Value) -> Result<(), String> {
        self.core.load(saved)
    }

    /// Turns a key and answers `{"stage"}`: `announced`, `switched` or `retired`.
    ///
    /// # Errors
    /// [`PayerError::Unsupported`] when the files have no next key; [`PayerError::NotPayable`] with the present stage
    /// when another step comes first.
    pub fn keys(&self, step: KeyStep) -> Result<Value, PayerError> {
        let turned = match step {
            KeyStep::Rail(step) => self.core.registry.keys.turn_rail(step),
            KeyStep::Merchant(step) => self.core.registry.keys.turn_merchant(step),
        };
        match turned {
            Ok(stage) => Ok(json!({ "stage": stage.word() })),
            Err(NotTurned::NoNext) => Err(PayerError::Unsupported),
            Err(NotTurned::Now(stage)) => Err(PayerError::NotPayable { state: stage.word().to_owned() }),
        }
    }

    /// The answer to a request that is turned away unread, signed like any other; browsers get the error page.
    pub fn refuse(&self, request: &RailRequest, why: TurnedAway) -> RailReply {
        self.core.refuse_with(request, |query| match why {
            TurnedAway::RateLimited if query => Code::TOO_OFTEN,
            TurnedAway::RateLimited => Code::BUSY,
            TurnedAway::Maintenance => Code::CLOSED,
        })
    }

    /// What the payer's phone shows, newest first.
    pub fn orders(&self) -> Vec<WalletView> {
        self.core.settle_due();
        let trades = locked(&self.core.trades);
        let mut orders: Vec<WalletView> =
            trades.iter().filter(|trade| trade.order.what.payment().is_some()).map(wallet_view).collect();
        orders.reverse();
        orders
    }

    /// The lines of a clearing day (23:00 of the evening before to 23:00, Beijing time), of all merchant numbers.
    pub fn bill(&self, day: Date) -> Vec<BillLine> {
        self.core.settle_due();
        let trades = locked(&self.core.trades);
        clearing::lines(&trades, None, day).iter().map(|line| bill_line(&trades, line)).collect()
    }

    /// What became of frozen money, by order number of the pre-authorisation.
    pub fn holds(&self) -> BTreeMap<String, Held> {
        self.core.settle_due();
        let trades = locked(&self.core.trades);
        let holds = trades.iter().filter(|trade| trade.order.what.is_hold() && trade.is_done());
        holds.map(|hold| (hold.order.key.order_id.clone(), trades.held(hold))).collect()
    }
}

fn wallet_view(trade: &Trade) -> WalletView {
    let order = &trade.order;
    let handle = [&trade.qr_code, &trade.tn, &trade.cashier].into_iter().flatten().next().cloned();
    WalletView {
        order_no: order.key.order_id.clone(),
        handle,
        merchant: format!("商户 {}", order.key.mer_id),
        description: order.description.clone().unwrap_or_else(|| order.key.order_id.clone()),
        fen: order.fen,
        state: trade.state.code().digits.into_owned(),
        payable: matches!(trade.state, State::Open { .. }),
        expires_at: order.what.pay_timeout(),
    }
}

fn bill_line(trades: &Trades, line: &clearing::Line<'_>) -> BillLine {
    let mut root = line.trade;
    while let Some(id) = root.original {
        root = trades.trade(id);
    }
    BillLine {
        order_no: root.order.key.order_id.clone(),
        refund_no: (!line.incoming).then(|| line.trade.order.key.order_id.clone()),
        rail_ref: line.trade.query_id(),
        kind: line.trade.order.what.word(),
        fen: line.fen,
        fee_fen: line.fee_fen,
    }
}

impl Stage {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Announced => "announced",
            Self::Switched => "switched",
            Self::Retired => "retired",
        }
    }
}
