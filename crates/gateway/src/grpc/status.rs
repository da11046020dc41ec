//! Errors as callers see them: `google.rpc.Status` with exactly one `ErrorInfo`, and what else helps them. What went
//! wrong inside is logged here and never told.

use std::collections::HashMap;
use std::time::Duration;

use paifang_engine::{Error, Refusal, Violation};
use paifang_store::StoreError;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use crate::reasons::{self, DOMAIN};

/// Violations told at once at most; details travel in a header, which clients bound.
const VIOLATIONS_MAX: usize = 32;

/// When a call that was turned away may come again.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// A resource that a caller named.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    /// Its type, as the contract names it.
    pub kind: &'static str,
    /// Its id, as the caller gave it.
    pub id: &'a str,
}

pub(crate) fn intent_named(id: &str) -> Named<'_> {
    Named { kind: "paifang.v1.PaymentIntent", id }
}

/// The engine's errors; `about` is the resource that the call named.
pub(crate) fn of(error: Error, about: Named<'_>) -> Status {
    match error {
        Error::Invalid(violations) => invalid(violations),
        Error::NotFound(_) => not_found(about),
        Error::RequestReused => {
            let message =
                "this request_id was used before with another content; use a new one for a new request";
            plain(Code::AlreadyExists, reasons::REQUEST_ID_REUSED, message)
        }
        Error::Precondition { reason, message, refusal } => {
            let by = refusal.map(|refusal| by_rules(*refusal)).unwrap_or_default();
            let mut details = ErrorDetails::with_error_info(reason, DOMAIN, by);
            details.add_precondition_failure_violation(reason, about.id, &message);
            Status::with_error_details(Code::FailedPrecondition, message, details)
        }
        Error::EtagMismatch => {
            let mut details = info(reasons::ETAG_MISMATCH);
            details.set_resource_info(about.kind, about.id, "", "it has changed since its etag was read");
            let message = "the resource has changed since its etag was read; read it again";
            Status::with_error_details(Code::Aborted, message, details)
        }
        Error::Busy => overloaded(),
        Error::AccountMissing(account) => {
            tracing::error!(%account, "a call needs a rail account that is not configured");
            let message = "this gateway has not got the rail account of the payment; nothing was changed";
            retry(reasons::ACCOUNT_NOT_CONFIGURED, message)
        }
        Error::Store(error) => store(&error),
        Error::Broken(rule) => {
            tracing::error!(rule, "the gateway broke its own rule");
            internal()
        }
    }
}

/// The store's errors. `UNAVAILABLE` says that nothing was changed, so it is used only where that is certain.
pub(crate) fn store(error: &StoreError) -> Status {
    match error {
        StoreError::Unavailable(_) => {
            tracing::error!(error = %Chain(error), "the store is not available");
            retry(reasons::STORE_UNAVAILABLE, "the gateway cannot reach its store; nothing was changed")
        }
        StoreError::CommitUnknown(_) => {
            tracing::error!(error = %Chain(error), "the outcome of a commit is unknown");
            let message =
                "it is not known whether the call was taken; send it again with the same request_id";
            plain(Code::Unknown, reasons::OUTCOME_UNKNOWN, message)
        }
        StoreError::Damaged(_) | StoreError::Broken(_) => {
            tracing::error!(error = %Chain(error), "the store failed");
            internal()
        }
    }
}

/// All that is wrong with a request, at once.
pub(crate) fn invalid(violations: Vec<Violation>) -> Status {
    let reason = match violations.as_slice() {
        [only] if only.field == "page_token" => reasons::PAGE_TOKEN_INVALID,
        [only] if only.field == "after_cursor" => reasons::CURSOR_INVALID,
        _ => reasons::INVALID_REQUEST,
    };
    let count = violations.len();
    let told = violations.into_iter().take(VIOLATIONS_MAX);
    let told: Vec<_> = told.map(|violation| FieldViolation::new(violation.field, violation.rule)).collect();
    let mut details = info(reason);
    details.set_bad_request(told);
    let message = match count {
        1 => "1 field of the request is wrong".to_owned(),
        _ => format!("{count} fields of the request are wrong"),
    };
    Status::with_error_details(Code::InvalidArgument, message, details)
}

/// The same for a resource of another tenant and for one that never was (I10).
pub(crate) fn not_found(about: Named<'_>) -> Status {
    let mut details = info(reasons::RESOURCE_NOT_FOUND);
    details.set_resource_info(about.kind, about.id, "", "there is no such resource");
    Status::with_error_details(Code::NotFound, "there is no such resource", details)
}

/// A net statement of a month with more entries than this.
pub(crate) fn statement_too_large(entries_max: usize) -> Status {
    let message = format!("the month has more than {entries_max} entries; list them and fold them yourself");
    let mut details = info(reasons::STATEMENT_TOO_LARGE);
    details.add_precondition_failure_violation(reasons::STATEMENT_TOO_LARGE, "party", &message);
    Status::with_error_details(Code::FailedPrecondition, message, details)
}

/// The same for a missing and for a wrong key.
pub(crate) fn unauthenticated() -> Status {
    let message = "send a valid API key as metadata authorization: Bearer pf_...";
    plain(Code::Unauthenticated, reasons::UNAUTHENTICATED, message)
}

pub(crate) fn overloaded() -> Status {
    retry(reasons::OVERLOADED, "too much is under way; nothing was changed")
}

/// A message that did not arrive in its time. The same call may be sent again.
fn too_slow() -> Status {
    retry(reasons::OVERLOADED, "the request did not arrive in time; nothing was changed")
}

/// Ends streams and turns calls away while the gateway goes down.
pub(crate) fn shutting_down() -> Status {
    retry(reasons::SHUTTING_DOWN, "this gateway is going down; connect again")
}

pub(crate) fn internal() -> Status {
    plain(
        Code::Internal,
        reasons::INTERNAL,
        "the gateway failed; send the same call with the same request_id again",
    )
}

pub(crate) fn method_unknown() -> Status {
    plain(Code::Unimplemented, reasons::METHOD_UNKNOWN, "there is no such method")
}

/// What tonic itself answers, in our words: it knows neither reasons nor details.
pub(crate) fn of_transport(code: Code) -> Status {
    match code {
        Code::OutOfRange | Code::ResourceExhausted => {
            let message = "a request has at most 64 KiB";
            plain(Code::ResourceExhausted, reasons::MESSAGE_TOO_LARGE, message)
        }
        Code::Internal | Code::InvalidArgument => {
            let message = "the request is no message of this method";
            plain(Code::InvalidArgument, reasons::MESSAGE_UNREADABLE, message)
        }
        Code::Unimplemented => method_unknown(),
        // Only `arrival` says this.
        Code::Unavailable => too_slow(),
        _ => internal(),
    }
}

fn plain(code: Code, reason: &'static str, message: &str) -> Status {
    Status::with_error_details(code, message, info(reason))
}

fn retry(reason: &'static str, message: &str) -> Status {
    let mut details = info(reason);
    details.set_retry_info(Some(RETRY_AFTER));
    Status::with_error_details(Code::Unavailable, message, details)
}

fn info(reason: &'static str) -> ErrorDetails {
    ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new())
}

/// What refused it, under the names that `PolicyDecision` has; what there is none of is left out.
fn by_rules(refusal: Refusal) -> HashMap<String, String> {
    let Refusal { version, rule, because, missing } = refusal;
    let missing = (!missing.is_empty()).then(|| missing.join(","));
    let told = [
        ("version", version.map(|version| version.to_string())),
        ("rule", rule),
        ("because", Some(because.to_owned())),
        ("missing_inputs", missing),
    ];
    told.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// An error with its causes, for the log.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
