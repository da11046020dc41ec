//! Holds: their part of the printed table, and their laws.

use proptest::prelude::*;

use super::*;
use crate::{Basis, Doubt, News, Outcome, Presentation, RailRef, Settled, Verb};

fn held() -> Held {
    Held::new(settled(10_000), start())
}

fn operation(phase: Phase) -> Operation {
    Operation { sends: 1, phase, ..Operation::unsent(crate::OrderNo::parse("CAPTURE001").unwrap(), start()) }
}

fn capturing(phase: Phase) -> State {
    State::Capturing(Capturing { held: held(), amount: yuan(6_400), operation: operation(phase) })
}

fn releasing(phase: Phase) -> State {
    State::Releasing(Releasing { held: held(), why: Why::Cancel, operation: operation(phase) })
}

fn in_doubt() -> Phase {
    Phase::InDoubt { doubt: Doubt::TimedOut }
}

fn unconfirmed() -> Phase {
    let News::Outcome(Outcome::Refused(refusal)) = refused(Basis::Signed) else { panic!() };
    Phase::InDoubt { doubt: Doubt::Unconfirmed(refusal) }
}

pub fn captured() -> News {
    News::Outcome(Outcome::Paid(settled(6_400)))
}

pub fn held_news() -> News {
    News::Outcome(Outcome::Held(settled(10_000)))
}

pub fn states() -> Vec<State> {
    let News::Outcome(Outcome::Refused(refusal)) = refused(Basis::Signed) else { panic!() };
    let next_action = crate::NextAction::WaitForPayer;
    let taken = Taken { capture_no: crate::OrderNo::parse("CAPTURE001").unwrap(), opened_at: start() };
    vec![
        State::AwaitingPayer(AwaitingPayer { next_action }),
        State::Held(held()),
        capturing(Phase::Sending { doubted: false }),
        capturing(in_doubt()),
        capturing(unconfirmed()),
        releasing(Phase::Sending { doubted: false }),
        releasing(in_doubt()),
        releasing(unconfirmed()),
        releasing(Phase::Refused { refusal: refusal.clone() }),
        State::Paid(Paid { settled: settled(6_400), taken: Some(taken) }),
        State::Refused(Refused { refusal }),
        State::Closed(Closed { end: End::Proved, returned: None, released: None }),
        State::Closed(Closed { end: End::Proved, returned: None, released: Some(yuan(10_000)) }),
    ]
}

pub fn inputs() -> Vec<Input> {
    vec![
        ("held", Verb::Query, held_news(), 10),
        ("order closed", Verb::Query, closed(), 10),
        ("order paid", Verb::Query, paid(), 10),
        ("order absent", Verb::Query, News::Absent, 10),
        ("captured", Verb::Capture, captured(), 10),
        ("query says captured", Verb::QueryCapture, captured(), 10),
        ("captured another amount", Verb::Capture, paid(), 10),
        ("capture pending", Verb::Capture, unpaid(), 10),
        ("capture refused", Verb::Capture, refused(Basis::Signed), 10),
        ("query says capture refused", Verb::QueryCapture, refused(Basis::Signed), 10),
        ("query says capture closed", Verb::QueryCapture, closed(), 10),
        ("capture not sent", Verb::Capture, not_sent(), 10),
        ("capture unknown", Verb::Capture, unknown(), 10),
        ("capture absent", Verb::QueryCapture, News::Absent, 10),
        ("capture absent, too late to repeat", Verb::QueryCapture, News::Absent, 4000),
        ("released", Verb::Release, closed(), 10),
        ("release refused", Verb::Release, refused(Basis::Signed), 10),
        ("release not sent", Verb::Release, not_sent(), 10),
        ("release unknown", Verb::Release, unknown(), 10),
        ("release absent", Verb::QueryRelease, News::Absent, 10),
    ]
}

fn hold(state: State) -> Attempt {
    Attempt { state, ..Attempt::open(hold_terms(1, Presentation::QrShown, ALL)) }
}

/// I4: only what was opened as a hold is believed to be held, and only in full.
#[test]
fn other_holds_are_suspicious() {
    let part = News::Outcome(Outcome::Held(settled(9_999)));
    let awaiting = || states().into_iter().next().unwrap();
    assert_eq!(
        hold(awaiting()).on(&seen(Verb::Query, part), after(1)),
        Turn::Suspicious(Doubt::AmountMismatch)
    );
    let plain = Attempt { state: awaiting(), ..Attempt::open(attempt_terms(1, Presentation::QrShown, ALL)) };
    assert!(matches!(plain.on(&seen(Verb::Query, held_news()), after(1)), Turn::Suspicious(_)));
}

/// I4: money of a hold is believed to be taken as the answer about its capture only, whatever the state.
#[test]
fn a_hold_is_never_paid_by_another_word() {
    for state in states() {
        let turn = hold(state.clone()).on(&seen(Verb::Query, paid()), after(1));
        assert!(matches!(turn, Turn::Suspicious(_)), "{}: {turn:?}", label(&state));
        let turn = hold(state.clone()).on(&seen(Verb::Release, paid()), after(1));
        assert!(matches!(turn, Turn::Suspicious(_)), "{}: {turn:?}", label(&state));
    }
}

/// F05: a second transaction under one capture number is raised.
#[test]
fn a_second_capture_under_one_number_is_suspicious() {
    let taken = states().into_iter().find(|state| state.name() == "Paid").unwrap();
    let other = Settled { rail_ref: Some(RailRef::parse("T2").unwrap()), ..settled(6_400) };
    let turn = hold(taken).on(&seen(Verb::QueryCapture, News::Outcome(Outcome::Paid(other))), after(1));
    assert!(matches!(turn, Turn::Suspicious(_)), "{turn:?}");
}

/// Half of a hold's time is never given away; of a long one, the last day is.
#[test]
fn a_hold_is_given_back_before_the_rail_does_it() {
    let hours = |days| {
        let hold = hold_terms(1, Presentation::QrShown, ALL).hold.unwrap();
        HoldTerms { days, ..hold }.kept_for().as_hours()
    };
    assert_eq!([1, 2, 3, 7, 30].map(hours), [12, 24, 48, 144, 696]);
}

/// What a rail can say about a capture or a release whose truth is this.
fn words(truth: u8) -> Vec<(Verb, News)> {
    let (act, ask) =
        if truth == 2 { (Verb::Release, Verb::QueryRelease) } else { (Verb::Capture, Verb::QueryCapture) };
    let noise =
        [(act, unknown()), (ask, unknown()), (Verb::Query, held_news()), (ask, unpaid()), (act, unpaid())];
    let truth = match truth {
        0 => (ask, captured()),
        1 => (ask, refused(Basis::Signed)),
        _ => (ask, closed()),
    };
    noise.into_iter().chain([truth.clone(), truth]).collect()
}

proptest! {
    /// Whatever the order and however often the news of a capture or release comes: the same end.
    #[test]
    fn order_and_repetition_do_not_change_the_end(
        truth in 0..3u8,
        order in prop::collection::vec(0..7usize, 0..12),
    ) {
        let words = words(truth);
        let sending = Phase::Sending { doubted: false };
        let mut attempt = hold(if truth == 2 { releasing(sending) } else { capturing(sending) });
        for index in order.into_iter().chain([5]) {
            let (verb, news) = words[index].clone();
            if let Turn::Move(to) = attempt.on(&seen(verb, news), after(5)) {
                attempt.state = to;
            }
        }
        let wanted = ["Paid (captured)", "Held (capture refused)", "Closed (released)"][usize::from(truth)];
        prop_assert_eq!(label(&attempt.state), wanted);
    }
}
