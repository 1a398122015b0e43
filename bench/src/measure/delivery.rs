//! Configuration from an xDS server: how long it takes, what it costs, and the same of changes.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use xds_proto::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use xds_proto::pb::envoy::config::route::v3::RouteConfiguration;

use super::probe::{Answer, Probe};
use super::{Run, memory, settle};
use crate::ads::catalogue::Catalogue;
use crate::ads::{Control, Server};
use crate::exchange::{Exchange, Heads};
use crate::figure::{Figures, Metric};
use crate::line::{Line, Site};
use crate::peer::{Missing, Peer};
use crate::process::Usage;
use crate::scenario::{Delivery, Measured, SETTLE};
use crate::topology::Hop;

/// Changes in one round for each of the two figures.
const CHANGES: usize = 8;
/// A proxy that works less than this in [`QUIET`] rests.
const RESTING: u64 = 300_000;
const QUIET: Duration = Duration::from_millis(25);
/// How long a proxy may work on.
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
    hop.control = Some(Control {
        at: server.at,
        dialect: delivery.dialect,
    });
    let mut line = match Line::launch(site, peer, &[hop])? {
        Ok(line) => line,
        Err(missing) => return Ok(Err(missing)),
    };
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
        },
    )))
}

/// What it took until now, and the memory once it rests.
pub(crate) fn everything(line: &Line) -> anyhow::Result<Run> {
    settle(SETTLE);
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
    let (mut cpu, mut effective) = (Vec::new(), Vec::new());
    let mut run = Run::default();
    rest(&pids)?;
    for _ in 0..CHANGES {
        let before = Usage::of(&pids)?;
        let change = mesh.change(server, measured)?;
        change.wait(server)?;
        rest(&pids)?;
        cpu.push((Usage::of(&pids)? - before).cpu as f64 / 1e6);
        let answer = Probe::connect(line.front)?.ask()?;
        if !change.is_seen(&answer) {
            run.errors += 1;
            run.error = Some("a change was accepted and is not in force".to_owned());
        }
        let change = mesh.change(server, measured)?;
        effective.push(change.seen(line.front)?.as_secs_f64() * 1e3);
        change.wait(server)?;
        rest(&pids)?;
    }
    run.figures.insert(Metric::ChangeCpu, median(&mut cpu));
    run.figures
        .insert(Metric::Effective, median(&mut effective));
    memory(line, &mut run.figures)?;
    Ok(run)
}

/// A change on its way.
#[derive(Debug)]
enum Change {
    VirtualHost { version: usize, sent: Instant },
    Endpoint { length: usize, sent: Instant },
}

impl Mesh {
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

/// Waits until the proxies have nothing more to do.
fn rest(pids: &[u32]) -> anyhow::Result<()> {
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
    anyhow::bail!("the proxy still works {PATIENCE:?} after a change")
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    values.get(middle).copied().unwrap_or_default()
}
