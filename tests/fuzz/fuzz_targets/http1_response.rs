//! Heads of HTTP/1 responses.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tulle_tests::fuzz::http1::response(data));
