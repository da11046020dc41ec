//! The Alipay mock: the v2 gateway (`/gateway.do`) and the v3 protocol (`/v3/…`) over one book, in key and in
//! certificate mode, with content encryption; a cashier for browsers, notices, bills and pre-authorisation.
//!
//! | where | what |
//! |---|---|
//! | `front` | routes, faults, signing of answers, journal |
//! | `gateway`, `v3` | the checks of each protocol |
//! | `api` | names of the APIs in both |
//! | `announce`, `pay`, `app`, `page` | the ways to an order |
//! | `orders`, `refunds`, `freeze`, `bill`, `certificates` | the other APIs |
//! | `trade`, `trades`, `holds`, `state` | the book |
//! | `notify`, `payer`, `wallet` | what the merchant is told, what the payer does |
//! | `material`, `keys`, `cert`, `aes`, `sign` | files, keys, certificates, strings |
//!
//! Amounts are fen inside and decimal yuan text on the wire.
//!
//! Two texts of the fault `BusinessCode` for `reverse` are no codes of the rail: a cancel under `RETRY` does nothing and is
//! answered `retry_flag` Y, one under `RETRY:DONE` is carried out and answered so all the same (F10).
//!
//! The files it is built from, which are also what an integrator needs ([`forge`] makes them, [`of_vectors`] are those that
//! everybody knows):
//!
//! | file | content |
//! |---|---|
//! | `merchant.json` | `app_id`, `seller_id`, `seller_email`, `buyer_id`, `buyer_logon_id`, and optionally `fee_per_10_000` (60), `v3_waiting_is_202` (false) |
//! | `app_private_key.pem`, `app_private_key_pkcs1.pem` | the merchant's private key, in both forms that SDKs want |
//! | `app_public_key.pem` | its public key, as uploaded to the rail |
//! | `alipay_public_key.pem` | verifies the rail in key mode |
//! | `alipay_private_key.pem` | the rail's own |
//! | `app_cert.pem`, `alipay_cert.pem`, `alipay_root_cert.pem` | certificate mode: leaf (and intermediate) files, roots |
//! | `aes_key.txt` | base64 of sixteen bytes: content encryption |
//! | `next_…` of each | what comes after a rotation; optional |

mod aes;
mod announce;
mod answer;
mod api;
mod app;
mod bill;
mod biz;
mod cert;
mod certificates;
mod channels;
mod codes;
mod freeze;
mod front;
mod gateway;
mod holds;
mod keys;
mod material;
mod notify;
mod numbers;
mod orders;
mod page;
mod pay;
mod payer;
mod refunds;
mod rotate;
mod sign;
mod state;
mod time;
mod trade;
mod trades;
mod v3;
mod views;
mod wallet;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, Weak};

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use crate::book::BookEntry;
use crate::notifier::DeliveryState;
use crate::vectors::{self, text};
use crate::{
    Bench, BillLine, KeyStep, PayerAct, PayerError, RailMock, RailReply, RailRequest, Refusal, WalletView,
    locked,
};

pub use material::{forge, of_vectors};

use material::Material;
use state::{Done, News, State};

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

/// Builds the mock on its bench, from the bench's files or, when it has none, from those of the vectors.
///
/// # Panics
/// When the files cannot be used: they are wrong, or one is missing; the text names it.
pub fn start(bench: Bench) -> Arc<dyn RailMock> {
    let read =
        if bench.files.is_empty() { Material::read(&of_vectors()) } else { Material::read(&bench.files) };
    match read {
        Ok(material) => AlipayMock::new(bench, material),
        Err(error) => panic!("{error}"),
    }
}

struct AlipayMock {
    bench: Bench,
    material: Arc<Material>,
    state: Mutex<State>,
    /// For the task that lets thinking payers come to an end.
    me: Weak<Self>,
    /// When that task wakes next; there is one at a time, or a few when an earlier payer comes in between.
    waking: Mutex<Option<Timestamp>>,
}

impl AlipayMock {
    fn new(bench: Bench, material: Material) -> Arc<Self> {
        let opened = bench.clock.now();
        Arc::new_cyclic(|me| Self {
            bench,
            material: Arc::new(material),
            state: Mutex::new(State::new(opened)),
            me: me.clone(),
            waking: Mutex::default(),
        })
    }

    /// Ends what payers thought about until now, and tells the merchant.
    fn settle(&self) {
        let now = self.bench.clock.now();
        let (paid, frozen, refunded) = {
            let state = &mut *locked(&self.state);
            (state.trades.settle_due(now), state.holds.settle_due(now), state.trades.refunds_due(now))
        };
        let refunded = refunded.into_iter().map(|(order, refund)| {
            let event = notify::Event::Refunded { out_biz_no: refund.out_request_no, at: refund.at };
            News::Trade(Box::new(order), event)
        });
        let paid = paid.into_iter().map(|order| News::Trade(Box::new(order), notify::Event::Paid));
        let frozen = frozen.into_iter().map(|hold| News::Hold(Box::new(hold), holds::Event::Frozen));
        for news in paid.chain(frozen).chain(refunded) {
            self.notices(&news).0.into_iter().for_each(|notice| self.bench.notifier.post(notice));
        }
    }

    /// Sees to it that [`Self::settle`] runs when the next payer is through, also if nobody asks. Without a runtime (a
    /// test of pure parts) it runs with the next request.
    fn wake_when_due(&self) {
        let due = {
            let state = locked(&self.state);
            [state.trades.next_due(), state.holds.next_due()].into_iter().flatten().min()
        };
        let (Some(due), Ok(runtime)) = (due, tokio::runtime::Handle::try_current()) else { return };
        let mut waking = locked(&self.waking);
        if waking.is_some_and(|at| at <= due) {
            return;
        }
        *waking = Some(due);
        let (me, clock) = (self.me.clone(), self.bench.clock.clone());
        runtime.spawn(async move {
            clock.sleep_until(due).await;
            if let Some(mock) = me.upgrade() {
                mock.settle();
                locked(&mock.waking).take();
                mock.wake_when_due();
            }
        });
    }
}

impl RailMock for AlipayMock {
    fn name(&self) -> &'static str {
        "alipay"
    }

    fn handle(&self, request: RailRequest) -> BoxFuture<'_, RailReply> {
        self.route(request).boxed()
    }

    fn operation(&self, request: &RailRequest) -> Option<&'static str> {
        self.operation_of(request)
    }

    /// A payer scans (which opens the trade), pays, turns away (which leaves the trade waiting, as in the wallet), or
    /// shows a code. A `prepay_id` is the trade number that a front end hands to the wallet; a `qr` may also be the
    /// order string of an app. A pre-authorisation is paid by setting its money aside.
    fn payer(&self, act: PayerAct) -> Result<Value, PayerError> {
        self.act(act)
    }

    fn charge_again(&self, order_no: &str) -> Result<String, PayerError> {
        self.take_again(order_no)
    }

    fn book(&self) -> Vec<BookEntry> {
        self.settle();
        views::book(&locked(&self.state), self.bench.clock.now())
    }

    fn orders(&self) -> Vec<WalletView> {
        self.expire_due();
        views::wallet(&locked(&self.state), &self.material.account, self.bench.clock.now())
    }

    fn bill(&self, day: Date) -> Result<Vec<BillLine>, PayerError> {
        self.settle();
        let period = bill::Period::day(day).ok_or(PayerError::Unsupported)?;
        let lines = bill::lines_of(&locked(&self.state).trades, &self.material.account, period);
        Ok(lines.into_iter().map(views::bill_line).collect())
    }

    fn save(&self) -> Value {
        let deliveries = self.bench.notifier.deliveries();
        let waiting = deliveries.into_iter().filter(|delivery| delivery.state == DeliveryState::Pending);
        let undelivered: Vec<String> = waiting.map(|delivery| delivery.key).collect();
        let saved = locked(&self.state).save(self.material.keys.stages(), &undelivered);
        // Names and numbers only: there is nothing in the book that JSON cannot hold.
        saved.unwrap_or_default()
    }

    fn load(&self, saved: Value) -> Result<(), String> {
        if saved.is_null() {
            return Ok(());
        }
        let loaded = State::load(saved)?;
        *locked(&self.state) = loaded.state;
        *locked(&self.material.keys.stages) = loaded.stages;
        for (news, notify_id) in loaded.undelivered {
            let notice = self.notice(&news, notify_id, notify::Falsified::default());
            notice.into_iter().for_each(|notice| self.bench.notifier.post(notice));
        }
        self.wake_when_due();
        Ok(())
    }

    fn keys(&self, step: KeyStep) -> Result<Value, PayerError> {
        rotate::step(&self.material.keys, step)
    }

    fn refuse(&self, request: &RailRequest, why: Refusal) -> RailReply {
        self.turned_away(request, why)
    }

    fn expire_due(&self) {
        self.settle();
        let now = self.bench.clock.now();
        let state = &mut *locked(&self.state);
        state.trades.expire_due(now);
        state.holds.expire_due(now);
    }
}
