//! The containers of a pod as processes.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::{Event, PodSpec, contained, say};
use crate::demo::containers::Container;
use crate::demo::isolation::Isolation;
use crate::demo::network::bridge;

/// How long a container may take to start.
const STARTUP: Duration = Duration::from_secs(20);

/// The containers of a pod that run, as processes.
pub(super) struct Processes {
    pub(super) spec: PodSpec,
    running: BTreeMap<String, Child>,
}

impl Processes {
    /// None yet.
    pub(super) fn new(spec: PodSpec) -> Self {
        let running = BTreeMap::new();
        Self { spec, running }
    }

    pub(super) async fn configure_network(&self) -> anyhow::Result<()> {
        match self.spec.isolation {
            Isolation::Root | Isolation::User => {
                bridge::configure_pod(self.spec.addresses.pod).await
            }
            Isolation::Ports => Ok(()),
        }
    }

    /// Starts the containers in order: an init container runs to its end, a sidecar until it is ready; then waits
    /// until all are ready.
    pub(super) async fn start(&mut self, with_init: bool) -> anyhow::Result<()> {
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

    pub(super) async fn kill(&mut self) -> anyhow::Result<()> {
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
    pub(super) async fn ended(&mut self) -> anyhow::Result<(String, String)> {
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
