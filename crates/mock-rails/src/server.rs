//! HTTP/1.1 in front of a rail: raw targets, raw bodies, absolute-form targets, and connections that can be dropped
//! without a byte.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::journal::{JournalEntry, Traffic, shown};
use crate::{Bench, RailMock, RailReply, RailRequest, Refusal};

/// The largest request body, in bytes; a larger one is answered 413.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Tells a rail whether it was called over `http` or `https`.
pub const SCHEME_HEADER: &str = "x-mock-scheme";
/// How many connections a listener serves at once; more wait in the kernel's queue.
pub const CONNECTIONS_MAX: usize = 512;
/// How long a client may take for its headers, and again for its body, in real time.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Where connections come in: a TCP port, unless the network itself is simulated.
pub trait Listen: Send + Sync + 'static {
    /// What comes in.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// The next connection.
    fn next(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Listen for TcpListener {
    type Stream = TcpStream;

    async fn next(&self) -> io::Result<TcpStream> {
        Ok(self.accept().await?.0)
    }
}

/// Serves one rail until dropped.
pub async fn serve(
    listener: impl Listen,
    acceptor: Option<TlsAcceptor>,
    rail: Arc<dyn RailMock>,
    bench: Bench,
) -> Infallible {
    let door = Door { rail, bench, scheme: if acceptor.is_some() { "https" } else { "http" } };
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        // The semaphore is never closed, so the permit is always granted in the end.
        let slot = slots.clone().acquire_owned().await;
        match listener.next().await {
            Ok(stream) => {
                let (door, acceptor) = (door.clone(), acceptor.clone());
                connections.spawn(async move {
                    match acceptor {
                        None => serve_connection(stream, door).await,
                        Some(acceptor) => {
                            match tokio::time::timeout(READ_TIMEOUT, acceptor.accept(stream)).await {
                                Ok(Ok(stream)) => serve_connection(stream, door).await,
                                Ok(Err(error)) => tracing::debug!(%error, "no TLS"),
                                Err(_) => tracing::debug!("no TLS in time"),
                            }
                        }
                    }
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Where requests go.
#[derive(Clone)]
struct Door {
    rail: Arc<dyn RailMock>,
    bench: Bench,
    scheme: &'static str,
}

async fn serve_connection(stream: impl AsyncRead + AsyncWrite + Unpin, door: Door) {
    let service = service_fn(move |request| answer(door.clone(), request));
    // `Wechatpay-Serial`, not `wechatpay-serial`: names go out in the case that the rails' documents print.
    let served = http1::Builder::new()
        .title_case_headers(true)
        .timer(TokioTimer::new())
        .header_read_timeout(READ_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "connection ended");
    }
}

/// Makes hyper close the connection without writing anything.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped on purpose")]
struct DroppedOnPurpose;

async fn answer(
    Door { rail, bench, scheme }: Door,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, DroppedOnPurpose> {
    let (mut head, body) = request.into_parts();
    let body = match read(body).await {
        Ok(body) => body,
        Err(status) => return Ok(plain(status)),
    };
    // For links that a rail builds from how it was called; a client cannot say it.
    head.headers.insert(SCHEME_HEADER, HeaderValue::from_static(scheme));
    let request =
        RailRequest { method: head.method, target: head.uri.to_string(), headers: head.headers, body };
    let traffic = Traffic {
        target: request.target.clone(),
        request_headers: texts(&request.headers),
        request_body: shown(&request.body),
        ..Traffic::default()
    };
    // Inside a block of its own: a rail may record before its future is first polled.
    let handling = async {
        match bench.conditions.judge(&*rail, &request, bench.clock.now()) {
            None => rail.handle(request).await,
            Some(why) => turned_away(&*rail, &bench, &request, why),
        }
    };
    match bench.journal.watch(handling, |reply| answered(traffic, reply)).await {
        RailReply::Answer { status, headers, body } => {
            let mut response = Response::new(Full::new(body));
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            Ok(response)
        }
        RailReply::Dropped => Err(DroppedOnPurpose),
    }
}

/// Bad weather: the rail says it in its own words.
fn turned_away(rail: &dyn RailMock, bench: &Bench, request: &RailRequest, why: Refusal) -> RailReply {
    let (operation, verdict) = match why {
        Refusal::RateLimited => ("limit", "over the rate limit"),
        Refusal::Maintenance => ("maintenance", "closed for maintenance"),
    };
    bench.journal.record(JournalEntry {
        at: bench.clock.now(),
        method: request.method.to_string(),
        path: request.path().to_owned(),
        operation: operation.to_owned(),
        order_no: None,
        verdict: verdict.to_owned(),
        refused: true,
        expected: None,
    });
    rail.refuse(request, why)
}

/// The traffic with the answer in it.
fn answered(traffic: Traffic, reply: &RailReply) -> Traffic {
    match reply {
        RailReply::Answer { status, headers, body } => Traffic {
            status: status.to_string(),
            answer_headers: texts(headers),
            answer_body: shown(body),
            ..traffic
        },
        RailReply::Dropped => Traffic { status: "dropped".to_owned(), ..traffic },
    }
}

fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let shown = headers.iter().filter(|(name, _)| *name != SCHEME_HEADER);
    shown.map(|(name, value)| (name.to_string(), text(value))).collect()
}

async fn read(body: Incoming) -> Result<Bytes, StatusCode> {
    match tokio::time::timeout(READ_TIMEOUT, Limited::new(body, BODY_BYTES_MAX).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Ok(Err(_)) => Err(StatusCode::BAD_REQUEST),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

fn plain(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(status.to_string())));
    *response.status_mut() = status;
    response
}
