//! Refunds and their journals.

use paifang_payment::refund::{Entry, Purpose, Refund, State};
use paifang_store::form::{self, Stored};
use paifang_store::{Committed, RefundWrite, StoreError};

use crate::step::{Step, Value, Wants};
use crate::value::nanos;

pub(super) fn write(write: &RefundWrite, steps: &mut Vec<Step>) -> Result<(), StoreError> {
    let id = write.row.terms.id.to_string();
    let body = form::write(&write.row)?;
    let row = match write.expected {
        0 => insert(&id, &write.row, body),
        seen => update(&id, &write.row, seen, body),
    };
    steps.push(row.wanting(Wants::RowOr(Committed::Conflict)));
    for entry in &write.entries {
        steps.push(Step::new(
            "INSERT INTO refund_journal (refund, seq, form, body) VALUES ($1, $2, $3, $4)",
            vec![id.as_str().into(), entry.seq.into(), Entry::FORM.into(), form::write(entry)?.into()],
        ));
    }
    Ok(())
}

/// A taken refund number, a second refund of the same late money and a foreign intent break the table's keys; only an id
/// that is there already is somebody who was faster.
fn insert(id: &str, row: &Refund, body: String) -> Step {
    let (terms, amount) = (&row.terms, row.terms.amount);
    let purpose = match terms.purpose {
        Purpose::Requested => "requested",
        Purpose::LateMoney => "late_money",
    };
    Step::new(
        "INSERT INTO refund (id, tenant, intent, attempt, rail_account, refund_no, purpose, state, version, currency,
                             amount, in_doubt_since, form, body)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (id) DO NOTHING",
        vec![
            id.into(),
            terms.tenant.to_string().into(),
            terms.intent.to_string().into(),
            terms.attempt.to_string().into(),
            terms.account.as_str().into(),
            terms.refund_no.as_str().into(),
            purpose.into(),
            row.state.name().into(),
            row.version.into(),
            amount.currency().code().into(),
            amount.minor_units().into(),
            in_doubt_since(row),
            Refund::FORM.into(),
            body.into(),
        ],
    )
}

fn update(id: &str, row: &Refund, seen: u64, body: String) -> Step {
    Step::new(
        "UPDATE refund SET state = $1, version = $2, in_doubt_since = $3, form = $4, body = $5
          WHERE id = $6 AND tenant = $7 AND intent = $8 AND version = $9",
        vec![
            row.state.name().into(),
            row.version.into(),
            in_doubt_since(row),
            Refund::FORM.into(),
            body.into(),
            id.into(),
            row.terms.tenant.to_string().into(),
            row.terms.intent.to_string().into(),
            seen.into(),
        ],
    )
}

fn in_doubt_since(row: &Refund) -> Value {
    matches!(row.state, State::InDoubt(_)).then(|| nanos(row.opened_at())).into()
}
