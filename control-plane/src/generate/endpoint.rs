//! Endpoints: one load assignment for each cluster that asks the control plane for them.

use super::cluster::{self, Target};
use super::{Resource, locality, wire};
use crate::model::endpoint::{Endpoint, EndpointAddress, Health};
use crate::model::service::Resolution;
use crate::scope::Scope;
use std::collections::BTreeMap;
use std::net::IpAddr;
use xds_proto::pb::envoy::config::cluster::v3::cluster::DiscoveryType;
use xds_proto::pb::envoy::config::core::v3::{
    Address, HealthStatus, Locality as LocalityProto, Metadata, Pipe,
    address::Address as AddressKind,
};
use xds_proto::pb::envoy::config::endpoint::v3::{
    ClusterLoadAssignment, Endpoint as EndpointProto, LbEndpoint, LocalityLbEndpoints,
    lb_endpoint::HostIdentifier,
};
use xds_proto::well_known::{
    METADATA_KEY, TLS_MODE_ISTIO, TLS_MODE_KEY, TRANSPORT_SOCKET_MATCH_KEY,
};

/// The load assignments of the scope.
pub(crate) fn generate(scope: &Scope) -> Vec<Resource> {
    scope
        .reachable()
        .flat_map(cluster::targets)
        .filter_map(|target| asked_for(scope, &target))
        .collect()
}

/// The load assignment of the cluster with this name.
pub(crate) fn one(scope: &Scope, name: &str) -> Option<Resource> {
    cluster::with_target(scope, name, |target| asked_for(scope, target))?
}

fn asked_for(scope: &Scope, target: &Target<'_>) -> Option<Resource> {
    let asked = cluster::discovery(target, &target.policy()) == DiscoveryType::Eds;
    asked.then(|| Resource::of(&inline(scope, target)))
}

/// The load assignment of a cluster, by priority and locality.
pub(crate) fn inline(scope: &Scope, target: &Target<'_>) -> ClusterLoadAssignment {
    let policy = target.policy();
    let preference = locality::Preference::of(scope, target.service, &policy);
    let mut groups: BTreeMap<_, Vec<&Endpoint>> = BTreeMap::new();
    for endpoint in target
        .service
        .endpoints_of(target.subset)
        .filter(|endpoint| is_sent(endpoint))
    {
        if endpoint.port(target.port.number).is_some() && !preference.leaves_out(&endpoint.locality)
        {
            groups
                .entry((preference.rank(endpoint), endpoint.locality.clone()))
                .or_default()
                .push(endpoint);
        }
    }
    let mut ranks: Vec<u32> = groups.keys().map(|(rank, _)| *rank).collect();
    ranks.dedup();
    let endpoints = groups
        .iter()
        .map(|((rank, locality), endpoints)| LocalityLbEndpoints {
            locality: Some(LocalityProto {
                region: locality.region.to_string(),
                zone: locality.zone.to_string(),
                sub_zone: locality.subzone.to_string(),
            }),
            lb_endpoints: endpoints
                .iter()
                .filter_map(|endpoint| lb_endpoint(scope, endpoint, target))
                .collect(),
            load_balancing_weight: Some(wire::number(preference.weight(locality, endpoints))),
            // Priorities must not have gaps.
            priority: ranks
                .iter()
                .position(|known| known == rank)
                .map_or(0, |place| place as u32),
            ..LocalityLbEndpoints::default()
        });
    let mut endpoints: Vec<_> = endpoints.collect();
    if target.service.service.resolution == Resolution::DnsRoundRobin {
        // A cluster that resolves one name takes exactly one endpoint, without priority.
        endpoints.iter_mut().for_each(|group| group.priority = 0);
    }
    ClusterLoadAssignment {
        cluster_name: target.name().to_string(),
        endpoints,
        ..ClusterLoadAssignment::default()
    }
}

/// A load assignment of one address.
pub(crate) fn single(cluster: &str, ip: IpAddr, port: u16) -> ClusterLoadAssignment {
    let endpoint = EndpointProto {
        address: Some(wire::address(ip, port)),
        ..EndpointProto::default()
    };
    let endpoint = LbEndpoint {
        host_identifier: Some(HostIdentifier::Endpoint(endpoint)),
        ..LbEndpoint::default()
    };
    let group = LocalityLbEndpoints {
        lb_endpoints: vec![endpoint],
        ..LocalityLbEndpoints::default()
    };
    ClusterLoadAssignment {
        cluster_name: cluster.to_owned(),
        endpoints: vec![group],
        ..ClusterLoadAssignment::default()
    }
}

/// Not-ready endpoints stay with the control plane.
fn is_sent(endpoint: &Endpoint) -> bool {
    match endpoint.health {
        Health::Ready | Health::Draining => true,
        Health::NotReady => false,
    }
}

fn lb_endpoint(scope: &Scope, endpoint: &Endpoint, target: &Target<'_>) -> Option<LbEndpoint> {
    let port = endpoint.port(target.port.number)?;
    let address = match &endpoint.address {
        EndpointAddress::Ip(ip) => wire::address(*ip, port),
        EndpointAddress::Dns(name) => wire::named_address(name, port),
        EndpointAddress::Unix(path) => Address {
            address: Some(AddressKind::Pipe(Pipe {
                path: path.to_string(),
                mode: 0,
            })),
        },
    };
    let health = match endpoint.health {
        Health::Ready => HealthStatus::Healthy,
        Health::Draining => HealthStatus::Draining,
        Health::NotReady => HealthStatus::Unhealthy,
    };
    Some(LbEndpoint {
        host_identifier: Some(HostIdentifier::Endpoint(EndpointProto {
            address: Some(address),
            ..EndpointProto::default()
        })),
        health_status: health.into(),
        metadata: Some(metadata(endpoint, scope.accepts_mesh_tls(endpoint, port))),
        load_balancing_weight: Some(wire::number(endpoint.weight.max(1))),
    })
}

/// What tools print about an endpoint, and by what a cluster chooses its transport.
fn metadata(endpoint: &Endpoint, mesh_tls: bool) -> Metadata {
    let label = |name: &str| endpoint.labels.get(name).map(str::to_owned);
    let canonical = label("service.istio.io/canonical-name")
        .or_else(|| label("app.kubernetes.io/name"))
        .or_else(|| label("app"))
        .unwrap_or_else(|| endpoint.workload.to_string());
    let revision = label("service.istio.io/canonical-revision")
        .or_else(|| label("app.kubernetes.io/version"))
        .or_else(|| label("version"))
        .unwrap_or_else(|| "latest".to_owned());
    let workload = format!(
        "{};{};{canonical};{revision};",
        endpoint.workload, endpoint.namespace
    );
    let mut filter_metadata = std::collections::HashMap::from([(
        METADATA_KEY.to_owned(),
        wire::texts([("workload", workload)]),
    )]);
    if mesh_tls {
        let mode = wire::texts([(TLS_MODE_KEY, TLS_MODE_ISTIO.to_owned())]);
        filter_metadata.insert(TRANSPORT_SOCKET_MATCH_KEY.to_owned(), mode);
    }
    Metadata {
        filter_metadata,
        ..Metadata::default()
    }
}
