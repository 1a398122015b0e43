//! The in-pod helper interface of a sidecar.

use xds_proto::mesh::ProxyConfig;
use xds_proto::well_known::port;

use super::{Environment, Pod, var};

/// The in-pod helper interface (ports 15020, 15021 and 15090).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusConfig {
    /// `/app-health/…`, merged metrics, `/quitquitquit`; `None` switches it off.
    pub status_port: Option<u16>,
    /// `/healthz/ready` for the kubelet.
    pub health_port: u16,
    /// `/stats/prometheus` of the proxy alone.
    pub prometheus_port: u16,
    /// The application's probes (`ISTIO_KUBE_APP_PROBERS`, JSON), empty without any.
    pub app_probers: String,
    /// The application's own scrape target (`ISTIO_PROMETHEUS_ANNOTATIONS`, JSON), empty without any.
    pub prometheus_annotations: String,
    /// The pod's address, where the application is probed.
    pub pod_ip: Option<std::net::IpAddr>,
}

pub(super) fn read(env: &Environment, proxy_config: &ProxyConfig, pod: &Pod<'_>) -> StatusConfig {
    StatusConfig {
        status_port: proxy_config.status_port(),
        health_port: port_variable(env, "ISTIO_META_ENVOY_STATUS_PORT").unwrap_or(port::HEALTH),
        prometheus_port: port_variable(env, "ISTIO_META_ENVOY_PROMETHEUS_PORT")
            .unwrap_or(port::PROMETHEUS),
        app_probers: var(env, "ISTIO_KUBE_APP_PROBERS")
            .unwrap_or_default()
            .to_owned(),
        prometheus_annotations: var(env, "ISTIO_PROMETHEUS_ANNOTATIONS")
            .unwrap_or_default()
            .to_owned(),
        pod_ip: pod.ip.parse().ok(),
    }
}

fn port_variable(env: &Environment, name: &str) -> Option<u16> {
    var(env, name).and_then(|value| value.parse().ok())
}
