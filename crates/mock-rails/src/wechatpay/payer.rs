//! What the payer does: scans, pays, declines, pays late.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::trades::{Order, PayerRefused, Product, Trades};
use super::{State, WechatPay, notify};
use crate::magic::On;
use crate::notifier::Notice;
use crate::{PayerAct, PayerError, PayerTarget, locked};

/// The one WeChat user of this mock who scans Native codes.
pub(super) const SCANNER: &str = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o";

/// Who pays this order: with JSAPI the user it was made for, otherwise the one user of this mock.
pub(super) fn openid_of(order: &Order) -> String {
    match (order.product, &order.body.payer) {
        (Product::Jsapi, Some(payer)) => payer.openid.clone(),
        (Product::Jsapi, None) => SCANNER.to_owned(),
        (Product::Native | Product::App | Product::H5 | Product::Micropay, _) => SCANNER.to_owned(),
    }
}

impl WechatPay {
    /// One act of the payer.
    pub(super) fn act(&self, act: PayerAct) -> Result<Value, PayerError> {
        let now = self.bench.clock.now();
        match act {
            // A failed attempt is a look at the order: it stays unpaid, and nothing is notified.
            PayerAct::Scan(target) | PayerAct::Decline(target) => self.scan(&target, now),
            PayerAct::Pay { target, force } => self.pay(&target, force, now),
            PayerAct::IssueCode(outcome) => {
                Ok(json!({ "code": locked(&self.state).trades.issue_code(outcome, now) }))
            }
        }
    }

    fn scan(&self, target: &PayerTarget, now: Timestamp) -> Result<Value, PayerError> {
        let mut state = locked(&self.state);
        let order_no = find(&state.trades, target, false, now)?;
        let openid = state.trades.order(&order_no, now).map(openid_of).unwrap_or_default();
        let scanned = state.trades.scan(&order_no, &openid, now);
        scanned.map_err(|refused| told(refused, &mut state, &order_no, now))?;
        seen(&mut state, &order_no, now)
    }

    fn pay(&self, target: &PayerTarget, late: bool, now: Timestamp) -> Result<Value, PayerError> {
        let (answer, notices) = {
            let mut state = locked(&self.state);
            let order_no = find(&state.trades, target, late, now)?;
            let openid = state.trades.order(&order_no, now).map(openid_of).unwrap_or_default();
            let paid = state.trades.pay(&order_no, &openid, late, now);
            paid.map_err(|refused| told(refused, &mut state, &order_no, now))?;
            (seen(&mut state, &order_no, now)?, self.notices_of_payment(&mut state.trades, &order_no, now))
        };
        for notice in notices {
            self.bench.notifier.post(notice);
        }
        Ok(answer)
    }

    fn notices_of_payment(&self, trades: &mut Trades, order_no: &str, now: Timestamp) -> Vec<Notice> {
        let Some(order) = trades.order(order_no, now) else { return Vec::new() };
        let Some(payment) = &order.payment else { return Vec::new() };
        let fault = self.bench.notification_fault("charge", On::Payment, order.body.amount.total);
        notify::of_payment(&self.keys, order, payment, fault.as_ref())
    }
}

/// By order number a test may act on any order; by code or prepay id only while that is valid.
fn find(trades: &Trades, target: &PayerTarget, late: bool, now: Timestamp) -> Result<String, PayerError> {
    match target {
        PayerTarget::OrderNo(order_no) => Ok(order_no.clone()),
        PayerTarget::Qr(handle) | PayerTarget::PrepayId(handle) => {
            trades.order_no_of_handle(handle, late, now).map_err(|_| PayerError::NoSuchOrder)
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
