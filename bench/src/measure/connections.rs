//! Memory of connections that wait.

use std::net::TcpStream;

use anyhow::Context;

use super::{Run, settle_and_rest};
use crate::exchange::Exchange;
use crate::figure::{Figures, Metric};
use crate::line::Line;
use crate::load::ping::ask;
use crate::process::Memory;

/// Connections before the first look: what a proxy makes once is not a connection's.
const FIRST: usize = 100;

/// Opens connections, asks once on each, and looks at what they cost.
pub(crate) fn run(line: &Line, exchange: Exchange, count: usize) -> anyhow::Result<Run> {
    let pids = line.pids();
    let mut open = Vec::with_capacity(FIRST + count);
    let mut look = |count: usize| -> anyhow::Result<u64> {
        for _ in 0..count {
            let mut stream = TcpStream::connect(line.front).context("cannot connect")?;
            ask(&mut stream, exchange)?;
            open.push(stream);
        }
        settle_and_rest(&pids)?;
        Ok(Memory::of(&pids)?.pss)
    };
    // What a proxy gives back after its start comes back with the first requests, and is no connection's either.
    settle_and_rest(&pids)?;
    let before = look(FIRST)?;
    let after = look(count)?;
    let mut figures = Figures::new();
    let held = count * line.proxies.len().max(1);
    figures.insert(
        Metric::Connection,
        (after as f64 - before as f64) / held as f64,
    );
    figures.insert(Metric::Pss, after as f64 / 1024.0);
    // less memory with more connections: something else was given back meanwhile
    let error = (after <= before).then(|| format!("PSS went from {before} to {after} KiB"));
    Ok(Run {
        figures,
        errors: error.is_some().into(),
        error,
    })
}
