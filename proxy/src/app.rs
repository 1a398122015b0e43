//! The wiring: flags become a configuration, everything is bound, then everything runs.

use std::process::ExitCode;

mod version;

pub use version::VERSION;

/// Runs `tulle-proxy` with a command line, the first word of which is the program.
pub fn run(args: impl IntoIterator<Item = String>) -> ExitCode {
    let _ = args;
    ExitCode::SUCCESS
}
