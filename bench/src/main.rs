//! `tulle-bench`: what the proxy costs, measured on this machine.

mod baseline;
mod process;
mod traffic;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

/// Measure what the proxy costs.
#[derive(Debug, Parser)]
#[command(
    name = "tulle-bench",
    version,
    after_help = "Example:\n  cargo build --release -p tulle-proxy && cargo run --release -p tulle-bench -- baseline"
)]
struct Flags {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One hop, plain HTTP/1.1, against no proxy at all: latency, CPU per request, memory, time to readiness
    Baseline {
        /// The proxy; by default the one beside this program
        #[arg(long, value_name = "FILE")]
        proxy: Option<PathBuf>,
        /// Connections that send as fast as they are answered
        #[arg(long, default_value_t = 32)]
        connections: usize,
        /// Seconds for each of the alternating runs
        #[arg(long, default_value_t = 3)]
        seconds: u64,
        /// Runs of each kind
        #[arg(long, default_value_t = 3)]
        rounds: usize,
    },
}

fn main() -> anyhow::Result<()> {
    let Command::Baseline {
        proxy,
        connections,
        seconds,
        rounds,
    } = Flags::parse().command;
    let proxy = match proxy {
        Some(proxy) => proxy,
        None => std::env::current_exe()?.with_file_name("tulle-proxy"),
    };
    let plan = baseline::Plan {
        proxy,
        connections,
        length: Duration::from_secs(seconds),
        rounds,
    };
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(plan.run())
}
