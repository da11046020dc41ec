//! A tenant's book of rules, and the decisions by it.

use paifang_payment::TenantId;
use paifang_policy::RuleId;
use paifang_policy::lifecycle::Fact;
use paifang_store::form::{self, Stored};
use paifang_store::{Batch, Committed, Decided, Mark, Marked, RulesEntry, RulesSeen};
use rusqlite::{Connection, params};

use super::{Refusal, Step};
use crate::fault::Fault;
use crate::value::{capped, nanos};
use crate::write::Encoded;

/// `false` when the book has moved on, or has an entry of this request id.
pub(crate) fn add(
    connection: &Connection,
    tenant: TenantId,
    expected: u64,
    entry: &RulesEntry,
) -> Result<bool, Fault> {
    let (request, fingerprint) = match &entry.request {
        Some(request) => (Some(request.id.as_str()), Some(request.fingerprint.0)),
        None => (None, None),
    };
    let added = connection
        .prepare_cached(
            "INSERT INTO rules (tenant, position, request_id, fingerprint, form, body, text, guarded)
             SELECT ?1, ?2 + 1, ?3, ?4, ?5, ?6, ?7, ?8
              WHERE (SELECT coalesce(max(position), 0) FROM rules WHERE tenant = ?1) = ?2
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            tenant.to_string(),
            capped(expected),
            request,
            fingerprint,
            Fact::FORM,
            form::write(&entry.fact)?,
            entry.text,
            entry.guarded
        ])?;
    Ok(added == 1)
}

/// The book is as it was seen; then the decision is kept.
pub(super) fn take(connection: &Connection, encoded: &Encoded, rules: &RulesSeen) -> Step {
    let tenant = encoded.batch.tenant.to_string();
    let entries: i64 = connection
        .prepare_cached("SELECT coalesce(max(position), 0) FROM rules WHERE tenant = ?1")?
        .query_row([&tenant], |row| row.get(0))?;
    if entries != capped(rules.entries) {
        return Err(Refusal::Answer(Committed::Conflict));
    }
    let Some((write, body)) = rules.decided.as_ref().zip(encoded.decided.as_ref()) else { return Ok(()) };
    connection
        .prepare_cached(
            "INSERT INTO decision (attempt, tenant, intent, at, form, body, opening, version, entries)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            write.attempt.to_string(),
            tenant,
            write.intent.to_string(),
            nanos(encoded.batch.at),
            Decided::FORM,
            body,
            write.decided.opening().map(RuleId::as_str),
            write.decided.counted_as(),
            capped(rules.entries)
        ])?;
    Ok(())
}

/// Marks the decision about an attempt, where there is one.
pub(super) fn mark(connection: &Connection, batch: &Batch, mark: &Mark) -> Step {
    let whose = [mark.attempt.to_string(), batch.tenant.to_string(), mark.intent.to_string()];
    let [attempt, tenant, intent] = &whose;
    let at = nanos(batch.at);
    match mark.what {
        Marked::Ended(ending) => connection
            .prepare_cached(
                "UPDATE decision SET outcome = ?4, outcome_at = ?5
                  WHERE attempt = ?1 AND tenant = ?2 AND intent = ?3
                    AND (outcome IS NULL OR outcome = 'failed' AND ?4 = 'paid')",
            )?
            .execute(params![attempt, tenant, intent, ending.as_str(), at])?,
        Marked::Refunded => connection
            .prepare_cached(
                "UPDATE decision SET refunded_at = ?4
                  WHERE attempt = ?1 AND tenant = ?2 AND intent = ?3 AND refunded_at IS NULL",
            )?
            .execute(params![attempt, tenant, intent, at])?,
        Marked::Complained => connection
            .prepare_cached(
                "UPDATE decision SET complained_at = ?4
                  WHERE attempt = ?1 AND tenant = ?2 AND intent = ?3 AND complained_at IS NULL",
            )?
            .execute(params![attempt, tenant, intent, at])?,
    };
    Ok(())
}
