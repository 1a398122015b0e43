//! Forwarding: to which cluster, and how.

use std::sync::Arc;
use std::time::Duration;

use xds_proto::pb::envoy::config::core::v3 as core;
use xds_proto::pb::envoy::config::route::v3 as pb;
use xds_proto::pb::envoy::config::route::v3::route_action as ra;
use xds_proto::pb::envoy::config::route::v3::route_action::{
    ClusterNotFoundResponseCode, HostRewriteSpecifier,
};
use xds_proto::pb::google::protobuf as gp;

use super::clusters::{self, Around};
use super::{Outer, hash, retry};
use crate::config::invalid::InvalidField;
use crate::config::not_honoured::named;
use crate::config::wire::{
    Conversion, Read, at, duration, each, flag, known, labels, limit, refuse_if, refused,
};
use crate::http::config::Upgrade;
use crate::http::filter::{PerFilter, proto as filters};
use crate::http::route::action::Priority;
use crate::http::route::{
    Forward, GrpcTimeout, HostRewrite, IdleTimeout, PathRewrite, RouteTimeouts,
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
        include_vh_rate_limits: _, // rate limits are refused
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
    refused!({
        path_rewrite_policy => "use prefix_rewrite or regex_rewrite",
        path_rewrite => "use prefix_rewrite or regex_rewrite",
        retry_policy_typed_config => "use retry_policy",
        rate_limits => "rate limits are not supported",
    });
    let n = &mut cx.notes;
    named!(n, "routes.route.", {
        flush_timeout => "the idle timeout counts",
        early_data_policy => "there is no early data",
        internal_redirect_policy => "redirects go to the client",
        internal_redirect_action => "redirects go to the client",
        max_internal_redirects => "redirects go to the client",
        hedge_policy => "requests are not hedged",
        request_mirror_policies => "requests are not copied",
    });
    per_filter.cors = filters::route_cors(cx, cors).map_err(at("cors"))?;
    let subset = labels(metadata_match.as_ref(), "envoy.lb");
    let around = Around {
        per_filter: &per_filter.or(&outer.per_filter),
        subset: &subset,
    };
    let own_retry = retry_policy
        .map(|policy| retry::policy(cx, policy))
        .transpose()
        .map_err(at("retry_policy"))?;
    let grpc_total = grpc(
        ("max_grpc_timeout", max_grpc_timeout),
        ("grpc_timeout_offset", grpc_timeout_offset),
    )?;
    Ok(Forward {
        cluster: clusters::read(cx, cluster_specifier, &around)?,
        cluster_not_found: match known(
            "cluster_not_found_response_code",
            cluster_not_found_response_code,
        )? {
            ClusterNotFoundResponseCode::ServiceUnavailable => 503,
            ClusterNotFoundResponseCode::NotFound => 404,
            ClusterNotFoundResponseCode::InternalServerError => 500,
        },
        subset,
        path: path(prefix_rewrite, regex_rewrite)?,
        host: host(host_rewrite_specifier)?,
        append_forwarded_host: append_x_forwarded_host,
        timeouts: timeouts((timeout, idle_timeout), grpc_total, max_stream_duration)?,
        retry: own_retry.map(Arc::new).or_else(|| outer.retry.clone()),
        hash: hash::policies(hash_policy)?,
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

/// What two fields say of `grpc-timeout`; without the first it does not count.
fn grpc(
    (max_field, max): (&'static str, Option<gp::Duration>),
    (offset_field, offset): (&'static str, Option<gp::Duration>),
) -> Read<Option<GrpcTimeout>> {
    let offset = duration(offset_field, offset)?.unwrap_or_default();
    Ok(duration(max_field, max)?.map(|max| GrpcTimeout {
        most: Some(max).filter(|max| !max.is_zero()),
        offset,
    }))
}

fn timeouts(
    (total, idle): (Option<gp::Duration>, Option<gp::Duration>),
    grpc_total: Option<GrpcTimeout>,
    stream: Option<ra::MaxStreamDuration>,
) -> Read<RouteTimeouts> {
    let ra::MaxStreamDuration {
        max_stream_duration,
        grpc_timeout_header_max,
        grpc_timeout_header_offset,
    } = stream.unwrap_or_default();
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
        grpc_stream: grpc(
            (
                "max_stream_duration.grpc_timeout_header_max",
                grpc_timeout_header_max,
            ),
            (
                "max_stream_duration.grpc_timeout_header_offset",
                grpc_timeout_header_offset,
            ),
        )?,
        grpc_total,
    })
}

fn upgrade(config: ra::UpgradeConfig) -> Read<Upgrade> {
    let ra::UpgradeConfig {
        upgrade_type,
        enabled,
        connect_config,
    } = config;
    refused!({
        connect_config => "CONNECT is not terminated",
    });
    Ok(Upgrade {
        protocol: upgrade_type.to_ascii_lowercase().into(),
        enabled: flag(enabled).unwrap_or(true),
    })
}
