//! Limits on connections, pending requests, requests and retries of a cluster, counted over all workers.
//! Source: Envoy `config.cluster.v3.CircuitBreakers`.
//!
//! Connections, pending requests and retries are rare and counted in one place. Requests are not: each worker takes some
//! for itself ([`Share`]). Who finds no connection left stands in line ([`line`]).

mod limits;
mod line;
mod share;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

pub use self::limits::{BreakerLimits, Limits, RetryBudget};
pub(crate) use self::line::{Grant, Holder, Place, Takes, Turn, Waiting};
pub(crate) use self::share::{Asked, RequestPermit, Share};

use self::line::Line;
use self::share::Workers;
use crate::http::route::action::Priority;

/// What is in use, against the limits.
#[derive(Debug)]
pub struct Breakers {
    default: Arc<Gauges>,
    high: Arc<Gauges>,
    workers: Workers,
}

/// What counts for one priority.
#[derive(Debug)]
struct Gauges {
    limits: Limits,
    /// Of requests those that workers have taken for themselves, in use or not: see [`Share`].
    taken: [AtomicU32; 4],
    refused: [AtomicU64; 4],
    line: Line,
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

/// One unit in use; dropping it gives it back. A connection that is given back goes to the first in line.
#[derive(Debug)]
pub struct Permit {
    gauges: Arc<Gauges>,
    resource: Resource,
    priority: Priority,
    /// The pool of a connection.
    holder: Option<Arc<Holder>>,
}

impl Permit {
    /// The priority whose limit it counts against.
    pub(crate) fn priority(&self) -> Priority {
        self.priority
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.gauges.give_back(self.resource, 1);
        if let Some(holder) = &self.holder {
            holder.remove(self.priority);
        }
        if self.resource == Resource::Connection {
            line::serve(&self.gauges, self.priority);
        }
        if let Some(holder) = &self.holder {
            line::serve_empty(&self.gauges, self.priority, holder);
        }
    }
}

impl Breakers {
    /// Nothing in use yet.
    pub fn new(limits: &BreakerLimits) -> Self {
        Self {
            default: Arc::new(Gauges::new(limits.default)),
            high: Arc::new(Gauges::new(limits.high)),
            workers: Workers::default(),
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

    /// Takes a retry, within the budget where there is one.
    ///
    /// # Errors
    /// When the limit is reached.
    pub fn acquire_retry(&self, priority: Priority) -> Result<Permit, Overflow> {
        self.acquire(priority, Resource::Retry)
    }

    /// How many units are in use.
    pub fn in_use(&self, priority: Priority, resource: Resource) -> u32 {
        let taken = self.gauges(priority).taken(resource);
        match resource {
            Resource::Request => taken.saturating_sub(self.workers.unused(priority)),
            Resource::Connection | Resource::Pending | Resource::Retry => taken,
        }
    }

    /// How many units may be in use.
    pub fn limit(&self, priority: Priority, resource: Resource) -> u32 {
        let limits = &self.gauges(priority).limits;
        match (resource, limits.budget) {
            (Resource::Connection, _) => limits.connections,
            (Resource::Pending, _) => limits.pending,
            (Resource::Request, _) => limits.requests,
            (Resource::Retry, None) => limits.retries,
            (Resource::Retry, Some(budget)) => self.retries(priority, budget),
        }
    }

    /// How many more units may be taken; `None` where it is not to be shown.
    pub fn remaining(&self, priority: Priority, resource: Resource) -> Option<u32> {
        let left = || {
            self.limit(priority, resource)
                .saturating_sub(self.in_use(priority, resource))
        };
        self.gauges(priority).limits.track_remaining.then(left)
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
        if gauges.take(resource, 1, self.limit(priority, resource)) == 1 {
            Ok(gauges.permit(resource, priority, None))
        } else {
            Err(self.refuse(priority, resource))
        }
    }

    /// Counts a refusal.
    fn refuse(&self, priority: Priority, resource: Resource) -> Overflow {
        self.gauges(priority).refused[resource as usize].fetch_add(1, Ordering::Relaxed);
        let limit = self.limit(priority, resource);
        Overflow { resource, limit }
    }

    /// A budget's share of the requests under way.
    fn retries(&self, priority: Priority, budget: RetryBudget) -> u32 {
        let active = self
            .in_use(priority, Resource::Request)
            .saturating_add(self.in_use(priority, Resource::Pending));
        let share = (f64::from(active) * budget.percent / 100.0).ceil();
        // A share of a u32 by at most 100 percent fits a u32; the cast saturates in any case.
        (share as u32).max(budget.min_concurrency)
    }
}

impl Gauges {
    fn new(limits: Limits) -> Self {
        Self {
            limits,
            taken: Default::default(),
            refused: Default::default(),
            line: Line::default(),
        }
    }

    fn taken(&self, resource: Resource) -> u32 {
        self.taken[resource as usize].load(Ordering::Relaxed)
    }

    /// Takes up to `most` units within `limit`; how many it were.
    ///
    /// Invariant: this and [`Gauges::give_back`] are ordered with the count of those in line, so that nobody joins the
    /// line while the last unit is given back unseen.
    fn take(&self, resource: Resource, most: u32, limit: u32) -> u32 {
        let mut count = 0;
        let taken = self.taken[resource as usize].fetch_update(
            Ordering::SeqCst,
            Ordering::SeqCst,
            |taken| {
                count = most.min(limit.saturating_sub(taken));
                (count > 0).then(|| taken + count)
            },
        );
        taken.map_or(0, |_| count)
    }

    fn give_back(&self, resource: Resource, count: u32) {
        self.taken[resource as usize].fetch_sub(count, Ordering::SeqCst);
    }

    /// A unit that was taken.
    fn permit(
        self: &Arc<Self>,
        resource: Resource,
        priority: Priority,
        holder: Option<&Arc<Holder>>,
    ) -> Permit {
        if let Some(holder) = holder {
            holder.add(priority);
        }
        Permit {
            holder: holder.map(Arc::clone),
            gauges: Arc::clone(self),
            resource,
            priority,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_over_the_limit_is_refused_and_a_dropped_permit_makes_room() {
        let limits = BreakerLimits {
            default: Limits {
                pending: 1,
                ..Limits::default()
            },
            ..BreakerLimits::default()
        };
        let breakers = Breakers::new(&limits);
        let first = breakers
            .acquire_pending(Priority::Default)
            .expect("the first request fits");
        let refused = breakers
            .acquire_pending(Priority::Default)
            .expect_err("the limit is one");
        assert_eq!(
            refused,
            Overflow {
                resource: Resource::Pending,
                limit: 1
            }
        );
        assert_eq!(breakers.refused(Priority::Default, Resource::Pending), 1);
        assert!(
            breakers.acquire_pending(Priority::High).is_ok(),
            "priorities count apart"
        );
        drop(first);
        assert!(breakers.acquire_pending(Priority::Default).is_ok());
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
            .map(|_| breakers.acquire_pending(Priority::Default))
            .collect();
        assert_eq!(breakers.limit(Priority::Default, Resource::Retry), 3);
        drop(held);
    }
}
