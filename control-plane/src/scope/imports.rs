//! Which services and rules the egress listeners of a `Sidecar` mean.

use crate::model::Name;
use crate::model::http_action::HttpAction;
use crate::model::route::{VirtualService, WeightedDestination};
use crate::model::service::Service;
use crate::model::sidecar::{Egress, HostPattern, NamespacePattern};
use crate::store::hosts;

/// Whether a workload of `own_namespace` may call the service by this listener.
pub(super) fn lists(egress: &Egress, service: &Service, own_namespace: &str) -> bool {
    let mut patterns = egress.hosts.iter();
    patterns.any(|pattern| {
        is_of(pattern, &service.namespace, own_namespace)
            && hosts::covers(&pattern.host, &service.host)
    })
}

/// Whether a workload of `own_namespace` uses the rules with this listener: by the namespace of the rules and one of their
/// hosts, where a wildcard of either may cover the other. See Istio, `Sidecar`, "hosts".
pub(super) fn lists_rules(egress: &Egress, rules: &VirtualService, own_namespace: &str) -> bool {
    let mut patterns = egress.hosts.iter();
    patterns.any(|pattern| {
        let meets =
            |host: &Name| hosts::covers(&pattern.host, host) || hosts::covers(host, &pattern.host);
        is_of(pattern, &rules.origin.namespace, own_namespace) && rules.hosts.iter().any(meets)
    })
}

fn is_of(pattern: &HostPattern, namespace: &Name, own_namespace: &str) -> bool {
    match &pattern.namespace {
        NamespacePattern::Any => true,
        NamespacePattern::Own => **namespace == *own_namespace,
        NamespacePattern::Nowhere => false,
        NamespacePattern::Named(name) => name == namespace,
    }
}

/// The hosts that rules send to, mirrors among them.
pub(super) fn destinations(rules: &VirtualService) -> Vec<Name> {
    let mut hosts = Vec::new();
    let mut add = |all: &[WeightedDestination]| {
        hosts.extend(all.iter().map(|one| one.destination.host.clone()));
    };
    for rule in &rules.http {
        match &rule.action {
            HttpAction::Forward(all) => add(all),
            HttpAction::Redirect(_)
            | HttpAction::DirectResponse(_)
            | HttpAction::Delegate { .. } => {}
        }
    }
    rules.tls.iter().for_each(|rule| add(&rule.destinations));
    rules.tcp.iter().for_each(|rule| add(&rule.destinations));
    let mirrors = rules.http.iter().flat_map(|rule| &rule.mirrors);
    hosts.extend(mirrors.map(|mirror| mirror.destination.host.clone()));
    hosts
}
