//! Bulk refunds: the running total is that of the entries, every entry that was asked for has the refund that it says, no
//! two have the same, and nothing is open in a bulk that has ended.

use std::collections::{BTreeMap, BTreeSet};

use paifang_payment::RefundId;
use paifang_payment::refund::{Purpose, State};

use super::Report;
use crate::{BulkEntry, BulkRow, BulkState, BulkTotal, EntryStage, PAGE_MAX, Store, StoreError};

pub(super) async fn check(store: &impl Store, report: &mut Report) -> Result<(), StoreError> {
    let (mut after, mut taken) = (None, BTreeSet::new());
    loop {
        let bulks = store.scan_bulks(after, PAGE_MAX).await?;
        let Some(last) = bulks.last() else { return Ok(()) };
        after = Some(last.id);
        for bulk in bulks {
            report.bulks += 1;
            check_one(store, &bulk, &mut taken, report).await?;
        }
    }
}

async fn check_one(
    store: &impl Store,
    bulk: &BulkRow,
    taken: &mut BTreeSet<RefundId>,
    report: &mut Report,
) -> Result<(), StoreError> {
    let (mut sums, mut count) = (BTreeMap::new(), 0_u64);
    loop {
        let entries = store.bulk_entries(bulk.tenant, bulk.id, None, count, PAGE_MAX).await?;
        if entries.is_empty() {
            break;
        }
        for entry in entries {
            count += 1;
            if entry.position != count {
                report.find(format!("{}: entry {} stands at {count}", bulk.id, entry.position));
                return Ok(());
            }
            check_entry(store, bulk, &entry, taken, report).await?;
            add(&mut sums, &entry);
        }
    }
    if count != bulk.entries {
        report.find(format!("{}: it says {} entries and has {count}", bulk.id, bulk.entries));
    }
    if sums.into_values().collect::<Vec<BulkTotal>>() != store.bulk_totals(bulk.tenant, bulk.id).await? {
        report.find(format!("{}: its running total is not that of its entries", bulk.id));
    }
    Ok(())
}

async fn check_entry(
    store: &impl Store,
    bulk: &BulkRow,
    entry: &BulkEntry,
    taken: &mut BTreeSet<RefundId>,
    report: &mut Report,
) -> Result<(), StoreError> {
    let place = format!("{} entry {}", bulk.id, entry.position);
    if bulk.state == BulkState::Ended && !entry.stage.is_final() {
        report.find(format!("{place}: it is {} although the bulk has ended", entry.stage.as_str()));
    }
    let Some(id) = entry.refund else {
        if matches!(entry.stage, EntryStage::Succeeded | EntryStage::Failed | EntryStage::Sent) {
            report.find(format!("{place}: it is {} without a refund", entry.stage.as_str()));
        }
        return Ok(());
    };
    if !taken.insert(id) {
        report.find(format!("{place}: another entry has {id} as well"));
    }
    let Some(refund) = store.refund(bulk.tenant, id).await? else {
        report.find(format!("{place}: {id} is not there"));
        return Ok(());
    };
    let terms = &refund.terms;
    let is_own = terms.intent == entry.intent && terms.purpose == Purpose::Requested;
    if !is_own || Some(terms.amount) != entry.amount {
        report.find(format!("{place}: {id} is another refund than it says"));
    }
    let wanted = match &refund.state {
        State::Sending(_) if refund.short().is_some() => EntryStage::AwaitingFunds,
        State::Sending(_) => EntryStage::Asked,
        State::InDoubt(_) | State::Processing { .. } => EntryStage::Sent,
        State::Succeeded { .. } => EntryStage::Succeeded,
        State::Failed { .. } => EntryStage::Failed,
    };
    if entry.stage != wanted {
        let (stage, wanted) = (entry.stage.as_str(), wanted.as_str());
        report.find(format!("{place}: it is {stage}, its refund says {wanted}"));
    }
    Ok(())
}

type Place = (EntryStage, Option<String>, Option<&'static str>);

fn add(sums: &mut BTreeMap<Place, BulkTotal>, entry: &BulkEntry) {
    let reason = entry.refused.as_ref().map(|refused| refused.reason.clone());
    let currency = entry.amount.map(|amount| amount.currency());
    let none = BulkTotal { stage: entry.stage, reason, currency, count: 0, minor: 0 };
    let sum = sums.entry(none.place()).or_insert(none);
    sum.count += 1;
    sum.minor += i128::from(entry.amount.map_or(0, |amount| amount.minor_units()));
}
