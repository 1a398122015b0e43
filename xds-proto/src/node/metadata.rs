//! Node metadata: Istio's keys, typed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{InterceptionMode, lenient};
use crate::mesh::ProxyConfig;
use crate::pb::google::protobuf::Struct;
use crate::protobuf_struct;

/// What a proxy tells the control plane about itself in `Node.metadata`.
///
/// Reading is lenient about forms (a flag may be `"true"`, a port may be a text), never about contents; keys without a field
/// of their own stay in `rest`, so that nothing is lost on the way back.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "SCREAMING_SNAKE_CASE")]
pub struct NodeMetadata {
    /// Name of the pod.
    #[serde(with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Namespace of the pod.
    #[serde(with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Object that owns the pod: `kubernetes://apis/apps/v1/namespaces/NS/deployments/NAME`.
    #[serde(with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Name of the workload, usually that of the Deployment.
    #[serde(with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub workload_name: Option<String>,
    /// Service account that the pod runs as.
    #[serde(with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub service_account: Option<String>,
    /// Machine that the pod runs on.
    #[serde(with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub node_name: Option<String>,
    /// Version of Istio that the proxy is compatible with.
    #[serde(with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub istio_version: Option<String>,
    /// Revision of the control plane that the proxy belongs to.
    #[serde(with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub istio_revision: Option<String>,
    /// Name of the mesh.
    #[serde(with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub mesh_id: Option<String>,
    /// Name of the cluster that the pod runs in.
    #[serde(with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// Network that the pod is attached to.
    #[serde(with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Configuration dialect that the client wants: empty for Envoy, `grpc` for proxyless gRPC.
    #[serde(with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub generator: Option<String>,
    /// WorkloadGroup in which a machine registers itself.
    #[serde(with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub auto_register_group: Option<String>,
    /// WorkloadEntry that stands for this machine.
    #[serde(with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub workload_entry: Option<String>,
    /// Address of the DNS proxy when it is not the usual one.
    #[serde(with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub dns_proxy_addr: Option<String>,
    /// `1` accepts HTTP/1.0 requests.
    #[serde(with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub http10: Option<String>,
    /// Idle timeout of TCP connections, a duration such as `1h`.
    #[serde(with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<String>,
    /// Folder below which certificate paths are looked up.
    #[serde(with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub cert_base_dir: Option<String>,
    /// Path of the client certificate chain.
    #[serde(with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub tls_client_cert_chain: Option<String>,
    /// Path of the client key.
    #[serde(with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub tls_client_key: Option<String>,
    /// Path of the roots that a client trusts.
    #[serde(with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub tls_client_root_cert: Option<String>,
    /// Path of the server certificate chain.
    #[serde(with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub tls_server_cert_chain: Option<String>,
    /// Path of the server key.
    #[serde(with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub tls_server_key: Option<String>,
    /// Path of the roots that a server trusts.
    #[serde(with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub tls_server_root_cert: Option<String>,
    /// File name of the identity socket on the node.
    #[serde(with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub workload_identity_socket_file: Option<String>,
    /// Port of the token exchange service.
    #[serde(with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub sts_port: Option<String>,
    /// Addresses of the pod, the first is the one in the node id.
    #[serde(with = "lenient::list", skip_serializing_if = "Vec::is_empty")]
    pub instance_ips: Vec<String>,
    /// Names of the application's containers.
    #[serde(with = "lenient::list", skip_serializing_if = "Vec::is_empty")]
    pub app_containers: Vec<String>,
    /// Networks whose endpoints the proxy wants; empty is all.
    #[serde(with = "lenient::list", skip_serializing_if = "Vec::is_empty")]
    pub requested_network_view: Vec<String>,
    /// Labels of the pod.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Labels set by the operator on top of the pod's.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub static_labels: BTreeMap<String, String>,
    /// Annotations of the pod.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The pod may not bind ports below 1024.
    #[serde(with = "lenient::flag", skip_serializing_if = "Option::is_none")]
    pub unprivileged_pod: Option<bool>,
    /// The proxy asks for its own workload.
    #[serde(with = "lenient::flag", skip_serializing_if = "Option::is_none")]
    pub enable_self_discovery: Option<bool>,
    /// DNS queries are answered by the sidecar.
    #[serde(with = "lenient::flag", skip_serializing_if = "Option::is_none")]
    pub dns_capture: Option<bool>,
    /// Service entries without address get one for DNS.
    #[serde(with = "lenient::flag", skip_serializing_if = "Option::is_none")]
    pub dns_auto_allocate: Option<bool>,
    /// The proxy accepts HBONE tunnels on 15008.
    #[serde(with = "lenient::flag", skip_serializing_if = "Option::is_none")]
    pub enable_hbone: Option<bool>,
    /// The proxy never opens HBONE tunnels.
    #[serde(with = "lenient::flag", skip_serializing_if = "Option::is_none")]
    pub disable_hbone_send: Option<bool>,
    /// Peer metadata is looked up by address.
    #[serde(with = "lenient::flag", skip_serializing_if = "Option::is_none")]
    pub metadata_discovery: Option<bool>,
    /// A draining proxy exits as soon as it is idle.
    #[serde(with = "lenient::flag", skip_serializing_if = "Option::is_none")]
    pub exit_on_zero_active_connections: Option<bool>,
    /// Inbound connections spread evenly over workers.
    #[serde(with = "lenient::flag", skip_serializing_if = "Option::is_none")]
    pub inbound_listener_exact_balance: Option<bool>,
    /// Outbound connections spread evenly over workers.
    #[serde(with = "lenient::flag", skip_serializing_if = "Option::is_none")]
    pub outbound_listener_exact_balance: Option<bool>,
    /// Port of the explicit HTTP proxy listener.
    #[serde(with = "lenient::port", skip_serializing_if = "Option::is_none")]
    pub http_proxy_port: Option<u16>,
    /// Port of the health endpoint, 15021.
    #[serde(with = "lenient::port", skip_serializing_if = "Option::is_none")]
    pub envoy_status_port: Option<u16>,
    /// Port of the proxy's own metrics, 15090.
    #[serde(with = "lenient::port", skip_serializing_if = "Option::is_none")]
    pub envoy_prometheus_port: Option<u16>,
    /// Port of the proxy's own metrics over mesh TLS.
    #[serde(with = "lenient::port", skip_serializing_if = "Option::is_none")]
    pub envoy_secure_metrics_port: Option<u16>,
    /// Port of the merged metrics over mesh TLS.
    #[serde(with = "lenient::port", skip_serializing_if = "Option::is_none")]
    pub envoy_secure_merged_metrics_port: Option<u16>,
    /// How traffic gets into the proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interception_mode: Option<InterceptionMode>,
    /// Ports that the pod declares.
    #[serde(with = "lenient::embedded", skip_serializing_if = "Vec::is_empty")]
    pub pod_ports: Vec<PodPort>,
    /// Proxy configuration in effect, as JSON; [`NodeMetadata::proxy_config`] reads it.
    #[serde(rename = "PROXY_CONFIG", skip_serializing_if = "Value::is_null")]
    pub raw_proxy_config: Value,
    /// Facts about the machine, such as region and zone.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub platform_metadata: Map<String, Value>,
    /// Keys without a field above.
    #[serde(flatten)]
    pub rest: BTreeMap<String, Value>,
}

/// A port that the pod declares.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodPort {
    /// Name of the port; may be absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Number of the port.
    #[serde(rename = "containerPort")]
    pub container_port: u16,
    /// `TCP` or `UDP`; absent is `TCP`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
}

/// Metadata with a value that its key cannot have.
#[derive(Debug, thiserror::Error)]
#[error(
    "node metadata is not valid: {0}; compare it with the ISTIO_META_* variables of the sidecar"
)]
pub struct InvalidNodeMetadata(#[from] serde_json::Error);

impl NodeMetadata {
    /// Reads metadata as it arrives in `Node.metadata`.
    ///
    /// # Errors
    /// A key that has a field here but whose value does not fit.
    pub fn from_struct(metadata: &Struct) -> Result<Self, InvalidNodeMetadata> {
        Ok(serde_json::from_value(protobuf_struct::to_json(metadata))?)
    }

    /// Proxy configuration in effect; defaults when the proxy sends none.
    ///
    /// # Errors
    /// A field whose value does not fit.
    pub fn proxy_config(&self) -> Result<ProxyConfig, InvalidNodeMetadata> {
        if self.raw_proxy_config.is_null() {
            return Ok(ProxyConfig::default());
        }
        Ok(ProxyConfig::deserialize(&self.raw_proxy_config)?)
    }

    /// Writes metadata as it travels in `Node.metadata`.
    pub fn to_struct(&self) -> Struct {
        let value = serde_json::to_value(self).expect("every field has text keys");
        protobuf_struct::from_json(&value).expect("a struct serialises to an object")
    }
}

#[cfg(test)]
mod tests;
