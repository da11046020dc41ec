//! What the mock shows of its book: the entries that the ledger is compared with.

use super::codes::Code;
use super::trade::{State, Trade};
use super::trades::Trades;
use crate::book::{BookAgain, BookEntry, BookRefund};

/// Payments and pre-authorisations, oldest first, with what was given back below them. States are the codes that a query
/// would report.
pub(super) fn book(trades: &Trades) -> Vec<BookEntry> {
    trades
        .iter()
        .filter(|trade| trade.order.what.payment().is_some())
        .map(|trade| entry(trades, trade))
        .collect()
}

fn entry(trades: &Trades, payment: &Trade) -> BookEntry {
    let refund = |refund: &Trade| BookRefund {
        refund_no: refund.order.key.order_id.clone(),
        fen: refund.order.fen,
        state: refund.state.code().digits.into_owned(),
    };
    let done = payment.is_done();
    let charges = charges(trades, payment);
    // Money that the rail itself sends back has no transaction of its own.
    let sent_back = charges > 0 && payment.state == (State::Failed { code: Code::TOO_LATE });
    let returned: i64 =
        trades.given_back(payment).filter(|trade| trade.is_done()).map(|trade| trade.order.fen).sum();
    let held = trades.held(payment);
    BookEntry {
        held_fen: held.held,
        captured_fen: held.captured,
        released_fen: held.released,
        order_no: payment.order.key.order_id.clone(),
        rail_ref: done.then(|| payment.query_id()),
        state: trades.reported(payment).digits.into_owned(),
        total_fen: payment.order.fen,
        paid: charges > 0,
        refunded_fen: if sent_back { payment.order.fen } else { returned },
        charges,
        refunds: trades.given_back(payment).map(refund).collect(),
        again: payment
            .paid_again()
            .map(|again| BookAgain { rail_ref: again.query_id(), fen: payment.order.fen }),
    }
}

/// How often the payer was charged: by the payment, or by completions that were not undone by a void of theirs.
fn charges(trades: &Trades, payment: &Trade) -> u32 {
    let captured: u32 = payment
        .returns
        .iter()
        .map(|id| trades.trade(*id))
        .filter(|follow| follow.order.what.takes_money() && !trades.is_undone(follow))
        .map(|capture| capture.charges)
        .sum();
    payment.charges + captured
}
