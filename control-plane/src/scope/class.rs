//! What makes two proxies get different configuration.

use crate::model::endpoint::Locality;
use crate::model::service::Protocol;
use crate::model::{Labels, Name, Object};
use crate::store::{Snapshot, Target};
use std::collections::BTreeMap;
use std::net::IpAddr;
use xds_proto::node::{InterceptionMode, NodeId, NodeMetadata};

/// All facts about a proxy that change its configuration. Proxies with equal facts share every resource.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProxyClass {
    /// The namespace of its workload.
    pub namespace: Name,
    /// The DNS domain of its cluster, without the namespace: `svc.cluster.local`.
    pub dns_domain: Name,
    /// The labels of its workload.
    pub labels: Labels,
    /// Where it runs.
    pub locality: Locality,
    /// How traffic reaches it.
    pub interception: Interception,
    /// Its own address, where its listeners are bound to it: only then does that tell proxies apart.
    pub instance: Option<IpAddr>,
    /// The address families of its pod.
    pub families: Families,
    /// HTTP/1.0 is accepted (`ISTIO_META_HTTP10`).
    pub http10: bool,
    /// The ports of its workload that services name, sorted by number, each once.
    pub inbound: Vec<InboundPort>,
}

impl ProxyClass {
    /// The class of a proxy: from what it says of itself, completed by what the world knows of its workload.
    #[must_use]
    pub fn of(id: &NodeId, metadata: &NodeMetadata, world: &Snapshot) -> Self {
        let workload = world.workload(&id.namespace, &id.pod);
        let labels = match workload {
            Some(workload) => workload.labels.clone(),
            None => metadata
                .labels
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str()))
                .collect(),
        };
        let ips = Self::addresses(id, metadata);
        let inbound = inbound_ports(
            world,
            Target {
                namespace: &id.namespace,
                labels: &labels,
            },
            &ips,
        );
        let interception = match metadata.interception_mode {
            Some(InterceptionMode::Redirect) | None => Interception::Redirect,
            Some(InterceptionMode::Tproxy) => Interception::Tproxy,
            Some(InterceptionMode::None) => Interception::None,
        };
        Self {
            namespace: id.namespace.as_str().into(),
            dns_domain: format!("svc.{}", id.domain).into(),
            labels,
            locality: workload
                .map(|workload| workload.locality.clone())
                .unwrap_or_default(),
            interception,
            instance: (interception == Interception::None).then_some(id.ip),
            families: Families::of(&ips),
            http10: metadata.http10.as_deref() == Some("1"),
            inbound,
        }
    }

    /// The addresses of a proxy's workload: those that it lists, else the one of its id.
    pub(crate) fn addresses(id: &NodeId, metadata: &NodeMetadata) -> Vec<IpAddr> {
        let listed: Vec<IpAddr> = metadata
            .instance_ips
            .iter()
            .filter_map(|ip| ip.parse().ok())
            .collect();
        if listed.is_empty() {
            vec![id.ip]
        } else {
            listed
        }
    }
}

/// The ports of a workload that services name; of two services with one port the first by host decides what is spoken.
fn inbound_ports(world: &Snapshot, target: Target<'_>, ips: &[IpAddr]) -> Vec<InboundPort> {
    let mut ports = BTreeMap::new();
    for (service, endpoint_ports) in world.services_of(target, ips) {
        for behind in endpoint_ports {
            let Some(port) = service
                .port(behind.service_port)
                .filter(|port| port.protocol.is_carried())
            else {
                continue;
            };
            ports.entry(behind.number).or_insert_with(|| InboundPort {
                number: behind.number,
                protocol: port.protocol,
                host: service.host.clone(),
                service_port: port.number,
                origin: service.origin.clone(),
            });
        }
    }
    ports.into_values().collect()
}

/// How traffic reaches a proxy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Interception {
    /// Redirected; the destination is asked of the kernel.
    #[default]
    Redirect,
    /// Redirected with its addresses kept.
    Tproxy,
    /// Not at all: listeners are bound to their own addresses.
    None,
}

/// Address families.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Families {
    /// IPv4 only.
    #[default]
    V4,
    /// IPv6 only.
    V6,
    /// Both.
    Dual,
}

impl Families {
    fn of(ips: &[IpAddr]) -> Self {
        match (
            ips.iter().any(IpAddr::is_ipv4),
            ips.iter().any(IpAddr::is_ipv6),
        ) {
            (true, true) => Self::Dual,
            (false, true) => Self::V6,
            (true | false, false) => Self::V4,
        }
    }
}

/// A port of a workload that a service names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InboundPort {
    /// The port of the workload.
    pub number: u16,
    /// What is spoken on it.
    pub protocol: Protocol,
    /// The host of the service.
    pub host: Name,
    /// The port that clients dial at the service.
    pub service_port: u16,
    /// The service.
    pub origin: Object,
}
