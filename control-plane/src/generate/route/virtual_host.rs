//! Virtual hosts: the routes of one service.

use super::{action, matching, rule};
use crate::generate::wire;
use crate::model::route::VirtualService;
use crate::scope::{InboundPort, Scope, ScopedService};
use std::sync::Arc;
use xds_proto::name::ClusterName;
use xds_proto::pb::envoy::config::route::v3::route::Action;
use xds_proto::pb::envoy::config::route::v3::{Decorator, Route, RouteConfiguration, VirtualHost};

/// The name of a route that no rule made.
const DEFAULT_ROUTE: &str = "default";

/// The routes of a service port: those of its rules, else one to its cluster.
pub(super) fn of_service(
    scope: &Scope,
    service: &ScopedService,
    port: u16,
    domains: Vec<String>,
) -> VirtualHost {
    let host = &service.service.host;
    let routes = match &service.rules {
        Some(rules) if !rules.http.is_empty() => rule::routes(scope, rules, host, port),
        Some(_) | None => vec![to_service(scope, service, port)],
    };
    virtual_host(format!("{host}:{port}"), domains, routes)
}

/// The routes of rules for a host that is no service.
pub(super) fn of_rules(
    scope: &Scope,
    rules: &Arc<VirtualService>,
    host: &str,
    port: u16,
    domains: Vec<String>,
) -> VirtualHost {
    virtual_host(
        format!("{host}:{port}"),
        domains,
        rule::routes(scope, rules, host, port),
    )
}

/// The table of an inbound port (`cluster` is the one that delivers there).
pub(crate) fn inbound(
    name: String,
    cluster: String,
    port: Option<&InboundPort>,
) -> RouteConfiguration {
    let operation = port.map(|port| format!("{}:{}/*", port.host, port.service_port));
    let route = Route {
        name: DEFAULT_ROUTE.to_owned(),
        r#match: Some(matching::everything()),
        metadata: port.map(|port| wire::because(&port.origin, None)),
        decorator: operation.map(|operation| Decorator {
            operation,
            ..Decorator::default()
        }),
        action: Some(Action::Route(action::inbound(cluster))),
        ..Route::default()
    };
    let host = match port {
        Some(port) => format!("inbound|http|{}", port.service_port),
        None => "inbound|http|0".to_owned(),
    };
    RouteConfiguration {
        name,
        virtual_hosts: vec![VirtualHost {
            name: host,
            domains: vec!["*".to_owned()],
            routes: vec![route],
            ..VirtualHost::default()
        }],
        validate_clusters: Some(wire::truth(false)),
        ..RouteConfiguration::default()
    }
}

fn virtual_host(name: String, domains: Vec<String>, routes: Vec<Route>) -> VirtualHost {
    VirtualHost {
        name,
        domains,
        routes,
        include_request_attempt_count: true,
        ..VirtualHost::default()
    }
}

fn to_service(scope: &Scope, service: &ScopedService, port: u16) -> Route {
    let cluster = ClusterName::outbound(port, None, &service.service.host);
    Route {
        name: DEFAULT_ROUTE.to_owned(),
        r#match: Some(matching::everything()),
        metadata: Some(wire::because(&service.service.origin, None)),
        decorator: Some(Decorator {
            operation: format!("{}:{port}/*", service.service.host),
            ..Decorator::default()
        }),
        action: Some(Action::Route(action::default(scope, &cluster))),
        ..Route::default()
    }
}
