//! Bulk refunds.

use std::collections::BTreeSet;

use paifang_engine::{
    BULK_IN_FLIGHT_DEFAULT, BULK_IN_FLIGHT_MAX, BULK_PACE_MAX, CreateBulk, RefundCase, SteerBulk,
};
use paifang_payment::{BulkEntryId, BulkId, IntentId, RequestId};
use paifang_proto::v1;
use paifang_store::{BulkCase, BulkStep, BulkTerms, EntryStage, NewBulkEntry};
use tonic::Status;

use super::refund::refund_case;
use super::{Fields, REASON_CHARS_MAX, check_text, positive};

/// Entries of one call at most.
const ENTRIES_MAX: usize = 200;
const NAME_CHARS_MAX: usize = 80;

/// What a new bulk refund is.
pub(crate) fn create_bulk(request: v1::CreateBulkRefundRequest) -> Result<CreateBulk, Status> {
    let mut fields = Fields::default();
    let request_id = fields.keep("request_id", RequestId::parse(&request.request_id));
    check_text(&mut fields, "name", &request.name, 1, NAME_CHARS_MAX);
    let pace = within(&mut fields, "refunds_per_second", request.refunds_per_second, BULK_PACE_MAX);
    let in_flight_max = match request.in_flight_max {
        0 => Some(BULK_IN_FLIGHT_DEFAULT),
        wanted => within(&mut fields, "in_flight_max", wanted, BULK_IN_FLIGHT_MAX),
    };
    check_text(&mut fields, "reason", &request.reason, 0, REASON_CHARS_MAX);
    let reason = Some(request.reason).filter(|reason| !reason.is_empty());
    let case = match request.refund_case {
        Some(case) => refund_case(&mut fields, case).map(Some),
        None => Some(None),
    };
    let of_case = |RefundCase { reason, mode, consented }| BulkCase { reason, mode, consented };
    let whole = (|| {
        let case = case?.map(of_case);
        let terms =
            BulkTerms { name: request.name, reason, case, pace: pace?, in_flight_max: in_flight_max? };
        Some(CreateBulk { request_id: request_id?, terms })
    })();
    fields.finish(whole)
}

fn within(fields: &mut Fields, field: &str, wanted: i32, max: u32) -> Option<u32> {
    let read = u32::try_from(wanted).ok().filter(|wanted| (1..=max).contains(wanted));
    fields.keep(field, read.ok_or_else(|| format!("must be 1 to {max}")))
}

/// Which entries are added to which bulk refund.
pub(crate) fn bulk_entries(
    request: v1::AddBulkRefundEntriesRequest,
) -> Result<(BulkId, Vec<NewBulkEntry>), Status> {
    let mut fields = Fields::default();
    let bulk = fields.keep("bulk_refund_id", BulkId::parse(&request.bulk_refund_id));
    let count = request.entries.len();
    if count == 0 || count > ENTRIES_MAX {
        fields.wrong("entries", format!("must be 1 to {ENTRIES_MAX}"));
        fields.check()?;
        return Err(super::status::internal());
    }
    let mut names = BTreeSet::new();
    let mut entries = Vec::with_capacity(count);
    for (n, told) in request.entries.iter().enumerate() {
        let at = |field: &str| format!("entries[{n}].{field}");
        let name = fields.keep(&at("entry_id"), BulkEntryId::parse(&told.entry_id));
        let intent = fields.keep(&at("payment_intent_id"), IntentId::parse(&told.payment_intent_id));
        let amount = match &told.amount {
            Some(amount) => positive(&mut fields, &at("amount"), Some(amount)).map(Some),
            None => Some(None),
        };
        if !names.insert(&told.entry_id) {
            fields.wrong(at("entry_id"), "must not stand in one call twice");
        }
        entries.extend((|| Some(NewBulkEntry { name: name?, intent: intent?, amount: amount? }))());
    }
    fields.finish(bulk.map(|bulk| (bulk, entries)))
}

/// Which bulk refund is taken a step further.
pub(crate) fn steer_bulk(request_id: &str, bulk: &str, step: BulkStep) -> Result<SteerBulk, Status> {
    let mut fields = Fields::default();
    let request_id = fields.keep("request_id", RequestId::parse(request_id));
    let bulk = fields.keep("bulk_refund_id", BulkId::parse(bulk));
    let whole = (|| Some(SteerBulk { request_id: request_id?, bulk: bulk?, step }))();
    fields.finish(whole)
}

/// Which entries a list wants; `None` for all.
pub(crate) fn entry_stage(fields: &mut Fields, state: i32) -> Option<EntryStage> {
    use v1::BulkRefundEntryState as Told;
    let known =
        Told::try_from(state).map_err(|_| "must be one of the entry states of the contract, or unset");
    match fields.keep("state", known)? {
        Told::Unspecified => None,
        Told::Waiting => Some(EntryStage::Waiting),
        Told::Asked => Some(EntryStage::Asked),
        Told::AwaitingFunds => Some(EntryStage::AwaitingFunds),
        Told::Sent => Some(EntryStage::Sent),
        Told::Succeeded => Some(EntryStage::Succeeded),
        Told::Failed => Some(EntryStage::Failed),
        Told::Refused => Some(EntryStage::Refused),
        Told::Canceled => Some(EntryStage::Canceled),
    }
}
