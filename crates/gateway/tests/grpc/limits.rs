//! What is too much is turned away, in the contract's own words (F40, I13).

use paifang_client::v1;
use tonic::Code;

use crate::raw::{authorization, call, channel, methods};
use crate::shop::{Shop, create, reason};

/// S27: every method refuses more than 64 KiB, and bytes that are no message of it.
#[tokio::test]
async fn large_and_unreadable_messages_are_refused_by_every_method() {
    let shop = Shop::open().await;
    let channel = channel(&shop.endpoint).await;
    let key = format!("Bearer {}", shop.key.expose());
    for method in methods() {
        let large = vec![0; 64 * 1024 + 1];
        let error = call(&channel, &method.path, authorization(&[&key]), large).await.unwrap_err();
        let expected = (Code::ResourceExhausted, "MESSAGE_TOO_LARGE".to_owned());
        assert_eq!((error.code(), reason(&error)), expected, "{}", method.path);
        for odd in [&[0xff; 9][..], &[0x0a, 0x7f, 0x01], &[0x0a, 0x02, 0xff, 0xfe]] {
            let error = call(&channel, &method.path, authorization(&[&key]), odd.to_vec()).await.unwrap_err();
            // Some odd bytes are a message of some methods; then a field of it is wrong.
            assert_eq!(error.code(), Code::InvalidArgument, "{}", method.path);
            reason(&error);
        }
    }
}

#[tokio::test]
async fn a_full_gate_turns_away_and_health_stays_open() {
    let shop = Shop::with(|options| paifang_gateway::grpc::GrpcOptions { calls_max: 0, ..options }).await;
    let error = shop.client().await.create_payment_intent(create("order-1")).await.unwrap_err();
    assert_eq!((error.code(), reason(&error)), (Code::Unavailable, "OVERLOADED".into()));
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel(&shop.endpoint).await);
    health.check(tonic_health::pb::HealthCheckRequest::default()).await.unwrap();
}

#[tokio::test]
async fn a_tenant_has_its_share_of_calls_and_no_more() {
    let shop =
        Shop::with(|options| paifang_gateway::grpc::GrpcOptions { tenant_calls_max: 1, ..options }).await;
    shop.script.say("charge", "held");
    let client = shop.client().await;
    let caller = client.clone();
    let held = tokio::spawn(async move { caller.create_payment_intent(create("order-1")).await });
    shop.script.charged.notified().await;
    let error = client.list_accounts(v1::ListAccountsRequest::default()).await.unwrap_err();
    assert_eq!(reason(&error), "OVERLOADED");
    shop.other().await.list_accounts(v1::ListAccountsRequest::default()).await.unwrap();
    shop.script.release.notify_one();
    held.await.unwrap().unwrap();
    client.list_accounts(v1::ListAccountsRequest::default()).await.unwrap();
}

#[tokio::test]
async fn streams_are_counted_and_their_places_given_back() {
    let shop =
        Shop::with(|options| paifang_gateway::grpc::GrpcOptions { tenant_streams_max: 1, ..options }).await;
    let client = shop.client().await;
    let watch = || async { client.events().watch_events(v1::WatchEventsRequest::default()).await };
    let first = watch().await.unwrap();
    let error = watch().await.unwrap_err();
    assert_eq!((error.code(), reason(&error)), (Code::Unavailable, "OVERLOADED".into()));
    drop(first);
    // The end of a stream reaches the server when it does; asked for with a bound.
    let mut again = Err(error);
    for _ in 0..1000 {
        again = watch().await;
        if again.is_ok() {
            break;
        }
        tokio::task::yield_now().await;
    }
    again.unwrap();
}
