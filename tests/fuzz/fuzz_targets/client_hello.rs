//! The ClientHello of TLS.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tulle_tests::fuzz::client_hello(data));
