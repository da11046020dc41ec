//! The kit: suites that every implementation of a port has to pass, and the tools they are written with.
//!
//! - [`suite::store`] holds what every [`paifang_store::Store`] has to do; [`store_suite!`] turns it into tests.
//! - [`rail`] holds what every [`paifang_rail::Rail`] has to do, against the other side of its rail over HTTP;
//!   [`rail_suite!`] turns it into tests.
//! - [`hand`] writes batches the way the engine does, from the real machines, so that a history is a legal one.
//! - [`dump`] reads everything that a store shows, for comparisons before and after, and of one store with another.
//! - [`postgres`] is a throw-away PostgreSQL server that ends with its test.
//! - [`clock`] is a clock that a test moves by hand.
#![forbid(unsafe_code)]

pub mod clock;
pub mod dump;
pub mod hand;
pub mod postgres;
pub mod rail;
pub mod suite;

pub use futures::executor::block_on;
