//! How much a fact is about, and the rail's code where it says no or says nothing that we know.

use paifang_money::PositiveMoney;
use paifang_payment::attempt::State;
use paifang_payment::intent::{Fact, Wish};
use paifang_payment::{Doubt, refund};

type Told<'a> = (Option<PositiveMoney>, Option<&'a str>);

/// Of an intent's journal.
pub(super) fn of_intent(fact: &Fact) -> Told<'_> {
    match fact {
        Fact::Created { terms } => (Some(terms.amount), None),
        Fact::Wished { wish: Wish::Switch { next } } => (Some(next.amount), None),
        Fact::AttemptOpened { terms } => (Some(terms.amount), None),
        Fact::AttemptMoved { to, .. } => of_attempt(to),
        Fact::Strayed { stray } => (Some(stray.amount), None),
        Fact::Wished { wish: Wish::None | Wish::Cancel | Wish::Expire }
        | Fact::AttemptLeft { .. }
        | Fact::Moved { .. }
        | Fact::Complained { .. }
        | Fact::Redriven { .. } => (None, None),
    }
}

fn of_attempt(state: &State) -> Told<'_> {
    match state {
        State::Paid(paid) => (Some(paid.settled.amount), None),
        State::Late(late) => (Some(late.settled.amount), None),
        State::Held(held) => {
            let code = held.last_failure.as_ref().map(|refusal| refusal.rail_code.as_str());
            (Some(held.settled.amount), code)
        }
        State::Capturing(capturing) => (Some(capturing.amount), None),
        State::Releasing(releasing) => (Some(releasing.held.settled.amount), None),
        State::Closing(closing) => (closing.paid.as_ref().map(|settled| settled.amount), None),
        State::Closed(closed) => (closed.returned.or(closed.released), None),
        State::Refused(refused) => (None, Some(&refused.refusal.rail_code)),
        State::InDoubt(doubt) => (None, of_doubt(&doubt.doubt)),
        State::Sending(_) | State::AwaitingPayer(_) => (None, None),
    }
}

/// Of a refund's journal.
pub(super) fn of_refund(fact: &refund::Fact) -> Told<'_> {
    match fact {
        refund::Fact::Opened { terms } => (Some(terms.amount), None),
        refund::Fact::Moved { to, .. } => match to {
            refund::State::Succeeded { settled } => (Some(settled.amount), None),
            refund::State::Failed { refusal } => (None, Some(&refusal.rail_code)),
            refund::State::InDoubt(doubt) => (None, of_doubt(&doubt.doubt)),
            refund::State::Processing { attention } => {
                (None, attention.as_ref().map(|attention| attention.as_str()))
            }
            refund::State::Sending(_) => (None, None),
        },
        refund::Fact::Funded { allocation } => (Some(allocation.refund()), None),
        refund::Fact::Reversed { reversal, .. } => (reversal.amount(), None),
        refund::Fact::Redriven { .. } => (None, None),
    }
}

fn of_doubt(doubt: &Doubt) -> Option<&str> {
    match doubt {
        Doubt::Unconfirmed(refusal) => Some(&refusal.rail_code),
        Doubt::UnlistedCode(code) | Doubt::RailUnsure(code) | Doubt::MaybePaid(code) => Some(code),
        Doubt::TimedOut
        | Doubt::ConnectionLost
        | Doubt::HttpStatus(_)
        | Doubt::BadSignature
        | Doubt::Unreadable
        | Doubt::AmountMismatch
        | Doubt::Mismatch(_)
        | Doubt::Crashed => None,
    }
}
