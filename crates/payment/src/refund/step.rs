//! How a refund moves.

use jiff::Timestamp;

use paifang_money::PositiveMoney;
use paifang_shares::Misfit;
use paifang_shares::bearing;
use paifang_shares::waterfall::{Allocation, Bearer, Funding};

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
    /// Every fen has a bearer now.
    Funded,
    /// Bearers get back what they bore.
    Reversed,
}

/// Why a decision cannot be reversed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReverseError {
    /// The money has not gone back, so nobody bears anything for good.
    #[error(
        "the refund is {0}; only a succeeded one is reversed, any other gives back by itself what was borne"
    )]
    NotSucceeded(&'static str),
    /// Nobody bears it by terms.
    #[error("nothing of the refund was funded by the storefront's terms")]
    NothingBorne,
    /// Who is to bear it in their place is among those who get something back.
    #[error("{0} bears a part of it, so that it cannot bear it in the place of others")]
    BearsItself(Bearer),
    /// More than is borne.
    #[error(transparent)]
    Misfit(#[from] Misfit),
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
            State::Sending(sending) => Sending::ahead(sending.sends + 1, sending.doubted),
            State::InDoubt(doubt) => Sending::ahead(doubt.sends + 1, true),
            State::Processing { .. } | State::Succeeded { .. } | State::Failed { .. } => return None,
        };
        let evidence = Evidence::plain(Source::Rule, "refund.send_again");
        Some(self.moved(State::Sending(to), None, evidence, now))
    }

    /// Notes that every fen of it has a bearer: it may be sent. `None` where nothing is short, or something still is.
    pub fn fund(mut self, allocation: Allocation, now: Timestamp) -> Option<Step> {
        self.short()?;
        let fits = self.allocation.as_ref().is_some_and(|short| short.refund() == allocation.refund());
        if !fits || allocation.funding() != Funding::Full {
            return None;
        }
        let evidence = Evidence::plain(Source::Rule, "refund.funded");
        let entry =
            Entry { seq: self.version + 1, at: now, fact: Fact::Funded { allocation }, evidence, seal: None };
        self.apply(&entry).ok()?;
        Some(Step { refund: self, entries: vec![entry], posting: Some(Posting::Funded) })
    }

    /// Ends a refund that waits for its bearers. `None` where it does not: it may have been sent.
    pub fn cancel(self, now: Timestamp) -> Option<Step> {
        self.short().filter(|_| self.is_unsent())?;
        let reason = Reason::parse("canceled").expect("a literal of our own in the reason's alphabet");
        let refusal = Refusal { reason, ..not_planned("canceled while it was short of funds") };
        let evidence = Evidence::plain(Source::Storefront, "refund.cancel");
        Some(self.moved(State::Failed { refusal }, None, evidence, now))
    }

    /// Reverses the decision about `amount` of what was funded (absent: about all of it): the last bearer first gets it back,
    /// and `from` bears it in their place. The payer keeps the money.
    pub fn reverse(
        mut self,
        amount: Option<PositiveMoney>,
        from: Option<Bearer>,
        why: Remark,
        now: Timestamp,
    ) -> Result<Step, ReverseError> {
        if !matches!(self.state, State::Succeeded { .. }) {
            return Err(ReverseError::NotSucceeded(self.state.name()));
        }
        let allocation = self.allocation.as_ref().ok_or(ReverseError::NothingBorne)?;
        let borne = allocation.refund().money().checked_sub(allocation.reversed());
        let borne = borne.and_then(|left| PositiveMoney::try_from(left).ok());
        let amount = amount.or(borne).ok_or(ReverseError::NothingBorne)?;
        let reversal = allocation.reverse(amount)?;
        if let Some(from) = from.filter(|from| reversal.back.iter().any(|(bearer, _)| bearer == from)) {
            return Err(ReverseError::BearsItself(from));
        }
        let evidence = Evidence::plain(Source::Storefront, "refund.reverse");
        let fact = Fact::Reversed { reversal, from, why };
        let entry = Entry { seq: self.version + 1, at: now, fact, evidence, seal: None };
        self.apply(&entry).expect("a reversal follows a final state and leaves it");
        Ok(Step { refund: self, entries: vec![entry], posting: Some(Posting::Reversed) })
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
                Turn::Move(State::Sending(sending.not_sent(cause)))
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
        let allocation = terms.bearing.as_ref().and_then(|bearing| bearing.allocation.clone());
        let funded = bearing::is_funded(allocation.as_ref()) || planted::is(Defect::ShortIsSent);
        let waits = terms.paced || !funded;
        let (sends, unsent) = if waits { (0, true) } else { (1, false) };
        let state = State::Sending(Sending { unsent, ..Sending::ahead(sends, false) });
        let updated_at = terms.opened_at;
        Self { terms, state, rail_ref: None, ready_at: None, allocation, version: 1, updated_at, head: None }
    }

    fn apply(&mut self, entry: &Entry) -> Result<(), FoldError> {
        match &entry.fact {
            Fact::Opened { .. } => return Err(FoldError::Final(entry.seq)),
            Fact::Redriven { .. } => {}
            Fact::Funded { allocation } => {
                self.allocation = Some(allocation.clone());
                self.ready_at = Timestamp::from_second(entry.at.as_second()).ok();
            }
            Fact::Reversed { reversal, .. } => self.allocation = Some(reversal.left.clone()),
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
