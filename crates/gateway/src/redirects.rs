//! Sends the money of refunds elsewhere that the payers' accounts did not take, for operators. What is secret is planned
//! and sent once, and neither kept nor logged.

use paifang_engine::ports::Transport;
use paifang_engine::{RedirectError, Redirectable, Redirected};
use paifang_payment::{Digest, RefundId};
use paifang_rail::{PlanError, RedirectedRefund, RefundDestination};
use paifang_store::Store;
use ring::digest::{SHA256, digest};
use tokio_util::task::TaskTracker;

use crate::core::Over;
use crate::outbound::RailTransport;
use crate::rails::LocalRails;

/// What it needs.
pub(crate) struct Redirecting<S> {
    engine: Over<S>,
    rails: LocalRails,
    transport: RailTransport,
    tasks: TaskTracker,
}

/// Why nothing was sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotRedirected {
    /// There is nothing to decide.
    #[error(transparent)]
    Refund(#[from] RedirectError),
    /// The rail does not let it go elsewhere, or a value or key does not do.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Our own trouble, after which it is not known whether it was sent; the rail is asked.
    #[error("the gateway failed; read the refund before deciding again")]
    Panicked,
}

impl<S> Clone for Redirecting<S> {
    fn clone(&self) -> Self {
        let Self { engine, rails, transport, tasks } = self;
        let (engine, rails, transport) = (engine.clone(), rails.clone(), transport.clone());
        Self { engine, rails, transport, tasks: tasks.clone() }
    }
}

impl<S: Store> Redirecting<S> {
    pub(crate) fn new(
        engine: Over<S>,
        rails: LocalRails,
        transport: RailTransport,
        tasks: TaskTracker,
    ) -> Self {
        Self { engine, rails, transport, tasks }
    }

    /// Tells the rail where the money of a waiting refund goes, and takes its answer.
    ///
    /// # Errors
    /// When nothing was sent; an answer that says nothing is no error, see [`Redirected::doubt`].
    pub(crate) async fn redirect(
        &self,
        refund: RefundId,
        to: RefundDestination,
    ) -> Result<Redirected, NotRedirected> {
        let rule = match &to {
            RefundDestination::PayerCard(_) => "refund.redirected_to_payer_card",
            RefundDestination::MerchantCard => "refund.redirected_to_merchant_card",
        };
        let waiting = self.engine.redirectable(refund).await?;
        let (order, rail_ref) = (waiting.order.clone(), waiting.rail_ref.clone());
        let decision = RedirectedRefund { refund: order, rail_ref, to };
        // Planned before it is written ahead: a mistyped bank costs nothing and waits for nobody.
        let now = self.engine.now();
        let (exchange, told) =
            self.rails.plan_redirect(&waiting.account, decision, &waiting.nonce, now).await?;
        self.engine.redirecting(&waiting, rule, told).await?;
        let sent = self.clone();
        // In a task of its own: an operator who hangs up does not stop what has begun.
        let done = self.tasks.spawn(async move { sent.carry(&waiting, exchange).await });
        Ok(done.await.map_err(|_| NotRedirected::Panicked)??)
    }

    async fn carry(
        &self,
        waiting: &Redirectable,
        exchange: paifang_rail::Exchange,
    ) -> Result<Redirected, RedirectError> {
        let came = match self.transport.exchange(&waiting.account, exchange).await {
            Ok(reply) => {
                let mut carried = [0; 32];
                carried.copy_from_slice(digest(&SHA256, &reply.body).as_ref());
                let (order, now) = (waiting.order.clone(), self.engine.now());
                let read = self.rails.read_redirect(&waiting.account, order, &waiting.nonce, reply, now);
                Ok((read.await, Digest(carried)))
            }
            Err(error) => Err(error),
        };
        self.engine.redirected(waiting, came).await
    }
}
