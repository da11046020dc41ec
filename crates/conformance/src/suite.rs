//! What implementations have to do, one module per port.

pub mod store;
