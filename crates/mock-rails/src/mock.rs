//! The plug point of a rail: requests in, answers out, and the payer's acts. Nothing here knows a socket.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::book::BookEntry;
use crate::clock::Clock;
use crate::conditions::Conditions;
use crate::faults::{Fault, Faults};
use crate::forge::Files;
use crate::journal::Journal;
use crate::magic::{Magic, On};
use crate::notifier::{Notifier, NotifierWorker};
use crate::server::SCHEME_HEADER;

/// One rail.
pub trait RailMock: Send + Sync + 'static {
    /// `alipay`, `wechatpay` or `unionpay`.
    fn name(&self) -> &'static str;

    /// One request in, one answer out. Knows no socket; waits only where a fault or a notification asks for it.
    fn handle(&self, request: RailRequest) -> BoxFuture<'_, RailReply>;

    /// Something the payer does. The answer says what came of it.
    fn payer(&self, act: PayerAct) -> Result<serde_json::Value, PayerError>;

    /// F05: the rail forgets that this order is paid and takes the payer's money once more, as a transaction with a number
    /// of its own, of which it tells the merchant. Happens once per order at most. Queries by the order's number go on
    /// telling of the first transaction, and bills list the first one only. Answers the second one's number.
    ///
    /// # Errors
    /// When there is no such order, it is not paid, or it was charged again before; a hold takes no money.
    fn charge_again(&self, _order_no: &str) -> Result<String, PayerError> {
        Err(PayerError::Unsupported)
    }

    /// What a request asks for, in the words of [`crate::faults::OPERATIONS`], judged by its form alone: nobody has looked
    /// yet at whose it is. `None` when it is none of them.
    fn operation(&self, _request: &RailRequest) -> Option<&'static str> {
        None
    }

    /// What the rail believes about each order, oldest first.
    fn book(&self) -> Vec<BookEntry>;

    /// What the payer's phone shows: the newest orders first.
    fn orders(&self) -> Vec<WalletView> {
        Vec::new()
    }

    /// The movements behind the rail's own bill of that day (Beijing; UnionPay: its clearing day), for comparison.
    fn bill(&self, _day: Date) -> Result<Vec<BillLine>, PayerError> {
        Err(PayerError::Unsupported)
    }

    /// The whole trade book, so that it survives a restart.
    fn save(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    /// Takes a saved book over; only at the start, before the first request.
    ///
    /// # Errors
    /// When it is not a book of this rail.
    fn load(&self, saved: serde_json::Value) -> Result<(), String> {
        if saved.is_null() { Ok(()) } else { Err("this rail keeps no book".to_owned()) }
    }

    /// One step of a key rotation; the answer names what is new.
    fn keys(&self, _step: KeyStep) -> Result<serde_json::Value, PayerError> {
        Err(PayerError::Unsupported)
    }

    /// A refusal in the rail's own words and shape, signed where the rail signs. The framework decides when.
    fn refuse(&self, _request: &RailRequest, why: Refusal) -> RailReply {
        match why {
            Refusal::RateLimited => {
                RailReply::new(StatusCode::TOO_MANY_REQUESTS, "text/plain", "too many requests")
            }
            Refusal::Maintenance => {
                RailReply::new(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "maintenance")
            }
        }
    }

    /// Ends unpaid orders whose time is up. A rail also checks this whenever it looks at an order.
    fn expire_due(&self);
}

/// One step of a rotation, and whose keys it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyStep {
    /// The rail's own signing key or certificate.
    Rail(Step),
    /// The merchant's.
    Merchant(Step),
}

/// A rotation goes through these in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The next key is known beside the present one: published (the rail's) or accepted (the merchant's).
    Announce,
    /// The rail signs with the next key; the present one is still published.
    Switch,
    /// The earlier key is gone: no longer published, no longer accepted.
    Retire,
}

/// Why the framework turns a request away before the rail looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// More calls than the rail allows.
    RateLimited,
    /// The rail is closed for work on it.
    Maintenance,
}

/// One movement of a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BillLine {
    /// What moved.
    pub kind: BillKind,
    /// The merchant's number of the order (of the capture, where that has one of its own).
    pub order_no: String,
    /// The merchant's number of the refund or reverse.
    pub refund_no: Option<String>,
    /// The rail's number of the movement.
    pub rail_ref: String,
    /// How much, in fen; the kind says which way.
    pub fen: i64,
    /// What the rail keeps of a payment (positive) or gives back of a refund (negative), in fen.
    pub fee_fen: i64,
    /// When.
    pub at: Timestamp,
}

/// What a movement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BillKind {
    /// A payment, or a capture out of a hold.
    Payment,
    /// A refund.
    Refund,
    /// A payment that was reversed.
    Reversal,
}

/// What a rail is built on: its share of the framework.
#[derive(Clone, Debug)]
pub struct Bench {
    /// Time in the rails' world.
    pub clock: Clock,
    /// The faults armed for this rail.
    pub faults: Faults,
    /// Sends this rail's notifications.
    pub notifier: Notifier,
    /// What arrived at this rail.
    pub journal: Journal,
    /// Where this rail listens: `http://127.0.0.1:PORT`, no slash at the end.
    pub origin: String,
    /// The rail's ids, keys and certificates.
    pub files: Arc<Files>,
    /// Whether magic amounts work.
    pub magic: Magic,
    /// Rate limits and maintenance windows.
    pub conditions: Conditions,
}

impl Bench {
    /// A bench and the worker that must run for its notifications to go out (a test of pure parts may just keep it).
    ///
    /// Without files: a rail takes its test merchant of the vector files then.
    pub fn new(clock: Clock, origin: impl Into<String>) -> (Self, NotifierWorker) {
        let (notifier, worker) = Notifier::new(clock.clone());
        let (faults, journal) = (Faults::default(), Journal::default());
        let (files, magic, conditions) = (Arc::default(), Magic::Off, Conditions::default());
        (Self { clock, faults, notifier, journal, origin: origin.into(), files, magic, conditions }, worker)
    }

    /// Where the client thinks that the rail is, no slash at the end: as it called, over http or https. Addresses that a
    /// rail hands out lead back to the same place.
    pub fn base_of(&self, request: &RailRequest) -> String {
        // The text goes into addresses and headers, so it must be no more than a host with a port.
        let plain = |host: &&str| {
            !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b))
        };
        match request.header(HOST.as_str()).filter(plain) {
            Some(host) => format!("{}://{host}", request.header(SCHEME_HEADER).unwrap_or("http")),
            None => self.origin.clone(),
        }
    }

    /// The fault that strikes a request of this operation: an armed one, or that of its amount.
    pub fn fault(&self, operation: &str, on: On, fen: Option<i64>) -> Option<Fault> {
        self.faults
            .take(operation)
            .or_else(|| self.magic.fault(on, fen?).filter(|fault| !fault.strikes_notification()))
    }

    /// The fault that strikes a notification: an armed one, or that of its amount.
    pub fn notification_fault(&self, operation: &str, on: On, fen: i64) -> Option<Fault> {
        self.faults
            .take_notification(operation)
            .or_else(|| self.magic.fault(on, fen).filter(Fault::strikes_notification))
    }
}

/// A request as it came over the wire.
#[derive(Clone, Debug)]
pub struct RailRequest {
    /// HTTP method.
    pub method: Method,
    /// The request target as received: origin form (`/gateway.do?a=b`) or absolute form (`http://host/...`), still
    /// percent-encoded.
    pub target: String,
    /// Header fields.
    pub headers: HeaderMap,
    /// The body as received, at most [`crate::server::BODY_BYTES_MAX`].
    pub body: Bytes,
}

impl RailRequest {
    /// Path and query as in the request line, without scheme and host: what some rails sign.
    pub fn path_and_query(&self) -> &str {
        match self.target.split_once("://") {
            Some((scheme, rest)) if !scheme.contains(['/', '?']) => {
                rest.find(['/', '?']).and_then(|at| rest.get(at..)).unwrap_or("/")
            }
            Some(_) | None => &self.target,
        }
    }

    /// The path, still percent-encoded.
    pub fn path(&self) -> &str {
        let all = self.path_and_query();
        all.split_once('?').map_or(all, |(path, _)| path)
    }

    /// The query without its question mark, still percent-encoded; empty when there is none.
    pub fn query(&self) -> &str {
        self.path_and_query().split_once('?').map_or("", |(_, query)| query)
    }

    /// A header as text; `None` when it is absent or not visible ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// What goes back.
#[derive(Clone, Debug)]
pub enum RailReply {
    /// An HTTP answer.
    Answer {
        /// HTTP status.
        status: StatusCode,
        /// Header fields.
        headers: HeaderMap,
        /// The body, sent as it is.
        body: Bytes,
    },
    /// The connection is closed without a byte.
    Dropped,
}

impl RailReply {
    /// An answer with a content type and a body.
    pub fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self::Answer { status, headers, body: body.into() }
    }

    /// The same answer with one more header; a value that HTTP does not allow is left out.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        if let (Self::Answer { headers, .. }, Ok(value)) = (&mut self, HeaderValue::from_str(value)) {
            // A static name in lower case; `from_static` would panic on another one, so it is parsed instead.
            if let Ok(name) = HeaderName::try_from(name) {
                headers.insert(name, value);
            }
        }
        self
    }
}

/// Which order a payer means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayerTarget {
    /// The merchant's order number.
    OrderNo(String),
    /// The text of a scanned QR code.
    Qr(String),
    /// The id that a front end hands to the wallet (`prepay_id`, `tn`).
    PrepayId(String),
}

/// What a payer's code will do once the merchant charges it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeOutcome {
    /// Pays at once.
    Pays,
    /// Is refused at once.
    Declines,
    /// The payer is asked for a password, and pays.
    PendingThenPays,
    /// The payer is asked for a password, and refuses.
    PendingThenDeclines,
}

/// Something the payer does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PayerAct {
    /// Looks at the order without paying yet.
    Scan(PayerTarget),
    /// Pays.
    Pay {
        /// The order.
        target: PayerTarget,
        /// Also when the order is closed or expired: the payer's bank was slow. Never charges twice.
        force: bool,
    },
    /// Refuses to pay.
    Decline(PayerTarget),
    /// Opens the wallet's payment code; the answer has it as `code`.
    IssueCode(CodeOutcome),
}

/// One order as the payer's phone shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WalletView {
    /// The merchant's order number.
    pub order_no: String,
    /// What leads to the order: the QR code's text, a `prepay_id` or a `tn`.
    pub handle: Option<String>,
    /// The merchant's name.
    pub merchant: String,
    /// What is bought.
    pub description: String,
    /// How much, in fen.
    pub fen: i64,
    /// The state in the rail's own word.
    pub state: String,
    /// Whether the payer can pay it now.
    pub payable: bool,
    /// Until when, if it ends by itself.
    pub expires_at: Option<Timestamp>,
}

/// Why a payer's act came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayerError {
    /// The rail knows no such order, QR code or prepay id.
    #[error("this rail knows no such order")]
    NoSuchOrder,
    /// The order is in a state in which this cannot be done.
    #[error("the order cannot do this in its state {state}")]
    NotPayable {
        /// The state in the rail's own word.
        state: String,
    },
    /// The rail has no such act.
    #[error("this rail has no such act")]
    Unsupported,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &str) -> RailRequest {
        RailRequest {
            method: Method::GET,
            target: target.to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    #[test]
    fn targets_are_split_in_both_forms_and_never_decoded() {
        for (target, path, query) in [
            ("/gateway.do?a=%20b", "/gateway.do", "a=%20b"),
            ("http://host:80/gateway.do?a=b+c", "/gateway.do", "a=b+c"),
            ("http://host", "/", ""),
            ("/back?to=http://shop/x?y=1", "/back", "to=http://shop/x?y=1"),
            ("/v3/pay", "/v3/pay", ""),
        ] {
            let request = request(target);
            assert_eq!((request.path(), request.query()), (path, query), "{target}");
        }
    }
}
