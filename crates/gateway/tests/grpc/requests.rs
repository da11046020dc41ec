//! What is asked and how it is refused: replays, violations, etags, page tokens.

use paifang_client::v1;
use tonic::Code;

use crate::shop::{Shop, choice, cny, create, reason, wrong_fields};

/// F35: any number of equal calls at once make one intent and one charge.
#[tokio::test]
async fn the_same_call_makes_one_intent_however_often_it_comes() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    let calls = (0..40).map(|_| client.create_payment_intent(create("order-1")));
    let answers: Vec<_> = futures::future::join_all(calls).await.into_iter().map(Result::unwrap).collect();
    let id = |answer: &v1::CreatePaymentIntentResponse| {
        answer.payment_intent.as_ref().unwrap().payment_intent_id.clone()
    };
    assert!(answers.iter().all(|answer| id(answer) == id(&answers[0])));
    assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
    let again = client.create_payment_intent(create("order-1")).await.unwrap();
    let intent = again.payment_intent.unwrap();
    assert_eq!(intent.state(), v1::PaymentIntentState::AwaitingPayer);
    assert_eq!(intent.attempts.len(), 1);
    let listed = client.list_payment_intents(v1::ListPaymentIntentsRequest::default()).await.unwrap();
    assert_eq!(listed.payment_intents, vec![intent]);
}

/// F36, I18: the same id with another body changes nothing and tells nothing of the first call.
#[tokio::test]
async fn a_request_id_belongs_to_one_body_for_ever() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    let first = client.create_payment_intent(create("order-1")).await.unwrap().payment_intent.unwrap();
    let mut others = vec![create("order-1"), create("order-1"), create("order-1"), create("order-1")];
    others[0].amount = Some(cny(8889));
    others[1].description = "Three tickets".into();
    others[2].metadata = [("a".to_owned(), "b".to_owned())].into();
    others[3].choice = None;
    for other in others {
        let error = client.create_payment_intent(other).await.unwrap_err();
        assert_eq!((error.code(), reason(&error)), (Code::AlreadyExists, "REQUEST_ID_REUSED".into()));
        assert!(!format!("{error:?}").contains(&first.payment_intent_id));
    }
    // Request ids are kept per kind of call, so that a refund may carry the order's id.
    let refund = refund("order-1", &first.payment_intent_id, 1);
    let error = client.create_refund(refund).await.unwrap_err();
    assert_eq!(reason(&error), "INTENT_NOT_PAID");
    let by_id = v1::GetPaymentIntentByRequestIdRequest { request_id: "order-1".into() };
    let found = client.get_payment_intent_by_request_id(by_id).await.unwrap();
    assert_eq!(found.payment_intent, Some(first));
}

/// F37: a replay after the wished end is still a replay, not a wrong field.
#[tokio::test]
async fn a_replay_does_not_age() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    let ends =
        |s: i64, nanos| Some(prost_types::Timestamp { seconds: shop.world.time().as_second() + s, nanos });
    let mut wanted = create("order-1");
    wanted.expire_time = ends(300, 5);
    assert!(!client.create_payment_intent(wanted.clone()).await.unwrap().replayed);
    shop.world.advance(3600);
    assert!(client.create_payment_intent(wanted.clone()).await.unwrap().replayed);
    for (seconds, nanos) in [(30, 0), (-1, 0), (8 * 24 * 3600, 0), (300, -1)] {
        let mut wrong = create("order-2");
        wrong.expire_time = ends(seconds, nanos);
        let error = client.create_payment_intent(wrong).await.unwrap_err();
        assert_eq!(wrong_fields(&error), ["expire_time"], "{seconds}");
    }
}

/// Each fact in a form that it must not have.
fn wrong_facts() -> v1::DeclaredFacts {
    v1::DeclaredFacts {
        payer_reference: "canary canary".into(),
        payer_region: "canary".into(),
        payer_age_band: "CANARY".into(),
        payer_tier: "canary tier".into(),
        merchant_id: "canary id".into(),
        merchant_category: "Canary".into(),
        product_category: "canary.".into(),
        product_live_room: Some(true),
    }
}

/// F43, F44: everything that is wrong is told at once, and nothing of it is repeated.
#[tokio::test]
async fn all_violations_are_told_at_once() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    let wrong = v1::CreatePaymentIntentRequest {
        request_id: "canary 1".into(),
        amount: Some(v1::Money { currency_code: "canary".into(), minor_units: 0 }),
        description: "canary\n".into(),
        metadata: (0..17).map(|n| (format!("canary {n}"), "x".repeat(501))).collect(),
        expire_time: Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 }),
        choice: Some(v1::WalletChoice {
            wallet: "CANARY".into(),
            presentation: 99,
            rail: "canary!".into(),
            client_context: Some(v1::ClientContext {
                kind: v1::ClientKind::DesktopBrowser.into(),
                inside_wallet: "canary".into(),
                payer_ip: "canary".into(),
                payer_id: "canary canary".into(),
                payer_code: "canary".into(),
            }),
            return_url: "javascript:canary".into(),
            declared_facts: Some(wrong_facts()),
        }),
        capture_method: 99,
    };
    let error = client.create_payment_intent(wrong).await.unwrap_err();
    assert_eq!((error.code(), reason(&error)), (Code::InvalidArgument, "INVALID_REQUEST".into()));
    let expected = [
        "request_id",
        "amount.currency_code",
        "amount.minor_units",
        "description",
        "metadata",
        "metadata",
        "metadata",
        "expire_time",
        "capture_method",
        "choice.wallet",
        "choice.presentation",
        "choice.rail",
        "choice.return_url",
        "choice.declared_facts.payer_reference",
        "choice.declared_facts.payer_region",
        "choice.declared_facts.payer_age_band",
        "choice.declared_facts.payer_tier",
        "choice.declared_facts.merchant_id",
        "choice.declared_facts.merchant_category",
        "choice.declared_facts.product_category",
        "choice.client_context.inside_wallet",
        "choice.client_context.payer_ip",
        "choice.client_context.payer_id",
        "choice.client_context.payer_code",
    ];
    assert_eq!(wrong_fields(&error), expected);
    assert!(!String::from_utf8_lossy(error.details()).to_lowercase().contains("canary"));

    let nothing = v1::CreatePaymentIntentRequest::default();
    let error = client.create_payment_intent(nothing).await.unwrap_err();
    assert_eq!(wrong_fields(&error), ["request_id", "amount", "description"]);
    let nothing = v1::ConfirmPaymentIntentRequest::default();
    let error = client.confirm_payment_intent(nothing).await.unwrap_err();
    assert_eq!(wrong_fields(&error), ["request_id", "payment_intent_id", "choice"]);
    let error = client.create_refund(v1::CreateRefundRequest::default()).await.unwrap_err();
    assert_eq!(wrong_fields(&error), ["request_id", "payment_intent_id", "amount"]);
    let error = client.consult_wallets(v1::ConsultWalletsRequest::default()).await.unwrap_err();
    assert_eq!(wrong_fields(&error), ["amount", "client_context"]);
    let listed = client.list_payment_intents(v1::ListPaymentIntentsRequest::default()).await.unwrap();
    assert!(listed.payment_intents.is_empty());
}

/// F43: no amount outside of the limits reaches the engine.
#[tokio::test]
async fn amounts_are_positive_and_bounded() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    for minor_units in [0, -1, i64::MIN, i64::MAX, 1_000_000_000_000_001] {
        let mut wrong = create("order-1");
        wrong.amount = Some(cny(minor_units));
        let error = client.create_payment_intent(wrong).await.unwrap_err();
        assert_eq!(wrong_fields(&error), ["amount.minor_units"], "{minor_units}");
    }
    for code in ["", "cny", "RMB", "XAU", "人民币"] {
        let mut wrong = create("order-1");
        wrong.amount = Some(v1::Money { currency_code: code.into(), minor_units: 1 });
        let error = client.create_payment_intent(wrong).await.unwrap_err();
        assert_eq!(wrong_fields(&error), ["amount.currency_code"], "{code}");
    }
}

#[tokio::test]
async fn a_missing_input_of_the_payer_is_named_as_the_contract_names_it() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    let mut wanted = create("order-1");
    let mut choice = choice();
    choice.presentation = v1::Presentation::PayerCode.into();
    choice.client_context =
        Some(v1::ClientContext { kind: v1::ClientKind::PointOfSale.into(), ..Default::default() });
    wanted.choice = Some(choice);
    let error = client.create_payment_intent(wanted.clone()).await.unwrap_err();
    let fields = ["choice.client_context.payer_code", "choice.client_context.payer_ip"];
    assert_eq!(wrong_fields(&error), fields);
    wanted.choice.as_mut().unwrap().wallet = "eucalyptus".into();
    let error = client.create_payment_intent(wanted).await.unwrap_err();
    assert_eq!((error.code(), reason(&error)), (Code::FailedPrecondition, "WALLET_UNAVAILABLE".into()));
}

#[tokio::test]
async fn an_etag_guards_a_verb() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    let created = client.create_payment_intent(create("order-1")).await.unwrap();
    let intent = created.payment_intent.unwrap();
    let cancel = |request_id: &str, etag: &str| v1::CancelPaymentIntentRequest {
        request_id: request_id.into(),
        payment_intent_id: intent.payment_intent_id.clone(),
        etag: etag.into(),
    };
    let error = client.cancel_payment_intent(cancel("cancel-1", "0-0-0")).await.unwrap_err();
    assert_eq!((error.code(), reason(&error)), (Code::Aborted, "ETAG_MISMATCH".into()));
    let worker = shop.engine.clone();
    tokio::spawn(async move { worker.work(futures::future::pending()).await });
    let ended = client.cancel_payment_intent(cancel("cancel-1", &intent.etag)).await.unwrap();
    let ended = ended.payment_intent.unwrap();
    assert_eq!(ended.state(), v1::PaymentIntentState::Canceled);
    assert_ne!(ended.etag, intent.etag);
    assert_eq!(ended.next_action, None);
    // The replay of a call is answered by what it did, not by its etag, which is an old one by now.
    assert!(client.cancel_payment_intent(cancel("cancel-1", &intent.etag)).await.unwrap().replayed);
}

#[tokio::test]
async fn pages_hold_together_and_their_tokens_are_bound() {
    let shop = Shop::open().await;
    let (client, other) = (shop.client().await, shop.other().await);
    for n in 0..7 {
        client.create_payment_intent(create(&format!("order-{n}"))).await.unwrap();
    }
    let list = |page_token: &str, state: v1::PaymentIntentState| v1::ListPaymentIntentsRequest {
        page_size: 3,
        page_token: page_token.into(),
        state: state.into(),
    };
    let any = v1::PaymentIntentState::Unspecified;
    let (mut seen, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = client.list_payment_intents(list(&token, any)).await.unwrap();
        assert!(page.payment_intents.len() <= 3);
        seen.extend(page.payment_intents.into_iter().map(|intent| intent.request_id));
        (token, pages) = (page.next_page_token, pages + 1);
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(pages, 3);
    assert_eq!(seen, (0..7).rev().map(|n| format!("order-{n}")).collect::<Vec<_>>());

    let token = client.list_payment_intents(list("", any)).await.unwrap().next_page_token;
    let mut errors = vec![
        client.list_payment_intents(list(&token, v1::PaymentIntentState::Succeeded)).await.map(drop),
        client.list_payment_intents(list(&format!("{token}A"), any)).await.map(drop),
        other.list_payment_intents(list(&token, any)).await.map(drop),
    ];
    let refunds = v1::ListRefundsRequest { page_token: token.clone(), ..Default::default() };
    errors.push(client.list_refunds(refunds).await.map(drop));
    let transfers = v1::ListTransfersRequest { page_token: token.clone(), ..Default::default() };
    errors.push(client.list_transfers(transfers).await.map(drop));
    let accounts = v1::ListAccountsRequest { page_token: token.clone(), ..Default::default() };
    errors.push(client.list_accounts(accounts).await.map(drop));
    for error in errors.into_iter().map(Result::unwrap_err) {
        assert_eq!((error.code(), reason(&error)), (Code::InvalidArgument, "PAGE_TOKEN_INVALID".into()));
    }
    let events = v1::ListEventsRequest { after_cursor: token, ..Default::default() };
    assert_eq!(reason(&client.list_events(events).await.unwrap_err()), "CURSOR_INVALID");
    let negative = v1::ListPaymentIntentsRequest { page_size: -1, page_token: "x".into(), state: 99 };
    let error = client.list_payment_intents(negative).await.unwrap_err();
    assert_eq!(wrong_fields(&error), ["page_size", "state", "page_token"]);
}

fn refund(request_id: &str, intent: &str, minor_units: i64) -> v1::CreateRefundRequest {
    v1::CreateRefundRequest {
        request_id: request_id.into(),
        payment_intent_id: intent.into(),
        amount: Some(cny(minor_units)),
        reason: String::new(),
        refund_case: None,
    }
}
