//! The gateway as a library: everything that names a concrete store, rail, runtime or socket.
//!
//! [`config`] reads one file and refuses what it does not understand; [`registry`] is the one place that names rails;
//! [`serve`] puts the parts together, listens, and drains. [`grpc`] is what storefronts see, [`http`]
//! what rails, payers' browsers and operators see. The other parts stand behind the ports of the engine: [`rails`],
//! [`outbound`] and [`world`].
#![forbid(unsafe_code)]

pub mod apikey;
mod bills;
pub mod cli;
pub mod config;
pub mod core;
#[cfg(feature = "mocks")]
pub mod demo;
pub mod grpc;
mod guards;
pub mod http;
mod inquiries;
pub mod keeper;
pub mod keys;
pub mod listen;
pub mod logging;
pub mod metrics;
pub mod net;
pub mod outbound;
pub mod rails;
pub mod reasons;
mod redirects;
pub mod registry;
mod rings;
pub mod serve;
pub mod test_keys;
pub mod world;

/// No gateway can be built that has known defects on demand, or believes anything but RSA; those are the simulator's.
const _: () = {
    assert!(!paifang_payment::planted::COMPILED, "a gateway does not build with the feature `planted`");
    assert!(!paifang_rail::stand_in::COMPILED, "a gateway does not build with the feature `stand-in`");
};

#[cfg(test)]
mod testing;
