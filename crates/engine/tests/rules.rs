//! A tenant's own rules: another replica's change counts at once, and nothing that is under way asks them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

mod world;

use jiff::SignedDuration;
use paifang_engine::{
    ChangeRules, Confirmation, Consultation, CreateIntent, CreateRefund, Declared, Error, RulesChange, reason,
};
use paifang_payment::intent::CaptureMode;
use paifang_payment::{PayerId, Remark, RequestId};
use paifang_policy::RuleId;
use paifang_policy::facts::{Facts, Input};
use paifang_store::{Store, fsck};
use world::{Core, Stage, qr, wanted, yuan};

const BUNDLE: &str = r#"
[bundle]
name = "shop"
version = 1
note = "sturdy for tea"
effective_at = 2026-01-01T00:00:00+08:00
unlisted = "closed"

[[opening]]
id = "tea"
wallet = "sturdy"
when = "product.category == 'tea'"
show = true
accept = true
"#;

async fn change(engine: &Core, stage: &Stage, request: &str, change: RulesChange) {
    let wanted = ChangeRules { request_id: RequestId::parse(request).unwrap(), change };
    engine.change_rules(stage.tenant, wanted).await.unwrap();
}

async fn decide(engine: &Core, stage: &Stage) {
    change(engine, stage, "d1", RulesChange::Draft { text: BUNDLE.into() }).await;
    let announce = RulesChange::Announce { version: 1, effective_at: None, without: Default::default() };
    change(engine, stage, "a1", announce).await;
}

fn roll_back() -> RulesChange {
    let why = Remark::parse("li.lei: it fails").unwrap();
    RulesChange::RollBack { opening: RuleId::parse("tea").unwrap(), why }
}

fn tea() -> Confirmation {
    let facts = Facts::new().with(Input::ProductCategory, "tea").unwrap();
    let payer = PayerId::parse("canary-payer").ok();
    Confirmation { declared: Declared { facts, payer }, ..qr("sturdy") }
}

fn closed(answer: Result<impl std::fmt::Debug, Error>) -> String {
    match answer.unwrap_err() {
        Error::Precondition { reason: reason::WALLET_CLOSED_BY_POLICY, message, .. } => message,
        other => panic!("{other:?}"),
    }
}

/// The replica has read the rules, another one closes an opening: the very next payment is refused, and leaves nothing.
#[tokio::test(start_paused = true)]
async fn what_another_replica_changes_counts_at_once() {
    let stage = Stage::open_idle(SignedDuration::from_secs(1)).await;
    let other = stage.replica().await;
    decide(&other, &stage).await;
    let create = async |engine: &Core, request: &str| {
        engine.create_intent(stage.tenant, wanted(request, Some(tea()))).await
    };
    let plain = stage.engine.create_intent(stage.tenant, wanted("c0", Some(qr("sturdy")))).await;
    assert!(closed(plain).ends_with("input_missing by tea, missing product.category"));
    create(&stage.engine, "c1").await.unwrap();
    create(&other, "c2").await.unwrap();
    change(&other, &stage, "b1", roll_back()).await;
    assert!(closed(create(&stage.engine, "c3").await).ends_with("rolled_back by tea"));
    // The same call as before is the same payment.
    assert!(create(&stage.engine, "c1").await.unwrap().replayed);
    let reopen = RulesChange::Reopen {
        opening: RuleId::parse("tea").unwrap(),
        why: Remark::parse("li.lei: it works").unwrap(),
    };
    change(&stage.engine, &stage, "o1", reopen).await;
    create(&other, "c4").await.unwrap();

    let store = stage.engine.store();
    let kept = store.decisions(stage.tenant, None, 200).await.unwrap();
    assert_eq!(kept.len(), 3, "one for each payment that was taken");
    assert!(!format!("{kept:?}").contains("canary"), "{kept:?}");
    let payers: std::collections::BTreeSet<_> =
        kept.iter().map(|row| row.decided.payer.as_ref().unwrap().as_str().to_owned()).collect();
    assert_eq!(payers.len(), 1, "one payer, one pseudonym, on every replica");
    assert!(fsck::run(store).await.unwrap().is_clean());
}

/// Two replicas change the rules at once: each call is in the book once, one behind the other.
#[tokio::test(start_paused = true)]
async fn changes_at_once_stand_one_behind_the_other() {
    let stage = Stage::open_idle(SignedDuration::from_secs(1)).await;
    let other = stage.replica().await;
    decide(&stage.engine, &stage).await;
    let drafts = (2..12).map(|version| {
        let engine = if version % 2 == 0 { stage.engine.clone() } else { other.clone() };
        let text = BUNDLE.replace("version = 1", &format!("version = {}", version / 2 * 2));
        let request_id = RequestId::parse(&format!("d{}", version / 2 * 2)).unwrap();
        let wanted = ChangeRules { request_id, change: RulesChange::Draft { text } };
        let tenant = stage.tenant;
        async move { engine.change_rules(tenant, wanted).await.map(|made| made.replayed) }
    });
    let answers = futures::future::join_all(drafts).await;
    let book = stage.engine.store().rules_after(stage.tenant, 0, 200).await.unwrap();
    let calls: Vec<_> = book.iter().map(|row| row.entry.request.as_ref().unwrap().id.as_str()).collect();
    let each: std::collections::BTreeSet<_> = calls.iter().collect();
    assert_eq!(each.len(), calls.len(), "each call once: {calls:?}");
    let taken = answers.iter().filter(|answer| matches!(answer, Ok(false))).count();
    assert_eq!(calls.len(), 2 + taken, "{answers:?}");
    // A version that is lower than one that was faster is refused, and nothing else.
    let refused = answers.iter().filter_map(|answer| answer.as_ref().err());
    let only =
        |error: &Error| matches!(error, Error::Precondition { reason: reason::POLICY_STEP_REFUSED, .. });
    assert!(taken >= 1 && refused.into_iter().all(only), "{answers:?}");
    let rules = other.rules(stage.tenant).await.unwrap();
    assert_eq!(rules.entries(), book.len() as u64);
}

/// A clock that runs ahead writes the rules: what it closed is closed at once on replicas whose clocks are right.
#[tokio::test(start_paused = true)]
async fn what_a_fast_clock_closes_is_closed_everywhere() {
    let stage = Stage::open_idle(SignedDuration::from_secs(1)).await;
    let fast = stage.replica_ahead(std::time::Duration::from_secs(3_600)).await;
    decide(&fast, &stage).await;
    let create =
        async |request: &str| stage.engine.create_intent(stage.tenant, wanted(request, Some(tea()))).await;
    create("c1").await.unwrap();
    change(&fast, &stage, "b1", roll_back()).await;
    assert!(closed(create("c2").await).ends_with("rolled_back by tea"));
    // Nor does it keep anybody from closing.
    let reopen = RulesChange::Reopen {
        opening: RuleId::parse("tea").unwrap(),
        why: Remark::parse("li.lei: it works").unwrap(),
    };
    change(&stage.engine, &stage, "o1", reopen).await;
    create("c3").await.unwrap();
    change(&stage.engine, &stage, "r1", RulesChange::Retire { version: 1 }).await;
    assert!(closed(create("c4").await).ends_with("no version of the rules decides now"));
}

/// What is under way and what was paid goes on when everything is closed.
#[tokio::test(start_paused = true)]
async fn what_is_under_way_asks_no_rules() {
    let mut stage = Stage::open_idle(SignedDuration::from_secs(1)).await;
    decide(&stage.engine, &stage).await;
    let row = stage.create("c1", Some(tea())).await;
    let unwanted = CreateIntent { confirmation: None, ..wanted("c2", None) };
    let bare = stage.engine.create_intent(stage.tenant, unwanted).await.unwrap().resource;
    change(&stage.engine, &stage, "r1", RulesChange::Retire { version: 1 }).await;
    let confirm = paifang_engine::ConfirmIntent {
        request_id: RequestId::parse("x1").unwrap(),
        intent: bare.intent.terms.id,
        etag: None,
        confirmation: tea(),
    };
    let answer = stage.engine.confirm_intent(stage.tenant, confirm).await;
    assert!(closed(answer).ends_with("no version of the rules decides now"));
    stage.truth.lock().unwrap().pay(row.intent.attempts[0].terms.order_no.as_str());
    stage.run();
    stage.state_within(row.intent.terms.id, "succeeded", SignedDuration::from_mins(10)).await;
    let refund = CreateRefund {
        request_id: RequestId::parse("b1").unwrap(),
        intent: row.intent.terms.id,
        amount: Some(yuan(3_000)),
        reason: None,
        case: None,
    };
    stage.engine.create_refund(stage.tenant, refund).await.unwrap();
    assert_eq!(stage.refund("b1", row.intent.terms.id, 3_000).await.as_deref(), Ok("succeeded"));
    stage.check().await;
}

const NO_CREDIT: &str = r#"
[bundle]
name = "shop"
version = 1
note = "teenagers pay with what they have"
effective_at = 2026-01-01T00:00:00+08:00
unlisted = "open"

[[opening]]
id = "teens"
wallet = "sturdy"
when = "payer.age_band == '14-17'"
show = true
accept = true
credit = false

[[opening]]
id = "others"
wallet = "sturdy"
show = true
accept = true

[[opening]]
id = "no-credit-here"
wallet = "plain"
show = true
accept = true
credit = false
"#;

/// Whether credit is left out is decided with everything else, kept with the attempt, and said to the rail; who
/// does not say how old the payer is pays without. A rail whose orders cannot leave it out is closed by such a rule.
#[tokio::test(start_paused = true)]
async fn credit_is_left_out_where_the_rules_say_so() {
    let stage = Stage::open_idle(SignedDuration::from_secs(1)).await;
    change(&stage.engine, &stage, "d1", RulesChange::Draft { text: NO_CREDIT.into() }).await;
    let announce = RulesChange::Announce { version: 1, effective_at: None, without: Default::default() };
    change(&stage.engine, &stage, "a1", announce).await;
    let aged = |band: &str| {
        let facts = Facts::new().with(Input::PayerAgeBand, band).unwrap();
        Confirmation { declared: Declared { facts, payer: None }, ..qr("sturdy") }
    };
    for (request, choice, on_credit) in
        [("c1", aged("14-17"), false), ("c2", aged("25-34"), true), ("c3", qr("sturdy"), false)]
    {
        let made = stage.engine.create_intent(stage.tenant, wanted(request, Some(choice))).await.unwrap();
        let row = stage.settled(made.resource.intent.terms.id).await;
        assert_eq!(row.intent.attempts[0].terms.credit.is_allowed(), on_credit, "{request}");
        let last = stage.truth.lock().unwrap().messages.last().cloned().unwrap();
        assert_eq!(last["on_credit"], on_credit, "{request}: {last}");
    }
    let refused = stage.engine.create_intent(stage.tenant, wanted("c4", Some(qr("plain")))).await;
    let message = closed(refused);
    assert!(
        message.starts_with("no-credit-here leaves credit out, and no order of plain at plain can"),
        "{message}"
    );
    let hold = CreateIntent { capture: CaptureMode::Manual, ..wanted("c5", Some(qr("sturdy"))) };
    assert!(closed(stage.engine.create_intent(stage.tenant, hold).await).contains("leaves credit out"));

    let question = Consultation {
        amount: None,
        capture: CaptureMode::Automatic,
        client: qr("sturdy").client,
        declared: Declared::default(),
    };
    let consulted = stage.engine.consult(stage.tenant, &question).await.unwrap();
    let said = consulted.options.iter().map(|one| &one.weighed).map(|one| {
        let (shown, left_out, stays) = (one.is_shown(), one.excludes_credit(), one.keeps_credit());
        format!("{} shown {shown}, left out {left_out}, stays {stays}", one.option.wallet)
    });
    let said: std::collections::BTreeSet<_> = said.collect();
    assert!(said.contains("sturdy shown true, left out true, stays false"), "{said:?}");
    assert!(said.contains("plain shown false, left out false, stays true"), "{said:?}");
}
