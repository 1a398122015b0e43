//! A limit that was reached: what the client is told, what is logged and counted.

use ::http::StatusCode;

use crate::http::connection::Exchange;
use crate::http::forward::Plan;
use crate::http::local_reply::LocalReply;
use crate::telemetry::access_log::ResponseFlags;

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

impl Limit {
    /// The answer to a client that has none yet; `complete`: its request came whole.
    pub(in crate::http::forward) fn reply(self, complete: bool) -> LocalReply {
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
    pub(in crate::http::forward) fn details(self) -> &'static str {
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
    pub(in crate::http::forward) fn flag(self) -> ResponseFlags {
        match self {
            Self::Total | Self::Try | Self::TryIdle => ResponseFlags::UPSTREAM_REQUEST_TIMEOUT,
            Self::Duration => ResponseFlags::default(),
            Self::Upstream => ResponseFlags::UPSTREAM_MAX_STREAM_DURATION_REACHED,
            Self::Idle => ResponseFlags::STREAM_IDLE_TIMEOUT,
        }
    }

    /// Counts it.
    pub(in crate::http::forward) fn count(self, exchange: &Exchange<'_>, plan: &Plan<'_>) {
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
