//! Who the sidecar is towards the control plane.

use std::path::Path;

use serde_json::{Map, Value};
use xds_proto::pb::envoy::config::core::v3::Node;
use xds_proto::protobuf_struct;
use xds_proto::well_known::{self, path};

use super::{Environment, InvalidSidecar, Pod, SidecarFlags, below, invalid, pod_info, var};

/// The version of Istio's sidecar whose configuration this proxy understands, as control planes compare it.
const ISTIO_VERSION: &str = "1.30.0";

pub(super) fn read(
    env: &Environment,
    flags: &SidecarFlags,
    pod: &Pod<'_>,
    root_dir: &Path,
) -> Result<Node, InvalidSidecar> {
    let domain = match &flags.domain {
        Some(domain) => domain.replace("$(POD_NAMESPACE)", pod.namespace),
        None => format!(
            "{}.svc.{}",
            pod.namespace,
            well_known::DEFAULT_CLUSTER_DOMAIN
        ),
    };
    let mut metadata = declared_metadata(env)?;
    let mut put = |key: &str, value: Value| {
        metadata.entry(key).or_insert(value);
    };
    put("NAME", pod.name.into());
    put("NAMESPACE", pod.namespace.into());
    put("SERVICE_ACCOUNT", pod.service_account.into());
    put("INSTANCE_IPS", pod.ip.into());
    put("CLUSTER_ID", "Kubernetes".into());
    put("ISTIO_VERSION", ISTIO_VERSION.into());
    put("TULLE_VERSION", env!("CARGO_PKG_VERSION").into());
    put(
        "LABELS",
        pod_info::read(&below(root_dir, path::POD_LABELS)).into(),
    );
    put(
        "ANNOTATIONS",
        pod_info::read(&below(root_dir, path::POD_ANNOTATIONS)).into(),
    );
    if let Some(text) = var(env, "PROXY_CONFIG") {
        put(
            "PROXY_CONFIG",
            serde_saphyr::from_str(text)
                .map_err(|error| invalid("PROXY_CONFIG", error.to_string()))?,
        );
    }
    let app = metadata
        .get("LABELS")
        .and_then(|labels| labels.get("app"))
        .and_then(Value::as_str);
    Ok(Node {
        id: format!("sidecar~{}~{}.{}~{domain}", pod.ip, pod.name, pod.namespace),
        cluster: format!("{}.{}", app.unwrap_or(pod.name), pod.namespace),
        metadata: Some(protobuf_struct::from_map(&metadata)),
        user_agent_name: "tulle".to_owned(),
        ..Default::default()
    })
}

/// `ISTIO_META_X=text` and `ISTIO_METAJSON_X={…}` become the entry `X`.
fn declared_metadata(env: &Environment) -> Result<Map<String, Value>, InvalidSidecar> {
    let mut metadata = Map::new();
    for (name, value) in env {
        if let Some(key) = name.strip_prefix("ISTIO_META_") {
            metadata.insert(key.to_owned(), value.as_str().into());
        } else if let Some(key) = name.strip_prefix("ISTIO_METAJSON_") {
            let value: Map<String, Value> = serde_json::from_str(value)
                .map_err(|error| invalid(name, format!("not a JSON object: {error}")))?;
            match key {
                "LABELS" | "ANNOTATIONS" => drop(metadata.insert(key.to_owned(), value.into())),
                _ => metadata.extend(value),
            }
        }
    }
    Ok(metadata)
}
