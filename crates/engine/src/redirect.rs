//! A refund that the payer's account did not take, and somebody who says where its money goes. The bank account is never
//! seen here: the caller seals and sends it, between [`Engine::redirecting`] and [`Engine::redirected`].

use paifang_boundary::Fields;
use paifang_payment::refund::Refund;
use paifang_payment::{AccountId, Digest, News, Observation, Outcome, RailRef, RefundId, TenantId, Verb};
use paifang_rail::{Answer, RefundOrder};
use paifang_store::{Batch, Committed, Store, StoreError, WorkKey};

use crate::claim::Came;
use crate::ports::{Environment, Rails, Transport, TransportError};
use crate::{Engine, Error};

/// A refund that waits for the decision.
#[derive(Debug, Clone)]
pub struct Redirectable {
    /// The rail account.
    pub account: AccountId,
    /// The refund as the rail knows it.
    pub order: RefundOrder,
    /// The rail's own number of it.
    pub rail_ref: RailRef,
    /// The refund's own 32 hex digits for the message.
    pub nonce: String,
    tenant: TenantId,
    id: RefundId,
}

/// What became of the decision.
#[derive(Debug)]
pub struct Redirected {
    /// The refund as it stands now.
    pub refund: Refund,
    /// Why it is not known whether the rail took the decision; the refund is being asked for. `None`: the rail has it.
    pub doubt: Option<String>,
}

/// Why there is nothing to decide. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RedirectError {
    /// No tenant has such a refund.
    #[error("refund_id: there is no such refund")]
    NotFound,
    /// It is not in want of a decision, or somebody has just decided.
    #[error("the refund is {state} and waits for no decision")]
    NotWaiting {
        /// Its state.
        state: &'static str,
    },
    /// Our own trouble.
    #[error("the gateway failed: {0}")]
    Failed(#[from] Error),
}

impl From<StoreError> for RedirectError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl<S: Store, R: Rails, T: Transport, E: Environment> Engine<S, R, T, E> {
    /// Looks up a refund of any tenant, for its operator, that waits for the decision.
    ///
    /// # Errors
    /// When there is no such refund, or it does not wait.
    pub async fn redirectable(&self, id: RefundId) -> Result<Redirectable, RedirectError> {
        let refund = self.waiting(id).await?;
        let state = refund.state.name();
        let (terms, rail_ref) = (&refund.terms, refund.rail_ref.clone());
        let mut order = self.refund_order(&refund).await?;
        let known = self.inner.accounts.get(&terms.account);
        order.reason.narrow(&known.map_or(Fields::NONE, |account| account.may_be_told(terms.tenant)));
        Ok(Redirectable {
            account: terms.account.clone(),
            order,
            rail_ref: rail_ref.ok_or(RedirectError::NotWaiting { state })?,
            nonce: terms.nonce.clone(),
            tenant: terms.tenant,
            id,
        })
    }

    /// Writes ahead that it is decided, before any byte leaves us: of two deciders one goes on, and the journal keeps by
    /// which `rule`. `told` is what crosses with it. The rail is asked soon whatever happens then, and may say that the refund waits again.
    ///
    /// # Errors
    /// When it does not wait any more.
    pub async fn redirecting(
        &self,
        decided: &Redirectable,
        rule: &str,
        told: Fields,
    ) -> Result<(), RedirectError> {
        let refund = self.waiting(decided.id).await?;
        let (expected, state, now) = (refund.version, refund.state.name(), self.now());
        let step = refund.decide(rule, now).ok_or(RedirectError::NotWaiting { state })?;
        let mut batch = Batch::new(decided.tenant, now);
        self.compose_refund(&mut batch, expected, &step, now);
        match self.commit(batch).await? {
            Committed::Done => {
                tracing::warn!(refund = %decided.id, account = %decided.account, rule, "an operator has decided");
                self.inner.egress.to_rail(&decided.account, told);
                let (tenant, account, order) = (decided.tenant, &decided.account, &decided.order.refund_no);
                tracing::info!(%tenant, %account, verb = "redirect", %order, fields = %told, "told a rail");
                self.inner.world.reached("redirect.written_ahead");
                Ok(())
            }
            Committed::Conflict => Err(RedirectError::NotWaiting { state }),
            refused => Err(Error::Broken(format!("a decision was refused: {refused:?}")).into()),
        }
    }

    /// Takes what came back, with the digest of its body. Where that is no word of the refund, the rail is asked at once.
    ///
    /// # Errors
    /// When the store does not answer; the timer asks the rail then.
    pub async fn redirected(
        &self,
        decided: &Redirectable,
        came: Result<(Answer, Digest), TransportError>,
    ) -> Result<Redirected, RedirectError> {
        let (tenant, refund) = (decided.tenant, decided.id);
        let doubt = match came {
            Ok((answer, carried)) => {
                let seen = answer.into_observation(Verb::QueryRefund, carried);
                self.observe_refund(tenant, refund, &seen, Came::default()).await?;
                doubt_of(&seen)
            }
            Err(error) => Some(format!("{error:?}")),
        };
        if doubt.is_some() {
            self.inner.store.hasten(&WorkKey::Refund { tenant, refund }).await?;
            self.inner.signals.committed(None);
        }
        let refund = self.inner.store.refund(tenant, refund).await?.ok_or(RedirectError::NotFound)?;
        Ok(Redirected { refund, doubt })
    }

    async fn waiting(&self, id: RefundId) -> Result<Refund, RedirectError> {
        let tenant = self.inner.store.refund_tenant(id).await?.ok_or(RedirectError::NotFound)?;
        let refund = self.inner.store.refund(tenant, id).await?.ok_or(RedirectError::NotFound)?;
        match refund.attention() {
            Some(_) => Ok(refund),
            None => Err(RedirectError::NotWaiting { state: refund.state.name() }),
        }
    }
}

/// Why the answer is no word of the refund.
fn doubt_of(seen: &Observation) -> Option<String> {
    match &seen.news {
        News::Outcome(Outcome::Pending(_) | Outcome::Refunded(_) | Outcome::Refused(_)) => None,
        News::Outcome(Outcome::Unknown(doubt)) => Some(format!("{doubt:?}")),
        News::Outcome(
            outcome @ (Outcome::Paid(_) | Outcome::Held(_) | Outcome::Closed(_) | Outcome::NotSent(_)),
        ) => Some(outcome.word().to_owned()),
        News::Absent => Some("absent".to_owned()),
    }
}
