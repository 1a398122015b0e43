//! The admin interface, which Envoy and our proxy have alike.

use std::collections::BTreeSet;

use ::http::StatusCode;
use serde_json::Value;
use xds_proto::well_known::port::ADMIN;

use super::http::{self, until};
use super::node::{Pod, local};

/// Waits until the sidecar of a pod has all configuration that it needs to serve.
pub(crate) fn ready(pod: &Pod) {
    until("the sidecar is ready", &pod.namespace, || {
        let reply = http::get(&pod.namespace, local(ADMIN), "/ready").ok()?;
        (reply.status == StatusCode::OK).then_some(())
    });
}

/// A page of the admin interface.
pub(crate) fn page(pod: &Pod, path: &str) -> String {
    let reply = http::get(&pod.namespace, local(ADMIN), path).unwrap();
    assert_eq!(reply.status, StatusCode::OK, "{path}: {}", reply.body);
    reply.body
}

/// The resources in force.
pub(crate) fn in_force(pod: &Pod) -> InForce {
    let dump = page(pod, "/config_dump?include_eds");
    InForce::read(&serde_json::from_str(&dump).unwrap())
}

/// The resources in force once nothing is warming.
pub(crate) fn settled(pod: &Pod) -> InForce {
    until("nothing is warming", &pod.namespace, || {
        Some(in_force(pod)).filter(|names| names.warming == 0)
    })
}

/// Names of the resources that a proxy runs, and of those that its listeners ask for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct InForce {
    pub(crate) clusters: BTreeSet<String>,
    pub(crate) listeners: BTreeSet<String>,
    pub(crate) routes: BTreeSet<String>,
    pub(crate) endpoints: BTreeSet<String>,
    pub(crate) wanted_routes: BTreeSet<String>,
    /// Clusters and listeners that wait for their endpoints, routes or secrets.
    pub(crate) warming: usize,
}

impl InForce {
    fn read(dump: &Value) -> Self {
        let mut names = Self::default();
        for config in dump["configs"].as_array().unwrap() {
            let of = |list: &str, name: &str| -> BTreeSet<String> {
                let list = config[list].as_array().into_iter().flatten();
                list.map(|entry| {
                    entry
                        .pointer(name)
                        .and_then(Value::as_str)
                        .unwrap_or_default()
                        .to_owned()
                })
                .collect()
            };
            names
                .clusters
                .extend(of("dynamic_active_clusters", "/cluster/name"));
            names
                .listeners
                .extend(of("dynamic_listeners", "/active_state/listener/name"));
            names
                .routes
                .extend(of("dynamic_route_configs", "/route_config/name"));
            names.endpoints.extend(of(
                "dynamic_endpoint_configs",
                "/endpoint_config/cluster_name",
            ));
            collect(config, "route_config_name", &mut names.wanted_routes);
            names.warming += of("dynamic_warming_clusters", "/cluster/name").len()
                + of("dynamic_listeners", "/warming_state/listener/name")
                    .iter()
                    .filter(|name| !name.is_empty())
                    .count();
        }
        names
    }
}

/// All values of the key `key`, at any depth.
fn collect(value: &Value, key: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                if let (true, Some(text)) = (name == key, inner.as_str()) {
                    found.insert(text.to_owned());
                }
                collect(inner, key, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, key, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
