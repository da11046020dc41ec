//! The start, step by step.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use paifang_engine::ports::Environment;
use paifang_engine::{Engine, Limits};
use paifang_store::{Store, StoreError};
use paifang_store_postgres::{Address, Clock, PostgresStore};
use paifang_store_sqlite::{OpenError, SqliteStore};
use paifang_transport::{Dial, HttpTransport, Options, OptionsError, Tcp};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::{Phases, Running, servers};
use crate::bills::Bills;
use crate::config::{self, Config};
use crate::grpc::{self, GrpcOptions, RouterError};
use crate::guards;
use crate::http::{self, Desk, Look};
use crate::listen::Listen;
use crate::metrics::{Freshness, Metrics, refresh};
use crate::outbound::RailTransport;
use crate::rails::{LocalRails, TokenError};
use crate::redirects::Redirecting;
use crate::world::TokioWorld;

/// Why the gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("{section}.listen: {address} cannot be listened on")]
    Listen {
        /// The section of the config.
        section: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The store's file cannot be opened, or another process has it.
    #[error("store.path: {path} cannot be opened")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: OpenError,
    },
    /// The database cannot be reached, or is not fit to keep payments.
    #[error("store.url: {address} cannot be used")]
    Connect {
        /// Where it is, without its password.
        address: String,
        /// Why.
        #[source]
        cause: paifang_store_postgres::OpenError,
    },
    /// The thread that opened the store ended in a panic.
    #[error("opening the store did not finish")]
    Opener(#[source] Box<tokio::task::JoinError>),
    /// The store does not answer.
    #[error("the store cannot be used")]
    Store(#[from] StoreError),
    /// The transport to the rails cannot be set up.
    #[error("the transport to the rails cannot be set up")]
    Transport(#[from] OptionsError),
    /// The system refuses to hand signals over.
    #[error("signals cannot be received")]
    Signals(#[source] io::Error),
    /// The system has no randomness.
    #[error("the rail accounts cannot be set up")]
    Rails(#[from] TokenError),
    /// The figures cannot be set up; a fault of the build.
    #[error("the figures cannot be set up")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    /// The gRPC services cannot be put together; a fault of the build.
    #[error("the services cannot be put together")]
    Services(#[from] RouterError),
}

/// Starts a gateway over its SQLite file.
///
/// # Errors
/// See [`start_over`]; also when the file cannot be opened, or another process has it.
pub async fn start(config: Config, path: &Path) -> Result<Running<SqliteStore>, StartError> {
    let store = open_file(path).await?;
    let sound = store.clone();
    let running = start_over(config, store).await?;
    servers::watch(move || sound.is_sound(), &running.phases);
    Ok(running)
}

/// Opens the file of a gateway.
///
/// # Errors
/// When it cannot be opened, or another process has it.
pub async fn open_file(path: &Path) -> Result<SqliteStore, StartError> {
    let file = path.to_owned();
    let opening = tokio::task::spawn_blocking(move || SqliteStore::open(file, crate::world::now));
    let store = opening.await.map_err(|ended| StartError::Opener(Box::new(ended)))?;
    store.map_err(|cause| StartError::Open { path: path.to_owned(), cause })
}

/// Opens the database of any number of gateways. Its clock measures their claims; where the config lets time run ahead, it
/// runs ahead by as much.
///
/// # Errors
/// When it cannot be reached, would lose what it acknowledges, or has a schema that this release cannot use.
pub async fn open_database(address: &Address, connections: usize) -> Result<PostgresStore, StartError> {
    let clock = Clock::Ahead(Arc::new(crate::world::ahead_of_machine));
    let store = PostgresStore::open_with(address, clock, connections).await;
    store.map_err(|cause| StartError::Connect { address: address.to_string(), cause })
}

/// Starts a gateway over a store that is open.
///
/// # Errors
/// When an address is taken, or a part cannot be set up. Nothing is sent to a rail before this has returned.
pub async fn start_over<S: Store>(config: Config, store: S) -> Result<Running<S>, StartError> {
    // Two providers may be linked in (mock rails bring another one); rustls panics where none was chosen. An error here
    // says that this process has chosen already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let contract = listen("grpc", config.grpc.address).await?;
    let public = listen("http", config.http.address).await?;
    let inside = listen("ops", config.ops).await?;
    let dial = Arc::new(Tcp::new());
    let around = Surroundings { grpc: contract, http: public, ops: inside, dial, now: crate::world::now };
    start_within(config, store, around).await
}

/// What a gateway stands in: the machine's network and clock, or others that behave worse on purpose.
pub struct Surroundings<L> {
    /// Where storefronts call.
    pub grpc: L,
    /// Where rails and browsers come.
    pub http: L,
    /// Where operators look.
    pub ops: L,
    /// The way to the rails.
    pub dial: Arc<dyn Dial>,
    /// The time. Waits are tokio's.
    pub now: fn() -> Timestamp,
}

/// Starts a gateway that listens already. The addresses in `config` are not looked at.
///
/// # Errors
/// When a part cannot be set up. Nothing is sent to a rail before this has returned.
pub async fn start_within<S: Store, L: Listen>(
    config: Config,
    store: S,
    around: Surroundings<L>,
) -> Result<Running<S>, StartError> {
    let Surroundings { grpc: contract, http: public, ops: inside, dial, now } = around;
    let [grpc_addr, http_addr, ops_addr] = [&contract, &public, &inside].map(L::local_addr);
    let unknown = |cause| StartError::Listen { section: "grpc", address: config.grpc.address, cause };
    let (grpc_addr, http_addr, ops_addr) =
        (grpc_addr.map_err(unknown)?, http_addr.map_err(unknown)?, ops_addr.map_err(unknown)?);

    let phases = Phases::new();
    let metrics = Arc::new(Metrics::new()?);
    let scheme = if config.http.tls.is_some() { "https" } else { "http" };
    let public_url = config.public_url.clone().unwrap_or_else(|| format!("{scheme}://{http_addr}"));
    let ids: Vec<String> = config.accounts.iter().map(|account| account.id.to_string()).collect();
    let transport = HttpTransport::over(transport_options(&config, ids), dial)?;
    let transport = RailTransport::new(transport, Arc::clone(&metrics));
    let world = TokioWorld::new(phases.tasks.clone(), now);
    let limits = engine_limits(&config.limits, &world);
    let (rails, accounts, keepers) = LocalRails::new(config.accounts, &public_url, Arc::clone(&metrics))?;
    let asking = Arc::new(transport.clone());
    let fetching = transport.clone();
    let core = Engine::new(store, rails.clone(), transport, world, accounts, limits).await?;
    metrics.follow(Arc::clone(core.egress()));
    metrics.follow_refusals(Arc::clone(core.refusals()));
    for keeper in keepers {
        let stop = phases.stop_claims.clone().cancelled_owned();
        phases.tasks.spawn(keeper.run(rails.clone(), Arc::clone(&asking), now, stop));
    }
    for lane in core.unserved_lanes().await? {
        tracing::error!(account = %lane, "something waits for a rail account that is not configured: nobody sees to it");
    }
    let options = GrpcOptions {
        wait_ms_max: config.limits.wait_ms_max,
        ..GrpcOptions::new(phases.draining.subscribe())
    };
    let routes = grpc::router(core.clone(), options)?;

    let freshness = Freshness::new();
    let figures = refresh(core.clone(), Arc::clone(&metrics), freshness.clone(), phases.stop_claims.clone());
    phases.tasks.spawn(figures);
    let every = Duration::from_millis(config.limits.guard_every_ms.into());
    phases.tasks.spawn(guards::watch(core.clone(), Arc::clone(&metrics), every, phases.stop_claims.clone()));
    let desk = Desk {
        engine: core.clone(),
        rails: rails.clone(),
        metrics: Arc::clone(&metrics),
        tasks: phases.tasks.clone(),
        places: Arc::new(Semaphore::new(width(config.limits.notifications))),
    };
    let redirecting = Redirecting::new(core.clone(), rails.clone(), fetching.clone(), phases.tasks.clone());
    let redirecting = Arc::new(redirecting);
    let bills = Arc::new(Bills::new(
        core.clone(),
        rails.clone(),
        fetching,
        now,
        phases.tasks.clone(),
        phases.stop_claims.clone(),
    ));
    let look = Look { metrics: Arc::clone(&metrics), freshness, draining: phases.draining.subscribe() };
    servers::lanes(core.clone(), &phases);
    servers::bulks(core.clone(), &phases);
    servers::web(public, &config.http, http::public(desk), &phases);
    servers::web(
        inside,
        &config::Listener { address: config.ops, tls: None },
        http::operators(look, bills, redirecting, core.clone()),
        &phases,
    );
    servers::grpc(contract, &config.grpc, routes, metrics, &phases);
    tracing::info!(%grpc_addr, %http_addr, %ops_addr, public_url, "the gateway is up");
    let drain_time = Duration::from_millis(config.limits.drain_ms.into());
    Ok(Running { grpc_addr, http_addr, ops_addr, public_url, core, rails, phases, drain_time, now })
}

async fn listen(section: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|cause| StartError::Listen { section, address, cause })
}

fn transport_options(config: &Config, accounts: Vec<String>) -> Options {
    let limits = &config.limits;
    Options {
        places: width(limits.rail_places),
        queue_time: Duration::from_millis(limits.rail_queue_ms.into()),
        connect_time: Duration::from_millis(limits.rail_connect_ms.into()),
        deadline: Duration::from_millis(limits.rail_deadline_ms.into()),
        extra_roots: config.extra_roots.clone(),
        ..Options::new(accounts)
    }
}

fn engine_limits(limits: &config::Limits, world: &TokioWorld) -> Limits {
    let mut drawn = [0; 4];
    world.entropy(&mut drawn);
    Limits {
        // Only tells replicas apart; what fences a stale one is the epoch of its claim.
        owner: format!("paifang-{}", hex::encode(drawn)),
        intent_life: SignedDuration::from_secs(limits.intent_life_s.into()),
        intent_life_max: SignedDuration::from_secs(limits.intent_life_max_s.into()),
        lease: SignedDuration::from_secs(limits.lease_s.into()),
        lane_width: width(limits.lane_width),
        look_every: SignedDuration::from_millis(limits.look_every_ms.into()),
    }
}

/// A count of the config; cut to what a semaphore can hold.
fn width(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS)
}
