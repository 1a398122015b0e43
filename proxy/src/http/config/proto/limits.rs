//! Timeouts and limits of a connection manager.

use std::time::Duration;

use xds_proto::pb::envoy::config::core::v3 as core;
use xds_proto::pb::envoy::config::core::v3::http_protocol_options::HeadersWithUnderscoresAction;
use xds_proto::pb::google::protobuf as gp;

use crate::config::wire::{Conversion, Read, duration, known, limit, refuse_if, uint};
use crate::http::config::{HttpLimits, HttpTimeouts, Underscores};

const HOUR: Duration = Duration::from_secs(3600);
const STREAM_IDLE: Duration = Duration::from_secs(300);

pub(super) struct TimeoutFields {
    pub(super) stream_idle: Option<gp::Duration>,
    pub(super) request: Option<gp::Duration>,
    pub(super) request_headers: Option<gp::Duration>,
    pub(super) drain: Option<gp::Duration>,
    pub(super) delayed_close: Option<gp::Duration>,
}

pub(super) fn read(
    cx: &mut Conversion<'_>,
    timeouts: TimeoutFields,
    common: core::HttpProtocolOptions,
    max_request_headers_kb: Option<u32>,
) -> Read<(HttpTimeouts, HttpLimits)> {
    let TimeoutFields {
        stream_idle,
        request,
        request_headers,
        drain,
        delayed_close,
    } = timeouts;
    let core::HttpProtocolOptions {
        idle_timeout,
        max_connection_duration,
        max_connection_duration_jitter,
        max_headers_count,
        max_response_headers_kb,
        max_stream_duration,
        headers_with_underscores_action,
        max_requests_per_connection,
    } = common;
    let path = |name: &str| format!("common_http_protocol_options.{name}");
    let n = &mut cx.notes;
    n.note(
        &path("max_connection_duration_jitter"),
        &max_connection_duration_jitter,
        "the duration is exact",
    );
    n.note(
        &path("max_response_headers_kb"),
        &max_response_headers_kb,
        "it counts in clusters only",
    );
    let timeouts = HttpTimeouts {
        idle: limit(&path("idle_timeout"), idle_timeout, Some(HOUR))?,
        stream_idle: limit("stream_idle_timeout", stream_idle, Some(STREAM_IDLE))?,
        request: limit("request_timeout", request, None)?,
        request_headers: limit("request_headers_timeout", request_headers, None)?,
        max_connection_duration: limit(
            &path("max_connection_duration"),
            max_connection_duration,
            None,
        )?,
        max_stream_duration: limit(&path("max_stream_duration"), max_stream_duration, None)?,
        drain: duration("drain_timeout", drain)?.unwrap_or(Duration::from_secs(5)),
        delayed_close: duration("delayed_close_timeout", delayed_close)?
            .unwrap_or(Duration::from_secs(1)),
    };
    n.note(
        "request_timeout",
        &timeouts.request,
        "the timeouts of the route and stream_idle_timeout count",
    );
    let kb = max_request_headers_kb.unwrap_or(60);
    refuse_if(
        !(1..=8192).contains(&kb),
        "max_request_headers_kb",
        "must be 1 to 8192",
    )?;
    let count = uint(max_headers_count).unwrap_or(100);
    refuse_if(count == 0, &path("max_headers_count"), "must be at least 1")?;
    let limits = HttpLimits {
        max_request_headers_bytes: kb as usize * 1024,
        max_headers: count as usize,
        max_requests_per_connection: uint(max_requests_per_connection).filter(|max| *max > 0),
        underscores: match known(
            &path("headers_with_underscores_action"),
            headers_with_underscores_action,
        )? {
            HeadersWithUnderscoresAction::Allow => Underscores::Allow,
            HeadersWithUnderscoresAction::RejectRequest => Underscores::RejectRequest,
            HeadersWithUnderscoresAction::DropHeader => Underscores::DropHeader,
        },
    };
    Ok((timeouts, limits))
}
