//! How the log and the coverage list name what a commit is about.

use paifang_store::Batch;

/// Faults of one number of the catalogue are one column of the coverage list.
pub(super) fn family(fault: &'static str) -> &'static str {
    match fault.split_once('-') {
        Some((number, _)) if number.starts_with('F') => number,
        _ => fault,
    }
}

/// The order and refunds that a commit is about.
pub(super) fn numbers_of(batch: &Batch) -> Vec<String> {
    let order = batch.intent.as_ref().and_then(|write| write.row.attempts.last());
    let order = order.map(|attempt| attempt.terms.order_no.as_str());
    let refunds = batch.refunds.iter().map(|write| write.row.terms.refund_no.as_str());
    order.into_iter().chain(refunds).map(str::to_owned).collect()
}
