//! One run of one peer.

pub(crate) mod connections;
pub(crate) mod delivery;
pub(crate) mod idle;
mod probe;
pub(crate) mod system_calls;
pub(crate) mod traffic;

use std::time::{Duration, Instant};

use anyhow::bail;

use crate::figure::{Figures, Metric};
use crate::line::Line;
use crate::process::{Memory, Usage};
use crate::scenario::SETTLE;

/// A proxy that works less than this in [`QUIET`] rests.
const RESTING: u64 = 300_000;
const QUIET: Duration = Duration::from_millis(25);
/// How long a proxy may work on.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a run brought.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run {
    pub(crate) figures: Figures,
    /// Wrong or missing answers.
    pub(crate) errors: u64,
    pub(crate) error: Option<String>,
}

/// Memory of all proxies of a line.
pub(crate) fn memory(line: &Line, figures: &mut Figures) -> anyhow::Result<()> {
    if !line.proxies.is_empty() {
        let memory = Memory::of(&line.pids())?;
        figures.insert(Metric::Pss, memory.pss as f64 / 1024.0);
        figures.insert(Metric::Rss, memory.rss as f64 / 1024.0);
    }
    Ok(())
}

/// Lets time pass in which proxies may give back what they do not need.
pub(crate) fn settle(length: Duration) {
    let end = Instant::now() + length;
    while let Some(left) = end
        .checked_duration_since(Instant::now())
        .filter(|left| !left.is_zero())
    {
        std::thread::park_timeout(left);
    }
}

/// Waits until the proxies have nothing more to do.
pub(crate) fn rest(pids: &[u32]) -> anyhow::Result<()> {
    let end = Instant::now() + PATIENCE;
    let mut before = Usage::of(pids)?;
    while Instant::now() < end {
        settle(QUIET);
        let now = Usage::of(pids)?;
        if (now - before).cpu < RESTING {
            return Ok(());
        }
        before = now;
    }
    bail!("the proxy still works after {PATIENCE:?}")
}

/// Lets memory settle, and then waits for those who still work.
pub(crate) fn settle_and_rest(pids: &[u32]) -> anyhow::Result<()> {
    settle(SETTLE);
    rest(pids)
}
