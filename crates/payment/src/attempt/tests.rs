//! The printed table of the attempt machine, and its laws.

use expect_test::expect_file;
use proptest::prelude::*;

use super::*;
use crate::testing::*;
use crate::{Basis, News, Presentation, Settled};

mod holds;

/// Every state, as it is reached in real life.
fn states() -> Vec<State> {
    let doubt = |found| State::InDoubt(InDoubt { doubt: crate::Doubt::TimedOut, sends: 1, found });
    let closing = |verb, ask, paid: Option<Settled>| {
        State::Closing(Closing { ask, ..Closing::open(verb, Why::Cancel, paid) })
    };
    let next_action = crate::NextAction::WaitForPayer;
    let News::Outcome(crate::Outcome::Refused(refusal)) = refused(Basis::Signed) else { panic!() };
    vec![
        State::Sending(Sending::ahead(1, false)),
        State::AwaitingPayer(AwaitingPayer { next_action }),
        doubt(None),
        closing(CloseVerb::Close, false, None),
        closing(CloseVerb::Reverse, false, None),
        closing(CloseVerb::Reverse, true, Some(settled(10_000))),
        State::Paid(Paid { settled: settled(10_000), taken: None }),
        State::Refused(Refused { refusal }),
        State::Closed(Closed { end: End::Proved, returned: None, released: None }),
        State::Late(Late { settled: settled(10_000) }),
    ]
}

type Input = (&'static str, Verb, News, i64);

fn inputs() -> Vec<Input> {
    vec![
        ("paid", Verb::Query, paid(), 10),
        ("closed", Verb::Query, closed(), 10),
        ("created", Verb::Charge, shown(), 10),
        ("unpaid", Verb::Query, unpaid(), 10),
        ("refused", Verb::Charge, refused(Basis::Signed), 10),
        ("refused, unsigned", Verb::Charge, refused(Basis::Channel), 10),
        ("query says refused", Verb::Query, refused(Basis::Signed), 10),
        ("not sent", Verb::Charge, not_sent(), 10),
        ("unknown", Verb::Charge, unknown(), 10),
        ("close unknown", Verb::Close, unknown(), 10),
        ("reverse refused", Verb::Reverse, refused(Basis::Signed), 10),
        ("absent", Verb::Query, News::Absent, 10),
        ("absent after expiry", Verb::Query, News::Absent, 1100),
    ]
}

fn label(state: &State) -> String {
    match state {
        State::Closing(closing) => {
            let paid = if closing.paid.is_some() { ", paid" } else { "" };
            let ask = if closing.ask { ", ask" } else { "" };
            let absent = if closing.absent { ", absent" } else { "" };
            format!("Closing ({:?}{paid}{ask}{absent})", closing.verb)
        }
        State::Sending(sending) if sending.unsent => "Sending (unsent)".into(),
        State::InDoubt(doubt) => match (&doubt.doubt, doubt.found) {
            (crate::Doubt::Unconfirmed(_), _) => "InDoubt (unconfirmed)".into(),
            (_, Some(found)) => format!("InDoubt (found {found:?})"),
            (_, None) => "InDoubt".into(),
        },
        State::Held(held) if held.last_failure.is_some() => "Held (capture refused)".into(),
        State::Capturing(Capturing { operation, .. }) => format!("Capturing ({})", phase(operation)),
        State::Releasing(releasing) => {
            let second = if releasing.why == Why::Superseded { ", superseded" } else { "" };
            format!("Releasing ({}{second})", phase(&releasing.operation))
        }
        State::Paid(Paid { taken: Some(_), .. }) => "Paid (captured)".into(),
        State::Closed(closed) if closed.released.is_some() => "Closed (released)".into(),
        State::Closed(closed) if closed.returned.is_some() => "Closed (returned)".into(),
        State::Closed(Closed { end: End::NeverExisted, .. }) => "Closed (never existed)".into(),
        state => state.name().into(),
    }
}

fn phase(operation: &Operation) -> &'static str {
    match &operation.phase {
        Phase::Unsent { .. } => "unsent",
        Phase::Sending { .. } => "sending",
        Phase::Pending => "pending",
        Phase::InDoubt { doubt: crate::Doubt::Unconfirmed(_) } => "unconfirmed",
        Phase::InDoubt { .. } => "in doubt",
        Phase::Refused { .. } => "refused",
    }
}

fn table(title: &str, presentation: Presentation) -> String {
    print(title, &states(), inputs(), &attempt_terms(1, presentation, ALL))
}

fn print(title: &str, states: &[State], inputs: Vec<Input>, terms: &Terms) -> String {
    let mut text = format!("\n## {title}\n\n| news |");
    for state in states {
        text += &format!(" {} |", label(state));
    }
    text += &format!("\n|---|{}\n", "---|".repeat(states.len()));
    for (name, verb, news, at) in inputs {
        text += &format!("| {name} |");
        for state in states {
            let attempt = Attempt { state: state.clone(), ..Attempt::open(terms.clone()) };
            let cell = match attempt.on(&seen(verb, news.clone()), after(at)) {
                Turn::Stay => "·".into(),
                Turn::Move(to) => label(&to),
                Turn::Suspicious(_) => "suspicious".into(),
            };
            text += &format!(" {cell} |");
        }
        text += "\n";
    }
    text
}

/// The document is written by this test; run it with `UPDATE_EXPECT=1` to renew it.
#[test]
fn the_transition_table_is_the_printed_one() {
    let mut text = String::from(
        "# The attempt machine\n\nPrinted by a test of the `payment` crate; a row per piece of news, a column per state, \
         `·` where nothing is new.\nWhat follows for the intent is in `crates/payment/src/intent/settle.rs`.\n",
    );
    text += &table("Order creations (QR shown, JSAPI, page)", Presentation::QrShown);
    text += &table("Charges by payer's code", Presentation::PayerCode);
    let terms = hold_terms(1, Presentation::QrShown, ALL);
    text += &print("Money that is held first", &holds::states(), holds::inputs(), &terms);
    expect_file!["../../../../docs/state-machines.md"].assert_eq(&text);
}

/// I4: another amount than the order's moves nothing, whatever the state.
/// F01: "not sent" says nothing of an earlier copy that may have arrived.
#[test]
fn not_sent_is_not_the_end_where_an_earlier_copy_may_have_arrived() {
    let state = State::Sending(Sending::ahead(2, true));
    let attempt = Attempt { state, ..Attempt::open(attempt_terms(1, Presentation::QrShown, ALL)) };
    let turn = attempt.on(&seen(Verb::Charge, not_sent()), after(1));
    assert!(matches!(turn, Turn::Move(State::InDoubt(_))), "{turn:?}");
}

#[test]
fn another_amount_is_suspicious_in_every_state() {
    for state in states() {
        let attempt = Attempt { state, ..Attempt::open(attempt_terms(1, Presentation::QrShown, ALL)) };
        let news = News::Outcome(crate::Outcome::Paid(settled(9_999)));
        let turn = attempt.on(&seen(Verb::Query, news), after(1));
        assert_eq!(turn, Turn::Suspicious(crate::Doubt::AmountMismatch), "{:?}", attempt.state);
    }
}

/// F05: a second transaction of the rail under one order number is raised, not swallowed.
#[test]
fn a_second_transaction_under_one_number_is_suspicious() {
    let state = State::Paid(Paid { settled: settled(10_000), taken: None });
    let attempt = Attempt { state, ..Attempt::open(attempt_terms(1, Presentation::QrShown, ALL)) };
    let other = Settled { rail_ref: Some(crate::RailRef::parse("T2").unwrap()), ..settled(10_000) };
    let turn = attempt.on(&seen(Verb::Query, News::Outcome(crate::Outcome::Paid(other))), after(1));
    assert!(matches!(turn, Turn::Suspicious(_)), "{turn:?}");
}

/// What a rail can say of an order whose truth is this; `None`: it never ends.
fn words(truth: u8) -> Vec<(Verb, News)> {
    let noise = [
        (Verb::Charge, unknown()),
        (Verb::Query, unknown()),
        (Verb::Query, unpaid()),
        (Verb::Charge, shown()),
        (Verb::Close, unknown()),
    ];
    let truth = match truth {
        0 => (Verb::Query, paid()),
        1 => (Verb::Query, closed()),
        _ => (Verb::Query, refused(Basis::Signed)),
    };
    noise.into_iter().chain([truth.clone(), truth]).collect()
}

proptest! {
    /// Whatever the order and however often the news comes: the same end (F59), and nothing leaves it.
    #[test]
    fn order_and_repetition_do_not_change_the_end(
        truth in 0..3u8,
        order in prop::collection::vec(0..7usize, 0..12),
        code in any::<bool>(),
    ) {
        let presentation = if code { Presentation::PayerCode } else { Presentation::QrShown };
        let words = words(truth);
        let mut attempt = Attempt::open(attempt_terms(1, presentation, CLOSABLE));
        let mut ended: Option<State> = None;
        for index in order.into_iter().chain([5]) {
            let (verb, news) = words[index].clone();
            if let Turn::Move(to) = attempt.on(&seen(verb, news), after(5)) {
                attempt.state = to;
            }
            if let Some(end) = &ended {
                prop_assert_eq!(end, &attempt.state);
            } else if !attempt.is_live() {
                ended = Some(attempt.state.clone());
            }
        }
        let wanted = ["Paid", "Closed", "Refused"][usize::from(truth)];
        prop_assert_eq!(attempt.state.name(), wanted);
    }
}
