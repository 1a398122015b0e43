//! Outbound listeners with sockets of their own: those of a `Sidecar`, and all where nothing is captured.
//!
//! Without an address the loopback one is bound, without a port one socket for each port that the services declare. See
//! Istio, `Sidecar`, "egress", and ProxyConfig `interceptionMode: NONE`.

use super::chain::{Chain, Matching};
use super::outbound::{of_address, unknown_chain};
use super::{http, inspect, on};
use crate::generate::wire;
use crate::model::service::{Protocol, ServicePort};
use crate::model::sidecar::{Capture, Egress, EgressPort, EgressProtocol, Sidecar};
use crate::scope::{Families, Interception, Scope, ScopedService};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use xds_proto::name::ListenerName;
use xds_proto::pb::envoy::config::listener::v3::{FilterChain, Listener};

/// All of them; of two with one address the first keeps it.
pub(super) fn listeners(scope: &Scope) -> Vec<Listener> {
    let mut all = BTreeMap::new();
    for (egress, ip) in bound(scope) {
        let services: Vec<&ScopedService> = scope
            .services()
            .filter(|service| egress.is_none_or(|egress| scope.lists(egress, &service.service)))
            .collect();
        match egress.and_then(|egress| egress.port) {
            Some(port) => drop(
                all.entry((ip, port.number))
                    .or_insert_with(|| of_port(scope, ip, port, &services)),
            ),
            None => {
                for number in numbers(&services) {
                    all.entry((ip, number))
                        .or_insert_with(|| of_number(scope, ip, number, &services));
                }
            }
        }
    }
    all.into_values().collect()
}

/// The egress listeners that are bound, with their addresses; `None` stands for a workload without `Sidecar`.
fn bound(scope: &Scope) -> Vec<(Option<&Egress>, IpAddr)> {
    let uncaptured = scope.class.interception == Interception::None;
    let loopback: IpAddr = match scope.class.families {
        Families::V4 | Families::Dual => Ipv4Addr::LOCALHOST.into(),
        Families::V6 => Ipv6Addr::LOCALHOST.into(),
    };
    match scope.sidecar.as_deref() {
        Some(sidecar) if !sidecar.egress.is_empty() => sidecar
            .egress
            .iter()
            .filter(|egress| uncaptured || egress.capture == Capture::None)
            .map(|egress| (Some(egress), egress.bind.unwrap_or(loopback)))
            .collect(),
        Some(_) | None => uncaptured.then_some((None, loopback)).into_iter().collect(),
    }
}

/// The forward proxies among them by the name of their listener, which their route table has too; of two listeners with one
/// address the first keeps it.
pub(crate) fn proxies(scope: &Scope) -> BTreeMap<String, &Egress> {
    let mut taken = BTreeSet::new();
    let with_port = bound(scope).into_iter().filter_map(|(egress, ip)| {
        let egress = egress?;
        Some((egress, ip, egress.port?))
    });
    with_port
        .filter(|(_, ip, port)| taken.insert((*ip, port.number)))
        .filter(|(_, _, port)| port.protocol == EgressProtocol::HttpProxy)
        .map(|(egress, ip, port)| (ListenerName::address(ip, port.number).to_string(), egress))
        .collect()
}

fn numbers(services: &[&ScopedService]) -> BTreeSet<u16> {
    let ports = services.iter().flat_map(|service| service.ports());
    ports.map(|port| port.number).collect()
}

/// The port of a service behind a listener's: the one with the same number, else the only one.
pub(crate) fn meant(service: &ScopedService, number: u16) -> Option<&ServicePort> {
    let mut ports = service.ports();
    let same = service.ports().find(|port| port.number == number);
    same.or_else(|| ports.next().filter(|_| ports.next().is_none()))
}

fn of_port(scope: &Scope, ip: IpAddr, port: EgressPort, services: &[&ScopedService]) -> Listener {
    let mut listener = socket(ip, port.number);
    let table = match port.protocol {
        EgressProtocol::HttpProxy => listener.name.clone(),
        EgressProtocol::Http => port.number.to_string(),
        EgressProtocol::Tcp => return bytes(scope, ip, port.number, services),
    };
    listener.default_filter_chain = Some(requests(scope, &listener.name, table, None));
    listener
}

/// A port as services declare it: requests go by authority, everything else to the first service by host.
fn of_number(scope: &Scope, ip: IpAddr, number: u16, services: &[&ScopedService]) -> Listener {
    let declared = |service: &&&ScopedService| service.service.port(number).is_some();
    let (with_http, others): (Vec<&ScopedService>, Vec<&ScopedService>) = services
        .iter()
        .filter(declared)
        .partition(|service| speaks_http(service, number));
    let mut listener = bytes(scope, ip, number, &others);
    if with_http.is_empty() {
        return listener;
    }
    if listener.listener_filters.is_empty() {
        inspect::first_bytes(&mut listener, scope);
    }
    // A table shared by authority is worth more than that of one service of undeclared protocol.
    let plain = Some(Matching::plain_http());
    let conditions = plain.clone().map(Matching::conditions);
    listener
        .filter_chains
        .retain(|chain| chain.filter_chain_match != conditions);
    let requests = requests(scope, &listener.name, number.to_string(), plain);
    listener.filter_chains.push(requests);
    listener
}

fn speaks_http(service: &ScopedService, number: u16) -> bool {
    service
        .service
        .port(number)
        .is_some_and(|port| port.protocol.is_http())
}

/// Bytes to the first service by host, by its rules.
fn bytes(scope: &Scope, ip: IpAddr, number: u16, services: &[&ScopedService]) -> Listener {
    let found = services.iter().find_map(|service| {
        let port = meant(service, number).filter(|port| port.protocol != Protocol::Udp)?;
        Some((service, port))
    });
    let fresh = socket(ip, number);
    match found {
        Some((service, port)) => Listener {
            name: fresh.name,
            address: fresh.address,
            bind_to_port: fresh.bind_to_port,
            ..of_address(scope, service, port, ip)
        },
        None => Listener {
            default_filter_chain: Some(unknown_chain(scope, "PassthroughFilterChain")),
            ..fresh
        },
    }
}

fn socket(ip: IpAddr, number: u16) -> Listener {
    Listener {
        bind_to_port: None,
        ..on(ListenerName::address(ip, number).to_string(), ip, number)
    }
}

/// The chain of a listener that serves requests by this table.
fn requests(
    scope: &Scope,
    listener: &str,
    table: String,
    matching: Option<Matching>,
) -> FilterChain {
    let because = |sidecar: &Sidecar| wire::because(&sidecar.origin, None);
    Chain {
        metadata: scope.sidecar.as_deref().map(because),
        ..http::chain(scope, listener, table, matching)
    }
    .into()
}
