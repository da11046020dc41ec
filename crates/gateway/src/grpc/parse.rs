//! From messages of the contract to commands of the engine, once and here only. Every field is looked at, and all that is
//! wrong is told at once.

mod bulk;
mod choice;
mod facts;
mod policy;
mod refund;
mod statement;
mod wallets;

use std::collections::BTreeMap;

use jiff::Timestamp;
use paifang_engine::{CancelIntent, CaptureIntent, ConfirmIntent, CreateIntent, ReportComplaint, Violation};
use paifang_money::{Currency, PositiveMoney};
use paifang_payment::intent::{CaptureMode, Complaint};
use paifang_payment::{IntentId, RequestId};
use paifang_proto::v1;
use tonic::Status;

use super::status;
use super::token::{self, Scope};

pub(crate) use bulk::{bulk_entries, create_bulk, entry_stage, steer_bulk};
pub(crate) use policy::{BUNDLE_BYTES_MAX, Change, change_rules, point, version};
pub(crate) use refund::{cancel_refund, create_refund, reverse_refund, transfer_funds};
pub(crate) use statement::statement;
pub(crate) use wallets::{Filter, code_question, consultation, filter};

/// Rows of a page when the caller does not say.
const PAGE_DEFAULT: usize = 50;
const DESCRIPTION_CHARS_MAX: usize = 127;
const REASON_CHARS_MAX: usize = 80;
const METADATA_MAX: usize = 16;
const METADATA_KEY_MAX: usize = 40;
const METADATA_VALUE_CHARS_MAX: usize = 500;
const ETAG_CHARS_MAX: usize = 64;
/// The shortest life of an intent, in seconds.
pub(crate) const LIFE_S_MIN: i64 = 60;
/// The longest life of an intent, in seconds: seven days.
const LIFE_S_MAX: i64 = 7 * 24 * 3600;

/// Collects what is wrong.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    violations: Vec<Violation>,
}

impl Fields {
    /// Notes a violation.
    pub fn wrong(&mut self, field: impl Into<String>, rule: impl std::fmt::Display) {
        self.violations.push(Violation { field: field.into(), rule: rule.to_string() });
    }

    /// Keeps what was read, or notes why it was not.
    pub fn keep<T, E: std::fmt::Display>(&mut self, field: &str, read: Result<T, E>) -> Option<T> {
        read.map_err(|error| self.wrong(field, error)).ok()
    }

    /// The whole, if nothing was wrong. A part that is missing although nothing was noted is a fault of ours.
    pub fn finish<T>(self, whole: Option<T>) -> Result<T, Status> {
        match whole {
            Some(whole) if self.violations.is_empty() => Ok(whole),
            Some(_) | None if !self.violations.is_empty() => Err(status::invalid(self.violations)),
            Some(_) | None => {
                tracing::error!("a request was neither read nor refused");
                Err(status::internal())
            }
        }
    }

    /// The violations so far, or nothing.
    pub fn check(self) -> Result<(), Status> {
        self.finish(Some(()))
    }
}

/// What a create asks for. `known` says that its request id was used before: then time may have passed since, and an end
/// that was far enough ahead may be near or over by now.
pub(crate) fn create_intent(
    request: v1::CreatePaymentIntentRequest,
    now: Timestamp,
    known: bool,
) -> Result<CreateIntent, Status> {
    let mut fields = Fields::default();
    let request_id = fields.keep("request_id", RequestId::parse(&request.request_id));
    let amount = positive(&mut fields, "amount", request.amount.as_ref());
    check_text(&mut fields, "description", &request.description, 1, DESCRIPTION_CHARS_MAX);
    let metadata = metadata(&mut fields, request.metadata);
    let expires_at = expire_time(&mut fields, request.expire_time, now, known);
    let capture = capture_mode(&mut fields, request.capture_method);
    let confirmation = match request.choice {
        Some(choice) => choice::confirmation(&mut fields, choice).map(Some),
        None => Some(None),
    };
    let whole = (|| {
        Some(CreateIntent {
            request_id: request_id?,
            amount: amount?,
            description: request.description,
            metadata,
            expires_at: expires_at?,
            capture: capture?,
            confirmation: confirmation?,
        })
    })();
    fields.finish(whole)
}

/// What a confirm asks for.
pub(crate) fn confirm_intent(request: v1::ConfirmPaymentIntentRequest) -> Result<ConfirmIntent, Status> {
    let mut fields = Fields::default();
    let request_id = fields.keep("request_id", RequestId::parse(&request.request_id));
    let intent = fields.keep("payment_intent_id", IntentId::parse(&request.payment_intent_id));
    let etag = etag(&mut fields, request.etag);
    let confirmation = match request.choice {
        Some(choice) => choice::confirmation(&mut fields, choice),
        None => {
            fields.wrong("choice", "is required");
            None
        }
    };
    let whole = (|| {
        Some(ConfirmIntent { request_id: request_id?, intent: intent?, etag, confirmation: confirmation? })
    })();
    fields.finish(whole)
}

/// What a capture asks for.
pub(crate) fn capture_intent(request: v1::CapturePaymentIntentRequest) -> Result<CaptureIntent, Status> {
    let mut fields = Fields::default();
    let request_id = fields.keep("request_id", RequestId::parse(&request.request_id));
    let intent = fields.keep("payment_intent_id", IntentId::parse(&request.payment_intent_id));
    let etag = etag(&mut fields, request.etag);
    let amount = match &request.amount {
        Some(amount) => positive(&mut fields, "amount", Some(amount)).map(Some),
        None => Some(None),
    };
    let whole =
        (|| Some(CaptureIntent { request_id: request_id?, intent: intent?, amount: amount?, etag }))();
    fields.finish(whole)
}

/// What a cancel asks for.
pub(crate) fn cancel_intent(request: v1::CancelPaymentIntentRequest) -> Result<CancelIntent, Status> {
    let mut fields = Fields::default();
    let request_id = fields.keep("request_id", RequestId::parse(&request.request_id));
    let intent = fields.keep("payment_intent_id", IntentId::parse(&request.payment_intent_id));
    let etag = etag(&mut fields, request.etag);
    let whole = (|| Some(CancelIntent { request_id: request_id?, intent: intent?, etag }))();
    fields.finish(whole)
}

/// What a report of a complaint says.
pub(crate) fn report_complaint(request: v1::ReportComplaintRequest) -> Result<ReportComplaint, Status> {
    use v1::ComplaintReason as Told;
    let mut fields = Fields::default();
    let request_id = fields.keep("request_id", RequestId::parse(&request.request_id));
    let intent = fields.keep("payment_intent_id", IntentId::parse(&request.payment_intent_id));
    let about = match Told::try_from(request.reason) {
        Ok(Told::NotAuthorized) => Ok(Complaint::NotAuthorized),
        Ok(Told::WrongCharge) => Ok(Complaint::WrongCharge),
        Ok(Told::WalletTrouble) => Ok(Complaint::WalletTrouble),
        Ok(Told::NotReceived) => Ok(Complaint::NotReceived),
        Ok(Told::NotAsDescribed) => Ok(Complaint::NotAsDescribed),
        Ok(Told::RefundMissing) => Ok(Complaint::RefundMissing),
        Ok(Told::Other) => Ok(Complaint::Other),
        Ok(Told::Unspecified) | Err(_) => Err("must be one of the complaint reasons of the contract"),
    };
    let about = fields.keep("reason", about);
    let whole = (|| Some(ReportComplaint { request_id: request_id?, intent: intent?, about: about? }))();
    fields.finish(whole)
}

/// How many rows a page has: 50 where the caller says nothing, 200 where it says more.
pub(crate) fn page_size(fields: &mut Fields, wanted: i32) -> usize {
    match usize::try_from(wanted) {
        Ok(0) => PAGE_DEFAULT,
        Ok(wanted) => wanted.min(paifang_store::PAGE_MAX),
        Err(_) => {
            fields.wrong("page_size", "must not be negative");
            PAGE_DEFAULT
        }
    }
}

/// Where a page begins: the payload of its token; `None` for the first page.
pub(crate) fn page_token<P>(
    fields: &mut Fields,
    scope: &Scope<'_>,
    token: &str,
    read: impl Fn(&[u8]) -> Option<P>,
) -> Option<P> {
    if token.is_empty() {
        return None;
    }
    let rule = "must be the next_page_token of the page before, with the same filter";
    let position = scope.open(token).and_then(|payload| read(&payload));
    fields.keep("page_token", position.ok_or(rule))
}

/// Where a reader of events stands; 0 before the oldest.
pub(crate) fn cursor(fields: &mut Fields, scope: &Scope<'_>, cursor: &str) -> u64 {
    if cursor.is_empty() {
        return 0;
    }
    let position = scope.open(cursor).as_deref().and_then(token::position);
    fields.keep("after_cursor", position.ok_or("must be a cursor of this stream of events")).unwrap_or(0)
}

/// The position that a reader of the rules' book has seen.
pub(crate) fn position(fields: &mut Fields, field: &str, position: i64) -> u64 {
    fields.keep(field, u64::try_from(position).map_err(|_| "must not be negative")).unwrap_or(0)
}

fn capture_mode(fields: &mut Fields, method: i32) -> Option<CaptureMode> {
    let known = v1::CaptureMethod::try_from(method);
    let known = known.map_err(|_| "must be one of the capture methods of the contract");
    Some(match fields.keep("capture_method", known)? {
        v1::CaptureMethod::Unspecified | v1::CaptureMethod::Automatic => CaptureMode::Automatic,
        v1::CaptureMethod::Manual => CaptureMode::Manual,
    })
}

fn positive(fields: &mut Fields, field: &str, money: Option<&v1::Money>) -> Option<PositiveMoney> {
    let Some(money) = money else {
        fields.wrong(field, "is required");
        return None;
    };
    let currency = Currency::parse(&money.currency_code);
    let currency = currency.map_err(|_| "must be an ISO 4217 currency code in capitals, such as CNY");
    let currency = fields.keep(&format!("{field}.currency_code"), currency);
    // The range of an amount is the same in every currency, so that it is checked even where the currency is wrong.
    let amount = PositiveMoney::new(money.minor_units, currency.unwrap_or(Currency::CNY));
    let amount = fields.keep(&format!("{field}.minor_units"), amount);
    currency.and(amount)
}

fn check_text(fields: &mut Fields, field: &str, text: &str, min: usize, max: usize) {
    let chars = text.chars().count();
    if chars < min || chars > max || text.chars().any(char::is_control) {
        fields.wrong(field, format!("must be {min} to {max} characters without control characters"));
    }
}

fn metadata(
    fields: &mut Fields,
    entries: impl IntoIterator<Item = (String, String)>,
) -> BTreeMap<String, String> {
    let entries: BTreeMap<String, String> = entries.into_iter().collect();
    if entries.len() > METADATA_MAX {
        fields.wrong("metadata", format!("must have at most {METADATA_MAX} entries"));
    }
    let plain = |key: &str| key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    if entries.keys().any(|key| !(1..=METADATA_KEY_MAX).contains(&key.len()) || !plain(key)) {
        let rule = format!("must have keys of 1 to {METADATA_KEY_MAX} of a-z, A-Z, 0-9, _, - and .");
        fields.wrong("metadata", rule);
    }
    if entries.values().any(|value| value.chars().count() > METADATA_VALUE_CHARS_MAX) {
        fields
            .wrong("metadata", format!("must have values of at most {METADATA_VALUE_CHARS_MAX} characters"));
    }
    entries
}

/// Whole seconds, so that the fingerprint of the request does not hang on what is cut off anyway. The outer `None` says
/// that it is wrong.
fn expire_time(
    fields: &mut Fields,
    wanted: Option<prost_types::Timestamp>,
    now: Timestamp,
    known: bool,
) -> Option<Option<Timestamp>> {
    let Some(wanted) = wanted else { return Some(None) };
    let read = Timestamp::from_second(wanted.seconds);
    let Some(time) = read.ok().filter(|_| (0..1_000_000_000).contains(&wanted.nanos)) else {
        fields.wrong("expire_time", "must be a point in time");
        return None;
    };
    let ahead = time.as_second().saturating_sub(now.as_second());
    if !known && !(LIFE_S_MIN..=LIFE_S_MAX).contains(&ahead) {
        fields.wrong("expire_time", "must be at least one minute and at most seven days ahead");
        return None;
    }
    Some(Some(time))
}

fn etag(fields: &mut Fields, etag: String) -> Option<String> {
    if etag.len() > ETAG_CHARS_MAX {
        fields.wrong("etag", "must be the etag of a resource");
    }
    Some(etag).filter(|etag| !etag.is_empty())
}
