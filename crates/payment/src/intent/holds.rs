//! Which hold stays, and what holds mean for the books.

use super::settle::Draft;
use super::{Fact, Intent, Posting, Wish};
use crate::AttemptId;
use crate::attempt::{self, Held, Operation, Releasing, Why};
use crate::planted::{self, Defect};

/// A hold that was in the books before a step.
pub(super) struct Kept {
    attempt: AttemptId,
    kept: bool,
}

impl Kept {
    /// Everything that is held.
    pub fn all(intent: &Intent) -> Vec<Self> {
        let held = intent.attempts.iter().filter(|attempt| attempt.state.hold().is_some());
        held.map(|attempt| Self { attempt: attempt.terms.id, kept: attempt.state.is_kept_hold() }).collect()
    }
}

impl Draft<'_> {
    /// The first hold stays, while the intent wants to be paid; every other one is released.
    pub(super) fn keep_one_hold(&mut self) {
        for id in self
            .ids(|attempt| matches!(attempt.state, attempt::State::Held(_)) || is_released_beside(attempt))
        {
            match self.release_of(id) {
                Some(why) => self.release(id, why),
                None if self.intent.wish != Wish::None => {
                    self.conclude("intent.held_meanwhile", Fact::Wished { wish: Wish::None });
                }
                None => {}
            }
        }
    }

    fn release_of(&self, id: AttemptId) -> Option<Why> {
        let first = self.kept.iter().find(|kept| kept.kept).map(|kept| kept.attempt);
        let second = first.is_some_and(|first| first != id) && !planted::is(Defect::SecondHoldKept);
        if self.intent.is_final() || second {
            return Some(Why::Superseded);
        }
        match self.intent.wish {
            Wish::Cancel => Some(Why::Cancel),
            Wish::Expire if self.now >= self.intent.ends_at() => Some(Why::Expiry),
            Wish::None | Wish::Switch { .. } | Wish::Expire => None,
        }
    }

    fn release(&mut self, id: AttemptId, why: Why) {
        let Some(attempt) = self.intent.attempt(id) else { return };
        let (Some(held), Some(terms)) = (attempt.state.hold(), &attempt.terms.hold) else { return };
        let operation = Operation::unsent(terms.release_no.clone(), self.now);
        let to = attempt::State::Releasing(Releasing { held: Held::clone(held), why, operation });
        self.conclude("intent.release_hold", Fact::AttemptMoved { attempt: id, to, rail_ref: None });
    }
}

/// Planted only: what is being taken is released like what only stands.
fn is_released_beside(attempt: &attempt::Attempt) -> bool {
    matches!(attempt.state, attempt::State::Capturing(_)) && planted::is(Defect::CaptureBesideRelease)
}

/// What the books have to say of the holds that came or went with a step. A hold that was taken ends with its capture.
pub(super) fn bookings(before: &[Kept], after: &Intent) -> Vec<Posting> {
    let mut all = Vec::new();
    for attempt in &after.attempts {
        let id = attempt.terms.id;
        let was = before.iter().find(|kept| kept.attempt == id);
        match (was, attempt.state.hold()) {
            (None, Some(_)) => all.push(Posting::Held { attempt: id, kept: attempt.state.is_kept_hold() }),
            (Some(kept), None) if attempt.collected().is_none() => {
                all.push(Posting::Released { attempt: id, kept: kept.kept });
            }
            (Some(_), None | Some(_)) | (None, None) => {}
        }
    }
    all
}
