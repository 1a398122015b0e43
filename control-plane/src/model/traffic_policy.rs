//! Traffic policies: how a client treats the endpoints of a service.

use super::http_action::PerMillion;
use super::load_balancing::Algorithm;
use super::load_balancing::LoadBalancer;
use super::{Created, Labels, Name, Object, Visibility};
use std::time::Duration;

/// One `DestinationRule`, or several that were merged for one host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DestinationRule {
    /// Because of what it exists; of several merged the first.
    pub origin: Object,
    /// The host, fully qualified, possibly with a leading `*.`.
    pub host: Name,
    /// Who may see it.
    pub export_to: Visibility,
    /// The clients it is for; empty = all.
    pub workload_selector: Labels,
    /// The policy of the whole host.
    pub policy: TrafficPolicy,
    /// Its subsets, names unique.
    pub subsets: Vec<Subset>,
    /// When it was created.
    pub created: Created,
}

impl DestinationRule {
    /// Whether any of its policies keeps the address that the client dialled.
    pub(crate) fn may_pass_through(&self) -> bool {
        let subsets = self.subsets.iter().map(|subset| &subset.policy);
        let mut policies = subsets.chain([&self.policy]).flat_map(|policy| {
            let ports = policy.ports.iter().map(|(_, policy)| policy);
            ports.chain([&policy.base])
        });
        policies.any(|policy| {
            let balancer = policy.load_balancer.as_ref();
            balancer.and_then(|balancer| balancer.algorithm.as_ref())
                == Some(&Algorithm::Passthrough)
        })
    }

    /// The subset with this name.
    #[must_use]
    pub fn subset(&self, name: &str) -> Option<&Subset> {
        self.subsets.iter().find(|subset| *subset.name == *name)
    }

    /// What holds on a port of a subset (or of the whole host).
    ///
    /// A subset's policy overlays the host's field by field; on a port that a policy names, the port's settings
    /// replace what would be inherited. See Istio, `DestinationRule`, "TrafficPolicy.PortTrafficPolicy".
    #[must_use]
    pub fn effective(&self, subset: Option<&Subset>, port: u16) -> PortPolicy {
        let host = self.policy.on_port(&PortPolicy::default(), port);
        match subset {
            Some(subset) => subset.policy.on_port(&host, port),
            None => host,
        }
    }
}

/// A named part of a host's endpoints.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subset {
    /// Its name.
    pub name: Name,
    /// The labels of its endpoints.
    pub labels: Labels,
    /// Its policy.
    pub policy: TrafficPolicy,
    /// The rule that defined it (rules for one host merge).
    pub origin: Object,
}

/// A policy with its exceptions by port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TrafficPolicy {
    /// For every port.
    pub base: PortPolicy,
    /// For single service ports; sorted.
    pub ports: Vec<(u16, PortPolicy)>,
}

impl TrafficPolicy {
    fn on_port(&self, inherited: &PortPolicy, port: u16) -> PortPolicy {
        let base = &self.base;
        let merged = PortPolicy {
            load_balancer: base
                .load_balancer
                .clone()
                .or_else(|| inherited.load_balancer.clone()),
            connection_pool: base
                .connection_pool
                .clone()
                .or_else(|| inherited.connection_pool.clone()),
            outlier_detection: base
                .outlier_detection
                .clone()
                .or_else(|| inherited.outlier_detection.clone()),
            tls: base.tls.clone().or_else(|| inherited.tls.clone()),
            tunnel: base.tunnel.clone().or_else(|| inherited.tunnel.clone()),
            proxy_protocol: base.proxy_protocol.or(inherited.proxy_protocol),
            retry_budget: base.retry_budget.or(inherited.retry_budget),
        };
        let Some((_, own)) = self.ports.iter().find(|(number, _)| *number == port) else {
            return merged;
        };
        // A port may not set the last three, so they stay.
        PortPolicy {
            tunnel: merged.tunnel,
            proxy_protocol: merged.proxy_protocol,
            retry_budget: merged.retry_budget,
            ..own.clone()
        }
    }
}

/// What holds on one port; `None` = nothing said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PortPolicy {
    /// Which endpoint is picked.
    pub load_balancer: Option<LoadBalancer>,
    /// Limits.
    pub connection_pool: Option<ConnectionPool>,
    /// When an endpoint is left out.
    pub outlier_detection: Option<OutlierDetection>,
    /// TLS towards the endpoint.
    pub tls: Option<ClientTls>,
    /// Through a forward proxy (not by port).
    pub tunnel: Option<Tunnel>,
    /// PROXY protocol header (not by port).
    pub proxy_protocol: Option<ProxyProtocol>,
    /// Retries as a share of requests (not by port).
    pub retry_budget: Option<RetryBudget>,
}

/// Limits of connections and requests, each per client proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ConnectionPool {
    /// Connections.
    pub max_connections: Option<u32>,
    /// Limit of connecting.
    pub connect_timeout: Option<Duration>,
    /// TCP keep-alive probes.
    pub tcp_keepalive: Option<TcpKeepalive>,
    /// Longest life of a connection.
    pub max_connection_duration: Option<Duration>,
    /// Longest idleness of a TCP connection.
    pub tcp_idle_timeout: Option<Duration>,
    /// Requests that wait for a connection.
    pub http1_max_pending_requests: Option<u32>,
    /// Requests in flight, HTTP/1 too.
    pub http2_max_requests: Option<u32>,
    /// Requests on one connection; 0 = any number.
    pub max_requests_per_connection: Option<u32>,
    /// Retries in flight.
    pub max_retries: Option<u32>,
    /// Longest idleness of an HTTP connection.
    pub http_idle_timeout: Option<Duration>,
    /// Streams on one HTTP/2 connection.
    pub max_concurrent_streams: Option<u32>,
    /// Whether HTTP/1.1 becomes HTTP/2 upstream.
    pub h2_upgrade: Option<H2Upgrade>,
    /// Use the client's HTTP version upstream.
    pub use_client_protocol: bool,
    /// HTTP/2 PING.
    pub http2_keepalive: Option<Http2Keepalive>,
}

/// TCP keep-alive probes; `None` = the kernel's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TcpKeepalive {
    /// Probes without answer before the connection is dead.
    pub probes: Option<u32>,
    /// Idleness before the first probe.
    pub time: Option<Duration>,
    /// Between probes.
    pub interval: Option<Duration>,
}

/// HTTP/2 PING upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Http2Keepalive {
    /// Between pings.
    pub interval: Option<Duration>,
    /// How long to wait for the answer.
    pub timeout: Option<Duration>,
}

/// Whether HTTP/1.1 becomes HTTP/2 upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum H2Upgrade {
    /// As the mesh says.
    Default,
    /// Never.
    No,
    /// Always.
    Yes,
}

/// When an endpoint is left out for a while; `None` = the default of the field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct OutlierDetection {
    /// Locally made errors count apart.
    pub split_local_errors: bool,
    /// Local errors in a row; 0 = does not count.
    pub consecutive_local_failures: Option<u32>,
    /// 502, 503 and 504 in a row; 0 = does not count.
    pub consecutive_gateway_errors: Option<u32>,
    /// 5xx in a row; 0 = does not count.
    pub consecutive_5xx: Option<u32>,
    /// Between two looks.
    pub interval: Option<Duration>,
    /// How long at least.
    pub base_ejection_time: Option<Duration>,
    /// At most this share of endpoints, 0 to 100.
    pub max_ejection_percent: Option<u32>,
    /// Below this share of healthy endpoints all are used again, 0 to 100.
    pub min_health_percent: Option<u32>,
}

/// TLS that the client makes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientTls {
    /// Which kind.
    pub mode: ClientTlsMode,
    /// File of the client's certificate, in the proxy.
    pub client_certificate: Option<Name>,
    /// File of its key.
    pub private_key: Option<Name>,
    /// File of the certificates that are trusted.
    pub ca_certificates: Option<Name>,
    /// File of the revocation list.
    pub ca_crl: Option<Name>,
    /// Secret that holds all of them instead.
    pub credential_name: Option<Name>,
    /// Names that the server may prove.
    pub subject_alt_names: Vec<Name>,
    /// Server name to ask for.
    pub sni: Option<Name>,
    /// Accept any certificate.
    pub insecure_skip_verify: bool,
}

/// Kinds of client TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientTlsMode {
    /// None.
    Disable,
    /// Server certificate only.
    Simple,
    /// Both sides, with the given certificate.
    Mutual,
    /// Both sides, with the mesh's certificates.
    IstioMutual,
}

/// A tunnel through a forward proxy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tunnel {
    /// How to ask the proxy.
    pub method: TunnelMethod,
    /// Where the tunnel ends.
    pub target_host: Name,
    /// Its port.
    pub target_port: u16,
}

/// How a forward proxy is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TunnelMethod {
    /// `CONNECT`.
    Connect,
    /// `POST`.
    Post,
}

/// Version of the PROXY protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProxyProtocol {
    /// Text.
    V1,
    /// Binary.
    V2,
}

/// Retries as a share of requests in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RetryBudget {
    /// The share.
    pub percent: PerMillion,
    /// Retries that are always allowed at once.
    pub min_retry_concurrency: u32,
}

#[cfg(test)]
mod tests;
