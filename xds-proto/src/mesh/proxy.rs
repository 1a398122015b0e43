//! ProxyConfig.

use std::collections::BTreeMap;
use std::time::Duration as StdDuration;

use serde::{Deserialize, Serialize};

use super::config::{non_empty, or_default};
use super::unhonoured::Unhonoured;
use super::{Duration, Rest};
use crate::node::InterceptionMode;
use crate::well_known;

/// Settings of one proxy: MeshConfig's `defaultConfig`, the annotation `proxy.istio.io/config`, the variable `PROXY_CONFIG`.
///
/// Field names and defaults follow
/// <https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig>.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProxyConfig {
    /// Worker threads; 0 is one for each core, absent follows the CPU quota.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// How long a stopping proxy waits for its connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub termination_drain_duration: Option<Duration>,
    /// How long a replaced listener keeps its connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drain_duration: Option<Duration>,
    /// Address of the control plane.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discovery_address: Option<String>,
    /// Environment of the sidecar.
    #[serde(
        deserialize_with = "or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub proxy_metadata: BTreeMap<String, String>,
    /// Port of the status server; 0 turns it off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_port: Option<u16>,
    /// Port of the admin interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_admin_port: Option<u16>,
    /// Whether the application's containers start only when the proxy is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold_application_until_proxy_starts: Option<bool>,
    /// How traffic gets into the proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interception_mode: Option<InterceptionMode>,
    /// Variant of the sidecar's image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<ProxyImage>,
    /// Statistics to keep besides those that every sidecar keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_stats_matcher: Option<ProxyStatsMatcher>,
    /// Fields without a typed field above.
    #[serde(flatten)]
    pub rest: Rest,
}

/// Variant of the sidecar's image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProxyImage {
    /// Suffix of the image's tag, such as `distroless`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_type: Option<String>,
    /// Fields without a typed field above.
    #[serde(flatten)]
    pub rest: Rest,
}

/// Statistics to keep, by Envoy's dotted names; `{pod_ip}` stands for each address of the pod.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProxyStatsMatcher {
    /// Beginnings of names.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub inclusion_prefixes: Vec<String>,
    /// Ends of names.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub inclusion_suffixes: Vec<String>,
    /// Regular expressions of whole names.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub inclusion_regexps: Vec<String>,
    /// Fields without a typed field above.
    #[serde(flatten)]
    pub rest: Rest,
}

/// Fields of Istio's ProxyConfig that have no typed field here.
const KNOWN: &[&str] = &[
    "availabilityZone",
    "binaryPath",
    "caCertificatesPem",
    "configPath",
    "connectionSettings",
    "controlPlaneAuthPolicy",
    "customConfigFile",
    "envoyAccessLogService",
    "envoyMetricsService",
    "envoyMetricsServiceAddress",
    "extraStatTags",
    "fileFlushInterval",
    "fileFlushMinSizeKb",
    "gatewayTopology",
    "meshId",
    "parentShutdownDuration",
    "privateKeyProvider",
    "proxyBootstrapTemplatePath",
    "proxyHeaders",
    "readinessProbe",
    "runtimeValues",
    "sds",
    "serviceCluster",
    "statNameLength",
    "statsCompression",
    "statsdUdpAddress",
    "tracing",
    "tracingServiceName",
    "zipkinAddress",
];

impl ProxyConfig {
    /// How long a stopping proxy waits; 5 s by default.
    pub fn termination_drain_duration(&self) -> StdDuration {
        self.termination_drain_duration
            .map_or(StdDuration::from_secs(5), Duration::get)
    }

    /// How long a replaced listener keeps its connections; 45 s by default.
    pub fn drain_duration(&self) -> StdDuration {
        self.drain_duration
            .map_or(StdDuration::from_secs(45), Duration::get)
    }

    /// Address of the control plane; Istio's service on 15012 by default.
    pub fn discovery_address(&self) -> &str {
        non_empty(&self.discovery_address).unwrap_or(well_known::DISCOVERY_ADDRESS)
    }

    /// Port of the status server; 15020 by default, `None` when it is turned off.
    pub fn status_port(&self) -> Option<u16> {
        Some(self.status_port.unwrap_or(well_known::port::STATUS)).filter(|port| *port != 0)
    }

    /// Port of the admin interface; 15000 by default.
    pub fn proxy_admin_port(&self) -> u16 {
        self.proxy_admin_port
            .filter(|port| *port != 0)
            .unwrap_or(well_known::port::ADMIN)
    }

    /// Whether the application waits for the proxy; it does not by default.
    pub fn hold_application_until_proxy_starts(&self) -> bool {
        self.hold_application_until_proxy_starts.unwrap_or(false)
    }

    /// These settings with those of `above` on top: a field that `above` sets wins, `proxyMetadata` is merged key by key.
    #[must_use]
    pub fn overlaid_by(self, above: Self) -> Self {
        Self {
            concurrency: above.concurrency.or(self.concurrency),
            termination_drain_duration: above
                .termination_drain_duration
                .or(self.termination_drain_duration),
            drain_duration: above.drain_duration.or(self.drain_duration),
            discovery_address: above.discovery_address.or(self.discovery_address),
            proxy_metadata: self
                .proxy_metadata
                .into_iter()
                .chain(above.proxy_metadata)
                .collect(),
            status_port: above.status_port.or(self.status_port),
            proxy_admin_port: above.proxy_admin_port.or(self.proxy_admin_port),
            hold_application_until_proxy_starts: above
                .hold_application_until_proxy_starts
                .or(self.hold_application_until_proxy_starts),
            interception_mode: above.interception_mode.or(self.interception_mode),
            image: above.image.or(self.image),
            proxy_stats_matcher: above.proxy_stats_matcher.or(self.proxy_stats_matcher),
            rest: self.rest.into_iter().chain(above.rest).collect(),
        }
    }

    /// Paths of everything that is set but not honoured by this version, unknown fields included.
    pub fn not_honoured(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.name_unhonoured(&mut Unhonoured::new(&mut paths));
        paths
    }

    pub(super) fn name_unhonoured(&self, found: &mut Unhonoured<'_>) {
        found.rest(&self.rest, KNOWN);
        if let Some(image) = &self.image {
            found.below("image").rest(&image.rest, &[]);
        }
        if let Some(matcher) = &self.proxy_stats_matcher {
            found.below("proxyStatsMatcher").rest(&matcher.rest, &[]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> ProxyConfig {
        serde_saphyr::from_str(yaml).expect("valid ProxyConfig")
    }

    #[test]
    fn absent_fields_have_istios_defaults() {
        let proxy = ProxyConfig::default();
        assert_eq!(
            proxy.termination_drain_duration(),
            StdDuration::from_secs(5)
        );
        assert_eq!(proxy.drain_duration(), StdDuration::from_secs(45));
        assert_eq!(
            (proxy.status_port(), proxy.proxy_admin_port()),
            (Some(15020), 15000)
        );
        assert!(!proxy.hold_application_until_proxy_starts());
    }

    #[test]
    fn a_status_port_of_zero_turns_it_off() {
        assert_eq!(read("statusPort: 0").status_port(), None);
    }

    #[test]
    fn an_annotation_lies_over_the_mesh() {
        let mesh = read(
            "{concurrency: 2, drainDuration: 9s, proxyMetadata: {A: '1', B: '1'}, tracing: {sampling: 1}}",
        );
        let pod = read("{concurrency: 0, proxyMetadata: {B: '2'}, tracing: {sampling: 2}}");
        let both = mesh.overlaid_by(pod);
        let expected = read(
            "{concurrency: 0, drainDuration: 9s, proxyMetadata: {A: '1', B: '2'}, tracing: {sampling: 2}}",
        );
        assert_eq!(both, expected);
    }

    #[test]
    fn statistics_to_keep_are_read_and_what_is_misspelt_is_named() {
        let proxy = read(
            "{proxyStatsMatcher: {inclusionPrefixes: [cluster.out], inclusionRegexps: null, inclusionSufixes: [x]}}",
        );
        let matcher = proxy.proxy_stats_matcher.as_ref().expect("is set");
        assert_eq!(matcher.inclusion_prefixes, ["cluster.out"]);
        assert!(matcher.inclusion_regexps.is_empty());
        assert_eq!(
            proxy.not_honoured(),
            ["proxyStatsMatcher.inclusionSufixes (no such field)"]
        );
    }

    #[test]
    fn reads_the_json_of_proxy_config() {
        let proxy: ProxyConfig =
            serde_json::from_str(r#"{"discoveryAddress":"c:1","interceptionMode":"TPROXY"}"#)
                .expect("valid ProxyConfig");
        assert_eq!(proxy.discovery_address(), "c:1");
        assert_eq!(proxy.interception_mode, Some(InterceptionMode::Tproxy));
    }
}
