//! One run of one peer.

pub(crate) mod connections;
pub(crate) mod delivery;
pub(crate) mod idle;
mod probe;
pub(crate) mod system_calls;
pub(crate) mod traffic;

use std::time::{Duration, Instant};

use crate::figure::{Figures, Metric};
use crate::line::Line;
use crate::process::Memory;

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
