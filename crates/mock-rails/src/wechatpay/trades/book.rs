//! What the rail believes, for the ledger that is compared with it.

use super::{Order, Refund, RefundState, Trades};
use crate::book::{BookAgain, BookEntry, BookRefund};

impl Trades {
    /// What the rail believes, oldest order first.
    pub(crate) fn book(&self) -> Vec<BookEntry> {
        self.orders().into_iter().map(|order| self.entry(order)).collect()
    }

    fn entry(&self, order: &Order) -> BookEntry {
        let refunds: Vec<&Refund> = order.refund_nos.iter().filter_map(|no| self.refunds.get(no)).collect();
        let happened = refunds.iter().filter(|refund| refund.state == RefundState::Success);
        BookEntry {
            order_no: order.body.out_trade_no.clone(),
            rail_ref: order.payment.as_ref().map(|payment| payment.transaction_id.clone()),
            state: order.state.word().to_owned(),
            total_fen: order.body.amount.total,
            paid: order.payment.is_some(),
            refunded_fen: order.returned(happened.map(|refund| refund.fen).sum()),
            charges: order.charges,
            refunds: refunds
                .iter()
                .map(|refund| BookRefund {
                    refund_no: refund.out_refund_no.clone(),
                    fen: refund.fen,
                    state: refund.state.word().to_owned(),
                })
                .collect(),
            again: order.again.as_ref().map(|again| BookAgain {
                rail_ref: again.transaction_id.clone(),
                fen: order.body.amount.total,
            }),
            ..BookEntry::default()
        }
    }
}
