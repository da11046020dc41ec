//! Must show 2: whatever a storefront's rules say about money, every fen of a payment and of its refunds has one place; evidence
//! that comes again, or in another order, moves nothing; and what is decided follows from what was declared, and from nothing else.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

#[path = "any_rules/declared.rs"]
mod declared;
mod world;

use std::collections::BTreeMap;

use jiff::SignedDuration;
use paifang_engine::ports::IncomingMessage;
use paifang_engine::{
    CancelRefund, ChangeRules, Client, Confirmation, CreateIntent, CreateRefund, Declared, Error, Fund,
    Notified, RefundCase, ReverseRefund, RulesChange, TransferFunds,
};
use paifang_money::PositiveMoney;
use paifang_payment::refund::{Refund, State};
use paifang_payment::{AccountId, IntentId, PayerId, Remark, RequestId, TenantId};
use paifang_policy::bundle::Bundle;
use paifang_policy::facts::Facts;
use paifang_policy::lifecycle::Overlay;
use paifang_policy::simulate::{Pair, Simulation};
use paifang_policy::testing::{Shape, bundle_text, declared, seeded};
use paifang_shares::division::Division;
use paifang_shares::refund_terms::{RefundMode, RefundReason};
use paifang_shares::splits::SplitAmounts;
use paifang_shares::waterfall::Bearer;
use paifang_store::{IntentRow, Store, records};
use proptest::prelude::*;
use serde_json::{Value, json};
use world::{Stage, qr, wanted, yuan};

fn shape() -> Shape {
    Shape::about_money(&["sturdy", "plain"])
}

fn request(text: String) -> RequestId {
    RequestId::parse(&text).unwrap()
}

async fn announce(stage: &Stage, tenant: TenantId, text: String) {
    let announce = RulesChange::Announce { version: 1, effective_at: None, without: Default::default() };
    for (verb, change) in [("d", RulesChange::Draft { text }), ("a", announce)] {
        let change = ChangeRules { request_id: request(format!("rules-{verb}")), change };
        stage.engine.change_rules(tenant, change).await.unwrap();
    }
}

/// An order that is paid, by a payer whom the rail knows by one name and the storefront by another.
async fn paid(stage: &Stage, name: &str, fen: i64, facts: Facts, payer: Option<&str>) -> IntentRow {
    let payer = payer.map(|payer| PayerId::parse(payer).unwrap());
    let plain = qr("sturdy");
    let client = Client { payer: payer.clone(), ..plain.client.clone() };
    let choice = Confirmation { declared: Declared { facts, payer }, client, ..plain };
    let order = CreateIntent { amount: yuan(fen), ..wanted(name, Some(choice)) };
    let made = stage.engine.create_intent(stage.tenant, order).await.unwrap();
    let row = stage.settled(made.resource.intent.terms.id).await;
    let id = row.intent.terms.id;
    let row = stage.state_within(id, "awaiting_payer", SignedDuration::from_mins(5)).await;
    stage.truth.lock().unwrap().pay(row.intent.attempts[0].terms.order_no.as_str());
    stage.state_within(id, "succeeded", SignedDuration::from_hours(1)).await
}

async fn tell(stage: &Stage, said: &Value) -> Notified {
    let body = said.to_string().into_bytes();
    let message = IncomingMessage { headers: Vec::new(), query: String::new(), body };
    stage.engine.notified(&AccountId::parse("sturdy").unwrap(), &message).await
}

async fn intent(stage: &Stage, id: IntentId) -> IntentRow {
    stage.engine.store().intent(stage.tenant, id).await.unwrap().unwrap()
}

/// Oldest first.
async fn refunds(stage: &Stage, id: IntentId) -> Vec<Refund> {
    let mut rows = stage.engine.store().refunds(stage.tenant, Some(id), None, 200).await.unwrap().rows;
    rows.reverse();
    rows
}

async fn books(stage: &Stage) -> BTreeMap<String, i128> {
    let rows = stage.engine.store().balances(stage.tenant).await.unwrap();
    rows.iter().map(|row| (row.account.to_string(), row.balance.posted(&row.account))).collect()
}

fn sum(amounts: &SplitAmounts) -> i64 {
    let receivers = amounts.receivers.iter().map(|(_, amount)| amount.minor_units());
    receivers.sum::<i64>() + amounts.merchant.minor_units()
}

/// What the payer paid.
fn payable(row: &IntentRow) -> i64 {
    row.intent.attempts[0].terms.amount.minor_units()
}

/// Each budget has something, or nothing.
async fn fill_budgets(stage: &Stage, bundle: &Bundle, pick: &mut impl FnMut(u64) -> u64) {
    let discounts = bundle.discounts().map(|discounts| discounts.rules());
    for (at, id) in discounts.into_iter().flat_map(|rules| rules.budgets()).enumerate() {
        if let fen @ 1.. = pick(3_000).saturating_sub(500) {
            move_funds(stage, &format!("budget-{at}"), Fund::Budget(id.clone()), fen).await;
        }
    }
}

/// One thing that happens: what, and the choices within it.
type Happening = (u8, u64);

/// A payment under any rules, and any sequence of refunds, failures, cancels, reversals, funding and evidence.
async fn play(seed: u64, happenings: &[Happening]) {
    let stage = Stage::open_looking_every(SignedDuration::from_secs(60)).await;
    let mut pick = seeded(seed);
    let text = bundle_text(&shape(), 1, &mut pick);
    announce(&stage, stage.tenant, text.clone()).await;
    let bundle = Bundle::read(&text).unwrap();
    fill_budgets(&stage, &bundle, &mut pick).await;
    let price = 100 + i64::try_from(pick(20_000)).unwrap();
    let facts = declared(&shape(), &mut pick);
    let row = paid(&stage, "order", price, facts, None).await;
    let id = row.intent.terms.id;
    let division = row.intent.attempts[0].terms.division.as_deref();
    assert_eq!(division.is_some(), bundle.divides());
    let fen = payable(&row);
    match division.map(|division| (division, division.discounts.as_ref())) {
        None => assert_eq!(fen, price, "{text}"),
        Some((division, None)) => assert_eq!((fen, sum(&division.amounts())), (price, price), "{text}"),
        Some((division, Some(discounts))) => {
            let paid_in = discounts.paid_in().minor_units();
            assert_eq!(sum(&division.amounts()), fen + paid_in, "{text}");
            assert_eq!(fen + paid_in + discounts.own().minor_units(), price, "{text}");
        }
    }
    for (at, (what, seed)) in happenings.iter().enumerate() {
        happen(&stage, &row, at, *what, &mut seeded(*seed)).await;
        look_through(fen, division, &refunds(&stage, id).await, &text);
    }
    let all = refunds(&stage, id).await;
    // What still waits for its bearers is given up: nothing is left under way.
    for (at, short) in all.iter().filter(|refund| refund.short().is_some()).enumerate() {
        let cancel = CancelRefund { request_id: request(format!("end-{at}")), refund: short.terms.id };
        stage.engine.cancel_refund(stage.tenant, cancel).await.unwrap();
    }
    let is_clear =
        !happenings.iter().any(|(what, _)| *what == CANCELS) && all.iter().all(|one| one.short().is_none());
    if is_clear {
        simulate_the_same(&stage, &bundle, &text).await;
    }
    stage.check().await;
}

const REFUNDS: u8 = 0;
const FAILS: u8 = 5;
const CANCELS: u8 = 6;
const REVERSES: u8 = 7;
const FUNDS: u8 = 8;
const REPEATS: u8 = 9;
const EVIDENCE: u8 = 10;
const KINDS: u8 = 12;

async fn happen(stage: &Stage, row: &IntentRow, at: usize, what: u8, pick: &mut impl FnMut(u64) -> u64) {
    let id = row.intent.terms.id;
    match what {
        REFUNDS..=FAILS => {
            let left = {
                let amounts = intent(stage, id).await.amounts;
                amounts.captured.minor_units()
                    - amounts.refunded.minor_units()
                    - amounts.reserved.minor_units()
            };
            let wanted = refund_of(row, at, left, pick);
            stage.truth.lock().unwrap().refuses_refunds = what == FAILS;
            let answer = stage.engine.create_refund(stage.tenant, wanted).await;
            if let Ok(made) = &answer {
                let budget = SignedDuration::from_hours(1);
                stage.engine.await_refund(made.resource.clone(), budget).await.unwrap();
            }
            stage.truth.lock().unwrap().refuses_refunds = false;
            assert!(matches!(answer, Ok(_) | Err(Error::Precondition { .. })), "{answer:?}");
        }
        CANCELS => {
            let all = refunds(stage, id).await;
            if let Some(short) = all.iter().find(|refund| refund.short().is_some()) {
                let cancel = CancelRefund { request_id: request(format!("x-{at}")), refund: short.terms.id };
                stage.engine.cancel_refund(stage.tenant, cancel).await.unwrap();
            }
        }
        REVERSES => reverse(stage, id, at, pick).await,
        FUNDS => {
            let to = [Bearer::Platform, Bearer::Insurance, Bearer::Rail][usize::try_from(pick(3)).unwrap()];
            move_funds(stage, &format!("f-{at}"), Fund::Bearer(to, None), 1 + pick(20_000)).await;
        }
        REPEATS => repeat(stage, row, pick).await,
        EVIDENCE..KINDS => evidence(stage, row, at, pick).await,
        other => panic!("{other}"),
    }
}

fn refund_of(row: &IntentRow, at: usize, left: i64, pick: &mut impl FnMut(u64) -> u64) -> CreateRefund {
    let reason = RefundReason::ALL[usize::try_from(pick(14)).unwrap()];
    let mode = [
        None,
        None,
        Some(RefundMode::ReturnAndRefund),
        Some(RefundMode::RefundWithoutReturn),
        Some(RefundMode::AutomaticCompensation),
        Some(RefundMode::ReturnFreightCover),
    ][usize::try_from(pick(6)).unwrap()];
    let consented = [None, Some(true), Some(false)][usize::try_from(pick(3)).unwrap()];
    // Most often a part, sometimes all that is left, sometimes more.
    let most = u64::try_from(left.max(1)).unwrap();
    let fen = match pick(6) {
        0 => left.max(1),
        1 => left.max(1) + 1,
        _ => 1 + i64::try_from(pick(most.div_ceil(2))).unwrap(),
    };
    let (request_id, intent) = (request(format!("refund-{at}")), row.intent.terms.id);
    let case = Some(RefundCase { reason, mode, consented });
    CreateRefund { request_id, intent, amount: Some(yuan(fen)), reason: None, case }
}

/// Some of what bearers bore of a refund that went out goes back to them.
async fn reverse(stage: &Stage, id: IntentId, at: usize, pick: &mut impl FnMut(u64) -> u64) {
    let borne = |refund: &Refund| {
        let allocation =
            refund.allocation.as_ref().filter(|_| matches!(refund.state, State::Succeeded { .. }));
        allocation.map_or(0, |all| all.borne().iter().map(|one| one.amount.minor_units()).sum::<i64>())
    };
    let all = refunds(stage, id).await;
    let Some(refund) = all.iter().find(|refund| borne(refund) > 0) else { return };
    let some = 1 + i64::try_from(pick(u64::try_from(borne(refund)).unwrap())).unwrap();
    let amount = if pick(2) == 0 { None } else { Some(yuan(some)) };
    let wanted = ReverseRefund {
        request_id: request(format!("v-{at}")),
        refund: refund.terms.id,
        amount,
        from: None,
        why: Remark::parse("an appeal was right").unwrap(),
    };
    stage.engine.reverse_refund(stage.tenant, wanted.clone()).await.unwrap();
    let before = books(stage).await;
    assert!(stage.engine.reverse_refund(stage.tenant, wanted).await.unwrap().replayed);
    assert_eq!(books(stage).await, before);
}

async fn move_funds(stage: &Stage, name: &str, to: Fund, fen: u64) {
    let amount: PositiveMoney = yuan(i64::try_from(fen).unwrap());
    let wanted = TransferFunds { request_id: request(name.to_owned()), from: Fund::Outside, to, amount };
    stage.engine.transfer_funds(stage.tenant, wanted).await.unwrap();
}

/// A call that was made before is made again.
async fn repeat(stage: &Stage, row: &IntentRow, pick: &mut impl FnMut(u64) -> u64) {
    let all = refunds(stage, row.intent.terms.id).await;
    let Some(refund) = all.get(usize::try_from(pick(all.len().max(1) as u64)).unwrap()) else { return };
    let again = CreateRefund {
        request_id: refund.terms.request_id.clone(),
        intent: row.intent.terms.id,
        amount: Some(refund.terms.amount),
        reason: None,
        case: refund.terms.case,
    };
    let before = books(stage).await;
    let made = stage.engine.create_refund(stage.tenant, again).await.unwrap();
    assert!(made.replayed && made.resource.terms == refund.terms);
    assert_eq!(books(stage).await, before);
}

/// What the rail said before, it says again: some of it, in any order, under new keys.
async fn evidence(stage: &Stage, row: &IntentRow, at: usize, pick: &mut impl FnMut(u64) -> u64) {
    let id = row.intent.terms.id;
    let order = row.intent.attempts[0].terms.order_no.to_string();
    let fen = payable(row);
    let payment = format!("T{order}");
    let mut messages = vec![json!({ "is": "paid", "order": order, "fen": fen, "payment": payment })];
    let known = refunds(stage, id).await;
    for refund in known.iter().filter(|refund| matches!(refund.state, State::Succeeded { .. })) {
        let (number, fen) = (refund.terms.refund_no.to_string(), refund.terms.amount.minor_units());
        messages.push(
            json!({ "is": "refunded", "refund": number, "order": order, "payment": payment, "fen": fen }),
        );
    }
    let before = (books(stage).await, intent(stage, id).await, known);
    for turn in 0..=pick(6) {
        let mut message = messages[usize::try_from(pick(messages.len() as u64)).unwrap()].clone();
        message["key"] = json!(format!("key-{at}-{}", if pick(2) == 0 { 0 } else { turn }));
        let heard = tell(stage, &message).await;
        assert!(matches!(heard, Notified::Known | Notified::News), "{heard:?}: {message}");
    }
    assert_eq!((books(stage).await, intent(stage, id).await, refunds(stage, id).await), before);
}

/// Every fen of each refund has one bearer, and no part gives back more than it got.
fn look_through(fen: i64, division: Option<&Division>, refunds: &[Refund], text: &str) {
    let stands = || refunds.iter().filter(|refund| !matches!(refund.state, State::Failed { .. }));
    let total: i64 = stands().map(|refund| refund.terms.amount.minor_units()).sum();
    assert!(total <= fen, "{text}");
    for refund in refunds {
        let Some(bearing) = refund.bearing() else { continue };
        let amount = refund.terms.amount.minor_units();
        let funders = bearing.discounts.iter().filter(|discount| !discount.is_own());
        let funders: i64 = funders.map(|discount| discount.amount.minor_units()).sum();
        let rest = bearing.given_back.as_ref().map_or(amount, |given_back| {
            assert_eq!(sum(given_back), amount + funders, "{text}");
            given_back.merchant.minor_units()
        });
        let Some(allocation) = &refund.allocation else { continue };
        let borne: i64 = allocation.borne().iter().map(|one| one.amount.minor_units()).sum();
        let all = borne + allocation.short().minor_units() + allocation.reversed().minor_units();
        assert_eq!((allocation.refund().minor_units(), all), (rest, rest), "{text}");
    }
    let Some(division) = division else { return };
    let mut given = BTreeMap::new();
    for given_back in stands().filter_map(|refund| refund.bearing()?.given_back.as_ref()) {
        for (receiver, amount) in &given_back.receivers {
            *given.entry(receiver.clone()).or_insert(0) += amount.minor_units();
        }
    }
    for (receiver, got) in &division.amounts().receivers {
        assert!(given.get(receiver).copied().unwrap_or(0) <= got.minor_units(), "{receiver}: {text}");
    }
    look_through_discounts(fen, division, refunds, text);
}

/// No discount gets back more than it gave; once all of the payment is undone, just that.
fn look_through_discounts(fen: i64, division: &Division, refunds: &[Refund], text: &str) {
    let stands = refunds.iter().filter(|refund| !matches!(refund.state, State::Failed { .. }));
    let undone: Vec<&Refund> = stands
        .filter(|refund| refund.bearing().is_some_and(|bearing| bearing.given_back.is_some()))
        .collect();
    let total: i64 = undone.iter().map(|refund| refund.terms.amount.minor_units()).sum();
    for (at, given) in division.discounts.iter().flat_map(|discounts| discounts.given()).enumerate() {
        let back = undone.iter().filter_map(|refund| refund.bearing()?.discounts.get(at));
        let back: i64 = back.map(|back| back.amount.minor_units()).sum();
        assert!((0..=given.amount.minor_units()).contains(&back), "{}: {text}", given.id);
        assert!(total < fen || back == given.amount.minor_units(), "{}: {text}", given.id);
    }
}

/// The rules that decided, run over what was recorded of them, change nothing.
async fn simulate_the_same(stage: &Stage, bundle: &Bundle, text: &str) {
    let overlay = Overlay::none();
    let mut simulation = Simulation::new(bundle, &overlay);
    for stored in stage.engine.store().decisions(stage.tenant, None, 200).await.unwrap() {
        for record in records(stage.engine.store(), &stored).await.unwrap() {
            let line = serde_json::to_string(&record).unwrap();
            simulation.take(&serde_json::from_str(&line).unwrap());
        }
    }
    let report = simulation.finish();
    assert_eq!(report.total.unchanged, report.total.records);
    let money = report.money.unwrap();
    let same = |pair: &Pair| assert_eq!(pair.before, pair.after, "{money:#?}\n{text}");
    for line in &money.fees {
        same(&line.fees);
    }
    for line in &money.parts {
        same(&line.got);
        same(&line.gave_back);
    }
    for line in &money.refunds.verdicts {
        same(&line.refunds);
    }
    for line in &money.refunds.bearers {
        same(&line.borne);
    }
    for line in &money.refunds.changes {
        same(&line.out);
        same(&line.short);
    }
}

fn run(story: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(story);
}

/// What is exported for simulations names nobody and no order.
#[tokio::test(start_paused = true)]
async fn records_tell_of_pseudonyms_only() {
    let stage = Stage::open_looking_every(SignedDuration::from_secs(60)).await;
    announce(&stage, stage.tenant, bundle_text(&shape(), 1, &mut seeded(7))).await;
    let row = paid(&stage, "order", 9_000, Facts::new(), Some("canary-7281")).await;
    let wanted = refund_of(&row, 0, 4_000, &mut seeded(3));
    let made = stage.engine.create_refund(stage.tenant, wanted).await;
    let stored = stage.engine.store().decisions(stage.tenant, None, 10).await.unwrap();
    let lines = records(stage.engine.store(), &stored[0]).await.unwrap();
    let text = serde_json::to_string(&lines).unwrap();
    let payment = lines[0].payment.as_ref().unwrap();
    assert_eq!((payment.taken, payment.refunds.len()), (yuan(payable(&row)), usize::from(made.is_ok())));
    assert!(lines[0].payer.is_some() && lines[1..].iter().all(|line| line.payment.is_none()));
    let (id, order_no) = (row.intent.terms.id.to_string(), row.intent.attempts[0].terms.order_no.to_string());
    for known in ["canary", "order\"", id.as_str(), order_no.as_str(), "refund-0"] {
        assert!(!text.contains(known), "{known}: {text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_fen_has_one_place(seed: u64, happenings in prop::collection::vec((0..KINDS, any::<u64>()), 1..14)) {
        run(play(seed, &happenings));
    }

    #[test]
    fn only_what_is_declared_decides(seed: u64) {
        run(declared::decides_alone(seed));
    }
}
