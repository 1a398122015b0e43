//! Entry point of `tulle-injector`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tulle_injector::cli::{self, InjectArgs};

/// The Tulle sidecar injector.
///
/// Injects files. The admission webhook server is not part of this version: run `tulle-injector inject -f FILE`, or `tulle
/// inject`, before `kubectl apply`.
#[derive(Parser)]
#[command(name = "tulle-injector", version)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Inject(InjectArgs),
}

fn main() -> ExitCode {
    let Command::Inject(args) = Program::parse().command;
    match cli::run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
