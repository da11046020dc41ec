//! The real machines, driven as the engine drives them, and remembered: each state has a number, and what an input does to
//! a numbered state at one time is worked out once. The laws that concern the machine alone are checked there, too.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::rc::Rc;

use paifang_payment::attempt::{self, Attempt, Duty};
use paifang_payment::intent::{Entry, Intent, Posting, Seen};
use paifang_payment::refund::{self, Refund};
use paifang_payment::{
    Basis, CloseProof, Doubt, Evidence, News, NotSent, Observation, Outcome, Pending, Source, Verb,
};

use crate::laws;
use crate::mixer::Mixer;
use crate::rail::Rail;
use crate::samples::{self, Names, at};
use crate::world::{Ask, Word};

/// What happens to an intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Input {
    /// The storefront chooses rail `rail` as its `n`th choice.
    Confirm {
        n: u8,
        rail: u8,
    },
    Cancel,
    Expire,
    /// A worker writes a (repeated) creation ahead.
    Send(u8),
    Hear {
        slot: u8,
        ask: Ask,
        word: Word,
        noticed: bool,
    },
}

/// What an input did.
#[derive(Debug)]
pub struct Moved {
    pub next: u32,
    pub postings: Vec<(Booking, u8)>,
    pub opened: Vec<u8>,
    /// A law that the step itself breaks.
    pub broken: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Booking {
    Captured,
    Late,
    Returned,
}

/// One numbered state of an intent, with a journal that leads to it.
pub struct Known {
    pub intent: Intent,
    journal: Vec<Entry>,
    pub attempts: Vec<View>,
    pub is_final: bool,
}

/// What the search needs to know of an attempt without looking into it.
pub struct View {
    pub rail: u8,
    pub duty: Duty,
}

type Memory<K, V> = HashMap<K, V, BuildHasherDefault<Mixer>>;

/// The refund's state, the time, and what is heard; nothing heard: it is sent again.
type RefundInput = (u8, i64, Option<(Ask, Word)>);

/// The refund's next state and what is booked.
type RefundMoved = (u8, Option<refund::Posting>);

pub struct Machine {
    rails: [Rail; 2],
    known: Vec<Known>,
    numbers: HashMap<String, u32>,
    memory: Memory<(u32, i64, Input), Option<Rc<Moved>>>,
    refunds: Vec<Refund>,
    refund_memory: Memory<RefundInput, Option<RefundMoved>>,
}

impl Machine {
    pub fn new(rails: [Rail; 2]) -> Self {
        let step = Intent::create(samples::intent_terms(), None, &Names);
        let mut machine = Self {
            rails,
            known: Vec::new(),
            numbers: HashMap::new(),
            memory: Memory::default(),
            refunds: Vec::new(),
            refund_memory: Memory::default(),
        };
        machine.number(step.intent, step.entries);
        machine
    }

    pub fn get(&self, number: u32) -> &Known {
        &self.known[number as usize]
    }

    pub fn states(&self) -> usize {
        self.known.len()
    }

    pub fn transitions(&self) -> usize {
        self.memory.values().flatten().count()
    }

    /// What this input does at this time; `None`: nothing.
    pub fn step(&mut self, from: u32, seconds: i64, input: Input) -> Option<Rc<Moved>> {
        if let Some(moved) = self.memory.get(&(from, seconds, input)) {
            return moved.clone();
        }
        let moved = self.work_out(from, seconds, input).map(Rc::new);
        self.memory.insert((from, seconds, input), moved.clone());
        moved
    }

    fn work_out(&mut self, from: u32, seconds: i64, input: Input) -> Option<Moved> {
        let (known, now) = (&self.known[from as usize], at(seconds));
        let intent = known.intent.clone();
        let step = match input {
            Input::Confirm { n, rail } => {
                let next = samples::choice(n, rail, &self.rails[usize::from(rail)]);
                intent.confirm(next, now, &Names).ok()
            }
            Input::Cancel => intent.cancel(now, &Names).ok().flatten(),
            Input::Expire => intent.expire(now, &Names),
            Input::Send(slot) => {
                let id = intent.attempts[usize::from(slot)].terms.id;
                intent.begin_send(id, now, &Names)
            }
            Input::Hear { slot, ask, word, noticed } => {
                let heard = &intent.attempts[usize::from(slot)];
                let seen = observation(slot, ask, word, noticed, heard.is_synchronous());
                let id = heard.terms.id;
                match intent.observe(id, &seen, now, &Names).expect("an attempt of this intent") {
                    Seen::News(step) => Some(*step),
                    Seen::Known(_) => None,
                    Seen::Suspicious(doubt) => {
                        let broken = Some(format!("honest news is suspected: {doubt:?}"));
                        let (postings, opened) = (Vec::new(), Vec::new());
                        return Some(Moved { next: from, postings, opened, broken });
                    }
                }
            }
        }?;
        let mut journal = known.journal.clone();
        journal.extend(step.entries);
        let broken = laws::of_step(&known.intent, &step.intent, &journal, input);
        let place = |id| {
            let place = step.intent.attempts.iter().position(|attempt| attempt.terms.id == id);
            u8::try_from(place.expect("an attempt of this intent")).expect("twenty attempts at most")
        };
        let postings = step.postings.iter().map(|posting| match posting {
            Posting::Captured(id) => (Booking::Captured, place(*id)),
            Posting::Late(id) => (Booking::Late, place(*id)),
            Posting::Returned(id) => (Booking::Returned, place(*id)),
            Posting::Held { .. } | Posting::Released { .. } => unreachable!("nothing is held here"),
        });
        let postings = postings.collect();
        let opened = step.opened.iter().map(|id| place(*id)).collect();
        let next = self.number(step.intent, journal);
        Some(Moved { next, postings, opened, broken })
    }

    fn number(&mut self, intent: Intent, journal: Vec<Entry>) -> u32 {
        let key = canonical(&intent);
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        let number = u32::try_from(self.known.len()).expect("fewer states than that");
        let attempts = intent.attempts.iter().map(|attempt| View {
            rail: attempt.terms.rail.as_str().parse().expect("a digit"),
            duty: attempt.duty(intent.wants(attempt)),
        });
        let attempts = attempts.collect();
        self.numbers.insert(key, number);
        let is_final = intent.is_final();
        self.known.push(Known { intent, journal, attempts, is_final });
        number
    }

    /// Opens the refund of late money.
    pub fn open_refund(&mut self, seconds: i64) -> u8 {
        let step = samples::late_refund(at(seconds));
        self.refund_number(step.refund)
    }

    pub fn refund(&self, number: u8) -> &Refund {
        &self.refunds[usize::from(number) - 1]
    }

    /// What news of a refund does, or sending it again; `None`: nothing.
    pub fn refund_step(&mut self, from: u8, seconds: i64, heard: Option<(Ask, Word)>) -> Option<RefundMoved> {
        if let Some(moved) = self.refund_memory.get(&(from, seconds, heard)) {
            return *moved;
        }
        let refund = self.refund(from).clone();
        let step = match heard {
            None => refund.begin_send(at(seconds)),
            Some((ask, word)) => {
                match refund.observe(&observation(0, ask, word, false, false), at(seconds)) {
                    refund::Seen::News(step) => Some(*step),
                    refund::Seen::Known(_) | refund::Seen::Suspicious(_) => None,
                }
            }
        };
        let moved = step.map(|step| (self.refund_number(step.refund), step.posting));
        self.refund_memory.insert((from, seconds, heard), moved);
        moved
    }

    fn refund_number(&mut self, refund: Refund) -> u8 {
        let same = |known: &Refund| known.state == refund.state && known.terms == refund.terms;
        let place = self.refunds.iter().position(same).unwrap_or_else(|| {
            self.refunds.push(refund.clone());
            self.refunds.len() - 1
        });
        u8::try_from(place + 1).expect("a refund has few states")
    }
}

/// What tells two intents apart: all but how many entries led there, when, how often an end was asked for, which kind of
/// silence put a call in doubt, and whether an attempt was left that has ended by now. No decision of the machine rests
/// on these.
fn canonical(intent: &Intent) -> String {
    let mut intent = intent.clone();
    (intent.version, intent.updated_at) = (0, intent.terms.created_at);
    for attempt in &mut intent.attempts {
        match &mut attempt.state {
            attempt::State::Closing(closing) => closing.sends = 0,
            attempt::State::InDoubt(doubt) if !matches!(doubt.doubt, Doubt::Unconfirmed(_)) => {
                doubt.doubt = Doubt::Crashed;
            }
            _ => {}
        }
    }
    let moving = |attempt: &Attempt| {
        let opened_at = attempt.is_synchronous().then_some(attempt.terms.opened_at);
        let left = attempt.left && attempt.is_live();
        (attempt.terms.id, opened_at, attempt.state.clone(), attempt.rail_ref.clone(), left)
    };
    let attempts: Vec<_> = intent.attempts.iter().map(moving).collect();
    let wish = match &intent.wish {
        paifang_payment::intent::Wish::Switch { next } => format!("{}", next.id),
        other => format!("{other:?}"),
    };
    serde_json::to_string(&(intent.state, wish, attempts)).expect("plain data")
}

/// Whether a worker may still write this whose claim another one has by now.
pub fn outlives_its_claim(ask: Ask, word: Word) -> bool {
    observation(0, ask, word, false, false).outlives_its_claim()
}

fn observation(slot: u8, ask: Ask, word: Word, noticed: bool, code: bool) -> Observation {
    let next_action = if code { paifang_payment::NextAction::WaitForPayer } else { samples::next_action() };
    let outcome = match word {
        Word::Absent => None,
        Word::Shown => Some(Outcome::Pending(Pending { next_action: Some(next_action), rail_ref: None })),
        Word::Pending => Some(Outcome::Pending(Pending { next_action: None, rail_ref: None })),
        Word::Paid => Some(Outcome::Paid(samples::settled(slot))),
        Word::Closed => Some(Outcome::Closed(CloseProof { returned: None, rail_ref: None })),
        Word::Returned => {
            let returned = Some(samples::returned());
            Some(Outcome::Closed(CloseProof { returned, rail_ref: None }))
        }
        Word::Refused => Some(Outcome::Refused(samples::refusal(Basis::Signed))),
        Word::MaybePaid => Some(Outcome::Unknown(Doubt::MaybePaid("PAID".into()))),
        Word::Refunded => Some(Outcome::Refunded(samples::settled(slot))),
        Word::Lost => Some(Outcome::Unknown(Doubt::TimedOut)),
        Word::NotSent => Some(Outcome::NotSent(NotSent::NotConnected)),
    };
    let source = match (noticed, word) {
        (true, _) => Source::Notification,
        (false, Word::Lost | Word::NotSent) => Source::Transport,
        (false, _) if ask.reads() => Source::Query,
        (false, _) => Source::Reply,
    };
    let news = outcome.map_or(News::Absent, News::Outcome);
    Observation { verb: verb(ask), news, attention: None, evidence: Evidence::plain(source, "search") }
}

fn verb(ask: Ask) -> Verb {
    match ask {
        Ask::Charge => Verb::Charge,
        Ask::Query => Verb::Query,
        Ask::Close => Verb::Close,
        Ask::Reverse => Verb::Reverse,
        Ask::QueryReverse => Verb::QueryReverse,
        Ask::Refund => Verb::Refund,
        Ask::QueryRefund => Verb::QueryRefund,
    }
}
