//! Configuration from an xDS server: how long it takes, what it costs, and the same of changes.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use xds_proto::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use xds_proto::pb::envoy::config::route::v3::RouteConfiguration;

use super::probe::{Answer, Probe};
use super::{Run, memory, rest, settle, settle_and_rest};
use crate::ads::catalogue::Catalogue;
use crate::ads::{Control, Server};
use crate::exchange::{Exchange, Heads};
use crate::figure::{Figures, Metric, Series};
use crate::line::{Line, Site};
use crate::peer::{Attached, Missing, Peer};
use crate::process::Usage;
use crate::scenario::{Delivery, Measured, SETTLE};
use crate::topology::Hop;

/// Changes in one round for each of the two figures.
const CHANGES: usize = 8;
/// How long it is looked what a proxy works without changes; what it works with them is looked at for as long, or a multiple of it:
/// Envoy goes through its statistics every five seconds, and whatever comes back as often is in both.
const PERIOD: Duration = Duration::from_secs(5);
/// How long a change may stay unseen.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two questions whether a change is in force.
const BETWEEN: Duration = Duration::from_micros(300);

/// A proxy, and the mesh that it is told of.
#[derive(Debug)]
pub(crate) struct Mesh {
    catalogue: Catalogue,
    /// Where the last service may be; they answer with bodies of different lengths.
    backends: [(SocketAddr, usize); 2],
    /// Changes so far.
    version: usize,
    /// The part of a core that the proxy uses without changes, once that is known.
    idle: Option<f64>,
}

/// Starts a proxy under a server, and waits until all is in force.
pub(crate) fn start(
    site: &Site<'_>,
    peer: &Peer,
    mut hop: Hop,
    delivery: Delivery,
    backends: [(SocketAddr, usize); 2],
) -> anyhow::Result<Result<(Line, Mesh), Missing>> {
    let catalogue = Catalogue {
        services: delivery.services,
        listen: hop.listen,
        backend: backends[0].0,
    };
    let server = Server::start(catalogue.world())?;
    let samples = catalogue.samples().into_iter();
    let samples: Vec<Attached> = samples
        .map(|(name, text)| Attached {
            name,
            text: hop.without_places(&text, site.folder),
        })
        .collect();
    hop.control = Some(Control {
        at: server.at,
        dialect: delivery.dialect,
    });
    let mut line = match Line::launch(site, peer, &[hop])? {
        Ok(line) => line,
        Err(missing) => return Ok(Err(missing)),
    };
    for proxy in &mut line.proxies {
        proxy.config.attached.clone_from(&samples);
    }
    server.wait_for_all(&mut || line.look_alive())?;
    line.wait(Exchange::Http1 {
        heads: Heads::Short,
        response: backends[0].1,
    })?;
    line.server = Some(server);
    Ok(Ok((
        line,
        Mesh {
            catalogue,
            backends,
            version: 0,
            idle: None,
        },
    )))
}

/// What it took until now, and the memory once it rests.
pub(crate) fn everything(line: &Line) -> anyhow::Result<Run> {
    settle_and_rest(&line.pids())?;
    let mut figures = Figures::new();
    figures.insert(Metric::Applied, line.ready.as_secs_f64() * 1e3);
    figures.insert(Metric::ApplyCpu, Usage::of(&line.pids())?.cpu as f64 / 1e9);
    memory(line, &mut figures)?;
    Ok(Run {
        figures,
        errors: 0,
        error: None,
    })
}

/// Changes something again and again: half of the times nobody asks meanwhile, and CPU is counted; half of the times requests ask
/// until they see it.
pub(crate) fn changes(line: &Line, mesh: &mut Mesh, measured: Measured) -> anyhow::Result<Run> {
    let server = line.server.as_ref().context("there is no xDS server")?;
    let pids = line.pids();
    let mut run = Run::default();
    rest(&pids)?;
    let idle = mesh.idle(&pids)?;
    let mut next = || mesh.change(server, measured);
    let (cost, last) = cost(&pids, server, idle, &mut next)?;
    let answer = Probe::connect(line.front)?.ask()?;
    if !last.is_seen(&answer) {
        run.errors += 1;
        run.error = Some("a change was accepted and is not in force".to_owned());
    }
    let mut effective = Series::default();
    for _ in 0..CHANGES {
        let change = next()?;
        effective.push(change.seen(line.front)?.as_secs_f64() * 1e3);
        change.wait(server)?;
        rest(&pids)?;
    }
    run.figures.insert(Metric::ChangeCpu, cost);
    run.figures.insert(Metric::Effective, effective.median);
    memory(line, &mut run.figures)?;
    Ok(run)
}

/// Milliseconds of CPU for a change of which nobody asks, and the last one. A change costs what the proxy works until it rests, or
/// its part of what the proxy works over all changes and after them more than the part `idle` of a core, if that is more: work may
/// be put off until later.
fn cost(
    pids: &[u32],
    server: &Server,
    idle: f64,
    next: &mut dyn FnMut() -> anyhow::Result<Change>,
) -> anyhow::Result<(f64, Change)> {
    let began = Instant::now();
    let first = Usage::of(pids)?;
    let mut each = Series::default();
    let last = loop {
        let before = Usage::of(pids)?;
        let change = next()?;
        change.wait(server)?;
        rest(pids)?;
        each.push((Usage::of(pids)? - before).cpu as f64 / 1e6);
        if each.runs.len() == CHANGES {
            break change;
        }
    };
    settle(rest_of_period(began.elapsed()));
    rest(pids)?;
    let all = (Usage::of(pids)? - first).cpu as f64 - idle * began.elapsed().as_nanos() as f64;
    Ok((each.median.max(all / 1e6 / CHANGES as f64), last))
}

/// How long it is until whole periods are over, and memory has settled.
fn rest_of_period(passed: Duration) -> Duration {
    let periods = (passed + SETTLE).as_nanos().div_ceil(PERIOD.as_nanos());
    PERIOD.saturating_mul(u32::try_from(periods).unwrap_or(u32::MAX)) - passed
}

/// A change on its way.
#[derive(Debug)]
enum Change {
    VirtualHost { version: usize, sent: Instant },
    Endpoint { length: usize, sent: Instant },
}

impl Mesh {
    /// The part of a core that the proxy uses without changes.
    fn idle(&mut self, pids: &[u32]) -> anyhow::Result<f64> {
        if let Some(idle) = self.idle {
            return Ok(idle);
        }
        let before = Usage::of(pids)?;
        settle(PERIOD);
        let idle = (Usage::of(pids)? - before).cpu as f64 / PERIOD.as_nanos() as f64;
        self.idle = Some(idle);
        Ok(idle)
    }

    fn change(&mut self, server: &Server, measured: Measured) -> anyhow::Result<Change> {
        self.version += 1;
        let version = self.version;
        match measured {
            Measured::Everything | Measured::VirtualHost => Ok(Change::VirtualHost {
                version,
                sent: server.change(&self.catalogue.routes(version))?,
            }),
            Measured::Endpoint => {
                let (backend, length) = self.backends[version % 2];
                Ok(Change::Endpoint {
                    length,
                    sent: server.change(&self.catalogue.last_endpoints(backend))?,
                })
            }
        }
    }
}

impl Change {
    fn is_seen(&self, answer: &Answer) -> bool {
        match self {
            Change::VirtualHost { version, .. } => {
                answer.version.as_deref() == Some(&*version.to_string())
            }
            Change::Endpoint { length, .. } => answer.length == *length,
        }
    }

    /// Waits until the proxy has accepted it.
    fn wait(&self, server: &Server) -> anyhow::Result<()> {
        match self {
            Change::VirtualHost { .. } => server.wait_for_change::<RouteConfiguration>(),
            Change::Endpoint { .. } => server.wait_for_change::<ClusterLoadAssignment>(),
        }
    }

    /// Asks until an answer shows it; how long that took.
    fn seen(&self, front: SocketAddr) -> anyhow::Result<Duration> {
        let (Change::VirtualHost { sent, .. } | Change::Endpoint { sent, .. }) = self;
        let mut probe = Probe::connect(front)?;
        loop {
            let asked = probe.ask()?;
            let took = sent.elapsed();
            if self.is_seen(&asked) {
                return Ok(took);
            }
            ensure!(took < PATIENCE, "no request sees a change after {took:?}");
            settle(BETWEEN);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_off_is_waited_for_until_whole_periods_are_over() {
        for (passed, rest) in [(0, 5_000), (1_200, 3_800), (3_500, 1_500), (3_600, 6_400)] {
            let passed = Duration::from_millis(passed);
            assert_eq!(rest_of_period(passed), Duration::from_millis(rest));
        }
    }
}
