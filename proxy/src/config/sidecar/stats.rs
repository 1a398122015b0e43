//! What a sidecar counts: what every sidecar of Istio counts, and what its ProxyConfig or its pod's annotations add.
//!
//! Source: Istio, ProxyConfig `proxyStatsMatcher`, the annotations `sidecar.istio.io/statsInclusion…`, and the bootstrap
//! that `pilot-agent` makes of them.

use serde_json::{Map, Value};
use xds_proto::mesh::ProxyConfig;
use xds_proto::pb::envoy::config::core::v3::Node;
use xds_proto::protobuf_struct;
use xds_proto::well_known::annotation;

use super::drain::exits_on_zero_connections;
use super::{Environment, InvalidSidecar};
use crate::matcher::{Case, FullRegex, StringMatch, Text};
use crate::telemetry::metrics::{StatsConfig, StatsMatcher};

/// Beginnings of what every sidecar counts: Istio's standard metrics, and how it fares with its configuration. Istio's agent
/// shows its calls of the authority whatever the sidecar counts; here they are those of a cluster.
const PREFIXES: [&str; 6] = [
    "istio",
    "cluster_manager",
    "listener_manager",
    "server",
    "cluster.xds-grpc",
    "cluster.ca-grpc",
];
/// Ends of what every sidecar counts: what its authorization policies decide.
const SUFFIXES: [&str; 4] = [
    "rbac.allowed",
    "rbac.denied",
    "shadow_allowed",
    "shadow_denied",
];
/// An end of what a sidecar counts that leaves when no connection is open any more.
const OPEN_CONNECTIONS: &str = "downstream_cx_active";
/// Stands for each of the pod's addresses.
const POD_IP: &str = "{pod_ip}";

pub(super) fn read(
    env: &Environment,
    node: &Node,
    proxy_config: &ProxyConfig,
) -> Result<StatsConfig, InvalidSidecar> {
    let matcher = proxy_config.proxy_stats_matcher.clone();
    let matcher = matcher.unwrap_or_default();
    let pod = Pod::of(node);
    let prefixes = pod.wanted(annotation::STATS_INCLUSION_PREFIXES);
    let suffixes = pod.wanted(annotation::STATS_INCLUSION_SUFFIXES);
    let regexps = pod.wanted(annotation::STATS_INCLUSION_REGEXPS);
    let field = match regexps {
        Some(_) => annotation::STATS_INCLUSION_REGEXPS,
        None => "proxyStatsMatcher.inclusionRegexps of PROXY_CONFIG",
    };
    let open = exits_on_zero_connections(env).then_some(OPEN_CONNECTIONS);
    let text = |text: &str| Text::new(text, Case::Sensitive);
    let needed = PREFIXES
        .iter()
        .map(|prefix| StringMatch::Prefix(text(prefix)));
    let ends = SUFFIXES.into_iter().chain(open);
    let needed = needed.chain(ends.map(|suffix| StringMatch::Suffix(text(suffix))));
    let mut all: Vec<_> = needed.collect();
    for prefix in pod.resolved(prefixes.unwrap_or(matcher.inclusion_prefixes)) {
        all.push(StringMatch::Prefix(text(&prefix)));
    }
    for suffix in pod.resolved(suffixes.unwrap_or(matcher.inclusion_suffixes)) {
        all.push(StringMatch::Suffix(text(&suffix)));
    }
    for pattern in pod.resolved(regexps.unwrap_or(matcher.inclusion_regexps)) {
        let regex = FullRegex::new(&pattern).map_err(|error| InvalidSidecar::Statistics {
            field,
            pattern,
            error,
        })?;
        all.push(StringMatch::Regex(regex));
    }
    Ok(StatsConfig {
        matcher: StatsMatcher::Only(all),
        labels: Vec::new(),
    })
}

/// What a pod says of itself.
struct Pod {
    annotations: Map<String, Value>,
    addresses: Vec<String>,
}

impl Pod {
    fn of(node: &Node) -> Self {
        let metadata = node.metadata.as_ref().map(protobuf_struct::to_map);
        let mut metadata = metadata.unwrap_or_default();
        let annotations = match metadata.remove("ANNOTATIONS") {
            Some(Value::Object(annotations)) => annotations,
            _ => Map::new(),
        };
        let addresses = metadata.get("INSTANCE_IPS").and_then(Value::as_str);
        Self {
            annotations,
            addresses: listed(addresses.unwrap_or_default()),
        }
    }

    /// The list in an annotation, which counts instead of ProxyConfig's where it is set.
    fn wanted(&self, annotation: &str) -> Option<Vec<String>> {
        let text = self.annotations.get(annotation).and_then(Value::as_str);
        text.filter(|text| !text.is_empty()).map(listed)
    }

    /// The patterns with the pod's addresses in them.
    fn resolved(&self, patterns: Vec<String>) -> Vec<String> {
        let patterns = patterns.into_iter().filter(|pattern| !pattern.is_empty());
        let resolve = |pattern: String| match pattern.contains(POD_IP) {
            true => {
                let addresses = self.addresses.iter();
                addresses.map(|ip| pattern.replace(POD_IP, ip)).collect()
            }
            false => vec![pattern],
        };
        patterns.flat_map(resolve).collect()
    }
}

fn listed(text: &str) -> Vec<String> {
    let items = text.split(',').map(str::trim);
    items.map(str::to_owned).collect()
}
