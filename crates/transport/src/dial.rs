//! How a connection to a rail comes about: TCP, unless whoever sets the transport up brings another network.
//!
//! TLS, pooling, deadlines and the witness of the send phase lie above this door, so that they are the same over every
//! network.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tower::Service;

/// Bytes in both directions.
pub trait Bytestream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Bytestream for T {}

/// A connection that is being opened. Dropped, it must leave nothing open.
pub type Dialing = Pin<Box<dyn Future<Output = io::Result<Box<dyn Bytestream>>> + Send>>;

/// Opens connections.
pub trait Dial: Send + Sync + 'static {
    /// A connection to the host and port of this URL, in plain; TLS is put above it where the URL says `https`.
    fn dial(&self, to: Uri) -> Dialing;
}

/// The system's TCP, with the system's resolver.
#[derive(Debug, Clone)]
pub struct Tcp(HttpConnector);

impl Tcp {
    /// Small messages go out at once, and silent peers are asked after half a minute whether they are still there.
    pub fn new() -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_secs(30)));
        Self(tcp)
    }
}

impl Default for Tcp {
    fn default() -> Self {
        Self::new()
    }
}

impl Dial for Tcp {
    fn dial(&self, to: Uri) -> Dialing {
        let connecting = self.0.clone().call(to);
        Box::pin(async move {
            let stream = connecting.await.map_err(io::Error::other)?;
            Ok(Box::new(stream.into_inner()) as Box<dyn Bytestream>)
        })
    }
}

/// The door, as hyper's client wants it.
#[derive(Clone)]
pub(crate) struct Dialer(pub Arc<dyn Dial>);

impl Service<Uri> for Dialer {
    type Response = TokioIo<Box<dyn Bytestream>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let dialing = self.0.dial(to);
        Box::pin(async move { dialing.await.map(TokioIo::new) })
    }
}

impl Connection for Box<dyn Bytestream> {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}
