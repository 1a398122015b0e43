//! `/clusters`: each cluster and what is known of its endpoints.

use http::StatusCode;
use xds_proto::pb::envoy::admin::v3::{
    ClusterStatus, Clusters, HostHealthStatus, HostStatus, SimpleMetric, simple_metric,
};
use xds_proto::pb::envoy::config::core::v3 as core;
use xds_proto::pb::google::protobuf::UInt32Value;
use xds_proto::resource::ResourceKind;

use super::config_dump::health;
use super::query::Query;
use super::{AdminState, Reply, json};
use crate::cluster::circuit_breaker::Resource;
use crate::cluster::{Cluster, Discovery, Host, Locality};
use crate::http::route::action::Priority;
use crate::transport::Address;

pub(super) fn respond(query: &Query, state: &AdminState) -> Reply {
    let snapshot = state.clusters.snapshot();
    let mut clusters: Vec<_> = snapshot.values().collect();
    clusters.sort_by(|a, b| a.config.name.cmp(&b.config.name));
    if query.get("format") != Some("json") {
        return Reply::text(
            clusters
                .into_iter()
                .map(|cluster| text(cluster, state))
                .collect::<String>(),
        );
    }
    let cluster_statuses = clusters
        .into_iter()
        .map(|cluster| status(cluster, state))
        .collect();
    match json::print(&Clusters { cluster_statuses }) {
        Ok(text) => Reply::json(text),
        Err(error) => Reply::error(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

fn added_via_api(cluster: &Cluster, state: &AdminState) -> bool {
    state
        .xds
        .resource(ResourceKind::Cluster, &cluster.config.name)
        .is_some()
}

fn text(cluster: &Cluster, state: &AdminState) -> String {
    let name = &cluster.config.name;
    let mut out = format!("{name}::observability_name::{}\n", cluster.config.stat_name);
    for (label, priority) in [("default", Priority::Default), ("high", Priority::High)] {
        for (limit, resource) in [
            ("max_connections", Resource::Connection),
            ("max_pending_requests", Resource::Pending),
            ("max_requests", Resource::Request),
            ("max_retries", Resource::Retry),
        ] {
            out += &format!(
                "{name}::{label}_priority::{limit}::{}\n",
                cluster.breakers.limit(priority, resource)
            );
        }
    }
    out += &format!("{name}::added_via_api::{}\n", added_via_api(cluster, state));
    for host in cluster.endpoints().hosts() {
        let facts = &host.endpoint.facts;
        let prefix = format!("{name}::{}", facts.address);
        let flags = if host.endpoint.outlier.is_ejected() {
            "/failed_outlier_check"
        } else {
            "healthy"
        };
        out += &format!("{prefix}::rq_active::{}\n", host.endpoint.active());
        out += &format!(
            "{prefix}::hostname::{}\n",
            facts.hostname.as_deref().unwrap_or_default()
        );
        out += &format!(
            "{prefix}::health_flags::{flags}\n{prefix}::weight::{}\n",
            host.weight
        );
        out += &format!(
            "{prefix}::region::{}\n{prefix}::zone::{}\n",
            facts.locality.region, facts.locality.zone
        );
        out += &format!("{prefix}::sub_zone::{}\n", facts.locality.sub_zone);
    }
    out
}

fn status(cluster: &Cluster, state: &AdminState) -> ClusterStatus {
    let eds_service_name = match &cluster.config.discovery {
        Discovery::Eds(eds) => eds.service.to_string(),
        Discovery::Static
        | Discovery::StrictDns(_)
        | Discovery::LogicalDns(_)
        | Discovery::OriginalDst(_) => String::new(),
    };
    ClusterStatus {
        name: cluster.config.name.to_string(),
        added_via_api: added_via_api(cluster, state),
        host_statuses: cluster.endpoints().hosts().map(host_status).collect(),
        circuit_breakers: Some(breakers(cluster)),
        observability_name: cluster.config.stat_name.to_string(),
        eds_service_name,
        ..Default::default()
    }
}

fn breakers(cluster: &Cluster) -> xds_proto::pb::envoy::config::cluster::v3::CircuitBreakers {
    use xds_proto::pb::envoy::config::cluster::v3::circuit_breakers::Thresholds;
    let thresholds = [
        (Priority::Default, core::RoutingPriority::Default),
        (Priority::High, core::RoutingPriority::High),
    ];
    let limit = |priority, resource| {
        Some(UInt32Value {
            value: cluster.breakers.limit(priority, resource),
        })
    };
    xds_proto::pb::envoy::config::cluster::v3::CircuitBreakers {
        thresholds: thresholds
            .map(|(priority, wire)| Thresholds {
                priority: wire.into(),
                max_connections: limit(priority, Resource::Connection),
                max_pending_requests: limit(priority, Resource::Pending),
                max_requests: limit(priority, Resource::Request),
                max_retries: limit(priority, Resource::Retry),
                ..Default::default()
            })
            .to_vec(),
        ..Default::default()
    }
}

fn host_status(host: &Host) -> HostStatus {
    let facts = &host.endpoint.facts;
    HostStatus {
        address: Some(address(&facts.address)),
        stats: vec![SimpleMetric {
            r#type: simple_metric::Type::Gauge.into(),
            value: host.endpoint.active().into(),
            name: "rq_active".to_owned(),
        }],
        health_status: Some(HostHealthStatus {
            failed_outlier_check: host.endpoint.outlier.is_ejected(),
            eds_health_status: health(host.health).into(),
            ..Default::default()
        }),
        weight: host.weight,
        hostname: facts.hostname.as_deref().unwrap_or_default().to_owned(),
        locality: Some(locality(&facts.locality)),
        ..Default::default()
    }
}

pub(super) fn address(address: &Address) -> core::Address {
    let address = match address {
        Address::Ip(address) => core::address::Address::SocketAddress(core::SocketAddress {
            address: address.ip().to_string(),
            port_specifier: Some(core::socket_address::PortSpecifier::PortValue(
                address.port().into(),
            )),
            ..Default::default()
        }),
        Address::Unix(path) => core::address::Address::Pipe(core::Pipe {
            path: path.display().to_string(),
            mode: 0,
        }),
    };
    core::Address {
        address: Some(address),
    }
}

pub(super) fn locality(locality: &Locality) -> core::Locality {
    core::Locality {
        region: locality.region.to_string(),
        zone: locality.zone.to_string(),
        sub_zone: locality.sub_zone.to_string(),
    }
}
