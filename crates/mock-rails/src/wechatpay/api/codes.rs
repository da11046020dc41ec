//! Charges of payers' codes, and their reversal.
//!
//! The v3 call is documented; that a waiting password is answered 202, and all codes of refusals, are reported or taken
//! over from v2 (unconfirmed). Nothing is notified.

use jiff::SignedDuration;
use serde_json::json;

use super::{Asked, Done};
use crate::magic::{Mood, THINKING_S};
use crate::wechatpay::answers::Answer;
use crate::wechatpay::bodies::{self, OrderBody, ReverseBody, orders};
use crate::wechatpay::refusals::Refusal;
use crate::wechatpay::schema::check_parameter;
use crate::wechatpay::trades::{Charge, Charged, NewOrder, Product, Refused};
use crate::wechatpay::{WechatPay, views};
use crate::{CodeOutcome, locked};

impl WechatPay {
    pub(super) fn charge(&self, asked: Asked<'_>) -> Result<Done, Refusal> {
        let (read, content) = bodies::read::<OrderBody>(&asked.request.body, orders::CODEPAY)?;
        self.check_mchid(&read.mchid)?;
        self.check_appid(&read.appid)?;
        let settings = self.keyring.settings();
        if settings.codepay_missing {
            return Err(Refusal::new(403, "NO_AUTH", "商户号未开通付款码支付权限", 0));
        }
        let mood = self.mood_of_order(read.amount.total)?;
        let outcome = match mood {
            Some(Mood::Declined) => Some(CodeOutcome::Declines),
            Some(Mood::PendingThenPaid) => Some(CodeOutcome::PendingThenPays),
            Some(Mood::PendingThenDeclined) => Some(CodeOutcome::PendingThenDeclines),
            Some(
                Mood::Unsure
                | Mood::Risk
                | Mood::RateLimited
                | Mood::RefundNotEnough
                | Mood::RefundSlow
                | Mood::RefundFails,
            )
            | None => None,
        };
        let declined = if outcome.is_some() { Refused::PayerShort } else { Refused::PayerDeclined };
        let with = Charge {
            changed: settings.changed_repeat,
            outcome,
            declined,
            fee_basis_points: self.keyring.keys.account.fee_per_10_000,
            password: SignedDuration::from_secs(settings.passwords_take_s.map_or(THINKING_S, i64::from)),
        };
        let order_no = read.out_trade_no.clone();
        let new = NewOrder { product: Product::Code, body: read, content, asked: asked.key };
        let mut state = locked(&self.state);
        let charged = state.trades.charge(new, with, asked.now)?;
        self.watch(&mut state);
        if mood == Some(Mood::Unsure) {
            return Err(Refusal::of_code("SYSTEM_ERROR"));
        }
        let order = state.trades.order(&order_no, asked.now).ok_or(Refused::OrderUnknown)?;
        let answer = match charged {
            Charged::Paid => Answer::json(&views::order(order)),
            Charged::Waits if settings.userpaying_as_200 => Answer::json(&views::waiting(order)),
            Charged::Waits => Answer::Accepted(views::waiting(order).to_string().into_bytes()),
        };
        Ok(answer.into())
    }

    pub(super) fn reverse(&self, order_no: &str, asked: Asked<'_>) -> Result<Done, Refusal> {
        check_parameter("out_trade_no", "商户订单号", Some(order_no), &orders::OUT_TRADE_NO)?;
        let (read, _) = bodies::read::<ReverseBody>(&asked.request.body, orders::REVERSE)?;
        self.check_mchid(&read.mchid)?;
        self.check_appid(&read.appid)?;
        locked(&self.state).trades.reverse(order_no, asked.now)?;
        let answer = json!({"appid": read.appid, "mchid": read.mchid, "out_trade_no": order_no});
        Ok(Answer::json(&answer).into())
    }
}
