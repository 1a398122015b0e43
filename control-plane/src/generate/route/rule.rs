//! The routes of a `VirtualService`.

use super::{action, matching, per_filter};
use crate::generate::wire::{self, Rule};
use crate::model::http_action::{HeaderChanges, HttpAction};
use crate::model::http_match::HttpMatch;
use crate::model::route::{HttpRoute, VirtualService};
use crate::scope::Scope;
use xds_proto::pb::envoy::config::route::v3::route::Action;
use xds_proto::pb::envoy::config::route::v3::route_action::HostRewriteSpecifier;
use xds_proto::pb::envoy::config::route::v3::{Decorator, Route};

/// The routes that rules make for a client of this scope that dials `host:port`; first match wins.
pub(super) fn routes(scope: &Scope, rules: &VirtualService, host: &str, port: u16) -> Vec<Route> {
    let mut routes = Vec::new();
    for rule in &rules.http {
        let conditions = rule
            .matches
            .iter()
            .filter(|condition| concerns(scope, condition, port));
        let mut conditions: Vec<Option<&HttpMatch>> = conditions.map(Some).collect();
        if rule.matches.is_empty() {
            conditions.push(None);
        }
        for condition in conditions {
            routes.extend(route(scope, rules, rule, condition, Place { host, port }));
            if condition.is_none_or(matching::is_everything) {
                return routes;
            }
        }
    }
    routes
}

/// Which table a route is for.
#[derive(Clone, Copy)]
struct Place<'a> {
    host: &'a str,
    port: u16,
}

/// Whether a client of this scope uses the condition on this port.
fn concerns(scope: &Scope, condition: &HttpMatch, port: u16) -> bool {
    condition.port.is_none_or(|wanted| wanted == port)
        && condition
            .source
            .admits_sidecar(&scope.class.labels, &scope.class.namespace)
}

fn route(
    scope: &Scope,
    rules: &VirtualService,
    rule: &HttpRoute,
    condition: Option<&HttpMatch>,
    place: Place<'_>,
) -> Option<Route> {
    let action = match &rule.action {
        HttpAction::Forward(destinations) => Action::Route(action::forward(
            scope,
            rule,
            condition,
            destinations,
            place.port,
        )),
        HttpAction::Redirect(redirect) => Action::Redirect(action::redirect(redirect, place.port)),
        HttpAction::DirectResponse(response) => {
            Action::DirectResponse(action::direct_response(response))
        }
        // The scope has put the delegate's rules in its place; one that is missing has none.
        HttpAction::Delegate { .. } => return None,
    };
    let origin = Rule {
        list: "http",
        index: rule.index,
        name: &rule.name,
    };
    let mut route = Route {
        name: name(rule, condition),
        r#match: Some(condition.map_or_else(matching::everything, matching::lower)),
        metadata: Some(wire::because(&rules.origin, Some(origin))),
        decorator: Some(Decorator {
            operation: format!("{}:{}/*", place.host, place.port),
            ..Decorator::default()
        }),
        action: Some(action),
        typed_per_filter_config: per_filter::settings(rule),
        stat_prefix: condition
            .and_then(|condition| condition.stat_prefix.as_deref())
            .unwrap_or_default()
            .to_owned(),
        ..Route::default()
    };
    set_headers(&mut route, rule);
    Some(route)
}

/// The names of the rule and of the condition, as access logs show them.
fn name(rule: &HttpRoute, condition: Option<&HttpMatch>) -> String {
    match condition
        .map(|condition| &*condition.name)
        .filter(|name| !name.is_empty())
    {
        Some(condition) if rule.name.is_empty() => condition.to_owned(),
        Some(condition) => format!("{}.{condition}", rule.name),
        None => rule.name.to_string(),
    }
}

/// Sets the header changes of the rule and, where it has one destination, of that destination.
fn set_headers(route: &mut Route, rule: &HttpRoute) {
    let mut apply = |request: &HeaderChanges, response: &HeaderChanges| {
        let removed = |changes: &HeaderChanges| {
            changes
                .remove
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        route
            .request_headers_to_add
            .extend(action::changes(request));
        route.request_headers_to_remove.extend(removed(request));
        route
            .response_headers_to_add
            .extend(action::changes(response));
        route.response_headers_to_remove.extend(removed(response));
        if let (Some(Action::Route(forward)), Some(authority)) =
            (&mut route.action, action::authority(request))
        {
            forward.host_rewrite_specifier =
                Some(HostRewriteSpecifier::HostRewriteLiteral(authority));
        }
    };
    apply(&rule.headers.request, &rule.headers.response);
    if let HttpAction::Forward(destinations) = &rule.action {
        let mut used = destinations
            .iter()
            .filter(|destination| destination.weight > 0);
        if let (Some(only), None) = (used.next(), used.next()) {
            apply(&only.headers.request, &only.headers.response);
        }
    }
}
