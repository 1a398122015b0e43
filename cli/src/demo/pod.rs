//! The runtime of one pod, a process of its own: it makes the pod's namespaces, runs its containers as processes in
//! them in the order that a kubelet would, and takes orders from the demo on standard input.

mod processes;

use std::collections::BTreeMap;
use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::pipe;
use tokio::net::{TcpStream, UnixListener};

use super::containers::Container;
use super::exec;
use super::isolation::{self, Isolation};
use super::network::PodAddresses;

use self::processes::Processes;

/// What a pod runtime is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PodSpec {
    pub(super) name: String,
    pub(super) addresses: PodAddresses,
    pub(super) isolation: Isolation,
    /// The `tulle` program.
    pub(super) program: String,
    /// Whether logs go to the terminal instead of files.
    pub(super) verbose: bool,
    /// The pod's directory: mounted files, logs and the socket that leads to its admin interface.
    pub(super) dir: PathBuf,
    /// What stands in for the machine's own name service.
    pub(super) files: Option<NameFiles>,
    /// What every process of the application finds in its environment.
    pub(super) variables: BTreeMap<String, String>,
    pub(super) containers: Vec<Container>,
}

/// The pod's `/etc/hosts`, which is the demo's name service, and its `/etc/resolv.conf`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct NameFiles {
    pub(super) hosts: PathBuf,
    pub(super) resolv: PathBuf,
}

/// What a pod runtime says, a JSON line each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Event {
    /// Its namespaces are there: connect them.
    Namespaces,
    /// Every container runs and the sidecar is ready.
    Running,
    /// A line of a container's standard output.
    Line { container: String, line: String },
    /// A container ended by itself.
    Exited { container: String, status: String },
    /// The pod cannot run.
    Failed { reason: String },
    /// The runtime itself has ended; its demo notices.
    Gone,
}

/// What a pod runtime is ordered, a JSON line each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    /// The network is connected: start the containers.
    Start,
    /// Kill every process at once, as the kernel does when memory runs out.
    Kill,
    /// Start the containers again, without the init containers.
    Restart,
}

/// Name of the socket in the pod's directory that leads to its admin interface.
pub(super) const ADMIN_SOCKET: &str = "admin.sock";
/// Name of the socket in the pod's directory over which commands are run in the pod.
pub(super) const EXEC_SOCKET: &str = "exec.sock";
/// Runs a pod until the demo ends; called before any thread is started.
pub(crate) fn run(spec: &Path) -> anyhow::Result<()> {
    isolation::die_with_parent()?;
    let spec: PodSpec = serde_json::from_reader(File::open(spec)?)?;
    if let Some(files) = &spec.files {
        isolation::own_network()?;
        isolation::replace_file(&files.hosts, "/etc/hosts")?;
        isolation::replace_file(&files.resolv, "/etc/resolv.conf")?;
    }
    say(&Event::Namespaces);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(serve(spec));
    if let Err(error) = &outcome {
        say(&Event::Failed {
            reason: format!("{error:#}"),
        });
    }
    outcome
}

/// The command line of a program that ends with the process that starts it, as all do with a PID namespace.
pub(super) fn contained(program: &str, argv: &[String]) -> Vec<String> {
    let parent = std::process::id().to_string();
    let words = [program, "demo-contained", "--parent", &parent, "--"];
    words
        .map(str::to_owned)
        .into_iter()
        .chain(argv.iter().cloned())
        .collect()
}

fn say(event: &Event) {
    println!(
        "{}",
        serde_json::to_string(event).expect("events are plain data")
    );
}

async fn serve(spec: PodSpec) -> anyhow::Result<()> {
    let orders = pipe::Receiver::from_owned_fd(std::io::stdin().as_fd().try_clone_to_owned()?)?;
    let mut orders = BufReader::new(orders).lines();
    let mut processes = Processes::new(spec);
    let admin = UnixListener::bind(processes.spec.dir.join(ADMIN_SOCKET))?;
    tokio::spawn(lead_to_admin(admin, processes.spec.addresses.interfaces));
    let exec = UnixListener::bind(processes.spec.dir.join(EXEC_SOCKET))?;
    tokio::spawn(exec::serve(exec, processes.spec.variables.clone()));
    loop {
        tokio::select! {
            line = orders.next_line() => match line?.map(|line| serde_json::from_str(&line)).transpose()? {
                None => return Ok(()),
                Some(Order::Start) => {
                    processes.configure_network().await?;
                    processes.start(true).await?;
                }
                Some(Order::Restart) => processes.start(false).await?,
                Some(Order::Kill) => processes.kill().await?,
            },
            ended = processes.ended() => {
                let (container, status) = ended?;
                say(&Event::Exited { container, status });
            }
        }
    }
}

/// Leads from the pod's socket, which is reached from outside its network, to its admin interface.
async fn lead_to_admin(listener: UnixListener, host: Ipv4Addr) {
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut admin = TcpStream::connect((host, xds_proto::well_known::port::ADMIN)).await?;
            tokio::io::copy_bidirectional(&mut stream, &mut admin).await
        });
    }
}
