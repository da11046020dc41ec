//! What comes to its end by itself: refunds under way, and payers who think about a password.

use jiff::Timestamp;

use super::{OrderState, RefundEnd, RefundState, Trades};

/// What ends, by the merchant's number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// A refund.
    Refund(String),
    /// The payer has made up their mind about this order.
    Password(String),
}

impl Trades {
    /// Ends everything whose time has come; the numbers of refunds that ended, in that order.
    pub(crate) fn finish_due(&mut self, fee_basis_points: u16, now: Timestamp) -> Vec<String> {
        let mut finished = Vec::new();
        while self.due.first().is_some_and(|(at, _)| *at <= now) {
            match self.due.pop_first() {
                None => break,
                Some((at, Due::Refund(refund_no))) => {
                    if self.finish(&refund_no, at) {
                        finished.push(refund_no);
                    }
                }
                Some((at, Due::Password(order_no))) => self.decide(&order_no, fee_basis_points, at),
            }
        }
        finished
    }

    /// Ends one refund now, before its time.
    pub(crate) fn finish_now(&mut self, out_refund_no: &str, now: Timestamp) -> bool {
        if let Some(refund) = self.refunds.get(out_refund_no) {
            self.due.remove(&(refund.due_at, Due::Refund(out_refund_no.to_owned())));
        }
        self.finish(out_refund_no, now)
    }

    /// When something ends next.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    fn finish(&mut self, out_refund_no: &str, at: Timestamp) -> bool {
        let Some(refund) = self.refunds.get_mut(out_refund_no) else { return false };
        if refund.state != RefundState::Processing {
            return false;
        }
        refund.state = match refund.end {
            RefundEnd::Success => RefundState::Success,
            RefundEnd::Abnormal => RefundState::Abnormal,
            RefundEnd::Closed => RefundState::Closed,
        };
        refund.ended_at = Some(at);
        refund.success_at = (refund.state == RefundState::Success).then_some(at);
        true
    }

    fn decide(&mut self, order_no: &str, fee_basis_points: u16, at: Timestamp) {
        let Some(order) = self.order_mut(order_no, at) else { return };
        if order.state != OrderState::UserPaying {
            return;
        }
        let pays = order.thinking.take().is_some_and(|thinking| thinking.pays);
        let openid = super::super::payer::openid_of(order);
        if !pays || self.pay(order_no, &openid, false, fee_basis_points, at).is_err() {
            self.decline(order_no, at);
        }
    }
}
