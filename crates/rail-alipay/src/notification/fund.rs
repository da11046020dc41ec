//! Notices of holds. Their fields are not documented where we could see it: a published capture of a freeze has
//! `notify_type=fund_auth_freeze`, `operation_type`, `status`, `amount`, `auth_no`, `out_order_no` and `out_request_no`. What
//! is not exactly that is taken as "something happened", and a query tells what.

use paifang_payment::{CloseProof, OrderNo, Pending, RailRef, Settled};
use paifang_rail::{Genuine, NotificationError, Outcome, Subject};

use super::Notice;
use crate::body::{time, yuan};

impl Notice<'_> {
    /// The hold, or the release of one.
    pub(super) fn fund(&self, proof: Genuine) -> Result<(Subject, Outcome, &'static str), NotificationError> {
        let hold = self.number("out_order_no")?;
        let done = self.text("status").as_deref() == Some("SUCCESS");
        Ok(match self.text("operation_type").as_deref() {
            Some("FREEZE") if done => (Subject::Charge(hold), self.held(proof)?, "freeze_success"),
            Some("UNFREEZE") if done => match self.release(&hold) {
                Some(number) => (Subject::Release(number), self.released(proof), "unfreeze_success"),
                // Made in the merchant's console, or the rest of a capture.
                None => (Subject::Charge(hold), asked(proof), "unfreeze_elsewhere"),
            },
            Some(_) | None => (Subject::Charge(hold), asked(proof), "fund_operation"),
        })
    }

    /// Later calls need the number of the hold: a notice without it cannot be read as held.
    fn held(&self, proof: Genuine) -> Result<Outcome, NotificationError> {
        let amount = yuan(self.text("amount").as_deref()).ok_or(NotificationError::Malformed("amount"))?;
        let reference = RailRef::parse(&self.wanted("auth_no")?);
        let rail_ref = Some(reference.map_err(|_| NotificationError::Malformed("auth_no"))?);
        let settled_at = time(self.text("gmt_trans").as_deref());
        Ok(Outcome::held(proof, Settled { amount, rail_ref, settled_at }))
    }

    fn release(&self, hold: &OrderNo) -> Option<OrderNo> {
        let number = OrderNo::parse(&self.text("out_request_no")?).ok()?;
        (number != *hold).then_some(number)
    }

    fn released(&self, proof: Genuine) -> Outcome {
        let reference = self.text("operation_id").and_then(|id| RailRef::parse(&id).ok());
        Outcome::closed(proof, CloseProof { returned: None, rail_ref: reference })
    }
}

fn asked(proof: Genuine) -> Outcome {
    Outcome::pending(proof, Pending { next_action: None, rail_ref: None })
}
