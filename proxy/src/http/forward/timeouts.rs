//! Time limits of a forwarded request.
//!
//! The route's timeout counts from the end of the request, as Envoy's does: the time of an upload is the client's. While
//! a request that is not complete waits for a connection, nothing of it is read, so that its clock runs then.

mod limit;

use std::time::{Duration, Instant};

pub(crate) use self::limit::Limit;
use crate::http::connection::Exchange;
use crate::http::head::{Fields, KnownName};
use crate::http::route::{Forward, GrpcTimeout, IdleTimeout};

/// The limits that apply to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeouts {
    /// From the end of the request to the end of the response, attempts included.
    pub(crate) total: Option<Duration>,
    pub(crate) per_try: Option<Duration>,
    /// Without a byte either way, in one attempt.
    pub(crate) per_try_idle: Option<Duration>,
    /// Without a byte either way.
    pub(crate) idle: Option<Duration>,
    /// The end of the stream, whatever happens.
    pub(crate) end: Option<Instant>,
    /// From the begin of an attempt to the end of its response, as the cluster says.
    pub(crate) upstream: Option<Duration>,
}

/// The times that limits count from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Since {
    /// The client's request was complete.
    pub(super) complete: Option<Instant>,
    /// The attempt got its connection.
    pub(super) begun: Option<Instant>,
    /// A byte moved.
    pub(super) moved: Instant,
}

impl Timeouts {
    pub(crate) fn of(exchange: &Exchange<'_>, to: &Forward) -> Self {
        let limits = &to.timeouts;
        let manager = &exchange.downstream.site.config.timeouts;
        let fields = &exchange.request.fields;
        let asked = fields
            .get_known(KnownName::GrpcTimeout)
            .and_then(grpc_timeout);
        let stream = match asked.zip(limits.grpc_stream) {
            Some((asked, limit)) => Some(stream_limit(asked, limit)),
            None => limits.max_stream.or(manager.max_stream_duration),
        };
        let total = match limits.grpc_total {
            Some(limit) if exchange.request.is_grpc() => {
                total_limit(asked.unwrap_or_default(), limit)
            }
            Some(_) | None => limits.total,
        };
        let total = milliseconds(fields, KnownName::XEnvoyUpstreamRqTimeoutMs).unwrap_or(total);
        let per_try = to.retry.as_ref().and_then(|retry| retry.per_try_timeout);
        let per_try =
            milliseconds(fields, KnownName::XEnvoyUpstreamRqPerTryTimeoutMs).unwrap_or(per_try);
        let idle = match limits.idle {
            IdleTimeout::Inherit => manager.stream_idle,
            IdleTimeout::Disabled => None,
            IdleTimeout::After(limit) => Some(limit),
        };
        let start = exchange.record.start;
        let upstream = exchange.record.cluster.as_ref();
        Self {
            total,
            // One attempt cannot take longer than all.
            per_try: per_try.filter(|per_try| total.is_none_or(|total| *per_try < total)),
            per_try_idle: to
                .retry
                .as_ref()
                .and_then(|retry| retry.per_try_idle_timeout),
            idle,
            end: stream.map(|limit| start + limit),
            upstream: upstream.and_then(|pool| pool.cluster.config.connections.max_stream_duration),
        }
    }

    /// The end of all attempts, pauses included.
    pub(super) fn over(&self, complete: Option<Instant>) -> Option<(Instant, Limit)> {
        let total = First::default().or_after(complete, self.total, Limit::Total);
        total.or_at(self.end, Limit::Duration).0
    }

    /// The first limit of an attempt that waits for its response.
    pub(super) fn of_attempt(&self, since: Since) -> Option<(Instant, Limit)> {
        let tried = since.begun.zip(since.complete).map(|(a, b)| a.max(b));
        let first = First(self.of_response(since));
        first.or_after(tried, self.per_try, Limit::Try).0
    }

    /// The first limit of a response under way.
    pub(super) fn of_response(&self, since: Since) -> Option<(Instant, Limit)> {
        let moved = since.begun.map(|_| since.moved);
        First(self.over(since.complete))
            .or_after(moved, self.per_try_idle, Limit::TryIdle)
            .or_after(since.begun, self.upstream, Limit::Upstream)
            .or_after(Some(since.moved), self.idle, Limit::Idle)
            .0
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

/// The first of several limits; of two at the same time the one named first.
#[derive(Clone, Copy, Default)]
struct First(Option<(Instant, Limit)>);

impl First {
    fn or_after(self, since: Option<Instant>, time: Option<Duration>, limit: Limit) -> Self {
        match (since, time) {
            (Some(since), Some(time)) => self.or_at(Some(since + time), limit),
            (None, _) | (_, None) => self,
        }
    }

    fn or_at(self, at: Option<Instant>, limit: Limit) -> Self {
        match (self.0, at) {
            (Some((first, _)), Some(at)) if first <= at => self,
            (_, Some(at)) => Self(Some((at, limit))),
            (_, None) => self,
        }
    }
}

/// The limit that a caller inside the mesh sets; 0 is none.
fn milliseconds(fields: &Fields, name: KnownName) -> Option<Option<Duration>> {
    let number: u64 = fields.get_str(name)?.parse().ok()?;
    Some((number > 0).then(|| Duration::from_millis(number)))
}

/// The life of a stream that was `asked` for: first the bound, then the offset.
fn stream_limit(asked: Duration, limit: GrpcTimeout) -> Duration {
    let bounded = limit.most.map_or(asked, |most| asked.min(most));
    bounded.saturating_sub(limit.offset)
}

/// The route's timeout as it was `asked` for; zero is none. First the offset, unless nothing would be left, then the
/// bound.
fn total_limit(asked: Duration, limit: GrpcTimeout) -> Option<Duration> {
    let less = if asked > limit.offset {
        asked - limit.offset
    } else {
        asked
    };
    [Some(less).filter(|less| !less.is_zero()), limit.most]
        .into_iter()
        .flatten()
        .min()
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
mod tests;
