//! What is checked while a run goes on: each claim, each commit, each exchange and each answer, where it passes between
//! the gateway and the world.

use jiff::SignedDuration;
use paifang_engine::ports::IncomingMessage;
use paifang_payment::attempt::{Attempt, Phase, State};
use paifang_payment::refund;
use paifang_payment::{AccountId, Basis, IntentId, OrderNo, Outcome, Verb};
use paifang_rail::{Answer, Subject};
use paifang_store::{Fence, InboxRow, Leased, PAGE_MAX, Store, WorkKey, WorkRow};

use crate::customer::row;
use crate::exec::locked;
use crate::universe::Universe;

/// More findings than this of one run are not kept.
const FOUND_MAX: usize = 20;

/// Nothing is given up sooner.
const SURRENDER_AFTER: SignedDuration = SignedDuration::from_hours(12);

/// A header that tells [`Universe::watch_answer`] what befell a reply; no adapter ever sees it.
pub const TAMPERED: &str = "X-Sim-Tampered";

impl Universe {
    /// Something is wrong.
    pub fn found(&self, what: String) {
        self.trace.note(format_args!("wrong: {what}"));
        let mut found = locked(&self.found);
        if found.len() < FOUND_MAX {
            found.push(what);
        }
    }

    /// All work as it is now.
    pub async fn all_work(&self) -> Vec<WorkRow> {
        self.store.scan_work(None, PAGE_MAX).await.unwrap_or_default()
    }

    /// I16: nobody claims what somebody else holds.
    /// I12: nothing that is due is passed over while there is room for it.
    pub fn watch_claims(&self, before: &[WorkRow], claimed: &[Leased], lane: Option<&AccountId>, max: usize) {
        let now = self.exec.now();
        let is_claimed = |row: &WorkRow| claimed.iter().any(|item| item.key == row.key);
        for row in before.iter().filter(|row| claimed.len() < max && row.lane.as_ref() == lane) {
            let free = row.leased_until.is_none_or(|until| until <= now) && row.quarantined.is_none();
            if free && row.due_at <= now && !is_claimed(row) {
                self.found(format!("I12: {} is due and was passed over", row.key.text()));
            }
        }
        for row in before {
            let held = row.leased_until.is_some_and(|until| until > now);
            if held && claimed.iter().any(|item| item.key == row.key) {
                self.found(format!("I16: {} is claimed while somebody holds it", row.key.text()));
            }
        }
    }

    /// I16: what was written under a claim was written while the claim held.
    pub fn watch_fence(&self, before: &[WorkRow], fence: &Fence) {
        let holds = before.iter().any(|row| row.key == fence.key && row.epoch == fence.epoch);
        if !holds {
            self.found(format!("I16: {} was written under a claim that was lost", fence.key.text()));
        }
    }

    /// I12: work is given to a person only after it was tried for half a day, or where the rail refused to take late money
    /// back.
    pub async fn watch_surrender(&self, key: &WorkKey, reason: &str) {
        let since = match key {
            WorkKey::Attempt { intent, attempt, .. } => {
                let row = row(self, *intent).await;
                row.and_then(|row| row.intent.attempt(*attempt).map(|known| known.terms.opened_at))
            }
            WorkKey::Refund { tenant, refund } => {
                let refund = self.store.refund(*tenant, *refund).await.ok().flatten();
                let failed = |refund: &refund::Refund| matches!(refund.state, refund::State::Failed { .. });
                if refund.as_ref().is_some_and(failed) {
                    return;
                }
                refund.map(|refund| refund.terms.opened_at)
            }
            WorkKey::Expiry { .. } => None,
        };
        if since.is_none_or(|since| self.exec.now().duration_since(since) < SURRENDER_AFTER) {
            self.found(format!("I12: {} was given to a person too soon: {reason}", key.text()));
        }
    }

    /// I6: `reserved + refunded <= captured <= authorized <= amount`, after each commit.
    pub async fn watch_amounts(&self, intent: IntentId) {
        let Some(row) = row(self, intent).await else { return };
        let amounts = &row.amounts;
        let out = amounts.reserved.minor_units() + amounts.refunded.minor_units();
        let (captured, authorized) = (amounts.captured.minor_units(), amounts.authorized.minor_units());
        if out > captured || captured > authorized || authorized > row.intent.terms.amount.minor_units() {
            self.found(format!("I6: {intent}: {amounts:?} of {}", row.intent.terms.amount));
        }
    }

    /// I1, I3: what moves money leaves only after it was written down that it may have left. A payer's code is charged in
    /// the call: what may have left once is asked about, and never sent again.
    pub async fn watch_sending(&self, account: &AccountId, verb: Verb, number: &str) {
        let Ok(number) = OrderNo::parse(number) else { return };
        if verb == Verb::Charge && locked(&self.left).contains(number.as_str()) {
            self.found(format!("I1: the payer's code of {number} is charged again, and nobody asked first"));
        }
        let written = match verb {
            Verb::Charge | Verb::Capture | Verb::Release => {
                let at = self.store.attempt_by_order(account, &number).await.ok().flatten();
                let row = match &at {
                    Some(at) => row(self, at.intent).await,
                    None => None,
                };
                let known = at.zip(row).and_then(|(at, row)| row.intent.attempt(at.attempt).cloned());
                if verb == Verb::Charge && known.as_ref().is_some_and(Attempt::is_synchronous) {
                    locked(&self.left).insert(number.as_str().to_owned());
                }
                known.is_some_and(|known| is_written(&known))
            }
            Verb::Refund => {
                let at = self.store.refund_by_number(account, &number).await.ok().flatten();
                let refund = match &at {
                    Some(at) => self.store.refund(at.tenant, at.refund).await.ok().flatten(),
                    None => None,
                };
                refund.iter().for_each(|refund| self.watch_short(refund));
                let unsent = |state: &refund::State| matches!(state, refund::State::Sending(sending) if sending.unsent);
                refund.is_some_and(|refund| !unsent(&refund.state))
            }
            Verb::Query
            | Verb::Close
            | Verb::Reverse
            | Verb::QueryReverse
            | Verb::QueryRefund
            | Verb::QueryCapture
            | Verb::QueryRelease => true,
        };
        if !written {
            self.found(format!("I3: {} {number} leaves, and nobody has written it down", verb.as_str()));
        }
    }

    /// I4: an answer that was tampered with proves nothing.
    pub fn watch_answer(&self, verb: Verb, tampered: &str, answer: &Answer) {
        let believed = match answer.outcome() {
            Some(Outcome::Refused(refusal)) => refusal.basis == Basis::Signed,
            Some(
                Outcome::Paid(_)
                | Outcome::Held(_)
                | Outcome::Refunded(_)
                | Outcome::Closed(_)
                | Outcome::Pending(_),
            ) => true,
            Some(Outcome::NotSent(_) | Outcome::Unknown(_)) | None => false,
        };
        if believed {
            let (verb, rule) = (verb.as_str(), answer.rule());
            self.found(format!("I4: an answer to {verb} is believed after {tampered}: {rule}"));
        }
    }

    /// I3: a notification that was acknowledged is kept.
    pub async fn watch_acknowledged(&self, account: &AccountId, key: &str, suspicious: bool) {
        let kept = self.store.inbox(account, PAGE_MAX).await.unwrap_or_default();
        // What does not fit, and that alone, is kept under a key that ends with the message's own.
        let wanted = if suspicious { format!(":{key}") } else { key.to_owned() };
        let is_kept = |row: &InboxRow| row.key == wanted || suspicious && row.key.ends_with(&wanted);
        if kept.len() < PAGE_MAX && !kept.iter().any(is_kept) {
            self.found(format!("I3: the notification {key} was acknowledged, and is not kept"));
        }
    }

    /// What deduplicates this message, where it is genuine and has to be kept; and the order and the rail's transaction
    /// where it tells of a payment of the right amount.
    pub fn news_of(
        &self,
        account: &AccountId,
        message: &IncomingMessage,
    ) -> Option<(String, Option<(String, String)>)> {
        let known = self.accounts.iter().find(|known| known.id == *account)?;
        let opened = known.open(message, self.exec.now()).ok()?.into_inner();
        let paid = match (&opened.subject, opened.outcome.plain()) {
            (Subject::Charge(number), Outcome::Paid(settled)) => {
                let fen = known.mock.book().into_iter().find(|entry| entry.order_no == number.as_str());
                let right = fen.is_some_and(|entry| entry.total_fen == settled.amount.minor_units());
                let rail_ref = settled.rail_ref.as_ref().filter(|_| right);
                rail_ref.map(|rail_ref| (number.to_string(), rail_ref.as_str().to_owned()))
            }
            (
                Subject::Charge(_)
                | Subject::Refund(_)
                | Subject::Reversal(_)
                | Subject::Capture(_)
                | Subject::Release(_),
                _,
            ) => None,
        };
        match opened.subject {
            Subject::Reversal(_) => None,
            Subject::Charge(_) | Subject::Refund(_) | Subject::Capture(_) | Subject::Release(_) => {
                Some((opened.key, paid))
            }
        }
    }
}

/// Whether it may have left by what is written: a creation always, unless it is proved that it did not leave.
fn is_written(attempt: &Attempt) -> bool {
    let unsent = |phase: &Phase| matches!(phase, Phase::Unsent { doubted: false });
    match &attempt.state {
        State::Sending(sending) => !sending.unsent,
        State::Capturing(capturing) => !unsent(&capturing.operation.phase),
        State::Releasing(releasing) => !unsent(&releasing.operation.phase),
        State::AwaitingPayer(_)
        | State::InDoubt(_)
        | State::Closing(_)
        | State::Held(_)
        | State::Paid(_)
        | State::Refused(_)
        | State::Closed(_)
        | State::Late(_) => true,
    }
}
