//! What is not a call of the merchant: key rotation, and the book that is written down and taken over.

use std::sync::PoisonError;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::keys::MerchantStage;
use super::trades::Trades;
use super::{Platform, WechatPay, notify};
use crate::notifier::DeliveryState;
use crate::{KeyStep, PayerError, Step, locked};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    trades: Value,
    platform: Platform,
    merchant_stage: MerchantStage,
    /// Keys of notices that nobody has acknowledged yet.
    undelivered: Vec<String>,
}

impl WechatPay {
    /// One step, in order. The merchant's side has a next certificate in a world of its own only.
    pub(super) fn rotate(&self, step: KeyStep) -> Result<Value, PayerError> {
        let mut state = locked(&self.state);
        let platform = state.settings.platform;
        let account = &self.keys.account;
        match step {
            KeyStep::Rail(step) => {
                state.settings.platform = match (platform, step) {
                    (Platform::Certificate, Step::Announce) => Platform::Rotating,
                    (Platform::Rotating, Step::Switch) => Platform::Rotated,
                    (Platform::Rotated, Step::Retire) => Platform::Next,
                    _ => return Err(PayerError::NotPayable { state: format!("{platform:?}") }),
                };
                Ok(
                    json!({ "serial_no": account.platform_serial_next, "platform": format!("{:?}", state.settings.platform) }),
                )
            }
            KeyStep::Merchant(step) => {
                if !self.keys.has_next_merchant() {
                    return Err(PayerError::Unsupported);
                }
                state.merchant_stage = match (state.merchant_stage, step) {
                    (MerchantStage::First, Step::Announce) => MerchantStage::Both,
                    // The merchant switches by signing with the next key; the rail sees nothing of it.
                    (MerchantStage::Both, Step::Switch) => MerchantStage::Both,
                    (MerchantStage::Both, Step::Retire) => MerchantStage::Next,
                    (stage, _) => return Err(PayerError::NotPayable { state: format!("{stage:?}") }),
                };
                Ok(
                    json!({ "serial_no": account.merchant_serial_next, "stage": format!("{:?}", state.merchant_stage) }),
                )
            }
        }
    }

    pub(super) fn written_down(&self) -> Value {
        let deliveries = self.bench.notifier.deliveries();
        let waiting = deliveries.into_iter().filter(|delivery| delivery.state == DeliveryState::Pending);
        let undelivered = waiting.map(|delivery| delivery.key).collect();
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let trades = state.trades.save();
        let (platform, merchant_stage) = (state.settings.platform, state.merchant_stage);
        drop(state);
        // Names and numbers only: there is nothing in the book that JSON cannot hold.
        let saved = trades
            .and_then(|trades| serde_json::to_value(Saved { trades, platform, merchant_stage, undelivered }));
        saved.unwrap_or_default()
    }

    pub(super) fn taken_over(&self, saved: Value) -> Result<(), String> {
        let Saved { trades, platform, merchant_stage, undelivered } =
            serde_json::from_value(saved).map_err(|error| error.to_string())?;
        let trades = Trades::load(trades).map_err(|error| error.to_string())?;
        let now = self.bench.clock.now();
        let notices: Vec<_> = undelivered
            .iter()
            .filter_map(|key| key.split_once(' '))
            .flat_map(|(kind, number)| match kind {
                "refund" => {
                    let refund = trades.refund_of(number);
                    refund.map(|refund| notify::of_refund(&self.keys, refund, now, None)).unwrap_or_default()
                }
                _ => {
                    let order = trades.all().into_iter().find(|order| order.body.out_trade_no == number);
                    let paid = order.and_then(|order| Some((order, order.payment.as_ref()?)));
                    paid.map(|(order, payment)| notify::of_payment(&self.keys, order, payment, None))
                        .unwrap_or_default()
                }
            })
            .collect();
        {
            let mut state = locked(&self.state);
            (state.trades, state.settings.platform, state.merchant_stage) =
                (trades, platform, merchant_stage);
            if tokio::runtime::Handle::try_current().is_ok() {
                self.watch_refunds(&mut state);
            }
        }
        notices.into_iter().for_each(|notice| self.bench.notifier.post(notice));
        Ok(())
    }
}
