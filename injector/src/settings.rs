//! A pod's annotations made valid: what this sidecar is to be like.

mod annotations;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use xds_proto::mesh::ProxyConfig;
use xds_proto::node::InterceptionMode;
use xds_proto::well_known::{annotation, port};

use crate::config::{Config, Resources};
use crate::error::InjectError;
use crate::meta::PodMeta;
use annotations::Annotations;

/// Everything about one sidecar that its pod may choose.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    pub(crate) image: String,
    pub(crate) resources: Value,
    pub(crate) native: bool,
    pub(crate) hold_application: bool,
    pub(crate) capture: Capture,
    /// Port of the status server; `None` if it is off.
    pub(crate) status_port: Option<u16>,
    pub(crate) readiness: Readiness,
    pub(crate) rewrite_probes: bool,
    pub(crate) merge_metrics: bool,
    pub(crate) log_level: String,
    pub(crate) component_log_level: String,
    pub(crate) agent_log_level: String,
    pub(crate) bind_low_ports: bool,
    pub(crate) user_volumes: Map<String, Value>,
    pub(crate) user_mounts: Map<String, Value>,
    pub(crate) proxy_config: ProxyConfig,
}

/// What is captured, as the flags of the capture container say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Capture {
    pub(crate) mode: InterceptionMode,
    pub(crate) include_outbound_ranges: String,
    pub(crate) exclude_outbound_ranges: String,
    pub(crate) include_inbound_ports: String,
    pub(crate) exclude_inbound_ports: String,
    pub(crate) include_outbound_ports: Option<String>,
    pub(crate) exclude_outbound_ports: Option<String>,
    pub(crate) exclude_interfaces: Option<String>,
    pub(crate) reroute_interfaces: Option<String>,
}

/// The sidecar's readiness probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Readiness {
    pub(crate) initial_delay: u32,
    pub(crate) period: u32,
    pub(crate) failure_threshold: u32,
}

impl Settings {
    /// Reads annotations over configuration; warnings are appended.
    pub(crate) fn of(
        pod: &PodMeta,
        config: &Config,
        warnings: &mut Vec<String>,
    ) -> Result<Self, InjectError> {
        let annotations = Annotations::new(&pod.annotations);
        annotations.refuse_unsupported()?;
        warnings.extend(annotations.not_honoured());
        let proxy_config = proxy_config(&annotations, config, warnings)?;
        let status_port = match annotations.number(annotation::STATUS_PORT, u16::MAX.into())? {
            Some(port) => u16::try_from(port).ok().filter(|port| *port != 0),
            None => proxy_config.status_port(),
        };
        let native = annotations
            .boolean(annotation::NATIVE_SIDECAR)?
            .unwrap_or(config.native_sidecars);
        Ok(Self {
            image: image(&annotations, config),
            resources: resources(&annotations, &config.resources)?,
            native,
            hold_application: !native && proxy_config.hold_application_until_proxy_starts(),
            capture: capture(&annotations, &proxy_config, status_port)?,
            status_port,
            readiness: readiness(&annotations)?,
            rewrite_probes: annotations
                .boolean(annotation::REWRITE_APP_PROBERS)?
                .unwrap_or(true),
            merge_metrics: annotations
                .boolean(annotation::MERGE_METRICS)?
                .unwrap_or(config.mesh.prometheus_merge()),
            log_level: annotations.text_or(annotation::LOG_LEVEL, "warning"),
            component_log_level: annotations.text_or(annotation::COMPONENT_LOG_LEVEL, "misc:error"),
            agent_log_level: annotations.text_or(annotation::AGENT_LOG_LEVEL, "default:info"),
            bind_low_ports: annotations
                .boolean(annotation::CAP_NET_BIND_SERVICE)?
                .unwrap_or(false),
            user_volumes: annotations.json_object(annotation::USER_VOLUME)?,
            user_mounts: annotations.json_object(annotation::USER_VOLUME_MOUNT)?,
            proxy_config,
        })
    }
}

fn proxy_config(
    annotations: &Annotations<'_>,
    config: &Config,
    warnings: &mut Vec<String>,
) -> Result<ProxyConfig, InjectError> {
    let mut merged = config.mesh.default_config.clone();
    if let Some(text) = annotations.text(annotation::PROXY_CONFIG) {
        let own: Option<ProxyConfig> = serde_saphyr::from_str(text).map_err(|error| {
            let problem = format!("want a ProxyConfig in YAML: {error}");
            InjectError::InvalidAnnotation {
                annotation: annotation::PROXY_CONFIG,
                value: text.to_owned(),
                problem,
            }
        })?;
        let own = own.unwrap_or_default();
        warnings.extend(own.not_honoured().into_iter().map(|path| {
            format!(
                "annotation {}: {path} is passed on to the proxy, which does not honour it yet",
                annotation::PROXY_CONFIG
            )
        }));
        merged = merged.overlaid_by(own);
    }
    if let Some(address) = annotations.text(annotation::DISCOVERY_ADDRESS) {
        merged.discovery_address = Some(address.to_owned());
    }
    Ok(merged)
}

/// A name with a slash is a whole image, one without is another image of the same repository and tag.
fn image(annotations: &Annotations<'_>, config: &Config) -> String {
    let configured = config.image.as_str();
    match annotations.text(annotation::PROXY_IMAGE) {
        None => configured.to_owned(),
        Some(whole) if whole.contains('/') => whole.to_owned(),
        Some(name) => {
            let (repository, rest) = configured.rsplit_once('/').unwrap_or(("", configured));
            let tag = rest.find([':', '@']).map_or("", |at| &rest[at..]);
            match repository {
                "" => format!("{name}{tag}"),
                repository => format!("{repository}/{name}{tag}"),
            }
        }
    }
}

/// As in Istio, one annotation replaces all defaults.
fn resources(annotations: &Annotations<'_>, defaults: &Resources) -> Result<Value, InjectError> {
    let names = [
        ("requests", "cpu", annotation::PROXY_CPU),
        ("limits", "cpu", annotation::PROXY_CPU_LIMIT),
        ("requests", "memory", annotation::PROXY_MEMORY),
        ("limits", "memory", annotation::PROXY_MEMORY_LIMIT),
    ];
    let mut chosen: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    for (kind, resource, name) in names {
        if let Some(quantity) = annotations.quantity(name)? {
            chosen.entry(kind).or_default().insert(resource, quantity);
        }
    }
    Ok(match chosen.is_empty() {
        false => serde_json::json!(chosen),
        true => serde_json::json!({
            "requests": {"cpu": defaults.cpu, "memory": defaults.memory},
            "limits": {"cpu": defaults.cpu_limit, "memory": defaults.memory_limit},
        }),
    })
}

fn capture(
    annotations: &Annotations<'_>,
    proxy_config: &ProxyConfig,
    status_port: Option<u16>,
) -> Result<Capture, InjectError> {
    let mode = annotations
        .interception_mode()?
        .or(proxy_config.interception_mode)
        .unwrap_or_default();
    let reroute = match annotations.interfaces(annotation::REROUTE_VIRTUAL_INTERFACES)? {
        None => annotations.interfaces(annotation::KUBEVIRT_INTERFACES)?,
        chosen => chosen,
    };
    let own = [Some(port::PROMETHEUS), Some(port::HEALTH), status_port];
    let mut excluded: Vec<String> = own
        .into_iter()
        .flatten()
        .map(|port| port.to_string())
        .collect();
    for port in annotations
        .ports(annotation::EXCLUDE_INBOUND_PORTS)?
        .unwrap_or_default()
        .split(',')
    {
        if !port.is_empty() && !excluded.iter().any(|known| known == port) {
            excluded.push(port.to_owned());
        }
    }
    Ok(Capture {
        mode,
        include_outbound_ranges: annotations
            .range_choice(annotation::INCLUDE_OUTBOUND_IP_RANGES)?
            .unwrap_or_else(|| "*".to_owned()),
        exclude_outbound_ranges: annotations
            .ranges(annotation::EXCLUDE_OUTBOUND_IP_RANGES)?
            .unwrap_or_default(),
        include_inbound_ports: annotations
            .port_choice(annotation::INCLUDE_INBOUND_PORTS)?
            .unwrap_or_else(|| "*".to_owned()),
        exclude_inbound_ports: excluded.join(","),
        include_outbound_ports: annotations.ports(annotation::INCLUDE_OUTBOUND_PORTS)?,
        exclude_outbound_ports: annotations.ports(annotation::EXCLUDE_OUTBOUND_PORTS)?,
        exclude_interfaces: annotations.interfaces(annotation::EXCLUDE_INTERFACES)?,
        reroute_interfaces: reroute,
    })
}

fn readiness(annotations: &Annotations<'_>) -> Result<Readiness, InjectError> {
    let number = |name, default| {
        annotations
            .number(name, i32::MAX.unsigned_abs())
            .map(|n| n.unwrap_or(default))
    };
    Ok(Readiness {
        initial_delay: number(annotation::READINESS_INITIAL_DELAY, 0)?,
        period: number(annotation::READINESS_PERIOD, 15)?,
        failure_threshold: number(annotation::READINESS_FAILURE_THRESHOLD, 4)?,
    })
}
