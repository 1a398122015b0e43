//! Injection of the demo's pods, by the injector's own library.

use std::collections::BTreeMap;

use serde_json::Value;
use tulle_injector::{Config, Injected, NamespaceMeta, inject};
use xds_proto::well_known::port;

use super::explicit;
use crate::demo::isolation::Isolation;
use crate::demo::manifest::identity;
use crate::demo::network::Network;

/// How pods are injected here.
pub(super) fn config(isolation: Isolation, network: &Network) -> Config {
    let mut config = Config::default();
    if isolation == Isolation::Ports {
        // no hosts file leads to the control plane
        let address = format!("{}:{}", network.control_plane(), port::XDS_TLS);
        config.mesh.default_config.discovery_address = Some(address.clone());
        config.ca_address = Some(address);
    }
    config
}

/// Injects a pod as its namespace and its labels ask for.
pub(super) fn inject_pod(
    pod: &Value,
    namespaces: &BTreeMap<String, BTreeMap<String, String>>,
    config: &Config,
    isolation: Isolation,
) -> anyhow::Result<Injected> {
    let name = identity(pod).0;
    let labels = namespaces.get(&name).cloned().unwrap_or_default();
    let mut pod = pod.clone();
    if pod["metadata"]["namespace"].is_null() {
        pod["metadata"]["namespace"] = name.clone().into();
    }
    if isolation == Isolation::Ports {
        explicit::mark(&mut pod);
    }
    Ok(inject(pod, &NamespaceMeta { name, labels }, config)?)
}

/// Whether a pod has a sidecar.
pub(super) fn has_sidecar(pod: &Value) -> bool {
    let lists = ["initContainers", "containers"];
    let mut all = lists
        .iter()
        .flat_map(|list| pod["spec"][list].as_array().into_iter().flatten());
    all.any(|container| container["name"] == "istio-proxy")
}
