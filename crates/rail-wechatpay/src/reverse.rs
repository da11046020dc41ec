//! The reverse of a payer's code: an unpaid order is ended, a paid one goes back in full. It has no number of its own; it is
//! known by the order's, and the order's query tells of it.

use paifang_payment::{CloseProof, Doubt, Pending, Verb};
use paifang_rail::{Answer, Context, Genuine, Outcome, Plan, PlanError, Reversal};
use serde::{Deserialize, Serialize};

use crate::query::{self, bound};
use crate::{Settings, answer, request, wire};

#[derive(Serialize)]
struct Reverse<'a> {
    appid: &'a str,
    mchid: &'a str,
}

#[derive(Deserialize)]
struct Reversed {
    appid: String,
    mchid: String,
    out_trade_no: String,
}

/// Repeatable: what is reversed stays reversed.
pub(crate) fn plan(settings: &Settings, reversal: &Reversal, cx: &Context<'_>) -> Result<Plan, PlanError> {
    let target = format!("/v3/pay/transactions/out-trade-no/{}/reverse", reversal.order.order_no);
    request::post(settings, &target, &Reverse { appid: &settings.appid, mchid: &settings.mchid }, cx)
}

/// By our own number: an unpaid order has no other one.
pub(crate) fn plan_query(
    settings: &Settings,
    reversal: &Reversal,
    cx: &Context<'_>,
) -> Result<Plan, PlanError> {
    request::get(settings, &query::by_our_number(settings, &reversal.order), cx)
}

/// The answer names the order and no state, so what became of it, and whether money went back, is for the query to tell.
pub(crate) fn read(settings: &Settings, reversal: &Reversal, body: &[u8], proof: Genuine) -> Answer {
    let verb = Verb::Reverse;
    let Some(found) = wire::parse::<Reversed>(body) else { return answer::unreadable(verb) };
    let binding = [
        ("out_trade_no", found.out_trade_no.as_str(), reversal.order.order_no.as_str()),
        ("mchid", &found.mchid, &settings.mchid),
        ("appid", &found.appid, &settings.appid),
    ];
    match binding.iter().find(|(_, named, own)| named != own) {
        Some((field, ..)) => answer::mismatch(verb, field),
        None => {
            let pending = Pending { next_action: None, rail_ref: None };
            Answer::is(Outcome::pending(proof, pending), answer::rule(verb, "accepted"))
        }
    }
}

/// What the order's state says of its reverse. While the order stands, paid or not, no reverse was carried out.
pub(crate) fn read_query(settings: &Settings, reversal: &Reversal, body: &[u8], proof: Genuine) -> Answer {
    let verb = Verb::QueryReverse;
    let found = match bound(verb, settings, &reversal.order, body) {
        Ok(found) => found,
        Err(doubt) => return *doubt,
    };
    let (close, case) = match found.trade_state.as_str() {
        "REVOKED" => match found.revoked() {
            Ok(close) => (close, "revoked"),
            Err(_) => return answer::unreadable(verb),
        },
        "CLOSED" => (CloseProof { returned: None, rail_ref: None }, "closed"),
        "SUCCESS" | "NOTPAY" | "USERPAYING" | "PAYERROR" | "ACCEPT" => {
            return Answer::absent(Some(proof), answer::rule(verb, "not_reversed"));
        }
        // Some of it went back, and nothing says that it was all, or by the reverse.
        "REFUND" => return answer::doubt(verb, Doubt::RailUnsure("REFUND".to_owned()), "refund"),
        other => {
            let doubt = Doubt::UnlistedCode(wire::shortened(other));
            return answer::doubt(verb, doubt, "unlisted_state");
        }
    };
    Answer::is(Outcome::closed(proof, close), answer::rule(verb, case))
}
