//! Why a storefront's call was not taken. Nothing was changed in any of these cases.

use paifang_payment::AccountId;
use paifang_store::StoreError;

use crate::Refusal;

/// Why a call was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields of the request are wrong; all of them are listed.
    #[error("the request has {} wrong fields", .0.len())]
    Invalid(Vec<Violation>),
    /// This tenant has no such resource.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// The request id was used before for another request.
    #[error("the request id was used before with another content")]
    RequestReused,
    /// The resource is not in a state for this call.
    #[error("{message}")]
    Precondition {
        /// One of [`reason`].
        reason: &'static str,
        /// For the caller's eyes.
        message: String,
        /// What of the tenant's own rules refused it; absent where something else did.
        refusal: Option<Box<Refusal>>,
    },
    /// The etag that was sent is not the current one.
    #[error("the resource has changed since it was read")]
    EtagMismatch,
    /// Too many writers at once, or the gateway is shutting down; the same call may be sent again.
    #[error("the gateway cannot take the call now")]
    Busy,
    /// This gateway's config has no such rail account; another gateway's may.
    #[error("rail account {0} is not configured")]
    AccountMissing(AccountId),
    /// The store did not answer.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// A fault of ours.
    #[error("the gateway broke its own rule: {0}")]
    Broken(String),
}

/// One wrong field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Its path in the request.
    pub field: String,
    /// What would be right.
    pub rule: String,
}

/// Reasons of [`Error::Precondition`], each with a page of its own under `docs/errors/`.
pub mod reason {
    /// The intent has ended.
    pub const INTENT_FINAL: &str = "INTENT_FINAL";
    /// The intent's time is over.
    pub const INTENT_EXPIRED: &str = "INTENT_EXPIRED";
    /// The intent is being canceled or expired.
    pub const INTENT_ENDING: &str = "INTENT_ENDING";
    /// The intent has used up its attempts.
    pub const ATTEMPTS_USED_UP: &str = "ATTEMPTS_USED_UP";
    /// The intent is paid: refund it.
    pub const INTENT_SUCCEEDED: &str = "INTENT_SUCCEEDED";
    /// The intent is not paid, so nothing can go back.
    pub const INTENT_NOT_PAID: &str = "INTENT_NOT_PAID";
    /// More would go back than was captured.
    pub const REFUND_EXCEEDS_CAPTURE: &str = "REFUND_EXCEEDS_CAPTURE";
    /// The rail takes no such refund.
    pub const REFUND_NOT_SUPPORTED: &str = "REFUND_NOT_SUPPORTED";
    /// No rail account offers this wallet here.
    pub const WALLET_UNAVAILABLE: &str = "WALLET_UNAVAILABLE";
    /// The payer's code was issued by another wallet, and the rail does not take it.
    pub const PAYER_CODE_OF_OTHER_WALLET: &str = "PAYER_CODE_OF_OTHER_WALLET";
    /// The storefront's own rules do not take this wallet for this order.
    pub const WALLET_CLOSED_BY_POLICY: &str = "WALLET_CLOSED_BY_POLICY";
    /// The storefront's own rules about fees, splits and discounts do not fit this payment.
    pub const TERMS_DO_NOT_FIT: &str = "TERMS_DO_NOT_FIT";
    /// The storefront's own rules do not grant this refund.
    pub const REFUND_CLOSED_BY_POLICY: &str = "REFUND_CLOSED_BY_POLICY";
    /// The refund is not in a state for this call.
    pub const REFUND_STATE: &str = "REFUND_STATE";
    /// Funds that are not there cannot be moved.
    pub const FUNDS_SHORT: &str = "FUNDS_SHORT";
    /// The rules are not where this step could follow.
    pub const POLICY_STEP_REFUSED: &str = "POLICY_STEP_REFUSED";
    /// Money is held for the intent: capture it, or cancel to give it back.
    pub const INTENT_AUTHORIZED: &str = "INTENT_AUTHORIZED";
    /// Nothing is held for the intent, so nothing can be captured.
    pub const INTENT_NOT_AUTHORIZED: &str = "INTENT_NOT_AUTHORIZED";
    /// A capture is under way; one at a time, and no cancel beside it.
    pub const CAPTURE_UNDER_WAY: &str = "CAPTURE_UNDER_WAY";
    /// More would be captured than is held.
    pub const CAPTURE_EXCEEDS_HOLD: &str = "CAPTURE_EXCEEDS_HOLD";
    /// The rail takes no such capture.
    pub const CAPTURE_NOT_SUPPORTED: &str = "CAPTURE_NOT_SUPPORTED";
    /// The bulk refund is not in a state for this call.
    pub const BULK_STATE: &str = "BULK_STATE";
    /// An entry of a bulk refund is there with another content.
    pub const BULK_ENTRY_DIFFERS: &str = "BULK_ENTRY_DIFFERS";
    /// Every reason above.
    pub const ALL: &[&str] = &[
        INTENT_FINAL,
        INTENT_EXPIRED,
        INTENT_ENDING,
        ATTEMPTS_USED_UP,
        INTENT_SUCCEEDED,
        INTENT_NOT_PAID,
        REFUND_EXCEEDS_CAPTURE,
        REFUND_NOT_SUPPORTED,
        WALLET_UNAVAILABLE,
        PAYER_CODE_OF_OTHER_WALLET,
        WALLET_CLOSED_BY_POLICY,
        TERMS_DO_NOT_FIT,
        REFUND_CLOSED_BY_POLICY,
        REFUND_STATE,
        FUNDS_SHORT,
        POLICY_STEP_REFUSED,
        INTENT_AUTHORIZED,
        INTENT_NOT_AUTHORIZED,
        CAPTURE_UNDER_WAY,
        CAPTURE_EXCEEDS_HOLD,
        CAPTURE_NOT_SUPPORTED,
        BULK_STATE,
        BULK_ENTRY_DIFFERS,
    ];
}

impl Error {
    pub(crate) fn precondition(reason: &'static str, message: impl Into<String>) -> Self {
        Self::Precondition { reason, message: message.into(), refusal: None }
    }

    /// The tenant's own rules do not take it.
    pub(crate) fn refused(reason: &'static str, message: impl Into<String>, by: Refusal) -> Self {
        Self::Precondition { reason, message: message.into(), refusal: Some(Box::new(by)) }
    }

    pub(crate) fn invalid(field: &str, rule: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation { field: field.to_owned(), rule: rule.into() }])
    }
}
