//! `tulle`: the whole mesh in one binary, and the command line of its users.

use std::iter;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod app;
mod demo;
mod explain;
mod inject;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const EXAMPLES: &str = "\
Examples:
  tulle demo                                            a whole mesh on this machine, until Ctrl-C
  tulle demo --for 30s --json                           the same, with a verdict
  tulle demo --config my-yaml/                          your own Services, Pods and VirtualServices
  tulle explain --from client --to http://server/cart   which rule, cluster and endpoint, and why
  tulle exec client -- curl -s http://server/           a command in a pod of the running demo
  tulle inject -f deployment.yaml                       show what injection makes of a workload
  tulle token create --namespace shop --service-account cart --data-dir /var/lib/tulle";

#[derive(Debug, Parser)]
#[command(name = "tulle", version = tulle_proxy::VERSION, about = "The Tulle service mesh", after_help = EXAMPLES)]
struct Flags {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a whole mesh on this machine: control plane, sidecars, services, traffic, a canary, a failure
    Demo(demo::DemoFlags),
    /// Explain what happens to a request, by the proxy that would serve it
    Explain(explain::ExplainFlags),
    /// Run a command in a pod of the running demo
    Exec(demo::ExecFlags),
    /// Add the sidecar to pods and workloads
    Inject(inject::InjectArgs),
    /// Make join tokens for workloads outside Kubernetes
    #[command(subcommand)]
    Token(TokenCommand),
    /// Run a small application of the demo
    #[command(subcommand, hide = true)]
    App(app::App),
    /// Run one pod of the demo
    #[command(hide = true)]
    DemoPod {
        /// What the pod is
        spec: std::path::PathBuf,
    },
    /// Try out whether the demo can have namespaces
    #[command(hide = true)]
    DemoProbe { isolation: demo::Isolation },
    /// Run a program of the demo that ends with its parent
    #[command(hide = true)]
    DemoContained {
        /// The parent
        #[arg(long)]
        parent: i32,
        /// Program and arguments
        #[arg(last = true)]
        argv: Vec<std::ffi::OsString>,
    },
    /// The sidecar proxy (tulle-proxy); `tulle proxy --help` shows its flags
    Proxy,
    /// The control plane (tulle-control-plane); `tulle control-plane --help` shows its flags
    ControlPlane,
    /// The injector (tulle-injector); `tulle injector --help` shows its flags
    Injector,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Print a signed token by which a workload proves its service account to the control plane
    #[command(after_help = "Examples:
  tulle token create --namespace shop --service-account cart --data-dir /var/lib/tulle
  tulle token create -n shop --service-account cart --ttl 168h --data-dir /var/lib/tulle")]
    Create(tulle_control_plane::token::Create),
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let part = args.get(1).map(String::as_str);
    // the part's own help is to show how it was called
    let name = format!("tulle {}", part.unwrap_or_default());
    let rest = || iter::once(name.clone()).chain(args.iter().skip(2).cloned());
    match part {
        Some("proxy") => return tulle_proxy::run(rest(), || {}),
        Some("control-plane") => {
            let rest = std::env::args_os().skip(2);
            return tulle_control_plane::app::run(iter::once(name.into()).chain(rest));
        }
        Some("injector") => return tulle_injector::cli::main(rest()),
        _ => {}
    }
    match run(Flags::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("tulle: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let done = |outcome: anyhow::Result<()>| outcome.map(|()| ExitCode::SUCCESS);
    match command {
        Command::Demo(flags) => demo::run(flags),
        Command::DemoPod { spec } => done(demo::run_pod(&spec)),
        Command::DemoProbe { isolation } => done(demo::probe(isolation)),
        Command::DemoContained { parent, argv } => done(demo::contain(parent, &argv)),
        Command::Exec(flags) => demo::exec(flags),
        Command::Explain(flags) => explain::run(&flags),
        Command::Inject(flags) => done(inject::run(&flags)),
        Command::Token(TokenCommand::Create(create)) => {
            println!("{}", create.run()?);
            Ok(ExitCode::SUCCESS)
        }
        Command::App(app) => done(app::run(app)),
        Command::Proxy | Command::ControlPlane | Command::Injector => {
            unreachable!("taken before the flags are parsed")
        }
    }
}
