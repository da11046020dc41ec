//! The trait that an adapter implements, and what it is lent.

use jiff::Timestamp;
use paifang_payment::NextAction;

use crate::{
    Answer, Call, Descriptor, Exchange, Fetch, FileDigest, Finding, HttpReply, Identity, Inquiry, Keyring,
    Notification, NotificationError, RawNotification, Redirects, Reply, StatementError, StatementFile,
    StatementLine, StatementProof, StatementWish, Verdict, Verified,
};

/// One rail account seen through its protocol. An instance holds the account's parsed settings and nothing else.
///
/// No method that checks or reads has a default body: a check that is forgotten must not compile.
pub trait Rail: Send + Sync + 'static {
    /// What this adapter can do. The engine never issues a call that this does not list.
    fn descriptor(&self) -> &'static Descriptor;

    /// The merchant and app that every message of this account must name.
    fn identity(&self) -> Identity;

    /// Turns a call into bytes, or into something the payer is handed without asking the rail.
    ///
    /// Deterministic: equal `call` and `cx` give equal bytes. `cx.now` may enter signature headers only.
    fn plan(&self, call: &Call<'_>, cx: &Context<'_>) -> Result<Plan, PlanError>;

    /// Says what the reply to `call` means. Never fails: what cannot be read or trusted is [`crate::Outcome::unknown`].
    fn read(&self, call: &Call<'_>, reply: &Reply, cx: &Context<'_>) -> Answer;

    /// Verifies, decrypts and parses a message that claims to come from the rail. Binding it to an order, merchant, app
    /// and amount is the engine's work; this method only reports what the message says.
    fn open_notification(
        &self,
        raw: &RawNotification<'_>,
        cx: &Context<'_>,
    ) -> Result<Verified<Notification>, NotificationError>;

    /// The answer to a notification, in the rail's own words.
    fn acknowledge(&self, verdict: Verdict) -> HttpReply;

    /// Turns a question about the account into bytes. Deterministic as [`Rail::plan`] is.
    fn plan_inquiry(&self, inquiry: &Inquiry<'_>, cx: &Context<'_>) -> Result<Fetch, PlanError>;

    /// Says what the reply to an inquiry means. Never fails: what cannot be read or trusted is [`Finding::Unknown`].
    fn read_inquiry(&self, inquiry: &Inquiry<'_>, reply: &Reply, cx: &Context<'_>) -> Finding;

    /// How a merchant says where the money of a refund goes that the payer's account did not take; `None` on rails that
    /// know no such thing, which is most of them.
    fn redirects(&self) -> Option<&dyn Redirects> {
        None
    }

    /// Reads a bill, line by line, into `line`. All or nothing: an error after some lines makes them void.
    fn read_statement(
        &self,
        wish: &StatementWish,
        file: &mut dyn StatementFile,
        digest: Option<&FileDigest>,
        cx: &Context<'_>,
        line: &mut dyn FnMut(StatementLine),
    ) -> Result<StatementProof, StatementError>;
}

/// What the engine lends to an adapter for one operation.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The time, for signature headers and for the age of what is verified.
    pub now: Timestamp,
    /// 32 lower-case hex digits, drawn once per operation and stored in its first commit, so equal at each re-plan.
    pub nonce: &'a str,
    /// Where the rail sends its notifications of this order.
    pub notify_url: &'a str,
    /// Our own route that the payer's browser returns to; it proves nothing and changes nothing.
    pub return_url: &'a str,
    /// The account's keys, by purpose.
    pub keys: &'a Keyring,
}

/// How a call is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Send these bytes and read the reply.
    Send(Exchange),
    /// No round trip: a signed form or URL for the payer.
    HandOff(NextAction),
}

/// Why a call cannot be turned into bytes. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The descriptor does not list this call; a fault of the caller.
    #[error("this rail has no such call: {0}")]
    Unsupported(&'static str),
    /// A value that the rail's message cannot carry; says which and what would be right.
    #[error("{field} cannot be sent to this rail: {rule}")]
    BadValue {
        /// The field of the call.
        field: &'static str,
        /// What would be right.
        rule: &'static str,
    },
    /// A key that the operation needs is not in the key ring.
    #[error("key {0} is not configured for this rail account")]
    MissingKey(&'static str),
    /// The adapter did not come to an end; a fault of its code.
    #[error("the adapter failed")]
    AdapterFailed,
}

impl PlanError {
    /// Whether any order of the account would have met it; else it is about this call.
    pub fn is_of_account(&self) -> bool {
        match self {
            Self::MissingKey(_) | Self::AdapterFailed => true,
            Self::Unsupported(_) | Self::BadValue { .. } => false,
        }
    }
}
