//! Kill switches over the contract: of a wallet, a rail and a presentation, and what it takes to be rid of one.

use paifang_client::{Client, v1};
use paifang_rail::Descriptor;
use tonic::{Code, Status};

use crate::fakes::DESCRIPTOR;
use crate::shop::{self, Shop, account, choice, cny, create, reason, wrong_fields};

/// A second rail for the same wallet.
static KOALA: Descriptor = Descriptor { rail: "koala", ..DESCRIPTOR };

const RULES: &str = r#"
[bundle]
name = "walls"
version = 1
note = "bamboo for all"
effective_at = 2024-09-26T00:00:00+08:00
unlisted = "closed"

[[opening]]
id = "all"
wallet = "bamboo"
show = true
accept = true
"#;

fn version(version: u32, kill: &str) -> String {
    let bundle = RULES.replace("version = 1", &format!("version = {version}"));
    if kill.is_empty() {
        bundle
    } else {
        format!("{bundle}\n[[kill]]\nid = \"off\"\nnote = \"it fails\"\n{kill}\n")
    }
}

async fn draft(client: &Client, number: u32, kill: &str) {
    let (request_id, bundle) = (format!("draft-{number}"), version(number, kill));
    client.draft_policy(v1::DraftPolicyRequest { request_id, bundle }).await.unwrap();
}

/// `in_s`: so many seconds from now; 0: at once.
fn announcing(shop: &Shop, number: u32, in_s: i64, without_kills: &[&str]) -> v1::AnnouncePolicyRequest {
    let seconds = shop.world.time().as_second() + in_s;
    v1::AnnouncePolicyRequest {
        request_id: format!("announce-{number}"),
        version: number,
        effective_time: (in_s > 0).then_some(prost_types::Timestamp { seconds, nanos: 0 }),
        without_kills: without_kills.iter().map(ToString::to_string).collect(),
        ..Default::default()
    }
}

async fn announce(
    client: &Client,
    request: v1::AnnouncePolicyRequest,
) -> Result<v1::AnnouncePolicyResponse, Status> {
    client.announce_policy(request).await
}

/// What is said of each way to pay at a desk or a till: rail, presentation, and why.
async fn ways(client: &Client, kind: v1::ClientKind) -> Vec<String> {
    let request = v1::ConsultWalletsRequest {
        amount: Some(cny(8888)),
        client_context: Some(v1::ClientContext { kind: kind.into(), ..Default::default() }),
        ..Default::default()
    };
    let options = client.consult_wallets(request).await.unwrap().options;
    let told = options.iter().map(|option| {
        let decision = option.policy_decision.clone().unwrap();
        assert_eq!(decision.because == "killed", decision.rule == "off", "{option:?}");
        let way = option.presentation().as_str_name().trim_start_matches("PRESENTATION_").to_owned();
        format!("{} {way} {} {}", option.rail, decision.accepted, decision.because)
    });
    let mut told: Vec<String> = told.collect();
    told.sort();
    told
}

async fn pay(client: &Client, request_id: &str, rail: &str) -> Result<v1::PaymentIntent, Status> {
    let choice = v1::WalletChoice { rail: rail.into(), ..choice() };
    let request = v1::CreatePaymentIntentRequest { choice: Some(choice), ..create(request_id) };
    client.create_payment_intent(request).await.map(|created| created.payment_intent.unwrap())
}

fn is_killed(answer: Result<v1::PaymentIntent, Status>) {
    let error = answer.unwrap_err();
    assert_eq!(
        (error.code(), reason(&error).as_str()),
        (Code::FailedPrecondition, "WALLET_CLOSED_BY_POLICY")
    );
    assert!(error.message().ends_with("killed by off"), "{}", error.message());
}

async fn two_rails() -> (Shop, Client) {
    let accounts = vec![account("panda", &DESCRIPTOR), account("koala", &KOALA)];
    let shop = Shop::over(accounts, |options| options).await;
    let client = shop.client().await;
    shop::announce(&client, RULES).await;
    shop.world.advance(60);
    (shop, client)
}

/// The rail's ways are closed, the other rail's ways to the same wallet are not; what was paid with it goes back.
#[tokio::test]
async fn a_rail_is_killed_and_the_other_one_goes_on() {
    let (shop, client) = two_rails().await;
    let paid = shop.paid("order-0").await;
    assert_eq!(paid.attempts[0].rail, "panda");
    draft(&client, 2, "rail = \"panda\"").await;
    announce(&client, announcing(&shop, 2, 0, &[])).await.unwrap();
    let at_a_desk = ways(&client, v1::ClientKind::DesktopBrowser).await;
    assert!(at_a_desk.contains(&"koala QR_SHOWN true opening_fits".to_owned()), "{at_a_desk:?}");
    assert!(at_a_desk.contains(&"panda QR_SHOWN false killed".to_owned()), "{at_a_desk:?}");
    let at_a_till = ways(&client, v1::ClientKind::PointOfSale).await;
    assert!(at_a_till.contains(&"panda PAYER_CODE false killed".to_owned()), "{at_a_till:?}");
    is_killed(pay(&client, "order-1", "panda").await);
    let intent = pay(&client, "order-1", "").await.unwrap();
    assert_eq!(intent.attempts[0].rail, "koala", "what was refused left nothing");
    let back = client.create_refund(shop::refunding("refund-1", &paid, 100)).await.unwrap().refund.unwrap();
    assert_eq!(back.state(), v1::RefundState::Succeeded);
}

/// One way to ask the payer is closed on every rail, the others are not.
#[tokio::test]
async fn a_presentation_is_killed_on_every_rail() {
    let (shop, client) = two_rails().await;
    draft(&client, 2, "presentation = \"qr_shown\"").await;
    announce(&client, announcing(&shop, 2, 0, &[])).await.unwrap();
    for rail in ["panda", "koala"] {
        is_killed(pay(&client, "order-1", rail).await);
        let at_a_desk = ways(&client, v1::ClientKind::DesktopBrowser).await;
        assert!(at_a_desk.contains(&format!("{rail} QR_SHOWN false killed")), "{at_a_desk:?}");
        let at_a_till = ways(&client, v1::ClientKind::PointOfSale).await;
        assert!(at_a_till.contains(&format!("{rail} PAYER_CODE true opening_fits")), "{at_a_till:?}");
    }
    let mut at_once = v1::WalletChoice { rail: "panda".into(), ..choice() };
    at_once.presentation = v1::Presentation::PayerCode.into();
    at_once.client_context = Some(v1::ClientContext {
        kind: v1::ClientKind::PointOfSale.into(),
        payer_code: "284455667788990011".into(),
        payer_ip: "203.0.113.7".into(),
        ..Default::default()
    });
    let request = v1::CreatePaymentIntentRequest { choice: Some(at_once), ..create("order-2") };
    client.create_payment_intent(request).await.unwrap();
}

/// What waits for its time does not undo a kill, and the answer names both; nor does what comes later, but by the kill's name.
#[tokio::test]
async fn a_kill_stays_until_it_is_named() {
    let (shop, client) = two_rails().await;
    draft(&client, 2, "").await;
    announce(&client, announcing(&shop, 2, 3_600, &[])).await.unwrap();
    draft(&client, 3, "wallet = \"bamboo\"").await;
    let answer = announce(&client, announcing(&shop, 3, 0, &[])).await.unwrap();
    let recalled = |policy: &v1::Policy| {
        let two = policy.versions.iter().find(|one| one.version == 2).unwrap();
        (two.state(), two.recalled_for_kill.clone(), two.recalled_by_version)
    };
    let told = (v1::PolicyVersionState::Draft, "off".to_owned(), 3);
    assert_eq!(recalled(&answer.policy.unwrap()), told);
    let now = client.get_policy(v1::GetPolicyRequest { time: None }).await.unwrap().policy.unwrap();
    assert_eq!(recalled(&now), told);
    let list = v1::ListPolicyChangesRequest::default();
    let changes = client.list_policy_changes(list).await.unwrap().changes;
    let last = changes.last().unwrap();
    assert_eq!(
        (last.kind(), last.recalled_versions.as_slice()),
        (v1::PolicyChangeKind::Announced, &[2_u32][..])
    );
    shop.world.advance(7_200);
    is_killed(pay(&client, "order-1", "").await);

    let refused = announce(
        &client,
        v1::AnnouncePolicyRequest { request_id: "again-2".into(), ..announcing(&shop, 2, 0, &[]) },
    );
    let error = refused.await.unwrap_err();
    assert_eq!((error.code(), reason(&error).as_str()), (Code::FailedPrecondition, "POLICY_STEP_REFUSED"));
    let said = "version 2 does without the kill switch off of version 3";
    assert!(error.message().contains(said), "{}", error.message());
    let wrong = announcing(&shop, 2, 0, &["not an id"]);
    assert_eq!(wrong_fields(&announce(&client, wrong).await.unwrap_err()), ["without_kills[0]"]);
    let named =
        v1::AnnouncePolicyRequest { request_id: "again-2".into(), ..announcing(&shop, 2, 0, &["off"]) };
    assert!(!announce(&client, named.clone()).await.unwrap().replayed);
    assert!(announce(&client, named).await.unwrap().replayed);
    pay(&client, "order-1", "").await.unwrap();
}
