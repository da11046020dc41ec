//! The one door for news about attempts: replies, notifications, queries, in any order, any number of times.

use jiff::Timestamp;

use super::settle::Draft;
use super::{Fact, Intent, Namer, Step, Wish};
use crate::attempt::{
    Attempt, Capturing, CloseVerb, Closing, Duty, Paid, Releasing, Sending, State, Turn, Why,
};
use crate::{AttemptId, Doubt, Evidence, News, Observation, Outcome, RailRef, Source, Verb};

/// What became of news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Something changed: commit the step.
    News(Box<Step>),
    /// Nothing new; the intent is as it was.
    Known(Box<Intent>),
    /// Genuine and contradictory: keep the message, raise it, change nothing.
    Suspicious(Doubt),
}

/// News about something that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the intent has no attempt {0}")]
pub struct ObserveError(pub AttemptId);

impl Intent {
    /// Takes a piece of news about an attempt.
    pub fn observe(
        self,
        attempt: AttemptId,
        seen: &Observation,
        now: Timestamp,
        namer: &dyn Namer,
    ) -> Result<Seen, ObserveError> {
        let known = self.attempt(attempt).ok_or(ObserveError(attempt))?;
        // A payment's own number replaces what an earlier, failed try of the payer had.
        let told = matches!(&seen.news, News::Outcome(Outcome::Paid(_) | Outcome::Held(_)));
        let paid = told && known.state.is_live() && known.state.hold().is_none();
        let rail_ref = rail_ref_of(&seen.news)
            .filter(|_| speaks_of_order(seen.verb))
            .filter(|new| known.rail_ref.is_none() || paid && known.rail_ref.as_ref() != Some(new));
        let (turn, rail_ref) = match known.on(seen, now) {
            Turn::Suspicious(doubt) if seen.evidence.source == Source::Notification => {
                return Ok(Seen::Suspicious(doubt));
            }
            // Neither is the number believed: a reverse or a refund would go to another transaction.
            Turn::Suspicious(doubt) => (known.on(&unbelieved(seen, doubt), now), None),
            turn => (turn, rail_ref),
        };
        let to = match turn {
            Turn::Move(to) => Some(self.reverse_if_canceled(known, to)),
            Turn::Stay | Turn::Suspicious(_) if rail_ref.is_some() => Some(known.state.clone()),
            Turn::Stay | Turn::Suspicious(_) => None,
        };
        let to = to.filter(|to| known.state.is_live() || *to != known.state);
        let asked = (seen.verb == Verb::Query && seen.news.is_answer()).then_some(attempt);
        let mut draft = Draft::new(self, now, seen.evidence.clone(), namer);
        draft.asked = asked;
        if let Some(to) = to {
            draft.shift(attempt, to, rail_ref);
        }
        let step = draft.settle();
        Ok(if step.entries.is_empty() {
            Seen::Known(Box::new(step.intent))
        } else {
            Seen::News(Box::new(step))
        })
    }

    /// Writes a (repeated) send ahead. `None` when the attempt does not want one any more.
    pub fn begin_send(self, attempt: AttemptId, now: Timestamp, namer: &dyn Namer) -> Option<Step> {
        let known = self.attempt(attempt)?;
        if known.duty(self.wants(known)) != Duty::Send {
            return None;
        }
        let to = match &known.state {
            State::Sending(sending) => State::Sending(Sending::ahead(sending.sends + 1, sending.doubted)),
            State::InDoubt(doubt) => State::Sending(Sending::ahead(doubt.sends + 1, true)),
            State::Capturing(capturing) => {
                let operation = capturing.operation.begin_send(now)?;
                State::Capturing(Capturing { operation, ..capturing.clone() })
            }
            State::Releasing(releasing) => {
                let operation = releasing.operation.begin_send(now)?;
                State::Releasing(Releasing { operation, ..releasing.clone() })
            }
            State::AwaitingPayer(_)
            | State::Closing(_)
            | State::Held(_)
            | State::Paid(_)
            | State::Refused(_)
            | State::Closed(_)
            | State::Late(_) => return None,
        };
        let evidence = Evidence::plain(Source::Rule, "attempt.send_again");
        let mut draft = Draft::new(self, now, evidence, namer);
        draft.record(Fact::AttemptMoved { attempt, to, rail_ref: None });
        Some(draft.settle())
    }

    /// A payer's code charge that turns out paid while the storefront cancels goes back by a reverse; otherwise goods
    /// might ship for money that is on its way back.
    fn reverse_if_canceled(&self, known: &Attempt, to: State) -> State {
        match to {
            State::Paid(Paid { settled, taken: None })
                if self.wish == Wish::Cancel
                    && known.is_synchronous()
                    && known
                        .terms
                        .rules
                        .can_reverse(known.rail_ref.is_some() || settled.rail_ref.is_some())
                    && !matches!(known.state, State::Closing(_)) =>
            {
                State::Closing(Closing::open(CloseVerb::Reverse, Why::Cancel, Some(settled)))
            }
            to => to,
        }
    }
}

/// What a reply or query says that does not fit the order is not believed; it is a doubt like any other.
fn unbelieved(seen: &Observation, doubt: Doubt) -> Observation {
    Observation { news: News::Outcome(Outcome::Unknown(doubt)), attention: None, ..seen.clone() }
}

/// Captures and releases have rail references of their own, which are not the order's.
fn speaks_of_order(verb: Verb) -> bool {
    match verb {
        Verb::Charge | Verb::Query | Verb::Close | Verb::Reverse | Verb::QueryReverse => true,
        Verb::Refund | Verb::QueryRefund => true,
        Verb::Capture | Verb::QueryCapture | Verb::Release | Verb::QueryRelease => false,
    }
}

fn rail_ref_of(news: &News) -> Option<RailRef> {
    match news {
        News::Absent => None,
        News::Outcome(outcome) => match outcome {
            Outcome::Paid(settled) | Outcome::Held(settled) | Outcome::Refunded(settled) => {
                settled.rail_ref.clone()
            }
            Outcome::Closed(proof) => proof.rail_ref.clone(),
            Outcome::Pending(pending) => pending.rail_ref.clone(),
            Outcome::Refused(_) | Outcome::NotSent(_) | Outcome::Unknown(_) => None,
        },
    }
}
