//! What one piece of news does to an attempt: a function per outcome, a match over all states in each. What happens to
//! money that is held is in `on_hold`.

use jiff::Timestamp;

use super::on_hold::{arrived, on_capturing, on_held, on_releasing};
use super::undo::undo_not_sent;
use super::{
    Attempt, AwaitingPayer, CloseVerb, Closed, Closing, End, Found, InDoubt, Late, Paid, Refused, SENDS_MAX,
    State,
};
use crate::planted::{self, Defect};
use crate::{
    Basis, CloseProof, Doubt, News, NextAction, NotSent, Observation, Outcome, Pending, Reason, Refusal,
    Settled, Verb,
};

/// The digits of a payer's code are kept in memory only, and the process that held them has ended.
pub const PAYER_CODE_LOST: &str = "payer_code_lost";

/// Our own limits held it back, as often as it was tried: the rail has no part in it.
pub const HELD_BACK: &str = "held_back";

/// No byte left us, as often as it was tried.
pub(crate) const RAIL_UNREACHABLE: &str = "rail_unreachable";
/// Nothing was sent, and nobody wants it any more.
pub(crate) const NOT_SENT: &str = "not_sent";

/// Where a piece of news leads.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "it lives for one call and is never stored")]
pub enum Turn {
    /// Nothing new.
    Stay,
    /// To this state.
    Move(State),
    /// Genuine, but it contradicts what was ordered or settled: kept, raised, and without effect.
    Suspicious(Doubt),
}

impl Attempt {
    /// Where this news leads at this time. Total: every state takes every outcome of every verb.
    pub fn on(&self, seen: &Observation, now: Timestamp) -> Turn {
        match self.turn(seen, now) {
            Turn::Move(next) if next == self.state => Turn::Stay,
            turn => turn,
        }
    }

    fn turn(&self, seen: &Observation, now: Timestamp) -> Turn {
        if let News::Outcome(Outcome::Held(settled)) = &seen.news
            && matches!(seen.verb, Verb::Charge | Verb::Query | Verb::Close)
        {
            match self.on_hold(settled, seen.verb, now) {
                Turn::Stay => {}
                turn => return turn,
            }
        }
        match (&self.state, &self.terms.hold) {
            (State::Held(held), Some(_)) => on_held(held, seen),
            (State::Capturing(capturing), Some(terms)) => on_capturing(capturing, terms, seen, now),
            (State::Releasing(releasing), Some(terms)) => on_releasing(releasing, terms, seen, now),
            (State::Held(_) | State::Capturing(_) | State::Releasing(_), None) => Turn::Stay,
            (
                State::Sending(_)
                | State::AwaitingPayer(_)
                | State::InDoubt(_)
                | State::Closing(_)
                | State::Paid(_)
                | State::Refused(_)
                | State::Closed(_)
                | State::Late(_),
                _,
            ) => self.on_order(seen, now),
        }
    }

    /// Only an attempt that was opened as a hold, and only the whole amount, is believed to be held (I4).
    fn on_hold(&self, settled: &Settled, verb: Verb, now: Timestamp) -> Turn {
        match &self.terms.hold {
            Some(_) if settled.amount != self.terms.amount => Turn::Suspicious(Doubt::AmountMismatch),
            Some(terms) => arrived(terms, settled, &self.state, verb, now),
            None => Turn::Suspicious(Doubt::Mismatch("held".into())),
        }
    }

    /// News of an order that is not held (yet, or any more).
    fn on_order(&self, seen: &Observation, now: Timestamp) -> Turn {
        let outcome = match &seen.news {
            News::Absent => return self.on_absent(seen.verb, now),
            News::Outcome(outcome) => outcome,
        };
        match outcome {
            Outcome::Paid(settled) => self.on_paid(settled, seen.verb),
            Outcome::Refunded(_) | Outcome::Held(_) => Turn::Stay,
            Outcome::Closed(proof) => self.on_closed(proof),
            Outcome::Pending(pending) => self.on_pending(pending, seen.verb),
            Outcome::Refused(refusal) => self.on_refused(refusal, seen.verb),
            Outcome::NotSent(cause) => self.on_not_sent(cause, seen.verb, now),
            Outcome::Unknown(doubt) => self.on_unknown(doubt, seen.verb),
        }
    }

    fn on_paid(&self, settled: &Settled, verb: Verb) -> Turn {
        if self.terms.hold.is_some() {
            return self.on_paid_hold(settled, verb);
        }
        if settled.amount != self.terms.amount && !planted::is(Defect::AmountUnchecked) {
            return Turn::Suspicious(Doubt::AmountMismatch);
        }
        let settled = settled.clone();
        let paid = |settled| Turn::Move(State::Paid(Paid { settled, taken: None }));
        match &self.state {
            State::Sending(_) | State::AwaitingPayer(_) | State::InDoubt(_) => paid(settled),
            State::Closing(closing) => match (closing.verb, &closing.paid) {
                (CloseVerb::Close, _) => paid(settled),
                (CloseVerb::Reverse, None) => {
                    Turn::Move(State::Closing(Closing { paid: Some(settled), ..closing.clone() }))
                }
                (CloseVerb::Reverse, Some(known)) => same_transaction(known, &settled),
            },
            State::Paid(Paid { settled: known, .. }) | State::Late(Late { settled: known }) => {
                same_transaction(known, &settled)
            }
            State::Closed(Closed { returned: Some(_), .. }) => Turn::Stay,
            State::Refused(_) | State::Closed(_) if planted::is(Defect::LateDropped) => Turn::Stay,
            State::Refused(_) | State::Closed(_) => Turn::Move(State::Late(Late { settled })),
            State::Held(_) | State::Capturing(_) | State::Releasing(_) => Turn::Stay,
        }
    }

    /// A hold is paid by its capture only, of which nothing is to be heard before it was asked for.
    fn on_paid_hold(&self, settled: &Settled, verb: Verb) -> Turn {
        let captured = matches!(verb, Verb::Capture | Verb::QueryCapture);
        match &self.state {
            State::Paid(Paid { settled: known, taken: Some(_) }) if captured => {
                if known.amount != settled.amount {
                    return Turn::Suspicious(Doubt::AmountMismatch);
                }
                same_transaction(known, settled)
            }
            State::Sending(_)
            | State::AwaitingPayer(_)
            | State::InDoubt(_)
            | State::Closing(_)
            | State::Held(_)
            | State::Capturing(_)
            | State::Releasing(_)
            | State::Paid(_)
            | State::Refused(_)
            | State::Closed(_)
            | State::Late(_) => Turn::Suspicious(Doubt::Mismatch("paid without a capture".into())),
        }
    }

    fn on_closed(&self, proof: &CloseProof) -> Turn {
        // What was only held was never paid, so nothing of it can have come back.
        let returned = proof.returned.filter(|_| self.terms.hold.is_none());
        let ended =
            |returned| Turn::Move(State::Closed(Closed { end: End::Proved, returned, released: None }));
        match &self.state {
            State::Sending(_) | State::AwaitingPayer(_) | State::InDoubt(_) => ended(returned),
            State::Closing(closing) => {
                ended(returned.or_else(|| closing.paid.as_ref().map(|settled| settled.amount)))
            }
            State::Held(_) | State::Capturing(_) | State::Releasing(_) => Turn::Stay,
            State::Paid(_) | State::Refused(_) | State::Closed(_) | State::Late(_) => Turn::Stay,
        }
    }

    fn on_pending(&self, pending: &Pending, verb: Verb) -> Turn {
        let shown = pending.next_action.clone().or(self.is_synchronous().then_some(NextAction::WaitForPayer));
        let unpaid = |doubt: Doubt, sends| {
            Turn::Move(State::InDoubt(InDoubt { doubt, sends, found: Some(Found::Unpaid) }))
        };
        match (&self.state, shown) {
            (State::Sending(_) | State::InDoubt(_), Some(next_action)) => {
                Turn::Move(State::AwaitingPayer(AwaitingPayer { next_action }))
            }
            (State::Sending(sending), None) => unpaid(Doubt::Crashed, sending.sends),
            (State::InDoubt(doubt), None) if doubt.found != Some(Found::Unpaid) => {
                unpaid(doubt.doubt.clone(), doubt.sends)
            }
            (State::InDoubt(_), None) => Turn::Stay,
            (State::Closing(closing), _) => match verb {
                Verb::Close | Verb::Reverse | Verb::QueryReverse => ask(closing, true),
                Verb::Query => ask(closing, false),
                Verb::Charge
                | Verb::Refund
                | Verb::QueryRefund
                | Verb::Capture
                | Verb::QueryCapture
                | Verb::Release
                | Verb::QueryRelease => Turn::Stay,
            },
            (State::AwaitingPayer(_), _) => Turn::Stay,
            (State::Held(_) | State::Capturing(_) | State::Releasing(_), _) => Turn::Stay,
            (State::Paid(_) | State::Refused(_) | State::Closed(_) | State::Late(_), _) => Turn::Stay,
        }
    }

    fn on_refused(&self, refusal: &Refusal, verb: Verb) -> Turn {
        let refused = || Turn::Move(State::Refused(Refused { refusal: refusal.clone() }));
        match (&self.state, verb) {
            (State::Sending(_), Verb::Charge) if self.needs_confirmation(refusal) => {
                self.unconfirmed(refusal, 1)
            }
            (State::InDoubt(doubt), Verb::Charge) if self.needs_confirmation(refusal) => {
                self.unconfirmed(refusal, doubt.sends)
            }
            (State::Sending(_) | State::InDoubt(_), Verb::Charge | Verb::Query) => refused(),
            (State::AwaitingPayer(_), Verb::Query) => refused(),
            (State::Closing(closing), Verb::Query) if closing.paid.is_none() => refused(),
            (State::Closing(closing), Verb::Close) => ask(closing, true),
            (State::Closing(closing), Verb::Reverse | Verb::QueryReverse) => match &closing.paid {
                Some(settled) => Turn::Move(State::Paid(Paid { settled: settled.clone(), taken: None })),
                None => Turn::Move(State::InDoubt(InDoubt {
                    doubt: Doubt::RailUnsure(refusal.rail_code.clone()),
                    sends: SENDS_MAX,
                    found: None,
                })),
            },
            (State::Sending(_) | State::AwaitingPayer(_) | State::InDoubt(_) | State::Closing(_), _)
            | (State::Held(_) | State::Capturing(_) | State::Releasing(_), _) => Turn::Stay,
            (State::Paid(_) | State::Refused(_) | State::Closed(_) | State::Late(_), _) => Turn::Stay,
        }
    }

    fn on_not_sent(&self, cause: &NotSent, verb: Verb, now: Timestamp) -> Turn {
        let sending = match (&self.state, verb) {
            (State::Sending(sending), Verb::Charge) => sending,
            (State::Closing(closing), Verb::Reverse) => return undo_not_sent(closing),
            _ => return Turn::Stay,
        };
        if sending.doubted && planted::is(Defect::DoubtForgotten) {
            return Turn::Move(State::Refused(Refused { refusal: never_sent() }));
        }
        if sending.doubted {
            let doubt = InDoubt { doubt: Doubt::ConnectionLost, sends: sending.sends, found: None };
            return Turn::Move(State::InDoubt(doubt));
        }
        let (reason, code) = match cause {
            NotSent::NotPlanned(rule) if rule == PAYER_CODE_LOST => (PAYER_CODE_LOST, NOT_SENT),
            NotSent::NotPlanned(rule) => ("invalid_request", rule.as_str()),
            NotSent::NotConnected => (RAIL_UNREACHABLE, NOT_SENT),
            NotSent::HeldBack => (HELD_BACK, NOT_SENT),
        };
        // A payer's code is not kept, so whoever holds it has sent it again as often as made sense.
        let hopeless = matches!(cause, NotSent::NotPlanned(_)) || self.is_synchronous();
        if hopeless || sending.sends >= SENDS_MAX || self.is_expired(now) {
            return Turn::Move(State::Refused(Refused { refusal: own_refusal(reason, code) }));
        }
        Turn::Move(State::Sending(sending.not_sent(cause)))
    }

    fn on_unknown(&self, doubt: &Doubt, verb: Verb) -> Turn {
        match (&self.state, verb) {
            (State::Sending(sending), Verb::Charge) => Turn::Move(State::InDoubt(InDoubt {
                doubt: doubt.clone(),
                sends: sending.sends,
                found: None,
            })),
            (State::Sending(sending), Verb::Query) => Turn::Move(State::InDoubt(InDoubt {
                doubt: Doubt::Crashed,
                sends: sending.sends,
                found: None,
            })),
            (State::Closing(_), Verb::Close)
                if matches!(doubt, Doubt::MaybePaid(_)) && planted::is(Defect::ClosePaidIsClosed) =>
            {
                Turn::Move(State::Closed(Closed { end: End::Proved, returned: None, released: None }))
            }
            (State::Closing(closing), Verb::Close | Verb::Reverse) => ask(closing, true),
            (State::Sending(_) | State::AwaitingPayer(_) | State::InDoubt(_) | State::Closing(_), _)
            | (State::Held(_) | State::Capturing(_) | State::Releasing(_), _) => Turn::Stay,
            (State::Paid(_) | State::Refused(_) | State::Closed(_) | State::Late(_), _) => Turn::Stay,
        }
    }

    /// Absence is final only after the order's own expiry: before it, a delayed request may still create the order (F04).
    fn on_absent(&self, verb: Verb, now: Timestamp) -> Turn {
        let never_existed =
            || Turn::Move(State::Closed(Closed { end: End::NeverExisted, returned: None, released: None }));
        let last = self.absence_is_final(now) || planted::is(Defect::NotFoundIsFailure);
        let nothing = |doubt: &Doubt, sends| {
            Turn::Move(State::InDoubt(InDoubt { doubt: doubt.clone(), sends, found: Some(Found::Nothing) }))
        };
        match &self.state {
            State::InDoubt(InDoubt { doubt: Doubt::Unconfirmed(refusal), .. }) => {
                Turn::Move(State::Refused(Refused { refusal: refusal.clone() }))
            }
            State::Closing(closing) => match (closing.verb, verb) {
                (CloseVerb::Reverse, Verb::QueryReverse) => ask(closing, false),
                (CloseVerb::Close | CloseVerb::Reverse, _) if last && closing.paid.is_none() => {
                    never_existed()
                }
                (CloseVerb::Close, _) => {
                    Turn::Move(State::Closing(Closing { absent: true, ask: false, ..closing.clone() }))
                }
                (CloseVerb::Reverse, _) => Turn::Stay,
            },
            State::Sending(_) | State::InDoubt(_) | State::AwaitingPayer(_) if last => never_existed(),
            State::Sending(sending) => nothing(&Doubt::Crashed, sending.sends),
            State::InDoubt(doubt) => nothing(&doubt.doubt, doubt.sends),
            State::AwaitingPayer(_) => Turn::Stay,
            State::Held(_) | State::Capturing(_) | State::Releasing(_) => Turn::Stay,
            State::Paid(_) | State::Refused(_) | State::Closed(_) | State::Late(_) => Turn::Stay,
        }
    }

    /// The no of a rail to a charge that happens in the call itself becomes final together with a query (F06).
    fn needs_confirmation(&self, refusal: &Refusal) -> bool {
        self.is_synchronous() && refusal.basis != Basis::NotSent
    }

    fn unconfirmed(&self, refusal: &Refusal, sends: u32) -> Turn {
        let doubt = Doubt::Unconfirmed(refusal.clone());
        Turn::Move(State::InDoubt(InDoubt { doubt, sends, found: None }))
    }
}

fn ask(closing: &Closing, ask: bool) -> Turn {
    if closing.ask == ask && !closing.absent {
        return Turn::Stay;
    }
    let sends = if closing.ask && !ask { closing.sends + 1 } else { closing.sends };
    Turn::Move(State::Closing(Closing { sends, ask, absent: false, ..closing.clone() }))
}

/// The same fact twice is nothing new; a second transaction under one order number is raised (F05).
pub(super) fn same_transaction(known: &Settled, settled: &Settled) -> Turn {
    match (&known.rail_ref, &settled.rail_ref) {
        (Some(one), Some(other)) if one != other => Turn::Suspicious(Doubt::Mismatch("rail_ref".into())),
        _ => Turn::Stay,
    }
}

/// Nothing has left us, and the intent no longer wants it.
pub(crate) fn never_sent() -> Refusal {
    own_refusal(NOT_SENT, NOT_SENT)
}

pub(super) fn own_refusal(reason: &'static str, code: &str) -> Refusal {
    Refusal {
        reason: Reason::parse(reason).expect("a literal of our own in the reason's alphabet"),
        rail_code: code.to_owned(),
        rail_message: String::new(),
        basis: Basis::NotSent,
    }
}
