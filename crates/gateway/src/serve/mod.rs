//! Puts the parts together, listens, and goes down without losing what is under way.
//!
//! Start: certificates' library, listeners, store, engine, lanes, servers; a port that is taken is found before anything
//! has begun. Drain: health says so, no new work is claimed, connections are told to go and none is taken any more, and
//! what is under way gets its time. What does not finish in it is cut; the store knows it, and the next start asks the
//! rails.

mod servers;
mod start;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Config, StoreAt};
use crate::core::Over;
use crate::rails::LocalRails;

pub use start::{StartError, Surroundings, open_database, open_file, start, start_over, start_within};

/// A gateway that runs. Dropping it without [`Running::drain`] leaves its tasks to the runtime.
pub struct Running<S> {
    /// Where storefronts call.
    pub grpc_addr: SocketAddr,
    /// Where rails and browsers come.
    pub http_addr: SocketAddr,
    /// Where operators look.
    pub ops_addr: SocketAddr,
    /// The base of notify and return URLs.
    pub public_url: String,
    core: Over<S>,
    rails: LocalRails,
    phases: Phases,
    drain_time: Duration,
    now: fn() -> Timestamp,
}

/// The signals of the end, and all tasks.
#[derive(Clone)]
pub(crate) struct Phases {
    pub tasks: TaskTracker,
    /// Whether the drain has begun; health and streams listen to it.
    pub draining: watch::Sender<bool>,
    /// No more claims.
    pub stop_claims: CancellationToken,
    /// No more connections.
    pub stop_listening: CancellationToken,
    /// A part that must run for ever has ended.
    pub failed: CancellationToken,
}

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Everything under way has finished.
    Clean,
    /// This many tasks did not finish in time and were cut.
    Cut(usize),
}

impl Phases {
    pub fn new() -> Self {
        Self {
            tasks: TaskTracker::new(),
            draining: watch::Sender::new(false),
            stop_claims: CancellationToken::new(),
            stop_listening: CancellationToken::new(),
            failed: CancellationToken::new(),
        }
    }
}

impl<S> Running<S> {
    /// The engine, for those who run the gateway inside their own process.
    pub fn core(&self) -> &Over<S> {
        &self.core
    }

    /// Takes the keys of a config that was read again, and asks the rails for theirs; everything else of the config waits
    /// for a restart.
    ///
    /// # Errors
    /// Names the first account whose keys cannot be used; all keys stay as they were.
    pub async fn renew_keys(&self, config: &Config) -> Result<(), String> {
        self.rails.reconfigure(&config.accounts, (self.now)())?;
        self.rails.ask_all().await;
        Ok(())
    }

    /// Resolves when a part has failed without which the gateway is of no use.
    pub async fn failed(&self) {
        self.phases.failed.cancelled().await;
    }

    /// Goes down: see the module's words for the order.
    pub async fn drain(self) -> Drained {
        let Phases { tasks, draining, stop_claims, stop_listening, .. } = self.phases;
        tracing::info!("draining");
        draining.send_replace(true);
        stop_claims.cancel();
        stop_listening.cancel();
        tasks.close();
        match timeout(self.drain_time, tasks.wait()).await {
            Ok(()) => Drained::Clean,
            Err(_) => {
                let left = tasks.len();
                tracing::warn!(
                    left,
                    "not everything finished in time; the next start asks the rails about it"
                );
                Drained::Cut(left)
            }
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Whether a part failed, and not a signal ended it: a supervisor should start it again.
    pub failed: bool,
    /// What the drain came to.
    pub drained: Drained,
}

/// Runs a gateway until SIGTERM, SIGINT or the failure of a part, and drains it. At SIGHUP the keys of the config at
/// `path` are read again, without a pause.
///
/// # Errors
/// When it does not start.
pub async fn run(config: Config, path: &Path) -> Result<Ended, StartError> {
    // Taken up before anybody can see that the gateway runs: the first SIGHUP that nobody takes would end it.
    let signals = Signals::take().map_err(StartError::Signals)?;
    match config.store.clone() {
        StoreAt::File(file) => Ok(until_told(start(config, &file).await?, signals, path).await),
        StoreAt::Database { address, connections } => {
            let store = open_database(&address, connections).await?;
            Ok(until_told(start_over(config, store).await?, signals, path).await)
        }
    }
}

async fn until_told<S>(running: Running<S>, mut signals: Signals, path: &Path) -> Ended {
    let Signals { terminate, interrupt, hang_up } = &mut signals;
    let failed = tokio::select! {
        _ = terminate.recv() => false,
        _ = interrupt.recv() => false,
        () = running.failed() => true,
        () = renewals(&running, path, hang_up) => true,
    };
    Ended { failed, drained: running.drain().await }
}

/// The signals that the gateway obeys.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn take() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }
}

/// Reads the config again at each SIGHUP and takes its keys. A config that is wrong is told and changes nothing. Resolves
/// only when the system hands no more signals over.
async fn renewals<S>(running: &Running<S>, path: &Path, hang_up: &mut Signal) {
    while hang_up.recv().await.is_some() {
        let read = path.to_owned();
        match tokio::task::spawn_blocking(move || Config::load(&read)).await {
            Ok(Ok(config)) => match running.renew_keys(&config).await {
                Ok(()) => tracing::info!("the keys of all rail accounts were read again"),
                Err(trouble) => {
                    tracing::error!(trouble, "keys were read again and cannot be used; all stay as they were")
                }
            },
            Ok(Err(problems)) => {
                tracing::error!(%problems, "the config was read again and is wrong; all keys stay as they were");
            }
            Err(error) => tracing::error!(%error, "the config could not be read again"),
        }
    }
}
