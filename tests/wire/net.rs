//! The simulated network, as each part of the world sees it: listeners for the gateway and the rails, connectors for the
//! transport, the notifier and the storefront. All of them count the messages of their link, and the one that the test has
//! chosen meets with an accident.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp};
use paifang_transport::{Bytestream, Dial, Dialing};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use turmoil::net::{TcpListener, TcpStream};

/// Where the gateway serves storefronts, rails and operators, and where the rail serves.
pub const GRPC: u16 = 7443;
pub const NEWS: u16 = 7480;
pub const OPS: u16 = 7481;
pub const RAIL: u16 = 7500;

/// The time of every host: virtual, from the moment at which this process began.
pub fn now() -> Timestamp {
    static EPOCH: OnceLock<Timestamp> = OnceLock::new();
    #[allow(clippy::disallowed_methods)] // certificates are checked against the machine's clock
    let epoch = EPOCH.get_or_init(Timestamp::now);
    let passed = turmoil::sim_elapsed().unwrap_or_default();
    *epoch + SignedDuration::try_from(passed).expect("a short run")
}

/// A way between two hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Link {
    /// The storefront's calls.
    Calls,
    /// The gateway's exchanges with the rail.
    Rail,
    /// The rail's notifications.
    News,
}

impl Link {
    /// The hosts at its ends.
    pub fn ends(self) -> (&'static str, &'static str) {
        match self {
            Self::Calls => ("shop", "gateway"),
            Self::Rail => ("gateway", "rail"),
            Self::News => ("news", "gateway"),
        }
    }
}

/// What happens to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// From this message on nothing arrives in either direction, and what was lost stays lost: each end believes in a
    /// connection that the other one may not have any more.
    Lost,
    /// From this message on nothing arrives, and what was sent meanwhile arrives later: TCP that sends again.
    Held,
    /// The connection ends under this message.
    Reset,
    /// Half of this message arrives, and then nothing any more from this end of this connection, which stays open.
    Half,
    /// The host at the far end of the link dies with this message, and comes back when the accident is over.
    Crash,
}

/// One accident.
#[derive(Debug, Clone, Copy)]
pub struct Accident {
    pub link: Link,
    /// The number of the message on its link, from 1.
    pub at: u32,
    pub harm: Harm,
    /// How long it lasts.
    pub lasts: Duration,
}

/// How much of a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Whole,
    Half,
}

/// What all taps of one world share.
pub struct Wire {
    accident: Option<Accident>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    counts: BTreeMap<Link, u32>,
    struck: Option<Duration>,
    crashed: bool,
    healed: bool,
}

impl Wire {
    pub fn new(accident: Option<Accident>) -> Arc<Self> {
        Arc::new(Self { accident, state: Mutex::default() })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many messages this link has carried.
    pub fn count(&self, link: Link) -> u32 {
        self.state().counts.get(&link).copied().unwrap_or(0)
    }

    /// Whether there was an accident, and it is over.
    pub fn is_whole(&self) -> bool {
        let state = self.state();
        state.struck.is_none() || state.healed
    }

    /// Whether the accident took place.
    pub fn was_struck(&self) -> bool {
        self.state().struck.is_some()
    }

    /// Counts a message that is about to be sent. An error is the end of its connection.
    fn message(&self, link: Link) -> io::Result<Fate> {
        let mut state = self.state();
        let count = state.counts.entry(link).or_default();
        *count += 1;
        let Some(accident) = self.accident.filter(|it| it.link == link && it.at == *count) else {
            return Ok(Fate::Whole);
        };
        if state.struck.is_some() {
            return Ok(Fate::Whole);
        }
        state.struck = turmoil::sim_elapsed();
        let (a, b) = link.ends();
        match accident.harm {
            Harm::Lost => turmoil::partition(a, b),
            Harm::Held => turmoil::hold(a, b),
            Harm::Reset => {
                state.healed = true;
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            Harm::Half => {
                state.healed = true;
                return Ok(Fate::Half);
            }
            // A host cannot be ended from within: that happens after this step of time.
            Harm::Crash => {}
        }
        Ok(Fate::Whole)
    }

    /// Brings about what cannot come from within a host, and ends the accident when its time is up.
    pub fn between_steps(&self, sim: &mut turmoil::Sim<'_>) {
        let mut state = self.state();
        let (Some(accident), Some(struck)) = (self.accident, state.struck) else { return };
        if accident.harm == Harm::Crash && !state.crashed {
            state.crashed = true;
            // What dies may still want to say so.
            drop(state);
            sim.crash(accident.link.ends().1);
            return;
        }
        if state.healed || sim.elapsed() < struck + accident.lasts {
            return;
        }
        state.healed = true;
        let (a, b) = accident.link.ends();
        match accident.harm {
            Harm::Lost => sim.repair(a, b),
            Harm::Held => sim.release(a, b),
            Harm::Reset | Harm::Half => {}
            Harm::Crash => {
                drop(state);
                sim.bounce(b);
            }
        }
    }
}

/// A connection whose messages are counted: each write is one, and so is the end.
pub struct Tapped {
    stream: TcpStream,
    link: Option<Link>,
    wire: Arc<Wire>,
    /// Whatever is written from now on goes nowhere.
    mute: bool,
}

impl Tapped {
    fn message(&self) -> io::Result<Fate> {
        self.link.map_or(Ok(Fate::Whole), |link| self.wire.message(link))
    }
}

impl AsyncRead for Tapped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Tapped {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.mute {
            return Poll::Ready(Ok(buf.len()));
        }
        match self.message()? {
            Fate::Whole => Pin::new(&mut self.stream).poll_write(cx, buf),
            Fate::Half => {
                self.mute = true;
                let half = buf.get(..buf.len() / 2).unwrap_or_default();
                Pin::new(&mut self.stream).poll_write(cx, half).map_ok(|_| buf.len())
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.mute || self.message()? == Fate::Half {
            self.mute = true;
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Connection for Tapped {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

/// A port of this host.
pub struct Door {
    listener: TcpListener,
    link: Option<Link>,
    wire: Arc<Wire>,
}

impl Door {
    pub async fn open(port: u16, link: Option<Link>, wire: &Arc<Wire>) -> io::Result<Self> {
        let listener = TcpListener::bind(("0.0.0.0", port)).await?;
        Ok(Self { listener, link, wire: Arc::clone(wire) })
    }

    async fn next(&self) -> io::Result<(Tapped, SocketAddr)> {
        let (stream, peer) = self.listener.accept().await?;
        Ok((Tapped { stream, link: self.link, wire: Arc::clone(&self.wire), mute: false }, peer))
    }
}

impl paifang_gateway::listen::Listen for Door {
    type Stream = Tapped;

    async fn accept(&self) -> io::Result<(Tapped, SocketAddr)> {
        self.next().await
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl paifang_mock_rails::server::Listen for Door {
    type Stream = Tapped;

    async fn next(&self) -> io::Result<Tapped> {
        Ok(Door::next(self).await?.0)
    }
}

/// The way to one host, whatever a URL calls it: its port counts.
#[derive(Clone)]
pub struct Way {
    pub link: Link,
    pub wire: Arc<Wire>,
}

impl Way {
    /// Connects to the other end of the link.
    pub async fn go(self, to: Uri) -> io::Result<Tapped> {
        let port = to.port_u16().ok_or(io::ErrorKind::InvalidInput)?;
        let mute = self.wire.message(self.link)? == Fate::Half;
        let stream = TcpStream::connect((self.link.ends().1, port)).await?;
        Ok(Tapped { stream, link: Some(self.link), wire: self.wire, mute })
    }
}

impl Dial for Way {
    fn dial(&self, to: Uri) -> Dialing {
        let going = self.clone().go(to);
        Box::pin(async move { Ok(Box::new(going.await?) as Box<dyn Bytestream>) })
    }
}

impl tower::Service<Uri> for Way {
    type Response = TokioIo<Tapped>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let going = self.clone().go(to);
        Box::pin(async move { Ok(TokioIo::new(going.await?)) })
    }
}
