//! How a refund moves.

use jiff::Timestamp;

use super::{Entry, Fact, InDoubt, Refund, State, Terms};
use crate::attempt::{COPIES_LINGER, Duty, Found, Sending};
use crate::planted::{self, Defect};
use crate::{
    Basis, Doubt, Evidence, News, NotSent, Observation, Outcome, RailRef, Reason, Refusal, Remark, Settled,
    Source, Verb,
};

/// The result of opening a refund or of news about it; all in one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The refund after it.
    pub refund: Refund,
    /// What is appended to its journal.
    pub entries: Vec<Entry>,
    /// What is booked.
    pub posting: Option<Posting>,
}

/// What a step does to the money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posting {
    /// Set aside: no other refund may use it.
    Reserved,
    /// It went back.
    Returned,
    /// It stays; the reserve is free again.
    Released,
}

/// What became of news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Something changed: commit the step.
    News(Box<Step>),
    /// Nothing new.
    Known(Box<Refund>),
    /// Genuine and contradictory: keep the message, raise it, change nothing.
    Suspicious(Doubt),
}

/// A journal that does not tell a possible story.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// The journal is empty or does not begin with an opening.
    #[error("the journal does not begin with an opening")]
    NoOpening,
    /// An entry is missing, doubled or out of order.
    #[error("entry {found} stands where {expected} should")]
    Gap {
        /// The number that should stand here.
        expected: u64,
        /// The number that stands here.
        found: u64,
    },
    /// Something left a final state.
    #[error("entry {0} leaves a final state")]
    Final(u64),
}

impl Refund {
    /// A new refund, written ahead of its first byte, or waiting for its turn where it is paced.
    pub fn open(terms: Terms, evidence: Evidence) -> Step {
        let at = terms.opened_at;
        let refund = Self::blank(terms.clone());
        let entries = vec![Entry { seq: 1, at, fact: Fact::Opened { terms }, evidence, seal: None }];
        Step { refund, entries, posting: Some(Posting::Reserved) }
    }

    /// Rebuilds a refund from its journal (I7).
    pub fn fold<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Result<Self, FoldError> {
        let mut entries = entries.into_iter();
        let mut refund = match entries.next() {
            Some(Entry { seq: 1, fact: Fact::Opened { terms }, seal, .. }) => {
                Self { head: seal.as_ref().map(|seal| seal.digest), ..Self::blank(terms.clone()) }
            }
            _ => return Err(FoldError::NoOpening),
        };
        for entry in entries {
            if entry.seq != refund.version + 1 {
                return Err(FoldError::Gap { expected: refund.version + 1, found: entry.seq });
            }
            refund.apply(entry)?;
        }
        Ok(refund)
    }

    /// Takes a piece of news: a reply, a query's answer, a notification.
    pub fn observe(self, seen: &Observation, now: Timestamp) -> Seen {
        let rail_ref = rail_ref_of(&seen.news).filter(|_| self.rail_ref.is_none());
        let to = match self.turn(seen, now) {
            Turn::Move(to) => to,
            Turn::Stay if rail_ref.is_some() && !self.is_final() => self.state.clone(),
            Turn::Stay => return Seen::Known(Box::new(self)),
            Turn::Suspicious(doubt) => return Seen::Suspicious(doubt),
        };
        if to == self.state && rail_ref.is_none() {
            return Seen::Known(Box::new(self));
        }
        Seen::News(Box::new(self.moved(to, rail_ref, seen.evidence.clone(), now)))
    }

    /// Writes a (repeated) send ahead, always under the same number. `None` when none is due.
    pub fn begin_send(self, now: Timestamp) -> Option<Step> {
        if self.duty(now) != Duty::Send {
            return None;
        }
        let to = match &self.state {
            State::Sending(sending) => {
                Sending { sends: sending.sends + 1, unsent: false, doubted: sending.doubted }
            }
            State::InDoubt(doubt) => Sending { sends: doubt.sends + 1, unsent: false, doubted: true },
            State::Processing { .. } | State::Succeeded { .. } | State::Failed { .. } => return None,
        };
        let evidence = Evidence::plain(Source::Rule, "refund.send_again");
        Some(self.moved(State::Sending(to), None, evidence, now))
    }

    /// Writes ahead that somebody has decided where the money goes: it needs no attention until the rail says so again.
    /// `None` when nothing is to be decided.
    pub fn decide(self, rule: &str, now: Timestamp) -> Option<Step> {
        self.attention()?;
        Some(self.moved(
            State::Processing { attention: None },
            None,
            Evidence::plain(Source::Operator, rule),
            now,
        ))
    }

    /// Notes that an operator gave its quarantined work back to the workers. Nothing else follows from it. `None` when it has
    /// ended: there is nothing to work on.
    pub fn redrive(mut self, by: Remark, why: Remark, now: Timestamp) -> Option<Step> {
        if self.is_final() {
            return None;
        }
        let evidence = Evidence::plain(Source::Operator, "operator.redrive");
        let fact = Fact::Redriven { by, why };
        let entry = Entry { seq: self.version + 1, at: now, fact, evidence, seal: None };
        self.apply(&entry).ok()?;
        Some(Step { refund: self, entries: vec![entry], posting: None })
    }

    fn turn(&self, seen: &Observation, now: Timestamp) -> Turn {
        let outcome = match &seen.news {
            News::Absent => return self.on_absent(now),
            News::Outcome(outcome) => outcome,
        };
        if self.is_final() {
            return self.after_the_end(outcome);
        }
        match outcome {
            Outcome::Refunded(settled) if settled.amount != self.terms.amount => match seen.evidence.source {
                Source::Notification => Turn::Suspicious(Doubt::AmountMismatch),
                _ => self.on_unknown(&Doubt::AmountMismatch, seen.verb),
            },
            Outcome::Refunded(settled) => Turn::Move(State::Succeeded { settled: settled.clone() }),
            Outcome::Pending(_) => Turn::Move(State::Processing { attention: seen.attention.clone() }),
            Outcome::Refused(refusal) => self.on_refused(refusal, seen.verb),
            Outcome::NotSent(cause) => self.on_not_sent(cause, seen.verb, now),
            Outcome::Unknown(doubt) => self.on_unknown(doubt, seen.verb),
            Outcome::Paid(_) | Outcome::Held(_) | Outcome::Closed(_) => Turn::Stay,
        }
    }

    fn after_the_end(&self, outcome: &Outcome) -> Turn {
        match (&self.state, outcome) {
            (State::Failed { .. }, Outcome::Refunded(_)) => {
                Turn::Suspicious(Doubt::Mismatch("refund_status".into()))
            }
            (State::Succeeded { .. }, Outcome::Refused(_)) => {
                Turn::Suspicious(Doubt::Mismatch("refund_status".into()))
            }
            _ => Turn::Stay,
        }
    }

    /// How often it was sent, and whether an earlier send than the last may have left us.
    fn sends(&self) -> (u32, bool) {
        match &self.state {
            State::Sending(sending) => (sending.sends, sending.doubted),
            State::InDoubt(doubt) => (doubt.sends, doubt.doubted),
            State::Processing { .. } | State::Succeeded { .. } | State::Failed { .. } => (1, false),
        }
    }

    fn on_refused(&self, refusal: &Refusal, verb: Verb) -> Turn {
        let (sends, doubted) = self.sends();
        if planted::is(Defect::RefundRefusedIsDone) {
            let (amount, rail_ref, settled_at) = (self.terms.amount, None, None);
            return Turn::Move(State::Succeeded { settled: Settled { amount, rail_ref, settled_at } });
        }
        let unconfirmed = || {
            let doubt = Doubt::Unconfirmed(refusal.clone());
            Turn::Move(State::InDoubt(InDoubt { doubt, sends, doubted, found: None }))
        };
        match refusal.basis {
            // Of a repeat it says nothing about the earlier copy, which may still be on its way.
            Basis::Signed if doubted && verb == Verb::Refund => unconfirmed(),
            Basis::Channel => unconfirmed(),
            Basis::Signed | Basis::NotSent => Turn::Move(State::Failed { refusal: refusal.clone() }),
        }
    }

    fn on_absent(&self, now: Timestamp) -> Turn {
        if planted::is(Defect::RefundNotFoundIsFailure) && !self.is_final() {
            return Turn::Move(State::Failed { refusal: not_planned("absent") });
        }
        match &self.state {
            State::InDoubt(InDoubt { doubt: Doubt::Unconfirmed(_), doubted: true, .. })
                if now < self.updated_at.saturating_add(COPIES_LINGER).unwrap_or(Timestamp::MAX) =>
            {
                Turn::Stay
            }
            State::InDoubt(InDoubt { doubt: Doubt::Unconfirmed(refusal), .. }) => {
                Turn::Move(State::Failed { refusal: refusal.clone() })
            }
            State::InDoubt(doubt) => {
                Turn::Move(State::InDoubt(InDoubt { found: Some(Found::Nothing), ..doubt.clone() }))
            }
            State::Sending(sending) => {
                let (sends, doubted) = (sending.sends, sending.doubted);
                let found = Some(Found::Nothing);
                Turn::Move(State::InDoubt(InDoubt { doubt: Doubt::Crashed, sends, doubted, found }))
            }
            State::Processing { .. } | State::Succeeded { .. } | State::Failed { .. } => Turn::Stay,
        }
    }

    fn on_not_sent(&self, cause: &NotSent, verb: Verb, _now: Timestamp) -> Turn {
        let (State::Sending(sending), Verb::Refund) = (&self.state, verb) else { return Turn::Stay };
        match cause {
            NotSent::NotPlanned(rule) if !sending.doubted => {
                Turn::Move(State::Failed { refusal: not_planned(rule) })
            }
            NotSent::NotPlanned(_) | NotSent::NotConnected | NotSent::HeldBack if sending.doubted => {
                let (doubt, sends) = (Doubt::ConnectionLost, sending.sends);
                Turn::Move(State::InDoubt(InDoubt { doubt, sends, doubted: true, found: None }))
            }
            NotSent::NotPlanned(_) | NotSent::NotConnected | NotSent::HeldBack => {
                Turn::Move(State::Sending(Sending { unsent: true, ..sending.clone() }))
            }
        }
    }

    fn on_unknown(&self, doubt: &Doubt, verb: Verb) -> Turn {
        let State::Sending(sending) = &self.state else { return Turn::Stay };
        if planted::is(Defect::RefundTimeoutIsFailure) {
            return Turn::Move(State::Failed { refusal: not_planned("timed_out") });
        }
        let doubt = if verb == Verb::Refund { doubt.clone() } else { Doubt::Crashed };
        let (sends, doubted) = (sending.sends, sending.doubted);
        Turn::Move(State::InDoubt(InDoubt { doubt, sends, doubted, found: None }))
    }

    fn moved(mut self, to: State, rail_ref: Option<RailRef>, evidence: Evidence, now: Timestamp) -> Step {
        let posting = match &to {
            State::Succeeded { .. } => Some(Posting::Returned),
            State::Failed { .. } => Some(Posting::Released),
            State::Sending(_) | State::InDoubt(_) | State::Processing { .. } => None,
        };
        let (seq, fact) = (self.version + 1, Fact::Moved { to, rail_ref });
        let entry = Entry { seq, at: now, fact, evidence, seal: None };
        self.apply(&entry).expect("a step never starts from a final state");
        Step { refund: self, entries: vec![entry], posting }
    }

    fn blank(terms: Terms) -> Self {
        let (sends, unsent) = if terms.paced { (0, true) } else { (1, false) };
        let state = State::Sending(Sending { sends, unsent, doubted: false });
        let updated_at = terms.opened_at;
        Self { terms, state, rail_ref: None, version: 1, updated_at, head: None }
    }

    fn apply(&mut self, entry: &Entry) -> Result<(), FoldError> {
        match &entry.fact {
            Fact::Opened { .. } => return Err(FoldError::Final(entry.seq)),
            Fact::Redriven { .. } => {}
            Fact::Moved { .. } if self.is_final() => return Err(FoldError::Final(entry.seq)),
            Fact::Moved { to, rail_ref } => {
                self.state = to.clone();
                self.rail_ref = rail_ref.clone().or(self.rail_ref.take());
            }
        }
        (self.version, self.updated_at) = (entry.seq, entry.at);
        // Until it is committed, the head is that of the row it starts from.
        self.head = entry.seal.as_ref().map(|seal| seal.digest).or(self.head);
        Ok(())
    }
}

enum Turn {
    Stay,
    Move(State),
    Suspicious(Doubt),
}

fn rail_ref_of(news: &News) -> Option<RailRef> {
    match news {
        News::Outcome(Outcome::Refunded(settled)) => settled.rail_ref.clone(),
        News::Outcome(Outcome::Pending(pending)) => pending.rail_ref.clone(),
        _ => None,
    }
}

fn not_planned(rule: &str) -> Refusal {
    Refusal {
        reason: Reason::parse("invalid_request").expect("a literal of our own in the reason's alphabet"),
        rail_code: rule.to_owned(),
        rail_message: String::new(),
        basis: Basis::NotSent,
    }
}
