//! Clusters, listeners and route tables: what is in force, and what was refused.

use std::sync::Arc;

use bytes::Bytes;
use xds_proto::pb::envoy::admin::v3::{self as pb, ClientResourceStatus, UpdateFailureState};
use xds_proto::pb::envoy::config::cluster::v3 as cluster_pb;
use xds_proto::pb::envoy::config::route::v3 as route_pb;
use xds_proto::pb::google::protobuf::Any;
use xds_proto::resource::{ResourceKind, pack_any};

use crate::admin::json;
use crate::cluster::Clusters;
use crate::http::route::Routes;
use crate::listener::Listeners;
use crate::xds::state::{ResourceState, XdsState};

/// What is shown of a resource that came over xDS.
pub(super) struct Shown {
    pub(super) version: String,
    pub(super) updated: Option<xds_proto::pb::google::protobuf::Timestamp>,
    pub(super) error: Option<UpdateFailureState>,
    pub(super) status: i32,
}

impl Shown {
    pub(super) fn of(state: ResourceState) -> Self {
        let status = if state.error.is_some() {
            ClientResourceStatus::Nacked
        } else {
            ClientResourceStatus::Acked
        };
        let error = state.error.map(|error| UpdateFailureState {
            last_update_attempt: Some(json::timestamp(error.at)),
            details: error.details,
            version_info: error.version,
            ..Default::default()
        });
        Self {
            version: state.version,
            updated: Some(json::timestamp(state.updated)),
            error,
            status: status.into(),
        }
    }
}

/// A resource in a dump.
enum Entry {
    /// It was there from the start. It stays static, also when the stream tried to replace it.
    Static(Option<Any>),
    /// The stream brought it, and it is in force.
    InForce(Option<Any>, Arc<str>, Shown),
    /// It was refused at first sight: nothing of it serves, but the reason is shown.
    Refused(Arc<str>, Shown),
}

/// The resources of `stored`, by name and body, and those that were refused.
fn entries<'a>(
    xds: &XdsState,
    kind: ResourceKind,
    stored: impl Iterator<Item = (&'a Arc<str>, &'a Bytes)>,
    wanted: &dyn Fn(&str) -> bool,
) -> Vec<Entry> {
    let body = |raw: &Bytes| {
        Some(Any {
            type_url: kind.type_url().to_owned(),
            value: raw.to_vec(),
        })
    };
    let serving =
        stored
            .filter(|(name, _)| wanted(name))
            .map(|(name, raw)| match xds.resource(kind, name) {
                Some(state) if !state.was_never_applied() => {
                    Entry::InForce(body(raw), Arc::clone(name), Shown::of(state))
                }
                Some(_) | None => Entry::Static(body(raw)),
            });
    let all = xds.resources(kind).into_iter();
    let refused = all.filter(|(name, state)| wanted(name) && state.was_never_applied());
    let refused = refused.map(|(name, state)| Entry::Refused(name, Shown::of(state)));
    serving.chain(refused).collect()
}

fn version(xds: &XdsState, kind: ResourceKind) -> String {
    xds.answered()
        .remove(&kind)
        .map(|answered| answered.version)
        .unwrap_or_default()
}

pub(super) fn clusters(
    xds: &XdsState,
    stored: &Clusters,
    wanted: &dyn Fn(&str) -> bool,
) -> pb::ClustersConfigDump {
    use pb::clusters_config_dump::{DynamicCluster, StaticCluster};
    let kind = ResourceKind::Cluster;
    let mut dump = pb::ClustersConfigDump {
        version_info: version(xds, kind),
        ..Default::default()
    };
    let snapshot = stored.snapshot();
    let mut all: Vec<_> = snapshot.iter().collect();
    all.sort_by(|a, b| a.0.cmp(b.0));
    let stored = all
        .iter()
        .map(|(name, cluster)| (*name, &cluster.config.raw));
    for entry in entries(xds, kind, stored, wanted) {
        match entry {
            Entry::Static(cluster) => dump.static_clusters.push(StaticCluster {
                cluster,
                last_updated: None,
            }),
            Entry::InForce(cluster, _, shown) => {
                dump.dynamic_active_clusters.push(DynamicCluster {
                    version_info: shown.version,
                    cluster,
                    last_updated: shown.updated,
                    error_state: shown.error,
                    client_status: shown.status,
                })
            }
            Entry::Refused(name, shown) => {
                let cluster = cluster_pb::Cluster {
                    name: name.to_string(),
                    ..Default::default()
                };
                dump.dynamic_warming_clusters.push(DynamicCluster {
                    cluster: Some(pack_any(&cluster)),
                    error_state: shown.error,
                    client_status: shown.status,
                    ..Default::default()
                });
            }
        }
    }
    dump
}

pub(super) fn listeners(
    xds: &XdsState,
    stored: &Listeners,
    wanted: &dyn Fn(&str) -> bool,
) -> pb::ListenersConfigDump {
    use pb::listeners_config_dump::{DynamicListener, DynamicListenerState, StaticListener};
    let kind = ResourceKind::Listener;
    let mut dump = pb::ListenersConfigDump {
        version_info: version(xds, kind),
        ..Default::default()
    };
    let snapshot = stored.snapshot();
    let stored = snapshot
        .iter()
        .map(|(name, listener)| (name, &listener.raw));
    for entry in entries(xds, kind, stored, wanted) {
        match entry {
            Entry::Static(listener) => dump.static_listeners.push(StaticListener {
                listener,
                last_updated: None,
            }),
            Entry::InForce(listener, name, shown) => dump.dynamic_listeners.push(DynamicListener {
                name: name.to_string(),
                active_state: Some(DynamicListenerState {
                    version_info: shown.version,
                    listener,
                    last_updated: shown.updated,
                }),
                error_state: shown.error,
                client_status: shown.status,
                ..Default::default()
            }),
            Entry::Refused(name, shown) => dump.dynamic_listeners.push(DynamicListener {
                name: name.to_string(),
                error_state: shown.error,
                client_status: shown.status,
                ..Default::default()
            }),
        }
    }
    dump
}

pub(super) fn routes(
    xds: &XdsState,
    stored: &Routes,
    wanted: &dyn Fn(&str) -> bool,
) -> pb::RoutesConfigDump {
    use pb::routes_config_dump::{DynamicRouteConfig, StaticRouteConfig};
    let kind = ResourceKind::Route;
    let mut dump = pb::RoutesConfigDump::default();
    let tables = stored.snapshot();
    let stored = tables.iter().map(|table| (&table.name, &table.raw));
    for entry in entries(xds, kind, stored, wanted) {
        match entry {
            Entry::Static(route_config) => dump.static_route_configs.push(StaticRouteConfig {
                route_config,
                last_updated: None,
            }),
            Entry::InForce(route_config, _, shown) => {
                dump.dynamic_route_configs.push(DynamicRouteConfig {
                    version_info: shown.version,
                    route_config,
                    last_updated: shown.updated,
                    error_state: shown.error,
                    client_status: shown.status,
                });
            }
            Entry::Refused(name, shown) => {
                let table = route_pb::RouteConfiguration {
                    name: name.to_string(),
                    ..Default::default()
                };
                dump.dynamic_route_configs.push(DynamicRouteConfig {
                    route_config: Some(pack_any(&table)),
                    error_state: shown.error,
                    client_status: shown.status,
                    ..Default::default()
                });
            }
        }
    }
    dump
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Cluster, ClusterConfig};
    use crate::config::not_honoured::NotHonouredFields;
    use crate::config::wire::Conversion;
    use crate::secret::Secrets;

    #[test]
    fn a_static_cluster_stays_static_beside_the_refusal_of_a_dynamic_one_of_its_name() {
        let (secrets, tables) = (Secrets::new(), Routes::default());
        let cx = Conversion {
            secrets: &secrets,
            routes: &tables,
            notes: NotHonouredFields::of("cluster", "own"),
        };
        let message = cluster_pb::Cluster {
            name: "own".to_owned(),
            ..Default::default()
        };
        let (config, _) = ClusterConfig::from_proto(message, bytes::Bytes::new(), cx).unwrap();
        let stored = Clusters::new();
        stored.apply([("own".into(), Some(Arc::new(Cluster::new(config))))]);
        let xds = XdsState::default();
        xds.record_refused(
            ResourceKind::Cluster,
            "own".into(),
            "1",
            "there is a static one",
        );
        let dump = clusters(&xds, &stored, &|_| true);
        assert_eq!(dump.static_clusters.len(), 1);
        assert!(dump.dynamic_active_clusters.is_empty());
        let [refused] = &dump.dynamic_warming_clusters[..] else {
            panic!("the refusal is not shown");
        };
        let error = refused.error_state.as_ref().unwrap();
        assert_eq!(error.details, "there is a static one");
    }
}
