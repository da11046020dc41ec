//! The time under which a reverse is sent, and who may renew it.

use super::*;
use crate::attempt::{Closing, Copies, UNDO_FRESH, Undo};

/// A charge by payer's code that is to be reversed: the payer has paid, and the storefront has canceled.
fn reversing() -> Stage {
    let mut stage = Stage::new();
    let acts = [Act::Confirm(1, CODE, ALL), Act::Hear(0, Verb::Charge, unpaid_with_ref()), Act::Cancel];
    acts.iter().for_each(|act| stage.play(act));
    assert_eq!(closing(&stage).undo, Some(Undo { stamped_at: None, copies: Copies::None }));
    stage
}

fn closing(stage: &Stage) -> Closing {
    match &stage.intent.attempts[0].state {
        attempt::State::Closing(closing) => closing.clone(),
        state => panic!("{state:?}"),
    }
}

fn told(stage: &Stage) -> i64 {
    let attempt = &stage.intent.attempts[0];
    let opened = Opened::read(&stage.entries, attempt.terms.id).unwrap();
    opened.told(attempt).duration_since(start()).as_secs()
}

/// A worker writes ahead at this time; whether something was written.
fn sends_at(stage: &mut Stage, seconds: i64) -> bool {
    stage.now = seconds;
    let id = stage.intent.attempts[0].terms.id;
    let opened = Opened::read(&stage.entries, id).unwrap();
    let step = stage.intent.clone().begin_reverse(id, &opened, after(seconds), &Counting);
    let written = step.is_some();
    stage.take(step);
    assert_eq!(Intent::fold(&stage.entries).as_ref(), Ok(&stage.intent));
    written
}

/// F01: what could not be sent for an hour is sent as if it was opened then, and only that.
#[test]
fn a_reverse_that_was_never_sent_gets_a_new_time() {
    let mut stage = reversing();
    assert_eq!(told(&stage), 0);
    assert!(sends_at(&mut stage, 3600));
    assert_eq!((told(&stage), closing(&stage).undo.unwrap().copies), (3600, Copies::One));
    // "Not sent" is believed of the only copy.
    stage.play(&Act::Hear(0, Verb::Reverse, not_sent()));
    assert_eq!((closing(&stage).undo.unwrap().copies, closing(&stage).sends), (Copies::None, 2));
    assert!(sends_at(&mut stage, 3600 + UNDO_FRESH.as_secs()));
    assert_eq!(told(&stage), 3600, "it was fresh enough");
    stage.play(&Act::Hear(0, Verb::Reverse, not_sent()));
    assert!(sends_at(&mut stage, 9000));
    assert_eq!(told(&stage), 9000);
}

/// F17: a reverse of which a copy may have left us keeps its time for ever, whatever becomes of later copies.
#[test]
fn a_reverse_that_may_have_been_sent_keeps_its_time() {
    let mut stage = reversing();
    assert!(sends_at(&mut stage, 10));
    for seconds in [3600, 7200] {
        stage.play(&Act::Hear(0, Verb::Reverse, unknown()));
        stage.play(&Act::Hear(0, Verb::QueryReverse, News::Absent));
        let new = sends_at(&mut stage, seconds);
        assert_eq!((new, closing(&stage).undo.unwrap().copies), (seconds == 3600, Copies::More));
        stage.play(&Act::Hear(0, Verb::Reverse, not_sent()));
        assert_eq!((told(&stage), closing(&stage).undo.unwrap().copies), (0, Copies::More));
    }
}

/// A worker that took over says nothing about the one that was paused with its copy written ahead.
#[test]
fn two_workers_copies_are_two() {
    let mut stage = reversing();
    assert!(sends_at(&mut stage, 1) && sends_at(&mut stage, 40));
    stage.play(&Act::Hear(0, Verb::Reverse, not_sent()));
    assert!(!sends_at(&mut stage, 3600));
    assert_eq!(told(&stage), 0);
}

/// A second reverse of the same attempt has the first one's number, and so its time.
#[test]
fn a_second_reverse_keeps_the_time_of_the_first() {
    let mut stage = reversing();
    assert!(sends_at(&mut stage, 100));
    stage.play(&Act::Hear(0, Verb::Reverse, refused(Basis::Signed)));
    stage.play(&Act::Hear(0, Verb::Query, unpaid_with_ref()));
    assert_eq!(closing(&stage).undo.unwrap().copies, Copies::None, "opened anew");
    assert!(sends_at(&mut stage, 800));
    assert_eq!(told(&stage), 100);
}

/// What an earlier release opened may have been sent without a word in the journal.
#[test]
fn an_earlier_releases_reverse_keeps_its_time() {
    let mut stage = reversing();
    let attempt::State::Closing(closing) = &mut stage.intent.attempts[0].state else { panic!() };
    closing.undo = None;
    let id = stage.intent.attempts[0].terms.id;
    let opened = Opened::read(&stage.entries, id).unwrap();
    assert!(stage.intent.clone().begin_reverse(id, &opened, after(3600), &Counting).is_none());
    let text = serde_json::to_string(&stage.intent.attempts[0].state).unwrap();
    assert!(!text.contains("undo"), "{text}");
}
