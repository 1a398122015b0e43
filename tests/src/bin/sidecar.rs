//! The proxy as a program that the tests of this crate can start, whatever else was built.

use std::process::ExitCode;

fn main() -> ExitCode {
    tulle_proxy::run(std::env::args(), || {})
}
