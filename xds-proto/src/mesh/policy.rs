//! The smaller parts of MeshConfig.

use serde::{Deserialize, Serialize};

use super::unhonoured::Unhonoured;
use super::{Duration, Rest};

/// What happens to traffic for destinations that no registry knows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OutboundTrafficPolicy {
    /// The rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<OutboundPolicyMode>,
    /// Fields without a typed field above.
    #[serde(flatten)]
    pub rest: Rest,
}

/// What happens to traffic for destinations that no registry knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OutboundPolicyMode {
    /// It passes to the address that the client meant.
    #[default]
    AllowAny,
    /// It is refused.
    RegistryOnly,
    /// It passes, HTTP by resolving the authority. Not honoured yet: treated as [`Self::AllowAny`] and named.
    #[serde(rename = "ALLOW_ANY_DYNAMIC_DNS")]
    AllowAnyDynamicDns,
}

impl OutboundTrafficPolicy {
    pub(super) fn name_unhonoured(&self, found: &mut Unhonoured<'_>) {
        if self.mode == Some(OutboundPolicyMode::AllowAnyDynamicDns) {
            found.value("mode", "ALLOW_ANY_DYNAMIC_DNS");
        }
        found.rest(&self.rest, &["tls", "egressProxy"]);
    }
}

/// Where inbound traffic is delivered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InboundTrafficPolicy {
    /// The rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<InboundPolicyMode>,
    /// Fields without a typed field above.
    #[serde(flatten)]
    pub rest: Rest,
}

/// Where inbound traffic is delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum InboundPolicyMode {
    /// To the address of the pod that the client meant.
    #[default]
    Passthrough,
    /// To the loopback address.
    Localhost,
}

/// How access logs are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AccessLogEncoding {
    /// One line by a format string.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Probes of idle TCP connections; what is absent is the kernel's setting.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TcpKeepalive {
    /// Probes without an answer after which a connection is dead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probes: Option<u32>,
    /// Idle time before the first probe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Duration>,
    /// Time between probes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Duration>,
    /// Fields without a typed field above.
    #[serde(flatten)]
    pub rest: Rest,
}

/// Retries of HTTP requests where no route says otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpRetry {
    /// Most retries; 0 turns them off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// Timeout of one attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_try_timeout: Option<Duration>,
    /// Comma separated reasons and status codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_on: Option<String>,
    /// Whether a retry may go to another locality.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_remote_localities: Option<bool>,
    /// Whether a retry may go to the endpoint that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_ignore_previous_hosts: Option<bool>,
    /// Shortest pause before a retry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Duration>,
    /// Fields without a typed field above.
    #[serde(flatten)]
    pub rest: Rest,
}

/// Whether HTTP/1.1 of applications becomes HTTP/2 between sidecars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum H2UpgradePolicy {
    /// The application's version is kept.
    #[default]
    DoNotUpgrade,
    /// HTTP/2 between sidecars.
    Upgrade,
}

/// How paths are normalised before they are matched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PathNormalization {
    /// The rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normalization: Option<PathNormalizationMode>,
    /// Fields without a typed field above.
    #[serde(flatten)]
    pub rest: Rest,
}

/// How paths are normalised before they are matched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PathNormalizationMode {
    /// Same as [`Self::Base`].
    #[default]
    Default,
    /// Not at all.
    None,
    /// Dot segments are resolved (RFC 3986 section 6).
    Base,
    /// And runs of slashes become one.
    MergeSlashes,
    /// And `%2F` and `%5C` are decoded first.
    DecodeAndMergeSlashes,
}

/// TLS between sidecars.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MeshTls {
    /// Lowest version that a sidecar accepts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_protocol_version: Option<TlsVersion>,
    /// Fields without a typed field above.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A TLS version as MeshConfig writes it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TlsVersion {
    /// The mesh's own default, TLS 1.2.
    #[default]
    #[serde(rename = "TLS_AUTO")]
    Auto,
    /// TLS 1.2.
    #[serde(rename = "TLSV1_2")]
    V1_2,
    /// TLS 1.3.
    #[serde(rename = "TLSV1_3")]
    V1_3,
}
