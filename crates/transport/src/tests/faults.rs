//! Connections and answers that go wrong (F01, F02, F07): what is proven unsent, and what is a doubt.

use std::sync::Arc;
use std::time::Duration;

use paifang_rail::BODY_BYTES_MAX;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::exchange;
use super::server::{Act, Server, ok, until};
use crate::{HttpTransport, Options, TransportError};

fn transport() -> HttpTransport {
    let limits = Options { connect_time: Duration::from_secs(2), ..Options::new(["main"]) };
    HttpTransport::new(Options { deadline: Duration::from_secs(5), ..limits }).unwrap()
}

/// What the transport says when the server does this.
async fn check(act: Act, expected: TransportError) {
    let server = Server::start([act]).await;
    let said = transport().exchange("main", exchange(&server.url())).await;
    assert_eq!(said, Err(expected));
    assert_eq!(server.accepted(), 1, "nothing is sent again");
}

#[tokio::test]
async fn the_bytes_of_the_exchange_arrive_as_they_are() {
    let server = Server::start([Act::Serve(ok("{}"))]).await;
    let reply = transport().exchange("main", exchange(&server.url())).await.unwrap();
    let expected = format!(
        "POST /v3/pay?order=1%2F2 HTTP/1.1\r\nWechatpay-Serial: ABC\r\nContent-Type: application/json\r\n\
         Authorization: SECRET-CANARY\r\nHost: {}\r\nContent-Length: 11\r\n\r\n{{\"total\":1}}",
        server.address
    );
    assert_eq!(String::from_utf8(server.requests()[0].clone()).unwrap(), expected);
    assert_eq!((reply.status, reply.body.as_slice(), reply.header("X-Sign")), (200, &b"{}"[..], Some("s")));
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let server = Server::start([Act::Serve(ok("{}"))]).await;
    let transport = transport();
    for _ in 0..3 {
        transport.exchange("main", exchange(&server.url())).await.unwrap();
    }
    assert_eq!((server.requests().len(), server.accepted()), (3, 1));
}

/// F01: nobody listens, so nothing was sent.
#[tokio::test]
async fn f01_a_refused_connection_is_proven_unsent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let said = transport().exchange("main", exchange(&url)).await;
    assert_eq!(said, Err(TransportError::NotConnected));
}

/// F01: the server took the connection and closed it. hyper may or may not have written by then, so either verdict is
/// right, but "not sent" only while the server has read nothing: it never reads here.
#[tokio::test]
async fn f01_a_connection_closed_at_once_is_never_an_answer() {
    let server = Server::start([Act::CloseAtOnce]).await;
    let said = transport().exchange("main", exchange(&server.url())).await;
    assert!(matches!(said, Err(TransportError::Lost | TransportError::NotConnected)), "{said:?}");
}

/// F01: a pooled connection that the server has closed is noticed, or the exchange is a doubt; the server never reads a
/// request that was called unsent.
#[tokio::test]
async fn f01_a_pooled_connection_that_went_away_is_no_false_proof() {
    for _ in 0..50 {
        let gate = Arc::new(Semaphore::new(0));
        let dying = Act::SayThenCloseAt(ok("{}"), Arc::clone(&gate));
        let server = Server::start([dying, Act::Serve(ok("{}"))]).await;
        let transport = transport();
        transport.exchange("main", exchange(&server.url())).await.unwrap();
        gate.add_permits(1);
        let said = transport.exchange("main", exchange(&server.url())).await;
        let read = server.requests().len();
        match said {
            Ok(_) => assert_eq!((read, server.accepted()), (2, 2)),
            Err(TransportError::NotConnected) => assert_eq!((read, server.accepted()), (1, 1)),
            Err(error) => assert_eq!(error, TransportError::Lost),
        }
    }
}

/// F02: the request was read and the answer never came.
#[tokio::test]
async fn f02_a_close_after_the_request_is_a_doubt() {
    check(Act::CloseAfterRequest, TransportError::Lost).await;
    check(Act::ResetAfterRequest, TransportError::Lost).await;
}

#[tokio::test]
async fn f07_cut_answers_are_a_doubt() {
    check(Act::Say(b"HTTP/1.1 200 OK\r\nContent-Len".to_vec()), TransportError::Lost).await;
    check(Act::Say(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"a\"".to_vec()), TransportError::Lost)
        .await;
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n";
    check(Act::Say(chunked.to_vec()), TransportError::Lost).await;
    check(Act::Say(b"\x16\x03\x01 this is not HTTP\r\n\r\n".to_vec()), TransportError::Lost).await;
}

#[tokio::test]
async fn f07_an_answer_beyond_the_limit_is_a_doubt() {
    let huge = "x".repeat(BODY_BYTES_MAX + 1);
    check(Act::Say(ok(&huge)), TransportError::Lost).await;
    let head = format!("HTTP/1.1 200 OK\r\nX-Long: {}\r\nContent-Length: 0\r\n\r\n", "y".repeat(200_000));
    check(Act::Say(head.into_bytes()), TransportError::Lost).await;
    let mut chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..80 {
        chunks.extend_from_slice(format!("400\r\n{}\r\n", "z".repeat(0x400)).as_bytes());
    }
    check(Act::Say(chunks), TransportError::Lost).await;
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_and_a_chunked_one_are_read() {
    let full = "x".repeat(BODY_BYTES_MAX);
    let chunked =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n".to_vec();
    for (answer, body) in [(ok(&full), full.as_str()), (chunked, "abcde")] {
        let server = Server::start([Act::Say(answer)]).await;
        let reply = transport().exchange("main", exchange(&server.url())).await.unwrap();
        assert_eq!(reply.body, body.as_bytes());
    }
}

/// The adapter shall see a redirect and call it a doubt; the transport goes nowhere.
#[tokio::test]
async fn a_redirect_is_an_answer_like_any_other() {
    let elsewhere = Server::start([Act::Serve(ok("stolen"))]).await;
    let head = format!("HTTP/1.1 307 Moved\r\nLocation: {}/\r\nContent-Length: 0\r\n\r\n", elsewhere.url());
    let server = Server::start([Act::Say(head.into_bytes())]).await;
    let reply = transport().exchange("main", exchange(&server.url())).await.unwrap();
    assert_eq!((reply.status, elsewhere.accepted()), (307, 0));
}

/// A header that the transport cannot read as text stays unreadable, and does not become another text.
#[tokio::test]
async fn a_header_that_is_no_text_fits_nothing() {
    let answer = b"HTTP/1.1 200 OK\r\nX-Sign: s\xff\r\nContent-Length: 0\r\n\r\n".to_vec();
    let server = Server::start([Act::Say(answer)]).await;
    let reply = transport().exchange("main", exchange(&server.url())).await.unwrap();
    assert_eq!(reply.header("x-sign"), Some("s\u{fffd}"));
}

/// F02 and F03: an answer after the deadline is a doubt, and the caller does not wait for it.
#[tokio::test]
async fn f03_silence_is_a_doubt_at_the_deadline() {
    let server = Server::start([Act::Silence]).await;
    let options = Options { deadline: Duration::from_millis(300), ..Options::new(["main"]) };
    let transport = HttpTransport::new(options).unwrap();
    let said = transport.exchange("main", exchange(&server.url())).await;
    assert_eq!(said, Err(TransportError::TimedOut));
    until("the request was read", || server.requests().len() == 1).await;
}

/// A body that never ends is also under the deadline.
#[tokio::test]
async fn an_answer_that_stalls_halfway_is_a_doubt_at_the_deadline() {
    let gate = Arc::new(Semaphore::new(0));
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"a\"".to_vec();
    let server = Server::start([Act::SayThenCloseAt(half, gate)]).await;
    let options = Options { deadline: Duration::from_millis(300), ..Options::new(["main"]) };
    let transport = HttpTransport::new(options).unwrap();
    let said = transport.exchange("main", exchange(&server.url())).await;
    assert_eq!(said, Err(TransportError::TimedOut));
}
