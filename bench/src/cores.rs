//! Which cores do what: proxies on one, generator and backend on another, so that they do not take turns.

use anyhow::Context;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::Serialize;

/// The cores of a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Cores {
    /// Numbers of two cores.
    Apart { proxies: usize, load: usize },
    /// The machine has one core only.
    Shared,
}

/// Who runs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Proxies,
    Load,
}

impl Cores {
    /// The first two cores that this process may use.
    pub(crate) fn find() -> anyhow::Result<Cores> {
        let allowed = sched_getaffinity(None).context("no CPU affinity")?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        Ok(match (cores.next(), cores.next()) {
            (Some(proxies), Some(load)) => Cores::Apart { proxies, load },
            _ => Cores::Shared,
        })
    }

    /// Moves the calling thread; threads and processes that it starts begin there.
    pub(crate) fn enter(self, role: Role) -> anyhow::Result<()> {
        let Cores::Apart { proxies, load } = self else {
            return Ok(());
        };
        let mut set = CpuSet::new();
        set.set(match role {
            Role::Proxies => proxies,
            Role::Load => load,
        });
        sched_setaffinity(None, &set).context("cannot choose a core")
    }
}
