//! Notices: signed forms that Alipay posts by itself. Nothing of one is used before its signature is verified.
//!
//! A refund notice keeps the trade's status, so its refund fields are looked at first: read as a payment, a partial
//! refund would be a second one. Its `refund_fee` is the sum over all refunds of the trade, so it only says that there
//! is something to ask about.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use paifang_payment::{CloseProof, Doubt, OrderNo, Pending, RailRef, Settled};
use paifang_rail::{
    Claims, Context, Genuine, HttpReply, Keyring, NotGenuine, Notification, NotificationError, Outcome,
    RawNotification, Subject, Verdict, Verified,
};

use crate::answer::{time, yuan};
use crate::form::Form;
use crate::{Charset, beijing, codes};

/// How old a notice may be. Repeats come for about 25 hours, and whether they renew `notify_time` is not documented;
/// what a copy could repeat within the time is stopped by its `notify_id`.
const AGE_MAX: SignedDuration = SignedDuration::from_hours(48);

/// How far Alipay's clock may be ahead of ours.
const AHEAD_MAX: SignedDuration = SignedDuration::from_mins(15);

/// Documented maximum of `notify_id`.
const NOTIFY_ID_BYTES_MAX: usize = 128;

/// Verifies and reads a notice.
pub(crate) fn open(
    raw: &RawNotification<'_>,
    charset: Charset,
    cx: &Context<'_>,
) -> Result<Verified<Notification>, NotificationError> {
    if !raw.query.is_empty() {
        return Err(NotificationError::Malformed("a query in the URL"));
    }
    let form = Form::parse(raw.body)?;
    let sign = form.text("sign", charset).ok_or(NotificationError::Unsigned)?;
    let sign = STANDARD.decode(sign).map_err(|_| NotificationError::WrongSignature)?;
    let witness = verify(cx.keys, &form, &sign)?;
    // One witness goes into the outcome, one stands for the message as a whole.
    let proof = verify(cx.keys, &form, &sign)?;
    let notice = Notice { form, charset };
    notice.check_kind_and_age(cx.now)?;
    Ok(Verified::new(&witness, notice.read(proof)?))
}

/// The answer: exactly `success`, or Alipay sends the notice again.
pub(crate) fn acknowledge(verdict: Verdict) -> HttpReply {
    let (status, body) = match verdict {
        Verdict::Kept => (200, "success"),
        Verdict::Orphan => (404, "fail"),
        Verdict::Rejected => (401, "fail"),
        Verdict::TryLater => (503, "fail"),
    };
    HttpReply { status, content_type: "text/plain", body }
}

fn verify(keys: &Keyring, form: &Form, sign: &[u8]) -> Result<Genuine, NotificationError> {
    let mut refusal = NotGenuine::WrongSignature;
    for string in form.strings_to_verify() {
        match keys.verify(&string, sign) {
            Ok(genuine) => return Ok(genuine),
            Err(why) => refusal = why,
        }
    }
    Err(match refusal {
        NotGenuine::UnknownKey => NotificationError::UnknownKey,
        NotGenuine::WrongSignature | NotGenuine::UntrustedCertificate(_) => NotificationError::WrongSignature,
    })
}

/// A form whose signature is verified.
struct Notice {
    form: Form,
    charset: Charset,
}

impl Notice {
    fn text(&self, name: &str) -> Option<String> {
        self.form.text(name, self.charset)
    }

    fn wanted(&self, name: &'static str) -> Result<String, NotificationError> {
        self.text(name).ok_or(NotificationError::Malformed(name))
    }

    /// Other messages are signed with the same key; only news of trades is read here.
    fn check_kind_and_age(&self, now: Timestamp) -> Result<(), NotificationError> {
        if self.wanted("notify_type")? != "trade_status_sync" {
            return Err(NotificationError::Malformed("notify_type"));
        }
        if self.text("charset").is_some_and(|name| !self.charset.is_named(&name)) {
            return Err(NotificationError::Malformed("charset"));
        }
        let sent = beijing::read(&self.wanted("notify_time")?);
        let sent = sent.ok_or(NotificationError::Malformed("notify_time"))?;
        let age = now.duration_since(sent);
        if age > AGE_MAX || age < -AHEAD_MAX { Err(NotificationError::Stale) } else { Ok(()) }
    }

    fn read(&self, proof: Genuine) -> Result<Notification, NotificationError> {
        let key = self.wanted("notify_id")?;
        if key.len() > NOTIFY_ID_BYTES_MAX {
            return Err(NotificationError::Malformed("notify_id"));
        }
        let order_no = self.wanted("out_trade_no")?;
        let order = OrderNo::parse(&order_no).map_err(|_| NotificationError::Malformed("out_trade_no"))?;
        let claims = Claims { merchant: self.text("seller_id"), app: self.text("app_id") };
        let (subject, outcome, case) = if self.tells_of_a_refund() {
            self.refund(order, proof)
        } else {
            let (outcome, case) = self.charge(proof)?;
            (Subject::Charge(order), outcome, case)
        };
        Ok(Notification { key, subject, claims, outcome, rule: format!("alipay.notification.{case}") })
    }

    fn tells_of_a_refund(&self) -> bool {
        let fee = self.text("refund_fee");
        self.text("gmt_refund").is_some()
            || fee.is_some_and(|fee| fee.bytes().any(|b| b"123456789".contains(&b)))
    }

    /// A refund of ours is asked for by its number. One that was made elsewhere (the merchant's console, where the number
    /// is the order's own or of another form) is no payment either: the order is asked for.
    fn refund(&self, order: OrderNo, proof: Genuine) -> (Subject, Outcome, &'static str) {
        let outcome = Outcome::pending(proof, Pending { next_action: None, rail_ref: None });
        let number = self.text("out_biz_no").and_then(|number| OrderNo::parse(&number).ok());
        match number.filter(|number| *number != order) {
            Some(number) => (Subject::Refund(number), outcome, "refund"),
            None => (Subject::Charge(order), outcome, "refund_elsewhere"),
        }
    }

    fn charge(&self, proof: Genuine) -> Result<(Outcome, &'static str), NotificationError> {
        let rail_ref = self.rail_ref();
        Ok(match self.wanted("trade_status")?.as_str() {
            "TRADE_SUCCESS" => (self.paid(proof)?, "trade_success"),
            "TRADE_FINISHED" => (self.paid(proof)?, "trade_finished"),
            // A trade that was paid once is closed by its refunds; those have notices of their own.
            "TRADE_CLOSED" if self.text("gmt_payment").is_some() => {
                (self.paid(proof)?, "trade_closed_after_payment")
            }
            "TRADE_CLOSED" => {
                (Outcome::closed(proof, CloseProof { returned: None, rail_ref }), "trade_closed")
            }
            "WAIT_BUYER_PAY" => {
                (Outcome::pending(proof, Pending { next_action: None, rail_ref }), "wait_buyer_pay")
            }
            other => (Outcome::unknown(Doubt::UnlistedCode(codes::shortened(other))), "unlisted_status"),
        })
    }

    /// `total_amount` is the whole amount of the order, with what coupons paid.
    fn paid(&self, proof: Genuine) -> Result<Outcome, NotificationError> {
        let amount = yuan(self.text("total_amount").as_deref());
        let amount = amount.ok_or(NotificationError::Malformed("total_amount"))?;
        let settled_at = time(self.text("gmt_payment").as_deref());
        Ok(Outcome::paid(proof, Settled { amount, rail_ref: self.rail_ref(), settled_at }))
    }

    fn rail_ref(&self) -> Option<RailRef> {
        RailRef::parse(&self.text("trade_no")?).ok()
    }
}
