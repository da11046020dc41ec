//! Work that is given to a person: with reason and evidence, and back to the workers once (F72, I7, I12).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

mod world;

use std::time::Duration;

use jiff::SignedDuration;
use paifang_engine::{Poisoned, RedriveError};
use paifang_payment::intent::Fact;
use paifang_payment::{Remark, Source};
use paifang_store::{Store, WorkKey};
use tokio::time::{sleep, timeout};
use world::{Fault, Stage, qr};

fn remark(text: &str) -> Remark {
    Remark::parse(text).unwrap()
}

/// A code that the rail never says a final word about, so that it is given to a person a day after its expiry.
async fn poisoned() -> (Stage, Poisoned) {
    let stage = Stage::open_looking_every(SignedDuration::from_secs(30)).await;
    stage.create("c1", Some(qr("sturdy"))).await;
    for verb in ["query", "close"] {
        (0..2_000).for_each(|_| stage.fault(verb, Fault::AnswerLost));
    }
    let given = async {
        loop {
            let (mut found, more) = stage.engine.quarantined(10).await.unwrap();
            assert!(!more);
            if let Some(one) = found.pop() {
                break one;
            }
            sleep(Duration::from_secs(60)).await;
        }
    };
    let one = timeout(Duration::from_secs(4 * 86_400), given).await.expect("it is given to a person");
    (stage, one)
}

#[tokio::test(start_paused = true)]
async fn reason_and_evidence_are_kept_and_a_redrive_goes_on() {
    let (stage, one) = poisoned().await;
    assert_eq!(one.kept.reason, "its schedule has ended without a final word");
    assert_eq!(one.kept.rule.as_deref(), Some("transport.timed_out"), "{one:?}");
    assert_eq!((one.state, one.kept.tries), (Some("AwaitingPayer"), Some(one.work.tries)));
    assert!(one.kept.since.is_some() && one.work.tries > 0);
    stage.truth.lock().unwrap().faults.clear();

    let key = one.work.key.text();
    let (by, why) = (remark("han.meimei"), remark("the rail answers again"));
    stage.engine.redrive(&key, Some(one.work.epoch), &by, &why).await.unwrap();
    let id = one.intent.unwrap();
    let journal = stage.engine.store().intent_journal(stage.tenant, id).await.unwrap();
    let noted = journal.iter().find(|entry| entry.evidence.source == Source::Operator).unwrap();
    assert!(
        matches!(&noted.fact, Fact::Redriven { by: who, why: what, attempt: Some(_) } if (who, what) == (&by, &why))
    );
    stage.state_within(id, "expired", SignedDuration::from_mins(5)).await;
    let again = stage.engine.redrive(&key, None, &by, &why).await;
    assert!(matches!(again, Err(RedriveError::NotThere)), "{again:?}");
    stage.check().await;
}

/// Two operators at once: one wins, and the journal tells of one.
#[tokio::test(start_paused = true)]
async fn of_two_operators_one_wins() {
    let (stage, one) = poisoned().await;
    let (key, epoch) = (one.work.key.text(), Some(one.work.epoch));
    let (left, right) = (remark("li.lei"), remark("han.meimei"));
    let why = remark("looked at it");
    let other = stage.replica().await;
    let both = futures::join!(
        stage.engine.redrive(&key, epoch, &left, &why),
        other.redrive(&key, epoch, &right, &why),
    );
    let won = [both.0.is_ok(), both.1.is_ok()];
    assert_eq!(won.iter().filter(|won| **won).count(), 1, "{both:?}");
    let lost = both.0.err().or(both.1.err()).unwrap();
    assert!(matches!(lost, RedriveError::Changed | RedriveError::NotThere), "{lost:?}");
    let stale = stage.engine.redrive(&key, epoch, &left, &why).await;
    assert!(matches!(stale, Err(RedriveError::Changed | RedriveError::NotThere)), "{stale:?}");
    let journal = stage.engine.store().intent_journal(stage.tenant, one.intent.unwrap()).await.unwrap();
    assert_eq!(journal.iter().filter(|entry| entry.evidence.source == Source::Operator).count(), 1);
    stage.truth.lock().unwrap().faults.clear();
    stage.check().await;
}

/// Without a change of mind of the rail it comes back, with what was found this time.
#[tokio::test(start_paused = true)]
async fn what_is_still_poison_comes_back() {
    let (stage, one) = poisoned().await;
    let key = one.work.key.text();
    let stale = stage.engine.redrive(&key, Some(one.work.epoch - 1), &remark("a"), &remark("b")).await;
    assert!(matches!(stale, Err(RedriveError::Changed)), "{stale:?}");
    stage.engine.redrive(&key, None, &remark("a"), &remark("b")).await.unwrap();
    sleep(Duration::from_secs(120)).await;
    let back = stage.engine.quarantined(10).await.unwrap().0.remove(0);
    assert!(back.kept.since > one.kept.since && back.work.epoch > one.work.epoch, "{back:?}");
    assert_eq!(back.work.tries, 1);
    stage.truth.lock().unwrap().faults.clear();
}

/// Late money whose refund has failed is no work for a worker: a re-drive says so instead of losing sight of it.
#[tokio::test(start_paused = true)]
async fn a_refund_that_has_ended_is_not_redriven() {
    let stage = Stage::open().await;
    stage.truth.lock().unwrap().refuses_refunds = true;
    let row = stage.create("c1", Some(qr("sturdy"))).await;
    let id = row.intent.terms.id;
    stage.cancel("x1", id).await;
    let order_no = row.intent.attempts[0].terms.order_no.to_string();
    stage.truth.lock().unwrap().pay_although_closed(&order_no);
    let late = |row: &paifang_store::IntentRow| row.intent.attempts[0].state.name() == "Late";
    stage.engine.await_change(stage.tenant, id, SignedDuration::from_hours(3), late).await.unwrap();
    sleep(Duration::from_secs(60)).await;
    let one = stage.engine.quarantined(10).await.unwrap().0.remove(0);
    assert!(matches!(one.work.key, WorkKey::Refund { .. }));
    assert_eq!((one.state, one.kept.rule.as_deref()), (Some("failed"), Some("fake.refund")));
    let refused = stage.engine.redrive(&one.work.key.text(), None, &remark("a"), &remark("b")).await;
    assert!(matches!(refused, Err(RedriveError::Ended { state: "failed" })), "{refused:?}");
    assert_eq!(stage.engine.quarantined(10).await.unwrap().0.len(), 1);
    stage.check().await;
}
