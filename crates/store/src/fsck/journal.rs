//! One row and its journal: the journal is whole, its chain leads to the row's head, and replaying it gives the row.

use std::collections::BTreeMap;

use paifang_payment::{EventId, TenantId};
use ring::digest::{Context, SHA256};
use serde_json::Value;

use super::Report;
use crate::StoreError;
use crate::chain::{self, Chain};

/// Fields that are named at most where a row differs from its journal.
const FIELDS_MAX: usize = 8;

/// What the seals of the journals say was written with them, until it is found.
#[derive(Default)]
pub(super) struct Named {
    booked: BTreeMap<(TenantId, String), String>,
    told: BTreeMap<EventId, String>,
}

impl Named {
    /// Adds what a journal names.
    pub fn add(&mut self, tenant: TenantId, id: &str, chain: Chain) {
        self.booked.extend(chain.booked.into_iter().map(|key| ((tenant, key), id.to_owned())));
        self.told.extend(chain.told.into_iter().map(|event| (event, id.to_owned())));
    }

    pub fn seen_transfer(&mut self, tenant: TenantId, key: &str) {
        self.booked.remove(&(tenant, key.to_owned()));
    }

    pub fn seen_event(&mut self, event: EventId) {
        self.told.remove(&event);
    }

    /// What was not found.
    pub fn report(self, report: &mut Report) {
        for ((_, key), id) in self.booked {
            report.find(format!("{id}: its journal books {key}, and the ledger has no such transfer"));
        }
        for (event, id) in self.told {
            report.find(format!("{id}: its journal tells {event}, and there is no such event"));
        }
    }
}

/// Reads a journal; one that cannot be read is a finding about this very row, and the others are looked at all the same.
pub(super) fn readable<E>(
    id: &str,
    journal: Result<Vec<E>, StoreError>,
    report: &mut Report,
) -> Result<Option<Vec<E>>, StoreError> {
    match journal {
        Ok(entries) => Ok(Some(entries)),
        Err(StoreError::Damaged(what)) => {
            report.find(format!("{id}: its journal cannot be read: {what}"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Checks one journal against its row.
pub(super) fn check<R: chain::Row, E: chain::Entry, X: std::fmt::Display>(
    tenant: TenantId,
    id: &str,
    row: &R,
    entries: &[E],
    folded: Result<R, X>,
    report: &mut Report,
) -> Result<Chain, StoreError> {
    report.entries += entries.len() as u64;
    match folded {
        Ok(folded) if folded == *row => {}
        Ok(folded) => {
            let fields = differences(&folded, row)?;
            report.find(format!("{id}: the row differs from the fold of its journal in {fields}"));
        }
        Err(error) => report.find(format!("{id}: {error}")),
    }
    let mut chain = chain::follow(tenant, id, entries, row.head())?;
    report.sealed += chain.sealed;
    chain.findings.drain(..).for_each(|finding| report.find(format!("{id}: {finding}")));
    if let Some(head) = row.head() {
        report.heads = Some(folded_head(report.heads, head.0));
    }
    Ok(chain)
}

/// One digest over all heads, in the order of the walk.
fn folded_head(before: Option<[u8; 32]>, head: [u8; 32]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(&before.unwrap_or_default());
    context.update(&head);
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

/// The paths of the fields that differ, never what stands in them: a row may speak of a payer's order.
fn differences(
    one: &impl crate::form::Stored,
    other: &impl crate::form::Stored,
) -> Result<String, StoreError> {
    let plain = |_| StoreError::Broken("a row cannot be written down".to_owned());
    let one = serde_json::to_value(one).map_err(plain)?;
    let other = serde_json::to_value(other).map_err(plain)?;
    let mut paths = Vec::new();
    compare(&one, &other, &mut String::new(), &mut paths);
    let more = paths.len().saturating_sub(FIELDS_MAX);
    paths.truncate(FIELDS_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Ok(format!("{}{more}", paths.join(", ")))
}

fn compare(one: &Value, other: &Value, path: &mut String, paths: &mut Vec<String>) {
    let mut inside = |step: &str, one: &Value, other: &Value| {
        let length = path.len();
        path.push_str(step);
        compare(one, other, path, paths);
        path.truncate(length);
    };
    match (one, other) {
        (Value::Object(left), Value::Object(right)) => {
            let keys: std::collections::BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            for key in keys {
                let field = |of: &serde_json::Map<String, Value>| of.get(key).cloned().unwrap_or_default();
                inside(&format!(".{key}"), &field(left), &field(right));
            }
        }
        (Value::Array(left), Value::Array(right)) => {
            for index in 0..left.len().max(right.len()) {
                let item = |of: &[Value]| of.get(index).cloned().unwrap_or_default();
                inside(&format!("[{index}]"), &item(left), &item(right));
            }
        }
        _ if one == other => {}
        _ => paths.push(path.trim_start_matches('.').to_owned()),
    }
}
