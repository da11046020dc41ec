//! Messages from rails: verify, bind, observe, and only then acknowledge.

use futures::FutureExt;
use paifang_payment::planted::{self, Defect};
use paifang_payment::{
    AccountId, Digest, Doubt, News, Observation, OrderNo, Outcome, Source, TenantId, Verb, refund,
};
use paifang_rail::{Claims, NamedPayment, Notification, NotificationError, Subject, Verdict};
use paifang_store::{AttemptRef, InboxEntry, InboxVerdict, RefundRef, Store, WorkKey};

use crate::carry::sha256;
use crate::claim::Came;
use crate::observe::Observed;
use crate::ports::{Environment, IncomingMessage, RailCall, Rails, Transport};
use crate::{Engine, Error};

/// What became of a message, for metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notified {
    /// It changed something.
    News,
    /// It was known.
    Known,
    /// Genuine, but it does not fit: kept, raised, without effect.
    Suspicious,
    /// Genuine, but no such order is known here.
    Orphan,
    /// Not believed; without any effect.
    Rejected(NotificationError),
    /// Genuine, but the rail that was asked what it means does not say: not kept, so that it comes again.
    Unclear,
    /// Our store did not answer.
    Failed,
}

impl Notified {
    /// What the rail is told.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::News | Self::Known | Self::Suspicious => Verdict::Kept,
            Self::Orphan => Verdict::Orphan,
            Self::Rejected(_) => Verdict::Rejected,
            Self::Unclear | Self::Failed => Verdict::TryLater,
        }
    }

    /// One word for metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::News => "news",
            Self::Known => "known",
            Self::Suspicious => "suspicious",
            Self::Orphan => "orphan",
            Self::Rejected(error) => error.word(),
            Self::Unclear => "unclear",
            Self::Failed => "failed",
        }
    }
}

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// Takes a message that came in for this account. Fails closed: whatever is not certain has no effect (S14).
    pub async fn notified(&self, account: &AccountId, message: &IncomingMessage) -> Notified {
        let opened = self.inner.rails.open_notification(account, message, self.now()).await;
        let notification = match opened {
            Ok(verified) => verified.into_inner(),
            Err(error) => return Notified::Rejected(error),
        };
        self.inner.world.reached("notify.verified");
        let carried = sha256(&message.body);
        if planted::is(Defect::AckBeforeCommit) {
            let (engine, account) = (self.clone(), account.clone());
            let later = async move { drop(engine.take(&account, notification, carried).await) };
            self.inner.world.spawn(later.boxed());
            return Notified::Known;
        }
        let notified = self.take(account, notification, carried).await.unwrap_or_else(|error| {
            tracing::error!(%account, %error, "a notification was not kept");
            Notified::Failed
        });
        self.inner.world.reached("notify.committed");
        notified
    }

    /// `carried` is the digest of the whole message, for what rests on no signature of its own.
    async fn take(
        &self,
        account: &AccountId,
        notification: Notification,
        carried: Digest,
    ) -> Result<Notified, Error> {
        let Notification { key, subject, claims, refund_of, outcome, rule } = notification;
        let observed = |verb| {
            let seen = outcome.into_observation(verb, Source::Notification, carried, rule);
            let digest = seen.evidence.digest.unwrap_or(carried);
            let inbox = InboxEntry { account: account.clone(), key, verdict: InboxVerdict::Applied, digest };
            (seen, inbox)
        };
        match subject {
            Subject::Charge(number) | Subject::Capture(number) | Subject::Release(number) => {
                let Some(at) = self.inner.store.attempt_by_order(account, &number).await? else {
                    return Ok(self.orphan(account));
                };
                let verb = self.asked_by(&at, &number).await?;
                let (seen, inbox) = observed(verb);
                if !self.admits(account, &claims)? {
                    return self.misaddressed(at.tenant, inbox).await;
                }
                let number = Some(&number).filter(|_| verb != Verb::Query);
                let came = Came { number, ..Came::by(inbox) };
                let observed = self.observe(&at, &seen, came).await?;
                if observed == Observed::Suspicious || leaves_it_open(&seen) {
                    self.hasten_attempt(&at).await?;
                }
                Ok(observed.into())
            }
            Subject::Refund(refund_no) => {
                let (seen, inbox) = observed(Verb::QueryRefund);
                let Some(at) = self.inner.store.refund_by_number(account, &refund_no).await? else {
                    return Ok(self.orphan(account));
                };
                if !self.admits(account, &claims)? {
                    return self.misaddressed(at.tenant, inbox).await;
                }
                if !self.is_made_of(&at, refund_of.as_ref()).await? {
                    return self.doubted(at.tenant, inbox, "the refunded payment").await;
                }
                if leaves_it_open(&seen) && !self.is_clear(&at, &inbox).await? {
                    return Ok(Notified::Unclear);
                }
                let observed = self.observe_refund(at.tenant, at.refund, &seen, Came::by(inbox)).await?;
                self.inner.store.hasten(&WorkKey::Refund { tenant: at.tenant, refund: at.refund }).await?;
                Ok(observed.into())
            }
            // A reverse is followed by its own query, which the timer asks anyway: nothing is lost here.
            Subject::Reversal(_) => Ok(Notified::Known),
        }
    }

    /// Nobody asks about a refund any more that has failed. A rail that tells of it all the same, and not how it ended, may
    /// have carried it out: it is asked. Until it has answered that, its message is not kept and comes again, whatever
    /// becomes of this process; once it is kept, nothing is asked, however often it comes.
    async fn is_clear(&self, at: &RefundRef, told: &InboxEntry) -> Result<bool, Error> {
        let (store, id) = (&self.inner.store, at.refund);
        let refund = store.refund(at.tenant, id).await?.ok_or(Error::NotFound("refund"))?;
        let has_failed = matches!(refund.state, refund::State::Failed { .. });
        if !has_failed || store.is_kept(&told.account, &told.key).await? {
            return Ok(true);
        }
        let call = RailCall::QueryRefund(self.refund_order(&refund).await?);
        let seen = self.carry((refund.terms.tenant, &refund.terms.account), call, &refund.terms.nonce).await;
        self.observe_refund(at.tenant, id, &seen, Came::default()).await?;
        let is_clear = !leaves_it_open(&seen);
        if !is_clear {
            let account = &refund.terms.account;
            tracing::error!(refund = %id, %account, rule = seen.evidence.rule, "a rail tells of a refund that has failed, and does not say how it ended; it is asked again when it tells again");
        }
        Ok(is_clear)
    }

    /// Which question a message about this number answers. The number decides, not the kind of message: some rails tell of
    /// a capture as of any other trade.
    async fn asked_by(&self, at: &AttemptRef, number: &OrderNo) -> Result<Verb, Error> {
        let row = self.inner.store.intent(at.tenant, at.intent).await?;
        let terms = row.as_ref().and_then(|row| row.intent.attempt(at.attempt)).map(|known| &known.terms);
        let terms =
            terms.ok_or_else(|| Error::Broken(format!("{} has a number but is not there", at.attempt)))?;
        let release_no = terms.hold.as_ref().map(|hold| &hold.release_no);
        Ok(match (*number == terms.order_no, Some(number) == release_no) {
            (true, _) => Verb::Query,
            (false, true) => Verb::QueryRelease,
            (false, false) => Verb::QueryCapture,
        })
    }

    fn admits(&self, account: &AccountId, claims: &Claims) -> Result<bool, Error> {
        Ok(self.account(account)?.identity.admits(claims))
    }

    /// Whether the payment that a refund's news names is the one that the refund was made of.
    async fn is_made_of(&self, at: &RefundRef, named: Option<&NamedPayment>) -> Result<bool, Error> {
        let Some(NamedPayment { order_no, rail_ref }) = named else { return Ok(true) };
        let refund = self.inner.store.refund(at.tenant, at.refund).await?.ok_or(Error::NotFound("refund"))?;
        let paid = self.refund_order(&refund).await?.order;
        Ok(paid.order_no == *order_no && paid.rail_ref.is_none_or(|known| known == *rail_ref))
    }

    async fn misaddressed(&self, tenant: TenantId, inbox: InboxEntry) -> Result<Notified, Error> {
        self.doubted(tenant, inbox, "merchant or app").await
    }

    /// Kept as one that names something else than what it is about.
    async fn doubted(&self, tenant: TenantId, inbox: InboxEntry, what: &str) -> Result<Notified, Error> {
        let doubt = Doubt::Mismatch(what.into());
        Ok(self.suspect(tenant, Some(inbox), self.now(), &doubt).await?.into())
    }

    fn orphan(&self, account: &AccountId) -> Notified {
        tracing::warn!(%account, "a genuine notification for an order that is not known here");
        Notified::Orphan
    }

    /// A message that leaves the matter open, or does not fit, is a good moment to ask.
    async fn hasten_attempt(&self, at: &AttemptRef) -> Result<(), Error> {
        let (tenant, intent, attempt) = (at.tenant, at.intent, at.attempt);
        Ok(self.inner.store.hasten(&WorkKey::Attempt { tenant, intent, attempt }).await?)
    }

    /// The payer's browser came back from a rail. Proves nothing and changes nothing; it is only a good moment to ask.
    /// Answers where the payer goes.
    pub async fn returned(
        &self,
        account: &AccountId,
        order_no: &paifang_payment::OrderNo,
    ) -> Result<Option<String>, Error> {
        let Some(at) = self.inner.store.attempt_by_order(account, order_no).await? else { return Ok(None) };
        let (tenant, intent, attempt) = (at.tenant, at.intent, at.attempt);
        let row = self.inner.store.intent(tenant, intent).await?;
        let Some(known) = row.as_ref().and_then(|row| row.intent.attempt(attempt)) else { return Ok(None) };
        if known.is_live() {
            self.inner.store.hasten(&WorkKey::Attempt { tenant, intent, attempt }).await?;
            self.inner.signals.committed(None);
        }
        Ok(known.terms.return_url.clone())
    }
}

fn leaves_it_open(seen: &Observation) -> bool {
    match &seen.news {
        News::Absent => true,
        News::Outcome(outcome) => {
            matches!(outcome, Outcome::Pending(_) | Outcome::Unknown(_) | Outcome::NotSent(_))
        }
    }
}

impl From<Observed> for Notified {
    fn from(observed: Observed) -> Self {
        match observed {
            Observed::News => Self::News,
            Observed::Known => Self::Known,
            Observed::Suspicious => Self::Suspicious,
        }
    }
}
