//! What is configured for a cluster. Source: Envoy `config.cluster.v3.Cluster`.

pub(crate) mod proto;

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use xds_proto::name::ClusterName;

use super::circuit_breaker::BreakerLimits;
use super::lb::LbPolicy;
use super::outlier::OutlierConfig;
use super::subset::{LabelSet, SubsetConfig};
use crate::config::not_honoured::NotHonoured;
use crate::config::origin::Origin;
use crate::config::source::Source;
use crate::http::config::{Http1Options, Http2Options};
use crate::http::head::HeaderKey;
use crate::secret::SecretCell;
use crate::transport::{Keepalive, UpstreamTransport};

/// A valid cluster without its endpoints.
#[derive(Debug)]
pub struct ClusterConfig {
    /// Its name.
    pub name: Arc<str>,
    /// Its name in statistics.
    pub stat_name: Arc<str>,
    /// Where endpoints come from.
    pub discovery: Discovery,
    /// Time for a connection to an endpoint.
    pub connect_timeout: Duration,
    /// How an endpoint is chosen.
    pub lb: LbPolicy,
    /// Subsets of endpoints.
    pub subsets: Option<SubsetConfig>,
    /// Below this percentage of healthy endpoints all are used.
    pub panic_threshold: u8,
    /// In panic no endpoint is used at all.
    pub fail_in_panic: bool,
    /// Whether localities have weights of their own.
    pub locality: LocalityPolicy,
    /// How much more than its share a priority may carry before the next one helps, in percent.
    pub overprovisioning_percent: u32,
    /// The HTTP version.
    pub protocol: UpstreamProtocol,
    /// HTTP/1 rules.
    pub http1: Http1Options,
    /// HTTP/2 rules.
    pub http2: Http2Options,
    /// Life of pooled connections.
    pub connections: ConnectionRules,
    /// The transport of endpoints that no match of `transport_matches` claims.
    pub transport: UpstreamTransport,
    /// Transports by endpoint labels; the first that matches wins.
    pub transport_matches: Vec<TransportMatch>,
    /// Source address and keepalive of connections.
    pub socket: SocketRules,
    /// Limits.
    pub breakers: BreakerLimits,
    /// Passive health checks.
    pub outlier: Option<OutlierConfig>,
    /// The services that Istio names in the metadata, else the one in the cluster's own name; for telemetry.
    pub services: Vec<Service>,
    /// The object behind it.
    pub origin: Origin,
    /// Fields without effect.
    pub not_honoured: Vec<NotHonoured>,
    /// The encoded message as it came, for `/config_dump`; equal bytes are an equal cluster.
    pub raw: Bytes,
}

/// A service that a cluster stands for (Istio `filter_metadata["istio"]["services"]`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Host name.
    pub host: Arc<str>,
    /// Short name.
    pub name: Arc<str>,
    /// Namespace; empty where it is not known.
    pub namespace: Arc<str>,
}

impl Service {
    /// The service of a cluster `outbound|PORT|SUBSET|HOST`. Of a host in Kubernetes' form the parts are known; any other
    /// host is its own name.
    fn of_cluster_name(cluster: &str) -> Option<Self> {
        let host = ClusterName::from_str(cluster).ok()?.host;
        let mut labels = host.splitn(3, '.');
        let (name, namespace) = match (labels.next(), labels.next(), labels.next()) {
            (Some(name), Some(namespace), Some(rest)) if rest.starts_with("svc.") => {
                (name, namespace)
            }
            _ => (&*host, ""),
        };
        (!host.is_empty()).then(|| Self {
            name: name.into(),
            namespace: namespace.into(),
            host: Arc::from(&*host),
        })
    }
}

/// Where endpoints come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Discovery {
    /// Part of the cluster.
    Static,
    /// Every address of every name.
    StrictDns(DnsRules),
    /// One address of one name at a time.
    LogicalDns(DnsRules),
    /// EDS.
    Eds(EdsRules),
    /// Wherever the connection was going.
    OriginalDst(OriginalDst),
}

/// Endpoints of a cluster that come as resources of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdsRules {
    /// Where they come from.
    pub source: Source,
    /// The name they are asked for by.
    pub service: Arc<str>,
}

/// Name resolution of a cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct DnsRules {
    /// What is resolved, with everything but the address.
    pub names: Vec<super::endpoint_set::HostTemplate>,
    /// Time between lookups.
    pub refresh: Duration,
    /// Time to the next lookup after a failure, and the longest such time.
    pub failure_refresh: (Duration, Duration),
    /// The time that the answer names is used instead of `refresh`.
    pub respect_ttl: bool,
    /// Which addresses.
    pub family: LookupFamily,
    /// Overprovisioning factor in percent of the assignment.
    pub overprovisioning_percent: u32,
}

/// Which addresses of a name are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LookupFamily {
    /// IPv6, else IPv4.
    #[default]
    Auto,
    /// IPv4.
    V4Only,
    /// IPv6.
    V6Only,
    /// IPv4, else IPv6.
    V4Preferred,
    /// Both.
    All,
}

/// Rules of an original-destination cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginalDst {
    /// A header that names the address instead.
    pub header: Option<HeaderKey>,
    /// A port in place of the destination's.
    pub port_override: Option<u16>,
    /// Destinations that were not used for so long are forgotten.
    pub cleanup_interval: Duration,
}

/// Envoy's defaults.
impl Default for OriginalDst {
    fn default() -> Self {
        Self {
            header: None,
            port_override: None,
            cleanup_interval: Duration::from_secs(5),
        }
    }
}

/// The HTTP version that endpoints are spoken to in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UpstreamProtocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2.
    Http2,
    /// The version of the client's request.
    AsDownstream,
    /// By ALPN.
    Alpn,
}

/// Life of pooled connections; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionRules {
    /// Closed after this time without a request.
    pub idle_timeout: Option<Duration>,
    /// Closed at this age.
    pub max_duration: Option<Duration>,
    /// Requests over one connection.
    pub max_requests: Option<u32>,
    /// Age of a stream.
    pub max_stream_duration: Option<Duration>,
}

/// How weight is given to localities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LocalityPolicy {
    /// Not at all; endpoints of a priority are one set.
    #[default]
    Ignored,
    /// As the endpoints' assignment says.
    Weighted,
}

/// Source address and options of upstream sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SocketRules {
    /// The address that connections come from.
    pub bind: Option<SocketAddr>,
    /// Bind even to an address that is not local (`IP_FREEBIND`).
    pub freebind: bool,
    /// Keepalive.
    pub keepalive: Option<Keepalive>,
    /// `SO_MARK`.
    pub mark: Option<u32>,
}

impl SocketRules {
    /// The source address for a destination; `None` where the families differ or nothing is configured.
    pub fn source_for(&self, destination: IpAddr) -> Option<SocketAddr> {
        self.bind
            .filter(|bind| bind.is_ipv4() == destination.is_ipv4())
    }
}

/// A transport for endpoints with certain labels.
#[derive(Debug, Clone)]
pub struct TransportMatch {
    /// Its name.
    pub name: Arc<str>,
    /// Labels that an endpoint must have in `envoy.transport_socket_match`; none matches all.
    pub labels: LabelSet,
    /// The transport.
    pub transport: UpstreamTransport,
}

impl ClusterConfig {
    /// The transport of an endpoint: that of the first match whose labels it has, else the cluster's.
    pub fn transport_for(&self, endpoint: &super::Endpoint) -> &UpstreamTransport {
        let labels = &endpoint.facts.transport_labels;
        let matching = self
            .transport_matches
            .iter()
            .find(|one| labels.has(&one.labels));
        matching.map_or(&self.transport, |one| &one.transport)
    }
}

impl ClusterConfig {
    /// The cells of all secrets that its TLS contexts need.
    pub fn secrets(&self) -> impl Iterator<Item = &Arc<SecretCell>> {
        let others = self.transport_matches.iter().map(|one| &one.transport);
        let contexts = std::iter::once(&self.transport)
            .chain(others)
            .filter_map(|transport| match transport {
                UpstreamTransport::Tls(context) => Some(context),
                UpstreamTransport::Plain => None,
            });
        contexts.flat_map(|context| context.config().common.secrets())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_name_says_which_service_it_stands_for() {
        for (cluster, expected) in [
            (
                "outbound|80|v1|api.store.svc.cluster.local",
                Some(("api.store.svc.cluster.local", "api", "store")),
            ),
            (
                "outbound|443||www.example.com",
                Some(("www.example.com", "www.example.com", "")),
            ),
            ("inbound|8080||", None),
            ("PassthroughCluster", None),
        ] {
            let service = Service::of_cluster_name(cluster);
            let parts = service
                .as_ref()
                .map(|service| (&*service.host, &*service.name, &*service.namespace));
            assert_eq!(parts, expected, "{cluster}");
        }
    }
}
