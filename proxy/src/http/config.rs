//! The HTTP connection manager's configuration. Source: Envoy
//! `extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`.

mod options;
pub(crate) mod proto;

use std::sync::Arc;
use std::time::Duration;

pub use options::*;

use super::filter::Filters;
use super::route::{RouteHandle, RouteTable};
use crate::config::access_log::AccessLogConfig;
use crate::listener::Direction;

/// What a connection manager does with the requests of its connections.
#[derive(Debug)]
pub struct HttpConfig {
    /// Prefix of its statistics.
    pub stat_prefix: Arc<str>,
    /// The side of the workload.
    pub direction: Direction,
    /// Which HTTP version clients speak.
    pub codec: CodecType,
    /// Where routes come from.
    pub routes: RouteSource,
    /// The filters before the router, in order.
    pub filters: Filters,
    /// The `server` header of responses.
    pub server: ServerHeader,
    /// Appended to `via` both ways.
    pub via: Option<Arc<str>>,
    /// What is done to paths before anything looks at them.
    pub paths: PathRules,
    /// All timeouts.
    pub timeouts: HttpTimeouts,
    /// Limits of request heads.
    pub limits: HttpLimits,
    /// Upgrades that are let through.
    pub upgrades: Vec<Upgrade>,
    /// `x-forwarded-client-cert`.
    pub client_cert: ForwardClientCert,
    /// `x-forwarded-for` and who is trusted.
    pub forwarded: ForwardedRules,
    /// `x-request-id`.
    pub request_id: RequestIdRules,
    /// Written for each request.
    pub access_logs: Vec<Arc<AccessLogConfig>>,
    /// HTTP/1 rules.
    pub http1: Http1Options,
    /// HTTP/2 rules.
    pub http2: Http2Options,
    /// Ports in authorities.
    pub strip_port: StripPort,
    /// A trailing dot of the host is removed before routing.
    pub strip_trailing_host_dot: bool,
    /// The scheme that the upstream sees.
    pub scheme: SchemeRules,
}

/// Where the route table comes from.
#[derive(Debug, Clone)]
pub enum RouteSource {
    /// Part of the listener.
    Inline(Arc<RouteTable>),
    /// By name over RDS; the cell is empty until it has come.
    Rds(Arc<RouteHandle>),
}

impl RouteSource {
    /// The table now in force; `None` before RDS has delivered it.
    pub fn current(&self) -> Option<Arc<RouteTable>> {
        match self {
            Self::Inline(table) => Some(Arc::clone(table)),
            Self::Rds(handle) => handle.load(),
        }
    }

    /// Looks into the table now in force, `None` before RDS has delivered it, and does not hold it.
    pub(crate) fn look<T>(&self, look: impl FnOnce(Option<&RouteTable>) -> T) -> T {
        match self {
            Self::Inline(table) => look(Some(table)),
            Self::Rds(handle) => handle.look(look),
        }
    }

    /// The name of the table.
    pub fn name(&self) -> &str {
        match self {
            Self::Inline(table) => &table.name,
            Self::Rds(handle) => handle.name(),
        }
    }
}

/// Timeouts of a connection manager; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpTimeouts {
    /// Connection without requests.
    pub idle: Option<Duration>,
    /// Stream without activity either way.
    pub stream_idle: Option<Duration>,
    /// Request completely received.
    pub request: Option<Duration>,
    /// Request head completely received.
    pub request_headers: Option<Duration>,
    /// Age of a connection.
    pub max_connection_duration: Option<Duration>,
    /// Age of a stream.
    pub max_stream_duration: Option<Duration>,
    /// Between the two GOAWAY frames, or the wait for a last request.
    pub drain: Duration,
    /// Waiting for the client to close after us.
    pub delayed_close: Duration,
}

/// Limits of what a client may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// Size of a request head in bytes.
    pub max_request_headers_bytes: usize,
    /// Fields in a request head.
    pub max_headers: usize,
    /// Requests per connection; `None` is no limit.
    pub max_requests_per_connection: Option<u32>,
    /// What happens to field names with `_`.
    pub underscores: Underscores,
}
