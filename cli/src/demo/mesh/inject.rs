//! Injection of the demo's pods, by the injector's own library.

use std::collections::BTreeMap;

use serde_json::Value;
use tulle_injector::{Config, Injected, NamespaceMeta, inject};

use crate::demo::manifest::identity;

/// Injects a pod as its namespace and its labels ask for.
pub(super) fn inject_pod(
    pod: &Value,
    namespaces: &BTreeMap<String, BTreeMap<String, String>>,
) -> anyhow::Result<Injected> {
    let name = identity(pod).0;
    let labels = namespaces.get(&name).cloned().unwrap_or_default();
    let mut pod = pod.clone();
    if pod["metadata"]["namespace"].is_null() {
        pod["metadata"]["namespace"] = name.clone().into();
    }
    Ok(inject(
        pod,
        &NamespaceMeta { name, labels },
        &Config::default(),
    )?)
}
