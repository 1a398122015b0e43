//! From a scope to the resources that its proxies get: pure, so that equal inputs give byte-equal outputs.
//!
//! Owns the translation into Envoy's messages. Knows nothing of the store, of streams, of time or of single proxies.
//!
//! # Vocabulary
//! What is generated keeps to a small set of Envoy's features, so that any proxy that knows these can be driven:
//!
//! | resource | what is used |
//! | --- | --- |
//! | listener | `virtualOutbound` (`use_original_dst`), `virtualInbound`, `ADDRESS_PORT` (bound only by `Sidecar`, or where nothing is captured); listener filters `original_dst`, `tls_inspector`, `http_inspector`; chains matched by destination port, prefix, server name, transport protocol and application protocols; a default chain |
//! | network filters | `http_connection_manager`, `tcp_proxy` (one or weighted clusters), `rbac` that denies everything |
//! | HTTP filters | `rbac` that denies everything, `fault`, `cors`, `grpc_web`, `router`; all but the first and last are marked optional |
//! | route | by name over ADS (`PORT`, `HOST:PORT`, `IP_PORT`) or inline (`inbound\|PORT\|\|`); prefix, path and regular expression matches, headers, query; forward (one or weighted clusters), redirect, direct response; retries, timeout, rewrite, header changes, mirrors, hash policy; per-filter settings of `fault` and `cors` |
//! | cluster | EDS over ADS, STRICT_DNS, LOGICAL_DNS, STATIC, ORIGINAL_DST; circuit breakers, outlier detection, `HttpProtocolOptions`, `transport_socket_matches` by `tlsMode`; bind to 127.0.0.6 or ::6 for inbound |
//! | TLS | secrets `default` and `ROOTCA` from `sds-grpc`, SAN matchers by URI, or files |
//! | metadata | `istio.config` (path of the object), `tulle.object`, `tulle.rule`, `tulle.name` on routes and clusters; `istio.workload` and `envoy.transport_socket_match` on endpoints |
//!
//! A cluster of undeclared protocol offers the ALPN word `istio` only, because it carries bytes as well as HTTP. A proxy
//! that knows that it carries HTTP may offer `istio-http/1.1` or `istio-h2` before it, so that the server sees HTTP.

mod access_log;
mod authz;
mod cluster;
mod endpoint;
mod http_filters;
mod listener;
mod locality;
mod memo;
mod resource;
mod route;
mod tls;
mod wire;

pub use memo::Memo;
pub use resource::{Resource, ResourceSet};

use std::sync::Arc;

use crate::scope::{Scope, ScopedService};
use xds_proto::resource::ResourceKind;

/// All resources of one kind that the scope's proxies get.
///
/// Secrets are not among them: they come from the proxy's own source, and are only named here.
#[must_use]
pub fn generate(scope: &Scope, kind: ResourceKind) -> ResourceSet {
    again(scope, kind, &mut Memo::default())
}

/// The same as [`generate`], byte for byte, for a class of which `memo` keeps what was generated before.
#[must_use]
pub fn again(scope: &Scope, kind: ResourceKind, memo: &mut Memo) -> ResourceSet {
    let new = |resources: Vec<Resource>| resources.into_iter().map(Arc::new).collect();
    match kind {
        ResourceKind::Cluster => {
            let outbound =
                memo.each_service(scope, kind, |_| false, |s| cluster::of_service(scope, s));
            let fixed = cluster::fixed(scope).into_iter().map(Arc::new);
            fixed.chain(outbound).collect()
        }
        ResourceKind::Route => {
            let own = memo.each_service(scope, kind, names_others, |s| route::of_service(scope, s));
            let shared = route::shared(scope).into_iter().map(Arc::new);
            shared.chain(own).collect()
        }
        ResourceKind::Endpoint => new(endpoint::generate(scope)),
        ResourceKind::Listener => new(listener::generate(scope)),
        ResourceKind::VirtualHost
        | ResourceKind::Secret
        | ResourceKind::ExtensionConfig
        | ResourceKind::NameTable => ResourceSet::default(),
    }
}

/// Rules may send to any service.
fn names_others(service: &ScopedService) -> bool {
    service.rules.is_some()
}

/// The one resource with this name, byte-equal to the one that [`generate`] delivers; `None` where the scope has none.
#[must_use]
pub fn one(scope: &Scope, kind: ResourceKind, name: &str) -> Option<Resource> {
    match kind {
        ResourceKind::Cluster => cluster::one(scope, name),
        ResourceKind::Endpoint => endpoint::one(scope, name),
        ResourceKind::Listener => listener::generate(scope)
            .into_iter()
            .find(|listener| *listener.name == *name),
        ResourceKind::Route => route::one(scope, name),
        ResourceKind::VirtualHost
        | ResourceKind::Secret
        | ResourceKind::ExtensionConfig
        | ResourceKind::NameTable => None,
    }
}

#[cfg(test)]
mod tests;
