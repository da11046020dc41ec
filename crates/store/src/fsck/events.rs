//! Events: in the order of their cursor, of an intent that is there, counted 1, 2, 3 without a gap, or of funds that were moved.

use std::collections::BTreeMap;

use paifang_payment::IntentId;

use super::{Known, Report};
use crate::{PAGE_MAX, Store, StoreError, StoredEvent};

pub(super) async fn check(
    store: &impl Store,
    known: &mut Known,
    report: &mut Report,
) -> Result<(), StoreError> {
    let mut sequences: BTreeMap<IntentId, u64> = BTreeMap::new();
    let mut cursor = 0;
    loop {
        let events = store.events_after(None, cursor, PAGE_MAX).await?;
        if events.is_empty() {
            break;
        }
        for event in events {
            if event.cursor <= cursor {
                report.find(format!("event {}: its cursor {} does not grow", event.id, event.cursor));
            }
            cursor = cursor.max(event.cursor);
            known.named.seen_event(event.id);
            check_one(&event, known, &mut sequences, report);
        }
    }
    Ok(())
}

fn check_one(
    event: &StoredEvent,
    known: &Known,
    sequences: &mut BTreeMap<IntentId, u64>,
    report: &mut Report,
) {
    report.events += 1;
    let Some(intent) = event.intent else {
        if !known.own.has_moved(event) {
            report.find(format!("event {}: no such funds were moved", event.id));
        }
        return;
    };
    if known.intents.get(&intent) != Some(&event.tenant) {
        report.find(format!("event {}: it belongs to nothing", event.id));
    }
    let last = sequences.entry(intent).or_insert(0);
    if event.sequence != *last + 1 {
        report.find(format!("event {}: {} follows {last} in its sequence", event.id, event.sequence));
    }
    *last = event.sequence;
}
