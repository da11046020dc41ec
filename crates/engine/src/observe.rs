//! The one door for news: load, decide, commit, and act on what follows. In any order, any number of times.

use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use paifang_payment::attempt::{self, Attempt, Operation, Phase};
use paifang_payment::planted::{self, Defect};
use paifang_payment::{
    AttemptId, Doubt, Evidence, IntentId, News, NotSent, Observation, OrderNo, Outcome, RefundId, Source,
    TenantId, Verb, intent, refund,
};
use paifang_rail::PayerCode;
use paifang_store::{
    AttemptRef, Batch, Committed, Fence, InboxEntry, IntentRow, Store, SubmissionChange, WorkKey,
};

use crate::carry::{hold_call, operation_of, refund_order};
use crate::claim::{self, Came};
use crate::engine::CONFLICTS_MAX;
use crate::ports::{Environment, RailCall, Rails, Transport};
use crate::stray::{self, Strayed};
use crate::{Engine, Error};

/// What became of a piece of news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Observed {
    /// It changed something.
    News,
    /// It was known.
    Known,
    /// It contradicts what was ordered; kept, raised, without effect.
    Suspicious,
}

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// Takes news about an attempt. What has a number of its own is news of the capture or release that is under way under
    /// this very number only: a capture that was refused is over, whatever comes later.
    pub(crate) async fn observe(
        &self,
        at: &AttemptRef,
        seen: &Observation,
        came: Came<'_>,
    ) -> Result<Observed, Error> {
        let Came { number, inbox, mut claim } = came;
        let mut booked = false;
        for _ in 0..CONFLICTS_MAX {
            let row = self
                .inner
                .store
                .intent(at.tenant, at.intent)
                .await?
                .ok_or(Error::NotFound("payment intent"))?;
            let now = self.now();
            raise_mismatch(&row, at.attempt, seen);
            if number.is_some_and(|number| is_over(&row, at.attempt, number)) {
                let known = row.intent.attempt(at.attempt).zip(number);
                let stray = known.and_then(|(known, number)| stray::late_capture(known, number, seen));
                return match stray {
                    Some(stray) => {
                        self.book_stray(at.tenant, at.intent, Strayed::told(stray, seen, inbox)).await
                    }
                    None => self.keep(at.tenant, inbox, now, Observed::Known).await,
                };
            }
            // A second transaction may be told in any way, also by a late answer, or of an order that was reversed.
            let stray = row.intent.attempt(at.attempt).and_then(|known| stray::second_payment(known, seen));
            let step = match row.intent.clone().observe(at.attempt, seen, now, &self.inner.names) {
                // Whatever else follows from it comes after that.
                Ok(intent::Seen::News(step)) => match stray {
                    Some(stray) if !std::mem::replace(&mut booked, true) => {
                        self.book_stray(at.tenant, at.intent, Strayed::told(stray, seen, None)).await?;
                        continue;
                    }
                    Some(_) | None => step,
                },
                Ok(seen_as @ (intent::Seen::Known(_) | intent::Seen::Suspicious(_))) => {
                    return match (stray, seen_as) {
                        (Some(stray), _) => {
                            self.book_stray(at.tenant, at.intent, Strayed::told(stray, seen, inbox)).await
                        }
                        (None, intent::Seen::Suspicious(doubt)) => {
                            self.suspect(at.tenant, inbox, now, &doubt).await
                        }
                        (None, intent::Seen::Known(_) | intent::Seen::News(_)) => {
                            self.keep(at.tenant, inbox, now, Observed::Known).await
                        }
                    };
                }
                Err(error) => return Err(Error::Broken(error.to_string())),
            };
            let mut batch = self.compose(Some(&row), &step, now)?;
            self.inherit_submissions(&mut batch, &step).await?;
            (batch.inbox, batch.fence) = (inbox.clone(), claim.clone());
            let sends = Sends::of(&batch, &step);
            match self.commit(batch).await? {
                Committed::Done => {
                    self.inner.world.reached("observe.committed");
                    log_step(&row, &step, seen);
                    self.send_all(at.tenant, sends, None);
                    return Ok(Observed::News);
                }
                Committed::SeenBefore => return Ok(Observed::Known),
                Committed::Fenced if seen.outlives_its_claim() => claim = None,
                Committed::Fenced => {
                    claim::log_drop(&at.attempt.to_string(), seen);
                    return Ok(Observed::Known);
                }
                Committed::Conflict => {}
                refused => return Err(Error::Broken(format!("an observation was refused: {refused:?}"))),
            }
        }
        Err(Error::Busy)
    }

    /// Takes news about a refund.
    pub(crate) async fn observe_refund(
        &self,
        tenant: TenantId,
        id: RefundId,
        seen: &Observation,
        came: Came<'_>,
    ) -> Result<Observed, Error> {
        let Came { number: _, inbox, mut claim } = came;
        for _ in 0..CONFLICTS_MAX {
            let row = self.inner.store.refund(tenant, id).await?.ok_or(Error::NotFound("refund"))?;
            let (expected, from, now) = (row.version, row.state.name(), self.now());
            let (intent, stray) = (row.terms.intent, stray::late_refund(&row, seen));
            let work = stray::work_of(&row, now);
            let step = match row.observe(seen, now) {
                refund::Seen::News(step) => step,
                refund::Seen::Known(_) => return self.keep(tenant, inbox, now, Observed::Known).await,
                refund::Seen::Suspicious(doubt) => {
                    return match stray {
                        Some(stray) => {
                            let strayed = Strayed { work, ..Strayed::told(stray, seen, inbox) };
                            self.book_stray(tenant, intent, strayed).await
                        }
                        None => self.suspect(tenant, inbox, now, &doubt).await,
                    };
                }
            };
            let mut batch = Batch::new(tenant, now);
            self.compose_refund(&mut batch, expected, &step, now);
            (batch.inbox, batch.fence) = (inbox.clone(), claim.clone());
            match self.commit(batch).await? {
                Committed::Done => {
                    self.inner.world.reached("observe_refund.committed");
                    let (to, rule) = (step.refund.state.name(), &seen.evidence.rule);
                    tracing::info!(refund = %id, from, to, rule, "refund moved");
                    if let Some(attention) = step.refund.attention() {
                        let account = &step.refund.terms.account;
                        tracing::warn!(refund = %id, %account, %attention, "a refund waits until somebody decides where it goes");
                    }
                    return Ok(Observed::News);
                }
                Committed::SeenBefore => return Ok(Observed::Known),
                Committed::Fenced if seen.outlives_its_claim() => claim = None,
                Committed::Fenced => {
                    claim::log_drop(&id.to_string(), seen);
                    return Ok(Observed::Known);
                }
                Committed::Conflict => {}
                refused => return Err(Error::Broken(format!("an observation was refused: {refused:?}"))),
            }
        }
        Err(Error::Busy)
    }

    /// Keeps the notification that told nothing new.
    async fn keep(
        &self,
        tenant: TenantId,
        inbox: Option<InboxEntry>,
        now: Timestamp,
        observed: Observed,
    ) -> Result<Observed, Error> {
        if let Some(entry) = inbox {
            let batch = Batch { inbox: Some(entry), ..Batch::new(tenant, now) };
            match self.commit(batch).await? {
                Committed::Done | Committed::SeenBefore => {}
                refused => return Err(Error::Broken(format!("a notification was refused: {refused:?}"))),
            }
        }
        Ok(observed)
    }

    /// Keeps a notification that does not fit: no state and no money moves.
    pub(crate) async fn suspect(
        &self,
        tenant: TenantId,
        inbox: Option<InboxEntry>,
        now: Timestamp,
        doubt: &Doubt,
    ) -> Result<Observed, Error> {
        tracing::error!(?doubt, account = ?inbox.as_ref().map(|entry| &entry.account), "suspicious news");
        let inbox = inbox.map(|entry| entry.suspicious(format!("{doubt:?}")));
        self.keep(tenant, inbox, now, Observed::Suspicious).await
    }

    /// An automatic repeat of an attempt needs the payer's data of the one that it repeats.
    pub(crate) async fn inherit_submissions(
        &self,
        batch: &mut Batch,
        step: &intent::Step,
    ) -> Result<(), Error> {
        for id in &step.opened {
            let repeats = step.intent.attempt(*id).and_then(|attempt| attempt.terms.repeats);
            let Some(earlier) = repeats else { continue };
            if let Some(submission) = self.inner.store.submission(earlier).await? {
                batch.submissions.push(SubmissionChange::Put(*id, submission));
            }
        }
        Ok(())
    }

    /// Sends what a commit has written ahead, in tasks of their own: nobody's request is waited for.
    pub(crate) fn send_all(&self, tenant: TenantId, sends: Sends, payer_code: Option<PayerCode>) {
        for Sending { intent, attempt, opens } in sends.attempts {
            let at = AttemptRef { tenant, intent, attempt };
            let claim = opens.then(|| claim::opening(WorkKey::Attempt { tenant, intent, attempt }));
            let code = payer_code.clone().or_else(|| self.inner.codes.take(attempt, self.now()));
            let engine = self.clone();
            self.inner.world.spawn(async move { engine.send_attempt(at, code, claim).await }.boxed());
        }
        for refund in sends.refunds {
            let claim = claim::opening(WorkKey::Refund { tenant, refund });
            let engine = self.clone();
            self.inner.world.spawn(async move { engine.send_refund(tenant, refund, claim).await }.boxed());
        }
    }

    /// Sends an attempt that was written ahead and leased by this replica, and observes what comes back.
    /// Without a claim: a capture that a call of the storefront has written ahead; its own number fences it.
    pub(crate) async fn send_attempt(
        &self,
        at: AttemptRef,
        payer_code: Option<PayerCode>,
        claim: Option<Fence>,
    ) {
        if let Err(error) = self.try_send_attempt(&at, payer_code, claim).await {
            tracing::error!(attempt = %at.attempt, %error, "sending did not finish; what is open is asked for by the timer");
        }
    }

    async fn try_send_attempt(
        &self,
        at: &AttemptRef,
        payer_code: Option<PayerCode>,
        claim: Option<Fence>,
    ) -> Result<(), Error> {
        let row =
            self.inner.store.intent(at.tenant, at.intent).await?.ok_or(Error::NotFound("payment intent"))?;
        let missing = || Error::Broken(format!("{} is sent but not there", at.attempt));
        let attempt = row.intent.attempt(at.attempt).ok_or_else(missing)?;
        if let Some(operation) = operation_of(attempt) {
            return self.send_operation(at, &row.intent, attempt, operation, claim).await;
        }
        let ahead = matches!(&attempt.state, attempt::State::Sending(sending) if !sending.unsent);
        if !ahead && !planted::is(Defect::NoWriteAhead) {
            return Ok(());
        }
        self.inner.world.reached("charge.written_ahead");
        if attempt.is_synchronous() && payer_code.is_none() {
            let cause = NotSent::NotPlanned(attempt::PAYER_CODE_LOST.into());
            let news = News::Outcome(Outcome::NotSent(cause));
            let evidence = Evidence::plain(Source::Rule, "attempt.payer_code_lost");
            let seen = Observation { verb: Verb::Charge, news, attention: None, evidence };
            self.observe(at, &seen, Came::under(claim)).await?;
            return Ok(());
        }
        let call = self.charge_call(&row.intent, attempt, payer_code.clone()).await?;
        let mut seen = self.carry((at.tenant, &attempt.terms.account), call, &attempt.terms.nonce).await;
        for _ in 0..CODE_RESENDS {
            let lost = matches!(&seen.news, News::Outcome(Outcome::Unknown(_)));
            let safe = nothing_left_us(&seen) || lost && planted::is(Defect::ResendBlind);
            if !(attempt.is_synchronous() && safe) {
                break;
            }
            self.inner.world.sleep(CODE_RESEND_PAUSE).await;
            let call = self.charge_call(&row.intent, attempt, payer_code.clone()).await?;
            seen = self.carry((at.tenant, &attempt.terms.account), call, &attempt.terms.nonce).await;
        }
        self.observe(at, &seen, Came::under(claim)).await?;
        self.inner.world.reached("charge.observed");
        Ok(())
    }

    /// Sends a capture or release that was written ahead, and observes what comes back.
    async fn send_operation(
        &self,
        at: &AttemptRef,
        intent: &intent::Intent,
        attempt: &Attempt,
        operation: &Operation,
        claim: Option<Fence>,
    ) -> Result<(), Error> {
        if !matches!(operation.phase, Phase::Sending { .. }) {
            return Ok(());
        }
        let Some(call) = hold_call(intent, attempt, false) else { return Ok(()) };
        self.inner.world.reached("hold.written_ahead");
        let nonce = self.inner.names.nonce(&operation.number);
        let seen = self.carry((at.tenant, &attempt.terms.account), call, &nonce).await;
        let came = Came { number: Some(&operation.number), ..Came::under(claim) };
        self.observe(at, &seen, came).await?;
        self.inner.world.reached("hold.observed");
        Ok(())
    }

    /// Sends a refund that was written ahead and leased by this replica, and observes what comes back.
    pub(crate) async fn send_refund(&self, tenant: TenantId, id: RefundId, claim: Fence) {
        if let Err(error) = self.try_send_refund(tenant, id, claim).await {
            tracing::error!(refund = %id, %error, "sending did not finish; the timer will ask the rail");
        }
    }

    async fn try_send_refund(&self, tenant: TenantId, id: RefundId, claim: Fence) -> Result<(), Error> {
        let refund = self.inner.store.refund(tenant, id).await?.ok_or(Error::NotFound("refund"))?;
        if !matches!(&refund.state, refund::State::Sending(sending) if !sending.unsent) {
            return Ok(());
        }
        self.inner.world.reached("refund.written_ahead");
        let call = RailCall::Refund(self.refund_order(&refund).await?);
        let seen = self.carry((refund.terms.tenant, &refund.terms.account), call, &refund.terms.nonce).await;
        self.observe_refund(tenant, id, &seen, Came::under(Some(claim))).await?;
        self.inner.world.reached("refund.observed");
        Ok(())
    }

    pub(crate) async fn refund_order(
        &self,
        refund: &refund::Refund,
    ) -> Result<paifang_rail::RefundOrder, Error> {
        let terms = &refund.terms;
        let row = self.inner.store.intent(terms.tenant, terms.intent).await?;
        let row = row.ok_or(Error::NotFound("payment intent"))?;
        let missing = || Error::Broken(format!("{} refunds an attempt that is not there", terms.id));
        Ok(refund_order(refund, row.intent.attempt(terms.attempt).ok_or_else(missing)?))
    }
}

/// A payer's code lives in memory only, so only the task that holds it can send it again, and only while it is proven
/// that no byte has left us. The commit that wrote it ahead covers that.
const CODE_RESENDS: u32 = 3;
const CODE_RESEND_PAUSE: SignedDuration = SignedDuration::from_millis(500);

fn nothing_left_us(seen: &Observation) -> bool {
    matches!(&seen.news, News::Outcome(Outcome::NotSent(NotSent::NotConnected | NotSent::HeldBack)))
}

/// What a commit has written ahead and this replica now sends.
#[derive(Debug, Default)]
pub(crate) struct Sends {
    attempts: Vec<Sending>,
    refunds: Vec<RefundId>,
}

/// One attempt that is sent.
#[derive(Debug)]
struct Sending {
    intent: IntentId,
    attempt: AttemptId,
    /// The commit has opened it, and made its work.
    opens: bool,
}

impl Sends {
    /// The openings in an intent's step and in its batch.
    pub fn of(batch: &Batch, step: &intent::Step) -> Self {
        let intent = step.intent.terms.id;
        let opened = step.opened.iter().map(|attempt| Sending { intent, attempt: *attempt, opens: true });
        let attempts = opened.collect();
        Self { attempts, refunds: Self::of_refunds(batch).refunds }
    }

    /// One attempt that was open before: its capture.
    pub fn one(intent: IntentId, attempt: AttemptId) -> Self {
        Self { attempts: vec![Sending { intent, attempt, opens: false }], refunds: Vec::new() }
    }

    /// The refunds that a batch opens, but for those that wait for their turn or for funds.
    pub fn of_refunds(batch: &Batch) -> Self {
        let is_ready = |row: &refund::Refund| !row.terms.paced && row.short().is_none();
        let opened = batch.refunds.iter().filter(|write| write.expected == 0 && is_ready(&write.row));
        Self { attempts: Vec::new(), refunds: opened.map(|write| write.row.terms.id).collect() }
    }
}

/// Whether another capture, or none, is under way by now.
fn is_over(row: &IntentRow, attempt: AttemptId, number: &OrderNo) -> bool {
    let Some(known) = row.intent.attempt(attempt) else { return true };
    let current = operation_of(known).map(|operation| &operation.number).or(known.state.capture_no());
    current != Some(number)
}

/// A reply or query that tells of another amount is not believed, but somebody has to know.
fn raise_mismatch(row: &IntentRow, attempt: AttemptId, seen: &Observation) {
    let ordered = row.intent.attempt(attempt).map(|attempt| match &attempt.state {
        attempt::State::Capturing(capturing) => capturing.amount,
        _ => attempt.collected().unwrap_or(attempt.terms.amount),
    });
    if let News::Outcome(Outcome::Paid(settled) | Outcome::Held(settled)) = &seen.news
        && ordered.is_some_and(|ordered| ordered != settled.amount)
    {
        let rule = &seen.evidence.rule;
        tracing::error!(%attempt, rule, said = %settled.amount, ?ordered, "a rail tells of another amount");
    }
}

/// One line per transition.
fn log_step(before: &IntentRow, step: &intent::Step, seen: &Observation) {
    let (from, to) = (before.intent.state.name(), step.intent.state.name());
    let rule = &seen.evidence.rule;
    let news = seen.news.word();
    tracing::info!(payment = %step.intent.terms.id, from, to, news, rule, "payment moved");
}
