//! Stories of the intent machine, and its laws over random ones.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::attempt::Rules;
use crate::testing::*;
use crate::{Basis, News, Presentation, Verb};

mod endings;
mod holds;
mod reversing;

/// One line of a story.
#[derive(Debug, Clone)]
enum Act {
    /// Confirm with attempt n.
    Confirm(u8, Presentation, Rules),
    /// Confirm with attempt n, which holds the money.
    Hold(u8, Rules),
    /// Capture so much of what is held.
    Capture(i64),
    Cancel,
    Expire,
    /// News about attempt number n (by opening order, from 0).
    Hear(usize, Verb, News),
    /// A worker sends attempt n (again).
    Send(usize),
    /// Seconds pass.
    Pass(i64),
}

struct Stage {
    intent: Intent,
    entries: Vec<Entry>,
    postings: Vec<Posting>,
    endings: Vec<(AttemptId, Ending)>,
    now: i64,
}

impl Stage {
    fn new() -> Self {
        Self::of(CaptureMode::Automatic)
    }

    fn of(capture: CaptureMode) -> Self {
        let step = Intent::create(Terms { capture, ..intent_terms() }, None, &Counting);
        Self {
            intent: step.intent,
            entries: step.entries,
            postings: step.postings,
            endings: Vec::new(),
            now: 0,
        }
    }

    fn play(&mut self, act: &Act) {
        let (intent, now) = (self.intent.clone(), after(self.now));
        let step = match act {
            Act::Confirm(n, presentation, rules) => {
                Self::confirm(intent, attempt_terms(*n, *presentation, *rules), now)
            }
            Act::Hold(n, rules) => Self::confirm(intent, hold_terms(*n, QR, *rules), now),
            Act::Capture(fen) => intent.capture(Some(yuan(*fen)), now, &Counting).ok().map(|(step, _)| step),
            Act::Cancel => intent.cancel(now, &Counting).ok().flatten(),
            Act::Expire => intent.expire(now, &Counting),
            Act::Hear(index, verb, news) => {
                let Some(id) = intent.attempts.get(*index).map(|attempt| attempt.terms.id) else { return };
                match intent.observe(id, &seen(*verb, news.clone()), now, &Counting).unwrap() {
                    Seen::News(step) => Some(*step),
                    Seen::Known(_) | Seen::Suspicious(_) => None,
                }
            }
            Act::Send(index) => {
                let Some(id) = intent.attempts.get(*index).map(|attempt| attempt.terms.id) else { return };
                intent.begin_send(id, now, &Counting)
            }
            Act::Pass(seconds) => {
                self.now += seconds;
                None
            }
        };
        self.take(step);
    }

    fn take(&mut self, step: Option<Step>) {
        if let Some(step) = step {
            self.endings.extend(step.endings(&self.intent));
            self.intent = step.intent;
            self.entries.extend(step.entries);
            self.postings.extend(step.postings);
        }
    }

    fn confirm(intent: Intent, terms: attempt::Terms, now: Timestamp) -> Option<Step> {
        let known = intent.attempts.iter().any(|known| known.terms.order_no == terms.order_no);
        if known { None } else { intent.confirm(terms, now, &Counting).ok() }
    }

    fn summary(&self) -> String {
        let attempts: Vec<String> = self
            .intent
            .attempts
            .iter()
            .map(|attempt| {
                let left = if attempt.left { " (left)" } else { "" };
                format!("{} {}{left}", attempt.terms.order_no, attempt.state.name())
            })
            .collect();
        let postings: Vec<&str> = self
            .postings
            .iter()
            .map(|posting| match posting {
                Posting::Captured(_) => "captured",
                Posting::Late(_) => "late",
                Posting::Returned(_) => "returned",
                Posting::Held { kept: true, .. } => "held",
                Posting::Held { kept: false, .. } => "held aside",
                Posting::Released { .. } => "released",
            })
            .collect();
        format!("{}; {}; {}", self.intent.state.name(), attempts.join(", "), postings.join(", "))
    }
}

fn check(acts: &[Act], wanted: Expect) {
    check_on(Stage::new(), acts, wanted);
}

fn check_on(mut stage: Stage, acts: &[Act], wanted: Expect) {
    acts.iter().for_each(|act| stage.play(act));
    wanted.assert_eq(&stage.summary());
    assert_eq!(Intent::fold(&stage.entries).as_ref(), Ok(&stage.intent));
}

const QR: Presentation = Presentation::QrShown;
const CODE: Presentation = Presentation::PayerCode;

#[test]
fn paid_by_qr() {
    check(
        &[
            Act::Confirm(1, QR, CLOSABLE),
            Act::Hear(0, Verb::Charge, shown()),
            Act::Hear(0, Verb::Query, paid()),
        ],
        expect!["succeeded; ORDER001 Paid; captured"],
    );
}

#[test]
fn refused_leaves_room_for_another_wallet() {
    check(
        &[Act::Confirm(1, QR, CLOSABLE), Act::Hear(0, Verb::Charge, refused(Basis::Channel))],
        expect!["requires_wallet; ORDER001 Refused; "],
    );
}

#[test]
fn a_switch_waits_for_the_close_of_the_earlier_attempt() {
    let start =
        [Act::Confirm(1, QR, CLOSABLE), Act::Hear(0, Verb::Charge, shown()), Act::Confirm(2, QR, ALL)];
    check(&start, expect!["processing; ORDER001 Closing; "]);
    let end = [start.to_vec(), vec![Act::Hear(0, Verb::Close, closed())]].concat();
    check(&end, expect!["processing; ORDER001 Closed, ORDER002 Sending; "]);
    let paid_first = [start.to_vec(), vec![Act::Hear(0, Verb::Query, paid())]].concat();
    check(&paid_first, expect!["succeeded; ORDER001 Paid; captured"]);
}

/// An Alipay-like code that nobody scanned has no trade to close: it is left and watched.
#[test]
fn what_cannot_be_closed_is_left_and_its_late_money_is_late() {
    let acts = [
        Act::Confirm(1, QR, CLOSABLE),
        Act::Hear(0, Verb::Charge, shown()),
        Act::Confirm(2, QR, CLOSABLE),
        Act::Hear(0, Verb::Close, News::Absent),
        Act::Hear(1, Verb::Charge, shown()),
        Act::Hear(1, Verb::Query, paid()),
        Act::Hear(0, Verb::Query, paid()),
    ];
    check(&acts[..4], expect!["processing; ORDER001 Closing (left), ORDER002 Sending; "]);
    check(&acts, expect!["succeeded; ORDER001 Late (left), ORDER002 Paid; captured, late"]);
}

#[test]
fn the_first_payment_stays_even_if_it_is_the_left_one() {
    check(
        &[
            Act::Confirm(1, QR, NOTHING),
            Act::Hear(0, Verb::Charge, shown()),
            Act::Confirm(2, QR, CLOSABLE),
            Act::Hear(0, Verb::Query, unpaid()),
            Act::Hear(1, Verb::Charge, shown()),
            Act::Hear(0, Verb::Query, paid()),
            Act::Hear(1, Verb::Query, paid()),
        ],
        expect!["succeeded; ORDER001 Paid (left), ORDER002 Late; captured, late"],
    );
}

/// F12: money after a proved close is late, although the intent is still open.
#[test]
fn paid_after_close_is_late() {
    check(
        &[
            Act::Confirm(1, QR, CLOSABLE),
            Act::Hear(0, Verb::Charge, shown()),
            Act::Cancel,
            Act::Hear(0, Verb::Close, closed()),
            Act::Hear(0, Verb::Query, paid()),
        ],
        expect!["canceled; ORDER001 Late; late"],
    );
}

/// A creation in doubt was never shown: a rail that takes repeats gets the same bytes, another one a new order.
#[test]
fn a_lost_creation_is_sent_again_or_repeated_under_a_new_number() {
    let lost = |rules| vec![Act::Confirm(1, QR, rules), Act::Hear(0, Verb::Charge, unknown())];
    let asked = |rules, news| [lost(rules), vec![Act::Hear(0, Verb::Query, news)]].concat();
    check(&asked(ALL, News::Absent), expect!["processing; ORDER001 InDoubt; "]);
    check(
        &[asked(ALL, unpaid()), vec![Act::Send(0), Act::Hear(0, Verb::Charge, shown())]].concat(),
        expect!["awaiting_payer; ORDER001 AwaitingPayer; "],
    );
    check(&asked(CLOSABLE, unpaid()), expect!["processing; ORDER001 Closing (left), ORDER001R1 Sending; "]);
    check(
        &asked(NOTHING, News::Absent),
        expect!["processing; ORDER001 InDoubt (left), ORDER001R1 Sending; "],
    );
}

/// A charge by payer's code is never sent twice, and never left.
#[test]
fn a_payers_code_in_doubt_is_only_asked_for() {
    let lost = [Act::Confirm(1, CODE, ALL), Act::Hear(0, Verb::Charge, unknown())];
    let acts = [lost.to_vec(), vec![Act::Hear(0, Verb::Query, News::Absent), Act::Send(0)]].concat();
    check(&acts, expect!["processing; ORDER001 InDoubt; "]);
    check(
        &[acts.clone(), vec![Act::Hear(0, Verb::Query, paid())]].concat(),
        expect!["succeeded; ORDER001 Paid; captured"],
    );
    check(
        &[acts, vec![Act::Pass(1100), Act::Hear(0, Verb::Query, News::Absent)]].concat(),
        expect!["requires_wallet; ORDER001 Closed; "],
    );
}

/// Goods must not ship for money that is on its way back.
#[test]
fn a_payment_under_a_reverse_waits_for_the_reverse() {
    let reversing = [
        Act::Confirm(1, CODE, ALL),
        Act::Hear(0, Verb::Charge, unpaid_with_ref()),
        Act::Cancel,
        Act::Hear(0, Verb::Query, paid()),
    ];
    check(&reversing, expect!["processing; ORDER001 Closing; "]);
    check(
        &[reversing.to_vec(), vec![Act::Hear(0, Verb::Reverse, closed())]].concat(),
        expect!["canceled; ORDER001 Closed; returned"],
    );
    check(
        &[reversing.to_vec(), vec![Act::Hear(0, Verb::Reverse, refused(Basis::Signed))]].concat(),
        expect!["succeeded; ORDER001 Paid; captured"],
    );
}

#[test]
fn expiry_asks_the_rail_before_it_closes() {
    let start =
        [Act::Confirm(1, QR, CLOSABLE), Act::Hear(0, Verb::Charge, shown()), Act::Pass(900), Act::Expire];
    check(&start, expect!["processing; ORDER001 AwaitingPayer; "]);
    let asked = [start.to_vec(), vec![Act::Hear(0, Verb::Query, unpaid())]].concat();
    check(&asked, expect!["processing; ORDER001 Closing; "]);
    check(
        &[asked, vec![Act::Hear(0, Verb::Close, closed())]].concat(),
        expect!["expired; ORDER001 Closed; "],
    );
    let paid = [start.to_vec(), vec![Act::Hear(0, Verb::Query, paid())]].concat();
    check(&paid, expect!["succeeded; ORDER001 Paid; captured"]);
}

/// A rail without a close: the order ends by its own time, proved by a query after it.
#[test]
fn without_a_close_the_expiry_is_proved_by_a_query() {
    let start =
        [Act::Confirm(1, QR, NOTHING), Act::Hear(0, Verb::Charge, shown()), Act::Pass(900), Act::Expire];
    let asked = [start.to_vec(), vec![Act::Hear(0, Verb::Query, unpaid())]].concat();
    check(&asked, expect!["processing; ORDER001 AwaitingPayer; "]);
    check(
        &[asked, vec![Act::Hear(0, Verb::Query, closed())]].concat(),
        expect!["expired; ORDER001 Closed; "],
    );
}

fn news() -> impl Strategy<Value = News> {
    prop_oneof![
        3 => Just(paid()),
        1 => Just(closed()),
        1 => Just(shown()),
        2 => Just(unpaid()),
        1 => Just(unpaid_with_ref()),
        1 => Just(refused(Basis::Signed)),
        1 => Just(refused(Basis::Channel)),
        2 => Just(unknown()),
        1 => Just(not_sent()),
        2 => Just(News::Absent),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let verb =
        prop::sample::select(vec![Verb::Charge, Verb::Query, Verb::Close, Verb::Reverse, Verb::QueryReverse]);
    let rules = prop::sample::select(vec![ALL, NOTHING, CLOSABLE]);
    let presentation = prop::sample::select(vec![QR, CODE]);
    prop_oneof![
        2 => (1..9u8, presentation, rules).prop_map(|(n, presentation, rules)| Act::Confirm(n, presentation, rules)),
        1 => Just(Act::Cancel),
        1 => Just(Act::Expire),
        8 => (0..5usize, verb, news()).prop_map(|(n, verb, news)| Act::Hear(n, verb, news)),
        2 => (0..5usize).prop_map(Act::Send),
        1 => prop::sample::select(vec![1_i64, 60, 900, 1100]).prop_map(Act::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// I1, I7, I8, I17: over any story, at most one capture; each paid attempt is the winner or late, exactly once;
    /// a final state stays; the fold of the journal is the row; nothing is posted for an attempt that was not paid.
    #[test]
    fn the_laws_hold_over_any_story(acts in prop::collection::vec(act(), 0..40)) {
        let mut stage = Stage::new();
        for act in &acts {
            let before = stage.intent.state;
            stage.play(act);
            prop_assert!(!before.is_final() || before == stage.intent.state, "left a final state: {act:?}");
        }
        let intent = &stage.intent;
        let folded = Intent::fold(&stage.entries);
        prop_assert_eq!(folded.as_ref(), Ok(intent));
        let captured = stage.postings.iter().filter(|posting| matches!(posting, Posting::Captured(_))).count();
        let won = matches!(intent.state, State::Succeeded { .. });
        prop_assert_eq!(captured, usize::from(won));
        for attempt in &intent.attempts {
            let id = attempt.terms.id;
            let posted: Vec<_> = stage.postings.iter().filter(|posting| match posting {
                Posting::Captured(of) | Posting::Late(of) | Posting::Returned(of) => *of == id,
                Posting::Held { .. } | Posting::Released { .. } => false,
            }).collect();
            match &attempt.state {
                attempt::State::Paid(_) => {
                    prop_assert_eq!(intent.state, State::Succeeded { winner: id });
                    let captured = Posting::Captured(id);
                    prop_assert_eq!(posted, vec![&captured]);
                }
                attempt::State::Late(_) => prop_assert!(posted.contains(&&Posting::Late(id)) && !posted.contains(&&Posting::Captured(id))),
                attempt::State::Closed(closed) => prop_assert_eq!(posted.len(), usize::from(closed.returned.is_some())),
                _ => prop_assert!(posted.is_empty()),
            }
        }
        let blocking = intent.attempts.iter().filter(|attempt| attempt.is_blocking()).count();
        prop_assert!(intent.is_final() || blocking <= 1, "two attempts at once: {}", stage.summary());
    }
}

/// F72: an operator's decision is a journal entry like any other, and changes nothing by itself; the seal of the last
/// committed entry stays the head until the next commit.
#[test]
fn a_redrive_is_noted_and_changes_nothing_else() {
    let mut stage = Stage::new();
    let acts = [Act::Confirm(1, QR, CLOSABLE), Act::Hear(0, Verb::Charge, shown())];
    acts.iter().for_each(|act| stage.play(act));
    let before = stage.intent.clone();
    let remark = |text| crate::Remark::parse(text).unwrap();
    let (by, why) = (remark("li.lei"), remark("the rail is back"));
    let attempt = before.attempts[0].terms.id;
    let step = before.clone().redrive(Some(attempt), by.clone(), why.clone(), after(7)).unwrap();
    let (version, updated_at) = (before.version + 1, after(7));
    assert_eq!(step.intent, Intent { version, updated_at, ..before.clone() });
    stage.entries.extend(step.entries);
    assert_eq!(Intent::fold(&stage.entries), Ok(step.intent));
    let elsewhere = attempt_terms(9, QR, CLOSABLE).id;
    assert!(before.redrive(Some(elsewhere), by, why, after(8)).is_none());
}
