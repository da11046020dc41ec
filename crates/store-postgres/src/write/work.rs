//! Work: schedule, claim, delay, end; and the payer data that lives as long as an attempt is worked on.
//!
//! A piece of work is one row for ever, so everything that is said about it meets in that row: an epoch never repeats,
//! whoever schedules, ends or claims at the same moment.

use jiff::SignedDuration;
use paifang_payment::{AccountId, TenantId};
use paifang_store::form::{self, Stored};
use paifang_store::{
    Committed, Fence, Lease, PAGE_MAX, StoreError, Submission, SubmissionChange, WorkChange, WorkKey,
};

use crate::clock::Clock;
use crate::step::{Step, Value, Wants};
use crate::value::{limit, nanos, span};

/// The stored lane.
pub(crate) fn lane(lane: Option<&AccountId>) -> &str {
    lane.map_or("", AccountId::as_str)
}

/// A claim holds while its epoch is the row's and nobody has taken the work out; the lock keeps it so until the commit.
pub(super) fn check_fence(fence: &Fence) -> Step {
    let step = Step::new(
        "SELECT 1 FROM work WHERE key = $1 AND epoch = $2 AND quarantined IS NULL AND NOT ended FOR NO KEY UPDATE",
        vec![fence.key.text().into(), fence.epoch.into()],
    );
    step.wanting(Wants::RowOr(Committed::Fenced))
}

pub(super) fn change(tenant: TenantId, change: &WorkChange, clock: &Clock) -> Result<Step, StoreError> {
    Ok(match change {
        WorkChange::Put { key, lane: account, due_at, lease } => {
            put(key, account.as_ref(), nanos(*due_at), lease.as_ref(), clock)?
        }
        WorkChange::Turn { .. } => turn(tenant, change)?,
        WorkChange::Delay { key, due_at } => Step::new(
            "UPDATE work SET due_at = $1, leased_until = NULL, owner = NULL WHERE key = $2 AND NOT ended",
            vec![(*due_at).into(), key.text().into()],
        )
        .wanting(Wants::RowOrBroken("delays work that is not there")),
        WorkChange::Remove { key } => Step::new(
            "UPDATE work SET ended = true, leased_until = NULL, owner = NULL, quarantined = NULL
              WHERE key = $1 AND NOT ended",
            vec![key.text().into()],
        ),
        WorkChange::Quarantine { key, reason } => Step::new(
            "UPDATE work SET quarantined = $1, leased_until = NULL, owner = NULL WHERE key = $2 AND NOT ended",
            vec![reason.as_str().into(), key.text().into()],
        ),
        WorkChange::Redrive { key, epoch, due_at } => Step::new(
            "UPDATE work SET quarantined = NULL, tries = 0, due_at = $1, epoch = epoch + 1
              WHERE key = $2 AND epoch = $3 AND quarantined IS NOT NULL AND NOT ended",
            vec![(*due_at).into(), key.text().into(), (*epoch).into()],
        )
        .wanting(Wants::RowOr(Committed::Fenced)),
    })
}

fn put(
    key: &WorkKey,
    account: Option<&AccountId>,
    due_at: i64,
    lease: Option<&Lease>,
    clock: &Clock,
) -> Result<Step, StoreError> {
    let time = lease.map(|lease| span(SignedDuration::from_millis(lease.millis.into())));
    let owner = lease.map(|lease| lease.owner.as_str());
    let [hand, ahead] = clock.arguments();
    Ok(Step::new(
        "INSERT INTO work (key, lane, due_at, tries, epoch, owner, leased_until, form, body)
         VALUES ($1, $2, $3, 0, 1, $4, store_now($5, $6) + $7, $8, $9)
         ON CONFLICT (key) DO UPDATE SET
             lane = excluded.lane, due_at = excluded.due_at, tries = 0, epoch = work.epoch + 1, owner = excluded.owner,
             leased_until = excluded.leased_until, quarantined = NULL, ended = false, form = excluded.form,
             body = excluded.body",
        vec![
            key.text().into(),
            lane(account).into(),
            due_at.into(),
            owner.into(),
            hand,
            ahead,
            time.into(),
            WorkKey::FORM.into(),
            form::write(key)?.into(),
        ],
    ))
}

/// The intent's row hands out the next turn of its refunds, and the same statement schedules it.
fn turn(tenant: TenantId, change: &WorkChange) -> Result<Step, StoreError> {
    let WorkChange::Turn { key, lane: account, intent, not_before, interval_s } = change else {
        return Err(StoreError::Broken("not a turn".to_owned()));
    };
    let step = Step::new(
        "WITH turn AS (
             UPDATE intent SET refund_turn = greatest($1, refund_turn + $2, refund_sent + $2)
              WHERE id = $3 AND tenant = $4 RETURNING refund_turn)
         INSERT INTO work (key, lane, due_at, tries, epoch, form, body)
         SELECT $5::text, $6::text, refund_turn, 0, 1, $7::bigint, $8::text FROM turn
         ON CONFLICT (key) DO UPDATE SET
             lane = excluded.lane, due_at = excluded.due_at, tries = 0, epoch = work.epoch + 1, owner = NULL,
             leased_until = NULL, quarantined = NULL, ended = false, form = excluded.form, body = excluded.body",
        vec![
            (*not_before).into(),
            super::intent::interval_ns(*interval_s).into(),
            intent.to_string().into(),
            tenant.to_string().into(),
            key.text().into(),
            account.as_str().into(),
            WorkKey::FORM.into(),
            form::write(key)?.into(),
        ],
    );
    Ok(step.wanting(Wants::RowOrBroken("a refund's turn belongs to no intent")))
}

/// Claims what is due, oldest first. What another replica is just claiming is skipped, not waited for; what it has claimed
/// meanwhile is looked at again and left alone.
pub(crate) const LEASE_DUE: &str = "
    WITH clock AS MATERIALIZED (SELECT store_now($1, $2) AS now),
         due AS MATERIALIZED (
             SELECT key FROM work, clock
              WHERE quarantined IS NULL AND NOT ended AND lane = $3 AND due_at <= clock.now
                AND (leased_until IS NULL OR leased_until <= clock.now)
              ORDER BY due_at, key LIMIT $4 FOR NO KEY UPDATE OF work SKIP LOCKED)
    UPDATE work SET tries = work.tries + 1, epoch = work.epoch + 1, owner = $5, leased_until = clock.now + $6
      FROM due, clock WHERE work.key = due.key
    RETURNING work.key, work.due_at, work.tries, work.epoch, work.form, work.body";

/// The values of [`LEASE_DUE`].
pub(crate) fn lease_due(
    account: Option<&AccountId>,
    max: usize,
    owner: &str,
    lease: SignedDuration,
    clock: &Clock,
) -> Vec<Value> {
    let [hand, ahead] = clock.arguments();
    let max = limit(max.min(PAGE_MAX));
    vec![hand, ahead, lane(account).into(), max.into(), owner.into(), span(lease).into()]
}

/// Takes out work whose key cannot be read, so that it does not hold up its lane (F30).
pub(crate) const QUARANTINE: &str = "
    UPDATE work SET quarantined = 'its key is unreadable', leased_until = NULL, owner = NULL
     WHERE key = $1 AND epoch = $2";

/// Makes it due now, if it is free.
pub(crate) const HASTEN: &str = "
    WITH clock AS MATERIALIZED (SELECT store_now($1, $2) AS now)
    UPDATE work SET due_at = clock.now FROM clock
     WHERE key = $3 AND due_at > clock.now AND quarantined IS NULL AND NOT ended
       AND (leased_until IS NULL OR leased_until <= clock.now)";

pub(super) fn keep_submission(change: &SubmissionChange) -> Result<Step, StoreError> {
    Ok(match change {
        SubmissionChange::Put(attempt, submission) => Step::new(
            "INSERT INTO submission (attempt, form, body) VALUES ($1, $2, $3)
             ON CONFLICT (attempt) DO UPDATE SET form = excluded.form, body = excluded.body",
            vec![attempt.to_string().into(), Submission::FORM.into(), form::write(submission)?.into()],
        ),
        SubmissionChange::Clear(attempt) => {
            Step::new("DELETE FROM submission WHERE attempt = $1", vec![attempt.to_string().into()])
        }
    })
}
