//! The contract over gRPC, against an engine over the model store and a rail that says what it is told to say.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)] // helpers of tests; clippy knows only the tests themselves

mod access;
mod audits;
mod bearers;
mod boundary;
mod codes;
mod commands;
mod discounts;
mod fakes;
mod flows;
mod guards;
mod holds;
mod limits;
mod log;
mod policies;
mod raw;
mod requests;
mod shop;
mod statements;
mod streams;
