//! What a rule does with an HTTP request.

use super::Name;
use super::http_match::StringMatch;
use super::route::{Destination, WeightedDestination};
use std::time::Duration;

/// What to do with a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HttpAction {
    /// Forward to one of these; never empty, weights not all 0.
    Forward(Vec<WeightedDestination>),
    /// Answer with a redirect.
    Redirect(Redirect),
    /// Answer with a fixed response.
    DirectResponse(DirectResponse),
    /// Continue with the rules of another virtual service.
    Delegate {
        /// Its namespace.
        namespace: Name,
        /// Its name.
        name: Name,
    },
}

/// A redirect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Redirect {
    /// The new path; `None` keeps it.
    pub path: Option<RedirectPath>,
    /// The new authority; `None` keeps it.
    pub authority: Option<Name>,
    /// The new scheme; `None` keeps it.
    pub scheme: Option<Name>,
    /// The new port.
    pub port: RedirectPort,
    /// 301, 302, 303, 307 or 308.
    pub code: u16,
}

/// How a redirect changes the path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RedirectPath {
    /// Replaces it as a whole.
    Full(Name),
    /// Replaces the prefix that matched.
    Prefix(Name),
}

/// The port that a redirect names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RedirectPort {
    /// None: whatever the new authority says.
    Unset,
    /// This one.
    Number(u16),
    /// 80 or 443, as the scheme says.
    ProtocolDefault,
    /// The port of the request.
    Request,
}

/// A fixed response.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DirectResponse {
    /// The status, 200 to 599.
    pub status: u16,
    /// The body, at most 1 MiB.
    pub body: Option<std::sync::Arc<[u8]>>,
}

/// Change of path and authority before forwarding.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rewrite {
    /// The new path.
    pub path: Option<PathRewrite>,
    /// The new authority.
    pub authority: Option<Name>,
}

/// How the path changes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PathRewrite {
    /// Replaces the prefix that matched, or the whole path where the match was no prefix.
    Uri(Name),
    /// Replaces what the expression matches; `\1` refers to its groups.
    Regex {
        /// RE2 syntax.
        pattern: Name,
        /// The replacement.
        substitution: Name,
    },
}

/// Retry policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Retries {
    /// How often to retry; 0 = never.
    pub attempts: u32,
    /// Limit of one attempt.
    pub per_try_timeout: Option<Duration>,
    /// Conditions, as written: Envoy's tokens and status codes separated by commas; `None` = the default ones.
    pub retry_on: Option<Name>,
    /// Retries may leave the locality.
    pub retry_remote_localities: bool,
    /// Retries avoid the endpoints that were tried.
    pub ignore_previous_hosts: bool,
    /// Base of the back-off.
    pub backoff: Option<Duration>,
}

/// Injected faults.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// Waiting before the request is forwarded.
    pub delay: Option<FaultDelay>,
    /// Answering instead of forwarding.
    pub abort: Option<FaultAbort>,
}

/// An injected delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FaultDelay {
    /// How long.
    pub duration: Duration,
    /// How many requests.
    pub percentage: PerMillion,
}

/// An injected failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FaultAbort {
    /// What to answer.
    pub status: AbortStatus,
    /// How many requests.
    pub percentage: PerMillion,
}

/// The answer of an injected failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AbortStatus {
    /// An HTTP status, 200 to 599.
    Http(u16),
    /// A gRPC status, 0 to 16.
    Grpc(u32),
}

/// A share of requests in millionths: 1 000 000 = all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PerMillion(pub u32);

impl PerMillion {
    /// Every request.
    pub const ALL: Self = Self(1_000_000);
}

/// A copy of the request, whose answer is dropped.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mirror {
    /// Where to.
    pub destination: Destination,
    /// How many requests.
    pub percentage: PerMillion,
}

/// Cross-origin policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cors {
    /// Origins that are allowed.
    pub allow_origins: Vec<StringMatch>,
    /// Methods that are allowed.
    pub allow_methods: Vec<Name>,
    /// Request headers that are allowed.
    pub allow_headers: Vec<Name>,
    /// Response headers that scripts may read.
    pub expose_headers: Vec<Name>,
    /// How long a preflight answer may be kept.
    pub max_age: Option<Duration>,
    /// Whether credentials may be sent.
    pub allow_credentials: Option<bool>,
    /// Whether preflights of other origins go on to the service.
    pub unmatched_preflights: UnmatchedPreflights,
}

/// What happens to a preflight from an origin that is not allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum UnmatchedPreflights {
    /// It is forwarded (the default).
    #[default]
    Forward,
    /// It is answered without the headers that would allow it.
    Ignore,
}

/// Header changes in both directions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct HeaderOps {
    /// On the request.
    pub request: HeaderChanges,
    /// On the response.
    pub response: HeaderChanges,
}

/// Header changes in one direction; values may hold Envoy's `%COMMAND%` operators.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct HeaderChanges {
    /// Overwrites. Sorted by name.
    pub set: Vec<(Name, Name)>,
    /// Appends. Sorted by name.
    pub add: Vec<(Name, Name)>,
    /// Removes.
    pub remove: Vec<Name>,
}
