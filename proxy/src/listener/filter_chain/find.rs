//! The search for a filter chain, in Envoy's order: destination port, destination address, server name, transport,
//! application protocol, direct source, source type, source address, source port.
//!
//! Invariant: at each step the most specific criterion wins and the others are out, without going back; a chain that
//! fails a later step is not replaced by one that an earlier step put out (Envoy, `FilterChainMatch`).

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use hashbrown::HashMap;
use ipnet::IpNet;
use smallvec::SmallVec;

use super::{
    ChainMatch, ConnectionFacts, FilterChain, ServerName, SourceType, canonical,
    same_ip_or_loopback,
};

/// The chains of a listener, indexed for the search.
#[derive(Debug, Default)]
pub struct FilterChains {
    all: Vec<Arc<FilterChain>>,
    by_port: HashMap<u16, Vec<u32>>,
    any_port: Vec<u32>,
    default: Option<Arc<FilterChain>>,
}

/// Two chains that match the same connections: the listener is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "filter chains {first:?} and {second:?} match the same connections; change the match of one of them"
)]
pub struct OverlappingChains {
    /// The earlier chain.
    pub first: Arc<str>,
    /// The later chain.
    pub second: Arc<str>,
}

/// No chain matches a connection and the listener has no default one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no filter chain matches the connection's {step}")]
pub struct NoChain {
    /// The criterion that put the last candidates out.
    pub step: Step,
}

/// A step of the search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The destination's port.
    DestinationPort,
    /// The destination's address.
    DestinationAddress,
    /// TLS server name.
    ServerName,
    /// TLS or not.
    Transport,
    /// ALPN.
    ApplicationProtocol,
    /// The socket's peer.
    DirectSource,
    /// Local or not.
    SourceType,
    /// The client's address.
    SourceAddress,
    /// The client's port.
    SourcePort,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::DestinationPort => "destination port",
            Self::DestinationAddress => "destination address",
            Self::ServerName => "server name",
            Self::Transport => "transport protocol",
            Self::ApplicationProtocol => "application protocol",
            Self::DirectSource => "direct source address",
            Self::SourceType => "source type",
            Self::SourceAddress => "source address",
            Self::SourcePort => "source port",
        })
    }
}

type Candidates = SmallVec<[u32; 16]>;

/// How specifically a chain matches; `None` when it does not.
type Rank = fn(&ChainMatch, &ConnectionFacts) -> Option<u32>;

/// The steps after the port, in Envoy's order.
const STEPS: [(Step, Rank); 8] = [
    (Step::DestinationAddress, |m, f| {
        prefix_rank(&m.destination_prefixes, f.destination.ip())
    }),
    (Step::ServerName, |m, f| {
        server_name_rank(&m.server_names, f.server_name.as_deref())
    }),
    (Step::Transport, |m, f| exact_rank(m.transport, f.transport)),
    (Step::ApplicationProtocol, |m, f| {
        protocol_rank(&m.application_protocols, &f.application_protocols)
    }),
    (Step::DirectSource, |m, f| {
        prefix_rank(&m.direct_source_prefixes, f.direct_source.ip())
    }),
    (Step::SourceType, source_type_rank),
    (Step::SourceAddress, |m, f| {
        prefix_rank(&m.source_prefixes, f.source.ip())
    }),
    (Step::SourcePort, |m, f| {
        port_rank(&m.source_ports, f.source.port())
    }),
];

impl FilterChains {
    /// Indexes chains.
    ///
    /// # Errors
    /// When two chains match the same connections.
    pub fn new(
        chains: Vec<Arc<FilterChain>>,
        default: Option<Arc<FilterChain>>,
    ) -> Result<Self, OverlappingChains> {
        refuse_overlaps(&chains)?;
        let mut by_port: HashMap<u16, Vec<u32>> = HashMap::new();
        let mut any_port = Vec::new();
        for (index, chain) in (0u32..).zip(&chains) {
            match chain.matching.destination_port {
                Some(port) => by_port.entry(port).or_default().push(index),
                None => any_port.push(index),
            }
        }
        Ok(Self {
            all: chains,
            by_port,
            any_port,
            default,
        })
    }

    /// The chain for a connection.
    ///
    /// # Errors
    /// When none matches and there is no default chain.
    pub fn find(&self, facts: &ConnectionFacts) -> Result<&Arc<FilterChain>, NoChain> {
        let by_port = self
            .by_port
            .get(&facts.destination.port())
            .unwrap_or(&self.any_port);
        match self.narrow(by_port, facts) {
            Ok(index) => Ok(&self.all[index as usize]),
            Err(no_chain) => self.default.as_ref().ok_or(no_chain),
        }
    }

    /// The chains in the order of the listener, without the default one.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<FilterChain>> {
        self.all.iter()
    }

    /// The chain for connections that no other matches.
    pub fn default_chain(&self) -> Option<&Arc<FilterChain>> {
        self.default.as_ref()
    }

    fn narrow(&self, from: &[u32], facts: &ConnectionFacts) -> Result<u32, NoChain> {
        let mut left = Candidates::from_slice(from);
        let mut failed = Step::DestinationPort;
        for (step, rank) in STEPS {
            if left.is_empty() {
                break;
            }
            failed = step;
            left = self.most_specific(&left, |chain| rank(&chain.matching, facts));
        }
        left.first().copied().ok_or(NoChain { step: failed })
    }

    fn most_specific(
        &self,
        from: &[u32],
        rank: impl Fn(&FilterChain) -> Option<u32>,
    ) -> Candidates {
        let mut best = None;
        let mut left = Candidates::new();
        for &index in from {
            let Some(found) = rank(&self.all[index as usize]) else {
                continue;
            };
            if best.is_some_and(|best| found < best) {
                continue;
            }
            if best != Some(found) {
                left.clear();
                best = Some(found);
            }
            left.push(index);
        }
        left
    }
}

/// Rank 0 for "matches anything", longer prefixes above; `None` when nothing matches.
fn prefix_rank(prefixes: &[IpNet], ip: IpAddr) -> Option<u32> {
    if prefixes.is_empty() {
        return Some(0);
    }
    let ip = canonical(ip);
    prefixes
        .iter()
        .filter(|net| net.contains(&ip))
        .map(|net| 1 + u32::from(net.prefix_len()))
        .max()
}

fn server_name_rank(names: &[ServerName], server_name: Option<&str>) -> Option<u32> {
    if names.is_empty() {
        return Some(0);
    }
    let name = server_name?;
    names
        .iter()
        .filter_map(|wanted| one_name_rank(wanted, name))
        .max()
}

fn one_name_rank(wanted: &ServerName, name: &str) -> Option<u32> {
    match wanted {
        ServerName::Exact(exact) => (**exact == *name).then_some(u32::MAX),
        ServerName::Suffix(suffix) => {
            let longer = name.len() > suffix.len() && name.ends_with(&**suffix);
            longer.then(|| u32::try_from(suffix.len()).unwrap_or(u32::MAX - 1))
        }
    }
}

fn exact_rank<T: PartialEq>(wanted: Option<T>, found: T) -> Option<u32> {
    match wanted {
        None => Some(0),
        Some(wanted) => (wanted == found).then_some(1),
    }
}

/// The client's first protocol ranks highest: its order decides among chains.
fn protocol_rank(wanted: &[Box<[u8]>], offered: &[Box<[u8]>]) -> Option<u32> {
    if wanted.is_empty() {
        return Some(0);
    }
    let position = offered
        .iter()
        .position(|protocol| wanted.contains(protocol))?;
    Some(u32::MAX - u32::try_from(position).unwrap_or(u32::MAX - 1))
}

fn source_type_rank(matching: &ChainMatch, facts: &ConnectionFacts) -> Option<u32> {
    match matching.source_type {
        SourceType::Any => Some(0),
        SourceType::SameIpOrLoopback => same_ip_or_loopback(facts).then_some(1),
        SourceType::External => (!same_ip_or_loopback(facts)).then_some(1),
    }
}

fn port_rank(wanted: &[u16], port: u16) -> Option<u32> {
    if wanted.is_empty() {
        return Some(0);
    }
    wanted.contains(&port).then_some(1)
}

fn refuse_overlaps(chains: &[Arc<FilterChain>]) -> Result<(), OverlappingChains> {
    let mut seen: HashMap<String, &Arc<FilterChain>> = HashMap::new();
    for chain in chains {
        for key in overlap_keys(&chain.matching) {
            if let Some(first) = seen.insert(key, chain)
                && !Arc::ptr_eq(first, chain)
            {
                return Err(OverlappingChains {
                    first: Arc::clone(&first.name),
                    second: Arc::clone(&chain.name),
                });
            }
        }
    }
    Ok(())
}

/// One key for each combination of single criteria.
fn overlap_keys(matching: &ChainMatch) -> HashSet<String> {
    let fixed = format!(
        "{:?}|{:?}|{:?}",
        matching.destination_port, matching.transport, matching.source_type
    );
    let mut keys = HashSet::from([fixed]);
    cross(&mut keys, &matching.destination_prefixes);
    cross(&mut keys, &matching.server_names);
    cross(&mut keys, &matching.application_protocols);
    cross(&mut keys, &matching.direct_source_prefixes);
    cross(&mut keys, &matching.source_prefixes);
    cross(&mut keys, &matching.source_ports);
    keys
}

fn cross<T: std::fmt::Debug>(keys: &mut HashSet<String>, values: &[T]) {
    let joined = |key: &String| -> Vec<String> {
        if values.is_empty() {
            return vec![format!("{key}|")];
        }
        values
            .iter()
            .map(|value| format!("{key}|{value:?}"))
            .collect()
    };
    *keys = keys.iter().flat_map(joined).collect();
}

#[cfg(test)]
mod tests;
