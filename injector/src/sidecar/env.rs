//! The sidecar's environment, that of Istio's.

use serde_json::Value;
use xds_proto::well_known::label;

use super::kubernetes::EnvVar;
use super::{Context, PROXY};

pub(super) fn variables(cx: &Context<'_>) -> Vec<EnvVar> {
    let mut env = vec![
        EnvVar::literal("PILOT_CERT_PROVIDER", "istiod"),
        EnvVar::literal("CA_ADDR", cx.config.ca_address()),
        EnvVar::field("POD_NAME", "metadata.name"),
        EnvVar::field("POD_NAMESPACE", "metadata.namespace"),
        EnvVar::field("INSTANCE_IP", "status.podIP"),
        EnvVar::field("SERVICE_ACCOUNT", "spec.serviceAccountName"),
        EnvVar::field("HOST_IP", "status.hostIP"),
        EnvVar::resource("ISTIO_CPU_LIMIT", "limits.cpu"),
        EnvVar::literal("PROXY_CONFIG", json(&cx.settings.proxy_config)),
        EnvVar::literal(
            "ISTIO_META_POD_PORTS",
            Value::from(pod_ports(cx.pod)).to_string(),
        ),
        EnvVar::literal(
            "ISTIO_META_APP_CONTAINERS",
            application_containers(cx.pod).join(","),
        ),
        EnvVar::resource("GOMEMLIMIT", "limits.memory"),
        EnvVar::literal("ISTIO_META_CLUSTER_ID", &cx.config.cluster_id),
        EnvVar::field("ISTIO_META_NODE_NAME", "spec.nodeName"),
        EnvVar::literal(
            "ISTIO_META_INTERCEPTION_MODE",
            cx.settings.capture.mode.as_str(),
        ),
    ];
    env.extend(network(cx));
    env.extend(workload(cx));
    let trust_domain = cx.config.mesh.trust_domain();
    env.push(EnvVar::literal("ISTIO_META_MESH_ID", trust_domain));
    env.push(EnvVar::literal("TRUST_DOMAIN", trust_domain));
    env.extend(
        cx.rewritten
            .iter()
            .map(|(name, value)| EnvVar::literal(name, value)),
    );
    let metadata = &cx.settings.proxy_config.proxy_metadata;
    env.retain(|variable| !metadata.contains_key(&variable.name));
    env.extend(
        metadata
            .iter()
            .map(|(name, value)| EnvVar::literal(name, value)),
    );
    env
}

fn json(config: &impl serde::Serialize) -> String {
    serde_json::to_string(config).expect("keys are strings and values are plain")
}

fn network(cx: &Context<'_>) -> Option<EnvVar> {
    let labelled = cx.pod["metadata"]["labels"][label::NETWORK].as_str();
    let network = labelled.or(cx.config.network.as_deref())?;
    Some(EnvVar::literal("ISTIO_META_NETWORK", network))
}

fn workload(cx: &Context<'_>) -> Vec<EnvVar> {
    let owner = cx.owner;
    let labelled = cx.pod["metadata"]["labels"][label::WORKLOAD_NAME].as_str();
    let workload = labelled.unwrap_or(&owner.name);
    let mut env = Vec::new();
    if !workload.is_empty() {
        env.push(EnvVar::literal("ISTIO_META_WORKLOAD_NAME", workload));
    }
    if !owner.name.is_empty() {
        let kind = owner.kind.to_ascii_lowercase();
        let path = format!(
            "{}/namespaces/{}/{kind}s/{}",
            owner.api_version, cx.namespace, owner.name
        );
        env.push(EnvVar::literal(
            "ISTIO_META_OWNER",
            format!("kubernetes://apis/{path}"),
        ));
    }
    env
}

fn pod_ports(pod: &Value) -> Vec<Value> {
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let ports = containers.filter(|container| container["name"] != PROXY);
    ports
        .flat_map(|container| container["ports"].as_array().into_iter().flatten())
        .cloned()
        .collect()
}

/// Names of the application's containers, in order.
pub(super) fn application_containers(pod: &Value) -> Vec<&str> {
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    containers
        .filter_map(|container| container["name"].as_str())
        .filter(|name| *name != PROXY)
        .collect()
}
