//! Bulk refunds, after a run: every entry has exactly one refund or a reason for none, no refund is of two entries, and the
//! totals are the entries'.

use std::collections::{BTreeMap, BTreeSet};

use paifang_payment::refund::Refund;
use paifang_payment::{BulkId, RefundId};
use paifang_store::{
    BulkEntry, BulkRow, BulkState, BulkStore, EntryStage, NewBulkEntry, PAGE_MAX, Store, WorkKey,
};

use super::Acked;
use crate::universe::Universe;

/// How a bulk's refunds are asked for ([`paifang_engine::Names`]).
const REQUESTS: &str = "bulk-";

/// Everything that is wrong with them.
pub async fn check(universe: &Universe, acked: &[Acked], wrong: &mut Vec<String>) {
    let refunds = refunds(universe).await;
    let aside = with_a_person(universe).await;
    let mut owners: BTreeMap<RefundId, BulkId> = BTreeMap::new();
    let mut after = None;
    loop {
        let rows = universe.store.scan_bulks(after, PAGE_MAX).await.unwrap_or_default();
        let Some(last) = rows.last() else { break };
        after = Some(last.id);
        for bulk in &rows {
            let entries = entries(universe, bulk).await;
            for entry in &entries {
                check_entry(universe, bulk, entry, &refunds, wrong);
                let other = entry.refund.and_then(|refund| owners.insert(refund, bulk.id));
                if let Some(other) = other {
                    wrong.push(format!("I1: the refund of {entry:?} of {} is of {other} as well", bulk.id));
                }
            }
            let open: Vec<&BulkEntry> = entries.iter().filter(|entry| !entry.stage.is_final()).collect();
            let waits = open.iter().all(|entry| entry.refund.is_some_and(|id| aside.contains(&id)));
            if (bulk.state == BulkState::Ended) != open.is_empty() || !waits {
                wrong.push(format!("I12: {} is {:?} at the end, with {open:?}", bulk.id, bulk.state));
            }
            check_totals(universe, bulk, &entries, wrong).await;
        }
    }
    for promise in acked {
        let Acked::Bulk(id, wanted) = promise else { continue };
        check_promise(universe, *id, wanted, &refunds, wrong).await;
    }
    let orphans = refunds.values().filter(|refund| {
        refund.terms.request_id.as_str().starts_with(REQUESTS) && !owners.contains_key(&refund.terms.id)
    });
    wrong.extend(orphans.map(|refund| format!("I1: {} is of no entry: {refund:?}", refund.terms.id)));
}

/// Every entry that was acknowledged is there, and its refund is of the amount that it was to be. How much "all that is left" was,
/// nobody knows afterwards; that it was not too much is for the books.
async fn check_promise(
    universe: &Universe,
    id: BulkId,
    wanted: &[NewBulkEntry],
    refunds: &BTreeMap<RefundId, Refund>,
    wrong: &mut Vec<String>,
) {
    let Ok(Some(bulk)) = universe.store.bulk(universe.tenant, id).await else {
        return wrong.push(format!("I3: {id} was acknowledged, and is not there"));
    };
    let kept = entries(universe, &bulk).await;
    let is_kept = |(kept, wanted): (&BulkEntry, &NewBulkEntry)| {
        let refund = kept.refund.and_then(|refund| refunds.get(&refund));
        let sent_back = refund.map_or(kept.amount, |refund| Some(refund.terms.amount));
        kept.name == wanted.name
            && kept.intent == wanted.intent
            && wanted.amount.is_none_or(|amount| sent_back == Some(amount))
    };
    if kept.len() != wanted.len() || !kept.iter().zip(wanted).all(is_kept) {
        wrong.push(format!("I3: of {id} {wanted:?} was acknowledged, and there is {kept:?}"));
    }
}

fn check_entry(
    universe: &Universe,
    bulk: &BulkRow,
    entry: &BulkEntry,
    refunds: &BTreeMap<RefundId, Refund>,
    wrong: &mut Vec<String>,
) {
    let refund = entry.refund.map(|id| refunds.get(&id));
    let is_of = |refund: &Refund| {
        let terms = &refund.terms;
        let ends = match entry.stage {
            EntryStage::Succeeded => refund.state.name() == "succeeded",
            EntryStage::Failed => refund.state.name() == "failed",
            EntryStage::Asked | EntryStage::AwaitingFunds | EntryStage::Sent => !refund.is_final(),
            EntryStage::Waiting | EntryStage::Refused | EntryStage::Canceled => false,
        };
        ends && terms.intent == entry.intent
            && Some(terms.amount) == entry.amount
            && terms.request_id.as_str().starts_with(REQUESTS)
    };
    let fits = match (entry.stage, refund) {
        (EntryStage::Refused, None) => entry.refused.is_some(),
        (EntryStage::Canceled, None) => entry.refused.is_none(),
        (_, Some(Some(refund))) => is_of(refund),
        (_, Some(None) | None) => false,
    };
    if !fits {
        let refund = entry.refund.and_then(|id| refunds.get(&id));
        wrong.push(format!("I1: an entry of {} is {entry:?}, with {refund:?}", bulk.id));
    }
    match entry.stage {
        EntryStage::Succeeded | EntryStage::Refused | EntryStage::Canceled => {
            universe.trace.cover(format!("bulk entry x {}", entry.stage.as_str()));
        }
        EntryStage::Waiting
        | EntryStage::Asked
        | EntryStage::AwaitingFunds
        | EntryStage::Sent
        | EntryStage::Failed => {}
    }
}

/// Each entry is counted once, with its amount.
async fn check_totals(universe: &Universe, bulk: &BulkRow, entries: &[BulkEntry], wrong: &mut Vec<String>) {
    let totals = universe.store.bulk_totals(bulk.tenant, bulk.id).await.unwrap_or_default();
    let mut counted: BTreeMap<EntryStage, (u64, i128)> = BTreeMap::new();
    for total in &totals {
        let sum = counted.entry(total.stage).or_default();
        (sum.0, sum.1) = (sum.0 + total.count, sum.1 + total.minor);
    }
    let mut there: BTreeMap<EntryStage, (u64, i128)> = BTreeMap::new();
    for entry in entries {
        let sum = there.entry(entry.stage).or_default();
        let fen = entry.amount.map_or(0, |amount| i128::from(amount.minor_units()));
        (sum.0, sum.1) = (sum.0 + 1, sum.1 + fen);
    }
    if counted != there || bulk.entries != entries.len() as u64 {
        wrong.push(format!("I2: the totals of {} are {totals:?}, and its entries {entries:?}", bulk.id));
    }
}

async fn entries(universe: &Universe, bulk: &BulkRow) -> Vec<BulkEntry> {
    let mut all: Vec<BulkEntry> = Vec::new();
    loop {
        let last = all.last().map_or(0, |entry| entry.position);
        let page = universe.store.bulk_entries(bulk.tenant, bulk.id, None, last, PAGE_MAX).await;
        let page = page.unwrap_or_default();
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

async fn refunds(universe: &Universe) -> BTreeMap<RefundId, Refund> {
    let (mut all, mut after) = (BTreeMap::new(), None);
    loop {
        let rows = universe.store.scan_refunds(after, PAGE_MAX).await.unwrap_or_default();
        let Some(last) = rows.last() else { return all };
        after = Some(last.terms.id);
        all.extend(rows.into_iter().map(|refund| (refund.terms.id, refund)));
    }
}

/// Refunds that were given to a person.
async fn with_a_person(universe: &Universe) -> BTreeSet<RefundId> {
    let work = universe.all_work().await.into_iter();
    let given = work.filter(|row| row.quarantined.is_some()).filter_map(|row| match row.key {
        WorkKey::Refund { refund, .. } => Some(refund),
        WorkKey::Attempt { .. } | WorkKey::Expiry { .. } => None,
    });
    given.collect()
}
