//! The whole gateway against the mock rails, and its end.

use std::time::Duration;

use jiff::SignedDuration;
use paifang_mock_rails::{MockRails, PayerAct, PayerTarget};
use paifang_payment::attempt::State;
use paifang_payment::{NextAction, Presentation, TenantId};
use paifang_store::{ModelStore, Store};
use tokio::net::TcpListener;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

mod guards;

use super::{Drained, Running};
use crate::testing::{Keys, http, intent, tenant, until};

/// The state of an intent once it is as wanted, ten seconds at most.
async fn reaches(gateway: &Running<ModelStore>, whose: TenantId, id: paifang_payment::IntentId, state: &str) {
    let wait = SignedDuration::from_secs(10);
    let row = gateway.core().await_change(whose, id, wait, |row| row.intent.state.name() == state).await;
    let row = row.unwrap();
    assert_eq!(row.intent.state.name(), state, "{row:#?}");
}

/// The connection of a call that is under way, ten seconds at most.
async fn connected(rail: &TcpListener) -> tokio::net::TcpStream {
    tokio::time::timeout(Duration::from_secs(10), rail.accept()).await.expect("no call comes").unwrap().0
}

/// A whole payment: config, keys, registry, transport, adapter, mock rail, its notification, and the figures of it.
async fn pays(wallet: &str, account: &str, config: fn(&str, &str, &str) -> String) {
    let mocks = MockRails::start().await.unwrap();
    let rails = config(&mocks.url("alipay"), &mocks.url("wechatpay"), &mocks.url("unionpay"));
    let gateway = Keys::new().start(&rails, "").await;
    let (core, whose) = (gateway.core(), tenant());
    let made = core.create_intent(whose, intent(wallet, Presentation::QrShown, None)).await.unwrap();
    let id = made.resource.intent.terms.id;
    let row = core.await_intent(whose, id, SignedDuration::from_secs(10)).await.unwrap();
    let State::AwaitingPayer(waiting) = &row.intent.attempts[0].state else {
        panic!("not offered: {row:#?}")
    };
    let NextAction::ShowQr { content, .. } = waiting.next_action.clone() else {
        panic!("no QR code: {row:#?}")
    };
    let rail = account.split('-').next().unwrap();
    let pay = PayerAct::Pay { target: PayerTarget::Qr(content), force: false };
    mocks.rail(rail).payer(pay).unwrap();
    reaches(&gateway, whose, id, "succeeded").await;
    let row = core.store().intent(whose, id).await.unwrap().unwrap();
    assert_eq!(row.amounts.captured.minor_units(), 8888);
    for expected in [
        format!("paifang_notifications_total{{account=\"{account}\",verdict=\"news\"}} 1"),
        format!("paifang_rail_answers_total{{account=\"{account}\",verb=\"charge\",outcome=\"pending\"}} 1"),
        // One or more: rails that hand out their keys were asked for them, too.
        format!("paifang_rail_exchange_seconds_count{{account=\"{account}\",result=\"2xx\"}} "),
    ] {
        let shown = async || http(gateway.ops_addr, "GET /metrics", b"").await.contains(&expected);
        until(&expected, shown).await;
    }
    assert_eq!(gateway.drain().await, Drained::Clean);
    mocks.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_by_alipay_goes_all_the_way() {
    pays("alipay", "alipay-main", Keys::rails).await;
}

/// Alipay's certificates are known by the numbers that its messages give them.
#[tokio::test(flavor = "multi_thread")]
async fn a_payment_by_alipay_with_certificates_goes_all_the_way() {
    pays("alipay", "alipay-main", Keys::rails_with_certificates).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_by_wechat_pay_goes_all_the_way() {
    pays("wechatpay", "wechatpay-main", Keys::rails).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_by_cloud_quickpass_goes_all_the_way() {
    pays("quickpass", "unionpay-main", Keys::rails).await;
}

/// A drain waits for the call that is under way: its outcome is committed, here as a doubt.
#[tokio::test]
async fn a_drain_waits_for_what_is_under_way() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let rails = Keys::rails(&url, &url, &url);
    let gateway = Keys::new().start(&rails, "rail_deadline_ms = 700\ndrain_ms = 10000").await;
    let (core, whose) = (gateway.core().clone(), tenant());
    let made = core.create_intent(whose, intent("alipay", Presentation::QrShown, None)).await.unwrap();
    let _connection = connected(&silent).await;
    assert_eq!(gateway.drain().await, Drained::Clean);
    let row = core.store().intent(whose, made.resource.intent.terms.id).await.unwrap().unwrap();
    assert_eq!(row.intent.attempts[0].state.name(), "InDoubt", "{row:#?}");
}

#[tokio::test]
async fn a_drain_ends_in_its_time_whatever_is_under_way() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let gateway = Keys::new().start(&Keys::rails(&url, &url, &url), "drain_ms = 200").await;
    let core = gateway.core().clone();
    core.create_intent(tenant(), intent("alipay", Presentation::QrShown, None)).await.unwrap();
    let _connection = connected(&silent).await;
    let drained = tokio::time::timeout(Duration::from_secs(5), gateway.drain()).await.unwrap();
    assert!(matches!(drained, Drained::Cut(left) if left > 0), "{drained:?}");
}

/// The gRPC listener over TLS, and the count of its calls.
#[tokio::test]
async fn storefronts_are_served_over_tls_and_counted() {
    let keys = Keys::new();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(keys.0.path().join("grpc.pem"), made.cert.pem()).unwrap();
    std::fs::write(keys.0.path().join("grpc.key"), made.signing_key.serialize_pem()).unwrap();
    let gateway = keys.start_tls().await;
    let url = format!("https://localhost:{}", gateway.grpc_addr.port());
    let tls = tonic::transport::ClientTlsConfig::new()
        .ca_certificate(tonic::transport::Certificate::from_pem(made.cert.pem()));
    let channel = Channel::from_shared(url).unwrap().tls_config(tls).unwrap().connect().await.unwrap();
    let mut health = HealthClient::new(channel.clone());
    let request = || HealthCheckRequest { service: String::new() };
    assert_eq!(health.check(request()).await.unwrap().into_inner().status, 1);
    let mut intents =
        paifang_proto::v1::payment_intent_service_client::PaymentIntentServiceClient::new(channel);
    let refused = intents.get_payment_intent(paifang_proto::v1::GetPaymentIntentRequest::default()).await;
    assert_eq!(refused.unwrap_err().code(), tonic::Code::Unauthenticated);
    let counted = async || {
        let figures = http(gateway.ops_addr, "GET /metrics", b"").await;
        figures.contains("paifang_rpcs_total{method=\"other\",code=\"ok\"} 1")
            && figures.contains(
                "paifang_rpcs_total{method=\"/paifang.v1.PaymentIntentService/GetPaymentIntent\",code=\"unauthenticated\"} 1",
            )
    };
    until("both calls are counted", counted).await;
    assert_eq!(gateway.drain().await, Drained::Clean);
}

/// A port that is taken is found before the store or a rail is touched.
#[tokio::test]
async fn a_port_that_is_taken_ends_the_start() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let text =
        format!("[http]\nlisten = \"{}\"\n[grpc]\nlisten = \"127.0.0.1:0\"", taken.local_addr().unwrap());
    let config = Keys::new().parse(&text).unwrap();
    let refused = super::start_over(config, ModelStore::new(crate::world::now)).await;
    let told = refused.map(|_| ()).unwrap_err().to_string();
    assert!(told.starts_with("http.listen: 127.0.0.1:"), "{told}");
}

/// The whole start over a file: once only at a time, and again after a drain.
#[tokio::test]
async fn one_gateway_has_the_file_and_the_next_one_finds_it_as_it_was() {
    let keys = Keys::new();
    let text = ["grpc", "http", "ops"].map(|name| format!("[{name}]\nlisten = \"127.0.0.1:0\"\n")).concat();
    let config = || keys.parse(&format!("{text}{}", Keys::rails(NOBODY, NOBODY, NOBODY))).unwrap();
    let file = keys.0.path().join("paifang.db");
    let first = super::start(config(), &file).await.unwrap();
    let page = intent("alipay", Presentation::DesktopWeb, None);
    let whose = tenant();
    let made = first.core().create_intent(whose, page).await.unwrap();
    let second = super::start(config(), &file).await.map(|_| ()).unwrap_err().to_string();
    assert!(second.starts_with("store.path: ") && second.ends_with("cannot be opened"), "{second}");
    assert_eq!(first.drain().await, Drained::Clean);
    let again = super::start(config(), &file).await.unwrap();
    let found = again.core().store().intent(whose, made.resource.intent.terms.id).await.unwrap();
    assert_eq!(found.unwrap().intent.attempts.len(), 1);
    assert_eq!(again.drain().await, Drained::Clean);
}

/// F22: a part that has failed ends the run, so that a supervisor starts it anew.
#[tokio::test]
async fn f22_a_store_that_lost_its_footing_ends_the_run() {
    let gateway = Keys::new().start("", "").await;
    super::servers::watch(|| false, &gateway.phases);
    tokio::time::timeout(Duration::from_secs(10), gateway.failed()).await.unwrap();
    assert_eq!(gateway.drain().await, Drained::Clean);
}

const NOBODY: &str = "http://127.0.0.1:1";
