//! Which transfers and events were written with which journal entry.

use std::collections::BTreeMap;

use paifang_payment::EventId;
use paifang_proto::v1;
use paifang_store::{Snapshot, StoredEvent, StoredTransfer};

use super::Line;
use crate::grpc::render::transfer;

/// Puts transfers and events to the entries that name them, and answers the transfers that none does. Entries of an earlier
/// release name nothing: there an event tells the version that it shows, and a transfer the time of its commit.
pub(super) fn attach(
    lines: &mut [Line],
    transfers: &[StoredTransfer],
    events: &[StoredEvent],
) -> Vec<v1::Transfer> {
    let mut booked: BTreeMap<&str, &StoredTransfer> =
        transfers.iter().map(|row| (row.transfer.key.as_str(), row)).collect();
    let mut told: BTreeMap<EventId, &StoredEvent> = events.iter().map(|event| (event.id, event)).collect();
    for line in lines.iter_mut() {
        let Some(commit) = line.commit.take() else { continue };
        let rows = commit.booked.iter().filter_map(|key| booked.remove(key.as_str()));
        line.entry.transfers = rows.map(transfer).collect();
        let news: Vec<&StoredEvent> = commit.told.iter().filter_map(|id| told.remove(id)).collect();
        // A refund's opening is dated by the whole second; the event says when it was committed.
        line.at = news.iter().map(|event| event.at).fold(line.at, Ord::max);
        line.entry.events = news.into_iter().map(event).collect();
        line.entry.request_id = commit.request.map(String::from).unwrap_or_default();
        line.entry.notification_key = commit.notification.unwrap_or_default();
    }
    for row in told.into_values() {
        let (journal, version) = place(row);
        if let Some(line) = lines.iter_mut().find(|line| line.seq == version && line.journal == journal) {
            line.entry.events.push(event(row));
        }
    }
    let mut others: Vec<&StoredTransfer> = booked.into_values().collect();
    others.sort_by_key(|row| row.position);
    let mut unnamed = Vec::new();
    for row in others {
        let unsealed = |line: &&mut Line| line.at == row.transfer.at && line.entry.digest.is_empty();
        match lines.iter_mut().rev().find(unsealed) {
            Some(line) => line.entry.transfers.push(transfer(row)),
            None => unnamed.push(transfer(row)),
        }
    }
    unnamed
}

/// The journal entry that an event shows the row after.
fn place(event: &StoredEvent) -> (String, u64) {
    match &event.snapshot {
        Snapshot::Intent { intent, .. } => (intent.terms.id.to_string(), intent.version),
        Snapshot::Refund { refund, .. } => (refund.terms.id.to_string(), refund.version),
        // Belongs to no intent, so that no intent's history has it.
        Snapshot::Funds { transfer } => (transfer.subject.clone(), 0),
    }
}

fn event(event: &StoredEvent) -> v1::JournalEvent {
    v1::JournalEvent {
        event_id: event.id.to_string(),
        r#type: event.kind.clone(),
        sequence: i64::try_from(event.sequence).unwrap_or(i64::MAX),
    }
}
