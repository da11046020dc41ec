//! Discounted payments: what the payer pays, who pays in the rest, what budgets keep, and what goes back with a refund.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops here")]

mod world;

use std::collections::BTreeMap;

use jiff::SignedDuration;
use paifang_engine::{Confirmation, Consultation, CreateRefund, Error, Fund, RefundCase, reason};
use paifang_ledger::AccountKind;
use paifang_payment::refund::Refund;
use paifang_payment::{IntentId, RequestId};
use paifang_policy::facts::{Facts, Input};
use paifang_shares::DiscountId;
use paifang_shares::discounts::{Discounted, Funder};
use paifang_shares::refund_terms::RefundReason;
use paifang_store::{AccountBalance, IntentRow, Store, fsck};
use world::rules::{FEE_AND_STREAMER, bundle, held};
use world::{Stage, crossed, qr, yuan};

const DISCOUNTS: &str = r#"
[discounts]
currency = "CNY"
[[discounts.rules]]
id = "festival"
funder = "platform_b"
rate_ppm = 100_000
cap_minor = 800
budgeted = true
until = 2026-12-12T00:00:00+08:00
[[discounts.rules]]
id = "rebate"
funder = "rail"
amount_minor = 150
budgeted = false
wallet = "sturdy"
[[discounts.rules]]
id = "coupon"
funder = "merchant"
amount_minor = 300
budgeted = false
"#;

const REFUNDS: &str = r#"
[refunds]
currency = "CNY"
[refunds.waterfalls]
merchant = [{ bearer = "unsettled_funds" }]
[[refunds.rules]]
id = "returned"
mode = "return_and_refund"
reasons = ["damaged"]
total_max_ppm = 1_000_000
days_max = 7
waterfall = "merchant"
decide_within_s = 86_400
appeal_within_s = 604_800
"#;

fn sale() -> String {
    bundle(1, &[FEE_AND_STREAMER, DISCOUNTS, REFUNDS])
}

fn festival() -> Fund {
    Fund::Budget(DiscountId::parse("festival").unwrap())
}

/// A stage with these rules and a budget of 20.00.
async fn open(text: &str) -> Stage {
    let stage = Stage::open().await;
    stage.announce(1, text).await;
    stage.move_funds("fill", Fund::Outside, festival(), 2_000).await.unwrap();
    stage
}

/// What the storefront's own accounts hold, by their first word; budgets less what is set aside.
async fn funds(stage: &Stage) -> BTreeMap<String, i128> {
    let held = |row: &AccountBalance| {
        let is_budget = row.account.kind() == AccountKind::Budget;
        if is_budget { row.balance.available(&row.account) } else { row.balance.posted(&row.account) }
    };
    stage.own_funds(held).await
}

async fn budget(stage: &Stage) -> i128 {
    funds(stage).await.get("budget").copied().unwrap_or(0)
}

async fn pay(stage: &Stage, row: &IntentRow) -> IntentRow {
    let id = row.intent.terms.id;
    stage.state_within(id, "awaiting_payer", SignedDuration::from_mins(5)).await;
    let order_no = row.intent.attempts.last().unwrap().terms.order_no.to_string();
    stage.truth.lock().unwrap().pay(&order_no);
    stage.state_within(id, "succeeded", SignedDuration::from_hours(1)).await
}

async fn refund(stage: &Stage, request: &str, intent: IntentId, fen: i64) -> Refund {
    let case = RefundCase { reason: RefundReason::Damaged, mode: None, consented: None };
    let request_id = RequestId::parse(request).unwrap();
    let wanted = CreateRefund { request_id, intent, amount: Some(yuan(fen)), reason: None, case: Some(case) };
    let made = stage.engine.create_refund(stage.tenant, wanted).await.unwrap();
    stage.engine.await_refund(made.resource, SignedDuration::from_hours(2)).await.unwrap()
}

/// What each discount of the last attempt gives, and what the payer pays.
fn given(row: &IntentRow) -> (Vec<i64>, i64) {
    let terms = &row.intent.attempts.last().unwrap().terms;
    let discounts = terms.division.as_ref().unwrap().discounts.as_ref().unwrap();
    assert_eq!(discounts.payable(), terms.amount, "the order is for what the payer pays");
    (amounts(discounts), terms.amount.minor_units())
}

fn amounts(discounts: &Discounted) -> Vec<i64> {
    discounts.given().iter().map(|one| one.amount.minor_units()).collect()
}

/// The rail's order is for what the payer pays, and that is the field that is counted: no rail is told the price.
#[tokio::test(start_paused = true)]
async fn a_rail_is_told_what_the_payer_pays_and_never_the_price() {
    let stage = open(&sale()).await;
    let row = stage.create("c1", Some(qr("sturdy"))).await;
    assert_eq!((row.intent.terms.amount, given(&row).1), (yuan(10_000), 8_750));
    pay(&stage, &row).await;
    let told = crossed(&stage.engine, "sturdy");
    assert!(told.contains(&"attempt.payable_amount") && !told.contains(&"payment_intent.amount"), "{told:?}");
    let truth = stage.truth.lock().unwrap();
    let amounts: Vec<i64> = truth.messages.iter().filter_map(|message| message["amount"].as_i64()).collect();
    assert!(!amounts.is_empty() && amounts.iter().all(|fen| *fen == 8_750), "{amounts:?}");
}

#[tokio::test(start_paused = true)]
async fn the_price_is_divided_and_everyone_gets_back_what_they_gave() {
    let stage = open(&sale()).await;
    let row = stage.create("c1", Some(qr("sturdy"))).await;
    assert_eq!(given(&row), (vec![800, 150, 300], 8_750));
    assert_eq!(budget(&stage).await, 1_200, "set aside with the choice");
    let row = pay(&stage, &row).await;
    let id = row.intent.terms.id;
    assert_eq!(row.amounts.captured.minor_units(), 8_750);
    assert_eq!(
        funds(&stage).await,
        held(&[
            ("budget", 1_200),
            ("discount", -150),
            ("fee", 200),
            ("merchant", 0),
            ("outside", 2_000),
            ("receiver", 2_000),
            ("unsettled", 7_500),
        ]),
        "fee and splits by the price; the coupon comes out of the merchant's part"
    );
    assert!(stage.refund("r0", id, 8_751).await.is_err(), "no more than the payer paid");
    for (request, fen) in [("r1", 1), ("r2", 4_374), ("r3", 3)] {
        assert_eq!(refund(&stage, request, id, fen).await.state.name(), "succeeded");
    }
    let half = funds(&stage).await;
    assert_eq!((half["budget"], half["discount"], half["merchant"]), (1_600, -75, 0));
    // What fails gives nobody anything back.
    stage.truth.lock().unwrap().refuses_refunds = true;
    assert_eq!(refund(&stage, "r4", id, 1_000).await.state.name(), "failed");
    stage.truth.lock().unwrap().refuses_refunds = false;
    assert_eq!(funds(&stage).await, half);
    let last = refund(&stage, "r5", id, 4_372).await;
    assert_eq!(last.bearing().unwrap().discounts.len(), 3);
    let back = funds(&stage).await;
    assert_eq!((back["budget"], back["outside"]), (2_000, 2_000));
    let others = ["discount", "fee", "merchant", "receiver", "unsettled"];
    assert!(others.iter().all(|name| back[*name] == 0), "{back:?}");
    stage.check().await;
}

#[tokio::test(start_paused = true)]
async fn without_terms_about_refunds_the_storefront_bears_the_merchants_part() {
    let stage = open(&bundle(1, &[FEE_AND_STREAMER, DISCOUNTS])).await;
    let row = stage.create("c1", Some(qr("sturdy"))).await;
    let id = pay(&stage, &row).await.intent.terms.id;
    assert_eq!(stage.refund("r1", id, 8_750).await.unwrap(), "succeeded");
    let back = funds(&stage).await;
    assert_eq!((back["budget"], back["discount"], back["fee"], back["receiver"]), (2_000, 0, 0, 0));
    assert_eq!((back["merchant"], back["unsettled"]), (-7_500, 7_500));
    stage.check().await;
}

/// What is set aside comes back however an attempt ends unpaid, and money that comes late is no discounted sale.
#[tokio::test(start_paused = true)]
async fn what_is_not_paid_gives_its_budget_back() {
    let stage = open(&sale()).await;
    let row = stage.create("c1", Some(qr("sturdy"))).await;
    // Another wallet is decided anew, while the first attempt still holds its part.
    let row = stage.confirm("w1", row.intent.terms.id, qr("plain")).await;
    assert_eq!(row.intent.attempts.len(), 2);
    assert_eq!(given(&row), (vec![800, 300], 8_900), "the rebate is for the other wallet");
    assert_eq!(budget(&stage).await, 1_200);
    let id = row.intent.terms.id;
    let row = stage.cancel("x1", id).await;
    let ended = async || budget(&stage).await == 2_000;
    stage.until("the order of the second wallet has expired", ended).await;
    let order_no = row.intent.attempts[0].terms.order_no.to_string();
    stage.truth.lock().unwrap().pay_although_closed(&order_no);
    let unpaid = stage.create("c2", Some(qr("sturdy"))).await;
    stage.state_within(unpaid.intent.terms.id, "expired", SignedDuration::from_hours(1)).await;
    assert_eq!(budget(&stage).await, 2_000);
    assert!(fsck::run(stage.engine.store()).await.unwrap().is_clean());
}

/// A repeat of a creation in doubt takes over what was set aside, also where the budget has nothing more.
#[tokio::test(start_paused = true)]
async fn a_repeat_keeps_its_discounts() {
    let stage = open(&sale()).await;
    stage.move_funds("f1", festival(), Fund::Outside, 1_200).await.unwrap();
    stage.fault("charge", world::Fault::RequestLost);
    let row = stage.create("c1", Some(qr("plain"))).await;
    let id = row.intent.terms.id;
    let shown = stage.state_within(id, "awaiting_payer", SignedDuration::from_hours(3)).await;
    assert!(shown.intent.attempts.last().unwrap().terms.repeats.is_some(), "{shown:#?}");
    assert_eq!(given(&shown), (vec![800, 300], 8_900));
    pay(&stage, &shown).await;
    assert_eq!(funds(&stage).await["budget"], 0, "used once");
    stage.check().await;
}

/// A hold that turns up after its end goes back without its discounts: what was set aside is free again, and stays so.
#[tokio::test(start_paused = true)]
async fn a_late_hold_uses_no_budget() {
    let stage = open(&sale()).await;
    let row = stage.hold("h1", qr("sturdy")).await;
    let (id, order_no) = (row.intent.terms.id, row.intent.attempts[0].terms.order_no.to_string());
    assert_eq!(budget(&stage).await, 1_200);
    assert_eq!(stage.cancel("x1", id).await.intent.state.name(), "canceled");
    assert_eq!(budget(&stage).await, 2_000);
    // Nothing is left of it by the time the hold turns up.
    stage.move_funds("f1", festival(), Fund::Outside, 2_000).await.unwrap();
    stage.truth.lock().unwrap().hold_although_closed(&order_no);
    let told = async || {
        let events = stage.engine.store().events_after(Some(stage.tenant), 0, 200).await.unwrap();
        events.iter().any(|event| event.kind == "payment_intent.late_hold")
    };
    stage.until("the hold was found and goes back", told).await;
    assert_eq!(budget(&stage).await, 0);
    stage.check().await;
}

/// The last of a budget is given once, by whichever replica is first; the others decide anew with what is left.
#[tokio::test(start_paused = true)]
async fn a_budget_is_never_overdrawn() {
    let stage = open(&sale()).await;
    let other = stage.replica().await;
    let all = (0..6).map(|at| {
        let engine = if at % 2 == 0 { &stage.engine } else { &other };
        let wanted = world::wanted(&format!("c{at}"), Some(qr("plain")));
        async move { engine.create_intent(stage.tenant, wanted).await.unwrap().resource }
    });
    let rows = futures::future::join_all(all).await;
    let mut gave: Vec<i64> = rows.iter().map(|row| given(row).0[0]).collect();
    gave.sort_unstable();
    assert_eq!(gave, [0, 0, 0, 400, 800, 800]);
    assert_eq!(budget(&stage).await, 0);
    let taken = stage.move_funds("f1", festival(), Fund::Outside, 1).await;
    assert!(matches!(taken, Err(Error::Precondition { reason: reason::FUNDS_SHORT, .. })));
    for row in &rows {
        pay(&stage, row).await;
    }
    assert_eq!(budget(&stage).await, 0);
    stage.check().await;
}

/// Of a hold less may be taken: each discount gives its part of that, and gets back exactly that.
#[tokio::test(start_paused = true)]
async fn a_capture_of_less_uses_less_of_the_discounts() {
    for taken in [1, 7, 4_375, 8_749, 8_750] {
        let stage = open(&sale()).await;
        let row = stage.hold("h1", qr("sturdy")).await;
        assert_eq!(given(&row).1, 8_750);
        let id = row.intent.terms.id;
        let order_no = row.intent.attempts[0].terms.order_no.to_string();
        stage.truth.lock().unwrap().pay(&order_no);
        stage.state_within(id, "authorized", SignedDuration::from_hours(1)).await;
        assert_eq!(budget(&stage).await, 1_200);
        stage.capture("p1", id, Some(taken)).await.unwrap();
        stage.state_within(id, "succeeded", SignedDuration::from_hours(1)).await;
        let after = funds(&stage).await;
        assert_eq!(after["merchant"], 0, "all of it is divided");
        let used = 2_000 - after["budget"];
        let off = (used * 8_750 - i128::from(taken) * 800).abs();
        assert!(off <= 8_750, "{taken}: {after:?} is more than a fen off");
        assert_eq!(refund(&stage, "r1", id, taken).await.state.name(), "succeeded", "{taken}");
        let back = funds(&stage).await;
        let others = ["discount", "fee", "merchant", "receiver", "unsettled"];
        assert!(others.iter().all(|name| back.get(*name).is_none_or(|fen| *fen == 0)), "{taken}: {back:?}");
        assert_eq!(back["budget"], 2_000, "{taken}");
        stage.check().await;
    }
}

/// A funder pays what its discounts gave; then nothing is owed.
#[tokio::test(start_paused = true)]
async fn a_funder_settles_what_it_owes() {
    let stage = open(&sale()).await;
    let row = stage.create("c1", Some(qr("sturdy"))).await;
    pay(&stage, &row).await;
    stage.move_funds("f1", Fund::Outside, Fund::Discounts(Funder::Rail), 150).await.unwrap();
    assert_eq!(funds(&stage).await["discount"], 0);
    stage.check().await;
}

/// What cannot be told is told to the storefront and not guessed; what a merchant cannot give is not taken.
#[tokio::test(start_paused = true)]
async fn discounts_that_do_not_fit_are_refused() {
    for (from, to, wanted) in [
        ("wallet = \"sturdy\"", "category = \"books\"", "discount rebate cannot be told without category"),
        (
            "wallet = \"sturdy\"",
            "when = \"payer.tier == 'gold'\"",
            "discount rebate cannot be told without payer.tier",
        ),
        ("amount_minor = 300", "amount_minor = 9_000", "its part of 100.00 CNY is only 78.00 CNY"),
    ] {
        let stage = open(&sale().replace(from, to)).await;
        let refused = stage.engine.create_intent(stage.tenant, world::wanted("c1", Some(qr("sturdy")))).await;
        let Err(Error::Precondition { reason: reason::TERMS_DO_NOT_FIT, message, .. }) = refused else {
            panic!("{refused:?}")
        };
        assert!(message.starts_with("discounts: ") && message.contains(wanted), "{message}");
        let facts = Facts::new().with(Input::ProductCategory, "toys").unwrap();
        let facts = facts.with(Input::PayerTier, "gold").unwrap();
        let known = qr("sturdy");
        let declared = paifang_engine::Declared { facts, payer: None };
        let question = Consultation {
            amount: Some(yuan(10_000)),
            capture: Default::default(),
            client: known.client.clone(),
            declared: declared.clone(),
        };
        let told = stage.engine.consult(stage.tenant, &question).await.unwrap().options;
        let told = told.iter().find(|one| one.weighed.option.wallet.as_str() == "sturdy").unwrap();
        if from == "wallet = \"sturdy\"" {
            let division = told.weighed.division.as_ref().unwrap().as_ref().unwrap();
            let row = stage.create("c2", Some(Confirmation { declared, ..known })).await;
            assert_eq!(amounts(division.discounts.as_ref().unwrap()), given(&row).0, "as it was told before");
        }
        assert!(fsck::run(stage.engine.store()).await.unwrap().is_clean());
    }
}
