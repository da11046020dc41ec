//! A small world for the engine: the model store, one rail with a truth of its own, and time that passes by itself when
//! nobody has anything to do (tokio's paused clock), so that a day of schedules takes milliseconds.
#![allow(dead_code, reason = "each test binary uses its own part of this")]

pub mod rail;
pub mod rules;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use paifang_engine::ports::Environment;
use paifang_engine::{
    Account, Accounts, CaptureIntent, Client, Confirmation, Counterparty, CreateIntent, CreateRefund, Engine,
    Error, Limits, Shares,
};
use paifang_ledger::AccountKind;
use paifang_money::{Currency, PositiveMoney};
use paifang_payment::intent::CaptureMode;
use paifang_payment::{AccountId, IntentId, Presentation, RailName, RequestId, TenantId, WalletName};
use paifang_rail::{ClientKind, Identity, PayerCode};
use paifang_store::{IntentRow, ModelStore, Store, fsck};

pub use rail::{
    DESCRIPTOR_PACED, DESCRIPTOR_PLAIN, DESCRIPTOR_STURDY, FakeRails, FakeTransport, Fault, Truth,
};

pub type Core = Engine<ModelStore, FakeRails, FakeTransport, World>;

#[derive(Clone)]
pub struct World {
    started: tokio::time::Instant,
    seed: Arc<AtomicU64>,
}

impl World {
    pub fn now(&self) -> Timestamp {
        let base: Timestamp = "2026-11-21T04:00:00Z".parse().unwrap();
        base + SignedDuration::try_from(self.started.elapsed()).unwrap()
    }
}

impl Environment for World {
    fn now(&self) -> Timestamp {
        World::now(self)
    }

    fn entropy(&self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte =
                (self.seed.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8;
        }
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }

    fn sleep(&self, time: SignedDuration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time.try_into().unwrap_or_default()))
    }

    fn reached(&self, _point: &'static str) {}
}

pub struct Stage {
    pub engine: Core,
    pub truth: Arc<Mutex<Truth>>,
    pub tenant: TenantId,
    world: World,
    store: ModelStore,
    workers: tokio::task::JoinHandle<()>,
}

/// An engine over all three accounts.
async fn core<S: Store>(
    owner: &str,
    store: S,
    truth: &Arc<Mutex<Truth>>,
    world: &World,
    look_every: SignedDuration,
    shares: Shares,
) -> Engine<S, FakeRails, FakeTransport, World> {
    core_with(owner, store, truth, world, look_every, shares, |_| true).await
}

/// An engine over these of the accounts.
async fn core_with<S: Store>(
    owner: &str,
    store: S,
    truth: &Arc<Mutex<Truth>>,
    world: &World,
    look_every: SignedDuration,
    shares: Shares,
    has: impl Fn(&Account) -> bool,
) -> Engine<S, FakeRails, FakeTransport, World> {
    let account = |name: &str, descriptor| Account {
        id: AccountId::parse(name).unwrap(),
        rail: RailName::parse(name).unwrap(),
        descriptor,
        identity: Identity { merchant: "m".into(), app: None },
        enabled: true,
        shares: shares.clone(),
    };
    let accounts = vec![
        account("sturdy", &DESCRIPTOR_STURDY),
        account("plain", &DESCRIPTOR_PLAIN),
        account("paced", &DESCRIPTOR_PACED),
    ];
    let accounts: Vec<Account> = accounts.into_iter().filter(has).collect();
    let limits = Limits {
        owner: owner.into(),
        intent_life: SignedDuration::from_mins(15),
        intent_life_max: SignedDuration::from_hours(24),
        lease: SignedDuration::from_secs(30),
        lane_width: 64,
        look_every,
    };
    let transport = FakeTransport { truth: Arc::clone(truth), world: world.clone() };
    let accounts = Accounts::new(accounts);
    Engine::new(store, FakeRails::new(), transport, world.clone(), accounts, limits).await.unwrap()
}

impl Stage {
    /// Two accounts: `sturdy` (creations can be repeated, orders closed) and `plain` (neither, but codes and reverses).
    pub async fn open() -> Self {
        Self::open_looking_every(SignedDuration::from_millis(200)).await
    }

    /// The same with workers that look for work at this interval: days of virtual time then take fewer looks.
    pub async fn open_looking_every(look_every: SignedDuration) -> Self {
        let mut stage = Self::open_idle(look_every).await;
        let running = stage.engine.clone();
        stage.workers = tokio::spawn(async move { running.work(futures::future::pending()).await });
        stage
    }

    /// The same without workers: a test says when an engine looks.
    pub async fn open_idle(look_every: SignedDuration) -> Self {
        let world = World { started: tokio::time::Instant::now(), seed: Arc::default() };
        let clock = world.clone();
        let store = ModelStore::new(move || clock.now());
        let truth = Arc::new(Mutex::new(Truth::default()));
        let engine = core("first", store.clone(), &truth, &world, look_every, Shares::default()).await;
        let workers = tokio::spawn(futures::future::ready(()));
        let tenant = TenantId::from_parts(world.now(), [1; 10]);
        Self { engine, truth, tenant, world, store, workers }
    }

    /// Another engine over the same store and rails, as another replica has it; it has no workers.
    pub async fn replica(&self) -> Core {
        self.replica_sharing(Shares::default()).await
    }

    /// The same, as its operator shares this with every account.
    pub async fn replica_sharing(&self, shares: Shares) -> Core {
        let (store, looks) = (self.store.clone(), SignedDuration::from_secs(1));
        core("second", store, &self.truth, &self.world, looks, shares).await
    }

    /// The same over what this makes of the store.
    pub async fn replica_over<S: Store>(
        &self,
        over: impl FnOnce(ModelStore) -> S,
    ) -> Engine<S, FakeRails, FakeTransport, World> {
        let (store, look_every) = (over(self.store.clone()), SignedDuration::from_secs(1));
        core("third", store, &self.truth, &self.world, look_every, Shares::default()).await
    }

    /// The same, and its config lacks an account.
    pub async fn replica_without(&self, account: &str) -> Core {
        let (store, looks) = (self.store.clone(), SignedDuration::from_secs(1));
        let has = |one: &Account| one.id.as_str() != account;
        core_with("lacking", store, &self.truth, &self.world, looks, Shares::default(), has).await
    }

    /// The same with a clock that runs ahead.
    pub async fn replica_ahead(&self, by: std::time::Duration) -> Core {
        let world = World { started: self.world.started - by, ..self.world.clone() };
        let (store, looks) = (self.store.clone(), SignedDuration::from_secs(1));
        core("ahead", store, &self.truth, &world, looks, Shares::default()).await
    }

    /// Lets workers run from now on.
    pub fn run(&mut self) {
        let running = self.engine.clone();
        self.workers = tokio::spawn(async move { running.work(futures::future::pending()).await });
    }

    pub fn fault(&self, verb: &'static str, fault: Fault) {
        self.truth.lock().unwrap().faults.push((verb, fault));
    }

    pub async fn create(&self, request: &str, choice: Option<Confirmation>) -> IntentRow {
        let made = self.engine.create_intent(self.tenant, wanted(request, choice)).await.unwrap();
        self.settled(made.resource.intent.terms.id).await
    }

    pub async fn confirm(&self, request: &str, intent: IntentId, choice: Confirmation) -> IntentRow {
        let request_id = RequestId::parse(request).unwrap();
        let wanted = paifang_engine::ConfirmIntent { request_id, intent, etag: None, confirmation: choice };
        self.engine.confirm_intent(self.tenant, wanted).await.unwrap();
        self.settled(intent).await
    }

    /// An intent whose money is to be held.
    pub async fn hold(&self, request: &str, choice: Confirmation) -> IntentRow {
        let wanted = CreateIntent { capture: CaptureMode::Manual, ..wanted(request, Some(choice)) };
        let made = self.engine.create_intent(self.tenant, wanted).await.unwrap();
        self.settled(made.resource.intent.terms.id).await
    }

    pub async fn capture(
        &self,
        request: &str,
        intent: IntentId,
        fen: Option<i64>,
    ) -> Result<IntentRow, Error> {
        let request_id = RequestId::parse(request).unwrap();
        let wanted = CaptureIntent { request_id, intent, amount: fen.map(yuan), etag: None };
        self.engine.capture_intent(self.tenant, wanted).await?;
        Ok(self.settled(intent).await)
    }

    pub async fn cancel(&self, request: &str, intent: IntentId) -> IntentRow {
        let request_id = RequestId::parse(request).unwrap();
        let wanted = paifang_engine::CancelIntent { request_id, intent, etag: None };
        self.engine.cancel_intent(self.tenant, wanted).await.unwrap();
        self.settled(intent).await
    }

    pub async fn refund(&self, request: &str, intent: IntentId, fen: i64) -> Result<String, String> {
        let request_id = RequestId::parse(request).unwrap();
        let wanted = CreateRefund { request_id, intent, amount: Some(yuan(fen)), reason: None, case: None };
        let made = self.engine.create_refund(self.tenant, wanted).await.map_err(|error| error.to_string())?;
        let refund = self.engine.await_refund(made.resource, SignedDuration::from_hours(2)).await.unwrap();
        Ok(refund.state.name().to_owned())
    }

    /// The intent once no rail's word is awaited, for two days at most.
    pub async fn settled(&self, id: IntentId) -> IntentRow {
        self.engine.await_intent(self.tenant, id, SignedDuration::from_hours(48)).await.unwrap()
    }

    pub async fn state_within(&self, id: IntentId, state: &str, within: SignedDuration) -> IntentRow {
        let row = self
            .engine
            .await_change(self.tenant, id, within, |row| row.intent.state.name() == state)
            .await
            .unwrap();
        assert_eq!(row.intent.state.name(), state, "{row:#?}");
        row
    }

    /// Lets time pass until it is so, for a day at most.
    pub async fn until(&self, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
        for _ in 0..86_400 {
            if is_so().await {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
        panic!("a day has passed, and never: {what}");
    }

    /// Lets time pass until nothing live is left, then compares our books with the rail's truth to the fen.
    pub async fn check(self) -> Arc<Mutex<Truth>> {
        let live = async {
            loop {
                let work = self.engine.store().scan_work(None, 200).await.unwrap();
                let ended =
                    work.iter().all(|row| row.quarantined.is_some() || is_watch_only(&self.engine, row));
                if ended {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_secs(30)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(5 * 86_400), live)
            .await
            .expect("something never ends");
        self.workers.abort();
        let report = fsck::run(self.engine.store()).await.unwrap();
        assert!(report.is_clean(), "{report:#?}");
        let rails: i128 = self
            .engine
            .store()
            .balances(self.tenant)
            .await
            .unwrap()
            .iter()
            .filter(|row| row.account.kind() == AccountKind::Rail)
            .map(|row| row.balance.posted(&row.account))
            .sum();
        let truth = self.truth.lock().unwrap();
        let net: i64 = truth.orders.values().map(|order| order.paid - order.refunded).sum();
        assert_eq!(i128::from(net), rails, "the ledger and the rail differ: {:#?}", truth.orders);
        for order in truth.orders.values() {
            assert!(order.charges <= 1, "charged twice: {order:?}");
            assert_eq!(order.held, 0, "a hold stands: {order:?}");
        }
        drop(truth);
        self.truth
    }
}

/// The fields that crossed to a rail account.
pub fn crossed(engine: &Core, account: &str) -> Vec<&'static str> {
    let of = |counterparty: &Counterparty| counterparty.name() == format!("rail:{account}");
    let all = engine.egress().crossed().filter(|(counterparty, ..)| of(counterparty));
    all.map(|(_, field, _)| field.name()).collect()
}

/// What is left only to be watched (attempts that have ended) does not count as live.
fn is_watch_only(engine: &Core, row: &paifang_store::WorkRow) -> bool {
    match &row.key {
        paifang_store::WorkKey::Attempt { tenant, intent, attempt } => {
            let row = futures::executor::block_on(engine.store().intent(*tenant, *intent)).unwrap().unwrap();
            row.intent.attempt(*attempt).is_some_and(|attempt| !attempt.is_live())
        }
        paifang_store::WorkKey::Refund { .. } => false,
        paifang_store::WorkKey::Expiry { .. } => false,
    }
}

pub fn wanted(request: &str, confirmation: Option<Confirmation>) -> CreateIntent {
    CreateIntent {
        request_id: RequestId::parse(request).unwrap(),
        amount: yuan(10_000),
        description: "tea".into(),
        metadata: Default::default(),
        expires_at: None,
        capture: Default::default(),
        confirmation,
    }
}

pub fn qr(wallet: &str) -> Confirmation {
    choice(wallet, Presentation::QrShown, None)
}

pub fn code() -> Confirmation {
    code_of("plain")
}

pub fn code_of(wallet: &str) -> Confirmation {
    choice(wallet, Presentation::PayerCode, Some(PayerCode::parse("6212345678901234567").unwrap()))
}

fn choice(wallet: &str, presentation: Presentation, payer_code: Option<PayerCode>) -> Confirmation {
    let client = Client { kind: ClientKind::PointOfSale, wallet: None, ip: None, payer: None, payer_code };
    let wallet = WalletName::parse(wallet).unwrap();
    Confirmation {
        wallet,
        rail: None,
        presentation: Some(presentation),
        client,
        return_url: None,
        declared: Default::default(),
    }
}

pub fn yuan(fen: i64) -> PositiveMoney {
    PositiveMoney::new(fen, Currency::CNY).unwrap()
}
