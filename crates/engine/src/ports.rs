//! What the engine needs of the world.

use std::future::Future;
use std::sync::Arc;

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use paifang_boundary::Fields;
use paifang_payment::{AccountId, NotSent};
use paifang_rail::{
    Answer, Call, CaptureOrder, Charge, Exchange, HttpReply, Notification, NotificationError, Order, Plan,
    PlanError, RefundOrder, ReleaseOrder, Reply, Reversal, Verdict, Verified,
};

/// Time, chance, tasks, and places where a test may end the process.
pub trait Environment: Send + Sync + 'static {
    /// The time. Leases never use it: they run on the store's clock.
    fn now(&self) -> Timestamp;

    /// Fills with unguessable bytes.
    fn entropy(&self, bytes: &mut [u8]);

    /// Runs a task beside the caller; it outlives the caller's future.
    fn spawn(&self, task: BoxFuture<'static, ()>);

    /// Waits.
    fn sleep(&self, time: SignedDuration) -> BoxFuture<'static, ()>;

    /// A named point between two steps that must survive the end of the process. Does nothing in production.
    fn reached(&self, point: &'static str);
}

/// The adapters of all configured accounts, behind an asynchronous door: an adapter of this process runs on a bounded
/// pool, because a signature costs up to a millisecond of CPU.
pub trait Rails: Send + Sync + 'static {
    /// Turns a call into bytes, or into something for the payer.
    fn plan(
        &self,
        account: &AccountId,
        call: &Arc<RailCall>,
        nonce: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<Plan, PlanError>> + Send;

    /// Says what the reply means.
    fn read(
        &self,
        account: &AccountId,
        call: &Arc<RailCall>,
        nonce: &str,
        reply: Reply,
        now: Timestamp,
    ) -> impl Future<Output = Answer> + Send;

    /// Verifies and parses a message from the rail.
    fn open_notification(
        &self,
        account: &AccountId,
        message: &IncomingMessage,
        now: Timestamp,
    ) -> impl Future<Output = Result<Verified<Notification>, NotificationError>> + Send;

    /// The answer to a message, in the rail's own words.
    fn acknowledge(&self, account: &AccountId, verdict: Verdict) -> HttpReply;
}

/// Carries bytes to a rail and back, under a deadline, within the account's limits.
pub trait Transport: Send + Sync + 'static {
    /// Sends the request once. Never repeats it.
    fn exchange(
        &self,
        account: &AccountId,
        exchange: Exchange,
    ) -> impl Future<Output = Result<Reply, TransportError>> + Send;
}

/// How an exchange failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportError {
    /// Proven that no byte of the request left us.
    NotSent(NotSent),
    /// Bytes may have left; no whole answer came within the deadline.
    TimedOut,
    /// Bytes may have left; the connection ended, or the answer was cut or larger than the limit.
    Lost,
}

/// A message that claims to come from a rail.
pub struct IncomingMessage {
    /// Headers as they came.
    pub headers: Vec<(String, String)>,
    /// The query string without `?`.
    pub query: String,
    /// The raw body.
    pub body: Vec<u8>,
}

/// A call that owns its content, so that it can move to another thread.
#[derive(Debug)]
pub enum RailCall {
    /// See [`Call::Charge`].
    Charge(Charge),
    /// See [`Call::Query`].
    Query(Order),
    /// See [`Call::Close`].
    Close(Order),
    /// See [`Call::Reverse`].
    Reverse(Reversal),
    /// See [`Call::QueryReverse`].
    QueryReverse(Reversal),
    /// See [`Call::Refund`].
    Refund(RefundOrder),
    /// See [`Call::QueryRefund`].
    QueryRefund(RefundOrder),
    /// See [`Call::Capture`].
    Capture(CaptureOrder),
    /// See [`Call::QueryCapture`].
    QueryCapture(CaptureOrder),
    /// See [`Call::Release`].
    Release(ReleaseOrder),
    /// See [`Call::QueryRelease`].
    QueryRelease(ReleaseOrder),
}

impl RailCall {
    /// Empties what is not allowed.
    pub fn narrow(&mut self, allowed: &Fields) {
        match self {
            Self::Charge(charge) => charge.narrow(allowed),
            Self::Refund(refund) | Self::QueryRefund(refund) => refund.reason.narrow(allowed),
            Self::Capture(capture) | Self::QueryCapture(capture) => capture.description.narrow(allowed),
            Self::Query(_)
            | Self::Close(_)
            | Self::Reverse(_)
            | Self::QueryReverse(_)
            | Self::Release(_)
            | Self::QueryRelease(_) => {}
        }
    }

    /// The adapter's view of it.
    pub fn as_call(&self) -> Call<'_> {
        match self {
            Self::Charge(charge) => Call::Charge(charge),
            Self::Query(order) => Call::Query(order),
            Self::Close(order) => Call::Close(order),
            Self::Reverse(reversal) => Call::Reverse(reversal),
            Self::QueryReverse(reversal) => Call::QueryReverse(reversal),
            Self::Refund(refund) => Call::Refund(refund),
            Self::QueryRefund(refund) => Call::QueryRefund(refund),
            Self::Capture(capture) => Call::Capture(capture),
            Self::QueryCapture(capture) => Call::QueryCapture(capture),
            Self::Release(release) => Call::Release(release),
            Self::QueryRelease(release) => Call::QueryRelease(release),
        }
    }
}
