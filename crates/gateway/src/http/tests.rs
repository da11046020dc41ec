//! The listener for rails and browsers, over a running gateway on the model store.

use std::time::Duration;

use paifang_payment::Presentation;
use paifang_rail::BODY_BYTES_MAX;
use paifang_store::Store;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::serve::Drained;
use crate::testing::{Keys, TOKEN, http, intent, read_all, tenant, undated};

const LOOPBACK: &str = "http://127.0.0.1:1";

fn rails() -> String {
    Keys::rails(LOOPBACK, LOOPBACK, LOOPBACK)
}

/// A genuine notice of Alipay about an order that is not ours.
fn notice() -> String {
    let vectors: Value =
        serde_json::from_str(include_str!("../../../../tests/vectors/alipay-vectors.json")).unwrap();
    let fields = vectors["notifies"][0]["fields"].as_object().unwrap();
    let pairs = fields.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// S15: whoever does not know the token cannot tell an account from none, nor a route from none.
#[tokio::test]
async fn s15_a_wrong_token_looks_like_a_wrong_path() {
    let gateway = Keys::new().start(&rails(), "").await;
    let at = gateway.http_addr;
    let right = format!("/notify/alipay-main/{TOKEN}");
    let nothing = undated(&http(at, "GET /", b"").await);
    assert!(nothing.starts_with("HTTP/1.1 404 Not Found"), "{nothing}");
    for wrong in [
        format!("POST {right}x"),
        format!("POST {right}/"),
        format!("POST /{right}"),
        format!("GET {right}"),
        format!("PUT {right}"),
        format!("POST {}", right.to_uppercase()),
        format!("POST /notify/nobody/{TOKEN}"),
        format!("POST /notify/NO%00BODY/{TOKEN}"),
        format!("POST /notify/%ff/{TOKEN}"),
        "POST /notify/alipay-main/-------------------------------------------".to_owned(),
        "POST /notify/alipay-main/".to_owned(),
        "POST /metrics".to_owned(),
        "GET /healthz".to_owned(),
        format!("DELETE /return/alipay-main/{}", "A".repeat(32)),
    ] {
        let answer = undated(&http(at, &wrong, b"a=b").await);
        assert_eq!(answer, nothing, "{wrong}");
    }
    let rejected = http(at, &format!("POST {right}"), b"a=b").await;
    assert_ne!(undated(&rejected), nothing);
    assert_eq!(gateway.drain().await, Drained::Clean);
}

/// I4: what is not believed is answered in the rail's own words, and counted.
#[tokio::test]
async fn notifications_are_judged_and_counted() {
    let gateway = Keys::new().start(&rails(), "").await;
    let post = format!("POST /notify/alipay-main/{TOKEN}");
    let forged = notice().replace("88.88", "88.89");
    let rejected = http(gateway.http_addr, &post, forged.as_bytes()).await;
    assert!(!rejected.ends_with("\r\n\r\nsuccess"), "{rejected}");
    // F50: genuine, but years old.
    let stale = http(gateway.http_addr, &post, notice().as_bytes()).await;
    assert!(!stale.ends_with("\r\n\r\nsuccess"), "{stale}");
    // F51: genuine, but for another rail's account.
    let elsewhere = format!("POST /notify/wechatpay-main/{TOKEN}");
    http(gateway.http_addr, &elsewhere, notice().as_bytes()).await;
    http(gateway.http_addr, "POST /notify/alipay-main/x", notice().as_bytes()).await;

    let figures = http(gateway.ops_addr, "GET /metrics", b"").await;
    for expected in [
        "paifang_notifications_total{account=\"alipay-main\",verdict=\"wrong_signature\"} 1",
        "paifang_notifications_total{account=\"alipay-main\",verdict=\"stale\"} 1",
        "paifang_notifications_total{account=\"wechatpay-main\",verdict=\"unsigned\"} 1",
        "paifang_notifications_stray_total 1",
        "paifang_store_up 1",
    ] {
        assert!(figures.contains(expected), "{expected} in\n{figures}");
    }
}

/// F65: size and time of what anybody may send are bounded, with and without a body's length told before.
#[tokio::test]
async fn f65_huge_and_slow_requests_end() {
    let gateway = Keys::new().start(&rails(), "").await;
    let at = gateway.http_addr;
    let post = format!("POST /notify/alipay-main/{TOKEN}");
    let huge = http(at, &post, &vec![b'a'; BODY_BYTES_MAX + 1]).await;
    assert!(huge.starts_with("HTTP/1.1 413 "), "{huge}");
    let full = http(at, &post, &vec![b'a'; BODY_BYTES_MAX]).await;
    assert!(!full.starts_with("HTTP/1.1 413 ") && full.starts_with("HTTP/1.1 "), "{full}");
    let head = format!("{post} HTTP/1.1\r\nX: {}\r\n\r\n", "y".repeat(20_000));
    let mut long = TcpStream::connect(at).await.unwrap();
    long.write_all(head.as_bytes()).await.unwrap();
    let long = read_all(&mut long).await;
    assert!(long.is_empty() || long.starts_with("HTTP/1.1 431 "), "{long}");

    let begun = format!("{post} HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc");
    let slow = async |bytes: &[u8]| {
        let mut stream = TcpStream::connect(at).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        read_all(&mut stream).await
    };
    let (body, head) = tokio::join!(slow(begun.as_bytes()), slow(b"POST /notify HTTP/1.1\r\nHos"));
    assert!(body.starts_with("HTTP/1.1 408 "), "{body}");
    assert!(head.is_empty() || head.starts_with("HTTP/1.1 408 "), "{head}");
}

/// F55: the browser's claims change nothing, not even the answer; the payer goes where the storefront said.
#[tokio::test]
async fn f55_a_return_proves_nothing_and_leads_to_the_storefront() {
    let gateway = Keys::new().start(&rails(), "").await;
    let (core, at) = (gateway.core(), gateway.http_addr);
    let target = "https://shop.example/done?order=1";
    let whose = tenant();
    let made =
        core.create_intent(whose, intent("alipay", Presentation::DesktopWeb, Some(target))).await.unwrap();
    let id = made.resource.intent.terms.id;
    let row = core.await_intent(whose, id, jiff::SignedDuration::from_secs(5)).await.unwrap();
    let order_no = row.intent.attempts[0].terms.order_no.clone();
    let path = format!("/return/alipay-main/{order_no}");
    let plain = undated(&http(at, &format!("GET {path}"), b"").await);
    assert!(plain.starts_with("HTTP/1.1 303 "), "{plain}");
    assert!(plain.contains(&format!("location: {target}")), "{plain}");
    for claim in [
        format!("GET {path}?trade_status=TRADE_SUCCESS&total_amount=88.88"),
        format!("GET {path}?return_url=https://evil.example/"),
        format!("POST {path}"),
    ] {
        assert_eq!(undated(&http(at, &claim, b"trade_status=TRADE_SUCCESS").await), plain, "{claim}");
    }
    let after = core.store().intent(whose, id).await.unwrap().unwrap();
    assert_eq!(after.intent.state, row.intent.state);
    assert_eq!(after.amounts, row.amounts);

    let unknown = undated(&http(at, &format!("GET /return/alipay-main/{}", "A".repeat(32)), b"").await);
    assert!(unknown.starts_with("HTTP/1.1 200 ") && !unknown.contains("location"), "{unknown}");
    for other in
        ["nobody/AAAAAAAA", "alipay-main/x", "alipay-main/%ff", "alipay-main/%00%00%00%00%00%00%00%00"]
    {
        assert_eq!(undated(&http(at, &format!("GET /return/{other}"), b"").await), unknown, "{other}");
    }
}

#[tokio::test]
async fn health_follows_the_drain() {
    let gateway = Keys::new().start("", "drain_ms = 5000").await;
    assert!(http(gateway.ops_addr, "GET /healthz", b"").await.ends_with("\r\n\r\nok\n"));
    let (ops, public) = (gateway.ops_addr, gateway.http_addr);
    assert_eq!(gateway.drain().await, Drained::Clean);
    for address in [ops, public] {
        let refused = tokio::time::timeout(Duration::from_secs(5), TcpStream::connect(address)).await;
        assert!(refused.unwrap().is_err(), "nobody listens any more");
    }
}

/// The operators' door to the closing of a day says what is wrong, and changes nothing.
#[tokio::test]
async fn a_day_that_cannot_be_closed_is_refused_with_the_reason() {
    let gateway = Keys::new().start(&rails(), "").await;
    let (today, closable) = (beijing_date(), closable());
    let early = format!("/days/alipay-main/{today}");
    for (path, status, why) in [
        ("/days/nobody/2026-11-20", "404 Not Found", "account: there is no rail account nobody"),
        ("/days/NO-BODY/2026-11-20", "400 Bad Request", "account: must be the id of a rail account"),
        ("/days/alipay-main/20-11-2026", "400 Bad Request", "day: must be a date such as 2026-11-20"),
        ("/days/alipay-main/2001-11-20", "400 Bad Request", "day: the rail keeps bills for"),
        (&early, "409 Conflict", "not yet: the rail has no bill of that day before"),
        // Nobody listens where the rail should be.
        (&closable, "502 Bad Gateway", "the rail gave no bill: NotSent"),
    ] {
        let answer = http(gateway.ops_addr, &format!("POST {path}"), b"").await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(why),
            "{path}: {answer}"
        );
    }
    // It is not for rails and browsers, and looking is not asking.
    let stray = http(gateway.http_addr, "POST /days/alipay-main/2026-11-20", b"").await;
    assert!(stray.starts_with("HTTP/1.1 404 "), "{stray}");
    let looked = http(gateway.ops_addr, "GET /days/alipay-main/2026-11-20", b"").await;
    assert!(looked.starts_with("HTTP/1.1 405 "), "{looked}");
    assert_eq!(gateway.drain().await, Drained::Clean);
}

fn beijing_date() -> jiff::civil::Date {
    crate::world::now().to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(8))).date()
}

/// A day whose bill the rail has for certain.
fn closable() -> String {
    let day = beijing_date().yesterday().unwrap().yesterday().unwrap();
    format!("/days/alipay-main/{day}")
}

/// A gateway that closes a day at a rail which never answers, and the caller's connection.
async fn while_closing() -> (crate::serve::Running<paifang_store::ModelStore>, TcpStream, TcpListener) {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let rail = format!("http://{}", silent.local_addr().unwrap());
    let gateway = Keys::new().start(&Keys::rails(&rail, LOOPBACK, LOOPBACK), "drain_ms = 5000").await;
    let mut caller = TcpStream::connect(gateway.ops_addr).await.unwrap();
    let request = format!("POST {} HTTP/1.1\r\nhost: ops\r\ncontent-length: 0\r\n\r\n", closable());
    caller.write_all(request.as_bytes()).await.unwrap();
    let ops = gateway.ops_addr;
    crate::testing::until("the day is being closed", async || is_busy(ops).await).await;
    (gateway, caller, silent)
}

async fn is_busy(ops: std::net::SocketAddr) -> bool {
    http(ops, &format!("POST {}", closable()), b"").await.starts_with("HTTP/1.1 429 ")
}

/// A caller that leaves makes no room for a second closing beside the first.
#[tokio::test]
async fn a_closing_outlives_its_caller() {
    let (gateway, caller, _silent) = while_closing().await;
    drop(caller);
    for _ in 0..20 {
        assert!(is_busy(gateway.ops_addr).await);
    }
    assert_eq!(gateway.drain().await, Drained::Clean);
}

/// A gateway that stops does not wait for a rail's bill, and says so.
#[tokio::test]
async fn a_closing_ends_with_the_gateway() {
    let (gateway, mut caller, _silent) = while_closing().await;
    assert_eq!(gateway.drain().await, Drained::Clean);
    let answer = read_all(&mut caller).await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("stopping"), "{answer}");
}
