//! Endpoints from Envoy's `config.endpoint.v3.ClusterLoadAssignment`.
#![allow(deprecated, reason = "every field is looked at, deprecated ones too")]

use std::path::Path;
use std::sync::Arc;

use xds_proto::pb::envoy::config::core::v3 as core;
use xds_proto::pb::envoy::config::core::v3::HealthStatus;
use xds_proto::pb::envoy::config::endpoint::v3 as pb;
use xds_proto::pb::envoy::config::endpoint::v3::lb_endpoint::HostIdentifier;
use xds_proto::pb::envoy::config::endpoint::v3::locality_lb_endpoints::LbConfig;

use super::{EndpointSet, Host, HostHealth, HostTemplate};
use crate::cluster::endpoint::{About, Endpoint, EndpointFacts, Locality};
use crate::config::invalid::{InvalidEndpoints, InvalidField};
use crate::config::not_honoured::named;
use crate::config::wire::{
    Conversion, Read, address, host_and_port, known, labels, origin, refuse_if, refused, required,
    text, uint,
};
use crate::transport::Address;

/// Envoy's bound of the number of a priority.
const LOWEST_PRIORITY: u32 = 128;

impl EndpointSet {
    /// Endpoints as they came over the wire.
    ///
    /// # Errors
    /// When a field is wrong, or asks for something that must not be left out.
    pub fn from_proto(
        assignment: pb::ClusterLoadAssignment,
        mut cx: Conversion<'_>,
    ) -> Result<Self, InvalidEndpoints> {
        let refused = InvalidEndpoints::of(&assignment.cluster_name);
        let mut set = read(&mut cx, assignment).map_err(refused)?;
        set.not_honoured = cx.notes.into_vec().into();
        Ok(set)
    }
}

/// Endpoints that are all addresses.
pub(crate) fn read(
    cx: &mut Conversion<'_>,
    assignment: pb::ClusterLoadAssignment,
) -> Read<EndpointSet> {
    let mut set = EndpointSet::default();
    let overprovisioning = walk(cx, assignment, |place, endpoint| {
        let at = address("address", endpoint.address)?;
        let host = Host {
            endpoint: Arc::new(Endpoint::new(EndpointFacts {
                address: at,
                about: endpoint.about,
            })),
            weight: endpoint.weight,
            health: endpoint.health,
        };
        set.add(place.priority, place.weight, host);
        Ok(())
    })?;
    set.overprovisioning_percent = overprovisioning;
    set.shrink_to_fit();
    Ok(set)
}

/// Endpoints that may be names, and the overprovisioning factor.
pub(crate) fn templates(
    cx: &mut Conversion<'_>,
    assignment: pb::ClusterLoadAssignment,
) -> Read<(Vec<HostTemplate>, u32)> {
    let mut names = Vec::new();
    let overprovisioning = walk(cx, assignment, |place, endpoint| {
        let (name, port) = named(required("address", endpoint.address)?)?;
        names.push(HostTemplate {
            name: name.into(),
            port,
            facts: EndpointFacts {
                about: endpoint.about,
                ..EndpointFacts::at(Address::Unix(Arc::from(Path::new(""))))
            },
            priority: place.priority,
            locality_weight: place.weight,
            weight: endpoint.weight,
            health: endpoint.health,
        });
        Ok(())
    })?;
    Ok((names, overprovisioning.unwrap_or(140)))
}

fn named(address: core::Address) -> Read<(String, u16)> {
    match required("address", address.address)? {
        core::address::Address::SocketAddress(socket) => host_and_port("address", socket),
        core::address::Address::Pipe(_) | core::address::Address::EnvoyInternalAddress(_) => Err(
            InvalidField::new("address", "a DNS cluster needs host names with ports"),
        ),
    }
}

struct Place {
    priority: u32,
    weight: Option<u32>,
    locality: Arc<Locality>,
}

struct OneEndpoint {
    address: Option<core::Address>,
    about: Arc<About>,
    weight: u32,
    health: HostHealth,
}

/// What the endpoint before was described by, and what was made of it: most are described like it.
#[derive(Default)]
struct Last {
    hostname: String,
    metadata: Option<core::Metadata>,
    about: Arc<About>,
}

impl Last {
    /// What is known of an endpoint.
    fn about(
        &mut self,
        place: &Place,
        hostname: String,
        metadata: Option<core::Metadata>,
    ) -> Arc<About> {
        let same = Arc::ptr_eq(&self.about.locality, &place.locality);
        if !(same && self.hostname == hostname && self.metadata == metadata) {
            self.about = Arc::new(about(place, &hostname, metadata.as_ref()));
            (self.hostname, self.metadata) = (hostname, metadata);
        }
        Arc::clone(&self.about)
    }
}

fn about(place: &Place, hostname: &str, metadata: Option<&core::Metadata>) -> About {
    About {
        hostname: (!hostname.is_empty()).then(|| hostname.into()),
        locality: Arc::clone(&place.locality),
        labels: labels(metadata, "envoy.lb"),
        transport_labels: labels(metadata, "envoy.transport_socket_match"),
        workload: text(metadata, "istio", "workload"),
        origin: origin(metadata),
    }
}

fn walk(
    cx: &mut Conversion<'_>,
    assignment: pb::ClusterLoadAssignment,
    mut take: impl FnMut(&Place, OneEndpoint) -> Read<()>,
) -> Read<Option<u32>> {
    let pb::ClusterLoadAssignment {
        cluster_name: _, // the key by which the caller keeps the set
        endpoints,
        named_endpoints,
        policy,
    } = assignment;
    refused!({
        named_endpoints => "are not supported; write endpoints in their place",
    });
    let mut last = Last::default();
    for (index, locality) in endpoints.into_iter().enumerate() {
        let path = format!("endpoints[{index}]");
        let (place, list) = place(cx, locality).map_err(|error| error.within(&path))?;
        for (index, endpoint) in list.into_iter().enumerate() {
            let within =
                |error: InvalidField| error.within(format_args!("{path}.lb_endpoints[{index}]"));
            let endpoint = one(cx, &place, &mut last, endpoint).map_err(within)?;
            take(&place, endpoint).map_err(within)?;
        }
    }
    let Some(policy) = policy else {
        return Ok(None);
    };
    overprovisioning(cx, policy)
}

fn overprovisioning(
    cx: &mut Conversion<'_>,
    policy: pb::cluster_load_assignment::Policy,
) -> Read<Option<u32>> {
    let pb::cluster_load_assignment::Policy {
        drop_overloads,
        overprovisioning_factor,
        endpoint_stale_after,
        weighted_priority_health,
    } = policy;
    let n = &mut cx.notes;
    named!(n, "policy.", {
        drop_overloads => "no requests are dropped",
        endpoint_stale_after => "endpoints are used until others come",
        weighted_priority_health => "endpoints are counted, not weighed",
    });
    let factor = uint(overprovisioning_factor);
    refuse_if(
        factor == Some(0),
        "policy.overprovisioning_factor",
        "must be above zero",
    )?;
    Ok(factor)
}

fn place(
    cx: &mut Conversion<'_>,
    locality: pb::LocalityLbEndpoints,
) -> Read<(Place, Vec<pb::LbEndpoint>)> {
    let pb::LocalityLbEndpoints {
        locality,
        metadata,
        lb_endpoints,
        load_balancing_weight,
        priority,
        proximity,
        lb_config,
    } = locality;
    refuse_if(
        priority > LOWEST_PRIORITY,
        "priority",
        "must be at most 128",
    )?;
    named!(cx.notes, "endpoints.", {
        proximity => "distance does not count",
        metadata => "the metadata of endpoints count",
    });
    let mut list = lb_endpoints;
    match lb_config {
        None => {}
        Some(LbConfig::LoadBalancerEndpoints(more)) => list.extend(more.lb_endpoints),
        Some(LbConfig::LedsClusterLocalityConfig(_)) => {
            return Err(InvalidField::new(
                "leds_cluster_locality_config",
                "LEDS is not supported; use EDS",
            ));
        }
    }
    let core::Locality {
        region,
        zone,
        sub_zone,
    } = locality.unwrap_or_default();
    let locality = Arc::new(Locality {
        region: region.into(),
        zone: zone.into(),
        sub_zone: sub_zone.into(),
    });
    Ok((
        Place {
            priority,
            weight: uint(load_balancing_weight),
            locality,
        },
        list,
    ))
}

fn one(
    cx: &mut Conversion<'_>,
    place: &Place,
    last: &mut Last,
    endpoint: pb::LbEndpoint,
) -> Read<OneEndpoint> {
    let pb::LbEndpoint {
        health_status,
        metadata,
        load_balancing_weight,
        host_identifier,
    } = endpoint;
    let HostIdentifier::Endpoint(endpoint) = required("endpoint", host_identifier)? else {
        return Err(InvalidField::new(
            "endpoint_name",
            "is not supported; write the endpoint in its place",
        ));
    };
    let pb::Endpoint {
        address,
        health_check_config,
        hostname,
        additional_addresses,
        observability_name,
    } = endpoint;
    let n = &mut cx.notes;
    named!(n, "endpoints.", {
        health_check_config => "endpoints are not probed",
        additional_addresses => "the first address is used",
        observability_name => "endpoints are shown by their address",
    });
    let weight = uint(load_balancing_weight).unwrap_or(1);
    refuse_if(weight == 0, "load_balancing_weight", "must be at least 1")?;
    Ok(OneEndpoint {
        address,
        about: last.about(place, hostname, metadata),
        weight,
        health: health(health_status)?,
    })
}

fn health(status: i32) -> Read<HostHealth> {
    Ok(match known("health_status", status)? {
        HealthStatus::Unknown | HealthStatus::Healthy => HostHealth::Healthy,
        HealthStatus::Degraded => HostHealth::Degraded,
        HealthStatus::Draining => HostHealth::Draining,
        HealthStatus::Unhealthy | HealthStatus::Timeout => HostHealth::Unhealthy,
    })
}
