//! The book as the framework shows it.

use jiff::Timestamp;

use super::holds::Hold;
use super::state::State;
use super::trades::{Order, Refund, Trade};
use crate::book::{BookEntry, BookRefund};

/// Orders, then pre-authorisations; each oldest first. A payment out of a pre-authorisation is an order of its own.
pub(super) fn book(state: &State, now: Timestamp) -> Vec<BookEntry> {
    let orders = state.trades.orders().iter().map(|order| entry(order, now));
    orders.chain(state.holds.all().iter().map(hold_entry)).collect()
}

fn entry(order: &Order, now: Timestamp) -> BookEntry {
    let trade = order.trade.as_ref();
    let refund = |refund: &Refund| BookRefund {
        refund_no: refund.out_request_no.clone(),
        fen: refund.fen,
        state: refund.state.word().to_owned(),
    };
    BookEntry {
        order_no: order.out_trade_no.clone(),
        rail_ref: trade.map(|trade| trade.trade_no.clone()),
        state: order.word(now).to_owned(),
        total_fen: order.total_fen,
        paid: trade.is_some_and(|trade| trade.paid.is_some()),
        refunded_fen: trade.map_or(0, Trade::refunded_fen),
        charges: trade.map_or(0, |trade| trade.charges),
        refunds: trade.map_or(Vec::new(), |trade| trade.refunds.iter().map(refund).collect()),
    }
}

fn hold_entry(hold: &Hold) -> BookEntry {
    BookEntry {
        order_no: hold.out_order_no.clone(),
        rail_ref: hold.opened.then(|| hold.auth_no.clone()),
        state: hold.word().to_owned(),
        total_fen: hold.fen,
        paid: false,
        refunded_fen: 0,
        charges: 0,
        refunds: Vec::new(),
    }
}
