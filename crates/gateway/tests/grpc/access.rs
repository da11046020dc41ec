//! Who may see what, over every method of the contract (S5 to S7, I10).

use bytes::Bytes;
use paifang_client::{Client, v1};
use paifang_gateway::grpc::GrpcOptions;
use tonic::{Code, Status};

use crate::raw::{authorization, call, channel, fill, methods};
use crate::shop::{Shop, cny, create, reason};

/// A missing key and every wrong one are answered alike, by every method.
#[tokio::test]
async fn without_a_valid_key_every_method_answers_alike() {
    let shop = Shop::open().await;
    let channel = channel(&shop.endpoint).await;
    let unknown = format!("Bearer {}", paifang_gateway::apikey::ApiKey::from_entropy(&[3; 32]).expose());
    let good = format!("Bearer {}", shop.key.expose());
    let bare = shop.key.expose().to_owned();
    let basic = format!("Basic {bare}");
    let tries: [&[&str]; 7] =
        [&[], &[&unknown], &["Bearer pf_short"], &[&bare], &[&basic], &[""], &[&good, &unknown]];
    let mut told: Option<Vec<u8>> = None;
    let paths = methods().into_iter().map(|method| method.path);
    for path in paths.chain(["/paifang.v1.EventService/Nothing".into(), "/x.Y/Z".into()]) {
        for keys in tries {
            let error = call(&channel, &path, authorization(keys), Vec::new()).await.unwrap_err();
            assert_eq!((error.code(), reason(&error)), (Code::Unauthenticated, "UNAUTHENTICATED".into()));
            let details = told.get_or_insert_with(|| error.details().to_vec());
            assert_eq!(error.details(), details, "{path} with {keys:?}");
        }
    }
    let lower = authorization(&[&good.replace("Bearer", "bearer")]);
    let error = call(&channel, "/x.Y/Z", lower, Vec::new()).await.unwrap_err();
    assert_eq!((error.code(), reason(&error)), (Code::Unimplemented, "METHOD_UNKNOWN".into()));
}

/// A stock client finds health and the contract itself without a key.
#[tokio::test]
async fn health_and_reflection_are_open() {
    let shop = Shop::open().await;
    let channel = channel(&shop.endpoint).await;
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel.clone());
    let served = health.check(tonic_health::pb::HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(served.status(), tonic_health::pb::health_check_response::ServingStatus::Serving);

    let named = |service: &str| tonic_health::pb::HealthCheckRequest { service: service.into() };
    health.check(named("paifang.v1.RefundService")).await.unwrap();
    assert_eq!(health.check(named("nothing")).await.unwrap_err().code(), Code::NotFound);

    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::{
        ServerReflectionRequest, server_reflection_request, server_reflection_response,
    };
    let list = server_reflection_request::MessageRequest::ListServices(String::new());
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(list) };
    let mut client = ServerReflectionClient::new(channel.clone());
    let asked = tokio_stream::iter([request]);
    let mut answers = client.server_reflection_info(asked).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response.unwrap();
    let server_reflection_response::MessageResponse::ListServicesResponse(list) = answer else {
        panic!("{answer:?}")
    };
    let names: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
    for name in ["paifang.v1.PaymentIntentService", "paifang.v1.LedgerService", "grpc.health.v1.Health"] {
        assert!(names.iter().any(|known| known == name), "{name} in {names:?}");
    }
    let alpha = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
    let mut list_services = Vec::new();
    prost::encoding::string::encode(7, &String::new(), &mut list_services);
    call(&channel, alpha, authorization(&[]), list_services).await.unwrap();
}

/// I10, S6: whatever a stranger names, it is not there; and what names nothing shows nothing. Each method is called with
/// every id, token and request id of the owner.
#[tokio::test]
async fn nobody_sees_what_is_another_tenants() {
    let quick = |options| GrpcOptions { heartbeat_ms: 50, ..options };
    let shop = Shop::with(quick).await;
    let owner = shop.client().await;
    let intent = shop.paid("canary-order").await;
    let (id, decided) = (intent.payment_intent_id.clone(), rules(&owner).await);
    let refund = canary_refund(&owner, &id).await;
    let accounts = owner.list_accounts(v1::ListAccountsRequest::default()).await.unwrap().accounts;
    let bulk = canary_bulk(&owner).await;
    let (cursor, token) = places(&owner).await;
    let owners = Owners {
        intent: id.clone(),
        refund: refund.refund_id.clone(),
        bulk,
        account: accounts[0].account_name.clone(),
        etag: intent.etag.clone(),
        cursor,
        token,
    };
    let channel = channel(&shop.endpoint).await;
    let mut counted = [0; 3];
    let mut methods = methods();
    // A stranger may make things, under the same request ids: that comes last.
    methods.sort_by_key(|method| ["Create", "Draft"].iter().any(|verb| method.name.starts_with(verb)));
    // Funds are named by what they are, never by whose they are: `bearers` and `statements` look at them.
    let of_funds = ["TransferFunds", "GetNetStatement", "ListNetStatementEntries"];
    for method in methods.into_iter().filter(|method| !of_funds.contains(&method.name.as_str())) {
        let has = |wanted: &[&str]| method.input.field.iter().any(|field| wanted.contains(&field.name()));
        let things =
            ["payment_intent_id", "refund_id", "bulk_refund_id", "account_name", "version", "opening"];
        let names_a_thing = has(&things) || method.name == "GetPaymentIntentByRequestId";
        let pages = has(&["page_token", "after_cursor"]);
        for with_tokens in [true, false] {
            let scans = method.name == "IdentifyPayerCode";
            let body = fill(&method.input, &|field| owners.text(field, with_tokens, scans));
            let answer = stranger(&shop, &channel, &method.path, body).await;
            match (pages && with_tokens, names_a_thing, answer) {
                (true, _, answer) => {
                    assert_eq!(
                        answer.expect_err(&method.path).code(),
                        Code::InvalidArgument,
                        "{}",
                        method.path
                    );
                    counted[0] += 1;
                }
                (false, true, answer) => {
                    assert_eq!(reason(&answer.expect_err(&method.path)), "RESOURCE_NOT_FOUND");
                    counted[1] += 1;
                }
                (false, false, answer) => {
                    let shown = answer.expect(&method.path);
                    let number = &intent.attempts[0].order_number;
                    let canaries = [
                        &id,
                        &refund.refund_id,
                        number,
                        "Two tickets",
                        "canary-rules",
                        &decided,
                        "canary-bulk",
                    ];
                    shows_none(&shown, &canaries, &method.path);
                    counted[2] += 1;
                }
            }
        }
    }
    assert!(counted.iter().all(|count| *count >= 4), "{counted:?}");
    still_as_it_was(&owner, id).await;
}

/// What the owner's things are called.
struct Owners {
    intent: String,
    refund: String,
    bulk: String,
    account: String,
    etag: String,
    cursor: String,
    token: String,
}

impl Owners {
    /// What a stranger writes into a field; `None`: nothing.
    fn text(&self, field: &str, with_tokens: bool, scans: bool) -> Option<String> {
        let text = match field {
            "payment_intent_id" => &self.intent,
            "refund_id" => &self.refund,
            "bulk_refund_id" => &self.bulk,
            "account_name" => &self.account,
            "etag" => &self.etag,
            "after_cursor" => return Some(self.cursor.clone()).filter(|_| with_tokens),
            "page_token" => return Some(self.token.clone()).filter(|_| with_tokens),
            "request_id" => "canary-order",
            "currency_code" => "CNY",
            "description" | "reason" | "remark" | "name" | "entry_id" => "mine",
            "opening" => "canary-opening",
            "bundle" => return Some(BUNDLE.replace("canary", "theirs")),
            "wallet" => "bamboo",
            "payer_code" if scans => "280000000000000001",
            plain if NO_IDS.contains(&plain) => return None,
            other => panic!("{other} is a new field: is it an id?"),
        };
        Some(text.to_owned())
    }
}

/// A cursor and a page token of the owner's.
async fn places(owner: &Client) -> (String, String) {
    let events = v1::ListEventsRequest { page_size: 1, ..Default::default() };
    let cursor = owner.list_events(events).await.unwrap().next_cursor;
    let transfers = v1::ListTransfersRequest { page_size: 1, ..Default::default() };
    let token = owner.list_transfers(transfers).await.unwrap().next_page_token;
    assert!(!cursor.is_empty() && !token.is_empty());
    (cursor, token)
}

/// Fields that name nothing of anybody's.
const NO_IDS: [&str; 17] = [
    "issuer",
    "acceptor",
    "rail",
    "return_url",
    "inside_wallet",
    "payer_ip",
    "payer_id",
    "payer_code",
    "payer_reference",
    "payer_region",
    "payer_age_band",
    "payer_tier",
    "merchant_id",
    "merchant_category",
    "product_category",
    "without_openings",
    "without_kills",
];

const BUNDLE: &str = r#"
[bundle]
name = "canary-rules"
version = 1
note = "canary"
effective_at = 2024-09-26T00:00:00+08:00
unlisted = "open"

[[opening]]
id = "canary-opening"
wallet = "bamboo"
show = true
accept = true
"#;

/// The owner's rules, which decide from now on; answers the intent of a payment that they let in.
async fn rules(owner: &Client) -> String {
    let draft = v1::DraftPolicyRequest { request_id: "canary-draft".into(), bundle: BUNDLE.into() };
    owner.draft_policy(draft).await.unwrap();
    let announce =
        v1::AnnouncePolicyRequest { request_id: "canary-announced".into(), version: 1, ..Default::default() };
    let announced = owner.announce_policy(announce).await.unwrap();
    assert_eq!(announced.policy.unwrap().active_version, 1);
    let decided = owner.create_payment_intent(create("canary-decided")).await.unwrap();
    decided.payment_intent.unwrap().payment_intent_id
}

async fn canary_refund(owner: &Client, id: &str) -> v1::Refund {
    let refund = v1::CreateRefundRequest {
        request_id: "canary-refund".into(),
        payment_intent_id: id.to_owned(),
        amount: Some(cny(1)),
        reason: "canary".into(),
        refund_case: None,
    };
    owner.create_refund(refund).await.unwrap().refund.unwrap()
}

async fn canary_bulk(owner: &Client) -> String {
    let wanted = v1::CreateBulkRefundRequest {
        request_id: "canary-order".into(),
        name: "canary-bulk".into(),
        refunds_per_second: 1,
        ..Default::default()
    };
    let made = owner.bulk_refunds().create_bulk_refund(wanted).await.unwrap().into_inner();
    made.bulk_refund.unwrap().bulk_refund_id
}

fn shows_none(shown: &[u8], canaries: &[&str], path: &str) {
    for canary in canaries {
        let found = shown.windows(canary.len()).any(|window| window == canary.as_bytes());
        assert!(!found, "{path} shows {canary}");
    }
}

/// Nothing that the stranger tried has moved the owner's intent.
async fn still_as_it_was(owner: &Client, id: String) {
    let get = v1::GetPaymentIntentRequest { payment_intent_id: id };
    let now = owner.get_payment_intent(get).await.unwrap().payment_intent.unwrap();
    assert_eq!(now.state(), v1::PaymentIntentState::Succeeded);
    assert_eq!(now.amount_refunded, Some(cny(1)));
}

async fn stranger(
    shop: &Shop,
    channel: &tonic::transport::Channel,
    path: &str,
    body: Vec<u8>,
) -> Result<Bytes, Status> {
    let key = format!("Bearer {}", shop.other_key.expose());
    call(channel, path, authorization(&[&key]), body).await
}
