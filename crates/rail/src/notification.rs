//! Messages that a rail sends by itself.

use std::fmt;

use paifang_payment::{OrderNo, RailRef};

use crate::Outcome;
use crate::exchange::one_header;

/// A message as it came in, not yet believed.
#[derive(Clone, Copy)]
pub struct RawNotification<'a> {
    /// Headers as they came.
    pub headers: &'a [(String, String)],
    /// The query string of the request, without `?`. Ours carries nothing, so most adapters refuse one.
    pub query: &'a str,
    /// The raw body, at most [`crate::BODY_BYTES_MAX`].
    pub body: &'a [u8],
}

/// What a verified message says. Nothing in it is bound to an order yet.
#[derive(Debug)]
pub struct Notification {
    /// Equal for equal news, over all repeats of the same message: what deduplicates.
    pub key: String,
    /// What it is about.
    pub subject: Subject,
    /// Whom it names.
    pub claims: Claims,
    /// The payment that a refund's news names beside the refund, where the rail names one: it has to be the one that the
    /// refund was made of (F53).
    pub refund_of: Option<NamedPayment>,
    /// What it means.
    pub outcome: Outcome,
    /// The rule that read it so, such as `wechatpay.notification.transaction_success`.
    pub rule: String,
}

/// What a notification is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A charge, by its order number.
    Charge(OrderNo),
    /// A refund, by its own number.
    Refund(OrderNo),
    /// A reverse, by its own number (UnionPay's undo). Such a message does not name the order that was reversed, and
    /// reverses are followed by queries: it is acknowledged and has no effect.
    Reversal(OrderNo),
    /// A capture out of a hold, by its own number.
    Capture(OrderNo),
    /// The release of a hold, by its own number. Releases are followed by queries, as reverses are.
    Release(OrderNo),
}

/// The merchant and app that a message names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The merchant's id at the rail.
    pub merchant: Option<String>,
    /// The app's id, where the message carries one.
    pub app: Option<String>,
}

/// A payment as a message names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPayment {
    /// Our number of the order.
    pub order_no: OrderNo,
    /// The rail's number of the payment.
    pub rail_ref: RailRef,
}

/// The merchant and app that an account's messages must name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The merchant's id at the rail; every notification must name it.
    pub merchant: String,
    /// The app's id, on rails that have one; a notification that names an app must name this one.
    pub app: Option<String>,
}

/// Why a message is not believed. It has no effect at all besides a counter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotificationError {
    /// The signature or a part of it is missing.
    #[error("the message is not signed")]
    Unsigned,
    /// The signature does not fit.
    #[error("the signature is wrong")]
    WrongSignature,
    /// No key of the account has this id.
    #[error("the message names a key that this account does not have")]
    UnknownKey,
    /// Too old, or from the future.
    #[error("the message's time is outside of the window")]
    Stale,
    /// It cannot be read strictly; names the first thing that is wrong.
    #[error("the message cannot be read: {0}")]
    Malformed(&'static str),
    /// The signed content cannot be decrypted.
    #[error("the content cannot be decrypted")]
    Undecryptable,
}

/// What became of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is safely kept: applied, seen before, or stored as suspicious.
    Kept,
    /// Genuine, but no such order is known here (yet); the rail shall send it again.
    Orphan,
    /// Not believed.
    Rejected,
    /// Our store did not answer; the rail shall send it again.
    TryLater,
}

impl RawNotification<'_> {
    /// A header's value; names are compared without case. `None` when it is absent or stands there twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        one_header(self.headers, name)
    }
}

impl Identity {
    /// Whether a message's claims are this account's.
    pub fn admits(&self, claims: &Claims) -> bool {
        let merchant = claims.merchant.as_deref() == Some(self.merchant.as_str());
        let app = match (&claims.app, &self.app) {
            (None, _) => true,
            (Some(claimed), Some(own)) => claimed == own,
            (Some(_), None) => false,
        };
        merchant && app
    }
}

impl NotificationError {
    /// One word for metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::WrongSignature => "wrong_signature",
            Self::UnknownKey => "unknown_key",
            Self::Stale => "stale",
            Self::Malformed(_) => "malformed",
            Self::Undecryptable => "undecryptable",
        }
    }
}

impl fmt::Debug for RawNotification<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "notification ({} bytes)", self.body.len())
    }
}
