//! Names of resources and identities of workloads.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tulle_tests::fuzz::names(data));
