//! A fresh store with a hand and a clock: what every test of the suite works at.

use paifang_money::PositiveMoney;
use paifang_payment::attempt::Attempt;
use paifang_payment::intent::{Intent, Seen};
use paifang_payment::refund::{self, Refund};
use paifang_payment::{
    AttemptId, Basis, IntentId, News, Observation, Outcome, Pending, Reason, RefundId, Refusal, Settled, Verb,
};
use paifang_store::{Batch, Committed, IntentRow, Store, StoreError, fsck};

use super::Bench;
use crate::clock::HandClock;
use crate::dump::dump;
use crate::hand::{Hand, account, seen};

/// A store, a clock and a hand.
#[derive(Debug)]
pub struct Desk<S> {
    /// The store under test.
    pub store: S,
    /// The store's clock.
    pub clock: HandClock,
    /// Writes for the first tenant.
    pub hand: Hand,
}

impl<S: Store> Desk<S> {
    /// Over a fresh store.
    pub async fn new(bench: &impl Bench<Store = S>) -> Self {
        let clock = HandClock::new();
        let store = bench.open(&clock).await;
        let hand = Hand::new(1, &clock);
        Self { store, clock, hand }
    }

    /// Commits a batch that must be taken.
    pub async fn done(&self, batch: Batch) {
        let answer = self.store.commit(batch).await.expect("the store works");
        assert_eq!(answer, Committed::Done);
    }

    /// Commits a batch that must be answered like this and change nothing (I18).
    pub async fn refused(&self, batch: Batch, wanted: Committed) {
        let before = self.dump().await;
        let answer = self.store.commit(batch).await.expect("the store works");
        assert_eq!(answer, wanted);
        assert_eq!(self.dump().await, before, "a refused batch left a trace");
    }

    /// Commits a batch that breaks a rule and must change nothing (I18).
    pub async fn broken(&self, batch: Batch) {
        let before = self.dump().await;
        let answer = self.store.commit(batch).await;
        assert!(matches!(answer, Err(StoreError::Broken(_))), "{answer:?}");
        assert_eq!(self.dump().await, before, "a refused batch left a trace");
    }

    /// Commits a batch that would overdraw an account with a bound, and must change nothing.
    pub async fn overdrawn(&self, batch: Batch) {
        let before = self.dump().await;
        let answer = self.store.commit(batch).await.expect("the store works");
        assert_eq!(answer, Committed::GuardFailed);
        assert_eq!(self.dump().await, before, "a refused batch left a trace");
    }

    /// Everything in the store.
    pub async fn dump(&self) -> Vec<String> {
        let intents = self.store.scan_intents(None, 200).await.expect("the store works");
        let attempts: Vec<AttemptId> = intents
            .iter()
            .flat_map(|row| row.intent.attempts.iter().map(|attempt| attempt.terms.id))
            .collect();
        let accounts = [account("alipay-main"), account("wechatpay-main")];
        dump(&self.store, &accounts, &attempts).await.expect("the store works")
    }

    /// `fsck` finds nothing.
    pub async fn clean(&self) {
        let report = fsck::run(&self.store).await.expect("the store works");
        assert!(report.is_clean(), "{:#?}", report.findings);
    }

    /// The same where the test's rules are no story that an engine would write.
    pub async fn clean_but_for_rules(&self) {
        let report = fsck::run(&self.store).await.expect("the store works");
        let of_rules =
            |finding: &String| finding.starts_with("rules of ") || finding.starts_with("decision ");
        let others: Vec<_> = report.findings.into_iter().filter(|finding| !of_rules(finding)).collect();
        assert!(others.is_empty(), "{others:#?}");
    }

    /// Creates an intent with one QR attempt; answers it as it was read back.
    pub async fn create(&self, amount: PositiveMoney) -> IntentRow {
        let batch = self.hand.create(amount, Some(self.hand.qr(amount)));
        let id = intent_of(&batch);
        self.done(batch).await;
        self.read(id).await
    }

    /// An intent whose one attempt was paid.
    pub async fn paid(&self, amount: PositiveMoney) -> IntentRow {
        let row = self.create(amount).await;
        let batch = self.news(&row, attempt(&row).terms.id, &paid(amount));
        self.done(batch).await;
        self.read(row.intent.terms.id).await
    }

    /// An intent as it is now.
    pub async fn read(&self, id: IntentId) -> IntentRow {
        let row = self.store.intent(self.hand.tenant(), id).await.expect("the store works");
        row.expect("the intent is there")
    }

    /// A refund as it is now.
    pub async fn refund(&self, id: RefundId) -> Refund {
        let refund = self.store.refund(self.hand.tenant(), id).await.expect("the store works");
        refund.expect("the refund is there")
    }

    /// The batch of news that has to be news.
    pub fn news(&self, row: &IntentRow, attempt: AttemptId, news: &Observation) -> Batch {
        match row.intent.clone().observe(attempt, news, self.hand.now(), &self.hand) {
            Ok(Seen::News(step)) => self.hand.step_of(row, *step),
            other => panic!("not news: {other:?}"),
        }
    }

    /// The batch of news about a refund that has to be news.
    pub fn refund_news(&self, refund: &Refund, news: &Observation) -> Batch {
        match refund.clone().observe(news, self.hand.now()) {
            refund::Seen::News(step) => self.hand.refund_step(refund.version, *step),
            other => panic!("not news: {other:?}"),
        }
    }
}

/// The intent's only attempt so far, or its first.
pub fn attempt(row: &IntentRow) -> &Attempt {
    row.intent.attempts.first().expect("the test opened an attempt")
}

/// The intent that a batch writes.
pub fn intent_of(batch: &Batch) -> IntentId {
    intent_in(batch).terms.id
}

/// The intent's row in a batch.
pub fn intent_in(batch: &Batch) -> &Intent {
    &batch.intent.as_ref().expect("the batch writes an intent").row
}

/// The refund that a batch opens.
pub fn refund_of(batch: &Batch) -> RefundId {
    batch.refunds.first().expect("the batch writes a refund").row.terms.id
}

/// A query finds the order paid.
pub fn paid(amount: PositiveMoney) -> Observation {
    seen(Verb::Query, News::Outcome(Outcome::Paid(settled(amount))))
}

/// A query finds the refund done.
pub fn returned(amount: PositiveMoney) -> Observation {
    seen(Verb::QueryRefund, News::Outcome(Outcome::Refunded(settled(amount))))
}

/// A rail's signed no.
pub fn refused() -> News {
    let reason = Reason::parse("hold_not_capturable").expect("a literal in the alphabet");
    let (rail_code, rail_message) = ("NO".to_owned(), "no".to_owned());
    News::Outcome(Outcome::Refused(Refusal { reason, rail_code, rail_message, basis: Basis::Signed }))
}

/// The rail has it.
pub fn pending(verb: Verb) -> Observation {
    let next_action = None;
    seen(verb, News::Outcome(Outcome::Pending(Pending { next_action, rail_ref: None })))
}

fn settled(amount: PositiveMoney) -> Settled {
    Settled { amount, rail_ref: None, settled_at: None }
}
