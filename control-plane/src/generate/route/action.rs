//! What happens to a request that a route matched.

use super::retry::{self, Affinity};
use crate::generate::{cluster, wire};
use crate::model::http_action::{
    DirectResponse, HeaderChanges, Mirror, PathRewrite, PerMillion, Redirect, RedirectPath,
    RedirectPort, Rewrite,
};
use crate::model::http_match::{HttpMatch, StringMatch};
use crate::model::load_balancing::{Algorithm, HashKey};
use crate::model::route::{Destination, HttpRoute, WeightedDestination};
use crate::scope::Scope;
use std::time::Duration;
use xds_proto::name::ClusterName;
use xds_proto::pb::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use xds_proto::pb::envoy::config::core::v3::{
    DataSource, HeaderValue, HeaderValueOption, RuntimeFractionalPercent, data_source,
};
use xds_proto::pb::envoy::config::route::v3::redirect_action::{
    PathRewriteSpecifier, RedirectResponseCode, SchemeRewriteSpecifier,
};
use xds_proto::pb::envoy::config::route::v3::route_action::hash_policy::{
    ConnectionProperties, Cookie, CookieAttribute, Header, PolicySpecifier, QueryParameter,
};
use xds_proto::pb::envoy::config::route::v3::route_action::{
    ClusterSpecifier, HashPolicy, HostRewriteSpecifier, MaxStreamDuration, RequestMirrorPolicy,
};
use xds_proto::pb::envoy::config::route::v3::weighted_cluster::cluster_weight::HostRewriteSpecifier as ClusterHost;
use xds_proto::pb::envoy::config::route::v3::{
    DirectResponseAction, RedirectAction, RouteAction, WeightedCluster,
    weighted_cluster::ClusterWeight,
};
use xds_proto::pb::envoy::r#type::matcher::v3::RegexMatchAndSubstitute;
use xds_proto::pb::envoy::r#type::v3::{FractionalPercent, fractional_percent::DenominatorType};

/// To one cluster, with no limit and no retries.
pub(super) fn plain(cluster: String) -> RouteAction {
    RouteAction {
        cluster_specifier: Some(ClusterSpecifier::Cluster(cluster)),
        timeout: Some(wire::duration(Duration::ZERO)),
        max_stream_duration: Some(deadline(Duration::ZERO)),
        ..RouteAction::default()
    }
}

/// To the cluster of a service, with the mesh's defaults.
pub(super) fn default(scope: &Scope, cluster: &ClusterName) -> RouteAction {
    let name = cluster.to_string();
    let hash_policy = hash_policy(scope, &name);
    let affinity = if hash_policy.is_empty() {
        Affinity::None
    } else {
        Affinity::Hash
    };
    RouteAction {
        hash_policy,
        retry_policy: retry::policy(None, scope.mesh.default_retries.as_ref(), affinity),
        ..plain(name)
    }
}

/// To the application.
pub(super) fn inbound(cluster: String) -> RouteAction {
    RouteAction {
        retry_policy: Some(retry::inbound()),
        ..plain(cluster)
    }
}

/// An answer without body.
pub(super) fn refusal(status: u32) -> DirectResponseAction {
    DirectResponseAction {
        status,
        ..DirectResponseAction::default()
    }
}

/// To the destinations of a rule. `host` and `port` are those of the table: a destination may leave out its port.
pub(super) fn forward(
    scope: &Scope,
    rule: &HttpRoute,
    condition: Option<&HttpMatch>,
    destinations: &[WeightedDestination],
    port: u16,
) -> RouteAction {
    let timeout = rule.timeout.unwrap_or(Duration::ZERO);
    let used: Vec<_> = destinations
        .iter()
        .filter(|destination| destination.weight > 0)
        .collect();
    let (specifier, first) = match used.as_slice() {
        [only] => {
            let name = cluster_of(scope, &only.destination, port);
            // Header changes of a single destination are set on the route.
            (ClusterSpecifier::Cluster(name.clone()), name)
        }
        several => {
            let clusters: Vec<_> = several
                .iter()
                .map(|destination| weighted(scope, destination, port))
                .collect();
            let first = clusters
                .first()
                .map(|cluster| cluster.name.clone())
                .unwrap_or_default();
            let weighted = WeightedCluster {
                clusters,
                ..WeightedCluster::default()
            };
            (ClusterSpecifier::WeightedClusters(weighted), first)
        }
    };
    let hash_policy = hash_policy(scope, &first);
    let affinity = if hash_policy.is_empty() {
        Affinity::None
    } else {
        Affinity::Hash
    };
    let mut action = RouteAction {
        cluster_specifier: Some(specifier),
        timeout: Some(wire::duration(timeout)),
        max_stream_duration: Some(deadline(timeout)),
        retry_policy: retry::policy(
            rule.retries.as_ref(),
            scope.mesh.default_retries.as_ref(),
            affinity,
        ),
        request_mirror_policies: rule
            .mirrors
            .iter()
            .map(|mirror| mirror_policy(scope, mirror, port))
            .collect(),
        hash_policy,
        ..RouteAction::default()
    };
    if let Some(rewrite) = &rule.rewrite {
        apply_rewrite(&mut action, rewrite, condition);
    }
    action
}

/// A redirect. `condition` tells what a prefix rewrite replaces.
pub(super) fn redirect(redirect: &Redirect, request_port: u16) -> RedirectAction {
    let code = match redirect.code {
        302 => RedirectResponseCode::Found,
        303 => RedirectResponseCode::SeeOther,
        307 => RedirectResponseCode::TemporaryRedirect,
        308 => RedirectResponseCode::PermanentRedirect,
        _ => RedirectResponseCode::MovedPermanently,
    };
    let port = match redirect.port {
        RedirectPort::Unset => 0,
        RedirectPort::Number(number) => number,
        RedirectPort::Request => request_port,
        RedirectPort::ProtocolDefault => match redirect.scheme.as_deref() {
            Some("https") => 443,
            Some(_) | None => 80,
        },
    };
    RedirectAction {
        host_redirect: redirect.authority.as_deref().unwrap_or_default().to_owned(),
        port_redirect: port.into(),
        response_code: code.into(),
        scheme_rewrite_specifier: redirect
            .scheme
            .as_ref()
            .map(|scheme| SchemeRewriteSpecifier::SchemeRedirect(scheme.to_string())),
        path_rewrite_specifier: redirect.path.as_ref().map(|path| match path {
            RedirectPath::Full(path) => PathRewriteSpecifier::PathRedirect(path.to_string()),
            RedirectPath::Prefix(prefix) => PathRewriteSpecifier::PrefixRewrite(prefix.to_string()),
        }),
        ..RedirectAction::default()
    }
}

/// A fixed answer.
pub(super) fn direct_response(response: &DirectResponse) -> DirectResponseAction {
    let body = response.body.as_ref().map(|body| DataSource {
        specifier: Some(match std::str::from_utf8(body) {
            Ok(text) => data_source::Specifier::InlineString(text.to_owned()),
            Err(_) => data_source::Specifier::InlineBytes(body.to_vec()),
        }),
        ..DataSource::default()
    });
    DirectResponseAction {
        status: response.status.into(),
        body,
        ..DirectResponseAction::default()
    }
}

/// A share of requests.
pub(super) fn fraction(share: PerMillion) -> FractionalPercent {
    FractionalPercent {
        numerator: share.0,
        denominator: DenominatorType::Million.into(),
    }
}

/// Header changes as options to add (the removals are plain names).
pub(super) fn changes(changes: &HeaderChanges) -> Vec<HeaderValueOption> {
    let option = |(name, value): &(crate::model::Name, crate::model::Name),
                  action: HeaderAppendAction| {
        HeaderValueOption {
            header: Some(HeaderValue {
                key: name.to_string(),
                value: value.to_string(),
                ..HeaderValue::default()
            }),
            append_action: action.into(),
            ..HeaderValueOption::default()
        }
    };
    let set = changes.set.iter().filter(|(name, _)| !is_authority(name));
    let set = set.map(|header| option(header, HeaderAppendAction::OverwriteIfExistsOrAdd));
    let add = changes
        .add
        .iter()
        .map(|header| option(header, HeaderAppendAction::AppendIfExistsOrAdd));
    set.chain(add).collect()
}

/// The authority that header changes set: no header like others, it replaces the request's.
pub(super) fn authority(changes: &HeaderChanges) -> Option<String> {
    let (_, value) = changes.set.iter().find(|(name, _)| is_authority(name))?;
    Some(value.to_string())
}

fn is_authority(name: &str) -> bool {
    name.eq_ignore_ascii_case("host") || name.eq_ignore_ascii_case(":authority")
}

/// The name of the cluster behind a destination, which may leave out its port.
pub(crate) fn cluster_of(scope: &Scope, destination: &Destination, port: u16) -> String {
    let only = scope.service(&destination.host).and_then(|service| {
        match service.service.ports.as_slice() {
            [only] => Some(only.number),
            _ => None,
        }
    });
    let port = destination.port.or(only).unwrap_or(port);
    ClusterName::outbound(port, destination.subset.as_deref(), &destination.host).to_string()
}

fn weighted(scope: &Scope, destination: &WeightedDestination, port: u16) -> ClusterWeight {
    let headers = &destination.headers;
    ClusterWeight {
        name: cluster_of(scope, &destination.destination, port),
        weight: Some(wire::number(destination.weight)),
        request_headers_to_add: changes(&headers.request),
        request_headers_to_remove: headers
            .request
            .remove
            .iter()
            .map(ToString::to_string)
            .collect(),
        response_headers_to_add: changes(&headers.response),
        response_headers_to_remove: headers
            .response
            .remove
            .iter()
            .map(ToString::to_string)
            .collect(),
        host_rewrite_specifier: authority(&headers.request).map(ClusterHost::HostRewriteLiteral),
        ..ClusterWeight::default()
    }
}

/// A gRPC call's own deadline counts, up to the limit of the route.
fn deadline(limit: Duration) -> MaxStreamDuration {
    MaxStreamDuration {
        max_stream_duration: Some(wire::duration(Duration::ZERO)),
        grpc_timeout_header_max: Some(wire::duration(limit)),
        ..MaxStreamDuration::default()
    }
}

fn mirror_policy(scope: &Scope, mirror: &Mirror, port: u16) -> RequestMirrorPolicy {
    RequestMirrorPolicy {
        cluster: cluster_of(scope, &mirror.destination, port),
        runtime_fraction: Some(RuntimeFractionalPercent {
            default_value: Some(fraction(mirror.percentage)),
            ..RuntimeFractionalPercent::default()
        }),
        trace_sampled: Some(wire::truth(false)),
        ..RequestMirrorPolicy::default()
    }
}

fn apply_rewrite(action: &mut RouteAction, rewrite: &Rewrite, condition: Option<&HttpMatch>) {
    if let Some(authority) = &rewrite.authority {
        action.host_rewrite_specifier = Some(HostRewriteSpecifier::HostRewriteLiteral(
            authority.to_string(),
        ));
    }
    match &rewrite.path {
        Some(PathRewrite::Uri(path)) if matches_regex(condition) => {
            // A prefix rewrite would find no prefix, so the whole path is replaced.
            action.regex_rewrite = Some(substitute("^[^?]*", &path.replace('\\', "\\\\")));
        }
        Some(PathRewrite::Uri(path)) => action.prefix_rewrite = path.to_string(),
        Some(PathRewrite::Regex {
            pattern,
            substitution,
        }) => {
            action.regex_rewrite = Some(substitute(pattern, substitution));
        }
        None => {}
    }
}

fn matches_regex(condition: Option<&HttpMatch>) -> bool {
    matches!(
        condition.and_then(|condition| condition.uri.as_ref()),
        Some(StringMatch::Regex(_))
    )
}

fn substitute(pattern: &str, substitution: &str) -> RegexMatchAndSubstitute {
    RegexMatchAndSubstitute {
        pattern: Some(wire::regex(pattern)),
        substitution: substitution.to_owned(),
    }
}

/// What the balancer of a cluster hashes, if it hashes.
fn hash_policy(scope: &Scope, cluster: &str) -> Vec<HashPolicy> {
    let policy = cluster::with_target(scope, cluster, |target| target.policy());
    let balancer = policy.and_then(|policy| policy.load_balancer);
    let Some(Algorithm::ConsistentHash(hash)) = balancer.and_then(|balancer| balancer.algorithm)
    else {
        return Vec::new();
    };
    let specifier = match hash.key {
        HashKey::Header(name) => PolicySpecifier::Header(Header {
            header_name: name.to_string(),
            ..Header::default()
        }),
        HashKey::Cookie {
            name,
            path,
            ttl,
            attributes,
        } => PolicySpecifier::Cookie(Cookie {
            name: name.to_string(),
            ttl: ttl.map(wire::duration),
            path: path.as_deref().unwrap_or_default().to_owned(),
            attributes: attributes
                .iter()
                .map(|(name, value)| CookieAttribute {
                    name: name.to_string(),
                    value: value.to_string(),
                })
                .collect(),
        }),
        HashKey::SourceIp => {
            PolicySpecifier::ConnectionProperties(ConnectionProperties { source_ip: true })
        }
        HashKey::QueryParameter(name) => PolicySpecifier::QueryParameter(QueryParameter {
            name: name.to_string(),
        }),
    };
    vec![HashPolicy {
        policy_specifier: Some(specifier),
        ..HashPolicy::default()
    }]
}
