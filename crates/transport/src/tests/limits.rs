//! What never leaves, and what one rail may take of us (F13).

use std::time::Duration;

use super::exchange;
use super::server::{Act, Server, ok, until};
use crate::{HttpTransport, Options, TransportError};

/// F13: a rail that hangs fills its own places and no other's.
#[tokio::test]
async fn f13_a_rail_that_hangs_holds_up_no_other() {
    let hanging = Server::start([Act::Silence]).await;
    let healthy = Server::start([Act::Serve(ok("{}"))]).await;
    let options =
        Options { places: 2, queue_time: Duration::from_millis(50), ..Options::new(["hangs", "fine"]) };
    let transport = HttpTransport::new(options).unwrap();
    let mut stuck = tokio::task::JoinSet::new();
    for _ in 0..2 {
        let (transport, url) = (transport.clone(), hanging.url());
        stuck.spawn(async move { transport.exchange("hangs", exchange(&url)).await });
    }
    until("both places are taken", || hanging.requests().len() == 2).await;
    let said = transport.exchange("hangs", exchange(&hanging.url())).await;
    assert_eq!(said, Err(TransportError::HeldBack));
    assert_eq!(hanging.accepted(), 2, "what is held back opens no connection");
    assert!(transport.exchange("fine", exchange(&healthy.url())).await.is_ok());
    stuck.abort_all();
    while stuck.join_next().await.is_some() {}
    let said = transport.exchange("hangs", exchange(&healthy.url())).await;
    assert!(said.is_ok(), "an exchange that was given up frees its place: {said:?}");
}

/// Each of these would put something else on the wire than the adapter has signed, or in plain text.
#[tokio::test]
async fn what_cannot_be_carried_as_it_stands_is_not_sent() {
    let server = Server::start([Act::Serve(ok("{}"))]).await;
    let transport = HttpTransport::new(Options::new(["main"])).unwrap();
    let good = exchange(&server.url());
    let address = server.address;
    let mut bad = vec![];
    for url in [
        "http://example.com/",
        "http://127.0.0.1.example.com/",
        "ftp://127.0.0.1/",
        "/no/host",
        "not a url",
        "",
        &format!("http://user@{address}/"),
        &format!("http://{address}/#fragment"),
        &format!("http://{address}/a b"),
    ] {
        let mut exchange = good.clone();
        exchange.url = url.to_owned();
        bad.push(exchange);
    }
    for header in
        [("X-Split", "a\r\nX-Evil: 1"), ("X-Null", "a\0b"), ("bad name", "v"), ("lower-case", "v"), ("", "v")]
    {
        let mut exchange = good.clone();
        exchange.headers.push((header.0, header.1.to_owned()));
        bad.push(exchange);
    }
    for exchange in bad {
        let shown = format!("{exchange:?} {:?}", exchange.headers.last());
        let said = transport.exchange("main", exchange).await;
        assert!(matches!(said, Err(TransportError::Unsendable(_))), "{shown}: {said:?}");
    }
    let said = transport.exchange("unknown", good).await;
    assert!(matches!(said, Err(TransportError::Unsendable(_))));
    assert_eq!(server.accepted(), 0);
}

/// I14: nothing of a message prints.
#[tokio::test]
async fn i14_debug_shows_no_message() {
    let server = Server::start([Act::Serve(ok("BODY-CANARY"))]).await;
    let transport = HttpTransport::new(Options::new(["main"])).unwrap();
    let exchange = exchange(&server.url());
    let shown = format!("{exchange:?} {transport:?}");
    let reply = transport.exchange("main", exchange).await;
    let shown = format!("{shown} {reply:?}");
    assert!(!shown.contains("CANARY") && !shown.contains("order="), "{shown}");
}

#[test]
fn an_extra_root_that_is_no_certificate_is_refused() {
    for pem in [&b"not pem"[..], b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let options = Options { extra_roots: vec![pem.to_vec()], ..Options::new(["main"]) };
        assert_eq!(HttpTransport::new(options).unwrap_err(), crate::OptionsError::ExtraRoot(0));
    }
}
