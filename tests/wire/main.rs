//! WIRE: the shipped gateway, transport and client over simulated TCP (turmoil), in virtual time.
//!
//! The gateway is started by the function that `paifang serve` starts it with, over listeners, connections and a clock of
//! the simulation: the bytes on every link are those of tonic, hyper and rustls as they are shipped, with every limit and
//! time-out. Links are cut at each message, peers go silent in the middle of a word, and calls are dropped at each point at
//! which they wait. After everything, the rail's books equal the ledger, and nobody was charged twice.

#![allow(clippy::print_stdout, reason = "the counts are what a run is for")]

mod cancelled;
mod check;
mod files;
mod half_open;
mod net;
mod partitions;
mod services;
mod store;
mod stories;
mod story;
mod world;
