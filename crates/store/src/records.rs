//! What a draft of rules is tried on: decisions, the payments that came of them, and what went back of those.
//!
//! A record holds what the storefront declared, the payer's pseudonym, and amounts; no payer's id, no number of an order, an
//! intent or a refund.

use paifang_payment::intent::State;
use paifang_payment::refund::{Purpose, Refund, State as RefundState};
use paifang_policy::simulate::{Answer, Payment, REFUNDS_MAX, Record, Refund as Recorded, exhausted};

use crate::{IntentRow, PAGE_MAX, Store, StoreError, StoredDecided};

/// The records of a decision: one for each offer, the chosen one first and with the payment that was made by it. Of refunds
/// those that were opened: what is refused is not kept; and no more than the first
/// [`REFUNDS_MAX`].
pub async fn records(store: &impl Store, stored: &StoredDecided) -> Result<Vec<Record>, StoreError> {
    let mut records: Vec<Record> = stored.decided.records().collect();
    let Some(row) = store.intent(stored.tenant, stored.intent).await? else { return Ok(records) };
    let mut refunds = Vec::new();
    if row.amounts.reserved.minor_units() + row.amounts.refunded.minor_units() > 0
        || stored.marks.refunded_at.is_some()
    {
        refunds = refunds_of(store, stored).await?;
    }
    if let Some(chosen) = records.first_mut() {
        chosen.payment = payment(&row, stored, &refunds).map(Box::new);
    }
    Ok(records)
}

/// Oldest first.
async fn refunds_of(store: &impl Store, stored: &StoredDecided) -> Result<Vec<Refund>, StoreError> {
    let mut all: Vec<Refund> = Vec::new();
    loop {
        let before = all.last().map(|last| last.terms.id);
        let page = store.refunds(stored.tenant, Some(stored.intent), before, PAGE_MAX).await?;
        all.extend(page.rows);
        if !page.more {
            all.reverse();
            return Ok(all);
        }
    }
}

fn payment(row: &IntentRow, stored: &StoredDecided, refunds: &[Refund]) -> Option<Payment> {
    let State::Succeeded { winner } = row.intent.state else { return None };
    if row.intent.chosen(winner) != stored.attempt {
        return None;
    }
    let attempt = row.intent.attempt(winner)?;
    let of_it =
        |refund: &&Refund| refund.terms.attempt == winner && refund.terms.purpose == Purpose::Requested;
    let mut payment = Payment {
        taken: attempt.collected()?,
        paid_at: attempt.paid_at(),
        division: attempt.terms.division.as_deref().cloned(),
        refunds: refunds.iter().filter(of_it).map(recorded).collect(),
        refunds_left_out: 0,
    };
    payment.keep_refunds(REFUNDS_MAX);
    Some(payment)
}

fn recorded(refund: &Refund) -> Recorded {
    // As it was decided: what it waited for, and who bore it then or after a reversal, the draft is not asked about.
    let bearing = refund.terms.bearing.clone();
    let asked = bearing.as_ref().and_then(|bearing| bearing.allocation.as_ref());
    let available = asked.map(exhausted).unwrap_or_default();
    Recorded {
        asked_at: refund.terms.opened_at,
        amount: refund.terms.amount,
        case: refund.terms.case,
        answer: Answer::Granted(bearing),
        failed: matches!(refund.state, RefundState::Failed { .. }),
        available,
    }
}
