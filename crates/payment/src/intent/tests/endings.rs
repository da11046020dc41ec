//! What counts as a success or a failure of a way to pay, and what counts as neither.

use super::*;
use crate::{NotSent, Outcome};

/// The endings of a story, by the order number of the attempt that was chosen; what is said later of the same one follows.
fn ends_of(mut stage: Stage, acts: &[Act]) -> String {
    acts.iter().for_each(|act| stage.play(act));
    let told = stage.endings.iter().map(|(id, ending)| {
        let attempt = stage.intent.attempt(*id).unwrap();
        format!("{} {}", attempt.terms.order_no, ending.as_str())
    });
    told.collect::<Vec<_>>().join(", ")
}

fn ends(acts: &[Act], wanted: &str) {
    assert_eq!(ends_of(Stage::new(), acts), wanted, "{acts:?}");
}

fn and(first: &[Act], then: &[Act]) -> Vec<Act> {
    [first, then].concat()
}

fn shown_qr(rules: Rules) -> Vec<Act> {
    vec![Act::Confirm(1, QR, rules), Act::Hear(0, Verb::Charge, shown())]
}

fn not_planned(rule: &str) -> News {
    News::Outcome(Outcome::NotSent(NotSent::NotPlanned(rule.into())))
}

#[test]
fn the_payers_and_the_rails_word_counts() {
    let open = shown_qr(CLOSABLE);
    ends(&open, "");
    ends(&and(&open, &[Act::Hear(0, Verb::Query, paid())]), "ORDER001 paid");
    ends(&and(&open, &[Act::Hear(0, Verb::Query, closed())]), "ORDER001 failed");
    let refused = refused(Basis::Channel);
    ends(&[Act::Confirm(1, QR, CLOSABLE), Act::Hear(0, Verb::Charge, refused)], "ORDER001 failed");
    let expired = [Act::Pass(900), Act::Expire, Act::Hear(0, Verb::Query, unpaid())];
    let expired = and(&open, &expired);
    ends(&expired, "");
    ends(&and(&expired, &[Act::Hear(0, Verb::Close, closed())]), "ORDER001 failed");
    ends(&and(&expired, &[Act::Hear(0, Verb::Close, paid())]), "ORDER001 paid");
    // A rail without a close: proved by the query after its time.
    let unclosable = [Act::Pass(900), Act::Expire, Act::Hear(0, Verb::Query, closed())];
    ends(&and(&shown_qr(NOTHING), &unclosable), "ORDER001 failed");
    // Nobody typed the password in time.
    let code = [Act::Confirm(1, CODE, ALL), Act::Hear(0, Verb::Charge, unknown()), Act::Pass(1100)];
    ends(&and(&code, &[Act::Hear(0, Verb::Query, News::Absent)]), "ORDER001 failed");
}

#[test]
fn what_nobody_wanted_any_more_does_not_count() {
    let open = shown_qr(CLOSABLE);
    let canceled = and(&open, &[Act::Cancel, Act::Hear(0, Verb::Close, closed())]);
    ends(&canceled, "");
    ends(&and(&canceled, &[Act::Hear(0, Verb::Query, paid())]), "");
    ends(&and(&open, &[Act::Cancel, Act::Hear(0, Verb::Query, paid())]), "ORDER001 paid");
    let switched = and(&open, &[Act::Confirm(2, QR, CLOSABLE)]);
    let closed_first = and(&switched, &[Act::Hear(0, Verb::Close, closed())]);
    ends(&closed_first, "");
    let paid_then = [Act::Hear(1, Verb::Charge, shown()), Act::Hear(1, Verb::Query, paid())];
    ends(&and(&closed_first, &paid_then), "ORDER002 paid");
    // Left behind, and over by its time.
    let left = and(&switched, &[Act::Hear(0, Verb::Close, News::Absent), Act::Pass(1100)]);
    ends(&and(&left, &[Act::Hear(0, Verb::Query, News::Absent)]), "");
    ends(&and(&left, &[Act::Hear(0, Verb::Query, paid())]), "ORDER001 paid");
    // A rail without a close: left when it is asked, and over by its time.
    let left = [Act::Confirm(2, QR, CLOSABLE), Act::Hear(0, Verb::Query, unpaid()), Act::Pass(900)];
    ends(&and(&and(&shown_qr(NOTHING), &left), &[Act::Hear(0, Verb::Query, closed())]), "");
    // In doubt, and left by the very call that chooses another wallet.
    let doubt = [Act::Confirm(1, QR, ALL), Act::Hear(0, Verb::Charge, unknown())];
    let doubt = and(&doubt, &[Act::Hear(0, Verb::Query, News::Absent)]);
    ends(&and(&doubt, &[Act::Confirm(2, QR, CLOSABLE)]), "");
    // Not even sent when it was canceled.
    let unsent = [Act::Confirm(1, QR, CLOSABLE), Act::Hear(0, Verb::Charge, not_sent()), Act::Cancel];
    ends(&unsent, "");
}

#[test]
fn a_rail_that_cannot_be_reached_fails_and_our_own_faults_do_not_count() {
    let mut unreachable = vec![Act::Confirm(1, CODE, ALL)];
    unreachable.push(Act::Hear(0, Verb::Charge, not_sent()));
    ends(&unreachable, "ORDER001 failed");
    let waited = [Act::Confirm(1, QR, CLOSABLE), Act::Hear(0, Verb::Charge, not_sent()), Act::Pass(900)];
    ends(&and(&waited, &[Act::Expire]), "ORDER001 failed");
    // Our own limits: at once for a payer's code, at the end of its time for an order.
    let held_back = || News::Outcome(Outcome::NotSent(NotSent::HeldBack));
    ends(&[Act::Confirm(1, CODE, ALL), Act::Hear(0, Verb::Charge, held_back())], "");
    let waited = [Act::Confirm(1, QR, CLOSABLE), Act::Hear(0, Verb::Charge, held_back()), Act::Pass(900)];
    ends(&and(&waited, &[Act::Expire]), "");
    // What the rail did last counts.
    let then = [Act::Send(0), Act::Hear(0, Verb::Charge, not_sent()), Act::Pass(900), Act::Expire];
    ends(&and(&waited[..2], &then), "ORDER001 failed");
    for rule in [attempt::PAYER_CODE_LOST, "description.too_long"] {
        ends(&[Act::Confirm(1, CODE, ALL), Act::Hear(0, Verb::Charge, not_planned(rule))], "");
    }
}

/// What is tried again by itself is one try of the payer.
#[test]
fn repeats_count_for_the_attempt_that_was_chosen() {
    let lost = |n: usize| [Act::Hear(n, Verb::Charge, unknown()), Act::Hear(n, Verb::Query, News::Absent)];
    let once = and(&[Act::Confirm(1, QR, NOTHING)], &lost(0));
    ends(&once, "");
    let paid_then = [Act::Hear(1, Verb::Charge, shown()), Act::Hear(1, Verb::Query, paid())];
    ends(&and(&once, &paid_then), "ORDER001 paid");
    ends(&and(&once, &[Act::Hear(1, Verb::Charge, refused(Basis::Channel))]), "ORDER001 failed");
    let given_up = and(&and(&once, &lost(1)), &lost(2));
    ends(&given_up, "ORDER001 failed");
    // A payer pays what was given up: that is what counts.
    ends(&and(&given_up, &[Act::Hear(1, Verb::Query, paid())]), "ORDER001 failed, ORDER001 paid");
}

#[test]
fn held_money_counts_as_paid_whatever_becomes_of_it() {
    let held = News::Outcome(Outcome::Held(settled(10_000)));
    let open = [Act::Hold(1, CLOSABLE), Act::Hear(0, Verb::Charge, shown()), Act::Hear(0, Verb::Query, held)];
    let of_hold = |acts: &[Act]| ends_of(Stage::of(CaptureMode::Manual), &and(&open, acts));
    assert_eq!(of_hold(&[]), "ORDER001 paid");
    let captured = News::Outcome(Outcome::Paid(crate::Settled { rail_ref: None, ..settled(10_000) }));
    assert_eq!(of_hold(&[Act::Capture(10_000), Act::Hear(0, Verb::Capture, captured)]), "ORDER001 paid");
    assert_eq!(of_hold(&[Act::Cancel, Act::Send(0), Act::Hear(0, Verb::Release, closed())]), "ORDER001 paid");
    assert_eq!(of_hold(&[Act::Hear(0, Verb::Query, closed())]), "ORDER001 paid");
    // Beside a hold nothing else is wanted, also what is still in doubt.
    let held = News::Outcome(Outcome::Held(settled(10_000)));
    let beside = [
        Act::Hold(1, NOTHING),
        Act::Hear(0, Verb::Charge, shown()),
        Act::Hold(2, NOTHING),
        Act::Hear(0, Verb::Query, unpaid()),
        Act::Hear(1, Verb::Charge, unknown()),
        Act::Hear(0, Verb::Query, held),
        Act::Hear(1, Verb::Query, closed()),
    ];
    let told = ends_of(Stage::of(CaptureMode::Manual), &beside);
    assert_eq!(told, "ORDER001 paid");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Over any story the winner's choice, and no other, counts as paid in the end; each choice is told of twice at most.
    #[test]
    fn exactly_the_winner_counts_as_paid(acts in prop::collection::vec(act(), 0..40)) {
        let mut stage = Stage::new();
        acts.iter().for_each(|act| stage.play(act));
        let won = match stage.intent.state {
            State::Succeeded { winner } => Some(stage.intent.chosen(winner)),
            _ => None,
        };
        let paid: Vec<_> = stage.endings.iter().filter(|(_, ending)| *ending == Ending::Paid).map(|(id, _)| *id).collect();
        prop_assert_eq!(paid, won.into_iter().collect::<Vec<_>>(), "{}", stage.summary());
        for attempt in &stage.intent.attempts {
            let told: Vec<_> = stage.endings.iter().filter(|(id, _)| *id == attempt.terms.id).map(|(_, ending)| *ending).collect();
            prop_assert!(told.is_empty() || attempt.terms.repeats.is_none(), "told of a repeat: {told:?}");
            prop_assert!(told.windows(2).all(|pair| pair[0] <= pair[1]), "{told:?}");
        }
    }
}

#[test]
fn a_complaint_is_noted_about_what_was_paid_and_changes_nothing_else() {
    let mut stage = Stage::new();
    shown_qr(CLOSABLE).iter().for_each(|act| stage.play(act));
    assert!(stage.intent.clone().note_complaint(Complaint::NotReceived, after(7)).is_none());
    stage.play(&Act::Hear(0, Verb::Query, paid()));
    let before = stage.intent.clone();
    let step = before.clone().note_complaint(Complaint::NotReceived, after(7)).unwrap();
    let (version, updated_at) = (before.version + 1, after(7));
    assert_eq!(step.intent, Intent { version, updated_at, ..before.clone() });
    assert_eq!((step.endings(&before), step.postings.len()), (Vec::new(), 0));
    let unpaid = [stage.entries[..1].to_vec(), vec![Entry { seq: 2, ..step.entries[0].clone() }]].concat();
    assert_eq!(Intent::fold(&unpaid), Err(FoldError::Unpaid(2)));
    stage.entries.extend(step.entries);
    assert_eq!(Intent::fold(&stage.entries), Ok(step.intent));
}
