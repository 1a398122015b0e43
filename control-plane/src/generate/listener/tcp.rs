//! The network filter that carries bytes.

use crate::generate::{access_log, wire};
use crate::scope::Scope;
use std::time::Duration;
use xds_proto::pb::envoy::config::listener::v3::{Filter, filter::ConfigType};
use xds_proto::pb::envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;
use xds_proto::pb::envoy::extensions::filters::network::tcp_proxy::v3::tcp_proxy::{
    ClusterSpecifier, WeightedCluster, weighted_cluster::ClusterWeight,
};
use xds_proto::well_known::filter;

/// To one cluster.
pub(super) fn to_cluster(scope: &Scope, cluster: &str, idle: Option<Duration>) -> Filter {
    proxy(
        scope,
        ClusterSpecifier::Cluster(cluster.to_owned()),
        cluster,
        idle,
    )
}

/// To clusters by their share; never empty.
pub(super) fn to_clusters(
    scope: &Scope,
    clusters: &[(String, u32)],
    idle: Option<Duration>,
) -> Filter {
    match clusters {
        [(only, _)] => to_cluster(scope, only, idle),
        _ => {
            let weights = clusters.iter().map(|(name, weight)| ClusterWeight {
                name: name.clone(),
                weight: *weight,
                ..ClusterWeight::default()
            });
            let weighted = WeightedCluster {
                clusters: weights.collect(),
            };
            let prefix = clusters.first().map_or("", |(name, _)| name);
            proxy(
                scope,
                ClusterSpecifier::WeightedClusters(weighted),
                prefix,
                idle,
            )
        }
    }
}

fn proxy(
    scope: &Scope,
    clusters: ClusterSpecifier,
    stat_prefix: &str,
    idle: Option<Duration>,
) -> Filter {
    let config = TcpProxy {
        stat_prefix: stat_prefix.to_owned(),
        cluster_specifier: Some(clusters),
        idle_timeout: idle.map(wire::duration),
        access_log: access_log::logs(scope),
        ..TcpProxy::default()
    };
    Filter {
        name: filter::TCP_PROXY.name.to_owned(),
        config_type: Some(ConfigType::TypedConfig(wire::any(&config))),
    }
}
