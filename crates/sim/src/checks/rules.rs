//! A storefront's own funds and rules, after a run: each payment is divided and each refund is borne exactly, nobody twice;
//! what must not fall below zero never did; and what guard rails count is what happened.

use std::collections::BTreeMap;

use paifang_ledger::{Account, AccountKind, Kind, Transfer};
use paifang_money::Money;
use paifang_payment::intent::{Ending, Fact, State};
use paifang_payment::refund::{self, Purpose, Refund};
use paifang_payment::{AttemptId, IntentId, RefundId};
use paifang_store::{IntentRow, PAGE_MAX, Store, StoredDecided};

use crate::universe::Universe;

/// What the ledger has of each payment and refund, in fen.
#[derive(Default)]
struct Booked {
    shares: BTreeMap<AttemptId, i64>,
    paid_in: BTreeMap<AttemptId, i64>,
    borne: BTreeMap<RefundId, i64>,
    returned: BTreeMap<RefundId, i64>,
    reversed: BTreeMap<RefundId, i64>,
    /// Who bears a part of which refund, and how often.
    bearers: BTreeMap<(RefundId, Account), u32>,
    balances: BTreeMap<Account, i128>,
}

/// Everything that is wrong with them.
pub async fn check(universe: &Universe, wrong: &mut Vec<String>) {
    let booked = Booked::all(universe, wrong).await;
    let mut refunds: BTreeMap<IntentId, Vec<Refund>> = BTreeMap::new();
    let mut after = None;
    loop {
        let rows = universe.store.scan_refunds(after, PAGE_MAX).await.unwrap_or_default();
        let Some(last) = rows.last() else { break };
        after = Some(last.terms.id);
        for refund in rows {
            booked.check_refund(&refund, wrong);
            refunds.entry(refund.terms.intent).or_default().push(refund);
        }
    }
    for ((refund, account), times) in booked.bearers.iter().filter(|(_, times)| **times > 1) {
        wrong.push(format!("I1: {account} bears a part of {refund} {times} times"));
    }
    let mut after = None;
    loop {
        let rows = universe.store.scan_intents(after, PAGE_MAX).await.unwrap_or_default();
        let Some(last) = rows.last() else { break };
        after = Some(last.intent.terms.id);
        rows.iter().for_each(|row| booked.check_payment(universe, row, wrong));
    }
    let mut after = None;
    loop {
        let rows = universe.store.decisions(universe.tenant, after, PAGE_MAX).await.unwrap_or_default();
        let Some(last) = rows.last() else { break };
        after = Some(last.attempt);
        for decided in rows {
            let of = refunds.get(&decided.intent).map_or(&[][..], Vec::as_slice);
            check_marks(universe, &decided, of, wrong).await;
        }
    }
}

impl Booked {
    async fn all(universe: &Universe, wrong: &mut Vec<String>) -> Self {
        let (mut booked, mut position) = (Self::default(), 0);
        loop {
            let rows = universe.store.transfers_after(None, position, PAGE_MAX).await.unwrap_or_default();
            let Some(last) = rows.last() else { return booked };
            position = last.position;
            rows.iter().for_each(|row| booked.book(&row.transfer, wrong));
        }
    }

    fn book(&mut self, transfer: &Transfer, wrong: &mut Vec<String>) {
        let fen = transfer.amount.minor_units();
        let parts: Vec<&str> = transfer.key.as_str().split(':').collect();
        match parts[..] {
            ["share", attempt, _] => add(&mut self.shares, AttemptId::parse(attempt).ok(), fen),
            ["discount", attempt, _] => add(&mut self.paid_in, AttemptId::parse(attempt).ok(), fen),
            ["bear", refund, _] => {
                let refund = RefundId::parse(refund).ok();
                add(&mut self.borne, refund, fen);
                let times = refund.map(|id| self.bearers.entry((id, transfer.debit.clone())).or_default());
                times.into_iter().for_each(|times| *times += 1);
            }
            ["unbear", refund, _] => add(&mut self.returned, RefundId::parse(refund).ok(), fen),
            ["reversal", _, refund, _] => add(&mut self.reversed, RefundId::parse(refund).ok(), fen),
            _ => {}
        }
        if transfer.kind != Kind::Posted {
            return;
        }
        for (account, fen) in [(&transfer.debit, -fen), (&transfer.credit, fen)] {
            let balance = self.balances.entry(account.clone()).or_default();
            *balance += i128::from(fen);
            if MUST_NOT_FALL.contains(&account.kind()) && *balance < 0 {
                wrong.push(format!("I2: {account} falls to {balance} fen by {}", transfer.key.as_str()));
            }
        }
    }

    /// Each refund's bearers bring exactly what they have to, once.
    fn check_refund(&self, refund: &Refund, wrong: &mut Vec<String>) {
        let id = refund.terms.id;
        let of = |sums: &BTreeMap<RefundId, i64>| sums.get(&id).copied().unwrap_or(0);
        let failed = matches!(refund.state, refund::State::Failed { .. });
        let brings = if refund.is_borne() { brought(refund) } else { 0 };
        let returns = if failed { brings } else { 0 };
        let reversed = refund.allocation.as_ref().map_or(0, |one| fen(one.reversed()));
        let found = [of(&self.borne), of(&self.returned), of(&self.reversed)];
        if found != [brings, returns, reversed] {
            wrong.push(format!(
                "I2: {id}: borne, returned and reversed are {found:?} fen, and should be {:?}: {refund:?}",
                [brings, returns, reversed]
            ));
        }
    }

    /// A payment that was divided is divided to the fen, and nothing else is.
    fn check_payment(&self, universe: &Universe, row: &IntentRow, wrong: &mut Vec<String>) {
        let winner = match row.intent.state {
            State::Succeeded { winner } => Some(winner),
            _ => None,
        };
        for attempt in &row.intent.attempts {
            let id = attempt.terms.id;
            let taken =
                attempt.collected().filter(|_| winner == Some(id) && attempt.terms.division.is_some());
            let taken = taken.map_or(0, |taken| taken.minor_units());
            let shared = self.shares.get(&id).copied().unwrap_or(0);
            if taken > 0 {
                universe.trace.cover("ruled payment x divided".to_owned());
            }
            let paid_in = self.paid_in.get(&id).copied().unwrap_or(0);
            // Parts of nothing are no transfers.
            if shared != taken + paid_in {
                wrong.push(format!("I2: {id}: {shared} fen are divided of {taken} and {paid_in}"));
            }
        }
    }
}

/// What guard rails count of an attempt is what happened to it: all of this gateway's commits mark.
async fn check_marks(
    universe: &Universe,
    decided: &StoredDecided,
    refunds: &[Refund],
    wrong: &mut Vec<String>,
) {
    let row = universe.store.intent(decided.tenant, decided.intent).await.ok().flatten();
    let Some(row) = row else {
        return wrong.push(format!("{}: it was decided about, and is not there", decided.attempt));
    };
    let chosen = |attempt: AttemptId| row.intent.chosen(attempt) == decided.attempt;
    let is_refunded = refunds
        .iter()
        .any(|refund| refund.terms.purpose == Purpose::Requested && chosen(refund.terms.attempt));
    let journal = universe.store.intent_journal(decided.tenant, decided.intent).await.unwrap_or_default();
    let complained = journal.iter().any(|entry| matches!(entry.fact, Fact::Complained { .. }));
    let is_paid = matches!(row.intent.state, State::Succeeded { winner } if chosen(winner));
    let marks = &decided.marks;
    let said_paid = matches!(marks.ended, Some((Ending::Paid, _)));
    let wanted = (is_refunded, complained && is_paid);
    if (marks.refunded_at.is_some(), marks.complained_at.is_some()) != wanted || is_paid && !said_paid {
        let id = decided.attempt;
        wrong.push(format!("{id}: it is marked {marks:?}; refunded, complained {wanted:?}, paid {is_paid}"));
    }
}

/// What everybody together brings for a refund.
fn brought(refund: &Refund) -> i64 {
    let given = refund.bearing().and_then(|bearing| bearing.given_back.as_ref());
    let receivers: i64 =
        given.into_iter().flat_map(|given| &given.receivers).map(|(_, part)| fen(*part)).sum();
    receivers + refund.allocation.as_ref().map_or(0, |allocation| allocation.refund().minor_units())
}

fn add<K: Ord>(sums: &mut BTreeMap<K, i64>, key: Option<K>, fen: i64) {
    if let Some(key) = key {
        *sums.entry(key).or_default() += fen;
    }
}

fn fen(money: Money) -> i64 {
    money.minor_units()
}

/// Merchants' funds, those that bear refunds, and budgets.
const MUST_NOT_FALL: [AccountKind; 6] = [
    AccountKind::Unsettled,
    AccountKind::Balance,
    AccountKind::Platform,
    AccountKind::Insurance,
    AccountKind::RailFund,
    AccountKind::Budget,
];
