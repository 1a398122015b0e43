//! Exchanges for a while: CPU, latency, throughput.

use std::time::Duration;

use anyhow::ensure;

use super::{Run, memory};
use crate::exchange::Exchange;
use crate::figure::{Figures, Metric};
use crate::line::Line;
use crate::load::{self, Edge, Load, Outcome, Pace};
use crate::process::Usage;
use crate::scenario::Traffic;

/// Runs before the window, as a part of it.
const WARM_UP: f64 = 0.15;
const MICROSECOND: f64 = 1_000.0;

/// The load of a scenario.
pub(crate) fn load(line: &Line, traffic: &Traffic, window: Duration) -> Load {
    Load {
        to: line.front,
        exchange: traffic.exchange,
        connections: traffic.connections,
        streams: traffic.streams,
        life: traffic.life,
        pace: traffic.pace,
        warm_up: window.mul_f64(WARM_UP),
        window,
    }
}

/// Runs and counts.
pub(crate) fn run(line: &Line, traffic: &Traffic, window: Duration) -> anyhow::Result<Run> {
    let pids = line.pids();
    let mut looks = Vec::new();
    let outcome = load::run(&load(line, traffic, window), &mut |_: Edge| {
        looks.push((Usage::of(&pids)?, Usage::of(&[std::process::id()])?));
        Ok(())
    })?;
    let [(before, own_before), (after, own_after)] = looks[..] else {
        anyhow::bail!("a run has two edges");
    };
    ensure!(
        outcome.completed > 0 || outcome.bytes > 0 || outcome.errors > 0,
        "nothing was answered"
    );
    let mut figures = Figures::new();
    if !pids.is_empty() {
        proxies(&mut figures, traffic, &outcome, after - before);
    }
    client(&mut figures, traffic, &outcome, own_after - own_before);
    memory(line, &mut figures)?;
    Ok(Run {
        figures,
        errors: outcome.errors,
        error: outcome.error,
    })
}

fn proxies(figures: &mut Figures, traffic: &Traffic, outcome: &Outcome, used: Usage) {
    if traffic.saturates() {
        let window = outcome.elapsed.as_nanos().max(1) as f64;
        figures.insert(Metric::Share, used.cpu as f64 / window * 100.0);
    }
    if traffic.exchange == Exchange::Download {
        // nanoseconds for a byte are seconds for a gigabyte
        figures.insert(
            Metric::CpuPerGigabyte,
            used.cpu as f64 / outcome.bytes.max(1) as f64,
        );
    } else {
        let exchanges = outcome.completed.max(1) as f64;
        figures.insert(Metric::Cpu, used.cpu as f64 / MICROSECOND / exchanges);
        figures.insert(Metric::Switches, used.switches as f64 / exchanges);
    }
}

fn client(figures: &mut Figures, traffic: &Traffic, outcome: &Outcome, used: Usage) {
    let seconds = outcome.elapsed.as_secs_f64();
    if traffic.exchange == Exchange::Download {
        figures.insert(
            Metric::Bandwidth,
            outcome.bytes as f64 * 8.0 / 1e9 / seconds,
        );
        return;
    }
    let latency = |quantile| outcome.latency.value_at_quantile(quantile) as f64 / MICROSECOND;
    let quantiles = [
        (Metric::P50, 0.5),
        (Metric::P90, 0.9),
        (Metric::P99, 0.99),
        (Metric::P999, 0.999),
    ];
    figures.extend(quantiles.map(|(metric, quantile)| (metric, latency(quantile))));
    figures.insert(Metric::Rate, outcome.completed as f64 / seconds);
    figures.insert(
        Metric::LoadCpu,
        used.cpu as f64 / MICROSECOND / outcome.completed.max(1) as f64,
    );
    if matches!(traffic.pace, Pace::Open { .. }) {
        figures.insert(
            Metric::Lag,
            outcome.lag.value_at_quantile(0.99) as f64 / MICROSECOND,
        );
    }
}
