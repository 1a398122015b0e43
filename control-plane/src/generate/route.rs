//! Routes: which cluster a request goes to, by authority and rule.
//!
//! One table for each port on which HTTP is declared (`80`), and one for each port of each service whose protocol is
//! inspected (`host:80`), and one for each forward proxy that a `Sidecar` declares (`127.0.0.1_8080`, as its listener).

mod action;
mod domains;
mod egress;
mod matching;
mod per_filter;
mod retry;
mod rule;
mod virtual_host;

use super::{Resource, wire};
use crate::model::service::{Protocol, ServicePort};
use crate::model::sidecar::Egress;
use crate::scope::{OutboundPolicy, Scope, ScopedService};
use domains::Domains;
use std::collections::BTreeSet;
use xds_proto::name::{
    ALLOW_ANY_VIRTUAL_HOST, BLOCK_ALL_VIRTUAL_HOST, PASSTHROUGH_CLUSTER, RouteName,
};
use xds_proto::pb::envoy::config::route::v3::route::Action;
use xds_proto::pb::envoy::config::route::v3::{Route, RouteConfiguration, VirtualHost};

/// The port on which rules for unknown hosts are served.
const DEFAULT_HTTP_PORT: u16 = 80;

/// The tables that services share.
pub(crate) fn shared(scope: &Scope) -> Vec<Resource> {
    table_ports(scope)
        .into_iter()
        .map(|port| shared_table(scope, port))
        .chain(egress::proxy_tables(scope))
        .map(|table| Resource::of(&table))
        .collect()
}

/// The tables of a service alone.
pub(crate) fn of_service(scope: &Scope, service: &ScopedService) -> Vec<Resource> {
    inspected(service)
        .filter(|_| service.listed)
        .map(|port| Resource::of(&own_table(scope, service, port)))
        .collect()
}

/// The route table with this name.
pub(crate) fn one(scope: &Scope, name: &str) -> Option<Resource> {
    let table = match name.parse() {
        Err(_) => egress::proxy_table_called(scope, name)?,
        Ok(RouteName::Port(port)) => table_ports(scope)
            .contains(&port)
            .then(|| shared_table(scope, port))?,
        Ok(RouteName::HostPort { host, port }) => {
            let service = &scope.service(&host).filter(|service| service.listed)?;
            let port = inspected(service).find(|known| known.number == port)?;
            own_table(scope, service, port)
        }
        Ok(RouteName::Inbound(_)) => return None,
    };
    Some(Resource::of(&table))
}

/// The ports on which some visible service declares HTTP.
pub(crate) fn http_ports(scope: &Scope) -> BTreeSet<u16> {
    let declared = scope
        .services()
        .flat_map(ScopedService::ports)
        .filter(|port| port.protocol.is_http());
    let mut ports: BTreeSet<u16> = declared.map(|port| port.number).collect();
    if !scope.rules_without_service().is_empty() {
        ports.insert(DEFAULT_HTTP_PORT);
    }
    ports
}

/// The ports with a table: those and the ones of egress listeners.
fn table_ports(scope: &Scope) -> BTreeSet<u16> {
    let mut ports = http_ports(scope);
    ports.extend(egress::listeners(scope).map(|(port, _)| port));
    ports
}

/// The ports of a service whose protocol is undeclared.
pub(crate) fn inspected(service: &ScopedService) -> impl Iterator<Item = &ServicePort> {
    service
        .ports()
        .filter(|port| port.protocol == Protocol::Auto)
}

/// The default route of an inbound port, which is delivered inside its listener.
pub(crate) use action::cluster_of;
pub(crate) use virtual_host::inbound as inbound_table;

fn shared_table(scope: &Scope, port: u16) -> RouteConfiguration {
    let mut taken = Domains::default();
    let declared = |service: &&ScopedService| {
        service
            .service
            .port(port)
            .is_some_and(|port| port.protocol.is_http())
    };
    let mut hosts: Vec<VirtualHost> = scope
        .services()
        .filter(declared)
        .filter_map(|service| {
            let domains = taken.claim(domains::of_service(&scope.class, service, port));
            (!domains.is_empty()).then(|| virtual_host::of_service(scope, service, port, domains))
        })
        .collect();
    for (_, egress) in egress::listeners(scope).filter(|(number, _)| *number == port) {
        for (service, behind) in egress::with_another_port(scope, port, egress) {
            let domains = taken.claim(domains::of_service(&scope.class, service, port));
            if !domains.is_empty() {
                hosts.push(virtual_host::of_service(scope, service, behind, domains));
            }
        }
    }
    if port == DEFAULT_HTTP_PORT {
        hosts.extend(by_rules(scope, &mut taken, None));
    }
    hosts.push(catch_all(scope));
    table(port.to_string(), hosts)
}

/// The hosts of rules that no service has, of those rules that hold for an egress listener, or of all.
fn by_rules(scope: &Scope, taken: &mut Domains, egress: Option<&Egress>) -> Vec<VirtualHost> {
    let port = DEFAULT_HTTP_PORT;
    let all = scope.rules_without_service().into_iter();
    let mut hosts = Vec::new();
    for (rules, unknown) in
        all.filter(|(rules, _)| egress.is_none_or(|egress| scope.lists_rules(egress, rules)))
    {
        for host in &unknown {
            let domains = taken.claim(domains::of_host(
                &scope.class,
                host,
                &rules.origin.namespace,
                port,
            ));
            if !domains.is_empty() {
                hosts.push(virtual_host::of_rules(scope, &rules, host, port, domains));
            }
        }
    }
    hosts
}

fn own_table(scope: &Scope, service: &ScopedService, port: &ServicePort) -> RouteConfiguration {
    let name = RouteName::HostPort {
        host: service.service.host.to_string(),
        port: port.number,
    };
    // Who was dialled is known from the address, so every authority is right.
    let domains = vec!["*".to_owned()];
    table(
        name.to_string(),
        vec![virtual_host::of_service(
            scope,
            service,
            port.number,
            domains,
        )],
    )
}

fn table(name: String, virtual_hosts: Vec<VirtualHost>) -> RouteConfiguration {
    RouteConfiguration {
        name,
        virtual_hosts,
        // Clusters may come later than the routes that name them.
        validate_clusters: Some(wire::truth(false)),
        ..RouteConfiguration::default()
    }
}

/// What happens to requests for hosts that nobody declared.
fn catch_all(scope: &Scope) -> VirtualHost {
    let (name, action) = match scope.outbound_policy() {
        OutboundPolicy::AllowAny => (
            ALLOW_ANY_VIRTUAL_HOST,
            Action::Route(action::plain(PASSTHROUGH_CLUSTER.to_owned())),
        ),
        OutboundPolicy::RegistryOnly => (
            BLOCK_ALL_VIRTUAL_HOST,
            Action::DirectResponse(action::refusal(502)),
        ),
    };
    VirtualHost {
        name: name.to_owned(),
        domains: vec!["*".to_owned()],
        routes: vec![Route {
            name: name.to_owned(),
            r#match: Some(matching::everything()),
            action: Some(action),
            ..Route::default()
        }],
        include_request_attempt_count: true,
        ..VirtualHost::default()
    }
}
