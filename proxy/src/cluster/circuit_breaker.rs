//! Limits on connections, pending requests, requests and retries of a cluster, counted over all workers.
//! Source: Envoy `config.cluster.v3.CircuitBreakers`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::http::route::action::Priority;

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

/// What is in use, against the limits.
#[derive(Debug)]
pub struct Breakers {
    default: Arc<Gauges>,
    high: Arc<Gauges>,
}

#[derive(Debug)]
struct Gauges {
    limits: Limits,
    in_use: [AtomicU32; 4],
    refused: [AtomicU64; 4],
}

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// A connection.
    Connection,
    /// A request that waits for a connection.
    Pending,
    /// A request.
    Request,
    /// A retry.
    Retry,
}

/// A limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the circuit breaker is open: {limit} {resource:?}s are in use already")]
pub struct Overflow {
    /// What ran out.
    pub resource: Resource,
    /// Its limit.
    pub limit: u32,
}

/// One unit in use; dropping it gives it back.
#[derive(Debug)]
pub struct Permit {
    gauges: Arc<Gauges>,
    resource: Resource,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.gauges.in_use[self.resource as usize].fetch_sub(1, Ordering::Relaxed);
    }
}

impl Breakers {
    /// Nothing in use yet.
    pub fn new(limits: &BreakerLimits) -> Self {
        Self {
            default: Arc::new(Gauges::new(limits.default)),
            high: Arc::new(Gauges::new(limits.high)),
        }
    }

    /// Takes a connection.
    ///
    /// # Errors
    /// When the limit is reached.
    pub fn acquire_connection(&self, priority: Priority) -> Result<Permit, Overflow> {
        self.acquire(priority, Resource::Connection)
    }

    /// Takes a place among the requests that wait for a connection.
    ///
    /// # Errors
    /// When the limit is reached.
    pub fn acquire_pending(&self, priority: Priority) -> Result<Permit, Overflow> {
        self.acquire(priority, Resource::Pending)
    }

    /// Takes a request.
    ///
    /// # Errors
    /// When the limit is reached.
    pub fn acquire_request(&self, priority: Priority) -> Result<Permit, Overflow> {
        self.acquire(priority, Resource::Request)
    }

    /// Takes a retry, within the budget where there is one.
    ///
    /// # Errors
    /// When the limit is reached.
    pub fn acquire_retry(&self, priority: Priority) -> Result<Permit, Overflow> {
        self.acquire(priority, Resource::Retry)
    }

    /// How many units are in use.
    pub fn in_use(&self, priority: Priority, resource: Resource) -> u32 {
        self.gauges(priority).used(resource)
    }

    /// How many units may be in use.
    pub fn limit(&self, priority: Priority, resource: Resource) -> u32 {
        self.gauges(priority).limit(resource)
    }

    /// How many more units may be taken; `None` where it is not to be shown.
    pub fn remaining(&self, priority: Priority, resource: Resource) -> Option<u32> {
        let gauges = self.gauges(priority);
        let left = gauges.limit(resource).saturating_sub(gauges.used(resource));
        gauges.limits.track_remaining.then_some(left)
    }

    /// How often a unit was refused.
    pub fn refused(&self, priority: Priority, resource: Resource) -> u64 {
        self.gauges(priority).refused[resource as usize].load(Ordering::Relaxed)
    }

    fn gauges(&self, priority: Priority) -> &Arc<Gauges> {
        match priority {
            Priority::Default => &self.default,
            Priority::High => &self.high,
        }
    }

    fn acquire(&self, priority: Priority, resource: Resource) -> Result<Permit, Overflow> {
        let gauges = self.gauges(priority);
        let limit = gauges.limit(resource);
        let cell = &gauges.in_use[resource as usize];
        let taken = cell.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            (used < limit).then_some(used + 1)
        });
        match taken {
            Ok(_) => Ok(Permit {
                gauges: Arc::clone(gauges),
                resource,
            }),
            Err(_) => {
                gauges.refused[resource as usize].fetch_add(1, Ordering::Relaxed);
                Err(Overflow { resource, limit })
            }
        }
    }
}

impl Gauges {
    fn new(limits: Limits) -> Self {
        Self {
            limits,
            in_use: Default::default(),
            refused: Default::default(),
        }
    }

    fn used(&self, resource: Resource) -> u32 {
        self.in_use[resource as usize].load(Ordering::Relaxed)
    }

    fn limit(&self, resource: Resource) -> u32 {
        match resource {
            Resource::Connection => self.limits.connections,
            Resource::Pending => self.limits.pending,
            Resource::Request => self.limits.requests,
            Resource::Retry => self.retry_limit(),
        }
    }

    fn retry_limit(&self) -> u32 {
        let Some(budget) = self.limits.budget else {
            return self.limits.retries;
        };
        let active = self
            .used(Resource::Request)
            .saturating_add(self.used(Resource::Pending));
        let share = (f64::from(active) * budget.percent / 100.0).ceil();
        // A share of a u32 by at most 100 percent fits a u32; the cast saturates in any case.
        (share as u32).max(budget.min_concurrency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_over_the_limit_is_refused_and_a_dropped_permit_makes_room() {
        let limits = BreakerLimits {
            default: Limits {
                requests: 1,
                ..Limits::default()
            },
            ..BreakerLimits::default()
        };
        let breakers = Breakers::new(&limits);
        let first = breakers
            .acquire_request(Priority::Default)
            .expect("the first request fits");
        let refused = breakers
            .acquire_request(Priority::Default)
            .expect_err("the limit is one");
        assert_eq!(
            refused,
            Overflow {
                resource: Resource::Request,
                limit: 1
            }
        );
        assert_eq!(breakers.refused(Priority::Default, Resource::Request), 1);
        assert!(
            breakers.acquire_request(Priority::High).is_ok(),
            "priorities count apart"
        );
        drop(first);
        assert!(breakers.acquire_request(Priority::Default).is_ok());
    }

    #[test]
    fn a_retry_budget_follows_the_requests_under_way() {
        let budget = Some(RetryBudget {
            percent: 20.0,
            min_concurrency: 1,
        });
        let limits = BreakerLimits {
            default: Limits {
                budget,
                ..Limits::default()
            },
            ..BreakerLimits::default()
        };
        let breakers = Breakers::new(&limits);
        assert_eq!(breakers.limit(Priority::Default, Resource::Retry), 1);
        let held: Vec<_> = (0..15)
            .map(|_| breakers.acquire_request(Priority::Default))
            .collect();
        assert_eq!(breakers.limit(Priority::Default, Resource::Retry), 3);
        drop(held);
    }
}
