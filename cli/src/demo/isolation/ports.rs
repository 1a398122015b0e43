//! What namespaces do elsewhere, by hand: processes end with their parents, orphans are taken over and ended, and the
//! demo's folder goes with the last process that uses it.

use std::ffi::OsString;
use std::fs::{self, File, Permissions, TryLockError};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, Uid, getpid, getppid};

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
        sweep(&std::env::temp_dir());
        let dir = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(Permissions::from_mode(0o700)) // it holds the pods' tokens and the sockets that lead into them
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

/// Removes this user's folders that nobody uses any more.
fn sweep(temporary: &Path) {
    let entries = fs::read_dir(temporary).into_iter().flatten();
    for dir in entries.flatten().map(|entry| entry.path()) {
        let name = dir.file_name().unwrap_or_default().as_encoded_bytes();
        if !name.starts_with(PREFIX.as_bytes()) || !is_own_folder(&dir) {
            continue;
        }
        // whatever stands there instead of a lock must not hold up a demo
        let flags = libc::O_NONBLOCK | libc::O_NOFOLLOW;
        let Ok(lock) = File::options()
            .read(true)
            .custom_flags(flags)
            .open(dir.join(LOCK))
        else {
            continue;
        };
        match lock.try_lock() {
            Ok(()) => drop(fs::remove_dir_all(&dir)),
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {}
        }
    }
}

/// Whether it is a folder, not a link to one, and this user's: anybody may put things into the temporary directory.
fn is_own_folder(path: &Path) -> bool {
    fs::symlink_metadata(path)
        .is_ok_and(|found| found.is_dir() && found.uid() == Uid::effective().as_raw())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_takes_unused_folders_and_waits_for_nothing() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let dir = temporary.path().join(format!("{PREFIX}{name}"));
            fs::create_dir(&dir).unwrap();
            dir
        };
        let (unused, used, pipe) = (folder("unused"), folder("used"), folder("pipe"));
        File::create(unused.join(LOCK)).unwrap();
        let held = File::create(used.join(LOCK)).unwrap();
        held.lock_shared().unwrap();
        nix::unistd::mkfifo(&pipe.join(LOCK), nix::sys::stat::Mode::S_IRUSR).unwrap();
        let link = temporary.path().join(format!("{PREFIX}link"));
        std::os::unix::fs::symlink(&unused, &link).unwrap();
        assert!(is_own_folder(&unused) && !is_own_folder(&link));

        let (done, finished) = std::sync::mpsc::channel();
        let path = temporary.path().to_owned();
        std::thread::spawn(move || {
            sweep(&path);
            done.send(()).unwrap();
        });
        let patience = std::time::Duration::from_secs(30);
        finished.recv_timeout(patience).expect("the sweep ends");
        assert!(!unused.exists() && used.exists());
    }

    #[test]
    fn the_folder_of_a_demo_is_closed_to_others() {
        let state = State::make().unwrap();
        let mode = fs::metadata(state.dir()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
