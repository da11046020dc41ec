//! Orders that wait for a payer, their query and their close.

use serde_json::json;

use super::{Asked, Done, parameter};
use crate::locked;
use crate::magic::{Mood, On};
use crate::wechatpay::answers::Answer;
use crate::wechatpay::bodies::{self, CloseBody, OrderBody, orders};
use crate::wechatpay::payer::openid_of;
use crate::wechatpay::refusals::Refusal;
use crate::wechatpay::schema::check_parameter;
use crate::wechatpay::trades::{NewOrder, Order, Product, Refused};
use crate::wechatpay::{WechatPay, notify, views};

impl WechatPay {
    pub(super) fn order(&self, product: Product, asked: Asked<'_>) -> Result<Done, Refusal> {
        let fields = match product {
            Product::Native | Product::App => orders::NATIVE,
            Product::Jsapi => orders::JSAPI,
            Product::H5 => orders::H5,
            Product::Code => orders::CODEPAY,
        };
        let (read, content) = bodies::read::<OrderBody>(&asked.request.body, fields)?;
        let openid = read.payer.as_ref().and_then(|payer| payer.openid.as_deref());
        if product == Product::Jsapi && openid.is_none_or(str::is_empty) {
            // The code is unconfirmed; the text and the number are not.
            return Err(Refusal::new(400, "PARAM_ERROR", "JSAPI支付必须传openid", 268_501_013));
        }
        self.check_mchid(&read.mchid)?;
        self.check_appid(&read.appid)?;
        let (order_no, fen) = (read.out_trade_no.clone(), read.amount.total);
        let mood = self.mood_of_order(fen)?;
        let handle = {
            let changed_repeat = self.keyring.settings().changed_repeat;
            let new = NewOrder { product, body: read, content, asked: asked.key };
            locked(&self.state).trades.place(new, changed_repeat, asked.now)?
        };
        if mood == Some(Mood::Unsure) {
            return Err(Refusal::of_code("SYSTEM_ERROR"));
        }
        let mut done = Done::from(match product {
            Product::Native => Answer::json(&json!({"code_url": handle})),
            Product::H5 => Answer::json(&json!({"h5_url": handle})),
            Product::Jsapi | Product::App | Product::Code => Answer::json(&json!({"prepay_id": handle})),
        });
        if self.overtaken("charge", On::Payment, fen) {
            done.first = self.paid_before_the_reply(&order_no, asked);
        }
        Ok(done)
    }

    /// What the amount makes of a new order, where that is not a refusal at once.
    pub(super) fn mood_of_order(&self, fen: i64) -> Result<Option<Mood>, Refusal> {
        let mood = self.bench.magic.mood(On::Payment, fen);
        match mood {
            Some(Mood::Risk) => Err(Refused::Risk.into()),
            Some(Mood::RateLimited) => Err(Refusal::rate("频率超限，请稍后重试")),
            Some(
                Mood::Declined
                | Mood::PendingThenPaid
                | Mood::PendingThenDeclined
                | Mood::Unsure
                | Mood::RefundNotEnough
                | Mood::RefundSlow
                | Mood::RefundFails,
            )
            | None => Ok(mood),
        }
    }

    fn paid_before_the_reply(&self, order_no: &str, asked: Asked<'_>) -> Vec<crate::notifier::Notice> {
        let mut state = locked(&self.state);
        let fee = self.keyring.keys.account.fee_per_10_000;
        let openid = state.trades.order(order_no, asked.now).map(openid_of).unwrap_or_default();
        if state.trades.pay(order_no, &openid, false, fee, asked.now).is_err() {
            return Vec::new();
        }
        let order = state.trades.order(order_no, asked.now);
        let paid = order.and_then(|order| order.payment.as_ref().map(|payment| (order, payment)));
        paid.map(|(order, payment)| notify::of_payment(&self.keyring, order, payment, None))
            .unwrap_or_default()
    }

    pub(super) fn query_by_order_no(&self, order_no: &str, asked: Asked<'_>) -> Result<Done, Refusal> {
        check_parameter("out_trade_no", "商户订单号", Some(order_no), &orders::OUT_TRADE_NO)?;
        self.check_queried_mchid(asked.request.query())?;
        view(locked(&self.state).trades.order(order_no, asked.now))
    }

    pub(super) fn query_by_transaction(&self, id: &str, asked: Asked<'_>) -> Result<Done, Refusal> {
        check_parameter("transaction_id", "微信支付订单号", Some(id), &bodies::RAIL_NUMBER)?;
        self.check_queried_mchid(asked.request.query())?;
        view(locked(&self.state).trades.order_of_transaction(id, asked.now).as_ref())
    }

    fn check_queried_mchid(&self, query: &str) -> Result<(), Refusal> {
        let mchid = parameter(query, "mchid");
        check_parameter("mchid", "直连商户号", mchid.as_deref(), &bodies::MCHID)?;
        self.check_mchid(&mchid.unwrap_or_default())
    }

    pub(super) fn close(&self, order_no: &str, asked: Asked<'_>) -> Result<Done, Refusal> {
        check_parameter("out_trade_no", "商户订单号", Some(order_no), &orders::OUT_TRADE_NO)?;
        let (read, _) = bodies::read::<CloseBody>(&asked.request.body, orders::CLOSE)?;
        self.check_mchid(&read.mchid)?;
        locked(&self.state).trades.close(order_no, asked.now)?;
        Ok(Answer::DoneEmpty.into())
    }
}

fn view(order: Option<&Order>) -> Result<Done, Refusal> {
    let order = order.ok_or(Refused::OrderUnknown)?;
    Ok(Answer::json(&views::order(order)).into())
}
