//! What a proxy should run, in the shape of its own configuration dump, for `istioctl proxy-status POD`.

use prost::Message;
use xds_proto::pb::envoy::admin::v3::clusters_config_dump::DynamicCluster;
use xds_proto::pb::envoy::admin::v3::listeners_config_dump::{
    DynamicListener, DynamicListenerState,
};
use xds_proto::pb::envoy::admin::v3::routes_config_dump::DynamicRouteConfig;
use xds_proto::pb::envoy::admin::v3::{ClustersConfigDump, ListenersConfigDump, RoutesConfigDump};
use xds_proto::pb::google::protobuf::Any;
use xds_proto::resource::{ResourceKind, pack_any};

use crate::generate::Resource;
use crate::push::{Proxy, Publisher};

/// The sections of clusters, listeners and routes, generated for this proxy now.
pub(super) fn sections(publisher: &Publisher, proxy: &Proxy) -> Vec<Any> {
    let clusters = publisher.generate(proxy, ResourceKind::Cluster);
    let clusters = clusters.iter().map(|(_, resource)| DynamicCluster {
        version_info: resource.version_text(),
        cluster: body(resource),
        ..DynamicCluster::default()
    });
    let listeners = publisher.generate(proxy, ResourceKind::Listener);
    let listeners = listeners.iter().map(|(name, resource)| DynamicListener {
        name: name.to_string(),
        active_state: Some(DynamicListenerState {
            version_info: resource.version_text(),
            listener: body(resource),
            last_updated: None,
        }),
        ..DynamicListener::default()
    });
    let routes = publisher.generate(proxy, ResourceKind::Route);
    let routes = routes.iter().map(|(_, resource)| DynamicRouteConfig {
        version_info: resource.version_text(),
        route_config: body(resource),
        ..DynamicRouteConfig::default()
    });
    vec![
        pack_any(&ClustersConfigDump {
            dynamic_active_clusters: clusters.collect(),
            ..ClustersConfigDump::default()
        }),
        pack_any(&ListenersConfigDump {
            dynamic_listeners: listeners.collect(),
            ..ListenersConfigDump::default()
        }),
        pack_any(&RoutesConfigDump {
            dynamic_route_configs: routes.collect(),
            ..RoutesConfigDump::default()
        }),
    ]
}

fn body(resource: &Resource) -> Option<Any> {
    Some(Any::decode(&*resource.any).expect("encoded by ourselves"))
}
