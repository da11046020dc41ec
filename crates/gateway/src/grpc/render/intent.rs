//! Intents, their attempts and what the payer does next.

use paifang_money::Money;
use paifang_payment::attempt::{Attempt, State};
use paifang_payment::intent::{self, CaptureMode, Intent};
use paifang_payment::{AttemptId, NextAction};
use paifang_proto::v1;
use paifang_store::Amounts;

use super::{discount, division, failure, money, presentation, time};

/// An intent as it stands.
pub(crate) fn intent(intent: &Intent, amounts: &Amounts) -> v1::PaymentIntent {
    let terms = &intent.terms;
    v1::PaymentIntent {
        payment_intent_id: terms.id.to_string(),
        request_id: terms.request_id.to_string(),
        amount: Some(money(terms.amount.money())),
        state: state(intent.state).into(),
        description: terms.description.clone(),
        metadata: terms.metadata.clone().into_iter().collect(),
        expire_time: Some(time(terms.expires_at)),
        create_time: Some(time(terms.created_at)),
        update_time: Some(time(intent.updated_at)),
        amount_captured: Some(money(amounts.captured)),
        amount_refunded: Some(money(amounts.refunded)),
        amount_refund_reserved: Some(money(amounts.reserved)),
        attempts: intent.attempts.iter().map(attempt).collect(),
        current_attempt_id: current(intent).map(|id| id.to_string()).unwrap_or_default(),
        next_action: next_action(intent),
        failure: failure::of_intent(intent),
        etag: paifang_engine::etag(intent, amounts),
        capture_method: match terms.capture {
            CaptureMode::Automatic => v1::CaptureMethod::Automatic.into(),
            CaptureMode::Manual => v1::CaptureMethod::Manual.into(),
        },
        amount_authorized: Some(money(amounts.authorized)),
        amount_capturable: Some(money(capturable(intent))),
        capture_before_time: intent.holder().and_then(Attempt::capture_by).map(time),
    }
}

/// What stands as held, and is not being taken already.
fn capturable(intent: &Intent) -> Money {
    let held = intent.holder().filter(|_| intent.state == intent::State::Authorized);
    let held = held.and_then(|attempt| attempt.state.hold());
    held.map_or_else(|| Money::zero(intent.terms.amount.currency()), |held| held.settled.amount.money())
}

/// The stored name of a state of the contract; `None` for "any".
pub(crate) fn intent_state_name(state: v1::PaymentIntentState) -> Option<&'static str> {
    match state {
        v1::PaymentIntentState::Unspecified => None,
        v1::PaymentIntentState::RequiresWallet => Some(intent::State::RequiresWallet.name()),
        v1::PaymentIntentState::AwaitingPayer => Some(intent::State::AwaitingPayer.name()),
        v1::PaymentIntentState::Processing => Some(intent::State::Processing.name()),
        v1::PaymentIntentState::Succeeded => Some("succeeded"),
        v1::PaymentIntentState::Canceled => Some(intent::State::Canceled.name()),
        v1::PaymentIntentState::Expired => Some(intent::State::Expired.name()),
        v1::PaymentIntentState::Failed => Some(intent::State::Failed.name()),
        v1::PaymentIntentState::Authorized => Some(intent::State::Authorized.name()),
    }
}

pub(super) fn state(state: intent::State) -> v1::PaymentIntentState {
    match state {
        intent::State::RequiresWallet => v1::PaymentIntentState::RequiresWallet,
        intent::State::AwaitingPayer => v1::PaymentIntentState::AwaitingPayer,
        intent::State::Processing => v1::PaymentIntentState::Processing,
        intent::State::Succeeded { .. } => v1::PaymentIntentState::Succeeded,
        intent::State::Canceled => v1::PaymentIntentState::Canceled,
        intent::State::Expired => v1::PaymentIntentState::Expired,
        intent::State::Failed => v1::PaymentIntentState::Failed,
        intent::State::Authorized => v1::PaymentIntentState::Authorized,
    }
}

pub(super) fn attempt_state(state: &State) -> v1::AttemptState {
    match state {
        State::Sending(_) => v1::AttemptState::Sending,
        State::AwaitingPayer(_) => v1::AttemptState::AwaitingPayer,
        State::InDoubt(_) => v1::AttemptState::InDoubt,
        State::Closing(_) => v1::AttemptState::Closing,
        State::Paid(_) => v1::AttemptState::Paid,
        State::Refused(_) => v1::AttemptState::Refused,
        State::Closed(_) => v1::AttemptState::Closed,
        State::Late(_) => v1::AttemptState::Late,
        State::Held(_) => v1::AttemptState::Held,
        State::Capturing(_) => v1::AttemptState::Capturing,
        State::Releasing(_) => v1::AttemptState::Releasing,
    }
}

fn attempt(attempt: &Attempt) -> v1::Attempt {
    let terms = &attempt.terms;
    let divided = division::of_attempt(attempt);
    let settled = attempt.state.settled();
    let rail_reference = attempt.rail_ref.as_ref().or(settled.and_then(|settled| settled.rail_ref.as_ref()));
    v1::Attempt {
        attempt_id: terms.id.to_string(),
        state: attempt_state(&attempt.state).into(),
        rail: terms.rail.to_string(),
        rail_account: terms.account.to_string(),
        wallet: terms.wallet.to_string(),
        presentation: presentation(terms.presentation).into(),
        order_number: terms.order_no.to_string(),
        rail_reference: rail_reference.map(ToString::to_string).unwrap_or_default(),
        failure: failure::of_attempt(attempt),
        create_time: Some(time(terms.opened_at)),
        expire_time: Some(time(terms.expires_at)),
        pay_time: settled.and_then(|settled| settled.settled_at).map(time),
        repeats_attempt_id: terms.repeats.map(|id| id.to_string()).unwrap_or_default(),
        left: attempt.left,
        discounts: discount::given(divided.as_ref().and_then(|division| division.discounts.as_ref())),
        division: divided.as_deref().map(division::division),
        payable_amount: Some(money(terms.amount.money())),
        capture_number: attempt.state.capture_no().map(ToString::to_string).unwrap_or_default(),
        credit_excluded: !terms.credit.is_allowed(),
    }
}

fn current(intent: &Intent) -> Option<AttemptId> {
    match intent.state {
        intent::State::Succeeded { winner } => Some(winner),
        intent::State::RequiresWallet
        | intent::State::AwaitingPayer
        | intent::State::Processing
        | intent::State::Authorized => intent.current().map(|attempt| attempt.terms.id),
        intent::State::Canceled | intent::State::Expired | intent::State::Failed => None,
    }
}

fn next_action(intent: &Intent) -> Option<v1::NextAction> {
    if intent.state != intent::State::AwaitingPayer {
        return None;
    }
    match &intent.current()?.state {
        State::AwaitingPayer(awaiting) => Some(action(&awaiting.next_action)),
        State::Sending(_)
        | State::InDoubt(_)
        | State::Closing(_)
        | State::Held(_)
        | State::Capturing(_)
        | State::Releasing(_)
        | State::Paid(_)
        | State::Refused(_)
        | State::Closed(_)
        | State::Late(_) => None,
    }
}

fn action(action: &NextAction) -> v1::NextAction {
    use v1::next_action::Kind;
    let kind = match action {
        NextAction::ShowQr { content, expires_at } => Kind::ShowQrCode(v1::ShowQrCode {
            content: content.clone(),
            expire_time: Some(time(*expires_at)),
        }),
        NextAction::InvokeWallet { parameters } => {
            Kind::InvokeWallet(v1::InvokeWallet { parameters: parameters.clone().into_iter().collect() })
        }
        NextAction::Redirect { url } => Kind::Redirect(v1::Redirect { url: url.clone() }),
        NextAction::PostForm { url, fields } => {
            let field = |field: &paifang_payment::FormField| v1::FormField {
                name: field.name.clone(),
                value: field.value.clone(),
            };
            Kind::SubmitForm(v1::SubmitForm { url: url.clone(), fields: fields.iter().map(field).collect() })
        }
        NextAction::WaitForPayer => Kind::WaitForPayer(v1::WaitForPayer {}),
    };
    v1::NextAction { kind: Some(kind) }
}
