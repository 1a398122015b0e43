//! What namespaces do elsewhere, by hand: processes end with their parents, orphans are taken over and ended, and the
//! demo's folder goes with the last process that uses it.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, getpid, getppid};

const PREFIX: &str = "tulle-demo-";
const LOCK: &str = "lock";

/// The folder of a demo, in use as long as somebody holds its lock.
#[derive(Debug)]
pub(super) struct State {
    dir: PathBuf,
    _lock: File,
}

impl State {
    /// Makes a folder, after those that killed demos have left behind are removed.
    pub(super) fn make() -> anyhow::Result<Self> {
        sweep();
        let dir = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir()
            .context("cannot make a folder for the demo; is TMPDIR writable?")?
            .keep();
        let fresh = dir.join("fresh");
        let lock = File::create(&fresh)?;
        lock.lock_shared()?;
        fs::rename(fresh, dir.join(LOCK))?; // nobody sees the lock before it is taken
        Ok(Self { dir, _lock: lock })
    }

    /// Uses the folder of the outer process, too.
    pub(super) fn share(dir: &Path) -> anyhow::Result<Self> {
        let lock = File::open(dir.join(LOCK))
            .with_context(|| format!("{} is no folder of a demo", dir.display()))?;
        lock.lock_shared()?;
        Ok(Self {
            dir: dir.to_owned(),
            _lock: lock,
        })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // the other process may have removed it already
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Removes folders that nobody uses any more.
fn sweep() {
    let entries = fs::read_dir(std::env::temp_dir()).into_iter().flatten();
    for dir in entries.flatten().map(|entry| entry.path()) {
        let name = dir.file_name().unwrap_or_default().as_encoded_bytes();
        if !name.starts_with(PREFIX.as_bytes()) {
            continue;
        }
        let Ok(lock) = File::open(dir.join(LOCK)) else {
            continue;
        };
        match lock.try_lock() {
            // another user's folder stays: it cannot be removed
            Ok(()) => drop(fs::remove_dir_all(&dir)),
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {}
        }
    }
}

/// Makes this process the parent of descendants whose own parents have ended.
pub(super) fn adopt_orphans() -> anyhow::Result<()> {
    nix::sys::prctl::set_child_subreaper(true).context("cannot take over orphaned processes")
}

/// Kills every process that descends from this one, and collects it.
pub(super) fn end_descendants() {
    loop {
        let children = children_of(getpid());
        if children.is_empty() {
            return;
        }
        for child in children {
            let _ = kill(child, Signal::SIGKILL); // it may have ended, its zombie is collected all the same
            let _ = waitpid(child, None);
        }
    }
}

fn children_of(parent: Pid) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let is_child = |pid: &i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // the name may contain anything, a parenthesis too: the fields after it count
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        after_name.split_whitespace().nth(1) == Some(&parent.to_string())
    };
    pids.filter(is_child).map(Pid::from_raw).collect()
}

/// Becomes a program that ends with `parent`.
pub(crate) fn contain(parent: i32, argv: &[OsString]) -> anyhow::Result<()> {
    super::die_with_parent()?;
    if getppid().as_raw() != parent {
        bail!("the pod's runtime has ended");
    }
    let (program, arguments) = argv.split_first().context("no program")?;
    let error = Command::new(program).args(arguments).exec();
    Err(error).with_context(|| format!("cannot run {}", program.display()))
}
