//! Entry point of `tulle-injector`.

use std::process::ExitCode;

fn main() -> ExitCode {
    tulle_injector::cli::main(std::env::args())
}
