//! WeChat Pay, API v3, as a direct merchant sees it.
//!
//! | call | path |
//! |---|---|
//! | orders | `POST /v3/pay/transactions/native`, `…/jsapi` (also mini programs), `…/app`, `…/h5` |
//! | payer's code, its reverse | `POST /v3/pay/transactions/codepay`, `…/out-trade-no/{no}/reverse` |
//! | query | `GET /v3/pay/transactions/out-trade-no/{no}?mchid=`, `…/id/{transaction_id}?mchid=` |
//! | close | `POST /v3/pay/transactions/out-trade-no/{no}/close` |
//! | refund, its query | `POST /v3/refund/domestic/refunds`, `GET …/{out_refund_no}` |
//! | abnormal refund | `POST /v3/refund/domestic/refunds/{refund_id}/apply-abnormal-refund` |
//! | platform certificates | `GET /v3/certificates` |
//! | bills | `GET /v3/bill/tradebill`, `…/fundflowbill`, then `GET /v3/billdownload/file?token=` |
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
mod bill;
mod bodies;
mod files;
mod ids;
mod keys;
mod material_calls;
mod merchant;
mod notify;
mod payer;
mod reply;
mod route;
mod schema;
mod sign;
mod statements;
mod trades;
mod views;

#[cfg(test)]
mod tests;

pub use files::{forge, of_vectors};
pub use keys::UnusableKey;
pub use merchant::{Codepay, Merchant, Platform, Settings};
pub use trades::ChangedRepeat;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, Weak};

use futures::future::BoxFuture;
use http::StatusCode;
use http::header::{ACCEPT, AUTHORIZATION, HeaderName, USER_AGENT};
use jiff::Timestamp;
use jiff::civil::Date;
use tokio::task::JoinSet;

use crate::book::BookEntry;
use crate::clock::Clock;
use crate::faults::{Fault, Twist, around};
use crate::journal::JournalEntry;
use crate::magic::On;
use crate::notifier::Notice;
use crate::{
    Bench, BillLine, KeyStep, PayerAct, PayerError, RailMock, RailReply, RailRequest, Refusal as TurnedAway,
    WalletView, locked,
};

use answers::{Answer, Refusal};
use keys::{KeyChoice, Keys, MerchantStage};
use route::{Call, NoCall};
use sign::Signed;
use statements::Address;
use trades::{OrderState, Trades};

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
    merchant_stage: MerchantStage,
    /// Where bills can be fetched, and until when.
    addresses: HashMap<String, Address>,
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
/// When a file of the bench is missing or no key; the message names it.
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
        Err(error) => panic!("{error}"),
    }
}

impl WechatPay {
    /// The rail on its bench, with the merchant of the bench's files, or the public test merchant where there are none.
    ///
    /// # Errors
    /// When a key of the vector file is none; a test of this crate rules that out.
    pub fn new(bench: Bench, settings: Settings) -> Result<Arc<Self>, UnusableKey> {
        let files = if bench.files.is_empty() { files::of_vectors() } else { bench.files.as_ref().clone() };
        let keys = Arc::new(Keys::read(&files)?);
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
        let done = match self.check(call, request) {
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
        reply::of(done.answer, self.keys.signer(key), self.bench.clock.signing_now(), &twist)
    }

    /// The checks that come before the call itself, in the rail's order.
    fn check(&self, call: &Call, request: &RailRequest) -> Result<(), Refusal> {
        let has = |name: HeaderName| request.headers.get(name).is_some_and(|value| !value.is_empty());
        if !call.is_transaction() && (!has(USER_AGENT) || !has(ACCEPT)) {
            let message = "Http头缺少Accept或User-Agent";
            return Err(Refusal::new(400, "INVALID_REQUEST", message, 268_435_461));
        }
        let header = request.header(AUTHORIZATION.as_str());
        let stage = locked(&self.state).merchant_stage;
        // A client whose clock nobody moves signs by the wall's.
        sign::check(&self.keys, header, &signed(request), stage, self.bench.clock.signing_now())
            .map(|_| ())
            .map_err(|fault| Refusal::of_auth(fault, call.is_transaction()))
    }

    /// The key that signs what follows from this request.
    fn key_of(&self, request: &RailRequest) -> KeyChoice {
        let platform = locked(&self.state).settings.platform;
        let default = match platform {
            Platform::Certificate | Platform::Rotating => KeyChoice::Certificate,
            Platform::Rotated | Platform::Next => KeyChoice::NextCertificate,
            Platform::PublicKeyOnly => KeyChoice::PublicKey,
        };
        let named = request.header("Wechatpay-Serial").and_then(|serial| self.keys.named(serial));
        let usable = named.filter(|choice| match (choice, platform) {
            (KeyChoice::PublicKey, _) => true,
            (KeyChoice::Certificate | KeyChoice::NextCertificate, Platform::PublicKeyOnly) => false,
            (KeyChoice::Certificate, Platform::Next) => false,
            (KeyChoice::Certificate, Platform::Certificate | Platform::Rotating | Platform::Rotated) => true,
            (KeyChoice::NextCertificate, Platform::Certificate) => false,
            (KeyChoice::NextCertificate, Platform::Rotating | Platform::Rotated | Platform::Next) => true,
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
            state.trades.think(payer::SCANNER, now);
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
        let fault = match faulty {
            true => self.bench.notification_fault("refund", On::Refund, refund.fen),
            false => None,
        };
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
            let fault = self.bench.fault(call.operation(), On::Payment, order_fen(&call, &request.body));
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

    fn orders(&self) -> Vec<WalletView> {
        self.expire_due();
        let state = locked(&self.state);
        let view = |order: &trades::Order| WalletView {
            order_no: order.body.out_trade_no.clone(),
            handle: Trades::handle_of(order),
            merchant: self.keys.account.name.clone(),
            description: order.body.description.clone(),
            fen: order.body.amount.total,
            state: order.state.word().to_owned(),
            payable: order.state == OrderState::NotPay,
            expires_at: Some(order.expires_at),
        };
        state.trades.all().into_iter().rev().map(view).collect()
    }

    fn bill(&self, day: Date) -> Result<Vec<BillLine>, PayerError> {
        self.settle(self.bench.clock.now());
        Ok(bill::lines(&locked(&self.state).trades, &self.keys.account, day))
    }

    fn save(&self) -> serde_json::Value {
        self.written_down()
    }

    fn load(&self, saved: serde_json::Value) -> Result<(), String> {
        if saved.is_null() { Ok(()) } else { self.taken_over(saved) }
    }

    fn keys(&self, step: KeyStep) -> Result<serde_json::Value, PayerError> {
        self.rotate(step)
    }

    fn refuse(&self, _: &RailRequest, why: TurnedAway) -> RailReply {
        let code = match why {
            TurnedAway::RateLimited => "FREQUENCY_LIMITED",
            TurnedAway::Maintenance => "SERVICE_UNAVAILABLE",
        };
        let signer = self.keys.signer(KeyChoice::Certificate);
        reply::of(Refusal::of_code(code).into(), signer, self.bench.clock.signing_now(), &Twist::Plain)
    }

    fn expire_due(&self) {
        let now = self.bench.clock.now();
        self.settle(now);
        locked(&self.state).trades.expire_due(now);
    }
}

/// What an order is about to cost, for magic amounts.
fn order_fen(call: &Call, body: &[u8]) -> Option<i64> {
    match call {
        Call::Order(_) | Call::Codepay => {
            let body: serde_json::Value = serde_json::from_slice(body).ok()?;
            body.get("amount")?.get("total")?.as_i64()
        }
        Call::QueryByOrderNo(_)
        | Call::QueryByTransaction(_)
        | Call::Close(_)
        | Call::Refund
        | Call::QueryRefund(_)
        | Call::Certificates
        | Call::Reverse(_)
        | Call::AbnormalRefund(_)
        | Call::TradeBill
        | Call::FundFlowBill
        | Call::BillFile => None,
    }
}

fn signed(request: &RailRequest) -> Signed<'_> {
    Signed { method: request.method.as_str(), target: request.path_and_query(), body: &request.body }
}

fn order_no_of(call: &Call, body: &[u8]) -> Option<String> {
    match call {
        Call::QueryByOrderNo(order_no) | Call::Close(order_no) | Call::Reverse(order_no) => {
            Some(order_no.clone())
        }
        Call::Order(_) | Call::Codepay | Call::Refund => {
            let body: serde_json::Value = serde_json::from_slice(body).ok()?;
            body.get("out_trade_no")?.as_str().map(str::to_owned)
        }
        Call::QueryByTransaction(_)
        | Call::QueryRefund(_)
        | Call::AbnormalRefund(_)
        | Call::Certificates
        | Call::TradeBill
        | Call::FundFlowBill
        | Call::BillFile => None,
    }
}
