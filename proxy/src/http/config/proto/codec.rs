//! HTTP/1 and HTTP/2 options.

use std::time::Duration;

use xds_proto::pb::envoy::config::core::v3 as core;
use xds_proto::pb::envoy::config::core::v3::http1_protocol_options::HeaderKeyFormat;
use xds_proto::pb::envoy::config::core::v3::http1_protocol_options::header_key_format::HeaderFormat;

use crate::config::not_honoured::named;
use crate::config::wire::{Conversion, Read, flag, positive, refuse_if, uint};
use crate::http::config::{Http1Options, Http2Keepalive, Http2Options};

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
        enable_trailers: _, // trailers always pass; false is unset on the wire
        allow_chunked_length,
        override_stream_error_on_invalid_http_message,
        send_fully_qualified_url,
        use_balsa_parser: _,     // names a parser of Envoy
        allow_custom_methods: _, // every token is a method
        ignore_http_11_upgrade,
    } = options;
    let n = &mut cx.notes;
    let absolute = flag(allow_absolute_url) == Some(false);
    n.note(
        &format!("{path}.allow_absolute_url"),
        &absolute,
        "absolute targets are accepted, as RFC 9112 asks",
    );
    named!(n, &format!("{path}."), {
        allow_chunked_length => "messages with two framings are refused",
        send_fully_qualified_url => "targets are in origin form",
        ignore_http_11_upgrade => "upgrades follow upgrade_configs",
    });
    let keep_open = flag(override_stream_error_on_invalid_http_message).unwrap_or(false);
    n.note(
        &format!("{path}.override_stream_error_on_invalid_http_message"),
        &keep_open,
        "a malformed message ends its connection",
    );
    header_case(cx, path, header_key_format)?;
    Ok(Http1Options {
        accept_http_10,
        default_host_for_http_10: (!default_host_for_http_10.is_empty())
            .then(|| default_host_for_http_10.into()),
    })
}

/// Names are always written as they came where both sides speak HTTP/1, and in lower case elsewhere.
fn header_case(cx: &mut Conversion<'_>, path: &str, format: Option<HeaderKeyFormat>) -> Read<()> {
    let path = format!("{path}.header_key_format");
    match format.and_then(|format| format.header_format) {
        None => {}
        Some(HeaderFormat::ProperCaseWords(_)) => {
            let path = format!("{path}.proper_case_words");
            cx.notes.push(&path, "names are written as they came");
        }
        Some(HeaderFormat::StatefulFormatter(extension)) => {
            let path = format!("{path}.stateful_formatter");
            let preserve =
                extension.name == "preserve_case" || extension.name.ends_with(".preserve_case");
            refuse_if(!preserve, &path, "only preserve_case is supported")?;
            let options = extension.typed_config.unwrap_or_default().value;
            cx.notes.note(
                &format!("{path}.typed_config"),
                &options,
                "names of fields that the proxy adds are in lower case",
            );
        }
    }
    Ok(())
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
        max_outbound_frames,
        max_outbound_control_frames,
        max_consecutive_inbound_frames_with_empty_payload,
        max_inbound_priority_frames_per_stream,
        max_inbound_window_update_frames_per_data_frame_sent,
        stream_error_on_invalid_http_messaging: _, // always so; false is unset on the wire
        override_stream_error_on_invalid_http_message,
        custom_settings_parameters,
        connection_keepalive,
        use_oghttp2_codec: _, // names a codec of Envoy
        max_metadata_size: _, // of METADATA frames, which are named
        enable_huffman_encoding,
        max_header_field_size_kb,
        disallow_obs_text,
        stream_reset_burst,
        stream_reset_rate,
    } = options;
    let n = &mut cx.notes;
    named!(n, &format!("{path}."), {
        max_outbound_frames => "the codec has bounds of its own",
        max_outbound_control_frames => "the codec has bounds of its own",
        max_consecutive_inbound_frames_with_empty_payload => "the codec has bounds of its own",
        max_inbound_priority_frames_per_stream => "the codec has bounds of its own",
        max_inbound_window_update_frames_per_data_frame_sent => "the codec has bounds of its own",
        max_header_field_size_kb => "the limit of the whole head counts",
        stream_reset_burst => "the codec has bounds of its own",
        stream_reset_rate => "the codec has bounds of its own",
    });
    let whole_connection = flag(override_stream_error_on_invalid_http_message) == Some(false);
    n.note(
        &format!("{path}.override_stream_error_on_invalid_http_message"),
        &whole_connection,
        "a malformed message ends its stream only",
    );
    n.note(
        &format!("{path}.enable_huffman_encoding"),
        &(flag(enable_huffman_encoding) == Some(false)),
        "fields are always compressed",
    );
    n.note(
        &format!("{path}.disallow_obs_text"),
        &flag(disallow_obs_text).unwrap_or(false),
        "bytes above 127 pass in values",
    );
    named!(n, &format!("{path}."), {
        allow_metadata => "METADATA frames are ignored",
        custom_settings_parameters => "only standard settings are sent",
        allow_connect => "CONNECT is refused",
    });
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
    named!(cx.notes, &format!("{path}."), {
        interval_jitter => "the interval is exact",
        connection_idle_interval => "pings follow the interval",
    });
    refuse_if(timeout.is_none(), &format!("{path}.timeout"), "is required")?;
    let timeout = positive(&format!("{path}.timeout"), timeout, Duration::from_secs(1))?;
    let interval = interval
        .map(|interval| positive(&format!("{path}.interval"), Some(interval), timeout))
        .transpose()?;
    Ok(Http2Keepalive { interval, timeout })
}
