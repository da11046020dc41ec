//! The book as the framework shows it: entries, the payer's phone, plain lines of a bill.

use jiff::Timestamp;

use super::bill::Line;
use super::holds::{Hold, Status as HoldStatus};
use super::material::Account;
use super::state::State;
use super::trades::{Order, Refund, Status, Trade};
use crate::book::{BookAgain, BookEntry, BookRefund};
use crate::{BillKind, BillLine, WalletView};

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
        held_fen: 0,
        captured_fen: 0,
        released_fen: 0,
        refunds: trade.map_or(Vec::new(), |trade| trade.refunds.iter().map(refund).collect()),
        again: trade
            .and_then(|trade| trade.again.as_ref())
            .map(|again| BookAgain { rail_ref: again.trade_no.clone(), fen: order.total_fen }),
    }
}

fn hold_entry(hold: &Hold) -> BookEntry {
    BookEntry {
        order_no: hold.out_order_no.clone(),
        rail_ref: hold.opened.then(|| hold.auth_no.clone()),
        state: hold.word().to_owned(),
        total_fen: hold.fen,
        held_fen: hold.held_fen(),
        captured_fen: hold.captured_fen(),
        released_fen: hold.released_fen(),
        ..BookEntry::default()
    }
}

/// The payer's phone: the newest first. A front end's handle is the trade number.
pub(super) fn wallet(state: &State, account: &Account, now: Timestamp) -> Vec<WalletView> {
    let holds = state.holds.all().iter().map(|hold| (created_hold(hold), hold_view(hold, account)));
    let orders = state.trades.orders().iter().map(|order| (order.announced, view(order, account, now)));
    let mut all: Vec<_> = orders.chain(holds).enumerate().collect();
    all.sort_by_key(|(at, (created, _))| (*created, *at));
    all.into_iter().rev().map(|(_, (_, view))| view).collect()
}

fn created_hold(hold: &Hold) -> Timestamp {
    hold.operations.first().map_or(Timestamp::MAX, |first| first.created)
}

fn view(order: &Order, account: &Account, now: Timestamp) -> WalletView {
    let payable = match &order.trade {
        Some(trade) => trade.status == Status::WaitBuyerPay && now < order.expires,
        None => !order.cancelled && now < order.entrance_until,
    };
    WalletView {
        order_no: order.out_trade_no.clone(),
        handle: order.entrance.clone().or_else(|| order.trade.as_ref().map(|trade| trade.trade_no.clone())),
        merchant: account.seller_email.clone(),
        description: order.subject.clone(),
        fen: order.total_fen,
        state: order.word(now).to_owned(),
        payable,
        expires_at: payable.then_some(order.expires),
    }
}

fn hold_view(hold: &Hold, account: &Account) -> WalletView {
    let payable = hold.status == HoldStatus::Init;
    WalletView {
        order_no: hold.out_order_no.clone(),
        handle: hold.entrance.clone(),
        merchant: account.seller_email.clone(),
        description: hold.title.clone(),
        fen: hold.fen,
        state: hold.word().to_owned(),
        payable,
        expires_at: payable.then_some(hold.expires),
    }
}

/// One line of a bill in the framework's words.
pub(super) fn bill_line(line: Line) -> BillLine {
    BillLine {
        kind: if line.out_request_no.is_some() { BillKind::Refund } else { BillKind::Payment },
        order_no: line.out_trade_no,
        refund_no: line.out_request_no,
        rail_ref: line.trade_no,
        fen: line.fen.abs(),
        fee_fen: -line.fee_fen,
        at: line.done,
    }
}
