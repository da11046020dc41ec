//! The deterministic simulator: two or three replicas of the real engine with the real adapters, the mock rails with their
//! own truth, payers and storefronts, all on one thread and one virtual clock, with faults that a seed chooses.
//!
//! A run has two phases: a time of faults, then a time of healing. After it, everything has to have come to an end, and our
//! books have to equal the rails' to the fen. The same seed and build give the same trace.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout)] // a run is told to whoever replays it

mod again;
mod aim;
mod appeals;
mod bulks;
mod bundles;
mod checks;
mod clerk;
mod closing;
pub mod coverage;
mod crossing;
mod customer;
mod exec;
mod habits;
mod keys;
mod net;
mod rails;
mod run;
mod store;
mod storefront;
mod swarm;
mod trace;
mod universe;
mod watch;
mod watch_rules;

pub use aim::Aim;
pub use run::{Outcome, run, run_for, run_within};
