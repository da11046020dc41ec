//! The three rails: our adapters on this side, the mock rails with their truth on the other.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use paifang_engine::Account;
use paifang_engine::ports::{IncomingMessage, RailCall, Rails};
use paifang_mock_rails::clock::Clock;
use paifang_mock_rails::notifier::NotifierWorker;
use paifang_mock_rails::{Bench, Files, RailMock, alipay, unionpay, wechatpay};
use paifang_payment::{AccountId, Doubt, RailName};
use paifang_rail::{
    Answer, Context, HttpReply, Keyring, Notification, NotificationError, Outcome, Plan, PlanError, Rail,
    RawNotification, Reply, Secret, Verdict, Verified,
};
use paifang_rail_alipay::Alipay;
use paifang_rail_unionpay::UnionPay;
use paifang_rail_wechatpay::WeChatPay;

use crate::exec::locked;
use crate::keys::NEXT_KEY;
use crate::swarm::Swarm;
use crate::universe::Universe;
use crate::watch::TAMPERED;

/// One account, and the rail behind it.
pub struct SimAccount {
    /// Its name.
    pub id: AccountId,
    /// Our side.
    pub adapter: Box<dyn Rail>,
    /// Our keys as they are now.
    keys: Mutex<Arc<Keyring>>,
    /// How far their change of keys has come (F15).
    pub rotating: Mutex<Rotating>,
    /// Where the rail notifies us.
    pub notify_url: String,
    /// Their side.
    pub mock: Arc<dyn RailMock>,
    /// What their side stands on.
    pub bench: Bench,
    /// Their notices, which the simulator carries.
    pub notices: Mutex<NotifierWorker>,
}

/// How far a rail's change of its signing key has come.
#[derive(Default)]
pub struct Rotating {
    /// In a run that goes for a key's change, it has begun.
    pub begun: bool,
    /// It signs with the next key.
    pub switched: bool,
    /// We have the next key.
    pub known: bool,
    /// The next key as the rail publishes it where no message brings it.
    pub next: Option<String>,
}

impl SimAccount {
    /// The keys as they are now.
    pub fn ring(&self) -> Arc<Keyring> {
        locked(&self.keys).clone()
    }

    /// Other keys from here on.
    pub fn replace_ring(&self, ring: Keyring) {
        *locked(&self.keys) = Arc::new(ring);
    }

    /// An operator puts Alipay's next public key beside the present one; whether it was published by then.
    pub fn take_over_key(&self) -> bool {
        let next = locked(&self.rotating).next.clone();
        next.is_some_and(|next| {
            self.replace_ring(alipay_keys(Some(&next)));
            true
        })
    }

    /// Our adapter's surroundings.
    pub fn context<'a>(&'a self, keys: &'a Keyring, nonce: &'a str, now: Timestamp) -> Context<'a> {
        let return_url = "http://127.0.0.1:9/return";
        Context { now, nonce, notify_url: &self.notify_url, return_url, keys }
    }

    /// What our adapter makes of a message.
    pub fn open(
        &self,
        message: &IncomingMessage,
        now: Timestamp,
    ) -> Result<Verified<Notification>, NotificationError> {
        let raw = RawNotification { headers: &message.headers, query: &message.query, body: &message.body };
        self.adapter.open_notification(&raw, &self.context(&self.ring(), "", now))
    }

    /// As the engine knows it.
    pub fn described(&self) -> Account {
        let descriptor = self.adapter.descriptor();
        Account {
            id: self.id.clone(),
            rail: RailName::parse(descriptor.rail).expect("descriptors have good names"),
            descriptor,
            identity: self.adapter.identity(),
            enabled: true,
            shares: Default::default(),
        }
    }
}

/// The three accounts on a clock that stands at `start` until it is moved. A WeChat Pay whose certificates change is one that
/// signs with certificates.
pub fn accounts(start: Timestamp, swarm: &Swarm) -> Vec<Arc<SimAccount>> {
    let clock = Clock::standing_at(start);
    let certified = swarm.rotation.is_some_and(|rotation| rotation.rail == 1 || swarm.aim.is_some());
    let their_wechatpay = if swarm.slow { slow_wechatpay } else { wechatpay::start };
    let our_wechatpay = if certified { our_certified_wechatpay } else { our_wechatpay };
    let made = [
        account("alipay", 1, &clock, alipay::start, our_alipay),
        account("wechatpay", 2, &clock, their_wechatpay, our_wechatpay),
        account("unionpay", 3, &clock, unionpay::start, our_unionpay),
    ];
    made.into_iter().map(Arc::new).collect()
}

fn account(
    rail: &str,
    port: u16,
    clock: &Clock,
    theirs: fn(Bench) -> Arc<dyn RailMock>,
    ours: fn(&str) -> (Box<dyn Rail>, Keyring),
) -> SimAccount {
    // No socket is ever opened: adapters want an address of this machine for plain http, and that is all.
    let origin = format!("http://127.0.0.1:{port}");
    let (mut bench, worker) = Bench::new(clock.clone(), origin.clone());
    if rail == "alipay" {
        bench.files = Arc::new(alipay_files());
    }
    let (adapter, keys) = ours(&origin);
    SimAccount {
        id: AccountId::parse(&format!("{rail}-main")).expect("a good name"),
        adapter,
        keys: Mutex::new(Arc::new(keys)),
        rotating: Mutex::default(),
        notify_url: format!("https://pay.example/notify/{rail}-main/token"),
        mock: theirs(bench.clone()),
        bench,
        notices: Mutex::new(worker),
    }
}

fn our_alipay(origin: &str) -> (Box<dyn Rail>, Keyring) {
    let merchant = alipay::merchant();
    let settings = serde_json::json!({
        "app_id": merchant.app_id, "seller_id": merchant.seller_id, "gateway": format!("{origin}/gateway.do"),
    });
    let adapter =
        Alipay::configure(serde_json::from_value(settings).expect("settings")).expect("good settings");
    (Box::new(adapter), alipay_keys(None))
}

/// Alipay's public keys have no names of their own.
fn alipay_keys(next: Option<&str>) -> Keyring {
    let merchant = alipay::merchant();
    let ring = Keyring::builder()
        .signer(&Secret::new(merchant.private_key_pem.into()))
        .and_then(|ring| ring.verifier(Some("alipay"), merchant.rail_public_key_pem));
    let ring = match next {
        Some(next) => ring.and_then(|ring| ring.verifier(Some("alipay-next"), next)),
        None => ring,
    };
    ring.and_then(|ring| ring.build()).expect("good keys")
}

/// The public files, and as the next key one that another rail's vectors have.
fn alipay_files() -> Files {
    let next = wechatpay::of_vectors().remove("platform_next_private_key.pem");
    let next = next.map(|key| ("next_alipay_private_key.pem".to_owned(), key));
    alipay::of_vectors().into_iter().chain(next).collect()
}

/// A WeChat Pay whose refunds and payers take a while, so that somebody may ask meanwhile.
fn slow_wechatpay(bench: Bench) -> Arc<dyn RailMock> {
    let settings = wechatpay::Settings {
        refunds_take_s: Some(90),
        passwords_take_s: Some(50),
        ..wechatpay::Settings::default()
    };
    wechatpay::start_with(bench, settings)
}

fn our_wechatpay(origin: &str) -> (Box<dyn Rail>, Keyring) {
    wechatpay_by(origin, Some(wechatpay::Merchant::of_vectors().public_key.0))
}

fn our_certified_wechatpay(origin: &str) -> (Box<dyn Rail>, Keyring) {
    wechatpay_by(origin, None)
}

fn wechatpay_by(origin: &str, public_key_id: Option<&str>) -> (Box<dyn Rail>, Keyring) {
    let merchant = wechatpay::Merchant::of_vectors();
    let settings = serde_json::json!({
        "mchid": merchant.mchid, "appid": merchant.appid, "endpoint": origin,
        "public_key_id": public_key_id, "store_out_id": "shop1",
    });
    let adapter =
        WeChatPay::configure(serde_json::from_value(settings).expect("settings")).expect("good settings");
    let keys = Keyring::builder()
        .signer(&Secret::new(merchant.private_key_pem.into()))
        .and_then(|ring| ring.signer_certificate(merchant.certificate_pem))
        .and_then(|ring| ring.symmetric(&Secret::new(merchant.apiv3_key.into())))
        .and_then(|ring| ring.verifier(Some(merchant.public_key.0), merchant.public_key.1))
        .and_then(|ring| ring.verifier(None, merchant.platform_certificate.1))
        .and_then(|ring| ring.build());
    (Box::new(adapter), keys.expect("good keys"))
}

fn our_unionpay(origin: &str) -> (Box<dyn Rail>, Keyring) {
    let merchant = unionpay::merchant();
    let settings = serde_json::json!({
        "merchant_id": merchant.mer_id, "terminal_id": "00000001", "holds": true,
        "front_url": origin, "back_url": origin, "query_url": origin,
    });
    let adapter =
        UnionPay::configure(serde_json::from_value(settings).expect("settings")).expect("good settings");
    let keys = Keyring::builder()
        .signer(&Secret::new(merchant.private_key_pem.into()))
        .and_then(|ring| ring.signer_certificate(merchant.certificate_pem))
        .and_then(|ring| ring.root(merchant.root_certificate_pem))
        .and_then(|ring| ring.intermediate(merchant.middle_certificate_pem))
        .and_then(|ring| ring.certificate_rule(adapter.certificate_rule()).build());
    (Box::new(adapter), keys.expect("good keys"))
}

/// The adapters as the engine sees them.
#[derive(Clone)]
pub struct SimRails(pub Arc<Universe>);

impl SimRails {
    fn with<T>(
        &self,
        account: &AccountId,
        nonce: &str,
        now: Timestamp,
        f: impl FnOnce(&dyn Rail, &Context<'_>) -> T,
    ) -> Option<T> {
        let account = self.0.accounts.iter().find(|known| known.id == *account)?;
        Some(f(&*account.adapter, &account.context(&account.ring(), nonce, now)))
    }
}

impl Rails for SimRails {
    async fn plan(
        &self,
        account: &AccountId,
        call: &Arc<RailCall>,
        nonce: &str,
        now: Timestamp,
    ) -> Result<Plan, PlanError> {
        *locked(&self.0.planned) = Some((call.as_call().verb(), number_of(call)));
        let planned = self.with(account, nonce, now, |adapter, cx| adapter.plan(&call.as_call(), cx));
        planned.unwrap_or(Err(PlanError::Unsupported("no such account")))
    }

    async fn read(
        &self,
        account: &AccountId,
        call: &Arc<RailCall>,
        nonce: &str,
        mut reply: Reply,
        now: Timestamp,
    ) -> Answer {
        let marks = reply.headers.extract_if(.., |(name, _)| name == TAMPERED);
        let tampered = marks.map(|(_, fault)| fault).next();
        let next_key = reply.headers.extract_if(.., |(name, _)| name == NEXT_KEY).next().is_some();
        let read = self.with(account, nonce, now, |adapter, cx| adapter.read(&call.as_call(), &reply, cx));
        let answer =
            read.unwrap_or_else(|| Answer::is(Outcome::unknown(Doubt::Unreadable), "sim.no_account"));
        if let Some(tampered) = tampered {
            self.0.watch_answer(call.as_call().verb(), &tampered, &answer);
        }
        if let Some(account) = self.0.accounts.iter().find(|known| known.id == *account) {
            self.0.watch_key(account, call.as_call().verb(), &number_of(call), next_key, &answer);
        }
        if let Some(outcome) = answer.outcome() {
            self.0.told_by_answer(&number_of(call), outcome);
        }
        answer
    }

    async fn open_notification(
        &self,
        account: &AccountId,
        message: &IncomingMessage,
        now: Timestamp,
    ) -> Result<Verified<Notification>, NotificationError> {
        let known = self.0.accounts.iter().find(|known| known.id == *account);
        let known = known.expect("messages come in for accounts that are there");
        let opened = known.open(message, now);
        let next_key = message.headers.iter().any(|(name, _)| name == NEXT_KEY);
        self.0.watch_key_of_notice(known, next_key, opened.is_ok());
        opened
    }

    fn acknowledge(&self, account: &AccountId, verdict: Verdict) -> HttpReply {
        let said = self.with(account, "", self.0.exec.now(), |adapter, _| adapter.acknowledge(verdict));
        said.expect("messages come in for accounts that are there")
    }
}

/// The number that a call is about: of its own operation where it has one.
fn number_of(call: &RailCall) -> String {
    let number = match call {
        RailCall::Charge(charge) => &charge.order.order_no,
        RailCall::Query(order) | RailCall::Close(order) => &order.order_no,
        RailCall::Reverse(reversal) | RailCall::QueryReverse(reversal) => &reversal.order.order_no,
        RailCall::Refund(refund) | RailCall::QueryRefund(refund) => &refund.refund_no,
        RailCall::Capture(capture) | RailCall::QueryCapture(capture) => &capture.hold.order_no,
        RailCall::Release(release) | RailCall::QueryRelease(release) => &release.hold.order_no,
    };
    number.as_str().to_owned()
}
