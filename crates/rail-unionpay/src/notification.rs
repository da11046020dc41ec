//! Back notifications: signed forms that UnionPay posts by itself. Nothing of one is used before its signature is
//! verified.
//!
//! Only success is taken from them. A failure of a code shown or of a page may still turn into success, and the message
//! does not say how long; so every other news says "there is something to ask about", and the query decides. The news of an
//! undo or of a release always says that: it does not name what it ended.

use paifang_payment::{OrderNo, Pending, Settled};
use paifang_rail::{
    Claims, Context, Genuine, HttpReply, NotGenuine, Notification, NotificationError, Outcome,
    RawNotification, Subject, Verdict, Verified,
};

use crate::answer::{self, Unclear};
use crate::charge::{HOLD, PURCHASE};
use crate::codes::Meaning;
use crate::fields::{Fields, Malformed};
use crate::hold::{CAPTURE, RELEASE};
use crate::refund::REFUND;
use crate::reverse::{UNDO, UNDO_CAPTURE};
use crate::sign::{self, Unproven};

/// Verifies and reads a notification.
pub(crate) fn open(
    raw: &RawNotification<'_>,
    cx: &Context<'_>,
) -> Result<Verified<Notification>, NotificationError> {
    if !raw.query.is_empty() {
        return Err(NotificationError::Malformed("a query in the URL"));
    }
    let fields = Fields::of_form(raw.body).map_err(malformed)?;
    let witness = sign::verify(&fields, cx).map_err(disbelieved)?;
    // One witness goes into the outcome, one stands for the message as a whole.
    let proof = sign::verify(&fields, cx).map_err(disbelieved)?;
    Ok(Verified::new(&witness, read(&fields, proof)?))
}

/// The answer: any 200 ends the repeats, its body does not matter.
pub(crate) fn acknowledge(verdict: Verdict) -> HttpReply {
    let (status, body) = match verdict {
        Verdict::Kept => (200, "ok"),
        Verdict::Orphan => (404, "fail"),
        Verdict::Rejected => (401, "fail"),
        Verdict::TryLater => (503, "fail"),
    };
    HttpReply { status, content_type: "text/plain", body }
}

fn malformed(why: Malformed) -> NotificationError {
    NotificationError::Malformed(match why {
        Malformed::Text => "not UTF-8",
        Malformed::Nameless => "a value without a name",
        Malformed::Doubled => "a field that stands there twice",
        Malformed::Ambiguous => "a value that could be read as further fields",
    })
}

fn disbelieved(why: Unproven) -> NotificationError {
    match why {
        Unproven::Unsigned => NotificationError::Unsigned,
        Unproven::NotGenuine(NotGenuine::WrongSignature) => NotificationError::WrongSignature,
        Unproven::NotGenuine(NotGenuine::UnknownKey | NotGenuine::UntrustedCertificate(_)) => {
            NotificationError::UnknownKey
        }
    }
}

fn wanted<'a>(fields: &'a Fields, name: &'static str) -> Result<&'a str, NotificationError> {
    fields.get(name).ok_or(NotificationError::Malformed(name))
}

/// Repeats are the same message, so the digest of what is signed is what they share.
fn read(fields: &Fields, proof: Genuine) -> Result<Notification, NotificationError> {
    let number = OrderNo::parse(wanted(fields, "orderId")?);
    let number = number.map_err(|_| NotificationError::Malformed("orderId"))?;
    let claims = Claims { merchant: fields.get("merId").map(str::to_owned), app: None };
    let meaning = answer::listed(wanted(fields, "respCode")?);
    let (subject, success): (_, Option<Success>) = match wanted(fields, "txnType")? {
        PURCHASE => (Subject::Charge(number), Some((Outcome::paid, "paid"))),
        HOLD => (Subject::Charge(number), Some((Outcome::held, "held"))),
        CAPTURE => (Subject::Capture(number), Some((Outcome::paid, "captured"))),
        RELEASE => (Subject::Release(number), None),
        REFUND => (Subject::Refund(number), Some((Outcome::refunded, "refunded"))),
        UNDO | UNDO_CAPTURE => (Subject::Reversal(number), None),
        _ => return Err(NotificationError::Malformed("txnType")),
    };
    let (outcome, case) = match (meaning, success) {
        (Ok(Meaning::Done), Some((told, case))) => {
            let settled = answer::settled(fields).ok_or(NotificationError::Malformed("txnAmt"))?;
            (told(proof, settled), case)
        }
        (Ok(_), _) => (ask(fields, proof), "ask"),
        (Err(Unclear(doubt, case)), _) => (Outcome::unknown(doubt), case),
    };
    let rule = format!("unionpay.notification.{case}");
    Ok(Notification { key: sign::digest_of(fields), subject, claims, refund_of: None, outcome, rule })
}

/// What success is called, and the case for the rule.
type Success = (fn(Genuine, Settled) -> Outcome, &'static str);

fn ask(fields: &Fields, proof: Genuine) -> Outcome {
    Outcome::pending(proof, Pending { next_action: None, rail_ref: answer::rail_ref(fields) })
}
