//! Proof that a store is whole: rows equal the fold of their journals, amounts equal the refunds, the ledger balances,
//! and every live attempt and refund has somebody who will see to it. Runs over any store, changes nothing.

use std::collections::BTreeMap;

use paifang_ledger::{AccountKind, Books};
use paifang_money::Money;
use paifang_payment::intent::{Intent, State};
use paifang_payment::refund::{self, Purpose, Refund};
use paifang_payment::{IntentId, TenantId};

use crate::{Amounts, IntentRow, PAGE_MAX, Store, StoreError, WorkRow};

/// What was looked at, and what is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Intents looked at.
    pub intents: u64,
    /// Refunds looked at.
    pub refunds: u64,
    /// Journal entries folded.
    pub entries: u64,
    /// Transfers summed.
    pub transfers: u64,
    /// Pieces of work looked at.
    pub work: u64,
    /// What is wrong, one line each, in the order found; at most [`FINDINGS_MAX`].
    pub findings: Vec<String>,
}

/// More findings than this are not listed.
pub const FINDINGS_MAX: usize = 100;

#[derive(Default)]
struct Sums {
    reserved: i64,
    refunded: i64,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    fn find(&mut self, what: String) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(what);
        }
    }
}

/// Looks at everything.
pub async fn run(store: &impl Store) -> Result<Report, StoreError> {
    let mut report = Report::default();
    let work = all_work(store, &mut report).await?;
    let sums = check_refunds(store, &work, &mut report).await?;
    let captured = check_transfers(store, &mut report).await?;
    check_intents(store, &work, &sums, &captured, &mut report).await?;
    Ok(report)
}

async fn all_work(store: &impl Store, report: &mut Report) -> Result<BTreeMap<String, WorkRow>, StoreError> {
    let mut all = BTreeMap::new();
    let mut after: Option<String> = None;
    loop {
        let rows = store.scan_work(after.as_deref(), PAGE_MAX).await?;
        let Some(last) = rows.last() else { break };
        after = Some(last.key.text());
        report.work += rows.len() as u64;
        all.extend(rows.into_iter().map(|row| (row.key.text(), row)));
    }
    Ok(all)
}

async fn check_refunds(
    store: &impl Store,
    work: &BTreeMap<String, WorkRow>,
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
            let journal = store.refund_journal(refund.terms.tenant, id).await?;
            report.entries += journal.len() as u64;
            match Refund::fold(&journal) {
                Ok(folded) if folded == refund => {}
                Ok(_) => report.find(format!("{id}: the row differs from the fold of its journal")),
                Err(error) => report.find(format!("{id}: {error}")),
            }
            if !refund.is_final() && !work.contains_key(&id.to_string()) {
                report.find(format!("{id}: it has not ended and nobody sees to it"));
            }
            add_refund(sums.entry(refund.terms.intent).or_default(), &refund);
        }
    }
    Ok(sums)
}

fn add_refund(sums: &mut Sums, refund: &Refund) {
    if refund.terms.purpose != Purpose::Requested {
        return;
    }
    let amount = refund.terms.amount.minor_units();
    match refund.state {
        refund::State::Sending(_) | refund::State::InDoubt(_) | refund::State::Processing => {
            sums.reserved += amount
        }
        refund::State::Succeeded { .. } => sums.refunded += amount,
        refund::State::Failed { .. } => {}
    }
}

/// Replays every book; answers the net of each tenant's merchant account (captured less returned).
async fn check_transfers(
    store: &impl Store,
    report: &mut Report,
) -> Result<BTreeMap<TenantId, i128>, StoreError> {
    let mut books: BTreeMap<TenantId, Books> = BTreeMap::new();
    let mut position = 0;
    loop {
        let rows = store.transfers_after(None, position, PAGE_MAX).await?;
        let Some(last) = rows.last() else { break };
        position = last.position;
        for row in &rows {
            report.transfers += 1;
            if let Err(error) = books.entry(row.tenant).or_default().append([&row.transfer]) {
                report.find(format!("transfer {}: {error}", row.position));
            }
        }
    }
    let mut merchants = BTreeMap::new();
    for (tenant, book) in &books {
        let stored = store.balances(*tenant).await?;
        let replayed: Vec<_> =
            book.balances().map(|(account, currency, sums)| (account.clone(), currency, sums)).collect();
        let same = stored.len() == replayed.len()
            && stored.iter().zip(&replayed).all(|(row, (account, currency, sums))| {
                row.account == *account && row.currency == *currency && row.balance == *sums
            });
        if !same {
            report.find(format!("{tenant}: balances differ from the sum of the transfers"));
        }
        let held = book.balances().filter(|(account, _, _)| account.kind() == AccountKind::Merchant);
        merchants.insert(*tenant, held.map(|(account, _, sums)| sums.posted(account)).sum());
    }
    Ok(merchants)
}

async fn check_intents(
    store: &impl Store,
    work: &BTreeMap<String, WorkRow>,
    refunds: &BTreeMap<IntentId, Sums>,
    merchants: &BTreeMap<TenantId, i128>,
    report: &mut Report,
) -> Result<(), StoreError> {
    let mut held: BTreeMap<TenantId, i128> = BTreeMap::new();
    let mut after = None;
    loop {
        let rows = store.scan_intents(after, PAGE_MAX).await?;
        let Some(last) = rows.last() else { break };
        after = Some(last.intent.terms.id);
        for IntentRow { intent, amounts } in rows {
            report.intents += 1;
            let journal = store.intent_journal(intent.terms.tenant, intent.terms.id).await?;
            report.entries += journal.len() as u64;
            match Intent::fold(&journal) {
                Ok(folded) if folded == intent => {}
                Ok(_) => {
                    report.find(format!("{}: the row differs from the fold of its journal", intent.terms.id))
                }
                Err(error) => report.find(format!("{}: {error}", intent.terms.id)),
            }
            check_amounts(&intent, &amounts, refunds.get(&intent.terms.id), report);
            check_care(&intent, work, report);
            let net = amounts.captured.minor_units() - amounts.refunded.minor_units();
            *held.entry(intent.terms.tenant).or_default() += i128::from(net);
        }
    }
    for (tenant, net) in merchants {
        if held.get(tenant).copied().unwrap_or(0) != *net {
            report.find(format!("{tenant}: the ledger owes {net}, the intents say {:?}", held.get(tenant)));
        }
    }
    Ok(())
}

fn check_amounts(intent: &Intent, amounts: &Amounts, refunds: Option<&Sums>, report: &mut Report) {
    let id = intent.terms.id;
    let captured = match intent.state {
        State::Succeeded { .. } => intent.terms.amount.money(),
        State::RequiresWallet | State::AwaitingPayer | State::Processing => {
            Money::zero(intent.terms.amount.currency())
        }
        State::Canceled | State::Expired | State::Failed => Money::zero(intent.terms.amount.currency()),
    };
    if amounts.captured != captured {
        report.find(format!("{id}: captured is {}, its state says {captured}", amounts.captured));
    }
    let (reserved, refunded) = refunds.map_or((0, 0), |sums| (sums.reserved, sums.refunded));
    if amounts.reserved.minor_units() != reserved || amounts.refunded.minor_units() != refunded {
        report.find(format!("{id}: reserved and refunded differ from its refunds"));
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
