//! Stories of held money, and the laws over random ones.

use super::*;
use crate::{NotSent, Outcome, Settled};

fn held() -> News {
    News::Outcome(Outcome::Held(settled(10_000)))
}

fn captured(fen: i64) -> News {
    News::Outcome(Outcome::Paid(Settled { rail_ref: None, ..settled(fen) }))
}

fn story(acts: &[Act], wanted: Expect) {
    check_on(Stage::of(CaptureMode::Manual), acts, wanted);
}

fn authorized() -> Vec<Act> {
    vec![Act::Hold(1, CLOSABLE), Act::Hear(0, Verb::Charge, shown()), Act::Hear(0, Verb::Query, held())]
}

fn and(acts: &[Act]) -> Vec<Act> {
    [&authorized(), acts].concat()
}

#[test]
fn held_and_captured() {
    story(&authorized(), expect!["authorized; ORDER001 Held; held"]);
    story(&and(&[Act::Capture(10_000)]), expect!["processing; ORDER001 Capturing; held"]);
    story(
        &and(&[Act::Capture(6_400), Act::Hear(0, Verb::Capture, captured(6_400))]),
        expect!["succeeded; ORDER001 Paid; held, captured"],
    );
}

#[test]
fn a_refused_capture_leaves_the_hold_for_the_next_one() {
    let refused = and(&[
        Act::Capture(10_000),
        Act::Hear(0, Verb::Capture, refused(Basis::Signed)),
        Act::Hear(0, Verb::QueryCapture, News::Absent),
    ]);
    story(&refused, expect!["authorized; ORDER001 Held; held"]);
    let again = [refused, vec![Act::Capture(6_400), Act::Hear(0, Verb::Capture, captured(6_400))]].concat();
    story(&again, expect!["succeeded; ORDER001 Paid; held, captured"]);
    let mut stage = Stage::of(CaptureMode::Manual);
    again.iter().for_each(|act| stage.play(act));
    let attempt::State::Paid(paid) = &stage.intent.attempts[0].state else { panic!() };
    assert_eq!(paid.taken.as_ref().unwrap().capture_no.as_str(), "ORDER001C1");
}

/// Nothing left us, so the next capture has the same number, and however many of them there are, none is used up.
#[test]
fn a_capture_that_was_not_sent_uses_nothing_up() {
    let not_planned = News::Outcome(Outcome::NotSent(NotSent::NotPlanned("a field is withheld".into())));
    let unsent = [Act::Capture(10_000), Act::Hear(0, Verb::Capture, not_planned)];
    let often = vec![unsent; 25].concat();
    story(&and(&often), expect!["authorized; ORDER001 Held; held"]);
    let captured = [often, vec![Act::Capture(6_400), Act::Hear(0, Verb::Capture, captured(6_400))]].concat();
    let mut stage = Stage::of(CaptureMode::Manual);
    and(&captured).iter().for_each(|act| stage.play(act));
    let attempt::State::Paid(paid) = &stage.intent.attempts[0].state else { panic!() };
    assert_eq!(paid.taken.as_ref().unwrap().capture_no.as_str(), "CAPTURE001");
}

/// I12: the rail took the capture and closed it unpaid, as Alipay does with a trade whose payer never confirmed: nothing was
/// taken, so the money is held for the next one.
#[test]
fn a_capture_that_is_closed_unpaid_leaves_the_hold() {
    let pending = and(&[Act::Capture(10_000), Act::Hear(0, Verb::Capture, unpaid())]);
    story(
        &[&pending[..], &[Act::Hear(0, Verb::QueryCapture, closed())]].concat(),
        expect!["authorized; ORDER001 Held; held"],
    );
    // By its reply the capture itself is not known to have been asked about.
    story(
        &[&pending[..], &[Act::Hear(0, Verb::Capture, closed())]].concat(),
        expect!["processing; ORDER001 Capturing; held"],
    );
}

/// A cancel gives the hold back; it never races a capture.
#[test]
fn a_cancel_releases_and_waits_for_a_capture() {
    story(&and(&[Act::Cancel]), expect!["processing; ORDER001 Releasing; held"]);
    story(
        &and(&[Act::Cancel, Act::Capture(1), Act::Send(0), Act::Hear(0, Verb::Release, closed())]),
        expect!["canceled; ORDER001 Closed; held, released"],
    );
    story(&and(&[Act::Capture(1), Act::Cancel]), expect!["processing; ORDER001 Capturing; held"]);
}

#[test]
fn commands_on_a_hold_are_checked() {
    let mut stage = Stage::of(CaptureMode::Manual);
    let capture =
        |stage: &Stage, fen| stage.intent.clone().capture(Some(yuan(fen)), after(5), &Counting).map(|_| ());
    assert_eq!(capture(&stage, 1), Err(CaptureError::NotAuthorized("requires_wallet")));
    authorized().iter().for_each(|act| stage.play(act));
    assert_eq!(capture(&stage, 10_001), Err(CaptureError::ExceedsHold(yuan(10_000))));
    let next = hold_terms(2, QR, ALL);
    let confirm = stage.intent.clone().confirm(next, after(5), &Counting).map(|_| ());
    assert_eq!(confirm, Err(ConfirmError::HoldStands));
    stage.play(&Act::Capture(10_000));
    assert_eq!(capture(&stage, 1), Err(CaptureError::UnderWay));
    let cancel = stage.intent.clone().cancel(after(5), &Counting).map(|_| ());
    assert_eq!(cancel, Err(CancelError::Capturing));
    let plain = Stage::new().intent.confirm(hold_terms(2, QR, ALL), after(5), &Counting).map(|_| ());
    assert_eq!(plain, Err(ConfirmError::CaptureMode));
}

#[test]
fn a_hold_outlives_the_intents_own_end_and_ends_before_the_rails() {
    let day = 86_400;
    story(&and(&[Act::Pass(900), Act::Expire]), expect!["authorized; ORDER001 Held; held"]);
    story(&and(&[Act::Pass(6 * day), Act::Expire]), expect!["processing; ORDER001 Releasing; held"]);
    story(
        &and(&[Act::Pass(6 * day), Act::Expire, Act::Hear(0, Verb::QueryRelease, closed())]),
        expect!["expired; ORDER001 Closed; held, released"],
    );
    // The rail ends it by itself: another wallet may be chosen.
    story(
        &and(&[Act::Hear(0, Verb::Query, closed())]),
        expect!["requires_wallet; ORDER001 Closed; held, released"],
    );
}

/// Two wallets, two holds: the first stays, the other one goes back by itself.
#[test]
fn the_first_hold_stays() {
    let second = [
        Act::Hold(1, NOTHING),
        Act::Hear(0, Verb::Charge, shown()),
        Act::Hold(2, CLOSABLE),
        Act::Hear(0, Verb::Query, unpaid()),
        Act::Hear(1, Verb::Charge, shown()),
        Act::Hear(1, Verb::Query, held()),
        Act::Hear(0, Verb::Query, held()),
    ];
    story(&second, expect!["authorized; ORDER001 Releasing (left), ORDER002 Held; held, held aside"]);
    let late =
        [&second[..5], &[Act::Hear(0, Verb::Query, held()), Act::Hear(1, Verb::Query, held())]].concat();
    story(&late, expect!["authorized; ORDER001 Held (left), ORDER002 Closing; held"]);
    let unended = [Act::Hear(1, Verb::Close, unknown()), Act::Hear(1, Verb::Query, held())];
    story(
        &[&late[..], &unended[..]].concat(),
        expect!["authorized; ORDER001 Held (left), ORDER002 Releasing; held, held aside"],
    );
    story(
        &[&second[..], &[Act::Hear(0, Verb::Release, closed()), Act::Capture(10_000)]].concat(),
        expect!["processing; ORDER001 Closed (left), ORDER002 Capturing; held, held aside, released"],
    );
}

/// A close may give back what is held, so a hold that is told of while one is on its way is not promised to anybody: the
/// close's own answer says what became of it, or the query that follows it.
#[test]
fn a_hold_under_a_close_waits_for_the_closes_answer() {
    let switched = [
        Act::Hold(1, CLOSABLE),
        Act::Hear(0, Verb::Charge, shown()),
        Act::Hold(2, CLOSABLE),
        Act::Hear(0, Verb::Query, held()),
    ];
    story(&switched, expect!["processing; ORDER001 Closing; "]);
    let with = |acts: &[Act]| [&switched[..], acts].concat();
    story(
        &with(&[Act::Hear(0, Verb::Close, closed())]),
        expect!["processing; ORDER001 Closed, ORDER002 Sending; "],
    );
    let stands = with(&[Act::Hear(0, Verb::Close, unknown()), Act::Hear(0, Verb::Query, held())]);
    story(&stands, expect!["authorized; ORDER001 Held; held"]);
    // The close was executed after all, and its answer comes late.
    let gone = [&stands[..], &[Act::Hear(0, Verb::Close, closed())]].concat();
    story(&gone, expect!["requires_wallet; ORDER001 Closed; held, released"]);
}

/// I17: a hold that turns up after the end goes back; nothing was charged, so nothing is late money.
#[test]
fn a_hold_after_the_end_is_released() {
    let canceled = [
        Act::Hold(1, CLOSABLE),
        Act::Hear(0, Verb::Charge, shown()),
        Act::Cancel,
        Act::Hear(0, Verb::Close, closed()),
        Act::Hear(0, Verb::Query, held()),
    ];
    story(&canceled, expect!["canceled; ORDER001 Releasing; held aside"]);
    let released = [&canceled[..], &[Act::Send(0), Act::Hear(0, Verb::Release, closed())]].concat();
    story(&released, expect!["canceled; ORDER001 Closed; held aside, released"]);
    story(
        &[&released[..], &[Act::Hear(0, Verb::Query, held())]].concat(),
        expect!["canceled; ORDER001 Closed; held aside, released"],
    );
    let under_cancel = [&canceled[..3], &[Act::Hear(0, Verb::Query, held())]].concat();
    story(&under_cancel, expect!["processing; ORDER001 Closing; "]);
    let unended = [Act::Hear(0, Verb::Close, unknown()), Act::Hear(0, Verb::Query, held())];
    story(&[&under_cancel[..], &unended[..]].concat(), expect!["processing; ORDER001 Releasing; held"]);
}

fn act() -> impl Strategy<Value = Act> {
    let verbs = [
        Verb::Charge,
        Verb::Query,
        Verb::Close,
        Verb::Capture,
        Verb::QueryCapture,
        Verb::Release,
        Verb::QueryRelease,
    ];
    let news = prop_oneof![
        3 => Just(held()),
        2 => prop::sample::select(vec![1, 6_400, 10_000]).prop_map(captured),
        2 => Just(closed()),
        1 => Just(shown()),
        1 => Just(unpaid_with_ref()),
        1 => prop::sample::select(vec![Basis::Signed, Basis::Channel]).prop_map(refused),
        1 => Just(unknown()),
        1 => Just(not_sent()),
        1 => Just(News::Absent),
    ];
    let rules = prop::sample::select(vec![NOTHING, CLOSABLE]);
    prop_oneof![
        3 => (1..9u8, rules).prop_map(|(n, rules)| Act::Hold(n, rules)),
        2 => prop::sample::select(vec![1, 6_400, 10_000]).prop_map(Act::Capture),
        1 => Just(Act::Cancel),
        1 => Just(Act::Expire),
        12 => (0..4usize, prop::sample::select(verbs.to_vec()), news).prop_map(|(n, verb, news)| Act::Hear(n, verb, news)),
        2 => (0..4usize).prop_map(Act::Send),
        1 => prop::sample::select(vec![1_i64, 60, 900, 1100, 518_400]).prop_map(Act::Pass),
    ]
}

/// What the books say of one attempt: held by now, taken, given back; in this order, each once.
fn booked(postings: &[Posting], id: AttemptId) -> Vec<&'static str> {
    let words = postings.iter().map(|posting| match posting {
        Posting::Held { attempt, .. } => (*attempt, "held"),
        Posting::Released { attempt, .. } => (*attempt, "released"),
        Posting::Captured(attempt) => (*attempt, "captured"),
        Posting::Late(attempt) => (*attempt, "late"),
        Posting::Returned(attempt) => (*attempt, "returned"),
    });
    words.filter(|(attempt, _)| *attempt == id).map(|(_, word)| word).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    /// I1, I6, I7, I8, I16: over any story of holds, at most one is kept and at most one captured, by one capture under
    /// way at a time; each is booked once and resolved once; final states stay; the fold of the journal is the row.
    #[test]
    fn the_laws_hold_over_any_story_of_holds(acts in prop::collection::vec(act(), 0..50)) {
        let mut stage = Stage::of(CaptureMode::Manual);
        for act in &acts {
            let before = stage.intent.state;
            stage.play(act);
            prop_assert!(!before.is_final() || before == stage.intent.state, "left a final state: {act:?}");
            let kept = stage.intent.attempts.iter().filter(|attempt| attempt.state.is_kept_hold()).count();
            prop_assert!(kept <= 1, "two holds: {}", stage.summary());
            let standing = stage.intent.holder().is_some_and(|holder| holder.state.name() == "Held");
            prop_assert_eq!(standing, stage.intent.state == State::Authorized);
        }
        let intent = &stage.intent;
        let folded = Intent::fold(&stage.entries);
        prop_assert_eq!(folded.as_ref(), Ok(intent));
        for attempt in &intent.attempts {
            let wanted: &[&str] = match &attempt.state {
                attempt::State::Held(_) | attempt::State::Capturing(_) | attempt::State::Releasing(_) => &["held"],
                attempt::State::Paid(_) => &["held", "captured"],
                attempt::State::Closed(closed) if closed.released.is_some() => &["held", "released"],
                _ => &[],
            };
            prop_assert_eq!(booked(&stage.postings, attempt.terms.id), wanted, "{}", stage.summary());
            let won = intent.state == State::Succeeded { winner: attempt.terms.id };
            prop_assert_eq!(won, attempt.state.name() == "Paid");
        }
    }
}
