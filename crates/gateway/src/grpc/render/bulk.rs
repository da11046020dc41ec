//! Bulk refunds.

use paifang_proto::v1;
use paifang_store::{BulkEntry, BulkRow, BulkState, BulkTotal, EntryStage};

use super::{money, time};

/// A bulk refund as it stands.
pub(crate) fn bulk(row: &BulkRow, totals: &[BulkTotal]) -> v1::BulkRefund {
    v1::BulkRefund {
        bulk_refund_id: row.id.to_string(),
        name: row.terms.name.clone(),
        state: state(row.state).into(),
        refunds_per_second: capped(row.terms.pace.into()),
        in_flight_max: capped(row.terms.in_flight_max.into()),
        entry_count: capped(row.entries),
        totals: totals.iter().map(total).collect(),
        create_time: Some(time(row.created_at)),
        start_time: row.started_at.map(time),
        end_time: row.ended_at.map(time),
    }
}

/// An entry with what became of it.
pub(crate) fn bulk_entry(entry: &BulkEntry) -> v1::BulkRefundEntry {
    let refused = entry.refused.clone();
    let (refused_reason, refused_message) =
        refused.map(|refused| (refused.reason, refused.message)).unwrap_or_default();
    v1::BulkRefundEntry {
        entry_id: entry.name.to_string(),
        payment_intent_id: entry.intent.to_string(),
        amount: entry.amount.map(|amount| money(amount.money())),
        state: stage(entry.stage).into(),
        refund_id: entry.refund.map(|refund| refund.to_string()).unwrap_or_default(),
        refused_reason,
        refused_message,
    }
}

fn total(total: &BulkTotal) -> v1::BulkRefundTotal {
    v1::BulkRefundTotal {
        state: stage(total.stage).into(),
        refused_reason: total.reason.clone().unwrap_or_default(),
        currency_code: total.currency.map(|currency| currency.code().to_owned()).unwrap_or_default(),
        count: capped(total.count),
        minor_units: i64::try_from(total.minor).unwrap_or(i64::MAX),
    }
}

fn capped(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn state(state: BulkState) -> v1::BulkRefundState {
    match state {
        BulkState::Draft => v1::BulkRefundState::Draft,
        BulkState::Running => v1::BulkRefundState::Running,
        BulkState::Paused => v1::BulkRefundState::Paused,
        BulkState::Canceling => v1::BulkRefundState::Canceling,
        BulkState::Ended => v1::BulkRefundState::Ended,
    }
}

fn stage(stage: EntryStage) -> v1::BulkRefundEntryState {
    match stage {
        EntryStage::Waiting => v1::BulkRefundEntryState::Waiting,
        EntryStage::Asked => v1::BulkRefundEntryState::Asked,
        EntryStage::AwaitingFunds => v1::BulkRefundEntryState::AwaitingFunds,
        EntryStage::Sent => v1::BulkRefundEntryState::Sent,
        EntryStage::Succeeded => v1::BulkRefundEntryState::Succeeded,
        EntryStage::Failed => v1::BulkRefundEntryState::Failed,
        EntryStage::Refused => v1::BulkRefundEntryState::Refused,
        EntryStage::Canceled => v1::BulkRefundEntryState::Canceled,
    }
}
