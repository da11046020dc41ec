//! Movements of money, for bills: what came in, what went back, and what it cost.

use jiff::Timestamp;

use super::{Order, Payment, Refund, RefundState, Trades};

/// One movement.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) at: Timestamp,
    pub(crate) order: &'a Order,
    pub(crate) payment: &'a Payment,
    pub(crate) moved: Moved<'a>,
}

/// What moved.
#[derive(Clone, Copy)]
pub(crate) enum Moved<'a> {
    Paid,
    /// A refund was accepted, and stood so at the end of the day.
    Refunded(&'a Refund, RefundState),
    /// A refund was given up after all, and its money came back to the merchant.
    Returned(&'a Refund),
    /// A reversed payment, and the rail's number of the return.
    Reversed(&'a str),
}

impl Trades {
    /// The movements from `from` up to and without `until`, by time; refunds as they stood then.
    pub(crate) fn movements(&self, from: Timestamp, until: Timestamp) -> Vec<Entry<'_>> {
        let mut entries = Vec::new();
        for order in self.orders() {
            let Some(payment) = &order.payment else { continue };
            let entry = |at, moved| Entry { at, order, payment, moved };
            entries.push(entry(payment.paid_at, Moved::Paid));
            for refund in order.refund_nos.iter().filter_map(|no| self.refunds.get(no)) {
                let state = refund.state_before(until);
                entries.push(entry(refund.created_at, Moved::Refunded(refund, state)));
                if let (RefundState::Closed, Some(at)) = (refund.state, refund.ended_at) {
                    entries.push(entry(at, Moved::Returned(refund)));
                }
            }
            if let Some(reversal) = &order.reversal {
                entries.push(entry(reversal.at, Moved::Reversed(&reversal.refund_id)));
            }
        }
        entries.retain(|entry| (from..until).contains(&entry.at));
        // Stable: what happened in the same moment stays in the order of the orders.
        entries.sort_by_key(|entry| entry.at);
        entries
    }
}
