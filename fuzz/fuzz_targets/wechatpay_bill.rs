//! See `paifang_fuzz::targets`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| paifang_fuzz::targets::one("wechatpay_bill", bytes));
