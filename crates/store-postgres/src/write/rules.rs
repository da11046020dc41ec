//! A tenant's book of rules, and the decisions by it.

use paifang_payment::TenantId;
use paifang_payment::intent::Ending;
use paifang_policy::RuleId;
use paifang_policy::lifecycle::Fact;
use paifang_store::form::{self, Stored};
use paifang_store::{Batch, Committed, Decided, Mark, Marked, RulesEntry, RulesSeen, StoreError};

use crate::step::{Step, Value, Wants};

/// Adds an entry, unless the book has moved on or has one of this request id. Its row is returned.
pub(crate) const ADD: &str = "
    INSERT INTO rules (tenant, position, request_id, fingerprint, form, body, text, guarded)
    SELECT $1::text, $2::bigint + 1, $3::text, $4::bytea, $5::bigint, $6::text, $7::text, $8::bigint <> 0
     WHERE (SELECT coalesce(max(position), 0) FROM rules WHERE tenant = $1) = $2
    ON CONFLICT DO NOTHING RETURNING position";

/// The values of [`ADD`].
pub(crate) fn add(tenant: TenantId, expected: u64, entry: &RulesEntry) -> Result<Vec<Value>, StoreError> {
    let (id, fingerprint) = match &entry.request {
        Some(request) => (Some(request.id.as_str()), Some(request.fingerprint.0)),
        None => (None, None),
    };
    Ok(vec![
        tenant.to_string().into(),
        expected.into(),
        id.into(),
        fingerprint.into(),
        Fact::FORM.into(),
        form::write(&entry.fact)?.into(),
        entry.text.as_deref().into(),
        i64::from(entry.guarded).into(),
    ])
}

/// The book is as it was seen; then the decision is kept.
pub(super) fn take(batch: &Batch, rules: &RulesSeen, steps: &mut Vec<Step>) -> Result<(), StoreError> {
    let tenant = batch.tenant.to_string();
    let seen = Step::new(
        "SELECT 1 WHERE (SELECT coalesce(max(position), 0) FROM rules WHERE tenant = $1) = $2",
        vec![tenant.as_str().into(), rules.entries.into()],
    );
    steps.push(seen.wanting(Wants::RowOr(Committed::Conflict)));
    if let Some(write) = &rules.decided {
        steps.push(Step::new(
            "INSERT INTO decision (attempt, tenant, intent, at, form, body, opening, version, entries)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            vec![
                write.attempt.to_string().into(),
                tenant.into(),
                write.intent.to_string().into(),
                batch.at.into(),
                Decided::FORM.into(),
                form::write(&write.decided)?.into(),
                write.decided.opening().map(RuleId::as_str).into(),
                write.decided.counted_as().into(),
                rules.entries.into(),
            ],
        ));
    }
    Ok(())
}

/// Marks the decision about an attempt, where there is one.
pub(super) fn mark(batch: &Batch, mark: &Mark) -> Step {
    let text = match mark.what {
        Marked::Ended(Ending::Failed) => {
            "UPDATE decision SET outcome = 'failed', outcome_at = $4
              WHERE attempt = $1 AND tenant = $2 AND intent = $3 AND outcome IS NULL"
        }
        Marked::Ended(Ending::Paid) => {
            "UPDATE decision SET outcome = 'paid', outcome_at = $4
              WHERE attempt = $1 AND tenant = $2 AND intent = $3 AND (outcome IS NULL OR outcome = 'failed')"
        }
        Marked::Refunded => {
            "UPDATE decision SET refunded_at = $4
              WHERE attempt = $1 AND tenant = $2 AND intent = $3 AND refunded_at IS NULL"
        }
        Marked::Complained => {
            "UPDATE decision SET complained_at = $4
              WHERE attempt = $1 AND tenant = $2 AND intent = $3 AND complained_at IS NULL"
        }
    };
    let whose = [mark.attempt.to_string(), batch.tenant.to_string(), mark.intent.to_string()];
    Step::new(text, whose.into_iter().map(Value::from).chain([batch.at.into()]).collect())
}
