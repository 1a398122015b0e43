//! Proxies as processes, and what the kernel counts of them.

use std::fs::{self, File};
use std::ops::Sub;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::Context;
use nix::sys::time::TimeValLike;
use nix::time::ClockId;
use nix::unistd::Pid;

use crate::cores::{Cores, Role};

/// Of util-linux.
const SETPRIV: &str = "/usr/bin/setpriv";

/// A process that ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

/// Work of some processes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Nanoseconds on a core, by the processes' CPU clocks: those of threads that have ended are in there.
    pub(crate) cpu: u64,
    /// Context switches of the threads that there are.
    pub(crate) switches: u64,
}

/// Memory of some processes in KiB.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    pub(crate) pss: u64,
    pub(crate) rss: u64,
}

impl Process {
    /// Starts `command` on the proxies' core; what it says goes to a file in `folder`.
    pub(crate) fn start(
        command: &Command,
        name: &str,
        folder: &Path,
        cores: Cores,
    ) -> anyhow::Result<Process> {
        let mut command = bound(command);
        let log = folder.join(format!("{name}.log"));
        let out = File::create(&log)?;
        command
            .stdin(Stdio::null())
            .stderr(out.try_clone()?)
            .stdout(out);
        cores.enter(Role::Proxies)?;
        let child = command.spawn();
        cores.enter(Role::Load)?;
        let child = child.with_context(|| format!("cannot run {name}"))?;
        Ok(Process { child, log })
    }

    /// How it ended, if it did, and the last lines that it wrote.
    pub(crate) fn ended(&mut self) -> anyhow::Result<Option<(ExitStatus, String)>> {
        Ok(self
            .child
            .try_wait()?
            .map(|status| (status, self.last_words())))
    }

    /// The last lines that it wrote.
    pub(crate) fn last_words(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }

    /// Its process id and those of its children.
    pub(crate) fn family(&self) -> Vec<u32> {
        let own = self.child.id();
        let children =
            fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap_or_default();
        let children = children
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok());
        std::iter::once(own).chain(children).collect()
    }
}

/// The same, so that it ends with this program, however that ends.
fn bound(command: &Command) -> Command {
    let mut bound = Command::new(command.get_program());
    if Path::new(SETPRIV).exists() {
        bound = Command::new(SETPRIV);
        bound
            .args(["--pdeathsig", "TERM"])
            .arg(command.get_program());
    }
    bound.args(command.get_args());
    bound.envs(
        command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    bound
}

impl Drop for Process {
    fn drop(&mut self) {
        // children first: a supervisor would start them again or leave them
        for pid in self.family().into_iter().rev() {
            let pid = i32::try_from(pid)
                .ok()
                .and_then(rustix::process::Pid::from_raw);
            if let Some(pid) = pid {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
        let _ = self.child.wait();
    }
}

impl Usage {
    pub(crate) fn of(pids: &[u32]) -> anyhow::Result<Usage> {
        let mut total = Usage::default();
        for pid in pids {
            let gone = || format!("process {pid} is gone");
            total.cpu += cpu(*pid).with_context(gone)?;
            let tasks = fs::read_dir(format!("/proc/{pid}/task")).with_context(gone)?;
            for task in tasks {
                // a thread may end while it is looked at
                let status = task?.path().join("status");
                let status = fs::read_to_string(status).unwrap_or_default();
                total.switches += field(&status, "voluntary_ctxt_switches:").unwrap_or(0);
                total.switches += field(&status, "nonvoluntary_ctxt_switches:").unwrap_or(0);
            }
        }
        Ok(total)
    }
}

/// Nanoseconds that a process has been on a core since its start.
fn cpu(pid: u32) -> anyhow::Result<u64> {
    let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(i32::try_from(pid)?))?;
    Ok(u64::try_from(clock.now()?.num_nanoseconds())?)
}

impl Sub for Usage {
    type Output = Usage;

    fn sub(self, before: Usage) -> Usage {
        Usage {
            cpu: self.cpu.saturating_sub(before.cpu),
            switches: self.switches.saturating_sub(before.switches),
        }
    }
}

impl Memory {
    pub(crate) fn of(pids: &[u32]) -> anyhow::Result<Memory> {
        let mut total = Memory::default();
        for pid in pids {
            let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))
                .with_context(|| format!("process {pid} is gone"))?;
            total.pss += field(&rollup, "Pss:").context("smaps_rollup without Pss")?;
            total.rss += field(&rollup, "Rss:").context("smaps_rollup without Rss")?;
        }
        Ok(total)
    }
}

/// The number behind a name in a file of /proc.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_of_a_thread_counts_when_it_has_ended() {
        let own = [std::process::id()];
        let before = Usage::of(&own).unwrap();
        let worked = std::thread::spawn(|| {
            let spent = || ClockId::CLOCK_THREAD_CPUTIME_ID.now().unwrap();
            while spent().num_milliseconds() < 20 {
                std::hint::spin_loop();
            }
        });
        worked.join().unwrap();
        assert!((Usage::of(&own).unwrap() - before).cpu >= 20_000_000);
    }
}
