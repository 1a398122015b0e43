//! Connection managers from Envoy's `HttpConnectionManager`.
#![allow(deprecated, reason = "every field is looked at, deprecated ones too")]

pub(crate) mod codec;
mod forwarding;
mod limits;

use std::sync::Arc;

use xds_proto::pb::envoy::config::core::v3 as core;
use xds_proto::pb::envoy::config::core::v3::scheme_header_transformation::Transformation;
use xds_proto::pb::envoy::extensions::filters::network::http_connection_manager::v3 as pb;
use xds_proto::pb::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager as hcm;
use xds_proto::pb::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::{
    CodecType as WireCodec, PathWithEscapedSlashesAction, RouteSpecifier, ServerHeaderTransformation, StripPortMode,
};

use super::{
    CodecType, EscapedSlashes, HttpConfig, PathRules, RequestIdRules, RouteSource, SchemeRules,
    ServerHeader, ServerHeaderMode, StripPort, Upgrade,
};
use crate::config::access_log::proto as access_log;
use crate::config::invalid::InvalidField;
use crate::config::not_honoured::named;
use crate::config::source::Source;
use crate::config::wire::{
    Conversion, Read, at, each, flag, known, nonempty, refuse_if, refused, required, uint,
};
use crate::http::filter::proto as filters;
use crate::http::route::RouteTable;
use crate::listener::Direction;

pub(crate) fn read(
    cx: &mut Conversion<'_>,
    manager: pb::HttpConnectionManager,
    direction: Direction,
) -> Read<HttpConfig> {
    let pb::HttpConnectionManager {
        codec_type,
        stat_prefix,
        http_filters,
        add_user_agent,
        tracing,
        common_http_protocol_options,
        http1_safe_max_connection_duration,
        http_protocol_options,
        http2_protocol_options,
        http3_protocol_options,
        server_name,
        server_header_transformation,
        scheme_header_transformation,
        max_request_headers_kb,
        stream_idle_timeout,
        stream_flush_timeout,
        request_timeout,
        request_headers_timeout,
        drain_timeout,
        drain_timeout_jitter,
        delayed_close_timeout,
        access_log: logs,
        access_log_flush_interval,
        flush_access_log_on_new_request,
        access_log_options,
        use_remote_address,
        xff_num_trusted_hops,
        original_ip_detection_extensions,
        early_header_mutation_extensions,
        internal_address_config,
        skip_xff_append,
        via,
        generate_request_id,
        preserve_external_request_id,
        always_set_request_id_in_response,
        forward_client_cert_details,
        set_current_client_cert_details,
        forward_client_cert_matcher,
        proxy_100_continue: _, // a 100 always comes from the upstream; false is unset on the wire
        represent_ipv4_remote_address_as_ipv4_mapped_ipv6,
        upgrade_configs,
        normalize_path,
        merge_slashes,
        path_with_escaped_slashes_action,
        request_id_extension,
        local_reply_config,
        strip_matching_host_port,
        stream_error_on_invalid_http_message,
        path_normalization_options,
        strip_trailing_host_dot,
        proxy_status_config,
        typed_header_validation_config,
        append_x_forwarded_port,
        append_local_overload,
        add_proxy_protocol_connection_state,
        forward_proto_config,
        route_specifier,
        strip_port_mode,
    } = manager;
    let detection = "original_ip_detection_extensions";
    refuse_if(
        !original_ip_detection_extensions.is_empty(),
        detection,
        "extensions that name the client are not supported",
    )?;
    let mutation = "early_header_mutation_extensions";
    refuse_if(
        !early_header_mutation_extensions.is_empty(),
        mutation,
        "extensions that edit headers are not supported",
    )?;
    refused!({
        forward_client_cert_matcher => "is not supported",
        path_normalization_options => "use normalize_path and merge_slashes",
    });
    let n = &mut cx.notes;
    named!(n, "", {
        add_user_agent => "the client's user agent is passed on",
        tracing => "no spans are reported; trace headers pass through",
        http1_safe_max_connection_duration => "always so",
        http3_protocol_options => "there is no HTTP/3",
        drain_timeout_jitter => "the drain timeout is exact",
        stream_flush_timeout => "the stream idle timeout counts",
        access_log_flush_interval => "requests are written at their end",
        flush_access_log_on_new_request => "requests are written at their end",
        access_log_options => "requests are written at their end",
    });
    let mapped = represent_ipv4_remote_address_as_ipv4_mapped_ipv6;
    n.note(
        "represent_ipv4_remote_address_as_ipv4_mapped_ipv6",
        &mapped,
        "IPv4 addresses stay as they are",
    );
    named!(n, "", {
        local_reply_config => "replies of the proxy keep their own form",
        proxy_status_config => "proxy-status is not written",
        typed_header_validation_config => "heads are always checked",
        append_x_forwarded_port => "x-forwarded-port is not written",
        append_local_overload => "x-envoy-local-overloaded is not written",
        add_proxy_protocol_connection_state => "the state is not shared with filters",
        stream_error_on_invalid_http_message => "a malformed message ends its connection in HTTP/1 and its stream in HTTP/2",
        forward_proto_config => "x-forwarded-proto follows the connection",
    });
    let common = common_http_protocol_options.unwrap_or_default();
    let timeouts = limits::TimeoutFields {
        stream_idle: stream_idle_timeout,
        request: request_timeout,
        request_headers: request_headers_timeout,
        drain: drain_timeout,
        delayed_close: delayed_close_timeout,
    };
    let (timeouts, limits) = limits::read(cx, timeouts, common, uint(max_request_headers_kb))?;
    let filters = filters::chain(cx, http_filters)?;
    Ok(HttpConfig {
        stat_prefix: nonempty("stat_prefix", stat_prefix)?.into(),
        direction,
        codec: codec_kind(codec_type)?,
        routes: routes(cx, required("route_specifier", route_specifier)?)?,
        filters,
        server: server(server_name, server_header_transformation)?,
        via: (!via.is_empty()).then(|| via.into()),
        paths: paths(
            flag(normalize_path),
            merge_slashes,
            path_with_escaped_slashes_action,
        )?,
        timeouts,
        limits,
        upgrades: each("upgrade_configs", upgrade_configs, upgrade)?,
        client_cert: forwarding::client_cert(
            cx,
            forward_client_cert_details,
            set_current_client_cert_details,
        )?,
        forwarded: forwarding::forwarded(
            flag(use_remote_address).unwrap_or(false),
            xff_num_trusted_hops,
            skip_xff_append,
            internal_address_config,
        )?,
        request_id: RequestIdRules {
            generate: flag(generate_request_id).unwrap_or(true),
            preserve_external: preserve_external_request_id,
            always_set_in_response: always_set_request_id_in_response,
        },
        access_logs: access_log::all(cx, logs)?,
        http1: codec::http1(
            cx,
            "http_protocol_options",
            http_protocol_options.unwrap_or_default(),
        )?,
        http2: codec::http2(
            cx,
            "http2_protocol_options",
            http2_protocol_options.unwrap_or_default(),
        )?,
        strip_port: strip_port(strip_matching_host_port, strip_port_mode),
        strip_trailing_host_dot,
        scheme: scheme(cx, scheme_header_transformation),
    })
    .and_then(|config| request_id(cx, request_id_extension).map(|()| config))
}

fn codec_kind(value: i32) -> Read<CodecType> {
    Ok(match known("codec_type", value)? {
        WireCodec::Auto => CodecType::Auto,
        WireCodec::Http1 => CodecType::Http1,
        WireCodec::Http2 => CodecType::Http2,
        WireCodec::Http3 => return Err(InvalidField::new("codec_type", "HTTP/3 is not supported")),
    })
}

fn routes(cx: &mut Conversion<'_>, specifier: RouteSpecifier) -> Read<RouteSource> {
    match specifier {
        RouteSpecifier::RouteConfig(table) => {
            let table =
                RouteTable::read(cx, table, bytes::Bytes::new()).map_err(at("route_config"))?;
            Ok(RouteSource::Inline(Arc::new(table)))
        }
        RouteSpecifier::Rds(pb::Rds {
            config_source,
            route_config_name,
        }) => {
            let field = "rds.config_source";
            let source = Source::read(required(field, config_source)?, field, &mut cx.notes)?;
            let name = nonempty("rds.route_config_name", route_config_name)?;
            Ok(RouteSource::Rds(cx.routes.handle(&source, &name)))
        }
        RouteSpecifier::ScopedRoutes(_) => Err(InvalidField::new(
            "scoped_routes",
            "is not supported; use rds or route_config",
        )),
    }
}

fn server(name: String, transformation: i32) -> Read<ServerHeader> {
    let mode = match known("server_header_transformation", transformation)? {
        ServerHeaderTransformation::Overwrite => ServerHeaderMode::Overwrite,
        ServerHeaderTransformation::AppendIfAbsent => ServerHeaderMode::AppendIfAbsent,
        ServerHeaderTransformation::PassThrough => ServerHeaderMode::PassThrough,
    };
    let name = if name.is_empty() {
        "envoy".into()
    } else {
        name.into()
    };
    Ok(ServerHeader { name, mode })
}

fn paths(normalize: Option<bool>, merge_slashes: bool, escaped: i32) -> Read<PathRules> {
    let escaped_slashes = match known("path_with_escaped_slashes_action", escaped)? {
        PathWithEscapedSlashesAction::ImplementationSpecificDefault
        | PathWithEscapedSlashesAction::KeepUnchanged => EscapedSlashes::Keep,
        PathWithEscapedSlashesAction::RejectRequest => EscapedSlashes::Reject,
        PathWithEscapedSlashesAction::UnescapeAndRedirect => EscapedSlashes::UnescapeAndRedirect,
        PathWithEscapedSlashesAction::UnescapeAndForward => EscapedSlashes::UnescapeAndForward,
    };
    Ok(PathRules {
        normalize: normalize.unwrap_or(false),
        merge_slashes,
        escaped_slashes,
    })
}

fn upgrade(config: hcm::UpgradeConfig) -> Read<Upgrade> {
    let hcm::UpgradeConfig {
        upgrade_type,
        filters,
        enabled,
    } = config;
    refused!({
        filters => "a filter chain of its own is not supported",
    });
    Ok(Upgrade {
        protocol: upgrade_type.to_ascii_lowercase().into(),
        enabled: flag(enabled).unwrap_or(true),
    })
}

fn strip_port(matching: bool, mode: Option<StripPortMode>) -> StripPort {
    match mode {
        Some(StripPortMode::StripAnyHostPort(true)) => StripPort::Any,
        Some(StripPortMode::StripAnyHostPort(false)) | None if matching => StripPort::Matching,
        Some(StripPortMode::StripAnyHostPort(false)) | None => StripPort::Keep,
    }
}

fn scheme(cx: &mut Conversion<'_>, value: Option<core::SchemeHeaderTransformation>) -> SchemeRules {
    let Some(core::SchemeHeaderTransformation {
        match_upstream,
        transformation,
    }) = value
    else {
        return SchemeRules::default();
    };
    named!(cx.notes, "scheme_header_transformation.", {
        match_upstream => "the scheme follows the client's connection",
    });
    let overwrite = transformation.map(|Transformation::SchemeToOverwrite(scheme)| scheme.into());
    SchemeRules { overwrite }
}

/// The default extension writes random UUIDs; its option to sample by trace reason has no meaning without spans.
fn request_id(cx: &mut Conversion<'_>, extension: Option<pb::RequestIdExtension>) -> Read<()> {
    let Some(pb::RequestIdExtension { typed_config }) = extension else {
        return Ok(());
    };
    let any = required("request_id_extension.typed_config", typed_config)?;
    let uuid = "envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig";
    refuse_if(
        crate::config::wire::type_name(&any) != uuid,
        "request_id_extension",
        "only the UUID extension is supported",
    )?;
    cx.notes.note(
        "request_id_extension",
        &any.value,
        "request ids are plain random UUIDs",
    );
    Ok(())
}
