//! A kill switch outlives the version that brought it, on every replica, until a person gives it up by its name.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

mod world;

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;
use paifang_engine::{ChangeRules, Error, RulesChange, Without, reason};
use paifang_payment::RequestId;
use paifang_policy::RuleId;
use paifang_policy::lifecycle::State;
use paifang_store::fsck;
use world::{Core, Stage, qr, wanted};

const BUNDLE: &str = r#"
[bundle]
name = "shop"
version = 1
note = "sturdy for all"
effective_at = 2026-01-01T00:00:00+08:00
unlisted = "open"

[[opening]]
id = "tea"
wallet = "sturdy"
show = true
accept = true
"#;

const KILL: &str = "[[kill]]\nid = 'no-sturdy'\nwallet = 'sturdy'\nnote = 'it charges twice'\n";
const HOUR: Duration = Duration::from_secs(3_600);

fn bundle(version: u32, rest: &str) -> RulesChange {
    let text = BUNDLE.replace("version = 1", &format!("version = {version}"));
    RulesChange::Draft { text: format!("{text}\n{rest}") }
}

/// An announcement for `later`, without these kill switches.
fn announcing(stage: &Stage, version: u32, later: Option<Duration>, kills: &[&str]) -> RulesChange {
    let after = |later| stage.engine.now() + SignedDuration::try_from(later).unwrap();
    let kills: BTreeSet<RuleId> = kills.iter().map(|id| RuleId::parse(id).unwrap()).collect();
    let without = Without { kills, ..Without::default() };
    RulesChange::Announce { version, effective_at: later.map(after), without }
}

/// Answers whether the call was there before, or why it was refused.
async fn change(
    engine: &Core,
    stage: &Stage,
    request: &str,
    change: RulesChange,
) -> Result<bool, (&'static str, String)> {
    let wanted = ChangeRules { request_id: RequestId::parse(request).unwrap(), change };
    match engine.change_rules(stage.tenant, wanted).await {
        Ok(made) => Ok(made.replayed),
        Err(Error::Precondition { reason, message, .. }) => Err((reason, message)),
        Err(other) => panic!("{other:?}"),
    }
}

async fn write(engine: &Core, stage: &Stage, version: u32, rest: &str) {
    change(engine, stage, &format!("d{version}"), bundle(version, rest)).await.unwrap();
}

/// What lets a payment with sturdy in, or why nothing does.
async fn asked(engine: &Core, stage: &Stage, request: &str) -> String {
    match engine.create_intent(stage.tenant, wanted(request, Some(qr("sturdy")))).await {
        Ok(_) => "open".to_owned(),
        Err(Error::Precondition { reason: reason::WALLET_CLOSED_BY_POLICY, message, .. }) => {
            message.rsplit_once(": ").map_or(message.clone(), |(_, why)| why.to_owned())
        }
        Err(other) => panic!("{other:?}"),
    }
}

/// A stage whose first version decides, and another replica that has read it.
async fn shop() -> (Stage, Core) {
    let stage = Stage::open_idle(SignedDuration::from_secs(1)).await;
    let other = stage.replica().await;
    write(&stage.engine, &stage, 1, "").await;
    change(&stage.engine, &stage, "a1", announcing(&stage, 1, None, &[])).await.unwrap();
    assert_eq!(asked(&other, &stage, "c0").await, "open");
    (stage, other)
}

/// A version waits for its hour, a kill is announced meanwhile: the hour does not undo it on any replica, and whoever asks is told.
#[tokio::test(start_paused = true)]
async fn a_version_that_was_announced_before_does_not_undo_a_kill() {
    let (stage, other) = shop().await;
    write(&other, &stage, 2, "").await;
    change(&other, &stage, "a2", announcing(&stage, 2, Some(HOUR), &[])).await.unwrap();
    write(&stage.engine, &stage, 3, KILL).await;
    change(&stage.engine, &stage, "a3", announcing(&stage, 3, None, &[])).await.unwrap();
    for engine in [&stage.engine, &other] {
        let why = asked(engine, &stage, "c1").await;
        assert!(why.ends_with("killed by no-sturdy"), "{why}");
        let rules = engine.rules(stage.tenant).await.unwrap();
        let book = rules.book().unwrap();
        // This clock stands still, and what is added comes after what is there.
        let now = book.last().unwrap();
        assert_eq!(book.state(2, now), Some(State::Draft));
        let recall = book.recalled_for_kill(2, now).unwrap();
        assert_eq!((recall.by, recall.kill.as_str()), (3, "no-sturdy"));
        assert_eq!(rules.recalled(rules.entries()), [2]);
    }
    tokio::time::sleep(HOUR * 2).await;
    for (engine, request) in [(&stage.engine, "c2"), (&other, "c3")] {
        let why = asked(engine, &stage, request).await;
        assert!(why.ends_with("killed by no-sturdy"), "{why}");
    }
    assert!(fsck::run(stage.engine.store()).await.unwrap().is_clean());
}

/// Rules that a replica announced whose clock is an hour ahead do not put off a kill by another one.
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_ahead_does_not_put_off_a_kill() {
    let (stage, other) = shop().await;
    let ahead = stage.replica_ahead(HOUR).await;
    write(&ahead, &stage, 2, "").await;
    change(&ahead, &stage, "a2", announcing(&stage, 2, None, &[])).await.unwrap();
    write(&stage.engine, &stage, 3, KILL).await;
    change(&stage.engine, &stage, "a3", announcing(&stage, 3, None, &[])).await.unwrap();
    for (engine, request) in [(&stage.engine, "c1"), (&other, "c2"), (&ahead, "c3")] {
        let why = asked(engine, &stage, request).await;
        assert!(why.ends_with("killed by no-sturdy"), "{why}");
    }
}

/// Later versions have the kill or name it; the refusal says which version and which kill.
#[tokio::test(start_paused = true)]
async fn a_kill_goes_only_by_its_name() {
    let (stage, other) = shop().await;
    write(&stage.engine, &stage, 2, KILL).await;
    change(&stage.engine, &stage, "a2", announcing(&stage, 2, None, &[])).await.unwrap();
    write(&other, &stage, 3, "").await;
    for (later, named) in [(None, &[] as &[&str]), (Some(HOUR), &[]), (None, &["tea"])] {
        let refused = change(&other, &stage, "a3", announcing(&stage, 3, later, named)).await;
        let (why, message) = refused.unwrap_err();
        assert_eq!(why, reason::POLICY_STEP_REFUSED);
        assert!(
            message.contains("version 3 does without the kill switch no-sturdy of version 2"),
            "{message}"
        );
    }
    let why = asked(&stage.engine, &stage, "c1").await;
    assert!(why.ends_with("killed by no-sturdy"), "{why}");
    let named = || announcing(&stage, 3, None, &["no-sturdy"]);
    assert_eq!(change(&other, &stage, "a3", named()).await, Ok(false));
    assert_eq!(asked(&stage.engine, &stage, "c1").await, "open");
    assert_eq!(change(&other, &stage, "a3", named()).await, Ok(true), "the same call");
    assert!(fsck::run(stage.engine.store()).await.unwrap().is_clean());
}

/// A kill and a version without it at once, by two replicas: whichever stands first in the book, the kill is not lost.
#[tokio::test(start_paused = true)]
async fn a_kill_at_the_same_time_is_not_lost() {
    for kill_first in [true, false] {
        let (stage, other) = shop().await;
        write(&stage.engine, &stage, 2, "").await;
        write(&stage.engine, &stage, 3, KILL).await;
        let plain = change(&other, &stage, "a2", announcing(&stage, 2, Some(HOUR), &[]));
        let kill = change(&stage.engine, &stage, "a3", announcing(&stage, 3, None, &[]));
        let (killed, announced) = if kill_first {
            futures::future::join(kill, plain).await
        } else {
            let (announced, killed) = futures::future::join(plain, kill).await;
            (killed, announced)
        };
        assert_eq!(killed, Ok(false));
        if let Err((why, _)) = &announced {
            assert_eq!(*why, reason::POLICY_STEP_REFUSED);
        }
        tokio::time::sleep(HOUR * 2).await;
        let why = asked(&other, &stage, "c1").await;
        assert!(why.ends_with("killed by no-sturdy"), "{announced:?}: {why}");
    }
}
