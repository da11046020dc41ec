//! What every reply goes through before it means anything: status, form, signature, and whether it speaks of what was
//! asked.

use jiff::Timestamp;
use paifang_money::{Currency, PositiveMoney};
use paifang_payment::{Doubt, OrderNo, Pending, RailRef, Reason, Settled, Verb};
use paifang_rail::{Answer, Context, Genuine, Outcome, Reply};

use crate::codes::{self, Meaning};
use crate::fields::Fields;
use crate::{Settings, beijing, sign};

/// Digits of `txnAmt`.
const AMOUNT_DIGITS_MAX: usize = 12;

/// A code is two to four characters; an unlisted one is kept up to this many.
const CODE_CHARS_MAX: usize = 32;

/// What was asked, as the reply has to repeat it.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) verb: Verb,
    /// The transaction that was made or asked about.
    pub(crate) order_no: &'a OrderNo,
    pub(crate) opened_at: Timestamp,
    /// Its `txnType`: a refund's answer must never be read as a charge's.
    pub(crate) txn_type: &'static str,
}

/// A verified reply to what was asked.
pub(crate) struct Heard {
    pub(crate) fields: Fields,
    pub(crate) proof: Genuine,
    pub(crate) code: String,
    pub(crate) meaning: Meaning,
}

/// A reply that says nothing, and the case for its rule.
pub(crate) struct Unclear(pub(crate) Doubt, pub(crate) &'static str);

impl Asked<'_> {
    /// Verifies and binds a reply.
    pub(crate) fn hear(
        &self,
        settings: &Settings,
        reply: &Reply,
        cx: &Context<'_>,
    ) -> Result<Heard, Unclear> {
        if reply.status != 200 {
            return Err(Unclear(Doubt::HttpStatus(reply.status), "http_status"));
        }
        let unreadable = || Unclear(Doubt::Unreadable, "unreadable");
        let fields = Fields::of_answer(&reply.body).map_err(|_| unreadable())?;
        if fields.get("signature").is_none() && fields.get("respCode").is_none() {
            return Err(unreadable());
        }
        let proof = sign::verify(&fields, cx).map_err(|_| Unclear(Doubt::BadSignature, "bad_signature"))?;
        self.bind(settings, &fields)?;
        let code = fields.get("respCode").ok_or_else(unreadable)?.to_owned();
        let meaning = listed(&code)?;
        if meaning == Meaning::Done && fields.get("txnType") != Some(self.txn_type) {
            return Err(mismatch("txnType"));
        }
        Ok(Heard { fields, proof, code, meaning })
    }

    fn bind(&self, settings: &Settings, fields: &Fields) -> Result<(), Unclear> {
        let wanted = [
            ("merId", settings.merchant_id.as_str()),
            ("orderId", self.order_no.as_str()),
            ("txnTime", &beijing::text(self.opened_at)),
        ];
        match wanted.iter().find(|(name, value)| fields.get(name) != Some(*value)) {
            Some((name, _)) => Err(mismatch(name)),
            None => Ok(()),
        }
    }

    /// An answer, with its rule `unionpay.call.case`.
    pub(crate) fn is(&self, outcome: Outcome, case: &str) -> Answer {
        Answer::is(outcome, rule(self.verb, case))
    }

    /// Doubt by a code that UnionPay itself leaves open.
    pub(crate) fn unsure(&self, code: String) -> Answer {
        self.is(Outcome::unknown(Doubt::RailUnsure(code)), "unsure")
    }

    /// The transaction is there and not decided.
    pub(crate) fn pending(&self, proof: Genuine, fields: &Fields, case: &str) -> Answer {
        let pending = Pending { next_action: None, rail_ref: rail_ref(fields) };
        self.is(Outcome::pending(proof, pending), case)
    }
}

/// An answer that says nothing.
pub(crate) fn doubt(verb: Verb, doubt: Doubt, case: &str) -> Answer {
    Answer::is(Outcome::unknown(doubt), rule(verb, case))
}

/// The rule that a call's case is filed under.
pub(crate) fn rule(verb: Verb, case: &str) -> String {
    format!("unionpay.{}.{case}", verb.as_str())
}

/// The meaning of a code of a verified message.
pub(crate) fn listed(code: &str) -> Result<Meaning, Unclear> {
    codes::meaning(code).ok_or_else(|| {
        let kept = code.chars().take(CODE_CHARS_MAX).collect();
        Unclear(Doubt::UnlistedCode(kept), "unlisted_code")
    })
}

/// One of our words for a refusal.
pub(crate) fn reason(word: &str) -> Reason {
    Reason::parse(word).expect("each word of the table of codes is a reason, which a test walks")
}

/// What was settled: the signed amount, whichever it is, in the signed currency. `None` when it cannot be read.
pub(crate) fn settled(fields: &Fields) -> Option<Settled> {
    let traced = fields.get("traceTime").zip(fields.get("txnTime"));
    let settled_at = traced.and_then(|(trace_time, txn_time)| beijing::traced(trace_time, txn_time));
    Some(Settled { amount: amount(fields)?, rail_ref: rail_ref(fields), settled_at })
}

/// `queryId`: the handle for undo and refunds.
pub(crate) fn rail_ref(fields: &Fields) -> Option<RailRef> {
    RailRef::parse(fields.get("queryId")?).ok()
}

/// Digits of fen. A message without a currency is in yuan, the only currency that is ever asked for.
fn amount(fields: &Fields) -> Option<PositiveMoney> {
    let currency = match fields.get("currencyCode") {
        // Read back by its letters, which leaves out what the numbers list beside money (999, "no currency").
        Some(code) => Currency::parse(Currency::from_numeric(digits(code, 3)?.parse().ok()?)?.code()).ok()?,
        None => Currency::CNY,
    };
    let minor = digits(fields.get("txnAmt")?, AMOUNT_DIGITS_MAX)?.parse().ok()?;
    PositiveMoney::new(minor, currency).ok()
}

fn digits(text: &str, length_max: usize) -> Option<&str> {
    let plain = (1..=length_max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then_some(text)
}

fn mismatch(field: &str) -> Unclear {
    Unclear(Doubt::Mismatch(field.to_owned()), "mismatch")
}
