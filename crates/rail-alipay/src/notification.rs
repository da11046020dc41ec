//! Notices: signed forms that Alipay posts by itself. Nothing of one is used before its signature is verified.
//!
//! A refund notice keeps the trade's status, so its refund fields are looked at first: read as a payment, a partial
//! refund would be a second one. Its `refund_fee` is the sum over all refunds of the trade, so it only says that there
//! is something to ask about.

mod fund;

use jiff::{SignedDuration, Timestamp};
use paifang_payment::{CloseProof, Doubt, OrderNo, Pending, RailRef, Settled};
use paifang_rail::{
    Claims, Context, Genuine, HttpReply, Keyring, Notification, NotificationError, Outcome, RawNotification,
    Subject, Verdict, Verified,
};

use crate::body::{time, yuan};
use crate::form::Form;
use crate::trust::{self, Untrusted};
use crate::{Settings, beijing, codes, hold};

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
    settings: &Settings,
    cx: &Context<'_>,
) -> Result<Verified<Notification>, NotificationError> {
    if !raw.query.is_empty() {
        return Err(NotificationError::Malformed("a query in the URL"));
    }
    let form = Form::parse(raw.body)?;
    let charset = settings.charset;
    let sign = form.text("sign", charset).ok_or(NotificationError::Unsigned)?;
    let witness = verify(settings, cx.keys, &form, &sign)?;
    // One witness goes into the outcome, one stands for the message as a whole.
    let proof = verify(settings, cx.keys, &form, &sign)?;
    let notice = Notice { form, settings };
    let kind = notice.kind_of_this_time(cx.now)?;
    Ok(Verified::new(&witness, notice.read(kind, proof)?))
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

fn verify(
    settings: &Settings,
    keys: &Keyring,
    form: &Form,
    sign: &str,
) -> Result<Genuine, NotificationError> {
    if keys.verifier_ids().next().is_none() {
        return Err(NotificationError::UnknownKey);
    }
    let serial = form.text("alipay_cert_sn", settings.charset);
    let mut refusal = NotificationError::WrongSignature;
    for string in form.strings_to_verify() {
        match trust::verify(settings.key_mode, keys, serial.as_deref(), &string, sign) {
            Ok(genuine) => return Ok(genuine),
            Err(Untrusted::UnknownKey(_)) => refusal = NotificationError::UnknownKey,
            Err(Untrusted::Wrong) => {}
        }
    }
    Err(refusal)
}

/// A form whose signature is verified.
struct Notice<'a> {
    form: Form,
    settings: &'a Settings,
}

/// Which news a notice brings.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Of a trade.
    Trade,
    /// Of a hold.
    Fund,
}

impl Notice<'_> {
    fn text(&self, name: &str) -> Option<String> {
        self.form.text(name, self.settings.charset)
    }

    fn wanted(&self, name: &'static str) -> Result<String, NotificationError> {
        self.text(name).ok_or(NotificationError::Malformed(name))
    }

    fn number(&self, name: &'static str) -> Result<OrderNo, NotificationError> {
        OrderNo::parse(&self.wanted(name)?).map_err(|_| NotificationError::Malformed(name))
    }

    /// Other messages are signed with the same key; only news of trades and holds is read here.
    fn kind_of_this_time(&self, now: Timestamp) -> Result<Kind, NotificationError> {
        let kind = match self.wanted("notify_type")?.as_str() {
            "trade_status_sync" => Kind::Trade,
            name if name.starts_with("fund_auth_") => Kind::Fund,
            _ => return Err(NotificationError::Malformed("notify_type")),
        };
        if self.text("charset").is_some_and(|name| !self.settings.charset.is_named(&name)) {
            return Err(NotificationError::Malformed("charset"));
        }
        let sent = beijing::read(&self.wanted("notify_time")?);
        let sent = sent.ok_or(NotificationError::Malformed("notify_time"))?;
        let age = now.duration_since(sent);
        if age > AGE_MAX || age < -AHEAD_MAX { Err(NotificationError::Stale) } else { Ok(kind) }
    }

    fn read(&self, kind: Kind, proof: Genuine) -> Result<Notification, NotificationError> {
        let key = self.wanted("notify_id")?;
        if key.len() > NOTIFY_ID_BYTES_MAX {
            return Err(NotificationError::Malformed("notify_id"));
        }
        let (subject, outcome, case) = match kind {
            Kind::Trade => self.trade(proof)?,
            Kind::Fund => self.fund(proof)?,
        };
        let claims = Claims { merchant: self.merchant(kind), app: self.text("app_id") };
        let rule = format!("alipay.notification.{case}");
        // News of a refund only says that there is something to ask about, so nothing rests on the order in it.
        Ok(Notification { key, subject, claims, refund_of: None, outcome, rule })
    }

    /// Notices of trades name the seller. Those of holds need not (a published capture does not): then the application
    /// stands for its one seller, unless it acts for others by token.
    fn merchant(&self, kind: Kind) -> Option<String> {
        let named = self.text("seller_id");
        match kind {
            Kind::Trade => named,
            Kind::Fund => named.or_else(|| self.text("payee_user_id")).or_else(|| {
                let ours = self.text("app_id").as_deref() == Some(self.settings.app_id.as_str());
                (ours && self.settings.app_auth_token.is_none()).then(|| self.settings.seller_id.clone())
            }),
        }
    }

    fn trade(&self, proof: Genuine) -> Result<(Subject, Outcome, &'static str), NotificationError> {
        let order = self.number("out_trade_no")?;
        if self.tells_of_a_refund() {
            return Ok(self.refund(order, proof));
        }
        let (outcome, case) = self.charge(proof)?;
        Ok((self.subject(order), outcome, case))
    }

    /// A trade is a payment, or the capture of a hold, which carries our mark.
    fn subject(&self, number: OrderNo) -> Subject {
        match self.text("passback_params").as_deref() {
            Some(hold::CAPTURE_MARK) => Subject::Capture(number),
            Some(_) | None => Subject::Charge(number),
        }
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
            None => (self.subject(order), outcome, "refund_elsewhere"),
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
