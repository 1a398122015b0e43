//! A chain of one peer's proxies that runs.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::ads;
use crate::cores::Cores;
use crate::exchange::Exchange;
use crate::load::ping::ping;
use crate::measure::settle;
use crate::peer::{Config, Missing, Peer, Programs};
use crate::process::Process;
use crate::topology::Hop;

const PATIENCE: Duration = Duration::from_secs(30);
/// Between two attempts to get an answer.
const BETWEEN: Duration = Duration::from_micros(200);

/// Proxies between client and backend.
#[derive(Debug)]
pub(crate) struct Line {
    /// Where the client connects.
    pub(crate) front: SocketAddr,
    /// From the client to the backend; none where there is no proxy.
    pub(crate) proxies: Vec<Proxy>,
    /// When the first process was started.
    pub(crate) started: Instant,
    /// From then to the first right answer.
    pub(crate) ready: Duration,
    /// Who configures the proxies, where they do not read it from a file.
    pub(crate) server: Option<ads::Server>,
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
    /// No proxy at all.
    pub(crate) fn direct(backend: SocketAddr) -> Line {
        Line {
            front: backend,
            proxies: Vec::new(),
            started: Instant::now(),
            ready: Duration::ZERO,
            server: None,
        }
    }

    /// Starts the proxies of `hops`, those next to the backend first.
    pub(crate) fn launch(
        site: &Site<'_>,
        peer: &Peer,
        hops: &[Hop],
    ) -> anyhow::Result<Result<Line, Missing>> {
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
        let mut line = Line::direct(hops[0].listen);
        for (hop, config, command) in commands {
            let name = format!("{}-{}", peer.label(), hop.name);
            let process = Process::start(&command, &name, site.folder, site.cores)?;
            let proxy = Proxy {
                name: hop.name,
                config,
                process,
            };
            line.proxies.insert(0, proxy);
        }
        Ok(Ok(line))
    }

    /// Waits for an answer through all proxies.
    pub(crate) fn wait(&mut self, exchange: Exchange) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            let Err(error) = ping(self.front, exchange) else {
                self.ready = self.started.elapsed();
                return Ok(());
            };
            self.look_alive()?;
            if began.elapsed() > PATIENCE {
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
            settle(BETWEEN);
        }
    }

    /// What a proxy that has ended said last.
    pub(crate) fn look_alive(&mut self) -> anyhow::Result<()> {
        for proxy in &mut self.proxies {
            if let Some((status, words)) = proxy.process.ended()? {
                bail!("proxy {} ended with {status}: {words}", proxy.name);
            }
        }
        Ok(())
    }

    /// Processes of all proxies.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.proxies
            .iter()
            .flat_map(|proxy| proxy.process.family())
            .collect()
    }
}
