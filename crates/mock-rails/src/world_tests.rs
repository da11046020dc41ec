//! The world around the rails: https, weather, a fast clock, books over a restart, scenarios.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::book::BookEntry;
use crate::clock::Clock;
use crate::journal::JournalEntry;
use crate::scenario::Scenario;
use crate::server::SCHEME_HEADER;
use crate::start::Rail;
use crate::testing::{json as call, send, within};
use crate::{
    Bench, Files, KeyStep, MockRails, Options, PayerAct, PayerError, RailMock, RailReply, RailRequest,
    Refusal, Step, WalletView, locked, tls,
};

/// Counts what it is asked, and shows how it was called.
struct Counter {
    bench: Bench,
    count: Mutex<u64>,
    paid: Mutex<Vec<String>>,
}

fn counter(bench: Bench, _: &Options) -> Arc<dyn RailMock> {
    Arc::new(Counter { bench, count: Mutex::new(0), paid: Mutex::default() })
}

impl RailMock for Counter {
    fn name(&self) -> &'static str {
        "counter"
    }

    fn handle(&self, request: RailRequest) -> BoxFuture<'_, RailReply> {
        *locked(&self.count) += 1;
        self.bench.journal.record(JournalEntry {
            at: self.bench.clock.now(),
            method: request.method.to_string(),
            path: request.path().to_owned(),
            operation: "count".into(),
            order_no: None,
            verdict: "ok".into(),
            refused: false,
            expected: None,
        });
        let scheme = request.header(SCHEME_HEADER).unwrap_or("?").to_owned();
        std::future::ready(RailReply::new(StatusCode::OK, "text/plain", scheme)).boxed()
    }

    fn payer(&self, act: PayerAct) -> Result<Value, PayerError> {
        match act {
            PayerAct::Pay { target: crate::PayerTarget::OrderNo(no), .. } => locked(&self.paid).push(no),
            _ => return Err(PayerError::Unsupported),
        }
        Ok(json!({}))
    }

    fn book(&self) -> Vec<BookEntry> {
        Vec::new()
    }

    fn orders(&self) -> Vec<WalletView> {
        let view = |order_no: &str| WalletView {
            order_no: order_no.into(),
            handle: None,
            merchant: "m".into(),
            description: "d".into(),
            fen: 1,
            state: "WAIT".into(),
            payable: !locked(&self.paid).iter().any(|paid| paid == order_no),
            expires_at: None,
        };
        vec![view("A"), view("B")]
    }

    fn save(&self) -> Value {
        json!({ "count": *locked(&self.count) })
    }

    fn load(&self, saved: Value) -> Result<(), String> {
        *locked(&self.count) = saved["count"].as_u64().ok_or("no count")?;
        Ok(())
    }

    fn keys(&self, step: KeyStep) -> Result<Value, PayerError> {
        match step {
            KeyStep::Rail(Step::Announce) => Ok(json!({ "serial": "2" })),
            _ => Err(PayerError::NotPayable { state: "first".into() }),
        }
    }

    fn refuse(&self, _: &RailRequest, why: Refusal) -> RailReply {
        let status = match why {
            Refusal::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Refusal::Maintenance => StatusCode::SERVICE_UNAVAILABLE,
        };
        RailReply::new(status, "text/plain", "in the rail's words")
    }

    fn expire_due(&self) {}
}

fn noon() -> Timestamp {
    "2026-03-01T12:00:00+08:00".parse().unwrap()
}

fn options() -> Options {
    Options { clock: Clock::standing_at(noon()), ..Options::default() }
}

async fn started(options: Options) -> MockRails {
    let rails = [Rail { name: "counter", build: counter, known: Files::new, forge: |_, _| Ok(Files::new()) }];
    MockRails::start_these(options, &rails).await.unwrap()
}

async fn status(rails: &MockRails, path: &str) -> u16 {
    send(Method::GET, &format!("{}{path}", rails.url("counter")), &[], "").await.unwrap().0.as_u16()
}

/// Over TLS with this world's CA, and only with it; the rail learns how it was called and a client cannot lie about it.
#[tokio::test]
async fn https_is_served_under_the_worlds_own_ca() {
    let rails = started(options()).await;
    let url = rails.https_url("counter");
    let port = url.rsplit(':').next().unwrap().to_owned();
    for host in ["127.0.0.1", "localhost"] {
        let client = Client::builder(TokioExecutor::new())
            .build(tls::connector(&[rails.ca_pem().to_owned()]).unwrap());
        let request = Request::get(format!("https://{host}:{port}/x")).header(SCHEME_HEADER, "gopher");
        let response = within(client.request(request.body(Full::<Bytes>::default()).unwrap())).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "https", "{host}");
    }
    let stranger = Client::builder(TokioExecutor::new()).build(tls::connector(&[]).unwrap());
    let request = Request::get(format!("{url}/x")).body(Full::<Bytes>::default()).unwrap();
    assert!(within(stranger.request(request)).await.is_err(), "a CA that nobody knows");
    let (_, _, body) = send(Method::GET, &rails.url("counter"), &[], "").await.unwrap();
    assert_eq!(body, "http");
}

#[tokio::test]
async fn the_control_api_lists_both_addresses_of_a_rail() {
    let rails = started(options()).await;
    let (_, listed) = call(Method::GET, &format!("{}/v1/rails", rails.control_url()), "").await;
    let (url, https_url) = (rails.url("counter"), rails.https_url("counter"));
    assert!(https_url.starts_with("https://127.0.0.1:"));
    assert_eq!(listed, json!([{ "name": "counter", "url": url, "https_url": https_url }]));
}

#[tokio::test]
async fn weather_is_made_and_cleared_by_the_control_api() {
    let rails = started(options()).await;
    let at = format!("{}/v1/counter/conditions", rails.control_url());
    let limit = r#"{"limit":{"per_second":1,"burst":1,"target":"/refund"}}"#;
    assert_eq!(call(Method::POST, &at, limit).await.0, 200);
    assert_eq!(
        [status(&rails, "/refund").await, status(&rails, "/refund").await, status(&rails, "/pay").await],
        [200, 429, 200]
    );
    let window = r#"{"window":{"from":"2026-03-01T12:00:00+08:00","until":"2026-03-01T12:01:00+08:00"}}"#;
    let (_, shown) = call(Method::POST, &at, window).await;
    assert_eq!(
        (shown["limits"][0]["per_second"].as_u64(), shown["windows"].as_array().unwrap().len()),
        (Some(1), 1)
    );
    assert_eq!(status(&rails, "/pay").await, 503);
    rails.clock().step(SignedDuration::from_mins(1));
    assert_eq!(status(&rails, "/pay").await, 200);
    let verdicts: Vec<_> =
        rails.bench("counter").journal.recorded().into_iter().map(|row| row.entry.verdict).collect();
    assert_eq!(verdicts, ["ok", "over the rate limit", "ok", "closed for maintenance", "ok"]);
    assert_eq!(rails.bench("counter").journal.recorded()[1].traffic.answer_body, "in the rail's words");
    call(Method::DELETE, &at, "").await;
    assert_eq!([status(&rails, "/refund").await, status(&rails, "/refund").await], [200, 200]);
    for bad in [
        r#"{"limit":{"per_second":0}}"#,
        r#"{"limit":{"per_second":1,"operation":"pay"}}"#,
        r#"{"window":{"from":"2026-03-01T12:00:00Z","until":"2026-03-01T12:00:00Z"}}"#,
        "{}",
    ] {
        assert_eq!(call(Method::POST, &at, bad).await.0, 400, "{bad}");
    }
}

#[tokio::test]
async fn keys_orders_and_the_clock_are_driven_by_the_control_api() {
    let rails = started(options()).await;
    let control = rails.control_url();
    let keys = format!("{control}/v1/counter/keys");
    assert_eq!(call(Method::POST, &keys, r#"{"rail":"announce"}"#).await, (200, json!({ "serial": "2" })));
    assert_eq!(call(Method::POST, &keys, r#"{"merchant":"retire"}"#).await.0, 409);
    assert_eq!(call(Method::POST, &keys, r#"{"rail":"burn"}"#).await.0, 400);
    let (_, orders) = call(Method::GET, &format!("{control}/v1/counter/orders"), "").await;
    assert_eq!(orders[1]["order_no"], "B");
    assert_eq!(call(Method::GET, &format!("{control}/v1/counter/bill?day=2026-03-01"), "").await.0, 501);
    assert_eq!(call(Method::GET, &format!("{control}/v1/counter/bill?day=x"), "").await.0, 400);
    let clock = format!("{control}/v1/clock");
    assert_eq!(call(Method::POST, &clock, r#"{"speed":0}"#).await.0, 400);
    assert_eq!(call(Method::POST, &clock, r#"{"signatures":"wall"}"#).await.0, 200);
    assert_ne!(rails.clock().signing_now(), rails.clock().now());
    assert_eq!(call(Method::POST, &clock, r#"{"speed":100000}"#).await.0, 200);
    within(rails.clock().sleep_until(noon() + SignedDuration::from_hours(2))).await;
}

#[tokio::test]
async fn books_survive_a_restart_and_a_broken_one_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let kept = || Options { books: Some(dir.path().to_owned()), ..options() };
    let rails = started(kept()).await;
    for _ in 0..3 {
        status(&rails, "/").await;
    }
    rails.stop().await.unwrap();
    let again = started(kept()).await;
    assert_eq!(again.rail("counter").save(), json!({ "count": 3 }));
    // Saved while it runs, too: what a killed process leaves behind.
    status(&again, "/").await;
    let file = dir.path().join("counter-book.json");
    within(async {
        while !std::fs::read_to_string(&file).unwrap().contains('4') {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    drop(again);
    std::fs::write(&file, "{").unwrap();
    let rails = [Rail { name: "counter", build: counter, known: Files::new, forge: |_, _| Ok(Files::new()) }];
    let error = MockRails::start_these(kept(), &rails).await.unwrap_err();
    assert!(error.to_string().contains("counter-book.json"), "{error}");
}

#[tokio::test]
async fn a_scenario_happens_on_the_rails_clock() {
    let text = "[[step]]\nat_s = 60\nrail = \"counter\"\nmaintenance_s = 10\n\n[[payers]]\nrail = \"counter\"\nafter_s = 5\n";
    let scenario = Some(Scenario::parse(text, &["counter"]).unwrap());
    let rails = started(Options { scenario, ..options() }).await;
    assert_eq!(status(&rails, "/").await, 200);
    let open = || rails.rail("counter").orders().into_iter().filter(|order| order.payable).count();
    assert_eq!(open(), 2);
    let reached = |wanted: &'static str| {
        let rails = &rails;
        within(async move {
            loop {
                let done = match wanted {
                    "paid" => rails.rail("counter").orders().iter().all(|order| !order.payable),
                    _ => status(rails, "/").await == 503,
                };
                if done {
                    return;
                }
                rails.clock().step(SignedDuration::from_secs(1));
                tokio::task::yield_now().await;
            }
        })
    };
    reached("paid").await;
    reached("closed").await;
}
