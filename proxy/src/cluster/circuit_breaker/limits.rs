//! How much may be in use.

/// Limits of a cluster for both priorities.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct BreakerLimits {
    /// For the usual requests.
    pub default: Limits,
    /// For requests of high priority.
    pub high: Limits,
}

/// Limits for one priority.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Connections.
    pub connections: u32,
    /// Requests that wait for a connection.
    pub pending: u32,
    /// Requests.
    pub requests: u32,
    /// Retries at a time, where there is no budget.
    pub retries: u32,
    /// Retries as a share of requests.
    pub budget: Option<RetryBudget>,
    /// Whether what is left is shown among the statistics.
    pub track_remaining: bool,
}

/// Retries as a share of the requests under way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryBudget {
    /// Percent of active and pending requests.
    pub percent: f64,
    /// Retries that are always allowed.
    pub min_concurrency: u32,
}

/// Envoy's defaults.
impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            pending: 1024,
            requests: 1024,
            retries: 3,
            budget: None,
            track_remaining: false,
        }
    }
}
