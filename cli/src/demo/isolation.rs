//! How the demo keeps its pods apart, and itself from the machine: namespaces as root, namespaces inside an unprivileged
//! user namespace, or, where the machine allows neither, explicit ports on loopback addresses.

use std::fmt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, ExitStatus};

use anyhow::Context;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::{Pid, Uid};

use super::{DemoFlags, door};

mod namespaces;
mod ports;

pub(crate) use namespaces::probe;
pub(super) use namespaces::{own_network, replace_file};
pub(crate) use ports::contain;

/// The ways, best first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Isolation {
    /// Namespaces, as root; the proxies run as user 1337.
    Root,
    /// Namespaces inside a user namespace with one user; the proxies' own traffic carries a socket mark.
    User,
    /// Loopback addresses, without any capture.
    Ports,
}

/// What the user asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Wanted {
    /// The best that this machine allows
    Auto,
    /// Network namespaces with redirect rules, as root
    Namespaces,
    /// The same in a user namespace, without root
    User,
    /// Explicit ports on loopback addresses, without any privilege
    Ports,
}

impl Isolation {
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Root => "network namespaces with redirect rules, as root",
            Self::User => {
                "network namespaces with redirect rules, in an unprivileged user namespace"
            }
            Self::Ports => "explicit ports on loopback addresses, nothing is captured",
        }
    }

    /// What a user must know before anything runs.
    pub(crate) fn warning(self) -> Option<&'static str> {
        match self {
            Self::Root | Self::User => None,
            Self::Ports => Some(
                "every user of this machine can do what the pods may: loopback addresses have no owner",
            ),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::User => "user",
            Self::Ports => "ports",
        }
    }
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What was chosen, and why nothing better.
struct Choice {
    isolation: Isolation,
    reason: Option<String>,
}

impl Choice {
    fn of(isolation: Isolation) -> Self {
        Self {
            isolation,
            reason: None,
        }
    }
}

/// Takes what the user wants; of what is automatic the best that works.
fn choose(wanted: Wanted) -> anyhow::Result<Choice> {
    let candidates: &[Isolation] = match wanted {
        Wanted::Namespaces => return Ok(Choice::of(Isolation::Root)),
        Wanted::User => return Ok(Choice::of(Isolation::User)),
        Wanted::Ports => return Ok(Choice::of(Isolation::Ports)),
        Wanted::Auto if Uid::effective().is_root() => &[Isolation::Root, Isolation::User],
        Wanted::Auto => &[Isolation::User],
    };
    let mut refused = Vec::new();
    for isolation in candidates {
        match try_out(*isolation)? {
            Ok(()) => return Ok(Choice::of(*isolation)),
            Err(reason) => refused.push(reason),
        }
    }
    Ok(Choice {
        isolation: Isolation::Ports,
        reason: Some(refused.join("; ")),
    })
}

/// Tries namespaces out in a process of its own: one that has left for them cannot come back.
fn try_out(isolation: Isolation) -> anyhow::Result<Result<(), String>> {
    let output = Command::new("/proc/self/exe")
        .arg0("tulle")
        .args(["demo-probe", isolation.as_str()])
        .output()
        .context("cannot try out what this machine allows")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let reason = || said.trim().trim_start_matches("tulle: ").to_owned();
    Ok(output.status.success().then_some(()).ok_or_else(reason))
}

/// Enters what was chosen and runs the inner process in it.
pub(super) fn enter_and_run(flags: &DemoFlags) -> anyhow::Result<ExitCode> {
    let door = door::open(&flags.name)?; // before the namespaces are left: abstract sockets belong to the network namespace
    let config = flags.config.as_ref().map(|dir| {
        dir.canonicalize()
            .with_context(|| format!("--config {}", dir.display()))
    });
    let config = config.transpose()?;
    let choice = choose(flags.isolation)?;
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0("tulle")
        .args(["demo", "--inner", choice.isolation.as_str()]);
    let state = match choice.isolation {
        Isolation::Root | Isolation::User => {
            namespaces::enter(choice.isolation)?;
            None
        }
        Isolation::Ports => {
            ports::adopt_orphans()?;
            let state = ports::State::make()?;
            command.arg("--state").arg(state.dir());
            Some(state)
        }
    };
    if let Some(reason) = &choice.reason {
        command.args(["--reason", reason]);
    }
    if let Some(dir) = config {
        command.arg("--config").arg(dir);
    }
    if let Some(duration) = flags.duration {
        command
            .arg("--for")
            .arg(format!("{}ms", duration.as_millis()));
    }
    command
        .args(flags.json.then_some("--json"))
        .args(flags.verbose.then_some("--verbose"));
    if let Some(door) = &door {
        door::pass_on(door, &mut command)?;
    }
    let mut inner = command
        .spawn()
        .context("cannot start the second stage of the demo")?;
    let status = wait_and_forward_signals(&mut inner)?;
    if state.is_some() {
        ports::end_descendants();
    }
    drop((state, door));
    Ok(ExitCode::from(
        u8::try_from(status.code().unwrap_or(1)).unwrap_or(1),
    ))
}

/// Waits for the inner process and passes on what should end it; Ctrl-C in a terminal reaches it by itself, too.
fn wait_and_forward_signals(inner: &mut Child) -> anyhow::Result<ExitStatus> {
    let signals: SigSet = [
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGCHLD,
    ]
    .into_iter()
    .collect();
    signals.thread_block()?; // before the first look at the child, so that its end is never missed
    loop {
        if let Some(status) = inner.try_wait()? {
            return Ok(status);
        }
        let signal = signals.wait()?;
        if signal != Signal::SIGCHLD {
            let pid = Pid::from_raw(i32::try_from(inner.id()).context("process ids are positive")?);
            let _ = kill(pid, Signal::SIGTERM); // it may have ended in between
        }
    }
}

/// Where the inner process keeps its files; they are gone when this is dropped, or with the mount namespace.
pub(super) struct Settled {
    pub(super) dir: PathBuf,
    state: Option<ports::State>,
}

impl Drop for Settled {
    fn drop(&mut self) {
        if self.state.is_some() {
            ports::end_descendants();
        }
    }
}

/// Prepares the inner process: it ends with the outer one and has a place of its own.
pub(super) fn settle(isolation: Isolation, state: Option<PathBuf>) -> anyhow::Result<Settled> {
    match isolation {
        Isolation::Root | Isolation::User => Ok(Settled {
            dir: namespaces::settle()?,
            state: None,
        }),
        Isolation::Ports => {
            // this process cleans up, so it is asked to end, not killed
            nix::sys::prctl::set_pdeathsig(Signal::SIGTERM)
                .context("cannot tie the demo to its parent")?;
            ports::adopt_orphans()?;
            let dir = state.context("--inner ports needs --state; start the demo without both")?;
            Ok(Settled {
                state: Some(ports::State::share(&dir)?),
                dir,
            })
        }
    }
}

/// Ties a pod runtime to the inner process.
pub(super) fn die_with_parent() -> anyhow::Result<()> {
    Ok(nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?)
}
