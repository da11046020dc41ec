//! Proof that a store is whole. Runs over any store, changes nothing, and finds:
//!
//! - torn pages and indexes, where the store's medium can tell (then nothing else is looked at);
//! - journals whose chain is broken: an entry altered, removed or cut off, to the very entry;
//! - rows that differ from the fold of their journal, and amounts that differ from the refunds;
//! - attempts, refunds and expiries that nobody sees to, and work that belongs to nothing;
//! - holds that the ledger does not set aside, or still does after they have ended;
//! - money that was divided, or funds of a refund that were booked, otherwise than the payment or refund says;
//! - a ledger that does not replay, belongs to nothing, or says something else than the refunds and intents do;
//! - books of rules that leave a gap, cannot be read or break the lifecycle, and decisions that are not what their facts and
//!   the version in force say; marks on them of what never happened, or that guard rails count otherwise;
//! - events that belong to nothing, or leave a gap in their intent's sequence;
//! - bulk refunds whose total is not that of their entries, or whose entries have other refunds than they say.

mod books;
mod bulks;
mod events;
mod journal;
mod rows;
mod rules;

use std::collections::BTreeMap;

use paifang_money::Currency;
use paifang_payment::{AttemptId, IntentId, RefundId, TenantId};
use paifang_shares::Receiver;

use crate::{PAGE_MAX, Store, StoreError, WorkKey, WorkRow};

/// What was looked at, and what is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Intents looked at.
    pub intents: u64,
    /// Refunds looked at.
    pub refunds: u64,
    /// Journal entries folded.
    pub entries: u64,
    /// Journal entries whose seal was followed; those that an earlier release wrote have none.
    pub sealed: u64,
    /// One digest over the heads of all journals. Kept elsewhere, it tells later whether the past was rewritten as a whole: a
    /// store that nobody wrote to since has the same one.
    pub heads: Option<[u8; 32]>,
    /// Transfers summed.
    pub transfers: u64,
    /// Pieces of work looked at.
    pub work: u64,
    /// Entries of books of rules looked at.
    pub rules: u64,
    /// Decisions made again.
    pub decisions: u64,
    /// Events looked at.
    pub events: u64,
    /// Bulk refunds looked at.
    pub bulks: u64,
    /// What is wrong, one line each, in the order found; at most [`FINDINGS_MAX`].
    pub findings: Vec<String>,
}

/// More findings than this are not listed.
pub const FINDINGS_MAX: usize = 100;

/// Everything that has an id, with what is said of it elsewhere.
#[derive(Default)]
struct Known {
    intents: BTreeMap<IntentId, TenantId>,
    attempts: BTreeMap<AttemptId, (TenantId, IntentId)>,
    refunds: BTreeMap<RefundId, books::Owed>,
    /// Attempts whose money was held.
    holds: BTreeMap<AttemptId, books::Owed>,
    /// What rows and journals say was booked among the storefronts' own funds.
    own: books::Own,
    /// Whose payments refunds were asked for.
    refunded: BTreeMap<IntentId, Vec<AttemptId>>,
    /// What refunds that stand give back of each payment, by receiver; the merchant's part under no name.
    given_back: BTreeMap<IntentId, BTreeMap<Option<Receiver>, i64>>,
    /// What the seals of the journals name.
    named: journal::Named,
    /// What the intents say that the storefronts are owed.
    held: BTreeMap<(TenantId, Currency), i128>,
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

/// Looks at everything. The store should be at rest: what moves between two reads may look wrong.
pub async fn run(store: &impl Store) -> Result<Report, StoreError> {
    let mut report = Report::default();
    store.damage().await?.into_iter().for_each(|line| report.find(line));
    let damaged = !report.is_clean();
    match check(store, &mut report).await {
        // What is torn may not even be read; whatever can be is checked all the same.
        Err(error) if damaged => report.find(format!("the rest cannot be read: {error}")),
        checked => checked?,
    }
    Ok(report)
}

async fn check(store: &impl Store, report: &mut Report) -> Result<(), StoreError> {
    let mut known = Known::default();
    let work = all_work(store, report).await?;
    let sums = rows::check_refunds(store, &work, &mut known, report).await?;
    rows::check_intents(store, &work, &sums, &mut known, report).await?;
    check_work(&work, &known, report);
    books::check(store, &mut known, report).await?;
    events::check(store, &mut known, report).await?;
    bulks::check(store, report).await?;
    rules::check(store, &known, report).await?;
    known.named.report(report);
    Ok(())
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

/// Work is about something that is there, and is the same tenant's.
fn check_work(work: &BTreeMap<String, WorkRow>, known: &Known, report: &mut Report) {
    for row in work.values() {
        let belongs = match &row.key {
            WorkKey::Attempt { tenant, intent, attempt } => {
                known.attempts.get(attempt) == Some(&(*tenant, *intent))
            }
            WorkKey::Refund { tenant, refund } => {
                known.refunds.get(refund).is_some_and(|owed| owed.tenant() == *tenant)
            }
            WorkKey::Expiry { tenant, intent } => known.intents.get(intent) == Some(tenant),
        };
        if !belongs {
            report.find(format!("work {}: it belongs to nothing", row.key.text()));
        }
    }
}
