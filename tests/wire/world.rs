//! One simulated world: a storefront, the whole shipped gateway, one mock rail with its truth, and the host from which the
//! rail sends its notifications. Each is a host of its own; all run on one thread, in virtual time.

use std::cell::{OnceCell, RefCell};
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::LocalBoxFuture;
use hyper_rustls::HttpsConnectorBuilder;
use paifang_gateway::apikey::ApiKey;
use paifang_gateway::config::{Config, Lookup};
use paifang_gateway::core::Over;
use paifang_gateway::serve::{Surroundings, start_within};
use paifang_mock_rails::clock::Clock;
use paifang_mock_rails::notifier::NotifierWorker;
use paifang_mock_rails::{Bench, RailMock, server};
use paifang_payment::TenantId;
use paifang_store::{ModelStore, Store, Tenant};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;

use crate::check;
use crate::files::{self, Secured};
use crate::net::{Accident, Door, GRPC, Link, NEWS, OPS, RAIL, Way, Wire, now};
use crate::store::{Pauses, Wrapped};

/// What a step of virtual time is; a message takes one.
const TICK: Duration = Duration::from_millis(100);

/// The gateway's engine.
pub type Core = Over<Wrapped<Pauses>>;

/// Everything that outlives a host.
pub struct World {
    pub wire: Arc<Wire>,
    pub store: Wrapped<Pauses>,
    pub bench: Bench,
    pub tenant: TenantId,
    pub key: ApiKey,
    /// What is to be done on the gateway's host, once the gateway runs.
    pub inside: RefCell<Option<Inside>>,
    /// TLS on every connection, where it is wanted.
    pub secured: Option<Secured>,
    rail: OnceCell<Arc<dyn RailMock>>,
    name: &'static str,
    dir: TempDir,
    /// The rail's notices; whoever takes them first delivers them.
    pub news: Mutex<Option<NotifierWorker>>,
}

/// Something to be done with the engine of the running gateway, on its host.
pub type Inside = Box<dyn FnOnce(Core) -> LocalBoxFuture<'static, ()>>;

impl World {
    /// A world with this rail.
    pub fn new(rail: &'static str, accident: Option<Accident>) -> Rc<Self> {
        Self::with(rail, accident, None)
    }

    /// The same with TLS on every connection.
    pub fn secured(rail: &'static str) -> Rc<Self> {
        Self::with(rail, None, Some(Secured::make()))
    }

    fn with(rail: &'static str, accident: Option<Accident>, secured: Option<Secured>) -> Rc<Self> {
        tell();
        let scheme = if secured.is_some() { "https" } else { "http" };
        let origin = format!("{scheme}://localhost:{RAIL}");
        let (mut bench, news) = Bench::new(Clock::on(now), origin);
        bench.files = Arc::new(files::known(rail));
        let dir = tempfile::tempdir().expect("a directory");
        files::write(dir.path(), rail, &bench, secured.as_ref());
        Rc::new(Self {
            wire: Wire::new(accident),
            store: Wrapped::new(ModelStore::new(now), Pauses),
            rail: OnceCell::new(),
            name: rail,
            bench,
            tenant: TenantId::from_parts(now(), [1; 10]),
            key: ApiKey::from_entropy(&[7; 32]),
            inside: RefCell::default(),
            secured,
            dir,
            news: Mutex::new(Some(news)),
        })
    }

    /// The hosts, without a storefront.
    pub fn sim(self: &Rc<Self>, lasts: Duration) -> turmoil::Sim<'static> {
        let mut sim = turmoil::Builder::new()
            .simulation_duration(lasts)
            .tick_duration(TICK)
            .min_message_latency(TICK)
            .max_message_latency(TICK)
            .tcp_capacity(4096)
            .rng_seed(1)
            .build();
        let world = Rc::clone(self);
        sim.host("gateway", move || Rc::clone(&world).gateway());
        let world = Rc::clone(self);
        sim.host("rail", move || Rc::clone(&world).serve_rail());
        let world = Rc::clone(self);
        sim.host("news", move || Rc::clone(&world).tell_news());
        sim
    }

    /// The whole gateway, as `paifang serve` starts it, but for the network and the clock.
    async fn gateway(self: Rc<Self>) -> turmoil::Result {
        let tenant =
            Tenant { id: self.tenant, name: "shop".into(), key_hash: self.key.hash(), created_at: now() };
        // After a restart it is there already.
        self.store.add_tenant(&tenant).await?;
        let around = Surroundings {
            grpc: Door::open(GRPC, Some(Link::Calls), &self.wire).await?,
            http: Door::open(NEWS, Some(Link::News), &self.wire).await?,
            ops: Door::open(OPS, None, &self.wire).await?,
            dial: Arc::new(self.way(Link::Rail)),
            now,
        };
        let running = start_within(config(self.dir.path()), self.store.clone(), around).await?;
        // Taken here: what is inside may look at the world.
        let inside = self.inside.borrow_mut().take();
        if let Some(inside) = inside {
            inside(running.core().clone()).await;
        }
        running.failed().await;
        Err("the gateway failed".into())
    }

    async fn serve_rail(self: Rc<Self>) -> turmoil::Result {
        // Its truth outlives its host; what ticks in it runs where it was begun.
        let rail = self.rail.get_or_init(|| files::start(self.name, self.bench.clone()));
        let door = Door::open(RAIL, Some(Link::Rail), &self.wire).await?;
        let acceptor = self.secured.as_ref().map(|secured| TlsAcceptor::from(Arc::clone(&secured.server)));
        match server::serve(door, acceptor, Arc::clone(rail), self.bench.clone()).await {}
    }

    async fn tell_news(self: Rc<Self>) -> turmoil::Result {
        let worker = self.news.lock().expect("one thread").take();
        let Some(worker) = worker else { return Ok(()) };
        let way = self.way(Link::News);
        match &self.secured {
            None => worker.run_with(way).await,
            Some(secured) => {
                let https = HttpsConnectorBuilder::new().with_tls_config(secured.client.clone());
                worker.run_with(https.https_or_http().enable_http1().wrap_connector(way)).await;
            }
        }
        Err("the notifier ended".into())
    }

    /// The rail, once its host has begun.
    pub fn rail(&self) -> &Arc<dyn RailMock> {
        self.rail.get().expect("hosts begin in the first step")
    }

    /// A way along a link.
    pub fn way(&self, link: Link) -> Way {
        Way { link, wire: Arc::clone(&self.wire) }
    }

    /// The storefront's client: the shipped one.
    pub fn client(&self) -> paifang_client::Client {
        let scheme = if self.secured.is_some() { "https" } else { "http" };
        let ca = self.secured.as_ref().map(|secured| secured.ca_pem.as_str());
        let endpoint = format!("{scheme}://localhost:{GRPC}");
        paifang_client::Client::over(self.way(Link::Calls), &endpoint, self.key.expose(), ca)
            .expect("a client")
    }

    /// Does something on the gateway's host while the world runs around it; answers how much virtual time that took.
    pub fn run_inside(self: &Rc<Self>, lasts: Duration, inside: Inside) -> Duration {
        let (done, told) = tokio::sync::oneshot::channel();
        *self.inside.borrow_mut() = Some(Box::new(move |core| {
            Box::pin(async move {
                // The other hosts begin in this step too.
                tokio::time::sleep(TICK).await;
                inside(core).await;
                done.send(()).expect("somebody waits");
            })
        }));
        let mut sim = self.sim(lasts);
        sim.client("shop", async move { Ok(told.await?) });
        self.run(sim)
    }

    /// Runs until the storefronts are done; answers how much virtual time that took.
    pub fn run(&self, mut sim: turmoil::Sim<'_>) -> Duration {
        loop {
            let done = sim.step().unwrap_or_else(|error| panic!("{error}: {:#?}", check::wrong(self)));
            self.wire.between_steps(&mut sim);
            if done {
                return sim.elapsed();
            }
        }
    }
}

/// With `PAIFANG_WIRE_LOG=debug` (or any filter) the world's log is printed: what the reader of a failure wants.
fn tell() {
    if let Ok(filter) = std::env::var("PAIFANG_WIRE_LOG") {
        let told = tracing_subscriber::fmt().with_env_filter(filter).without_time().with_ansi(false);
        // The second world of a test finds it set.
        let _ = told.with_test_writer().try_init();
    }
}

fn config(dir: &Path) -> Config {
    let text = std::fs::read_to_string(dir.join("paifang.toml")).expect("written before");
    Config::parse(&text, &Lookup::within(dir)).unwrap_or_else(|problems| panic!("{problems}"))
}
