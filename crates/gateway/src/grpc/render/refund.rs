//! Refunds.

use paifang_payment::refund::{Purpose, Refund, State};
use paifang_proto::v1;

use super::{bearing, failure, money, time};

/// A refund as it stands.
pub(crate) fn refund(refund: &Refund) -> v1::Refund {
    let terms = &refund.terms;
    let settled = match &refund.state {
        State::Succeeded { settled } => Some(settled),
        State::Sending(_) | State::InDoubt(_) | State::Processing { .. } | State::Failed { .. } => None,
    };
    let rail_reference = refund.rail_ref.as_ref().or(settled.and_then(|settled| settled.rail_ref.as_ref()));
    let request_id = match terms.purpose {
        Purpose::Requested => terms.request_id.to_string(),
        Purpose::LateMoney => String::new(),
    };
    v1::Refund {
        refund_id: terms.id.to_string(),
        payment_intent_id: terms.intent.to_string(),
        attempt_id: terms.attempt.to_string(),
        request_id,
        amount: Some(money(terms.amount.money())),
        state: state_of(refund).into(),
        purpose: purpose(terms.purpose).into(),
        reason: terms.reason.clone().unwrap_or_default(),
        refund_number: terms.refund_no.to_string(),
        rail_reference: rail_reference.map(ToString::to_string).unwrap_or_default(),
        failure: failure::of_refund(refund),
        create_time: Some(time(terms.opened_at)),
        update_time: Some(time(refund.updated_at)),
        settle_time: settled.and_then(|settled| settled.settled_at).map(time),
        etag: refund.version.to_string(),
        bearing: bearing::bearing(refund),
    }
}

fn state_of(refund: &Refund) -> v1::RefundState {
    if refund.short().is_some() { v1::RefundState::AwaitingFunds } else { state(&refund.state) }
}

pub(super) fn state(state: &State) -> v1::RefundState {
    match state {
        State::Sending(_) => v1::RefundState::Sending,
        State::InDoubt(_) => v1::RefundState::InDoubt,
        State::Processing { .. } => v1::RefundState::Processing,
        State::Succeeded { .. } => v1::RefundState::Succeeded,
        State::Failed { .. } => v1::RefundState::Failed,
    }
}

fn purpose(purpose: Purpose) -> v1::RefundPurpose {
    match purpose {
        Purpose::Requested => v1::RefundPurpose::Requested,
        Purpose::LateMoney => v1::RefundPurpose::LateMoney,
    }
}
