//! The settings of MeshConfig that generators read.

use crate::model::http_action::Retries;
use crate::model::traffic_policy::TcpKeepalive;
use std::time::Duration;

/// The settings of MeshConfig that change what proxies get; the defaults are Istio's but for protocol detection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeshSettings {
    /// The trust domain in which identities are issued.
    pub trust_domain: String,
    /// Further trust domains whose identities are accepted.
    pub trust_domain_aliases: Vec<String>,
    /// Where traffic to unknown destinations goes.
    pub outbound_policy: OutboundPolicy,
    /// Deliver to 127.0.0.1 instead of the address that was dialled.
    pub inbound_localhost: bool,
    /// Mesh TLS towards every endpoint that has a sidecar.
    pub auto_mtls: bool,
    /// Access log; `None` = off.
    pub access_log: Option<AccessLog>,
    /// Limit of connecting.
    pub connect_timeout: Duration,
    /// How long a silent client of an undeclared port is waited for.
    pub detection_timeout: Duration,
    /// Keep-alive probes towards endpoints.
    pub tcp_keepalive: Option<TcpKeepalive>,
    /// Retries where no rule says anything; `None` = the built-in ones.
    pub default_retries: Option<Retries>,
    /// Upgrade HTTP/1.1 to HTTP/2 between sidecars.
    pub h2_upgrade: bool,
    /// How paths are normalised.
    pub path_normalization: PathNormalization,
    /// TLS 1.3 at least inside the mesh.
    pub tls13_only: bool,
    /// Port of captured outbound traffic.
    pub outbound_port: u16,
    /// Port of captured inbound traffic.
    pub inbound_port: u16,
}

impl Default for MeshSettings {
    fn default() -> Self {
        Self {
            trust_domain: xds_proto::well_known::DEFAULT_TRUST_DOMAIN.to_owned(),
            trust_domain_aliases: Vec::new(),
            outbound_policy: OutboundPolicy::AllowAny,
            inbound_localhost: false,
            auto_mtls: true,
            access_log: None,
            connect_timeout: Duration::from_secs(10),
            detection_timeout: Duration::from_millis(50),
            tcp_keepalive: None,
            default_retries: None,
            h2_upgrade: false,
            path_normalization: PathNormalization::Base,
            tls13_only: false,
            outbound_port: xds_proto::well_known::port::OUTBOUND,
            inbound_port: xds_proto::well_known::port::INBOUND,
        }
    }
}

impl MeshSettings {
    /// The trust domain and its aliases, each once.
    pub(crate) fn trust_domains(&self) -> impl Iterator<Item = &str> {
        let aliases = self
            .trust_domain_aliases
            .iter()
            .enumerate()
            .filter(|(index, alias)| {
                **alias != self.trust_domain && !self.trust_domain_aliases[..*index].contains(alias)
            });
        std::iter::once(&*self.trust_domain).chain(aliases.map(|(_, alias)| &**alias))
    }
}

/// Where traffic to unknown destinations goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboundPolicy {
    /// To where the client dialled.
    AllowAny,
    /// Nowhere.
    RegistryOnly,
}

/// An access log in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLog {
    /// Path of the file, often `/dev/stdout`.
    pub file: String,
    /// How lines look.
    pub format: AccessLogFormat,
}

/// How access log lines look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLogFormat {
    /// A line of text; `None` = Istio's default one.
    Text(Option<String>),
    /// A JSON object of names and formats, sorted; `None` = Istio's default one.
    Json(Option<Vec<(String, String)>>),
}

/// How request paths are normalised before they are matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathNormalization {
    /// Not at all.
    None,
    /// As RFC 3986 says; the default.
    Base,
    /// And several slashes become one.
    MergeSlashes,
    /// And `%2F` and `%5C` become slashes first.
    DecodeAndMergeSlashes,
}
