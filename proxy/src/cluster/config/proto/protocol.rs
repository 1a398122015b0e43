//! The HTTP version of a cluster's endpoints and the life of its connections.

use std::collections::HashMap;
use std::time::Duration;

use xds_proto::pb::envoy::config::core::v3 as core;
use xds_proto::pb::envoy::extensions::upstreams::http::v3 as pb;
use xds_proto::pb::envoy::extensions::upstreams::http::v3::http_protocol_options::explicit_http_config::ProtocolConfig;
use xds_proto::pb::envoy::extensions::upstreams::http::v3::http_protocol_options::{
    AutoHttpConfig, ExplicitHttpConfig, UpstreamProtocolOptions, UseDownstreamHttpConfig,
};
use xds_proto::pb::google::protobuf::Any;

use crate::cluster::config::{ConnectionRules, UpstreamProtocol};
use crate::config::invalid::InvalidField;
use crate::config::not_honoured::named;
use crate::config::wire::{Conversion, Read, at, duration, refuse_if, required, uint, unpack};
use crate::http::config::proto::codec;
use crate::http::config::{Http1Options, Http2Options};

const OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

pub(super) struct Fields {
    pub(super) typed: HashMap<String, Any>,
    pub(super) common: Option<core::HttpProtocolOptions>,
    pub(super) http1: Option<core::Http1ProtocolOptions>,
    pub(super) http2: Option<core::Http2ProtocolOptions>,
    pub(super) upstream: Option<core::UpstreamHttpProtocolOptions>,
    pub(super) selection: i32,
    pub(super) max_requests: Option<u32>,
}

/// What the protocol fields come to.
pub(super) struct Protocols {
    pub(super) protocol: UpstreamProtocol,
    pub(super) http1: Http1Options,
    pub(super) http2: Http2Options,
    pub(super) connections: ConnectionRules,
}

pub(super) fn read(cx: &mut Conversion<'_>, fields: Fields) -> Read<Protocols> {
    let Fields {
        mut typed,
        common,
        http1,
        http2,
        upstream,
        selection,
        max_requests,
    } = fields;
    let options = typed.remove(OPTIONS);
    for name in typed.keys() {
        cx.notes.push(
            &format!("typed_extension_protocol_options[{name}]"),
            "the extension is not known",
        );
    }
    let mut protocols = match options {
        Some(any) => typed_options(cx, unpack(&any)?).map_err(at(OPTIONS))?,
        None => {
            let protocol = match (selection, &http2) {
                (1, _) => UpstreamProtocol::AsDownstream,
                (_, Some(_)) => UpstreamProtocol::Http2,
                (_, None) => UpstreamProtocol::Http1,
            };
            upstream_options(upstream)?;
            of(cx, protocol, (http1, http2), common)?
        }
    };
    protocols.connections.max_requests = protocols
        .connections
        .max_requests
        .or(max_requests.filter(|max| *max > 0));
    Ok(protocols)
}

fn typed_options(cx: &mut Conversion<'_>, options: pb::HttpProtocolOptions) -> Read<Protocols> {
    let pb::HttpProtocolOptions {
        common_http_protocol_options,
        upstream_http_protocol_options,
        http_filters,
        header_validation_config,
        outlier_detection,
        request_mirror_policies,
        hash_policy,
        retry_policy,
        upstream_protocol_options,
    } = options;
    for filter in &http_filters {
        let codec = filter.name == "envoy.filters.http.upstream_codec";
        let harmless = codec || crate::http::filter::proto::is_harmless(filter);
        refuse_if(
            !harmless,
            "http_filters",
            &format!("upstream filter {:?} is not supported", filter.name),
        )?;
    }
    let n = &mut cx.notes;
    named!(n, "http_protocol_options.", {
        header_validation_config => "heads are always checked",
        outlier_detection => "5xx count as failures",
        request_mirror_policies => "requests are not copied",
        hash_policy => "the hash policy of the route counts",
        retry_policy => "the retry policy of the route counts",
    });
    upstream_options(upstream_http_protocol_options)?;
    let (protocol, http) = match required("upstream_protocol_options", upstream_protocol_options)? {
        UpstreamProtocolOptions::ExplicitHttpConfig(ExplicitHttpConfig { protocol_config }) => {
            match required("explicit_http_config.protocol_config", protocol_config)? {
                ProtocolConfig::HttpProtocolOptions(http1) => {
                    (UpstreamProtocol::Http1, (Some(http1), None))
                }
                ProtocolConfig::Http2ProtocolOptions(http2) => {
                    (UpstreamProtocol::Http2, (None, Some(http2)))
                }
                ProtocolConfig::Http3ProtocolOptions(_) => {
                    return Err(InvalidField::new(
                        "explicit_http_config",
                        "HTTP/3 is not supported",
                    ));
                }
            }
        }
        UpstreamProtocolOptions::UseDownstreamProtocolConfig(config) => {
            let UseDownstreamHttpConfig {
                http_protocol_options,
                http2_protocol_options,
                http3_protocol_options,
            } = config;
            named!(n, "http_protocol_options.", {
                http3_protocol_options => "there is no HTTP/3",
            });
            (
                UpstreamProtocol::AsDownstream,
                (http_protocol_options, http2_protocol_options),
            )
        }
        UpstreamProtocolOptions::AutoConfig(config) => {
            let AutoHttpConfig {
                http_protocol_options,
                http2_protocol_options,
                http3_protocol_options,
                alternate_protocols_cache_options,
            } = config;
            named!(n, "http_protocol_options.", {
                http3_protocol_options => "there is no HTTP/3",
                alternate_protocols_cache_options => "there is no HTTP/3",
            });
            (
                UpstreamProtocol::Alpn,
                (http_protocol_options, http2_protocol_options),
            )
        }
    };
    of(cx, protocol, http, common_http_protocol_options)
}

/// Automatic server names change who is verified, so that leaving them out would weaken a guard.
fn upstream_options(options: Option<core::UpstreamHttpProtocolOptions>) -> Read<()> {
    let Some(core::UpstreamHttpProtocolOptions {
        auto_sni,
        auto_san_validation,
        override_auto_sni_header,
    }) = options
    else {
        return Ok(());
    };
    let _only_with_auto_sni = override_auto_sni_header;
    let reason = "is not supported; name the server in the TLS context's sni and match_typed_subject_alt_names";
    refuse_if(auto_sni, "upstream_http_protocol_options.auto_sni", reason)?;
    refuse_if(
        auto_san_validation,
        "upstream_http_protocol_options.auto_san_validation",
        reason,
    )
}

fn of(
    cx: &mut Conversion<'_>,
    protocol: UpstreamProtocol,
    (http1, http2): (
        Option<core::Http1ProtocolOptions>,
        Option<core::Http2ProtocolOptions>,
    ),
    common: Option<core::HttpProtocolOptions>,
) -> Read<Protocols> {
    Ok(Protocols {
        protocol,
        http1: codec::http1(cx, "http_protocol_options", http1.unwrap_or_default())?,
        http2: codec::http2(cx, "http2_protocol_options", http2.unwrap_or_default())?,
        connections: connections(cx, common.unwrap_or_default())?,
    })
}

fn connections(
    cx: &mut Conversion<'_>,
    common: core::HttpProtocolOptions,
) -> Read<ConnectionRules> {
    let core::HttpProtocolOptions {
        idle_timeout,
        max_connection_duration,
        max_connection_duration_jitter,
        max_headers_count,
        max_response_headers_kb,
        max_stream_duration,
        headers_with_underscores_action: _, // of requests that clients send
        max_requests_per_connection,
    } = common;
    let path = "common_http_protocol_options";
    let n = &mut cx.notes;
    named!(n, &format!("{path}."), {
        max_connection_duration_jitter => "the duration is exact",
        max_headers_count => "100 fields are accepted",
        max_response_headers_kb => "60 KiB are accepted",
    });
    let idle = match duration(path, idle_timeout)? {
        None => Some(Duration::from_secs(3600)),
        Some(idle) => Some(idle).filter(|idle| !idle.is_zero()),
    };
    Ok(ConnectionRules {
        idle_timeout: idle,
        max_duration: super::optional(path, max_connection_duration)?,
        max_requests: uint(max_requests_per_connection).filter(|max| *max > 0),
        max_stream_duration: super::optional(path, max_stream_duration)?,
    })
}
