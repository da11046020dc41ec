//! Money that is held before it is taken, and refunds that take turns.

use jiff::SignedDuration;
use paifang_payment::attempt::{self, Rules};
use paifang_payment::intent::CaptureMode;
use paifang_payment::{News, Observation, Outcome, Settled, Verb};
use paifang_store::{Batch, Committed, Guard, IntentRow, Store, WorkKey};

use super::desk::{attempt, intent_of};
use super::{Bench, Desk};
use crate::hand::{fen, seen};

const RULES: Rules = Rules { resendable: true, closable: true, reversible: false, reversible_unknown: false };

fn settled(verb: Verb, fen_held: i64) -> Observation {
    let settled = Settled { amount: fen(fen_held), rail_ref: None, settled_at: None };
    let outcome = if verb == Verb::Query { Outcome::Held(settled) } else { Outcome::Paid(settled) };
    seen(verb, News::Outcome(outcome))
}

/// An intent whose hold of 100 fen stands.
async fn authorized<S: Store>(desk: &Desk<S>) -> IntentRow {
    let first = desk.hand.hold_terms("alipay-main", fen(100), RULES);
    let batch = desk.hand.create_as(CaptureMode::Manual, fen(100), Some(first));
    let id = intent_of(&batch);
    desk.done(batch).await;
    let row = desk.read(id).await;
    desk.done(desk.news(&row, attempt(&row).terms.id, &settled(Verb::Query, 100))).await;
    desk.read(id).await
}

async fn capture<S: Store>(desk: &Desk<S>, row: &IntentRow, minor: i64) -> IntentRow {
    let (step, id) =
        row.intent.clone().capture(Some(fen(minor)), desk.hand.now(), &desk.hand).expect("a hold stands");
    desk.done(desk.hand.step_of(row, step)).await;
    let row = desk.read(row.intent.terms.id).await;
    desk.done(desk.news(&row, id, &settled(Verb::Capture, minor))).await;
    desk.read(row.intent.terms.id).await
}

/// I6: captured is bounded by what is held, refunds by what was captured, and a hold is booked and voided once.
pub async fn holds_bound_what_is_captured(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let row = authorized(&desk).await;
    let id = row.intent.terms.id;
    assert_eq!((row.amounts.authorized, row.intent.state.name()), (fen(100).money(), "authorized"));
    desk.clean().await;
    for guard in [Guard::Authorize(id, fen(1)), Guard::Capture(id, fen(101)), Guard::Void(id, fen(101))] {
        let batch = Batch { guards: vec![guard], ..Batch::new(desk.hand.tenant(), desk.hand.now()) };
        desk.refused(batch, Committed::GuardFailed).await;
    }
    let row = capture(&desk, &row, 64).await;
    assert_eq!((row.amounts.authorized, row.amounts.captured), (fen(100).money(), fen(64).money()));
    desk.clean().await;
    let over = vec![Guard::Void(id, fen(37))];
    desk.refused(
        Batch { guards: over, ..Batch::new(desk.hand.tenant(), desk.hand.now()) },
        Committed::GuardFailed,
    )
    .await;
    desk.refused(desk.hand.open_refund(&row.intent, attempt(&row), fen(65)), Committed::GuardFailed).await;
    desk.done(desk.hand.open_refund(&row.intent, attempt(&row), fen(64))).await;
    let other = authorized(&desk).await;
    let step = other.intent.clone().cancel(desk.hand.now(), &desk.hand).expect("a hold may be canceled");
    desk.done(desk.hand.step_of(&other, step.expect("a step"))).await;
    let other = desk.read(other.intent.terms.id).await;
    let closed = paifang_payment::CloseProof { returned: None, rail_ref: None };
    let closed = seen(Verb::QueryRelease, News::Outcome(Outcome::Closed(closed)));
    desk.done(desk.news(&other, attempt(&other).terms.id, &closed)).await;
    let other = desk.read(other.intent.terms.id).await;
    assert_eq!((other.amounts.authorized.minor_units(), other.intent.state.name()), (0, "canceled"));
    desk.clean().await;
}

/// A notification finds the attempt by every number of its hold, also by that of a refused capture; and no number is used
/// twice on a rail account.
pub async fn numbers_of_holds_lead_to_their_attempt(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let row = authorized(&desk).await;
    let terms = attempt(&row).terms.clone();
    let hold = terms.hold.clone().expect("a hold");
    let led = async |number| {
        let led = desk.store.attempt_by_order(&terms.account, number).await.expect("the store works");
        led.map(|led| led.attempt)
    };
    for number in [&terms.order_no, &hold.capture_no, &hold.release_no] {
        assert_eq!(led(number).await, Some(terms.id));
    }
    let refusal = seen(Verb::QueryCapture, super::desk::refused());
    let (step, id) = row.intent.clone().capture(None, desk.hand.now(), &desk.hand).expect("a hold stands");
    desk.done(desk.hand.step_of(&row, step)).await;
    let row = desk.read(row.intent.terms.id).await;
    desk.done(desk.news(&row, id, &refusal)).await;
    let row = capture(&desk, &desk.read(row.intent.terms.id).await, 100).await;
    let second = attempt(&row).state.capture_no().expect("captured").clone();
    assert_ne!(second, hold.capture_no);
    for number in [&second, &hold.capture_no] {
        assert_eq!(led(number).await, Some(terms.id));
    }
    for (order_no, taken) in [(Some(&hold.capture_no), None), (None, Some(&terms.order_no))] {
        let fresh = desk.hand.hold_terms("alipay-main", fen(100), RULES);
        let order_no = order_no.cloned().unwrap_or(fresh.order_no.clone());
        let hold = fresh.hold.clone().map(|hold| attempt::HoldTerms {
            release_no: taken.cloned().unwrap_or(hold.release_no.clone()),
            ..hold
        });
        let first = attempt::Terms { order_no, hold, ..fresh };
        desk.broken(desk.hand.create_as(CaptureMode::Manual, fen(100), Some(first))).await;
    }
    desk.clean().await;
}

/// Refunds that take turns are due one after another, whoever asks when; and none is sent too soon after the last one.
pub async fn refunds_take_turns(bench: &impl Bench) {
    let desk = Desk::new(bench).await;
    let row = desk.paid(fen(1_000)).await;
    let start = desk.hand.now();
    for _ in 0..3 {
        desk.done(desk.hand.open_paced_refund(&row.intent, attempt(&row), fen(10))).await;
    }
    desk.clock.advance(SignedDuration::from_secs(30));
    desk.done(desk.hand.open_paced_refund(&row.intent, attempt(&row), fen(10))).await;
    let due = async || {
        let work = desk.store.scan_work(None, 200).await.expect("the store works");
        let refunds = work.into_iter().filter(|row| matches!(row.key, WorkKey::Refund { .. }));
        let mut due: Vec<i64> = refunds.map(|row| row.due_at.duration_since(start).as_secs()).collect();
        due.sort_unstable();
        due
    };
    assert_eq!(due().await, [0, 60, 120, 180]);
    let refunds = desk.store.refunds(desk.hand.tenant(), None, None, 9).await.expect("the store works").rows;
    let send = |n: usize| {
        let refund = &refunds[n];
        let step = refund.clone().begin_send(desk.hand.now()).expect("it waits for its turn");
        desk.hand.refund_step(refund.version, step)
    };
    desk.done(send(0)).await;
    desk.clock.advance(SignedDuration::from_secs(59));
    desk.refused(send(1), Committed::GuardFailed).await;
    desk.clock.advance(SignedDuration::from_secs(1));
    desk.done(send(1)).await;
    desk.clock.advance(SignedDuration::from_hours(1));
    desk.done(send(2)).await;
    desk.done(desk.hand.open_paced_refund(&row.intent, attempt(&row), fen(10))).await;
    let last = due().await.into_iter().max();
    assert_eq!(last, Some(30 + 60 + 3600 + 60), "a turn keeps its distance from what was sent");
    desk.clean().await;
}
