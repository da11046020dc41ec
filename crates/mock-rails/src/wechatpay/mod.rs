//! WeChat Pay, API v3, as a direct merchant sees it.
//!
//! | call | path |
//! |---|---|
//! | Native, JSAPI and mini program, app, H5 order | `POST /v3/pay/transactions/native`, `…/jsapi`, `…/app`, `…/h5` |
//! | charge of a payer's code, its reversal | `POST /v3/pay/transactions/codepay`, `…/out-trade-no/{no}/reverse` |
//! | query | `GET /v3/pay/transactions/out-trade-no/{no}?mchid=`, `…/id/{transaction_id}?mchid=` |
//! | close | `POST /v3/pay/transactions/out-trade-no/{no}/close` |
//! | refund, its query | `POST /v3/refund/domestic/refunds`, `GET …/{out_refund_no}` |
//! | refund that could not arrive | `POST /v3/refund/domestic/refunds/{refund_id}/apply-abnormal-refund` |
//! | platform certificates | `GET /v3/certificates` |
//! | bills | `GET /v3/bill/tradebill`, `…/fundflowbill`, then `GET /v3/billdownload/file?token=` |
//!
//! Every other path is answered 404, a wrong method 405, both with an empty body. Requests are checked in the order of
//! the real server ([`sign`], [`schema`], then the rules of [`trades`]). Answers with 2xx are signed, files are not;
//! refusals are where the request was the merchant's, see [`Settings::refusals_unsigned`].
//!
//! **Ids, keys and certificates** are files; [`files`] lists them, [`forge`] makes a set, [`of_vectors`] is the public one.
//!
//! **Which key signs.** A request's `Wechatpay-Serial` chooses the key that signs its answer, and the notifications that
//! follow from it: the public key's id or a listed certificate's serial; without it (or with an unknown one) the
//! merchant's default of [`Settings::platform`]. A rotation goes through [`crate::KeyStep`]: announce (both certificates
//! are listed), switch (the next one signs), retire (only the next one is listed).
//!
//! **Payers.** A payer is led to an order by its `code_url`, `h5_url`, `prepay_id`, or by the JSON object of parameters
//! that the merchant's front end hands to the wallet: its signature is verified then ([`invoke`]). A code that a payer
//! shows can be charged once, for a minute; one that asks for a password is decided after ten seconds of the rail's
//! clock, or earlier by the payer's act.
//!
//! **Faults** beyond the framework's own: `WrongSignature` and `NotificationWrongSignature` are signature probes
//! (`WECHATPAY/SIGNTEST/…`); the latter strikes the first try only, the next one is good, as with the real rail. Their
//! form is [`Settings::probe_form`]; [`Settings::probes`] makes them come by themselves. `BusinessCode` strikes after the
//! request's signature was found good. Three of its texts are no codes of the rail: `SIGNTEST` does the work and answers
//! with a probe that is not even Base64; `ABNORMAL` and `CLOSED` on `refund` accept the refund, which *ends* so.
//! `NotificationFirst` on `charge` makes the payer pay, and on `refund` ends the refund, before the reply is sent.
//!
//! **Money.** A refund is `PROCESSING` for three seconds of the rail's clock. The rail keeps `fee_per_10_000` (see
//! [`files`]) of a payment and gives it back with refunds in proportion; [`bills`] has every movement. A refund that the merchant's balance does not cover (magic amount) is refused for a minute.
//!
//! **Sources.** The vendor's API v3 pages and SDKs (pay.weixin.qq.com, github.com/wechatpay-apiv3). A comment says *seen
//! live* where a fact comes from probes or logs instead, and *unconfirmed* where no source settles it.

mod answers;
mod api;
mod bills;
mod bodies;
mod certificate;
mod contract;
mod files;
mod forged;
mod ids;
mod invoke;
mod keyring;
mod keys;
mod merchant;
mod notify;
mod payer;
mod refusals;
mod reply;
mod route;
mod schema;
mod serve;
mod settings;
mod sign;
mod trades;
mod views;

#[cfg(test)]
mod tests;

pub use files::of_vectors;
pub use forged::forge;
pub use keys::UnusableKey;
pub use merchant::Merchant;
pub use settings::{
    ChangedRepeat, ErrorDetail, GreyRelease, Platform, ProbeForm, Probes, RateCode, Settings, Spelling,
};

use std::fmt;
use std::sync::{Arc, Mutex, Weak};

use futures::future::BoxFuture;
use jiff::civil::Date;
use tokio::task::JoinSet;

use crate::book::BookEntry;
use crate::{
    Bench, BillLine, KeyStep, PayerAct, PayerError, RailMock, RailReply, RailRequest, Refusal, WalletView,
    locked,
};

use bills::Tickets;
use keyring::Keyring;
use keys::Keys;
use route::Call;
use trades::Trades;

/// The rail.
pub struct WechatPay {
    me: Weak<Self>,
    bench: Bench,
    keyring: Arc<Keyring>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    trades: Trades,
    /// Bills that wait to be downloaded.
    tickets: Tickets,
    /// The one task that ends what ends by itself when its time has come; it rests while there is nothing.
    timer: JoinSet<()>,
    timer_runs: bool,
}

impl fmt::Debug for WechatPay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WechatPay").field("origin", &self.bench.origin).finish_non_exhaustive()
    }
}

/// The rail on its bench, with default settings; see [`start_with`].
///
/// # Panics
/// As [`start_with`].
pub fn start(bench: Bench) -> Arc<dyn RailMock> {
    start_with(bench, Settings::default())
}

/// The rail on its bench, with the merchant of the bench's files (whose own settings go before these); without files the
/// public test merchant.
///
/// # Panics
/// When a file is missing or holds no usable key.
pub fn start_with(bench: Bench, settings: Settings) -> Arc<dyn RailMock> {
    match WechatPay::new(bench, settings) {
        Ok(rail) => rail,
        Err(error) => panic!("the WeChat Pay mock cannot start: {error}"),
    }
}

impl WechatPay {
    /// As [`start_with`].
    ///
    /// # Errors
    /// When a file is missing or holds no usable key.
    pub fn new(bench: Bench, settings: Settings) -> Result<Arc<Self>, UnusableKey> {
        let keys =
            if bench.files.is_empty() { Keys::parse(&of_vectors())? } else { Keys::parse(&bench.files)? };
        let settings = keys.account.settings.unwrap_or(settings);
        let keyring = Arc::new(Keyring::new(keys, settings));
        let state = Mutex::default();
        Ok(Arc::new_cyclic(|me| Self { me: me.clone(), bench, keyring, state }))
    }

    /// Changes the settings from the next request on.
    pub fn set(&self, settings: Settings) {
        self.keyring.set(settings);
    }
}

impl RailMock for WechatPay {
    fn name(&self) -> &'static str {
        "wechatpay"
    }

    fn handle(&self, request: RailRequest) -> BoxFuture<'_, RailReply> {
        Box::pin(self.answer(request))
    }

    fn operation(&self, request: &RailRequest) -> Option<&'static str> {
        Call::of(&request.method, request.path()).ok().map(|call| call.operation())
    }

    fn payer(&self, act: PayerAct) -> Result<serde_json::Value, PayerError> {
        self.act(act)
    }

    fn charge_again(&self, order_no: &str) -> Result<String, PayerError> {
        self.take_again(order_no)
    }

    fn book(&self) -> Vec<BookEntry> {
        self.expire_due();
        locked(&self.state).trades.book()
    }

    fn orders(&self) -> Vec<WalletView> {
        self.wallet()
    }

    fn bill(&self, day: Date) -> Result<Vec<BillLine>, PayerError> {
        Ok(self.plain_bill(day))
    }

    fn save(&self) -> serde_json::Value {
        self.saved()
    }

    fn load(&self, saved: serde_json::Value) -> Result<(), String> {
        self.resume(saved)
    }

    fn keys(&self, step: KeyStep) -> Result<serde_json::Value, PayerError> {
        self.turn(step)
    }

    fn refuse(&self, request: &RailRequest, why: Refusal) -> RailReply {
        self.turn_away(request, why)
    }

    fn expire_due(&self) {
        let now = self.bench.clock.now();
        self.settle(now);
        locked(&self.state).trades.expire_due(now);
    }
}
