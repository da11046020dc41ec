//! Guard rails measure what an opening let in and close it by themselves: once, by one replica, and not for what is over.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

#[path = "../../../tests/wire/store.rs"]
mod store;
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use paifang_engine::{
    ChangeRules, ConfirmIntent, Confirmation, CreateRefund, Declared, Engine, Error, ReportComplaint,
    RulesChange, reason,
};
use paifang_payment::intent::Complaint;
use paifang_payment::{IntentId, Remark, RequestId};
use paifang_policy::RuleId;
use paifang_policy::bundle::{Bound, Measure};
use paifang_policy::facts::{Facts, Input};
use paifang_policy::guard::Counts;
use paifang_policy::lifecycle::{Fact, Why};
use paifang_store::{IntentRow, Marks, Store, StoreError, StoredRules};
use store::{Answer, Around, Pauses, Wrapped};
use world::{Core, FakeRails, FakeTransport, Stage, World, code_of, qr, wanted, yuan};

const BUNDLE: &str = r#"
[bundle]
name = "shop"
version = 1
note = "sturdy for tea, plain for all"
effective_at = 2026-01-01T00:00:00+08:00
unlisted = "closed"

[[opening]]
id = "tea"
wallet = "sturdy"
when = "product.category == 'tea'"
show = true
accept = true

[[opening]]
id = "cups"
wallet = "sturdy"
show = true
accept = true

[[opening]]
id = "plain"
wallet = "plain"
show = true
accept = true
"#;

/// A success rate of at least three quarters, over an hour, of four samples or more.
const SUCCESS: &str = "measure = 'success_rate'\nwindow_s = 3600\nat_least = 4\nmin = 750_000";

fn guarded(version: u32, measure: &str) -> String {
    let bundle = BUNDLE.replace("version = 1", &format!("version = {version}"));
    format!("{bundle}\n[[guard_rail]]\nid = 'tea-guard'\nopening = 'tea'\naction = 'roll_back'\n{measure}\n")
}

/// A shop whose first version has this guard rail, with workers.
async fn shop(measure: &str) -> Stage {
    let stage = Stage::open().await;
    announce(&stage, 1, &guarded(1, measure)).await;
    stage
}

async fn change(stage: &Stage, request: &str, change: RulesChange) {
    let wanted = ChangeRules { request_id: RequestId::parse(request).unwrap(), change };
    stage.engine.change_rules(stage.tenant, wanted).await.unwrap();
}

async fn announce(stage: &Stage, version: u32, text: &str) {
    // No two versions begin to decide at the same moment.
    tokio::time::sleep(Duration::from_secs(1)).await;
    change(stage, &format!("d{version}"), RulesChange::Draft { text: text.into() }).await;
    let announce = RulesChange::Announce { version, effective_at: None, without: Default::default() };
    change(stage, &format!("a{version}"), announce).await;
}

async fn reopen(stage: &Stage, request: &str) {
    let why = Remark::parse("li.lei: the rail is well again").unwrap();
    change(stage, request, RulesChange::Reopen { opening: RuleId::parse("tea").unwrap(), why }).await;
}

fn of(category: &str) -> Confirmation {
    let facts = Facts::new().with(Input::ProductCategory, category).unwrap();
    Confirmation { declared: Declared { facts, payer: None }, ..qr("sturdy") }
}

async fn open(stage: &Stage, request: &str, choice: Confirmation) -> IntentRow {
    stage.create(request, Some(choice)).await
}

async fn paid(stage: &Stage, request: &str) -> IntentRow {
    let row = open(stage, request, of("tea")).await;
    stage.truth.lock().unwrap().pay(row.intent.attempts[0].terms.order_no.as_str());
    stage.state_within(row.intent.terms.id, "succeeded", SignedDuration::from_mins(10)).await
}

/// The rail ends the order unpaid, by itself: the payer gave up in the wallet.
async fn failed(stage: &Stage, request: &str) -> IntentRow {
    let row = open(stage, request, of("tea")).await;
    let order = row.intent.attempts[0].terms.order_no.as_str().to_owned();
    stage.truth.lock().unwrap().orders.get_mut(&order).unwrap().closed = true;
    stage.state_within(row.intent.terms.id, "requires_wallet", SignedDuration::from_mins(10)).await
}

async fn refund(stage: &Stage, request: &str, intent: IntentId) {
    let request_id = RequestId::parse(request).unwrap();
    let wanted = CreateRefund { request_id, intent, amount: Some(yuan(100)), reason: None, case: None };
    stage.engine.create_refund(stage.tenant, wanted).await.unwrap();
}

async fn complain(stage: &Stage, request: &str, intent: IntentId) -> Result<bool, Error> {
    let request_id = RequestId::parse(request).unwrap();
    let wanted = ReportComplaint { request_id, intent, about: Complaint::NotReceived };
    stage.engine.report_complaint(stage.tenant, wanted).await.map(|made| made.replayed)
}

/// One look of this engine: what it measured and rolled back.
async fn look<S: Store>(engine: &Engine<S, FakeRails, FakeTransport, World>) -> (u64, Vec<(String, Counts)>) {
    let round = engine.watch_guard_rails().await.unwrap();
    assert_eq!(round.failed, 0);
    let crossed = round.rolled_back.into_iter().map(|one| (one.guard_rail.to_string(), one.counts));
    (round.measured, crossed.collect())
}

fn crossed(hits: u64, samples: u64) -> (u64, Vec<(String, Counts)>) {
    (1, vec![("tea-guard".into(), Counts { hits, samples })])
}

const KEPT: (u64, Vec<(String, Counts)>) = (1, Vec::new());
/// What is rolled back is not measured.
const CLOSED: (u64, Vec<(String, Counts)>) = (0, Vec::new());

async fn roll_backs(stage: &Stage) -> Vec<StoredRules> {
    let book = stage.engine.store().rules_after(stage.tenant, 0, 200).await.unwrap();
    book.into_iter().filter(|row| matches!(row.entry.fact, Fact::RolledBack { .. })).collect()
}

async fn marks(stage: &Stage, row: &IntentRow) -> Marks {
    let attempt = row.intent.attempts[0].terms.id;
    stage.engine.store().decision(stage.tenant, attempt).await.unwrap().unwrap().marks
}

async fn is_open(engine: &Core, stage: &Stage, request: &str, category: &str) -> bool {
    match engine.create_intent(stage.tenant, wanted(request, Some(of(category)))).await {
        Ok(_) => true,
        Err(Error::Precondition { reason: reason::WALLET_CLOSED_BY_POLICY, message, .. }) => {
            assert!(message.ends_with("rolled_back by tea"), "{message}");
            false
        }
        Err(other) => panic!("{other:?}"),
    }
}

/// At the bound it is kept; beyond it the opening closes for every replica, once, and the book tells what was measured.
#[tokio::test(start_paused = true)]
async fn a_falling_success_rate_rolls_back_once_on_all_replicas() {
    let stage = shop(SUCCESS).await;
    let other = stage.replica().await;
    assert_eq!(look(&stage.engine).await, KEPT, "nothing was let in");
    for request in ["p1", "p2"] {
        paid(&stage, request).await;
    }
    failed(&stage, "f1").await;
    assert_eq!(look(&stage.engine).await, KEPT, "two of three, but that is too few");
    paid(&stage, "p3").await;
    assert_eq!(look(&stage.engine).await, KEPT, "three of four is the bound");
    failed(&stage, "f2").await;
    // Both have measured before either adds its entry: each operation of their stores takes a moment.
    let pausing = |store| Wrapped::new(store, Pauses);
    let (one, two) = (stage.replica_over(pausing).await, stage.replica_over(pausing).await);
    let (here, there) = futures::future::join(look(&one), look(&two)).await;
    let both = [here, there];
    assert!(both.contains(&crossed(3, 5)) && both.contains(&KEPT), "{both:?}");
    for engine in [&stage.engine, &other] {
        assert_eq!(look(engine).await, CLOSED);
        assert!(!is_open(engine, &stage, "c1", "tea").await);
    }
    assert!(is_open(&other, &stage, "c2", "cups").await, "another opening of the same wallet");
    let book = roll_backs(&stage).await;
    let [StoredRules { position: 3, entry }] = book.as_slice() else { panic!("{book:?}") };
    let Fact::RolledBack {
        opening,
        why: Why::GuardRail { rule, measure, window_s, counts, measured, bound, cut: None, .. },
        ..
    } = &entry.fact
    else {
        panic!("{entry:?}")
    };
    assert_eq!((entry.request.is_none(), opening.as_str(), rule.as_str()), (true, "tea", "tea-guard"));
    assert_eq!((*measure, *window_s, *counts), (Measure::SuccessRate, 3600, Counts { hits: 3, samples: 5 }));
    let Bound::Min(least) = bound else { panic!("{bound:?}") };
    assert_eq!((measured.get(), least.get()), (600_000, 750_000));
}

/// A store whose first count fails, as one does whose connection breaks.
#[derive(Clone, Default)]
struct FailsOnce(Arc<AtomicBool>);

impl Around for FailsOnce {
    async fn before(&self, operation: &'static str) -> Answer<()> {
        let fails = operation == "tally" && !self.0.swap(true, Ordering::Relaxed);
        if fails { Err(StoreError::Unavailable(None)) } else { Ok(()) }
    }

    async fn after(&self) {}
}

/// A count that fails hides none of the guard rails behind it, and somebody is told.
#[tokio::test(start_paused = true)]
async fn a_count_that_fails_hides_no_other_guard_rail() {
    let second = "[[guard_rail]]\nid = 'tea-again'\nopening = 'tea'\naction = 'roll_back'\n";
    let stage = shop(&format!("{SUCCESS}\n{second}{SUCCESS}")).await;
    for request in ["f1", "f2", "f3", "f4"] {
        failed(&stage, request).await;
    }
    let engine = stage.replica_over(|store| Wrapped::new(store, FailsOnce::default())).await;
    let round = engine.watch_guard_rails().await.unwrap();
    let crossed: Vec<_> = round.rolled_back.iter().map(|one| one.guard_rail.as_str()).collect();
    assert_eq!((round.failed, round.measured, crossed), (1, 1, vec!["tea-again"]));
}

/// What was let in before it was opened again counts no more, also when it ends later; what is let in since does.
#[tokio::test(start_paused = true)]
async fn a_reopened_opening_begins_anew() {
    let stage = shop(SUCCESS).await;
    // Under way when it closes: it ends after it was opened again.
    let lasting = open(&stage, "u1", of("tea")).await;
    for request in ["f1", "f2", "f3", "f4"] {
        failed(&stage, request).await;
    }
    assert_eq!(look(&stage.engine).await, crossed(0, 4));
    reopen(&stage, "o1").await;
    assert_eq!(look(&stage.engine).await, KEPT);
    stage.state_within(lasting.intent.terms.id, "expired", SignedDuration::from_hours(1)).await;
    assert!(marks(&stage, &lasting).await.ended.is_some());
    for request in ["f5", "f6", "f7"] {
        failed(&stage, request).await;
        assert_eq!(look(&stage.engine).await, KEPT);
    }
    failed(&stage, "f8").await;
    assert_eq!(look(&stage.engine).await, crossed(0, 4));
    assert_eq!(roll_backs(&stage).await.len(), 2);
}

/// The window is that of the ends; what is older is over.
#[tokio::test(start_paused = true)]
async fn what_left_the_window_counts_no_more() {
    let stage = shop(SUCCESS).await;
    for request in ["f1", "f2", "f3"] {
        failed(&stage, request).await;
    }
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    failed(&stage, "f4").await;
    assert_eq!(look(&stage.engine).await, KEPT, "one sample");
    for request in ["f5", "f6", "f7"] {
        failed(&stage, request).await;
    }
    assert_eq!(look(&stage.engine).await, crossed(0, 4));
}

/// What an opening let in counts on in the next version, as long as the opening says the same there: whatever else that version
/// changes, and also when its guard rail is another one. What was rolled back stays so.
#[tokio::test(start_paused = true)]
async fn an_opening_that_stays_the_same_is_measured_across_versions() {
    let stage = shop(SUCCESS).await;
    for request in ["f1", "f2"] {
        failed(&stage, request).await;
    }
    let edited = |version, measure| guarded(version, measure).replace("id = \"cups\"", "id = \"mugs\"");
    announce(&stage, 2, &edited(2, SUCCESS)).await;
    failed(&stage, "f3").await;
    assert_eq!(look(&stage.engine).await, KEPT, "three of both versions");
    announce(&stage, 3, &BUNDLE.replace("version = 1", "version = 3")).await;
    failed(&stage, "f4").await;
    assert_eq!(look(&stage.engine).await, CLOSED, "the third has no guard rails");
    announce(&stage, 4, &edited(4, "measure = 'success_rate'\nwindow_s = 3600\nat_least = 5\nmin = 750_000"))
        .await;
    assert_eq!(look(&stage.engine).await, KEPT, "four, and it asks for five");
    announce(&stage, 5, &guarded(5, SUCCESS)).await;
    assert_eq!(look(&stage.engine).await, crossed(0, 4));
    announce(&stage, 6, &guarded(6, SUCCESS)).await;
    assert_eq!(look(&stage.engine).await, CLOSED);
    assert!(!is_open(&stage.engine, &stage, "c1", "tea").await);
    let kept = stage.engine.store().decisions(stage.tenant, None, 200).await.unwrap();
    let counted: Vec<_> =
        kept.iter().map(|row| (row.decided.version(), row.decided.unchanged_since)).collect();
    assert_eq!(counted, [(1, Some(1)), (1, Some(1)), (2, Some(1)), (3, Some(1))]);
    stage.check().await;
}

/// A version in which the opening says something else, a step of a ramp, is measured by what it let in itself; so is one in which
/// it says again what it said before that.
#[tokio::test(start_paused = true)]
async fn an_opening_that_changes_begins_anew() {
    let stage = shop(SUCCESS).await;
    for request in ["f1", "f2", "f3", "f4"] {
        failed(&stage, request).await;
    }
    let wider = guarded(2, SUCCESS).replace("== 'tea'", "in ['tea', 'mate']");
    announce(&stage, 2, &wider).await;
    assert_eq!(look(&stage.engine).await, KEPT, "the second version has let nothing in");
    for request in ["f5", "f6", "f7"] {
        failed(&stage, request).await;
    }
    assert_eq!(look(&stage.engine).await, KEPT, "three are too few");
    announce(&stage, 3, &guarded(3, SUCCESS)).await;
    assert_eq!(look(&stage.engine).await, KEPT, "what the first let in is behind a gap");
    for request in ["f8", "f9", "g1"] {
        failed(&stage, request).await;
    }
    assert_eq!(look(&stage.engine).await, KEPT);
    failed(&stage, "g2").await;
    assert_eq!(look(&stage.engine).await, crossed(0, 4));
    stage.check().await;
}

/// What the storefront cancels and what the payer leaves for another wallet says nothing about the wallet; a payer's code that
/// the rail cannot be reached for does.
#[tokio::test(start_paused = true)]
async fn only_the_payers_and_the_rails_word_counts() {
    let stage = shop(SUCCESS).await;
    let canceled = open(&stage, "u1", of("tea")).await;
    stage.cancel("x1", canceled.intent.terms.id).await;
    let switched = open(&stage, "u2", of("tea")).await;
    let confirm = ConfirmIntent {
        request_id: RequestId::parse("s1").unwrap(),
        intent: switched.intent.terms.id,
        etag: None,
        confirmation: qr("plain"),
    };
    stage.engine.confirm_intent(stage.tenant, confirm).await.unwrap();
    stage.settled(switched.intent.terms.id).await;
    for row in [&canceled, &switched] {
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!(marks(&stage, row).await, Marks::default());
    }
    for _ in 0..9 {
        stage.fault("charge", world::Fault::NotConnected);
    }
    let unreachable = open(&stage, "u3", code_of("plain")).await;
    assert_eq!(unreachable.intent.state.name(), "requires_wallet");
    assert!(marks(&stage, &unreachable).await.ended.is_some());
}

/// Refunds are counted of what was paid, as soon as they are asked for, each payment once.
#[tokio::test(start_paused = true)]
async fn a_rising_refund_rate_rolls_back() {
    let stage = shop("measure = 'refund_rate'\nwindow_s = 3600\nat_least = 3\nmax = 500_000").await;
    let mut intents = Vec::new();
    for request in ["p1", "p2", "p3", "p4"] {
        intents.push(paid(&stage, request).await.intent.terms.id);
    }
    failed(&stage, "f1").await;
    for (request, at) in [("r1", 0), ("r2", 0), ("r3", 1)] {
        refund(&stage, request, intents[at]).await;
        assert_eq!(look(&stage.engine).await, KEPT);
    }
    refund(&stage, "r4", intents[2]).await;
    assert_eq!(look(&stage.engine).await, crossed(3, 4));
    // What was paid stays refundable.
    refund(&stage, "r5", intents[3]).await;
    assert_eq!(look(&stage.engine).await, CLOSED);
    stage.check().await;
}

/// One complaint of an intent counts, whoever repeats it; only what was paid can be complained about.
#[tokio::test(start_paused = true)]
async fn a_rising_complaint_rate_rolls_back() {
    let stage = shop("measure = 'complaint_rate'\nwindow_s = 3600\nat_least = 2\nmax = 500_000").await;
    let first = paid(&stage, "p1").await.intent.terms.id;
    let second = paid(&stage, "p2").await.intent.terms.id;
    let unpaid = open(&stage, "u1", of("tea")).await.intent.terms.id;
    assert!(!complain(&stage, "k1", first).await.unwrap());
    assert!(complain(&stage, "k1", first).await.unwrap(), "the same call");
    assert!(!complain(&stage, "k2", first).await.unwrap(), "another call about the same");
    assert!(matches!(complain(&stage, "k1", second).await, Err(Error::RequestReused)));
    let refused = complain(&stage, "k3", unpaid).await;
    assert!(
        matches!(refused, Err(Error::Precondition { reason: reason::INTENT_NOT_PAID, .. })),
        "{refused:?}"
    );
    assert_eq!(look(&stage.engine).await, KEPT, "one of two");
    let events = stage.engine.store().intent_events(stage.tenant, first).await.unwrap();
    let told = events.iter().filter(|event| event.kind == "payment_intent.complained").count();
    assert_eq!(told, 1);
    assert!(!complain(&stage, "k4", second).await.unwrap());
    assert_eq!(look(&stage.engine).await, crossed(2, 2));
    stage.check().await;
}

/// Ten storefronts' calls about one intent at once: all are taken, one counts.
#[tokio::test(start_paused = true)]
async fn complaints_at_once_are_one_complaint() {
    let stage = shop(SUCCESS).await;
    let intent = paid(&stage, "p1").await.intent.terms.id;
    let calls: Vec<String> = (0..10).map(|number| format!("k{number}")).collect();
    let answers = futures::future::join_all(calls.iter().map(|call| complain(&stage, call, intent))).await;
    assert!(answers.iter().all(|answer| matches!(answer, Ok(false))), "{answers:?}");
    let journal = stage.engine.store().intent_journal(stage.tenant, intent).await.unwrap();
    let rules = journal.iter().map(|entry| entry.evidence.rule.as_str());
    assert_eq!(rules.filter(|rule| *rule == "intent.complaint.not_received").count(), 1);
    stage.check().await;
}

/// Two engines that look all the time, while openings are opened again: each fall is in the book once.
#[tokio::test(start_paused = true)]
async fn replicas_that_always_look_add_one_entry_for_each_fall() {
    let stage = shop(SUCCESS).await;
    let watches =
        [stage.engine.clone(), stage.replica().await, stage.replica_ahead(Duration::from_secs(90)).await];
    let watching: Vec<_> = watches
        .into_iter()
        .map(|engine| {
            tokio::spawn(async move {
                loop {
                    engine.watch_guard_rails().await.unwrap();
                    tokio::time::sleep(Duration::from_millis(300)).await;
                }
            })
        })
        .collect();
    for fall in 1..=3 {
        for number in 0..4 {
            failed(&stage, &format!("f{fall}-{number}")).await;
        }
        stage.until("it is rolled back", async || roll_backs(&stage).await.len() == fall).await;
        tokio::time::sleep(Duration::from_secs(120)).await;
        assert_eq!(roll_backs(&stage).await.len(), fall);
        reopen(&stage, &format!("o{fall}")).await;
    }
    watching.iter().for_each(tokio::task::JoinHandle::abort);
}
