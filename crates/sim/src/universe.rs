//! What a run consists of: the rails with their truth, the replicas that come and go, and the faults between them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use paifang_engine::ports::Environment;
use paifang_engine::{Accounts, Engine, Limits};
use paifang_payment::{TenantId, Verb};
use paifang_policy::bundle::Bundle;
use paifang_rail::Reply;
use paifang_store::ModelStore;

use crate::aim::Aim;
use crate::exec::{Exec, OUTSIDE, Process, locked};
use crate::net::Net;
use crate::rails::{SimAccount, SimRails, accounts};
use crate::store::SimStore;
use crate::swarm::Swarm;
use crate::trace::Trace;

/// A gateway replica's engine.
pub type Core = Engine<SimStore, SimRails, Net, SimWorld>;

/// Everything; shared.
pub struct Universe {
    /// Runs it.
    pub exec: Exec,
    /// Records it.
    pub trace: Trace,
    /// The mixture of faults.
    pub swarm: Swarm,
    /// What survives: the one store of all replicas.
    pub store: ModelStore,
    /// The rails and our accounts there.
    pub accounts: Vec<Arc<SimAccount>>,
    /// The storefront.
    pub tenant: TenantId,
    /// Who runs.
    pub replicas: Mutex<BTreeMap<Process, Core>>,
    /// Whose number the exchange that comes next is about: an adapter plans and the transport sends without a pause.
    pub planned: Mutex<Option<(Verb, String)>>,
    /// An earlier answer to a query of an order or refund, and when it was true.
    pub said: Mutex<BTreeMap<(Verb, String), (Timestamp, Reply)>>,
    /// What struck an order last, by its number.
    pub struck: Mutex<BTreeMap<String, &'static str>>,
    /// Where each order and refund stands, by its number: its kind, its state, and since when after the start of the run.
    pub stands: Mutex<BTreeMap<String, (&'static str, &'static str, SignedDuration)>>,
    /// In a run that goes for something: of what an earlier copy is on its way.
    pub copied: Mutex<BTreeSet<String>>,
    /// Replicas that cannot reach the store until then, after the start of the run.
    pub cut_off: Mutex<BTreeMap<Process, SignedDuration>>,
    /// Orders by a payer's code of which a charge may have left.
    pub left: Mutex<BTreeSet<String>>,
    /// Reverses that a rail answers with "again" until then (F10).
    pub again: Mutex<BTreeMap<String, Timestamp>>,
    /// Of each order, the transactions that the rail has told us of by notices that we acknowledged.
    pub told: Mutex<BTreeMap<String, BTreeSet<String>>>,
    /// Of each order, when which transactions were told by answers.
    pub heard: Mutex<BTreeMap<String, Vec<(Timestamp, String)>>>,
    /// What was found to be wrong while it went on.
    pub found: Mutex<Vec<String>>,
    /// Bundles that were read, by their digests.
    pub bundles: Mutex<BTreeMap<[u8; 32], Arc<Bundle>>>,
    chaos: AtomicBool,
    last_process: AtomicU32,
}

impl Universe {
    /// A universe in which nothing runs yet. `ruled`: the storefront has rules; `bulks`: it sends back a lot in one go.
    pub fn new(exec: Exec, trace: Trace, aim: Option<Aim>, (ruled, bulks): (bool, bool)) -> Arc<Self> {
        let swarm = match aim {
            Some(aim) => Swarm::aimed(&exec, aim),
            None => Swarm { ruled, bulks, ..Swarm::draw(&exec) },
        };
        let clock = exec.clone();
        let tenant = TenantId::from_parts(exec.now(), [1; 10]);
        Arc::new(Self {
            store: ModelStore::new(move || clock.now()),
            accounts: accounts(exec.now(), &swarm),
            exec,
            trace,
            swarm,
            tenant,
            replicas: Mutex::default(),
            planned: Mutex::default(),
            said: Mutex::default(),
            struck: Mutex::default(),
            stands: Mutex::default(),
            copied: Mutex::default(),
            cut_off: Mutex::default(),
            left: Mutex::default(),
            again: Mutex::default(),
            told: Mutex::default(),
            heard: Mutex::default(),
            found: Mutex::default(),
            bundles: Mutex::default(),
            chaos: AtomicBool::new(true),
            last_process: AtomicU32::new(OUTSIDE),
        })
    }

    /// Whether faults still happen.
    pub fn chaos(&self) -> bool {
        self.chaos.load(Ordering::Relaxed)
    }

    /// From here on nothing goes wrong any more.
    pub fn heal(&self) {
        self.chaos.store(false, Ordering::Relaxed);
        self.trace.note(format_args!("healed"));
    }

    /// Starts a replica whose lanes look at this interval.
    pub async fn start_replica(self: &Arc<Self>, look_every: SignedDuration) {
        let process = self.last_process.fetch_add(1, Ordering::Relaxed) + 1;
        let known = self.accounts.iter().map(|account| account.described()).collect();
        let limits = Limits {
            owner: format!("replica-{process}"),
            intent_life: SignedDuration::from_mins(15),
            intent_life_max: SignedDuration::from_hours(24),
            lease: SignedDuration::from_secs(30),
            lane_width: 16,
            look_every,
        };
        let store = SimStore { universe: self.clone(), process };
        let (rails, net) = (SimRails(self.clone()), Net { universe: self.clone(), process });
        let skew =
            if self.chaos() && process.is_multiple_of(2) { self.swarm.skew } else { SignedDuration::ZERO };
        let world = SimWorld { universe: self.clone(), process, skew };
        let Ok(core) = Engine::new(store, rails, net, world, Accounts::new(known), limits).await else {
            return;
        };
        self.trace.note(format_args!("replica {process} starts"));
        locked(&self.replicas).insert(process, core.clone());
        if self.swarm.ruled && self.chaos() {
            self.exec.spawn(process, "guards", watch_guards(self.clone(), core.clone()));
        }
        if self.swarm.bulks {
            let core = core.clone();
            self.exec.spawn(process, "bulks", async move {
                core.drive_bulks(futures::future::pending()).await;
            });
        }
        self.exec.spawn(process, "work", async move { core.work(futures::future::pending()).await });
    }

    /// Kills a replica; another one takes its place after a while.
    pub fn kill(self: &Arc<Self>, process: Process, why: &str) {
        if locked(&self.replicas).remove(&process).is_none() {
            return;
        }
        self.exec.kill(process);
        self.trace.fault("F19-killed", why);
        self.strike_all("F19-killed");
        let (universe, wait) = (self.clone(), self.exec.millis(0..=45_000));
        self.exec.spawn(OUTSIDE, "restart", async move {
            universe.exec.sleep(wait).await;
            if universe.chaos() {
                universe.start_replica(universe.swarm.look_every).await;
            }
        });
    }

    /// Ends all replicas, for good.
    pub fn kill_all(&self) {
        for (process, _) in std::mem::take(&mut *locked(&self.replicas)) {
            self.exec.kill(process);
        }
    }

    /// A replica that runs, if there is one.
    pub fn any_replica(&self) -> Option<(Process, Core)> {
        let replicas = locked(&self.replicas);
        let at = (!replicas.is_empty()).then(|| self.exec.draw(|chance| chance.usize(0..replicas.len())))?;
        replicas.iter().nth(at).map(|(process, core)| (*process, core.clone()))
    }

    /// Asks a replica; `None` when no answer came, which says nothing about whether it was done.
    pub async fn ask<T: Send + 'static>(
        &self,
        label: &'static str,
        call: impl FnOnce(Core) -> BoxFuture<'static, T>,
    ) -> Option<T> {
        let (process, core) = self.any_replica()?;
        let (sender, receiver) = futures::channel::oneshot::channel();
        let running = call(core);
        self.exec.spawn(process, label, async move {
            // The caller may have gone away; the call goes on without it.
            let _ = sender.send(running.await);
        });
        let patience = self.exec.sleep(SignedDuration::from_secs(40));
        match futures::future::select(receiver, patience).await {
            futures::future::Either::Left((answer, _)) => answer.ok(),
            futures::future::Either::Right(_) => None,
        }
    }

    /// A fault struck this order.
    pub fn strike(&self, number: &str, fault: &'static str) {
        locked(&self.struck).insert(number.to_owned(), fault);
    }

    fn strike_all(&self, fault: &'static str) {
        for last in locked(&self.struck).values_mut() {
            *last = fault;
        }
    }

    /// Pauses a replica for longer than its leases last.
    pub fn pause(self: &Arc<Self>, process: Process) {
        self.trace.fault("F27-paused", &format!("replica {process}"));
        self.strike_all("F27-paused");
        self.exec.pause(process, true);
        let (universe, time) = (self.clone(), self.exec.millis(20_000..=120_000));
        self.exec.spawn(OUTSIDE, "resume", async move {
            universe.exec.sleep(time).await;
            universe.exec.pause(process, false);
        });
    }
}

/// Looks at guard rails as long as there are faults: after that nobody waits for what they close.
async fn watch_guards(universe: Arc<Universe>, core: Core) {
    while universe.chaos() {
        universe.exec.sleep(universe.exec.millis(20_000..=90_000)).await;
        let round = core.watch_guard_rails().await;
        for crossed in round.iter().flat_map(|round| &round.rolled_back) {
            universe.trace.cover(format!("ruled book x {}", crossed.measure.as_str()));
            universe.trace.note(format_args!("{} is rolled back by {}", crossed.opening, crossed.guard_rail));
        }
    }
}

/// A replica's surroundings.
#[derive(Clone)]
pub struct SimWorld {
    universe: Arc<Universe>,
    process: Process,
    skew: SignedDuration,
}

impl Environment for SimWorld {
    fn now(&self) -> Timestamp {
        let now = self.universe.exec.now();
        now.saturating_add(self.skew).unwrap_or(now)
    }

    fn entropy(&self, bytes: &mut [u8]) {
        self.universe.exec.draw(|chance| chance.fill(bytes));
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.universe.exec.spawn(self.process, self.universe.exec.label(), task);
    }

    fn sleep(&self, time: SignedDuration) -> BoxFuture<'static, ()> {
        Box::pin(self.universe.exec.sleep(time))
    }

    fn reached(&self, point: &'static str) {
        let universe = &self.universe;
        let cell = format!("{point} x {}", universe.exec.label());
        universe.trace.cover(format!("reached {cell}"));
        if universe.crashes(point, universe.exec.label()) {
            universe.trace.cover(format!("killed {cell}"));
            universe.kill(self.process, &cell);
        }
    }
}
