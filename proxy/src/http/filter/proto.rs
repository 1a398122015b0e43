//! HTTP filters from Envoy's messages. What is neither known nor harmless refuses the resource unless it is optional.
#![allow(deprecated, reason = "every field is looked at, deprecated ones too")]

mod cors;
mod fault;
pub(crate) mod rbac;

use std::collections::HashMap;
use std::sync::Arc;

use xds_proto::pb::envoy::config::route::v3::FilterConfig;
use xds_proto::pb::envoy::extensions::filters::http::cors::v3 as cors_pb;
use xds_proto::pb::envoy::extensions::filters::http::fault::v3 as fault_pb;
use xds_proto::pb::envoy::extensions::filters::http::rbac::v3 as rbac_pb;
use xds_proto::pb::envoy::extensions::filters::http::router::v3 as router_pb;
use xds_proto::pb::envoy::extensions::filters::network::http_connection_manager::v3 as pb;
use xds_proto::pb::envoy::extensions::filters::network::http_connection_manager::v3::http_filter::ConfigType;
use xds_proto::pb::google::protobuf::Any;

use super::{Filter, FilterKind, Filters, PerFilter, RbacVerdict, RouteFilter};
use crate::config::invalid::InvalidField;
use crate::config::not_honoured::named;
use crate::config::wire::{Conversion, Read, at, flag, refuse_if, type_name, unpack};
use crate::listener::filter_chain::Verdict;

const ROUTER: &str = "envoy.extensions.filters.http.router.v3.Router";
const FAULT: &str = "envoy.extensions.filters.http.fault.v3.HTTPFault";
const CORS: &str = "envoy.extensions.filters.http.cors.v3.Cors";
const CORS_POLICY: &str = "envoy.extensions.filters.http.cors.v3.CorsPolicy";
const RBAC: &str = "envoy.extensions.filters.http.rbac.v3.RBAC";
const RBAC_PER_ROUTE: &str = "envoy.extensions.filters.http.rbac.v3.RBACPerRoute";
const FILTER_CONFIG: &str = "envoy.config.route.v3.FilterConfig";

/// Filters whose absence changes neither where traffic goes nor who may send it.
const HARMLESS: [&str; 7] = [
    "envoy.extensions.filters.http.grpc_stats.v3.FilterConfig",
    "io.istio.http.peer_metadata.Config",
    "istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig",
    "stats.PluginConfig",
    "envoy.tcp.metadataexchange.config.MetadataExchange",
    "istio.telemetry.stats.PluginConfig",
    "envoy.extensions.upstreams.http.upstream_codec.v3.UpstreamCodec",
];

/// The filters of a connection manager; the last must be the router.
pub(crate) fn chain(cx: &mut Conversion<'_>, filters: Vec<pb::HttpFilter>) -> Read<Filters> {
    let mut chain = Vec::new();
    let mut routed = false;
    for (index, filter) in filters.into_iter().enumerate() {
        let within = |error: InvalidField| error.within(format_args!("http_filters[{index}]"));
        refuse_if(routed, "http_filters", "the router must be the last filter")?;
        match one(cx, filter).map_err(within)? {
            Some(Found::Router) => routed = true,
            Some(Found::Filter(filter)) => chain.push(filter),
            None => {}
        }
    }
    refuse_if(
        !routed,
        "http_filters",
        "the router (envoy.filters.http.router) is missing",
    )?;
    Ok(Filters { chain })
}

enum Found {
    Router,
    Filter(Filter),
}

fn one(cx: &mut Conversion<'_>, filter: pb::HttpFilter) -> Read<Option<Found>> {
    let pb::HttpFilter {
        name,
        is_optional,
        disabled,
        config_type,
    } = filter;
    let any = match config_type {
        Some(ConfigType::TypedConfig(any)) => any,
        Some(ConfigType::ConfigDiscovery(_)) if is_optional || disabled => Any::default(),
        Some(ConfigType::ConfigDiscovery(_)) => {
            return Err(InvalidField::new(
                "config_discovery",
                "filters by ECDS are not supported",
            ));
        }
        None if name == "envoy.filters.http.router" => return Ok(Some(Found::Router)),
        None => Any::default(),
    };
    let kind = match type_name(&any) {
        ROUTER => {
            refuse_if(disabled, "disabled", "the router cannot be disabled")?;
            router(cx, unpack(&any)?)?;
            return Ok(Some(Found::Router));
        }
        FAULT => FilterKind::Fault(Arc::new(fault::read(
            cx,
            unpack::<fault_pb::HttpFault>(&any)?,
        )?)),
        CORS => {
            let cors_pb::Cors {} = unpack(&any)?;
            FilterKind::Cors
        }
        RBAC => match rbac::http(cx, unpack::<rbac_pb::Rbac>(&any)?) {
            Ok(verdict) => FilterKind::Rbac(verdict.unwrap_or_else(RbacVerdict::allow)),
            Err(_) if disabled => not_known(cx, &name, RBAC),
            Err(error) => return Err(error),
        },
        _ if is_harmless_type(&any) => return Ok(None),
        kind if is_optional => {
            cx.notes.push(
                &format!("http_filters {name} ({kind})"),
                "the filter is not known and is_optional",
            );
            return Ok(None);
        }
        kind if disabled => not_known(cx, &name, kind),
        kind => return Err(unknown(&name, kind)),
    };
    Ok(Some(Found::Filter(Filter {
        name: name.into(),
        enabled: !disabled,
        kind,
    })))
}

/// A disabled filter that cannot be followed, and may be a guard: where a route enables it, requests are refused.
fn not_known(cx: &mut Conversion<'_>, name: &str, kind: &str) -> FilterKind {
    cx.notes.push(
        &format!("http_filters {name} ({kind})"),
        "it is disabled and cannot be followed; routes that enable it are closed",
    );
    FilterKind::Unknown(RbacVerdict {
        verdict: Verdict::Deny,
        policy: Some(format!("filter {name} is not supported").into()),
    })
}

fn unknown(name: &str, kind: &str) -> InvalidField {
    let reason =
        format!("filter {name:?} ({kind}) is not supported; mark it is_optional to go without it");
    InvalidField::new("typed_config", reason)
}

/// Whether a filter may be left out silently.
pub(crate) fn is_harmless(filter: &pb::HttpFilter) -> bool {
    match &filter.config_type {
        Some(ConfigType::TypedConfig(any)) => {
            filter.is_optional || filter.disabled || is_harmless_type(any)
        }
        Some(ConfigType::ConfigDiscovery(_)) | None => filter.is_optional || filter.disabled,
    }
}

/// Whether a filter's configuration is of a harmless kind, also inside a `TypedStruct`.
pub(crate) fn is_harmless_type(any: &Any) -> bool {
    let harmless = |name: &str| HARMLESS.contains(&name);
    if harmless(type_name(any)) {
        return true;
    }
    match xds_proto::typed_struct::read(any) {
        Ok(Some((url, _))) => harmless(url.rsplit('/').next().unwrap_or_default()),
        Ok(None) | Err(_) => false,
    }
}

fn router(cx: &mut Conversion<'_>, router: router_pb::Router) -> Read<()> {
    let router_pb::Router {
        dynamic_stats,
        start_child_span,
        upstream_log,
        upstream_log_options,
        suppress_envoy_headers,
        strict_check_headers,
        respect_expected_rq_timeout,
        suppress_grpc_request_failure_code_stats,
        upstream_http_filters,
        reject_connect_request_early_data: _, // CONNECT is refused
    } = router;
    let n = &mut cx.notes;
    let no_statistics = flag(dynamic_stats) == Some(false);
    n.note(
        "router.dynamic_stats",
        &no_statistics,
        "clusters keep their statistics",
    );
    named!(n, "router.", {
        suppress_grpc_request_failure_code_stats => "responses count by their status",
        start_child_span => "no spans are reported",
        upstream_log => "only the connection manager's log is written",
        upstream_log_options => "only the connection manager's log is written",
        suppress_envoy_headers => "x-envoy headers are written",
        strict_check_headers => "x-envoy headers that are malformed do not count",
        respect_expected_rq_timeout => "the route's timeout counts",
    });
    for filter in &upstream_http_filters {
        let codec = filter.name == "envoy.filters.http.upstream_codec";
        refuse_if(
            !codec && !is_harmless(filter),
            "router.upstream_http_filters",
            "upstream filters are not supported",
        )?;
    }
    Ok(())
}

/// What filters do in one virtual host, route or weighted cluster.
pub(crate) fn per_filter(
    cx: &mut Conversion<'_>,
    configs: HashMap<String, Any>,
) -> Read<PerFilter> {
    let mut read = PerFilter::default();
    let mut configs: Vec<_> = configs.into_iter().collect();
    configs.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, any) in configs {
        let path = format!("typed_per_filter_config[{name}]");
        route_filter(cx, &mut read, (&name, any)).map_err(at(&path))?;
    }
    Ok(read)
}

fn route_filter(
    cx: &mut Conversion<'_>,
    read: &mut PerFilter,
    (name, any): (&str, Any),
) -> Read<()> {
    if type_name(&any) != FILTER_CONFIG {
        return known_route_filter(cx, read, (name, any), false);
    }
    let FilterConfig {
        config,
        is_optional,
        disabled,
    } = unpack(&any)?;
    let said = match config.filter(|config| !config.type_url.is_empty()) {
        _ if disabled => RouteFilter::Off,
        None => RouteFilter::On,
        Some(config) => return known_route_filter(cx, read, (name, config), is_optional),
    };
    read.filters.insert(name.into(), said);
    Ok(())
}

fn known_route_filter(
    cx: &mut Conversion<'_>,
    read: &mut PerFilter,
    (name, any): (&str, Any),
    is_optional: bool,
) -> Read<()> {
    let said = match type_name(&any) {
        FAULT => RouteFilter::Fault(Arc::new(fault::read(
            cx,
            unpack::<fault_pb::HttpFault>(&any)?,
        )?)),
        CORS_POLICY => match cors::read(cx, unpack(&any)?)? {
            Some(policy) => RouteFilter::Cors(Arc::new(policy)),
            None => RouteFilter::Off,
        },
        RBAC_PER_ROUTE => {
            let rbac_pb::RbacPerRoute { rbac } = unpack(&any)?;
            let verdict = rbac.map(|rbac| rbac::http(cx, rbac)).transpose()?.flatten();
            RouteFilter::Rbac(verdict.unwrap_or_else(RbacVerdict::allow))
        }
        _ if is_harmless_type(&any) => return Ok(()),
        kind if is_optional => {
            cx.notes.push(
                &format!("typed_per_filter_config[{name}] ({kind})"),
                "the filter is not known and is_optional",
            );
            return Ok(());
        }
        kind => return Err(unknown(name, kind)),
    };
    read.filters.insert(name.into(), said);
    Ok(())
}

pub(crate) use cors::of_route as route_cors;
