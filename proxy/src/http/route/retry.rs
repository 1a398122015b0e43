//! When a request is tried again. Source: Envoy `config.route.v3.RetryPolicy`.

use std::sync::Arc;
use std::time::Duration;

use crate::matcher::HeaderMatcher;

/// When and how a request is tried again.
#[derive(Debug, Clone)]
pub struct RetryPolicy {
    /// What counts as a reason.
    pub on: RetryOn,
    /// Further attempts after the first.
    pub retries: u32,
    /// Time for each attempt; `None` leaves it to the route's timeout.
    pub per_try_timeout: Option<Duration>,
    /// Time without bytes of the response in each attempt.
    pub per_try_idle_timeout: Option<Duration>,
    /// Statuses for `retriable-status-codes`.
    pub statuses: Vec<u16>,
    /// Response headers for `retriable-headers`.
    pub response_headers: Vec<HeaderMatcher>,
    /// The request must match one of these; none matches all.
    pub request_headers: Vec<HeaderMatcher>,
    /// First pause before a further attempt; doubles with each.
    pub base_interval: Duration,
    /// Longest pause.
    pub max_interval: Duration,
    /// Endpoints that were tried are avoided.
    pub avoid_previous_hosts: bool,
    /// Draws of an endpoint before one that was tried is accepted after all.
    pub host_selection_attempts: u32,
}

/// Reasons for another attempt, as a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct RetryOn(u32);

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $bit:literal, $token:literal;)+) => {
        impl RetryOn {
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)+

            /// The reason that Envoy names by this token.
            pub fn token(token: &str) -> Option<Self> {
                match token {
                    $($token => Some(Self::$name),)+
                    _ => None,
                }
            }

            /// The tokens of the set.
            pub fn tokens(self) -> impl Iterator<Item = &'static str> {
                [$((Self::$name, $token)),+].into_iter().filter(move |(one, _)| self.contains(*one)).map(|(_, token)| token)
            }
        }
    };
}

reasons! {
    /// Any 5xx, a reset, a timeout.
    SERVER_ERROR = 0, "5xx";
    /// 502, 503, 504.
    GATEWAY_ERROR = 1, "gateway-error";
    /// The upstream ended the stream or connection.
    RESET = 2, "reset";
    /// … before the request was sent.
    RESET_BEFORE_REQUEST = 3, "reset-before-request";
    /// No connection.
    CONNECT_FAILURE = 4, "connect-failure";
    /// `x-envoy-ratelimited` is there.
    ENVOY_RATELIMITED = 5, "envoy-ratelimited";
    /// 409.
    RETRIABLE_4XX = 6, "retriable-4xx";
    /// REFUSED_STREAM.
    REFUSED_STREAM = 7, "refused-stream";
    /// The configured statuses.
    RETRIABLE_STATUS_CODES = 8, "retriable-status-codes";
    /// The configured response headers.
    RETRIABLE_HEADERS = 9, "retriable-headers";
    /// HTTP/3 only; never arises here.
    HTTP3_POST_CONNECT_FAILURE = 10, "http3-post-connect-failure";
    /// gRPC status 1.
    GRPC_CANCELLED = 11, "cancelled";
    /// gRPC status 4.
    GRPC_DEADLINE_EXCEEDED = 12, "deadline-exceeded";
    /// gRPC status 8.
    GRPC_RESOURCE_EXHAUSTED = 13, "resource-exhausted";
    /// gRPC status 14.
    GRPC_UNAVAILABLE = 14, "unavailable";
    /// gRPC status 13.
    GRPC_INTERNAL = 15, "internal";
}

impl RetryOn {
    /// Adds a reason.
    pub fn insert(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether all of `other` is in the set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether the set is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Reads a comma list, as in configuration and in `x-envoy-retry-on`; the second part holds what is unknown.
    pub fn parse(list: &str) -> (Self, Vec<Arc<str>>) {
        let mut on = Self::default();
        let mut unknown = Vec::new();
        for token in list
            .split(',')
            .map(str::trim)
            .filter(|token| !token.is_empty())
        {
            match Self::token(token) {
                Some(reason) => on.insert(reason),
                None => unknown.push(token.into()),
            }
        }
        (on, unknown)
    }
}
