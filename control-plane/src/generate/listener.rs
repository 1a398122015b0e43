//! Listeners: what is done with a connection, by where it was going.

mod chain;
mod egress;
mod http;
mod inbound;
mod inspect;
mod outbound;
mod tcp;
mod wildcard;

pub(crate) use egress::{meant, proxies};

use super::{Resource, wire};
use crate::scope::{Families, Scope};
use std::net::IpAddr;
use xds_proto::pb::envoy::config::core::v3::TrafficDirection;
use xds_proto::pb::envoy::config::listener::v3::{AdditionalAddress, Listener};

/// All listeners of the scope.
pub(crate) fn generate(scope: &Scope) -> Vec<Resource> {
    let inbound = inbound::listeners(scope).into_iter();
    inbound
        .chain(outbound::listeners(scope))
        .chain(egress::listeners(scope))
        .map(|listener| Resource::of(&listener))
        .collect()
}

/// A listener on one address, which gets its connections from the one that captures them.
fn on(name: String, ip: IpAddr, port: u16) -> Listener {
    Listener {
        name,
        address: Some(wire::address(ip, port)),
        traffic_direction: TrafficDirection::Outbound.into(),
        bind_to_port: Some(wire::truth(false)),
        ..Listener::default()
    }
}

/// A listener on every address of the workload's families.
fn everywhere(scope: &Scope, name: String, port: u16, direction: TrafficDirection) -> Listener {
    let (first, second) = match scope.class.families {
        Families::V4 => (wire::unspecified(false), None),
        Families::V6 => (wire::unspecified(true), None),
        Families::Dual => (wire::unspecified(false), Some(wire::unspecified(true))),
    };
    Listener {
        name,
        address: Some(wire::address(first, port)),
        additional_addresses: second
            .map(|ip| AdditionalAddress {
                address: Some(wire::address(ip, port)),
                ..AdditionalAddress::default()
            })
            .into_iter()
            .collect(),
        traffic_direction: direction.into(),
        ..Listener::default()
    }
}
