//! After anything happened to an attempt: what follows for the intent and for the other attempts.

use jiff::Timestamp;

use super::holds::{Kept, bookings};
use super::{ATTEMPTS_MAX, Entry, Fact, Intent, Namer, Posting, State, Step, Wish};
use crate::attempt::{self, Attempt, CloseVerb, Closing, Found, Late, Why};
use crate::planted::{self, Defect};
use crate::{AttemptId, Evidence, RailRef, Source};

/// An intent under change: every fact is applied and noted at once, so the two cannot differ.
pub(super) struct Draft<'a> {
    pub intent: Intent,
    pub now: Timestamp,
    pub evidence: Evidence,
    /// The attempt whose query has just been answered, so "unpaid" is fresh.
    pub asked: Option<AttemptId>,
    pub namer: &'a dyn Namer,
    /// What was held before the step.
    pub(super) kept: Vec<Kept>,
    entries: Vec<Entry>,
    postings: Vec<Posting>,
    opened: Vec<AttemptId>,
}

/// How often an attempt is repeated by itself within one call of the storefront.
const REPEATS_MAX: u32 = 2;

impl<'a> Draft<'a> {
    pub fn new(intent: Intent, now: Timestamp, evidence: Evidence, namer: &'a dyn Namer) -> Self {
        let kept = Kept::all(&intent);
        Self {
            intent,
            kept,
            now,
            evidence,
            asked: None,
            namer,
            entries: Vec::new(),
            postings: Vec::new(),
            opened: Vec::new(),
        }
    }

    /// Notes the creation, which [`Intent::blank`] has already applied.
    pub fn created(&mut self) {
        let fact = Fact::Created { terms: self.intent.terms.clone() };
        let evidence = self.evidence.clone();
        self.entries.push(Entry { seq: 1, at: self.now, fact, evidence, seal: None });
    }

    pub fn record(&mut self, fact: Fact) {
        let (seq, at, evidence) = (self.intent.version + 1, self.now, self.evidence.clone());
        let entry = Entry { seq, at, fact, evidence, seal: None };
        self.intent.apply(&entry).expect("a fact that the step itself derived from this very intent");
        self.entries.push(entry);
    }

    /// A consequence rather than news: the evidence is our own rule.
    pub(super) fn conclude(&mut self, rule: &str, fact: Fact) {
        let news = std::mem::replace(&mut self.evidence, Evidence::plain(Source::Rule, rule));
        self.record(fact);
        self.evidence = news;
    }

    pub fn shift(&mut self, attempt: AttemptId, to: attempt::State, rail_ref: Option<RailRef>) {
        let returned = matches!(&to, attempt::State::Closed(closed) if closed.returned.is_some());
        let late = matches!(&to, attempt::State::Late(_));
        self.record(Fact::AttemptMoved { attempt, to, rail_ref });
        if returned {
            self.postings.push(Posting::Returned(attempt));
        }
        if late {
            self.postings.push(Posting::Late(attempt));
        }
    }

    /// Draws every consequence, and finishes the step.
    pub fn settle(mut self) -> Step {
        self.keep_one_hold();
        self.keep_one_payment();
        self.dismiss_attempts();
        self.go_on();
        self.postings.extend(bookings(&self.kept, &self.intent));
        Step { intent: self.intent, entries: self.entries, postings: self.postings, opened: self.opened }
    }

    /// The first payment stays; every other one is late (I1).
    fn keep_one_payment(&mut self) {
        let paid: Vec<AttemptId> = self.ids(|attempt| matches!(attempt.state, attempt::State::Paid(_)));
        for id in paid {
            match self.intent.state {
                State::Succeeded { winner } if winner == id => {}
                State::RequiresWallet | State::AwaitingPayer | State::Processing | State::Authorized => {
                    if self.intent.wish != Wish::None {
                        self.conclude("intent.paid_meanwhile", Fact::Wished { wish: Wish::None });
                    }
                    self.conclude(
                        "intent.first_payment_stays",
                        Fact::Moved { to: State::Succeeded { winner: id } },
                    );
                    self.postings.push(Posting::Captured(id));
                }
                State::Succeeded { .. } if planted::is(Defect::SecondPaymentKept) => {}
                State::Succeeded { .. } | State::Canceled | State::Expired | State::Failed => {
                    self.make_late(id)
                }
            }
        }
    }

    fn make_late(&mut self, id: AttemptId) {
        let Some(attempt::State::Paid(paid)) = self.intent.attempt(id).map(|attempt| attempt.state.clone())
        else {
            return;
        };
        let to = attempt::State::Late(Late { settled: paid.settled });
        self.conclude("intent.payment_is_late", Fact::AttemptMoved { attempt: id, to, rail_ref: None });
        self.postings.push(Posting::Late(id));
    }

    /// Ends or leaves what the intent no longer wants, and what has expired.
    fn dismiss_attempts(&mut self) {
        for id in self.ids(Attempt::is_live) {
            let Some(attempt) = self.intent.attempt(id).cloned() else { continue };
            match self.dismissal_of(&attempt) {
                Dismissal::CloseByClock => {
                    let end = attempt::End::Proved;
                    let to = attempt::State::Closed(attempt::Closed { end, returned: None, released: None });
                    self.conclude("intent.expired", Fact::AttemptMoved { attempt: id, to, rail_ref: None });
                }
                Dismissal::Keep => {}
                Dismissal::End(verb, why) => {
                    let to = attempt::State::Closing(Closing::open(verb, why, None));
                    self.conclude(
                        "intent.end_attempt",
                        Fact::AttemptMoved { attempt: id, to, rail_ref: None },
                    );
                }
                Dismissal::Leave => self.conclude("intent.leave_attempt", Fact::AttemptLeft { attempt: id }),
                Dismissal::Refuse => {
                    let refusal = attempt::never_sent();
                    let to = attempt::State::Refused(attempt::Refused { refusal });
                    self.conclude("intent.not_sent", Fact::AttemptMoved { attempt: id, to, rail_ref: None });
                }
                Dismissal::LeaveAndRepeat(why) => {
                    if let (Some(why), true) = (why, attempt.terms.rules.closable) {
                        let to = attempt::State::Closing(Closing::open(CloseVerb::Close, why, None));
                        self.conclude(
                            "intent.end_attempt",
                            Fact::AttemptMoved { attempt: id, to, rail_ref: None },
                        );
                    }
                    self.conclude("intent.never_shown", Fact::AttemptLeft { attempt: id });
                    self.repeat(&attempt.terms);
                }
            }
        }
    }

    fn dismissal_of(&self, attempt: &Attempt) -> Dismissal {
        let expired = attempt.is_expired(self.now).then_some(Why::Expiry);
        let why = self.intent.dismissal().or(self.second_to_a_hold(attempt)).or(expired);
        let fresh = self.asked == Some(attempt.terms.id);
        match &attempt.state {
            // Proved that nothing has left us, and nobody wants it any more: it never will.
            attempt::State::Sending(sending) if sending.unsent && !sending.doubted && why.is_some() => {
                Dismissal::Refuse
            }
            attempt::State::Sending(_) => Dismissal::Keep,
            attempt::State::Closing(closing) => {
                let hopeless = closing.absent && closing.why != Why::Expiry && !attempt.left;
                if hopeless { Dismissal::Leave } else { Dismissal::Keep }
            }
            attempt::State::AwaitingPayer(_) | attempt::State::InDoubt(_) if attempt.is_synchronous() => {
                let impatient = attempt.patience_is_over(self.now).then_some(Why::Doubt);
                let why = why.filter(|_| !attempt.is_expired(self.now));
                let looked = fresh || matches!(attempt.state, attempt::State::AwaitingPayer(_));
                match why.or(impatient.filter(|_| !attempt.is_expired(self.now))) {
                    Some(why) if attempt.terms.rules.can_reverse(attempt.rail_ref.is_some()) && looked => {
                        Dismissal::End(CloseVerb::Reverse, why)
                    }
                    Some(_) | None => Dismissal::Keep,
                }
            }
            attempt::State::AwaitingPayer(_) => match why {
                Some(Why::Expiry) if planted::is(Defect::CloseByClock) => Dismissal::CloseByClock,
                None => Dismissal::Keep,
                Some(Why::Expiry) if !fresh => Dismissal::Keep,
                Some(why) if attempt.terms.rules.closable => Dismissal::End(CloseVerb::Close, why),
                Some(Why::Expiry) => Dismissal::Keep,
                Some(_) if fresh && !attempt.left => Dismissal::Leave,
                Some(_) => Dismissal::Keep,
            },
            attempt::State::InDoubt(doubt) => self.dismissal_of_doubt(attempt, doubt.found, why),
            attempt::State::Held(_)
            | attempt::State::Capturing(_)
            | attempt::State::Releasing(_)
            | attempt::State::Paid(_)
            | attempt::State::Refused(_)
            | attempt::State::Closed(_)
            | attempt::State::Late(_) => Dismissal::Keep,
        }
    }

    /// Beside a hold that stands, nothing else is wanted.
    fn second_to_a_hold(&self, attempt: &Attempt) -> Option<Why> {
        let holder = self.intent.holder()?;
        (holder.terms.id != attempt.terms.id).then_some(Why::Superseded)
    }

    /// An order creation in doubt was never shown, so nobody can pay it; what a query found decides how it is left.
    fn dismissal_of_doubt(&self, attempt: &Attempt, found: Option<Found>, why: Option<Why>) -> Dismissal {
        let Some(found) = found else { return Dismissal::Keep };
        let endable = found == Found::Unpaid && attempt.terms.rules.closable;
        if attempt.left {
            return if endable { Dismissal::End(CloseVerb::Close, Why::Superseded) } else { Dismissal::Keep };
        }
        match why {
            Some(Why::Expiry) if found == Found::Nothing => Dismissal::Keep,
            Some(why) if found == Found::Unpaid && attempt.terms.rules.closable => {
                Dismissal::End(CloseVerb::Close, why)
            }
            Some(Why::Expiry) => Dismissal::Keep,
            Some(_) => Dismissal::Leave,
            None if attempt.wants_resend() => Dismissal::Keep,
            None if attempt.terms.n < REPEATS_MAX && self.intent.attempts.len() < ATTEMPTS_MAX => {
                Dismissal::LeaveAndRepeat((found == Found::Unpaid).then_some(Why::Doubt))
            }
            None => Dismissal::Leave,
        }
    }

    fn repeat(&mut self, terms: &attempt::Terms) {
        let next = self.namer.repeat(terms, self.now);
        self.open(next, "intent.repeat_attempt");
    }

    pub fn open(&mut self, mut terms: attempt::Terms, rule: &str) {
        terms.opened_at = whole_second(self.now);
        self.opened.push(terms.id);
        self.conclude(rule, Fact::AttemptOpened { terms });
    }

    /// Carries out the wish once nothing blocks it, and names the intent's state.
    fn go_on(&mut self) {
        if self.intent.is_final() {
            return;
        }
        if self.intent.current().is_none() {
            match self.intent.wish.clone() {
                Wish::Switch { next } => {
                    self.conclude("intent.switch", Fact::Wished { wish: Wish::None });
                    self.open(*next, "intent.switch");
                }
                Wish::Cancel => return self.become_final(State::Canceled, "intent.cancel"),
                Wish::Expire => return self.become_final(State::Expired, "intent.expire"),
                Wish::None if self.intent.attempts.len() >= ATTEMPTS_MAX => {
                    return self.become_final(State::Failed, "intent.attempts_used_up");
                }
                Wish::None => {}
            }
        }
        let to = match self.intent.current() {
            None => State::RequiresWallet,
            Some(attempt) => {
                let shown = matches!(attempt.state, attempt::State::AwaitingPayer(_));
                let waiting = shown && !attempt.is_synchronous() && self.intent.wish == Wish::None;
                match &attempt.state {
                    attempt::State::Held(_) => State::Authorized,
                    _ if waiting => State::AwaitingPayer,
                    _ => State::Processing,
                }
            }
        };
        if to != self.intent.state {
            self.conclude("intent.follows_attempt", Fact::Moved { to });
        }
    }

    fn become_final(&mut self, to: State, rule: &str) {
        if self.intent.wish != Wish::None {
            self.conclude(rule, Fact::Wished { wish: Wish::None });
        }
        self.conclude(rule, Fact::Moved { to });
    }

    pub(super) fn ids(&self, which: impl Fn(&Attempt) -> bool) -> Vec<AttemptId> {
        self.intent.attempts.iter().filter(|attempt| which(attempt)).map(|attempt| attempt.terms.id).collect()
    }
}

enum Dismissal {
    /// Planted only: whatever the rail says.
    CloseByClock,
    Keep,
    Refuse,
    End(CloseVerb, Why),
    Leave,
    LeaveAndRepeat(Option<Why>),
}

/// Rails count in whole seconds, and so do the times that enter their messages.
pub(super) fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
