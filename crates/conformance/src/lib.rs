//! Conformance kits: checks that are written once and that every implementation of a plug point must pass.
//!
//! - [`rail`]: an adapter against the other side of its rail, over real HTTP.
#![forbid(unsafe_code)]

pub mod rail;
