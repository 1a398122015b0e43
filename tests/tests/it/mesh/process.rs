//! Programs that end with the test, also when the test is killed.

#![allow(
    unsafe_code,
    reason = "pre_exec, to ask for a signal when the parent dies"
)]

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::thread::JoinHandle;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::namespace::Namespace;

/// A running program whose output goes to a file.
pub(crate) struct Process {
    pid: Pid,
    log: PathBuf,
    /// Started the program and waits for it: the kernel sends the parent's death signal when this thread ends.
    parent: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts `command` in `namespace`, its output in the file `log`.
    pub(crate) fn start(namespace: &Namespace, mut command: Command, log: &Path) -> Self {
        let file = File::create(log).unwrap();
        command.stdout(file.try_clone().unwrap()).stderr(file);
        // SAFETY: the closure makes one system call and touches no memory of the parent.
        unsafe {
            command.pre_exec(|| set_pdeathsig(Signal::SIGKILL).map_err(Into::into));
        }
        let (pid, started) = mpsc::sync_channel(1);
        let parent = namespace.run(move || {
            std::thread::spawn(move || {
                let mut child = command.spawn().unwrap();
                pid.send(child.id()).unwrap();
                child.wait().unwrap();
            })
        });
        let pid = started.recv().unwrap();
        Self {
            pid: Pid::from_raw(i32::try_from(pid).unwrap()),
            log: log.to_owned(),
            parent: Some(parent),
        }
    }

    /// Asks the program to end (SIGTERM).
    pub(crate) fn terminate(&self) {
        kill(self.pid, Signal::SIGTERM).unwrap();
    }

    /// Whether the program has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.parent.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Everything that the program has printed.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let Some(parent) = self.parent.take() else {
            return;
        };
        if !parent.is_finished() {
            kill(self.pid, Signal::SIGKILL).ok();
        }
        parent.join().ok();
        if std::thread::panicking() {
            let name = self.log.file_name().unwrap_or_default().display();
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            eprintln!("---- end of {name}:");
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}
