//! Records of TLS behind a handshake.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tulle_tests::fuzz::tls::records(data));
