//! The runtime of one pod, a process of its own: it makes the pod's namespaces, runs its containers as processes in
//! them in the order that a kubelet would, and takes orders from the demo on standard input.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe;
use tokio::net::{TcpStream, UnixListener};
use tokio::process::{Child, Command};

use super::containers::Container;
use super::exec;
use super::isolation::{self, Isolation};
use super::network::{PodAddresses, bridge};

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
/// How long a container may take to start.
const STARTUP: Duration = Duration::from_secs(20);

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
    let mut processes = Processes {
        spec,
        running: BTreeMap::new(),
    };
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

struct Processes {
    spec: PodSpec,
    running: BTreeMap<String, Child>,
}

impl Processes {
    async fn configure_network(&self) -> anyhow::Result<()> {
        match self.spec.isolation {
            Isolation::Root | Isolation::User => {
                bridge::configure_pod(self.spec.addresses.pod).await
            }
            Isolation::Ports => Ok(()),
        }
    }

    /// Starts the containers in order: an init container runs to its end, a sidecar until it is ready; then waits
    /// until all are ready.
    async fn start(&mut self, with_init: bool) -> anyhow::Result<()> {
        let containers = self.spec.containers.clone();
        for container in containers
            .iter()
            .filter(|container| with_init || !container.init)
        {
            let mut child = self.spawn(container)?;
            if container.init {
                let status = child.wait().await?;
                if !status.success() {
                    bail!(
                        "container {} ended with {status}: {}",
                        container.name,
                        self.log_tail(&container.name)
                    );
                }
                continue;
            }
            self.running.insert(container.name.clone(), child);
            if container.sidecar {
                self.wait_until_ready(container).await?;
            }
        }
        for container in containers
            .iter()
            .filter(|container| !container.init && !container.sidecar)
        {
            self.wait_until_ready(container).await?;
        }
        say(&Event::Running);
        Ok(())
    }

    fn spawn(&self, container: &Container) -> anyhow::Result<Child> {
        let log = if self.spec.verbose {
            Stdio::inherit()
        } else {
            File::options()
                .create(true)
                .append(true)
                .open(self.log(&container.name))?
                .into()
        };
        let argv = match self.spec.isolation {
            Isolation::Root | Isolation::User => container.argv.clone(),
            Isolation::Ports => contained(&self.spec.program, &container.argv),
        };
        let (program, arguments) = argv
            .split_first()
            .context("a container without a command")?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .envs(&container.env)
            .process_group(0) // killed as a whole
            .kill_on_drop(true);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log);
        let may_choose = self.spec.isolation == Isolation::Root;
        if let Some(user) = container.user.filter(|_| may_choose) {
            // capture rules that cannot go by the proxy's user, because it is root, go by its group
            command.uid(user).gid(container.group.unwrap_or(user));
        }
        let mut child = command
            .spawn()
            .with_context(|| format!("container {}: cannot run {program}", container.name))?;
        let lines = child.stdout.take().context("standard output is piped")?;
        tokio::spawn(repeat_lines(container.name.clone(), lines));
        Ok(child)
    }

    async fn wait_until_ready(&mut self, container: &Container) -> anyhow::Result<()> {
        let Some((address, path)) = &container.startup else {
            return Ok(());
        };
        let deadline = tokio::time::Instant::now() + STARTUP;
        while !is_ready(*address, path).await {
            if let Some(status) = self
                .running
                .get_mut(&container.name)
                .map(Child::try_wait)
                .transpose()?
                .flatten()
            {
                bail!(
                    "container {} ended with {status}: {}{}",
                    container.name,
                    self.log_tail(&container.name),
                    self.hint(container)
                );
            }
            if tokio::time::Instant::now() > deadline {
                bail!(
                    "container {} does not answer {address} after {STARTUP:?}: {}{}",
                    container.name,
                    self.log_tail(&container.name),
                    self.hint(container)
                );
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// What an application must know where nothing is captured.
    fn hint(&self, container: &Container) -> &'static str {
        match self.spec.isolation {
            Isolation::Ports if !container.sidecar => {
                "\nwith explicit ports it must listen on the address in the variable LISTEN_ADDRESS; the sidecar has the pod's own, \
                 and of two programs that listen on every address one gets the port"
            }
            Isolation::Ports | Isolation::Root | Isolation::User => "",
        }
    }

    async fn kill(&mut self) -> anyhow::Result<()> {
        // all of them before the first is waited for; a process that has ended by itself has no group any more
        for group in self.running.values().filter_map(Child::id) {
            let _ = killpg(Pid::from_raw(i32::try_from(group)?), Signal::SIGKILL);
        }
        for (_, mut child) in std::mem::take(&mut self.running) {
            child.wait().await?;
        }
        Ok(())
    }

    /// The next container that ends by itself.
    async fn ended(&mut self) -> anyhow::Result<(String, String)> {
        loop {
            for (name, child) in &mut self.running {
                if let Some(status) = child.try_wait()? {
                    let name = name.clone();
                    self.running.remove(&name);
                    let tail = self.log_tail(&name);
                    let last = tail.lines().last().map(|line| format!(": {line}"));
                    return Ok((name, format!("{status}{}", last.unwrap_or_default())));
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn log(&self, container: &str) -> PathBuf {
        self.spec.dir.join(format!("{container}.log"))
    }

    fn log_tail(&self, container: &str) -> String {
        let text = std::fs::read_to_string(self.log(container)).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }
}

async fn repeat_lines(container: String, lines: impl tokio::io::AsyncRead + Unpin) {
    let mut lines = BufReader::new(lines).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        say(&Event::Line {
            container: container.clone(),
            line,
        });
    }
}

async fn is_ready(address: SocketAddrV4, path: &str) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(address).await?;
        stream
            .write_all(
                format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")
                    .as_bytes(),
            )
            .await?;
        let mut head = [0; 12];
        stream.read_exact(&mut head).await?;
        std::io::Result::Ok(head)
    };
    matches!(tokio::time::timeout(Duration::from_secs(1), ask).await, Ok(Ok(head)) if head.ends_with(b" 200"))
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
