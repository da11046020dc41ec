//! Starts all rails and the control listener on loopback.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::control::{self, Mounted};
use crate::server;
use crate::{Bench, RailMock, unionpay, wechatpay};

/// Builds one rail on its bench, with its part of the options.
pub(crate) type Constructor = fn(Bench, &Options) -> Arc<dyn RailMock>;

/// All rails: a new one adds its line here and its `pub mod` in `lib.rs`.
const RAILS: &[(&str, Constructor)] = &[
    ("alipay", |bench, _| crate::alipay::start(bench)),
    ("wechatpay", |bench, options| wechatpay::start_with(bench, options.wechatpay)),
    ("unionpay", |bench, options| unionpay::start_with(bench, options.unionpay.clone())),
];

/// How to start.
#[derive(Clone, Debug)]
pub struct Options {
    /// The clock of all rails.
    pub clock: Clock,
    /// Ports by rail name; a rail that is not named here gets any free port.
    pub ports: BTreeMap<String, u16>,
    /// The port of the control listener; 0 is any free one.
    pub control_port: u16,
    /// WeChat Pay, where its behaviour depends on the merchant.
    pub wechatpay: wechatpay::Settings,
    /// UnionPay, where its behaviour is unconfirmed.
    pub unionpay: unionpay::Conduct,
}

impl Default for Options {
    /// The wall's time, free ports, and each rail as it is by default.
    fn default() -> Self {
        Self {
            clock: Clock::wall(),
            ports: BTreeMap::new(),
            control_port: 0,
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
    mounted: Arc<BTreeMap<&'static str, Mounted>>,
    tasks: JoinSet<()>,
}

impl MockRails {
    /// Binds and serves every rail, on loopback only.
    ///
    /// # Errors
    /// When a port cannot be bound, or `options.ports` names a rail that does not exist.
    pub async fn start(options: Options) -> io::Result<Self> {
        Self::start_these(options, RAILS).await
    }

    pub(crate) async fn start_these(
        options: Options,
        rails: &[(&'static str, Constructor)],
    ) -> io::Result<Self> {
        if let Some(name) = options.ports.keys().find(|name| rails.iter().all(|(rail, _)| rail != name)) {
            let message = format!("there is no mock rail named {name}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let mut tasks = JoinSet::new();
        let mut mounted = BTreeMap::new();
        for (name, build) in rails {
            let (listener, url) = bind(options.ports.get(*name).copied().unwrap_or(0)).await?;
            let (bench, worker) = Bench::new(options.clock.clone(), url);
            let rail = build(bench.clone(), &options);
            tasks.spawn(worker.run());
            let (served, journal) = (rail.clone(), bench.journal.clone());
            tasks.spawn(async move {
                server::serve(listener, served, journal).await;
            });
            mounted.insert(*name, Mounted { rail, bench });
        }
        let mounted = Arc::new(mounted);
        let (listener, control_url) = bind(options.control_port).await?;
        let routes = control::routes(mounted.clone(), options.clock.clone());
        tasks.spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                tracing::error!(%error, "the control listener ended");
            }
        });
        Ok(Self { clock: options.clock, control_url, mounted, tasks })
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

    /// Ends all listeners, open connections and pending notifications, and waits for that.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

async fn bind(port: u16) -> io::Result<(TcpListener, String)> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    let url = format!("http://{}", listener.local_addr()?);
    Ok((listener, url))
}
