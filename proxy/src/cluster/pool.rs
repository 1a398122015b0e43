//! Connections of one worker to the endpoints of its clusters.
//!
//! Pools belong to a thread: no lock, no sharing. They are keyed by endpoint identity, so that they survive every change
//! of configuration that leaves the endpoint as it is.

mod channel;
mod connect;
mod multiplexed;
mod stats;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::{HashMap, HashSet};
use tokio::sync::Notify;

pub(crate) use self::channel::{AcquireError, Lease, OpenCount, UpstreamFacts};
pub(crate) use self::connect::Wanted;
pub(crate) use self::stats::ClusterStats;

use self::channel::Idle;
use self::multiplexed::Multiplexed;
use super::{Cluster, Endpoint};
use crate::http::codec::buffers::Buffers;
use crate::telemetry::metrics::{Registry, Shard};

/// One cluster as one worker uses it.
#[derive(Debug)]
pub(crate) struct ClusterPool {
    /// The cluster.
    pub(crate) cluster: Arc<Cluster>,
    /// Its counters.
    pub(crate) stats: ClusterStats,
    shard: Arc<Shard>,
    buffers: Buffers,
    endpoints: RefCell<HashMap<u64, Rc<EndpointPool>>>,
}

/// Connections of one worker to one endpoint.
#[derive(Debug)]
pub(crate) struct EndpointPool {
    pub(crate) endpoint: Arc<Endpoint>,
    /// HTTP/1 connections without a request, the one used last at the end.
    idle: RefCell<Vec<Idle>>,
    multiplexed: RefCell<Vec<Rc<Multiplexed>>>,
    /// Somebody opens an HTTP/2 connection, which others should wait for.
    opening: Cell<bool>,
    opened: Notify,
}

impl ClusterPool {
    pub(crate) fn new(
        cluster: Arc<Cluster>,
        registry: &Registry,
        shard: Arc<Shard>,
        buffers: Buffers,
    ) -> Self {
        let stats = ClusterStats::new(registry, &cluster.config.stat_name);
        Self {
            cluster,
            stats,
            shard,
            buffers,
            endpoints: RefCell::default(),
        }
    }

    /// The pool of an endpoint of this cluster.
    pub(crate) fn endpoint(&self, endpoint: &Arc<Endpoint>) -> Rc<EndpointPool> {
        let mut endpoints = self.endpoints.borrow_mut();
        let new = || Rc::new(EndpointPool::new(Arc::clone(endpoint)));
        Rc::clone(endpoints.entry(endpoint.id).or_insert_with(new))
    }

    /// Closes what was idle for too long, and the pools of endpoints that are gone.
    pub(crate) fn sweep(&self, now: Instant) {
        let alive: HashSet<u64> = self
            .cluster
            .all_endpoints()
            .iter()
            .map(|endpoint| endpoint.id)
            .collect();
        let rules = self.cluster.config.connections;
        self.endpoints.borrow_mut().retain(|id, pool| {
            pool.close_idle(now, rules.idle_timeout);
            alive.contains(id)
        });
    }
}

impl EndpointPool {
    fn new(endpoint: Arc<Endpoint>) -> Self {
        Self {
            endpoint,
            idle: RefCell::default(),
            multiplexed: RefCell::default(),
            opening: Cell::new(false),
            opened: Notify::new(),
        }
    }

    fn close_idle(&self, now: Instant, timeout: Option<Duration>) {
        let fresh = |since: Instant| {
            timeout.is_none_or(|timeout| now.saturating_duration_since(since) < timeout)
        };
        self.idle
            .borrow_mut()
            .retain(|idle| fresh(idle.since) && idle.connection.is_quiet());
        self.multiplexed
            .borrow_mut()
            .retain(|connection| !connection.is_closed() && connection.is_fresh(fresh));
    }
}
