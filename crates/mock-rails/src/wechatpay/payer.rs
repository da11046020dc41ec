//! What the payer does: scans, pays, declines, pays late, shows a code.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::invoke;
use super::trades::{Order, PayerRefused, Product, Trades};
use super::{State, WechatPay, notify};
use crate::magic::{Mood, On};
use crate::notifier::Notice;
use crate::{CodeOutcome, PayerAct, PayerError, PayerTarget, locked};

/// The one WeChat user of this mock: scans Native codes, opens H5 pages and apps, shows codes.
pub(super) const SCANNER: &str = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o";

/// Who pays this order: with JSAPI the user it was made for, else whoever comes.
pub(super) fn openid_of(order: &Order) -> String {
    let named = order.body.payer.as_ref().and_then(|payer| payer.openid.clone());
    match order.product {
        Product::Jsapi => named.unwrap_or_else(|| SCANNER.to_owned()),
        Product::Native | Product::App | Product::H5 | Product::Code => SCANNER.to_owned(),
    }
}

impl WechatPay {
    /// One act of the payer.
    pub(super) fn act(&self, act: PayerAct) -> Result<Value, PayerError> {
        let now = self.bench.clock.now();
        self.settle(now);
        match act {
            PayerAct::Scan(target) => self.scan(&target, now),
            PayerAct::Decline(target) => self.decline(&target, now),
            PayerAct::Pay { target, force } => self.pay(&target, force, now),
            PayerAct::IssueCode(outcome) => Ok(self.show_code(outcome, now)),
        }
    }

    fn show_code(&self, outcome: CodeOutcome, now: Timestamp) -> Value {
        let code = locked(&self.state).trades.issue_code(outcome, SCANNER, now);
        json!({ "code": code })
    }

    fn scan(&self, target: &PayerTarget, now: Timestamp) -> Result<Value, PayerError> {
        let mut state = locked(&self.state);
        let order_no = self.find(&mut state.trades, target, false, now)?;
        let openid = state.trades.order(&order_no, now).map(openid_of).unwrap_or_default();
        let scanned = state.trades.scan(&order_no, &openid, now);
        scanned.map_err(|refused| told(refused, &mut state, &order_no, now))?;
        seen(&mut state, &order_no, now)
    }

    /// A failed attempt is a look at the order: it stays unpaid and nothing is notified. Only the charge of a code ends.
    fn decline(&self, target: &PayerTarget, now: Timestamp) -> Result<Value, PayerError> {
        self.scan(target, now)?;
        let mut state = locked(&self.state);
        let order_no = self.find(&mut state.trades, target, false, now)?;
        state.trades.decline(&order_no, now);
        seen(&mut state, &order_no, now)
    }

    fn pay(&self, target: &PayerTarget, late: bool, now: Timestamp) -> Result<Value, PayerError> {
        let (answer, notices) = {
            let mut state = locked(&self.state);
            let order_no = self.find(&mut state.trades, target, late, now)?;
            let order = state.trades.order(&order_no, now).ok_or(PayerError::NoSuchOrder)?;
            let (openid, fen, open) = (openid_of(order), order.body.amount.total, order.is_payable());
            if open && self.bench.magic.mood(On::Payment, fen) == Some(Mood::Declined) {
                // As with the real rail the order stays unpaid and may be paid by other means.
                let mut answer = seen(&mut state, &order_no, now)?;
                answer["refused"] = "余额不足".into();
                return Ok(answer);
            }
            let fee = self.keyring.keys.account.fee_per_10_000;
            let paid = state.trades.pay(&order_no, &openid, late, fee, now);
            paid.map_err(|refused| told(refused, &mut state, &order_no, now))?;
            (seen(&mut state, &order_no, now)?, self.notices_of_payment(&mut state.trades, &order_no, now))
        };
        for notice in notices {
            self.bench.notifier.post(notice);
        }
        Ok(answer)
    }

    /// See [`crate::RailMock::charge_again`].
    pub(super) fn take_again(&self, order_no: &str) -> Result<String, PayerError> {
        let now = self.bench.clock.now();
        self.settle(now);
        let (number, notices) = {
            let mut state = locked(&self.state);
            let again = state.trades.pay_again(order_no, now);
            let number = again.map_err(|refused| told(refused, &mut state, order_no, now))?;
            let again = state.trades.order(order_no, now).and_then(Order::paid_again);
            let told = again.as_ref().and_then(|order| Some((order, order.payment.as_ref()?)));
            let notices =
                told.map(|(order, payment)| notify::of_payment(&self.keyring, order, payment, None));
            (number, notices.unwrap_or_default())
        };
        notices.into_iter().for_each(|notice| self.bench.notifier.post(notice));
        Ok(number)
    }

    fn notices_of_payment(&self, trades: &mut Trades, order_no: &str, now: Timestamp) -> Vec<Notice> {
        let Some(order) = trades.order(order_no, now) else { return Vec::new() };
        let Some(payment) = order.payment.as_ref().filter(|_| order.body.notify_url.is_some()) else {
            return Vec::new();
        };
        let fault = self.bench.notification_fault("charge", On::Payment, order.body.amount.total);
        notify::of_payment(&self.keyring, order, payment, fault.as_ref())
    }

    /// By order number a test may act on any order; by code, address, `prepay_id` or a front end's parameters only while
    /// those are good.
    fn find(
        &self,
        trades: &mut Trades,
        target: &PayerTarget,
        late: bool,
        now: Timestamp,
    ) -> Result<String, PayerError> {
        let by_handle = |trades: &Trades, handle: &str| {
            trades.order_no_of_handle(handle, late, now).map_err(|_| PayerError::NoSuchOrder)
        };
        match target {
            PayerTarget::OrderNo(order_no) => Ok(order_no.clone()),
            PayerTarget::Qr(text) => by_handle(trades, text),
            PayerTarget::PrepayId(text) => {
                let refused = |why: invoke::NotInvoked| PayerError::NotPayable { state: why.to_string() };
                let Some(invoked) = invoke::read(&self.keyring, text) else { return by_handle(trades, text) };
                let invoked = invoked.map_err(refused)?;
                let order_no = by_handle(trades, &invoked.prepay_id)?;
                let order = trades.order(&order_no, now).ok_or(PayerError::NoSuchOrder)?;
                if order.product != invoked.product {
                    return Err(refused(invoke::NotInvoked::Malformed));
                }
                Ok(order_no)
            }
        }
    }
}

/// What the payer sees of the order.
fn seen(state: &mut State, order_no: &str, now: Timestamp) -> Result<Value, PayerError> {
    let order = state.trades.order(order_no, now).ok_or(PayerError::NoSuchOrder)?;
    Ok(json!({
        "order_no": order_no,
        "state": order.state.word(),
        "total_fen": order.body.amount.total,
        "transaction_id": order.payment.as_ref().map(|payment| payment.transaction_id.as_str()),
    }))
}

fn told(refused: PayerRefused, state: &mut State, order_no: &str, now: Timestamp) -> PayerError {
    match refused {
        PayerRefused::UnknownOrder | PayerRefused::VoidCode => PayerError::NoSuchOrder,
        PayerRefused::Closed | PayerRefused::Paid | PayerRefused::OtherPayer => {
            let word = state.trades.order(order_no, now).map_or("", |order| order.state.word());
            PayerError::NotPayable { state: word.to_owned() }
        }
    }
}
