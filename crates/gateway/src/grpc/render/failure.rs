//! What did not go well, in a form that a program can act on: derived from states, because refusals and doubts are states
//! and no errors.

use paifang_payment::attempt::{
    Attempt, CloseVerb, Closed, Closing, End, HELD_BACK, Operation, Phase, Sending, State,
};
use paifang_payment::intent::{self, Intent};
use paifang_payment::refund::{self, Refund};
use paifang_payment::{Attention, Basis, Doubt, Refusal};
use paifang_proto::v1::{Advice, Failure, FailureCategory, FailureStage, MoneyEffect};

const CODE_CHARS_MAX: usize = 64;
const MESSAGE_CHARS_MAX: usize = 512;

/// Refusals that the payer can do something about; all others want another attempt. The set of reasons is open, and an
/// adapter may bring one that is not here.
const PAYERS_MATTER: &[&str] = &[
    "insufficient_funds",
    "payer_account",
    "payer_code_invalid",
    "payer_declined",
    "payer_limit",
    "payer_mismatch",
];

/// Why the last attempt brought no payment, or why its outcome is unknown.
pub(crate) fn of_intent(intent: &Intent) -> Option<Failure> {
    let of_last = || intent.current().or(intent.attempts.last()).and_then(of_attempt);
    match intent.state {
        intent::State::Succeeded { .. } => None,
        intent::State::RequiresWallet
        | intent::State::AwaitingPayer
        | intent::State::Processing
        | intent::State::Authorized => of_last(),
        intent::State::Expired => Some(of_last().unwrap_or_else(|| expired(FailureStage::Charge)).and_stop()),
        intent::State::Canceled => of_last().and_then(of_canceled),
        intent::State::Failed => of_last().map(Stop::and_stop),
    }
}

/// That an unpaid order ran out is what a storefront wants that cancels it at a rail that cannot close one.
fn of_canceled(last: Failure) -> Option<Failure> {
    (last.category() != FailureCategory::Expired).then(|| last.and_stop())
}

/// Why an attempt did not go well, or why its outcome is unknown.
pub(crate) fn of_attempt(attempt: &Attempt) -> Option<Failure> {
    match &attempt.state {
        State::Sending(sending) => of_sending(FailureStage::Charge, sending),
        State::InDoubt(doubt) => Some(in_doubt(FailureStage::Charge, &doubt.doubt)),
        State::Closing(closing) => of_closing(closing),
        State::Refused(refused) => Some(of_refusal(FailureStage::Charge, &refused.refusal)),
        State::Closed(closed) => of_closed(closed),
        State::Late(_) => Some(Failure {
            reason: "late_payment".to_owned(),
            ..failure(FailureStage::Charge, FailureCategory::Late, MoneyEffect::Certain, Advice::Stop)
        }),
        State::Held(held) => {
            let refused = held.last_failure.as_ref();
            refused.map(|refusal| of_refusal(FailureStage::Capture, refusal))
        }
        State::Capturing(capturing) => of_operation(FailureStage::Capture, &capturing.operation),
        State::Releasing(releasing) => of_operation(FailureStage::Release, &releasing.operation),
        State::AwaitingPayer(_) | State::Paid(_) => None,
    }
}

/// Why a refund did not go well, or why its outcome is unknown.
pub(crate) fn of_refund(refund: &Refund) -> Option<Failure> {
    match &refund.state {
        refund::State::Sending(sending) => of_sending(FailureStage::Refund, sending),
        refund::State::InDoubt(doubt) => Some(in_doubt(FailureStage::Refund, &doubt.doubt)),
        refund::State::Failed { refusal } => {
            let advice = match refund.terms.purpose {
                refund::Purpose::Requested => Advice::NewAttempt,
                refund::Purpose::LateMoney => Advice::Stop,
            };
            Some(Failure { advice: advice.into(), ..of_refusal(FailureStage::Refund, refusal) })
        }
        refund::State::Processing { attention: Some(attention) } => Some(waiting(attention)),
        refund::State::Processing { attention: None } | refund::State::Succeeded { .. } => None,
    }
}

/// The money has left the merchant and lies at the rail, until somebody says where it goes.
fn waiting(attention: &Attention) -> Failure {
    let (category, advice) = (FailureCategory::NeedsAttention, Advice::AskOperator);
    Failure {
        reason: "refund_abnormal".to_owned(),
        rail_code: cut(attention.as_str(), CODE_CHARS_MAX),
        ..failure(FailureStage::Refund, category, MoneyEffect::Possible, advice)
    }
}

/// A send that is repeated by itself is told as long as it is not settled.
fn of_sending(stage: FailureStage, sending: &Sending) -> Option<Failure> {
    match (sending.doubted, sending.unsent) {
        (true, _) => Some(in_doubt(stage, &Doubt::ConnectionLost)),
        (false, true) => Some(Failure {
            reason: if sending.held_back { HELD_BACK } else { "rail_unreachable" }.to_owned(),
            ..failure(stage, FailureCategory::NotSent, MoneyEffect::None, Advice::QueryFirst)
        }),
        (false, false) => None,
    }
}

/// A capture or release that waits for its first answer is nothing to tell.
fn of_operation(stage: FailureStage, operation: &Operation) -> Option<Failure> {
    match &operation.phase {
        Phase::Unsent { doubted: true } | Phase::Sending { doubted: true } => {
            Some(in_doubt(stage, &Doubt::ConnectionLost))
        }
        Phase::Unsent { doubted: false } if operation.sends > 0 => Some(Failure {
            reason: "rail_unreachable".to_owned(),
            ..failure(stage, FailureCategory::NotSent, MoneyEffect::None, Advice::QueryFirst)
        }),
        Phase::InDoubt { doubt } => Some(in_doubt(stage, doubt)),
        Phase::Refused { refusal } => Some(in_doubt(stage, &Doubt::Unconfirmed(refusal.clone()))),
        Phase::Unsent { doubted: false } | Phase::Sending { doubted: false } | Phase::Pending => None,
    }
}

/// A close that waits for its first answer is nothing to tell.
fn of_closing(closing: &Closing) -> Option<Failure> {
    let stage = match closing.verb {
        CloseVerb::Close => FailureStage::Close,
        CloseVerb::Reverse => FailureStage::Reverse,
    };
    let (effect, reason) = match (&closing.paid, closing.ask || closing.absent) {
        (Some(_), _) => (MoneyEffect::Certain, "paid_and_reversing"),
        (None, true) => (MoneyEffect::Possible, "end_not_proved"),
        (None, false) => return None,
    };
    let failure = failure(stage, FailureCategory::InDoubt, effect, Advice::QueryFirst);
    Some(Failure { reason: reason.to_owned(), ..failure })
}

/// An order that the storefront ended is nothing to tell; one that ran out, or whose money went back, is.
fn of_closed(closed: &Closed) -> Option<Failure> {
    match (closed.returned, closed.end) {
        (Some(_), _) => Some(Failure {
            reason: "paid_and_reversed".to_owned(),
            ..failure(FailureStage::Reverse, FailureCategory::Late, MoneyEffect::Certain, Advice::NewAttempt)
        }),
        (None, End::NeverExisted) => Some(expired(FailureStage::Charge)),
        (None, End::Proved) => None,
    }
}

fn expired(stage: FailureStage) -> Failure {
    Failure {
        reason: "expired".to_owned(),
        ..failure(stage, FailureCategory::Expired, MoneyEffect::None, Advice::NewAttempt)
    }
}

fn of_refusal(stage: FailureStage, refusal: &Refusal) -> Failure {
    let category = match refusal.basis {
        Basis::Signed | Basis::Channel => FailureCategory::Refused,
        Basis::NotSent => FailureCategory::NotSent,
    };
    let advice = match PAYERS_MATTER.contains(&refusal.reason.as_str()) {
        true => Advice::AskPayer,
        false => Advice::NewAttempt,
    };
    Failure {
        reason: refusal.reason.to_string(),
        rail_code: cut(&refusal.rail_code, CODE_CHARS_MAX),
        rail_message: cut(&refusal.rail_message, MESSAGE_CHARS_MAX),
        ..failure(stage, category, MoneyEffect::None, advice)
    }
}

fn in_doubt(stage: FailureStage, doubt: &Doubt) -> Failure {
    let (reason, code, message) = match doubt {
        Doubt::TimedOut => ("timed_out", "", ""),
        Doubt::ConnectionLost => ("connection_lost", "", ""),
        Doubt::HttpStatus(_) => ("http_status", "", ""),
        Doubt::BadSignature => ("bad_signature", "", ""),
        Doubt::Unreadable => ("unreadable_answer", "", ""),
        Doubt::UnlistedCode(code) => ("unlisted_code", code.as_str(), ""),
        Doubt::RailUnsure(code) => ("rail_unsure", code.as_str(), ""),
        Doubt::Mismatch(_) => ("answer_mismatch", "", ""),
        Doubt::AmountMismatch => ("amount_mismatch", "", ""),
        Doubt::Unconfirmed(refusal) => {
            ("unconfirmed_refusal", refusal.rail_code.as_str(), refusal.rail_message.as_str())
        }
        Doubt::Crashed => ("gateway_restarted", "", ""),
        Doubt::MaybePaid(code) => ("maybe_paid", code.as_str(), ""),
    };
    let code = match doubt {
        Doubt::HttpStatus(status) => status.to_string(),
        _ => cut(code, CODE_CHARS_MAX),
    };
    Failure {
        reason: reason.to_owned(),
        rail_code: code,
        rail_message: cut(message, MESSAGE_CHARS_MAX),
        ..failure(stage, FailureCategory::InDoubt, MoneyEffect::Possible, Advice::QueryFirst)
    }
}

fn failure(stage: FailureStage, category: FailureCategory, effect: MoneyEffect, advice: Advice) -> Failure {
    Failure {
        stage: stage.into(),
        category: category.into(),
        money_effect: effect.into(),
        advice: advice.into(),
        ..Failure::default()
    }
}

fn cut(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}

/// A final intent takes no further attempt, so that none is advised.
trait Stop {
    fn and_stop(self) -> Self;
}

impl Stop for Failure {
    fn and_stop(self) -> Self {
        let settled = matches!(self.advice(), Advice::NewAttempt | Advice::AskPayer);
        let advice = if settled { Advice::Stop } else { self.advice() };
        Self { advice: advice.into(), ..self }
    }
}

#[cfg(test)]
mod tests;
