//! Node ids and node metadata.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tulle_tests::fuzz::node(data));
