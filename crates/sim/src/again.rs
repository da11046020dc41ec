//! Rails that do a thing twice, or say that it has to be done again: F05 and F10.

use jiff::{SignedDuration, Timestamp};
use paifang_mock_rails::book::BookEntry;
use paifang_payment::attempt::{Attempt, CloseVerb, Closing, State};
use paifang_payment::{AccountId, OrderNo, Outcome, Settled, Verb};
use paifang_store::{IntentRow, Store};

use crate::customer::row;
use crate::exec::locked;
use crate::rails::SimAccount;
use crate::universe::Universe;

/// How long an answer may take from the wire into the books.
const WRITING: SignedDuration = SignedDuration::from_secs(60);

impl Universe {
    /// F05: the rail may forget that it has the payer's money, and take it once more.
    pub fn perhaps_charged_again(&self, account: &SimAccount, order_no: &str) {
        if !self.is_aimed_at(order_no)
            || self.swarm.charged_again == 0
            || !self.chaos()
            || !self.exec.happens(self.swarm.charged_again)
        {
            return;
        }
        account.bench.clock.set(self.exec.now());
        if let Ok(rail_ref) = account.mock.charge_again(order_no) {
            self.trace.fault("F05-charged-again", &format!("{order_no} as {rail_ref}"));
            self.strike(order_no, "F05-charged-again");
        }
    }

    /// Remembers the transaction that an answer tells of. Our books have to have it unless somebody dies, stands still or loses
    /// the store while it is written down: an answer comes once.
    pub fn told_by_answer(&self, order_no: &str, outcome: &Outcome) {
        let Outcome::Paid(Settled { rail_ref: Some(rail_ref), .. }) = outcome else { return };
        if self.exec.process().is_some_and(|process| self.is_cut_off(process)) {
            return;
        }
        let heard = (self.exec.now(), rail_ref.as_str().to_owned());
        locked(&self.heard).entry(order_no.to_owned()).or_default().push(heard);
    }

    /// The transactions of an order that answers told of while nothing was amiss.
    fn heard(&self, order_no: &str) -> Vec<String> {
        let written = |at: Timestamp| !self.trace.disturbed_within(at, WRITING);
        let heard = locked(&self.heard).get(order_no).cloned().unwrap_or_default();
        heard.into_iter().filter(|(at, _)| written(*at)).map(|(_, rail_ref)| rail_ref).collect()
    }

    /// What of a second transaction's money our books have to have, in fen: all of it where the rail has told us of both
    /// transactions, by a notice that we acknowledged or by an answer that nothing disturbed. Of the others only the rail's
    /// bill tells, and no bill is read here.
    pub async fn told_again(&self, account: &AccountId, entry: &BookEntry) -> i64 {
        let Some(again) = &entry.again else { return 0 };
        let mut told = locked(&self.told).get(&entry.order_no).cloned().unwrap_or_default();
        let noticed = told.len();
        told.extend(self.heard(&entry.order_no));
        if told.len() > noticed.max(1) {
            self.trace.cover("F05 second by answer".to_owned());
        }
        if let Some((row, attempt)) = self.attempt(account, &entry.order_no).await {
            told.extend(known_ref(&attempt));
            let journal = self.store.intent_journal(row.intent.terms.tenant, row.intent.terms.id).await;
            told.extend(
                journal
                    .unwrap_or_default()
                    .iter()
                    .filter_map(|entry| entry.fact.stray())
                    .map(|stray| stray.number.clone()),
            );
        }
        // Whatever else is booked for this order is no transaction of the rail.
        told.retain(|rail_ref| *rail_ref == again.rail_ref || Some(rail_ref) == entry.rail_ref.as_ref());
        let both = told.len() > 1;
        self.trace.cover(if both { "F05 both told" } else { "F05 one told" }.to_owned());
        if both { again.fen } else { 0 }
    }

    /// F10: whether the rail still answers every reverse of this order with "again".
    pub fn is_told_again(&self, (verb, order_no): &(Verb, String)) -> bool {
        let until = locked(&self.again).get(order_no).copied();
        *verb == Verb::Reverse && until.is_some_and(|until| self.exec.now() < until)
    }

    /// F10: whether the rail ever answered a reverse of this order so.
    pub fn is_told_again_at_all(&self, order_no: &str) -> bool {
        locked(&self.again).contains_key(order_no)
    }

    /// From its first time on, for minutes.
    pub fn tell_again(&self, order_no: &str) {
        let minutes = self.exec.draw(|chance| chance.i64(1..=12));
        let until = self.exec.now().saturating_add(SignedDuration::from_mins(minutes));
        let until = until.unwrap_or(self.exec.now());
        locked(&self.again).entry(order_no.to_owned()).or_insert(until);
    }

    /// Whether the order is closing as things stand: nothing of it is in our books yet, although the rail may have its money.
    pub async fn is_closing(&self, account: &AccountId, order_no: &str) -> bool {
        let known = self.attempt(account, order_no).await;
        known.is_some_and(|(_, attempt)| matches!(attempt.state, State::Closing(_)))
    }

    /// Whether it is being reversed as things stand.
    pub async fn is_reversing(&self, account: &AccountId, order_no: &str) -> bool {
        let known = self.attempt(account, order_no).await;
        known.is_some_and(|(_, attempt)| {
            matches!(attempt.state, State::Closing(Closing { verb: CloseVerb::Reverse, .. }))
        })
    }

    /// The attempt that has this number, and its intent.
    pub async fn attempt(&self, account: &AccountId, order_no: &str) -> Option<(IntentRow, Attempt)> {
        let number = OrderNo::parse(order_no).ok()?;
        let at = self.store.attempt_by_order(account, &number).await.ok().flatten()?;
        let row = row(self, at.intent).await?;
        let attempt = row.intent.attempt(at.attempt).cloned()?;
        Some((row, attempt))
    }
}

/// The rail's number of the payment that our row knows.
fn known_ref(attempt: &Attempt) -> Option<String> {
    let known = attempt.state.settled().map_or(&attempt.rail_ref, |settled| &settled.rail_ref);
    known.as_ref().map(|rail_ref| rail_ref.as_str().to_owned())
}
