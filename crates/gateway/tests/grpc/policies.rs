//! A storefront's own rules: what they decide about a payment, what they leave alone, and what is kept of it.

use paifang_client::{Client, v1};
use tonic::{Code, Status};

use crate::log::Log;
use crate::shop::{self, Shop, choice, cny, create, reason, wrong_fields};

const TRIED: &str = r#"
[bundle]
name = "walls"
version = 1
note = "bamboo for books, and for half of the payers of toys"
effective_at = 2024-09-26T00:00:00+08:00
unlisted = "closed"

[[opening]]
id = "books"
wallet = "bamboo"
when = "product.category == 'books'"
show = true
accept = true

[[opening]]
id = "toys"
wallet = "bamboo"
when = "product.category == 'toys'"
cohort = { salt = "walls", ppm = 500_000 }
show = true
accept = true

[[ranking]]
id = "home"
wallet = "bamboo"
weight = 7
reason = "home_wallet"
"#;

fn second() -> String {
    let killed = "[[kill]]\nid = \"no-bamboo\"\nwallet = \"bamboo\"\nnote = \"it fails\"\n\n[[ranking]]";
    TRIED.replace("version = 1", "version = 2").replace("[[ranking]]", killed)
}

fn of(category: &str, payer: &str) -> v1::DeclaredFacts {
    v1::DeclaredFacts {
        product_category: category.into(),
        payer_reference: payer.into(),
        ..Default::default()
    }
}

async fn draft(client: &Client, request_id: &str, bundle: &str) -> Result<v1::DraftPolicyResponse, Status> {
    let request = v1::DraftPolicyRequest { request_id: request_id.into(), bundle: bundle.into() };
    client.draft_policy(request).await
}

async fn announce(client: &Client, request_id: &str, version: u32) -> Result<v1::Policy, Status> {
    let request = v1::AnnouncePolicyRequest { request_id: request_id.into(), version, ..Default::default() };
    client.announce_policy(request).await.map(|answer| answer.policy.unwrap())
}

async fn consult(client: &Client, facts: Option<v1::DeclaredFacts>) -> (u32, v1::WalletOption) {
    let request = v1::ConsultWalletsRequest {
        amount: Some(cny(8888)),
        client_context: choice().client_context,
        declared_facts: facts,
        ..Default::default()
    };
    let answer = client.consult_wallets(request).await.unwrap();
    (answer.policy_version, answer.options.into_iter().next().unwrap())
}

async fn pay(
    client: &Client,
    request_id: &str,
    facts: Option<v1::DeclaredFacts>,
) -> Result<v1::PaymentIntent, Status> {
    let choice = v1::WalletChoice { declared_facts: facts, ..choice() };
    let request = v1::CreatePaymentIntentRequest { choice: Some(choice), ..create(request_id) };
    client.create_payment_intent(request).await.map(|created| created.payment_intent.unwrap())
}

async fn policy(client: &Client, time: Option<prost_types::Timestamp>) -> v1::Policy {
    client.get_policy(v1::GetPolicyRequest { time }).await.unwrap().policy.unwrap()
}

/// What decided, why, and what was missing.
fn told(option: &v1::WalletOption) -> String {
    let decision = option.policy_decision.clone().unwrap();
    let v1::PolicyDecision { shown, accepted, rule, because, missing_inputs, version, .. } = decision;
    assert_eq!((option.shown, option.available), (shown, accepted), "{option:?}");
    format!("v{version} {shown} {accepted} {rule} {because} {}", missing_inputs.join(","))
}

fn refused(answer: Result<v1::PaymentIntent, Status>) -> String {
    let error = answer.unwrap_err();
    assert_eq!(
        (error.code(), reason(&error).as_str()),
        (Code::FailedPrecondition, "WALLET_CLOSED_BY_POLICY")
    );
    error.message().to_owned()
}

#[tokio::test]
async fn without_rules_everything_that_works_is_open() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    let (version, option) = consult(&client, None).await;
    assert_eq!((version, option.available, option.shown, option.policy_decision), (0, true, true, None));
    assert_eq!(policy(&client, None).await, v1::Policy::default());
    draft(&client, "draft-1", TRIED).await.unwrap();
    let (version, option) = consult(&client, None).await;
    assert_eq!(
        (version, option.available, option.policy_decision),
        (0, true, None),
        "a draft decides nothing"
    );
    pay(&client, "order-1", None).await.unwrap();
    let listed = client.list_policy_decisions(v1::ListPolicyDecisionsRequest::default()).await.unwrap();
    assert_eq!(listed.decisions, []);
}

/// Each answer names the rule and what it lacked; a payment is taken exactly where the consultation says so.
#[tokio::test]
async fn a_payment_is_taken_where_the_rules_say_so_and_the_answer_tells_why() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    shop::announce(&client, TRIED).await;
    let (version, option) = consult(&client, Some(of("books", ""))).await;
    assert_eq!((version, told(&option).as_str()), (1, "v1 true true books opening_fits "));
    assert_eq!((option.weight, option.ranking_reasons), (7, vec!["home_wallet".to_owned()]));
    let (_, option) = consult(&client, Some(of("food", "p-1"))).await;
    assert_eq!(told(&option), "v1 false false  no_opening_fits ");
    assert_eq!(option.reason_codes, ["closed_by_policy"]);
    let (_, option) = consult(&client, None).await;
    assert_eq!(told(&option), "v1 false false books input_missing product.category,payer.pseudonym");

    let message = refused(pay(&client, "order-1", None).await);
    assert!(
        message.ends_with("input_missing by books, missing product.category, payer.pseudonym"),
        "{message}"
    );
    let message = refused(pay(&client, "order-1", Some(of("food", "p-1"))).await);
    assert!(message.ends_with("no_opening_fits"), "{message}");
    let intents = client.list_payment_intents(v1::ListPaymentIntentsRequest::default()).await.unwrap();
    assert_eq!(intents.payment_intents, [], "what is refused leaves nothing");

    let intent = pay(&client, "order-1", Some(of("books", "p-1"))).await.unwrap();
    let again = pay(&client, "order-1", Some(of("books", "p-1"))).await.unwrap();
    assert_eq!(intent.payment_intent_id, again.payment_intent_id);
    let other = pay(&client, "order-1", Some(of("books", "p-2"))).await.unwrap_err();
    assert_eq!(reason(&other), "REQUEST_ID_REUSED");
}

/// A ranking that lacks an input adds nothing, and the answer says which one it was and what it lacked.
#[tokio::test]
async fn a_ranking_that_lacks_an_input_is_told() {
    let regional = r#"
[[ranking]]
id = "regional"
wallet = "bamboo"
when = "payer.region.startsWith('3301') && payer.age_band == '18-24'"
weight = 20
reason = "region_preference"

[[ranking]]
id = "of-few"
wallet = "bamboo"
when = "100 / (order.amount_fen - 8888) > 1"
weight = 20
reason = "few"
"#;
    let shop = Shop::open().await;
    let client = shop.client().await;
    shop::announce(&client, &format!("{TRIED}{regional}")).await;
    let declared = |region: &str, age_band: &str| v1::DeclaredFacts {
        payer_region: region.into(),
        payer_age_band: age_band.into(),
        ..of("books", "")
    };
    let told = async |facts: v1::DeclaredFacts| {
        let (_, option) = consult(&client, Some(facts)).await;
        let lacks = option.unjudged_rankings.iter().map(|one| {
            assert_eq!(one.failure.is_empty(), !one.missing_inputs.is_empty(), "{one:?}");
            format!("{} {}", one.rule, one.missing_inputs.join(","))
        });
        (option.weight, lacks.collect::<Vec<_>>().join("; "))
    };
    assert_eq!(told(declared("330106", "18-24")).await, (27, "of-few ".into()), "it fails, and says so");
    assert_eq!(told(declared("440300", "")).await, (7, "of-few ".into()), "it is a no whatever is missing");
    assert_eq!(told(declared("330106", "")).await, (7, "regional payer.age_band; of-few ".into()));
    assert_eq!(told(declared("", "")).await, (7, "regional payer.region,payer.age_band; of-few ".into()));
    let (_, closed) = consult(&client, Some(of("food", ""))).await;
    assert_eq!(closed.unjudged_rankings, [], "what is not shown has no rank");
}

/// Half of the payers, the same ones each time, in consultations and in payments; their references are nowhere.
#[tokio::test]
async fn a_share_of_the_payers_is_stable_and_known_by_pseudonyms_only() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    shop::announce(&client, TRIED).await;
    let mut taken = 0;
    for number in 0..40 {
        let facts = of("toys", &format!("canary-{number}"));
        let (_, option) = consult(&client, Some(facts.clone())).await;
        let paid = pay(&client, &format!("order-{number}"), Some(facts)).await;
        assert_eq!(paid.is_ok(), option.available, "{option:?}");
        taken += usize::from(paid.is_ok());
    }
    // The key is another one in each run; beyond these bounds once in a million.
    assert!((5..=35).contains(&taken), "{taken} of 40");
    let (log, guard) = Log::kept();
    let (mut records, mut page_token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let list = v1::ListPolicyDecisionsRequest { page_size: 2, page_token };
        let page = client.list_policy_decisions(list).await.unwrap();
        pages += 1;
        records.extend(page.decisions.into_iter().flat_map(|decided| decided.records));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert!(records.len() == taken && pages >= taken.div_ceil(2), "{pages} pages of {records:?}");
    assert!(!records.concat().contains("canary"), "{records:?}");
    drop(guard);
    let log = log.text();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("told a reader of decisions")).collect();
    let count =
        |line: &&str| line.split_once("decisions=").unwrap().1.split(' ').next().unwrap().parse::<usize>();
    assert_eq!(told.iter().map(|line| count(line).unwrap()).sum::<usize>(), taken, "{told:?}");
    let fields = "client.inside_wallet,client.kind,order.amount_fen,order.at,order.currency,payer.pseudonym,product.category";
    assert!(told.iter().all(|line| line.contains(&format!("fields=\"{fields}\""))), "{told:?}");
    assert!(told.iter().all(|line| !line.contains("toys")), "names and no values: {told:?}");
    let bundle = paifang_policy::bundle::Bundle::read(&second()).unwrap();
    let overlay = paifang_policy::lifecycle::Overlay::none();
    let read = records.iter().map(|record| serde_json::from_str(record).unwrap());
    let report = paifang_policy::simulate::simulate(&bundle, &overlay, read, 100, |_| {});
    let totals = (report.total.records, report.total.no_longer_accepted);
    assert_eq!(totals, (taken as u64, taken as u64), "the second version would have taken none of them");
}

/// A kill switch, a roll-back and the end of all versions close new payments; what was paid goes on.
#[tokio::test]
async fn what_was_paid_stays_refundable_whatever_is_closed() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    let books = || Some(of("books", ""));
    let paid = shop.paid("order-0").await.payment_intent_id;
    let back = async |request_id: &str| {
        let refund = v1::CreateRefundRequest {
            request_id: request_id.into(),
            payment_intent_id: paid.clone(),
            amount: Some(cny(1)),
            reason: String::new(),
            refund_case: None,
        };
        client.create_refund(refund).await.unwrap().refund.unwrap().state()
    };
    shop::announce(&client, TRIED).await;
    let roll_back = v1::RollBackOpeningRequest {
        request_id: "back-1".into(),
        opening: "books".into(),
        remark: "li.lei: the app's callback fails".into(),
    };
    let answer = client.roll_back_opening(roll_back.clone()).await.unwrap();
    assert_eq!(answer.policy.unwrap().rolled_back_openings, ["books"]);
    assert!(client.roll_back_opening(roll_back).await.unwrap().replayed);
    assert!(refused(pay(&client, "order-1", books()).await).ends_with("rolled_back by books"));
    assert_eq!(back("refund-1").await, v1::RefundState::Succeeded);

    let reopen = v1::ReopenOpeningRequest {
        request_id: "open-1".into(),
        opening: "books".into(),
        remark: "li.lei: it works".into(),
    };
    let rolled = client.reopen_opening(reopen).await.unwrap().policy.unwrap().roll_backs;
    assert_eq!((rolled.len(), rolled[0].reopen_remark.as_str()), (1, "li.lei: it works"));
    pay(&client, "order-1", books()).await.unwrap();

    draft(&client, "draft-2", &second()).await.unwrap();
    announce(&client, "announce-2", 2).await.unwrap();
    assert!(refused(pay(&client, "order-2", books()).await).ends_with("killed by no-bamboo"));
    assert_eq!(back("refund-2").await, v1::RefundState::Succeeded);

    let retire = v1::RetirePolicyRequest { request_id: "end-2".into(), version: 2 };
    client.retire_policy(retire).await.unwrap();
    assert!(refused(pay(&client, "order-3", books()).await).ends_with("no version of the rules decides now"));
    let (version, option) = consult(&client, books()).await;
    assert_eq!((version, option.available, option.shown), (0, false, false));
    assert_eq!(back("refund-3").await, v1::RefundState::Succeeded);
}

/// The book answers for the past, and a step that does not fit changes nothing.
#[tokio::test]
async fn rules_are_kept_and_steps_that_do_not_fit_are_refused() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    let unknown = announce(&client, "announce-0", 1).await.unwrap_err();
    assert_eq!(reason(&unknown), "RESOURCE_NOT_FOUND");
    let error = draft(&client, "draft-0", &TRIED.replace("show = true", "show = 1")).await.unwrap_err();
    assert_eq!(wrong_fields(&error), ["bundle", "bundle"]);
    let error = draft(&client, "draft-0", "").await.unwrap_err();
    assert_eq!(wrong_fields(&error), ["bundle"]);
    draft(&client, "draft-1", TRIED).await.unwrap();
    assert!(draft(&client, "draft-1", TRIED).await.unwrap().replayed);
    assert_eq!(reason(&draft(&client, "draft-1", &second()).await.unwrap_err()), "REQUEST_ID_REUSED");
    let other = TRIED.replace("\"walls\"\nversion = 1", "\"others\"\nversion = 2");
    assert_eq!(reason(&draft(&client, "draft-2", &other).await.unwrap_err()), "POLICY_STEP_REFUSED");

    let before = shop.world.time();
    shop.world.advance(3600);
    let active = announce(&client, "announce-1", 1).await.unwrap();
    assert_eq!((active.name.as_str(), active.active_version, active.active_digest.len()), ("walls", 1, 32));
    let error = announce(&client, "announce-2", 1).await.unwrap_err();
    assert_eq!(reason(&error), "POLICY_STEP_REFUSED");
    assert!(error.message().contains("must be a draft"), "{}", error.message());
    shop.world.advance(3600);
    draft(&client, "draft-2", &second()).await.unwrap();
    let announced = v1::AnnouncePolicyRequest {
        request_id: "announce-3".into(),
        version: 2,
        effective_time: Some(prost_types::Timestamp {
            seconds: shop.world.time().as_second() + 60,
            nanos: 0,
        }),
        ..Default::default()
    };
    let states =
        |policy: &v1::Policy| policy.versions.iter().map(v1::PolicyVersion::state).collect::<Vec<_>>();
    use v1::PolicyVersionState::{Active, Announced, Draft, Retired};
    let now = client.announce_policy(announced).await.unwrap().policy.unwrap();
    assert_eq!((now.active_version, states(&now)), (1, vec![Announced, Active]));
    let recall = v1::RecallPolicyRequest { request_id: "recall-1".into(), version: 2 };
    let now = client.recall_policy(recall).await.unwrap().policy.unwrap();
    assert_eq!(states(&now), [Draft, Active]);
    announce(&client, "announce-4", 2).await.unwrap();
    assert_eq!(states(&policy(&client, None).await), [Retired, Active].into_iter().rev().collect::<Vec<_>>());

    let time = prost_types::Timestamp { seconds: before.as_second() + 1, nanos: 0 };
    let then = policy(&client, Some(time)).await;
    assert_eq!((then.active_version, states(&then)), (0, vec![Draft]));
    let time = prost_types::Timestamp { seconds: before.as_second() + 5400, nanos: 0 };
    assert_eq!(policy(&client, Some(time)).await.active_version, 1);
    let get = v1::GetPolicyVersionRequest { version: 1 };
    assert_eq!(client.get_policy_version(get).await.unwrap().bundle, TRIED);
    let get = v1::GetPolicyVersionRequest { version: 9 };
    assert_eq!(reason(&client.get_policy_version(get).await.unwrap_err()), "RESOURCE_NOT_FOUND");
}
