//! Forwarding: to which cluster, and how.

use std::sync::Arc;
use std::time::Duration;

use xds_proto::pb::envoy::config::core::v3 as core;
use xds_proto::pb::envoy::config::route::v3 as pb;
use xds_proto::pb::envoy::config::route::v3::route_action as ra;
use xds_proto::pb::envoy::config::route::v3::route_action::hash_policy::PolicySpecifier;
use xds_proto::pb::envoy::config::route::v3::route_action::{
    ClusterNotFoundResponseCode, ClusterSpecifier, HostRewriteSpecifier,
};
use xds_proto::pb::envoy::config::route::v3::weighted_cluster::RandomValueSpecifier;
use xds_proto::pb::envoy::config::route::v3::weighted_cluster::cluster_weight::HostRewriteSpecifier as WeightHost;
use xds_proto::pb::google::protobuf as gp;

use super::{Outer, headers, retry};
use crate::config::invalid::InvalidField;
use crate::config::wire::{
    Conversion, Read, at, duration, each, flag, known, labels, limit, nonempty, refuse_if,
    runtime_fraction, uint,
};
use crate::http::config::Upgrade;
use crate::http::filter::{PerFilter, proto as filters};
use crate::http::route::action::{Priority, WeightedClusters, WeightedName};
use crate::http::route::hash::PartRegex;
use crate::http::route::{
    ClusterChoice, CookieHash, Forward, HashInput, HashPolicy, HostRewrite, IdleTimeout, Mirror,
    PathRewrite, RouteTimeouts, WeightedCluster,
};
use crate::matcher::proto as matcher;

const TOTAL: Duration = Duration::from_secs(15);

pub(super) fn read(
    cx: &mut Conversion<'_>,
    action: pb::RouteAction,
    outer: &Outer,
    per_filter: &mut PerFilter,
) -> Read<Forward> {
    let pb::RouteAction {
        cluster_not_found_response_code,
        metadata_match,
        prefix_rewrite,
        regex_rewrite,
        path_rewrite_policy,
        path_rewrite,
        append_x_forwarded_host,
        timeout,
        idle_timeout,
        flush_timeout,
        early_data_policy,
        retry_policy,
        retry_policy_typed_config,
        request_mirror_policies,
        priority,
        rate_limits,
        include_vh_rate_limits: _,
        hash_policy,
        cors,
        max_grpc_timeout,
        grpc_timeout_offset,
        upgrade_configs,
        internal_redirect_policy,
        internal_redirect_action,
        max_internal_redirects,
        hedge_policy,
        max_stream_duration,
        cluster_specifier,
        host_rewrite_specifier,
    } = action;
    refuse_if(
        path_rewrite_policy.is_some(),
        "path_rewrite_policy",
        "use prefix_rewrite or regex_rewrite",
    )?;
    refuse_if(
        !path_rewrite.is_empty(),
        "path_rewrite",
        "use prefix_rewrite or regex_rewrite",
    )?;
    refuse_if(
        retry_policy_typed_config.is_some(),
        "retry_policy_typed_config",
        "use retry_policy",
    )?;
    refuse_if(
        !rate_limits.is_empty(),
        "rate_limits",
        "rate limits are not supported",
    )?;
    let n = &mut cx.notes;
    n.note(
        "routes.route.flush_timeout",
        &flush_timeout,
        "the idle timeout counts",
    );
    n.note(
        "routes.route.early_data_policy",
        &early_data_policy,
        "there is no early data",
    );
    n.note(
        "routes.route.internal_redirect_policy",
        &internal_redirect_policy,
        "redirects go to the client",
    );
    n.note(
        "routes.route.internal_redirect_action",
        &internal_redirect_action,
        "redirects go to the client",
    );
    n.note(
        "routes.route.max_internal_redirects",
        &max_internal_redirects,
        "redirects go to the client",
    );
    n.note(
        "routes.route.hedge_policy",
        &hedge_policy,
        "requests are not hedged",
    );
    if let (None, Some(cors)) = (&per_filter.cors, cors) {
        per_filter.cors = filters::route_cors(cx, cors)
            .map_err(at("cors"))?
            .map(Arc::new);
    }
    let own_retry = retry_policy
        .map(|policy| retry::policy(cx, policy))
        .transpose()
        .map_err(at("retry_policy"))?;
    let grpc = Grpc {
        max: max_grpc_timeout,
        offset: grpc_timeout_offset,
    };
    Ok(Forward {
        cluster: cluster(cx, cluster_specifier)?,
        cluster_not_found: match known(
            "cluster_not_found_response_code",
            cluster_not_found_response_code,
        )? {
            ClusterNotFoundResponseCode::ServiceUnavailable => 503,
            ClusterNotFoundResponseCode::NotFound => 404,
            ClusterNotFoundResponseCode::InternalServerError => 500,
        },
        subset: labels(metadata_match.as_ref(), "envoy.lb"),
        path: path(prefix_rewrite, regex_rewrite)?,
        host: host(host_rewrite_specifier)?,
        append_forwarded_host: append_x_forwarded_host,
        timeouts: timeouts((timeout, idle_timeout), grpc, max_stream_duration)?,
        retry: own_retry.map(Arc::new).or_else(|| outer.retry.clone()),
        hash: hashes(cx, hash_policy)?,
        mirrors: super::mirrors(cx, request_mirror_policies, outer)?,
        upgrades: each("upgrade_configs", upgrade_configs, upgrade)?,
        priority: match known("priority", priority)? {
            core::RoutingPriority::Default => Priority::Default,
            core::RoutingPriority::High => Priority::High,
        },
    })
}

fn path(
    prefix: String,
    regex: Option<xds_proto::pb::envoy::r#type::matcher::v3::RegexMatchAndSubstitute>,
) -> Read<PathRewrite> {
    refuse_if(
        !prefix.is_empty() && regex.is_some(),
        "prefix_rewrite",
        "only one of prefix_rewrite and regex_rewrite may be set",
    )?;
    if let Some(regex) = regex {
        let (regex, with) = matcher::substitution(regex).map_err(at("regex_rewrite"))?;
        return Ok(PathRewrite::Regex(regex, with));
    }
    Ok(if prefix.is_empty() {
        PathRewrite::Keep
    } else {
        PathRewrite::Prefix(prefix.into())
    })
}

fn host(specifier: Option<HostRewriteSpecifier>) -> Read<HostRewrite> {
    Ok(match specifier {
        None => HostRewrite::Keep,
        Some(HostRewriteSpecifier::HostRewriteLiteral(host)) => HostRewrite::Literal(host.into()),
        Some(HostRewriteSpecifier::AutoHostRewrite(auto)) if auto.value => HostRewrite::Endpoint,
        Some(HostRewriteSpecifier::AutoHostRewrite(_)) => HostRewrite::Keep,
        Some(HostRewriteSpecifier::HostRewriteHeader(name)) => {
            HostRewrite::Header(matcher::key("host_rewrite_header", &name)?)
        }
        Some(HostRewriteSpecifier::HostRewritePathRegex(regex)) => {
            let (regex, with) =
                matcher::substitution(regex).map_err(at("host_rewrite_path_regex"))?;
            HostRewrite::PathRegex(regex, with)
        }
        Some(HostRewriteSpecifier::HostRewrite(_)) => {
            return Err(InvalidField::new(
                "host_rewrite",
                "is not supported; use host_rewrite_literal",
            ));
        }
    })
}

/// The older fields about `grpc-timeout`.
struct Grpc {
    max: Option<gp::Duration>,
    offset: Option<gp::Duration>,
}

fn timeouts(
    (total, idle): (Option<gp::Duration>, Option<gp::Duration>),
    old: Grpc,
    stream: Option<ra::MaxStreamDuration>,
) -> Read<RouteTimeouts> {
    let ra::MaxStreamDuration {
        max_stream_duration,
        grpc_timeout_header_max,
        grpc_timeout_header_offset,
    } = stream.unwrap_or_default();
    let header_max = duration(
        "max_stream_duration.grpc_timeout_header_max",
        grpc_timeout_header_max.or(old.max),
    )?;
    let offset = grpc_timeout_header_offset.or(old.offset);
    Ok(RouteTimeouts {
        total: limit("timeout", total, Some(TOTAL))?,
        idle: match duration("idle_timeout", idle)? {
            None => IdleTimeout::Inherit,
            Some(idle) if idle.is_zero() => IdleTimeout::Disabled,
            Some(idle) => IdleTimeout::After(idle),
        },
        max_stream: limit(
            "max_stream_duration.max_stream_duration",
            max_stream_duration,
            None,
        )?,
        grpc_header_max: header_max.map(|max| Some(max).filter(|max| !max.is_zero())),
        grpc_header_offset: duration("max_stream_duration.grpc_timeout_header_offset", offset)?,
    })
}

fn cluster(cx: &mut Conversion<'_>, specifier: Option<ClusterSpecifier>) -> Read<ClusterChoice> {
    match specifier {
        None => Err(InvalidField::new("cluster_specifier", "is required")),
        Some(ClusterSpecifier::Cluster(name)) => {
            Ok(ClusterChoice::Named(nonempty("cluster", name)?.into()))
        }
        Some(ClusterSpecifier::ClusterHeader(name)) => Ok(ClusterChoice::Header(matcher::key(
            "cluster_header",
            &name,
        )?)),
        Some(ClusterSpecifier::WeightedClusters(clusters)) => Ok(ClusterChoice::Weighted(
            weighted(cx, clusters).map_err(at("weighted_clusters"))?,
        )),
        Some(
            ClusterSpecifier::ClusterSpecifierPlugin(_)
            | ClusterSpecifier::InlineClusterSpecifierPlugin(_),
        ) => Err(InvalidField::new(
            "cluster_specifier_plugin",
            "plugins are not supported",
        )),
    }
}

fn weighted(cx: &mut Conversion<'_>, clusters: pb::WeightedCluster) -> Read<WeightedClusters> {
    let pb::WeightedCluster {
        clusters,
        total_weight,
        runtime_key_prefix,
        random_value_specifier,
    } = clusters;
    cx.notes.note(
        "weighted_clusters.runtime_key_prefix",
        &runtime_key_prefix,
        "there is no runtime",
    );
    let random_header = match random_value_specifier {
        None => None,
        Some(RandomValueSpecifier::HeaderName(name)) => Some(matcher::key("header_name", &name)?),
        Some(RandomValueSpecifier::UseHashPolicy(wanted)) => {
            refuse_if(wanted.value, "use_hash_policy", "is not supported")?;
            None
        }
    };
    let clusters = each("clusters", clusters, |one| weight(cx, one))?;
    let total: u64 = clusters
        .iter()
        .map(|cluster| u64::from(cluster.weight))
        .sum();
    refuse_if(
        total == 0,
        "clusters",
        "the weights must add up to more than zero",
    )?;
    let stated = uint(total_weight).filter(|stated| u64::from(*stated) != total);
    refuse_if(
        stated.is_some_and(|stated| stated != 0),
        "total_weight",
        "is not the sum of the weights",
    )?;
    Ok(WeightedClusters {
        clusters,
        total,
        random_header,
    })
}

fn weight(
    cx: &mut Conversion<'_>,
    one: pb::weighted_cluster::ClusterWeight,
) -> Read<WeightedCluster> {
    let pb::weighted_cluster::ClusterWeight {
        name,
        cluster_header,
        weight,
        metadata_match,
        request_headers_to_add,
        request_headers_to_remove,
        response_headers_to_add,
        response_headers_to_remove,
        typed_per_filter_config,
        host_rewrite_specifier,
    } = one;
    let per_filter = filters::per_filter(cx, typed_per_filter_config)?;
    refuse_if(
        per_filter.rbac_denial().is_some(),
        "typed_per_filter_config",
        "a weighted cluster cannot deny: requests are judged before one is drawn; deny in the route",
    )?;
    Ok(WeightedCluster {
        cluster: named(name, cluster_header)?,
        weight: uint(weight).unwrap_or(0),
        subset: labels(metadata_match.as_ref(), "envoy.lb"),
        request_headers: headers::edits(
            "request_headers",
            request_headers_to_add,
            request_headers_to_remove,
        )?,
        response_headers: headers::edits(
            "response_headers",
            response_headers_to_add,
            response_headers_to_remove,
        )?,
        host: match host_rewrite_specifier {
            None => HostRewrite::Keep,
            Some(WeightHost::HostRewriteLiteral(host)) => HostRewrite::Literal(host.into()),
        },
        per_filter,
    })
}

fn named(name: String, header: String) -> Read<WeightedName> {
    if !name.is_empty() {
        return Ok(WeightedName::Named(name.into()));
    }
    Ok(WeightedName::Header(matcher::key(
        "name",
        &nonempty("name", header)?,
    )?))
}

pub(super) fn mirror(policy: ra::RequestMirrorPolicy) -> Read<Mirror> {
    let ra::RequestMirrorPolicy {
        cluster,
        cluster_header,
        runtime_fraction: fraction,
        trace_sampled: _,
        disable_shadow_host_suffix_append,
        request_headers_mutations: _,
        host_rewrite_literal: _,
    } = policy;
    Ok(Mirror {
        cluster: named(cluster, cluster_header)?,
        fraction: fraction
            .map(|fraction| runtime_fraction("runtime_fraction", fraction))
            .transpose()?,
        keep_host: disable_shadow_host_suffix_append,
    })
}

fn upgrade(config: ra::UpgradeConfig) -> Read<Upgrade> {
    let ra::UpgradeConfig {
        upgrade_type,
        enabled,
        connect_config,
    } = config;
    refuse_if(
        connect_config.is_some(),
        "connect_config",
        "CONNECT is not terminated",
    )?;
    Ok(Upgrade {
        protocol: upgrade_type.to_ascii_lowercase().into(),
        enabled: flag(enabled).unwrap_or(true),
    })
}

fn hashes(cx: &mut Conversion<'_>, policies: Vec<ra::HashPolicy>) -> Read<Vec<HashPolicy>> {
    each(
        "hash_policy",
        policies,
        |ra::HashPolicy {
             terminal,
             policy_specifier,
         }| {
            let Some(specifier) = policy_specifier else {
                return Err(InvalidField::new("policy_specifier", "is required"));
            };
            Ok(hash_input(cx, specifier)?.map(|input| HashPolicy { input, terminal }))
        },
    )
    .map(|policies| policies.into_iter().flatten().collect())
}

fn hash_input(cx: &mut Conversion<'_>, specifier: PolicySpecifier) -> Read<Option<HashInput>> {
    Ok(match specifier {
        PolicySpecifier::Header(ra::hash_policy::Header {
            header_name,
            regex_rewrite,
        }) => {
            let rewrite = regex_rewrite
                .map(matcher::substitution)
                .transpose()
                .map_err(at("header.regex_rewrite"))?;
            let rewrite = rewrite.map(|(regex, with)| (PartRegex(regex), with));
            Some(HashInput::Header(
                matcher::key("header.header_name", &header_name)?,
                rewrite,
            ))
        }
        PolicySpecifier::Cookie(ra::hash_policy::Cookie {
            name,
            ttl,
            path,
            attributes,
        }) => {
            cx.notes.note(
                "routes.route.hash_policy.cookie.ttl",
                &ttl,
                "no cookie is set; requests without it do not stick",
            );
            Some(HashInput::Cookie(CookieHash {
                name: nonempty("cookie.name", name)?.into(),
                ttl: duration("cookie.ttl", ttl)?,
                path: (!path.is_empty()).then(|| path.into()),
                attributes: attributes
                    .into_iter()
                    .map(|one| (one.name.into(), one.value.into()))
                    .collect(),
            }))
        }
        PolicySpecifier::ConnectionProperties(properties) => {
            properties.source_ip.then_some(HashInput::SourceIp)
        }
        PolicySpecifier::QueryParameter(parameter) => Some(HashInput::Query(
            nonempty("query_parameter.name", parameter.name)?.into(),
        )),
        PolicySpecifier::FilterState(_) => {
            return Err(InvalidField::new("filter_state", "is not supported"));
        }
    })
}
