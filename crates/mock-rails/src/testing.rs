//! Test helpers that all rails share: a shop that takes notifications, and a client.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::book::BookEntry;
use crate::{Bench, PayerAct, PayerError, RailMock, RailReply, RailRequest, locked, server};

/// Fails the test after ten seconds of real time instead of hanging.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(10), future).await.expect("within ten seconds")
}

/// A merchant's HTTP endpoint: keeps what arrives, answers from a script, then always with the last line of it.
pub(crate) struct Shop {
    pub(crate) url: String,
    inner: Arc<Inner>,
    serving: JoinHandle<()>,
}

struct Inner {
    script: Mutex<VecDeque<(u16, &'static str)>>,
    seen: Mutex<Vec<RailRequest>>,
}

impl Shop {
    /// Opens a shop that answers `script`, one line per request, and goes on with its last line.
    pub(crate) async fn open(script: &[(u16, &'static str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/notify", listener.local_addr().unwrap());
        let inner =
            Arc::new(Inner { script: Mutex::new(script.iter().copied().collect()), seen: Mutex::default() });
        let rail: Arc<dyn RailMock> = inner.clone();
        let serving = tokio::spawn(async move {
            let (bench, _worker) = Bench::new(crate::clock::Clock::wall(), "http://127.0.0.1:1");
            server::serve(listener, None, rail, bench).await;
        });
        Self { url, inner, serving }
    }

    /// What has arrived so far.
    pub(crate) fn seen(&self) -> Vec<RailRequest> {
        locked(&self.inner.seen).clone()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl RailMock for Inner {
    fn name(&self) -> &'static str {
        "shop"
    }

    fn handle(&self, request: RailRequest) -> BoxFuture<'_, RailReply> {
        locked(&self.seen).push(request);
        let mut script = locked(&self.script);
        let line = if script.len() > 1 { script.pop_front() } else { script.front().copied() };
        let (status, body) = line.expect("the script has a line");
        let status = StatusCode::from_u16(status).unwrap();
        std::future::ready(RailReply::new(status, "text/plain", body)).boxed()
    }

    fn payer(&self, _: PayerAct) -> Result<serde_json::Value, PayerError> {
        Err(PayerError::Unsupported)
    }

    fn book(&self) -> Vec<BookEntry> {
        Vec::new()
    }

    fn expire_due(&self) {}
}

/// Sends one request; `Err` when no HTTP answer came.
pub(crate) async fn send(
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Result<(StatusCode, HeaderMap, Bytes), String> {
    let mut request = Request::new(Full::new(body.into()));
    *request.method_mut() = method;
    *request.uri_mut() = url.parse().unwrap();
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).unwrap();
        request.headers_mut().insert(HeaderName::try_from(*name).unwrap(), value);
    }
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let response = within(client.request(request)).await.map_err(|e| e.to_string())?;
    let (head, body) = response.into_parts();
    let body = within(body.collect()).await.map_err(|e| e.to_string())?.to_bytes();
    Ok((head.status, head.headers, body))
}

/// Sends JSON and reads JSON.
pub(crate) async fn json(method: Method, url: &str, body: &str) -> (u16, serde_json::Value) {
    let (status, _, body) = send(method, url, &[], body.to_owned()).await.unwrap();
    (status.as_u16(), serde_json::from_slice(&body).unwrap())
}
