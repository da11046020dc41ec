//! A gateway in this process, served on a free loopback port, with two storefronts.

use jiff::SignedDuration;
use paifang_client::{Client, v1};
use paifang_engine::ports::IncomingMessage;
use paifang_engine::{Account, Accounts, Engine, Limits, Notified, Shares};
use paifang_gateway::apikey::ApiKey;
use paifang_gateway::grpc::{self, GrpcOptions};
use paifang_payment::{AccountId, RailName, TenantId};
use paifang_rail::{Descriptor, Identity};
use paifang_store::{ModelStore, Store, Tenant};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Status;
use tonic_types::{ErrorDetail, StatusExt};

use crate::fakes::{DESCRIPTOR, FakeRails, FakeTransport, Script, World};

pub struct Shop {
    pub engine: Engine<ModelStore, FakeRails, FakeTransport, World>,
    pub script: Script,
    pub world: World,
    pub endpoint: String,
    pub key: ApiKey,
    pub other_key: ApiKey,
    pub drain: watch::Sender<bool>,
}

impl Shop {
    pub async fn open() -> Self {
        Self::with(|options| options).await
    }

    pub async fn with(change: impl FnOnce(GrpcOptions) -> GrpcOptions) -> Self {
        Self::over(vec![account("panda", &DESCRIPTOR)], change).await
    }

    /// With an account that is told this.
    pub async fn sharing(shares: Shares, change: impl FnOnce(GrpcOptions) -> GrpcOptions) -> Self {
        Self::over(vec![Account { shares, ..account("panda", &DESCRIPTOR) }], change).await
    }

    /// Over these accounts.
    pub async fn over(accounts: Vec<Account>, change: impl FnOnce(GrpcOptions) -> GrpcOptions) -> Self {
        let (world, script) = (World::default(), Script::default());
        let clock = world.clone();
        let store = ModelStore::new(move || clock.time());
        let (key, other_key) = (ApiKey::from_entropy(&[1; 32]), ApiKey::from_entropy(&[2; 32]));
        for (n, key) in [(1, &key), (2, &other_key)] {
            let id = TenantId::from_parts(world.time(), [n; 10]);
            let tenant = Tenant { id, name: "t".into(), key_hash: key.hash(), created_at: world.time() };
            assert!(store.add_tenant(&tenant).await.unwrap());
        }
        let engine = Engine::new(
            store,
            FakeRails::new(),
            FakeTransport(script.clone()),
            world.clone(),
            Accounts::new(accounts),
            limits(),
        )
        .await
        .unwrap();
        let (drain, draining) = watch::channel(false);
        let routes = grpc::router(engine.clone(), change(GrpcOptions::new(draining))).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server = tonic::transport::Server::builder().add_routes(routes);
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Self { engine, script, world, endpoint, key, other_key, drain }
    }

    /// The storefront, without repeats, so that each test sees the first answer.
    pub async fn client(&self) -> Client {
        Client::connect(&self.endpoint, self.key.expose(), None).await.unwrap().with_tries(1)
    }

    /// The other storefront.
    pub async fn other(&self) -> Client {
        Client::connect(&self.endpoint, self.other_key.expose(), None).await.unwrap().with_tries(1)
    }

    /// The rail says by itself that this order was paid.
    pub async fn notify_paid(&self, intent: &v1::PaymentIntent) {
        let order = &intent.attempts[0].order_number;
        let fen = intent.attempts[0].payable_amount.as_ref().unwrap().minor_units;
        let message = IncomingMessage {
            headers: Vec::new(),
            query: String::new(),
            body: format!("{order} {fen}").into(),
        };
        let account = AccountId::parse("panda-main").unwrap();
        assert_eq!(self.engine.notified(&account, &message).await, Notified::News);
    }

    /// An intent that is paid.
    pub async fn paid(&self, request_id: &str) -> v1::PaymentIntent {
        let client = self.client().await;
        let created = client.create_payment_intent(create(request_id)).await.unwrap();
        let intent = created.payment_intent.unwrap();
        self.notify_paid(&intent).await;
        let get = v1::GetPaymentIntentRequest { payment_intent_id: intent.payment_intent_id };
        let intent = client.get_payment_intent(get).await.unwrap().payment_intent.unwrap();
        assert_eq!(intent.state(), v1::PaymentIntentState::Succeeded);
        intent
    }
}

/// Drafts the first version of a storefront's rules and announces it: it decides from now on.
pub async fn announce(client: &Client, bundle: &str) {
    let draft = v1::DraftPolicyRequest { request_id: "draft-1".into(), bundle: bundle.into() };
    client.draft_policy(draft).await.unwrap();
    let announce =
        v1::AnnouncePolicyRequest { request_id: "announce-1".into(), version: 1, ..Default::default() };
    client.announce_policy(announce).await.unwrap();
}

/// 88.88 CNY, shown as a QR code.
pub fn create(request_id: &str) -> v1::CreatePaymentIntentRequest {
    v1::CreatePaymentIntentRequest {
        request_id: request_id.into(),
        amount: Some(cny(8888)),
        description: "Two tickets".into(),
        choice: Some(choice()),
        ..Default::default()
    }
}

pub fn choice() -> v1::WalletChoice {
    let client_context =
        v1::ClientContext { kind: v1::ClientKind::DesktopBrowser.into(), ..Default::default() };
    v1::WalletChoice {
        wallet: "bamboo".into(),
        presentation: v1::Presentation::QrShown.into(),
        client_context: Some(client_context),
        ..Default::default()
    }
}

pub fn cny(minor_units: i64) -> v1::Money {
    v1::Money { currency_code: "CNY".into(), minor_units }
}

/// A refund of so much, for what was damaged.
pub fn refunding(request_id: &str, intent: &v1::PaymentIntent, fen: i64) -> v1::CreateRefundRequest {
    let case = v1::RefundCase { reason: v1::RefundReason::Damaged.into(), ..Default::default() };
    v1::CreateRefundRequest {
        request_id: request_id.into(),
        payment_intent_id: intent.payment_intent_id.clone(),
        amount: Some(cny(fen)),
        reason: String::new(),
        refund_case: Some(case),
    }
}

/// A fund without a name of its own.
pub fn fund(kind: v1::FundKind) -> v1::Fund {
    v1::Fund { kind: kind.into(), ..Default::default() }
}

/// Moves funds of the storefront.
pub async fn move_funds(
    client: &Client,
    request_id: &str,
    from: &v1::Fund,
    to: &v1::Fund,
    fen: i64,
) -> Result<v1::TransferFundsResponse, Status> {
    let (from, to) = (Some(from.clone()), Some(to.clone()));
    let request =
        v1::TransferFundsRequest { request_id: request_id.into(), from, to, amount: Some(cny(fen)) };
    client.funds().transfer_funds(request).await.map(tonic::Response::into_inner)
}

/// The reason of an error, after a check that it has exactly one `ErrorInfo` of our domain.
pub fn reason(error: &Status) -> String {
    let details = error.get_error_details_vec();
    let mut infos = details.iter().filter_map(|detail| match detail {
        ErrorDetail::ErrorInfo(info) => Some(info),
        _ => None,
    });
    let info = infos.next().unwrap_or_else(|| panic!("{error:?} has no ErrorInfo"));
    assert!(infos.next().is_none(), "{error:?} has two");
    assert_eq!(info.domain, "paifang");
    assert!(paifang_gateway::reasons::all().any(|known| known == info.reason), "{}", info.reason);
    info.reason.clone()
}

/// The fields that an error says are wrong.
pub fn wrong_fields(error: &Status) -> Vec<String> {
    let bad = error.get_details_bad_request();
    bad.into_iter().flat_map(|bad| bad.field_violations).map(|violation| violation.field).collect()
}

/// An account of this rail.
pub fn account(rail: &str, descriptor: &'static Descriptor) -> Account {
    Account {
        id: AccountId::parse(&format!("{rail}-main")).unwrap(),
        rail: RailName::parse(rail).unwrap(),
        descriptor,
        identity: Identity { merchant: "m-1".into(), app: None },
        enabled: true,
        shares: Shares::default(),
    }
}

fn limits() -> Limits {
    Limits {
        owner: "test".into(),
        intent_life: SignedDuration::from_hours(1),
        intent_life_max: SignedDuration::from_hours(24 * 7),
        lease: SignedDuration::from_secs(30),
        lane_width: 4,
        look_every: SignedDuration::from_secs(1),
    }
}
