//! What the user asks for.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::exchange::{Exchange, Heads};
use crate::load::Life;
use crate::project::Project;

const EXAMPLES: &str = "\
Examples:
  cargo run --release -p tulle-bench -- compare                        everything, three quarters of an hour
  cargo run --release -p tulle-bench -- compare --quick                the same as a smoke test
  cargo run --release -p tulle-bench -- compare -s h1,mtls-h1 -p tulle,envoy
  cargo run --release -p tulle-bench -- compare --proxy old=a/tulle-proxy --proxy new=b/tulle-proxy
  tulle-bench backend --listen 127.0.0.1:8080 & tulle-bench load --to 127.0.0.1:8080 --rate 3000";

/// Measure Tulle beside its peers.
#[derive(Debug, Parser)]
#[command(name = "tulle-bench", version, after_help = EXAMPLES)]
pub(crate) struct Flags {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run scenarios against every peer in turns; tables here, JSON and HTML in a folder
    Compare(CompareFlags),
    /// List the scenarios
    Scenarios,
    /// Only the load generator, against an address
    Load(LoadFlags),
    /// Only the backend
    Backend(BackendFlags),
    /// Only the forwarder that is the floor of comparisons, as a file says
    Forward {
        /// For example {"listen":"127.0.0.1:8081","to":"127.0.0.1:8080","means":"splice"}
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CompareFlags {
    /// Scenarios, by name or beginning of name, separated by commas; all by default
    #[arg(short, long = "scenario", value_name = "NAMES", value_delimiter = ',')]
    pub(crate) scenarios: Vec<String>,
    /// Peers, separated by commas
    #[arg(short, long = "peer", value_name = "PEERS", value_delimiter = ',', default_values_t = ["direct", "floor", "tulle", "envoy", "haproxy", "nginx"].map(str::to_owned))]
    pub(crate) peers: Vec<String>,
    /// A build of tulle-proxy; several are told apart by names; by default it is built
    #[arg(long = "proxy", value_name = "[NAME=]FILE")]
    pub(crate) proxies: Vec<String>,
    /// Runs of each row [default: 5]
    #[arg(long)]
    pub(crate) rounds: Option<usize>,
    /// Seconds of each run [default: 2]
    #[arg(long)]
    pub(crate) seconds: Option<f64>,
    /// One short run of each, without system calls
    #[arg(long)]
    pub(crate) quick: bool,
    /// Leave out the pass that counts system calls
    #[arg(long)]
    pub(crate) no_system_calls: bool,
    /// The checkout whose peers and target folder are used; by default the one around the working directory
    #[arg(long, value_name = "FOLDER")]
    pub(crate) project: Option<PathBuf>,
    /// Folder of the report [default: target/bench]
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
}

impl CompareFlags {
    /// Rounds and seconds of each run.
    pub(crate) fn lengths(&self) -> (usize, f64) {
        let (rounds, seconds) = if self.quick { (1, 0.5) } else { (5, 2.0) };
        (
            self.rounds.unwrap_or(rounds).max(1),
            self.seconds.unwrap_or(seconds).max(0.05),
        )
    }

    pub(crate) fn counts_system_calls(&self) -> bool {
        !self.quick && !self.no_system_calls
    }

    /// Where the report goes.
    pub(crate) fn folder(&self, project: &anyhow::Result<Project>) -> anyhow::Result<PathBuf> {
        match (&self.out, project) {
            (Some(out), _) => Ok(out.clone()),
            (None, Ok(project)) => Ok(project.reports()),
            (None, Err(error)) => {
                anyhow::bail!("{error:#}; or say where the report goes with --out")
            }
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct LoadFlags {
    /// Where to connect
    #[arg(long)]
    pub(crate) to: SocketAddr,
    /// What to say
    #[arg(long, value_enum, default_value_t = Spoken::Http1)]
    pub(crate) exchange: Spoken,
    #[arg(long, default_value_t = 64)]
    pub(crate) connections: usize,
    /// Requests at a time on each connection, HTTP/2 only
    #[arg(long, default_value_t = 1)]
    pub(crate) streams: usize,
    /// Requests per second, whether or not earlier ones are answered; as fast as answers come by default
    #[arg(long)]
    pub(crate) rate: Option<f64>,
    /// A new connection for each exchange
    #[arg(long)]
    pub(crate) churn: bool,
    #[arg(long, default_value_t = 5.0)]
    pub(crate) seconds: f64,
}

impl LoadFlags {
    pub(crate) fn life(&self) -> Life {
        if self.churn {
            Life::OneExchange
        } else {
            Life::Kept
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct BackendFlags {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// What to answer
    #[arg(long, value_enum, default_value_t = Spoken::Http1)]
    pub(crate) exchange: Spoken,
    /// Stay on the core where `compare` has its backend
    #[arg(long)]
    pub(crate) pin: bool,
}

/// What generator and backend say to each other.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Spoken {
    /// GET, 1 KiB back
    Http1,
    /// GET with prior knowledge, 1 KiB back
    Http2,
    /// Unary calls
    Grpc,
    /// 1 KiB there and back over TCP
    Echo,
    /// Bytes without end over TCP
    Download,
}

impl Spoken {
    pub(crate) fn exchange(self) -> Exchange {
        match self {
            Spoken::Http1 => Exchange::Http1 {
                heads: Heads::Short,
                response: 1024,
            },
            Spoken::Http2 => Exchange::Http2 { response: 1024 },
            Spoken::Grpc => Exchange::Grpc,
            Spoken::Echo => Exchange::Echo { size: 1024 },
            Spoken::Download => Exchange::Download,
        }
    }
}
