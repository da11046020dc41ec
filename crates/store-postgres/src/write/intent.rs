//! Intents, their attempts, amounts and events.

use jiff::Timestamp;
use paifang_payment::attempt::{Attempt, State};
use paifang_payment::intent::{Entry, Fact, Intent};
use paifang_payment::{AttemptId, IntentId, OrderNo, TenantId};
use paifang_store::form::{self, Stored};
use paifang_store::{Batch, Committed, Guard, IntentWrite, NewEvent, Snapshot, StoreError};

use crate::step::{Step, Value, Wants};
use crate::value::nanos;

type Answer<T> = Result<T, StoreError>;

/// Waits until nobody else writes about this intent. Rows that refer to it can still be checked beside it.
pub(super) fn lock(id: IntentId) -> Step {
    Step::new("SELECT 1 FROM intent WHERE id = $1 FOR NO KEY UPDATE", vec![id.to_string().into()])
}

pub(super) fn write(write: &IntentWrite, steps: &mut Vec<Step>) -> Answer<()> {
    let id = write.row.terms.id.to_string();
    let body = form::write(&write.row)?;
    let row = match write.expected {
        0 => insert(&id, &write.row, body),
        seen => update(&id, &write.row, seen, body),
    };
    steps.push(row.wanting(Wants::RowOr(Committed::Conflict)));
    for entry in &write.entries {
        steps.push(Step::new(
            "INSERT INTO intent_journal (intent, seq, form, body) VALUES ($1, $2, $3, $4)",
            vec![id.as_str().into(), entry.seq.into(), Entry::FORM.into(), form::write(entry)?.into()],
        ));
        follow(&write.row, &entry.fact, steps)?;
    }
    Ok(())
}

fn insert(id: &str, row: &Intent, body: String) -> Step {
    let (terms, amount) = (&row.terms, row.terms.amount);
    Step::new(
        "INSERT INTO intent (id, tenant, state, version, currency, amount, form, body)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
        vec![
            id.into(),
            terms.tenant.to_string().into(),
            row.state.name().into(),
            row.version.into(),
            amount.currency().code().into(),
            amount.minor_units().into(),
            Intent::FORM.into(),
            body.into(),
        ],
    )
}

fn update(id: &str, row: &Intent, seen: u64, body: String) -> Step {
    Step::new(
        "UPDATE intent SET state = $1, version = $2, form = $3, body = $4
          WHERE id = $5 AND tenant = $6 AND version = $7",
        vec![
            row.state.name().into(),
            row.version.into(),
            Intent::FORM.into(),
            body.into(),
            id.into(),
            row.terms.tenant.to_string().into(),
            seen.into(),
        ],
    )
}

/// What an entry does to the rows of attempts. Only entries change attempts, so nothing else has to be looked at.
fn follow(row: &Intent, fact: &Fact, steps: &mut Vec<Step>) -> Answer<()> {
    match fact {
        Fact::AttemptOpened { terms } => open_attempt(row, terms.id, steps),
        Fact::AttemptMoved { attempt, to, .. } => move_attempt(row, *attempt, to, steps),
        Fact::Created { .. }
        | Fact::Wished { .. }
        | Fact::AttemptLeft { .. }
        | Fact::Moved { .. }
        | Fact::Strayed { .. }
        | Fact::Complained { .. }
        | Fact::Redriven { .. } => Ok(()),
    }
}

/// A taken order number breaks the unique key.
fn open_attempt(row: &Intent, id: AttemptId, steps: &mut Vec<Step>) -> Answer<()> {
    let lacks = || StoreError::Broken("opens an attempt that the row lacks".to_owned());
    let attempt = row.attempt(id).ok_or_else(lacks)?;
    steps.push(Step::new(
        "INSERT INTO attempt (id, tenant, intent, rail_account, order_no, in_doubt_since)
         VALUES ($1, $2, $3, $4, $5, $6)",
        vec![
            id.to_string().into(),
            row.terms.tenant.to_string().into(),
            row.terms.id.to_string().into(),
            attempt.terms.account.as_str().into(),
            attempt.terms.order_no.as_str().into(),
            in_doubt_since(attempt),
        ],
    ));
    let hold = attempt.terms.hold.iter().flat_map(|hold| [&hold.capture_no, &hold.release_no]);
    steps.extend(hold.flat_map(|number| keep_number(attempt, number)));
    Ok(())
}

/// Each capture has a number of its own; the first one is known from the start.
fn keep_number(attempt: &Attempt, number: &OrderNo) -> [Step; 2] {
    let values = || {
        let (account, id) = (attempt.terms.account.as_str(), attempt.terms.id.to_string());
        vec![account.into(), number.as_str().into(), id.into()]
    };
    let keep = Step::new(
        "INSERT INTO rail_number (rail_account, number, attempt) VALUES ($1, $2, $3)
         ON CONFLICT (rail_account, number) DO NOTHING",
        values(),
    );
    let check = Step::new(
        "SELECT 1 FROM rail_number WHERE rail_account = $1 AND number = $2 AND attempt = $3",
        values(),
    );
    [keep, check.wanting(Wants::RowOrBroken("the number of a hold is taken"))]
}

fn move_attempt(row: &Intent, id: AttemptId, to: &State, steps: &mut Vec<Step>) -> Answer<()> {
    let lacks = || StoreError::Broken("moves an attempt that the row lacks".to_owned());
    let attempt = row.attempt(id).ok_or_else(lacks)?;
    steps.push(Step::new(
        "UPDATE attempt SET in_doubt_since = $1 WHERE id = $2 AND in_doubt_since IS DISTINCT FROM $1",
        vec![in_doubt_since(attempt), id.to_string().into()],
    ));
    match to {
        State::Capturing(capturing) => steps.extend(keep_number(attempt, &capturing.operation.number)),
        State::Sending(_)
        | State::AwaitingPayer(_)
        | State::InDoubt(_)
        | State::Closing(_)
        | State::Held(_)
        | State::Releasing(_)
        | State::Paid(_)
        | State::Refused(_)
        | State::Closed(_)
        | State::Late(_) => {}
    }
    Ok(())
}

fn in_doubt_since(attempt: &Attempt) -> Value {
    attempt.state.is_in_doubt().then(|| nanos(attempt.terms.opened_at)).into()
}

/// The condition and the change are one statement; the table's checks repeat it.
pub(super) fn guard(tenant: TenantId, guard: &Guard) -> Step {
    let (text, amount) = match guard {
        Guard::Pace { intent, at, interval_s } => return pace(tenant, *intent, *at, *interval_s),
        Guard::Refunds { intent, count } => return refunds(tenant, *intent, *count),
        Guard::Authorize(_, amount) => (
            "UPDATE intent SET authorized = authorized + $1
              WHERE id = $2 AND tenant = $3 AND currency = $4 AND authorized + $1 <= amount",
            amount,
        ),
        Guard::Void(_, amount) => (
            "UPDATE intent SET authorized = authorized - $1
              WHERE id = $2 AND tenant = $3 AND currency = $4 AND authorized - $1 >= captured",
            amount,
        ),
        Guard::Capture(_, amount) => (
            "UPDATE intent SET captured = captured + $1
              WHERE id = $2 AND tenant = $3 AND currency = $4 AND captured + $1 <= authorized",
            amount,
        ),
        Guard::Reserve(_, amount) => (
            "UPDATE intent SET reserved = reserved + $1
              WHERE id = $2 AND tenant = $3 AND currency = $4 AND captured - refunded - reserved >= $1",
            amount,
        ),
        Guard::Settle(_, amount) => (
            "UPDATE intent SET reserved = reserved - $1, refunded = refunded + $1
              WHERE id = $2 AND tenant = $3 AND currency = $4 AND reserved >= $1",
            amount,
        ),
        Guard::Release(_, amount) => (
            "UPDATE intent SET reserved = reserved - $1
              WHERE id = $2 AND tenant = $3 AND currency = $4 AND reserved >= $1",
            amount,
        ),
    };
    let values = vec![
        amount.minor_units().into(),
        guard.intent().to_string().into(),
        tenant.to_string().into(),
        amount.currency().code().into(),
    ];
    Step::new(text, values).wanting(Wants::RowOr(Committed::GuardFailed))
}

/// The intent has so many refunds and no other. Its row is locked, so nobody opens one meanwhile.
fn refunds(tenant: TenantId, intent: IntentId, count: u64) -> Step {
    let step = Step::new(
        "SELECT 1 WHERE (SELECT count(*) FROM refund WHERE tenant = $1 AND intent = $2) = $3",
        vec![tenant.to_string().into(), intent.to_string().into(), count.into()],
    );
    step.wanting(Wants::RowOr(Committed::Conflict))
}

/// A refund is sent: not too soon after the last one.
fn pace(tenant: TenantId, intent: IntentId, at: Timestamp, interval_s: u32) -> Step {
    let step = Step::new(
        "UPDATE intent SET refund_sent = $1
          WHERE id = $2 AND tenant = $3 AND (refund_sent IS NULL OR refund_sent + $4 <= $1)",
        vec![at.into(), intent.to_string().into(), tenant.to_string().into(), interval_ns(interval_s).into()],
    );
    step.wanting(Wants::RowOr(Committed::GuardFailed))
}

/// The time between two turns, as it is stored.
pub(super) fn interval_ns(interval_s: u32) -> i64 {
    i64::from(interval_s) * 1_000_000_000
}

/// The intent's row is locked, so its last event is there to be counted on from. What belongs to none is the first of its own.
pub(super) fn append_event(batch: &Batch, event: &NewEvent) -> Answer<Step> {
    Ok(Step::new(
        "INSERT INTO event (id, tenant, intent, sequence, kind, at, form, body)
         VALUES ($1, $2, $3, (SELECT coalesce(max(sequence), 0) + 1 FROM event WHERE intent = $3), $4, $5, $6, $7)",
        vec![
            event.id.to_string().into(),
            batch.tenant.to_string().into(),
            event.intent.map(|id| id.to_string()).as_deref().into(),
            event.kind.as_str().into(),
            batch.at.into(),
            Snapshot::FORM.into(),
            form::write(&event.snapshot)?.into(),
        ],
    ))
}
