//! WeChat Pay, API v3, as a direct merchant sees it.
//!
//! | call | path |
//! |---|---|
//! | Native, JSAPI order | `POST /v3/pay/transactions/native`, `…/jsapi` |
//! | query | `GET /v3/pay/transactions/out-trade-no/{no}?mchid=`, `…/id/{transaction_id}?mchid=` |
//! | close | `POST /v3/pay/transactions/out-trade-no/{no}/close` |
//! | refund, its query | `POST /v3/refund/domestic/refunds`, `GET …/{out_refund_no}` |
//! | platform certificates | `GET /v3/certificates` |
//!
//! Every other path is answered 404, a wrong method 405, both with an empty body. Requests are checked in the order of
//! the real server ([`sign`], [`schema`], then the rules of [`trades`]). Answers with 2xx are signed; refusals are not.
//!
//! **Keys.** A request's `Wechatpay-Serial` chooses the key that signs its answer, and the notifications that follow
//! from it: the public key's id or a listed certificate's serial; without it (or with an unknown one) the merchant's
//! default of [`Settings::platform`].
//!
//! **Faults** beyond the framework's own: `WrongSignature` and `NotificationWrongSignature` are signature probes
//! (`WECHATPAY/SIGNTEST/…`); the latter strikes the first try only, the next one is good, as with the real rail.
//! `BusinessCode` strikes after the request's signature was found good. `BusinessCode("ABNORMAL")` and
//! `BusinessCode("CLOSED")` on `refund` are no codes of the rail: the refund is accepted and *ends* in that state.
//! `NotificationFirst` on `charge` makes the payer pay, and on `refund` ends the refund, before the reply is sent. The
//! download of certificates is the operation `certificates`; a fault for any operation strikes it too.
//!
//! A refund is `PROCESSING` for three seconds of the rail's clock.
//!
//! **Sources.** The vendor's API v3 pages and SDKs (pay.weixin.qq.com, github.com/wechatpay-apiv3). A comment says *seen
//! live* where a fact comes from probes or logs instead, and *unconfirmed* where no source settles it.

mod answers;
mod api;
mod bodies;
mod ids;
mod keys;
mod merchant;
mod notify;
mod payer;
mod reply;
mod route;
mod schema;
mod sign;
mod trades;
mod views;

#[cfg(test)]
mod tests;

pub use keys::UnusableKey;
pub use merchant::{Merchant, Platform, Settings};
pub use trades::ChangedRepeat;

use std::fmt;
use std::sync::{Arc, Mutex, Weak};

use futures::future::BoxFuture;
use http::StatusCode;
use http::header::{ACCEPT, AUTHORIZATION, HeaderName, USER_AGENT};
use jiff::Timestamp;
use tokio::task::JoinSet;

use crate::book::BookEntry;
use crate::clock::Clock;
use crate::faults::{Fault, Twist, around};
use crate::journal::JournalEntry;
use crate::notifier::Notice;
use crate::{Bench, PayerAct, PayerError, RailMock, RailReply, RailRequest, locked};

use answers::{Answer, Refusal};
use keys::{KeyChoice, Keys};
use route::{Call, NoCall};
use sign::Signed;
use trades::Trades;

/// The rail.
pub struct WechatPay {
    me: Weak<Self>,
    bench: Bench,
    keys: Arc<Keys>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    settings: Settings,
    trades: Trades,
    /// The one task that ends refunds when their time has come; it rests while none is under way.
    timer: JoinSet<()>,
    timer_runs: bool,
}

/// What a request came to.
struct Done {
    answer: Answer,
    /// Delivered before the reply is sent.
    first: Vec<Notice>,
}

impl From<Answer> for Done {
    fn from(answer: Answer) -> Self {
        Self { answer, first: Vec::new() }
    }
}

impl fmt::Debug for WechatPay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WechatPay").field("origin", &self.bench.origin).finish_non_exhaustive()
    }
}

/// The rail on its bench, with the public test merchant and default settings.
///
/// # Panics
/// When a key of the vector file is none; a test of this crate rules that out.
pub fn start(bench: Bench) -> Arc<dyn RailMock> {
    start_with(bench, Settings::default())
}

/// The rail on its bench, with the public test merchant.
///
/// # Panics
/// As [`start`].
pub fn start_with(bench: Bench, settings: Settings) -> Arc<dyn RailMock> {
    match WechatPay::new(bench, settings) {
        Ok(rail) => rail,
        Err(error) => panic!("the WeChat Pay test material is unusable: {error}"),
    }
}

impl WechatPay {
    /// The rail on its bench, with the public test merchant.
    ///
    /// # Errors
    /// When a key of the vector file is none; a test of this crate rules that out.
    pub fn new(bench: Bench, settings: Settings) -> Result<Arc<Self>, UnusableKey> {
        let keys = Arc::new(Keys::of_vectors()?);
        let state = Mutex::new(State { settings, ..State::default() });
        Ok(Arc::new_cyclic(|me| Self { me: me.clone(), bench, keys, state }))
    }

    /// Changes the settings from the next request on.
    pub fn set(&self, settings: Settings) {
        locked(&self.state).settings = settings;
    }

    async fn serve(&self, call: &Call, request: &RailRequest, twist: Twist) -> RailReply {
        let now = self.bench.clock.now();
        self.settle(now);
        let key = self.key_of(request);
        let done = match self.check(call, request, now) {
            Err(refusal) => Answer::Refused(refusal).into(),
            Ok(()) => self
                .perform(call, request, &twist, key, now)
                .unwrap_or_else(|refusal| Answer::Refused(refusal).into()),
        };
        self.record(call.name(), Some(call), request, done.answer.verdict(), now);
        for notice in done.first {
            self.bench.notifier.post_and_wait(notice).await;
        }
        // The time of the signature, not of the request's arrival: a notification may have come in between.
        reply::of(done.answer, self.keys.signer(key), self.bench.clock.now(), &twist)
    }

    /// The checks that come before the call itself, in the rail's order.
    fn check(&self, call: &Call, request: &RailRequest, now: Timestamp) -> Result<(), Refusal> {
        let has = |name: HeaderName| request.headers.get(name).is_some_and(|value| !value.is_empty());
        if !call.is_transaction() && (!has(USER_AGENT) || !has(ACCEPT)) {
            let message = "Http头缺少Accept或User-Agent";
            return Err(Refusal::new(400, "INVALID_REQUEST", message, 268_435_461));
        }
        let header = request.header(AUTHORIZATION.as_str());
        sign::check(&self.keys, header, &signed(request), now)
            .map(|_| ())
            .map_err(|fault| Refusal::of_auth(fault, call.is_transaction()))
    }

    /// The key that signs what follows from this request.
    fn key_of(&self, request: &RailRequest) -> KeyChoice {
        let platform = locked(&self.state).settings.platform;
        let default = match platform {
            Platform::Certificate | Platform::Rotating => KeyChoice::Certificate,
            Platform::Rotated => KeyChoice::NextCertificate,
            Platform::PublicKeyOnly => KeyChoice::PublicKey,
        };
        let named = request.header("Wechatpay-Serial").and_then(|serial| self.keys.named(serial));
        let usable = named.filter(|choice| match (choice, platform) {
            (KeyChoice::PublicKey, _) => true,
            (KeyChoice::Certificate | KeyChoice::NextCertificate, Platform::PublicKeyOnly) => false,
            (KeyChoice::Certificate, _) => true,
            (KeyChoice::NextCertificate, Platform::Certificate) => false,
            (KeyChoice::NextCertificate, Platform::Rotating | Platform::Rotated) => true,
        });
        usable.unwrap_or(default)
    }

    fn record(
        &self,
        operation: &str,
        call: Option<&Call>,
        request: &RailRequest,
        verdict: String,
        now: Timestamp,
    ) {
        let expected = request
            .header(AUTHORIZATION.as_str())
            .and_then(sign::Authorization::parse)
            .map(|it| sign::request_message(&signed(request), it.timestamp, it.nonce))
            .map(|message| String::from_utf8_lossy(&message).into_owned());
        self.bench.journal.record(JournalEntry {
            at: now,
            method: request.method.to_string(),
            path: request.path().to_owned(),
            operation: operation.to_owned(),
            order_no: call.and_then(|call| order_no_of(call, &request.body)),
            refused: !verdict.starts_with('2'),
            verdict,
            expected,
        });
    }

    /// Ends the refunds whose time has come, and tells the merchant.
    fn settle(&self, now: Timestamp) {
        let notices: Vec<Notice> = {
            let mut state = locked(&self.state);
            let finished = state.trades.finish_due(now);
            finished.iter().flat_map(|no| self.notices_of_refund(&state.trades, no, now, true)).collect()
        };
        for notice in notices {
            self.bench.notifier.post(notice);
        }
    }

    /// The notices of a finished refund; with `faulty`, under the next notification fault.
    fn notices_of_refund(
        &self,
        trades: &Trades,
        out_refund_no: &str,
        now: Timestamp,
        faulty: bool,
    ) -> Vec<Notice> {
        let Some(refund) = trades.refund_of(out_refund_no).filter(|refund| refund.notify_url.is_some())
        else {
            return Vec::new();
        };
        let fault = if faulty { self.bench.faults.take_notification("refund") } else { None };
        notify::of_refund(&self.keys, refund, now, fault.as_ref())
    }

    /// Takes the fault that lets the notification overtake the reply, if it is the next one of this operation.
    fn overtaken(&self, operation: &str) -> bool {
        let next = self.bench.faults.armed().into_iter().find(|armed| {
            armed.operation.as_deref().is_none_or(|wanted| wanted == operation)
                && matches!(
                    armed.fault,
                    Fault::TwinNotifications
                        | Fault::NotificationFirst
                        | Fault::NoNotification
                        | Fault::NotificationAmount(_)
                        | Fault::NotificationWrongSignature
                )
        });
        if next.is_none_or(|armed| armed.fault != Fault::NotificationFirst) {
            return false;
        }
        match self.bench.faults.take_notification(operation) {
            None => false,
            Some(Fault::NotificationFirst) => true,
            Some(other) => {
                // Another request was quicker; what we took is not ours.
                self.bench.faults.arm(Some(operation), other, 1);
                false
            }
        }
    }

    /// Makes sure that a task watches the refunds under way.
    fn watch_refunds(&self, state: &mut State) {
        while state.timer.try_join_next().is_some() {}
        if !state.timer_runs {
            state.timer_runs = true;
            state.timer.spawn(end_refunds(self.me.clone(), self.bench.clock.clone()));
        }
    }

    /// When the next refund ends. With none under way the task that asks must end.
    fn next_refund_end(&self) -> Option<Timestamp> {
        let mut state = locked(&self.state);
        let due = state.trades.next_due();
        state.timer_runs = due.is_some();
        due
    }
}

/// Ends refunds at their time, until none is under way or the rail is gone.
async fn end_refunds(rail: Weak<WechatPay>, clock: Clock) {
    loop {
        let Some(due) = rail.upgrade().and_then(|rail| rail.next_refund_end()) else { return };
        clock.sleep_until(due).await;
        if let Some(rail) = rail.upgrade() {
            rail.settle(clock.now());
        }
    }
}

impl RailMock for WechatPay {
    fn name(&self) -> &'static str {
        "wechatpay"
    }

    fn handle(&self, request: RailRequest) -> BoxFuture<'_, RailReply> {
        Box::pin(async move {
            let call = match Call::of(&request.method, request.path()) {
                Ok(call) => call,
                Err(none) => {
                    let status = match none {
                        NoCall::UnknownPath => StatusCode::NOT_FOUND,
                        NoCall::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
                    };
                    let now = self.bench.clock.now();
                    self.record("none", None, &request, status.as_u16().to_string(), now);
                    return reply::empty(status);
                }
            };
            let fault = self.bench.faults.take(call.operation());
            around(fault, |twist| self.serve(&call, &request, twist)).await
        })
    }

    fn payer(&self, act: PayerAct) -> Result<serde_json::Value, PayerError> {
        self.act(act)
    }

    fn book(&self) -> Vec<BookEntry> {
        self.expire_due();
        locked(&self.state).trades.book()
    }

    fn expire_due(&self) {
        let now = self.bench.clock.now();
        self.settle(now);
        locked(&self.state).trades.expire_due(now);
    }
}

fn signed(request: &RailRequest) -> Signed<'_> {
    Signed { method: request.method.as_str(), target: request.path_and_query(), body: &request.body }
}

fn order_no_of(call: &Call, body: &[u8]) -> Option<String> {
    match call {
        Call::QueryByOrderNo(order_no) | Call::Close(order_no) => Some(order_no.clone()),
        Call::Order(_) | Call::Refund => {
            let body: serde_json::Value = serde_json::from_slice(body).ok()?;
            body.get("out_trade_no")?.as_str().map(str::to_owned)
        }
        Call::QueryByTransaction(_) | Call::QueryRefund(_) | Call::Certificates => None,
    }
}
