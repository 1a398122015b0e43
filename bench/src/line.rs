//! A chain of one peer's proxies that runs.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::certificate::Certificate;
use crate::cores::Cores;
use crate::exchange::Exchange;
use crate::load::ping::ping;
use crate::peer::{Config, Missing, Peer, Programs};
use crate::process::Process;
use crate::topology::Chain;

const PATIENCE: Duration = Duration::from_secs(30);

/// Proxies between client and backend.
#[derive(Debug)]
pub(crate) struct Line {
    /// Where the client connects.
    pub(crate) front: SocketAddr,
    /// From the client to the backend; none where there is no proxy.
    pub(crate) proxies: Vec<Proxy>,
    /// From the start of the first process to the first right answer.
    pub(crate) ready: Duration,
}

/// One proxy of the line.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) name: &'static str,
    pub(crate) config: Config,
    pub(crate) process: Process,
}

/// Where lines are built.
#[derive(Debug)]
pub(crate) struct Site<'a> {
    pub(crate) programs: &'a Programs,
    pub(crate) folder: &'a Path,
    pub(crate) cores: Cores,
}

impl Line {
    /// Starts the proxies, those next to the backend first, and waits for an answer through all of them.
    pub(crate) fn start(
        site: &Site<'_>,
        peer: &Peer,
        chain: &Chain,
        end: (SocketAddr, Exchange),
        certificate: &Certificate,
    ) -> anyhow::Result<Result<Line, Missing>> {
        let (backend, exchange) = end;
        let mut line = Line {
            front: backend,
            proxies: Vec::new(),
            ready: Duration::ZERO,
        };
        if *peer == Peer::Direct {
            return Ok(Ok(line));
        }
        let hops = chain.hops(backend, certificate)?;
        let mut commands = Vec::new();
        for hop in hops.iter().rev() {
            let config = match peer.configure(hop, site.folder, site.programs)? {
                Ok(config) => config,
                Err(missing) => return Ok(Err(missing)),
            };
            match peer.command(&config.path, site.programs) {
                Ok(command) => commands.push((hop, config, command)),
                Err(missing) => return Ok(Err(missing)),
            }
        }
        let started = Instant::now();
        for (hop, config, command) in commands {
            let name = format!("{}-{}", peer.label(), hop.name);
            let process = Process::start(&command, &name, site.folder, site.cores)?;
            line.proxies.insert(
                0,
                Proxy {
                    name: hop.name,
                    config,
                    process,
                },
            );
            line.front = hop.listen;
        }
        line.wait(exchange, started)?;
        Ok(Ok(line))
    }

    fn wait(&mut self, exchange: Exchange, started: Instant) -> anyhow::Result<()> {
        loop {
            let Err(error) = ping(self.front, exchange) else {
                self.ready = started.elapsed();
                return Ok(());
            };
            for proxy in &mut self.proxies {
                if let Some((status, words)) = proxy.process.ended()? {
                    bail!("proxy {} ended with {status}: {words}", proxy.name);
                }
            }
            if started.elapsed() > PATIENCE {
                let words: Vec<String> = self
                    .proxies
                    .iter()
                    .map(|proxy| proxy.process.last_words())
                    .collect();
                bail!(
                    "no right answer after {} s: {error:#}; {}",
                    PATIENCE.as_secs(),
                    words.join("; ")
                );
            }
        }
    }

    /// Processes of all proxies.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.proxies
            .iter()
            .flat_map(|proxy| proxy.process.family())
            .collect()
    }
}
