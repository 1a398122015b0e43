//! Clusters, listeners and route tables: what is in force, and what was refused.

use std::sync::Arc;

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

/// What is known of a resource that the stream brought and that is in force. A static one stays static, also when the
/// stream tried to replace it.
fn in_force(xds: &XdsState, kind: ResourceKind, name: &str) -> Option<Shown> {
    let resource = xds.resource(kind, name)?;
    (!resource.was_never_applied()).then(|| Shown::of(resource))
}

/// Resources that were refused at first sight: nothing of them serves, but the reason is shown.
fn refused(
    xds: &XdsState,
    kind: ResourceKind,
    wanted: &dyn Fn(&str) -> bool,
) -> Vec<(Arc<str>, Shown)> {
    let all = xds.resources(kind).into_iter();
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
    let mut all: Vec<_> = snapshot.iter().filter(|(name, _)| wanted(name)).collect();
    all.sort_by(|a, b| a.0.cmp(b.0));
    for (name, cluster) in all {
        let cluster = body(kind, &cluster.config.raw);
        match in_force(xds, kind, name) {
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
    for (name, shown) in refused(xds, kind, wanted) {
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
    for (name, listener) in stored.snapshot().iter().filter(|(name, _)| wanted(name)) {
        let listener = body(kind, &listener.raw);
        match in_force(xds, kind, name) {
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
    for (name, shown) in refused(xds, kind, wanted) {
        dump.dynamic_listeners.push(DynamicListener {
            name: name.to_string(),
            error_state: shown.error,
            client_status: shown.status,
            ..Default::default()
        });
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
    for table in stored.snapshot().iter().filter(|table| wanted(&table.name)) {
        let route_config = body(kind, &table.raw);
        match in_force(xds, kind, &table.name) {
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
    for (name, shown) in refused(xds, kind, wanted) {
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
