//! Peers that connect and then say nothing, or stop in the middle of a word, or send a byte a second: they hold nobody up, and
//! their connections end within the documented limits (F65).

use std::rc::Rc;
use std::time::Duration;

use futures::future::join_all;
use paifang_client::reason;
use paifang_gateway::grpc::ARRIVAL_TIME;
use paifang_gateway::listen::HANDSHAKE_TIME;
use paifang_proto::v1;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};
use tonic::transport::Endpoint;
use tonic::{Code, Request};
use tonic_prost::ProstCodec;
use turmoil::net::TcpStream;

use crate::check;
use crate::net::{GRPC, Link, NEWS};
use crate::stories::{LONG, play};
use crate::story::{Plot, Shop};
use crate::world::World;

/// Peers of each kind.
const CROWD: usize = 40;
/// Steps of time and messages on their way.
const SLACK: Duration = Duration::from_secs(1);
/// As `serve/servers.rs` has them: 20 s of silence, and 10 s for an answer to the question whether anybody is there.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// As `http/mod.rs` and `http/notify.rs` have them.
const HEAD: Duration = Duration::from_secs(5);

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// An empty SETTINGS frame (RFC 9113, 6.5).
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
/// The head of a HEADERS frame of 100 bytes on stream 1, and 3 of them.
const HALF_HEADERS: &[u8] = &[0, 0, 100, 1, 4, 0, 0, 0, 1, 0x83, 0x86, 0x84];

/// A kind of peer that wastes connections.
#[derive(Debug, Clone)]
struct Idler {
    name: &'static str,
    port: u16,
    says: Vec<u8>,
    /// Whether it takes a second for each byte.
    slow: bool,
    /// When its connection is closed at the latest.
    limit: Duration,
}

fn idler(name: &'static str, port: u16, says: &[&[u8]], slow: bool, limit: Duration) -> Idler {
    Idler { name, port, says: says.concat(), slow, limit }
}

fn kinds() -> Vec<Idler> {
    let head = b"POST /notify/alipay-main/wire-notify-token-0123456789 HTTP/1.1\r\nHost: h\r\n".as_slice();
    let body = b"Content-Length: 900\r\n\r\ngmt_create=".as_slice();
    vec![
        idler("calls: silent", GRPC, &[], false, HANDSHAKE_TIME),
        idler("calls: half a preface", GRPC, &[&PREFACE[..11]], false, HANDSHAKE_TIME),
        idler("calls: a slow preface", GRPC, &[PREFACE], true, HANDSHAKE_TIME),
        idler("calls: only a preface", GRPC, &[PREFACE], false, KEEPALIVE),
        idler("calls: nothing after the settings", GRPC, &[PREFACE, SETTINGS], false, KEEPALIVE),
        idler("calls: half a head", GRPC, &[PREFACE, SETTINGS, HALF_HEADERS], false, KEEPALIVE),
        idler("news: silent", NEWS, &[], false, HEAD),
        idler("news: half a head", NEWS, &[head], false, HEAD),
        idler("news: a slow head", NEWS, &[head], true, HEAD),
        idler("news: half a body", NEWS, &[head, body], false, HEAD),
    ]
}

impl Idler {
    /// Connects, says what it has to say, and waits; answers how long it was let stay.
    async fn idle(&self) -> Duration {
        let stream = TcpStream::connect(("gateway", self.port)).await.expect("it is let in");
        let since = Instant::now();
        let (mut from, mut to) = stream.into_split();
        let saying = async {
            for bytes in self.says.chunks(if self.slow { 1 } else { usize::MAX }) {
                if to.write_all(bytes).await.is_err() {
                    break;
                }
                if self.slow {
                    sleep(Duration::from_secs(1)).await;
                }
            }
            std::future::pending::<()>().await;
        };
        let mut chunk = [0; 1024];
        let staying = async { while let Ok(1..) = from.read(&mut chunk).await {} };
        tokio::select! {
            () = staying => since.elapsed(),
            () = saying => unreachable!("it keeps its connection open"),
        }
    }
}

/// Everybody idles while a storefront goes about its business.
fn crowded(world: &Rc<World>, kinds: Vec<Idler>) {
    let alone = play(&World::new(Plot::Shown.rail(), None), Plot::Shown);
    let mut sim = world.sim(LONG);
    sim.client("loris", async move {
        let crowd: Vec<Idler> = kinds.iter().flat_map(|kind| vec![kind.clone(); CROWD]).collect();
        // The gateway needs a moment to listen.
        sleep(Duration::from_secs(1)).await;
        let stayed = timeout(LONG / 2, join_all(crowd.iter().map(Idler::idle))).await;
        let stayed = stayed.expect("some are never sent away");
        for (kind, group) in crowd.chunks(CROWD).map(|group| &group[0]).zip(stayed.chunks(CROWD)) {
            let longest = group.iter().max().expect("a crowd");
            println!("WIRE {}: {CROWD} peers, away after {longest:?}", kind.name);
            assert!(*longest <= kind.limit + SLACK, "{}: {longest:?}", kind.name);
            // Who is only slow has the time that the limit promises.
            let shortest = group.iter().min().expect("a crowd");
            assert!(*shortest >= kind.limit - SLACK, "{}: {shortest:?}", kind.name);
        }
        Ok(())
    });
    let shop = Rc::clone(world);
    sim.client("shop", async move {
        sleep(Duration::from_secs(2)).await;
        let since = Instant::now();
        Shop::new(shop, Plot::Shown).play().await?;
        let lasted = since.elapsed();
        assert!(lasted <= alone + Duration::from_secs(2), "held up: {lasted:?} instead of {alone:?}");
        Ok(())
    });
    world.run(sim);
    assert_eq!(check::wrong(world), [""; 0]);
}

#[test]
fn f65_peers_that_say_nothing_hold_nobody_up() {
    crowded(&World::new(Plot::Shown.rail(), None), kinds());
}

/// A storefront with a good key that begins a message and never ends it loses its place in time, and is told why (F41).
#[test]
fn f41_a_call_that_never_arrives_is_ended() {
    let world = World::new(Plot::Shown.rail(), None);
    let mut sim = world.sim(LONG);
    let shop = Rc::clone(&world);
    sim.client("shop", async move {
        let endpoint = Endpoint::from_static("http://localhost:7443");
        let channel = endpoint.connect_with_connector_lazy(shop.way(Link::Calls));
        let mut client = tonic::client::Grpc::new(channel);
        client.ready().await?;
        let mut request = Request::new(futures::stream::pending::<v1::CreatePaymentIntentRequest>());
        let key = format!("Bearer {}", shop.key.expose());
        request.metadata_mut().insert("authorization", key.parse()?);
        let codec = ProstCodec::<v1::CreatePaymentIntentRequest, v1::CreatePaymentIntentResponse>::default();
        let path = "/paifang.v1.PaymentIntentService/CreatePaymentIntent".parse()?;
        let since = Instant::now();
        let answer = timeout(LONG / 2, client.client_streaming(request, path, codec)).await;
        let error = answer.expect("it waits for ever").expect_err("nothing was asked");
        let lasted = since.elapsed();
        println!("WIRE calls: half a message: ended after {lasted:?}");
        assert!(lasted <= ARRIVAL_TIME + SLACK, "{lasted:?}");
        assert_eq!((error.code(), reason(&error).as_deref()), (Code::Unavailable, Some("OVERLOADED")));
        Ok(())
    });
    world.run(sim);
}

#[test]
fn f65_peers_without_a_handshake_hold_nobody_up() {
    let kinds = vec![
        idler("calls under TLS: silent", GRPC, &[], false, HANDSHAKE_TIME),
        idler("calls under TLS: half a hello", GRPC, &[&[0x16, 3, 1, 2, 0, 1, 0]], false, HANDSHAKE_TIME),
        idler("news under TLS: silent", NEWS, &[], false, HANDSHAKE_TIME),
    ];
    crowded(&World::secured(Plot::Shown.rail()), kinds);
}
