//! The endpoints part of the dump, written anew from the sets in force.

use xds_proto::pb::envoy::admin::v3::EndpointsConfigDump;
use xds_proto::pb::envoy::admin::v3::endpoints_config_dump::{
    DynamicEndpointConfig, StaticEndpointConfig,
};
use xds_proto::pb::envoy::config::core::v3::HealthStatus;
use xds_proto::pb::envoy::config::endpoint::v3 as pb;
use xds_proto::pb::google::protobuf::UInt32Value;
use xds_proto::resource::{ResourceKind, pack_any};

use super::resources::Shown;
use crate::admin::AdminState;
use crate::admin::clusters::{address, locality};
use crate::cluster::{Cluster, Discovery, Host, HostHealth};

pub(super) fn dump(state: &AdminState, wanted: &dyn Fn(&str) -> bool) -> EndpointsConfigDump {
    let mut dump = EndpointsConfigDump::default();
    let snapshot = state.clusters.snapshot();
    let mut all: Vec<_> = snapshot.iter().filter(|(name, _)| wanted(name)).collect();
    all.sort_by(|a, b| a.0.cmp(b.0));
    for (name, cluster) in all {
        let by_eds = match &cluster.config.discovery {
            Discovery::Eds(eds) => Some(&eds.service),
            Discovery::Static
            | Discovery::StrictDns(_)
            | Discovery::LogicalDns(_)
            | Discovery::OriginalDst(_) => None,
        };
        let endpoint_config = Some(pack_any(&assignment(by_eds.unwrap_or(name), cluster)));
        let shown = by_eds
            .and_then(|service| state.xds.resource(ResourceKind::Endpoint, service))
            .map(Shown::of);
        match shown {
            None => dump.static_endpoint_configs.push(StaticEndpointConfig {
                endpoint_config,
                last_updated: None,
            }),
            Some(shown) => dump.dynamic_endpoint_configs.push(DynamicEndpointConfig {
                version_info: shown.version,
                endpoint_config,
                last_updated: shown.updated,
                error_state: shown.error,
                client_status: shown.status,
            }),
        }
    }
    dump
}

fn assignment(name: &str, cluster: &Cluster) -> pb::ClusterLoadAssignment {
    let set = cluster.endpoints();
    let mut endpoints = Vec::new();
    for (priority, group) in (0u32..).zip(&set.priorities) {
        for hosts in &group.localities {
            endpoints.push(pb::LocalityLbEndpoints {
                locality: Some(locality(&hosts.locality)),
                lb_endpoints: hosts.hosts.iter().map(lb_endpoint).collect(),
                load_balancing_weight: hosts.weight.map(|value| UInt32Value { value }),
                priority,
                ..Default::default()
            });
        }
    }
    pb::ClusterLoadAssignment {
        cluster_name: name.to_owned(),
        endpoints,
        ..Default::default()
    }
}

fn lb_endpoint(host: &Host) -> pb::LbEndpoint {
    let facts = &host.endpoint.facts;
    pb::LbEndpoint {
        host_identifier: Some(pb::lb_endpoint::HostIdentifier::Endpoint(pb::Endpoint {
            address: Some(address(&facts.address)),
            hostname: facts.hostname.as_deref().unwrap_or_default().to_owned(),
            ..Default::default()
        })),
        health_status: health(host.health).into(),
        load_balancing_weight: Some(UInt32Value { value: host.weight }),
        ..Default::default()
    }
}

pub(in crate::admin) fn health(health: HostHealth) -> HealthStatus {
    match health {
        HostHealth::Healthy => HealthStatus::Healthy,
        HostHealth::Degraded => HealthStatus::Degraded,
        HostHealth::Draining => HealthStatus::Draining,
        HostHealth::Unhealthy => HealthStatus::Unhealthy,
    }
}
