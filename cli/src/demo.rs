//! `tulle demo`: a whole mesh on this machine, on real captured traffic, that leaves nothing behind.
//!
//! The outer process opens a door for `tulle explain`, then leaves for namespaces of its own ([`isolation`]) and starts
//! the inner process there, which is PID 1 of its PID namespace: when either ends, however it ends, the kernel takes
//! everything else along. The inner process runs the control plane and one pod runtime ([`pod`]) for each pod. Where
//! namespaces cannot be had, pods are told apart by loopback addresses, and both processes clean up.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

mod containers;
mod door;
mod exec;
mod isolation;
mod kubelet;
mod manifest;
mod mesh;
mod network;
mod pod;
mod registry;
mod story;
mod view;

pub(crate) use door::{DemoName, Visit, ask};
pub(crate) use exec::{ExecFlags, run as exec};
pub(crate) use isolation::{Isolation, contain, probe};
pub(crate) use pod::run as run_pod;

/// Flags of `tulle demo`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tulle demo                                    until Ctrl-C
  tulle demo --for 30s --json                   with a verdict, as exit code and as JSON
  tulle demo --config my-yaml/                  your own Services, Pods and VirtualServices
  tulle demo --isolation ports --demo second    without any privilege, beside another demo")]
pub(crate) struct DemoFlags {
    /// Run your own YAML: each Pod or pod template becomes a network namespace (with explicit ports a set of loopback
    /// addresses) in which its command runs; it listens on $(LISTEN_ADDRESS) and finds services as in Kubernetes
    #[arg(long, value_name = "DIR")]
    config: Option<PathBuf>,
    /// End after this long, with exit code 1 unless mTLS, the canary shift, the failover and the explanation were seen
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    duration: Option<Duration>,
    /// Print what was seen as JSON at the end, and nothing else on standard output
    #[arg(long)]
    json: bool,
    /// Show the logs of the control plane and the sidecars
    #[arg(long, short)]
    verbose: bool,
    /// How pods are kept apart
    #[arg(long, value_enum, default_value = "auto")]
    isolation: isolation::Wanted,
    #[command(flatten)]
    name: DemoName,
    /// The demo's own second stage
    #[arg(long, hide = true)]
    inner: Option<isolation::Isolation>,
    /// The folder of the second stage
    #[arg(long, hide = true)]
    state: Option<PathBuf>,
    /// Why the second stage is run so
    #[arg(long, hide = true)]
    reason: Option<String>,
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    text.parse::<xds_proto::mesh::Duration>()
        .map(Into::into)
        .map_err(|error| error.to_string())
}

/// Runs the demo; called before any thread is started, since the namespaces are entered by the calling thread.
pub(crate) fn run(flags: DemoFlags) -> anyhow::Result<ExitCode> {
    match flags.inner {
        None => isolation::enter_and_run(&flags),
        Some(isolation) => story::run(&flags, isolation),
    }
}
