//! Listeners of outbound traffic: the one that captures it and those for single addresses.
//!
//! A connection goes to the listener of the address and port that were dialled, else to the one of the port on any
//! address ([`wildcard`]), else it is treated as unknown. So services that share a port number never meet, unless they
//! have no address of their own.

use super::chain::{Chain, Matching};
use super::{everywhere, http, inspect, on, tcp, wildcard};
use crate::generate::route;
use crate::generate::wire::{self, Rule};
use crate::model::endpoint::EndpointAddress;
use crate::model::route::{ConnectionMatch, WeightedDestination};
use crate::model::service::{Protocol, ServicePort};
use crate::scope::{Interception, OutboundPolicy, Scope, ScopedService};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use xds_proto::name::{
    BLACK_HOLE_CLUSTER, ClusterName, ListenerName, PASSTHROUGH_CLUSTER, RouteName,
};
use xds_proto::pb::envoy::config::core::v3::TrafficDirection;
use xds_proto::pb::envoy::config::listener::v3::{Filter, FilterChain, Listener};

/// All listeners of captured outbound traffic.
pub(super) fn listeners(scope: &Scope) -> Vec<Listener> {
    if scope.class.interception == Interception::None {
        return Vec::new();
    }
    let mut by_address: BTreeMap<(IpAddr, u16), Listener> = BTreeMap::new();
    for service in scope.services() {
        for port in service.ports().filter(|port| !port.protocol.is_http()) {
            for ip in dialled(service, port) {
                // Of two services with one address the first by host keeps it.
                by_address
                    .entry((ip, port.number))
                    .or_insert_with(|| of_address(scope, service, port, ip));
            }
        }
    }
    std::iter::once(capturing(scope))
        .chain(wildcard::listeners(scope))
        .chain(by_address.into_values())
        .collect()
}

/// The filter for traffic to destinations that nobody declared.
pub(super) fn unknown(scope: &Scope) -> Filter {
    tcp::to_cluster(scope, unknown_cluster(scope), None)
}

/// The chain for traffic to destinations that nobody declared.
pub(super) fn unknown_chain(scope: &Scope, name: &str) -> FilterChain {
    Chain {
        name: name.to_owned(),
        matching: None,
        filters: vec![unknown(scope)],
        transport: None,
        metadata: None,
    }
    .into()
}

/// The chain that carries bytes to a service, whatever the connection looks like.
pub(super) fn bytes_to_service(
    scope: &Scope,
    service: &ScopedService,
    port: &ServicePort,
) -> FilterChain {
    let cluster = ClusterName::outbound(port.number, None, &service.service.host).to_string();
    let filter = tcp::to_cluster(scope, &cluster, idle_timeout(service, port));
    Chain {
        name: cluster,
        matching: None,
        filters: vec![filter],
        transport: None,
        metadata: Some(wire::because(&service.service.origin, None)),
    }
    .into()
}

/// The chains of the `tls` rules for a port; `None` where there are none.
pub(super) fn tls_rules(
    scope: &Scope,
    service: &ScopedService,
    port: &ServicePort,
) -> Option<Vec<FilterChain>> {
    let rules = service
        .rules
        .as_deref()
        .filter(|rules| !rules.tls.is_empty())?;
    let mut chains = Vec::new();
    for rule in &rules.tls {
        let matches = rule
            .matches
            .iter()
            .filter(|condition| concerns(scope, &condition.connection, port.number));
        for condition in matches {
            let names: Vec<_> = condition
                .sni_hosts
                .iter()
                .map(|name| server_name(name))
                .collect();
            let matching = Matching::tls()
                .asking_for(&names)
                .into(&condition.connection.destination_subnets);
            let origin = Rule {
                list: "tls",
                index: rule.index,
                name: "",
            };
            chains.push(FilterChain::from(Chain {
                name: names.join(","),
                matching: Some(matching),
                filters: vec![weighted(scope, service, port, &rule.destinations)],
                transport: None,
                metadata: Some(wire::because(&rules.origin, Some(origin))),
            }));
        }
    }
    Some(chains)
}

/// A server name as chains match it: `*.a.com` becomes `*.a.com`, a lone `*` matches every name.
fn server_name(name: &str) -> String {
    if name == "*" {
        String::new()
    } else {
        name.to_owned()
    }
}

/// `virtualOutbound`: captures everything and hands it to the listener of its destination.
fn capturing(scope: &Scope) -> Listener {
    let port = scope.mesh.outbound_port;
    let mut listener = everywhere(
        scope,
        ListenerName::VIRTUAL_OUTBOUND.to_owned(),
        port,
        TrafficDirection::Outbound,
    );
    listener.use_original_dst = Some(wire::truth(true));
    if scope.class.interception == Interception::Tproxy {
        listener.transparent = Some(wire::truth(true));
    }
    let guard = Chain {
        name: "virtualOutbound-blackhole".to_owned(),
        matching: Some(Matching::default().on_port(port)),
        filters: vec![tcp::to_cluster(scope, BLACK_HOLE_CLUSTER, None)],
        transport: None,
        metadata: None,
    };
    listener.filter_chains = vec![
        guard.into(),
        unknown_chain(scope, "virtualOutbound-catchall-tcp"),
    ];
    listener
}

fn unknown_cluster(scope: &Scope) -> &'static str {
    match scope.outbound_policy() {
        OutboundPolicy::AllowAny => PASSTHROUGH_CLUSTER,
        OutboundPolicy::RegistryOnly => BLACK_HOLE_CLUSTER,
    }
}

/// The addresses that clients of a port dial: those of the service, or of its endpoints where clients pick.
fn dialled(service: &ScopedService, port: &ServicePort) -> Vec<IpAddr> {
    if service.service.headless {
        let endpoints = service
            .endpoints()
            .iter()
            .filter(|endpoint| endpoint.port(port.number) == Some(port.number));
        return endpoints
            .filter_map(|endpoint| match &endpoint.address {
                EndpointAddress::Ip(ip) => Some(*ip),
                EndpointAddress::Dns(_) | EndpointAddress::Unix(_) => None,
            })
            .collect();
    }
    let single = service
        .service
        .addresses
        .iter()
        .filter(|net| net.prefix_len() == net.max_prefix_len());
    single.map(ipnet::IpNet::addr).collect()
}

/// The listener of one address of a service.
pub(super) fn of_address(
    scope: &Scope,
    service: &ScopedService,
    port: &ServicePort,
    ip: IpAddr,
) -> Listener {
    let mut listener = on(
        ListenerName::address(ip, port.number).to_string(),
        ip,
        port.number,
    );
    let host = &service.service.host;
    if port.protocol == Protocol::Auto {
        inspect::first_bytes(&mut listener, scope);
        let table = RouteName::HostPort {
            host: host.to_string(),
            port: port.number,
        }
        .to_string();
        let filter = http::outbound(
            scope,
            format!("outbound_{ip}_{};", port.number),
            table.clone(),
        );
        listener.filter_chains = vec![
            Chain {
                name: table,
                matching: Some(Matching::plain_http()),
                filters: vec![filter],
                transport: None,
                metadata: Some(wire::because(&service.service.origin, None)),
            }
            .into(),
        ];
    }
    if let Some(chains) = tls_rules(scope, service, port) {
        if port.protocol.is_tls() {
            // TLS clients speak first, so nobody waits in vain.
            listener.listener_filters.push(inspect::tls());
            inspect::do_not_wait(&mut listener, scope);
        }
        if port.protocol.is_tls() || port.protocol == Protocol::Auto {
            listener.filter_chains.extend(chains);
        }
    }
    let (mut by_subnet, rest) = tcp_rules(scope, service, port);
    listener.filter_chains.append(&mut by_subnet);
    listener.default_filter_chain = Some(rest);
    listener
}

/// The chains of the `tcp` rules for a port: those for some subnets, and the one for everything else.
fn tcp_rules(
    scope: &Scope,
    service: &ScopedService,
    port: &ServicePort,
) -> (Vec<FilterChain>, FilterChain) {
    let mut chains: Vec<FilterChain> = Vec::new();
    let Some(rules) = service.rules.as_deref() else {
        return (chains, bytes_to_service(scope, service, port));
    };
    for rule in &rules.tcp {
        let origin = Rule {
            list: "tcp",
            index: rule.index,
            name: "",
        };
        let chain = |matching: Option<Matching>| {
            FilterChain::from(Chain {
                name: format!("{}:{}", service.service.host, port.number),
                matching,
                filters: vec![weighted(scope, service, port, &rule.destinations)],
                transport: None,
                metadata: Some(wire::because(&rules.origin, Some(origin))),
            })
        };
        let matches: Vec<_> = rule
            .matches
            .iter()
            .filter(|condition| concerns(scope, condition, port.number))
            .collect();
        if rule.matches.is_empty()
            || matches
                .iter()
                .any(|condition| condition.destination_subnets.is_empty())
        {
            return (chains, chain(None));
        }
        for condition in matches {
            let matching = Matching::default().into(&condition.destination_subnets);
            chains.push(chain(Some(matching)));
        }
    }
    (chains, bytes_to_service(scope, service, port))
}

fn concerns(scope: &Scope, condition: &ConnectionMatch, port: u16) -> bool {
    condition.port.is_none_or(|wanted| wanted == port)
        && condition
            .source
            .admits_sidecar(&scope.class.labels, &scope.class.namespace)
}

fn weighted(
    scope: &Scope,
    service: &ScopedService,
    port: &ServicePort,
    destinations: &[WeightedDestination],
) -> Filter {
    let used = destinations
        .iter()
        .filter(|destination| destination.weight > 0);
    let clusters: Vec<_> = used
        .map(|used| {
            (
                route::cluster_of(scope, &used.destination, port.number),
                used.weight,
            )
        })
        .collect();
    tcp::to_clusters(scope, &clusters, idle_timeout(service, port))
}

fn idle_timeout(service: &ScopedService, port: &ServicePort) -> Option<Duration> {
    service
        .policy_of(None, port.number)
        .connection_pool
        .and_then(|pool| pool.tcp_idle_timeout)
}
