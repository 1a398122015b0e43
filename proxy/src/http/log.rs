//! What the command operators of a format say about one request.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use super::connection::Exchange;
use super::head::Fields;
use crate::config::access_log::{AccessLogFilter, Comparison};
use crate::telemetry::access_log::format::{Format, HeaderRef, HeaderSource, Operator};
use crate::telemetry::access_log::line;
use crate::telemetry::access_log::time;

/// Appends `format`, filled in.
pub(crate) fn write(format: &Format, exchange: &Exchange<'_>, out: &mut String) {
    line::write_text(format, out, &|operator, out| value(operator, exchange, out));
}

/// Writes the lines that the connection manager's access logs want of a request that is over.
pub(crate) fn record(exchange: &Exchange<'_>) {
    let (local, site) = (&exchange.downstream.local, &exchange.downstream.site);
    for log in &site.logs {
        if passes(&log.config.filter, exchange) {
            let fill = |operator: &Operator, out: &mut String| value(operator, exchange, out);
            local
                .outbox
                .append(&log.config.sink, |out| log.line.write(out, &fill));
        }
    }
}

fn passes(filter: &AccessLogFilter, exchange: &Exchange<'_>) -> bool {
    let record = &exchange.record;
    match filter {
        AccessLogFilter::All | AccessLogFilter::NotHealthCheck => true,
        AccessLogFilter::ResponseFlags(wanted) if wanted.is_empty() => !record.flags.is_empty(),
        AccessLogFilter::ResponseFlags(wanted) => {
            let flags = record.flags.to_string();
            flags
                .split(',')
                .any(|flag| wanted.iter().any(|wanted| wanted == flag))
        }
        AccessLogFilter::Status(comparison, limit) => {
            compare(*comparison, u128::from(record.status), *limit)
        }
        AccessLogFilter::DurationMs(comparison, limit) => {
            compare(*comparison, record.start.elapsed().as_millis(), *limit)
        }
        AccessLogFilter::And(all) => all.iter().all(|filter| passes(filter, exchange)),
        AccessLogFilter::Or(any) => any.iter().any(|filter| passes(filter, exchange)),
    }
}

fn compare(comparison: Comparison, value: u128, limit: u32) -> bool {
    match comparison {
        Comparison::Equal => value == u128::from(limit),
        Comparison::Different => value != u128::from(limit),
        Comparison::AtLeast => value >= u128::from(limit),
        Comparison::AtMost => value <= u128::from(limit),
    }
}

/// Appends the value of an operator, or nothing.
pub(crate) fn value(operator: &Operator, exchange: &Exchange<'_>, out: &mut String) {
    let (record, downstream) = (&exchange.record, exchange.downstream);
    let facts = &downstream.facts;
    let tls = downstream.tls.as_deref();
    let peer = downstream.peer();
    match operator {
        Operator::Request(header) => request_header(exchange, header, out),
        Operator::Response(header) => response_header(exchange, header, out),
        Operator::Trailer(_) | Operator::Absent | Operator::VirtualClusterName => {}
        Operator::ConnectionTerminationDetails => {}
        Operator::StartTime(format) => {
            let since = record.wall.duration_since(UNIX_EPOCH).unwrap_or_default();
            time::write(since, format.as_deref(), out);
        }
        Operator::Environment(value) => out.push_str(value),
        Operator::Duration => number(record.start.elapsed().as_millis(), out),
        Operator::RequestDuration | Operator::ResponseDuration => {
            number(
                record.service_time.unwrap_or(Duration::ZERO).as_millis(),
                out,
            );
        }
        Operator::BytesReceived => number(u128::from(record.bytes_received), out),
        Operator::BytesSent => number(u128::from(record.bytes_sent), out),
        Operator::Protocol => out.push_str(exchange.request.version.as_str()),
        Operator::ResponseCode => number(u128::from(record.status), out),
        Operator::ResponseCodeDetails => out.push_str(&record.details),
        Operator::ResponseFlags => display(record.flags, out),
        Operator::UpstreamRemoteAddress => {
            address(record.upstream.as_ref().and_then(|facts| facts.remote), out);
        }
        Operator::UpstreamHost => {
            if let Some(endpoint) = &record.endpoint {
                display(&endpoint.facts.address, out);
            }
        }
        Operator::UpstreamLocalAddress => {
            address(record.upstream.as_ref().and_then(|facts| facts.local), out)
        }
        Operator::UpstreamCluster => {
            if let Some(pool) = &record.cluster {
                out.push_str(&pool.cluster.config.stat_name);
            }
        }
        Operator::UpstreamClusterRaw => {
            if let Some(pool) = &record.cluster {
                out.push_str(&pool.cluster.config.name);
            }
        }
        Operator::UpstreamTransportFailureReason => {
            out.push_str(record.upstream_failure.as_deref().unwrap_or_default())
        }
        Operator::UpstreamRequestAttemptCount => number(u128::from(record.attempts), out),
        Operator::DownstreamLocalAddress => display(facts.destination, out),
        Operator::DownstreamLocalAddressWithoutPort => display(facts.destination.ip(), out),
        Operator::DownstreamLocalPort => display(facts.destination.port(), out),
        Operator::DownstreamRemoteAddress => display(facts.source, out),
        Operator::DownstreamRemoteAddressWithoutPort => display(facts.source.ip(), out),
        Operator::DownstreamRemotePort => display(facts.source.port(), out),
        Operator::DownstreamDirectRemoteAddress => display(facts.direct_source, out),
        Operator::DownstreamDirectRemoteAddressWithoutPort => {
            display(facts.direct_source.ip(), out)
        }
        Operator::DownstreamPeerUriSan => {
            list(peer.into_iter().flat_map(|peer| peer.uri_names()), out)
        }
        Operator::DownstreamPeerDnsSan => {
            list(peer.into_iter().flat_map(|peer| peer.dns_names()), out)
        }
        Operator::DownstreamPeerSubject => {
            out.push_str(peer.map(|peer| peer.subject()).unwrap_or_default())
        }
        Operator::DownstreamPeerFingerprint => {
            out.push_str(peer.map(|peer| peer.hash()).unwrap_or_default())
        }
        Operator::DownstreamPeerCert => {
            out.push_str(peer.map(|peer| peer.url_encoded_pem()).unwrap_or_default())
        }
        Operator::DownstreamTlsVersion => {
            out.push_str(tls.map(|tls| tls.version).unwrap_or_default())
        }
        Operator::DownstreamTlsCipher => {
            out.push_str(tls.map(|tls| tls.cipher).unwrap_or_default())
        }
        Operator::UpstreamPeerUriSan => {
            let upstream = record
                .upstream
                .as_ref()
                .and_then(|facts| facts.tls.as_ref()?.peer.as_ref());
            list(upstream.into_iter().flat_map(|peer| peer.uri_names()), out);
        }
        Operator::RequestedServerName => {
            let seen = facts.server_name.as_deref();
            out.push_str(seen.or_else(|| tls?.sni.as_deref()).unwrap_or_default());
        }
        Operator::RouteName => out.push_str(
            record
                .route
                .as_ref()
                .map(|route| &*route.name)
                .unwrap_or_default(),
        ),
        Operator::GrpcStatus | Operator::GrpcStatusNumber => {
            if let Some(status) = record.grpc_status {
                display(status, out);
            }
        }
        Operator::Hostname => out.push_str(&downstream.local.hostname),
    }
}

fn display(value: impl std::fmt::Display, out: &mut String) {
    // Writing to a string cannot fail.
    let _ = write!(out, "{value}");
}

fn number(value: u128, out: &mut String) {
    display(value, out);
}

fn address(address: Option<SocketAddr>, out: &mut String) {
    if let Some(address) = address {
        display(address, out);
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>, out: &mut String) {
    for (at, name) in names.enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push_str(name);
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
    fields.get(key).map(String::from_utf8_lossy)
}

fn limited(value: Option<std::borrow::Cow<'_, str>>, limit: Option<usize>, out: &mut String) {
    out.extend(
        value
            .unwrap_or_default()
            .chars()
            .take(limit.unwrap_or(usize::MAX)),
    );
}
