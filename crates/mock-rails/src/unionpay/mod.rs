//! The UnionPay mock: the ACP online gateway, version 5.1.0 with signMethod 01 (RSA certificates).
//!
//! | address | transactions |
//! |---|---|
//! | `/gateway/api/frontTransReq.do` | 01/01: 302 to this mock's own cashier page, or an HTML error page |
//! | `/gateway/api/backTransReq.do` | 01/07 (merchant's QR code), 01/06 (payer's code), 04/00 refund, 31/00 undo, 00/00 query |
//! | `/gateway/api/queryTrans.do` | 00/00 query |
//! | `/cashier/{order}`, and below it `POST pay`, `decline` | the payer's browser |
//!
//! Everything else that ACP has (app, pre-authorisation, files, certificate query) is answered 43, "not opened".
//!
//! Faults are taken for `charge` (01), `refund` (04), `reverse` (31), `query`, and `refund_query` when the order that
//! is asked about is a refund this gateway knows. Code 00 in the answer to 01/06, 04 and 31 means "accepted"; they are
//! decided a little later ([`Conduct`]), or at once by the payer's acts `pay` and `decline` on their order number, so a
//! refund can be made to fail after it was accepted. A payer who declines an order of the cashier or a QR code may
//! still come back and pay until `payTimeout`, so the failure that a query shows meanwhile is not final.

mod answer;
mod cashier;
mod certificate;
mod check;
mod codes;
mod conduct;
mod gateway;
mod notify;
mod payer;
mod rules;
mod sign;
mod time;
mod trade;
mod trades;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex};

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

pub use conduct::{Conduct, LateMoney, Unpaid};

use crate::book::{BookEntry, BookRefund};
use crate::vectors::{self, text};
use crate::{Bench, PayerAct, PayerError, RailMock, RailReply, RailRequest, locked};

use certificate::Certificate;
use check::Registry;
use sign::Signer;
use trade::{State, Trade};
use trades::Trades;

/// The one merchant of this mock, with the material of the client's side. All of it is test-only and public.
#[derive(Clone, Copy)]
pub struct Merchant {
    /// The merchant number (`merId`).
    pub mer_id: &'static str,
    /// The serial of the merchant's signing certificate in decimal (`certId`).
    pub cert_id: &'static str,
    /// The merchant's signing key, PKCS#8 PEM.
    pub private_key_pem: &'static str,
    /// The merchant's signing certificate, PEM.
    pub certificate_pem: &'static str,
    /// The certificate that the gateway signs with, PEM; it also comes with each message.
    pub gateway_certificate_pem: &'static str,
    /// The certificate that issued it (stands for `acp_*_middle.cer`), PEM.
    pub middle_certificate_pem: &'static str,
    /// The trust anchor (stands for `acp_*_root.cer`), PEM.
    pub root_certificate_pem: &'static str,
}

/// The merchant of the vector file.
pub fn merchant() -> Merchant {
    let file = vectors::unionpay();
    Merchant {
        mer_id: text(file, "/requests/0/fields/merId"),
        cert_id: text(file, "/requests/0/fields/certId"),
        private_key_pem: text(file, "/certificates/merchant/private_key_pem"),
        certificate_pem: text(file, "/certificates/merchant/cert_pem"),
        gateway_certificate_pem: text(file, "/certificates/upsign/cert_pem"),
        middle_certificate_pem: text(file, "/certificates/middle/cert_pem"),
        root_certificate_pem: text(file, "/certificates/root/cert_pem"),
    }
}

/// Numbers of UnionPay's public test environment; all of them share one certificate there, and here.
const PUBLIC_MER_IDS: [&str; 3] = ["777290058110048", "777290058110097", "700000000000001"];

/// Builds the mock on its bench, with the default [`Conduct`].
///
/// # Panics
/// Outside a tokio runtime, and when the keys of the vector file cannot be used, which is a mistake in this crate.
pub fn start(bench: Bench) -> Arc<dyn RailMock> {
    start_with(bench, Conduct::default())
}

/// Builds the mock on its bench.
///
/// # Panics
/// As [`start`].
pub fn start_with(bench: Bench, conduct: Conduct) -> Arc<dyn RailMock> {
    Arc::new(UnionPayMock::new(bench, conduct))
}

struct UnionPayMock {
    core: Arc<Core>,
    /// Decides what is due, on the bench's clock; ends with the mock.
    ticker: AbortHandle,
}

/// What the mock and its ticker share.
struct Core {
    bench: Bench,
    conduct: Conduct,
    registry: Registry,
    signer: Arc<Signer>,
    trades: Mutex<Trades>,
    /// Wakes the ticker when something new may be due earlier than what it waits for.
    placed: Notify,
}

impl UnionPayMock {
    fn new(bench: Bench, conduct: Conduct) -> Self {
        let (registry, signer) = keys();
        let core = Arc::new(Core {
            bench,
            conduct,
            registry,
            signer: Arc::new(signer),
            trades: Mutex::default(),
            placed: Notify::new(),
        });
        let ticker = tokio::spawn(core.clone().tick()).abort_handle();
        Self { core, ticker }
    }
}

impl Drop for UnionPayMock {
    fn drop(&mut self) {
        self.ticker.abort();
    }
}

/// The keys on the gateway's side.
fn keys() -> (Registry, Signer) {
    let merchant = merchant();
    let signing = text(vectors::unionpay(), "/certificates/upsign/private_key_pem");
    let certificate = Certificate::parse(merchant.certificate_pem);
    match (certificate, Signer::new(signing, merchant.gateway_certificate_pem)) {
        (Some(certificate), Some(signer)) => {
            (Registry { certificates: vec![certificate], mer_ids: PUBLIC_MER_IDS.to_vec() }, signer)
        }
        (Some(_) | None, Some(_) | None) => panic!("the vector file has no usable UnionPay keys"),
    }
}

impl Core {
    async fn tick(self: Arc<Self>) {
        loop {
            match self.settle_due() {
                Some(due) => tokio::select! {
                    () = self.bench.clock.sleep_until(due) => {}
                    () = self.placed.notified() => {}
                },
                None => self.placed.notified().await,
            }
        }
    }

    /// Decides what is due by the clock and tells the merchants. Answers when it has to be called next.
    fn settle_due(&self) -> Option<Timestamp> {
        let now = self.bench.clock.now();
        let (decided, next) = {
            let mut trades = locked(&self.trades);
            let ids = trades.settle_due(now);
            let decided: Vec<Trade> = ids.into_iter().map(|id| trades.trade(id).clone()).collect();
            (decided, trades.next_due())
        };
        decided.iter().for_each(|trade| self.post(trade));
        next
    }

    /// Tells the merchant, without waiting for it.
    fn post(&self, trade: &Trade) {
        self.outgoing(trade).notices.into_iter().for_each(|notice| self.bench.notifier.post(notice));
    }

    fn outgoing(&self, trade: &Trade) -> notify::Outgoing {
        let armed = || self.bench.faults.take_notification(trade.order.what.operation());
        notify::outgoing(trade, &self.signer, trade.fault.clone().or_else(armed))
    }
}

impl RailMock for UnionPayMock {
    fn name(&self) -> &'static str {
        "unionpay"
    }

    fn handle(&self, request: RailRequest) -> BoxFuture<'_, RailReply> {
        self.core.route(request).boxed()
    }

    fn payer(&self, act: PayerAct) -> Result<Value, PayerError> {
        self.core.act(act)
    }

    /// Payments only, refunds and undos below them; states are the codes that a query would report.
    fn book(&self) -> Vec<BookEntry> {
        self.core.settle_due();
        let trades = locked(&self.core.trades);
        trades
            .iter()
            .filter(|trade| trade.order.what.is_payment())
            .map(|trade| entry(&trades, trade))
            .collect()
    }

    fn expire_due(&self) {
        self.core.settle_due();
    }
}

fn entry(trades: &Trades, payment: &Trade) -> BookEntry {
    let returns = || payment.returns.iter().map(|id| trades.trade(*id));
    let refund = |refund: &Trade| BookRefund {
        refund_no: refund.order.key.order_id.clone(),
        fen: refund.order.fen,
        state: refund.state.code().digits.into_owned(),
    };
    // Money that the rail itself sends back has no transaction of its own.
    let given_back = payment.charges > 0 && !matches!(payment.state, State::Done { .. });
    let returned: i64 = returns()
        .filter(|trade| matches!(trade.state, State::Done { .. }))
        .map(|trade| trade.order.fen)
        .sum();
    BookEntry {
        order_no: payment.order.key.order_id.clone(),
        rail_ref: matches!(payment.state, State::Done { .. }).then(|| payment.query_id()),
        state: payment.state.code().digits.into_owned(),
        total_fen: payment.order.fen,
        paid: payment.charges > 0,
        refunded_fen: if given_back { payment.order.fen } else { returned },
        charges: payment.charges,
        held_fen: 0,
        captured_fen: 0,
        released_fen: 0,
        refunds: returns().map(refund).collect(),
    }
}
