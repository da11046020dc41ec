//! Books money that a rail proves and nothing here explains ([`Stray`]): the entry in the intent's journal, the transfer to
//! suspense and the event in one commit, once for each number.

use jiff::{SignedDuration, Timestamp};
use paifang_ledger::{Account as LedgerAccount, Kind, PostingKey, Transfer};
use paifang_payment::attempt::{Attempt, Closed, Closing, State};
use paifang_payment::intent::{Stray, Way};
use paifang_payment::planted::{self, Defect};
use paifang_payment::refund::{self, Purpose, Refund};
use paifang_payment::{Doubt, Evidence, IntentId, News, Observation, OrderNo, Outcome, TenantId};
use paifang_store::{Committed, InboxEntry, IntentRow, Quarantine, Snapshot, Store, WorkChange, WorkKey};

use crate::engine::CONFLICTS_MAX;
use crate::observe::Observed;
use crate::ports::{Environment, Rails, Transport};
use crate::quarantine::LATE_MONEY_WENT;
use crate::{Engine, Error};

/// How long the store is waited for before what an answer told is given up, in seconds. Meanwhile a worker's slot is held, and
/// a drain waits.
const ANSWER_PAUSES_S: &[i64] = &[1, 3, 9];
/// Told to the storefront; the snapshot is the intent as it stands.
const KIND: &str = "money.stray";

/// Stray money, and what is kept with it.
#[derive(Debug, Clone)]
pub(crate) struct Strayed {
    pub stray: Stray,
    pub evidence: Evidence,
    /// The notification that told of it.
    pub inbox: Option<InboxEntry>,
    /// What becomes of the work on it.
    pub work: Option<WorkChange>,
}

impl Strayed {
    /// As it was told.
    pub fn told(stray: Stray, seen: &Observation, inbox: Option<InboxEntry>) -> Self {
        Self { stray, evidence: seen.evidence.clone(), inbox, work: None }
    }
}

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// Books it, unless that was done before. The news itself is kept as suspicious either way. A rail repeats a notification
    /// that was not taken; what an answer told nobody says again, and so a store that does not answer is tried again here.
    pub(crate) async fn book_stray(
        &self,
        tenant: TenantId,
        id: IntentId,
        strayed: Strayed,
    ) -> Result<Observed, Error> {
        if strayed.inbox.is_none() && planted::is(Defect::SecondAnswerDropped) {
            return Ok(Observed::Known);
        }
        let pauses = if strayed.inbox.is_none() { ANSWER_PAUSES_S } else { &[] };
        for pause in pauses {
            match self.try_book_stray(tenant, id, strayed.clone()).await {
                Err(Error::Store(_) | Error::Busy) => {
                    self.inner.world.sleep(SignedDuration::from_secs(*pause)).await;
                }
                booked => return booked,
            }
        }
        let Stray { number, amount, way, why, .. } = strayed.stray.clone();
        let booked = self.try_book_stray(tenant, id, strayed).await;
        if let Err(error) = &booked {
            tracing::error!(payment = %id, number, %amount, ?way, ?why, %error, "stray money: not booked; unless the rail tells of it again, only its bill does");
        }
        booked
    }

    async fn try_book_stray(
        &self,
        tenant: TenantId,
        id: IntentId,
        strayed: Strayed,
    ) -> Result<Observed, Error> {
        let Strayed { stray, evidence, inbox, work } = strayed;
        for _ in 0..CONFLICTS_MAX {
            let now = self.now();
            let row = self.inner.store.intent(tenant, id).await?.ok_or(Error::NotFound("payment intent"))?;
            let journal = self.inner.store.intent_journal(tenant, id).await?;
            let is_it = |known: &Stray| known.number == stray.number && known.way == stray.way;
            let known = journal.iter().filter_map(|entry| entry.fact.stray()).any(is_it);
            let step = row.intent.clone().note_stray(stray.clone(), evidence.clone(), now);
            let Some(step) = step.filter(|_| !known) else {
                return self.suspect(tenant, inbox, now, &stray.why).await;
            };
            let mut batch = self.compose(Some(&row), &step, now)?;
            batch.inbox = inbox.clone().map(|entry| entry.suspicious(format!("{:?}", stray.why)));
            batch.transfers.push(transfer(&row, &stray, now)?);
            batch.work.extend(work.clone());
            let snapshot = Snapshot::Intent { intent: Box::new(step.intent.clone()), amounts: row.amounts };
            self.tell_of(&mut batch, Some(id), KIND, snapshot);
            match self.commit(batch).await? {
                Committed::Done => {
                    let Stray { number, amount, way, why, .. } = &stray;
                    tracing::error!(payment = %id, number, %amount, ?way, ?why, "stray money: booked to suspense, a person decides whose it is");
                    return Ok(Observed::Suspicious);
                }
                Committed::SeenBefore => return Ok(Observed::Suspicious),
                Committed::Conflict => {}
                refused => return Err(Error::Broken(format!("stray money was refused: {refused:?}"))),
            }
        }
        Err(Error::Busy)
    }
}

fn transfer(row: &IntentRow, stray: &Stray, at: Timestamp) -> Result<Transfer, Error> {
    let attempt = row.intent.attempt(stray.attempt).ok_or(Error::NotFound("attempt"))?;
    let account = attempt.terms.account.as_str();
    let (rail, suspense) = (LedgerAccount::rail(account), LedgerAccount::suspense_stray(account));
    let (debit, credit, way) = match stray.way {
        Way::In => (rail, suspense, "in"),
        Way::Out => (suspense, rail, "out"),
    };
    Ok(Transfer {
        key: PostingKey::of(&["stray", way, account, &stray.number]),
        debit,
        credit,
        amount: stray.amount,
        kind: Kind::Posted,
        subject: row.intent.terms.id.to_string(),
        at,
    })
}

/// A capture that the rail carried out although it is over for us.
pub(crate) fn late_capture(attempt: &Attempt, number: &OrderNo, seen: &Observation) -> Option<Stray> {
    let News::Outcome(Outcome::Paid(settled)) = &seen.news else { return None };
    Some(Stray {
        attempt: attempt.terms.id,
        number: number.to_string(),
        amount: settled.amount,
        way: Way::In,
        why: Doubt::Mismatch("captured after it was refused".into()),
    })
}

/// Another transaction of the rail under the number of an order that is paid.
pub(crate) fn second_payment(attempt: &Attempt, seen: &Observation) -> Option<Stray> {
    let News::Outcome(Outcome::Paid(told)) = &seen.news else { return None };
    let known = match &attempt.state {
        State::Paid(paid) if paid.taken.is_none() => &paid.settled.rail_ref,
        State::Late(late) => &late.settled.rail_ref,
        // What is being reversed, or was, is one transaction too.
        State::Closing(Closing { paid: Some(settled), .. }) => &settled.rail_ref,
        State::Closed(Closed { returned: Some(_), .. }) => &attempt.rail_ref,
        State::Paid(_)
        | State::Sending(_)
        | State::AwaitingPayer(_)
        | State::InDoubt(_)
        | State::Closing(_)
        | State::Held(_)
        | State::Capturing(_)
        | State::Releasing(_)
        | State::Refused(_)
        | State::Closed(_) => return None,
    };
    let (Some(first), Some(second)) = (known, &told.rail_ref) else { return None };
    let is_second = first != second && attempt.terms.amount == told.amount;
    is_second.then(|| Stray {
        attempt: attempt.terms.id,
        number: second.to_string(),
        amount: told.amount,
        way: Way::In,
        why: Doubt::Mismatch("a second transaction of this order".into()),
    })
}

/// What becomes of the work on such a refund. Late money that could not be returned was given to a person to return; that
/// person must not return it once more.
pub(crate) fn work_of(refund: &Refund, at: Timestamp) -> Option<WorkChange> {
    let key = WorkKey::Refund { tenant: refund.terms.tenant, refund: refund.terms.id };
    let late = refund.terms.purpose == Purpose::LateMoney;
    late.then(|| WorkChange::Quarantine { key, reason: Quarantine::new(LATE_MONEY_WENT, at).text() })
}

/// A refund that the rail carried out although it was told as failed.
pub(crate) fn late_refund(refund: &Refund, seen: &Observation) -> Option<Stray> {
    let News::Outcome(Outcome::Refunded(settled)) = &seen.news else { return None };
    let failed = matches!(refund.state, refund::State::Failed { .. });
    (failed && settled.amount == refund.terms.amount).then(|| Stray {
        attempt: refund.terms.attempt,
        number: refund.terms.refund_no.to_string(),
        amount: settled.amount,
        way: Way::Out,
        why: Doubt::Mismatch("refunded after it had failed".into()),
    })
}
