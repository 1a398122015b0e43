//! Time limits of a forwarded request.

use std::time::{Duration, Instant};

use crate::http::connection::Exchange;
use crate::http::head::{Fields, KnownName};
use crate::http::route::{Forward, IdleTimeout};

/// The limits that apply to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeouts {
    /// From the end of the request to the end of the response, attempts included.
    pub(crate) total: Option<Duration>,
    pub(crate) per_try: Option<Duration>,
    /// Without a byte either way.
    pub(crate) idle: Option<Duration>,
    /// The end of the stream, whatever happens.
    pub(crate) end: Option<Instant>,
}

impl Timeouts {
    pub(crate) fn of(exchange: &Exchange<'_>, to: &Forward) -> Self {
        let limits = &to.timeouts;
        let manager = &exchange.downstream.site.config.timeouts;
        let fields = &exchange.request.fields;
        let stream = limits.max_stream.or(manager.max_stream_duration);
        let grpc = limits
            .grpc_header_max
            .and_then(|most| grpc_limit(fields, most, limits.grpc_header_offset));
        let total =
            milliseconds(fields, KnownName::XEnvoyUpstreamRqTimeoutMs).unwrap_or(limits.total);
        let per_try = to.retry.as_ref().and_then(|retry| retry.per_try_timeout);
        let per_try =
            milliseconds(fields, KnownName::XEnvoyUpstreamRqPerTryTimeoutMs).unwrap_or(per_try);
        let idle = match limits.idle {
            IdleTimeout::Inherit => manager.stream_idle,
            IdleTimeout::Disabled => None,
            IdleTimeout::After(limit) => Some(limit),
        };
        let end = match (stream, grpc) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (one, other) => one.or(other),
        };
        Self {
            total,
            // One attempt cannot take longer than all.
            per_try: per_try.filter(|per_try| total.is_none_or(|total| *per_try < total)),
            idle,
            end: end.map(|limit| exchange.record.start + limit),
        }
    }

    /// Tells the upstream how long the caller is going to wait.
    pub(crate) fn announce(&self, fields: &mut Fields) {
        fields.remove_known(KnownName::XEnvoyUpstreamRqTimeoutMs);
        fields.remove_known(KnownName::XEnvoyUpstreamRqPerTryTimeoutMs);
        if let Some(limit) = self.per_try.or(self.total) {
            let limit = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
            fields.set_number(KnownName::XEnvoyExpectedRqTimeoutMs, limit);
        }
    }
}

/// The limit that a caller inside the mesh sets; 0 is none.
fn milliseconds(fields: &Fields, name: KnownName) -> Option<Option<Duration>> {
    let number: u64 = fields.get_str(name)?.parse().ok()?;
    Some((number > 0).then(|| Duration::from_millis(number)))
}

fn grpc_limit(
    fields: &Fields,
    most: Option<Duration>,
    offset: Option<Duration>,
) -> Option<Duration> {
    let asked = grpc_timeout(fields.get_known(KnownName::GrpcTimeout)?)?;
    let asked = match offset {
        Some(offset) if asked > offset => asked - offset,
        Some(_) | None => asked,
    };
    Some(
        most.filter(|most| !most.is_zero())
            .map_or(asked, |most| asked.min(most)),
    )
}

/// `grpc-timeout` (gRPC over HTTP/2, "Requests"): up to eight digits and a unit.
fn grpc_timeout(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    match unit {
        b'H' => Some(Duration::from_secs(number * 3_600)),
        b'M' => Some(Duration::from_secs(number * 60)),
        b'S' => Some(Duration::from_secs(number)),
        b'm' => Some(Duration::from_millis(number)),
        b'u' => Some(Duration::from_micros(number)),
        b'n' => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_grpc_timeouts() {
        for (text, expected) in [
            ("1H", Some(Duration::from_secs(3_600))),
            ("250m", Some(Duration::from_millis(250))),
            ("99999999S", Some(Duration::from_secs(99_999_999))),
            ("1", None),
            ("S", None),
            ("123456789m", None),
            ("-1S", None),
        ] {
            assert_eq!(grpc_timeout(text.as_bytes()), expected, "{text}");
        }
    }
}
