//! F18: a refund that the payer's card does not take. The storefront is told, nothing is lost, and an operator says where
//! the money goes.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops here")]

mod support;

use std::time::Duration;

use paifang_mock_rails::faults::Fault;
use paifang_proto::v1;
use serde_json::Value;
use support::{SOON, WECHAT, World};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

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
        Some(v1::event::Resource::PaymentIntent(_) | v1::event::Resource::FundsTransfer(_)) | None => false,
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

const CARD: &str =
    r#"{"to":"payer_card","bank_type":"ICBC_DEBIT","bank_account":"6222020000000000000","real_name":"张三"}"#;
const MERCHANT: &str = r#"{"to":"merchant_card"}"#;
const JSON: &str = "application/json";

/// What an operator's `curl` does; answers the status and the JSON.
async fn decide(world: &World, refund_id: &str, kind: &str, body: &str) -> (u16, Value) {
    let length = body.len();
    let request = format!(
        "POST /refunds/{refund_id}/abnormal HTTP/1.1\r\nHost: ops\r\nConnection: close\r\n\
         Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(world.stage.ops).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(SOON, stream.read_to_string(&mut answer)).await.expect("an answer in time").unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}")))
}

/// Every file of the stage, log and store alike.
fn written(world: &World) -> Vec<u8> {
    let files = std::fs::read_dir(&world.stage.dir).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.is_file()).flat_map(|path| std::fs::read(path).unwrap()).collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

async fn arrives(world: &mut World, refund_id: &str) {
    world.step(Duration::from_secs(90));
    let arrived = world.shop.refund_becomes(refund_id, v1::RefundState::Succeeded, SOON).await;
    let refund = arrived.unwrap_or_else(|error| panic!("{error:#}\n{}", world.stage.log()));
    assert!(refund.failure.is_none(), "{refund:#?}");
    let kinds = kinds(world, refund_id).await;
    let tail = ["refund.attention", "refund.processing", "refund.succeeded"];
    assert_eq!(kinds[2..], tail, "{kinds:?}");
}

#[tokio::test]
async fn an_operator_says_where_the_money_goes() {
    let mut world = World::start().await;
    for (by, body, lost) in [
        (By::Notification, CARD, false),
        (By::Query, MERCHANT, false),
        // F02: the rail has taken it, and its answer is lost.
        (By::Notification, CARD, true),
    ] {
        let refund_id = stuck(&mut world, by).await.refund_id;
        if by == By::Query {
            // People take their time: longer than any refund is asked for that goes on by itself.
            world.step(Duration::from_secs(20 * 24 * 3600));
            world.paid(WECHAT).await;
        }
        if lost {
            world.fault(WECHAT, "refund", Fault::AnswerLost);
        }
        let (status, told) = decide(&world, &refund_id, JSON, body).await;
        assert_eq!(
            (status, told["error"].is_string()),
            if lost { (502, true) } else { (200, false) },
            "{told}"
        );
        assert_eq!((&told["refund_id"], &told["state"]), (&refund_id.clone().into(), &"processing".into()));
        assert_eq!(told["attention"], Value::Null, "{told}");
        arrives(&mut world, &refund_id).await;
        let (status, told) = decide(&world, &refund_id, JSON, body).await;
        assert_eq!(
            (status, &told["error"]),
            (409, &"the refund is succeeded and waits for no decision".into())
        );
    }
    let written = written(&world);
    assert!(holds(&written, "an operator has decided") && holds(&written, "refund.redirected_to_payer_card"));
    for secret in ["6222020000000000000", "张三", "ICBC_DEBIT"] {
        assert!(!holds(&written, secret), "{secret} was kept\n{}", world.stage.log());
    }
    world.end().await;
}

/// What is wrong is said, nothing is sent, and the refund goes on waiting.
#[tokio::test]
async fn a_decision_that_does_not_do_is_refused() {
    let mut world = World::start().await;
    let refund_id = stuck(&mut world, By::Notification).await.refund_id;
    let nobodys = format!("re_{}", "0".repeat(32));
    for (id, kind, body, status, why) in [
        ("re_1", JSON, MERCHANT, 400, "refund_id: must be"),
        (nobodys.as_str(), JSON, MERCHANT, 404, "refund_id: there is no such refund"),
        (refund_id.as_str(), "text/plain", MERCHANT, 415, "Content-Type: must be application/json"),
        (refund_id.as_str(), JSON, r#"{"to":"payer_card"}"#, 400, "bank_type: must be given"),
        (refund_id.as_str(), JSON, &CARD.replace("ICBC_DEBIT", "icbc"), 400, "bank_type cannot be sent"),
        (refund_id.as_str(), JSON, &CARD.replace("张三", ""), 400, "real_name cannot be sent"),
        (refund_id.as_str(), JSON, &CARD.replace("张三", &"x".repeat(5_000)), 413, "the body did not come"),
    ] {
        let (answered, told) = decide(&world, id, kind, body).await;
        assert_eq!(answered, status, "{body}: {told}");
        assert!(told["error"].as_str().unwrap().starts_with(why), "{body}: {told}");
    }
    // F13: the rail says no; it is asked, and the refund waits again.
    world.fault(WECHAT, "refund", Fault::BusinessCode("INVALID_REQUEST".into()));
    let (status, told) = decide(&world, &refund_id, JSON, CARD).await;
    assert_eq!(status, 502, "{told}");
    assert!(told["error"].as_str().unwrap().contains("INVALID_REQUEST"), "{told}");
    let deadline = Instant::now() + SOON;
    while kinds(&mut world, &refund_id).await[2..]
        != ["refund.attention", "refund.processing", "refund.attention"]
    {
        assert!(Instant::now() < deadline, "{}", world.stage.log());
        sleep(Duration::from_millis(50)).await;
    }
    let (status, told) = decide(&world, &refund_id, JSON, MERCHANT).await;
    assert_eq!(status, 200, "{told}");
    world.step(Duration::from_secs(90));
    world.shop.refund_becomes(&refund_id, v1::RefundState::Succeeded, SOON).await.unwrap();
    world.end().await;
}
