//! F18: a refund that the payer's card does not take. The storefront is told, nothing is lost, and an operator says where
//! the money goes.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops here")]

mod support;

use std::time::Duration;

use paifang_mock_rails::faults::Fault;
use paifang_proto::v1;
use support::{SOON, WECHAT, World};
use tokio::time::{Instant, sleep};

/// How the gateway hears of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Notification,
    Query,
}

/// A refund of ¥30.00 that the payer's card does not take, once the storefront sees that.
async fn stuck(world: &mut World, by: By) -> v1::Refund {
    let id = world.paid(WECHAT).await.payment_intent_id;
    world.fault(WECHAT, "refund", Fault::BusinessCode("ABNORMAL".into()));
    if by == By::Query {
        world.fault(WECHAT, "refund", Fault::NoNotification);
    }
    let refund = world.refund(&id, 3_000).await.unwrap();
    world.shop.refund_becomes(&refund.refund_id, v1::RefundState::Processing, SOON).await.unwrap();
    // The rail takes three seconds to find out; the gateway asks after a minute.
    world.step(match by {
        By::Notification => Duration::from_secs(5),
        By::Query => Duration::from_secs(90),
    });
    let deadline = Instant::now() + SOON;
    loop {
        let request = v1::GetRefundRequest { refund_id: refund.refund_id.clone() };
        let found = world.shop.refunds.get_refund(request).await.unwrap().into_inner().refund.unwrap();
        if found.failure.is_some() {
            return found;
        }
        assert!(Instant::now() < deadline, "{by:?}: {found:#?}\n{}", world.stage.log());
        sleep(Duration::from_millis(50)).await;
    }
}

async fn kinds(world: &mut World, refund_id: &str) -> Vec<String> {
    let events = world.shop.all_events().await.unwrap().into_iter();
    let of_refund = events.filter(|event| match &event.resource {
        Some(v1::event::Resource::Refund(refund)) => refund.refund_id == refund_id,
        Some(v1::event::Resource::PaymentIntent(_)) | None => false,
    });
    of_refund.map(|event| event.r#type).collect()
}

#[tokio::test]
async fn the_storefront_sees_that_a_refund_waits() {
    let mut world = World::start().await;
    for by in [By::Notification, By::Query] {
        let refund = stuck(&mut world, by).await;
        assert_eq!(refund.state(), v1::RefundState::Processing, "{by:?}");
        let failure = refund.failure.as_ref().unwrap();
        let told = (failure.stage(), failure.category(), failure.money_effect(), failure.advice());
        let expected = (
            v1::FailureStage::Refund,
            v1::FailureCategory::NeedsAttention,
            v1::MoneyEffect::Possible,
            v1::Advice::AskOperator,
        );
        assert_eq!(told, expected, "{by:?}");
        assert_eq!((failure.reason.as_str(), failure.rail_code.as_str()), ("refund_abnormal", "ABNORMAL"));
        assert!(!refund.rail_reference.is_empty(), "{refund:#?}");
        // Asked again and again, it is told once.
        world.step(Duration::from_secs(24 * 3600));
        world.paid(WECHAT).await;
        let kinds = kinds(&mut world, &refund.refund_id).await;
        assert_eq!(kinds, ["refund.created", "refund.processing", "refund.attention"], "{by:?}");
    }
    let log = world.stage.log();
    let warned = log.matches("a refund waits until somebody decides where it goes").count();
    assert_eq!(warned, 2, "{log}");
    assert!(world.stage.stop_gateway().await.unwrap().success());
    assert!(world.stage.fsck().await.unwrap().contains("clean"));
    world.stage.close().await;
    std::fs::remove_dir_all(&world.stage.dir).unwrap();
}
