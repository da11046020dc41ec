//! The UnionPay mock: the ACP online gateway, version 5.1.0 (and 5.0.0 where it is switched on).
//!
//! | address | transactions |
//! |---|---|
//! | `/gateway/api/frontTransReq.do` | 01/01, 02/01: 302 to this mock's own cashier page, or an HTML error page |
//! | `/gateway/api/appTransReq.do` | 01/01, 02/01: `tn` for the phone |
//! | `/gateway/api/order.do` | 01/01 pre-order: `payUrl`, the address of the cashier page |
//! | `/gateway/api/backTransReq.do` | 01/07, 02/05 merchant's code; 01/06, 02/04 payer's code; 04 refund, 31 undo, 03 complete, 32 and 33 void; 95/00; queries |
//! | `/gateway/api/queryTrans.do` | 00/00 by order, 00/02 by `queryId` |
//! | `/` (the file host) | 76/01 reconciliation file |
//! | `/cashier/{order}`, and below it `POST pay`, `decline` | the payer's browser |
//!
//! Everything else that ACP has (cards without a page, batches, binding) is answered 43, "not opened".
//!
//! Code 00 in the answer to whatever is decided between servers (payer's code, 03, 04, 31, 32, 33) means "accepted"; it
//! is decided a little later ([`Conduct`]), or at once by the payer's acts `pay` and `decline` on its order number, so a
//! refund can be made to fail after it was accepted. A payer who declines an order of the cashier or a QR code may still
//! come back and pay until `payTimeout`, so the failure that a query shows meanwhile is not final.
//!
//! Faults are taken for `charge` (01, 02), `capture` (03), `release` (32), `refund` (04), `reverse` (31, 33), `bill` (76),
//! `certificates` (95), `query`, and `refund_query` when the order that is asked about is a refund this gateway knows.
//! A business code may be
//! - a response code: it is the answer, and nothing is done;
//! - `DONE:` and a response code: it is the answer, and the work is done behind it. After one that says that nothing is
//!   certain (03, 04, 05 and their like) queries show that code for [`Conduct::pending_for`], and then success;
//! - `CERT:LEGACY_NAME`, `CERT:WRONG_NAME`, `CERT:EXPIRED`, `CERT:UNTRUSTED`: the work is done, and the answer is well
//!   signed with a certificate that a client must not take ([`SigningCertificate`]);
//! - `LINE:MISSING`, `LINE:EXTRA`, `LINE:DIFFERENT` for `bill`: the last line of the file is wrong in that way.
//!
//! The keys come from files; [`of_vectors`] lists and explains them.

mod answer;
mod cashier;
mod certificate;
mod check;
mod clearing;
mod codes;
mod conduct;
mod contract;
mod files;
mod followups;
mod forged;
mod gateway;
mod keyring;
mod legacy;
mod notify;
mod payer;
mod rules;
mod saved;
mod sensitive;
mod sign;
mod statement;
mod time;
mod trade;
mod trades;
mod view;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex};

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

pub use conduct::{Conduct, EndedHold, LateMoney, SigningCertificate, Unpaid};
pub use files::of_vectors;
pub use forged::forge;

use crate::book::BookEntry;
use crate::faults::Fault;
use crate::magic::On;
use crate::vectors::{self, text};
use crate::{
    Bench, BillLine, Files, KeyStep, PayerAct, PayerError, RailMock, RailReply, RailRequest, Refusal,
    WalletView, locked,
};

use check::Registry;
use keyring::Keyring;
use trade::Trade;
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

/// Builds the mock on its bench, with the keys of the bench's files; without files with those of [`of_vectors`].
///
/// # Panics
/// As [`start`], and when a file is missing or cannot be used; the text names it.
pub fn start_with(bench: Bench, conduct: Conduct) -> Arc<dyn RailMock> {
    match UnionPayMock::new(bench, conduct) {
        Ok(mock) => Arc::new(mock),
        Err(error) => panic!("the UnionPay mock has no usable keys: {error}"),
    }
}

/// The gateway with its book.
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
    trades: Mutex<Trades>,
    /// Wakes the ticker when something new may be due earlier than what it waits for.
    placed: Notify,
}

impl UnionPayMock {
    fn new(bench: Bench, conduct: Conduct) -> Result<Self, String> {
        let registry = if bench.files.is_empty() { registry(&of_vectors()) } else { registry(&bench.files) }?;
        let trades = Mutex::new(Trades::new(conduct.clone()));
        let core = Arc::new(Core { bench, conduct, registry, trades, placed: Notify::new() });
        let ticker = tokio::spawn(core.clone().tick()).abort_handle();
        Ok(Self { core, ticker })
    }
}

impl Drop for UnionPayMock {
    fn drop(&mut self) {
        self.ticker.abort();
    }
}

/// The keys on the gateway's side, and the merchant numbers: that of the files and the public ones.
fn registry(files: &Files) -> Result<Registry, String> {
    let own = files::mer_id(files)?;
    let public = PUBLIC_MER_IDS.iter().map(|id| (*id).to_owned()).filter(|id| *id != own);
    let mer_ids = std::iter::once(own.clone()).chain(public).collect();
    Ok(Registry { keys: Keyring::new(files)?, mer_ids })
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

    /// The fault of a notification: an armed one, or that of its amount.
    fn notification_fault(&self, trade: &Trade) -> Option<Fault> {
        let (operation, fen) = (trade.order.what.operation(), trade.order.fen);
        match magic_side(trade.order.what.types().0) {
            Some(on) => self.bench.notification_fault(operation, on, fen),
            None => self.bench.faults.take_notification(operation),
        }
    }

    fn outgoing(&self, trade: &Trade) -> notify::Outgoing {
        let armed = || self.notification_fault(trade);
        notify::outgoing(
            trade,
            &self.registry.keys,
            self.conduct.certificate,
            trade.fault.clone().or_else(armed),
        )
    }
}

impl RailMock for UnionPayMock {
    fn name(&self) -> &'static str {
        "unionpay"
    }

    fn handle(&self, request: RailRequest) -> BoxFuture<'_, RailReply> {
        self.core.route(request).boxed()
    }

    fn operation(&self, request: &RailRequest) -> Option<&'static str> {
        self.core.operation_of(request)
    }

    fn payer(&self, act: PayerAct) -> Result<Value, PayerError> {
        self.core.act(act)
    }

    fn charge_again(&self, order_no: &str) -> Result<String, PayerError> {
        self.core.take_again(order_no)
    }

    fn book(&self) -> Vec<BookEntry> {
        self.core.settle_due();
        view::book(&locked(&self.core.trades))
    }

    fn orders(&self) -> Vec<WalletView> {
        self.core.settle_due();
        self.core.wallet()
    }

    /// The lines of a clearing day: from 23:00 of the evening before to 23:00, Beijing time.
    fn bill(&self, day: Date) -> Result<Vec<BillLine>, PayerError> {
        self.core.settle_due();
        Ok(self.core.bill(day))
    }

    fn save(&self) -> Value {
        self.core.settle_due();
        self.core.save()
    }

    fn load(&self, saved: Value) -> Result<(), String> {
        self.core.load(saved)
    }

    fn keys(&self, step: KeyStep) -> Result<Value, PayerError> {
        self.turn(step)
    }

    fn refuse(&self, request: &RailRequest, why: Refusal) -> RailReply {
        self.core.turn_away_unread(request, why)
    }

    fn expire_due(&self) {
        self.core.settle_due();
    }
}

/// Whether magic amounts count for that `txnType`: payments and holds, and refunds.
fn magic_side(txn_type: &str) -> Option<On> {
    match txn_type {
        "01" | "02" => Some(On::Payment),
        "04" => Some(On::Refund),
        _ => None,
    }
}
