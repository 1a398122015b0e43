//! Listener filters: what is found out from the first bytes.

use xds_proto::pb::envoy::config::listener::v3 as pb;
use xds_proto::pb::envoy::config::listener::v3::listener_filter::ConfigType;
use xds_proto::pb::envoy::config::listener::v3::listener_filter_chain_match_predicate::Rule;
use xds_proto::pb::envoy::extensions::filters::listener::proxy_protocol::v3::ProxyProtocol;
use xds_proto::pb::envoy::extensions::filters::listener::tls_inspector::v3::TlsInspector;
use xds_proto::pb::google::protobuf::Any;

use crate::config::invalid::InvalidField;
use crate::config::not_honoured::named;
use crate::config::wire::{Conversion, Read, refuse_if, refused, type_name, unpack};
use crate::listener::{Inspect, PortSet, ProxyProtocolInspect};

const ORIGINAL_DST: &str = "envoy.extensions.filters.listener.original_dst.v3.OriginalDst";
const TLS: &str = "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector";
const HTTP: &str = "envoy.extensions.filters.listener.http_inspector.v3.HttpInspector";
const PROXY: &str = "envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol";

/// What the listener filters come to.
#[derive(Debug, Default)]
pub(super) struct Inspection {
    pub(super) inspect: Inspect,
    pub(super) original_dst: bool,
}

pub(super) fn filters(
    cx: &mut Conversion<'_>,
    filters: Vec<pb::ListenerFilter>,
) -> Read<Inspection> {
    let mut found = Inspection::default();
    for (index, filter) in filters.into_iter().enumerate() {
        one(cx, &mut found, filter)
            .map_err(|error| error.within(format_args!("listener_filters[{index}]")))?;
    }
    Ok(found)
}

fn one(cx: &mut Conversion<'_>, found: &mut Inspection, filter: pb::ListenerFilter) -> Read<()> {
    let pb::ListenerFilter {
        name,
        filter_disabled,
        config_type,
    } = filter;
    let any = match config_type {
        Some(ConfigType::TypedConfig(any)) => any,
        Some(ConfigType::ConfigDiscovery(_)) => {
            return Err(InvalidField::new("config_discovery", "is not supported"));
        }
        None => by_name(&name),
    };
    let off = filter_disabled
        .map(disabled)
        .transpose()?
        .unwrap_or(Disabled::On(PortSet::default()));
    let ports = match off {
        Disabled::Off => return Ok(()),
        Disabled::On(ports) => ports,
    };
    match type_name(&any) {
        ORIGINAL_DST => found.original_dst = true,
        TLS => {
            tls(cx, unpack(&any)?);
            found.inspect.tls = true;
            found.inspect.tls_disabled_on = ports;
            return Ok(());
        }
        HTTP => {
            found.inspect.http = true;
            found.inspect.http_disabled_on = ports;
            return Ok(());
        }
        PROXY => found.inspect.proxy_protocol = Some(proxy_protocol(cx, unpack(&any)?)?),
        kind => {
            let reason = format!("listener filter {name:?} ({kind}) is not supported");
            return Err(InvalidField::new("typed_config", reason));
        }
    }
    refuse_if(
        ports != PortSet::default(),
        "filter_disabled",
        "is supported for the TLS and HTTP inspectors only",
    )
}

/// Filters without a configuration go by their name.
fn by_name(name: &str) -> Any {
    let kind = match name {
        "envoy.filters.listener.original_dst" => ORIGINAL_DST,
        "envoy.filters.listener.tls_inspector" => TLS,
        "envoy.filters.listener.http_inspector" => HTTP,
        "envoy.filters.listener.proxy_protocol" => PROXY,
        _ => "",
    };
    Any {
        type_url: format!("type.googleapis.com/{kind}"),
        ..Any::default()
    }
}

fn tls(cx: &mut Conversion<'_>, inspector: TlsInspector) {
    let TlsInspector {
        enable_ja3_fingerprinting,
        enable_ja4_fingerprinting,
        initial_read_buffer_size: _, // of a buffer inside Envoy
        close_connection_on_client_hello_parsing_errors,
        max_client_hello_size,
    } = inspector;
    let n = &mut cx.notes;
    named!(n, "tls_inspector.", {
        enable_ja3_fingerprinting => "no fingerprints are made",
        enable_ja4_fingerprinting => "no fingerprints are made",
        max_client_hello_size => "16 KiB are looked at",
    });
    let close = close_connection_on_client_hello_parsing_errors;
    n.note(
        "tls_inspector.close_connection_on_client_hello_parsing_errors",
        &close,
        "such bytes are not TLS",
    );
}

fn proxy_protocol(cx: &mut Conversion<'_>, filter: ProxyProtocol) -> Read<ProxyProtocolInspect> {
    let ProxyProtocol {
        rules,
        allow_requests_without_proxy_protocol,
        pass_through_tlvs,
        disallowed_versions,
        stat_prefix: _,  // of statistics that are not kept
        tlv_location: _, // of TLVs, which are skipped
    } = filter;
    refused!({
        disallowed_versions => "is not supported",
    });
    named!(cx.notes, "proxy_protocol.", {
        rules => "TLVs are skipped",
        pass_through_tlvs => "TLVs are skipped",
    });
    Ok(if allow_requests_without_proxy_protocol {
        ProxyProtocolInspect::Optional
    } else {
        ProxyProtocolInspect::Required
    })
}

/// Where a filter is off.
enum Disabled {
    Off,
    On(PortSet),
}

fn disabled(predicate: pb::ListenerFilterChainMatchPredicate) -> Read<Disabled> {
    let mut ports = PortSet::default();
    if collect(predicate, &mut ports)? {
        Ok(Disabled::Off)
    } else {
        Ok(Disabled::On(ports))
    }
}

/// Adds the ports of a predicate; true when it holds everywhere.
fn collect(predicate: pb::ListenerFilterChainMatchPredicate, ports: &mut PortSet) -> Read<bool> {
    let unsupported = || {
        InvalidField::new(
            "filter_disabled",
            "only any_match, port ranges and or_match of these are supported",
        )
    };
    match predicate.rule {
        Some(Rule::AnyMatch(everywhere)) => Ok(everywhere),
        Some(Rule::DestinationPortRange(range)) => {
            let start = u16::try_from(range.start).map_err(|_| unsupported())?;
            let end = u32::try_from(range.end).map_err(|_| unsupported())?;
            refuse_if(
                !ports.insert(start, end),
                "filter_disabled",
                "too many port ranges",
            )?;
            Ok(false)
        }
        Some(Rule::OrMatch(set)) => {
            let mut everywhere = false;
            for rule in set.rules {
                everywhere |= collect(rule, ports)?;
            }
            Ok(everywhere)
        }
        Some(Rule::AndMatch(_) | Rule::NotMatch(_)) | None => Err(unsupported()),
    }
}
