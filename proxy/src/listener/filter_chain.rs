//! Filter chains: the match criteria, what a chain does with a connection, and the search in Envoy's order.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::config::origin::Origin;
use crate::http::config::HttpConfig;
use crate::tcp::config::TcpConfig;
use crate::transport::DownstreamTransport;

mod find;

pub use find::{FilterChains, NoChain, OverlappingChains};

/// What is known of an accepted connection when its chain is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionFacts {
    /// The client, as the PROXY protocol names it where that is in use.
    pub source: SocketAddr,
    /// The peer of the socket.
    pub direct_source: SocketAddr,
    /// The destination that the client meant.
    pub destination: SocketAddr,
    /// The server name of the TLS ClientHello, lower case.
    pub server_name: Option<Box<str>>,
    /// TLS or not.
    pub transport: DetectedTransport,
    /// ALPN of the ClientHello, or `http/1.0`, `http/1.1`, `h2c` found by inspection; empty when unknown.
    pub application_protocols: Vec<Box<[u8]>>,
}

impl ConnectionFacts {
    /// Facts of a connection of which only the addresses are known.
    pub fn plain(source: SocketAddr, destination: SocketAddr) -> Self {
        Self {
            source,
            direct_source: source,
            destination,
            server_name: None,
            transport: DetectedTransport::RawBuffer,
            application_protocols: Vec::new(),
        }
    }
}

/// The transport that inspection saw. Envoy's names: `raw_buffer` and `tls`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DetectedTransport {
    /// Not TLS, or not inspected.
    RawBuffer,
    /// TLS.
    Tls,
}

impl fmt::Display for DetectedTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RawBuffer => "raw_buffer",
            Self::Tls => "tls",
        })
    }
}

/// When a chain applies; an empty list and `None` match everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ChainMatch {
    /// The destination's port.
    pub destination_port: Option<u16>,
    /// The destination's address.
    pub destination_prefixes: Vec<IpNet>,
    /// Exact names, and `*.example.com` for names below; lower case.
    pub server_names: Vec<ServerName>,
    /// The detected transport.
    pub transport: Option<DetectedTransport>,
    /// Any of these ALPN values.
    pub application_protocols: Vec<Box<[u8]>>,
    /// The socket's peer.
    pub direct_source_prefixes: Vec<IpNet>,
    /// Local or not.
    pub source_type: SourceType,
    /// The client's address.
    pub source_prefixes: Vec<IpNet>,
    /// The client's port.
    pub source_ports: Vec<u16>,
}

/// A server name to match.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ServerName {
    /// The whole name.
    Exact(Box<str>),
    /// Every name that ends with this; begins with a dot.
    Suffix(Box<str>),
}

/// Whether the client must be on this machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum SourceType {
    /// Whoever it is.
    #[default]
    Any,
    /// Loopback, or source and destination address are the same.
    SameIpOrLoopback,
    /// Everybody else.
    External,
}

/// A chain of network filters, reduced to what it does.
#[derive(Debug)]
pub struct FilterChain {
    /// Its name; may be empty.
    pub name: Arc<str>,
    /// When it applies.
    pub matching: ChainMatch,
    /// TLS or plain bytes.
    pub transport: DownstreamTransport,
    /// Time for the TLS handshake.
    pub transport_connect_timeout: Option<Duration>,
    /// Network-level authorization.
    pub rbac: Vec<NetworkRbac>,
    /// What serves the connection.
    pub handler: Handler,
    /// The object behind it.
    pub origin: Origin,
}

/// What serves a connection.
#[derive(Debug, Clone)]
pub enum Handler {
    /// The HTTP connection manager.
    Http(Arc<HttpConfig>),
    /// The TCP proxy.
    Tcp(Arc<TcpConfig>),
    /// Nothing: the connection is closed, for this reason.
    Refuse(Arc<str>),
}

/// The verdict of a network RBAC filter whose policies need no facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkRbac {
    /// The verdict.
    pub verdict: Verdict,
    /// The filter's statistics prefix.
    pub stat_prefix: Arc<str>,
    /// The policy that decides, where there is one.
    pub policy: Option<Arc<str>>,
}

/// Passes or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Goes on.
    Allow,
    /// Is closed, or answered with 403.
    Deny,
}

/// Up to four port ranges.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PortRanges {
    ranges: [Option<(u16, u32)>; 4],
}

impl PortRanges {
    /// Adds `start..end`; false when full.
    #[must_use]
    pub fn insert(&mut self, start: u16, end: u32) -> bool {
        match self.ranges.iter_mut().find(|slot| slot.is_none()) {
            Some(slot) => {
                *slot = Some((start, end));
                true
            }
            None => false,
        }
    }

    /// Whether the port is in the set.
    pub fn contains(&self, port: u16) -> bool {
        self.ranges
            .iter()
            .flatten()
            .any(|(start, end)| *start <= port && u32::from(port) < *end)
    }
}

fn same_ip_or_loopback(facts: &ConnectionFacts) -> bool {
    let (source, destination) = (
        canonical(facts.source.ip()),
        canonical(facts.destination.ip()),
    );
    source.is_loopback() || source == destination
}

fn canonical(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}
