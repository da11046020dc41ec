//! The query of an order, and what an order's state means: to a query, and to a charge by payer's code, whose answer is
//! the same object.

use paifang_payment::{CloseProof, Doubt, NextAction, Pending, Presentation, RailRef, Verb};
use paifang_rail::{Answer, Context, Genuine, Order, Outcome, Plan, PlanError};

use crate::wire::{self, Transaction};
use crate::{Settings, answer, request};

/// By the rail's number once it is known: only paid orders have one, and it cannot be confused with another order's. Else
/// by ours; order numbers are letters and digits, so nothing in the target needs escaping.
pub(crate) fn plan(settings: &Settings, order: &Order, cx: &Context<'_>) -> Result<Plan, PlanError> {
    let target = match order.rail_ref.as_ref().and_then(transaction_id) {
        Some(id) => format!("/v3/pay/transactions/id/{id}?mchid={}", settings.mchid),
        None => by_our_number(settings, order),
    };
    request::get(settings, &target, cx)
}

/// By our own number, which every order has from the start.
pub(crate) fn by_our_number(settings: &Settings, order: &Order) -> String {
    format!("/v3/pay/transactions/out-trade-no/{}?mchid={}", order.order_no, settings.mchid)
}

/// Documented as digits, at most 32.
fn transaction_id(rail_ref: &RailRef) -> Option<&str> {
    let text = rail_ref.as_str();
    (text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

/// The order that a body is about, or the answer of doubt where it is about another one.
pub(crate) fn bound(
    verb: Verb,
    settings: &Settings,
    order: &Order,
    body: &[u8],
) -> Result<Transaction, Box<Answer>> {
    let found = wire::parse::<Transaction>(body).ok_or_else(|| Box::new(answer::unreadable(verb)))?;
    let binding = [
        ("out_trade_no", found.out_trade_no.as_str(), order.order_no.as_str()),
        ("mchid", &found.mchid, &settings.mchid),
        ("appid", &found.appid, &settings.appid),
    ];
    match binding.iter().find(|(_, named, own)| named != own) {
        Some((field, ..)) => Err(Box::new(answer::mismatch(verb, field))),
        None => Ok(found),
    }
}

/// What the order's state means.
pub(crate) fn read(verb: Verb, settings: &Settings, order: &Order, body: &[u8], proof: Genuine) -> Answer {
    let found = match bound(verb, settings, order, body) {
        Ok(found) => found,
        Err(doubt) => return *doubt,
    };
    let next_action = (verb == Verb::Charge).then_some(NextAction::WaitForPayer);
    let pending = |proof| Outcome::pending(proof, Pending { next_action, rail_ref: None });
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
        "CLOSED" => (Outcome::closed(proof, CloseProof { returned: None, rail_ref: None }), "closed"),
        // Ended by a reverse, which returns whatever had been paid. Only orders of payer's codes can be reversed.
        "REVOKED" => match found.revoked() {
            Ok(close) => (Outcome::closed(proof, close), "revoked"),
            Err(_) => return answer::unreadable(verb),
        },
        // The rail's signed word that the payment failed. The order has not ended, but the code that it was made of
        // serves one order and one minute, so nothing can pay it any more.
        "PAYERROR" if order.presentation == Presentation::PayerCode => {
            let message = found.trade_state_desc.as_deref().unwrap_or_default();
            (Outcome::refused(proof, wire::reason("payer_declined"), "PAYERROR", message), "payerror")
        }
        // A state of payer's codes: it says nothing of another order.
        "PAYERROR" => (Outcome::unknown(Doubt::RailUnsure("PAYERROR".to_owned())), "payerror"),
        other => (Outcome::unknown(Doubt::UnlistedCode(wire::shortened(other))), "unlisted_state"),
    };
    Answer::is(outcome, answer::rule(verb, case))
}
