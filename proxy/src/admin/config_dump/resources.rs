//! Clusters, listeners and route tables: what is in force, and what was refused.

use std::sync::Arc;

use xds_proto::pb::envoy::admin::v3::{self as pb, ClientResourceStatus, UpdateFailureState};
use xds_proto::pb::envoy::config::cluster::v3 as cluster_pb;
use xds_proto::pb::envoy::config::route::v3 as route_pb;
use xds_proto::pb::google::protobuf::Any;
use xds_proto::resource::{ResourceKind, pack_any};

use crate::admin::{AdminState, json};
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

/// What is known of a resource that the stream brought and that is in force. A static one stays static, also when the
/// stream tried to replace it.
fn in_force(xds: &XdsState, kind: ResourceKind, name: &str) -> Option<Shown> {
    let resource = xds.resource(kind, name)?;
    (!resource.was_never_applied()).then(|| Shown::of(resource))
}

/// Resources that were refused at first sight: nothing of them serves, but the reason is shown.
fn refused(
    state: &AdminState,
    kind: ResourceKind,
    wanted: &dyn Fn(&str) -> bool,
) -> Vec<(Arc<str>, Shown)> {
    let all = state.xds.resources(kind).into_iter();
    all.filter(|(name, resource)| wanted(name) && resource.was_never_applied())
        .map(|(name, resource)| (name, Shown::of(resource)))
        .collect()
}

fn body(kind: ResourceKind, raw: &[u8]) -> Option<Any> {
    Some(Any {
        type_url: kind.type_url().to_owned(),
        value: raw.to_vec(),
    })
}

fn version(xds: &XdsState, kind: ResourceKind) -> String {
    xds.answered()
        .remove(&kind)
        .map(|answered| answered.version)
        .unwrap_or_default()
}

pub(super) fn clusters(
    state: &AdminState,
    wanted: &dyn Fn(&str) -> bool,
) -> pb::ClustersConfigDump {
    use pb::clusters_config_dump::{DynamicCluster, StaticCluster};
    let kind = ResourceKind::Cluster;
    let mut dump = pb::ClustersConfigDump {
        version_info: version(&state.xds, kind),
        ..Default::default()
    };
    let snapshot = state.clusters.snapshot();
    let mut all: Vec<_> = snapshot.iter().filter(|(name, _)| wanted(name)).collect();
    all.sort_by(|a, b| a.0.cmp(b.0));
    for (name, cluster) in all {
        let cluster = body(kind, &cluster.config.raw);
        match in_force(&state.xds, kind, name) {
            None => dump.static_clusters.push(StaticCluster {
                cluster,
                last_updated: None,
            }),
            Some(shown) => dump.dynamic_active_clusters.push(DynamicCluster {
                version_info: shown.version,
                cluster,
                last_updated: shown.updated,
                error_state: shown.error,
                client_status: shown.status,
            }),
        }
    }
    for (name, shown) in refused(state, kind, wanted) {
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
    dump
}

pub(super) fn listeners(
    state: &AdminState,
    wanted: &dyn Fn(&str) -> bool,
) -> pb::ListenersConfigDump {
    use pb::listeners_config_dump::{DynamicListener, DynamicListenerState, StaticListener};
    let kind = ResourceKind::Listener;
    let mut dump = pb::ListenersConfigDump {
        version_info: version(&state.xds, kind),
        ..Default::default()
    };
    for (name, listener) in state
        .listeners
        .snapshot()
        .iter()
        .filter(|(name, _)| wanted(name))
    {
        let listener = body(kind, &listener.raw);
        match in_force(&state.xds, kind, name) {
            None => dump.static_listeners.push(StaticListener {
                listener,
                last_updated: None,
            }),
            Some(shown) => dump.dynamic_listeners.push(DynamicListener {
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
        }
    }
    for (name, shown) in refused(state, kind, wanted) {
        dump.dynamic_listeners.push(DynamicListener {
            name: name.to_string(),
            error_state: shown.error,
            client_status: shown.status,
            ..Default::default()
        });
    }
    dump
}

pub(super) fn routes(state: &AdminState, wanted: &dyn Fn(&str) -> bool) -> pb::RoutesConfigDump {
    use pb::routes_config_dump::{DynamicRouteConfig, StaticRouteConfig};
    let kind = ResourceKind::Route;
    let mut dump = pb::RoutesConfigDump::default();
    for table in state
        .routes
        .snapshot()
        .iter()
        .filter(|table| wanted(&table.name))
    {
        let route_config = body(kind, &table.raw);
        match in_force(&state.xds, kind, &table.name) {
            None => dump.static_route_configs.push(StaticRouteConfig {
                route_config,
                last_updated: None,
            }),
            Some(shown) => dump.dynamic_route_configs.push(DynamicRouteConfig {
                version_info: shown.version,
                route_config,
                last_updated: shown.updated,
                error_state: shown.error,
                client_status: shown.status,
            }),
        }
    }
    for (name, shown) in refused(state, kind, wanted) {
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
    dump
}
