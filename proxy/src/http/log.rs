//! What the command operators of a format say about one request.

use std::time::Duration;

use ::http::StatusCode;

use super::connection::Exchange;
use crate::telemetry::access_log::Summary;
use crate::telemetry::access_log::connection::{self, View};
use crate::telemetry::access_log::format::{Format, HeaderRef, HeaderSource, Operator};
use crate::telemetry::access_log::line::Line;
use crate::telemetry::access_log::number::{decimal, milliseconds};
use crate::worker;

/// `format`, filled in.
pub(crate) fn filled_in(format: Format, exchange: &Exchange<'_>) -> String {
    let view = view(exchange, lasted(exchange));
    let mut out = Vec::new();
    Line::from(format).write(&mut out, |operator, out| {
        value(operator, exchange, &view, out);
    });
    String::from_utf8(out).expect("a line is UTF-8")
}

/// Writes the lines that the connection manager's access logs want of a request that is over.
pub(crate) fn record(exchange: &Exchange<'_>) {
    let (local, logs) = (&exchange.downstream.local, &exchange.downstream.site.logs);
    if logs.is_empty() {
        return;
    }
    let summary = Summary {
        flags: exchange.record.flags,
        status: exchange.record.status,
        lasted: lasted(exchange),
    };
    let mut seen = None;
    for log in logs.iter().filter(|log| log.wants(summary)) {
        let view = &*seen.get_or_insert_with(|| view(exchange, summary.lasted));
        log.append(&local.outbox, |operator, out| {
            value(operator, exchange, view, out);
        });
    }
}

/// How long the request has lasted; the end is exact, the beginning that of the turn which read the request.
fn lasted(exchange: &Exchange<'_>) -> Duration {
    exchange.record.start.elapsed()
}

/// Appends the value of an operator, or nothing.
fn value(operator: &Operator, exchange: &Exchange<'_>, view: &View<'_>, out: &mut Vec<u8>) {
    let record = &exchange.record;
    match operator {
        Operator::Request(header) => request_header(exchange, header, out),
        Operator::Response(header) => response_header(exchange, header, out),
        Operator::Trailer(_) | Operator::Absent | Operator::VirtualClusterName => {}
        Operator::RequestDuration | Operator::ResponseDuration => {
            let time = record.service_time.unwrap_or(Duration::ZERO);
            milliseconds(time, out);
        }
        Operator::Protocol => text(exchange.request.version.as_str(), out),
        Operator::ResponseCode => decimal(record.status, out),
        Operator::ResponseCodeDetails => text(&record.details, out),
        Operator::RouteName => {
            text(record.route.as_ref().map_or("", |route| &*route.name), out);
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
fn view<'a>(exchange: &'a Exchange<'_>, lasted: Duration) -> View<'a> {
    let (record, downstream) = (&exchange.record, exchange.downstream);
    View {
        facts: &downstream.facts,
        tls: downstream.tls.as_deref(),
        hostname: &downstream.local.hostname,
        lasted,
        wall: worker::wall(record.start),
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

fn request_header(exchange: &Exchange<'_>, header: &HeaderRef, out: &mut Vec<u8>) {
    let request = &exchange.request;
    let find = |source: &HeaderSource| match source {
        HeaderSource::Method => Some(request.method.as_str().as_bytes()),
        HeaderSource::Path => Some(request.path().as_bytes()),
        HeaderSource::Authority => Some(request.authority().as_bytes()),
        HeaderSource::Scheme => Some(request.scheme.as_str().as_bytes()),
        HeaderSource::Status => None,
        HeaderSource::Field(key) => request.fields.get(key),
    };
    let value = find(&header.name).or_else(|| find(header.otherwise.as_ref()?));
    limited(value.unwrap_or_default(), header.limit, out);
}

fn response_header(exchange: &Exchange<'_>, header: &HeaderRef, out: &mut Vec<u8>) {
    let status = StatusCode::from_u16(exchange.record.status).ok();
    let find = |source: &HeaderSource| match source {
        HeaderSource::Status => status.as_ref().map(|status| status.as_str().as_bytes()),
        HeaderSource::Field(key) => exchange.response.fields.get(key),
        HeaderSource::Method
        | HeaderSource::Path
        | HeaderSource::Authority
        | HeaderSource::Scheme => None,
    };
    let value = find(&header.name).or_else(|| find(header.otherwise.as_ref()?));
    limited(value.unwrap_or_default(), header.limit, out);
}

fn limited(value: &[u8], limit: Option<usize>, out: &mut Vec<u8>) {
    match limit {
        None => out.extend_from_slice(value),
        Some(limit) => {
            let value = String::from_utf8_lossy(value);
            let end = value.char_indices().nth(limit).map(|(at, _)| at);
            text(&value[..end.unwrap_or(value.len())], out);
        }
    }
}

fn text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(text.as_bytes());
}
