//! Istio `ServiceEntry`.

use super::cx::Cx;
use super::pod::has_mesh_tls;
use super::problem::Invalid;
use super::service::by_word;
use super::value::{Port, Wildcard, check_host};
use super::workload_entry::Entry;
use crate::model::endpoint::{Endpoint, EndpointAddress, EndpointPort, Health};
use crate::model::service::{
    Allocate, Location, Protocol, Resolution, Service, ServicePort, TargetPort, TrafficDistribution,
};
use crate::model::service_entry::ServiceEntry;
use crate::model::{Labels, Name};
use ipnet::IpNet;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

#[derive(Deserialize)]
pub(super) struct Raw {
    spec: Spec,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    hosts: Vec<String>,
    addresses: Vec<String>,
    ports: Vec<RawPort>,
    location: RawLocation,
    resolution: RawResolution,
    endpoints: Vec<Entry>,
    workload_selector: Option<WorkloadSelector>,
    export_to: Vec<String>,
    subject_alt_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPort {
    number: Port,
    protocol: Option<String>,
    #[serde(default)]
    name: String,
    target_port: Option<Port>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum RawLocation {
    #[default]
    MeshExternal,
    MeshInternal,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum RawResolution {
    #[default]
    None,
    Static,
    Dns,
    DnsRoundRobin,
    DynamicDns,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WorkloadSelector {
    labels: BTreeMap<String, String>,
}

const AUTO_ALLOCATE: &str = "networking.istio.io/enable-autoallocate-ip";

pub(super) fn lower(raw: Raw, cx: &Cx<'_>) -> Result<ServiceEntry, Invalid> {
    let Raw { spec } = raw;
    let resolution = check(&spec)?;
    let ports = ports(&spec)?;
    let addresses = addresses(&spec)?;
    let endpoints = endpoints(&spec, &ports, resolution, cx)?;
    let selector = spec
        .workload_selector
        .as_ref()
        .map(|selector| pairs(&selector.labels));
    let service = |host: &String| Service {
        host: host.trim_end_matches('.').to_ascii_lowercase().into(),
        namespace: cx.origin.namespace.clone(),
        name: cx.origin.name.clone(),
        origin: cx.origin.clone(),
        addresses: addresses.clone(),
        allocate: allocate(host, resolution, &addresses, cx),
        ports: ports.clone(),
        resolution,
        location: match spec.location {
            RawLocation::MeshExternal => Location::MeshExternal,
            RawLocation::MeshInternal => Location::MeshInternal,
        },
        headless: false,
        selector: selector.clone().unwrap_or_default(),
        publish_not_ready: false,
        external_name: None,
        export_to: cx.visibility(&spec.export_to),
        subject_alt_names: spec
            .subject_alt_names
            .iter()
            .map(|name| name.as_str().into())
            .collect(),
        created: cx.created,
        traffic_distribution: TrafficDistribution::Any,
    };
    Ok(ServiceEntry {
        origin: cx.origin.clone(),
        services: spec.hosts.iter().map(service).collect(),
        endpoints,
        workload_selector: selector,
    })
}

fn check(spec: &Spec) -> Result<Resolution, Invalid> {
    if spec.hosts.is_empty() {
        return Err(Invalid::new("`hosts` is empty; name at least one host").at("spec.hosts"));
    }
    let mut seen = BTreeSet::new();
    for (index, host) in spec.hosts.iter().enumerate() {
        let at = format!("spec.hosts[{index}]");
        check_host(host, Wildcard::Allowed).map_err(|invalid| invalid.at(&at))?;
        if host == "*" {
            return Err(Invalid::new(
                "`*` would take all traffic; name a domain such as *.example.com",
            )
            .at(&at));
        }
        if !seen.insert(host.to_ascii_lowercase()) {
            return Err(Invalid::new(format_args!("`{host}` comes twice; remove one")).at(&at));
        }
    }
    if spec.workload_selector.is_some() && !spec.endpoints.is_empty() {
        return Err(Invalid::new(
            "`endpoints` and `workloadSelector` exclude each other; remove one",
        )
        .at("spec.workloadSelector"));
    }
    let selects = spec.workload_selector.is_some();
    let refuse = |text: &str| Err(Invalid::new(text).at("spec.resolution"));
    let wildcard = spec.hosts.iter().any(|host| host.starts_with('*'));
    match spec.resolution {
        RawResolution::None if !spec.endpoints.is_empty() => {
            refuse("endpoints are not used with resolution NONE; write STATIC or DNS")
        }
        RawResolution::None => Ok(Resolution::None),
        RawResolution::Static
            if !selects && spec.endpoints.is_empty() && spec.addresses.is_empty() =>
        {
            refuse("STATIC needs endpoints; list them, or write DNS")
        }
        RawResolution::Static => Ok(Resolution::Static),
        RawResolution::Dns | RawResolution::DnsRoundRobin
            if wildcard && spec.endpoints.is_empty() =>
        {
            refuse("a wildcard host cannot be resolved; list endpoints, or write NONE")
        }
        RawResolution::DnsRoundRobin if spec.endpoints.len() > 1 => {
            refuse("DNS_ROUND_ROBIN takes one endpoint; write DNS for several")
        }
        RawResolution::Dns => Ok(Resolution::Dns),
        RawResolution::DnsRoundRobin => Ok(Resolution::DnsRoundRobin),
        RawResolution::DynamicDns => {
            refuse("DYNAMIC_DNS is not honoured yet; write DNS, or NONE for wildcard hosts")
        }
    }
}

fn ports(spec: &Spec) -> Result<Vec<ServicePort>, Invalid> {
    let mut ports: Vec<ServicePort> = Vec::new();
    for (index, port) in spec.ports.iter().enumerate() {
        let at = |field: &str| format!("spec.ports[{index}]{field}");
        if port.name.is_empty() {
            return Err(Invalid::new("the port has no name; add `name`").at(&at("")));
        }
        if ports
            .iter()
            .any(|other| other.number == port.number.0 || *other.name == *port.name)
        {
            return Err(
                Invalid::new("a number or a name comes twice; both are unique").at(&at("")),
            );
        }
        let protocol = match port.protocol.as_deref() {
            None | Some("") => Protocol::Auto,
            Some(word) => by_word(&word.to_ascii_lowercase()).ok_or_else(|| {
                let text = format!("`{word}` is no protocol; write HTTP, HTTPS, HTTP2, GRPC, GRPC-WEB, MONGO, TCP or TLS");
                Invalid::new(text).at(&at(".protocol"))
            })?,
        };
        ports.push(ServicePort {
            name: port.name.as_str().into(),
            number: port.number.0,
            target: TargetPort::Number(port.target_port.map_or(port.number.0, |target| target.0)),
            protocol,
        });
    }
    Ok(ports)
}

fn addresses(spec: &Spec) -> Result<Vec<IpNet>, Invalid> {
    let parse = |(index, text): (usize, &String)| {
        let network = text.parse::<IpNet>().ok().map(|network| network.trunc());
        let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
        network.or_else(address).ok_or_else(|| {
            Invalid::new(format_args!(
                "`{text}` is no address; write 10.0.0.1 or 10.0.0.0/24"
            ))
            .at(&format!("spec.addresses[{index}]"))
        })
    };
    spec.addresses.iter().enumerate().map(parse).collect()
}

/// Istio allocates for hosts that a DNS proxy can answer for: not for wildcards, nor where the client's own address
/// is used.
fn allocate(host: &str, resolution: Resolution, addresses: &[IpNet], cx: &Cx<'_>) -> Allocate {
    let refused = cx.labels.get(AUTO_ALLOCATE) == Some("false");
    match addresses.is_empty()
        && !host.starts_with('*')
        && resolution != Resolution::None
        && !refused
    {
        true => Allocate::ServiceEntry,
        false => Allocate::No,
    }
}

fn endpoints(
    spec: &Spec,
    ports: &[ServicePort],
    resolution: Resolution,
    cx: &Cx<'_>,
) -> Result<Vec<Endpoint>, Invalid> {
    let mut endpoints = Vec::new();
    for (index, entry) in spec.endpoints.iter().enumerate() {
        let at = |field: &str| format!("spec.endpoints[{index}]{field}");
        let address = entry
            .address()
            .map_err(|invalid| invalid.at(&at(".address")))?;
        if matches!(address, EndpointAddress::Dns(_)) && resolution == Resolution::Static {
            let text = format!(
                "`{}` is a name, but resolution is STATIC; write DNS, or an address",
                entry.address
            );
            return Err(Invalid::new(text).at(&at(".address")));
        }
        for name in entry
            .ports
            .keys()
            .filter(|name| ports.iter().all(|port| *port.name != ***name))
        {
            let text =
                format!("there is no port called `{name}` in spec.ports; its number has no effect");
            cx.warn(&at(".ports"), text);
        }
        endpoints.push(endpoint(entry, address, ports, cx));
    }
    if endpoints.is_empty() && resolution == Resolution::Static && spec.workload_selector.is_none()
    {
        endpoints = addresses(spec)?
            .into_iter()
            .map(|network| {
                let address = EndpointAddress::Ip(network.addr());
                endpoint(&Entry::default(), address, ports, cx)
            })
            .collect();
    }
    Ok(endpoints)
}

fn endpoint(
    entry: &Entry,
    address: EndpointAddress,
    ports: &[ServicePort],
    cx: &Cx<'_>,
) -> Endpoint {
    let labels = entry.labels();
    let number = |port: &ServicePort| match (entry.ports.get(&*port.name), &port.target) {
        (Some(number), _) => number.0,
        (None, TargetPort::Number(number)) => *number,
        (None, TargetPort::Name(_)) => port.number,
    };
    Endpoint {
        address,
        ports: ports
            .iter()
            .map(|port| EndpointPort {
                service_port: port.number,
                number: number(port),
            })
            .collect(),
        mtls: has_mesh_tls(&labels),
        labels,
        locality: entry.locality(),
        network: entry.network.as_str().into(),
        weight: entry.weight(),
        service_account: entry.service_account.as_str().into(),
        namespace: cx.origin.namespace.clone(),
        workload: cx.origin.name.clone(),
        health: Health::Ready,
        node: Name::default(),
        origin: cx.origin.clone(),
    }
}

fn pairs(labels: &BTreeMap<String, String>) -> Labels {
    labels
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect()
}
