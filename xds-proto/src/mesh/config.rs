//! MeshConfig.

use std::time::Duration as StdDuration;

use serde::{Deserialize, Deserializer, Serialize};

use super::unhonoured::Unhonoured;
use super::{
    AccessLogEncoding, Duration, H2UpgradePolicy, HttpRetry, InboundPolicyMode,
    InboundTrafficPolicy, MeshTls, OutboundPolicyMode, OutboundTrafficPolicy, PathNormalization,
    PathNormalizationMode, ProxyConfig, Rest, TcpKeepalive, TlsVersion,
};
use crate::well_known;

/// Settings of the whole mesh, as ConfigMap `istio` holds them under `mesh`.
///
/// Field names and defaults follow <https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/>.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MeshConfig {
    /// Trust domain of the mesh's identities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust_domain: Option<String>,
    /// Further trust domains whose identities count as the mesh's own.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub trust_domain_aliases: Vec<String>,
    /// Namespace whose objects apply to the whole mesh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_namespace: Option<String>,
    /// What happens to traffic for unknown destinations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outbound_traffic_policy: Option<OutboundTrafficPolicy>,
    /// Where inbound traffic is delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inbound_traffic_policy: Option<InboundTrafficPolicy>,
    /// Whether clients use mesh TLS towards every endpoint that speaks it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_auto_mtls: Option<bool>,
    /// File of the access log; empty turns it off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_log_file: Option<String>,
    /// Format of the access log; empty is Istio's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_log_format: Option<String>,
    /// Encoding of the access log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_log_encoding: Option<AccessLogEncoding>,
    /// Settings of every proxy, before its own annotation.
    #[serde(deserialize_with = "or_default")]
    pub default_config: ProxyConfig,
    /// Timeout of connecting to an upstream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_timeout: Option<Duration>,
    /// How long an undeclared port waits for the client to speak; 0 waits forever in Istio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol_detection_timeout: Option<Duration>,
    /// Probes of idle upstream connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp_keepalive: Option<TcpKeepalive>,
    /// Retries where no route says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_http_retry_policy: Option<HttpRetry>,
    /// Whether HTTP/1.1 becomes HTTP/2 between sidecars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub h2_upgrade_policy: Option<H2UpgradePolicy>,
    /// How paths are normalised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_normalization: Option<PathNormalization>,
    /// TLS between sidecars.
    #[serde(rename = "meshMTLS", skip_serializing_if = "Option::is_none")]
    pub mesh_mtls: Option<MeshTls>,
    /// Who sees a service that does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_service_export_to: Option<Vec<String>>,
    /// Who sees a VirtualService that does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_virtual_service_export_to: Option<Vec<String>>,
    /// Who sees a DestinationRule that does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_destination_rule_export_to: Option<Vec<String>>,
    /// Port of captured outbound traffic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_listen_port: Option<u16>,
    /// Port of captured inbound traffic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_inbound_listen_port: Option<u16>,
    /// Whether the application's metrics are merged into the sidecar's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_prometheus_merge: Option<bool>,
    /// Fields without a typed field above.
    #[serde(flatten)]
    pub rest: Rest,
}

/// Reads `null` as the default.
pub(super) fn or_default<'de, T, D>(from: D) -> Result<T, D::Error>
where
    T: Deserialize<'de> + Default,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// Fields of Istio's MeshConfig that have no typed field here.
const KNOWN: &[&str] = &[
    "ca",
    "caCertificates",
    "certificates",
    "configSources",
    "defaultInboundHttpRetryPolicy",
    "defaultProviders",
    "defaultTrafficPolicy",
    "disableEnvoyListenerLog",
    "discoverySelectors",
    "dnsRefreshRate",
    "enableEnvoyAccessLogService",
    "enableTracing",
    "extensionProviders",
    "hboneIdleTimeout",
    "inboundClusterStatName",
    "ingressClass",
    "ingressControllerMode",
    "ingressSelector",
    "ingressService",
    "localityLbSetting",
    "outboundClusterStatName",
    "proxyHttpPort",
    "serviceEntryVisibility",
    "serviceScopeConfigs",
    "serviceSettings",
    "thriftConfig",
    "tlsDefaults",
    "verifyCertificateAtClient",
    "zoneAwareLbSetting",
];

impl MeshConfig {
    /// Trust domain in effect; `cluster.local` by default.
    pub fn trust_domain(&self) -> &str {
        non_empty(&self.trust_domain).unwrap_or(well_known::DEFAULT_TRUST_DOMAIN)
    }

    /// Root namespace in effect; `istio-system` by default.
    pub fn root_namespace(&self) -> &str {
        non_empty(&self.root_namespace).unwrap_or(well_known::ROOT_NAMESPACE)
    }

    /// Rule for unknown destinations; they pass by default.
    pub fn outbound_policy(&self) -> OutboundPolicyMode {
        self.outbound_traffic_policy
            .as_ref()
            .and_then(|policy| policy.mode)
            .unwrap_or_default()
    }

    /// Where inbound traffic is delivered; to the pod's address by default.
    pub fn inbound_policy(&self) -> InboundPolicyMode {
        self.inbound_traffic_policy
            .as_ref()
            .and_then(|policy| policy.mode)
            .unwrap_or_default()
    }

    /// Whether clients use mesh TLS by themselves; they do by default.
    pub fn auto_mtls(&self) -> bool {
        self.enable_auto_mtls.unwrap_or(true)
    }

    /// File of the access log; `None` by default.
    pub fn access_log_file(&self) -> Option<&str> {
        non_empty(&self.access_log_file)
    }

    /// Format of the access log; `None` is Istio's own.
    pub fn access_log_format(&self) -> Option<&str> {
        non_empty(&self.access_log_format)
    }

    /// Encoding of the access log; text by default.
    pub fn access_log_encoding(&self) -> AccessLogEncoding {
        self.access_log_encoding.unwrap_or_default()
    }

    /// Timeout of connecting; 10 s by default.
    pub fn connect_timeout(&self) -> StdDuration {
        self.connect_timeout
            .map_or(StdDuration::from_secs(10), Duration::get)
    }

    /// How long an undeclared port waits for the client to speak; `None` when MeshConfig does not say.
    pub fn protocol_detection_timeout(&self) -> Option<StdDuration> {
        self.protocol_detection_timeout.map(Duration::get)
    }

    /// HTTP version between sidecars; the application's by default.
    pub fn h2_upgrade_policy(&self) -> H2UpgradePolicy {
        self.h2_upgrade_policy.unwrap_or_default()
    }

    /// How paths are normalised; dot segments are resolved by default. Never [`PathNormalizationMode::Default`].
    pub fn path_normalization(&self) -> PathNormalizationMode {
        match self
            .path_normalization
            .as_ref()
            .and_then(|path| path.normalization)
            .unwrap_or_default()
        {
            PathNormalizationMode::Default => PathNormalizationMode::Base,
            other @ (PathNormalizationMode::None
            | PathNormalizationMode::Base
            | PathNormalizationMode::MergeSlashes
            | PathNormalizationMode::DecodeAndMergeSlashes) => other,
        }
    }

    /// Lowest TLS version between sidecars.
    pub fn min_tls_version(&self) -> TlsVersion {
        self.mesh_mtls
            .as_ref()
            .and_then(|tls| tls.min_protocol_version)
            .unwrap_or_default()
    }

    /// Port of captured outbound traffic; 15001 by default.
    pub fn outbound_port(&self) -> u16 {
        self.proxy_listen_port
            .filter(|port| *port != 0)
            .unwrap_or(well_known::port::OUTBOUND)
    }

    /// Port of captured inbound traffic; 15006 by default.
    pub fn inbound_port(&self) -> u16 {
        self.proxy_inbound_listen_port
            .filter(|port| *port != 0)
            .unwrap_or(well_known::port::INBOUND)
    }

    /// Whether metrics are merged; they are by default.
    pub fn prometheus_merge(&self) -> bool {
        self.enable_prometheus_merge.unwrap_or(true)
    }

    /// Paths of everything that is set but not honoured by this version, unknown fields included.
    pub fn not_honoured(&self) -> Vec<String> {
        let mut paths = Vec::new();
        let mut found = Unhonoured::new(&mut paths);
        found.rest(&self.rest, KNOWN);
        self.default_config
            .name_unhonoured(&mut found.below("defaultConfig"));
        if let Some(policy) = &self.outbound_traffic_policy {
            policy.name_unhonoured(&mut found.below("outboundTrafficPolicy"));
        }
        let rests = [
            (
                "inboundTrafficPolicy",
                self.inbound_traffic_policy.as_ref().map(|part| &part.rest),
            ),
            (
                "tcpKeepalive",
                self.tcp_keepalive.as_ref().map(|part| &part.rest),
            ),
            (
                "defaultHttpRetryPolicy",
                self.default_http_retry_policy
                    .as_ref()
                    .map(|part| &part.rest),
            ),
            (
                "pathNormalization",
                self.path_normalization.as_ref().map(|part| &part.rest),
            ),
            ("meshMTLS", self.mesh_mtls.as_ref().map(|part| &part.rest)),
        ];
        for (field, rest) in rests {
            if let Some(rest) = rest {
                found
                    .below(field)
                    .rest(rest, &["ecdhCurves", "cipherSuites"]);
            }
        }
        paths
    }
}

/// An empty text says nothing, as in protobuf.
pub(super) fn non_empty(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests;
