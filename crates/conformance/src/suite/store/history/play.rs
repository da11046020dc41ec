//! Two stores side by side.

use std::fmt::Debug;

use jiff::SignedDuration;
use paifang_payment::{AttemptId, IntentId, RefundId};
use paifang_store::{Batch, Committed, Leased, ModelStore, Store, StoreError, WorkKey, fsck};
use proptest::test_runner::TestCaseError;

use super::Dice;
use super::steps::{Step, choose};
use crate::clock::HandClock;
use crate::dump::dump;
use crate::hand::{Hand, account};

/// The model, the store under test, and what has happened so far.
pub(super) struct Pair<S> {
    pub model: ModelStore,
    pub real: S,
    pub clock: HandClock,
    pub hands: [Hand; 2],
    /// Intents with the number of their hand.
    pub intents: Vec<(usize, IntentId)>,
    pub refunds: Vec<(usize, RefundId)>,
    pub claims: Vec<(usize, Leased)>,
    pub keys: Vec<WorkKey>,
    /// Batches that were taken.
    pub taken: Vec<Batch>,
}

/// The rail accounts of a history.
pub(super) const ACCOUNTS: [&str; 2] = ["alipay-main", "wechatpay-main"];

impl<S: Store> Pair<S> {
    pub fn new(model: ModelStore, real: S, clock: HandClock) -> Self {
        let hands = [Hand::new(1, &clock), Hand::new(2, &clock)];
        let (intents, refunds, claims) = (Vec::new(), Vec::new(), Vec::new());
        Self { model, real, clock, hands, intents, refunds, claims, keys: Vec::new(), taken: Vec::new() }
    }

    /// Rolls on by one step; a step that makes no sense here does nothing.
    pub async fn step(&mut self, dice: Dice) -> Result<(), TestCaseError> {
        match choose(self, dice).await {
            None => Ok(()),
            Some(Step::Pass(time)) => {
                self.clock.advance(time);
                Ok(())
            }
            Some(Step::Commit(batch)) => self.commit(*batch).await,
            Some(Step::Claim(lane, max)) => self.claim(lane, max).await,
            Some(Step::Hasten(key)) => {
                let (one, other) = (self.model.hasten(&key).await, self.real.hasten(&key).await);
                same("hasten", one.is_ok(), other.is_ok())
            }
        }
    }

    async fn commit(&mut self, batch: Batch) -> Result<(), TestCaseError> {
        let one = self.model.commit(batch.clone()).await;
        let other = self.real.commit(batch.clone()).await;
        if verdict(&one) != verdict(&other) {
            return Err(TestCaseError::fail(format!("{one:?} and {other:?} to {batch:#?}")));
        }
        if matches!(one, Ok(Committed::Done)) {
            self.remember(batch);
        }
        Ok(())
    }

    fn remember(&mut self, batch: Batch) {
        let number = self.hands.iter().position(|hand| hand.tenant() == batch.tenant).unwrap_or(0);
        if let Some(write) = batch.intent.iter().find(|write| write.expected == 0) {
            self.intents.push((number, write.row.terms.id));
        }
        let opened = batch.refunds.iter().filter(|write| write.expected == 0);
        self.refunds.extend(opened.map(|write| (number, write.row.terms.id)));
        self.keys.extend(batch.work.iter().map(|change| change.key().clone()));
        self.taken.push(batch);
    }

    async fn claim(&mut self, lane: Option<&'static str>, max: usize) -> Result<(), TestCaseError> {
        let lane = lane.map(account);
        let time = SignedDuration::from_secs(30);
        let one = self.model.lease_due(lane.as_ref(), max, "worker", time).await;
        let other = self.real.lease_due(lane.as_ref(), max, "worker", time).await;
        let (Ok(one), Ok(other)) = (one, other) else {
            return Err(TestCaseError::fail("a store did not answer"));
        };
        for claim in &one {
            let tenant = claim.key.tenant();
            let number = self.hands.iter().position(|hand| hand.tenant() == tenant).unwrap_or(0);
            self.claims.push((number, claim.clone()));
        }
        same("claims", one, other)
    }

    /// Everything that the two show.
    pub async fn compare(&self) -> Result<(), TestCaseError> {
        let accounts = ACCOUNTS.map(account);
        let attempts = self.attempts();
        let one = dump(&self.model, &accounts, &attempts).await.map_err(failed)?;
        let other = dump(&self.real, &accounts, &attempts).await.map_err(failed)?;
        for (one, other) in one.iter().zip(&other) {
            same("a row", one, other)?;
        }
        same("the number of rows", one.len(), other.len())?;
        for request in
            self.taken.iter().filter_map(|batch| batch.request.as_ref().map(|key| (batch.tenant, key)))
        {
            let (tenant, key) = request;
            let one = self.model.request(tenant, key.operation, &key.request_id).await.map_err(failed)?;
            let other = self.real.request(tenant, key.operation, &key.request_id).await.map_err(failed)?;
            same("a request", one, other)?;
        }
        Ok(())
    }

    /// Whether `fsck` finds nothing in either.
    pub async fn fsck(&self) -> Result<(), TestCaseError> {
        let one = fsck::run(&self.model).await.map_err(failed)?;
        let other = fsck::run(&self.real).await.map_err(failed)?;
        same("findings", &one.findings, &Vec::new())?;
        same("reports", one, other)
    }

    fn attempts(&self) -> Vec<AttemptId> {
        let written = self.taken.iter().filter_map(|batch| batch.intent.as_ref());
        let mut all: Vec<_> =
            written.flat_map(|write| write.row.attempts.iter().map(|attempt| attempt.terms.id)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

fn same<T: PartialEq + Debug>(what: &str, one: T, other: T) -> Result<(), TestCaseError> {
    if one == other { Ok(()) } else { Err(TestCaseError::fail(format!("{what}: {one:#?} and {other:#?}"))) }
}

/// Texts of errors may differ, their kind may not.
fn verdict(answer: &Result<Committed, StoreError>) -> Result<Committed, &'static str> {
    match answer {
        Ok(committed) => Ok(committed.clone()),
        Err(StoreError::Unavailable(_)) => Err("unavailable"),
        Err(StoreError::CommitUnknown(_)) => Err("unknown"),
        Err(StoreError::Damaged(_)) => Err("damaged"),
        Err(StoreError::Broken(_)) => Err("broken"),
    }
}

fn failed(error: StoreError) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}
