//! Time limits of a forwarded request.
//!
//! The route's timeout counts from the end of the request, as Envoy's does: the time of an upload is the client's. While
//! a request that is not complete waits for a connection, nothing of it is read, so that its clock runs then.

use std::time::{Duration, Instant};

use ::http::StatusCode;

use super::Plan;
use crate::http::connection::Exchange;
use crate::http::head::{Fields, KnownName};
use crate::http::local_reply::LocalReply;
use crate::http::route::{Forward, GrpcTimeout, IdleTimeout};
use crate::telemetry::access_log::ResponseFlags;

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

/// A limit that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// The route's timeout.
    Total,
    /// The longest life of a stream.
    Duration,
    /// The time of one attempt.
    Try,
    /// The time without a byte in one attempt.
    TryIdle,
    /// The cluster's longest life of a stream.
    Upstream,
    /// The time without a byte.
    Idle,
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

impl Limit {
    /// The answer to a client that has none yet; `complete`: its request came whole.
    pub(super) fn reply(self, complete: bool) -> LocalReply {
        let late = if complete {
            StatusCode::GATEWAY_TIMEOUT
        } else {
            StatusCode::REQUEST_TIMEOUT
        };
        let (status, body) = match self {
            Self::Total | Self::Try | Self::TryIdle => {
                (StatusCode::GATEWAY_TIMEOUT, "upstream request timeout")
            }
            Self::Duration => (late, "downstream duration timeout"),
            Self::Upstream => (late, "upstream max stream duration reached"),
            Self::Idle => (late, "stream timeout"),
        };
        let mut reply = LocalReply::new(status, body, self.details()).flag(self.flag());
        if self == Self::Duration {
            // DEADLINE_EXCEEDED.
            reply.grpc_status = Some(4);
        }
        reply
    }

    /// `%RESPONSE_CODE_DETAILS%`.
    pub(super) fn details(self) -> &'static str {
        match self {
            Self::Total => "response_timeout",
            Self::Duration => "max_duration_timeout",
            Self::Try => "upstream_per_try_timeout",
            Self::TryIdle => "upstream_per_try_idle_timeout",
            Self::Upstream => "upstream_max_stream_duration_reached",
            Self::Idle => "stream_idle_timeout",
        }
    }

    /// What the access log says.
    pub(super) fn flag(self) -> ResponseFlags {
        match self {
            Self::Total | Self::Try | Self::TryIdle => ResponseFlags::UPSTREAM_REQUEST_TIMEOUT,
            Self::Duration => ResponseFlags::default(),
            Self::Upstream => ResponseFlags::UPSTREAM_MAX_STREAM_DURATION_REACHED,
            Self::Idle => ResponseFlags::STREAM_IDLE_TIMEOUT,
        }
    }

    /// Counts it.
    pub(super) fn count(self, exchange: &Exchange<'_>, plan: &Plan<'_>) {
        let stats = &plan.cluster.stats;
        let counter = match self {
            Self::Total => stats.upstream_rq_timeout,
            Self::Try => stats.upstream_rq_per_try_timeout,
            Self::TryIdle => stats.upstream_rq_per_try_idle_timeout,
            Self::Upstream => stats.upstream_rq_max_duration_reached,
            Self::Duration | Self::Idle => return,
        };
        counter.increment(&exchange.downstream.local.shard);
    }
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
mod tests {
    use super::*;

    fn timeouts() -> Timeouts {
        Timeouts {
            total: Some(Duration::from_secs(10)),
            per_try: Some(Duration::from_secs(2)),
            per_try_idle: None,
            idle: Some(Duration::from_secs(300)),
            end: None,
            upstream: None,
        }
    }

    #[test]
    fn the_routes_clock_starts_with_the_end_of_the_request_and_that_of_an_attempt_with_the_later_of_both()
     {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let since = |complete, begun| Since {
            complete,
            begun,
            moved: start,
        };
        for (since, expected) in [
            (since(None, Some(start)), (after(300), Limit::Idle)),
            (since(Some(after(60)), Some(start)), (after(62), Limit::Try)),
            (
                since(Some(after(60)), Some(after(65))),
                (after(67), Limit::Try),
            ),
            (
                since(Some(after(60)), Some(after(69))),
                (after(70), Limit::Total),
            ),
            (since(Some(after(60)), None), (after(70), Limit::Total)),
        ] {
            assert_eq!(timeouts().of_attempt(since), Some(expected), "{since:?}");
        }
    }

    #[test]
    fn an_attempt_without_a_byte_ends_before_the_stream_does() {
        let start = Instant::now();
        let timeouts = Timeouts {
            per_try_idle: Some(Duration::from_secs(1)),
            ..timeouts()
        };
        let since = Since {
            complete: Some(start),
            begun: Some(start),
            moved: start,
        };
        let first = Some((start + Duration::from_secs(1), Limit::TryIdle));
        assert_eq!(timeouts.of_attempt(since), first);
        assert_eq!(timeouts.of_response(since), first);
    }

    #[test]
    fn a_limit_answers_408_while_the_request_is_incomplete_and_504_later() {
        for limit in [Limit::Idle, Limit::Duration, Limit::Upstream] {
            assert_eq!(limit.reply(false).status, StatusCode::REQUEST_TIMEOUT);
            assert_eq!(limit.reply(true).status, StatusCode::GATEWAY_TIMEOUT);
        }
        assert_eq!(
            Limit::Total.reply(false).status,
            StatusCode::GATEWAY_TIMEOUT
        );
    }

    #[test]
    fn what_a_grpc_client_asks_for_is_bounded_and_shortened() {
        let seconds = Duration::from_secs;
        for (asked, most, offset, stream, total) in [
            (10, None, 0, 10, Some(10)),
            (10, Some(4), 1, 3, Some(4)),
            (10, Some(4), 8, 0, Some(2)),
            (10, None, 10, 0, Some(10)),
            (0, None, 1, 0, None),
            (0, Some(4), 1, 0, Some(4)),
        ] {
            let limit = GrpcTimeout {
                most: most.map(seconds),
                offset: seconds(offset),
            };
            let given = (seconds(asked), limit);
            assert_eq!(stream_limit(given.0, limit), seconds(stream), "{given:?}");
            assert_eq!(total_limit(given.0, limit), total.map(seconds), "{given:?}");
        }
    }

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
