//! Routes: which virtual host and route serve a request, and what the route says to do.
//!
//! This module owns the validated route table, its store, and the pure decisions over it. It knows no connections.

pub mod action;
pub mod hash;
pub mod headers;
pub mod matching;
pub(crate) mod proto;
pub mod retry;
pub mod rewrite;
pub mod store;
pub mod table;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

pub(crate) use proto::{Sliced, Slices};

pub use action::{
    Action, ClusterChoice, ClusterPick, DirectResponse, Forward, NoCluster, Redirect,
    WeightedCluster,
};
pub use hash::{CookieHash, HashInput, HashPolicy};
pub use headers::{Append, HeaderEdits, HeaderValueEdit};
pub use matching::{Fraction, PathMatch, RequestFacts, RouteMatch};
pub use retry::{RetryOn, RetryPolicy};
pub use rewrite::{HostRewrite, PathRewrite};
pub use store::{RouteHandle, Routes};
pub use table::{NoRoute, RouteDecision};

use crate::config::not_honoured::NotHonoured;
use crate::config::origin::Origin;
use crate::http::filter::PerFilter;

/// A valid route table. Source: Envoy `config.route.v3.RouteConfiguration`.
#[derive(Debug)]
pub struct RouteTable {
    /// The name that RDS and `/config_dump` use.
    pub name: Arc<str>,
    /// The virtual hosts in order.
    pub virtual_hosts: Vec<Arc<VirtualHost>>,
    pub(crate) index: Arc<table::HostIndex>,
    /// A port in the authority does not count when the virtual host is looked for.
    pub ignore_port: bool,
    /// The object behind it.
    pub origin: Origin,
    /// Fields without effect.
    pub not_honoured: Vec<NotHonoured>,
    /// Where the virtual hosts lie in `raw`, for the next version of this table.
    pub(crate) slices: Slices,
    /// The encoded message as it came, for `/config_dump`.
    pub raw: Bytes,
}

/// The routes of a set of hosts.
#[derive(Debug)]
pub struct VirtualHost {
    /// Its name.
    pub name: Arc<str>,
    /// Authorities, as configured, lower case.
    pub domains: Vec<Arc<str>>,
    /// Routes; the first that matches wins.
    pub routes: Vec<Arc<Route>>,
    /// Requests without TLS are redirected to `https`.
    pub require_tls: RequireTls,
    /// The upstream learns the number of the attempt.
    pub attempt_count_in_request: bool,
    /// The client learns the number of attempts.
    pub attempt_count_in_response: bool,
    /// What filters do here.
    pub per_filter: PerFilter,
    /// The object behind it.
    pub origin: Origin,
    /// Fields without effect.
    pub not_honoured: Box<[NotHonoured]>,
}

/// Which requests must come over TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RequireTls {
    /// None.
    #[default]
    None,
    /// External ones.
    ExternalOnly,
    /// All.
    All,
}

/// One rule of a virtual host.
#[derive(Debug)]
pub struct Route {
    /// Its name; may be empty.
    pub name: Arc<str>,
    /// When it applies.
    pub matching: RouteMatch,
    /// What it does.
    pub action: Action,
    /// Edits of the request in the order of their application: route, virtual host, table.
    pub request_headers: HeaderEdits,
    /// Edits of the response in the order of their application.
    pub response_headers: HeaderEdits,
    /// What filters do here.
    pub per_filter: PerFilter,
    /// Prefix of statistics of its own.
    pub stat_prefix: Option<Arc<str>>,
    /// Bytes of a body that may be kept for a retry; `None` is the connection's limit.
    pub request_buffer_limit: Option<u32>,
    /// The object and rule behind it.
    pub origin: Origin,
}

/// Time limits of a forwarded request; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RouteTimeouts {
    /// The whole request with its retries, from the request's end to the response's end.
    pub total: Option<Duration>,
    /// Stream without activity; [`IdleTimeout::Inherit`] takes the connection manager's.
    pub idle: IdleTimeout,
    /// The whole stream.
    pub max_stream: Option<Duration>,
    /// The client's `grpc-timeout` takes the place of `max_stream` (`grpc_timeout_header_max`).
    pub grpc_stream: Option<GrpcTimeout>,
    /// The client's `grpc-timeout` takes the place of `total` (`max_grpc_timeout`, which is older).
    pub grpc_total: Option<GrpcTimeout>,
}

/// How far the client's `grpc-timeout` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GrpcTimeout {
    /// Up to this; `None` is without a bound.
    pub most: Option<Duration>,
    /// Subtracted from it.
    pub offset: Duration,
}

/// The idle timeout of a route's streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IdleTimeout {
    /// As the connection manager says.
    #[default]
    Inherit,
    /// None.
    Disabled,
    /// This.
    After(Duration),
}
