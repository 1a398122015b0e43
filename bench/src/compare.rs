//! The comparison: every scenario, every peer, in turns (A B A B …), so that all see the same machine.

mod added;
mod turns;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use crate::backend;
use crate::certificate::{Certificate, Key};
use crate::cores::{Cores, Role};
use crate::exchange::{Exchange, Heads};
use crate::line::{Line, Site};
use crate::load::Life;
use crate::measure::delivery::{self, Mesh};
use crate::measure::system_calls::{self, Calls};
use crate::measure::{Run, connections, idle, traffic};
use crate::peer::{Missing, NGINX_FOLDER, Peer, Programs};
use crate::report::{Compared, Entry, Outcome};
use crate::scenario::{Delivery, Measured, Scenario, Traffic, Work};
use crate::topology::{Chain, Features, Hop, Topology};

/// How long system calls are counted at most: their number for an exchange hardly varies.
const COUNTED: Duration = Duration::from_millis(500);
/// Length of answers under an xDS server.
const BODY: usize = 1024;

/// What is compared, and how long.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) scenarios: Vec<Scenario>,
    pub(crate) peers: Vec<Peer>,
    pub(crate) rounds: usize,
    pub(crate) window: Duration,
    pub(crate) system_calls: bool,
}

/// What all scenarios use.
struct Bench<'a> {
    plan: &'a Plan,
    site: Site<'a>,
    backends: Vec<(Exchange, SocketAddr)>,
    certificates: Vec<(Key, Certificate)>,
}

/// One peer with one set of features.
struct Contestant {
    peer: Peer,
    features: Features,
    /// Runs through all rounds where traffic is measured.
    line: Option<Line>,
    /// What an xDS server tells the line's proxy.
    mesh: Option<Mesh>,
    entry: Entry,
}

/// Runs the plan; `tell` gets each scenario once it is done.
pub(crate) fn run(
    plan: &Plan,
    programs: &Programs,
    cores: Cores,
    tell: &mut dyn FnMut(Compared) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new()
        .prefix("tulle-bench-")
        .tempdir()
        .context("no folder for the peers' files")?;
    passable(folder.path())?;
    cores.enter(Role::Load)?;
    let site = Site {
        programs,
        folder: folder.path(),
        cores,
    };
    let mut bench = Bench {
        plan,
        site,
        backends: Vec::new(),
        certificates: Vec::new(),
    };
    for scenario in &plan.scenarios {
        let compared = bench.compare(scenario)?;
        tell(compared)?;
    }
    Ok(())
}

/// Peers that give up their rights still reach the folder that is theirs, and see nothing else.
fn passable(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o711))?;
    let own = folder.join(NGINX_FOLDER);
    std::fs::DirBuilder::new().mode(0o700).create(&own)?;
    // past the mask of this process
    std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o1777))?;
    Ok(())
}

impl Bench<'_> {
    fn compare(&mut self, scenario: &Scenario) -> anyhow::Result<Compared> {
        let mut contestants = self.contestants(scenario);
        if scenario.work.keeps_processes() {
            for contestant in &mut contestants {
                self.enter(scenario, contestant)?;
            }
        }
        for round in 0..self.plan.rounds {
            self.round(scenario, round, &mut contestants);
        }
        if let Work::Traffic(traffic) = scenario.work
            && self.plan.system_calls
            && traffic.exchange != Exchange::Download
        {
            for contestant in contestants
                .iter_mut()
                .filter(|contestant| contestant.entry.takes_part())
            {
                contestant
                    .entry
                    .add_calls(self.count(&traffic, contestant.line.as_ref()));
            }
        }
        let entries = contestants.into_iter().map(|contestant| contestant.entry);
        let mut entries: Vec<Entry> = entries.collect();
        added::forget_unfounded(&mut entries);
        for entry in &mut entries {
            entry.doubt();
        }
        Ok(Compared {
            name: scenario.name,
            what: scenario.what,
            also: scenario.work.also(),
            entries,
        })
    }

    /// Measures every contestant once.
    fn round(&mut self, scenario: &Scenario, round: usize, contestants: &mut [Contestant]) {
        let peers: Vec<&Peer> = contestants.iter().map(|one| &one.peer).collect();
        let mut direct = None;
        for at in turns::of_round(&peers, round) {
            let contestant = &mut contestants[at];
            let compared = contestant.peer != Peer::Direct || scenario.work.tells_latency();
            if !contestant.entry.takes_part() || (round > 0 && !compared) {
                continue;
            }
            let mut run = self.measure(scenario, contestant);
            if let Ok(run) = &mut run
                && scenario.work.tells_latency()
            {
                match (&contestant.peer, &direct) {
                    (Peer::Direct, _) => direct = Some(run.figures.clone()),
                    (_, Some(direct)) => added::over(direct, &mut run.figures),
                    (_, None) => {}
                }
            }
            contestant.entry.add(run);
        }
    }

    fn contestants(&self, scenario: &Scenario) -> Vec<Contestant> {
        let mut peers = self.plan.peers.clone();
        if scenario.work.tells_latency() && !peers.contains(&Peer::Direct) {
            peers.insert(0, Peer::Direct);
        }
        let several = scenario.features.len() > 1;
        let mut contestants = Vec::new();
        for peer in peers {
            for features in scenario.rows(&peer) {
                let label = peer.label();
                let name = match several && peer.has_features() {
                    true => format!("{label} {}", features.label()),
                    false => label.to_owned(),
                };
                let entry = Entry::new(name, label.to_owned(), *features);
                contestants.push(Contestant {
                    peer: peer.clone(),
                    features: *features,
                    line: None,
                    mesh: None,
                    entry,
                });
            }
        }
        contestants
    }

    /// Starts the contestant's line, or says why there is none.
    fn enter(&mut self, scenario: &Scenario, contestant: &mut Contestant) -> anyhow::Result<()> {
        let exchange = scenario.work.exchange();
        let chain = Chain {
            topology: scenario.topology,
            protocol: exchange.protocol(),
            features: contestant.features,
            services: scenario.work.services(),
        };
        let backend = self.backend(exchange)?;
        let certificate = self.certificate(scenario.key)?;
        let hops = chain.hops(backend, &certificate)?;
        let started = match (&contestant.peer, scenario.work) {
            (Peer::Direct, _) => Ok(Ok((Line::direct(backend), None))),
            (peer, Work::Delivery(delivery)) => self.deliver(peer, hops, delivery),
            (peer, _) => launch(&self.site, peer, &hops, exchange).map(|line| Ok((line?, None))),
        };
        match started {
            Ok(Ok((line, mesh))) => {
                contestant.entry.show(&line);
                contestant.line = Some(line);
                contestant.mesh = mesh;
            }
            Ok(Err(missing)) => contestant.entry.outcome = Outcome::Missing { why: missing.0 },
            Err(error) => {
                contestant.entry.outcome = Outcome::Failed {
                    why: format!("{error:#}"),
                }
            }
        }
        Ok(())
    }

    /// Starts a proxy under an xDS server.
    fn deliver(
        &mut self,
        peer: &Peer,
        mut hops: Vec<Hop>,
        delivery: Delivery,
    ) -> anyhow::Result<Result<(Line, Option<Mesh>), Missing>> {
        let hop = hops.remove(0);
        let lengths = [BODY, BODY + 1];
        let mut backends = Vec::new();
        for response in lengths {
            let heads = Heads::Short;
            let exchange = Exchange::Http1 { heads, response };
            backends.push((self.backend(exchange)?, response));
        }
        let started = delivery::start(&self.site, peer, hop, delivery, [backends[0], backends[1]])?;
        Ok(started.map(|(line, mesh)| (line, Some(mesh))))
    }

    fn measure(&mut self, scenario: &Scenario, contestant: &mut Contestant) -> anyhow::Result<Run> {
        if !scenario.work.keeps_processes() {
            contestant.line = None;
            self.enter(scenario, contestant)?;
        }
        let Some(line) = &contestant.line else {
            return Ok(Run::default());
        };
        let run = match scenario.work {
            Work::Traffic(load) => traffic::run(line, &load, self.plan.window),
            Work::IdleConnections { exchange, count } => connections::run(line, exchange, count),
            Work::Idle(_) => idle::run(line),
            Work::Start { .. } => idle::start(line),
            Work::Delivery(delivery) => match (delivery.measured, &mut contestant.mesh) {
                (Measured::VirtualHost | Measured::Endpoint, Some(mesh)) => {
                    delivery::changes(line, mesh, delivery.measured)
                }
                (Measured::Everything | Measured::VirtualHost | Measured::Endpoint, _) => {
                    delivery::everything(line)
                }
            },
        };
        if !scenario.work.keeps_processes() {
            contestant.line = None;
        }
        run
    }

    fn count(&self, traffic: &Traffic, line: Option<&Line>) -> anyhow::Result<Calls> {
        match line.filter(|line| !line.proxies.is_empty()) {
            Some(line) => {
                system_calls::count(line, traffic, self.plan.window.min(COUNTED), &self.site)
            }
            None => Ok(BTreeMap::new()),
        }
    }

    fn backend(&mut self, exchange: Exchange) -> anyhow::Result<SocketAddr> {
        if let Some((_, at)) = self.backends.iter().find(|(known, _)| *known == exchange) {
            return Ok(*at);
        }
        let at = backend::start(exchange, (Ipv4Addr::LOCALHOST, 0).into())?;
        self.backends.push((exchange, at));
        Ok(at)
    }

    fn certificate(&mut self, key: Key) -> anyhow::Result<Certificate> {
        if let Some((_, made)) = self.certificates.iter().find(|(known, _)| *known == key) {
            return Ok(made.clone());
        }
        let made = Certificate::make(key, self.site.folder).context("cannot make certificates")?;
        self.certificates.push((key, made.clone()));
        Ok(made)
    }
}

/// Starts a line and waits until it answers.
fn launch(
    site: &Site<'_>,
    peer: &Peer,
    hops: &[Hop],
    exchange: Exchange,
) -> anyhow::Result<Result<Line, Missing>> {
    let mut line = match Line::launch(site, peer, hops)? {
        Ok(line) => line,
        Err(missing) => return Ok(Err(missing)),
    };
    line.wait(exchange)?;
    Ok(Ok(line))
}

impl Scenario {
    /// The sets of features with which a peer takes part.
    fn rows(&self, peer: &Peer) -> &'static [Features] {
        let has_traffic = matches!(self.work, Work::Traffic(_));
        // the floor's connections are not pooled, which would make new ones dearer than a proxy's
        let kept = matches!(self.work, Work::Traffic(traffic) if traffic.life == Life::Kept);
        let takes_part = match peer {
            Peer::Direct => has_traffic,
            Peer::Floor => kept && self.topology == Topology::OneHop,
            Peer::Tulle { .. } | Peer::Envoy | Peer::Haproxy | Peer::Nginx => true,
        };
        let once =
            !peer.has_features() || (matches!(self.work, Work::Delivery(_)) && !peer.takes_xds());
        match (takes_part, once) {
            (false, _) => &[],
            (true, true) => &self.features[..1],
            (true, false) => self.features,
        }
    }
}

impl Features {
    fn label(self) -> &'static str {
        match self {
            Features::Nothing => "(all off)",
            Features::Metrics => "(metrics)",
            Features::Logged => "(metrics, log)",
            Features::Everything => "(metrics, log, authorization)",
            Features::Istio => "(Istio's filters, log)",
            Features::IstioMetrics => "(Istio's metrics)",
        }
    }
}
