//! The kill harness: real gateways die in every way that can be arranged, while storefronts sell and payers pay. Whatever was
//! acknowledged stands, nobody is charged twice, and our ledger equals the rails' own books to the fen (F19, F20, F22, F23, F42;
//! I1, I2, I3, I12, I16).
//!
//! - [`plan`]: the cycles of a seed; [`cells`]: the points of each flow that must be died at.
//! - [`cycle`]: one disturbance; [`flows`]: what storefronts and payers do; [`bot`]: how they do it.
//! - [`gateway`]: the process; [`ground`]: what is never killed; [`cut`]: the byte-cutting proxy; [`store`]: the store.
//! - [`till`]: the storefront's rules and its own funds, under which half of the cycles trade.
//! - [`journal`]: what was acknowledged; [`check`]: the total check at the end.
//!
//! `cargo xtask kill` runs as many cycles as one likes, with `PAIFANG_KILL_CYCLES`, `_SEED` and `_FIRST` set.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops here")]
#![allow(clippy::print_stdout, reason = "the figures are what a run is for")]

mod bot;
mod bulk;
mod cells;
mod check;
mod cut;
mod cycle;
mod draw;
mod flows;
mod gateway;
mod ground;
mod journal;
mod plan;
mod store;
#[path = "../support/mod.rs"]
mod support;
mod till;

use std::time::Duration;

use tokio::time::Instant;

use cycle::{Figures, Run};
use ground::Ground;
use plan::{Options, plans};
use store::StoreKind;

/// Cycles of a test run; `cargo xtask kill` asks for more.
const CYCLES: u64 = 30;

/// One gateway over one file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_on_sqlite() {
    kills(StoreKind::Sqlite).await;
}

/// Two gateways over one server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_on_postgres() {
    kills(StoreKind::Postgres).await;
}

async fn kills(store: StoreKind) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let options = Options {
        store,
        cycles: number("PAIFANG_KILL_CYCLES").unwrap_or(CYCLES),
        first: number("PAIFANG_KILL_FIRST").unwrap_or(0),
        seed: number("PAIFANG_KILL_SEED").unwrap_or(1),
    };
    if let Err(error) = run(options).await {
        panic!("{error:#}");
    }
}

async fn run(options: Options) -> anyhow::Result<()> {
    let begun = Instant::now();
    let (ground, gateways) = Ground::prepare(options.store).await?;
    let mut run = Run { ground, gateways, figures: Figures::default(), refused: 0 };
    let replay = |number: u64, cycles: u64| {
        let (store, seed) = (options.store.name(), options.seed);
        format!("cargo xtask kill --store {store} --seed {seed} --first {number} --cycles {cycles}")
    };
    for plan in plans(options) {
        let (number, name, acks) = (plan.number, plan.kind.name(), run.ground.journal.count());
        let cycle_begun = Instant::now();
        let done = match run.cycle(plan.clone()).await {
            Ok(()) => run.acks_stand(acks).await,
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            let (scene, alone) = (run.scene().await, replay(number, 1));
            let what = format!("cycle {number} ({:?}) failed; alone: {alone}", plan.kind);
            return Err(error.context(format!("{what}\n{scene}")));
        }
        let slowest =
            run.figures.slowest.take().map(|(took, cell)| format!("{cell} {} ms", took.as_millis()));
        let (took, slowest) = (cycle_begun.elapsed().as_millis(), slowest.unwrap_or_default());
        println!("cycle {number:>4} {name:<10} {took:>6} ms  {slowest}");
    }
    let all = replay(options.first, options.cycles);
    let totals = match run.total_check().await {
        Ok(totals) => totals,
        Err(error) => {
            let scene = run.scene().await;
            return Err(error.context(format!("the total check failed; again: {all}\n{scene}")));
        }
    };
    report(options, &run.figures, &totals, begun.elapsed());
    anyhow::ensure!(run.figures.missed.is_empty(), "cells that were not reached: {:#?}", run.figures.missed);
    run.ground.clear()?;
    Ok(())
}

fn report(options: Options, figures: &Figures, totals: &check::Totals, took: Duration) {
    let (store, seed) = (options.store.name(), options.seed);
    println!("kill: store {store}, seed {seed}, {} cycles in {} s", figures.cycles, took.as_secs());
    for (kind, count) in &figures.kills {
        println!("  {count:>5} {kind}");
    }
    let mut covered = figures.covered.clone();
    covered.sort();
    covered.dedup();
    println!("  {} of {} crash cells, {} missed", covered.len(), cells::cells().len(), figures.missed.len());
    println!(
        "  {} flows, {} intents, {} paid, {} fen captured, {} acknowledgements repeated",
        figures.flows, totals.intents, totals.payments, totals.fen, totals.acks
    );
}
