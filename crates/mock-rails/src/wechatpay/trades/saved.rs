//! The book as it is written down and read again. What can be found again from orders and refunds is not written.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::codepay::PayerCode;
use super::{Refund, RefundState, Slot, Trades};

#[derive(Serialize)]
struct Written<'a> {
    orders: &'a HashMap<String, Slot>,
    refunds: &'a HashMap<String, Refund>,
    codes: &'a HashMap<String, PayerCode>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    orders: HashMap<String, Slot>,
    refunds: HashMap<String, Refund>,
    codes: HashMap<String, PayerCode>,
}

impl Trades {
    pub(crate) fn save(&self) -> serde_json::Result<Value> {
        serde_json::to_value(Written { orders: &self.orders, refunds: &self.refunds, codes: &self.codes })
    }

    pub(crate) fn load(saved: Value) -> serde_json::Result<Self> {
        let Read { orders, refunds, codes } = serde_json::from_value(saved)?;
        let mut trades = Self { orders, refunds, codes, ..Self::default() };
        for (order_no, slot) in &trades.orders {
            let Some(order) = slot.order() else { continue };
            if let Some(payment) = &order.payment {
                trades.by_transaction.insert(payment.transaction_id.clone(), order_no.clone());
            }
            for handle in &order.handles {
                trades.by_handle.insert(handle.text.clone(), order_no.clone());
            }
        }
        let under_way = trades.refunds.values().filter(|refund| refund.state == RefundState::Processing);
        trades.due = under_way.map(|refund| ((refund.ends_at, refund.out_refund_no.clone()), ())).collect();
        Ok(trades)
    }
}
