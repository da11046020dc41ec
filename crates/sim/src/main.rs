//! `cargo xtask sim`: many seeds, or one of them again.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout)] // a command talks to its user

#[cfg(feature = "laboratory")]
mod defects;

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use clap::Parser;
use paifang_sim::{Aim, Outcome, coverage, run, run_for};

/// Plays whole days of payments with every fault that the seed chooses, and checks that no fen is lost, doubled or stuck.
#[derive(Parser)]
struct Args {
    /// How many seeds; 200, or 500 for each planted defect.
    #[arg(long)]
    seeds: Option<u64>,
    /// The first one.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Plays this seed alone and prints its trace.
    #[arg(long)]
    replay: Option<u64>,
    /// These seeds go for this cell of the coverage lists, such as `attempt Sending -> Late x F02`.
    #[arg(long)]
    aim: Option<String>,
    /// So many of the seeds are free; the rest goes for the cells that those have not met. 3 of 5 in a run of 2,000 and more.
    #[arg(long)]
    free: Option<u64>,
    /// Prints every cell that was hit.
    #[arg(long)]
    cells: bool,
    /// Threads; each runs seeds of its own.
    #[arg(long, default_value_t = 2)]
    threads: u64,
    #[cfg(feature = "laboratory")]
    #[command(flatten)]
    planted: defects::Args,
}

/// Seeds of a usual run.
const SEEDS: u64 = 200;

/// What all runs together came to.
#[derive(Default)]
struct Sum {
    runs: u64,
    again: u64,
    payments: u64,
    polls: u64,
    hours: i64,
    cells: BTreeMap<String, u64>,
    faults: BTreeMap<String, u64>,
    failed: BTreeSet<u64>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    #[cfg(feature = "laboratory")]
    if let Some(exit) = defects::run(&args.planted, args.first, args.seeds, args.threads) {
        return exit;
    }
    if let Some(seed) = args.replay {
        let outcome = one_run(seed, args.aim.as_deref(), true);
        report(&outcome, args.aim.as_deref());
        return if outcome.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let sum = Mutex::new(Sum::default());
    let panicked = play_all(&args, &sum);
    let sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
    tell(&sum, args.cells);
    // The lists are about the seeds from 1 on.
    let lacking =
        if args.first == 1 { coverage::judge(args.seeds.unwrap_or(SEEDS), &sum.cells) } else { Vec::new() };
    println!("{}", coverage::summary(args.seeds.unwrap_or(SEEDS)));
    lacking.iter().for_each(|lack| println!("  {lack}"));
    println!("{} seeds with violations: {:?}", sum.failed.len(), sum.failed);
    let is_good = !panicked && sum.failed.is_empty() && lacking.is_empty();
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Plays the seeds: in a long run some of the last of them go for the cells that the others have not met. Whether a thread
/// panicked.
fn play_all(args: &Args, sum: &Mutex<Sum>) -> bool {
    let count = args.seeds.unwrap_or(SEEDS);
    let end = args.first.saturating_add(count);
    let free = args.free.unwrap_or(if args.first == 1 { coverage::free_of(count) } else { count });
    let mut next = args.first.saturating_add(free.min(count));
    let free = |seeds: std::ops::Range<u64>| seeds.map(|seed| (seed, args.aim.clone())).collect::<Vec<_>>();
    let mut panicked = play(&free(args.first..next), args.threads, sum);
    while next < end && !panicked {
        let met = sum.lock().unwrap_or_else(PoisonError::into_inner).cells.clone();
        let lacking = coverage::lacking(count, &met);
        // Which seed goes for what depends on nothing but the seeds before: threads do not matter.
        let round: Vec<_> = (next..end).zip(lacking.into_iter().map(Some)).collect();
        let round = if round.is_empty() { free(next..end) } else { round };
        next += u64::try_from(round.len()).unwrap_or(u64::MAX);
        panicked = play(&round, args.threads, sum);
    }
    panicked
}

/// Plays these on so many threads; whether one of them panicked.
fn play(seeds: &[(u64, Option<String>)], threads: u64, sum: &Mutex<Sum>) -> bool {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let worker = || {
            while let Some((seed, aim)) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                one(*seed, aim.as_deref(), sum);
            }
        };
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().any(|worker| worker.join().is_err())
    })
}

fn one_run(seed: u64, aim: Option<&str>, tell: bool) -> Outcome {
    match aim.and_then(Aim::read) {
        Some(aim) => run_for(seed, aim, tell),
        None => run(seed, tell),
    }
}

fn one(seed: u64, aim: Option<&str>, sum: &Mutex<Sum>) {
    let mut outcome = one_run(seed, aim, false);
    let twice = seed.is_multiple_of(20);
    if twice {
        let again = one_run(seed, aim, false);
        if again.hash != outcome.hash {
            outcome.violations.push(format!("I20: the trace is {} and then {}", outcome.hash, again.hash));
        }
    }
    let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
    if !outcome.violations.is_empty() {
        report(&outcome, aim);
        sum.failed.insert(seed);
    }
    sum.runs += 1;
    sum.again += u64::from(twice);
    sum.payments += outcome.payments;
    sum.polls += outcome.polls;
    sum.hours += outcome.lasted.as_hours();
    for (cell, count) in outcome.cells {
        // In how many seeds, not how often: that is what tells how sure it is to be hit.
        *sum.cells.entry(cell).or_default() += u64::from(count > 0);
    }
    for (fault, count) in outcome.faults {
        *sum.faults.entry(fault).or_default() += count;
    }
}

fn report(outcome: &Outcome, aim: Option<&str>) {
    if outcome.violations.is_empty() {
        println!("seed {}: no violation, trace {}", outcome.seed, outcome.hash);
        return;
    }
    println!("seed {}: {} violations", outcome.seed, outcome.violations.len());
    outcome.violations.iter().for_each(|violation| println!("  {violation}"));
    println!("  the end of its trace:");
    outcome.tail.iter().for_each(|line| println!("    {line}"));
    let aim = aim.map(|aim| format!(" --aim '{aim}'")).unwrap_or_default();
    println!("  again: cargo xtask sim --replay {}{aim}", outcome.seed);
}

fn tell(sum: &Sum, cells: bool) {
    println!(
        "{} runs ({} of them twice), {} payments, {} virtual hours, {} polls",
        sum.runs, sum.again, sum.payments, sum.hours, sum.polls
    );
    println!(
        "faults: {}",
        sum.faults.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
    );
    println!("{} cells", sum.cells.len());
    if cells {
        sum.cells.iter().for_each(|(cell, count)| println!("{count:>9} {cell}"));
    }
}
