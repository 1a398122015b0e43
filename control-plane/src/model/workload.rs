//! Workloads: what runs behind services, and what policies select.

use super::endpoint::{EndpointAddress, Health, Locality};
use super::{Created, Labels, Name, Object};
use std::net::IpAddr;

/// A pod, or a workload entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Workload {
    /// Because of what it is known; names it uniquely (`Pod default/reviews-v1-abc`).
    pub origin: Object,
    /// Its addresses, the primary one first. Empty while a pod has none.
    pub addresses: Vec<EndpointAddress>,
    /// Its labels.
    pub labels: Labels,
    /// Its service account, `default` when the object names none.
    pub service_account: Name,
    /// The name of what runs it (Deployment, StatefulSet …), else its own.
    pub owner: Name,
    /// Its named ports.
    pub ports: Vec<WorkloadPort>,
    /// Where it runs.
    pub locality: Locality,
    /// Its network, empty = the one and only.
    pub network: Name,
    /// The node it runs on, empty when unknown.
    pub node: Name,
    /// Its share of traffic, at least 1.
    pub weight: u32,
    /// May it be picked?
    pub health: Health,
    /// A sidecar terminates mesh TLS there.
    pub mtls: bool,
    /// When it was created.
    pub created: Created,
}

impl Workload {
    /// Its namespace.
    #[must_use]
    pub fn namespace(&self) -> &Name {
        &self.origin.namespace
    }

    /// Its own name (of the pod or entry).
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.origin.name
    }

    /// Its IP addresses.
    pub fn ips(&self) -> impl Iterator<Item = IpAddr> {
        self.addresses.iter().filter_map(|address| match address {
            EndpointAddress::Ip(ip) => Some(*ip),
            EndpointAddress::Dns(_) | EndpointAddress::Unix(_) => None,
        })
    }

    /// The number of its port with this name.
    #[must_use]
    pub fn port(&self, name: &str) -> Option<u16> {
        self.ports
            .iter()
            .find(|port| *port.name == *name)
            .map(|port| port.number)
    }
}

/// A named port of a workload.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkloadPort {
    /// Its name, may be empty.
    pub name: Name,
    /// Its number.
    pub number: u16,
}
