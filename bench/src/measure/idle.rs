//! Proxies that wait, and how long they take to start.

use super::{Run, memory, settle_and_rest};
use crate::figure::{Figures, Metric};
use crate::line::Line;

/// Memory once it has settled.
pub(crate) fn run(line: &Line) -> anyhow::Result<Run> {
    settle_and_rest(&line.pids())?;
    let mut figures = Figures::new();
    memory(line, &mut figures)?;
    Ok(Run {
        figures,
        errors: 0,
        error: None,
    })
}

/// How long the line took to its first answer, and its memory.
pub(crate) fn start(line: &Line) -> anyhow::Result<Run> {
    let mut run = run(line)?;
    run.figures
        .insert(Metric::Ready, line.ready.as_secs_f64() * 1e3);
    Ok(run)
}
