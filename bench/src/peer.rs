//! The peers: what is compared. Each writes its configuration for one hop and is started by the bench.

mod bootstrap;
mod haproxy;
mod nginx;
mod program;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::exchange::Protocol;
use crate::forward::{Forward, Means};
use crate::topology::{Features, Hop};
pub(crate) use nginx::FOLDER as NGINX_FOLDER;
pub(crate) use program::{Found, Programs, tulle};

/// One who takes part.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Peer {
    /// No proxy at all.
    Direct,
    /// This program, which forwards what it does not look at.
    Floor,
    /// A build of Tulle.
    Tulle {
        label: String,
        program: PathBuf,
    },
    Envoy,
    Haproxy,
    Nginx,
}

/// Why a peer cannot take part in a scenario.
#[derive(Clone, Debug)]
pub(crate) struct Missing(pub(crate) String);

/// A hop's configuration.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) path: PathBuf,
    /// What stands there, with words in place of ports and folders.
    pub(crate) text: String,
    /// What belongs to it.
    pub(crate) attached: Vec<Attached>,
}

/// A part of a configuration that is not in its file.
#[derive(Clone, Debug)]
pub(crate) struct Attached {
    pub(crate) name: &'static str,
    pub(crate) text: String,
}

impl Peer {
    /// The name in tables.
    pub(crate) fn label(&self) -> &str {
        match self {
            Peer::Direct => "direct",
            Peer::Floor => "floor",
            Peer::Tulle { label, .. } => label,
            Peer::Envoy => "envoy",
            Peer::Haproxy => "haproxy",
            Peer::Nginx => "nginx",
        }
    }

    /// Whether it can do more than forward.
    pub(crate) fn has_features(&self) -> bool {
        match self {
            Peer::Direct | Peer::Floor => false,
            Peer::Tulle { .. } | Peer::Envoy | Peer::Haproxy | Peer::Nginx => true,
        }
    }

    /// Whether an xDS server can configure it.
    pub(crate) fn takes_xds(&self) -> bool {
        match self {
            Peer::Direct | Peer::Floor | Peer::Haproxy | Peer::Nginx => false,
            Peer::Tulle { .. } | Peer::Envoy => true,
        }
    }

    /// Writes the configuration of one hop into `folder`.
    pub(crate) fn configure(
        &self,
        hop: &Hop,
        folder: &Path,
        programs: &Programs,
    ) -> anyhow::Result<Result<Config, Missing>> {
        if hop.control.is_some() && !self.takes_xds() {
            let why = "it takes no configuration over xDS; services-10k has the same in files";
            return Ok(Err(Missing(why.to_owned())));
        }
        if hop.features == Features::Everything && matches!(self, Peer::Tulle { .. }) {
            let why = "it has no authorization that looks at requests";
            return Ok(Err(Missing(why.to_owned())));
        }
        let (extension, text) = match self {
            Peer::Direct => return Ok(Err(Missing("there is no proxy".to_owned()))),
            Peer::Floor => ("json", floor(hop)?),
            Peer::Tulle { .. } | Peer::Envoy => ("json", bootstrap::render(hop, folder)),
            Peer::Haproxy => ("cfg", haproxy::render(hop, folder)?),
            Peer::Nginx => match nginx::render(hop, folder, programs) {
                Ok(text) => ("conf", text),
                Err(missing) => return Ok(Err(missing)),
            },
        };
        let path = folder.join(format!("{}-{}.{extension}", self.label(), hop.name));
        fs::write(&path, &text).with_context(|| format!("cannot write {}", path.display()))?;
        let text = hop.without_places(&text, folder);
        let attached = match self {
            Peer::Haproxy => haproxy::map(hop),
            Peer::Direct | Peer::Floor | Peer::Tulle { .. } | Peer::Envoy | Peer::Nginx => None,
        };
        let attached = attached.into_iter().collect();
        Ok(Ok(Config {
            path,
            text,
            attached,
        }))
    }

    /// How it is started with a configuration.
    pub(crate) fn command(&self, config: &Path, programs: &Programs) -> Result<Command, Missing> {
        let (found, arguments): (Found, &[&str]) = match self {
            Peer::Direct => return Err(Missing("there is no proxy".to_owned())),
            Peer::Floor => (Found::at(own()?), &["forward"]),
            Peer::Tulle { program, .. } => (
                Found::at(program.clone()),
                &["--concurrency", "1", "-l", "warning", "-c"],
            ),
            Peer::Envoy => (
                programs.envoy()?,
                &[
                    "--concurrency",
                    "1",
                    "-l",
                    "warning",
                    "--disable-hot-restart",
                    "-c",
                ],
            ),
            Peer::Haproxy => (programs.haproxy()?, &["-db", "-f"]),
            Peer::Nginx => (programs.nginx()?, &["-c"]),
        };
        let mut command = found.command();
        command.args(arguments).arg(config);
        Ok(command)
    }

    /// What it says of its version.
    pub(crate) fn version(&self, programs: &Programs) -> String {
        let (found, flag) = match self {
            Peer::Direct | Peer::Floor => return "of this program".to_owned(),
            Peer::Tulle { program, .. } => (Ok(Found::at(program.clone())), "--version"),
            Peer::Envoy => (programs.envoy(), "--version"),
            Peer::Haproxy => (programs.haproxy(), "-v"),
            Peer::Nginx => (programs.nginx(), "-v"),
        };
        let Ok(found) = found else {
            return "missing".to_owned();
        };
        let Ok(output) = found.command().arg(flag).output() else {
            return "does not start".to_owned();
        };
        let said = if output.stdout.is_empty() {
            output.stderr
        } else {
            output.stdout
        };
        let said = String::from_utf8_lossy(&said).into_owned();
        let first = said.lines().find(|line| !line.trim().is_empty());
        let first = first.unwrap_or_default().trim();
        let version = first
            .rsplit_once("version: ")
            .map_or(first, |(_, version)| version);
        version.to_owned()
    }
}

/// Bytes without a second look: spliced where the others forward TCP, copied where they forward requests.
fn floor(hop: &Hop) -> anyhow::Result<String> {
    let forward = Forward {
        listen: hop.listen,
        to: hop.upstream,
        means: match hop.accepts.protocol {
            Protocol::Tcp => Means::Splice,
            Protocol::Http1 | Protocol::Http2 | Protocol::Grpc => Means::Copy,
        },
    };
    Ok(serde_json::to_string(&forward)?)
}

/// This program.
fn own() -> Result<PathBuf, Missing> {
    std::env::current_exe().map_err(|error| Missing(format!("where this program is: {error}")))
}
