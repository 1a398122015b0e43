//! What a `ServiceEntry` or an `EndpointSlice` declares, before the store joins it with services and workloads.

use super::endpoint::{Endpoint, EndpointAddress, Health, Locality};
use super::service::Service;
use super::{Labels, Name, Object};
use std::net::IpAddr;

/// One `ServiceEntry`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServiceEntry {
    /// Because of what it exists.
    pub origin: Object,
    /// One service for each of its hosts.
    pub services: Vec<Service>,
    /// The endpoints that it lists; their ports are those of its services.
    pub endpoints: Vec<Endpoint>,
    /// The labels of the workloads behind it, where it selects instead of listing.
    pub workload_selector: Option<Labels>,
}

/// One `EndpointSlice`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EndpointSlice {
    /// Because of what it exists.
    pub origin: Object,
    /// The name of the service that it belongs to, in its own namespace (label `kubernetes.io/service-name`).
    pub service: Name,
    /// Its ports: names are those of the service's ports.
    pub ports: Vec<SlicePort>,
    /// Its endpoints.
    pub endpoints: Vec<SliceEndpoint>,
}

/// A port of an endpoint slice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlicePort {
    /// The name of the service port.
    pub name: Name,
    /// The number at the endpoint.
    pub number: u16,
}

/// One endpoint of a slice.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SliceEndpoint {
    /// Its addresses: they all reach the same workload.
    pub addresses: Vec<SliceAddress>,
    /// May it be picked?
    pub health: Health,
    /// The pod behind it, empty when the slice does not say.
    pub pod: Name,
    /// The node it runs on, empty when unknown.
    pub node: Name,
    /// The zone it runs in, empty when unknown.
    pub zone: Name,
}

/// An address of a slice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SliceAddress {
    /// An IP address.
    Ip(IpAddr),
    /// A name (`addressType: FQDN`).
    Dns(Name),
}

impl From<SliceAddress> for EndpointAddress {
    fn from(address: SliceAddress) -> Self {
        match address {
            SliceAddress::Ip(ip) => Self::Ip(ip),
            SliceAddress::Dns(name) => Self::Dns(name),
        }
    }
}

impl SliceEndpoint {
    /// The locality that the slice itself knows.
    #[must_use]
    pub fn locality(&self) -> Locality {
        Locality {
            zone: self.zone.clone(),
            ..Locality::default()
        }
    }
}
