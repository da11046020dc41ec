//! Refunds that could not arrive, sent elsewhere.

use jiff::Timestamp;

use super::refund::REFUND_TAKES;
use super::{Due, Refund, RefundEnd, RefundState, Refused, Trades};

/// Where a refund goes that could not arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    /// `user_received_account`: the bank and the last four digits.
    UserCard(String),
    MerchantCard,
}

impl Trades {
    /// Sends an abnormal refund elsewhere; it is under way again then, and ends well. Again is no mistake.
    pub(crate) fn divert(
        &mut self,
        refund_id: &str,
        out_refund_no: &str,
        to: Destination,
        now: Timestamp,
    ) -> Result<String, Refused> {
        let refund_no = self.by_refund_id.get(refund_id).cloned().ok_or(Refused::RefundUnknown)?;
        if refund_no != out_refund_no {
            return Err(Refused::RefundNumbersDiffer);
        }
        let refund: &mut Refund = self.refunds.get_mut(&refund_no).ok_or(Refused::RefundUnknown)?;
        match refund.state {
            RefundState::Abnormal => {}
            RefundState::Processing | RefundState::Success if refund.diverted => return Ok(refund_no),
            RefundState::Processing | RefundState::Success | RefundState::Closed => {
                return Err(Refused::RefundNotAbnormal);
            }
        }
        (refund.channel, refund.received_account) = match to {
            Destination::UserCard(account) => ("OTHER_BANKCARD".to_owned(), account),
            Destination::MerchantCard => ("OTHER_BANKCARD".to_owned(), "商户银行卡".to_owned()),
        };
        refund.diverted = true;
        refund.state = RefundState::Processing;
        refund.end = RefundEnd::Success;
        refund.ended_at = None;
        refund.due_at = now + REFUND_TAKES;
        let due = (refund.due_at, Due::Refund(refund_no.clone()));
        self.due.insert(due);
        Ok(refund_no)
    }
}
