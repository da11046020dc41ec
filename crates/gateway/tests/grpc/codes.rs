//! Payer's codes: whose they are, who takes them, and that no other wallet is charged with them.

use paifang_client::{Client, v1};
use paifang_interop::matrix;
use paifang_payment::Presentation;
use paifang_rail::{ClientKind, CreditUse, Descriptor, Need, Offer};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::fakes::DESCRIPTOR;
use crate::log::Log;
use crate::shop::{Shop, account, cny, create, reason, wrong_fields};

const fn scans(wallet: &'static str) -> Offer {
    Offer {
        wallet,
        presentation: Presentation::PayerCode,
        clients: &[ClientKind::PointOfSale],
        needs: &[Need::PayerCode],
        expiry_s_max: 7200,
        expiry_s_min: 30,
        credit: CreditUse::Payers,
        resendable: false,
        hold: None,
    }
}

static ALIPAY: Descriptor =
    Descriptor { rail: "alipay", offers: &[scans("alipay"), scans("huabei")], ..DESCRIPTOR };
static WECHATPAY: Descriptor = Descriptor { rail: "wechatpay", offers: &[scans("wechatpay")], ..DESCRIPTOR };
static UNIONPAY: Descriptor = Descriptor { rail: "unionpay", offers: &[scans("quickpass")], ..DESCRIPTOR };

const OF_ALIPAY: &str = "284455667788990011";
const OF_WECHATPAY: &str = "134455667788990011";
const OF_UNIONPAY: &str = "6244556677889900112";
const OF_BESTPAY: &str = "514455667788990011";
const OF_NOBODY: &str = "774455667788990011";

async fn open() -> Shop {
    let accounts =
        vec![account("alipay", &ALIPAY), account("wechatpay", &WECHATPAY), account("unionpay", &UNIONPAY)];
    Shop::over(accounts, |options| options).await
}

async fn identify(client: &Client, code: &str) -> v1::IdentifyPayerCodeResponse {
    let request = v1::IdentifyPayerCodeRequest {
        payer_code: code.into(),
        amount: Some(cny(8888)),
        ..Default::default()
    };
    client.identify_payer_code(request).await.unwrap()
}

/// Each way in a line: wallet, whether it can be charged, why its rail takes the code or not, and the reasons.
fn told(answer: &v1::IdentifyPayerCodeResponse) -> Vec<String> {
    let line = |way: &v1::PayerCodeWay| {
        let option = way.option.as_ref().unwrap();
        let row = way.interoperability.as_ref().map_or("", |row| row.row.as_str());
        assert_eq!(way.acceptance() == v1::CodeAcceptance::Refused, !way.refusal_source.is_empty());
        assert_eq!(option.available, option.reason_codes.is_empty(), "{option:?}");
        let acceptance = way.acceptance().as_str_name().trim_start_matches("CODE_ACCEPTANCE_");
        let (wallet, reasons) = (&option.wallet, option.reason_codes.join(","));
        format!("{wallet} {} {acceptance} {row} {reasons} {}", option.available, option.position_reason)
    };
    answer.ways.iter().map(line).collect()
}

async fn pay(client: &Client, wallet: &str, code: &str) -> Result<v1::PaymentIntent, Status> {
    let context = v1::ClientContext {
        kind: v1::ClientKind::PointOfSale.into(),
        payer_code: code.into(),
        ..Default::default()
    };
    let choice = v1::WalletChoice {
        wallet: wallet.into(),
        presentation: v1::Presentation::PayerCode.into(),
        client_context: Some(context),
        ..Default::default()
    };
    let begins = code.get(..2).unwrap_or_default();
    let id = format!("order-{wallet}-{begins}");
    let request = v1::CreatePaymentIntentRequest { choice: Some(choice), ..create(&id) };
    client.create_payment_intent(request).await.map(|made| made.payment_intent.unwrap())
}

#[tokio::test]
async fn a_code_is_told_apart_and_so_is_who_can_charge_it() {
    let shop = open().await;
    let client = shop.client().await;
    let answer = identify(&client, OF_WECHATPAY).await;
    assert_eq!(
        told(&answer),
        [
            "wechatpay true TAKEN wechatpay-code  first",
            "quickpass true UNCONFIRMED   payer_code_unconfirmed",
            "alipay false REFUSED  payer_code_of_other_wallet unavailable",
            "huabei false REFUSED  payer_code_of_other_wallet configured_order",
        ]
    );
    let issuer = answer.issuer.unwrap();
    assert_eq!((issuer.wallet.as_str(), issuer.row.as_str()), ("wechatpay", "wechatpay"));
    assert_eq!(issuer.confidence(), v1::Confidence::Documented);
    assert!(issuer.source.contains("18 digits"), "{}", issuer.source);

    let answer = identify(&client, OF_ALIPAY).await;
    assert_eq!(
        told(&answer),
        [
            "alipay true TAKEN alipay-code  first",
            "huabei true TAKEN alipay-code  configured_order",
            "quickpass true UNCONFIRMED   payer_code_unconfirmed",
            "wechatpay false REFUSED  payer_code_of_other_wallet unavailable",
        ]
    );
    assert_eq!(
        answer.issuer.unwrap().note,
        "Huabei is a funding source inside of Alipay and shows Alipay's code"
    );

    let issuers: Vec<String> = futures::future::join_all(
        [OF_UNIONPAY, OF_BESTPAY, "0144556677889900112"].map(async |code| identify(&client, code).await),
    )
    .await
    .into_iter()
    .map(|answer| answer.issuer.unwrap().wallet)
    .collect();
    assert_eq!(issuers, ["quickpass", "bestpay", "ecny"]);
}

/// Neither an error nor a guess: the table says nothing, and so the rails decide.
#[tokio::test]
async fn a_code_that_no_table_knows_is_an_answer() {
    let shop = open().await;
    let client = shop.client().await;
    let answer = identify(&client, OF_NOBODY).await;
    assert_eq!(answer.issuer, None);
    assert_eq!(
        told(&answer),
        [
            "alipay true UNCONFIRMED   first",
            "huabei true UNCONFIRMED   configured_order",
            "wechatpay true UNCONFIRMED   configured_order",
            "quickpass true UNCONFIRMED   configured_order",
        ]
    );
    shop.script.say("charge", "paid");
    let intent = pay(&client, "alipay", OF_NOBODY).await.unwrap();
    assert_eq!(intent.state(), v1::PaymentIntentState::Succeeded);
}

#[tokio::test]
async fn what_is_no_code_is_named_by_its_field_and_not_repeated() {
    let shop = open().await;
    let client = shop.client().await;
    for text in ["", "28445566778899", "2844556677889900112233445", "28445566778899001x", "canary"] {
        let request = v1::IdentifyPayerCodeRequest {
            payer_code: text.into(),
            amount: Some(cny(0)),
            capture_method: 99,
            ..Default::default()
        };
        let error = client.identify_payer_code(request).await.unwrap_err();
        assert_eq!(wrong_fields(&error), ["payer_code", "amount.minor_units", "capture_method"]);
        let details = String::from_utf8_lossy(error.details()).into_owned();
        assert!(text.is_empty() || !details.contains(text), "{details}");
    }
}

/// The limits of an amount, and the storefront's own rules, are looked at where the amount is known; where it is not, a rule
/// that needs it is closed and says so.
#[tokio::test]
async fn an_answer_says_why_a_wallet_cannot_charge_the_code_otherwise() {
    let shop = open().await;
    let client = shop.client().await;
    let ask = |amount: Option<v1::Money>| v1::IdentifyPayerCodeRequest {
        payer_code: OF_ALIPAY.into(),
        amount,
        ..Default::default()
    };
    let first = |answer: v1::IdentifyPayerCodeResponse| answer.ways[0].option.clone().unwrap();
    let option = first(client.identify_payer_code(ask(Some(cny(2_000_000)))).await.unwrap());
    assert_eq!((option.available, option.reason_codes), (false, vec!["amount_too_large".to_owned()]));
    assert_eq!((option.amount_min, option.amount_max), (Some(cny(1)), Some(cny(1_000_000))));

    let bundle = r#"
[bundle]
name = "till"
version = 1
note = "small sums"
effective_at = 2024-09-26T00:00:00+08:00
unlisted = "closed"

[[opening]]
id = "small"
wallet = "alipay"
when = "order.amount_fen < 10000"
show = true
accept = true
"#;
    let draft = v1::DraftPolicyRequest { request_id: "draft-1".into(), bundle: bundle.into() };
    client.draft_policy(draft).await.unwrap();
    let announce =
        v1::AnnouncePolicyRequest { request_id: "announce-1".into(), version: 1, ..Default::default() };
    client.announce_policy(announce).await.unwrap();
    let answer = client.identify_payer_code(ask(Some(cny(9_999)))).await.unwrap();
    assert_eq!(answer.policy_version, 1);
    assert!(first(answer).available);
    let option = first(client.identify_payer_code(ask(None)).await.unwrap());
    assert_eq!((option.wallet.as_str(), option.available), ("alipay", false));
    assert_eq!(option.policy_decision.unwrap().missing_inputs, ["order.amount_fen"]);
}

/// Nothing is sent, and nothing is left: the payer's code still works, at the wallet that issued it.
#[tokio::test]
async fn a_code_of_another_wallet_is_refused_before_anything_is_sent() {
    let shop = open().await;
    let client = shop.client().await;
    shop.script.say("charge", "paid");
    for (wallet, code, owner) in [
        ("alipay", OF_WECHATPAY, "wechatpay"),
        ("huabei", OF_UNIONPAY, "quickpass"),
        ("wechatpay", OF_ALIPAY, "alipay"),
        ("wechatpay", OF_BESTPAY, "bestpay"),
    ] {
        let error = pay(&client, wallet, code).await.unwrap_err();
        assert_eq!(
            (error.code(), reason(&error).as_str()),
            (Code::FailedPrecondition, "PAYER_CODE_OF_OTHER_WALLET")
        );
        assert!(error.message().contains(&format!("is one of {owner},")), "{}", error.message());
    }
    let intents = client.list_payment_intents(v1::ListPaymentIntentsRequest::default()).await.unwrap();
    assert_eq!(intents.payment_intents, []);

    let error = pay(&client, "", OF_WECHATPAY).await.unwrap_err();
    assert_eq!(wrong_fields(&error), ["choice.wallet"]);
    let violations = error.get_details_bad_request().unwrap().field_violations;
    assert_eq!(violations[0].description, "is required; the payer's code is one of wechatpay");

    // The scripted answer is still there: no charge has taken it.
    let intent = pay(&client, "wechatpay", OF_WECHATPAY).await.unwrap();
    assert_eq!(intent.state(), v1::PaymentIntentState::Succeeded);
    shop.script.say("charge", "paid");
    let intent = pay(&client, "huabei", OF_ALIPAY).await.unwrap();
    assert_eq!(intent.state(), v1::PaymentIntentState::Succeeded, "Huabei is paid by Alipay's code");
    shop.script.say("charge", "paid");
    let intent = pay(&client, "quickpass", OF_WECHATPAY).await.unwrap();
    assert_eq!(
        intent.state(),
        v1::PaymentIntentState::Succeeded,
        "UnionPay has published no limit of its own"
    );
}

/// A consultation that knows the code says the same.
#[tokio::test]
async fn a_consultation_with_a_code_says_whose_it_is_not() {
    let shop = open().await;
    let client = shop.client().await;
    let request = v1::ConsultWalletsRequest {
        amount: Some(cny(1)),
        client_context: Some(v1::ClientContext {
            kind: v1::ClientKind::PointOfSale.into(),
            payer_code: OF_UNIONPAY.into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let options = client.consult_wallets(request).await.unwrap().options;
    let lines: Vec<String> = options
        .iter()
        .map(|option| format!("{} {} {:?}", option.wallet, option.available, option.reason_codes))
        .collect();
    assert_eq!(
        lines,
        [
            "quickpass true []",
            r#"alipay false ["payer_code_of_other_wallet"]"#,
            r#"huabei false ["payer_code_of_other_wallet"]"#,
            r#"wechatpay false ["payer_code_of_other_wallet"]"#,
        ]
    );
}

#[tokio::test]
async fn the_matrix_is_listed_by_pages_and_by_what_is_asked_for() {
    let shop = open().await;
    let client = shop.client().await;
    let mut request = v1::ListInteroperabilityRequest { page_size: 7, ..Default::default() };
    let mut rows = Vec::new();
    loop {
        let page = client.list_interoperability(request.clone()).await.unwrap();
        assert!(page.rows.len() == 7 || page.next_page_token.is_empty());
        rows.extend(page.rows);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    let names: Vec<&str> = rows.iter().map(|row| row.row.as_str()).collect();
    let all: Vec<&str> = matrix::published().rows().iter().map(|row| row.id.as_str()).collect();
    assert_eq!(names, all);

    let filtered = v1::ListInteroperabilityRequest {
        issuer: "quickpass".into(),
        acceptor: "wechatpay".into(),
        code_kind: v1::CodeKind::MerchantCode.into(),
        page_size: 2,
        ..Default::default()
    };
    let page = client.list_interoperability(filtered.clone()).await.unwrap();
    let dates: Vec<&str> = page.rows.iter().map(|row| row.since.as_str()).collect();
    assert_eq!(dates, ["2020-01", "2021-09-30"]);
    let rest = v1::ListInteroperabilityRequest { page_token: page.next_page_token.clone(), ..filtered };
    let rest = client.list_interoperability(rest).await.unwrap();
    assert_eq!(
        (rest.rows.len(), rest.rows[0].since.as_str(), rest.next_page_token.as_str()),
        (1, "2024-06", "")
    );
    assert_eq!(rest.rows[0].direction(), v1::InteroperabilityDirection::Domestic);
    assert_eq!(rest.rows[0].confidence(), v1::Confidence::Reported);

    let other = v1::ListInteroperabilityRequest { page_token: page.next_page_token, ..Default::default() };
    assert_eq!(reason(&client.list_interoperability(other).await.unwrap_err()), "PAGE_TOKEN_INVALID");
    let wrong = v1::ListInteroperabilityRequest {
        issuer: "A B".into(),
        acceptor: "A B".into(),
        code_kind: 9,
        page_size: -1,
        ..Default::default()
    };
    let error = client.list_interoperability(wrong).await.unwrap_err();
    assert_eq!(wrong_fields(&error), ["page_size", "issuer", "acceptor", "code_kind"]);
}

/// S20: a code is in no answer, no error and no line of the log, however it is used.
#[tokio::test]
async fn a_code_is_told_nowhere() {
    let (log, _guard) = Log::kept();
    let shop = open().await;
    let client = shop.client().await;
    let mut said = String::new();
    (0..20).for_each(|_| shop.script.say("charge", "paid"));
    for code in [OF_ALIPAY, OF_WECHATPAY, OF_UNIONPAY, OF_BESTPAY, OF_NOBODY] {
        said += &format!("{:?}", identify(&client, code).await);
        for wallet in ["alipay", "wechatpay", "quickpass", ""] {
            said += &format!("{:?}", pay(&client, wallet, code).await);
        }
        let wrong = format!("{code}x");
        let request = v1::IdentifyPayerCodeRequest { payer_code: wrong, ..Default::default() };
        said += &format!("{request:?} {:?}", client.identify_payer_code(request.clone()).await);
    }
    let log = log.text();
    assert!(log.contains("payment moved") && said.contains("is one of wechatpay"), "nothing was said");
    for (what, text) in [("an answer", &said), ("the log", &log)] {
        assert!(!text.contains("4455667788990011"), "{what} tells a code");
    }
}
