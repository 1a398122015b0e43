//! How an attempt fails, what that tells the client, and what it says of the endpoint.

use ::http::StatusCode;

use super::Plan;
use super::timeouts::Limit;
use crate::cluster::outlier::Outcome;
use crate::cluster::pool::AcquireError;
use crate::http::codec::h1::connection::ReadError;
use crate::http::codec::leg::LegError;
use crate::http::connection::Exchange;
use crate::http::handle::Stop;
use crate::http::local_reply::LocalReply;
use crate::telemetry::access_log::ResponseFlags;

/// How an attempt failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// No endpoint can be used.
    NoHost,
    /// A circuit breaker is open.
    Overflow,
    /// No connection; nothing was delivered.
    Connect(String),
    /// The upstream refused the stream unprocessed (RFC 9113 section 8.7).
    Refused,
    /// The upstream was about to close the connection, and left the stream unprocessed (RFC 9113 section 6.8).
    GoneAway,
    /// The upstream reset the stream.
    Reset { sent: Sent },
    /// The upstream closed the connection.
    Terminated { sent: Sent, reused: bool },
    /// The upstream broke the protocol.
    Protocol(String),
    /// A time limit was reached.
    TimedOut(Limit),
    /// The client is gone.
    Gone,
    /// The client's body is malformed.
    BadRequestBody(String),
}

/// Whether the upstream may have seen the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// Not a byte has left.
    Nothing,
    /// It may.
    Perhaps,
}

impl Failure {
    /// What the client gets; `complete`: its request came whole.
    pub(super) fn stop(self, exchange: &mut Exchange<'_>, complete: bool) -> Stop {
        match self {
            Self::Gone => gone(exchange),
            Self::BadRequestBody(details) => {
                let reply = LocalReply::new(StatusCode::BAD_REQUEST, "", details);
                reply.flag(ResponseFlags::DOWNSTREAM_PROTOCOL_ERROR).into()
            }
            Self::NoHost => LocalReply::no_healthy_upstream().into(),
            Self::Overflow => LocalReply::overflow().into(),
            Self::Connect(text) => {
                exchange.record.upstream_failure = Some(text.clone());
                let flag = ResponseFlags::UPSTREAM_CONNECTION_FAILURE;
                LocalReply::upstream_reset("connection failure", flag, Some(&text)).into()
            }
            Self::Terminated { .. } => {
                let flag = ResponseFlags::UPSTREAM_CONNECTION_TERMINATION;
                LocalReply::upstream_reset("connection termination", flag, None).into()
            }
            Self::Reset { .. } | Self::Refused | Self::GoneAway => {
                let flag = ResponseFlags::UPSTREAM_REMOTE_RESET;
                LocalReply::upstream_reset("remote reset", flag, None).into()
            }
            Self::Protocol(text) => LocalReply::upstream_protocol_error(text).into(),
            Self::TimedOut(limit) => limit.reply(complete).into(),
        }
    }

    /// What it says of the endpoint, if it says anything.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        match self {
            // Not the endpoint's fault.
            Self::Gone | Self::BadRequestBody(_) | Self::NoHost | Self::Overflow => None,
            Self::TimedOut(Limit::Duration | Limit::Idle) => None,
            Self::Connect(_)
            | Self::Refused
            | Self::GoneAway
            | Self::Reset { .. }
            | Self::Terminated { .. }
            | Self::Protocol(_)
            | Self::TimedOut(Limit::Total | Limit::Try | Limit::TryIdle | Limit::Upstream) => {
                Some(Outcome::LocalFailure)
            }
        }
    }

    /// Counts who ended a request that was under way.
    pub(super) fn count(&self, exchange: &Exchange<'_>, plan: &Plan<'_>) {
        let stats = &plan.cluster.stats;
        let counter = match self {
            Self::NoHost | Self::Overflow | Self::Connect(_) => return,
            Self::Refused | Self::GoneAway | Self::Reset { .. } | Self::Terminated { .. } => {
                stats.upstream_rq_rx_reset
            }
            Self::Protocol(_) | Self::TimedOut(_) | Self::Gone | Self::BadRequestBody(_) => {
                stats.upstream_rq_tx_reset
            }
        };
        counter.increment(&exchange.downstream.local.shard);
    }
}

/// Notes that the client went before it had its response.
pub(crate) fn gone(exchange: &mut Exchange<'_>) -> Stop {
    exchange
        .record
        .flags
        .insert(ResponseFlags::DOWNSTREAM_CONNECTION_TERMINATION);
    exchange.record.details = "downstream_remote_disconnect".into();
    Stop::Broken
}

/// What it means that there is no connection.
impl From<AcquireError> for Failure {
    fn from(error: AcquireError) -> Self {
        match error {
            AcquireError::Overflow(_) => Self::Overflow,
            AcquireError::Connect(error) => Self::Connect(error.failure.to_string()),
            AcquireError::Http2(error) => Self::Connect(error.to_string()),
        }
    }
}

/// What an error of the client's leg means.
pub(super) fn of_client(error: LegError) -> Failure {
    match error {
        LegError::Read(ReadError::Chunk(invalid)) => Failure::BadRequestBody(invalid.to_string()),
        LegError::Read(_) | LegError::Write(_) | LegError::Http2(_) => Failure::Gone,
    }
}

/// What an error of the upstream's leg means.
pub(super) fn of_upstream(error: LegError, sent: Sent, reused: bool) -> Failure {
    match error {
        LegError::Read(ReadError::Head(invalid)) => Failure::Protocol(invalid.to_string()),
        LegError::Read(ReadError::Chunk(invalid)) => Failure::Protocol(invalid.to_string()),
        LegError::Read(ReadError::Io(_) | ReadError::Truncated) | LegError::Write(_) => {
            Failure::Terminated { sent, reused }
        }
        // The two cases in which the peer says that it has not looked at the request.
        LegError::Http2(error) if error.reason() == Some(h2::Reason::REFUSED_STREAM) => {
            Failure::Refused
        }
        LegError::Http2(error)
            if error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR) =>
        {
            Failure::GoneAway
        }
        LegError::Http2(error) if error.is_io() || error.is_go_away() => {
            Failure::Terminated { sent, reused }
        }
        LegError::Http2(_) => Failure::Reset { sent },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_or_a_late_client_says_nothing_of_the_endpoint() {
        let late = Some(Outcome::LocalFailure);
        for (limit, outcome) in [
            (Limit::Idle, None),
            (Limit::Duration, None),
            (Limit::Total, late),
            (Limit::Try, late),
            (Limit::TryIdle, late),
            (Limit::Upstream, late),
        ] {
            assert_eq!(Failure::TimedOut(limit).outcome(), outcome, "{limit:?}");
        }
    }
}
