//! A rail that says what it is told to say, and a world with a clock that can be moved.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use paifang_engine::ports::{Environment, IncomingMessage, RailCall, Rails, Transport, TransportError};
use paifang_money::{Currency, PositiveMoney};
use paifang_payment::{
    AccountId, CloseProof, Doubt, NextAction, OrderNo, Pending, Presentation, RailRef, Reason, Settled, Verb,
};
use paifang_rail::{
    Answer, Claims, ClientKind, Closing, CreditUse, Descriptor, Exchange, Genuine, Holding, HttpReply,
    Keyring, Method, Need, Notification, NotificationError, Offer, Outcome, Plan, PlanError, Refunding,
    Reply, Secret, Subject, Verdict, Verified,
};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::Notify;

paifang_rail::tells! {
    /// What it is told.
    struct Tells {
        required: [PaymentIntentDescription],
        optional: [ClientContextPayerCode, ClientContextPayerIp, RefundReason],
    }
}

/// Its one wallet is shown as a QR code, or scanned from the payer's phone.
pub static DESCRIPTOR: Descriptor = Descriptor {
    tells: Tells::LIST,
    statements: &[],
    serves_keys: false,
    rail: "panda",
    title: "A rail for tests",
    offers: &[
        Offer {
            hold: Some(Holding { days: 30, partial: true }),
            wallet: "bamboo",
            presentation: Presentation::QrShown,
            clients: &[ClientKind::DesktopBrowser, ClientKind::InWallet],
            needs: &[],
            expiry_s_max: 7200,
            expiry_s_min: 30,
            credit: CreditUse::Excludable,
            resendable: true,
        },
        Offer {
            hold: None,
            wallet: "bamboo",
            presentation: Presentation::PayerCode,
            clients: &[ClientKind::PointOfSale],
            needs: &[Need::PayerCode, Need::ClientIp],
            expiry_s_max: 7200,
            expiry_s_min: 30,
            credit: CreditUse::Excludable,
            resendable: false,
        },
    ],
    currencies: &["CNY"],
    amount_min: 1,
    amount_max: 1_000_000,
    closing: Closing::ByCall,
    reverses: true,
    reverses_unknown: false,
    asks_after_s: &[],
    fails_with: &[],
    refunding: Refunding { partial: true, count_max: 50, window_days: 365, resend_s: 3600, interval_s: 0 },
    keys: &[],
};

/// What the rail says next to each kind of call; shared with the test.
#[derive(Clone, Default)]
pub struct Script {
    words: Arc<Mutex<HashMap<&'static str, VecDeque<&'static str>>>>,
    /// Told at each charge that has arrived.
    pub charged: Arc<Notify>,
    /// Lets one held answer go.
    pub release: Arc<Notify>,
}

impl Script {
    /// The next answer to this verb: `paid`, `authorized`, `pending`, `refused`, `refunded`, `closed`, `absent`, `nonsense`, `lost`, or
    /// `held` (as `pending`, but only after a release).
    pub fn say(&self, verb: &'static str, word: &'static str) {
        self.words.lock().unwrap().entry(verb).or_default().push_back(word);
    }

    fn next(&self, verb: &str) -> &'static str {
        let scripted = self.words.lock().unwrap().get_mut(verb).and_then(VecDeque::pop_front);
        scripted.unwrap_or(match verb {
            "refund" | "query_refund" => "refunded",
            "close" | "reverse" | "release" | "query_release" => "closed",
            "capture" | "query_capture" => "paid",
            _ => "pending",
        })
    }
}

/// See [`Script`].
pub struct FakeTransport(pub Script);

impl Transport for FakeTransport {
    async fn exchange(&self, _: &AccountId, exchange: Exchange) -> Result<Reply, TransportError> {
        let verb = exchange.url.trim_start_matches("fake:");
        let mut word = self.0.next(verb);
        if verb == "charge" {
            self.0.charged.notify_one();
        }
        if word == "held" {
            self.0.release.notified().await;
            word = "pending";
        }
        match word {
            "lost" => Err(TransportError::Lost),
            word => Ok(Reply { status: 200, headers: Vec::new(), body: word.into() }),
        }
    }
}

/// Signs by itself what it then verifies: proof has no other maker.
pub struct FakeRails {
    keys: Keyring,
}

impl FakeRails {
    pub fn new() -> Self {
        let vectors = include_str!("../../../../tests/vectors/alipay-vectors.json");
        let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
        let key = |path: &str| vectors.pointer(path).unwrap().as_str().unwrap().to_owned();
        let signer = Secret::new(key("/keys/alipay/private_pkcs8_pem").into());
        let keys = Keyring::builder()
            .signer(&signer)
            .and_then(|ring| ring.verifier(Some("panda-key"), &key("/keys/alipay/public_spki_base64")))
            .and_then(|ring| ring.build())
            .unwrap();
        Self { keys }
    }

    fn genuine(&self, bytes: &[u8]) -> Genuine {
        let signature = self.keys.sign(bytes).unwrap();
        self.keys.verify(bytes, &signature).unwrap()
    }
}

impl Rails for FakeRails {
    async fn plan(
        &self,
        _: &AccountId,
        call: &Arc<RailCall>,
        _: &str,
        _: Timestamp,
    ) -> Result<Plan, PlanError> {
        let url = format!("fake:{}", call.as_call().verb().as_str());
        Ok(Plan::Send(Exchange { method: Method::Post, url, headers: Vec::new(), body: Vec::new() }))
    }

    async fn read(
        &self,
        _: &AccountId,
        call: &Arc<RailCall>,
        _: &str,
        reply: Reply,
        now: Timestamp,
    ) -> Answer {
        let (view, proof) = (call.as_call(), self.genuine(&reply.body));
        let order = view.order();
        let amount = match &**call {
            RailCall::Refund(refund) | RailCall::QueryRefund(refund) => refund.amount,
            RailCall::Capture(capture) | RailCall::QueryCapture(capture) => capture.amount,
            _ => order.amount,
        };
        let rail_ref = RailRef::parse(&format!("T{}", order.order_no)).ok();
        let settled = Settled { amount, rail_ref, settled_at: Some(now) };
        let shown = NextAction::ShowQr {
            content: format!("panda://{}", order.order_no),
            expires_at: order.expires_at,
        };
        let next_action = (view.verb() == Verb::Charge).then_some(shown);
        let outcome = match reply.body.as_slice() {
            b"paid" => Outcome::paid(proof, settled),
            b"authorized" => Outcome::held(proof, settled),
            b"refunded" => Outcome::refunded(proof, settled),
            b"closed" => Outcome::closed(proof, CloseProof { returned: None, rail_ref: None }),
            b"pending" => Outcome::pending(proof, Pending { next_action, rail_ref: None }),
            b"refused" => {
                let reason = Reason::parse("insufficient_funds").unwrap();
                Outcome::refused(proof, reason, "NOT_ENOUGH", "not enough money")
            }
            b"absent" => return Answer::absent(Some(proof), "panda.absent"),
            _ => Outcome::unknown(Doubt::Unreadable),
        };
        Answer::is(outcome, format!("panda.{}", view.verb().as_str()))
    }

    /// `ORDER_NUMBER FEN`: paid.
    async fn open_notification(
        &self,
        _: &AccountId,
        message: &IncomingMessage,
        now: Timestamp,
    ) -> Result<Verified<Notification>, NotificationError> {
        let text = String::from_utf8(message.body.clone()).unwrap();
        let (order, fen) = text.split_once(' ').unwrap();
        let amount = PositiveMoney::new(fen.parse().unwrap(), Currency::CNY).unwrap();
        let settled = Settled { amount, rail_ref: None, settled_at: Some(now) };
        let claims = Claims { merchant: Some("m-1".into()), app: None };
        let outcome = Outcome::paid(self.genuine(&message.body), settled);
        let subject = Subject::Charge(OrderNo::parse(order).unwrap());
        let rule = "panda.notification.paid".to_owned();
        let witness = self.genuine(&message.body);
        let (key, refund_of) = (text.clone(), None);
        Ok(Verified::new(&witness, Notification { key, subject, claims, refund_of, outcome, rule }))
    }

    fn acknowledge(&self, _: &AccountId, _: Verdict) -> HttpReply {
        HttpReply { status: 200, content_type: "text/plain", body: "ok" }
    }
}

/// The real time, moved.
#[derive(Clone, Default)]
pub struct World {
    ahead_s: Arc<AtomicI64>,
}

impl World {
    pub fn advance(&self, seconds: i64) {
        self.ahead_s.fetch_add(seconds, Ordering::SeqCst);
    }

    #[allow(clippy::disallowed_methods)] // the one clock of these tests
    pub fn time(&self) -> Timestamp {
        Timestamp::now() + SignedDuration::from_secs(self.ahead_s.load(Ordering::SeqCst))
    }
}

impl Environment for World {
    fn now(&self) -> Timestamp {
        self.time()
    }

    fn entropy(&self, bytes: &mut [u8]) {
        SystemRandom::new().fill(bytes).unwrap();
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }

    fn sleep(&self, time: SignedDuration) -> BoxFuture<'static, ()> {
        tokio::time::sleep(time.try_into().unwrap_or_default()).boxed()
    }

    fn reached(&self, _: &'static str) {}
}
