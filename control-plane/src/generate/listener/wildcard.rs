//! Listeners of one port on any address: HTTP, which is told apart by authority, and what has no address of its own.

use super::chain::Matching;
use super::outbound::{bytes_to_service, tls_rules, unknown_chain};
use super::{everywhere, http, inspect};
use crate::generate::{route, wire};
use crate::model::service::{Allocate, ServicePort};
use crate::scope::{Families, Scope, ScopedService};
use ipnet::IpNet;
use std::collections::{BTreeSet, HashSet};
use xds_proto::name::ListenerName;
use xds_proto::pb::envoy::config::core::v3::TrafficDirection;
use xds_proto::pb::envoy::config::listener::v3::{FilterChain, Listener};

/// One listener for each port that needs one.
pub(super) fn listeners(scope: &Scope) -> Vec<Listener> {
    let http = route::http_ports(scope);
    let mut ports: BTreeSet<u16> = http.clone();
    for service in scope.services().filter(|service| is_anywhere(service)) {
        ports.extend(service.ports().map(|port| port.number));
    }
    let own = [scope.mesh.outbound_port, scope.mesh.inbound_port];
    ports
        .into_iter()
        .filter(|port| !own.contains(port))
        .map(|port| of_port(scope, port, http.contains(&port)))
        .collect()
}

/// Clients may dial any address to reach the service: it declares none, or networks.
fn is_anywhere(service: &ScopedService) -> bool {
    let service = &service.service;
    let given = service.allocate == Allocate::ServiceEntry || service.addresses.is_empty();
    !service.headless && (given || !networks(service).is_empty())
}

/// The networks that a service declares.
fn networks(service: &crate::model::service::Service) -> Vec<IpNet> {
    service
        .addresses
        .iter()
        .filter(|net| net.prefix_len() < net.max_prefix_len())
        .copied()
        .collect()
}

fn of_port(scope: &Scope, port: u16, serves_http: bool) -> Listener {
    let any = wire::unspecified(scope.class.families == Families::V6);
    let name = ListenerName::address(any, port).to_string();
    let mut listener = everywhere(scope, name.clone(), port, TrafficDirection::Outbound);
    listener.bind_to_port = Some(wire::truth(false));
    inspect::first_bytes(&mut listener, scope);
    if serves_http {
        let plain = Some(Matching::plain_http());
        let requests = http::chain(scope, &name, port.to_string(), plain);
        listener.filter_chains.push(requests.into());
    }
    let mut taken = Taken::default();
    let mut default = None;
    for service in scope.services().filter(|service| is_anywhere(service)) {
        let Some(declared) = service.ports().find(|declared| declared.number == port) else {
            continue;
        };
        if declared.protocol.is_tls() {
            listener
                .filter_chains
                .extend(by_server_name(scope, service, declared, &mut taken));
        } else if !declared.protocol.is_http() {
            let networks = taken.networks(networks(&service.service));
            if networks.is_empty() {
                // Nothing tells such services apart: the first by host gets what nobody else claims.
                default.get_or_insert_with(|| bytes_to_service(scope, service, declared));
            } else {
                listener.filter_chains.push(FilterChain {
                    filter_chain_match: Some(Matching::default().into(&networks).conditions()),
                    ..bytes_to_service(scope, service, declared)
                });
            }
        }
    }
    listener.default_filter_chain =
        Some(default.unwrap_or_else(|| unknown_chain(scope, "PassthroughFilterChain")));
    listener
}

/// What chains of one listener match already: two that match the same are refused by proxies.
#[derive(Default)]
struct Taken {
    names: HashSet<String>,
    networks: HashSet<IpNet>,
}

impl Taken {
    fn networks(&mut self, wanted: Vec<IpNet>) -> Vec<IpNet> {
        wanted
            .into_iter()
            .filter(|network| self.networks.insert(*network))
            .collect()
    }
}

/// The chains of a TLS service, told apart by server name.
fn by_server_name(
    scope: &Scope,
    service: &ScopedService,
    port: &ServicePort,
    taken: &mut Taken,
) -> Vec<FilterChain> {
    let chains = tls_rules(scope, service, port).unwrap_or_else(|| {
        let names = [service.service.host.to_string()];
        vec![FilterChain {
            filter_chain_match: Some(Matching::tls().asking_for(&names).conditions()),
            ..bytes_to_service(scope, service, port)
        }]
    });
    chains
        .into_iter()
        .filter_map(|chain| taken.names_of(chain))
        .collect()
}

impl Taken {
    /// The chain without the server names that another one has; `None` where none is left.
    fn names_of(&mut self, mut chain: FilterChain) -> Option<FilterChain> {
        let found = chain.filter_chain_match.as_mut()?;
        let subnets = !found.prefix_ranges.is_empty();
        found
            .server_names
            .retain(|name| subnets || self.names.insert(name.clone()));
        (!found.server_names.is_empty()).then_some(chain)
    }
}
