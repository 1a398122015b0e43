//! Endpoints: where a service can be reached.

use super::{Labels, Name, Object};
use std::net::IpAddr;

/// The endpoints of one service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EndpointSet {
    /// The service's host.
    pub host: Name,
    /// The service's namespace.
    pub namespace: Name,
    /// The endpoints, sorted by address.
    pub endpoints: Vec<Endpoint>,
}

/// One endpoint of a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// Where it listens.
    pub address: EndpointAddress,
    /// Its ports, one for each port of the service that it serves.
    pub ports: Vec<EndpointPort>,
    /// The labels of its workload: what subsets select.
    pub labels: Labels,
    /// Where its workload runs.
    pub locality: Locality,
    /// Its network, empty = the one and only.
    pub network: Name,
    /// Its share of traffic against its neighbours, at least 1.
    pub weight: u32,
    /// The service account of its workload, empty when unknown.
    pub service_account: Name,
    /// The namespace of its workload.
    pub namespace: Name,
    /// The name of its workload (the Deployment rather than the Pod where that is known).
    pub workload: Name,
    /// May it be picked?
    pub health: Health,
    /// A sidecar terminates mesh TLS there (label `security.istio.io/tlsMode=istio`).
    pub mtls: bool,
    /// The node it runs on, empty when unknown.
    pub node: Name,
    /// The object that declared it.
    pub origin: Object,
}

impl Endpoint {
    /// The endpoint's own port behind the service port `number`.
    #[must_use]
    pub fn port(&self, number: u16) -> Option<u16> {
        self.ports
            .iter()
            .find(|port| port.service_port == number)
            .map(|port| port.number)
    }
}

/// The workload's port behind a port of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointPort {
    /// The number that clients dial at the service.
    pub service_port: u16,
    /// The number at the endpoint.
    pub number: u16,
}

/// Where an endpoint listens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndpointAddress {
    /// An IP address.
    Ip(IpAddr),
    /// A name that the proxy resolves.
    Dns(Name),
    /// The path of a Unix socket in the client's own file system.
    Unix(Name),
}

/// Region, zone and sub-zone; empty = unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Locality {
    /// `topology.kubernetes.io/region`.
    pub region: Name,
    /// `topology.kubernetes.io/zone`.
    pub zone: Name,
    /// `topology.istio.io/subzone`.
    pub subzone: Name,
}

impl Locality {
    /// Reads `region/zone/subzone`; missing parts are empty.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut parts = text.splitn(3, '/').map(Name::from);
        let mut next = || parts.next().unwrap_or_default();
        Self {
            region: next(),
            zone: next(),
            subzone: next(),
        }
    }
}

/// Whether an endpoint may be picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Health {
    /// Ready.
    Ready,
    /// Known, but not ready.
    NotReady,
    /// Terminating while it still serves what it has.
    Draining,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locality_parts_may_be_missing() {
        let zone = Locality::parse("r1/z1");
        assert_eq!(
            (&*zone.region, &*zone.zone, &*zone.subzone),
            ("r1", "z1", "")
        );
        assert_eq!(Locality::parse(""), Locality::default());
    }
}
