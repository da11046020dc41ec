//! What is told of a time that is past, and of one to come: who could pay with what, and from when.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

mod world;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use paifang_engine::{ChangeRules, Client, Confirmation, Consultation, Declared, Held, RulesChange};
use paifang_payment::intent::CaptureMode;
use paifang_payment::{Presentation, Remark, RequestId};
use paifang_policy::RuleId;
use paifang_policy::audit::{Counts, CreditSaid, Says, Tally};
use paifang_policy::facts::{Facts, Input};
use paifang_rail::ClientKind;
use paifang_store::Store;
use world::{Stage, qr, wanted, yuan};

fn bundle(version: u32, categories: &str, from: &str) -> String {
    format!(
        "[bundle]\nname = 'shop'\nversion = {version}\nnote = 'sturdy for {version}'\nunlisted = 'closed'\n\
         effective_at = 2024-01-01T00:00:00Z\n\
         [[opening]]\nid = 'plain'\nwallet = 'plain'\nshow = true\naccept = true\n\
         [[opening]]\nid = 'tried'\nwallet = 'sturdy'\nwhen = \"product.category in [{categories}]\"\n{from}\n\
         show = true\naccept = true\n"
    )
}

async fn change(stage: &Stage, request: &str, change: RulesChange) {
    let wanted = ChangeRules { request_id: RequestId::parse(request).unwrap(), change };
    stage.engine.change_rules(stage.tenant, wanted).await.unwrap();
}

async fn write(stage: &Stage, version: u32, text: String, effective_at: Option<Timestamp>) {
    change(stage, &format!("d{version}"), RulesChange::Draft { text }).await;
    let announce = RulesChange::Announce { version, effective_at, without: Default::default() };
    change(stage, &format!("a{version}"), announce).await;
}

fn of(category: &str) -> Declared {
    Declared { facts: Facts::new().with(Input::ProductCategory, category).unwrap(), payer: None }
}

fn choice(wallet: &str, category: &str) -> Confirmation {
    Confirmation { declared: of(category), ..qr(wallet) }
}

/// From when sturdy is taken for this category, and by which version.
async fn opens(stage: &Stage, category: &str) -> Option<(Timestamp, u32)> {
    opens_of(stage, "sturdy", category).await
}

async fn opens_of(stage: &Stage, wallet: &str, category: &str) -> Option<(Timestamp, u32)> {
    let kind = ClientKind::DesktopBrowser;
    let question = Consultation {
        amount: Some(yuan(10_000)),
        capture: CaptureMode::Automatic,
        client: Client { kind, wallet: None, ip: None, payer: None, payer_code: None },
        declared: of(category),
    };
    let consulted = stage.engine.consult(stage.tenant, &question).await.unwrap();
    let is_it = |its: &str, presentation| its == wallet && presentation == Presentation::QrShown;
    let one = consulted
        .options
        .iter()
        .find(|one| is_it(one.weighed.option.wallet.as_str(), one.weighed.option.presentation));
    one.unwrap().opens.map(|opens| (opens.at, opens.version))
}

async fn hours(count: u64) {
    tokio::time::sleep(Duration::from_secs(count * 3600)).await;
}

/// A day with a version that begins, an opening that is rolled back and opened again, and three payments.
#[tokio::test(start_paused = true)]
async fn a_past_day_is_told_whole() {
    let stage = Stage::open_idle(SignedDuration::from_secs(1)).await;
    let begins = stage.engine.now();
    let past =
        stage.engine.audit(stage.tenant, begins, begins + SignedDuration::from_hours(1), 9).await.unwrap();
    assert!(matches!(past.as_slice(), [only] if only.held == Held::Unruled), "{past:?}");
    hours(1).await;
    write(&stage, 1, bundle(1, "'tea'", ""), None).await;
    stage.create("c1", Some(choice("sturdy", "tea"))).await;
    stage.create("c2", Some(choice("plain", "cups"))).await;
    hours(1).await;
    let opening = RuleId::parse("tried").unwrap();
    let why = Remark::parse("li.lei: it fails").unwrap();
    change(&stage, "b1", RulesChange::RollBack { opening: opening.clone(), why: why.clone() }).await;
    hours(1).await;
    change(&stage, "o1", RulesChange::Reopen { opening, why }).await;
    hours(21).await;
    // The next day, which the report leaves out.
    stage.create("c3", Some(choice("sturdy", "tea"))).await;

    let ends = begins + SignedDuration::from_hours(24);
    let spans = stage.engine.audit(stage.tenant, begins, ends, 9).await.unwrap();
    let told: Vec<(i64, usize, usize)> = spans
        .iter()
        .map(|span| {
            // The calls between take moments.
            let hours = (span.ends.duration_since(span.begins).as_secs() + 1800) / 3600;
            match &span.held {
                Held::By(rules) => (hours, rules.rolled_back.len(), rules.ways.len()),
                Held::Unruled | Held::Nothing => (hours, 99, 0),
            }
        })
        .collect();
    let ways = told.last().unwrap().2;
    assert!(ways >= 2, "{spans:?}");
    assert_eq!(told, [(1, 99, 0), (1, 0, ways), (1, 1, ways), (21, 0, ways)]);
    assert_eq!(spans.last().unwrap().ends, ends);
    let some = stage.engine.audit(stage.tenant, begins, ends, 2).await.unwrap();
    assert_eq!(some, spans[..2], "a page is the begin of the whole");

    let mut tally = Tally::default();
    let rest = stage.engine.tally_decisions(stage.tenant, (begins, ends), None, 1, &mut tally).await.unwrap();
    assert_eq!((tally.payments, rest.is_some()), (1, true));
    let rest =
        stage.engine.tally_decisions(stage.tenant, (begins, ends), rest, 100, &mut tally).await.unwrap();
    assert_eq!((tally.payments, rest), (2, None));
    let lines = tally.lines();
    let chosen = lines.iter().filter(|line| line.counts.chosen > 0);
    let chosen: Vec<(&str, Counts)> =
        chosen.map(|line| (line.rule.as_ref().unwrap().as_str(), line.counts)).collect();
    // Each was offered with both payments, and chosen once.
    let both = Counts { shown: 2, accepted: 2, chosen: 1, ..Counts::default() };
    let once = Counts { shown: 1, accepted: 1, chosen: 1, ..Counts::default() };
    assert_eq!(chosen, [("plain", both), ("tried", once)]);
    let refused: u64 = lines.iter().map(|line| line.counts.refused).sum();
    assert!(refused >= 1, "sturdy was not taken for cups: {lines:?}");
}

/// "Not yet, from then on": by a version that is announced and by a date of the version that decides, for whom it will be; not of
/// what is rolled back, and not after a recall.
#[tokio::test(start_paused = true)]
async fn what_opens_later_is_told_with_its_time() {
    let stage = Stage::open_idle(SignedDuration::from_secs(1)).await;
    let now = stage.engine.now();
    let at = |hours: i64| now + SignedDuration::from_hours(hours);
    assert_eq!(opens(&stage, "tea").await, None, "everything is open");
    let dated = format!("from = {}", at(10));
    write(&stage, 1, bundle(1, "'tea'", &dated), None).await;
    assert_eq!(opens(&stage, "tea").await, Some((at(10), 1)));
    assert_eq!(opens(&stage, "cups").await, None);
    write(&stage, 2, bundle(2, "'tea', 'cups'", ""), Some(at(5))).await;
    assert_eq!(opens(&stage, "tea").await, Some((at(5), 2)));
    assert_eq!(opens(&stage, "cups").await, Some((at(5), 2)));
    assert_eq!(opens(&stage, "books").await, None);

    let (opening, why) = (RuleId::parse("tried").unwrap(), Remark::parse("li.lei: it fails").unwrap());
    change(&stage, "b1", RulesChange::RollBack { opening: opening.clone(), why: why.clone() }).await;
    assert_eq!(opens(&stage, "cups").await, None, "nobody knows when it is opened again");
    change(&stage, "o1", RulesChange::Reopen { opening, why }).await;
    assert_eq!(opens(&stage, "cups").await, Some((at(5), 2)));
    change(&stage, "r2", RulesChange::Recall { version: 2 }).await;
    assert_eq!(opens(&stage, "cups").await, None);
    assert_eq!(opens(&stage, "tea").await, Some((at(10), 1)));
    hours(10).await;
    assert_eq!(opens(&stage, "tea").await, None, "it is open");
    stage.engine.create_intent(stage.tenant, wanted("c1", Some(choice("sturdy", "tea")))).await.unwrap();
}

/// What stays closed then is told no date: a way to pay that cannot leave credit out, and an order that the fees do not fit.
#[tokio::test(start_paused = true)]
async fn what_stays_closed_is_told_no_date() {
    let stage = Stage::open_idle(SignedDuration::from_secs(1)).await;
    let later = stage.engine.now() + SignedDuration::from_hours(5);
    let strict = |version, fees: &str| {
        let text = bundle(version, "'tea'", &format!("from = {later}"));
        format!("{}{fees}", text.replace("accept = true\n[[", "accept = true\ncredit = false\n[["))
    };
    write(&stage, 1, strict(1, ""), None).await;
    assert_eq!(opens(&stage, "tea").await, Some((later, 1)));
    assert_eq!(opens_of(&stage, "plain", "tea").await, None, "no order of plain can leave credit out");
    let of_cups = "[fees]\ncurrency = 'CNY'\n[[fees.rules]]\nid = 'cups'\ncategory = 'cups'\nrate_ppm = 6_000\n\
                   on_refund = 'keep'\n";
    hours(1).await;
    write(&stage, 2, strict(2, of_cups), None).await;
    assert_eq!(opens(&stage, "tea").await, None, "no fee is said of it");
    write(&stage, 3, strict(3, &of_cups.replace("'cups'", "'tea'")), Some(later)).await;
    assert_eq!(opens(&stage, "tea").await, Some((later, 3)));
}

/// What the announced version gives out of a budget is not known before it decides, and keeps nothing closed.
#[tokio::test(start_paused = true)]
async fn a_budget_to_come_closes_nothing() {
    let stage = Stage::open_idle(SignedDuration::from_secs(1)).await;
    let later = stage.engine.now() + SignedDuration::from_hours(5);
    write(&stage, 1, bundle(1, "'cups'", ""), None).await;
    let discounts = "[discounts]\ncurrency = 'CNY'\n[[discounts.rules]]\nid = 'festival'\nfunder = 'platform_b'\n\
                     amount_minor = 100\nbudgeted = true\n";
    write(&stage, 2, bundle(2, "'cups', 'tea'", "") + discounts, Some(later)).await;
    assert_eq!(opens(&stage, "tea").await, Some((later, 2)));
    hours(5).await;
    stage.engine.create_intent(stage.tenant, wanted("c1", Some(choice("sturdy", "tea")))).await.unwrap();
}

/// No order of plain can leave credit out: what leaves it out closes plain, and a report of the past and of what comes says so.
#[tokio::test(start_paused = true)]
async fn what_credit_closes_is_told_as_closed() {
    let stage = Stage::open_idle(SignedDuration::from_secs(1)).await;
    let begins = stage.engine.now();
    let text = bundle(1, "'tea'", "").replace("accept = true\n", "accept = true\ncredit = false\n");
    write(&stage, 1, text.clone(), None).await;
    let later = begins + SignedDuration::from_hours(5);
    write(&stage, 2, text.replace("version = 1", "version = 2"), Some(later)).await;
    assert_eq!(opens_of(&stage, "plain", "tea").await, None, "the next version closes it as well");
    stage.create("c1", Some(choice("sturdy", "tea"))).await;

    let ends = begins + SignedDuration::from_hours(1);
    let spans = stage.engine.audit(stage.tenant, begins, ends, 9).await.unwrap();
    let Some(Held::By(rules)) = spans.last().map(|span| &span.held) else { panic!("{spans:?}") };
    let steps = rules.ways.iter().filter(|way| way.presentations.contains(&Presentation::QrShown));
    let said: Vec<(&str, Says, Option<CreditSaid>)> = steps
        .flat_map(|way| way.steps.iter().map(|step| (way.wallet.as_str(), step.says, step.credit)))
        .collect();
    let expected = [
        ("plain", Says::Closed, Some(CreditSaid::NotExcludable)),
        ("sturdy", Says::Accepted, Some(CreditSaid::LeftOut)),
    ];
    assert_eq!(said, expected);

    let mut tally = Tally::default();
    stage.engine.tally_decisions(stage.tenant, (begins, ends), None, 9, &mut tally).await.unwrap();
    for line in tally.lines() {
        let is_sturdy = line.wallet.as_str() == "sturdy";
        let counted = (line.counts.shown, line.counts.accepted, line.counts.refused);
        assert_eq!(counted, if is_sturdy { (1, 1, 0) } else { (0, 0, 1) }, "{line:?}");
    }
    let stored = stage.engine.store().decisions(stage.tenant, None, 9).await.unwrap();
    let kept = stored[0].decided.records().map(|record| (record.offer.wallet, record.can_exclude_credit));
    for (wallet, can_exclude_credit) in kept {
        assert_eq!(can_exclude_credit, Some(wallet.as_str() == "sturdy"), "{wallet}");
    }
}
