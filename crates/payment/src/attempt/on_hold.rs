//! What one piece of news does to a hold: to one that stands, one that is being taken, and one that is given back.

use jiff::Timestamp;

use super::hold::{Capturing, Held, HoldTerms, Operation, Phase, Releasing, Taken};
use super::on::{HELD_BACK, NOT_SENT, RAIL_UNREACHABLE, own_refusal, same_transaction};
use super::{CloseVerb, Closed, Closing, End, Paid, SENDS_MAX, State, Turn, Why};
use crate::planted::{self, Defect};
use crate::{Basis, Doubt, News, NotSent, Observation, Outcome, Refusal, Settled, Source, Verb};

/// The rail tells that the payer's money is held, of an attempt in a state before that or after its end.
pub(super) fn arrived(
    terms: &HoldTerms,
    settled: &Settled,
    state: &State,
    verb: Verb,
    now: Timestamp,
) -> Turn {
    let held = || Held::new(settled.clone(), now);
    match state {
        State::Closing(closing) if verb != Verb::Close && may_end(closing) => Turn::Stay,
        State::Sending(_) | State::AwaitingPayer(_) | State::InDoubt(_) | State::Closing(_) => {
            Turn::Move(State::Held(held()))
        }
        // The attempt was told to have ended, so that nobody waits for this hold any more.
        State::Refused(_) | State::Closed(Closed { released: None, returned: None, .. }) => {
            let operation = Operation::unsent(terms.release_no.clone(), now);
            Turn::Move(State::Releasing(Releasing { held: held(), why: Why::Superseded, operation }))
        }
        State::Held(known)
        | State::Capturing(Capturing { held: known, .. })
        | State::Releasing(Releasing { held: known, .. }) => same_transaction(&known.settled, settled),
        State::Closed(_) | State::Paid(_) | State::Late(_) => Turn::Stay,
    }
}

/// A call that gives held money back as well may be on its way: whether the hold stands is known with its answer, or by
/// the query that follows it. To call the money held before would promise what is gone a moment later.
fn may_end(closing: &Closing) -> bool {
    match closing.verb {
        CloseVerb::Close => !closing.ask && !closing.absent,
        CloseVerb::Reverse => true,
    }
}

/// Whether this verb's "closed" speaks of the order itself: a close or reverse that had been sent before the hold was told
/// of ends the hold with the order.
fn speaks_of_order(verb: Verb) -> bool {
    match verb {
        Verb::Query | Verb::Close | Verb::Reverse | Verb::QueryReverse => true,
        Verb::Charge
        | Verb::Refund
        | Verb::QueryRefund
        | Verb::Capture
        | Verb::QueryCapture
        | Verb::Release
        | Verb::QueryRelease => false,
    }
}

/// A standing hold ends by the rail's word about the order itself; whatever else is said of it is nothing new.
pub(super) fn on_held(held: &Held, seen: &Observation) -> Turn {
    let News::Outcome(outcome) = &seen.news else { return Turn::Stay };
    match outcome {
        Outcome::Closed(_) if speaks_of_order(seen.verb) => released(held),
        Outcome::Paid(_) => Turn::Suspicious(Doubt::Mismatch("paid without a capture".into())),
        Outcome::Closed(_)
        | Outcome::Held(_)
        | Outcome::Refunded(_)
        | Outcome::Pending(_)
        | Outcome::Refused(_)
        | Outcome::NotSent(_)
        | Outcome::Unknown(_) => Turn::Stay,
    }
}

/// A capture is decided by the answers about itself only: a hold that is gone may have been taken.
pub(super) fn on_capturing(
    capturing: &Capturing,
    terms: &HoldTerms,
    seen: &Observation,
    now: Timestamp,
) -> Turn {
    let asked = match seen.verb {
        Verb::Capture => false,
        Verb::QueryCapture => true,
        Verb::Charge
        | Verb::Query
        | Verb::Close
        | Verb::Reverse
        | Verb::QueryReverse
        | Verb::Refund
        | Verb::QueryRefund
        | Verb::Release
        | Verb::QueryRelease => return on_others_word(&seen.news),
    };
    let operation = &capturing.operation;
    let to = |phase| {
        let operation = operation.turned(phase);
        Turn::Move(State::Capturing(Capturing { operation, ..capturing.clone() }))
    };
    let refused = |refusal: &Refusal| Turn::Move(State::Held(capturing.held.after_refusal(refusal.clone())));
    let outcome = match &seen.news {
        News::Outcome(outcome) => outcome,
        News::Absent => return on_no_capture(capturing, terms, asked, now),
    };
    match outcome {
        Outcome::Paid(settled) if planted::is(Defect::CaptureWhole) => {
            let (capture_no, opened_at) = (operation.number.clone(), operation.opened_at);
            let settled = Settled { amount: capturing.held.settled.amount, ..settled.clone() };
            Turn::Move(State::Paid(Paid { settled, taken: Some(Taken { capture_no, opened_at }) }))
        }
        Outcome::Paid(settled) if settled.amount != capturing.amount => {
            Turn::Suspicious(Doubt::AmountMismatch)
        }
        Outcome::Paid(settled) => {
            let (capture_no, opened_at) = (operation.number.clone(), operation.opened_at);
            let taken = Some(Taken { capture_no, opened_at });
            Turn::Move(State::Paid(Paid { settled: settled.clone(), taken }))
        }
        // The rail says of the capture that the money is still only held: nothing was taken.
        Outcome::Held(_) => on_no_capture(capturing, terms, asked, now),
        Outcome::Pending(_) => to(Phase::Pending),
        // As with every call that moves money at once, a no is final together with a query (F06).
        Outcome::Refused(refusal) if asked || refusal.basis == Basis::NotSent => refused(refusal),
        Outcome::Refused(refusal) if planted::is(Defect::CaptureRefusalAtOnce) => refused(refusal),
        Outcome::Refused(refusal) => match &operation.phase {
            Phase::Sending { .. } => to(Phase::InDoubt { doubt: Doubt::Unconfirmed(refusal.clone()) }),
            Phase::InDoubt { .. } => to(Phase::InDoubt { doubt: Doubt::Unconfirmed(refusal.clone()) }),
            Phase::Unsent { .. } | Phase::Pending | Phase::Refused { .. } => Turn::Stay,
        },
        Outcome::NotSent(cause) if !asked => match on_not_sent(operation, cause) {
            Unsent::Refused(refusal) => Turn::Move(State::Held(capturing.held.after_not_sent(refusal))),
            Unsent::Again(phase) => to(phase),
            Unsent::Nothing => Turn::Stay,
        },
        Outcome::Unknown(doubt) => on_unknown(operation, doubt, asked).map_or(Turn::Stay, to),
        // The capture was there and ended without money. A notification does not say so: what is "closed" under this number
        // may be the rest of the hold, which goes back with the capture.
        Outcome::Closed(_) if asked && seen.evidence.source != Source::Notification => {
            refused(&ended_unpaid())
        }
        Outcome::NotSent(_) | Outcome::Refunded(_) | Outcome::Closed(_) => Turn::Stay,
    }
}

/// A release ends with the rail's word that the hold is gone, whichever question brought it.
pub(super) fn on_releasing(
    releasing: &Releasing,
    terms: &HoldTerms,
    seen: &Observation,
    now: Timestamp,
) -> Turn {
    let asked = match seen.verb {
        Verb::Release => Some(false),
        Verb::QueryRelease => Some(true),
        Verb::Charge
        | Verb::Query
        | Verb::Close
        | Verb::Reverse
        | Verb::QueryReverse
        | Verb::Refund
        | Verb::QueryRefund
        | Verb::Capture
        | Verb::QueryCapture => None,
    };
    let operation = &releasing.operation;
    let to = |phase| {
        let operation = operation.turned(phase);
        Turn::Move(State::Releasing(Releasing { operation, ..releasing.clone() }))
    };
    let outcome = match (&seen.news, asked) {
        (News::Outcome(outcome), _) => outcome,
        (News::Absent, Some(true)) => return on_no_release(operation, terms, now).map_or(Turn::Stay, to),
        (News::Absent, Some(false) | None) => return Turn::Stay,
    };
    match (outcome, asked) {
        (Outcome::Closed(_), Some(_)) => released(&releasing.held),
        (Outcome::Closed(_), None) if speaks_of_order(seen.verb) => released(&releasing.held),
        (Outcome::Paid(_), _) => Turn::Suspicious(Doubt::Mismatch("paid without a capture".into())),
        (Outcome::Held(_), Some(true)) => again(operation, terms, now).map_or(Turn::Stay, to),
        (Outcome::Held(_), None) => match &operation.phase {
            Phase::Refused { .. } => to(Phase::Unsent { doubted: true }),
            Phase::Unsent { .. } | Phase::Sending { .. } | Phase::Pending | Phase::InDoubt { .. } => {
                Turn::Stay
            }
        },
        (Outcome::Pending(_), Some(_)) => to(Phase::Pending),
        (Outcome::Refused(refusal), Some(_)) => to(Phase::Refused { refusal: refusal.clone() }),
        (Outcome::NotSent(cause), Some(false)) => match on_not_sent(operation, cause) {
            // Money that is held has to go back: a release is tried until its schedule ends.
            Unsent::Refused(_) => to(Phase::Unsent { doubted: false }),
            Unsent::Again(phase) => to(phase),
            Unsent::Nothing => Turn::Stay,
        },
        (Outcome::Unknown(_), Some(false)) if planted::is(Defect::ReleaseTimeoutIsDone) => {
            released(&releasing.held)
        }
        (Outcome::Unknown(doubt), Some(asked)) => on_unknown(operation, doubt, asked).map_or(Turn::Stay, to),
        (
            Outcome::Closed(_)
            | Outcome::Pending(_)
            | Outcome::Refused(_)
            | Outcome::NotSent(_)
            | Outcome::Unknown(_),
            None,
        )
        | (Outcome::Held(_), Some(false))
        | (Outcome::NotSent(_), Some(true))
        | (Outcome::Refunded(_), _) => Turn::Stay,
    }
}

/// A query finds no such release. What the rail had refused unless it was done before is refused: the hold may have ended
/// otherwise, so the hold itself is asked about. Else the release is sent again under its number.
fn on_no_release(operation: &Operation, terms: &HoldTerms, now: Timestamp) -> Option<Phase> {
    match &operation.phase {
        Phase::InDoubt { doubt: Doubt::Unconfirmed(refusal) } => {
            Some(Phase::Refused { refusal: refusal.clone() })
        }
        Phase::InDoubt { .. }
        | Phase::Unsent { .. }
        | Phase::Sending { .. }
        | Phase::Pending
        | Phase::Refused { .. } => again(operation, terms, now),
    }
}

fn released(held: &Held) -> Turn {
    let released = Some(held.settled.amount);
    Turn::Move(State::Closed(Closed { end: End::Proved, returned: None, released }))
}

/// "Paid" is believed of a hold as the answer about its capture only.
fn on_others_word(news: &News) -> Turn {
    match news {
        News::Outcome(Outcome::Paid(_)) => {
            Turn::Suspicious(Doubt::Mismatch("paid by another word than the capture's".into()))
        }
        News::Absent
        | News::Outcome(
            Outcome::Held(_)
            | Outcome::Refunded(_)
            | Outcome::Closed(_)
            | Outcome::Pending(_)
            | Outcome::Refused(_)
            | Outcome::NotSent(_)
            | Outcome::Unknown(_),
        ) => Turn::Stay,
    }
}

fn ended_unpaid() -> Refusal {
    Refusal { basis: Basis::Signed, ..own_refusal("order_closed", "closed") }
}

/// A query finds that nothing was taken: the end of a refusal that waited for it, else the same number again.
fn on_no_capture(capturing: &Capturing, terms: &HoldTerms, asked: bool, now: Timestamp) -> Turn {
    let operation = &capturing.operation;
    match &operation.phase {
        // An earlier send may still be under way (F04).
        Phase::InDoubt { doubt: Doubt::Unconfirmed(_) } if asked && operation.may_yet_arrive(now) => {
            Turn::Stay
        }
        Phase::InDoubt { doubt: Doubt::Unconfirmed(refusal) } if asked => {
            Turn::Move(State::Held(capturing.held.after_refusal(refusal.clone())))
        }
        Phase::Unsent { .. }
        | Phase::Sending { .. }
        | Phase::Pending
        | Phase::InDoubt { .. }
        | Phase::Refused { .. }
            if asked =>
        {
            let phase = again(operation, terms, now);
            phase.map_or(Turn::Stay, |phase| {
                let operation = operation.turned(phase);
                Turn::Move(State::Capturing(Capturing { operation, ..capturing.clone() }))
            })
        }
        Phase::Unsent { .. }
        | Phase::Sending { .. }
        | Phase::Pending
        | Phase::InDoubt { .. }
        | Phase::Refused { .. } => Turn::Stay,
    }
}

/// The rail does not know the operation (yet): it is sent again under its number, as long as rails take that for the
/// same one. A delayed first request then finds its number used (F04).
fn again(operation: &Operation, terms: &HoldTerms, now: Timestamp) -> Option<Phase> {
    let in_time = now < terms.resend_until(operation.opened_at);
    match operation.phase {
        Phase::Sending { .. } | Phase::InDoubt { .. } if in_time => Some(Phase::Unsent { doubted: true }),
        Phase::Sending { .. } => Some(Phase::InDoubt { doubt: Doubt::Crashed }),
        Phase::InDoubt { .. } | Phase::Unsent { .. } | Phase::Pending | Phase::Refused { .. } => None,
    }
}

enum Unsent {
    Again(Phase),
    Refused(Refusal),
    Nothing,
}

fn on_not_sent(operation: &Operation, cause: &NotSent) -> Unsent {
    let Phase::Sending { doubted } = operation.phase else { return Unsent::Nothing };
    match cause {
        NotSent::NotPlanned(_) | NotSent::NotConnected | NotSent::HeldBack if doubted => {
            Unsent::Again(Phase::InDoubt { doubt: Doubt::ConnectionLost })
        }
        NotSent::NotPlanned(rule) => Unsent::Refused(own_refusal("invalid_request", rule)),
        NotSent::NotConnected if operation.sends >= SENDS_MAX => {
            Unsent::Refused(own_refusal(RAIL_UNREACHABLE, NOT_SENT))
        }
        NotSent::HeldBack if operation.sends >= SENDS_MAX => {
            Unsent::Refused(own_refusal(HELD_BACK, NOT_SENT))
        }
        NotSent::NotConnected | NotSent::HeldBack => Unsent::Again(Phase::Unsent { doubted: false }),
    }
}

fn on_unknown(operation: &Operation, doubt: &Doubt, asked: bool) -> Option<Phase> {
    let doubt = if asked { Doubt::Crashed } else { doubt.clone() };
    match operation.phase {
        Phase::Sending { .. } => Some(Phase::InDoubt { doubt }),
        Phase::Unsent { .. } | Phase::Pending | Phase::InDoubt { .. } | Phase::Refused { .. } => None,
    }
}
