//! The door of a running demo: an abstract Unix socket in the network namespace of the user, through which
//! `tulle explain` and `tulle exec` reach the pods. It leaves no file behind, and no permissions guard it: both sides
//! ask the kernel who the other is.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::Uid;
use serde::{Deserialize, Serialize};

use super::mesh::{Ways, ask_admin};
use crate::explain::Asked;

/// What a visitor wants, one JSON document.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Visit {
    /// What becomes of a request.
    Explain {
        /// The pod that sends it.
        pod: String,
        /// What it sends.
        request: Asked,
    },
    /// A command to run in a pod.
    Exec {
        /// The pod.
        pod: String,
        /// Program and arguments.
        argv: Vec<String>,
    },
}

/// Name of the demo that is meant where several run; the default one has none.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct DemoName {
    /// Name of the demo, where several run at once
    #[arg(long = "demo", value_name = "NAME", default_value = "")]
    pub(crate) name: String,
}

fn address(demo: &DemoName) -> std::io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("tulle-demo-{}-{}", Uid::effective(), demo.name))
}

/// Opens the door; `None` where another demo of this user has it already.
pub(super) fn open(demo: &DemoName) -> anyhow::Result<Option<UnixListener>> {
    match UnixListener::bind_addr(&address(demo)?) {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            eprintln!(
                "another demo of this name is running: `tulle explain` will ask that one; give this one a name with --demo"
            );
            Ok(None)
        }
        Err(error) => Err(error).context("cannot open the door for `tulle explain`"),
    }
}

/// Hands the door to the inner process, as its standard input.
pub(super) fn pass_on(door: &UnixListener, command: &mut Command) -> anyhow::Result<()> {
    let fd: OwnedFd = door.as_fd().try_clone_to_owned()?;
    command.stdin(Stdio::from(fd));
    Ok(())
}

/// The door that this process was handed, if standard input is one.
fn take() -> anyhow::Result<Option<tokio::net::UnixListener>> {
    let fd = std::io::stdin().as_fd().try_clone_to_owned()?;
    let is_listener = getsockopt(&fd, sockopt::AcceptConn).unwrap_or(false);
    if !is_listener {
        return Ok(None);
    }
    let listener = UnixListener::from(fd);
    listener.set_nonblocking(true)?;
    Ok(Some(tokio::net::UnixListener::from_std(listener)?))
}

/// Answers `tulle explain` and `tulle exec` as long as the demo runs.
pub(super) async fn serve(sockets: BTreeMap<String, PodSockets>) {
    let Ok(Some(listener)) = take() else {
        return;
    };
    let sockets = Arc::new(sockets);
    while let Ok((stream, _)) = listener.accept().await {
        let sockets = sockets.clone();
        // a broken visitor only loses its own answer
        tokio::spawn(async move { answer(stream, &sockets).await });
    }
}

/// The sockets of a pod.
#[derive(Debug, Clone)]
pub(super) struct PodSockets {
    /// Leads to port 15000 of the pod.
    pub(super) admin: PathBuf,
    /// Runs commands in the pod.
    pub(super) exec: PathBuf,
    /// How the pod reaches services.
    pub(super) ways: Ways,
}

impl PodSockets {
    /// Asks the sidecar what becomes of a request.
    pub(super) async fn explain(&self, asked: &Asked) -> anyhow::Result<String> {
        let path = asked.path(self.ways.dial(&asked.uri()?));
        ask_admin(&self.admin, &path).await
    }
}

/// Whether the other side belongs to this user or to root. In a user namespace every user but its own appears as one
/// that is neither, root outside too.
fn is_trusted(peer: &impl AsFd) -> std::io::Result<bool> {
    let peer = Uid::from_raw(getsockopt(peer, sockopt::PeerCredentials)?.uid());
    Ok(peer.is_root() || peer == Uid::effective())
}

/// Answers one visitor: what it asked for, or what is wrong. A visitor of another user is not even heard.
async fn answer(
    mut stream: tokio::net::UnixStream,
    sockets: &BTreeMap<String, PodSockets>,
) -> anyhow::Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    if !is_trusted(&stream)? {
        return Ok(turn_away(stream).await?);
    }
    let mut request = String::new();
    (&mut stream)
        .take(1 << 20)
        .read_to_string(&mut request)
        .await?;
    let answer = visit(serde_json::from_str(&request)?, sockets).await;
    let text = match answer {
        Ok(text) => format!("ok\n{text}"),
        Err(reason) => format!("error\n{reason:#}"),
    };
    Ok(stream.write_all(text.as_bytes()).await?)
}

/// Says why nothing is done. What the visitor sends is thrown away: a socket that is closed with something unread takes
/// the answer along.
async fn turn_away(mut stream: tokio::net::UnixStream) -> std::io::Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    stream
        .write_all(b"error\nthis demo belongs to another user")
        .await?;
    stream.shutdown().await?;
    let mut rest = stream.take(1 << 20);
    let mut nowhere = tokio::io::sink();
    let unread = tokio::io::copy(&mut rest, &mut nowhere);
    // who stays silent for long has read the answer by then
    let _ = tokio::time::timeout(Duration::from_secs(5), unread).await;
    Ok(())
}

async fn visit(visit: Visit, sockets: &BTreeMap<String, PodSockets>) -> anyhow::Result<String> {
    let find = |pod: &str| {
        let names = || {
            sockets
                .keys()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", ")
        };
        sockets
            .get(pod)
            .with_context(|| format!("there is no pod {pod}; there are {}", names()))
    };
    match visit {
        Visit::Explain { pod, request } => find(&pod)?.explain(&request).await,
        Visit::Exec { pod, argv } => super::exec::ask(&find(&pod)?.exec, &argv).await,
    }
}

/// Asks the running demo.
///
/// # Errors
/// When no demo runs, the pod does not exist or it refuses.
pub(crate) fn ask(demo: &DemoName, visit: &Visit) -> anyhow::Result<String> {
    let none = "no demo is running; start one with `tulle demo`";
    let mut stream = UnixStream::connect_addr(&address(demo)?).context(none)?;
    if !is_trusted(&stream)? {
        bail!(
            "another user has taken the place of this demo; start yours with another name (--demo)"
        );
    }
    stream.write_all(&serde_json::to_vec(visit)?)?;
    stream.shutdown(Shutdown::Write)?;
    let mut reader = BufReader::new(stream);
    let (mut verdict, mut answer) = (String::new(), String::new());
    reader.read_line(&mut verdict)?;
    reader.read_to_string(&mut answer)?;
    if verdict.trim() == "ok" {
        Ok(answer)
    } else {
        bail!("{}", answer.trim())
    }
}
