//! The header of the PROXY protocol.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tulle_tests::fuzz::proxy_protocol(data));
