//! Intents and refunds: their rows, journals, amounts, and whether somebody sees to them.

use std::collections::BTreeMap;

use paifang_money::{Money, PositiveMoney};
use paifang_payment::IntentId;
use paifang_payment::attempt::Attempt;
use paifang_payment::intent::{Intent, State};
use paifang_payment::refund::{self, Purpose, Refund};
use paifang_shares::Receiver;

use super::books::Owed;
use super::{Known, Report, journal};
use crate::funds;
use crate::{Amounts, IntentRow, PAGE_MAX, Store, StoreError, WorkRow};

#[derive(Default)]
pub(super) struct Sums {
    reserved: i64,
    refunded: i64,
}

pub(super) async fn check_refunds(
    store: &impl Store,
    work: &BTreeMap<String, WorkRow>,
    known: &mut Known,
    report: &mut Report,
) -> Result<BTreeMap<IntentId, Sums>, StoreError> {
    let mut sums: BTreeMap<IntentId, Sums> = BTreeMap::new();
    let mut after = None;
    loop {
        let rows = store.scan_refunds(after, PAGE_MAX).await?;
        let Some(last) = rows.last() else { break };
        after = Some(last.terms.id);
        for refund in rows {
            report.refunds += 1;
            let id = refund.terms.id;
            let (tenant, text) = (refund.terms.tenant, id.to_string());
            let journal = store.refund_journal(tenant, id).await;
            if let Some(journal) = journal::readable(&text, journal, report)? {
                let folded = Refund::fold(&journal);
                let chain = journal::check(tenant, &text, &refund, &journal, folded, report)?;
                known.named.add(tenant, &text, chain);
                if refund.bearing().is_some() {
                    known.own.expect(tenant, funds::of_journal(&journal));
                }
            }
            if !refund.is_final() && !work.contains_key(&id.to_string()) {
                report.find(format!("{id}: it has not ended and nobody sees to it"));
            }
            if refund.bearing().is_some() && !refund.is_borne() && !refund.is_unsent() {
                report.find(format!("{id}: it may have been sent, and nobody bears all of it"));
            }
            super::rules::note(&refund, &mut known.refunded);
            add_given_back(&refund, known);
            add_refund(sums.entry(refund.terms.intent).or_default(), &refund);
            known.refunds.insert(id, Owed::of(&refund));
        }
    }
    Ok(sums)
}

/// Adds what a refund that stands gives back of its payment.
fn add_given_back(refund: &Refund, known: &mut Known) {
    let fails = matches!(refund.state, refund::State::Failed { .. });
    let given = refund.bearing().and_then(|bearing| bearing.given_back.as_ref());
    let Some(given) = given.filter(|_| !fails) else { return };
    let sums = known.given_back.entry(refund.terms.intent).or_default();
    for (receiver, part) in &given.receivers {
        *sums.entry(Some(receiver.clone())).or_default() += part.minor_units();
    }
    *sums.entry(None).or_default() += given.merchant.minor_units();
}

fn add_refund(sums: &mut Sums, refund: &Refund) {
    if refund.terms.purpose != Purpose::Requested {
        return;
    }
    let amount = refund.terms.amount.minor_units();
    match refund.state {
        refund::State::Sending(_) | refund::State::InDoubt(_) | refund::State::Processing { .. } => {
            sums.reserved += amount
        }
        refund::State::Succeeded { .. } => sums.refunded += amount,
        refund::State::Failed { .. } => {}
    }
}

pub(super) async fn check_intents(
    store: &impl Store,
    work: &BTreeMap<String, WorkRow>,
    refunds: &BTreeMap<IntentId, Sums>,
    known: &mut Known,
    report: &mut Report,
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let rows = store.scan_intents(after, PAGE_MAX).await?;
        let Some(last) = rows.last() else { break };
        after = Some(last.intent.terms.id);
        for IntentRow { intent, amounts } in rows {
            report.intents += 1;
            let (id, tenant) = (intent.terms.id, intent.terms.tenant);
            let text = id.to_string();
            let journal = store.intent_journal(tenant, id).await;
            if let Some(journal) = journal::readable(&text, journal, report)? {
                let folded = Intent::fold(&journal);
                let chain = journal::check(tenant, &text, &intent, &journal, folded, report)?;
                known.named.add(tenant, &text, chain);
                known.own.expect(tenant, funds::chosen(&intent, &journal));
            }
            check_amounts(&intent, &amounts, refunds.get(&id), report);
            check_care(&intent, work, report);
            check_division(&intent, known, report);
            check_orders(store, &intent, report).await?;
            let net = amounts.captured.minor_units() - amounts.refunded.minor_units();
            *known.held.entry((tenant, intent.terms.amount.currency())).or_default() += i128::from(net);
            known.intents.insert(id, tenant);
            let held = intent.attempts.iter().filter(|attempt| attempt.terms.hold.is_some());
            known.holds.extend(held.map(|attempt| (attempt.terms.id, Owed::of_hold(tenant, attempt))));
            known.attempts.extend(intent.attempts.iter().map(|attempt| (attempt.terms.id, (tenant, id))));
        }
    }
    let orphans: Vec<_> = refunds.keys().filter(|intent| !known.intents.contains_key(intent)).collect();
    orphans.into_iter().for_each(|intent| report.find(format!("{intent}: it has refunds and is not there")));
    Ok(())
}

fn check_amounts(intent: &Intent, amounts: &Amounts, refunds: Option<&Sums>, report: &mut Report) {
    let id = intent.terms.id;
    let zero = Money::zero(intent.terms.amount.currency());
    let captured = match intent.state {
        State::Succeeded { winner } => {
            intent.attempt(winner).and_then(Attempt::collected).map_or(zero, PositiveMoney::money)
        }
        State::RequiresWallet
        | State::AwaitingPayer
        | State::Processing
        | State::Authorized
        | State::Canceled
        | State::Expired
        | State::Failed => zero,
    };
    if amounts.captured != captured {
        report.find(format!("{id}: captured is {}, its state says {captured}", amounts.captured));
    }
    let authorized = agreed(intent).map_or(zero, |attempt| attempt.terms.amount.money());
    if amounts.authorized != authorized {
        report.find(format!("{id}: authorized is {}, its state says {authorized}", amounts.authorized));
    }
    let (reserved, refunded) = refunds.map_or((0, 0), |sums| (sums.reserved, sums.refunded));
    if amounts.reserved.minor_units() != reserved || amounts.refunded.minor_units() != refunded {
        report.find(format!("{id}: reserved and refunded differ from its refunds"));
    }
}

/// The attempt whose amount the payer has agreed to: that which was captured, or whose hold stands.
fn agreed(intent: &Intent) -> Option<&Attempt> {
    match intent.state {
        State::Succeeded { winner } => intent.attempt(winner).filter(|attempt| attempt.collected().is_some()),
        State::RequiresWallet
        | State::AwaitingPayer
        | State::Processing
        | State::Authorized
        | State::Canceled
        | State::Expired
        | State::Failed => intent.attempts.iter().find(|attempt| attempt.state.is_kept_hold()),
    }
}

/// Refunds that stand give back at most what each receiver got, and what the merchant got and stands in for.
fn check_given_back(
    attempt: &Attempt,
    taken: PositiveMoney,
    given: Option<&BTreeMap<Option<Receiver>, i64>>,
    report: &mut Report,
) {
    let Some(given) = given else { return };
    let id = attempt.terms.id;
    let division = attempt.terms.division.as_deref().and_then(|division| division.of_taken(taken).ok());
    let Some(division) = division else {
        return report.find(format!("{id}: refunds give back parts of it, and it was never divided"));
    };
    for (receiver, part) in &division.amounts().receivers {
        let back = given.get(&Some(receiver.clone())).copied().unwrap_or(0);
        if back > part.minor_units() {
            report.find(format!("{id}: {receiver} gives back {back} of {}", part.minor_units()));
        }
    }
    let all: i64 = given.values().sum();
    // Of a discounted order that is what the payer paid and what was paid in.
    let divided = division.split.payment().minor_units();
    if all > divided {
        report.find(format!("{id}: {all} are given back of {divided}"));
    }
}

/// What was collected is divided as it was agreed.
fn check_division(intent: &Intent, known: &mut Known, report: &mut Report) {
    let State::Succeeded { winner } = intent.state else { return };
    let Some(attempt) = intent.attempt(winner) else { return };
    let Some(taken) = attempt.collected() else { return };
    let (tenant, id) = (intent.terms.tenant, intent.terms.id);
    match funds::of_taken((tenant, id), attempt, taken, intent.updated_at) {
        Ok(divided) => {
            known.own.expect(tenant, divided);
            check_given_back(attempt, taken, known.given_back.get(&id), report);
        }
        Err(error) => report.find(format!("{winner}: it cannot be divided as was agreed: {error}")),
    }
}

/// I12: every attempt that can still move has a piece of work, quarantined or not.
fn check_care(intent: &Intent, work: &BTreeMap<String, WorkRow>, report: &mut Report) {
    for attempt in intent.attempts.iter().filter(|attempt| attempt.is_live()) {
        if !work.contains_key(&attempt.terms.id.to_string()) {
            report.find(format!("{}: it is live and nobody sees to it", attempt.terms.id));
        }
    }
    if !intent.is_final() && !work.contains_key(&intent.terms.id.to_string()) {
        report.find(format!("{}: nobody sees to its expiry", intent.terms.id));
    }
}

/// A notification finds each attempt by its order number, and by those of its capture and release.
async fn check_orders(store: &impl Store, intent: &Intent, report: &mut Report) -> Result<(), StoreError> {
    for attempt in &intent.attempts {
        for number in attempt.numbers() {
            let led = store.attempt_by_order(&attempt.terms.account, number).await?;
            if led.map(|led| led.attempt) != Some(attempt.terms.id) {
                report.find(format!("{}: its order number leads elsewhere", attempt.terms.id));
                break;
            }
        }
    }
    Ok(())
}
