//! How the demo keeps to itself: namespaces as root, or namespaces inside an unprivileged user namespace. A machine
//! that allows neither cannot run it, and is told so.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, ExitStatus};

use anyhow::Context;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::{Gid, Pid, Uid};

use super::{DemoFlags, door};

/// The two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Isolation {
    /// Namespaces, as root; the proxies run as user 1337.
    Root,
    /// Namespaces inside a user namespace with one user; the proxies' own traffic carries a socket mark.
    User,
}

impl Isolation {
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Root => "network namespaces with redirect rules, as root",
            Self::User => {
                "network namespaces with redirect rules, in an unprivileged user namespace"
            }
        }
    }
}

/// Where the inner process keeps its files: an empty file system of its own, gone with the mount namespace.
pub(crate) const STATE: &str = "/mnt";

/// Enters the namespaces and runs the inner process in them.
pub(super) fn enter_and_run(flags: &DemoFlags) -> anyhow::Result<ExitCode> {
    let door = door::open(&flags.name)?; // before the namespaces are left: abstract sockets belong to the network namespace
    let config = flags.config.as_ref().map(|dir| {
        dir.canonicalize()
            .with_context(|| format!("--config {}", dir.display()))
    });
    let config = config.transpose()?;
    let isolation = enter()?;
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0("tulle")
        .args(["demo", "--inner", isolation.as_str()]);
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
    drop(door);
    Ok(ExitCode::from(
        u8::try_from(status.code().unwrap_or(1)).unwrap_or(1),
    ))
}

impl Isolation {
    fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::User => "user",
        }
    }
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

const NAMESPACES: CloneFlags = CloneFlags::CLONE_NEWNS
    .union(CloneFlags::CLONE_NEWNET)
    .union(CloneFlags::CLONE_NEWPID)
    .union(CloneFlags::CLONE_NEWUTS);

/// Leaves for namespaces in which the next child is PID 1, in the best way that the machine allows.
fn enter() -> anyhow::Result<Isolation> {
    if Uid::effective().is_root() && unshare(NAMESPACES).is_ok() {
        return Ok(Isolation::Root);
    }
    let (uid, gid) = (Uid::effective(), Gid::effective());
    if unshare(CloneFlags::CLONE_NEWUSER | NAMESPACES).is_ok() && map_to_root(uid, gid).is_ok() {
        return Ok(Isolation::User);
    }
    anyhow::bail!(
        "this machine allows neither root nor unprivileged user namespaces, and the demo needs one of them; run it with \
         sudo, or allow user namespaces (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns)"
    )
}

fn map_to_root(uid: Uid, gid: Gid) -> std::io::Result<()> {
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {gid} 1"))
}

/// Prepares the inner process: it dies with the outer one and sees file systems and processes of its own.
pub(super) fn settle() -> anyhow::Result<std::path::PathBuf> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).context("cannot tie the demo to its parent")?;
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_PRIVATE | MsFlags::MS_REC, none)
        .context("cannot make mounts private")?;
    mount(
        Some("tmpfs"),
        STATE,
        Some("tmpfs"),
        MsFlags::empty(),
        Some("mode=0755,size=256m"),
    )
    .with_context(|| format!("cannot mount a file system of the demo's own on {STATE}"))?;
    mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), none)
        .context("cannot mount /proc")?;
    Ok(STATE.into())
}

/// Ties a pod runtime to the inner process.
pub(super) fn die_with_parent() -> anyhow::Result<()> {
    Ok(nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?)
}

/// Gives the calling process, which must have one thread only, a network and mounts of its own.
pub(super) fn own_network() -> anyhow::Result<()> {
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS)
        .context("cannot make a network namespace for the pod")
}

/// Puts a file of the pod in the place of one of the machine, inside the pod's own mount namespace.
pub(super) fn replace_file(with: &std::path::Path, path: &str) -> anyhow::Result<()> {
    let none = None::<&str>;
    mount(Some(with), path, none, MsFlags::MS_BIND, none)
        .with_context(|| format!("cannot put {} on {path}", with.display()))
}
