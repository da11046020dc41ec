//! Money that is held first, as a storefront sees it.

use paifang_client::v1::{self, PaymentIntentState as State};
use tonic::Code;

use crate::shop::{Shop, choice, cny, create, reason};

/// A shop with the loop that sees to what is under way.
async fn working() -> Shop {
    let shop = Shop::open().await;
    let engine = shop.engine.clone();
    tokio::spawn(async move { engine.work(std::future::pending()).await });
    shop
}

/// An order of 88.88 whose money is held.
async fn held(shop: &Shop, request_id: &str) -> v1::PaymentIntent {
    shop.script.say("charge", "authorized");
    let request = v1::CreatePaymentIntentRequest {
        capture_method: v1::CaptureMethod::Manual.into(),
        ..create(request_id)
    };
    let made = shop.client().await.create_payment_intent(request).await.unwrap();
    let intent = made.payment_intent.unwrap();
    assert_eq!(intent.state(), State::Authorized);
    intent
}

fn capture(
    request_id: &str,
    intent: &v1::PaymentIntent,
    fen: Option<i64>,
) -> v1::CapturePaymentIntentRequest {
    v1::CapturePaymentIntentRequest {
        request_id: request_id.into(),
        payment_intent_id: intent.payment_intent_id.clone(),
        amount: fen.map(cny),
        etag: String::new(),
    }
}

#[tokio::test]
async fn held_money_is_shown_and_captured_for_less() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    let intent = held(&shop, "order-1").await;
    assert_eq!(intent.capture_method(), v1::CaptureMethod::Manual);
    let amounts = |intent: &v1::PaymentIntent| {
        [&intent.amount_authorized, &intent.amount_capturable, &intent.amount_captured]
            .map(|money| money.as_ref().unwrap().minor_units)
    };
    assert_eq!(amounts(&intent), [8888, 8888, 0]);
    assert!(intent.capture_before_time.is_some() && intent.failure.is_none(), "{intent:#?}");
    assert_eq!(intent.attempts[0].state(), v1::AttemptState::Held);

    let first = client.capture_payment_intent(capture("c-1", &intent, Some(5000))).await.unwrap();
    let taken = first.payment_intent.unwrap();
    assert_eq!((taken.state(), amounts(&taken)), (State::Succeeded, [8888, 0, 5000]));
    assert!(
        taken.capture_before_time.is_none() && !taken.attempts[0].capture_number.is_empty(),
        "{taken:#?}"
    );
    let again = client.capture_payment_intent(capture("c-1", &intent, Some(5000))).await.unwrap();
    assert!(again.replayed && again.payment_intent.as_ref() == Some(&taken), "{again:#?}");

    let refund = |request_id: &str, fen| v1::CreateRefundRequest {
        request_id: request_id.into(),
        payment_intent_id: intent.payment_intent_id.clone(),
        amount: Some(cny(fen)),
        reason: String::new(),
        refund_case: None,
    };
    let error = client.create_refund(refund("r-1", 5001)).await.unwrap_err();
    assert_eq!(reason(&error), "REFUND_EXCEEDS_CAPTURE");
    let refunded = client.create_refund(refund("r-2", 5000)).await.unwrap().refund.unwrap();
    assert_eq!(refunded.state(), v1::RefundState::Succeeded);
}

#[tokio::test]
async fn held_money_goes_back_with_a_cancel() {
    let shop = working().await;
    let client = shop.client().await;
    let intent = held(&shop, "order-1").await;
    let cancel = v1::CancelPaymentIntentRequest {
        request_id: "x-1".into(),
        payment_intent_id: intent.payment_intent_id.clone(),
        etag: String::new(),
    };
    let ended = client.cancel_payment_intent(cancel).await.unwrap().payment_intent.unwrap();
    assert_eq!(ended.state(), State::Canceled);
    assert_eq!((ended.amount_authorized, ended.amount_capturable), (Some(cny(0)), Some(cny(0))));
    let events = client.list_events(v1::ListEventsRequest::default()).await.unwrap().events;
    let types: Vec<_> = events.iter().map(|event| event.r#type.as_str()).collect();
    for expected in ["payment_intent.authorized", "payment_intent.canceled"] {
        assert_eq!(types.iter().filter(|kind| **kind == expected).count(), 1, "{types:?}");
    }
}

/// A capture that the rail refuses, confirmed by a query, leaves the money held and says why.
#[tokio::test]
async fn a_refused_capture_leads_back_and_may_be_tried_again() {
    let shop = working().await;
    let client = shop.client().await;
    let intent = held(&shop, "order-1").await;
    shop.script.say("capture", "refused");
    shop.script.say("query_capture", "absent");
    let refused = client.capture_payment_intent(capture("c-1", &intent, None)).await.unwrap();
    let refused = refused.payment_intent.unwrap();
    let failure = refused.failure.clone().unwrap();
    assert_eq!(refused.state(), State::Authorized, "{refused:#?}");
    assert_eq!(
        (failure.stage(), failure.category()),
        (v1::FailureStage::Capture, v1::FailureCategory::Refused)
    );
    assert_eq!(
        (failure.rail_code.as_str(), failure.rail_message.as_str()),
        ("NOT_ENOUGH", "not enough money")
    );
    assert_eq!(refused.amount_capturable, Some(cny(8888)));
    let taken = client.capture_payment_intent(capture("c-2", &intent, None)).await.unwrap();
    assert_eq!(taken.payment_intent.unwrap().amount_captured, Some(cny(8888)));
}

#[tokio::test]
async fn what_cannot_be_captured_is_refused_with_its_reason_and_changes_nothing() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    let open = client.create_payment_intent(create("order-0")).await.unwrap().payment_intent.unwrap();
    let error = client.capture_payment_intent(capture("c-0", &open, None)).await.unwrap_err();
    assert_eq!((error.code(), reason(&error)), (Code::FailedPrecondition, "INTENT_NOT_AUTHORIZED".into()));

    let intent = held(&shop, "order-1").await;
    let error = client.capture_payment_intent(capture("c-1", &intent, Some(8889))).await.unwrap_err();
    assert_eq!((error.code(), reason(&error)), (Code::FailedPrecondition, "CAPTURE_EXCEEDS_HOLD".into()));
    let wrong = v1::CapturePaymentIntentRequest {
        amount: Some(v1::Money { currency_code: "CNY".into(), minor_units: 0 }),
        ..capture("c-2", &intent, None)
    };
    let error = client.capture_payment_intent(wrong).await.unwrap_err();
    assert_eq!((error.code(), reason(&error)), (Code::InvalidArgument, "INVALID_REQUEST".into()));
    let elsewhere = v1::ConfirmPaymentIntentRequest {
        request_id: "switch-1".into(),
        payment_intent_id: intent.payment_intent_id.clone(),
        choice: Some(choice()),
        etag: String::new(),
    };
    let error = client.confirm_payment_intent(elsewhere).await.unwrap_err();
    assert_eq!((error.code(), reason(&error)), (Code::FailedPrecondition, "INTENT_AUTHORIZED".into()));
    let get = v1::GetPaymentIntentRequest { payment_intent_id: intent.payment_intent_id.clone() };
    assert_eq!(client.get_payment_intent(get).await.unwrap().payment_intent, Some(intent));
}

/// What cannot hold money is not offered for it, and refuses a choice by name.
#[tokio::test]
async fn an_offer_without_holds_is_unavailable_for_a_manual_intent() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    let client_context = v1::ClientContext {
        kind: v1::ClientKind::PointOfSale.into(),
        payer_code: "280000000000000001".into(),
        payer_ip: "192.0.2.1".into(),
        ..Default::default()
    };
    let consult = v1::ConsultWalletsRequest {
        amount: Some(cny(100)),
        client_context: Some(client_context.clone()),
        capture_method: v1::CaptureMethod::Manual.into(),
        declared_facts: None,
    };
    let options = client.consult_wallets(consult).await.unwrap().options;
    let code = options.iter().find(|option| option.presentation() == v1::Presentation::PayerCode).unwrap();
    assert_eq!(
        (code.available, code.reason_codes.as_slice()),
        (false, ["hold_not_supported".to_owned()].as_slice())
    );
    let request = v1::CreatePaymentIntentRequest {
        capture_method: v1::CaptureMethod::Manual.into(),
        choice: Some(v1::WalletChoice {
            presentation: v1::Presentation::PayerCode.into(),
            client_context: Some(client_context),
            ..choice()
        }),
        ..create("order-1")
    };
    let error = client.create_payment_intent(request).await.unwrap_err();
    assert_eq!(reason(&error), "WALLET_UNAVAILABLE");
}
