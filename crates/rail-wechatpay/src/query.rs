//! The query of an order, by our number.

use paifang_payment::{CloseProof, Doubt, Pending, Verb};
use paifang_rail::{Answer, Context, Genuine, Order, Outcome, Plan, PlanError};

use crate::wire::{self, Transaction};
use crate::{Settings, answer, request};

/// Order numbers are letters and digits, so nothing in the target needs escaping.
pub(crate) fn plan(settings: &Settings, order: &Order, cx: &Context<'_>) -> Result<Plan, PlanError> {
    let target = format!("/v3/pay/transactions/out-trade-no/{}?mchid={}", order.order_no, settings.mchid);
    request::get(settings, &target, cx)
}

/// What the order's state means.
pub(crate) fn read(settings: &Settings, order: &Order, body: &[u8], proof: Genuine) -> Answer {
    let verb = Verb::Query;
    let Some(found) = wire::parse::<Transaction>(body) else { return answer::unreadable(verb) };
    let binding = [
        ("out_trade_no", found.out_trade_no.as_str(), order.order_no.as_str()),
        ("mchid", &found.mchid, &settings.mchid),
        ("appid", &found.appid, &settings.appid),
    ];
    if let Some((field, ..)) = binding.iter().find(|(_, named, own)| named != own) {
        return answer::mismatch(verb, field);
    }
    let pending = |proof| Outcome::pending(proof, Pending { next_action: None, rail_ref: None });
    let closed = |proof| Outcome::closed(proof, CloseProof { returned: None, rail_ref: None });
    let (outcome, case) = match found.trade_state.as_str() {
        // REFUND is the state after the first refund, also a partial one: the order was paid.
        state @ ("SUCCESS" | "REFUND") => match found.settled() {
            Ok(settled) => {
                (Outcome::paid(proof, settled), if state == "SUCCESS" { "success" } else { "refund" })
            }
            Err(_) => return answer::unreadable(verb),
        },
        "NOTPAY" => (pending(proof), "notpay"),
        "USERPAYING" => (pending(proof), "userpaying"),
        "ACCEPT" => (pending(proof), "accept"),
        "CLOSED" => (closed(proof), "closed"),
        // Ended by a reverse, which returns whatever had been paid. Only orders of payer's codes can be reversed.
        "REVOKED" => (closed(proof), "revoked"),
        // The payment failed, but the order has not ended; it belongs to payer's codes too.
        "PAYERROR" => (Outcome::unknown(Doubt::RailUnsure("PAYERROR".to_owned())), "payerror"),
        other => (Outcome::unknown(Doubt::UnlistedCode(wire::shortened(other))), "unlisted_state"),
    };
    Answer::is(outcome, answer::rule(verb, case))
}
