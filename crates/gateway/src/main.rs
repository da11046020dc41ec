//! The `paifang` binary.
#![forbid(unsafe_code)]

fn main() {}
