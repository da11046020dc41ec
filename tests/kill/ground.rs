//! What the whole run stands on and what is never killed: the mock rails with their own truth, the clock, the proxies, and the
//! storefronts' book.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use jiff::SignedDuration;
use paifang_gateway::demo::{Shop, Stage};
use tokio::time::Instant;

use crate::cut::Cutter;
use crate::gateway::Gateway;
use crate::journal::Journal;
use crate::store::{Database, StoreKind};
use crate::support::RAILS;
use crate::till::{Book, Till};

/// Shared by everybody.
pub struct Ground {
    /// Mock rails, config and directory.
    pub stage: Stage,
    /// A storefront's connections, one set per replica.
    pub shops: Vec<Shop>,
    /// The same storefront's, for its rules and funds.
    pub tills: Vec<Till>,
    /// Which rules decide.
    pub book: tokio::sync::Mutex<Book>,
    /// What was acknowledged.
    pub journal: Journal,
    /// The proxies in front of the rails.
    pub cuts: BTreeMap<&'static str, Cutter>,
    /// The database behind the gateways.
    pub database: Database,
    time: Mutex<Time>,
}

/// Who may let time pass.
struct Time {
    /// The run is over, and time stands still.
    over: bool,
    /// From when on somebody who is in a hurry may let time pass again.
    next: Instant,
}

/// Short, so that a cycle takes a second or two: the gateway must be right at any of them.
const LIMITS: &str = "
[limits]
intent_life_s = 7200
wait_ms_max = 300
lease_s = 30
look_every_ms = 40
guard_every_ms = 100
rail_deadline_ms = 1500
rail_connect_ms = 500
rail_queue_ms = 500
drain_ms = 8000
";

/// See [`Ground::hurry`].
const HURRY: u32 = 200;
/// How often the pacer lets time pass, and how much: ten times as fast as the wall's.
const PACE: Duration = Duration::from_millis(100);
const PACE_STEP: SignedDuration = SignedDuration::from_millis(900);

impl Ground {
    /// Starts everything but a gateway; answers the gateways to start.
    pub async fn prepare(kind: StoreKind) -> anyhow::Result<(Arc<Self>, Vec<Gateway>)> {
        let directory = tempfile::tempdir()?.keep();
        let binary = PathBuf::from(env!("CARGO_BIN_EXE_paifang"));
        let stage = Stage::prepare(binary.clone(), Some(directory)).await?;
        let mut cuts = BTreeMap::new();
        for rail in RAILS {
            let url = stage.mocks.url(rail);
            let address = url.strip_prefix("http://").context("mock rails speak http")?.parse()?;
            cuts.insert(rail, Cutter::start(address).await?);
        }
        let database = Database::start(kind, &stage.dir).await?;
        let replicas = replicas(&stage, &cuts, &database)?;
        let key = stage.new_tenant("kill").await?;
        let shops = replicas.iter().map(|(_, grpc, _)| Shop::connect(*grpc, &key));
        let shops = shops.collect::<anyhow::Result<Vec<_>>>()?;
        let tills = replicas.iter().map(|(_, grpc, _)| Till::connect(*grpc, &key));
        let tills = tills.collect::<anyhow::Result<Vec<_>>>()?;
        let gateways =
            replicas.into_iter().map(|(config, grpc, ops)| Gateway::new(binary.clone(), config, grpc, ops));
        let gateways = gateways.collect();
        let (journal, time) = (Journal::default(), Mutex::new(Time { over: false, next: Instant::now() }));
        let ground =
            Arc::new(Self { stage, shops, tills, book: Default::default(), journal, cuts, database, time });
        tokio::spawn(pace(Arc::downgrade(&ground)));
        Ok((ground, gateways))
    }

    /// Lets time pass, at the rails and in the gateways.
    pub fn step(&self, by: SignedDuration) -> anyhow::Result<()> {
        let time = self.time.lock().expect("no panic holds it");
        if time.over { Ok(()) } else { self.stage.step_clock(by) }
    }

    /// The same for one of many who wait. All together they let at most [`HURRY`] virtual seconds pass in a second: a call
    /// that is under way while more than five minutes pass is signed for another time, and nobody believes it.
    pub fn hurry(&self, by: SignedDuration) -> anyhow::Result<()> {
        let mut time = self.time.lock().expect("no panic holds it");
        if time.over || Instant::now() < time.next {
            return Ok(());
        }
        time.next = Instant::now() + Duration::try_from(by)? / HURRY;
        self.stage.step_clock(by)
    }

    /// The run is over: nothing of it stays.
    pub fn clear(&self) -> anyhow::Result<()> {
        let mut time = self.time.lock().expect("no panic holds it");
        time.over = true;
        Ok(std::fs::remove_dir_all(&self.stage.dir)?)
    }

    /// Nothing goes wrong any more.
    pub fn heal(&self) {
        for rail in RAILS {
            self.stage.mocks.bench(rail).faults.clear();
        }
        self.cuts.values().for_each(Cutter::heal);
        self.database.heal();
    }
}

async fn pace(ground: std::sync::Weak<Ground>) {
    loop {
        tokio::time::sleep(PACE).await;
        let Some(ground) = ground.upgrade() else { return };
        // A directory that is gone ends the run, not the pace.
        let _ = ground.step(PACE_STEP);
    }
}

type Replica = (PathBuf, SocketAddr, SocketAddr);

/// Writes each replica's config: the stage's own with short times, and the proxies where the rails were.
fn replicas(
    stage: &Stage,
    cuts: &BTreeMap<&'static str, Cutter>,
    database: &Database,
) -> anyhow::Result<Vec<Replica>> {
    let mut text = std::fs::read_to_string(stage.config())?;
    for (rail, cutter) in cuts {
        text = text.replace(&stage.mocks.url(rail), &format!("http://{}", cutter.address));
    }
    // The payer's browser goes there by itself, past our proxy.
    let union = format!("http://{}", cuts["unionpay"].address);
    text = text.replace(
        &format!("front_url = \"{union}\""),
        &format!("front_url = \"{}\"", stage.mocks.url("unionpay")),
    );
    text = database.configure(&text) + LIMITS;
    std::fs::write(stage.config(), &text)?;
    let mut made = vec![(stage.config(), stage.grpc, stage.ops)];
    for number in 1..database.replicas() {
        let mut text = text.clone();
        let mut own = Vec::new();
        for address in [stage.grpc, stage.http, stage.ops] {
            let new = free_after(address)?;
            text = text.replace(&address.to_string(), &new.to_string());
            own.push(new);
        }
        let config = stage.dir.join(format!("replica-{number}.toml"));
        std::fs::write(&config, text)?;
        made.push((config, own[0], own[2]));
    }
    Ok(made)
}

/// The next free port: near the stage's own, from which the system draws none for outgoing connections.
fn free_after(address: SocketAddr) -> anyhow::Result<SocketAddr> {
    let ports = address.port().saturating_add(1)..u16::MAX;
    let free = ports
        .map(|port| SocketAddr::new(address.ip(), port))
        .find(|address| std::net::TcpListener::bind(address).is_ok());
    free.context("no port is free")
}
