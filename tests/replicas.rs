//! Two gateways on one PostgreSQL, one of them killed every few seconds under load: nothing is lost, nobody is charged
//! twice, the books agree, and what the dead one had claimed is taken over when its lease is over (F19, F27, I1, I2, I3, I16).
//!
//! 15 s of load; as many as `PAIFANG_REPLICAS_SECONDS` says.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops here")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use paifang_conformance::postgres::Server;
use paifang_gateway::demo::{Shop, Stage, free_port};
use paifang_mock_rails::faults::Fault;
use paifang_mock_rails::{CodeOutcome, PayerAct, PayerTarget};
use paifang_proto::v1;
use support::{ALIPAY, UNIONPAY, UNIONPAY_CODE, WECHAT, Way, World, choice, money};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};
use tonic::{Code, Request, Status};
use v1::PaymentIntentState as State;

/// How long the load lasts.
const SECONDS: &str = "PAIFANG_REPLICAS_SECONDS";
/// Storefronts at once.
const STOREFRONTS: u32 = 6;
/// Between two deaths.
const KILL_EVERY: Duration = Duration::from_secs(3);
/// A choice whose code is lost is answered when the call's time is nearly over: before the gateway that is asked dies as well.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);
/// A claim of the test's gateways, which is more than a call to a rail may take there.
const LEASE: Duration = Duration::from_secs(9);
/// Beyond its lease, a claim waits for the other gateway's next look, and for a machine that is busy.
const MARGIN: Duration = Duration::from_secs(6);
const LIMITS: &str =
    "\n[limits]\nlease_s = 9\nrail_deadline_ms = 3000\nrail_queue_ms = 500\nrail_connect_ms = 1000\n";
/// Between two looks at what another process does.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The same where a look starts a program.
const ASK_EVERY: Duration = Duration::from_millis(200);
/// After each step of its clock a gateway has this long for what is due then.
const STEP_TAKES: Duration = Duration::from_millis(200);
/// A step of the clock.
const STEP: Duration = Duration::from_secs(10);
/// So many looks before the next one: a machine that is busy needs more of its own time, not of the gateway's.
const LOOKS_PER_STEP: u32 = 5;
/// After so many an order whose time is over has been asked about, and asked again: that is every six minutes at the latest.
const CERTAIN_STEPS_MAX: u32 = 60;
/// A dead gateway stays so for a while, so that the other one is alone.
const DEAD_FOR: Duration = Duration::from_millis(500);
/// How long a storefront keeps asking for one thing.
const PATIENCE: Duration = Duration::from_secs(60);

/// The gateway died between writing a payer's code's charge ahead and sending it, and the code with it. Whether the rail has
/// the order is certain only when the order's own time is over, five minutes later: nobody waits for that at a till.
fn has_lost_its_code(intent: &v1::PaymentIntent) -> bool {
    let attempt = intent.attempts.last().unwrap();
    attempt.presentation() == v1::Presentation::PayerCode && attempt.state() == v1::AttemptState::InDoubt
}

/// One gateway process.
struct Replica {
    config: PathBuf,
    grpc: SocketAddr,
    http: SocketAddr,
    url: String,
    child: Option<Child>,
}

impl Replica {
    /// A copy of the stage's config with this one's own ports. The public URL stays the stage's: what is sent to a rail has to
    /// be the same whichever gateway sends it, or sends it again.
    fn new(stage: &Stage, name: &str, url: &str) -> Self {
        let mut text = std::fs::read_to_string(stage.config()).unwrap();
        let [grpc, http, ops] = std::array::from_fn(|_| free_port().unwrap());
        for (theirs, own) in [(stage.grpc, grpc), (stage.http, http), (stage.ops, ops)] {
            text = text.replace(&format!("listen = \"{theirs}\""), &format!("listen = \"{own}\""));
        }
        let config = stage.dir.join(format!("{name}.toml"));
        std::fs::write(&config, text + LIMITS).unwrap();
        Self { config, grpc, http, url: url.to_owned(), child: None }
    }

    async fn start(&mut self) {
        let log = std::fs::File::options().create(true).append(true).open(self.log_file()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_paifang"));
        command.arg("serve").arg("--config").arg(&self.config).arg("--store").arg(&self.url);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).kill_on_drop(true);
        self.child = Some(command.spawn().unwrap());
        let deadline = Instant::now() + PATIENCE;
        while !Shop::serves(self.grpc).await {
            assert!(Instant::now() < deadline, "it does not serve: {}", self.log());
            sleep(LOOK_EVERY).await;
        }
    }

    async fn kill(&mut self) {
        self.child.take().unwrap().kill().await.unwrap();
    }

    /// Lets it drain.
    async fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        let pid = child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
        let ended = tokio::time::timeout(PATIENCE, child.wait()).await.expect("it drains").unwrap();
        assert!(ended.success(), "{}", self.log());
    }

    fn log_file(&self) -> PathBuf {
        self.config.with_extension("log")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }
}

/// Stands at the public address and hands each connection to a gateway that takes it.
async fn balance(public: SocketAddr, gateways: [SocketAddr; 2]) {
    let listener = TcpListener::bind(public).await.unwrap();
    for turn in 0.. {
        let (mut from, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            for n in [turn, turn + 1] {
                if let Ok(mut to) = TcpStream::connect(gateways[n % 2]).await {
                    // A rail that is cut off tells its news again.
                    let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
                    return;
                }
            }
        });
    }
}

/// What the storefronts share.
struct Market {
    stage: Stage,
    shops: [Shop; 2],
    turn: AtomicUsize,
    sold: AtomicU32,
    repeated: AtomicU32,
    /// Payments that nobody waits for any more ([`has_lost_its_code`]).
    left: Mutex<Vec<String>>,
}

impl Market {
    /// Asks one gateway, then the other, until there is an answer; only the same request is ever repeated.
    async fn call<T, F: Future<Output = Result<T, Status>>>(&self, call: impl Fn(Shop) -> F) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let shop = &self.shops[self.turn.fetch_add(1, Ordering::Relaxed) % 2];
            let status = match call(shop.clone()).await {
                Ok(answer) => return answer,
                Err(status) => status,
            };
            let again =
                [Code::Unavailable, Code::Unknown, Code::Cancelled, Code::DeadlineExceeded, Code::Internal];
            // Aborted: two calls about one intent met; asking again is what the contract says.
            let again = again.contains(&status.code()) || status.code() == Code::Aborted;
            assert!(again && Instant::now() < deadline, "{status:?}");
            self.repeated.fetch_add(1, Ordering::Relaxed);
            sleep(LOOK_EVERY).await;
        }
    }

    async fn intent(&self, id: &str) -> v1::PaymentIntent {
        let answer = self.call(|mut shop| async move {
            let request = v1::GetPaymentIntentRequest { payment_intent_id: id.into() };
            shop.intents.get_payment_intent(request).await
        });
        answer.await.into_inner().payment_intent.unwrap()
    }

    async fn create(&self, name: &str) -> String {
        let request = v1::CreatePaymentIntentRequest {
            request_id: format!("{name}-create"),
            amount: Some(money(10_000)),
            description: "tea".into(),
            ..Default::default()
        };
        let made = self.call(|mut shop| {
            let request = request.clone();
            async move { shop.intents.create_payment_intent(request).await }
        });
        made.await.into_inner().payment_intent.unwrap().payment_intent_id
    }

    async fn confirm(&self, name: &str, id: &str, way: Way) {
        let code = if way == UNIONPAY_CODE {
            let issued =
                self.stage.mocks.rail("unionpay").payer(PayerAct::IssueCode(CodeOutcome::Pays)).unwrap();
            issued["code"].as_str().unwrap().to_owned()
        } else {
            String::new()
        };
        let request = v1::ConfirmPaymentIntentRequest {
            request_id: format!("{name}-confirm"),
            payment_intent_id: id.into(),
            choice: Some(choice(way, &code)),
            etag: String::new(),
        };
        let made = self.call(|mut shop| {
            let mut request = Request::new(request.clone());
            request.set_timeout(ANSWERS_WITHIN);
            async move { shop.intents.confirm_payment_intent(request).await }
        });
        made.await;
    }

    /// The payer does what the newest order asks for, until the money has come. A payment that a death has ended is begun
    /// anew.
    async fn paid(&self, name: &str, way: Way, id: &str) -> bool {
        let mut again = 0;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let intent = self.intent(id).await;
            match intent.state() {
                State::Succeeded => return true,
                State::Canceled | State::Expired | State::Failed => return false,
                _ => {}
            }
            if intent.state() == State::AwaitingPayer {
                self.pay(way, &intent);
            }
            if intent.state() == State::RequiresWallet {
                again += 1;
                self.confirm(&format!("{name}-{again}"), id, way).await;
            }
            if Instant::now() >= deadline {
                assert!(has_lost_its_code(&intent), "{intent:#?}");
                self.left.lock().unwrap().push(id.to_owned());
                return false;
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// A payer who comes before the order is there, or twice, is sent away by the rail.
    fn pay(&self, way: Way, intent: &v1::PaymentIntent) {
        let rail = self.stage.mocks.rail(way.rail);
        if let Some(v1::next_action::Kind::ShowQrCode(code)) =
            intent.next_action.clone().and_then(|action| action.kind)
        {
            let _ = rail.payer(PayerAct::Scan(PayerTarget::Qr(code.content)));
        }
        if let Some(attempt) = intent.attempts.last() {
            let target = PayerTarget::OrderNo(attempt.order_number.clone());
            let _ = rail.payer(PayerAct::Pay { target, force: false });
        }
    }

    async fn refund(&self, name: &str, id: &str, fen: i64) {
        let request = v1::CreateRefundRequest {
            request_id: format!("{name}-refund"),
            payment_intent_id: id.into(),
            amount: Some(money(fen)),
            reason: String::new(),
            refund_case: None,
        };
        let made = self.call(|mut shop| {
            let request = request.clone();
            async move { shop.refunds.create_refund(request).await }
        });
        made.await;
    }

    /// One storefront: sale after sale.
    async fn trade(&self, storefront: u32, until: Instant) {
        let ways = [UNIONPAY_CODE, WECHAT, ALIPAY, UNIONPAY];
        let mut n = 0;
        while Instant::now() < until {
            let name = format!("s{storefront}-{n}");
            let way = ways[usize::try_from(storefront + n).unwrap() % ways.len()];
            let id = self.create(&name).await;
            self.confirm(&name, &id, way).await;
            if self.paid(&name, way, &id).await {
                self.sold.fetch_add(1, Ordering::Relaxed);
                self.refund(&name, &id, 1_000 + i64::from(n)).await;
            }
            n += 1;
        }
    }
}

/// A claim that holds: what it is about, and its epoch.
type Claims = BTreeMap<String, u64>;

fn rows(server: &Server, database: &str, which: &str) -> Claims {
    let text = format!("SELECT key, epoch FROM paifang.work WHERE {which}");
    let rows = server.say(database, &text).unwrap();
    let row = |line: &str| line.split_once('|').map(|(key, epoch)| (key.to_owned(), epoch.parse().unwrap()));
    rows.lines().filter_map(row).collect()
}

/// After a death: every claim that stood then has been given up, or taken by somebody else, within the lease. Answers how
/// many were taken.
async fn taken_over(server: Arc<Server>, database: String, before: Claims) -> usize {
    const HELD: &str = "NOT ended AND leased_until IS NOT NULL";
    let deadline = Instant::now() + LEASE + MARGIN;
    loop {
        let now = rows(&server, &database, HELD);
        let same = before.iter().filter(|(key, epoch)| now.get(*key) == Some(epoch)).count();
        if same == 0 {
            let all = rows(&server, &database, "true");
            return before.iter().filter(|(key, epoch)| all.get(*key) > Some(epoch)).count();
        }
        assert!(Instant::now() < deadline, "{same} claims outlive their lease: {before:#?} {now:#?}");
        sleep(ASK_EVERY).await;
    }
}

/// Kills one and then the other until the load is over; the last death is for good. Answers how many died, and the watch
/// over what each had claimed.
async fn kill_in_turn(
    server: &Arc<Server>,
    database: &str,
    replicas: &mut [Replica; 2],
    until: Instant,
) -> Vec<tokio::task::JoinHandle<usize>> {
    let mut watches = Vec::new();
    loop {
        sleep(KILL_EVERY).await;
        let victim = &mut replicas[watches.len() % 2];
        victim.kill().await;
        let before = rows(server, database, "NOT ended AND leased_until > paifang.store_now(NULL, 0)");
        watches.push(tokio::spawn(taken_over(Arc::clone(server), database.to_owned(), before)));
        if Instant::now() >= until {
            return watches;
        }
        sleep(DEAD_FOR).await;
        victim.start().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_replicas_dies_every_few_seconds() {
    let seconds = std::env::var(SECONDS).map_or(15, |text| text.parse().expect("a number of seconds"));
    let server = Arc::new(tokio::task::spawn_blocking(|| Server::start(&[]).unwrap()).await.unwrap());
    let database = server.database(None).unwrap();
    let url = server.url(&database);
    let mut stage = World::stage().await;
    stage.set_env("PAIFANG_STORE", Some(&url));
    let key = stage.new_tenant("test").await.unwrap();
    let mut replicas = ["one", "two"].map(|name| Replica::new(&stage, name, &url));
    for replica in &mut replicas {
        replica.start().await;
    }
    let balancer = tokio::spawn(balance(stage.http, [replicas[0].http, replicas[1].http]));
    let shops = [0, 1].map(|n| Shop::connect(replicas[n].grpc, &key).unwrap());
    let market = Arc::new(Market {
        stage,
        shops,
        turn: AtomicUsize::new(0),
        sold: AtomicU32::new(0),
        repeated: AtomicU32::new(0),
        left: Mutex::default(),
    });
    // Slow rails, so that each death finds something under way.
    for rail in support::RAILS {
        market.stage.mocks.bench(rail).faults.arm(Some("charge"), Fault::Late { by_ms: 700 }, 10_000);
    }
    let until = Instant::now() + Duration::from_secs(seconds);
    let trading = (0..STOREFRONTS).map(|n| {
        let market = Arc::clone(&market);
        tokio::spawn(async move { market.trade(n, until).await })
    });
    let trading: Vec<_> = trading.collect();
    let watches = kill_in_turn(&server, &database, &mut replicas, until).await;
    for storefront in trading {
        storefront.await.unwrap();
    }
    let (deaths, mut over) = (watches.len(), 0);
    for watch in watches {
        over += watch.await.unwrap();
    }
    let market = Arc::into_inner(market).expect("all storefronts have closed");
    let (sold, repeated) = (market.sold.into_inner(), market.repeated.into_inner());
    let left = market.left.into_inner().unwrap();
    println!(
        "{seconds} s: {sold} sales, {deaths} deaths, {repeated} calls repeated, {over} claims taken over, {} codes lost",
        left.len()
    );
    assert!(sold > 0 && repeated > 0 && over > 0, "the deaths did not matter");

    // The one that is left finishes what both have begun. Refunds in doubt are asked about by a clock that runs ahead.
    let survivor = deaths % 2;
    let shop = market.shops[survivor].clone();
    let mut world = World::of(market.stage, shop, key);
    for _ in 0..30 {
        world.step(STEP);
        sleep(STEP_TAKES).await;
    }
    world.books_agree().await;
    for id in left {
        becomes_certain(&mut world, &id).await;
    }
    replicas[survivor].stop().await;
    let report =
        world.stage.fsck().await.unwrap_or_else(|error| panic!("{error}\n{}", replicas[survivor].log()));
    assert!(report.contains("clean"), "{report}");
    balancer.abort();
    world.stage.close().await;
    std::fs::remove_dir_all(&world.stage.dir).unwrap();
}

/// What a lost code has left in doubt is certain after its time. On a busy machine its turn may come when more of the clock has
/// passed, but not after any time whatever.
async fn becomes_certain(world: &mut World, id: &str) {
    let mut last = None;
    for _ in 0..CERTAIN_STEPS_MAX {
        for _ in 0..LOOKS_PER_STEP {
            let request = v1::GetPaymentIntentRequest { payment_intent_id: id.to_owned() };
            let intent = world.shop.intents.get_payment_intent(request).await.unwrap().into_inner();
            let intent = intent.payment_intent.unwrap();
            if !has_lost_its_code(&intent) {
                return;
            }
            last = Some(intent);
            sleep(STEP_TAKES).await;
        }
        world.step(STEP);
    }
    panic!("it stays in doubt {:?} after its time: {last:#?}", STEP * CERTAIN_STEPS_MAX);
}

/// A bulk refund whose gateway dies in the middle is gone on with by the other one when the claim is over: every entry has
/// exactly one refund.
#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_refund_is_taken_over() {
    const COUNT: usize = 80;
    let server = tokio::task::spawn_blocking(|| Server::start(&[]).unwrap()).await.unwrap();
    let database = server.database(None).unwrap();
    let url = server.url(&database);
    let mut stage = World::stage().await;
    stage.set_env("PAIFANG_STORE", Some(&url));
    let key = stage.new_tenant("test").await.unwrap();
    let [mut first, mut second] = ["one", "two"].map(|name| Replica::new(&stage, name, &url));
    first.start().await;
    let balancer = tokio::spawn(balance(stage.http, [first.http, second.http]));
    let [shop, other] = [&first, &second].map(|replica| Shop::connect(replica.grpc, &key).unwrap());
    let mut world = World::of(stage, shop.clone(), key);
    let paying = futures::stream::iter(0..COUNT).map(|_| world.paid(ALIPAY)).buffered(8);
    let intents: Vec<v1::PaymentIntent> = paying.collect().await;

    let mut calls = shop.bulk_refunds.clone();
    let request = v1::CreateBulkRefundRequest {
        request_id: "bulk".into(),
        name: "live room 7".into(),
        refunds_per_second: 20,
        ..Default::default()
    };
    let made = calls.create_bulk_refund(request).await.unwrap().into_inner();
    let bulk = made.bulk_refund.unwrap().bulk_refund_id;
    let entries = intents.iter().map(|intent| v1::NewBulkRefundEntry {
        entry_id: intent.payment_intent_id.clone(),
        payment_intent_id: intent.payment_intent_id.clone(),
        amount: None,
    });
    let request =
        v1::AddBulkRefundEntriesRequest { bulk_refund_id: bulk.clone(), entries: entries.collect() };
    calls.add_bulk_refund_entries(request).await.unwrap();
    let request = v1::StartBulkRefundRequest { request_id: "start".into(), bulk_refund_id: bulk.clone() };
    calls.start_bulk_refund(request).await.unwrap();
    let orders = |world: &World| world.stage.mocks.rail("alipay").book();
    let refunded = |world: &World| orders(world).iter().filter(|order| !order.refunds.is_empty()).count();
    let deadline = Instant::now() + PATIENCE;
    while refunded(&world) < COUNT / 4 {
        assert!(Instant::now() < deadline, "it does not go on: {}", first.log());
        sleep(LOOK_EVERY).await;
    }
    second.start().await;
    first.kill().await;
    let at_death = refunded(&world);
    assert!(at_death < COUNT, "it died in the middle");
    let mut owners = BTreeSet::from([server.say(&database, "SELECT owner FROM paifang.bulk").unwrap()]);

    world.shop = other;
    let deadline = Instant::now() + LEASE + MARGIN + Duration::from_secs(20);
    loop {
        let request = v1::GetBulkRefundRequest { bulk_refund_id: bulk.clone() };
        let seen = world.shop.bulk_refunds.get_bulk_refund(request).await.unwrap().into_inner();
        if seen.bulk_refund.unwrap().state() == v1::BulkRefundState::Ended {
            break;
        }
        owners.insert(server.say(&database, "SELECT owner FROM paifang.bulk").unwrap());
        assert!(Instant::now() < deadline, "it is not taken over: {}", second.log());
        sleep(LOOK_EVERY).await;
    }
    for order in orders(&world) {
        assert_eq!(order.refunds.len(), 1, "{order:?}");
    }
    assert!(owners.iter().filter(|owner| !owner.is_empty()).count() >= 2, "another one drove it: {owners:?}");
    println!("{COUNT} refunds, {at_death} before the death");
    world.books_agree().await;
    second.stop().await;
    let report = world.stage.fsck().await.unwrap_or_else(|error| panic!("{error}\n{}", second.log()));
    assert!(report.contains("clean"), "{report}");
    balancer.abort();
    world.stage.close().await;
    std::fs::remove_dir_all(&world.stage.dir).unwrap();
}
