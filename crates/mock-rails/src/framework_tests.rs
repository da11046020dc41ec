//! The framework as a whole, with a rail that echoes: server, faults, notifier, control API.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::book::BookEntry;
use crate::clock::Clock;
use crate::faults::{self, Fault};
use crate::notifier::{DeliveryState, HttpMessage, Notice};
use crate::start::Rail;
use crate::testing::{Shop, json as call, send, within};
use crate::{
    Bench, CodeOutcome, Files, MockRails, Options, PayerAct, PayerError, PayerTarget, RailMock, RailReply,
    RailRequest,
};

struct Echo(Bench);

fn echo(bench: Bench, _: &Options) -> Arc<dyn RailMock> {
    Arc::new(Echo(bench))
}

impl RailMock for Echo {
    fn name(&self) -> &'static str {
        "echo"
    }

    fn handle(&self, request: RailRequest) -> BoxFuture<'_, RailReply> {
        let work = move |twist| async move {
            let body = String::from_utf8_lossy(&request.body).into_owned();
            let text = format!("{} {} [{body}] {twist:?}", request.method, request.target);
            RailReply::new(StatusCode::OK, "text/plain", text).with_header("trace_id", "t1")
        };
        faults::around(self.0.faults.take("query"), work).boxed()
    }

    fn payer(&self, act: PayerAct) -> Result<serde_json::Value, PayerError> {
        match act {
            PayerAct::Scan(PayerTarget::OrderNo(no)) => Ok(json!({ "seen": no })),
            PayerAct::Scan(PayerTarget::Qr(_) | PayerTarget::PrepayId(_)) => Err(PayerError::NoSuchOrder),
            PayerAct::Pay { force: true, .. } => Ok(json!({ "late": true })),
            PayerAct::Pay { force: false, .. } => Err(PayerError::NotPayable { state: "CLOSED".into() }),
            PayerAct::Decline(_) => Err(PayerError::Unsupported),
            PayerAct::IssueCode(CodeOutcome::PendingThenPays) => Ok(json!({ "code": "28" })),
            PayerAct::IssueCode(_) => Err(PayerError::Unsupported),
        }
    }

    fn book(&self) -> Vec<BookEntry> {
        Vec::new()
    }

    fn expire_due(&self) {
        self.0.faults.arm(Some("close"), Fault::Status(599), 1);
    }
}

fn noon() -> Timestamp {
    "2026-01-01T12:00:00+08:00".parse().unwrap()
}

async fn started() -> MockRails {
    let options = Options { clock: Clock::standing_at(noon()), ..Options::default() };
    MockRails::start_these(
        options,
        &[Rail { name: "echo", build: echo, known: Files::new, forge: |_, _| Ok(Files::new()) }],
    )
    .await
    .unwrap()
}

/// Writes `text` and reads to the end of the connection.
async fn raw(rails: &MockRails, text: &str) -> String {
    let address = rails.url("echo").trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A dropped connection may also be a reset; both mean that nothing more comes.
    let _ = within(stream.read_to_end(&mut answer)).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn targets_and_bodies_arrive_as_sent_also_in_absolute_form() {
    let rails = started().await;
    for (line, seen) in [
        ("POST /gateway.do?a=%E5%A5+b&c=%2B HTTP/1.1", "POST /gateway.do?a=%E5%A5+b&c=%2B [x%20y]"),
        ("POST http://pay.test:80/gateway.do?a=b HTTP/1.1", "POST http://pay.test:80/gateway.do?a=b [x%20y]"),
    ] {
        let text = format!("{line}\r\nHost: pay.test\r\nConnection: close\r\nContent-Length: 5\r\n\r\nx%20y");
        let answer = raw(&rails, &text).await;
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.contains("Content-Type: text/plain"),
            "{answer}"
        );
        assert!(answer.contains(seen), "{answer}");
    }
}

#[tokio::test]
async fn f01_f02_a_dropped_connection_sends_not_one_byte() {
    let rails = started().await;
    rails.bench("echo").faults.arm(None, Fault::AnswerLost, 1);
    rails.bench("echo").faults.arm(None, Fault::RequestLost, 1);
    let request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert_eq!(raw(&rails, request).await, "");
    assert_eq!(raw(&rails, request).await, "");
    assert!(raw(&rails, request).await.contains("GET / [] Plain"), "faults run out");
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let rails = started().await;
    let body = vec![b'a'; crate::server::BODY_BYTES_MAX + 1];
    let answer = send(Method::POST, &rails.url("echo"), &[], body).await;
    // The rail answers 413 and closes; a client that is still writing may see the reset instead.
    assert!(answer.is_err() || answer.unwrap().0 == StatusCode::PAYLOAD_TOO_LARGE);
    let body = vec![b'a'; crate::server::BODY_BYTES_MAX];
    assert_eq!(send(Method::POST, &rails.url("echo"), &[], body).await.unwrap().0, StatusCode::OK);
}

#[tokio::test]
async fn the_control_api_answers_as_documented() {
    let rails = started().await;
    let at = |path: &str| format!("{}/v1/{path}", rails.control_url());
    let cases = [
        ("echo/payer/scan", r#"{"order_no":"A"}"#, 200, json!({"seen":"A"})),
        ("echo/payer/scan", r#"{"qr":"A"}"#, 404, json!({"error":"this rail knows no such order"})),
        (
            "echo/payer/pay",
            r#"{"order_no":"A"}"#,
            409,
            json!({"error":"the order cannot do this in its state CLOSED"}),
        ),
        ("echo/payer/pay", r#"{"order_no":"A","force":true}"#, 200, json!({"late":true})),
        ("echo/payer/pay_after_close", r#"{"prepay_id":"A"}"#, 200, json!({"late":true})),
        ("echo/payer/decline", r#"{"order_no":"A"}"#, 501, json!({"error":"this rail has no such act"})),
        ("echo/payer/code", r#"{"outcome":"pending_then_pays"}"#, 200, json!({"code":"28"})),
        (
            "echo/payer/scan",
            r#"{"order_no":"A","qr":"B"}"#,
            400,
            json!({"error":"give one of order_no, qr, prepay_id"}),
        ),
        ("nope/payer/scan", r#"{"order_no":"A"}"#, 404, json!({"error":"there is no such rail"})),
        (
            "echo/faults",
            r#"{"fault":"unsigned","operation":"refund","times":2}"#,
            200,
            json!([{"operation":"refund","fault":"unsigned","times":2}]),
        ),
        (
            "echo/faults",
            r#"{"fault":"unsigned","operation":"pay"}"#,
            400,
            json!({"error":"operation must be one of charge, query, close, reverse, refund, refund_query, capture, release, bill, certificates"}),
        ),
        ("clock", r#"{"step_ms":60000}"#, 200, json!({"now":"2026-01-01T04:01:00Z"})),
        ("clock", r#"{"set":"2026-01-02T08:00:00+08:00"}"#, 200, json!({"now":"2026-01-02T00:00:00Z"})),
    ];
    for (path, body, status, answer) in cases {
        assert_eq!(call(Method::POST, &at(path), body).await, (status, answer), "{path} {body}");
    }
    // Moving the clock made the rails look for expired orders (the echo rail shows that by a fault).
    let (_, armed) = call(Method::GET, &at("echo/faults"), "").await;
    assert_eq!(armed[1], json!({"operation":"close","fault":{"status":599},"times":1}));
    assert_eq!(call(Method::DELETE, &at("echo/faults"), "").await, (200, json!([])));
    assert_eq!(call(Method::GET, &at("echo/requests"), "").await, (200, json!([])));
    assert_eq!(call(Method::GET, &at("echo/notifications"), "").await, (200, json!([])));
    assert_eq!(call(Method::GET, &at("echo/book"), "").await, (200, json!([])));
    let (url, https_url) = (rails.url("echo"), rails.https_url("echo"));
    let rail = json!([{ "name": "echo", "url": url, "https_url": https_url }]);
    assert_eq!(call(Method::GET, &at("rails"), "").await, (200, rail));
}

const GAPS: &[Duration] = &[Duration::from_secs(240), Duration::from_secs(600)];

fn notice(url: &str) -> Notice {
    Notice {
        key: "paid A".into(),
        url: url.into(),
        schedule: GAPS,
        render: Box::new(|number, at| HttpMessage {
            headers: vec![("content-type", "text/plain".into())],
            body: format!("try {number} at {at}").into_bytes(),
        }),
        acknowledged: |status, body| status == 200 && body == b"success",
    }
}

#[tokio::test]
async fn a_notification_is_repeated_on_the_schedule_until_acknowledged_in_the_rails_words() {
    let rails = started().await;
    let shop = Shop::open(&[(500, "success"), (200, "SUCCESS"), (200, "success")]).await;
    let bench = rails.bench("echo");
    bench.notifier.post(notice(&shop.url));
    let tries = |n: usize| bench.notifier.until(move |all| all.iter().all(|d| d.tries.len() == n));
    let first = within(tries(1)).await;
    assert_eq!(first[0].state, DeliveryState::Pending);
    assert_eq!(first[0].next_try_at, Some(noon() + SignedDuration::from_mins(4)));
    rails.clock().step(SignedDuration::from_mins(4));
    within(tries(2)).await;
    rails.clock().step(SignedDuration::from_mins(10));
    let last = within(tries(3)).await;
    assert_eq!((last[0].state, last[0].next_try_at), (DeliveryState::Acknowledged, None));
    assert_eq!(last[0].last_body, "try 3 at 2026-01-01T04:14:00Z");
    let bodies: Vec<_> =
        shop.seen().into_iter().map(|r| String::from_utf8(r.body.to_vec()).unwrap()).collect();
    assert_eq!(
        bodies,
        ["try 1 at 2026-01-01T04:00:00Z", "try 2 at 2026-01-01T04:04:00Z", "try 3 at 2026-01-01T04:14:00Z"]
    );
}

#[tokio::test]
async fn a_notification_is_given_up_when_the_schedule_runs_out() {
    let rails = started().await;
    let bench = rails.bench("echo");
    for url in ["http://127.0.0.1:1/", "https://shop.test/", "not a url"] {
        bench.notifier.post(notice(url));
    }
    for n in 1..=3 {
        within(bench.notifier.until(|all| all.iter().all(|d| d.tries.len() == n))).await;
        rails.clock().step(SignedDuration::from_hours(1));
    }
    for delivery in bench.notifier.deliveries() {
        assert_eq!(
            (delivery.state, delivery.tries[2].status),
            (DeliveryState::GivenUp, None),
            "{delivery:?}"
        );
    }
}

#[tokio::test]
async fn waiting_for_the_first_try_ends_after_it_even_when_it_fails() {
    let rails = started().await;
    let shop = Shop::open(&[(500, "no")]).await;
    let bench = rails.bench("echo");
    within(bench.notifier.post_and_wait(notice(&shop.url))).await;
    assert_eq!((shop.seen().len(), bench.notifier.deliveries()[0].tries.len()), (1, 1));
}

#[tokio::test]
async fn a_notifier_without_a_worker_gives_up_instead_of_waiting_forever() {
    let (bench, worker) = Bench::new(Clock::standing_at(noon()), "http://127.0.0.1:1");
    drop(worker);
    within(bench.notifier.post_and_wait(notice("http://127.0.0.1:1/"))).await;
    assert_eq!(bench.notifier.deliveries()[0].state, DeliveryState::GivenUp);
}

#[tokio::test]
async fn start_refuses_an_unknown_rail_and_stop_frees_the_ports() {
    let unknown = Options { ports: [("visa".to_owned(), 0)].into(), ..Options::default() };
    assert!(
        MockRails::start_these(
            unknown,
            &[Rail { name: "echo", build: echo, known: Files::new, forge: |_, _| Ok(Files::new()) }]
        )
        .await
        .is_err()
    );
    let rails = started().await;
    let url = rails.url("echo");
    assert_eq!(rails.names(), ["echo"]);
    rails.stop().await.unwrap();
    assert!(send(Method::GET, &url, &[], "").await.is_err());
}
