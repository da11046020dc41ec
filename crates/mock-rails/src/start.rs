//! Starts all rails, over http and https, and the control listener, on loopback.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::books::Books;
use crate::clock::Clock;
use crate::control::{self, Mounted};
use crate::forge::{Authority, Files, Forge, ForgeError};
use crate::home::{CA_NAME, Home};
use crate::magic::Magic;
use crate::scenario::Scenario;
use crate::{Bench, RailMock, alipay, server, tls, unionpay, wechatpay};

/// One rail of this world.
pub(crate) struct Rail {
    /// Its name.
    pub(crate) name: &'static str,
    /// Builds it on its bench, with its part of the options.
    pub(crate) build: fn(Bench, &Options) -> Arc<dyn RailMock>,
    /// The test merchant that everybody knows.
    pub(crate) known: fn() -> Files,
    /// Makes ids, keys and certificates for a world of its own.
    pub(crate) forge: fn(&Forge, Timestamp) -> Result<Files, ForgeError>,
}

/// All rails: a new one adds its line here and its `pub mod` in `lib.rs`.
pub(crate) const RAILS: &[Rail] = &[
    Rail {
        name: "alipay",
        build: |bench, _| alipay::start(bench),
        known: alipay::of_vectors,
        forge: alipay::forge,
    },
    Rail {
        name: "wechatpay",
        build: |bench, options| wechatpay::start_with(bench, options.wechatpay),
        known: wechatpay::of_vectors,
        forge: |forge, _| wechatpay::forge(forge),
    },
    Rail {
        name: "unionpay",
        build: |bench, options| unionpay::start_with(bench, options.unionpay.clone()),
        known: unionpay::of_vectors,
        forge: unionpay::forge,
    },
];

/// How to start.
#[derive(Clone, Debug)]
pub struct Options {
    /// The clock of all rails.
    pub clock: Clock,
    /// http ports by rail name; a rail that is not named here gets any free port.
    pub ports: BTreeMap<String, u16>,
    /// https ports by rail name, likewise.
    pub https_ports: BTreeMap<String, u16>,
    /// The port of the control listener and its pages; 0 is any free one.
    pub control_port: u16,
    /// A world of its own: keys and certificates, see [`crate::home`]. Without one the rails have their test merchants of
    /// the vector files, which everybody knows, and a CA that lasts as long as this process.
    pub home: Option<Home>,
    /// Where the trade books are kept over a restart; without it they end with the process.
    pub books: Option<PathBuf>,
    /// Certificates (PEM) that vouch for merchants who are notified over https, beside this world's own CA.
    pub merchant_roots: Vec<String>,
    /// Whether magic amounts work, see [`crate::magic`].
    pub magic: Magic,
    /// What goes wrong by itself.
    pub scenario: Option<Scenario>,
    /// WeChat Pay, where its behaviour depends on the merchant.
    pub wechatpay: wechatpay::Settings,
    /// UnionPay, where its behaviour is unconfirmed.
    pub unionpay: unionpay::Conduct,
}

impl Default for Options {
    /// The wall's time, free ports, test merchants, and each rail as it is by default.
    fn default() -> Self {
        Self {
            clock: Clock::wall(),
            ports: BTreeMap::new(),
            https_ports: BTreeMap::new(),
            control_port: 0,
            home: None,
            books: None,
            merchant_roots: Vec::new(),
            magic: Magic::Off,
            scenario: None,
            wechatpay: wechatpay::Settings::default(),
            unionpay: unionpay::Conduct::default(),
        }
    }
}

/// The running rails. Dropping it ends them at once.
#[derive(Debug)]
pub struct MockRails {
    clock: Clock,
    control_url: String,
    ca_pem: String,
    mounted: Arc<BTreeMap<&'static str, Mounted>>,
    books: Option<Arc<Books>>,
    tasks: JoinSet<()>,
}

impl MockRails {
    /// All rails on free loopback ports, with their test merchants, on the wall's time: what an integration test needs.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start() -> io::Result<Self> {
        Self::start_with(Options::default()).await
    }

    /// Binds and serves every rail, on loopback only.
    ///
    /// # Errors
    /// When a port cannot be bound, a trade book cannot be read, or `options` name a rail that does not exist.
    pub async fn start_with(options: Options) -> io::Result<Self> {
        Self::start_these(options, RAILS).await
    }

    pub(crate) async fn start_these(options: Options, rails: &[Rail]) -> io::Result<Self> {
        let named = options.ports.keys().chain(options.https_ports.keys());
        if let Some(name) = named.into_iter().find(|name| rails.iter().all(|rail| rail.name != name.as_str()))
        {
            let message = format!("there is no mock rail named {name}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let authority = authority(&options)?;
        let acceptor = tls::acceptor(&Forge::at(options.clock.signing_now()), &authority)?;
        let roots: Vec<String> =
            options.merchant_roots.iter().chain([&authority.certificate_pem]).cloned().collect();
        let connector = tls::connector(&roots)?;
        let mut tasks = JoinSet::new();
        let mut mounted = BTreeMap::new();
        let mut doors = Vec::new();
        for rail in rails {
            let (plain, url) = bind(options.ports.get(rail.name).copied().unwrap_or(0)).await?;
            let (secure, https) = bind(options.https_ports.get(rail.name).copied().unwrap_or(0)).await?;
            let https_url = https.replacen("http", "https", 1);
            let (mut bench, worker) = Bench::new(options.clock.clone(), url);
            let files = options.home.as_ref().and_then(|home| home.files.get(rail.name)).cloned();
            (bench.files, bench.magic) = (Arc::new(files.unwrap_or_else(rail.known)), options.magic);
            let built = (rail.build)(bench.clone(), &options);
            tasks.spawn(worker.run_with(connector.clone()));
            doors.push((plain, None, built.clone(), bench.clone()));
            doors.push((secure, Some(acceptor.clone()), built.clone(), bench.clone()));
            mounted.insert(rail.name, Mounted { rail: built, bench, https_url });
        }
        let mounted = Arc::new(mounted);
        let books = options.books.as_deref().map(|dir| Books::open(dir, mounted.clone())).transpose()?;
        let books = books.map(Arc::new);
        // Served only now: a rail takes its book over before its first request.
        for (listener, acceptor, rail, bench) in doors {
            tasks.spawn(async move {
                server::serve(listener, acceptor, rail, bench).await;
            });
        }
        if let Some(books) = books.clone() {
            tasks.spawn(books.keep());
        }
        if let Some(scenario) = options.scenario {
            tasks.spawn(scenario.play(options.clock.clone(), mounted.clone()));
        }
        let (listener, control_url) = bind(options.control_port).await?;
        let routes = control::routes(mounted.clone(), options.clock.clone());
        tasks.spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                tracing::error!(%error, "the control listener ended");
            }
        });
        let ca_pem = authority.certificate_pem;
        Ok(Self { clock: options.clock, control_url, ca_pem, mounted, books, tasks })
    }

    /// Where a rail listens over TLS: `https://127.0.0.1:PORT`. Trust [`Self::ca_pem`].
    ///
    /// # Panics
    /// When there is no rail of that name.
    pub fn https_url(&self, rail: &str) -> String {
        self.mount(rail).https_url.clone()
    }

    /// A rail's ids, keys and certificates, by file name; what a client of it is configured with is among them.
    ///
    /// # Panics
    /// When there is no rail of that name.
    pub fn files(&self, rail: &str) -> &Files {
        &self.bench(rail).files
    }

    /// The certificate of the CA that issued the rails' https certificates, PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Where a rail listens: `http://127.0.0.1:PORT`.
    ///
    /// # Panics
    /// When there is no rail of that name.
    pub fn url(&self, rail: &str) -> String {
        self.bench(rail).origin.clone()
    }

    /// Where the control API listens: `http://127.0.0.1:PORT`; see [`control`].
    pub fn control_url(&self) -> String {
        self.control_url.clone()
    }

    /// The clock of all rails.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The names of the rails, in alphabetical order.
    pub fn names(&self) -> Vec<&'static str> {
        self.mounted.keys().copied().collect()
    }

    /// The rail of that name.
    ///
    /// # Panics
    /// When there is none.
    pub fn rail(&self, name: &str) -> Arc<dyn RailMock> {
        self.mount(name).rail.clone()
    }

    /// The faults, notifications and journal of the rail of that name.
    ///
    /// # Panics
    /// When there is none.
    pub fn bench(&self, name: &str) -> &Bench {
        &self.mount(name).bench
    }

    fn mount(&self, name: &str) -> &Mounted {
        match self.mounted.get(name) {
            Some(mounted) => mounted,
            None => panic!("there is no mock rail named {name}"),
        }
    }

    /// Ends all listeners, open connections and pending notifications, waits for that, and saves the trade books.
    ///
    /// # Errors
    /// When a book cannot be saved.
    pub async fn stop(mut self) -> io::Result<()> {
        self.tasks.shutdown().await;
        self.books.map_or(Ok(()), |books| books.save())
    }
}

fn authority(options: &Options) -> io::Result<Authority> {
    match &options.home {
        Some(home) => Ok(home.authority.clone()),
        None => Forge::at(options.clock.signing_now()).tls_root(&CA_NAME).map_err(io::Error::other),
    }
}

async fn bind(port: u16) -> io::Result<(TcpListener, String)> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    let url = format!("http://{}", listener.local_addr()?);
    Ok((listener, url))
}
