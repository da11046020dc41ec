//! Everything that a store shows through its port, as lines of text.

use std::collections::BTreeSet;
use std::fmt::Debug;

use paifang_payment::{AccountId, AttemptId, TenantId};
use paifang_store::{PAGE_MAX, Store, StoreError};
use serde_json::json;

/// All rows, one line each. Payer data is read for these attempts only, and the inbox for these rail accounts, since the
/// port lists neither.
pub async fn dump(
    store: &impl Store,
    accounts: &[AccountId],
    attempts: &[AttemptId],
) -> Result<Vec<String>, StoreError> {
    let mut lines = Vec::new();
    let tenants = aggregates(store, &mut lines).await?;
    for tenant in tenants {
        note(&mut lines, "balance", store.balances(tenant).await?);
        note(&mut lines, "rules", store.rules_after(tenant, 0, PAGE_MAX).await?);
        let decisions = store.decisions(tenant, None, PAGE_MAX).await?;
        lines.extend(decisions.iter().map(|row| format!("decision {row:?} {}", json!(row.decided))));
    }
    let mut cursor = 0;
    loop {
        let events = store.events_after(None, cursor, PAGE_MAX).await?;
        let Some(last) = events.last() else { break };
        cursor = last.cursor;
        lines.extend(events.iter().map(|event| format!("event {event:?} {}", json!(event.snapshot))));
    }
    let mut position = 0;
    loop {
        let transfers = store.transfers_after(None, position, PAGE_MAX).await?;
        let Some(last) = transfers.last() else { break };
        position = last.position;
        note(&mut lines, "transfer", transfers);
    }
    let mut after: Option<String> = None;
    loop {
        let work = store.scan_work(after.as_deref(), PAGE_MAX).await?;
        let Some(last) = work.last() else { break };
        after = Some(last.key.text());
        note(&mut lines, "work", work);
    }
    for account in accounts {
        note(&mut lines, "inbox", store.inbox(account, PAGE_MAX).await?);
    }
    for attempt in attempts {
        let submission = store.submission(*attempt).await?;
        lines.push(format!("submission {attempt} {}", json!(submission)));
    }
    note(&mut lines, "tenant", store.tenants().await?);
    lines.push(format!("stats {:?}", store.stats().await?));
    Ok(lines)
}

/// Intents and refunds with their journals; answers whose they are.
async fn aggregates(store: &impl Store, lines: &mut Vec<String>) -> Result<BTreeSet<TenantId>, StoreError> {
    let mut tenants = BTreeSet::new();
    let mut after = None;
    loop {
        let intents = store.scan_intents(after, PAGE_MAX).await?;
        let Some(last) = intents.last() else { break };
        after = Some(last.intent.terms.id);
        for row in intents {
            let terms = &row.intent.terms;
            tenants.insert(terms.tenant);
            let journal = store.intent_journal(terms.tenant, terms.id).await?;
            lines.extend(journal.iter().map(|entry| format!("intent entry {}", json!(entry))));
            for attempt in &row.intent.attempts {
                for number in attempt.numbers() {
                    note(lines, "order", store.attempt_by_order(&attempt.terms.account, number).await?);
                }
            }
            lines.push(format!("intent {} {:?}", json!(row.intent), row.amounts));
        }
    }
    let mut after = None;
    loop {
        let refunds = store.scan_refunds(after, PAGE_MAX).await?;
        let Some(last) = refunds.last() else { break };
        after = Some(last.terms.id);
        for refund in refunds {
            let terms = &refund.terms;
            let journal = store.refund_journal(terms.tenant, terms.id).await?;
            lines.extend(journal.iter().map(|entry| format!("refund entry {}", json!(entry))));
            let led = store.refund_by_number(&terms.account, &terms.refund_no).await?;
            note(lines, "refund number", led);
            lines.push(format!("refund {}", json!(refund)));
        }
    }
    Ok(tenants)
}

fn note<T: Debug>(lines: &mut Vec<String>, what: &str, rows: impl IntoIterator<Item = T>) {
    lines.extend(rows.into_iter().map(|row| format!("{what} {row:?}")));
}
