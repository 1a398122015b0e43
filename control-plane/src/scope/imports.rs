//! Which services the egress listeners of a `Sidecar` mean.

use crate::model::service::Service;
use crate::model::sidecar::{Egress, HostPattern, NamespacePattern};
use crate::store::hosts;

/// Whether a workload of `own_namespace` may call the service by this listener.
pub(super) fn lists(egress: &Egress, service: &Service, own_namespace: &str) -> bool {
    let mut patterns = egress.hosts.iter();
    patterns.any(|pattern| covers(pattern, service, own_namespace))
}

fn covers(pattern: &HostPattern, service: &Service, own_namespace: &str) -> bool {
    let here = match &pattern.namespace {
        NamespacePattern::Any => true,
        NamespacePattern::Own => *service.namespace == *own_namespace,
        NamespacePattern::Nowhere => false,
        NamespacePattern::Named(name) => *name == service.namespace,
    };
    here && hosts::covers(&pattern.host, &service.host)
}
