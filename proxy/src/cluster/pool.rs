//! Connections of one worker to the endpoints of its clusters.
//!
//! Pools belong to a thread: no lock, no sharing. They are keyed by endpoint identity, so that they survive every change
//! of configuration that leaves the endpoint as it is.

mod busy;
mod channel;
mod connect;
#[cfg(test)]
mod fixture;
mod multiplexed;
mod stats;
mod waiting;

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::{HashMap, HashSet};

pub(crate) use self::busy::Busy;
pub(crate) use self::channel::{AcquireError, Channel, Lease, UpstreamFacts};
pub(crate) use self::connect::Wanted;
pub(crate) use self::stats::ClusterStats;

use self::channel::Idle;
use self::connect::Attempt;
use self::multiplexed::Multiplexed;
use super::circuit_breaker::{Breakers, Holder, Share};
use super::config::ConnectionRules;
use super::{Cluster, Endpoint};
use crate::http::codec::buffers::Buffers;
use crate::telemetry::metrics::{Registry, Shard};

/// Empty pools that are kept until the next sweep, since their endpoints may be used again at once.
const EMPTY_POOLS: usize = 1_024;

/// One cluster as one worker uses it.
#[derive(Debug)]
pub(crate) struct ClusterPool {
    /// The cluster.
    pub(crate) cluster: Arc<Cluster>,
    /// Its counters.
    pub(crate) stats: ClusterStats,
    /// This worker's part of its limits.
    pub(crate) share: Rc<Share>,
    shard: Arc<Shard>,
    buffers: Buffers,
    endpoints: RefCell<HashMap<u64, Rc<EndpointPool>>>,
    /// Pools beyond which empty ones are looked for.
    many: Cell<usize>,
    /// A task hears of other workers that need connections.
    hears: Cell<bool>,
    this: Weak<Self>,
}

/// Connections of one worker to one endpoint.
#[derive(Debug)]
pub(crate) struct EndpointPool {
    pub(crate) endpoint: Arc<Endpoint>,
    /// What those who wait for a connection name it by.
    holder: Arc<Holder>,
    breakers: Arc<Breakers>,
    /// HTTP/1 connections without a request, the one used last at the end.
    idle: RefCell<Vec<Idle>>,
    multiplexed: RefCell<Vec<Rc<Multiplexed>>>,
    /// Connections that became free for somebody who waited, by his place in line.
    kept: RefCell<Vec<(u64, Channel)>>,
    /// Somebody opens an HTTP/2 connection, which others should wait for.
    opening: RefCell<Option<Rc<Attempt>>>,
}

impl ClusterPool {
    pub(crate) fn new(
        cluster: Arc<Cluster>,
        registry: &Registry,
        shard: Arc<Shard>,
        buffers: Buffers,
    ) -> Rc<Self> {
        let stats = ClusterStats::new(registry, &cluster.config.stat_name);
        Rc::new_cyclic(|this| Self {
            share: Share::new(&cluster.breakers),
            cluster,
            stats,
            shard,
            buffers,
            endpoints: RefCell::default(),
            many: Cell::new(EMPTY_POOLS),
            hears: Cell::new(false),
            this: Weak::clone(this),
        })
    }

    /// The pool of an endpoint of this cluster.
    pub(crate) fn endpoint(&self, endpoint: &Arc<Endpoint>) -> Rc<EndpointPool> {
        let mut endpoints = self.endpoints.borrow_mut();
        if let Some(pool) = endpoints.get(&endpoint.id) {
            return Rc::clone(pool);
        }
        if endpoints.len() >= self.many.get() {
            endpoints.retain(|_, pool| Rc::strong_count(pool) > 1 || !pool.is_empty());
            self.many
                .set(endpoints.len() + EMPTY_POOLS.max(endpoints.len()));
        }
        let new = EndpointPool::new(Arc::clone(endpoint), &self.cluster.breakers);
        Rc::clone(endpoints.entry(endpoint.id).or_insert(Rc::new(new)))
    }

    /// Closes what was idle for too long or is too old, and the pools of endpoints that are gone.
    pub(crate) fn sweep(&self, now: Instant) {
        let alive: HashSet<u64> = self
            .cluster
            .all_endpoints()
            .iter()
            .map(|endpoint| endpoint.id)
            .collect();
        let rules = self.cluster.config.connections;
        self.endpoints.borrow_mut().retain(|id, pool| {
            pool.close_idle(now, rules);
            alive.contains(id)
        });
    }
}

impl EndpointPool {
    fn new(endpoint: Arc<Endpoint>, breakers: &Arc<Breakers>) -> Self {
        Self {
            endpoint,
            holder: Arc::default(),
            breakers: Arc::clone(breakers),
            kept: RefCell::default(),
            idle: RefCell::default(),
            multiplexed: RefCell::default(),
            opening: RefCell::default(),
        }
    }

    /// Whether it holds no connection that waits for a request.
    fn is_empty(&self) -> bool {
        self.idle.borrow().is_empty() && self.multiplexed.borrow().is_empty()
    }

    fn close_idle(&self, now: Instant, rules: ConnectionRules) {
        let within = |since: Instant, limit: Option<Duration>| {
            limit.is_none_or(|limit| now.saturating_duration_since(since) < limit)
        };
        let fresh = |since| within(since, rules.idle_timeout);
        self.idle.borrow_mut().retain(|idle| {
            fresh(idle.since)
                && within(idle.born(), rules.max_duration)
                && idle.connection.is_quiet()
        });
        self.multiplexed.borrow_mut().retain(|connection| {
            let of_use =
                |since: Instant| fresh(since) && within(connection.born, rules.max_duration);
            !connection.is_closed() && connection.is_fresh(of_use)
        });
    }
}
