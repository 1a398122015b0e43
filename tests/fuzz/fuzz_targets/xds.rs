//! Resources and requests of xDS.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tulle_tests::fuzz::xds(data));
