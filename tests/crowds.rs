//! Many calls at once, over the running binary.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops here")]

mod support;

use std::collections::BTreeSet;

use futures::future::join_all;
use paifang_proto::v1;
use support::{UNIONPAY_CODE, WECHAT, World, choice, money, reason_of};

/// I6, F32: two hundred refunds of one intent at once never exceed the capture.
#[tokio::test]
async fn two_hundred_refunds_at_once() {
    let mut world = World::start().await;
    let id = world.paid(UNIONPAY_CODE).await.payment_intent_id;
    let calls = (0..200).map(|n| {
        let mut refunds = world.shop.refunds.clone();
        let request = v1::CreateRefundRequest {
            request_id: format!("crowd-{n}"),
            payment_intent_id: id.clone(),
            amount: Some(money(1_500)),
            reason: String::new(),
            refund_case: None,
        };
        async move { refunds.create_refund(request).await }
    });
    let answers = join_all(calls).await;
    let taken = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(taken, 6);
    for refused in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        assert_eq!(reason_of(refused), "REFUND_EXCEEDS_CAPTURE", "{refused:?}");
    }
    world.books_agree().await;
    let intent = world.shop.intent(&id).await.unwrap();
    assert_eq!(intent.amount_refunded.unwrap().minor_units, 9_000);
    world.end().await;
}

/// I1, F35: a hundred equal creates make one intent and one trade at the rail.
#[tokio::test]
async fn a_hundred_creates_with_one_request_id() {
    let world = World::start().await;
    let request = v1::CreatePaymentIntentRequest {
        request_id: "the-one".into(),
        amount: Some(money(10_000)),
        description: "tea".into(),
        choice: Some(choice(WECHAT, "")),
        ..Default::default()
    };
    let calls = (0..100).map(|_| {
        let (mut intents, request) = (world.shop.intents.clone(), request.clone());
        async move { intents.create_payment_intent(request).await.unwrap().into_inner() }
    });
    let answers = join_all(calls).await;
    let ids: BTreeSet<_> =
        answers.iter().map(|made| made.payment_intent.as_ref().unwrap().payment_intent_id.clone()).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(answers.iter().filter(|made| !made.replayed).count(), 1);
    assert_eq!(world.stage.mocks.rail("wechatpay").book().len(), 1);
    world.end().await;
}
