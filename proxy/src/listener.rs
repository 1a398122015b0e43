//! Listeners: where connections are accepted, what is found out about them, and which filter chain serves them.
//!
//! This module owns the validated listener, its store, and the way of a connection from a listening socket to the chain
//! that serves it.

mod accept;
mod active;
mod dispatch;
pub mod filter_chain;
pub mod inspect;
pub(crate) mod original_dst;
pub(crate) mod placement;
pub(crate) mod proto;
mod serve;
mod sockets;
pub mod store;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

pub use dispatch::Dispatcher;
pub use filter_chain::{ChainMatch, ConnectionFacts, FilterChain, FilterChains, Handler, NoChain};
pub use sockets::{BindError, Sockets};
pub use store::{ListenerSnapshot, Listeners};

use crate::config::access_log::AccessLogConfig;
use crate::config::not_honoured::NotHonoured;
use crate::config::origin::Origin;
use crate::http::config::{HttpConfig, RouteSource};
use crate::http::route::{RouteHandle, RouteTable};
use crate::secret::SecretCell;
use crate::transport::{DownstreamTransport, Keepalive};

/// A valid listener. Source: Envoy `config.listener.v3.Listener`.
#[derive(Debug)]
pub struct Listener {
    /// The name that xDS and `/listeners` use.
    pub name: Arc<str>,
    /// The addresses to bind, the main one first; never empty.
    pub addresses: Vec<ListenAddress>,
    /// How to bind, or whether to bind at all.
    pub bind: Bind,
    /// Hand the connection to the listener of its original destination, and keep it where there is none.
    pub use_original_dst: bool,
    /// Recover the destination that the redirect rules replaced (listener filter `original_dst`).
    pub recover_original_dst: bool,
    /// The side of the workload that the listener serves.
    pub direction: Direction,
    /// What to find out from the first bytes.
    pub inspect: Inspect,
    /// How long inspection may wait for bytes; `None` waits for ever.
    pub inspect_timeout: Option<Duration>,
    /// After a silent `inspect_timeout`: go on with what is known instead of closing.
    pub continue_on_timeout: bool,
    /// The filter chains and the default one.
    pub chains: FilterChains,
    /// Written when a connection closes, or when no chain matched.
    pub access_logs: Vec<Arc<AccessLogConfig>>,
    /// The prefix of its statistics where it differs from the address.
    pub stat_prefix: Option<Arc<str>>,
    /// The object behind it.
    pub origin: Origin,
    /// Fields without effect.
    pub not_honoured: Vec<NotHonoured>,
    /// The encoded message as it came, for `/config_dump`.
    pub raw: Bytes,
}

impl Listener {
    /// The cells of the route tables that its connection managers take from RDS.
    pub fn route_handles(&self) -> impl Iterator<Item = &Arc<RouteHandle>> {
        self.managers().filter_map(|manager| match &manager.routes {
            RouteSource::Rds(handle) => Some(handle),
            RouteSource::Inline(_) => None,
        })
    }

    /// The route tables now in force in its connection managers.
    pub fn route_tables(&self) -> impl Iterator<Item = Arc<RouteTable>> {
        self.managers()
            .filter_map(|manager| manager.routes.current())
    }

    /// The cells of all secrets that its TLS contexts need.
    pub fn secrets(&self) -> impl Iterator<Item = &Arc<SecretCell>> {
        let contexts = self
            .all_chains()
            .filter_map(|chain| match &chain.transport {
                DownstreamTransport::Tls(context) => Some(context),
                DownstreamTransport::Plain => None,
            });
        contexts.flat_map(|context| context.config().common.secrets())
    }

    fn managers(&self) -> impl Iterator<Item = &Arc<HttpConfig>> {
        self.all_chains().filter_map(|chain| match &chain.handler {
            Handler::Http(config) => Some(config),
            Handler::Tcp(_) | Handler::Refuse(_) => None,
        })
    }

    fn all_chains(&self) -> impl Iterator<Item = &Arc<FilterChain>> {
        self.chains.iter().chain(self.chains.default_chain())
    }
}

/// One address to bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ListenAddress {
    /// Address and port; port 0 lets the kernel choose.
    pub addr: SocketAddr,
    /// An IPv6 wildcard that takes IPv4 too.
    pub ipv4_compat: bool,
}

/// How the sockets of a listener are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bind {
    /// `false`: no socket; connections come by hand-over only.
    pub bind_to_port: bool,
    /// `SO_REUSEPORT`.
    pub reuse_port: bool,
    /// `IP_TRANSPARENT`.
    pub transparent: bool,
    /// `IP_FREEBIND`.
    pub freebind: bool,
    /// Length of the queue of connections not accepted yet.
    pub backlog: u32,
    /// Keepalive of accepted connections.
    pub keepalive: Option<Keepalive>,
}

/// The side of the workload on which traffic flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Not said.
    #[default]
    Unspecified,
    /// To the workload.
    Inbound,
    /// From the workload.
    Outbound,
}

/// What to find out from the first bytes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Inspect {
    /// Server name and ALPN of a TLS ClientHello.
    pub tls: bool,
    /// HTTP/1 or HTTP/2.
    pub http: bool,
    /// A PROXY protocol header, read and removed.
    pub proxy_protocol: Option<ProxyProtocolInspect>,
    /// Destination ports on which TLS is not looked for.
    pub tls_disabled_on: PortSet,
    /// Destination ports on which HTTP is not looked for.
    pub http_disabled_on: PortSet,
}

/// How strictly a PROXY protocol header is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyProtocolInspect {
    /// A connection without the header is closed.
    Required,
    /// A connection without the header passes as it is.
    Optional,
}

/// A set of ports as up to four half-open ranges; what Istio's `filter_disabled` predicates lower to.
pub type PortSet = filter_chain::PortRanges;
