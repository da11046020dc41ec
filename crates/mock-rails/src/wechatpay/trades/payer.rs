//! What payers do to orders: they scan, pay, decline, and show codes.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::order::Handle;
use super::{Due, Order, OrderState, Payment, Refused, Slot, Trades, share};
use crate::CodeOutcome;
use crate::wechatpay::ids;

/// How long a payer's code can be charged; the phone shows another one every minute.
const CODE_LIFE: SignedDuration = SignedDuration::from_mins(1);

/// The payer's balance; no other bank pays in this mock.
const BANK_TYPE: &str = "OTHERS";

/// Why the payer cannot do that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PayerRefused {
    #[error("no such order")]
    UnknownOrder,
    #[error("the code is void: replaced by a later one, or too old")]
    VoidCode,
    #[error("the order is closed")]
    Closed,
    #[error("the order is paid already")]
    Paid,
    #[error("another payer has scanned the code first")]
    OtherPayer,
}

/// A code that a payer's phone shows. No `Debug`: it names the payer.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct PayerCode {
    pub(super) outcome: CodeOutcome,
    pub(super) openid: String,
    until: Timestamp,
    spent: bool,
}

impl Trades {
    /// A code that the payer's phone shows from now on, for one charge.
    pub(crate) fn issue_code(&mut self, outcome: CodeOutcome, openid: &str, now: Timestamp) -> String {
        self.codes.retain(|_, code| now < code.until + CODE_LIFE);
        let mut text = ids::auth_code();
        while self.codes.contains_key(&text) {
            text = ids::auth_code();
        }
        let code = PayerCode { outcome, openid: openid.to_owned(), until: now + CODE_LIFE, spent: false };
        self.codes.insert(text.clone(), code);
        text
    }

    /// Uses a code up.
    pub(super) fn spend(&mut self, code: &str, now: Timestamp) -> Result<PayerCode, Refused> {
        let found = self.codes.get_mut(code).ok_or(Refused::CodeUnknown)?;
        if found.spent || now >= found.until {
            return Err(Refused::CodeExpired);
        }
        found.spent = true;
        Ok(found.clone())
    }

    /// The number of the order that is paid with this `code_url`, `prepay_id` or `h5_url`; `late` also takes one whose
    /// time is over.
    pub(crate) fn order_no_of_handle(
        &self,
        handle: &str,
        late: bool,
        now: Timestamp,
    ) -> Result<String, PayerRefused> {
        let key = Handle::key(handle);
        let order_no = self.by_handle.get(key).ok_or(PayerRefused::VoidCode)?;
        let order = self.orders.get(order_no).and_then(Slot::order).ok_or(PayerRefused::UnknownOrder)?;
        let valid = order.handles.iter().any(|h| Handle::key(&h.text) == key && (late || now < h.until));
        if valid { Ok(order_no.clone()) } else { Err(PayerRefused::VoidCode) }
    }

    /// The payer scans: the code is theirs from now on.
    pub(crate) fn scan(&mut self, order_no: &str, openid: &str, now: Timestamp) -> Result<(), PayerRefused> {
        let order = self.order_mut(order_no, now).ok_or(PayerRefused::UnknownOrder)?;
        free_for(order, openid)?;
        match order.state {
            OrderState::NotPay => {
                order.scanned_by = Some(openid.to_owned());
                Ok(())
            }
            OrderState::UserPaying => Ok(()),
            OrderState::Success | OrderState::Refund => Err(PayerRefused::Paid),
            OrderState::Closed | OrderState::Revoked | OrderState::PayError => Err(PayerRefused::Closed),
        }
    }

    /// The payer turns away: only a charge of a code ends by that.
    pub(crate) fn decline(&mut self, order_no: &str, now: Timestamp) {
        let Some(order) = self.order_mut(order_no, now) else { return };
        if order.state == OrderState::UserPaying {
            order.state = OrderState::PayError;
        }
        if let Some(thinking) = order.thinking.take() {
            self.due.remove(&(thinking.until, Due::Password(order_no.to_owned())));
        }
    }

    /// The payer pays. `late` takes the money of an order that is over too, as a slow bank can do.
    ///
    /// A paid order is never charged again, whichever handle the payer still holds.
    pub(crate) fn pay(
        &mut self,
        order_no: &str,
        openid: &str,
        late: bool,
        fee_basis_points: u16,
        now: Timestamp,
    ) -> Result<(), PayerRefused> {
        let number = self.transactions + 1;
        let order = self.order_mut(order_no, now).ok_or(PayerRefused::UnknownOrder)?;
        if order.payment.is_some() {
            return Err(PayerRefused::Paid);
        }
        match order.state {
            OrderState::Success | OrderState::Refund => return Err(PayerRefused::Paid),
            OrderState::Closed | OrderState::Revoked | OrderState::PayError if !late => {
                return Err(PayerRefused::Closed);
            }
            OrderState::Closed
            | OrderState::Revoked
            | OrderState::PayError
            | OrderState::NotPay
            | OrderState::UserPaying => {}
        }
        free_for(order, openid)?;
        let transaction_id = ids::transaction_id(now, number);
        order.state = OrderState::Success;
        order.charges += 1;
        order.payment = Some(Payment {
            transaction_id: transaction_id.clone(),
            paid_at: now,
            openid: openid.to_owned(),
            bank_type: BANK_TYPE.to_owned(),
            fee_fen: share(order.body.amount.total, i64::from(fee_basis_points), 10_000),
            fee_basis_points,
        });
        if let Some(thinking) = order.thinking.take() {
            self.due.remove(&(thinking.until, Due::Password(order_no.to_owned())));
        }
        self.transactions = number;
        self.by_transaction.insert(transaction_id, order_no.to_owned());
        Ok(())
    }
}

impl Trades {
    /// Takes the payer's money once more (F05): once, and of a paid order only. Answers the new transaction's number.
    pub(crate) fn pay_again(&mut self, order_no: &str, now: Timestamp) -> Result<String, PayerRefused> {
        let number = self.transactions + 1;
        let order = self.order_mut(order_no, now).ok_or(PayerRefused::UnknownOrder)?;
        let first = order.payment.as_ref().filter(|_| order.again.is_none()).ok_or(PayerRefused::Paid)?;
        let transaction_id = ids::transaction_id(now, number);
        order.again = Some(Payment { transaction_id: transaction_id.clone(), paid_at: now, ..first.clone() });
        self.transactions = number;
        self.by_transaction.insert(transaction_id.clone(), order_no.to_owned());
        Ok(transaction_id)
    }
}

fn free_for(order: &Order, openid: &str) -> Result<(), PayerRefused> {
    let taken = order.scanned_by.as_deref().is_some_and(|first| first != openid);
    if taken { Err(PayerRefused::OtherPayer) } else { Ok(()) }
}

#[cfg(test)]
impl Trades {
    /// Lets a paid order have been paid from this bank.
    pub(crate) fn set_bank(&mut self, order_no: &str, bank_type: &str) {
        let Some(Slot::Ordered(order)) = self.orders.get_mut(order_no) else { panic!("{order_no}") };
        let Some(payment) = &mut order.payment else { panic!("{order_no} is not paid") };
        payment.bank_type = bank_type.to_owned();
    }
}
