//! The plug point of a rail: requests in, answers out, and the payer's acts. Nothing here knows a socket.

use bytes::Bytes;
use futures::future::BoxFuture;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::book::BookEntry;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::journal::Journal;
use crate::notifier::{Notifier, NotifierWorker};

/// One rail.
pub trait RailMock: Send + Sync + 'static {
    /// `alipay`, `wechatpay` or `unionpay`.
    fn name(&self) -> &'static str;

    /// One request in, one answer out. Knows no socket; waits only where a fault or a notification asks for it.
    fn handle(&self, request: RailRequest) -> BoxFuture<'_, RailReply>;

    /// Something the payer does. The answer says what came of it.
    fn payer(&self, act: PayerAct) -> Result<serde_json::Value, PayerError>;

    /// What the rail believes about each order, oldest first.
    fn book(&self) -> Vec<BookEntry>;

    /// What the payer's phone shows: the newest orders first.
    fn orders(&self) -> Vec<WalletView> {
        Vec::new()
    }

    /// Ends unpaid orders whose time is up. A rail also checks this whenever it looks at an order.
    fn expire_due(&self);
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
}

impl Bench {
    /// A bench and the worker that must run for its notifications to go out (a test of pure parts may just keep it).
    pub fn new(clock: Clock, origin: impl Into<String>) -> (Self, NotifierWorker) {
        let (notifier, worker) = Notifier::new(clock.clone());
        let (faults, journal) = (Faults::default(), Journal::default());
        (Self { clock, faults, notifier, journal, origin: origin.into() }, worker)
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
