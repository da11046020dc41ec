//! What a batch is in SQL: a list of statements in the order of the port's checks. Pure; nothing is looked up first. A
//! condition is part of the statement that changes the row, which waits for whoever holds the row and then looks again.
//!
//! Locks are taken in one order, so that batches wait for each other instead of standing in each other's way: request id,
//! notification, intent, claim, then rows that only a holder of the intent touches, and at last bounded accounts and work,
//! each by name. PostgreSQL ends what does get stuck, and it is tried again.

pub(crate) mod bulk;
mod intent;
mod ledger;
mod refund;
pub(crate) mod rules;
pub(crate) mod work;

use paifang_payment::IntentId;
use paifang_store::{Batch, Committed, InboxVerdict, RequestKey, StoreError, WorkChange};

use crate::clock::Clock;
use crate::step::{Step, Wants};

type Steps = Result<Vec<Step>, StoreError>;

/// The statements of a batch.
pub(crate) fn plan(batch: &Batch, clock: &Clock) -> Steps {
    let mut steps = Vec::new();
    steps.extend(request(batch));
    steps.extend(inbox(batch));
    steps.extend(touched(batch).map(intent::lock));
    steps.extend(batch.fence.as_ref().map(work::check_fence));
    if let Some(seen) = &batch.rules {
        rules::take(batch, seen, &mut steps)?;
    }
    if let Some(write) = &batch.intent {
        intent::write(write, &mut steps)?;
    }
    for write in &batch.refunds {
        refund::write(write, &mut steps)?;
    }
    steps.extend(batch.guards.iter().map(|guard| intent::guard(batch.tenant, guard)));
    ledger::post(batch.tenant, &batch.transfers, &mut steps);
    let mut changes: Vec<&WorkChange> = batch.work.iter().collect();
    // Stable: what is said twice about one piece of work stays in this order.
    changes.sort_by_key(|change| change.key().text());
    for change in changes {
        steps.push(work::change(batch.tenant, change, clock)?);
    }
    for change in &batch.submissions {
        steps.push(work::keep_submission(change)?);
    }
    for event in &batch.events {
        steps.push(intent::append_event(batch, event)?);
    }
    steps.extend(batch.marks.iter().map(|mark| rules::mark(batch, mark)));
    Ok(steps)
}

/// The intent that a batch is about, where it was there before: it is locked first, so that everything about one intent is
/// written by one transaction at a time, and its events get their numbers in the order of commits.
fn touched(batch: &Batch) -> Option<IntentId> {
    let write = batch.intent.iter().map(|write| write.row.terms.id);
    let refunds = batch.refunds.iter().map(|write| write.row.terms.intent);
    let guards = batch.guards.iter().map(paifang_store::Guard::intent);
    let turns = batch.work.iter().filter_map(|change| match change {
        WorkChange::Turn { intent, .. } => Some(*intent),
        WorkChange::Put { .. }
        | WorkChange::Delay { .. }
        | WorkChange::Remove { .. }
        | WorkChange::Quarantine { .. }
        | WorkChange::Redrive { .. } => None,
    });
    let events = batch.events.iter().filter_map(|event| event.intent);
    let marks = batch.marks.iter().map(|mark| mark.intent);
    let is_new = batch.intent.as_ref().is_some_and(|write| write.expected == 0);
    write.chain(refunds).chain(guards).chain(turns).chain(events).chain(marks).next().filter(|_| !is_new)
}

fn request(batch: &Batch) -> Option<Step> {
    let RequestKey { operation, request_id, fingerprint, resource } = batch.request.as_ref()?;
    let insert = Step::new(
        "INSERT INTO request (tenant, operation, request_id, fingerprint, resource) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (tenant, operation, request_id) DO NOTHING",
        vec![
            batch.tenant.to_string().into(),
            operation.as_str().into(),
            request_id.as_str().into(),
            fingerprint.0.into(),
            resource.to_string().into(),
        ],
    );
    Some(insert.wanting(Wants::NewRequest))
}

fn inbox(batch: &Batch) -> Option<Step> {
    let entry = batch.inbox.as_ref()?;
    let (verdict, why) = match &entry.verdict {
        InboxVerdict::Applied => ("applied", None),
        InboxVerdict::Suspicious { why } => ("suspicious", Some(why.as_str())),
    };
    let insert = Step::new(
        "INSERT INTO inbox (rail_account, key, verdict, why, digest, at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (rail_account, key) DO NOTHING",
        vec![
            entry.account.as_str().into(),
            entry.key.as_str().into(),
            verdict.into(),
            why.into(),
            entry.digest.0.into(),
            batch.at.into(),
        ],
    );
    Some(insert.wanting(Wants::RowOr(Committed::SeenBefore)))
}
