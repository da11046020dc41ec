//! Fuzz targets: functions that take any bytes and must neither panic nor hang nor believe a forgery.
//!
//! - [`targets::ALL`] is the list. Each target also states a property of what it decodes: what opens is authentic, what is
//!   written reads back, an amount agrees with an oracle of big integers.
//! - [`runner`] mutates the committed corpora with a fixed seed, on stable Rust; `cargo xtask fuzz` and a test run it. The
//!   folder `fuzz/` has the same functions for cargo-fuzz, for whoever has a nightly compiler.
//! - [`bench`](mod@bench) has one account per rail with the public test keys, and the calls that the corpus's replies
//!   answer.
#![forbid(unsafe_code)]

pub mod bench;
pub mod calls;
pub mod runner;
pub mod targets;
