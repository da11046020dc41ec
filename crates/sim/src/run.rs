//! One run: a universe, a time of faults, a time of healing, and the check.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};

use crate::aim::Aim;
use crate::checks::{Acked, is_quiet, violations};
use crate::customer::Customer;
use crate::exec::{Exec, OUTSIDE, Step, locked};
use crate::trace::Trace;
use crate::universe::Universe;

/// How long everything may take to come to an end after the faults have: a forgotten hold ends after a month.
const HEALING: SignedDuration = SignedDuration::from_hours(40 * 24);
/// Polls of one run at most: more means that something turns in circles.
const POLLS_MAX: u64 = 20_000_000;

/// Every so many seeds have a storefront without rules of its own; the others have one with them.
const UNRULED_EVERY: u64 = 3;
/// Every so many seeds have a storefront that sends back a lot in one go, with and without rules.
const BULKS_EVERY: u64 = 4;
/// Every so many seeds are signed with RSA even where a keyed hash could stand in for it.
#[cfg(feature = "laboratory")]
const RSA_EVERY: u64 = 16;

/// What came of a run.
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// The hash of its trace.
    pub hash: String,
    /// What is wrong; empty is what we want.
    pub violations: Vec<String>,
    /// The end of its trace.
    pub tail: Vec<String>,
    /// Cells of the coverage lists.
    pub cells: BTreeMap<String, u64>,
    /// Faults that struck.
    pub faults: BTreeMap<String, u64>,
    /// Orders that the rails took.
    pub payments: u64,
    /// Virtual time.
    pub lasted: SignedDuration,
    /// Polls.
    pub polls: u64,
}

/// Runs a seed; with `tell` its trace is printed as it comes.
///
/// # Panics
/// When no runtime can be built, or the engine panics.
pub fn run(seed: u64, tell: bool) -> Outcome {
    play_once(seed, None, tell, POLLS_MAX)
}

/// Runs a seed that goes for one cell of the lists; the same seed without it is another run.
///
/// # Panics
/// As [`run`].
pub fn run_for(seed: u64, aim: Aim, tell: bool) -> Outcome {
    play_once(seed, Some(aim), tell, POLLS_MAX)
}

/// The same with another limit of polls; a run that reaches it has a violation.
///
/// # Panics
/// As [`run`].
pub fn run_within(seed: u64, tell: bool, polls_max: u64) -> Outcome {
    play_once(seed, None, tell, polls_max)
}

fn play_once(seed: u64, aim: Option<Aim>, tell: bool, polls_max: u64) -> Outcome {
    paifang_mock_rails::chance::seed(Some(seed));
    #[cfg(feature = "laboratory")]
    {
        let keyed = !seed.is_multiple_of(RSA_EVERY);
        paifang_rail::stand_in::replace_rsa(keyed);
        paifang_mock_rails::replace_rsa(keyed);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let outcome = runtime.expect("a runtime without sockets").block_on(play(seed, aim, tell, polls_max));
    paifang_mock_rails::chance::seed(None);
    outcome
}

async fn play(seed: u64, aim: Option<Aim>, tell: bool, polls_max: u64) -> Outcome {
    let start: Timestamp = "2026-11-21T02:00:00Z".parse().expect("a time");
    let exec = Exec::new(start, seed);
    let trace = Trace::new(exec.clone(), tell);
    let storefront = (!seed.is_multiple_of(UNRULED_EVERY), seed.is_multiple_of(BULKS_EVERY));
    let universe = Universe::new(exec.clone(), trace.clone(), aim, storefront);
    trace.note(format_args!("{:?}", universe.swarm));
    let acked: Arc<Mutex<Vec<Acked>>> = Arc::default();
    let over = Arc::new(AtomicBool::new(false));
    exec.spawn(OUTSIDE, "director", direct(universe.clone(), acked.clone(), over.clone()));
    while !over.load(Ordering::Relaxed) && exec.polls() < polls_max {
        if exec.step() == Step::Polled {
            continue;
        }
        // The mock rails' own tickers run on the runtime; what they have to tell goes out.
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        universe.send_notices();
        if exec.step() == Step::Polled {
            continue;
        }
        exec.bury();
        if !exec.advance() {
            break;
        }
        for account in &universe.accounts {
            account.bench.clock.set(exec.now());
        }
    }
    let acked = locked(&acked).clone();
    let mut wrong = violations(&universe, &acked).await;
    if !over.load(Ordering::Relaxed) {
        wrong.push(format!("I12: the run came to no end after {} polls", exec.polls()));
    }
    let (cells, faults) = trace.counts();
    let payments = universe.accounts.iter().map(|account| account.mock.book().len() as u64).sum();
    let (hash, tail) = (trace.hash(), trace.tail(if wrong.is_empty() { 0 } else { 120 }));
    let (lasted, polls) = (exec.passed(), exec.polls());
    universe.kill_all();
    exec.bury();
    Outcome { seed, hash, violations: wrong, tail, cells, faults, payments, lasted, polls }
}

/// The course of a run.
async fn direct(universe: Arc<Universe>, acked: Arc<Mutex<Vec<Acked>>>, over: Arc<AtomicBool>) {
    for _ in 0..universe.swarm.replicas {
        universe.start_replica(universe.swarm.look_every).await;
    }
    let left = Arc::new(std::sync::atomic::AtomicU32::new(universe.swarm.customers));
    for number in 0..universe.swarm.customers {
        let (customer, left) = (Customer::new(universe.clone(), number, acked.clone()), left.clone());
        universe.exec.spawn(OUTSIDE, "customer", async move {
            customer.live().await;
            left.fetch_sub(1, Ordering::Relaxed);
        });
    }
    if universe.swarm.bulks {
        universe.employ_clerk(&acked, &left);
    }
    if universe.swarm.ruled {
        universe.employ(&acked, &left);
    }
    for (every, kill) in [(universe.swarm.kill_every, true), (universe.swarm.pause_every, false)] {
        if let Some(every) = every {
            universe.exec.spawn(OUTSIDE, "fate", fate(universe.clone(), every, kill));
        }
    }
    if let Some(rotation) = universe.swarm.rotation.filter(|_| universe.swarm.aim.is_none()) {
        universe.exec.spawn(OUTSIDE, "rotation", universe.clone().rotate(rotation));
    }
    universe.exec.sleep(universe.swarm.chaos).await;
    universe.heal();
    universe.kill_all();
    universe.start_replica(SignedDuration::from_secs(20)).await;
    let healed = universe.exec.passed();
    let mut looks = [(SignedDuration::ZERO, 5), (SignedDuration::from_hours(30), 60)].into_iter().peekable();
    while universe.exec.passed().saturating_sub(healed) < HEALING {
        universe.exec.sleep(SignedDuration::from_mins(10)).await;
        if left.load(Ordering::Relaxed) > 0 {
            continue;
        }
        if is_quiet(&universe).await {
            // A payer's late payment may still be on its way to us.
            universe.exec.sleep(SignedDuration::from_hours(29)).await;
            if is_quiet(&universe).await {
                break;
            }
        }
        // What is left waits for long schedules: lanes need not look so often any more.
        let passed = universe.exec.passed().saturating_sub(healed);
        if let Some((_, minutes)) = looks.next_if(|(from, _)| passed > *from) {
            universe.kill_all();
            universe.start_replica(SignedDuration::from_mins(minutes)).await;
        }
    }
    over.store(true, Ordering::Relaxed);
}

/// Kills or pauses a replica now and then.
async fn fate(universe: Arc<Universe>, every: SignedDuration, kill: bool) {
    let millis = i64::try_from(every.as_millis()).unwrap_or(i64::MAX);
    loop {
        universe.exec.sleep(universe.exec.millis(millis / 2..=millis)).await;
        if !universe.chaos() {
            return;
        }
        let Some((process, _)) = universe.any_replica() else { continue };
        if kill { universe.kill(process, "random") } else { universe.pause(process) }
    }
}
