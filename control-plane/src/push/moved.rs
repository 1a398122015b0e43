//! Addresses of which services begin or cease to mean a port: what is spoken on the ports of a workload follows from them.

use std::collections::{BTreeSet, HashSet};
use std::net::IpAddr;

use crate::model::Name;
use crate::model::endpoint::{Endpoint, EndpointAddress, EndpointPort};
use crate::store::Snapshot;

type Served<'a> = (IpAddr, &'a [EndpointPort]);

/// The addresses that are endpoints of these hosts with other ports in one of the two worlds than in the other.
pub(super) fn addresses(hosts: &BTreeSet<Name>, old: &Snapshot, new: &Snapshot) -> HashSet<IpAddr> {
    let mut moved = HashSet::new();
    for host in hosts {
        let (before, after) = (served(host, old), served(host, new));
        let differing = before.symmetric_difference(&after);
        moved.extend(differing.map(|(_, (ip, _))| *ip));
    }
    moved
}

/// What a host's services have behind them, by namespace.
fn served<'a>(host: &str, world: &'a Snapshot) -> HashSet<(&'a Name, Served<'a>)> {
    let services = world.services_with_host(host).iter();
    let sets = services.filter_map(|service| world.endpoints(host, &service.namespace));
    sets.flat_map(|set| {
        let known = set.endpoints.iter().filter_map(ports);
        known.map(move |served| (&set.namespace, served))
    })
    .collect()
}

fn ports(endpoint: &Endpoint) -> Option<Served<'_>> {
    match &endpoint.address {
        EndpointAddress::Ip(ip) => Some((*ip, endpoint.ports.as_slice())),
        EndpointAddress::Dns(_) | EndpointAddress::Unix(_) => None,
    }
}
