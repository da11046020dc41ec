//! Event streams: complete, resumable, alive, and ended by the drain.

use paifang_client::v1;
use paifang_gateway::grpc::GrpcOptions;
use tonic::{Code, Streaming};
use v1::watch_events_response::Message;

use crate::raw::channel;
use crate::shop::{Shop, create, reason};

async fn next(stream: &mut Streaming<v1::WatchEventsResponse>) -> Message {
    stream.message().await.unwrap().unwrap().message.unwrap()
}

/// I9: what a stream misses while it is broken comes when it goes on at its last cursor, with the same ids.
#[tokio::test]
async fn an_event_stream_goes_on_where_it_broke() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    let watch = |after_cursor: &str| v1::WatchEventsRequest { after_cursor: after_cursor.into() };
    let mut stream = client.events().watch_events(watch("")).await.unwrap().into_inner();
    let created = client.create_payment_intent(create("order-1")).await.unwrap().payment_intent.unwrap();
    let Message::Event(first) = next(&mut stream).await else { panic!("a heartbeat came first") };
    assert_eq!((first.r#type.as_str(), first.sequence), ("payment_intent.created", 1));
    drop(stream);

    shop.notify_paid(&created).await;
    let mut stream = client.events().watch_events(watch(&first.cursor)).await.unwrap().into_inner();
    let mut seen = vec![first];
    while seen.last().unwrap().r#type != "payment_intent.succeeded" {
        let Message::Event(event) = next(&mut stream).await else { continue };
        seen.push(event);
    }
    let sequences: Vec<i64> = seen.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, (1..).take(seen.len()).collect::<Vec<_>>());
    let Some(v1::event::Resource::PaymentIntent(paid)) = &seen.last().unwrap().resource else {
        panic!("an intent's event without the intent")
    };
    assert_eq!(paid.state(), v1::PaymentIntentState::Succeeded);

    let listed = client.list_events(v1::ListEventsRequest::default()).await.unwrap();
    assert_eq!(listed.events, seen);
    let after = v1::ListEventsRequest { after_cursor: listed.next_cursor.clone(), page_size: 0 };
    let nothing = client.list_events(after).await.unwrap();
    assert_eq!((nothing.events.len(), nothing.next_cursor), (0, listed.next_cursor));
    let mut strange = shop.other().await.events().watch_events(watch("")).await.unwrap().into_inner();
    shop.drain.send(true).unwrap();
    assert!(strange.message().await.is_err(), "another tenant hears nothing");
}

#[tokio::test]
async fn a_silent_stream_says_that_it_is_alive_and_where_to_go_on() {
    let shop = Shop::with(|options| GrpcOptions { heartbeat_ms: 50, ..options }).await;
    let client = shop.client().await;
    client.create_payment_intent(create("order-1")).await.unwrap();
    let request = v1::WatchEventsRequest::default();
    let mut stream = client.events().watch_events(request).await.unwrap().into_inner();
    let mut last = String::new();
    let beat = loop {
        match next(&mut stream).await {
            Message::Event(event) => last = event.cursor,
            Message::Heartbeat(beat) => break beat,
        }
    };
    assert_eq!(beat.cursor, last);
    assert!(beat.send_time.is_some());
}

/// F42: health turns first, and streams end with a reason, so that no end is taken for the end of the news.
#[tokio::test]
async fn the_drain_ends_streams_and_turns_health() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    let intent = client.create_payment_intent(create("order-1")).await.unwrap().payment_intent.unwrap();
    let watch = v1::WatchPaymentIntentRequest { payment_intent_id: intent.payment_intent_id };
    let mut news = client.payment_intents().watch_payment_intent(watch).await.unwrap().into_inner();
    news.message().await.unwrap().unwrap();
    let request = v1::WatchEventsRequest::default();
    let mut events = client.events().watch_events(request).await.unwrap().into_inner();
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel(&shop.endpoint).await);
    let asked = tonic_health::pb::HealthCheckRequest::default();
    let mut statuses = health.watch(asked).await.unwrap().into_inner();
    use tonic_health::pb::health_check_response::ServingStatus::{NotServing, Serving};
    assert_eq!(statuses.message().await.unwrap().unwrap().status(), Serving);

    shop.drain.send(true).unwrap();
    assert_eq!(statuses.message().await.unwrap().unwrap().status(), NotServing);
    let ended = news.message().await.unwrap_err();
    assert_eq!((ended.code(), reason(&ended)), (Code::Unavailable, "SHUTTING_DOWN".into()));
    let ended = loop {
        match events.message().await {
            Ok(message) => assert!(message.is_some(), "it ended without a reason"),
            Err(ended) => break ended,
        }
    };
    assert_eq!((ended.code(), reason(&ended)), (Code::Unavailable, "SHUTTING_DOWN".into()));
}
