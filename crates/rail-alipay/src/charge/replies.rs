//! What the answers to new orders mean.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use paifang_payment::{Doubt, NextAction, Pending, Settled, Verb};
use paifang_rail::{Answer, Genuine, Order, Outcome};

use crate::answer::{doubt, rule};
use crate::body::{Body, time, yuan};
use crate::descriptor;

/// A precreate that succeeded: a code to show. There is no trade until somebody scans it.
pub(crate) fn code(order: &Order, body: Body, proof: Genuine) -> Answer {
    let Some(content) = body.qr_code else {
        return doubt(Verb::Charge, Doubt::Unreadable, "no_qr_code");
    };
    shown(order, content, proof, "qr_code")
}

/// A QR code, until it or its order ends.
pub(crate) fn shown(order: &Order, content: String, proof: Genuine, case: &str) -> Answer {
    let next_action = NextAction::ShowQr { content, expires_at: order.expires_at.min(code_ends(order)) };
    let pending = Pending { next_action: Some(next_action), rail_ref: None };
    Answer::is(Outcome::pending(proof, pending), rule(Verb::Charge, case))
}

fn code_ends(order: &Order) -> Timestamp {
    let life = SignedDuration::from_secs(i64::from(descriptor::QR_LIFE_S));
    order.opened_at.checked_add(life).unwrap_or(order.expires_at)
}

/// A create that succeeded: the trade that the wallet's bridge opens.
pub(crate) fn created(body: Body, proof: Genuine) -> Answer {
    let rail_ref = body.rail_ref();
    let Some(trade_no) = body.trade_no else {
        return doubt(Verb::Charge, Doubt::Unreadable, "no_trade_no");
    };
    let parameters = BTreeMap::from([("tradeNO".to_owned(), trade_no)]);
    let pending = Pending { next_action: Some(NextAction::InvokeWallet { parameters }), rail_ref };
    Answer::is(Outcome::pending(proof, pending), rule(Verb::Charge, "created"))
}

/// A pay that succeeded. Without the time of the payment it is taken as waiting: v3 has no other mark for that, and a
/// query tells in any case.
pub(crate) fn paid(verb: Verb, order: &Order, body: &Body, proof: Genuine) -> Answer {
    if body.gmt_payment.is_none() {
        return waiting(verb, body, proof, "no_payment_time");
    }
    let foreign = body.trans_currency.as_deref().is_some_and(|code| code != order.amount.currency().code());
    if foreign {
        return doubt(verb, Doubt::AmountMismatch, "other_currency");
    }
    let Some(amount) = yuan(body.total_amount.as_deref()) else {
        return doubt(verb, Doubt::Unreadable, "no_amount");
    };
    let settled_at = time(body.gmt_payment.as_deref());
    let settled = Settled { amount, rail_ref: body.rail_ref(), settled_at };
    Answer::is(Outcome::paid(proof, settled), rule(verb, "paid"))
}

/// The payer has to confirm on the phone.
pub(crate) fn waiting(verb: Verb, body: &Body, proof: Genuine, case: &str) -> Answer {
    let next_action = (verb == Verb::Charge).then_some(NextAction::WaitForPayer);
    let pending = Pending { next_action, rail_ref: body.rail_ref().or(body.auth_ref()) };
    Answer::is(Outcome::pending(proof, pending), rule(verb, case))
}
