//! Scenarios and peers from their names.

use std::path::PathBuf;

use anyhow::{bail, ensure};

use super::flags::CompareFlags;
use crate::peer::{Peer, tulle};
use crate::project::Project;
use crate::scenario::{self, Length, Scenario};

/// Scenarios whose names are, or begin with, one of `names`; without names those that are run by default.
pub(crate) fn scenarios(flags: &CompareFlags) -> anyhow::Result<Vec<Scenario>> {
    let (mut all, names) = (scenario::all(), &flags.scenarios);
    if names.is_empty() {
        let other = if flags.quick {
            Length::Long
        } else {
            Length::Quick
        };
        all.retain(|scenario| scenario.length != other);
        return Ok(all);
    }
    for name in names {
        let known = all
            .iter()
            .any(|scenario| scenario.name.starts_with(name.as_str()));
        ensure!(
            known,
            "there is no scenario {name}; `tulle-bench scenarios` lists them"
        );
    }
    let exact = |name: &String| all.iter().any(|scenario| scenario.name == name);
    let chosen = |scenario: &&Scenario| {
        names.iter().any(|name| {
            scenario.name == name || (!exact(name) && scenario.name.starts_with(name.as_str()))
        })
    };
    Ok(all.iter().filter(chosen).cloned().collect())
}

/// Peers by their names; Tulle is built where no program is named.
pub(crate) fn peers(
    flags: &CompareFlags,
    project: &anyhow::Result<Project>,
) -> anyhow::Result<Vec<Peer>> {
    let mut peers = Vec::new();
    for name in &flags.peers {
        match name.as_str() {
            "direct" => peers.push(Peer::Direct),
            "floor" => peers.push(Peer::Floor),
            "tulle" => peers.extend(builds(&flags.proxies, project)?),
            "envoy" => peers.push(Peer::Envoy),
            "haproxy" => peers.push(Peer::Haproxy),
            "nginx" => peers.push(Peer::Nginx),
            _ => {
                bail!(
                    "there is no peer {name}; there are direct, floor, tulle, envoy, haproxy and nginx"
                )
            }
        }
    }
    Ok(peers)
}

fn builds(named: &[String], project: &anyhow::Result<Project>) -> anyhow::Result<Vec<Peer>> {
    if named.is_empty() {
        return Ok(vec![Peer::Tulle {
            label: "tulle".to_owned(),
            program: tulle(project)?,
        }]);
    }
    let build = |text: &String| {
        let (label, file) = match text.split_once('=') {
            Some((name, file)) => (format!("tulle-{name}"), file),
            None => ("tulle".to_owned(), text.as_str()),
        };
        let program = PathBuf::from(file);
        ensure!(program.exists(), "--proxy {text}: {file} does not exist");
        Ok(Peer::Tulle {
            label,
            program: std::path::absolute(program)?,
        })
    };
    named.iter().map(build).collect()
}

/// What must be installed for the peers and for counting.
pub(crate) fn programs(peers: &[Peer], flags: &CompareFlags) -> Vec<&'static str> {
    let mut names = Vec::new();
    for peer in peers {
        match peer {
            Peer::Direct | Peer::Floor | Peer::Tulle { .. } => {}
            Peer::Envoy => names.push("envoy"),
            Peer::Haproxy => names.push("haproxy"),
            Peer::Nginx => names.extend(["nginx", "nginx-stream"]),
        }
    }
    if flags.counts_system_calls() {
        names.push("strace");
    }
    names
}
