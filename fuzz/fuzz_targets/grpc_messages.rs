//! See `paifang_fuzz::targets`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| paifang_fuzz::targets::one("grpc_messages", bytes));
