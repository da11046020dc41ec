//! `cargo xtask sim`: many seeds, or one of them again.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout)] // a command talks to its user

mod coverage;
#[cfg(feature = "laboratory")]
mod defects;

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use clap::Parser;
use paifang_sim::{Outcome, run};

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
        let outcome = run(seed, true);
        report(&outcome);
        return if outcome.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let (next, sum) = (Arc::new(AtomicU64::new(args.first)), Arc::new(Mutex::new(Sum::default())));
    let end = args.first.saturating_add(args.seeds.unwrap_or(SEEDS));
    let workers = (0..args.threads.max(1)).map(|_| {
        let (next, sum) = (next.clone(), sum.clone());
        std::thread::spawn(move || {
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= end {
                    return;
                }
                one(seed, &sum);
            }
        })
    });
    let workers: Vec<_> = workers.collect();
    let panicked = workers.into_iter().filter_map(|worker| worker.join().err()).count();
    let sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
    tell(&sum, args.cells);
    // The lists are about the seeds from 1 on.
    let lacking = if args.first == 1 { coverage::judge(sum.runs, &sum.cells) } else { Vec::new() };
    println!("{}", coverage::summary(sum.runs));
    lacking.iter().for_each(|lack| println!("  {lack}"));
    println!("{} seeds with violations: {:?}", sum.failed.len(), sum.failed);
    let is_good = panicked == 0 && sum.failed.is_empty() && lacking.is_empty();
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn one(seed: u64, sum: &Mutex<Sum>) {
    let mut outcome = run(seed, false);
    let twice = seed.is_multiple_of(20);
    if twice {
        let again = run(seed, false);
        if again.hash != outcome.hash {
            outcome.violations.push(format!("I20: the trace is {} and then {}", outcome.hash, again.hash));
        }
    }
    let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
    if !outcome.violations.is_empty() {
        report(&outcome);
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

fn report(outcome: &Outcome) {
    if outcome.violations.is_empty() {
        println!("seed {}: no violation, trace {}", outcome.seed, outcome.hash);
        return;
    }
    println!("seed {}: {} violations", outcome.seed, outcome.violations.len());
    outcome.violations.iter().for_each(|violation| println!("  {violation}"));
    println!("  the end of its trace:");
    outcome.tail.iter().for_each(|line| println!("    {line}"));
    println!("  again: cargo xtask sim --replay {}", outcome.seed);
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
