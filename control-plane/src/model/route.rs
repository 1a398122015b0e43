//! Routes: which requests and connections go where.
//!
//! Hosts are fully qualified and lower case, gateways are `mesh` or `namespace/name`, regular expressions have been
//! compiled once to prove them.

use super::http_action::{Cors, Fault, HeaderOps, HttpAction, Mirror, Retries, Rewrite};
use super::http_match::HttpMatch;
use super::{Created, Labels, Name, Object, Visibility};
use ipnet::IpNet;
use std::time::Duration;

/// The gateway name that stands for all sidecars.
pub const MESH_GATEWAY: &str = "mesh";

/// One `VirtualService`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VirtualService {
    /// Because of what it exists.
    pub origin: Object,
    /// The hosts whose routes it replaces; empty for a delegate.
    pub hosts: Vec<Name>,
    /// The gateways it applies to: `mesh`, or `namespace/name`.
    pub gateways: Vec<Name>,
    /// Who may see it.
    pub export_to: Visibility,
    /// When it was created.
    pub created: Created,
    /// Routes of HTTP requests, first match wins.
    pub http: Vec<HttpRoute>,
    /// Routes of TLS connections by SNI, first match wins.
    pub tls: Vec<TlsRoute>,
    /// Routes of TCP connections, first match wins.
    pub tcp: Vec<TcpRoute>,
}

impl VirtualService {
    /// Whether sidecars use it.
    #[must_use]
    pub fn applies_to_mesh(&self) -> bool {
        self.gateways
            .iter()
            .any(|gateway| **gateway == *MESH_GATEWAY)
    }
}

/// One HTTP rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpRoute {
    /// Where in `http` it stands, from 0.
    pub index: usize,
    /// Its name, empty when none.
    pub name: Name,
    /// Any of these must match; empty = everything.
    pub matches: Vec<HttpMatch>,
    /// What to do.
    pub action: HttpAction,
    /// Limit of the whole request, retries included; `None` = no limit.
    pub timeout: Option<Duration>,
    /// Retry policy; `None` = the mesh's default.
    pub retries: Option<Retries>,
    /// Injected faults.
    pub fault: Option<Fault>,
    /// Copies of the request.
    pub mirrors: Vec<Mirror>,
    /// Cross-origin policy.
    pub cors: Option<Cors>,
    /// Change of path and authority before forwarding.
    pub rewrite: Option<Rewrite>,
    /// Header changes for every destination.
    pub headers: HeaderOps,
}

/// One TLS rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TlsRoute {
    /// Where in `tls` it stands, from 0.
    pub index: usize,
    /// Any of these must match; never empty.
    pub matches: Vec<TlsMatch>,
    /// Where connections go.
    pub destinations: Vec<WeightedDestination>,
}

/// Conditions on a TLS connection; all must hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TlsMatch {
    /// Server names, possibly with a leading `*.`; never empty.
    pub sni_hosts: Vec<Name>,
    /// The rest.
    pub connection: ConnectionMatch,
}

/// One TCP rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TcpRoute {
    /// Where in `tcp` it stands, from 0.
    pub index: usize,
    /// Any of these must match; empty = everything.
    pub matches: Vec<ConnectionMatch>,
    /// Where connections go.
    pub destinations: Vec<WeightedDestination>,
}

/// Conditions on a connection; all must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ConnectionMatch {
    /// The address dialled is in one of these; empty = any.
    pub destination_subnets: Vec<IpNet>,
    /// The service port dialled.
    pub port: Option<u16>,
    /// Which proxies use the rule.
    pub source: SourceMatch,
}

/// Conditions on the proxy that would use a rule: evaluated when its configuration is generated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SourceMatch {
    /// Labels of the client's workload; empty = any.
    pub labels: Labels,
    /// Namespace of the client's workload.
    pub namespace: Option<Name>,
    /// Gateways; empty = those of the whole object.
    pub gateways: Vec<Name>,
}

impl SourceMatch {
    /// Whether a sidecar of a workload with these labels in this namespace uses the rule.
    #[must_use]
    pub fn admits_sidecar(&self, labels: &Labels, namespace: &str) -> bool {
        let gateway = self.gateways.is_empty()
            || self
                .gateways
                .iter()
                .any(|gateway| **gateway == *MESH_GATEWAY);
        let place = self
            .namespace
            .as_deref()
            .is_none_or(|wanted| wanted == namespace);
        gateway && place && self.labels.selects(labels)
    }
}

/// Where a request or connection goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Destination {
    /// The service's host, fully qualified.
    pub host: Name,
    /// The subset, as a destination rule defines it.
    pub subset: Option<Name>,
    /// The service port; may be left out where the service has one port, or to keep the port that was dialled.
    pub port: Option<u16>,
}

/// A destination with its share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WeightedDestination {
    /// Where to.
    pub destination: Destination,
    /// Its share relative to its neighbours; 0 = none. A single destination without weight has 100.
    pub weight: u32,
    /// Header changes for this destination only (HTTP).
    pub headers: HeaderOps,
}
