//! Passive health: endpoints that fail too often are ejected for a while.
//! Source: Envoy `config.cluster.v3.OutlierDetection`.

mod detect;

use std::sync::atomic::{AtomicU32, AtomicU64};
use std::time::Duration;

/// When endpoints are ejected. A `None` counter is switched off.
#[derive(Debug, Clone, PartialEq)]
pub struct OutlierConfig {
    /// Time between looks at success rates and at ejections that end.
    pub interval: Duration,
    /// Time of the first ejection; grows with each.
    pub base_ejection_time: Duration,
    /// Longest ejection.
    pub max_ejection_time: Duration,
    /// Added at random to an ejection.
    pub max_ejection_jitter: Duration,
    /// Share of endpoints that may be ejected; one always may, where `always_eject_one`.
    pub max_ejection_percent: u8,
    /// One endpoint may be ejected whatever the percentage.
    pub always_eject_one: bool,
    /// Failures in a row: 5xx, and what is local where it is not counted apart.
    pub consecutive_5xx: Option<Trigger>,
    /// 502, 503, 504 in a row.
    pub consecutive_gateway: Option<Trigger>,
    /// Failures to connect and timeouts in a row, where they count apart.
    pub consecutive_local: Option<Trigger>,
    /// Failures to connect, resets and timeouts count apart.
    pub split_local: bool,
    /// Ejection by comparison of success rates.
    pub success_rate: Option<SuccessRate>,
    /// Ejection by share of failures.
    pub failure_percentage: Option<FailurePercentage>,
}

/// A number of failures in a row, and how often it has consequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trigger {
    /// How many.
    pub count: u32,
    /// In how many cases of 100 the endpoint is ejected.
    pub enforcing: u8,
}

/// Ejection by comparison of success rates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SuccessRate {
    /// Endpoints with enough requests, below which nothing is done.
    pub minimum_hosts: u32,
    /// Requests per interval, below which an endpoint is left out.
    pub request_volume: u32,
    /// Standard deviations below the mean.
    pub stdev_factor: f64,
    /// In how many cases of 100 the endpoint is ejected.
    pub enforcing: u8,
}

/// Ejection by share of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailurePercentage {
    /// At least this percentage of failures.
    pub threshold: u8,
    /// Endpoints with enough requests, below which nothing is done.
    pub minimum_hosts: u32,
    /// Requests per interval, below which an endpoint is left out.
    pub request_volume: u32,
    /// In how many cases of 100 the endpoint is ejected.
    pub enforcing: u8,
}

/// What came of a request or connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A response with this status.
    Status(u16),
    /// No connection, a reset, or a timeout.
    LocalFailure,
    /// A TCP connection was made.
    Connected,
}

/// Passive health of one endpoint.
#[derive(Debug, Default)]
pub struct OutlierState {
    consecutive_5xx: AtomicU32,
    consecutive_gateway: AtomicU32,
    consecutive_local: AtomicU32,
    requests: AtomicU32,
    failures: AtomicU32,
    /// Milliseconds of the process's clock until which the endpoint is ejected; 0 is not ejected.
    ejected_until: AtomicU64,
    /// Ejections so far; falls with each interval that the endpoint is in use.
    ejections: AtomicU32,
}
