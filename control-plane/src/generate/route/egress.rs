//! Tables of the egress listeners of a `Sidecar`.

use super::domains::{self, Domains};
use super::{DEFAULT_HTTP_PORT, by_rules, catch_all, table, virtual_host};
use crate::model::service::{Protocol, ServicePort};
use crate::model::sidecar::{Egress, EgressProtocol};
use crate::scope::{Scope, ScopedService};
use xds_proto::pb::envoy::config::route::v3::{RouteConfiguration, VirtualHost};

/// The egress listeners that serve requests by the table of a port, by port.
pub(super) fn listeners(scope: &Scope) -> impl Iterator<Item = (u16, &Egress)> {
    let all = scope.sidecar.iter().flat_map(|sidecar| &sidecar.egress);
    all.filter_map(|egress| {
        let port = egress.port?;
        match port.protocol {
            EgressProtocol::Http => Some((port.number, egress)),
            EgressProtocol::HttpProxy | EgressProtocol::Tcp => None,
        }
    })
}

/// The tables of forward proxies: each has one of its own, by the name of its listener.
pub(super) fn proxy_tables(scope: &Scope) -> impl Iterator<Item = RouteConfiguration> {
    crate::generate::listener::proxies(scope)
        .into_iter()
        .map(|(name, egress)| proxy_table(scope, name, egress))
}

/// The table of the forward proxy with this name.
pub(super) fn proxy_table_called(scope: &Scope, name: &str) -> Option<RouteConfiguration> {
    let mut proxies = crate::generate::listener::proxies(scope);
    let egress = proxies.remove(name)?;
    Some(proxy_table(scope, name.to_owned(), egress))
}

/// The table of a forward proxy: the authority names service and port. Without a port it is that of the scheme.
fn proxy_table(scope: &Scope, name: String, egress: &Egress) -> RouteConfiguration {
    let mut taken = Domains::default();
    let mut hosts: Vec<VirtualHost> = Vec::new();
    for service in imported(scope, egress) {
        let ports = service
            .ports()
            .filter(|port| port.protocol.is_http() || port.protocol == Protocol::Auto);
        for port in ports {
            let domains = domains::of_service(&scope.class, service, port.number)
                .into_iter()
                .filter(|domain| names_port(domain, port));
            let domains = taken.claim(domains.collect());
            if !domains.is_empty() {
                let host = virtual_host::of_service(scope, service, port.number, domains);
                hosts.push(host);
            }
        }
    }
    hosts.extend(by_rules(scope, &mut taken, Some(egress)));
    hosts.push(catch_all(scope));
    table(name, hosts)
}

fn names_port(domain: &str, port: &ServicePort) -> bool {
    port.number == DEFAULT_HTTP_PORT || domain.ends_with(&format!(":{}", port.number))
}

/// Services without a port of that number that an egress listener serves there all the same: their only port is meant.
pub(super) fn with_another_port<'a>(
    scope: &'a Scope,
    number: u16,
    egress: &'a Egress,
) -> impl Iterator<Item = (&'a ScopedService, u16)> {
    imported(scope, egress).filter_map(move |service| {
        let port = crate::generate::listener::meant(service, number)?;
        (port.protocol.is_http() && port.number != number).then_some((service, port.number))
    })
}

fn imported<'a>(scope: &'a Scope, egress: &'a Egress) -> impl Iterator<Item = &'a ScopedService> {
    scope
        .services()
        .filter(|service| scope.lists(egress, &service.service))
}
