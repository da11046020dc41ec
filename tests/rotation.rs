//! Keys change while fifty payments a second flow: none fails, and nothing is believed under a key whose time is over.
//!
//! The world is one of its own, so that the merchant has a next key too. UnionPay's own signers need no change here: each
//! message carries its certificate, and the chain decides.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops here")]

mod support;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::future::join_all;
use paifang_gateway::demo::{Shop, Stage};
use paifang_mock_rails::home::Home;
use paifang_mock_rails::{KeyStep, Options, PayerAct, PayerTarget, Step};
use paifang_proto::v1;
use paifang_rail::{Keyring, Secret};
use support::{ALIPAY, SOON, UNIONPAY, WECHAT, Way, World, choice, money};
use tokio::task::JoinHandle;

/// Payments a second.
const RATE: u64 = 50;
/// How long traffic flows between two steps.
const A_WHILE: Duration = Duration::from_millis(1_500);

async fn world() -> (World, tempfile::TempDir) {
    let home = tempfile::tempdir().unwrap();
    let options = Options::default();
    let home_made = Home::open(&home.path().join("home"), options.clock.now()).unwrap();
    let dir = tempfile::tempdir().unwrap().keep();
    let options = Options { home: Some(home_made), ..options };
    let mut stage =
        Stage::prepare_with(env!("CARGO_BIN_EXE_paifang").into(), Some(dir), options).await.unwrap();
    let key = stage.new_tenant("test").await.unwrap();
    stage.start_gateway().await.unwrap();
    let shop = Shop::connect(stage.grpc, &key).unwrap();
    (World::of(stage, shop, key), home)
}

/// Payments of one wallet, started at an even pace until it is told to stop.
struct Traffic {
    stop: tokio::sync::watch::Sender<bool>,
    running: JoinHandle<Vec<JoinHandle<()>>>,
}

impl Traffic {
    fn start(world: &World, way: Way) -> Self {
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let (shop, rail) = (world.shop.clone(), world.stage.mocks.rail(way.rail));
        let running = tokio::spawn(async move {
            let mut pace = tokio::time::interval(Duration::from_millis(1_000 / RATE));
            let mut payments = Vec::new();
            while !*stopped.borrow() {
                pace.tick().await;
                let (mut shop, rail, n) = (shop.clone(), rail.clone(), payments.len());
                payments.push(tokio::spawn(async move {
                    let request = v1::CreatePaymentIntentRequest {
                        request_id: format!("{}-{n}", way.rail),
                        amount: Some(money(100 + i64::try_from(n).unwrap())),
                        description: "tea".into(),
                        choice: Some(choice(way, "")),
                        ..Default::default()
                    };
                    let made = shop.intents.create_payment_intent(request).await.unwrap().into_inner();
                    let id = made.payment_intent.unwrap().payment_intent_id;
                    let waiting = v1::PaymentIntentState::AwaitingPayer;
                    let intent = shop.intent_becomes(&id, waiting, SOON * 3).await.unwrap();
                    let number = intent.attempts.last().unwrap().order_number.clone();
                    let target = PayerTarget::OrderNo(number);
                    rail.payer(PayerAct::Pay { target, force: false }).unwrap();
                    shop.intent_becomes(&id, v1::PaymentIntentState::Succeeded, SOON * 3).await.unwrap();
                }));
            }
            payments
        });
        Self { stop, running }
    }

    /// Every payment that was begun has succeeded; answers how many that were.
    async fn all_succeed(self) -> usize {
        self.stop.send_replace(true);
        let payments = self.running.await.unwrap();
        let count = payments.len();
        for ended in join_all(payments).await {
            ended.expect("a payment failed");
        }
        count
    }
}

async fn flow() {
    tokio::time::sleep(A_WHILE).await;
}

fn write(world: &World, name: &str, text: &str) {
    std::fs::write(world.stage.dir.join(name), text).unwrap();
}

fn edit_config(world: &World, from: &str, to: &str) {
    let config = std::fs::read_to_string(world.stage.config()).unwrap();
    assert!(config.contains(from), "{from} in {config}");
    std::fs::write(world.stage.config(), config.replace(from, to)).unwrap();
}

async fn posted(world: &World, rail: &str, kind: &str, headers: &[(&str, String)], body: &str) -> String {
    let url = format!("http://{}/notify/{rail}-main/demo-notify-token-0123456789", world.stage.http);
    let mut command = tokio::process::Command::new("curl");
    command.args(["-s", "-o", "-", "-w", "|%{http_code}", "-X", "POST", &url, "--data-binary", body]);
    command.args(["-H", &format!("Content-Type: {kind}")]);
    for (name, value) in headers {
        command.args(["-H", &format!("{name}: {value}")]);
    }
    String::from_utf8(command.output().await.unwrap().stdout).unwrap()
}

/// The rail's certificate is announced, used and retired; the gateway learns each from the rail. Then the merchant's.
#[tokio::test(flavor = "multi_thread")]
async fn wechat_pay_changes_its_certificate_and_the_merchant_its_own() {
    let (world, _home) = world().await;
    // Nothing of the rail is configured: the first certificate, too, is handed out.
    edit_config(&world, "platform_certificate = ", "# platform_certificate = ");
    let mut world = world;
    world.stage.stop_gateway().await.unwrap();
    world.stage.start_gateway().await.unwrap();
    let rail = world.stage.mocks.rail("wechatpay");
    let files = world.stage.mocks.files("wechatpay").clone();
    let traffic = Traffic::start(&world, WECHAT);
    flow().await;
    rail.keys(KeyStep::Rail(Step::Announce)).unwrap();
    flow().await;
    rail.keys(KeyStep::Rail(Step::Switch)).unwrap();
    flow().await;
    rail.keys(KeyStep::Rail(Step::Retire)).unwrap();
    world.stage.renew_keys().await.unwrap();
    flow().await;

    rail.keys(KeyStep::Merchant(Step::Announce)).unwrap();
    write(&world, "wechatpay-merchant.pem", &files["merchant_next_private_key.pem"]);
    write(&world, "wechatpay-merchant-cert.pem", &files["merchant_next_certificate.pem"]);
    world.stage.renew_keys().await.unwrap();
    // What was signed before the change may still be on its way.
    flow().await;
    rail.keys(KeyStep::Merchant(Step::Retire)).unwrap();
    flow().await;
    let count = traffic.all_succeed().await;
    assert!(count >= 200, "{count} payments");

    let body = world.stage.mocks.bench("wechatpay").notifier.deliveries().pop().unwrap().last_body;
    let ids: serde_json::Value = serde_json::from_str(&files["merchant.json"]).unwrap();
    let mut answers = Vec::new();
    for (key, serial) in [
        ("platform_private_key.pem", "platform_serial"),
        ("platform_next_private_key.pem", "platform_serial_next"),
    ] {
        let ring = Keyring::builder()
            .signer(&Secret::new(files[key].clone().into_bytes()))
            .unwrap()
            .build()
            .unwrap();
        let now = world.stage.mocks.clock().now().as_second();
        let signature = STANDARD.encode(ring.sign(format!("{now}\nN\n{body}\n").as_bytes()).unwrap());
        let headers = [
            ("Wechatpay-Timestamp", now.to_string()),
            ("Wechatpay-Nonce", "N".to_owned()),
            ("Wechatpay-Serial", ids[serial].as_str().unwrap().to_owned()),
            ("Wechatpay-Signature", signature),
        ];
        let answer = posted(&world, "wechatpay", "application/json", &headers, &body).await;
        answers.push(answer.rsplit('|').next().unwrap().to_owned());
    }
    assert_eq!(answers, ["401", "200"], "the retired certificate, the one in use");
    world.end().await;
}

/// In key mode both sides' keys change hands by the console: the config names both for a while.
#[tokio::test(flavor = "multi_thread")]
async fn alipay_changes_its_key_and_the_merchant_its_own() {
    let (world, _home) = world().await;
    let rail = world.stage.mocks.rail("alipay");
    let files = world.stage.mocks.files("alipay").clone();
    let traffic = Traffic::start(&world, ALIPAY);
    flow().await;
    let old = world
        .stage
        .mocks
        .bench("alipay")
        .notifier
        .deliveries()
        .into_iter()
        .find(|sent| !sent.tries.is_empty());
    let old = old.expect("a notice of the first payments").last_body;
    rail.keys(KeyStep::Rail(Step::Announce)).unwrap();
    write(&world, "alipay-public-next.pem", &files["next_alipay_public_key.pem"]);
    let one = format!(
        "alipay_public_key = {{ file = \"{0}/alipay-public.pem\", id = \"alipay\" }}",
        world.stage.dir.display()
    );
    let both = format!(
        "alipay_public_key = [{{ file = \"{0}/alipay-public.pem\", id = \"alipay\" }}, {{ file = \"{0}/alipay-public-next.pem\", id = \"alipay-next\" }}]",
        world.stage.dir.display()
    );
    let next = format!(
        "alipay_public_key = {{ file = \"{0}/alipay-public-next.pem\", id = \"alipay-next\" }}",
        world.stage.dir.display()
    );
    edit_config(&world, &one, &both);
    world.stage.renew_keys().await.unwrap();
    flow().await;
    let form = "application/x-www-form-urlencoded";
    assert!(posted(&world, "alipay", form, &[], &old).await.starts_with("success|"), "both are believed");
    rail.keys(KeyStep::Rail(Step::Switch)).unwrap();
    flow().await;
    rail.keys(KeyStep::Rail(Step::Retire)).unwrap();
    // Notices that were signed before the switch have had their time.
    flow().await;
    edit_config(&world, &both, &next);
    world.stage.renew_keys().await.unwrap();
    flow().await;

    rail.keys(KeyStep::Merchant(Step::Announce)).unwrap();
    write(&world, "alipay-app.pem", &files["next_app_private_key.pem"]);
    world.stage.renew_keys().await.unwrap();
    flow().await;
    rail.keys(KeyStep::Merchant(Step::Switch)).unwrap();
    rail.keys(KeyStep::Merchant(Step::Retire)).unwrap();
    flow().await;
    let count = traffic.all_succeed().await;
    assert!(count >= 200, "{count} payments");
    let answer = posted(&world, "alipay", form, &[], &old).await;
    assert!(!answer.starts_with("success|"), "a notice under the retired key was believed: {answer}");
    world.end().await;
}

/// The rail's signers come with their certificates; the merchant's certificate changes by its number.
#[tokio::test(flavor = "multi_thread")]
async fn unionpay_changes_its_signer_and_the_merchant_its_certificate() {
    let (world, _home) = world().await;
    let rail = world.stage.mocks.rail("unionpay");
    let files = world.stage.mocks.files("unionpay").clone();
    let traffic = Traffic::start(&world, UNIONPAY);
    flow().await;
    for step in [Step::Announce, Step::Switch, Step::Retire] {
        rail.keys(KeyStep::Rail(step)).unwrap();
        flow().await;
    }
    rail.keys(KeyStep::Merchant(Step::Announce)).unwrap();
    write(&world, "unionpay-merchant.pem", &files["merchant_next_private_key.pem"]);
    write(&world, "unionpay-merchant-cert.pem", &files["merchant_next_certificate.pem"]);
    world.stage.renew_keys().await.unwrap();
    flow().await;
    rail.keys(KeyStep::Merchant(Step::Switch)).unwrap();
    rail.keys(KeyStep::Merchant(Step::Retire)).unwrap();
    flow().await;
    let count = traffic.all_succeed().await;
    assert!(count >= 200, "{count} payments");
    world.end().await;
}

/// A broken file at SIGHUP changes nothing, and says which.
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_key_file_changes_nothing() {
    let (world, _home) = world().await;
    let good = std::fs::read_to_string(world.stage.dir.join("unionpay-merchant.pem")).unwrap();
    write(&world, "unionpay-merchant.pem", "rubbish");
    let trouble = world.stage.renew_keys().await.unwrap_err().to_string();
    assert!(trouble.contains("merchant_private_key"), "{trouble}");
    world.paid(UNIONPAY).await;
    write(&world, "unionpay-merchant.pem", &good);
    world.end().await;
}
