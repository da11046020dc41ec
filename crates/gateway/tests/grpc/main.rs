//! The contract over gRPC, against an engine over the model store and a rail that says what it is told to say.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)] // helpers of tests; clippy knows only the tests themselves

mod access;
mod audits;
mod bearers;
mod boundary;
mod codes;
mod commands;
mod covers;
mod discounts;
mod fakes;
mod flows;
mod guards;
mod holds;
mod kills;
mod limits;
mod live_rooms;
mod log;
mod policies;
mod raw;
mod refusals;
mod requests;
mod shop;
mod statements;
mod streams;
