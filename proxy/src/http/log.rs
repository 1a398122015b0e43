//! What the command operators of a format say about one request.

use std::cell::LazyCell;
use std::time::Duration;

use super::connection::Exchange;
use super::head::Fields;
use crate::telemetry::access_log::Summary;
use crate::telemetry::access_log::connection::{self, View};
use crate::telemetry::access_log::format::{Format, HeaderRef, HeaderSource, Operator};
use crate::telemetry::access_log::line;
use crate::telemetry::access_log::number::decimal;

/// Appends `format`, filled in.
pub(crate) fn write(format: &Format, exchange: &Exchange<'_>, out: &mut String) {
    let view = LazyCell::new(|| view(exchange));
    line::write_text(format, out, &|operator, out| {
        value(operator, exchange, &view, out);
    });
}

/// Writes the lines that the connection manager's access logs want of a request that is over.
pub(crate) fn record(exchange: &Exchange<'_>) {
    let (local, site) = (&exchange.downstream.local, &exchange.downstream.site);
    let summary = Summary {
        flags: exchange.record.flags,
        status: exchange.record.status,
        start: exchange.record.start,
    };
    // the clocks are read once for all lines
    let view = LazyCell::new(|| view(exchange));
    for log in &site.logs {
        if log.wants(summary) {
            let fill =
                |operator: &Operator, out: &mut String| value(operator, exchange, &view, out);
            log.append(&local.outbox, &fill);
        }
    }
}

/// Appends the value of an operator, or nothing.
fn value<'a, F: FnOnce() -> View<'a>>(
    operator: &Operator,
    exchange: &Exchange<'_>,
    view: &LazyCell<View<'a>, F>,
    out: &mut String,
) {
    let record = &exchange.record;
    match operator {
        Operator::Request(header) => request_header(exchange, header, out),
        Operator::Response(header) => response_header(exchange, header, out),
        Operator::Trailer(_) | Operator::Absent | Operator::VirtualClusterName => {}
        Operator::RequestDuration | Operator::ResponseDuration => {
            let time = record.service_time.unwrap_or(Duration::ZERO);
            decimal(time.as_millis(), out);
        }
        Operator::Protocol => out.push_str(exchange.request.version.as_str()),
        Operator::ResponseCode => decimal(record.status, out),
        Operator::ResponseCodeDetails => out.push_str(&record.details),
        Operator::RouteName => {
            out.push_str(record.route.as_ref().map_or("", |route| &*route.name));
        }
        Operator::GrpcStatus | Operator::GrpcStatusNumber => {
            if let Some(status) = record.grpc_status {
                decimal(status, out);
            }
        }
        Operator::StartTime(_)
        | Operator::Environment(_)
        | Operator::Duration
        | Operator::BytesReceived
        | Operator::BytesSent
        | Operator::ResponseFlags
        | Operator::ConnectionTerminationDetails
        | Operator::UpstreamHost
        | Operator::UpstreamRemoteAddress
        | Operator::UpstreamLocalAddress
        | Operator::UpstreamCluster
        | Operator::UpstreamClusterRaw
        | Operator::UpstreamTransportFailureReason
        | Operator::UpstreamRequestAttemptCount
        | Operator::UpstreamPeerUriSan
        | Operator::DownstreamLocalAddress
        | Operator::DownstreamLocalAddressWithoutPort
        | Operator::DownstreamLocalPort
        | Operator::DownstreamRemoteAddress
        | Operator::DownstreamRemoteAddressWithoutPort
        | Operator::DownstreamRemotePort
        | Operator::DownstreamDirectRemoteAddress
        | Operator::DownstreamDirectRemoteAddressWithoutPort
        | Operator::DownstreamPeerUriSan
        | Operator::DownstreamPeerDnsSan
        | Operator::DownstreamPeerSubject
        | Operator::DownstreamPeerFingerprint
        | Operator::DownstreamPeerCert
        | Operator::DownstreamTlsVersion
        | Operator::DownstreamTlsCipher
        | Operator::RequestedServerName
        | Operator::Hostname => connection::value(operator, view, out),
    }
}

/// The connection below a request.
fn view<'a>(exchange: &'a Exchange<'_>) -> View<'a> {
    let (record, downstream) = (&exchange.record, exchange.downstream);
    let lasted = record.start.elapsed();
    View {
        facts: &downstream.facts,
        tls: downstream.tls.as_deref(),
        hostname: &downstream.local.hostname,
        lasted,
        wall: std::time::SystemTime::now() - lasted,
        bytes_received: record.bytes_received,
        bytes_sent: record.bytes_sent,
        flags: record.flags,
        termination: "",
        cluster: record.cluster.as_ref().map(|pool| &*pool.cluster.config),
        endpoint: record.endpoint.as_deref(),
        upstream: record.upstream.as_deref(),
        failure: record.upstream_failure.as_deref().unwrap_or_default(),
        attempts: record.attempts,
    }
}

fn request_header(exchange: &Exchange<'_>, header: &HeaderRef, out: &mut String) {
    let request = &exchange.request;
    let find = |source: &HeaderSource| match source {
        HeaderSource::Method => Some(request.method.as_str().into()),
        HeaderSource::Path => Some(request.path().into()),
        HeaderSource::Authority => Some(request.authority().into()),
        HeaderSource::Scheme => Some(request.scheme.as_str().into()),
        HeaderSource::Status => None,
        HeaderSource::Field(key) => field(&request.fields, key),
    };
    limited(
        find(&header.name).or_else(|| find(header.otherwise.as_ref()?)),
        header.limit,
        out,
    );
}

fn response_header(exchange: &Exchange<'_>, header: &HeaderRef, out: &mut String) {
    let find = |source: &HeaderSource| match source {
        HeaderSource::Status => Some(exchange.record.status.to_string().into()),
        HeaderSource::Field(key) => field(&exchange.response.fields, key),
        HeaderSource::Method
        | HeaderSource::Path
        | HeaderSource::Authority
        | HeaderSource::Scheme => None,
    };
    limited(
        find(&header.name).or_else(|| find(header.otherwise.as_ref()?)),
        header.limit,
        out,
    );
}

fn field<'a>(
    fields: &'a Fields,
    key: &super::head::HeaderKey,
) -> Option<std::borrow::Cow<'a, str>> {
    let text = |bytes| match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => String::from_utf8_lossy(bytes),
    };
    fields.get(key).map(text)
}

fn limited(value: Option<std::borrow::Cow<'_, str>>, limit: Option<usize>, out: &mut String) {
    let value = value.unwrap_or_default();
    match limit {
        Some(limit) => out.extend(value.chars().take(limit)),
        None => out.push_str(&value),
    }
}
