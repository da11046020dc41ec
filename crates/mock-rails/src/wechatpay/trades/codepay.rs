//! Payer's codes: charged in the call itself, perhaps after a password, and taken back by a reverse.
//!
//! ```text
//! --code--> SUCCESS | USERPAYING --password--> SUCCESS | PAYERROR ;  --reverse--> REVOKED
//! ```

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{NewOrder, ORDERS_MAX, Order, OrderState, Refused, Slot, Trades};
use crate::CodeOutcome;
use crate::magic::{Mood, THINKING_S};

/// How long a code can be charged after the wallet showed it.
const CODE_LIFE: SignedDuration = SignedDuration::from_mins(1);

/// What a code does once it is charged, and until when; it serves one order.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct PayerCode {
    outcome: CodeOutcome,
    until: Timestamp,
    used: bool,
}

/// What a charge came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charged {
    Paid,
    /// The payer types a password.
    Thinking,
}

impl Trades {
    /// The wallet shows a code: 18 digits that start with 13.
    pub(crate) fn issue_code(&mut self, outcome: CodeOutcome, now: Timestamp) -> String {
        self.codes.retain(|_, code| code.until > now);
        let mut number = self.codes.len();
        loop {
            let code =
                format!("13{:010}{:06}", now.as_second().rem_euclid(10_000_000_000), number % 1_000_000);
            if !self.codes.contains_key(&code) {
                let until = now.saturating_add(CODE_LIFE).unwrap_or(now);
                self.codes.insert(code.clone(), PayerCode { outcome, until, used: false });
                return code;
            }
            number += 1;
        }
    }

    /// Charges a code. The same order again finds what became of it, and charges nothing.
    pub(crate) fn charge_code(
        &mut self,
        new: NewOrder,
        openid: &str,
        mood: Option<Mood>,
        now: Timestamp,
    ) -> Result<Charged, Refused> {
        let order_no = new.body.out_trade_no.clone();
        if self.orders.contains_key(&order_no) {
            return self.charged_before(&order_no, &new, now);
        }
        if self.orders.len() >= ORDERS_MAX {
            return Err(Refused::Full);
        }
        let auth_code = new.body.payer.as_ref().map(|payer| payer.auth_code.clone()).unwrap_or_default();
        let code = self.codes.get_mut(&auth_code).filter(|code| !code.used && now < code.until);
        let code = code.ok_or(Refused::CodeInvalid)?;
        code.used = true;
        let outcome = match mood {
            Some(Mood::Declined | Mood::Risk) => CodeOutcome::Declines,
            Some(Mood::PendingThenPaid) => CodeOutcome::PendingThenPays,
            Some(Mood::PendingThenDeclined) => CodeOutcome::PendingThenDeclines,
            Some(
                Mood::Unsure
                | Mood::RateLimited
                | Mood::RefundNotEnough
                | Mood::RefundSlow
                | Mood::RefundFails,
            )
            | None => code.outcome,
        };
        let mut order = Order::open(new, self.orders.len(), now);
        let done = match outcome {
            CodeOutcome::Pays => {
                let transaction_id = order.charged(openid, self.by_transaction.len() + 1, now);
                self.by_transaction.insert(transaction_id, order_no.clone());
                Ok(Charged::Paid)
            }
            CodeOutcome::Declines => {
                order.state = OrderState::PayError;
                Err(if mood == Some(Mood::Risk) { Refused::Risk } else { Refused::ByPayer })
            }
            CodeOutcome::PendingThenPays | CodeOutcome::PendingThenDeclines => {
                let until = now.saturating_add(SignedDuration::from_secs(THINKING_S)).unwrap_or(now);
                order.state = OrderState::UserPaying;
                order.thinking = Some((until, outcome == CodeOutcome::PendingThenPays));
                Ok(Charged::Thinking)
            }
        };
        self.orders.insert(order_no, Slot::Ordered(Box::new(order)));
        done
    }

    fn charged_before(&mut self, order_no: &str, new: &NewOrder, now: Timestamp) -> Result<Charged, Refused> {
        let order = self.order_mut(order_no, now).ok_or(Refused::OrderChanged)?;
        match order.state {
            OrderState::Success | OrderState::Refund => Err(Refused::OrderPaid),
            OrderState::UserPaying if order.content == new.content => Ok(Charged::Thinking),
            OrderState::Closed | OrderState::Revoked | OrderState::PayError => Err(Refused::OrderClosed),
            OrderState::UserPaying | OrderState::NotPay => Err(Refused::OrderChanged),
        }
    }

    /// Ends the thinking of every payer whose time is over.
    pub(crate) fn think(&mut self, openid: &str, now: Timestamp) {
        let due = |order: &Order| order.thinking.filter(|(until, _)| *until <= now);
        let ready: Vec<(String, Timestamp, bool)> = self
            .all()
            .into_iter()
            .filter_map(|order| due(order).map(|(until, yes)| (order.body.out_trade_no.clone(), until, yes)))
            .collect();
        for (order_no, until, yes) in ready {
            let number = self.by_transaction.len() + 1;
            let Some(order) = self.order_mut(&order_no, now) else { continue };
            if yes {
                let transaction_id = order.charged(openid, number, until);
                self.by_transaction.insert(transaction_id, order_no);
            } else {
                (order.state, order.thinking) = (OrderState::PayError, None);
            }
        }
    }

    /// Takes a payer's code charge back: what is unpaid ends, what is paid is returned in full. Again is no mistake.
    pub(crate) fn reverse(&mut self, order_no: &str, now: Timestamp) -> Result<(), Refused> {
        let order = self.order_mut(order_no, now).ok_or(Refused::OrderUnknown)?;
        match order.state {
            OrderState::Revoked => Ok(()),
            OrderState::UserPaying | OrderState::PayError => {
                (order.state, order.thinking) = (OrderState::Revoked, None);
                Ok(())
            }
            OrderState::Success => {
                if order.product != super::Product::Micropay {
                    return Err(Refused::NotReversible);
                }
                (order.state, order.reversed_at) = (OrderState::Revoked, Some(now));
                Ok(())
            }
            OrderState::Refund | OrderState::NotPay | OrderState::Closed => Err(Refused::NotReversible),
        }
    }
}
