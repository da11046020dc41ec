//! Accepting connections, for every listener alike: a bound on their number, TLS where it is configured, and a bound on
//! the time of its handshake, which happens beside the accepting and never holds it up.
//!
//! HTTP/2 has no limit of its own before its preface: a peer that sends none within [`HANDSHAKE_TIME`] loses its connection,
//! and with it one of the places.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Sleep, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::transport::server::{Connected, TcpConnectInfo};

/// How long a TLS handshake may take, and after it the preface of HTTP/2.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(5);
/// Pause after the system refused to accept (no file descriptors left, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Accepted connections that nobody has taken up yet.
const BACKLOG: usize = 64;

/// Where connections come in: a TCP port, unless the network itself is simulated.
pub trait Listen: Send + Sync + 'static {
    /// What comes in.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// The next connection, and who is at its other end. Dropped before it resolves, it loses none.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>> + Send;

    /// The address that peers reach.
    ///
    /// # Errors
    /// When the system does not tell.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

impl Listen for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = TcpListener::accept(self).await?;
        // Small answers go out at once; where the system refuses this, they are only slower.
        let _ = stream.set_nodelay(true);
        Ok((stream, peer))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        TcpListener::local_addr(self)
    }
}

/// A connection that is ready for HTTP.
pub struct Connection<T> {
    stream: Stream<T>,
    peer: SocketAddr,
    preface: Option<Preface>,
    _place: OwnedSemaphorePermit,
}

enum Stream<T> {
    Plain(T),
    Tls(Box<TlsStream<T>>),
}

/// What the peer still has to send before its time is up.
struct Preface {
    bytes_left: usize,
    time: Pin<Box<Sleep>>,
}

impl Preface {
    fn of(bytes: usize) -> Option<Self> {
        (bytes > 0).then(|| Self { bytes_left: bytes, time: Box::pin(sleep(HANDSHAKE_TIME)) })
    }
}

/// What one listener allows.
pub(crate) struct Allowed {
    /// Connections that are open at once; the rest waits in the system's queue.
    pub connections: usize,
    /// Bytes that every peer sends first, within [`HANDSHAKE_TIME`]; 0 where HTTP itself sees to that.
    pub preface_bytes: usize,
}

/// Accepts until `stop`.
pub(crate) fn accept<L: Listen>(
    listener: L,
    tls: Option<Arc<rustls::ServerConfig>>,
    allowed: Allowed,
    stop: CancellationToken,
    tasks: &TaskTracker,
) -> mpsc::Receiver<Connection<L::Stream>> {
    let (sender, receiver) = mpsc::channel(BACKLOG);
    let handshakes = tasks.clone();
    tasks.spawn(async move {
        let places = Arc::new(Semaphore::new(allowed.connections));
        let tls = tls.map(TlsAcceptor::from);
        while let Some((stream, peer, place)) = next(&listener, &places, &stop).await {
            let (sender, tls) = (sender.clone(), tls.clone());
            handshakes.spawn(async move {
                if let Some(stream) = secured(stream, tls).await {
                    // Nobody takes connections any more: it is dropped, which closes it.
                    let preface = Preface::of(allowed.preface_bytes);
                    let _ = sender.send(Connection { stream, peer, preface, _place: place }).await;
                }
            });
        }
    });
    receiver
}

async fn next<L: Listen>(
    listener: &L,
    places: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<(L::Stream, SocketAddr, OwnedSemaphorePermit)> {
    loop {
        let accepted = async {
            let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
            let (stream, peer) = listener.accept().await?;
            Ok::<_, io::Error>((stream, peer, place))
        };
        let accepted = stop.run_until_cancelled(accepted).await?;
        match accepted {
            Ok(accepted) => return Some(accepted),
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn secured<T: AsyncRead + AsyncWrite + Unpin>(
    stream: T,
    tls: Option<TlsAcceptor>,
) -> Option<Stream<T>> {
    let Some(tls) = tls else { return Some(Stream::Plain(stream)) };
    match timeout(HANDSHAKE_TIME, tls.accept(stream)).await {
        Ok(Ok(stream)) => Some(Stream::Tls(Box::new(stream))),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a TLS handshake failed");
            None
        }
        Err(_) => None,
    }
}

impl<T> Connected for Connection<T> {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        TcpConnectInfo { local_addr: None, remote_addr: Some(self.peer) }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Connection<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        };
        let Some(preface) = &mut self.preface else { return read };
        preface.bytes_left = preface.bytes_left.saturating_sub(buf.filled().len() - before);
        if preface.bytes_left == 0 {
            self.preface = None;
        } else if read.is_pending() && preface.time.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Connection<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Stream::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
