//! What the kernel counts of another process.

use std::fs;
use std::time::Duration;

use anyhow::Context;

/// Time on a CPU of all threads, from the scheduler's nanosecond clock.
pub(crate) fn cpu_time(pid: u32) -> anyhow::Result<Duration> {
    let mut total = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).context("the proxy is gone")? {
        let stat = fs::read_to_string(task?.path().join("schedstat"))?;
        total += stat
            .split(' ')
            .next()
            .and_then(|nanos| nanos.parse::<u64>().ok())
            .context("schedstat has no time")?;
    }
    Ok(Duration::from_nanos(total))
}

/// Proportional and resident memory in KiB.
pub(crate) fn memory(pid: u32) -> anyhow::Result<(u64, u64)> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let field = |name: &str| {
        let line = rollup.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    Ok((
        field("Pss:").context("no Pss")?,
        field("Rss:").context("no Rss")?,
    ))
}
