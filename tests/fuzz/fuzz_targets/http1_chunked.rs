//! Chunked bodies of HTTP/1.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tulle_tests::fuzz::http1::chunked(data));
