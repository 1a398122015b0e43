//! Closing what is guarded by a policy that is not honoured yet: everything is denied, nothing is let through.

use super::wire;
use crate::scope::Scope;
use xds_proto::pb::envoy::config::listener::v3::{Filter, filter::ConfigType as NetworkConfig};
use xds_proto::pb::envoy::config::rbac::v3::{Rbac as Rules, rbac::Action};
use xds_proto::pb::envoy::extensions::filters::http::rbac::v3::Rbac as HttpRbac;
use xds_proto::pb::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpFilter, http_filter::ConfigType as HttpConfig,
};
use xds_proto::pb::envoy::extensions::filters::network::rbac::v3::Rbac as NetworkRbac;
use xds_proto::well_known::filter;

/// The filter that refuses every request with 403, where the scope is closed.
pub(crate) fn http_filter(scope: &Scope) -> Option<HttpFilter> {
    is_closed(scope).then(|| HttpFilter {
        name: filter::HTTP_RBAC.name.to_owned(),
        config_type: Some(HttpConfig::TypedConfig(wire::any(&HttpRbac {
            rules: Some(deny_everything()),
            ..HttpRbac::default()
        }))),
        ..HttpFilter::default()
    })
}

/// The filter that closes every connection, where the scope is closed.
pub(crate) fn network_filter(scope: &Scope) -> Option<Filter> {
    is_closed(scope).then(|| Filter {
        name: filter::NETWORK_RBAC.name.to_owned(),
        config_type: Some(NetworkConfig::TypedConfig(wire::any(&NetworkRbac {
            rules: Some(deny_everything()),
            stat_prefix: "tcp.".to_owned(),
            ..NetworkRbac::default()
        }))),
    })
}

fn is_closed(scope: &Scope) -> bool {
    scope.closed
}

/// Allowed is what a policy matches, and there is none.
fn deny_everything() -> Rules {
    Rules {
        action: Action::Allow.into(),
        ..Rules::default()
    }
}
