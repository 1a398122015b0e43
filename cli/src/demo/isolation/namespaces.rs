//! Namespaces: the next child of the process that enters them is PID 1 of its own PID namespace, so that the kernel
//! takes everything along when it ends.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::Signal;
use nix::unistd::{Gid, Uid};

use super::Isolation;
use crate::demo::network;

/// Where the inner process keeps its files: an empty file system of its own, gone with the mount namespace.
const STATE: &str = "/mnt";

const NAMESPACES: CloneFlags = CloneFlags::CLONE_NEWNS
    .union(CloneFlags::CLONE_NEWNET)
    .union(CloneFlags::CLONE_NEWPID)
    .union(CloneFlags::CLONE_NEWUTS);

/// Leaves for namespaces; called before any thread is started.
pub(super) fn enter(isolation: Isolation) -> anyhow::Result<()> {
    let hint = "see --isolation for other ways";
    match isolation {
        Isolation::Root => unshare(NAMESPACES)
            .with_context(|| format!("this machine does not let root make namespaces; {hint}")),
        Isolation::User => {
            let (uid, gid) = (Uid::effective(), Gid::effective());
            unshare(CloneFlags::CLONE_NEWUSER | NAMESPACES).with_context(|| {
                format!("this machine does not let users make namespaces (sysctl user.max_user_namespaces); {hint}")
            })?;
            map_to_root(uid, gid).with_context(|| {
                format!("this machine does not let users be root in their namespaces (sysctl kernel.apparmor_restrict_unprivileged_userns); {hint}")
            })
        }
        Isolation::Ports => Ok(()),
    }
}

fn map_to_root(uid: Uid, gid: Gid) -> std::io::Result<()> {
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {gid} 1"))
}

/// Does once what the demo needs of its namespaces, and goes away with them.
pub(crate) fn probe(isolation: Isolation) -> anyhow::Result<()> {
    enter(isolation)?;
    own_mounts()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(network::bridge::make())
}

fn own_mounts() -> anyhow::Result<()> {
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
    .with_context(|| format!("cannot mount a file system of the demo's own on {STATE}"))
}

/// Prepares the inner process: it dies with the outer one and sees file systems and processes of its own.
pub(super) fn settle() -> anyhow::Result<PathBuf> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).context("cannot tie the demo to its parent")?;
    own_mounts()?;
    let none = None::<&str>;
    mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), none)
        .context("cannot mount /proc")?;
    Ok(STATE.into())
}

/// Gives the calling process, which must have one thread only, a network and mounts of its own.
pub(in crate::demo) fn own_network() -> anyhow::Result<()> {
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS)
        .context("cannot make a network namespace for the pod")
}

/// Puts a file of the pod in the place of one of the machine, inside the pod's own mount namespace.
pub(in crate::demo) fn replace_file(with: &Path, path: &str) -> anyhow::Result<()> {
    let none = None::<&str>;
    mount(Some(with), path, none, MsFlags::MS_BIND, none)
        .with_context(|| format!("cannot put {} on {path}", with.display()))
}
