//! One exchange: a place in the account's bulkhead, a connection, the request, and the whole answer.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use paifang_rail::{BODY_BYTES_MAX, Exchange, Reply};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use crate::dial::{Dial, Dialer, Tcp};
use crate::witness::{Witness, WitnessedBody};
use crate::{Options, OptionsError, request, tls};

/// Idle connections kept per host.
const IDLE_CONNECTIONS_MAX: usize = 32;
/// Status line and headers of an answer, in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Headers of an answer.
const HEADERS_MAX: usize = 64;

/// A pooled HTTP/1.1 client for all rails. Clones share connections and limits.
#[derive(Clone)]
pub struct HttpTransport {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    client: Client<HttpsConnector<Dialer>, WitnessedBody>,
    places: HashMap<String, Arc<Semaphore>>,
    pub(crate) options: Options,
}

/// How an exchange failed. The first three prove that no byte of the request left us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// Not sent: there was no connection for the request.
    #[error("no connection to the rail")]
    NotConnected,
    /// Not sent: the account's own limits held it back.
    #[error("too many exchanges of this rail account at once")]
    HeldBack,
    /// Not sent: it is not a request that this transport carries; says why.
    #[error("the exchange cannot be sent: {0}")]
    Unsendable(&'static str),
    /// Bytes may have left; no whole answer came within the deadline.
    #[error("no whole answer within the deadline")]
    TimedOut,
    /// Bytes may have left; the connection ended, or the answer was cut, too large or not HTTP.
    #[error("the connection or the answer was lost")]
    Lost,
}

impl HttpTransport {
    /// Sets the client up; opens no connection.
    ///
    /// # Errors
    /// When an extra root certificate cannot be read.
    pub fn new(options: Options) -> Result<Self, OptionsError> {
        Self::over(options, Arc::new(Tcp::new()))
    }

    /// The same over another network than the system's.
    ///
    /// # Errors
    /// As [`HttpTransport::new`].
    pub fn over(options: Options, dial: Arc<dyn Dial>) -> Result<Self, OptionsError> {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls::client_config(&options.extra_roots)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(Dialer(dial));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(options.idle_time)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .retry_canceled_requests(false)
            .http1_title_case_headers(true)
            .http1_max_buf_size(HEAD_BYTES_MAX)
            .http1_max_headers(HEADERS_MAX)
            .build(connector);
        let place = |account: &String| (account.clone(), Arc::new(Semaphore::new(options.places)));
        let places = options.accounts.iter().map(place).collect();
        Ok(Self { inner: Arc::new(Inner { client, places, options }) })
    }

    /// Sends the request once and reads the whole answer.
    ///
    /// # Errors
    /// See [`TransportError`]: whether a byte may have left is in the variant.
    pub async fn exchange(&self, account: &str, exchange: Exchange) -> Result<Reply, TransportError> {
        let (request, witness) = request::build(exchange)?;
        let _place = self.place(account).await?;
        let target = request.uri().host().unwrap_or_default().to_owned();
        let result = self.carry(request, witness).await;
        if let Err(error) = &result {
            tracing::warn!(account, target, %error, "an exchange with a rail failed");
        }
        result
    }

    pub(crate) async fn place(&self, account: &str) -> Result<OwnedSemaphorePermit, TransportError> {
        let places = self.inner.places.get(account);
        let places = places.ok_or(TransportError::Unsendable("the account is not configured"))?;
        let waited = timeout(self.inner.options.queue_time, Arc::clone(places).acquire_owned()).await;
        waited.ok().and_then(Result::ok).ok_or(TransportError::HeldBack)
    }

    async fn carry(
        &self,
        mut request: http::Request<WitnessedBody>,
        witness: Witness,
    ) -> Result<Reply, TransportError> {
        let chosen = capture_connection(&mut request);
        let whole = timeout(self.inner.options.deadline, async {
            let response = self.send(request, &chosen, &witness).await?;
            receive(response).await
        });
        match whole.await {
            Ok(result) => result,
            Err(_) if is_chosen(&chosen) => Err(TransportError::TimedOut),
            // Without a chosen connection the request was still ours, and it was dropped with the future that held it.
            Err(_) => Err(TransportError::NotConnected),
        }
    }

    pub(crate) async fn send(
        &self,
        request: http::Request<WitnessedBody>,
        chosen: &CaptureConnection,
        witness: &Witness,
    ) -> Result<Response<Incoming>, TransportError> {
        let sending = self.inner.client.request(request);
        tokio::select! {
            biased;
            answered = sending => answered.map_err(|error| {
                tracing::info!(error = chain(&error), "the connection to a rail failed");
                if witness.saw_it_taken() { TransportError::Lost } else { TransportError::NotConnected }
            }),
            () = unconnected(chosen, self.inner.options.connect_time) => Err(TransportError::NotConnected),
        }
    }
}

/// Resolves when there is no connection after this time; never, when there is one.
async fn unconnected(chosen: &CaptureConnection, connect_time: Duration) {
    sleep(connect_time).await;
    if is_chosen(chosen) {
        std::future::pending::<()>().await;
    }
}

pub(crate) fn is_chosen(chosen: &CaptureConnection) -> bool {
    chosen.connection_metadata().is_some()
}

async fn receive(response: Response<Incoming>) -> Result<Reply, TransportError> {
    let (head, body) = response.into_parts();
    let whole = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(|error| {
        tracing::info!(error = chain(error.as_ref()), "the answer of a rail was cut");
        TransportError::Lost
    })?;
    let body = whole.to_bytes().to_vec();
    Ok(Reply { status: head.status.as_u16(), headers: texts(&head.headers), body })
}

/// Header values that are no text are read with replacement characters, so that no rule or signature fits them.
fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

/// An error with its causes, which name certificates and addresses but nothing of a message.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |cause: &&(dyn StdError + 'static)| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpTransport({} accounts)", self.inner.places.len())
    }
}
