//! What is settled on a clearing day: one line per movement of money, with the merchant's fee.
//!
//! Frozen money moves nothing, so pre-authorisations and their voids have no line; completions and whatever gives money
//! back have one. Money that the rail sends back by itself after `payTimeout` has no transaction and no line either.

use jiff::Timestamp;
use jiff::civil::Date;

use super::time;
use super::trade::{Follow, State, Trade, TradeId};
use super::trades::Trades;

/// One movement of money.
pub(super) struct Line<'a> {
    pub(super) trade: &'a Trade,
    /// The transaction that it follows.
    pub(super) original: Option<&'a Trade>,
    /// When it was decided.
    pub(super) at: Timestamp,
    /// Whether the merchant receives it.
    pub(super) incoming: bool,
    /// The amount in fen.
    pub(super) fen: i64,
    /// The fee in fen: taken from an incoming amount, given back with an outgoing one.
    pub(super) fee_fen: i64,
}

/// The lines of a clearing day in the order of their decisions; of every merchant number, or of one.
pub(super) fn lines<'a>(trades: &'a Trades, mer_id: Option<&str>, day: Date) -> Vec<Line<'a>> {
    let mut found: Vec<(Timestamp, TradeId)> = trades
        .ids()
        .filter(|id| mer_id.is_none_or(|mer_id| trades.trade(*id).order.key.mer_id == mer_id))
        .filter_map(|id| done_at(trades.trade(id)).map(|at| (at, id)))
        .filter(|(at, _)| time::clearing_day(*at) == day)
        .collect();
    found.sort_unstable();
    found.into_iter().filter_map(|(at, id)| line(trades, id, at)).collect()
}

fn done_at(trade: &Trade) -> Option<Timestamp> {
    match trade.state {
        State::Done { at, .. } => Some(at),
        State::Open { .. } | State::Running { .. } | State::Failed { .. } | State::Refused { .. } => None,
    }
}

fn line(trades: &Trades, id: TradeId, at: Timestamp) -> Option<Line<'_>> {
    let trade = trades.trade(id);
    let original = trade.original.map(|id| trades.trade(id));
    let rate = trades.conduct.fee_basis_points;
    let (incoming, fee_fen) = match (trade.order.what.takes_money(), original) {
        (true, _) => (true, fee(trade.order.fen, rate)),
        (false, Some(taken)) if trade.order.what.follow().is_some_and(Follow::gives_back) => {
            (false, fee_given_back(trades, taken, id, rate))
        }
        (false, Some(_) | None) => return None,
    };
    Some(Line { trade, original, at, incoming, fen: trade.order.fen, fee_fen })
}

/// The fee of a payment: that many hundredths of a per cent, half a fen up.
pub(super) fn fee(fen: i64, basis_points: i64) -> i64 {
    rounded(fen, basis_points, 10_000)
}

/// The share of the payment's fee that comes back with this return. What all returns up to it get in sum is rounded, so
/// that nothing is left over or given twice when the whole payment went back in parts.
fn fee_given_back(trades: &Trades, taken: &Trade, this: TradeId, basis_points: i64) -> i64 {
    let whole = fee(taken.order.fen, basis_points);
    let mut done: Vec<(Timestamp, TradeId)> = taken
        .returns
        .iter()
        .filter(|id| trades.trade(**id).order.what.follow().is_some_and(Follow::gives_back))
        .filter_map(|id| done_at(trades.trade(*id)).map(|at| (at, *id)))
        .collect();
    done.sort_unstable();
    let before: i64 =
        done.iter().take_while(|(_, id)| *id != this).map(|(_, id)| trades.trade(*id).order.fen).sum();
    let after = before.saturating_add(trades.trade(this).order.fen);
    rounded(whole, after, taken.order.fen) - rounded(whole, before, taken.order.fen)
}

/// `amount * share / whole`, half up; all of them are positive.
fn rounded(amount: i64, share: i64, whole: i64) -> i64 {
    let (amount, share, whole) = (i128::from(amount), i128::from(share), i128::from(whole.max(1)));
    // The result is at most the larger of amount and amount times a rate below one, so it fits; the fallback is unused.
    i64::try_from((2 * amount * share + whole) / (2 * whole)).unwrap_or(i64::MAX)
}
