//! What leaving credit out comes to: a decision says that an order leaves it out, the rail whether an order can.

use paifang_payment::Credit;

use crate::opening::Decision;

/// What a decision comes to for new payments with the way to pay that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effect {
    /// Whether the payer is shown it.
    pub shown: bool,
    /// Whether a payment with it is taken.
    pub accepted: bool,
    /// It is taken, and not on credit.
    pub without_credit: bool,
    /// It is closed, whatever else was decided: credit is to be left out, and no order with it can say so.
    pub credit_stays: bool,
}

impl Effect {
    /// `can_exclude_credit`: whether an order with it can leave credit out. Where that is not known, it is taken to.
    pub fn of(decision: &Decision, can_exclude_credit: Option<bool>) -> Self {
        let is_left_out = decision.credit == Credit::Excluded;
        let credit_stays = is_left_out && can_exclude_credit == Some(false);
        let accepted = decision.accepted && !credit_stays;
        Self {
            shown: decision.shown && !credit_stays,
            accepted,
            without_credit: accepted && is_left_out,
            credit_stays,
        }
    }
}
