//! `tulle-control-plane`: see `--help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    tulle_control_plane::app::run(std::env::args_os())
}
