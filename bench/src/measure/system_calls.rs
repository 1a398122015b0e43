//! System calls of a run, counted by strace in a pass of its own, because that slows everything.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::traffic::load;
use crate::line::{Line, Site};
use crate::load;
use crate::scenario::Traffic;

/// Calls for one exchange, by name.
pub(crate) type Calls = BTreeMap<String, f64>;

/// Runs the traffic once more under strace.
pub(crate) fn count(
    line: &Line,
    traffic: &Traffic,
    window: Duration,
    site: &Site<'_>,
) -> anyhow::Result<Calls> {
    let file = site.folder.join("system-calls");
    let strace = site.programs.strace();
    let strace = strace.map_err(|missing| anyhow::anyhow!(missing.0))?;
    let mut command = strace.command();
    command
        .args(["-f", "-c", "-o"])
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let pids = line.pids();
    for pid in &pids {
        command.args(["-p", &pid.to_string()]);
    }
    let mut strace = command.spawn().context("cannot run strace")?;
    let said = strace
        .stderr
        .take()
        .context("strace has no standard error")?;
    // kept open until strace ends, which says goodbye there before it writes its table
    let mut lines = BufReader::new(said).lines();
    for said in lines.by_ref().take(pids.len()) {
        let said = said?;
        ensure!(said.contains("attached"), "strace: {said}");
    }
    let outcome = load::run(&load(line, traffic, window), &mut |_| Ok(()));
    let pid = i32::try_from(strace.id())
        .ok()
        .and_then(Pid::from_raw)
        .context("strace has no pid")?;
    kill_process(pid, Signal::INT)?;
    strace.wait()?;
    drop(lines);
    let outcome = outcome?;
    ensure!(outcome.total > 0, "nothing was answered under strace");
    Ok(parse(&fs::read_to_string(&file)?, outcome.total))
}

/// Reads strace's table: share, seconds, per call, calls, errors if any, name.
fn parse(table: &str, exchanges: u64) -> Calls {
    let rows = table.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let share: Option<f64> = words.first().and_then(|share| share.parse().ok());
        let (name, calls) = (words.last()?, words.get(3)?.parse::<u64>().ok()?);
        (share.is_some() && *name != "total")
            .then(|| ((*name).to_owned(), calls as f64 / exchanges as f64))
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_table_of_strace() {
        let table = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.006000           3      2000           sendto
 40.00    0.004000           1      4000      1000 recvfrom
------ ----------- ----------- --------- --------- ----------------
100.00    0.010000           1      6000      1000 total
";
        let calls = parse(table, 1000);
        assert_eq!(
            calls,
            Calls::from([("sendto".to_owned(), 2.0), ("recvfrom".to_owned(), 4.0)])
        );
    }
}
