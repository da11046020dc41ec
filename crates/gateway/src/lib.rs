//! The gateway as a library: everything that names a concrete store, rail, runtime or socket.
#![forbid(unsafe_code)]

pub mod apikey;
pub mod grpc;
pub mod reasons;
