//! HTTP/1 and HTTP/2 options.

use std::time::Duration;

use xds_proto::pb::envoy::config::core::v3 as core;
use xds_proto::pb::envoy::config::core::v3::http1_protocol_options::HeaderKeyFormat;
use xds_proto::pb::envoy::config::core::v3::http1_protocol_options::header_key_format::HeaderFormat;

use crate::config::invalid::InvalidField;
use crate::config::wire::{Conversion, Read, duration, flag, positive, refuse_if, uint};
use crate::http::config::{HeaderCase, Http1Options, Http2Keepalive, Http2Options};

pub(crate) fn http1(
    cx: &mut Conversion<'_>,
    path: &str,
    options: core::Http1ProtocolOptions,
) -> Read<Http1Options> {
    let core::Http1ProtocolOptions {
        allow_absolute_url,
        accept_http_10,
        default_host_for_http_10,
        header_key_format,
        enable_trailers,
        allow_chunked_length,
        override_stream_error_on_invalid_http_message,
        send_fully_qualified_url,
        use_balsa_parser: _,
        allow_custom_methods: _,
        ignore_http_11_upgrade,
    } = options;
    let n = &mut cx.notes;
    let absolute = flag(allow_absolute_url) == Some(false);
    n.note(
        &format!("{path}.allow_absolute_url"),
        &absolute,
        "absolute targets are accepted, as RFC 9112 asks",
    );
    n.note(
        &format!("{path}.allow_chunked_length"),
        &allow_chunked_length,
        "messages with two framings are refused",
    );
    n.note(
        &format!("{path}.send_fully_qualified_url"),
        &send_fully_qualified_url,
        "targets are in origin form",
    );
    n.note(
        &format!("{path}.ignore_http_11_upgrade"),
        &ignore_http_11_upgrade,
        "upgrades follow upgrade_configs",
    );
    Ok(Http1Options {
        accept_http_10,
        default_host_for_http_10: (!default_host_for_http_10.is_empty())
            .then(|| default_host_for_http_10.into()),
        header_case: header_case(cx, path, header_key_format)?,
        enable_trailers,
        keep_open_on_error: flag(override_stream_error_on_invalid_http_message).unwrap_or(false),
    })
}

fn header_case(
    cx: &mut Conversion<'_>,
    path: &str,
    format: Option<HeaderKeyFormat>,
) -> Read<HeaderCase> {
    let Some(HeaderKeyFormat { header_format }) = format else {
        return Ok(HeaderCase::Lower);
    };
    match header_format {
        None => Ok(HeaderCase::Lower),
        Some(HeaderFormat::ProperCaseWords(_)) => {
            let path = format!("{path}.header_key_format.proper_case_words");
            cx.notes.push(&path, "names are written as they came");
            Ok(HeaderCase::Proper)
        }
        Some(HeaderFormat::StatefulFormatter(extension)) => {
            let preserve =
                extension.name == "preserve_case" || extension.name.ends_with(".preserve_case");
            let path = format!("{path}.header_key_format.stateful_formatter");
            refuse_if(!preserve, &path, "only preserve_case is supported")?;
            Ok(HeaderCase::Preserve)
        }
    }
}

pub(crate) fn http2(
    cx: &mut Conversion<'_>,
    path: &str,
    options: core::Http2ProtocolOptions,
) -> Read<Http2Options> {
    let core::Http2ProtocolOptions {
        hpack_table_size,
        max_concurrent_streams,
        initial_stream_window_size,
        initial_connection_window_size,
        allow_connect,
        allow_metadata,
        max_outbound_frames: _,
        max_outbound_control_frames: _,
        max_consecutive_inbound_frames_with_empty_payload: _,
        max_inbound_priority_frames_per_stream: _,
        max_inbound_window_update_frames_per_data_frame_sent: _,
        stream_error_on_invalid_http_messaging: _,
        override_stream_error_on_invalid_http_message: _,
        custom_settings_parameters,
        connection_keepalive,
        use_oghttp2_codec: _,
        max_metadata_size: _,
        enable_huffman_encoding: _,
        max_header_field_size_kb: _,
        disallow_obs_text: _,
        stream_reset_burst: _,
        stream_reset_rate: _,
    } = options;
    let n = &mut cx.notes;
    n.note(
        &format!("{path}.allow_metadata"),
        &allow_metadata,
        "METADATA frames are ignored",
    );
    n.note(
        &format!("{path}.custom_settings_parameters"),
        &custom_settings_parameters,
        "only standard settings are sent",
    );
    n.note(
        &format!("{path}.allow_connect"),
        &allow_connect,
        "CONNECT is refused",
    );
    let window = |name: &str, value| -> Read<Option<u32>> {
        let value = uint(value);
        let good = value.is_none_or(|size| (65_535..=2_147_483_647).contains(&size));
        refuse_if(
            !good,
            &format!("{path}.{name}"),
            "must be 65535 to 2147483647",
        )?;
        Ok(value)
    };
    Ok(Http2Options {
        max_concurrent_streams: uint(max_concurrent_streams),
        initial_stream_window: window("initial_stream_window_size", initial_stream_window_size)?,
        initial_connection_window: window(
            "initial_connection_window_size",
            initial_connection_window_size,
        )?,
        hpack_table_size: uint(hpack_table_size),
        max_frame_size: None,
        allow_connect,
        keepalive: connection_keepalive
            .map(|settings| keepalive(cx, path, settings))
            .transpose()?,
    })
}

fn keepalive(
    cx: &mut Conversion<'_>,
    path: &str,
    settings: core::KeepaliveSettings,
) -> Read<Http2Keepalive> {
    let core::KeepaliveSettings {
        interval,
        timeout,
        interval_jitter,
        connection_idle_interval,
    } = settings;
    let path = format!("{path}.connection_keepalive");
    cx.notes.note(
        &format!("{path}.interval_jitter"),
        &interval_jitter,
        "the interval is exact",
    );
    cx.notes.note(
        &format!("{path}.connection_idle_interval"),
        &connection_idle_interval,
        "pings follow the interval",
    );
    refuse_if(timeout.is_none(), &format!("{path}.timeout"), "is required")?;
    let timeout = positive(&format!("{path}.timeout"), timeout, Duration::from_secs(1))?;
    let interval: Result<_, InvalidField> = duration(&format!("{path}.interval"), interval);
    Ok(Http2Keepalive {
        interval: interval?,
        timeout,
    })
}
