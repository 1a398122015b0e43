//! Entry point of `tulle`, the whole mesh in one program.

mod inject;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The Tulle service mesh in one program.
#[derive(Parser)]
#[command(name = "tulle", version)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Inject(inject::InjectArgs),
}

fn main() -> ExitCode {
    let outcome = match Program::parse().command {
        Command::Inject(args) => inject::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
