//! Joins services with what is behind them: slices, pods, workload entries.

use super::workloads::Workloads;
use crate::model::endpoint::{Endpoint, EndpointAddress, EndpointPort, EndpointSet, Health};
use crate::model::service::{Resolution, Service, ServicePort, TargetPort};
use crate::model::service_entry::{EndpointSlice, ServiceEntry, SliceEndpoint};
use crate::model::workload::Workload;
use crate::model::{Kind, Labels, Name, Object};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the join reads.
pub(super) struct Sources<'a> {
    pub(super) workloads: &'a Workloads,
    /// The slices of the service at hand.
    pub(super) slices: Vec<Arc<EndpointSlice>>,
}

impl Sources<'_> {
    /// The endpoints of a Kubernetes service.
    ///
    /// Slices count where there are any, else the pods that it selects; workload entries that it selects always.
    pub(super) fn of_service(&self, service: &Service) -> EndpointSet {
        if let Some(name) = &service.external_name {
            return set(service, vec![named(service, name)]);
        }
        let selected = || self.selected(service, &service.selector);
        let mut endpoints: Vec<Endpoint> = match self.slices.is_empty() {
            true => selected()
                .filter(|w| w.origin.kind == Kind::Pod)
                .filter_map(|w| of_workload(service, w))
                .collect(),
            false => self
                .slices
                .iter()
                .flat_map(|slice| self.of_slice(service, slice))
                .collect(),
        };
        let entries = selected().filter(|w| w.origin.kind != Kind::Pod);
        endpoints.extend(entries.filter_map(|w| of_workload(service, w)));
        set(service, endpoints)
    }

    /// The endpoints of one host of a service entry: those it lists, else those it selects, else its own name.
    pub(super) fn of_entry(&self, service: &Service, entry: &ServiceEntry) -> EndpointSet {
        let listed = || entry.endpoints.clone();
        let selected = |selector| {
            self.selected(service, selector)
                .filter_map(|w| of_workload(service, w))
                .collect()
        };
        let endpoints = match (service.resolution, &entry.workload_selector) {
            (Resolution::None, _) => Vec::new(),
            (Resolution::Static | Resolution::Dns | Resolution::DnsRoundRobin, Some(selector)) => {
                selected(selector)
            }
            (Resolution::Static, None) => listed(),
            (Resolution::Dns | Resolution::DnsRoundRobin, None) if entry.endpoints.is_empty() => {
                vec![named(service, &service.host)]
            }
            (Resolution::Dns | Resolution::DnsRoundRobin, None) => listed(),
        };
        set(service, endpoints)
    }

    fn selected(
        &self,
        service: &Service,
        selector: &Labels,
    ) -> impl Iterator<Item = &Arc<Workload>> {
        let nothing = selector.is_empty();
        let all = self.workloads.in_namespace(&service.namespace);
        all.filter(move |workload| !nothing && selector.selects(&workload.labels))
    }

    fn of_slice(&self, service: &Service, slice: &EndpointSlice) -> Vec<Endpoint> {
        let all = slice.endpoints.iter();
        all.filter_map(|endpoint| {
            let address = endpoint.addresses.first()?.clone().into();
            let ports = slice_ports(service, slice);
            Some(self.of_slice_endpoint(slice, endpoint, address, ports))
        })
        .collect()
    }

    fn of_slice_endpoint(
        &self,
        slice: &EndpointSlice,
        endpoint: &SliceEndpoint,
        address: EndpointAddress,
        ports: Vec<EndpointPort>,
    ) -> Endpoint {
        let pod = self.pod_of(slice, endpoint);
        let from_pod =
            |take: fn(&Workload) -> &Name| pod.map(|pod| take(pod).clone()).unwrap_or_default();
        let node = from_pod(|pod| &pod.node);
        Endpoint {
            address,
            ports,
            labels: pod.map(|pod| pod.labels.clone()).unwrap_or_default(),
            locality: pod
                .map(|pod| pod.locality.clone())
                .filter(|locality| !locality.zone.is_empty() || !locality.region.is_empty())
                .unwrap_or_else(|| endpoint.locality()),
            network: from_pod(|pod| &pod.network),
            weight: 1,
            service_account: from_pod(|pod| &pod.service_account),
            namespace: slice.origin.namespace.clone(),
            workload: from_pod(|pod| &pod.owner),
            health: endpoint.health,
            mtls: pod.is_some_and(|pod| pod.mtls),
            node: if endpoint.node.is_empty() {
                node
            } else {
                endpoint.node.clone()
            },
            origin: slice.origin.clone(),
        }
    }

    /// The pod that the slice names, else the only one with its address.
    fn pod_of(&self, slice: &EndpointSlice, endpoint: &SliceEndpoint) -> Option<&Arc<Workload>> {
        let namespace = slice.origin.namespace.clone();
        if !endpoint.pod.is_empty() {
            return self.workloads.get(&Object {
                kind: Kind::Pod,
                namespace,
                name: endpoint.pod.clone(),
            });
        }
        let address = EndpointAddress::from(endpoint.addresses.first()?.clone());
        let EndpointAddress::Ip(ip) = address else {
            return None;
        };
        match self.workloads.with_ip(ip) {
            [only] if *only.namespace() == namespace => Some(only),
            _ => None,
        }
    }
}

/// The ports of a workload behind the ports of a service that selects it.
pub(super) fn workload_ports(service: &Service, workload: &Workload) -> Vec<EndpointPort> {
    let all = service
        .ports
        .iter()
        .filter(|port| port.protocol.is_carried());
    all.filter_map(|port| {
        Some(EndpointPort {
            service_port: port.number,
            number: workload_port(port, workload)?,
        })
    })
    .collect()
}

fn workload_port(port: &ServicePort, workload: &Workload) -> Option<u16> {
    let by_target = || match &port.target {
        TargetPort::Number(number) => Some(*number),
        TargetPort::Name(name) => workload.port(name),
    };
    match workload.origin.kind == Kind::WorkloadEntry {
        true => workload.port(&port.name).or_else(by_target),
        false => by_target(),
    }
}

fn of_workload(service: &Service, workload: &Workload) -> Option<Endpoint> {
    let ports = workload_ports(service, workload);
    let health = if service.publish_not_ready {
        Health::Ready
    } else {
        workload.health
    };
    Some(Endpoint {
        address: workload.addresses.first()?.clone(),
        ports,
        labels: workload.labels.clone(),
        locality: workload.locality.clone(),
        network: workload.network.clone(),
        weight: workload.weight,
        service_account: workload.service_account.clone(),
        namespace: workload.namespace().clone(),
        workload: workload.owner.clone(),
        health,
        mtls: workload.mtls,
        node: workload.node.clone(),
        origin: workload.origin.clone(),
    })
}

fn slice_ports(service: &Service, slice: &EndpointSlice) -> Vec<EndpointPort> {
    let by_name: BTreeMap<&Name, u16> = slice
        .ports
        .iter()
        .map(|port| (&port.name, port.number))
        .collect();
    let ports = service
        .ports
        .iter()
        .filter(|port| port.protocol.is_carried());
    ports
        .filter_map(|port| {
            let number = *by_name.get(&port.name)?;
            Some(EndpointPort {
                service_port: port.number,
                number,
            })
        })
        .collect()
}

fn named(service: &Service, name: &Name) -> Endpoint {
    let number = |port: &ServicePort| match &port.target {
        TargetPort::Number(number) => *number,
        TargetPort::Name(_) => port.number,
    };
    let ports = service.ports.iter();
    Endpoint {
        address: EndpointAddress::Dns(name.clone()),
        ports: ports
            .map(|port| EndpointPort {
                service_port: port.number,
                number: number(port),
            })
            .collect(),
        labels: Labels::default(),
        locality: Default::default(),
        network: Name::default(),
        weight: 1,
        service_account: Name::default(),
        namespace: service.namespace.clone(),
        workload: Name::default(),
        health: Health::Ready,
        mtls: false,
        node: Name::default(),
        origin: service.origin.clone(),
    }
}

fn set(service: &Service, mut endpoints: Vec<Endpoint>) -> EndpointSet {
    endpoints.sort();
    endpoints.dedup_by(|a, b| a.address == b.address && a.ports == b.ports);
    EndpointSet {
        host: service.host.clone(),
        namespace: service.namespace.clone(),
        endpoints,
    }
}
