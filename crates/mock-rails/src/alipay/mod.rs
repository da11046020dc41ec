//! The Alipay mock: the v2 gateway (`/gateway.do`) in public-key mode, a cashier for browsers, and notices.
//!
//! APIs: precreate, page pay, wap pay, query, close, cancel, refund, refund query. Checks and their order are in
//! `gateway`, answers in `answer`, the book in `trades`, the APIs in `orders`, `refunds` and `page`,
//! notices in `notify`, and what the payer does in `payer`. Amounts are fen inside and decimal yuan text on the wire.
//!
//! Not here yet: `alipay.trade.pay` and create, app pay, v3, content encryption, bills, pre-authorisation. Certificate
//! mode is there as far as serial numbers go: they are checked and answered, with the same keys.

mod answer;
mod biz;
mod front;
mod gateway;
mod notify;
mod orders;
mod page;
mod payer;
mod refunds;
mod sign;
mod time;
mod trades;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex};

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;

use crate::book::{BookEntry, BookRefund};
use crate::vectors::{self, text};
use crate::{Bench, PayerAct, PayerError, RailMock, RailReply, RailRequest, locked};

use answer::Inner;
use notify::Event;
use sign::Keys;
use trades::{Order, Trade, Trades};

/// The one merchant of this mock, with the material of the client's side. All of it is test-only and public.
#[derive(Clone, Copy)]
pub struct Merchant {
    /// The application.
    pub app_id: &'static str,
    /// The merchant's account (pid).
    pub seller_id: &'static str,
    /// The merchant's mail address, as notices show it.
    pub seller_email: &'static str,
    /// The application's private key, PKCS#8 PEM.
    pub private_key_pem: &'static str,
    /// The application's private key, PKCS#1 PEM.
    pub private_key_pkcs1_pem: &'static str,
    /// The rail's public key, SubjectPublicKeyInfo PEM: verifies answers, notices and returns.
    pub rail_public_key_pem: &'static str,
    /// The serial of the application's certificate, for certificate mode.
    pub app_cert_sn: &'static str,
    /// The serial of the root bundle, for certificate mode.
    pub alipay_root_cert_sn: &'static str,
    /// The serial of the certificate that verifies answers in certificate mode.
    pub alipay_cert_sn: &'static str,
    /// The account of the payer in this world.
    pub buyer_id: &'static str,
    /// The payer's masked login.
    pub buyer_logon_id: &'static str,
}

/// The merchant of the vector file.
pub fn merchant() -> Merchant {
    let file = vectors::alipay();
    Merchant {
        app_id: text(file, "/v2_requests/0/params/app_id"),
        seller_id: text(file, "/notifies/0/fields/seller_id"),
        seller_email: text(file, "/notifies/0/fields/seller_email"),
        private_key_pem: text(file, "/keys/app/private_pkcs8_pem"),
        private_key_pkcs1_pem: text(file, "/keys/app/private_pkcs1_pem"),
        rail_public_key_pem: text(file, "/keys/alipay/public_spki_pem"),
        app_cert_sn: text(file, "/certificates/app_cert_sn"),
        alipay_root_cert_sn: text(file, "/certificates/alipay_root_cert_sn"),
        alipay_cert_sn: text(file, "/certificates/alipay_cert_sn"),
        buyer_id: text(file, "/notifies/0/fields/buyer_id"),
        buyer_logon_id: text(file, "/notifies/0/fields/buyer_logon_id"),
    }
}

/// Builds the mock on its bench.
///
/// # Panics
/// When the keys of the vector file cannot be used, which is a mistake in this crate.
pub fn start(bench: Bench) -> Arc<dyn RailMock> {
    Arc::new(AlipayMock::new(bench))
}

/// The keys of the rail's side.
fn keys() -> Keys {
    let file = vectors::alipay();
    let der = |pointer| vectors::der_of_pem(text(file, pointer)).unwrap_or_default();
    match Keys::new(der("/keys/app/public_spki_pem"), &der("/keys/alipay/private_pkcs8_pem")) {
        Some(keys) => keys,
        None => panic!("the vector file has no usable Alipay key"),
    }
}

/// What an API call came to.
struct Done {
    inner: Inner,
    /// What the merchant is to be told of, with the order as it was then.
    event: Option<(Order, Event)>,
}

impl Done {
    fn only(inner: Inner) -> Self {
        Self { inner, event: None }
    }
}

struct AlipayMock {
    bench: Bench,
    merchant: Merchant,
    keys: Arc<Keys>,
    trades: Mutex<Trades>,
}

impl AlipayMock {
    fn new(bench: Bench) -> Self {
        Self { bench, merchant: merchant(), keys: Arc::new(keys()), trades: Mutex::default() }
    }
}

impl RailMock for AlipayMock {
    fn name(&self) -> &'static str {
        "alipay"
    }

    fn handle(&self, request: RailRequest) -> BoxFuture<'_, RailReply> {
        self.route(request).boxed()
    }

    /// A payer scans (which opens the trade), pays, or turns away (which leaves the trade waiting, as in the wallet).
    /// A `prepay_id` is the trade number that a front end hands to the wallet. There are no payer's codes, because
    /// `alipay.trade.pay` is not here yet.
    fn payer(&self, act: PayerAct) -> Result<Value, PayerError> {
        self.act(act)
    }

    fn book(&self) -> Vec<BookEntry> {
        let now = self.bench.clock.now();
        locked(&self.trades).orders().iter().map(|order| entry(order, now)).collect()
    }

    fn expire_due(&self) {
        locked(&self.trades).expire_due(self.bench.clock.now());
    }
}

fn entry(order: &Order, now: jiff::Timestamp) -> BookEntry {
    let trade = order.trade.as_ref();
    let refund = |refund: &trades::Refund| BookRefund {
        refund_no: refund.out_request_no.clone(),
        fen: refund.fen,
        state: "REFUND_SUCCESS".to_owned(),
    };
    BookEntry {
        order_no: order.out_trade_no.clone(),
        rail_ref: trade.map(|trade| trade.trade_no.clone()),
        state: order.word(now).to_owned(),
        total_fen: order.total_fen,
        paid: trade.is_some_and(|trade| trade.paid.is_some()),
        refunded_fen: trade.map_or(0, Trade::refunded_fen),
        charges: trade.map_or(0, |trade| trade.charges),
        held_fen: 0,
        captured_fen: 0,
        released_fen: 0,
        refunds: trade.map_or(Vec::new(), |trade| trade.refunds.iter().map(refund).collect()),
    }
}
