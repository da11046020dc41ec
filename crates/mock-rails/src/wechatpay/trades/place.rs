//! Ordering, charging a code, closing and reversing.

use jiff::{SignedDuration, Timestamp};

use super::order::{Handle, Reversal, Thinking};
use super::{Due, NewOrder, ORDERS_MAX, Order, OrderState, Product, Refused, Slot, Trades};
use crate::CodeOutcome;
use crate::wechatpay::ids;
use crate::wechatpay::settings::ChangedRepeat;

/// How many `prepay_id`s of one order are remembered.
const HANDLES_MAX: usize = 8;

/// What a charge of a code came to, when it was not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charged {
    Paid,
    /// The payer is asked for a password.
    Waits,
}

/// What else decides about a charge of a code, beside the code.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Charge {
    pub(crate) changed: ChangedRepeat,
    /// Instead of what the code itself does.
    pub(crate) outcome: Option<CodeOutcome>,
    /// Why the payer does not pay, when they do not.
    pub(crate) declined: Refused,
    pub(crate) fee_basis_points: u16,
    /// How long the payer types the password.
    pub(crate) password: SignedDuration,
}

impl Trades {
    /// Orders, or orders again: the `code_url`, `prepay_id` or `h5_url` to pay with.
    pub(crate) fn place(
        &mut self,
        new: NewOrder,
        changed: ChangedRepeat,
        now: Timestamp,
    ) -> Result<String, Refused> {
        let order_no = new.body.out_trade_no.clone();
        if !self.is_repeat(&new, changed, now)? {
            self.open(new, now)?;
        }
        self.hand_out(&order_no, now).ok_or(Refused::OrderUnknown)
    }

    /// Charges a payer's code.
    pub(crate) fn charge(&mut self, new: NewOrder, with: Charge, now: Timestamp) -> Result<Charged, Refused> {
        let order_no = new.body.out_trade_no.clone();
        if self.is_repeat(&new, with.changed, now)? {
            // Only one that still waits for its password comes here.
            return Ok(Charged::Waits);
        }
        let code = new.body.payer.as_ref().and_then(|payer| payer.auth_code.clone()).unwrap_or_default();
        let code = self.spend(&code, now)?;
        self.open(new, now)?;
        let wait = |trades: &mut Self, pays| {
            let until = now + with.password;
            if let Some(order) = trades.order_mut(&order_no, now) {
                order.state = OrderState::UserPaying;
                order.thinking = Some(Thinking { until, pays });
                trades.due.insert((until, Due::Password(order_no.clone())));
            }
            Ok(Charged::Waits)
        };
        match with.outcome.unwrap_or(code.outcome) {
            CodeOutcome::Pays => {
                let paid = self.pay(&order_no, &code.openid, false, with.fee_basis_points, now);
                paid.map(|()| Charged::Paid).map_err(|_| Refused::OrderUnknown)
            }
            CodeOutcome::Declines => {
                if let Some(order) = self.order_mut(&order_no, now) {
                    order.state = OrderState::PayError;
                }
                Err(with.declined)
            }
            CodeOutcome::PendingThenPays => wait(self, true),
            CodeOutcome::PendingThenDeclines => wait(self, false),
        }
    }

    /// Whether this number was ordered before in the same words and waits to be paid.
    fn is_repeat(&mut self, new: &NewOrder, changed: ChangedRepeat, now: Timestamp) -> Result<bool, Refused> {
        let changed = match changed {
            ChangedRepeat::AsReported => Refused::OrderChanged,
            ChangedRepeat::AsDocumented => Refused::OrderNumberUsed,
        };
        let order = match self.orders.get_mut(&new.body.out_trade_no) {
            None => return Ok(false),
            Some(Slot::UsedUp(_)) => return Err(changed),
            Some(Slot::Ordered(order)) => order,
        };
        order.expire(now);
        match order.state {
            OrderState::Success | OrderState::Refund => Err(Refused::OrderPaid),
            OrderState::Closed | OrderState::Revoked => Err(Refused::OrderClosed),
            OrderState::PayError => Err(Refused::OrderNumberUsed),
            // Which fields count is unconfirmed; all of them are compared, as JSON and not as bytes.
            OrderState::NotPay | OrderState::UserPaying => {
                let same = order.product == new.product && order.content == new.content;
                if same { Ok(true) } else { Err(changed) }
            }
        }
    }

    fn open(&mut self, new: NewOrder, now: Timestamp) -> Result<(), Refused> {
        let number = self.orders.len();
        if number >= ORDERS_MAX {
            return Err(Refused::Full);
        }
        let order_no = new.body.out_trade_no.clone();
        let order = Order::open(new, number, now);
        self.orders.insert(order_no, Slot::Ordered(Box::new(order)));
        Ok(())
    }

    /// A fresh handle. A Native order's new code voids the earlier one; `prepay_id`s live on beside each other.
    fn hand_out(&mut self, order_no: &str, now: Timestamp) -> Option<String> {
        let order = match self.orders.get_mut(order_no)? {
            Slot::Ordered(order) => order,
            Slot::UsedUp(_) => return None,
        };
        let (text, kept) = match order.product {
            Product::Native => (ids::code_url(), 0),
            Product::Jsapi | Product::App => (ids::prepay_id(now), HANDLES_MAX - 1),
            Product::H5 => (ids::h5_url(&ids::prepay_id(now)), HANDLES_MAX - 1),
            Product::Code => return None,
        };
        let void = order.handles.len().saturating_sub(kept);
        for old in order.handles.drain(..void) {
            self.by_handle.remove(Handle::key(&old.text));
        }
        order.handles.push(Handle::new(text.clone(), now + order.product.handle_life()));
        self.by_handle.insert(Handle::key(&text).to_owned(), order_no.to_owned());
        Some(text)
    }

    /// Closes. Closing again is no mistake; closing what was never ordered uses the number up.
    pub(crate) fn close(&mut self, order_no: &str, now: Timestamp) -> Result<(), Refused> {
        if !self.orders.contains_key(order_no) {
            if self.orders.len() >= ORDERS_MAX {
                return Err(Refused::Full);
            }
            self.orders.insert(order_no.to_owned(), Slot::UsedUp(order_no.to_owned()));
            return Ok(());
        }
        let Some(order) = self.order_mut(order_no, now) else { return Ok(()) };
        if order.product == Product::Code {
            return Err(Refused::OnlyReverse);
        }
        match order.state {
            OrderState::NotPay | OrderState::Closed => {
                order.state = OrderState::Closed;
                Ok(())
            }
            OrderState::Success | OrderState::Refund => Err(Refused::OrderPaid),
            OrderState::UserPaying | OrderState::Revoked | OrderState::PayError => Err(Refused::OnlyReverse),
        }
    }

    /// Undoes the charge of a code: what was paid goes back at once, what was not will never be. Again is no mistake.
    pub(crate) fn reverse(&mut self, order_no: &str, now: Timestamp) -> Result<(), Refused> {
        let number = self.returns + 1;
        let order = self.order_mut(order_no, now).ok_or(Refused::OrderUnknown)?;
        if order.product != Product::Code {
            return Err(Refused::OnlyForCodes);
        }
        match order.state {
            OrderState::Revoked => return Ok(()),
            OrderState::Refund => return Err(Refused::ReverseRefunded),
            OrderState::Success
            | OrderState::UserPaying
            | OrderState::PayError
            | OrderState::NotPay
            | OrderState::Closed => {}
        }
        order.state = OrderState::Revoked;
        let thought = order.thinking.take();
        if order.payment.is_some() {
            order.reversal = Some(Reversal { refund_id: ids::refund_id(now, number), at: now });
            self.returns = number;
        }
        if let Some(thinking) = thought {
            self.due.remove(&(thinking.until, Due::Password(order_no.to_owned())));
        }
        Ok(())
    }
}
